"""Places that archives are kept at: how to read a file, write one whole, and see what is there."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import Any, BinaryIO, Protocol

from hashcache.errors import UnreachableError

PIECE = 2**20


class Place(Protocol):
    """Where archives are. Paths are of digests and fixed names alone, with slashes between."""

    @property
    def address(self) -> str:
        """The address that a user gave, for messages."""

    def read(self, path: str, target: BinaryIO, most: int) -> bool:
        """Copy a file to another one; return whether there is such a file.

        Raises
        ------
        UnreachableError
            It cannot be read, or has more than `most` bytes.
        """

    def write(self, path: str, source: BinaryIO) -> None:
        """Keep what another file holds, so that readers see all of it or what was there before.

        Raises
        ------
        UnreachableError
            It cannot be written.
        """

    def names(self, folder: str) -> list[str] | None:
        """Return the names of the files in a folder; None where that cannot be asked.

        Raises
        ------
        UnreachableError
            It cannot be read.
        """


def place_of(address: str | os.PathLike[str]) -> Place:
    """Return the place with an address: a directory, an HTTP server, or any other URL that fsspec opens.

    Raises
    ------
    UnreachableError
        It is none, or nothing that is installed opens it.
    """
    text = os.fsdecode(address)
    scheme, found, _ = text.partition("://")
    if not found:
        return Directory(os.path.abspath(os.path.expanduser(text)), text)
    if "\0" in text or any(c.isspace() for c in text):
        raise UnreachableError(f"{text!r} is no URL")
    if scheme.lower() in ("http", "https"):
        from hashcache.exchange.web import Server

        return Server(text)
    if scheme.lower() == "file":
        from urllib.parse import unquote, urlsplit

        return Directory(unquote(urlsplit(text).path), text)
    return Remote(text)


def copy(source: Any, target: BinaryIO, most: int, what: str) -> int:
    """Copy one file to another by pieces; return its length. Raise `UnreachableError` if it is too long."""
    size = 0
    while piece := source.read(min(PIECE, most + 1 - size)):
        size += len(piece)
        if size > most:
            raise UnreachableError(f"{what} has more than {most} bytes, and is not used")
        target.write(piece)
    return size


class Directory:
    """Archives in a directory of this machine."""

    def __init__(self, root: str, address: str) -> None:
        self._root, self.address = root, address

    def read(self, path: str, target: BinaryIO, most: int) -> bool:
        """Copy a file to another one; see `Place`."""
        try:
            # A pipe would wait for whoever writes to it, and a directory cannot be read.
            handle = os.open(f"{self._root}/{path}", os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with open(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise UnreachableError(f"{path} of {self.address} is no file")
                copy(file, target, most, f"{path} of {self.address}")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _unreachable(self.address, "read", error) from error
        return True

    def write(self, path: str, source: BinaryIO) -> None:
        """Keep what another file holds; see `Place`."""
        target = f"{self._root}/{path}"
        partial = f"{target}.{os.urandom(8).hex()}.partial"
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                with open(partial, "xb") as file:
                    shutil.copyfileobj(source, file, PIECE)
                os.replace(partial, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial)
                raise
        except OSError as error:
            raise _unreachable(self.address, "written", error) from error

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder; see `Place`."""
        try:
            return os.listdir(f"{self._root}/{folder}")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unreachable(self.address, "read", error) from error


class Remote:
    """Archives at any address that fsspec opens, such as ``s3://bucket/results``."""

    def __init__(self, address: str) -> None:
        try:
            import fsspec
        except ImportError:
            raise UnreachableError(
                f"{address} needs the package `fsspec`; pip install 'hashcache[remote]'"
            ) from None
        self.address = address
        try:
            self._files, self._root = fsspec.core.url_to_fs(address)
        except Exception as error:  # of whatever library opens such addresses
            raise _unreachable(address, "opened", error) from error

    def read(self, path: str, target: BinaryIO, most: int) -> bool:
        """Copy a file to another one; see `Place`."""
        try:
            with self._files.open(self._path(path), "rb") as file:
                copy(file, target, most, f"{path} of {self.address}")
        except FileNotFoundError:
            return False
        except Exception as error:
            raise _unreachable(self.address, "read", error) from error
        return True

    def write(self, path: str, source: BinaryIO) -> None:
        """Keep what another file holds; see `Place`.

        Object stores show a file when it is whole. Elsewhere a reader may see half of one, which its
        SHA-256 shows.
        """
        place = self._path(path)
        try:
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            with self._files.open(place, "wb") as file:
                try:
                    shutil.copyfileobj(source, file, PIECE)
                except BaseException:
                    with suppress(Exception):
                        file.discard()
                    raise
        except Exception as error:
            raise _unreachable(self.address, "written", error) from error

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder; see `Place`."""
        place = self._path(folder)
        try:
            self._files.invalidate_cache()
            return [str(found).rpartition("/")[2] for found in self._files.ls(place, detail=False)]
        except FileNotFoundError:
            return []
        except Exception as error:
            raise _unreachable(self.address, "read", error) from error

    def _path(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"


def _unreachable(address: str, what: str, error: Exception) -> UnreachableError:
    if isinstance(error, UnreachableError):
        return error
    return UnreachableError(f"{address} cannot be {what}: {type(error).__name__}: {error}")
