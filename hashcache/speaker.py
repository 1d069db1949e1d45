"""How a cache speaks: warnings at the line of the user, each cause once, and a log of what was computed."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

_HERE = os.path.dirname(__file__) + os.sep
_INFO = 20  # `logging.INFO`, without loading it


class Speaker:
    """The part of a cache that speaks.

    Parameters
    ----------
    verbose : bool
        Whether computed calls are reported on standard error.
    """

    def __init__(self, verbose: bool) -> None:
        self._said: set[Hashable] = set()
        self._logger: Logger | None = None
        self.verbose = verbose

    @property
    def verbose(self) -> bool:
        """Whether computed calls are reported on standard error."""
        return self._verbose

    @verbose.setter
    def verbose(self, verbose: bool) -> None:
        self._verbose = bool(verbose)

    def talks(self) -> bool:
        """Whether anybody listens to what `log` says."""
        if self._verbose:
            return True
        if self._logger is None:
            logging = sys.modules.get("logging")  # who has not loaded it has set up no log either
            if logging is None:
                return False
            self._logger = logging.getLogger("hashcache")
        return self._logger.isEnabledFor(_INFO)

    def log(self, message: str, *arguments: object) -> None:
        """Say what happened, to the log and, if verbose, to standard error."""
        import logging

        logging.getLogger("hashcache").info(message, *arguments)
        if self._verbose and not message.startswith("hit"):
            sys.stderr.write(f"hashcache: {message % arguments}\n")

    def warn(self, message: str, category: type[Warning]) -> None:
        """Warn at the line that called into this package."""
        frame, level = sys._getframe(1), 2
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
            frame, level = frame.f_back, level + 1
        warnings.warn(message, category, stacklevel=level)

    def warn_once(self, cause: Hashable, message: str, category: type[Warning]) -> None:
        """Warn, unless this cause was warned of before."""
        if cause not in self._said:
            self._said.add(cause)
            self.warn(message, category)
