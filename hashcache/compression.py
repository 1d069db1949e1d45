"""Frames made smaller by Zstandard, each only where that is worth it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hashcache.codec import Buffer, Payload
from hashcache.errors import CompressionError, OptionError
from hashcache.form import COMPRESSED

_USUAL = 3
_SMALLEST = 4096  # a smaller frame takes a block of the disk either way
_WORTH = 0.9  # of its size, at most, is what a frame has to shrink to
_LONG = 2**20  # bytes of a frame of which a part is tried before the whole
_PART = 2**16


def level_of(compress: str | int | None) -> int | None:
    """Return the level that an option asks for; None for no compression."""
    if compress is None:
        return None
    if compress == "zstd":
        return _USUAL
    if type(compress) is int and 1 <= compress <= 22:
        return compress
    raise OptionError(f"compress={compress!r}; it can be None, 'zstd', or a level from 1 to 22")


def compressed(codec: str, payload: Payload, level: int) -> tuple[str, Payload]:
    """Return a payload with smaller frames, or the same one where none is worth it.

    Raises
    ------
    CompressionError
        Nothing that compresses is installed.
    """
    sizes: list[int | None] = []
    frames: list[Buffer] = []
    for frame in payload.frames:
        view = memoryview(frame).cast("B")
        smaller = _smaller(view, level) if view.nbytes > _SMALLEST else None
        sizes.append(None if smaller is None else view.nbytes)
        frames.append(frame if smaller is None else smaller)
    if not any(sizes):
        return codec, payload
    return COMPRESSED, Payload([codec, payload.description, sizes], frames)


def expanded(payload: Payload) -> tuple[str, Payload]:
    """Return what `compressed` was given. No more memory is taken than the payload says beside each frame.

    Raises
    ------
    CompressionError
        Nothing that reads it is installed, or it is not what it says.
    """
    try:
        codec, description, sizes = payload.description
        frames = [
            frame if size is None else _larger(frame, size)
            for frame, size in zip(payload.frames, sizes, strict=True)
        ]
    except (TypeError, ValueError) as error:  # not what `compressed` wrote
        raise CompressionError(f"its description makes no sense: {error}") from error
    return codec, Payload(description, frames)


def _smaller(view: memoryview, level: int) -> bytes | None:
    found = _zstd()
    if view.nbytes > _LONG:
        # Much of what is long is numbers with digits to the end: not to be seen after a second's work.
        starts = (0, (view.nbytes - _PART) // 2, view.nbytes - _PART)
        part = b"".join(view[start : start + _PART] for start in starts)
        if len(found.compress(part, level)) > _WORTH * len(part):
            return None
    smaller = found.compress(view, level)
    return smaller if len(smaller) <= _WORTH * view.nbytes else None


def _larger(frame: Buffer, size: int) -> bytes:
    found = _zstd()
    try:
        # What the frame itself says is what would be taken, so it is compared first.
        if found.size(frame) == size:
            larger = found.expand(frame, size)
            if len(larger) == size:
                return larger
    except Exception as error:
        raise CompressionError(f"a frame cannot be expanded: {error}") from error
    raise CompressionError("a frame is not as long as it should be")


class _Zstd(NamedTuple):
    """The three things to be done with Zstandard, whichever package does them."""

    compress: Callable[[Any, int], bytes]
    size: Callable[[Any], int | None]
    expand: Callable[[Any, int], bytes]


_loaded: _Zstd | None = None


def _zstd() -> _Zstd:
    global _loaded
    if _loaded is None:
        try:
            _loaded = _of_standard_library()
        except ImportError:
            try:
                _loaded = _of_package()
            except ImportError:
                raise CompressionError(
                    "the package `zstandard` is not installed; pip install 'hashcache[zstd]'"
                ) from None
    return _loaded


def _of_standard_library() -> _Zstd:
    from compression import zstd  # from Python 3.14 on

    return _Zstd(
        lambda data, level: zstd.compress(data, level=level),
        lambda frame: zstd.get_frame_info(frame).decompressed_size,
        lambda frame, size: zstd.ZstdDecompressor().decompress(frame, max_length=size),
    )


def _of_package() -> _Zstd:
    import zstandard

    return _Zstd(  # objects that compress are not for two threads at once
        lambda data, level: zstandard.ZstdCompressor(level=level).compress(data),
        zstandard.frame_content_size,
        lambda frame, size: zstandard.ZstdDecompressor().decompress(frame, max_output_size=size),
    )
