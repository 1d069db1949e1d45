"""Errors under the names that the C++ package of this name gives them; see `phasic.errors`."""

from __future__ import annotations

from phasic.errors import OptionError, PhasicError

PTDAlgorithmsError = PhasicError
PTDBackendError = PhasicError
PTDConfigError = OptionError
PTDFeatureError = PhasicError
PTDFormatError = PhasicError
PTDJAXError = PhasicError
SvgdConfigError = OptionError

__all__ = [
    "PTDAlgorithmsError",
    "PTDBackendError",
    "PTDConfigError",
    "PTDFeatureError",
    "PTDFormatError",
    "PTDJAXError",
    "SvgdConfigError",
]
