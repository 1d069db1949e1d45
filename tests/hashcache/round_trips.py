"""Values through an entry and back, and whether they are the same after it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hashcache import Codec, entry
from hashcache.codec import CODECS, encode

KEY = bytes(range(16))


@dataclass
class Model:
    """A class that only pickle, or a codec of its own, can store."""

    rates: Any
    name: str = ""


def decode(data: bytes | bytearray, codecs: Sequence[Codec]) -> Any:
    name, payload, *_ = entry.unpack(data, KEY)
    (codec,) = (codec for codec in codecs if codec.name == name)
    return codec.decode(payload)


def stored(value: Any, codecs: Sequence[Codec] = CODECS, by: str | None = None) -> bytearray:
    """The bytes of an entry: a description has to survive its JSON."""
    name, payload = encode(value, codecs)
    assert by is None or name == by
    return bytearray().join(entry.pack(KEY, name, payload, {}))


def round_trip(value: Any, by: str | None = None) -> Any:
    return decode(stored(value, by=by), CODECS)


def same(a: Any, b: Any) -> bool:
    """Equal in type and value, floats to the bit; arrays also in dtype, shape and order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and type(a) is float:
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex) and type(a) is complex:
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))  # in the same order
    if isinstance(a, np.ndarray):
        # Of an array that is contiguous in neither order, pickle may keep the strides or not.
        kept = b.flags.c_contiguous or not a.flags.c_contiguous
        kept = kept and (b.flags.f_contiguous or not a.flags.f_contiguous)
        return kept and same_content(a, b)
    if isinstance(a, np.longdouble | np.clongdouble):
        return repr(a) == repr(b)  # six of its sixteen bytes have no value
    return same_content(a, b) if isinstance(a, np.generic) else a == b


def same_content(a: Any, b: Any) -> bool:
    return (a.dtype, a.dtype.type, a.shape, a.tobytes()) == (b.dtype, b.dtype.type, b.shape, b.tobytes())
