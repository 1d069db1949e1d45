"""How many bytes a store holds, in a file that processes share: a hint, which others may have made untrue."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from hashcache.statistics import lock

BEGINNINGS = (*(f"{place:02x}" for place in range(256)), "f-")  # of the names of results, and of listings
UNKNOWN = -1  # and below: each change makes it another number

_MAGIC = b"HCSIZES1"
_SLOTS = struct.Struct(f"<8s{len(BEGINNINGS)}q")
_SLOT_OF = {beginning: slot for slot, beginning in enumerate(BEGINNINGS)}


def slot_of(name: str) -> int:
    """Return the place of a name in the ledger."""
    start = name.rfind("/") + 1
    return _SLOT_OF.get(name[start : start + 2], 0)


def add(slots: list[int], grown: Sequence[int]) -> None:
    """Add the bytes by which beginnings grew."""
    for slot, change in enumerate(grown):
        if change and slots[slot] < 0:
            slots[slot] -= 1  # so that whoever is listing it sees that there was a change
        elif change:
            slots[slot] = max(slots[slot] + change, 0)


def correct(slots: list[int], before: Sequence[int], found: Mapping[int, int]) -> None:
    """Put in what was found in some beginnings, but where somebody noted a change since `before`."""
    true = {slot: size for slot, size in found.items() if slots[slot] == before[slot]}
    if any(
        slots[slot] >= 0 and abs(size - slots[slot]) > max(size, slots[slot]) / 4
        for slot, size in true.items()
    ):
        # Others change this store without noting it, so that no number can be trusted.
        slots[:] = [min(size, UNKNOWN) for size in slots]
    for slot, size in true.items():
        slots[slot] = size


class Ledger:
    """Bytes by beginning, in a file that processes share; a negative number where they are not known.

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
