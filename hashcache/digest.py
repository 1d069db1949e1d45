"""Framed writing into xxh3-128: the one place where keys touch a hash function."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from xxhash import xxh3_128, xxh3_128_digest

_FRAME = struct.Struct("<HQ")

DIGEST_SIZE = 16
digest_frames = xxh3_128_digest  # of whole frames, made before by `frame_head` and their data
_SHORT = 1000  # bytes


class Framed:
    """A hash over a sequence of tagged frames.

    Every frame is written as the lengths of tag and data, the tag, the data. The stream of one
    sequence of frames is therefore never a prefix of another's, whatever the data contain: two
    sequences have equal streams exactly when they are equal.

    Examples
    --------
    >>> a, b = Framed(), Framed()
    >>> a.write("x", b"12"); a.write("x", b"3")
    >>> b.write("x", b"1"); b.write("x", b"23")
    >>> a.digest() == b.digest()
    False
    """

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = xxh3_128()

    def write_framed(self, frames: Any) -> None:
        """Append what was framed before, as `frame_head` and data, or a piece of it: any buffer."""
        self._state.update(frames)

    def write(self, tag: str, data: bytes | memoryview = b"") -> None:
        """Append one frame; `data` is any C-contiguous buffer of bytes."""
        if len(data) < _SHORT:  # two calls cost more than a copy
            self._state.update(frame_head(tag, len(data)) + data)
        else:
            self._state.update(frame_head(tag, len(data)))
            self._state.update(data)

    def digest(self) -> bytes:
        """Return the 16 bytes of the digest of all frames so far."""
        return self._state.digest()


@lru_cache(maxsize=4096)
def frame_head(tag: str, length: int) -> bytes:
    """Return what precedes the data of a frame of this length."""
    name = tag.encode()
    return _FRAME.pack(len(name), length) + name


def digest_frame(tag: str, data: bytes) -> bytes:
    """Return the digest of a single frame; equal to writing it to a new `Framed`."""
    return xxh3_128_digest(frame_head(tag, len(data)) + data)
