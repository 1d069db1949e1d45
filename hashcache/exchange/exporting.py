"""Entries of a cache as an archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from hashcache.codec import Buffer
from hashcache.errors import ArchiveError, TornEntryError, UnknownFormatError, UntrustedEntryError
from hashcache.exchange import archive, tape
from hashcache.exchange.archive import Row
from hashcache.exchange.members import Member, described, member_of
from hashcache.exchange.outcome import Exchanged, Left
from hashcache.exchange.safety import why_not
from hashcache.exchange.selection import Selection
from hashcache.key import fingerprint_name, is_result

if TYPE_CHECKING:
    from hashcache.cache import Cache


_GONE = (FileNotFoundError, TornEntryError, UnknownFormatError, UntrustedEntryError)  # or of no use here


class Bundle:
    """The entries of a cache that are to be one archive.

    Parameters
    ----------
    cache : Cache
    selection : Selection
    allow_pickle, arguments, author
        As `Cache.export_entries` has them.
    leave_out : callable, optional
        Is asked of the row of each result whether it is to be left out.

    Attributes
    ----------
    rows : list of dict
        What the manifest says of each entry, in the order of their names.
    refused : list of Left
    """

    def __init__(
        self,
        cache: Cache,
        selection: Selection,
        *,
        allow_pickle: bool = False,
        arguments: bool = True,
        author: str = "",
        leave_out: Callable[[Row], bool] | None = None,
    ) -> None:
        self._cache, self._arguments, self._author = cache, arguments, author
        self.refused: list[Left] = []
        self.rows: list[Row] = []
        listings: set[str] = set()
        for name in list(cache.store.names(selection.prefix)):
            header = cache.header(name) if is_result(name) else None
            if header is None or not selection.takes({**header, "name": name}):
                continue
            try:
                member = self._member(name)
                reason = self._why_not(member, allow_pickle)
            except _GONE:
                continue
            except ArchiveError as error:
                reason = str(error)
            if reason:
                self.refused.append(Left(str(header["key"]), reason))
                continue
            row = described(member, self._packed(member))
            if leave_out is not None and leave_out(row):
                continue
            self.rows.append(row)
            group = name.rpartition("/")[0]
            listings.add(fingerprint_name(group, bytes.fromhex(header["fingerprint"])))
        for name in listings:
            with suppress(ArchiveError, *_GONE):  # it serves explanations alone
                listing = self._member(name)
                self.rows.append(described(listing, self._packed(listing)))
        self.rows.sort(key=lambda row: str(row["name"]))

    @property
    def results(self) -> list[Row]:
        """The rows of results."""
        return [row for row in self.rows if is_result(row["name"])]

    def write(self, file: BinaryIO) -> int:
        """Write the archive; returns its length in bytes.

        Raises
        ------
        ArchiveError
            An entry is not what it was a moment ago.
        """
        manifest = archive.manifest_of(self.rows, self._author)
        return archive.write(file, manifest, self._members())

    def _members(self) -> Iterator[tuple[str, int, Iterable[Buffer]]]:
        # Read again, one after the other: all at once may be more than there is memory.
        for row in self.rows:
            try:
                member = self._member(row["name"])
                pieces = self._packed(member)
                is_same = described(member, pieces) == row
            except (ArchiveError, *_GONE):
                is_same = False
            if not is_same:
                raise ArchiveError(
                    f"the stored result {row.get('key', row['name'])} was deleted or replaced while it was "
                    f"exported; export again"
                )
            yield row["name"], row["size"], pieces

    def _packed(self, member: Member) -> list[Buffer]:
        return member.packed(arguments=self._arguments)

    def _member(self, name: str) -> Member:
        data = self._cache.store.get(name)
        if data is None:
            raise FileNotFoundError(name)
        return member_of(name, data)

    def _why_not(self, member: Member, allow_pickle: bool) -> str:
        """Return why a result stays here; an empty text if it may go."""
        if member.content[4] > tape.MOST:
            return f"it has {member.content[4]} bytes, and an archive takes {tape.MOST} at most"
        reason = why_not(member.contents.of_result, allow_pickle)
        if not reason and self._arguments:
            reason = why_not(member.contents.of_arguments, allow_pickle)
            return reason and f"of its arguments, which arguments=False leaves out: {reason}"
        return reason


def export(bundle: Bundle, target: str | os.PathLike[str] | BinaryIO) -> int:
    """Write an archive to a path, where it is there whole or not at all, or to a file; returns its length."""
    if not isinstance(target, (str, os.PathLike)):
        return bundle.write(target)
    path = os.fsdecode(target)
    partial = f"{path}.{os.urandom(8).hex()}.partial"
    try:
        with open(partial, "xb") as file:
            size = bundle.write(file)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    return size


def export_entries(
    cache: Cache,
    target: str | os.PathLike[str] | BinaryIO,
    selection: Selection,
    *,
    allow_pickle: bool,
    arguments: bool,
    author: str,
) -> Exchanged:
    """Write the chosen entries of a cache to an archive; `Cache.export_entries` says how."""
    bundle = Bundle(cache, selection, allow_pickle=allow_pickle, arguments=arguments, author=author)
    keys: Sequence[str] = [row["key"] for row in bundle.results]
    size = export(bundle, target) if keys else 0
    return Exchanged(tuple(keys), refused=tuple(bundle.refused), size=size)
