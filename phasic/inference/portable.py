"""Copies and pickles of optimisers and schedules, which optax makes as functions within functions."""

from __future__ import annotations

import pickle
from typing import Any


def copied(setting: Any) -> Any:
    """Return a copy of an optimiser or a schedule, or itself where there is nothing in it to change.

    ``optax.cosine_decay_schedule`` changes what it has captured when it is first called. Whoever passed it
    keeps it as it was, and a cached function that captures it finds what it stored.

    Examples
    --------
    >>> copied(0.1), copied("adam"), copied(lambda step: 0.5**step)(1)
    (0.1, 'adam', 0.5)
    """
    return setting if _is_plain(setting) else Portable(setting).value_or(setting)


class Portable:
    """Something that `pickle` refuses, as bytes; without any where cloudpickle refuses it as well.

    Attributes
    ----------
    content : bytes or None
    """

    def __init__(self, value: Any) -> None:
        import cloudpickle

        self.content: bytes | None
        try:
            self.content = cloudpickle.dumps(value)
        except Exception:  # whatever objects raise that cannot be stored
            self.content = None

    def value_or(self, other: Any) -> Any:
        """Return the value again, a new one each time, or `other` where it could not be stored."""
        return other if self.content is None else pickle.loads(self.content)


def packed(setting: Any) -> Any:
    """Return what stands for an optimiser or a schedule in a pickle."""
    return setting if _is_plain(setting) else Portable(setting)


def unpacked(content: Any) -> Any:
    """Return what was packed, None where that was impossible."""
    return content.value_or(None) if isinstance(content, Portable) else content


def _is_plain(setting: Any) -> bool:
    return setting is None or isinstance(setting, str | int | float)
