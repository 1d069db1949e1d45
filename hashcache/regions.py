"""Which memory arrays and other buffers lie in, and which of them overlap."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Region(NamedTuple):
    """The bytes from `low` up to `high`, how they are laid out, and whose they are."""

    low: int
    high: int
    layout: str
    place: int
    value: object


def region_of(value: object, place: int) -> Region | None:
    """Return where an array, bytearray or memoryview lies; None for everything else.

    Without NumPy in the process nothing can look at the memory of something else but a memoryview,
    which says itself whose memory that is.
    """
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return None
    if not isinstance(value, numpy.ndarray):
        if type(value).__name__ not in ("bytearray", "memoryview", "array"):
            return None
        try:
            seen = numpy.frombuffer(value, numpy.uint8)
        except (ValueError, TypeError, BufferError):  # no buffer, an empty one, or one with gaps
            return None
        return _region(seen, place, value)
    return _region(value, place, value)


def _region(array: Any, place: int, value: object) -> Region | None:
    if not array.size or not array.itemsize:
        return None
    low = high = array.__array_interface__["data"][0]
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return Region(
        low, high + array.itemsize, f"{array.shape} {array.strides} {array.dtype.str}", place, value
    )


def clusters(regions: Iterable[Region]) -> Iterator[list[Region]]:
    """Yield groups of regions that are connected by overlaps, those of one region left out."""
    group: list[Region] = []
    end = 0
    for region in sorted(regions, key=lambda region: region[:2]):
        if group and region.low >= end:
            if len(group) > 1:
                yield group
            group = []
        end = region.high if not group else max(end, region.high)
        group.append(region)
    if len(group) > 1:
        yield group
