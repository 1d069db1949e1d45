"""Captured values that can change in place: what they were, and whether they still are."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from hashcache.canonical import Walk
from hashcache.digest import digest_frame
from hashcache.plain import NESTS, nest_digest


class Watched(NamedTuple):
    """A captured value that can change in place, with its digest at the time it entered."""

    name: str
    value: object
    digest: bytes
    place: int = -1  # of the part that it entered as

    def changed(self) -> bool:
        """Return whether the value is no longer what it was."""
        try:
            return watch_digest(self.value) != self.digest
        except Exception:  # it had a form before
            return True


class WatchWalk(Walk):
    """The walk over a captured value for comparison within this process: code counts by identity."""

    def __init__(self, outline: dict[str, bytes] | None = None, unfilled: Container[str] = ()) -> None:
        super().__init__(_by_identity, opaque=True, outline=outline, unfilled=unfilled)


def _by_identity(code: object) -> bytes:
    return digest_frame("id", str(id(code)).encode())


def watch_digest(value: object) -> bytes:
    """Digest a captured value for comparison within this process."""
    if type(value) in NESTS:
        plain = nest_digest(value, type(value))
        if plain is not None:
            return plain[0]
    return WatchWalk().digest(value)
