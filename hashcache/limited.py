"""A store within limits: whoever puts something into it keeps them, and whoever deletes tells the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from hashcache import entry
from hashcache.errors import TooLargeError
from hashcache.ledger import BEGINNINGS, Ledger, add, slot_of

if TYPE_CHECKING:
    from hashcache.codec import Buffer
    from hashcache.limits import Limiter
    from hashcache.lock import StoreLock
    from hashcache.stores.base import Data
    from hashcache.stores.directory import DirectoryStore


class LimitedStore:
    """A store that is kept within limits by whoever puts something into it.

    Parameters
    ----------
    store : DirectoryStore
    limiters : sequence of Limiter
    failed : callable
        Is told why the limits could not be kept; what was put is stored all the same.
    """

    def __init__(
        self, store: DirectoryStore, limiters: Sequence[Limiter], failed: Callable[[OSError], None]
    ) -> None:
        self.unlimited = store
        self.limiters = limiters
        self._failed = failed

    def __repr__(self) -> str:
        return f"LimitedStore({self.unlimited!r})"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unlimited, name)

    def get(self, name: str, size: int | None = None, mode: str | None = "c") -> Data | None:
        """Return the bytes put under `name`, the first `size` of them if given; None if there are none."""
        return self.unlimited.get(name, size, mode)

    def put(self, name: str, pieces: Sequence[Buffer]) -> None:
        """Keep the concatenated pieces, and let something else go where that is too much."""
        size, before = entry.size_of(pieces), self._bytes(name)
        for limiter in self.limiters:
            if limiter.max_size is not None and size > limiter.max_size and limiter.concerns(name):
                raise TooLargeError(f"it takes {size} bytes, and there is a limit of {limiter.max_size}")
        self.unlimited.put(name, pieces)
        grown = self._bytes(name) - before
        for limiter in self.limiters:
            if not limiter.concerns(name):
                continue
            limiter.note(name, grown)
            try:
                limiter.settle_if_due()
            except OSError as error:
                self._failed(error)

    def delete(self, name: str) -> bool:
        """Forget `name`; return whether it was there."""
        size = self._bytes(name)
        was_there = self.unlimited.delete(name)
        for limiter in self.limiters:
            if was_there and limiter.concerns(name):
                limiter.note(name, -size)
        return was_there

    def _bytes(self, name: str) -> int:
        status = self.unlimited.status(name)
        return 0 if status is None else status.st_size

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with the path `prefix`."""
        return self.unlimited.names(prefix)

    def lock(self, name: str) -> StoreLock | None:
        """Take the lock of `name`; None if somebody else has it."""
        return self.unlimited.lock(name)

    def size(self, name: str) -> int:
        """Return the bytes that `name` takes; 0 if it is not there."""
        return self.unlimited.size(name)


def delete_all(store: DirectoryStore, names: Sequence[str]) -> list[str]:
    """Delete names, and note it for all limits that other processes keep; return those that were there.

    Raises
    ------
    OSError
        Something cannot be deleted.
    """
    sizes = {name: status.st_size for name in names if (status := store.status(name)) is not None}
    deleted = []
    try:
        for name in sizes:
            if store.delete(name):
                deleted.append(name)
    finally:
        with suppress(OSError):  # a hint, that whoever lists what is left corrects
            _note_deleted(store, {name: sizes[name] for name in deleted})
    return deleted


def _note_deleted(store: DirectoryStore, sizes: Mapping[str, int]) -> None:
    folder = store.beside("sizes")
    if folder is None or not os.path.isdir(folder):
        return
    for limit in os.listdir(folder):
        prefix = "" if limit == "all" else limit.replace(".", "/") + "/"
        shrunk = [0] * len(BEGINNINGS)
        for name, size in sizes.items():
            if name.startswith(prefix):
                shrunk[slot_of(name)] -= size
        if any(shrunk):
            Ledger(f"{folder}/{limit}").update(partial(add, grown=shrunk))
