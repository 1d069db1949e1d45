"""One stored result as bytes: self-describing, and whole or not there.

Layout, all integers little-endian (documented for other readers in docs/on-disk.md)::

    0   8  magic
    8   4  format version
    12  4  length of the header
    16  8  length of the whole entry
    24 16  xxh3-128 over everything but these 16 bytes
    40 16  xxh3-128 over the first 24 bytes and the header
    56     header: JSON in UTF-8
    ...    frames, each at a multiple of 64 bytes
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
_FRONT = struct.Struct("<8sIIQ")
_HEAD = struct.Struct("<8sIIQ16s16s")
_ALIGNMENT = 64
HEAD_SIZE = 16_384  # bytes in which the header of most entries lies


def pack(header: dict[str, Any], payload: Payload) -> list[Buffer]:
    """Return an entry as the buffers to write one after the other."""
    sizes = [_size(frame) for frame in payload.frames]
    text = json.dumps(
        {**header, "payload": payload.description, "frames": sizes}, separators=(",", ":")
    ).encode()
    pieces: list[Buffer] = [text]
    place = _HEAD.size + len(text)
    for frame, size in zip(payload.frames, sizes, strict=True):
        pieces.append(bytes(-place % _ALIGNMENT))
        pieces.append(frame)
        place += -place % _ALIGNMENT + size
    front = _FRONT.pack(MAGIC, VERSION, len(text), place)
    own = xxh3_128_digest(front + text)
    checksum = xxh3_128(front + own)
    for piece in pieces:
        checksum.update(piece)
    return [front + checksum.digest() + own, *pieces]


def unpack(data: bytes | memoryview) -> tuple[dict[str, Any], Payload]:
    """Return header and payload of an entry, after checking every byte of it.

    Raises
    ------
    UnknownFormatError
        The entry was written by another format version, so it is not to be touched.
    TornEntryError
        It is not one whole entry.
    """
    view = memoryview(data)
    header, place = _header(view)
    if struct.unpack_from("<Q", view, 16)[0] != len(view):
        raise TornEntryError("it is shorter or longer than it says")
    checksum = xxh3_128(view[:24])
    checksum.update(view[40:])
    if checksum.digest() != bytes(view[24:40]):
        raise TornEntryError("its checksum does not match")
    frames = []
    for size in header["frames"]:
        place += -place % _ALIGNMENT
        frames.append(view[place : place + size])
        place += size
    return header, Payload(header["payload"], frames)


def peek(data: bytes) -> dict[str, Any]:
    """Return the header from the first bytes of an entry; what follows is not looked at.

    Raises
    ------
    TornEntryError, UnknownFormatError
        The bytes do not begin with a whole header.
    """
    return _header(memoryview(data))[0]


def header_size(data: bytes) -> int:
    """Return how many bytes of an entry have to be read for its header; 0 where there is none."""
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        return 0
    _, _, length, total, _, _ = _HEAD.unpack_from(data)
    return min(_HEAD.size + int(length), int(total))


def _header(view: memoryview) -> tuple[dict[str, Any], int]:
    if len(view) < _HEAD.size or bytes(view[:8]) != MAGIC:
        raise TornEntryError("it does not begin as an entry does")
    _, version, length, total, _, checksum = _HEAD.unpack_from(view)
    end = _HEAD.size + length
    text = bytes(view[_HEAD.size : end])
    # As if it were of this version: then only a damaged version number can differ from what was written.
    whole = xxh3_128_digest(_FRONT.pack(MAGIC, VERSION, length, total) + text) == checksum
    if version != VERSION and not whole:
        raise UnknownFormatError(f"it has format version {version}, and this is version {VERSION}")
    if version != VERSION or not whole:  # checked before anything is made of it
        raise TornEntryError("its header is damaged")
    header: dict[str, Any] = json.loads(text)
    return header, end


def _size(frame: Buffer) -> int:
    return frame.nbytes if isinstance(frame, memoryview) else len(frame)


def total_size(pieces: Sequence[Buffer]) -> int:
    """Return how many bytes the pieces of an entry take."""
    return sum(map(_size, pieces))
