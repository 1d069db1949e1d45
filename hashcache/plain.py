"""Digests of builtin scalars and of nests of exact builtin types, at the speed of C."""

from __future__ import annotations

import marshal
from collections.abc import Collection, Sequence
from itertools import chain
from operator import countOf
from typing import Any, NamedTuple

from hashcache.digest import digest_frame

# `marshal` writes any buffer as plain bytes, so only these exact types may reach it. Version 2 of its
# format knows neither references nor interned strings: bytes are equal exactly when values are.
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
NESTS = frozenset({tuple, list, dict})
_MARSHAL_VERSION = 2
_DEPTH = 50
_SIZE = 1 << 24  # of a nest inside nests: what is shared is written as often as it occurs
_MANY = 1 << 15  # parts among which it is worth looking for shared ones
_LONG = 1000  # elements after which counting those of one type pays


def is_atom(value: object) -> bool:
    """Whether a value is a builtin scalar, and of no subclass."""
    return type(value) in ATOMS


def atom_digest(value: Any) -> bytes:
    """Return the digest of a builtin scalar, without a walk."""
    return digest_frame("plain", marshal.dumps(value, _MARSHAL_VERSION))


def nest_digest(value: Any, kind: type) -> tuple[bytes, bool] | None:
    """Return the digest of a tuple, list or dict, and whether anything in it can change in place.

    None where a part is of any other type than these and builtin scalars, and for nests that are cyclic
    or very deep, or very long with all that they share written out: whether it is None is a property of
    the value.
    """
    level = value if kind is not dict else _contents([value])
    kinds = _kinds(level)
    if kinds == _TEXT and kind is not dict:
        # Joined in a third of the time that `marshal` takes to encode one by one. No text may contain
        # what stands between them.
        text = "\0".join(value)
        if text.count("\0") == len(value) - 1:
            head = f"{kind.__name__} {len(value)}\0".encode()
            return digest_frame("texts", head + text.encode("utf-8", "surrogatepass")), kind is list
    mutable = kind is not tuple
    if not kinds <= ATOMS:
        inside = _sweep(value, kind, level, kinds)
        if inside is None:
            return None
        mutable = mutable or inside
    return digest_frame("plain", marshal.dumps(value, _MARSHAL_VERSION)), mutable


_TEXT = frozenset({str})
_TUPLE = frozenset({tuple})


def _kinds(level: Collection[Any]) -> set[type]:
    """Return the types that occur among values."""
    if len(level) > _LONG:  # most long lists are of one type, which takes half the time to find out
        kind = type(next(iter(level)))
        if countOf(map(type, level), kind) == len(level):
            return {kind}
    return set(map(type, level))


def _contents(tables: Sequence[dict[Any, Any]]) -> Collection[Any]:
    """Return the values of dicts, and their keys unless these are atoms, as they nearly always are."""
    keys: Collection[Any]
    values: Collection[Any]
    if len(tables) == 1:
        keys, values = tables[0], tables[0].values()
    else:
        keys, values = list(chain.from_iterable(tables)), list(chain.from_iterable(map(dict.values, tables)))
    return values if _kinds(keys) <= ATOMS else [*keys, *values]


def _sweep(value: Any, kind: type, level: Collection[Any], kinds: set[type]) -> bool | None:
    """Return whether any nest inside a nest is mutable, level by level; None where it is not plain."""
    size, mutable = len(value), False
    for _ in range(_DEPTH + 1):
        nested = kinds - ATOMS
        if not nested:
            return mutable
        if not nested <= NESTS:
            return None
        mutable = mutable or nested != _TUPLE
        parts = level if len(nested) == len(kinds) else [part for part in level if type(part) in NESTS]
        if len(parts) > _MANY and len(set(map(id, parts))) < len(parts):
            measured = _measure(value, kind, 0, {})
            return None if measured is None or measured.size > _SIZE else measured.mutable
        size += sum(map(len, parts))
        if size > _SIZE:
            return None
        if dict not in nested:
            level = list(chain.from_iterable(parts))
        elif len(nested) == 1:
            level = _contents(list(parts))
        else:
            rest = chain.from_iterable([part for part in parts if type(part) is not dict])
            level = [*_contents([part for part in parts if type(part) is dict]), *rest]
        kinds = _kinds(level)
    return None


class _Nest(NamedTuple):
    size: int
    height: int
    mutable: bool


def _measure(value: Any, kind: type, depth: int, known: dict[int, _Nest]) -> _Nest | None:
    """Return what `_sweep` looks at, part by part, for nests in which the same part occurs again."""
    nest = known.get(id(value))
    if nest is not None:
        return None if depth + nest.height > _DEPTH else nest
    if depth > _DEPTH:
        return None
    size, height, mutable = len(value), 0, kind is not tuple
    for element in chain(value, value.values()) if kind is dict else value:
        inner_kind = type(element)
        if inner_kind in ATOMS:
            continue
        inner = _measure(element, inner_kind, depth + 1, known) if inner_kind in NESTS else None
        if inner is None:
            return None
        size += inner.size
        height = max(height, inner.height + 1)
        mutable = mutable or inner.mutable
    nest = known[id(value)] = _Nest(size, height, mutable)
    return nest
