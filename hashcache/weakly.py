"""Calling methods later, of objects that nobody keeps for that: at a fork, or when the process ends."""

from __future__ import annotations

import weakref
from collections.abc import Callable


def weakly(method: Callable[[], object]) -> Callable[[], None]:
    """Return what calls a bound method for as long as its object lives, and keeps it no longer alive."""
    found = weakref.WeakMethod(method)

    def call() -> None:
        living = found()
        if living is not None:
            living()

    return call
