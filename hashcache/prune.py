"""Looking at every entry of a store: which are whole, and which have to go."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from hashcache import entry, limits
from hashcache.errors import TornEntryError, UnknownFormatError, UntrustedEntryError
from hashcache.key import FINGERPRINT_MARK, is_result
from hashcache.ledger import BEGINNINGS, slot_of
from hashcache.policy import Known, ago, bytes_of, choose, seconds_of

if TYPE_CHECKING:
    from datetime import timedelta

    from hashcache.cache import Cache
    from hashcache.policy import Size

_YOUNG = 3600.0  # seconds in which a listing may wait for its first result, and a partial file for its end


class Choice(TypedDict, total=False):
    """The options of `Cache.prune`."""

    max_size: Size | None
    max_age: timedelta | float | None
    unused_for: timedelta | float | None
    layer: str | None
    function: str | None
    dry_run: bool


class Gone(NamedTuple):
    """Something that went, or would go.

    Attributes
    ----------
    name : str
        In the store; the path of a partial file.
    what : str
        For people: layer, function and digest, as far as they are known.
    size : int
        Bytes.
    reason : str
    """

    name: str
    what: str
    size: int
    reason: str


class Pruned(NamedTuple):
    """What a prune did.

    Attributes
    ----------
    gone : tuple of Gone
        In the order in which they went.
    kept : int
        Entries and listings that stay.
    size : int
        Bytes that these take.
    """

    gone: tuple[Gone, ...]
    kept: int
    size: int

    @property
    def freed(self) -> int:
        """Bytes that went."""
        return sum(gone.size for gone in self.gone)


class _Found:
    """What a look at every entry found."""

    def __init__(self) -> None:
        self.results: list[Known] = []
        self.labels: dict[str, str] = {}
        self.listings: list[Known] = []
        self.listing_of: dict[str, str] = {}  # also of results that nobody asked about
        self.damaged: list[Gone] = []
        self.foreign: list[tuple[str, int]] = []  # of other format versions, or not to be trusted


def prune(
    cache: Cache,
    *,
    max_size: Size | None = None,
    max_age: timedelta | float | None = None,
    unused_for: timedelta | float | None = None,
    layer: str | None = None,
    function: str | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Delete what has to go; `Cache.prune` says what that is. Raises `OSError`."""
    size = cache.max_size if max_size is None else bytes_of(max_size)
    age = cache.max_age if max_age is None else seconds_of(max_age)
    unused = None if unused_for is None else seconds_of(unused_for)
    if max_size is None and (layer is not None or function is not None):
        size = None  # which is for everything together
    found = _look(cache, layer or "", function)
    now = time.time()
    chosen = choose(found.results, now, size, age, unused)
    names = {known.name for known, _ in chosen}
    gone = [*found.damaged]
    gone += [Gone(known.name, found.labels[known.name], known.size, reason) for known, reason in chosen]
    gone += _orphans(found, names, now)
    gone += _partials(cache, layer or "", now) if function is None else ()
    if not dry_run:
        gone = [one for one in gone if _delete(cache, one)]
        cache.recent.clear()
    lost = {one.name for one in gone}
    kept = [(known.name, known.size) for known in [*found.results, *found.listings] if known.name not in lost]
    kept += found.foreign
    if not dry_run and not layer and function is None:
        _correct(cache, kept)
    return Pruned(tuple(gone), len(kept), sum(size for _, size in kept))


def _look(cache: Cache, prefix: str, function: str | None) -> _Found:
    found = _Found()
    for name in cache.store.names(prefix):
        size = cache.store.size(name)
        try:
            header = _header(cache, name, size)
        except (UnknownFormatError, UntrustedEntryError):
            found.foreign.append((name, size))
        except TornEntryError as error:
            if function is None and is_ours(name):
                found.damaged.append(Gone(name, name, size, f"damaged: {error}"))
        else:
            _sort(cache, found, name, header, function)
    return found


def _sort(
    cache: Cache, found: _Found, name: str, header: dict[str, Any] | None, function: str | None
) -> None:
    if header is None:  # it has just been deleted
        return
    known = limits.known(cache.store, name) if hasattr(cache.store, "status") else None
    if known is None:
        created = float(header["created"])
        known = Known(name, cache.store.size(name), float(header["seconds"]), created, created)
    if not is_result(name):
        found.listings.append(known)
        return
    group = name.rpartition("/")[0]
    found.listing_of[name] = f"{group}/{FINGERPRINT_MARK}{header.get('fingerprint')}"
    if function is None or function in str(header.get("function", "")):
        found.results.append(known)
        found.labels[name] = str(header.get("key", name))


def is_ours(name: str) -> bool:
    """Whether a name in a store can be that of an entry, rather than of somebody else's file."""
    digits = name.rpartition("/")[2].removeprefix("f-")
    return len(digits) == 32 and not set(digits) - set("0123456789abcdef")


def _header(cache: Cache, name: str, size: int) -> dict[str, Any] | None:
    """Return what an entry says of itself; None if it is not there any more.

    Raises
    ------
    TornEntryError, UnknownFormatError, UntrustedEntryError
        It is not whole, as far as its header and length tell, of another format version, or of somebody
        without the key.
    """
    header = cache.peek(name)
    if header is None:
        return None
    told = entry.length(cache.store.get(name, entry.FRONT_SIZE) or b"")
    if told not in (size, None) and cache.store.size(name) == size:
        raise TornEntryError("it is shorter or longer than it says")
    return header


def _orphans(found: _Found, going: set[str], now: float) -> Iterator[Gone]:
    """Yield the listings of fingerprints that no result which stays has any more."""
    used = {listing for name, listing in found.listing_of.items() if name not in going}
    for known in found.listings:
        if known.name not in used and now - known.used > _YOUNG:
            yield Gone(known.name, known.name, known.size, "lists what no stored result was made from")


def _partials(cache: Cache, prefix: str, now: float) -> Iterator[Gone]:
    """Yield the files that somebody began to write and never ended."""
    store: Any = cache.store
    if not hasattr(store, "visit"):
        return
    for group in store.groups(prefix):
        for beginning in BEGINNINGS:
            for name, path, status in store.visit(group, beginning):
                if not name and now - status.st_mtime > _YOUNG:
                    age = ago(now - status.st_mtime)
                    yield Gone(path, path, status.st_size, f"left by a writer that died {age}")


def _delete(cache: Cache, gone: Gone) -> bool:
    import os

    try:
        if is_ours(gone.name):
            return cache.store.delete(gone.name)
        os.unlink(gone.name)
    except (FileNotFoundError, PermissionError):  # somebody was faster; or it is somebody else's
        return False
    return True


def _correct(cache: Cache, kept: list[tuple[str, int]]) -> None:
    sizes: Counter[int] = Counter()
    for name, size in kept:
        sizes[slot_of(name)] += size
    for limiter in getattr(cache.store, "limiters", ()):
        if not limiter.prefix:
            with suppress(OSError):  # others are at it, or it cannot be written
                limiter.note_all([sizes[slot] for slot in range(len(BEGINNINGS))])
