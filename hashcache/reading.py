"""Reading every entry of a store, byte by byte, without making a value of any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hashcache import entry
from hashcache.errors import TornEntryError, UnknownFormatError, UntrustedEntryError
from hashcache.prune import is_ours

if TYPE_CHECKING:
    from hashcache.cache import Cache

_LARGE = 2**24  # bytes


class Reading(NamedTuple):
    """What was found under one name of a store.

    Attributes
    ----------
    name : str
    size : int
        Bytes.
    state : {"whole", "damaged", "of another version", "not trusted", "foreign"}
        Foreign is what this package cannot have written, since its name is no digest.
    reason : str
        What is the matter with it.
    """

    name: str
    size: int
    state: str
    reason: str


def read_all(cache: Cache, prefix: str = "") -> Iterator[Reading]:
    """Yield what lies under each name that begins with the path `prefix`. Raises `OSError`."""
    for name in cache.store.names(prefix):
        size = cache.store.size(name)
        if not is_ours(name):
            yield Reading(name, size, "foreign", "its name is no digest")
            continue
        # A look, which is no use of it, unless there is too much to have it in memory.
        try:
            data = cache.store.get(name, size) if size <= _LARGE else cache.store.get(name)
        except UntrustedEntryError as error:
            yield Reading(name, size, "not trusted", str(error))
            continue
        if data is None:  # it has just been deleted
            continue
        state, reason = "whole", ""
        try:
            entry.unpack(data, bytes.fromhex(name[-32:]))
        except UnknownFormatError as error:
            state, reason = "of another version", str(error)
        except TornEntryError as error:
            again = cache.store.get(name, cache.store.size(name))
            if again is None or again != data:  # somebody has just put another one there
                continue
            state, reason = "damaged", str(error)
        yield Reading(name, size, state, reason)
