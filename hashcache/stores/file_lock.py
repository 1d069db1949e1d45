"""A lock between processes: a file that is there while it is held, and that its owner's death gives back.

Of what a package for locks does for every platform, two calls of `flock` are needed here. They are made
here because the reason of a refusal counts: only a lock that somebody has is waited for. On a file system
that has no locks everybody computes at once.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import Any

_TRIES = 20  # at a file that others make and delete all the time
_EXISTING = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_NEW = _EXISTING | os.O_CREAT | os.O_EXCL


class FileLock:
    """A lock, held.

    Attributes
    ----------
    was_left : bool
        Whether the file was there before: whoever gives the lock back deletes it, so its owner died.
    """

    def __init__(self, path: str, handle: int, was_left: bool) -> None:
        self._path, self._handle, self.was_left = path, handle, was_left
        _held.add(self)

    @classmethod
    def taken(cls, path: str) -> FileLock | None:
        """Take the lock at a path; None if somebody else has it.

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
            handle, was_left = -1, True
            try:
                try:
                    handle = os.open(path, _EXISTING)
                except FileNotFoundError:
                    try:
                        handle, was_left = os.open(path, _NEW, 0o600), False
                    except FileExistsError:
                        continue
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return None
                if _is_at(handle, path):
                    _sign(handle)
                    lock, handle = cls(path, handle, was_left), -1
                    return lock
                # Its last owner deleted it meanwhile: whoever comes next would lock another file.
            except BaseException:
                if not was_left:
                    with contextlib.suppress(OSError):
                        os.unlink(path)
                raise
            finally:
                if handle >= 0:
                    os.close(handle)
        raise OSError(f"{path} is made and deleted again and again")

    def release(self) -> None:
        """Delete the file and give the lock back; what goes wrong with that is nobody's concern."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        try:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        finally:
            with contextlib.suppress(OSError):
                os.close(handle)

    def __del__(self) -> None:
        self.release()

    def _forget(self) -> None:
        """Let go in a forked child: it would keep the lock beyond the death of its owner."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with contextlib.suppress(OSError):
                os.close(handle)


_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _is_at(handle: int, path: str) -> bool:
    try:
        there: Any = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _sign(handle: int) -> None:
    """Say for people who has it."""
    with contextlib.suppress(OSError):  # a full disk, which harms no lock
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()} {os.uname().nodename}\n".encode())
