"""The folders of a store: made for the user alone, or for a group; and why one is refused."""

from __future__ import annotations

import contextlib
import os
import stat

from hashcache.stores.files import PARTIAL


class Folders:
    """Makes the folders of a store, with modes that do not depend on the mask of the process.

    Parameters
    ----------
    root : str
        The directory of the store.
    shared : bool
        Whether others put entries there as well. Folders then are open to the group of the root.
    """

    def __init__(self, root: str, *, shared: bool) -> None:
        self._root, self._shared = root, shared

    def make_root(self) -> None:
        """Make the directory of the store, with its parents."""
        try:
            self.make(self._root)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._root), exist_ok=True)
            self.make(self._root)

    def make_above(self, path: str) -> None:
        """Make the folders that a file is to lie in, up to the root."""
        # Level by level: os.makedirs gives its mode to the last one only. Mostly that is all that is missing.
        folder, above = os.path.dirname(path), []
        while True:
            try:
                self.make(folder)
                break
            except FileNotFoundError:
                above.append(folder)
                folder = os.path.dirname(folder)
                if folder == self._root:
                    self.make(above.pop())
                    break
        for folder in reversed(above):
            self.make(folder)

    def make(self, folder: str) -> None:
        """Make one folder, unless it is there."""
        if not self._shared:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
        elif not os.path.isdir(folder):
            self._make_shared(folder)

    def _make_shared(self, folder: str) -> None:
        # Beside its place: there it would be closed to the others until its mode is set.
        partial = f"{folder}.{os.urandom(8).hex()}{PARTIAL}"
        os.mkdir(partial, 0o700)
        try:
            if folder != self._root:
                group = os.stat(self._root).st_gid
                if os.stat(partial).st_gid != group:
                    with contextlib.suppress(OSError):  # a group that the user is not in
                        os.chown(partial, -1, group)
            os.chmod(partial, 0o2770)  # what is made in it then is of the same group
            try:
                os.rename(partial, folder)
            except OSError:
                if not os.path.isdir(folder):  # made and filled by somebody else meanwhile
                    raise
        finally:
            with contextlib.suppress(OSError):
                os.rmdir(partial)


def refusal(root: str, status: os.stat_result) -> OSError:
    """Return the error that says why a directory is not used, and what to do."""
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        reason, remedy = "is a symbolic link, which may come to lead elsewhere", "name what it leads to"
    elif not stat.S_ISDIR(mode):
        return NotADirectoryError(f"{root} is not a directory; choose another location")
    elif mode & 0o022:
        reason, remedy = (
            f"is writable by others (mode {mode & 0o7777:04o})",
            "empty it and make it yours alone (chmod 700)",
        )
    else:
        reason, remedy = f"belongs to somebody else (user {status.st_uid})", "choose another location"
    return PermissionError(
        f"{root} {reason}, and who can plant entries there can run code here; {remedy}, or pass "
        f"shared=True, so that only entries sealed with a key are read"
    )
