"""Results of this process, kept in front of the store: bounded, and never shared between two callers."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Hashable
from typing import Any

from hashcache.weakly import weakly

MISS: Any = object()

# Values of these types cannot be changed by whoever gets them, so the very object can be handed out.
_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes})
_OVERHEAD = 250  # bytes of a key and its place in the table


_NOTHING: tuple[Any, int] = (MISS, 0)


class Recent:
    """A table from keys to values or encoded results, that forgets the oldest beyond a limit.

    Looking up takes no lock: a table that another thread changes is read before or after the change.

    Parameters
    ----------
    limit : int
        Bytes; 0 keeps nothing.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.largest = limit // 8  # one beyond would drive out too many others
        self._items: dict[Hashable, tuple[Any, int]] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self.renew))

    def get(self, key: Hashable) -> Any:
        """Return what was put under `key`, or `MISS`."""
        return self._items.get(key, _NOTHING)[0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of so many bytes, its key counted in, and forget the oldest ones beyond the limit."""
        size += _OVERHEAD
        if size > self.largest:
            return
        with self._lock:
            self._bytes += size - self._items.pop(key, (None, 0))[1]
            self._items[key] = (value, size)
            while self._bytes > self.limit and self._items:  # an interruption can leave the sum too large
                oldest = next(iter(self._items))
                self._bytes -= self._items.pop(oldest)[1]

    def discard(self, key: Hashable) -> None:
        """Forget one value, if it is there."""
        with self._lock:
            self._bytes -= self._items.pop(key, (None, 0))[1]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items = {}
            self._bytes = 0

    def renew(self) -> None:
        """Start anew in a forked child: a thread that held the lock does not exist there."""
        self._lock = threading.Lock()
        self.clear()


def is_immutable(value: Any) -> bool:
    """Whether a value can be handed to two callers without one disturbing the other."""
    kind = type(value)
    return kind in _IMMUTABLE or (kind is tuple and all(map(is_immutable, value)))


def size_of(value: Any) -> int:
    """Return the bytes that an immutable value takes."""
    parts = sum(map(size_of, value)) if type(value) is tuple else 0
    return sys.getsizeof(value) + parts


def exact_token(values: tuple[Any, ...]) -> Hashable | None:
    """Return a hashable stand-in for arguments, equal exactly when type and value of each agree.

    None where there is no such thing as cheap as this: only exact builtin scalars have one. Floats that
    are zero have none, since equality does not see their sign, and neither have complex numbers; a NaN
    equals only itself here, which costs no more than a look into the store.
    """
    kinds = tuple(map(type, values))
    if kinds not in _exact:
        if not _TOKENS.issuperset(kinds):
            return None
        if float in kinds:
            return None if any(value == 0 for value in values if type(value) is float) else (kinds, values)
        if len(_exact) < _MOST_KINDS:
            _exact.add(kinds)
    return (kinds, values)


_TOKENS = frozenset({type(None), bool, int, float, str, bytes})
_exact: set[tuple[type, ...]] = set()  # of which every value has a token: looking takes half of asking again
_MOST_KINDS = 1000
