"""One entry on its way: what stays behind, what a manifest says of it, and what it has to be on arrival."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hashcache import entry
from hashcache.codec import CODECS, Buffer, Payload
from hashcache.compare import difference
from hashcache.errors import ArchiveError, HashCacheError
from hashcache.exchange.archive import Row
from hashcache.exchange.safety import Contents, contents_of
from hashcache.form import Form
from hashcache.key import group_name, is_result

# Of the provenance: who and where, and how it came here. It is nobody else's business.
_STAYS = frozenset({"host", "user", "received"})
_OF_THE_ENTRY = frozenset({"digest", "codec", "payload", "frames", "arguments"})  # said by it in other ways
_LONGEST_HEADER = 2**24  # bytes
_LONGEST_TIME = 1e9  # seconds that something can have taken to compute
_TEXTS = ("key", "layer", "function", "defined", "python", "result", "fingerprint")


class Member(NamedTuple):
    """An entry that was found whole.

    Attributes
    ----------
    name : str
    header : dict
        What it says of itself, as `hashcache.entry.peek` returns it.
    content : tuple
        What `hashcache.entry.unpack` returns.
    arguments : sequence of buffer
    contents : Contents
    """

    name: str
    header: dict[str, Any]
    content: entry.Content
    arguments: Sequence[Buffer]
    contents: Contents

    @property
    def is_result(self) -> bool:
        """Whether it is a result rather than a listing."""
        return is_result(self.name)

    def packed(self, more: dict[str, Any] | None = None, arguments: bool = True) -> list[Buffer]:
        """Return the entry as buffers, without what stays behind and with `more` in its provenance."""
        about = {name: part for name, part in self.header.items() if name not in _STAYS | _OF_THE_ENTRY}
        codec, payload, *_ = self.content
        kept = self.arguments if arguments else ()
        return entry.pack(bytes.fromhex(self.name[-32:]), codec, payload, {**about, **(more or {})}, kept)


def member_of(name: str, data: Any) -> Member:
    """Return an entry after a look at every byte of it.

    Raises
    ------
    ArchiveError
        It is not the entry of this name, or does not say of itself what entries say.
    """
    try:
        content = entry.unpack(data, bytes.fromhex(name[-32:]))
        if entry.header_size(bytes(data[: entry.FRONT_SIZE + 16])) > _LONGEST_HEADER:
            raise ArchiveError("it says too much of itself")
        header = entry.peek(data)
        arguments = entry.arguments_of(data) or ()
        member = Member(name, header, content, arguments, contents_of(header, arguments))
        _check(member)
    except HashCacheError as error:
        raise ArchiveError(f"{name} is not accepted: {error}") from error
    return member


def _check(member: Member) -> None:
    """Raise `ArchiveError` for a header that no entry of this package has."""
    header = member.header
    if not _are_rows(header.get("parts")):
        raise ArchiveError("its rows are none")
    if not member.is_result:
        assumptions = header.get("assumptions")
        if header["codec"] or header["frames"] or member.arguments or not _are_texts(assumptions):
            raise ArchiveError("it is no listing")
        return
    if not _are_texts(map(header.get, _TEXTS)):
        raise ArchiveError("it does not say what it is")
    layer, function, digest = header["layer"], header["function"], header["digest"]
    whose = f"{group_name(layer, function)}/{digest}"
    if whose != member.name or header["key"] != f"{layer}:{function}:{digest}":
        raise ArchiveError("it says to be the result of another call")
    if len(header["fingerprint"]) != 32 or set(header["fingerprint"]) - set("0123456789abcdef"):
        raise ArchiveError("it says no fingerprint")
    created, seconds = header["created"], header["seconds"]
    if not (math.isfinite(created) and created >= 0 and 0 <= seconds <= _LONGEST_TIME):
        raise ArchiveError("it says to be made at no time, or to have taken none")


def _are_texts(values: Any) -> bool:
    return isinstance(values, Iterable) and all(type(value) is str for value in values)


def _are_rows(rows: Any) -> bool:
    return type(rows) is list and all(
        type(row) is list and len(row) in (3, 4) and _are_texts(row[:3]) and type((*row, {})[3]) is dict
        for row in rows
    )


def described(member: Member, pieces: Sequence[Buffer]) -> Row:
    """Return what a manifest says of an entry, which is a function of the entry alone."""
    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    row: Row = {"name": member.name, "size": entry.size_of(pieces), "sha256": sha256.hexdigest()}
    header = member.header
    if member.is_result:
        told = ("key", "created", "seconds", "python", "defined", "fingerprint", "result", "codec")
        row |= {"value": value_digest(member.content), **{name: header[name] for name in told}}
    return {**row, "versions": _versions(header["parts"])}


def value_digest(content: entry.Content) -> str:
    """Return the SHA-256 of a result as it is stored: two that are equal are the same value."""
    codec, payload, *_ = content
    sizes = [memoryview(frame).nbytes for frame in payload.frames]
    sha256 = hashlib.sha256(repr([codec, payload.description, sizes]).encode("utf-8", "surrogatepass"))
    for frame in payload.frames:
        sha256.update(frame)
    return sha256.hexdigest()


def _versions(parts: Sequence[Sequence[Any]]) -> list[str]:
    """Return the distributions that the rows of an entry name, with their versions."""
    found: set[str] = set()
    for row in parts:
        origins = row[3].get("from") if len(row) > 3 else None
        if origins is not None and (type(origins) is not list or not _are_texts(origins)):
            raise ArchiveError("its rows are none")
        found.update(origins or ())
    return sorted(found)


def difference_of(held: entry.Content, other: entry.Content) -> str:
    """Return how two results of one call differ; an empty text if they are the same value.

    Nothing that can run code is decoded: such results differ if their bytes do.
    """
    if value_digest(held) == value_digest(other):
        return ""
    form = Form().without_pickle()
    try:
        one, two = (form.expanded(*content[:2]) for content in (held, other))
        if _bytes_of(*one) == _bytes_of(*two):
            return ""
        if one[0] == two[0] == CODECS[0].name:
            return difference(*(CODECS[0].decode(_shared(payload)) for _, payload in (one, two)))
    except Exception as error:  # not to be expanded, or a nest that makes no sense
        return f"they cannot be compared ({type(error).__name__}: {error})"
    return "their bytes differ"


def _bytes_of(codec: str, payload: Payload) -> tuple[str, Any, list[bytes]]:
    return codec, payload.description, [bytes(frame) for frame in payload.frames]


def _shared(payload: Payload) -> Payload:
    frames = [memoryview(frame).toreadonly() for frame in payload.frames]
    return Payload(payload.description, frames, read_only=True)
