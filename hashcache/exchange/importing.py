"""The entries of an archive in a cache: all of it is looked at first, and nothing is replaced."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

from hashcache import entry
from hashcache.errors import (
    ArchiveError,
    TooLargeError,
    TornEntryError,
    UnknownFormatError,
    UnreachableError,
    UntrustedEntryError,
)
from hashcache.exchange.archive import Archive, Row
from hashcache.exchange.members import Member, described, difference_of, member_of
from hashcache.exchange.outcome import Exchanged, Left
from hashcache.exchange.places import copy
from hashcache.exchange.safety import why_not
from hashcache.exchange.selection import Selection
from hashcache.key import fingerprint_name, is_result

if TYPE_CHECKING:
    from hashcache.cache import Cache

_MOST_BESIDE = 2**28  # bytes of an archive besides its entries: manifest and headers
PRESENT, DIFFERENT, INSTALLED, REFUSED = "present", "different", "installed", "refused"


def import_entries(
    cache: Cache,
    source: str | os.PathLike[str] | BinaryIO,
    selection: Selection,
    *,
    allow_pickle: bool,
    max_size: int,
    dry_run: bool,
) -> Exchanged:
    """Store the chosen entries of an archive in a cache; `Cache.import_entries` says how."""
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return import_entries(
                cache, file, selection, allow_pickle=allow_pickle, max_size=max_size, dry_run=dry_run
            )
    if source.seekable():
        return _imported(cache, source, selection, allow_pickle, max_size, dry_run)
    with tempfile.TemporaryFile() as file:  # of a pipe, which can be read once
        try:
            copy(source, file, max_size + _MOST_BESIDE, "it")
        except UnreachableError as error:
            raise ArchiveError(f"{error}; raise max_size") from None
        return _imported(cache, file, selection, allow_pickle, max_size, dry_run)


def _imported(
    cache: Cache, file: BinaryIO, selection: Selection, allow_pickle: bool, max_size: int, dry_run: bool
) -> Exchanged:
    archive = Archive(file, max_size)
    refused = _checked(archive, max_size, allow_pickle and cache.pickle != "never")
    chosen = [
        number
        for number, row in enumerate(archive.rows)
        if is_result(row["name"]) and row["name"] not in refused and selection.takes(row)
    ]
    refusals = [
        Left(row["key"], refused[row["name"]])
        for row in archive.rows
        if row["name"] in refused and selection.takes(row)
    ]
    received = {"archive": archive.digest, "author": archive.author}
    outcomes: dict[str, list[Any]] = {PRESENT: [], DIFFERENT: [], INSTALLED: [], REFUSED: refusals}
    for number in (*_listings_of(archive, chosen), *chosen):
        row = archive.rows[number]
        # Read and compared with its SHA-256 once more: a file can change between two looks.
        member = member_of(row["name"], archive.entry(number))
        outcome, reason = _installed(cache, member, received, dry_run)
        if member.is_result:
            outcomes[outcome].append(Left(row["key"], reason) if reason else row["key"])
    return Exchanged(
        tuple(outcomes[INSTALLED]),
        tuple(outcomes[PRESENT]),
        tuple(outcomes[DIFFERENT]),
        tuple(outcomes[REFUSED]),
        file.seek(0, 2),
    )


def _checked(archive: Archive, max_size: int, allow_pickle: bool) -> dict[str, str]:
    """Look at all entries; return the names of results that are refused, with the reason of each.

    Raises
    ------
    ArchiveError
        Something is not what it should be.
    """
    described_rows: list[Row] = []
    refused: dict[str, str] = {}
    size = 0
    for number, row in enumerate(archive.rows):
        member = member_of(row["name"], archive.entry(number))
        described_rows.append(described(member, member.packed()))  # as it would have left here
        contents = member.contents
        size += contents.expanded
        if member.is_result:
            reason = why_not(contents.of_result | contents.of_arguments, allow_pickle)
            if reason:
                refused[member.name] = reason
        if size > max_size:
            raise ArchiveError(f"its results take more than {max_size} bytes once expanded; raise max_size")
    archive.check_rows(described_rows)
    return refused


def _listings_of(archive: Archive, chosen: list[int]) -> list[int]:
    """Return the places of the listings that results belong to: they go first, as they do when stored."""
    rows = [archive.rows[number] for number in chosen]
    names = {
        fingerprint_name(row["name"].rpartition("/")[0], bytes.fromhex(row["fingerprint"])) for row in rows
    }
    return [number for number, row in enumerate(archive.rows) if row["name"] in names]


def _installed(cache: Cache, member: Member, received: dict[str, str], dry_run: bool) -> tuple[str, str]:
    """Store one entry unless there is one; return what became of it, and why.

    No lock is taken, which would take longer than all the rest: of two who store a result at the very same
    moment the later one stays, as it does everywhere.
    """
    try:
        held = _held(cache, member.name)
        if held is not None:
            reason = difference_of(held, member.content) if member.is_result else ""
            return (DIFFERENT, reason) if reason else (PRESENT, "")
        if not dry_run:
            cache.store.put(member.name, member.packed({"received": received} if member.is_result else {}))
            cache.recent.discard(member.name)
    except UnknownFormatError:
        return DIFFERENT, "an entry of another format version lies there"
    except TooLargeError as error:
        return REFUSED, f"{error}; raise max_size of the cache"
    return INSTALLED, ""


def _held(cache: Cache, name: str) -> entry.Content | None:
    """Return what a cache has under a name, if it is whole and of the cache's own."""
    try:
        data = cache.store.get(name)
        return None if data is None else entry.unpack(data, bytes.fromhex(name[-32:]))
    except (TornEntryError, UntrustedEntryError):
        return None
