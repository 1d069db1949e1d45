"""Kinds of objects whose changes can be told and repeated: what each type is to be taken apart into."""

from __future__ import annotations

import types
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hashcache.canonical import handler_for, type_name
from hashcache.distributions import HEAP_TYPE, origin_of_code
from hashcache.facets import CONTAINERS, EXACT, NAMES, RANDOM, Attributes, Facet, Parts, Step, of_numpy
from hashcache.values import write_reduced


@dataclass(frozen=True)
class Kind:
    """How objects of one type are taken apart and put back."""

    facets: tuple[Facet, ...]
    is_user_class: bool = False
    ordered: bool = True  # whether parts come in an order that does not depend on the hash seed

    @property
    def name(self) -> str:
        """What it is called in keys: the same for classes of one shape, wherever they are defined."""
        return " ".join(type(facet).__name__ for facet in self.facets)

    def fits(self, value: object) -> bool:
        """Return whether this object, and not just its type, can be taken apart so."""
        return all(facet.fits(value) for facet in self.facets)

    def parts(self, value: object) -> Parts:
        """Yield everything that the object holds, with how paths call it."""
        for facet in self.facets:
            yield from facet.parts(value)

    def snapshot(self, value: object) -> list[list[Any]]:
        """Return what the object holds, one list per facet."""
        return [facet.snapshot(value) for facet in self.facets]

    def frame(self, value: object) -> object:
        """Return what about the object no replay can change."""
        return type(value), [facet.frame(value) for facet in self.facets]

    def content(self, value: object, changed: Iterable[int]) -> list[tuple[int, Any]]:
        """Return what the facets of these numbers hold, to be stored."""
        return [(number, self.facets[number].content(value)) for number in changed]

    def prepare(self, value: object, content: list[tuple[int, Any]]) -> list[Step]:
        """Return the steps that make the object hold what was stored."""
        return [self.facets[number].prepare(value, part) for number, part in content]


_UNORDERED = (set, frozenset)
_FORGETFUL = (Counter, defaultdict)  # whose pickle reduction leaves attributes of subclasses out
_PLAIN_BASES = (object, int, float, complex, str, bytes)
_REDUCTION = ("__reduce_ex__", "__reduce__", "__getstate__")

ATTRIBUTES = Kind((NAMES,))
"""The ``__dict__`` of an instance."""


def find_kind(kind: type) -> Kind | None:
    """Return how objects of a type are taken apart; None if only as a whole.

    A kind has to show all that the canonical form of the type shows and nothing besides, in the same
    order: then two arguments with equal keys have parts that correspond to each other. Whatever has a
    canonical form of its own making is therefore taken as a whole.
    """
    handler = handler_for(kind)
    if handler is write_reduced:
        return _of_reduced(kind)
    if handler.__module__ == "hashcache.arrays" and kind.__module__.startswith("numpy"):
        facet = of_numpy(kind)
    elif handler.__module__ in ("hashcache.values", "hashcache.code_values"):  # none of a user's own
        facet = EXACT.get(kind) or (CONTAINERS[kind] if kind in (list, dict, tuple) else None)
    else:
        facet = None
    return None if facet is None else Kind((facet,), ordered=kind not in _UNORDERED)


def _of_reduced(kind: Any) -> Kind | None:
    """Return the kind of a type whose canonical form is what pickle takes its instances apart into."""
    if kind is types.SimpleNamespace:
        return Kind((Attributes(kind),))
    if type_name(kind) == "random.Random":
        return Kind((RANDOM,))
    base = next((base for base in kind.__mro__ if base in CONTAINERS), object)
    attributes = Attributes(kind, is_told=not issubclass(kind, _FORGETFUL))
    reduced_as = Counter if issubclass(kind, Counter) else base
    special = _REDUCTION if base is object else (*_REDUCTION, "__iter__", "items")
    own = [name for name in special if getattr(kind, name, None) is not getattr(reduced_as, name, None)]
    if own and not (own == ["__getstate__"] and attributes.has_only_slots and _is_of_attrs(kind)):
        return None
    for other in kind.__mro__:
        if not other.__flags__ & HEAP_TYPE and other not in (base, dict, *_PLAIN_BASES):
            return None  # a compiled base may hold what nobody can see
    facets = [CONTAINERS[base]] if base in CONTAINERS else []
    if not attributes.is_empty:
        facets.append(attributes)
    return Kind(tuple(facets), is_user_class=origin_of_code(kind) is None)


def _is_of_attrs(kind: Any) -> bool:
    """Whether instances are pickled as their slots, by a method that attrs made."""
    return getattr(kind.__getstate__, "__module__", "") == "attr._make"
