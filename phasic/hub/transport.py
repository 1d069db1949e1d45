"""Places that registries can be at, and how to read a file of theirs: never more, longer or elsewhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Protocol

from phasic.hub.errors import UnreachableError

BUILTIN = "builtin"
SHIPPED = Path(__file__).resolve().parent.parent / "registry"


class Place(Protocol):
    """Where a registry is."""

    @property
    def address(self) -> str:
        """The address that a user gave, for messages."""

    def read(self, path: str, largest: int) -> bytes | None:
        """Return the content of a file below this place; None if there is none.

        Raises
        ------
        UnreachableError
            It cannot be read, or has more than `largest` bytes.
        """


def place_of(address: str | os.PathLike[str]) -> Place:
    """Return the place with an address: a directory, ``builtin``, a git repository or another URL.

    Raises
    ------
    UnreachableError
        Nothing that is installed reads such a URL.
    """
    text = os.fspath(address)
    if text == BUILTIN:
        return Directory(SHIPPED, BUILTIN)
    from phasic.hub import git

    if git.is_repository(text):
        return git.Clone(text)
    if "://" not in text:
        return Directory(Path(text).expanduser(), text)
    if "\0" in text or any(c.isspace() for c in text):
        raise UnreachableError(f"{text!r} is no URL")
    scheme, _, _ = text.partition("://")
    if scheme.lower() in ("http", "https"):
        from phasic.hub.http import Server

        return Server(text)
    if scheme.lower() == "file":
        from urllib.parse import unquote, urlsplit

        return Directory(Path(unquote(urlsplit(text).path)), text)
    return Remote(text)


class Directory:
    """A registry in a directory of this machine."""

    def __init__(self, root: Path, address: str) -> None:
        self.root = root
        self.address = address

    def read(self, path: str, largest: int) -> bytes | None:
        """Return the content of a file; see `Place`."""
        try:
            # A pipe would wait for whoever writes to it, and a directory cannot be read.
            handle = os.open(self.root / path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self.address} cannot be read: {error}") from error
        with os.fdopen(handle, "rb") as file:
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise UnreachableError(f"{path} of {self.address} is no file")
                return within(file.read(largest + 1), largest, path, self.address)
            except OSError as error:
                raise UnreachableError(f"{path} of {self.address} cannot be read: {error}") from error


class Remote:
    """A registry at any address that fsspec opens, such as ``s3://bucket/registry``."""

    def __init__(self, address: str) -> None:
        try:
            import fsspec
        except ImportError:
            raise UnreachableError(
                f"reading {address} needs the package `fsspec`; pip install 'hashcache[remote]'"
            ) from None
        self.address = address
        self._fsspec: Any = fsspec

    def read(self, path: str, largest: int) -> bytes | None:
        """Return the content of a file; see `Place`."""
        try:
            # No compression: what is read is what is stored.
            with self._fsspec.open(f"{self.address.rstrip('/')}/{path}", "rb", compression=None) as file:
                data = file.read(largest + 1)
        except FileNotFoundError:
            return None
        except Exception as error:  # of whatever library reads such addresses
            raise UnreachableError(
                f"{path} of {self.address} cannot be read: {type(error).__name__}: {error}"
            ) from error
        return within(bytes(data), largest, path, self.address)


def within(data: bytes, largest: int, path: str, address: str) -> bytes:
    """Return the data if there are not too many, else raise UnreachableError."""
    if len(data) > largest:
        raise UnreachableError(f"{path} of {address} has more than {largest} bytes; none of it is used")
    return data
