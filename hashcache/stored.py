"""The part of a cache that looks through what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hashcache import entry
from hashcache.errors import TornEntryError, UnknownFormatError, UntrustedEntryError
from hashcache.key import fingerprint_name, is_result
from hashcache.limiting import Limiting
from hashcache.stores import DirectoryStore


class Stored(Limiting):
    """Listing and clearing what a `Cache` has stored."""

    def entries(self, prefix: str = "") -> Iterator[dict[str, Any]]:
        """Yield the header of every stored result, with its name and size; damaged ones are left out."""
        for name in self.store.names(prefix):
            header = self.header(name) if is_result(name) else None
            if header is not None:
                yield {**header, "name": name, "size": self.store.size(name)}

    def fingerprint_of(self, header: dict[str, Any]) -> dict[str, Any]:
        """Return parts and assumptions of the fingerprint that a result was stored with, if still listed."""
        group = header["name"].rpartition("/")[0]
        listed = self.header(fingerprint_name(group, bytes.fromhex(header["fingerprint"])))
        return listed or {"parts": [], "assumptions": []}

    def clear(self, prefix: str = "") -> int:
        """Delete every stored result; return how many there were."""
        self.recent.clear()
        store, names = self.store, list(self.store.names(prefix))
        if isinstance(store, DirectoryStore):  # of which others may keep limits
            from hashcache.limited import delete_all

            return sum(map(is_result, delete_all(store, names)))
        return sum(store.delete(name) and is_result(name) for name in names)

    def header(self, name: str) -> dict[str, Any] | None:
        """Return what an entry says of itself, checked; None if there is none to be read or believed."""
        try:
            return self.peek(name)
        except (OSError, TornEntryError, UnknownFormatError, UntrustedEntryError):
            return None

    def peek(self, name: str) -> dict[str, Any] | None:
        """Return the same, or raise what is wrong with it."""
        data = self.store.get(name, entry.HEAD_SIZE)
        if data is not None and entry.header_size(data) > len(data):
            data = self.store.get(name, entry.header_size(data))
        return None if data is None else entry.peek(data)
