"""What is left for the end of a process, when nobody waits for it any more."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from contextlib import suppress

_left: list[tuple[int, Callable[[], None]]] = []


def at_the_end(work: Callable[[], None]) -> None:
    """Do this when the process ends; a child that it forked leaves it to its parent."""
    if not _left:
        atexit.register(_end)
    _left.append((os.getpid(), work))


def _end() -> None:
    while _left:
        process, work = _left.pop()
        if process == os.getpid():
            with suppress(Exception):  # nobody is there to hear of it
                work()
