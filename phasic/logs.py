"""How much is said while phasic works: one function over the loggers of both packages."""

from __future__ import annotations

import logging
from types import TracebackType

from phasic.errors import OptionError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "NONE")
_SILENCE = logging.CRITICAL + 1
_PACKAGES = ("phasic", "hashcache")  # where a result was looked up is said by the latter


class LogLevel:
    """A level that was set: as a context manager, it sets the old one again at the end."""

    def __init__(self, names: tuple[str, ...], level: str) -> None:
        self._before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
        self._shown = [logger for logger, _ in self._before if not logger.hasHandlers()]
        for logger, _ in self._before:
            logger.setLevel(_SILENCE if level == "NONE" else level)
        for logger in self._shown:
            logger.addHandler(_handler())

    def __enter__(self) -> LogLevel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for logger, level in self._before:
            logger.setLevel(level)
        for logger in self._shown:
            logger.handlers = [one for one in logger.handlers if not isinstance(one, _Said)]


class _Said(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard error as it is now, which notebooks and tests replace."""

    def emit(self, record: logging.LogRecord) -> None:
        import sys

        self.stream = sys.stderr
        super().emit(record)


def set_log_level(level: str = "INFO", module: str | None = None) -> LogLevel:
    """Say from now on what is at least as important as `level`, and return a context that takes it back.

    At ``"INFO"`` and below, every look into a cache is said: hit, or miss and why.

    Parameters
    ----------
    level : str
        One of DEBUG, INFO, WARNING, ERROR, CRITICAL, NONE, in letters of either case.
    module : str, optional
        Only for this module of the package, such as ``"state_space"``.

    Raises
    ------
    OptionError
        There is no such level.

    Examples
    --------
    >>> import phasic
    >>> with phasic.set_log_level("ERROR"):
    ...     graph = phasic.Graph(phasic.models.coalescent(4))
    """
    name = level.upper() if isinstance(level, str) else level
    if name not in LEVELS:
        raise OptionError(f"there is no log level {level!r}; pass one of {', '.join(LEVELS)}")
    return LogLevel(_PACKAGES if module is None else (f"phasic.{module.removeprefix('phasic.')}",), name)


def get_logger(name: str) -> logging.Logger:
    """Return the logger of this name below that of the package, such as ``phasic.mine``."""
    inside = name.removeprefix("phasic").strip(".")
    return logging.getLogger(f"phasic.{inside}" if inside and inside != "__main__" else "phasic")


def _handler() -> logging.Handler:
    handler = _Said()
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(name)s: %(message)s"))
    return handler
