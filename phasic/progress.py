"""Progress of what takes long, for people who watch: how much is done, and how much per second."""

from __future__ import annotations

import sys
import time
from typing import Any

_QUIET = 2.0  # seconds, before which nobody wonders


class Progress:
    """A bar by tqdm where somebody can see it, on a terminal or in a notebook; silent otherwise.

    Parameters
    ----------
    what, unit : str
        What is done, and what is counted.
    """

    def __init__(self, what: str = "exploring", unit: str = " states") -> None:
        self._what, self._unit = what, unit
        self._bar: Any = None
        self._begin = time.perf_counter() + _QUIET
        self._known = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int, known: int) -> None:
        """Tell that so many are done, of so many that are known by now."""
        if self._bar is None:
            if time.perf_counter() < self._begin:
                return
            self._begin = float("inf")  # asked once
            if not is_watched():
                return
            try:
                from tqdm.auto import tqdm  # type: ignore[import-untyped]
            except ImportError:
                return
            self._bar = tqdm(
                desc=self._what, unit=self._unit, unit_scale=True, dynamic_ncols=True, leave=False
            )
        if known != self._known:
            self._known = known
            self._bar.total = known
        self._bar.update(done - self._bar.n)


def is_watched() -> bool:
    """Return whether standard error is a terminal, or this is a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr.isatty() or getattr(shell, "kernel", None) is not None
