"""Pushing and pulling the results of a function: archives of them in a folder, with an index beside.

An archive is named after its SHA-256, so it is never replaced, and to write one twice changes nothing. The
index says which results are in which archive. It follows from the archives alone: whoever adds one writes
it anew, and looks whether somebody else has added another meanwhile. So of several who push at a time, none
takes anything from another, and one who is killed leaves what the next one to push mends.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from hashcache.errors import ArchiveError, UnreachableError
from hashcache.exchange.archive import Archive, Row
from hashcache.exchange.exporting import Bundle
from hashcache.exchange.importing import import_entries
from hashcache.exchange.outcome import Exchanged, Left
from hashcache.exchange.places import Place, place_of
from hashcache.exchange.selection import Selection, of_function
from hashcache.key import is_result

if TYPE_CHECKING:
    from hashcache.decorator import Cached

INDEX = "index.json"
_FORMAT, _VERSION = "hashcache index", 1
_MOST_INDEX = 2**26  # bytes
_MOST_UNKNOWN = 2**33  # bytes of an archive of which nothing says how many it has
_MOST_USELESS = 5  # archives, after which a place is given up
_ROUNDS = 10  # times that an index is written while others go on to add archives
_DIGEST, _SHA256 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")

Complain = Callable[[str], None]
_spell = json.JSONEncoder(separators=(",", ":")).encode


class Shelved(NamedTuple):
    """One archive, as an index has it.

    Attributes
    ----------
    sha256 : str
        Its name without ``.tar``.
    size : int
        Bytes.
    results : dict
        Of each key, its digits: the fingerprint of the function, and the SHA-256 of the value.
    """

    sha256: str
    size: int
    results: dict[str, tuple[str, str]]

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return f"{self.sha256}.tar"


def push(
    cached: Cached[..., Any],
    address: str | os.PathLike[str],
    *,
    keys: Sequence[str] | None,
    every: bool,
    allow_pickle: bool,
    arguments: bool,
    author: str,
    complain: Complain,
) -> Exchanged:
    """Add the results of a function that are not at a place yet; `Cached.push` says how.

    Raises
    ------
    OSError, ArchiveError
        The place or the store cannot be used, or a result was deleted meanwhile.
    """
    place, chosen = place_of(address), of_function(cached, keys, every)
    folder = chosen.prefix
    there = {
        key: value for one in _contents(place, folder, complain) for key, (_, value) in one.results.items()
    }
    present: list[str] = []
    different: list[Left] = []

    def is_there(row: Row) -> bool:
        value = there.get(str(row["name"]).rpartition("/")[2])
        if value is None:
            return False
        if value == row["value"]:
            present.append(row["key"])
        else:
            different.append(Left(row["key"], "their bytes differ"))
        return True

    bundle = Bundle(
        cached._layer.cache,
        chosen,
        allow_pickle=allow_pickle,
        arguments=arguments,
        author=author,
        leave_out=is_there,
    )
    keys, size = [row["key"] for row in bundle.results], 0
    if keys:
        with tempfile.TemporaryFile() as file:
            size = bundle.write(file)
            file.seek(0)
            name = f"{hashlib.file_digest(file, 'sha256').hexdigest()}.tar"
            file.seek(0)
            place.write(f"{folder}/{name}", file)
    _write_index(place, folder, complain)
    return Exchanged(tuple(keys), tuple(present), tuple(different), tuple(bundle.refused), size)


def pull(
    cached: Cached[..., Any],
    address: str | os.PathLike[str],
    *,
    keys: Sequence[str] | None,
    every: bool,
    allow_pickle: bool,
    max_size: int,
    complain: Complain,
) -> Exchanged:
    """Store the results of a function that are at a place and not here; `Cached.pull` says how.

    Raises
    ------
    OSError
        The place or the store cannot be used.
    """
    place, chosen, cache = place_of(address), of_function(cached, keys, every), cached._layer.cache
    contents = _contents(place, chosen.prefix, complain)
    there = {key for one in contents for key in one.results if _is_chosen(chosen, one, key)}
    wanted = {key for key in there if cache.header(f"{chosen.prefix}/{key}") is None}
    known = f"{cached._layer.name}:{cached._function}"
    found = Exchanged(present=tuple(f"{known}:{key}" for key in sorted(there - wanted)))
    useless = 0
    for one in contents:
        mine = wanted & one.results.keys()
        if not mine or useless == _MOST_USELESS:
            continue
        try:
            with _fetched(place, chosen.prefix, one, max_size - found.size) as file:
                got = import_entries(
                    cache,
                    file,
                    chosen._replace(keys=tuple(mine)),
                    allow_pickle=allow_pickle,
                    max_size=max_size - found.size,
                    dry_run=False,
                )
        except (ArchiveError, UnreachableError) as error:  # another may have the same results
            complain(f"{one.name} of {place.address} is not used: {error}")
            useless += 1
            continue
        settled = (*got.keys, *got.present, *(left.key for left in (*got.different, *got.refused)))
        wanted -= {key.rpartition(":")[2] for key in settled}
        found = found.with_more(got)
    return found


def _is_chosen(chosen: Selection, archive: Shelved, key: str) -> bool:
    if chosen.fingerprint is not None and archive.results[key][0] != chosen.fingerprint:
        return False
    return chosen.keys is None or key.startswith(chosen.keys)


@contextmanager
def _fetched(place: Place, folder: str, archive: Shelved, most: int) -> Iterator[BinaryIO]:
    """Give an archive as a file of our own, once its SHA-256 is the one in its name."""
    if archive.size > most:
        raise ArchiveError(f"it has {archive.size} bytes, and {most} are allowed; raise max_size")
    with tempfile.TemporaryFile() as file:
        if not place.read(f"{folder}/{archive.name}", file, archive.size):
            raise ArchiveError("it is not there")
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != archive.sha256:
            raise ArchiveError("its SHA-256 is not the one that it is named after")
        yield file


# -- the index ---------------------------------------------------------------------------------------


def _contents(place: Place, folder: str, complain: Complain) -> list[Shelved]:
    """Return what is in a folder, by its index and, where one can look, by its archives."""
    indexed = {archive.sha256: archive for archive in _read_index(place, folder, complain)}
    names = place.names(folder)
    if names is None:
        return list(indexed.values())
    listed = sorted(name[:-4] for name in names if name.endswith(".tar") and _SHA256.fullmatch(name[:-4]))
    found = (indexed.get(sha256) or _shelved(place, folder, sha256, complain) for sha256 in listed)
    return [archive for archive in found if archive is not None]


def _shelved(place: Place, folder: str, sha256: str, complain: Complain) -> Shelved | None:
    """Return what the index would say of an archive that it does not have."""
    with tempfile.TemporaryFile() as file:
        try:
            if not place.read(f"{folder}/{sha256}.tar", file, _MOST_UNKNOWN):
                return None
            size = file.tell()
            file.seek(0)
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise ArchiveError("its SHA-256 is not the one that it is named after")
            rows = [row for row in Archive(file, size).rows if is_result(row["name"])]
            results = {row["name"][-32:]: (row["fingerprint"], row["value"]) for row in rows}
            return _archive_of([sha256, size, results])
        except (ArchiveError, ValueError, KeyError) as error:
            complain(f"{sha256}.tar of {place.address} is not used: {error}")
            return None


def _write_index(place: Place, folder: str, complain: Complain) -> None:
    for _ in range(_ROUNDS):
        contents = _contents(place, folder, complain)
        lines = ",\n".join(map(_spell, contents))
        about = _spell({"format": _FORMAT, "version": _VERSION})[:-1]
        text = f'{about},"archives":[\n{lines}\n]}}\n'.encode()
        if not contents or text == _index_text(place, folder):
            return
        place.write(f"{folder}/{INDEX}", io.BytesIO(text))


def _index_text(place: Place, folder: str) -> bytes | None:
    file = io.BytesIO()
    return file.getvalue() if place.read(f"{folder}/{INDEX}", file, _MOST_INDEX) else None


def _read_index(place: Place, folder: str, complain: Complain) -> list[Shelved]:
    text = _index_text(place, folder)
    if text is None:
        return []
    try:
        content = json.loads(text)
        if content["format"] != _FORMAT or content["version"] != _VERSION:
            raise ValueError("it is of another format")
        return [_archive_of(row) for row in content["archives"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        complain(f"the index of {place.address} makes no sense: {error}")
        return []


def _archive_of(row: Any) -> Shelved:
    sha256, size, results = row
    if not _SHA256.fullmatch(sha256) or type(size) is not int or size < 0:
        raise ValueError("an archive has a SHA-256 and a size")
    for key, (fingerprint, value) in results.items():
        if not (_DIGEST.fullmatch(key) and _DIGEST.fullmatch(fingerprint) and _SHA256.fullmatch(value)):
            raise ValueError("a result has a key, a fingerprint and a value")
    return Shelved(sha256, size, {key: tuple(of) for key, of in results.items()})
