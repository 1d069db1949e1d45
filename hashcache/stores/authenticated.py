"""Any store, with every entry sealed."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence

from hashcache.codec import Buffer
from hashcache.errors import UntrustedEntryError
from hashcache.lock import StoreLock
from hashcache.stores.base import Data, Store
from hashcache.stores.seal import SEAL_SIZE, Seal


class AuthenticatedStore:
    """A store in front of another one, which others may write to: entries are sealed with a key.

    An entry without a seal of this key is not returned, and not deleted; whoever computes its result again
    replaces it. `DirectoryStore(location, shared=True)` does the same by itself, and keeps maps of files.

    Parameters
    ----------
    store : Store
        Where entries and their seals are kept. What `get` of it returns must be out of reach of others from
        then on.
    key_file : path, optional
        A file with a key of 32 bytes; default: as `Cache` says.
    """

    def __init__(self, store: Store, key_file: str | os.PathLike[str] | None = None) -> None:
        self._store = store
        self._seal = Seal(key_file)

    def __repr__(self) -> str:
        return f"AuthenticatedStore({self._store!r})"

    def get(self, name: str, size: int | None = None, mode: str | None = "c") -> Data | None:
        """Return the bytes put under `name`, the first `size` of them if given; None if there are none.

        Raises
        ------
        UntrustedEntryError
            They are not sealed with this key. That is known only when all of them were read.
        """
        data = self._store.get(name) if mode == "c" or size is not None else self._store.get(name, mode=mode)
        if data is None:
            return None
        view = memoryview(data)
        if len(view) < SEAL_SIZE:
            raise UntrustedEntryError("it is not sealed")
        self._seal.check(name, view[:-SEAL_SIZE], bytes(view[-SEAL_SIZE:]))
        if size is not None:
            return bytes(view[:-SEAL_SIZE][:size])
        if isinstance(data, (mmap.mmap, memoryview)):
            return view[:-SEAL_SIZE]
        view.release()
        if isinstance(data, bytearray):
            del data[-SEAL_SIZE:]
            return data
        return data[:-SEAL_SIZE]

    def put(self, name: str, pieces: Sequence[Buffer]) -> None:
        """Keep the concatenated pieces and their seal."""
        self._store.put(name, [*pieces, self._seal.made(name, pieces)])

    def delete(self, name: str) -> bool:
        """Forget `name`; return whether it was there."""
        return self._store.delete(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with the path `prefix`."""
        return self._store.names(prefix)

    def lock(self, name: str) -> StoreLock | None:
        """Take the lock of `name`; None if somebody else has it."""
        return self._store.lock(name)

    def size(self, name: str) -> int:
        """Return the bytes that `name` takes without its seal; 0 if it is not there."""
        return max(0, self._store.size(name) - SEAL_SIZE)
