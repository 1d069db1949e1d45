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
from hashcache.key import FINGERPRINT_MARK
from hashcache.stores.base import Data

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import FileLock

_FORMAT = "v1"
_LOCKS = "locks"
_PARTIAL = ".partial"
_SMALL = 8_192  # bytes that are read at once
_LARGE = 65_536  # bytes beyond which a file is mapped
_SETTLED = 2_000_000_000  # nanoseconds after which another change shows in the times of a file
_DIGITS = 32  # of a key
_HEXADECIMAL = frozenset("0123456789abcdef")
_UNNOTICED = getattr(os, "O_NOATIME", 0)
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


def _open_unnoticed(path: str) -> int:
    """Open a file for a look at what it says of itself, which is no use of it."""
    try:
        return os.open(path, os.O_RDONLY | _UNNOTICED)
    except PermissionError:  # it is somebody else's
        return os.open(path, os.O_RDONLY)


def _listed(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


class DirectoryLock:
    """A lock that its owner's death gives back, as a file that is there while it is held.

    A file that is still there says that its last owner died: whoever gives the lock back deletes it.
    """

    def __init__(self, lock: FileLock) -> None:
        import platform

        self._lock = lock
        self._path = lock.lock_file
        try:
            self.was_left = os.stat(self._path).st_size > 0
            with open(self._path, "w") as file:
                file.write(f"{os.getpid()} {platform.node()}\n")
        except FileNotFoundError:  # its last owner has just deleted it
            self.was_left = False

    @classmethod
    def taken(cls, path: str) -> DirectoryLock | None:
        """Take the lock at a path; None if somebody else has it."""
        from filelock import FileLock, Timeout

        try:
            lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
            lock.acquire()
        except Timeout:
            return None
        except NotImplementedError as error:
            raise OSError(str(error)) from error
        return cls(lock)

    def release(self) -> None:
        """Delete the file and give the lock back."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        self._lock.release()


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
            if size is None:
                handle = os.open(self._path(name), os.O_RDONLY)
            else:
                handle = _open_unnoticed(self._path(name))
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
            self.location.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._exists()  # somebody else may have been faster
        path = self._path(name)
        # Not from the process id: containers use the same ones again, and a killed one leaves its file.
        partial = f"{path}.{os.urandom(8).hex()}{_PARTIAL}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            handle = os.open(partial, flags, 0o600)
        except FileNotFoundError:
            self._make_folders(name)
            handle = os.open(partial, flags, 0o600)
        try:
            with open(handle, "wb") as file:
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

    def status(self, name: str) -> os.stat_result | None:
        """Return what the file system says of `name`; None if it is not there."""
        try:
            return os.stat(self._path(name))
        except OSError:
            return None

    def groups(self, prefix: str = "") -> list[str]:
        """Return the groups of names that begin with the path `prefix`, in no order."""
        if not self._exists():
            return []
        found = [prefix] if prefix else [entry.name for entry in _listed(self._base)]
        if "/" in prefix:
            return found
        return [f"{layer}/{entry.name}" for layer in found for entry in _listed(self._base + layer)]

    def visit(self, group: str, beginning: str) -> Iterator[tuple[str, str, os.stat_result]]:
        """Yield name, path and status of the files of one group whose names begin with two digits or ``f-``.

        Partial files come without a name. What is neither is somebody else's, and is left out.
        """
        for entry in _listed(f"{self._base}{group}/{beginning}"):
            name, partial = entry.name, entry.name.endswith(_PARTIAL)
            digits = beginning.replace(FINGERPRINT_MARK, "") + name.partition(".")[0]
            if len(digits) != _DIGITS or not _HEXADECIMAL.issuperset(digits) or (not partial and "." in name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:  # it has just been deleted
                continue
            if stat.S_ISREG(status.st_mode):
                yield "" if partial else f"{group}/{beginning}{name}", entry.path, status

    def beside(self, name: str) -> str | None:
        """Return where to keep something beside the entries; None while there is no directory.

        Raises
        ------
        OSError
            The directory is refused.
        """
        return f"{self._root}/{name}" if self._exists() else None

    def lock(self, name: str) -> DirectoryLock | None:
        """Take the lock of `name`; None if somebody else has it.

        Raises
        ------
        OSError
            The file system has no locks, or the directory cannot be written.
        """
        if not self._exists():
            self.location.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self.location / _LOCKS
        folder.mkdir(mode=0o700, exist_ok=True)
        return DirectoryLock.taken(f"{folder}/{name.rpartition('/')[2]}")

    def _path(self, name: str) -> str:
        cut = name.rfind("/") + 3  # the first two digits are a folder
        return f"{self._base}{name[:cut]}/{name[cut:]}"

    def _make_folders(self, name: str) -> None:
        from pathlib import Path

        folder = self.location
        # Level by level: os.makedirs gives its mode to the last one only.
        for part in Path(self._path(name)).parent.relative_to(folder).parts:
            folder = folder / part
            folder.mkdir(mode=0o700, exist_ok=True)

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
            raise NotADirectoryError(f"{self.location} is not a directory; choose another location")
        raise PermissionError(
            f"{self.location} belongs to or is writable by somebody else, who could plant entries "
            f"that run code here; make it yours alone (chmod 700) or choose another location"
        )
