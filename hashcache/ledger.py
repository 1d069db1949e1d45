"""How many bytes a store holds, in a file that processes share: a hint, which others may have made untrue."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress

from hashcache.statistics import lock

BEGINNINGS = (*(f"{place:02x}" for place in range(256)), "f-")  # of the names of results, and of listings
UNKNOWN = -1

_MAGIC = b"HCSIZES1"
_SLOTS = struct.Struct(f"<8s{len(BEGINNINGS)}q")
_SLOT_OF = {beginning: slot for slot, beginning in enumerate(BEGINNINGS)}


def slot_of(name: str) -> int:
    """Return the place of a name in the ledger."""
    start = name.rfind("/") + 1
    return _SLOT_OF.get(name[start : start + 2], 0)


class Ledger:
    """Bytes by beginning, in a file that processes share; -1 where they are not known.

    Parameters
    ----------
    path : str
        Made when first needed, with the folder that it is in.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def update(self, change: Callable[[list[int]], None]) -> list[int]:
        """Change the numbers while nobody else does, and return them; raise `OSError` where that fails."""
        flags = os.O_RDWR | os.O_CREAT
        try:
            handle = os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            with suppress(FileExistsError):  # somebody was faster
                os.mkdir(os.path.dirname(self._path), 0o700)
            handle = os.open(self._path, flags, 0o600)
        try:
            lock(handle, tries=3)
            data = os.read(handle, _SLOTS.size)
            if len(data) == _SLOTS.size and data.startswith(_MAGIC):
                slots = list(_SLOTS.unpack(data)[1:])
            else:
                slots = [UNKNOWN] * len(BEGINNINGS)
            change(slots)
            after = _SLOTS.pack(_MAGIC, *slots)
            if after != data:
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, after)
            return slots
        finally:
            os.close(handle)
