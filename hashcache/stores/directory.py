"""Entries as files in one directory: of the user's own, or shared with others and sealed."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hashcache.codec import Buffer
from hashcache.key import FINGERPRINT_MARK
from hashcache.stores import files
from hashcache.stores.base import Data

if TYPE_CHECKING:
    from pathlib import Path

    from hashcache.stores.file_lock import FileLock
    from hashcache.stores.folders import Folders
    from hashcache.stores.seal import Seal
    from hashcache.stores.sealed import SealedFiles

_FORMAT = "v1"
_SHARED_FORMAT = "shared-v1"  # where every file is an entry and its seal
_LOCKS = "locks"
_SHARED_LOCKS = "shared-locks"  # apart from those of one user, whose directory is closed to others
_MAKING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_SMALL = 8_192  # bytes that are read at once
_DIGITS = 32  # of a key
_HEXADECIMAL = frozenset("0123456789abcdef")


def _listed(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


class DirectoryStore:
    """One file per entry, under ``location/v1/layer/group/xx/``.

    Nothing is made before the first `put`. Directories are made with mode 0700 and files with 0600,
    since what lies here is executed by pickle when it is read: for the same reason a directory that
    belongs to somebody else, that others may write to, or that is a symbolic link, is refused.

    A shared one is accepted whoever may write to it, and trusts no entry that is not sealed with the key.
    Its directories have mode 2770 and its files 0640, all of the group of the directory. What it keeps is
    apart from what is kept there privately.

    Parameters
    ----------
    location : path
        Made when first needed, with its parents.
    shared : bool
        Whether others put entries there as well.
    key_file : path, optional
        A file with a key of 32 bytes, for a shared one; default: as `Cache` says.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        shared: bool = False,
        key_file: str | os.PathLike[str] | None = None,
    ) -> None:
        if key_file is not None and not shared:
            raise ValueError("a key seals entries where they are shared: pass shared=True with it")
        root = os.fsdecode(location)
        if root.startswith("~"):
            root = os.path.expanduser(root)
            if root.startswith("~"):
                raise ValueError(f"nothing says where the home directory of {root} is")
        if not os.path.isabs(root):
            root = os.path.join(os.getcwd(), root)
        # Without a slash at its end, which would lead through a link unseen.
        self._root = root.rstrip("/") or "/"
        self._format = _SHARED_FORMAT if shared else _FORMAT
        self._base = f"{self._root}/{self._format}/"
        self._owner = os.getuid() if hasattr(os, "getuid") else 0
        self._seal: Seal | None = None
        self._sealed: SealedFiles | None = None
        if shared:
            from hashcache.stores.seal import Seal  # which only those load who share
            from hashcache.stores.sealed import SealedFiles

            self._seal = Seal(key_file)
            self._sealed = SealedFiles(self._seal, self._owner)

    @property
    def location(self) -> Path:
        """The directory that everything is in."""
        from pathlib import Path  # which takes longer to load than a hit takes

        return Path(self._root)

    def __repr__(self) -> str:
        return f"DirectoryStore({self._root!r}{', shared=True' if self._seal is not None else ''})"

    def get(self, name: str, size: int | None = None, mode: str | None = "c") -> Data | None:
        """Return the bytes put under `name`, the first `size` of them if given; None if there are none.

        Large ones are mapped: privately if `mode` is ``"c"``, to be read only if it is ``"r"``. If it is
        None, they are read.

        Raises
        ------
        UntrustedEntryError
            They are not sealed with the key, where the directory is shared.
        """
        if not self._exists():
            return None
        if self._sealed is not None:
            return self._sealed.get(self._path(name), name, size, mode)
        try:
            if size is None:
                handle = os.open(self._path(name), files.READING)
            else:
                handle = files.open_unnoticed(self._path(name), files.READING)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            start = os.read(handle, _SMALL if size is None else size)
            if size is not None or len(start) < _SMALL:  # most entries, with as few calls as can be
                return start
            status = os.fstat(handle)
            if status.st_size <= files.LARGE:
                return start + os.read(handle, files.LARGE)
            return (mode and files.mapped(handle, status, mode, 0, start)) or files.read(handle, status)
        finally:
            os.close(handle)

    def put(self, name: str, pieces: Sequence[Buffer]) -> None:
        """Write a file beside the target and rename it, so that no reader sees half of it."""
        if not self._exists():
            self._folders().make_root()
            self._exists()  # somebody else may have been faster
        if self._seal is not None:
            pieces = [*pieces, self._seal.made(name, pieces)]
        path = self._path(name)
        # Not from the process id: containers use the same ones again, and a killed one leaves its file.
        partial = f"{path}.{os.urandom(8).hex()}{files.PARTIAL}"
        try:
            try:
                handle = os.open(partial, _MAKING, 0o600)
            except FileNotFoundError:
                self._folders().make_above(path)
                handle = os.open(partial, _MAKING, 0o600)
            try:
                files.write(handle, pieces)
                if self._seal is not None:
                    # Not to be written to by the group either: that would change it in place, under maps.
                    os.fchmod(handle, 0o640)
            finally:
                os.close(handle)
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

        root = self.location / self._format
        for folder, subfolders, found in os.walk(root / prefix):
            subfolders.sort()
            parts = Path(folder).relative_to(root).parts
            if len(parts) != 3:  # layer, group, first two digits
                continue
            for file in sorted(found):
                if "." not in file:
                    yield "/".join((parts[0], parts[1], parts[2] + file))

    def size(self, name: str) -> int:
        """Return the bytes that `name` takes; 0 if it is not there."""
        try:
            size = os.lstat(self._path(name)).st_size
        except OSError:
            return 0
        if self._seal is None:
            return size
        from hashcache.stores.seal import SEAL_SIZE

        return max(0, size - SEAL_SIZE)

    def status(self, name: str) -> os.stat_result | None:
        """Return what the file system says of `name`; None if it is not there."""
        try:
            return os.lstat(self._path(name))
        except OSError:
            return None

    def front(self, name: str, size: int) -> bytes:
        """Return the first bytes under `name`, whoever wrote them: a hint, and nothing to make a value of."""
        try:
            handle = files.open_unnoticed(self._path(name), _NO_LINK)
        except OSError:
            return b""
        try:
            return os.read(handle, size)
        finally:
            os.close(handle)

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
            name, partial = entry.name, entry.name.endswith(files.PARTIAL)
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
        """Return where to keep something beside the entries; None without a directory of the user's own.

        Raises
        ------
        OSError
            The directory is refused.
        """
        # Where others can write, what lies beside the entries may be theirs, and is neither read nor written.
        return f"{self._root}/{name}" if self._seal is None and self._exists() else None

    def lock(self, name: str) -> FileLock | None:
        """Take the lock of `name`; None if somebody else has it.

        Raises
        ------
        OSError
            The file system has no locks, or the directory cannot be written.
        """
        from hashcache.stores.file_lock import FileLock  # which a call that finds its result does not need

        folders = self._folders()
        if not self._exists():
            folders.make_root()
        folder = f"{self._root}/{_LOCKS if self._seal is None else _SHARED_LOCKS}"
        folders.make(folder)
        mode = 0o600 if self._seal is None else 0o660
        return FileLock.taken(f"{folder}/{name.rpartition('/')[2]}", mode)

    def _path(self, name: str) -> str:
        cut = name.rfind("/") + 3  # the first two digits are a folder
        return f"{self._base}{name[:cut]}/{name[cut:]}"

    def _folders(self) -> Folders:
        from hashcache.stores.folders import Folders  # which a call that finds its result does not need

        return Folders(self._root, shared=self._seal is not None)

    def _exists(self) -> bool:
        # Looked at again and again: what was deleted can be made again by somebody else.
        try:
            status = os.lstat(self._root) if self._seal is None else os.stat(self._root)
        except (FileNotFoundError, NotADirectoryError):
            return False
        mode = status.st_mode
        if mode & 0o170022 == stat.S_IFDIR and status.st_uid == self._owner:
            return True
        if self._seal is not None and stat.S_ISDIR(mode):
            return True
        from hashcache.stores.folders import refusal

        raise refusal(self._root, status)
