"""What has arrived of a file so far, kept on disk if it is long, so that nothing is fetched twice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_SUFFIX = ".arriving"
_WORTH = 1 << 20  # bytes from which on a file is kept on disk while it arrives
_LONGEST_TAG = 200
_ABANDONED = 7 * 24 * 3600.0  # seconds after which nobody goes on with it


class Arriving:
    """The bytes of a file that have arrived, from the first on.

    They are in memory, and in a file as well where there is one: behind a line with the tag, all that is
    written there is the beginning of what was received, wherever whoever writes is killed.

    Parameters
    ----------
    file : binary file, optional
        What an earlier process has left in it is taken over.

    Attributes
    ----------
    tag : str
        What the server calls this content, its strong ``ETag``; empty if it does not say.
    is_joined : bool
        Whether the bytes come from more than one answer.
    """

    def __init__(self, file: BinaryIO | None = None) -> None:
        self.tag = ""
        self.is_joined = False
        self._data = bytearray()
        self._file = file
        if file is not None:
            self._take_over(file)

    def _take_over(self, file: BinaryIO) -> None:
        with suppress(OSError, UnicodeError):
            tag, end, data = file.read().partition(b"\n")
            if end and len(tag) <= _LONGEST_TAG:
                self.tag, self._data, self.is_joined = tag.decode("ascii"), bytearray(data), bool(data)
                return
        self.restart()

    def __len__(self) -> int:
        return len(self._data)

    @property
    def content(self) -> bytes:
        """All bytes so far."""
        return bytes(self._data)

    def restart(self, tag: str = "") -> None:
        """Forget what has arrived; what comes now is the content with this tag."""
        usable = len(tag) <= _LONGEST_TAG and tag.isascii() and tag.isprintable()
        self.tag = tag if usable else ""
        self.is_joined = False
        self._data.clear()
        if self._file is not None:
            with self._given_up():
                self._file.seek(0)
                self._file.truncate()
                self._file.write(self.tag.encode() + b"\n")

    def go_on(self) -> None:
        """Say that what comes now is the rest."""
        self.is_joined = True

    def append(self, piece: bytes) -> None:
        """Add what came next."""
        self._data += piece
        if self._file is not None:
            with self._given_up():
                self._file.write(piece)

    @contextmanager
    def _given_up(self) -> Iterator[None]:
        """Do without the file once it cannot be written: what is in memory is enough for this time."""
        try:
            yield
        except OSError:
            self._file = None


@contextmanager
def arriving(folder: Path | None, sha256: str, size: int) -> Iterator[Arriving]:
    """Give what an earlier process has received of a file with this digest, to go on with.

    It is kept in `folder` if it is worth it, and left there for the next time if the block raises. A
    process that finds another one at it works in memory.
    """
    file = _opened(folder / f".{sha256}{_SUFFIX}") if folder is not None and size >= _WORTH else None
    if folder is not None:
        _sweep(folder)
    if file is None:
        yield Arriving()
        return
    with file:
        yield Arriving(file)
        with suppress(OSError):
            os.unlink(file.name)


def _opened(path: Path) -> BinaryIO | None:
    """Return a file that this process alone writes to, or None."""
    import fcntl

    def private(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    try:
        file = open(path, "r+b", buffering=0, opener=private)  # noqa: SIM115  (whoever asked closes it)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go when a process ends
        return file
    except OSError:
        file.close()
        return None


def _sweep(folder: Path) -> None:
    """Delete what nobody came back for."""
    with suppress(OSError):
        for path in folder.glob(f".*{_SUFFIX}"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _ABANDONED:
                    path.unlink()
