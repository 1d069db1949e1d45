"""Reading files that others may have put there: no byte is believed before its seal was compared."""

from __future__ import annotations

import errno
import os
import stat

from hashcache.errors import UntrustedEntryError
from hashcache.stores import files
from hashcache.stores.base import Data
from hashcache.stores.seal import SEAL_SIZE, Seal

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class SealedFiles:
    """The files of a shared directory.

    Parameters
    ----------
    seal : Seal
    owner : int
        The user that this process runs as.
    """

    def __init__(self, seal: Seal, owner: int) -> None:
        self._seal, self._owner = seal, owner
        self._checked: dict[str, tuple[int, ...]] = {}  # states of maps whose seal was compared

    def get(self, path: str, name: str, size: int | None, mode: str | None) -> Data | None:
        """Return the bytes of a file that are sealed under `name`, as `Store.get` does.

        Raises
        ------
        UntrustedEntryError
            They are not sealed with the key.
        """
        try:
            # What others put there may be a link.
            handle = os.open(path, files.READING | _NO_LINK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UntrustedEntryError("it is a symbolic link") from None
            raise
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise UntrustedEntryError("it is not a file")
            length = status.st_size - SEAL_SIZE
            if length < 0:
                raise UntrustedEntryError("it is not sealed")
            # A map shows what becomes of the file. Only a file that nobody else can write to stays what it
            # was when its seal was compared; any other is copied first.
            own = status.st_uid == self._owner and not status.st_mode & 0o022
            if mode and size is None and own and length > files.LARGE:
                found = files.mapped(handle, status, mode, length)
                if found is not None:
                    if found.state is None or self._checked.get(name) != found.state:
                        self._seal.check(name, found, os.pread(handle, SEAL_SIZE, length))
                        if found.state is not None:
                            self._checked[name] = found.state
                    return found
            data = files.read(handle, status)
        finally:
            os.close(handle)
        end = bytes(data[length:])
        del data[length:]
        self._seal.check(name, data, end)
        if size is not None:
            return bytes(data[:size])
        return bytes(data) if length <= files.LARGE else data  # of a small entry copies are made, as of any
