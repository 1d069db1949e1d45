"""What defines a class, without what Python itself adds to it or derives from the rest."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from typing import Any

_DERIVED = frozenset(
    """
    __abstractmethods__ __annotate__ __annotate_func__ __annotations__ __annotations_cache__
    __dict__ __doc__ __firstlineno__ __module__ __orig_bases__ __parameters__ __qualname__
    __slotnames__ __static_attributes__ __type_params__ __weakref__ _abc_impl
    """.split()  # noqa: SIM905
)
_ENUM_MACHINERY = frozenset(
    """
    __new__ _all_bits_ _boundary_ _flag_mask_ _generate_next_value_ _hashable_values_ _inverted_
    _member_map_ _member_names_ _member_type_ _new_member_ _numeric_repr_ _singles_mask_
    _unhashable_values_ _unhashable_values_map_ _use_args_ _value2member_map_ _value_repr_
    """.split()  # noqa: SIM905
)


def class_attributes(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield what defines a class beyond its bases, by name: the order of definition does not matter."""
    members: Mapping[str, Any] = {}
    if "_member_map_" in vars(kind):
        members = vars(kind)["_member_map_"]
        yield "members", [(name, member._value_) for name, member in members.items()]
    if isinstance(kind, abc.ABCMeta):
        yield "registered", _registered(kind)
    for name, value in sorted(vars(kind).items()):
        if name in _DERIVED or name in members or (members and name in _ENUM_MACHINERY):
            continue
        yield name, value


def class_state(kind: type) -> tuple[Any, ...]:
    """Return what tells by identity whether anything about the class was changed since."""
    registered = _registered(kind) if isinstance(kind, abc.ABCMeta) else ()
    return (kind.__bases__, registered, *vars(kind), *map(id, vars(kind).values()))


def _registered(kind: abc.ABCMeta) -> frozenset[type]:
    """Return the classes that count as subclasses since somebody registered them."""
    found = (reference() for reference in abc._get_dump(kind)[0])  # type: ignore[attr-defined]
    return frozenset(subclass for subclass in found if subclass is not None)
