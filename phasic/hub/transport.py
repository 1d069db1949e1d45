"""Places that registries can be at, and how to read a file of theirs: never more, longer or elsewhere."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

from phasic.hub.arriving import Arriving
from phasic.hub.directory import Directory
from phasic.hub.errors import UnreachableError

BUILTIN = "builtin"
SHIPPED = Path(__file__).resolve().parent.parent / "registry"


class Place(Protocol):
    """Where a registry is."""

    @property
    def address(self) -> str:
        """The address that a user gave, for messages."""

    def read(self, path: str, largest: int, arriving: Arriving | None = None) -> bytes | None:
        """Return the content of a file below this place; None if there is none.

        A place from which files come slowly goes on with what has arrived already.

        Raises
        ------
        UnreachableError
            It cannot be read, or has more than `largest` bytes.
        """


@runtime_checkable
class WritablePlace(Place, Protocol):
    """Where a registry can be written to as well."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep others from writing meanwhile; who is killed keeps nobody."""

    def write(self, path: str, data: bytes, replace: bool = True) -> None:
        """Write a file so that whoever reads sees all of it or what was there before.

        Raises
        ------
        OSError
            It cannot be written, or is there already unless `replace`.
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
    from phasic.hub.remote import Remote

    return Remote(text)
