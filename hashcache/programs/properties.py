"""Cached properties that tracing a function fills: a process that finds its program fills them as well.

They are part of the value of their object, so the next function that gets the object would have another key
in a process where the first was traced than in one where its program was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from hashcache.watching import WatchWalk

Path = tuple[str, tuple[tuple[str, Any], ...]]  # the name of a value, and steps from there
_ATTRIBUTE, _ITEM = ".%s", "[%r]"


def filled(values: Mapping[str, object]) -> set[Path]:
    """Return where in these values cached properties were asked for, as far as steps can be written down."""
    found: set[Path] = set()
    for name, value in values.items():
        walk = WatchWalk(outline={})
        with suppress(Exception):  # as far as it can be looked into
            walk.digest(value)
        found.update((name, steps) for steps in walk.filled.values() if _can_be_written(steps))
    return found


def fill(values: Mapping[str, object], paths: Iterable[Path]) -> None:
    """Ask for the cached properties at these places; what is not there any more is passed over."""
    for name, steps in paths:
        with suppress(Exception):  # the function finds out for itself when it needs one
            value: Any = values[name]
            for form, step in steps:
                value = getattr(value, step) if form == _ATTRIBUTE else value[step]


def _can_be_written(steps: tuple[tuple[str, Any], ...]) -> bool:
    return all(form in (_ATTRIBUTE, _ITEM) and type(step) in (str, int) for form, step in steps)
