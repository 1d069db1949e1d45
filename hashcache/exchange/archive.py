"""Archives: entries in a tar file, after a manifest that says what they are and what their SHA-256 is.

An archive is a pure function of its entries and of what its author wrote beside them. It is read by the same
rule: of all its bytes only the manifest is parsed, and everything else has to be what this package would have
written for it (documented for other readers in docs/on-disk.md).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from hashcache.codec import Buffer
from hashcache.errors import ArchiveError
from hashcache.exchange import tape

MANIFEST = "manifest.json"
VERSION = 1
_FORMAT = "hashcache archive"
_MOST_MANIFEST = 2**26  # bytes: some 150,000 entries
_LONGEST_AUTHOR = 200
_PIECE = 2**20
_NAME = re.compile(r"[a-z0-9-]{1,100}/[0-9a-f]{16}/(?:f-)?[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Row = dict[str, Any]  # what a manifest says of one entry

_spell = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def manifest_of(rows: Sequence[Row], author: str) -> bytes:
    """Return the manifest of entries: JSON in UTF-8, with a line for each.

    Raises
    ------
    ArchiveError
        There are more than one archive holds, or the author is no line of text.
    """
    if len(author) > _LONGEST_AUTHOR or not author.isprintable():
        raise ArchiveError(f"the author {author[:50]!r} is no line of at most {_LONGEST_AUTHOR} characters")
    lines = ",\n".join(map(_spell, rows))
    about = _spell({"format": _FORMAT, "version": VERSION, "author": author})[:-1]
    text = f'{about},"entries":[\n{lines}\n]}}\n'.encode()
    if len(text) > _MOST_MANIFEST:
        raise ArchiveError(f"{len(rows)} entries are more than one archive holds; export fewer at a time")
    return text


def write(file: BinaryIO, manifest: bytes, members: Iterable[tuple[str, int, Iterable[Buffer]]]) -> int:
    """Write an archive of members (name, length, pieces); returns its length in bytes."""
    size = _put(file, MANIFEST, len(manifest), [manifest])
    for name, length, pieces in members:
        size += _put(file, name, length, pieces)
    file.write(tape.END)
    return size + len(tape.END)


def _put(file: BinaryIO, name: str, size: int, pieces: Iterable[Buffer]) -> int:
    file.write(tape.header(name, size))
    for piece in pieces:
        file.write(piece)
    file.write(bytes(tape.padding(size)))
    return tape.room(size)


class Archive:
    """An archive in a file that can be read at any place.

    Parameters
    ----------
    file : binary file
        Read from its beginning to its end; whoever opened it closes it.
    most : int
        Bytes that its entries may take together.

    Attributes
    ----------
    rows : list of dict
        What the manifest says of each entry. ``name``, ``size`` and ``sha256`` can be what they are; all else
        is what somebody says, until `check_rows` has compared it with the entries.
    author : str
    digest : str
        SHA-256 of the manifest, which has those of all entries: equal for equal archives alone.

    Raises
    ------
    ArchiveError
        It is no archive, or larger than it may be. No more was read than its manifest.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        whole = file.seek(0, 2)
        file.seek(0)
        size = tape.first_size(file.read(tape.BLOCK), MANIFEST)
        if size is None:
            raise ArchiveError("it does not begin as an archive does")
        if size > min(_MOST_MANIFEST, whole):
            raise ArchiveError(f"its manifest is said to have {size} bytes, which is too many")
        self._manifest = self._read(size)
        self.digest = hashlib.sha256(self._manifest).hexdigest()
        self.rows, self.author = _parsed(self._manifest)
        total = sum(row["size"] for row in self.rows)
        if total > most:
            raise ArchiveError(f"its entries have {total} bytes, and {most} are allowed; raise max_size")
        places = [tape.room(size)]
        for row in self.rows:
            places.append(places[-1] + tape.room(row["size"]))
        if places[-1] + len(tape.END) != whole:
            raise ArchiveError(f"it has {whole} bytes, and {places[-1] + len(tape.END)} are listed")
        self._places = places

    def entry(self, number: int) -> bytes:
        """Return the bytes of an entry, if they are those that are listed; raise `ArchiveError` if not."""
        row = self.rows[number]
        name, size = row["name"], row["size"]
        self._file.seek(self._places[number])
        if self._file.read(tape.BLOCK) != tape.header(name, size):
            raise ArchiveError(f"the header of {name} is not the one that its name and length make")
        data = self._read(size)
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise ArchiveError(f"the SHA-256 of {name} is not the one that is listed")
        return data

    def check_rows(self, described: Sequence[Row]) -> None:
        """Compare the manifest with what the entries themselves say, and the end with zeros."""
        if manifest_of(described, self.author) != self._manifest:
            raise ArchiveError("its manifest does not say what its entries say")
        self._file.seek(self._places[-1])
        if self._file.read(len(tape.END) + 1) != tape.END:
            raise ArchiveError("it does not end as an archive does")

    def _read(self, size: int) -> bytes:
        # By pieces: whatever a file says, no more is taken than it gives.
        data = bytearray()
        while len(data) < size:
            piece = self._file.read(min(_PIECE, size - len(data)))
            if not piece:
                raise ArchiveError("it is shorter than it says")
            data += piece
        if self._file.read(tape.padding(size)).strip(b"\0"):
            raise ArchiveError("there is something between its files")
        return bytes(data)


def _parsed(manifest: bytes) -> tuple[list[Row], str]:
    try:
        content = json.loads(manifest)
        if content["format"] != _FORMAT:
            raise ArchiveError("its manifest is that of something else")
        if content["version"] != VERSION:
            raise ArchiveError(f"it has format version {content['version']!r:.20}, and this is {VERSION}")
        rows, author = content["entries"], content["author"]
        if type(rows) is not list or type(author) is not str:
            raise TypeError("entries are a list, and an author is text")
        for row in rows:
            if type(row["size"]) is not int or not 0 <= row["size"] <= tape.MOST:
                raise ValueError("a size is a number of bytes")
            if not _NAME.fullmatch(row["name"]) or not _SHA256.fullmatch(row["sha256"]):
                raise ValueError(f"{row['name']!r:.200} is no name of an entry, or has no SHA-256")
        if manifest_of(rows, author) != manifest:
            raise ValueError("it is not spelled as it should be")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"its manifest makes no sense: {error}") from error
    names = [row["name"] for row in rows]
    if any(one >= other for one, other in itertools.pairwise(names)):
        raise ArchiveError("its entries are not in the order of their names, each once")
    return rows, author
