"""How two results differ, for people; nothing where they are the same value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from hashcache.codec import CODECS, encode
from hashcache.errors import UnencodableError
from hashcache.mutation import digest_argument
from hashcache.preview import preview

_SHOWN = 5


def difference(old: Any, new: Any, rtol: float = 0.0, name: str = "result") -> str:
    """Return in which places two results differ, and how; an empty text if they are the same value.

    Values are compared as keys compare them: by type, shape and content, NaN being equal to itself.

    Parameters
    ----------
    old, new : object
    rtol : float
        By how much floats and complex numbers may differ, alone and in lists, tuples, dicts and arrays:
        ``abs(new - old) <= rtol * max(abs(new), abs(old))``.
    name : str
        What the results are called.
    """
    found = list(islice(_differences(old, new, rtol, name, 0), _SHOWN + 1))
    more = "; and more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def _differences(old: Any, new: Any, rtol: float, path: str, depth: int) -> Iterator[str]:
    if type(old) is not type(new):
        yield f"{path}: {_named(old)} -> {_named(new)}"
    elif _is_same(old, new):
        return
    elif type(old) in (float, complex):
        if not _is_close(old, new, rtol):
            yield f"{path}: {preview(old)} -> {preview(new)}"
    elif type(old) in (list, tuple) and len(old) == len(new) and depth < 50:
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, rtol, f"{path}[{place}]", depth + 1)
    elif type(old) is dict and list(old) == list(new) and depth < 50:
        for key, one in old.items():
            yield from _differences(one, new[key], rtol, f"{path}[{preview(key)}]", depth + 1)
    elif type(old).__module__ == "numpy" and hasattr(old, "dtype"):
        yield from _array_differences(old, new, rtol, path)
    else:
        then, now = preview(old), preview(new)
        yield f"{path}: {then} -> {now}" if then != now else f"{path}: {then}, but not the same"


def _is_same(old: Any, new: Any) -> bool:
    try:
        return digest_argument("", old).digest == digest_argument("", new).digest
    except Exception:  # a value may raise anything when it is looked at
        pass
    try:  # something that can be stored and has no canonical form
        one, other = encode(old, CODECS), encode(new, CODECS)
    except UnencodableError:
        return False
    frames = [[bytes(frame) for frame in payload.frames] for _, payload in (one, other)]
    return frames[0] == frames[1] and one[1].description == other[1].description


def _is_close(old: complex, new: complex, rtol: float) -> bool:
    if not rtol:
        return False
    if isinstance(old, complex) or isinstance(new, complex):
        pairs = ((old.real, new.real), (old.imag, new.imag))
        if not all(math.isfinite(part) for pair in pairs for part in pair):
            return all(_is_close(*pair, rtol) or _is_same(*pair) for pair in pairs)
    elif not (math.isfinite(old) and math.isfinite(new)):
        return math.isnan(old) and math.isnan(new)
    return abs(new - old) <= rtol * max(abs(new), abs(old))


def _array_differences(old: Any, new: Any, rtol: float, path: str) -> Iterator[str]:
    import numpy as np

    if old.dtype != new.dtype or old.shape != new.shape:
        yield f"{path}: {old.dtype} of shape {old.shape} -> {new.dtype} of shape {new.shape}"
        return
    if type(old) is not np.ndarray and not isinstance(old, np.generic):
        yield f"{path}: not the same {type(old).__qualname__}"
        return
    one, other = np.atleast_1d(old), np.atleast_1d(new)
    if one.dtype.kind not in "biufc":
        yield f"{path}: {preview(old)} -> {preview(new)}"
        return
    with np.errstate(all="ignore"):
        # Where both are infinite or NaN, the digits have to be equal, which the sign of a zero need not.
        unequal = ~((one == other) | ((one != one) & (other != other)))
        if one.dtype.kind in "fc" and rtol:
            sizes = np.maximum(np.abs(one), np.abs(other))
            close = np.isfinite(sizes) & (np.abs(other - one) <= rtol * sizes)
            unequal &= ~close
        elif not unequal.any():
            yield f"{path}: differs in signs of zeros or bits of NaNs"
            return
        count = int(unequal.sum())
        if not count:
            return
        place = tuple(int(part) for part in np.argwhere(unequal)[0])
        text = f"{path}: {count} of {one.size} elements differ, the first at {list(place)}"
        text += f": {one[place]} -> {other[place]}"
        if one.dtype.kind in "fc":
            gaps = np.abs(other - one)[unequal]
            worst = (gaps / np.maximum(np.abs(one), np.abs(other))[unequal]).max()
            text += f"; by {gaps.max():.2g} at most, relative to size {worst:.2g}"
        yield text


def _named(value: Any) -> str:
    return f"{type(value).__qualname__} {preview(value)}"
