"""A lock between processes: a file that is there while it is held, and that its owner's death gives back.

Of what a package for locks does for every platform, two calls of `flock` are needed here. They are made
here because the reason of a refusal counts: only a lock that somebody has is waited for. On a file system
that has no locks everybody computes at once.
"""

from __future__ import annotations

import contextlib
import os
import stat
import weakref
from io import FileIO

_TRIES = 20  # at a file that others make and delete all the time


class FileLock:
    """A lock, held.

    Attributes
    ----------
    was_left : bool
        Whether the file was there before: whoever gives the lock back deletes it, so its owner died.
    """

    # A file object and not a number: an interruption between any two steps here loses the object, which is
    # then closed, once. A number that got lost would keep the lock as long as the process lives. No `__del__`
    # deletes the file of a lost lock: an interruption that arrives in one is swallowed.
    def __init__(self, path: str, file: FileIO, was_left: bool) -> None:
        self.was_left = was_left
        self._path, self._file = path, file
        _held.add(weakref.ref(self))

    @classmethod
    def taken(cls, path: str, mode: int = 0o600) -> FileLock | None:
        """Take the lock at a path, in a file of this mode; None if somebody else has it.

        Raises
        ------
        OSError
            There are no locks, or the file cannot be made.
        """
        try:
            import fcntl
        except ImportError as error:
            raise OSError("this system has no locks for files") from error
        for _ in range(_TRIES):
            was_left = True
            try:
                file = FileIO(path, "r+")
            except FileNotFoundError:
                try:
                    file, was_left = FileIO(path, "x+"), False
                except FileExistsError:
                    continue
            lock = cls(path, file, was_left)
            try:
                try:
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    lock._let_go()
                    return None
                if _is_at(file.fileno(), path):
                    if not was_left:
                        os.fchmod(file.fileno(), mode)
                    _sign(file.fileno())
                    return lock
                lock._let_go()  # its last owner deleted it meanwhile: whoever comes next would lock another
            except BaseException:
                lock._let_go() if was_left else lock.release()
                raise
        raise OSError(f"{path} is made and deleted again and again")

    def release(self) -> None:
        """Delete the file and give the lock back; what goes wrong with that is nobody's concern."""
        if self._file.closed:
            return
        try:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        _held.discard(weakref.ref(self))
        with contextlib.suppress(OSError):
            self._file.close()


_held: set[weakref.ref[FileLock]] = set()


def _forget_all() -> None:
    # A child would keep the lock beyond the death of its owner.
    for held in list(_held):
        lock = held()
        if lock is not None:
            lock._let_go()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _is_at(handle: int, path: str) -> bool:
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    # No link of either kind, which others can put there where the directory is shared.
    is_alone = stat.S_ISREG(here.st_mode) and here.st_nlink == 1
    return is_alone and (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _sign(handle: int) -> None:
    """Say for people who has it."""
    with contextlib.suppress(OSError):  # a full disk, which harms no lock
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()} {os.uname().nodename}\n".encode())
