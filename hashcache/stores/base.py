"""What a store is: names and bytes, nothing else."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from typing import Protocol

from hashcache.codec import Buffer
from hashcache.lock import StoreLock

Data = bytes | bytearray | mmap.mmap | memoryview


class Store(Protocol):
    """A place for entries.

    Names are ``layer/group/digest``, in lower-case letters, digits and hyphens. Every method raises
    `OSError` where the place cannot be reached; callers compute instead.
    """

    def get(self, name: str, size: int | None = None, mode: str | None = "c") -> Data | None:
        """Return the bytes put under `name`, the first `size` of them if given; None if there are none.

        What can be written to is the caller's own: values may be made of it without a copy. `mode` says
        what to do with large ones: map them privately (``"c"``) or to be read only (``"r"``), or read
        them (None). A store without files may do as it likes, and is asked for ``"c"`` by leaving it out.

        Raises
        ------
        UntrustedEntryError
            Somebody else may have put them there.
        """

    def put(self, name: str, pieces: Sequence[Buffer]) -> None:
        """Keep the concatenated pieces. A reader sees all of them, or what was there before."""

    def delete(self, name: str) -> bool:
        """Forget `name`; return whether it was there."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with the path `prefix` (a layer, or a layer and group)."""

    def lock(self, name: str) -> StoreLock | None:
        """Take the lock of `name`; None if somebody else has it. Raises `OSError` where it has no locks."""

    def size(self, name: str) -> int:
        """Return the bytes that `name` takes; 0 if it is not there."""
