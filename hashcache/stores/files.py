"""One file: mapped, read at once, or written, with what its times say of changes."""

from __future__ import annotations

import functools
import mmap
import os
import sys
import time
import weakref
from collections.abc import Sequence
from typing import Any

from hashcache.codec import Buffer

# A pipe in the place of an entry keeps nobody waiting.
READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_UNNOTICED = getattr(os, "O_NOATIME", 0)
PARTIAL = ".partial"  # ends the name of a file or folder that is not at its place yet
LARGE = 65_536  # bytes beyond which a file is mapped
# Nanoseconds after which another change shows in the times of a file: where these are fine, and at all.
_FINE, _SETTLED = 100_000_000, 2_000_000_000


class _Map(mmap.mmap):
    """A map of a file, to which writing changes nobody else's bytes, or is not possible.

    Attributes
    ----------
    state : tuple or None
        Equal for two maps exactly if the file was not changed in between; None for a file so young that
        its times could not tell.
    start : bytes
        The first bytes, if they were read before: to look at them in the map takes a page of memory.
    """

    state: tuple[int, ...] | None = None
    start: bytes = b""


def mapped(
    handle: int, status: os.stat_result, mode: str = "c", length: int = 0, start: bytes = b""
) -> _Map | None:
    """Map a file, or the first `length` bytes of it; None where that is not wise."""
    if _TRACKED:
        # Up to Python 3.12 each map keeps a file open, and a program needs some for itself.
        if len(_maps) >= _most_maps():
            _maps[:] = [found for found in _maps if found() is not None]
            if len(_maps) >= _most_maps():
                return None
        more: dict[str, Any] = {}
    else:
        more = {"trackfd": False}
    try:
        found = _Map(handle, length, access=_ACCESS[mode], **more)
    except (OSError, ValueError):  # a file system without maps, too many maps, an empty file
        return None
    if _TRACKED:
        _maps.append(weakref.ref(found))
    found.start = start
    if _is_settled(status.st_ctime_ns, time.time_ns()):
        found.state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def _is_settled(changed: int, now: int) -> bool:
    """Whether another change of a file, from now on, shows in the time of its last change.

    Clocks tick a hundred times a second at least. File systems with coarser times leave other digits zero.
    """
    return now - changed > (_FINE if changed % 1_000_000 else _SETTLED)


_ACCESS = {"c": mmap.ACCESS_COPY, "r": mmap.ACCESS_READ}
_TRACKED = sys.version_info < (3, 13)
# Not a `WeakSet`, whose callbacks would swallow an interrupt. Those that are gone are dropped now and then.
_maps: list[weakref.ref[_Map]] = []


@functools.cache
def _most_maps() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4


def read(handle: int, status: os.stat_result) -> bytearray:
    """Return the bytes of an open file, which are the caller's own."""
    length = status.st_size
    data = bytearray(length)
    os.lseek(handle, 0, os.SEEK_SET)
    with open(handle, "rb", buffering=0, closefd=False) as file:
        place = 0
        while place < length:  # one read may stop short of the end
            count = file.readinto(memoryview(data)[place:])
            if not count:
                break
            place += count
    return data


def write(handle: int, pieces: Sequence[Buffer]) -> None:
    """Write pieces one after the other, and small ones at once."""
    views = [memoryview(piece) for piece in pieces if len(piece)]
    if sum(view.nbytes for view in views) <= LARGE:
        views = [memoryview(b"".join(views))]
    for view in views:
        rest = view.cast("B")
        while rest:  # one write may stop short of the end
            rest = rest[os.write(handle, rest) :]


def open_unnoticed(path: str, flags: int = 0) -> int:
    """Open a file for a look at what it says of itself, which is no use of it."""
    try:
        return os.open(path, READING | flags | _UNNOTICED)
    except PermissionError:  # it is somebody else's
        return os.open(path, READING | flags)
