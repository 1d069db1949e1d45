"""The files in which JAX itself keeps what it compiles: listed, checked, pruned.

JAX writes a program at once to the file that is read, and never mends one: what a killed process leaves is
read and refused by every process that comes later. With a limit on the size, JAX notes beside each program
when that was last used, and one program without such a note stops all writing.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

PROGRAM, NOTE = "-cache", "-atime"  # a program, and when it was last used
_CHECKED = "checked"  # a file as old as what was looked into last
_YOUNG = 10.0  # seconds in which somebody may still be writing
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


class JaxEntry(NamedTuple):
    """One program that JAX keeps."""

    name: str
    path: str
    size: int
    used: float  # when, as far as is known
    written: float


class JaxPruned(NamedTuple):
    """What went, and what stays."""

    gone: tuple[tuple[JaxEntry, str], ...]  # each with the reason
    size: int


class JaxDirectory:
    """A directory that JAX keeps programs in.

    Parameters
    ----------
    folder : str
        It need not exist.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def folder(self) -> str:
        """The directory."""
        return self._folder

    def entries(self) -> Iterator[JaxEntry]:
        """Yield the programs."""
        for name, path, found in self.files():
            if name.endswith(PROGRAM):
                used = max(found.st_atime, found.st_mtime)
                with suppress(OSError):
                    used = max(used, os.stat(path.removesuffix(PROGRAM) + NOTE).st_mtime)
                yield JaxEntry(name.removesuffix(PROGRAM), path, found.st_size, used, found.st_mtime)

    def files(self) -> Iterator[tuple[str, str, os.stat_result]]:
        """Yield name, path and status of what JAX has written, and of nothing else that lies there."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as found:
            for one in found:
                if one.name.endswith((PROGRAM, NOTE)) and one.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield one.name, one.path, one.stat(follow_symlinks=False)

    def damage(self, entry: JaxEntry) -> str:
        """Return what is wrong with a program, which JAX would never mend; empty if it is whole."""
        try:
            with open(entry.path, "rb") as file:
                data = file.read()
            return _damage(data)
        except OSError as error:
            return str(error)

    def mend(self, max_size: int | None = None) -> JaxPruned:
        """Prune, but look only into what was written since the last time."""
        checked = os.path.join(self.folder, _CHECKED)
        since = 0.0
        with suppress(OSError):
            since = os.stat(checked).st_mtime
        now = time.time()
        pruned = self.prune(max_size, since=since)
        with suppress(OSError):  # a directory that is not there, or cannot be written
            open(checked, "wb").close()
            os.utime(checked, (now - _YOUNG, now - _YOUNG))
        return pruned

    def prune(self, max_size: int | None = None, dry_run: bool = False, *, since: float = 0.0) -> JaxPruned:
        """Delete what is damaged or has lost its partner, and what was not used for longest beyond a size.

        Parameters
        ----------
        max_size : int, optional
            Bytes that programs may take.
        dry_run : bool
            Say what would go, and delete nothing.
        since : float
            Only what was written later is looked into, in seconds since 1970.
        """
        gone: list[tuple[JaxEntry, str]] = []
        whole = []
        for entry in self.entries():
            reason = self.damage(entry) if entry.written >= since else ""
            if reason:
                gone.append((entry, reason))
            else:
                whole.append(entry)
        size = sum(entry.size for entry in whole)
        for entry in sorted(whole, key=lambda entry: entry.used):
            if max_size is None or size <= max_size:
                break
            gone.append((entry, "over the size"))
            size -= entry.size
        if not dry_run:
            for entry, _ in gone:
                self._delete(entry)
            self._pair()
        return JaxPruned(tuple(gone), size)

    def clear(self) -> int:
        """Delete all programs; return how many there were."""
        removed = sum(self._delete(entry) for entry in list(self.entries()))
        self._pair()
        return removed

    def _delete(self, entry: JaxEntry) -> bool:
        with suppress(OSError):
            os.unlink(entry.path.removesuffix(PROGRAM) + NOTE)
        try:
            os.unlink(entry.path)
        except OSError:
            return False
        return True

    def _pair(self) -> None:
        """Delete notes that have lost their program, and give a program its note where others have one."""
        files = {name: (path, found) for name, path, found in self.files()}
        notes = {name.removesuffix(NOTE) for name in files if name.endswith(NOTE)}
        programs = {name.removesuffix(PROGRAM) for name in files if name.endswith(PROGRAM)}
        for name in notes - programs:
            with suppress(OSError):
                os.unlink(files[name + NOTE][0])
        for name in programs - notes if notes else ():
            path, found = files[name + PROGRAM]
            with suppress(OSError), open(path.removesuffix(PROGRAM) + NOTE, "wb") as file:
                file.write(found.st_mtime_ns.to_bytes(8, "little"))


def _damage(data: bytes) -> str:
    if not data:
        return "empty"
    if data[:4] == _ZSTANDARD:
        return _damage_of_zstandard(data)
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(data)
    except zlib.error as error:
        return str(error)
    return "" if unpacker.eof else "cut short"


def _damage_of_zstandard(data: bytes) -> str:
    try:
        unpacker, error_class = _zstandard()
    except ImportError:  # who cannot unpack it cannot tell
        return ""
    try:
        unpacker.decompress(data)
    except error_class as error:
        return str(error)
    return "" if unpacker.eof else "cut short"


def _zstandard() -> tuple[Any, type[Exception]]:
    try:
        from compression import zstd  # what JAX takes where Python has it

        return zstd.ZstdDecompressor(), zstd.ZstdError
    except ImportError:
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError
