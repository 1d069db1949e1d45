"""One stored result as bytes: self-describing, and whole or not there.

Layout, all integers little-endian (documented for other readers in docs/on-disk.md)::

    0   8  magic
    8   4  format version
    12  4  length of the head
    16  4  length of the provenance
    20  4  zero
    24  8  length of the whole entry
    32 16  xxh3-128 over everything but these 16 bytes
    48 16  xxh3-128 over the first 32 bytes, the head and the provenance
    64     head: JSON in UTF-8, what a reader of the value needs
    ...    provenance: JSON in UTF-8, everything else that is known of it
    ...    frames, each at a multiple of 64 bytes
"""

from __future__ import annotations

import json
import struct
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

from hashcache.codec import Buffer, Payload
from hashcache.errors import TornEntryError, UnknownFormatError

MAGIC = b"\x89HCASH\r\n"
VERSION = 1
_FRONT = struct.Struct("<8sIIIIQ")
_SIZE = _FRONT.size + 32
_ALIGNMENT = 64
HEAD_SIZE = 16_384  # bytes in which head and provenance of most entries lie

_HEAD = ("key", "codec")  # what of a header a reader of the value needs


def pack(header: dict[str, Any], payload: Payload) -> list[Buffer]:
    """Return an entry as the buffers to write one after the other."""
    sizes = [_size(frame) for frame in payload.frames]
    head = {name: header[name] for name in _HEAD if name in header}
    text = _json({**head, "payload": payload.description, "frames": sizes})
    about = _json({name: value for name, value in header.items() if name not in head})
    pieces: list[Buffer] = [text, about]
    place = _SIZE + len(text) + len(about)
    for frame, size in zip(payload.frames, sizes, strict=True):
        pieces.append(bytes(-place % _ALIGNMENT))
        pieces.append(frame)
        place += -place % _ALIGNMENT + size
    front = _FRONT.pack(MAGIC, VERSION, len(text), len(about), 0, place)
    own = xxh3_128_digest(front + text + about)
    checksum = xxh3_128(front + own)
    for piece in pieces:
        checksum.update(piece)
    return [front + checksum.digest() + own, *pieces]


def unpack(data: bytes | bytearray, about: bool = True) -> tuple[dict[str, Any], Payload]:
    """Return header and payload of an entry, after checking every byte of it.

    Parameters
    ----------
    data : bytes or bytearray
        Frames of a bytearray can be written to, which tells decoders that they own them.
    about : bool
        Whether the header is to say more than what a reader of the value needs.

    Raises
    ------
    UnknownFormatError
        The entry was written by another format version, so it is not to be touched.
    TornEntryError
        It is not one whole entry.
    """
    view = memoryview(data)
    head_end, about_end, total = _front(view)
    if total != len(view):
        raise TornEntryError("it is shorter or longer than it says")
    checksum = xxh3_128(view[:32])
    checksum.update(view[48:])
    if checksum.digest() != view[32:48]:
        raise TornEntryError("its checksum does not match")
    header: dict[str, Any] = json.loads(bytes(view[_SIZE:head_end]))
    if about:
        header.update(json.loads(bytes(view[head_end:about_end])))
    frames, place = [], about_end
    for size in header["frames"]:
        place += -place % _ALIGNMENT
        frames.append(view[place : place + size])
        place += size
    return header, Payload(header["payload"], frames)


def peek(data: bytes | bytearray) -> dict[str, Any]:
    """Return the header from the first bytes of an entry; what follows is not looked at.

    Raises
    ------
    TornEntryError, UnknownFormatError
        The bytes do not begin with a whole header.
    """
    view = memoryview(data)
    head_end, about_end, _ = _front(view)
    if not _header_is_whole(view, about_end):
        raise TornEntryError("its header is damaged")
    header: dict[str, Any] = json.loads(bytes(view[_SIZE:head_end]))
    header.update(json.loads(bytes(view[head_end:about_end])))
    return header


def header_size(data: bytes | bytearray) -> int:
    """Return how many bytes of an entry have to be read for its header; 0 where there is none."""
    if len(data) < _SIZE or not data.startswith(MAGIC):
        return 0
    _, _, head, about, _, total = _FRONT.unpack_from(data)
    return int(min(_SIZE + head + about, total))


def _front(view: memoryview) -> tuple[int, int, int]:
    """Return where head and provenance end, and the length of the whole entry."""
    if len(view) < _SIZE or view[:8] != MAGIC:
        raise TornEntryError("it does not begin as an entry does")
    _, version, head, about, _, total = _FRONT.unpack_from(view)
    if version != VERSION:
        if _header_is_whole(view, _SIZE + head + about):
            raise TornEntryError("its version is damaged")
        raise UnknownFormatError(f"it has format version {version}, and this is version {VERSION}")
    return _SIZE + head, _SIZE + head + about, total


def _header_is_whole(view: memoryview, end: int) -> bool:
    """Whether the header's own checksum matches, were it of this version: a damaged number then shows."""
    front = view[:8].tobytes() + struct.pack("<I", VERSION) + view[12:32].tobytes()
    return xxh3_128_digest(front + view[_SIZE:end].tobytes()) == view[48:64]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _size(frame: Buffer) -> int:
    return frame.nbytes if isinstance(frame, memoryview) else len(frame)
