"""One stored result as bytes: self-describing, and whole or not there.

Layout, all integers little-endian (documented for other readers in docs/on-disk.md)::

    0   8  magic
    8   4  format version
    12  4  length of the head
    16  4  length of the provenance
    20  4  zero
    24  8  length of the whole entry
    32 16  key
    48  8  when it was made: float, seconds since 1970
    56  8  how long that took: float, seconds
    64 16  xxh3-128 over the first 64 bytes, the head and the provenance
    80     head: JSON in UTF-8, what a reader of the value needs: [codec, description, lengths of frames]
    ...    provenance: JSON in UTF-8, everything else that is known of it
    ...    frames, each at a multiple of 64 bytes; then those of the arguments, if the provenance lists them
    ... 16 xxh3-128 over everything before
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from hashcache.codec import Buffer, Payload
from hashcache.errors import TornEntryError, UnknownFormatError

MAGIC = b"\x89HCASH\r\n"
VERSION = 1
_FRONT = struct.Struct("<8sIIIIQ16sdd")
FRONT_SIZE = _FRONT.size  # bytes in which the times of an entry lie
_SIZE = _FRONT.size + 16
_SUM = 16
_ALIGNMENT = 64
_SMALL = 4096
HEAD_SIZE = 16_384  # bytes in which head and provenance of most entries lie

# What reading JSON raises that no `pack` wrote, whose checksums may be right all the same.
_SENSELESS = (ValueError, TypeError, StopIteration, RecursionError)
_TIMES = ("created", "seconds")
# What a reader of a value gets: codec, payload, when it was made, seconds that took, bytes of the entry.
Content = tuple[str, Payload, float, float, int]

_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # a fifth of what `json.loads` takes


def pack(
    key: bytes, codec: str, payload: Payload, about: dict[str, Any], arguments: Sequence[Buffer] = ()
) -> list[Buffer]:
    """Return an entry as the buffers to write one after the other.

    Parameters
    ----------
    key : bytes
        The 16 bytes that the entry is looked up under.
    codec : str
        Name of the codec of the payload.
    payload : Payload
    about : dict
        Whatever else is known of it, as JSON can hold it; ``"created"`` and ``"seconds"``, if they are
        there, say when it was made and how long that took, in seconds.
    arguments : sequence of buffer
        Kept beside the result; who reads the result alone sees nothing of them.
    """
    sizes = [_size(frame) for frame in payload.frames]
    times = [float(about.get(name, 0.0)) for name in _TIMES]
    rest = {name: value for name, value in about.items() if name not in _TIMES}
    if arguments:
        rest["arguments"] = [_size(frame) for frame in arguments]
    head, provenance = _json([codec, payload.description, sizes]), _json(rest)
    frames: list[Buffer] = []
    place = _SIZE + len(head) + len(provenance)
    for frame in (*payload.frames, *arguments):
        frames += [bytes(-place % _ALIGNMENT), frame]
        place += -place % _ALIGNMENT + _size(frame)
    front = _FRONT.pack(MAGIC, VERSION, len(head), len(provenance), 0, place + _SUM, key, *times)
    texts = head + provenance
    start = front + xxh3_128_digest(front + texts) + texts
    checksum = xxh3_128(start)
    for frame in frames:
        checksum.update(frame)
    return [start, *frames, checksum.digest()]


def unpack(data: Any, key: bytes, checked: bool = False) -> Content:
    """Return codec, payload, times and size of the entry of a key, after checking every byte of it.

    Parameters
    ----------
    data : buffer
        Frames of one that can be written to can be written to as well, which tells decoders that they
        own them.
    key : bytes
        The 16 bytes that the entry has to have been packed with.
    checked : bool
        Whether these very bytes were compared with their checksum before.

    Raises
    ------
    UnknownFormatError
        The entry was written by another format version, so it is not to be touched.
    TornEntryError
        It is not one whole entry of this key.
    """
    # What was compared before need not be touched in a map, if its first bytes were read as well.
    front = (getattr(data, "start", b"") or data) if checked else data
    try:
        magic, version, head, about, _, total, found, created, seconds = _FRONT.unpack_from(front)
    except struct.error:
        raise _damage(data, key) from None
    if magic != MAGIC or version != VERSION or total != len(data) or found != key:
        raise _damage(data, key)
    # To copy a small entry takes less time than to make a view of it.
    if (
        not checked
        and xxh3_128_digest((data if total < _SMALL else memoryview(data))[:-_SUM]) != data[-_SUM:]
    ):
        raise _damage(data, key)
    try:
        place = _SIZE + head
        text = (front if place <= len(front) else data)[_SIZE:place]
        (codec, description, sizes), _ = _scan(str(text, "utf-8"), 0)
        if not sizes:
            return codec, Payload(description, ()), created, seconds, total
        view = memoryview(data)
        place += about
        frames = []
        for size in sizes:
            place += -place % _ALIGNMENT
            frames.append(view[place : place + size])
            place += size
        return codec, Payload(description, frames), created, seconds, total
    except _SENSELESS as error:
        raise TornEntryError("its head makes no sense") from error


def peek(data: Any) -> dict[str, Any]:
    """Return what an entry says of itself, from its first bytes; what follows is not looked at.

    Raises
    ------
    TornEntryError, UnknownFormatError
        The bytes do not begin with a whole header.
    """
    view = memoryview(data)
    head, about, _, key = _front(view)
    times = dict(zip(_TIMES, _FRONT.unpack_from(view)[-2:], strict=True))
    if not _header_is_whole(view, _SIZE + head + about):
        raise TornEntryError("its header is damaged")
    try:
        (codec, description, sizes), _ = _scan(str(view[_SIZE : _SIZE + head], "utf-8"), 0)
        provenance: dict[str, Any] = json.loads(bytes(view[_SIZE + head : _SIZE + head + about]))
        said = {"digest": key.hex(), "codec": codec, "payload": description, "frames": sizes}
        return {**provenance, **times, **said}
    except _SENSELESS as error:
        raise TornEntryError("its header makes no sense") from error


def arguments_of(data: Any) -> list[memoryview] | None:
    """Return the frames of the arguments kept in an entry that `unpack` found whole; None if none were."""
    view, header = memoryview(data), peek(data)
    if "arguments" not in header:
        return None
    _, _, head, about, *_ = _FRONT.unpack_from(view)
    place, frames = _SIZE + head + about, []
    try:
        for size in (*header["frames"], *header["arguments"]):
            place += -place % _ALIGNMENT
            frames.append(view[place : place + size])
            place += size
    except _SENSELESS as error:
        raise TornEntryError("its header makes no sense") from error
    return frames[len(header["frames"]) :]


def size_of(pieces: Sequence[Buffer]) -> int:
    """Return how many bytes these are together."""
    return sum(map(_size, pieces))


def times(data: Any) -> tuple[float, float] | None:
    """Return when an entry was made and how long that took, from its first bytes, which are not checked.

    None where they are not those of an entry of this version.
    """
    if len(data) < FRONT_SIZE:
        return None
    magic, version, *_, created, seconds = _FRONT.unpack_from(data)
    return (created, seconds) if magic == MAGIC and version == VERSION else None


def header_size(data: Any) -> int:
    """Return how many bytes of an entry have to be read for its header; 0 where there is none."""
    if len(data) < _SIZE or not data.startswith(MAGIC):
        return 0
    _, _, head, about, _, total, *_ = _FRONT.unpack_from(data)
    return int(min(_SIZE + head + about, total))


def length(data: Any) -> int | None:
    """Return how many bytes an entry says it has, all in all; None where it says nothing."""
    return None if len(data) < FRONT_SIZE else int(_FRONT.unpack_from(data)[5])


def _damage(data: Buffer, key: bytes) -> TornEntryError | UnknownFormatError:
    """Return the error that says why these bytes are not the entry of a key."""
    view = memoryview(data)
    try:
        _, _, total, found = _front(view)
    except (TornEntryError, UnknownFormatError) as error:
        return error
    if total != len(view):
        return TornEntryError("it is shorter or longer than it says")
    if xxh3_128_digest(view[:-_SUM]) != view[-_SUM:]:
        return TornEntryError("its checksum does not match")
    return TornEntryError(f"it is the entry of key {found.hex()}, not of {key.hex()}")


def _front(view: memoryview) -> tuple[int, int, int, bytes]:
    """Return the lengths of head, provenance and whole entry, and the key."""
    if len(view) < _SIZE or view[:8] != MAGIC:
        raise TornEntryError("it does not begin as an entry does")
    _, version, head, about, _, total, key, *_ = _FRONT.unpack_from(view)
    if version != VERSION:
        end = _SIZE + head + about
        # No version is 0: a file whose blocks did not reach the disk begins right and goes on with zeros.
        if _header_is_whole(view, end) or (not version and not _header_is_whole(view, end, version)):
            raise TornEntryError("its version is damaged")
        raise UnknownFormatError(f"it has format version {version}, and this is version {VERSION}")
    return head, about, total, key


def _header_is_whole(view: memoryview, end: int, version: int | None = None) -> bool:
    """Whether the header's own checksum matches, were it of this version: a damaged number then shows."""
    number = struct.pack("<I", VERSION if version is None else version)
    front = view[:8].tobytes() + number + view[12 : _FRONT.size].tobytes()
    return xxh3_128_digest(front + view[_SIZE:end].tobytes()) == view[_FRONT.size : _SIZE]


_spell = json.JSONEncoder(separators=(",", ":")).encode  # which `json.dumps` makes anew each time


def _json(value: Any) -> bytes:
    return _spell(value).encode()


def _size(frame: Buffer) -> int:
    return frame.nbytes if isinstance(frame, memoryview) else len(frame)
