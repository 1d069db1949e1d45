"""Entries as files in one directory of the user's own."""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import stat
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from hashcache.codec import Buffer
from hashcache.stores.base import Data

if TYPE_CHECKING:
    from pathlib import Path

    from hashcache.stores.file_lock import FileLock

_FORMAT = "v1"
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # a pipe in the place of an entry keeps nobody waiting
_LOCKS = "locks"
_PARTIAL = ".partial"
_SMALL = 8_192  # bytes that are read at once
_LARGE = 65_536  # bytes beyond which a file is mapped
_SETTLED = 2_000_000_000  # nanoseconds after which another change shows in the times of a file
_TRUSTED_FOR = 0.02  # seconds in which a reader does not look at the directory again


class _Map(mmap.mmap):
    """A private map of a file: writing to it changes nobody else's bytes.

    Attributes
    ----------
    state : tuple or None
        Equal for two maps exactly if the file was not changed in between; None for a file so young that
        its times could not tell.
    """

    state: tuple[int, ...] | None = None


def _mapped(handle: int, status: os.stat_result) -> _Map | None:
    """Map a file; None where that is not wise."""
    if _TRACKED:
        # Up to Python 3.12 each map keeps a file open, and a program needs some for itself.
        if len(_maps) >= _most_maps():
            return None
        more: dict[str, Any] = {}
    else:
        more = {"trackfd": False}
    try:
        found = _Map(handle, 0, access=mmap.ACCESS_COPY, **more)
    except (OSError, ValueError):  # a file system without maps, too many maps, an empty file
        return None
    if _TRACKED:
        _maps.add(found)
    if time.time_ns() - status.st_ctime_ns > _SETTLED:
        found.state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


_TRACKED = sys.version_info < (3, 13)
_maps: weakref.WeakSet[_Map] = weakref.WeakSet()


@functools.cache
def _most_maps() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4


def _read(handle: int, status: os.stat_result) -> bytearray:
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


class DirectoryStore:
    """One file per entry, under ``location/v1/layer/group/xx/``.

    Nothing is made before the first `put`. Directories are made with mode 0700 and files with 0600,
    since what lies here is executed by pickle when it is read: for the same reason a directory that
    belongs to somebody else, or that others may write to, is refused.

    Parameters
    ----------
    location : path
        Made when first needed, with its parents.
    """

    def __init__(self, location: str | os.PathLike[str]) -> None:
        root = os.path.expanduser(os.fsdecode(location))
        if root.startswith("~"):
            raise ValueError(f"nothing says where the home directory of {root} is")
        self._root = os.path.join(os.getcwd(), root)
        self._base = f"{self._root}/{_FORMAT}/"
        self._owner = os.getuid() if hasattr(os, "getuid") else 0
        self._trusted_until = 0.0

    @property
    def location(self) -> Path:
        """The directory that everything is in."""
        from pathlib import Path  # which takes longer to load than a hit takes

        return Path(self._root)

    def __repr__(self) -> str:
        return f"DirectoryStore({self._root!r})"

    def get(self, name: str, size: int | None = None) -> Data | None:
        """Return the bytes put under `name`, the first `size` of them if given; None if there are none."""
        if monotonic() > self._trusted_until:
            if not self._exists():
                return None
            self._trusted_until = monotonic() + _TRUSTED_FOR
        try:
            handle = os.open(self._path(name), _READING)
        except (FileNotFoundError, NotADirectoryError):
            self._exists()  # or something else is in its place
            return None
        try:
            start = os.read(handle, _SMALL if size is None else size)
            if size is not None or len(start) < _SMALL:  # most entries, with as few calls as can be
                return start
            status = os.fstat(handle)
            if status.st_size <= _LARGE:
                return start + os.read(handle, _LARGE)
            return _mapped(handle, status) or _read(handle, status)
        finally:
            os.close(handle)

    def put(self, name: str, pieces: Sequence[Buffer]) -> None:
        """Write a file beside the target and rename it, so that no reader sees half of it."""
        if not self._exists():
            self._make_root()
            self._exists()  # somebody else may have been faster
        path = self._path(name)
        # Not from the process id: containers use the same ones again, and a killed one leaves its file.
        partial = f"{path}.{os.urandom(8).hex()}{_PARTIAL}"
        try:
            try:
                file = open(partial, "xb", opener=_private)  # noqa: SIM115  (closed below)
            except FileNotFoundError:
                self._make_folders(name)
                file = open(partial, "xb", opener=_private)  # noqa: SIM115
            with file:
                for piece in pieces:
                    file.write(piece)
            os.replace(partial, path)
        except BaseException:  # an interrupted write must not leave its half behind either
            with contextlib.suppress(OSError):
                os.unlink(partial)
            raise

    def delete(self, name: str) -> bool:
        """Forget `name`; return whether it was there."""
        try:
            os.unlink(self._path(name))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with the path `prefix`, sorted."""
        if not self._exists():
            return
        from pathlib import Path

        root = self.location / _FORMAT
        for folder, subfolders, files in os.walk(root / prefix):
            subfolders.sort()
            parts = Path(folder).relative_to(root).parts
            if len(parts) != 3:  # layer, group, first two digits
                continue
            for file in sorted(files):
                if "." not in file:
                    yield "/".join((parts[0], parts[1], parts[2] + file))

    def size(self, name: str) -> int:
        """Return the bytes that `name` takes; 0 if it is not there."""
        try:
            return os.stat(self._path(name)).st_size
        except OSError:
            return 0

    def lock(self, name: str) -> FileLock | None:
        """Take the lock of `name`; None if somebody else has it.

        Raises
        ------
        OSError
            The file system has no locks, or the directory cannot be written.
        """
        from hashcache.stores.file_lock import FileLock  # which a call that finds its result does not need

        if not self._exists():
            self._make_root()
        folder = f"{self._root}/{_LOCKS}"
        _make(folder)
        return FileLock.taken(f"{folder}/{name.rpartition('/')[2]}")

    def _path(self, name: str) -> str:
        cut = name.rfind("/") + 3  # the first two digits are a folder
        return f"{self._base}{name[:cut]}/{name[cut:]}"

    def _make_root(self) -> None:
        os.makedirs(self._root, mode=0o700, exist_ok=True)

    def _make_folders(self, name: str) -> None:
        # Level by level: os.makedirs gives its mode to the last one only.
        folder = self._root
        for part in self._path(name)[len(folder) + 1 :].split("/")[:-1]:
            folder = f"{folder}/{part}"
            _make(folder)

    def _exists(self) -> bool:
        # Looked at again and again: what was deleted can be made again by somebody else.
        self._trusted_until = 0.0
        try:
            status = os.stat(self._root)
        except (FileNotFoundError, NotADirectoryError):
            return False
        mode = status.st_mode
        if mode & 0o170022 == stat.S_IFDIR and status.st_uid == self._owner:
            return True
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(f"{self._root} is not a directory; choose another location")
        raise PermissionError(
            f"{self._root} belongs to or is writable by somebody else, who could plant entries "
            f"that run code here; make it yours alone (chmod 700) or choose another location"
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make(folder: str) -> None:
    # What else may lie there says so itself, to whoever goes on to use it.
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
