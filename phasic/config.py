"""Another address of the settings, and what there is to set; see `phasic.settings`."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

from phasic.settings import configure, get_config, reset_config

__all__ = ["configure", "get_available_options", "get_config", "init_parallel", "reset_config"]

_log = logging.getLogger(__name__)


def get_available_options() -> dict[str, Any]:
    """Return what there is: ``jax`` (bool), ``cpp`` and ``mpfr`` (False), ``platforms`` (list of str).

    JAX is looked for, not loaded, so ``platforms`` says what is true without asking it: ``cpu``. Numbers keep
    their digits without MPFR.
    """
    return {"jax": find_spec("jax") is not None, "cpp": False, "mpfr": False, "platforms": ["cpu"]}


def init_parallel(cpus: int | None = None, force: bool = False, enable_x64: bool = True) -> None:
    """Do nothing: as many threads are used as there are processors, and numbers have 64 bits here anyway."""
    _log.info("init_parallel has nothing to set up: threads are used by themselves")
