"""A registry in a directory of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phasic.hub.arriving import Arriving
from phasic.hub.errors import UnreachableError, within
from phasic.hub.files import sweep, write_whole

LOCK = ".lock"


class Directory:
    """A registry in a directory of this machine."""

    def __init__(self, root: Path, address: str | None = None) -> None:
        self.root = root
        self.address = str(root) if address is None else address

    def read(self, path: str, largest: int, arriving: Arriving | None = None) -> bytes | None:
        """Return the content of a file; see `phasic.hub.transport.Place`."""
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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from writing meanwhile; see `phasic.hub.transport.WritablePlace`."""
        import fcntl

        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / LOCK, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the system lets go when a process ends
            yield

    def write(self, path: str, data: bytes, replace: bool = True) -> None:
        """Write a file whole; see `phasic.hub.transport.WritablePlace`."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        sweep(file.parent)
        write_whole(file, data, replace=replace)
