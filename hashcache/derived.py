"""Cached properties: what a call may put into an object without changing it.

Asking an object for a `functools.cached_property` writes the answer into its ``__dict__``. It stays part
of the object's value, since nobody can say cheaply whether it still is what the property would compute:
somebody may have assigned it, or changed what it was computed from. But a call that did nothing except
fill such properties is no change either: the object before it and the object after it stand for the
same, so the result is stored under the keys of both.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from types import CodeType, FunctionType
from typing import Any

from hashcache.instructions import Instructions


def is_cached_property(kind: type, name: str) -> bool:
    """Return whether instances of a class compute this attribute when first asked, and keep it."""
    found: Any = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    return isinstance(found, functools.cached_property)


def may_assign(functions: Iterable[FunctionType], names: Collection[str]) -> bool:
    """Return whether one of these functions may assign an attribute of one of these names.

    An attribute that is assigned looks like one that was filled. Constants count too: ``setattr``,
    ``vars(x).update(...)`` and ``x.__dict__[...]`` spell the name as one.
    """
    return any(_assigns(function.__code__, frozenset(names)) for function in functions)


def _assigns(code: CodeType, names: frozenset[str]) -> bool:
    if not names.isdisjoint(code.co_names):
        found = Instructions(code)
        operations = zip(found.names, found.values, strict=True)
        if any(operation == "STORE_ATTR" and value in names for operation, value in operations):
            return True
    return any(
        _assigns(constant, names) if isinstance(constant, CodeType) else _spells(constant, names)
        for constant in code.co_consts
    )


def _spells(constant: object, names: frozenset[str]) -> bool:
    if isinstance(constant, (tuple, frozenset)):
        return any(_spells(part, names) for part in constant)
    return isinstance(constant, str) and constant in names
