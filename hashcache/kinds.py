"""Kinds of objects whose changes can be told and repeated: what they hold, and how it is put back."""

from __future__ import annotations

import types
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hashcache.canonical import handler_for, type_name
from hashcache.distributions import HEAP_TYPE, origin_of_code
from hashcache.fingerprint import watch_digest
from hashcache.values import write_reduced

Parts = Iterable[tuple[str, object, object]]  # how paths call a part (see `Sink.part`), and the part
Step = Callable[[], object]


class DoesNotFitError(Exception):
    """A change cannot be repeated on an object, such as one on an array that is read-only now."""


_DICT_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)


class Facet:
    """One way in which an object holds things; this one holds nothing."""

    def fits(self, value: Any) -> bool:
        """Return whether this shows all that the object holds this way."""
        return True

    def parts(self, value: Any) -> Parts:
        """Yield what is held, in an order that equal values agree on."""
        return ()

    def snapshot(self, value: Any) -> list[Any]:
        """Return what is held, for comparison: objects by identity, scalars by type and value."""
        return []

    def frame(self, value: Any) -> object:
        """Return what no replay can change, compared by equality."""
        return None

    def content(self, value: Any) -> Any:
        """Return what is held in a form that pickle takes, nothing copied but raw numbers."""
        raise NotImplementedError

    def prepare(self, value: Any, content: Any) -> Step:
        """Return the step that makes `value` hold `content`, and which itself cannot fail.

        Raises
        ------
        DoesNotFitError
            There is no such step.
        """
        raise NotImplementedError


class _Sequence(Facet):
    """A tuple: what it holds can change, but not that it holds it."""

    def parts(self, value: Any) -> Parts:
        return (("[%r]", index, part) for index, part in enumerate(tuple.__iter__(value)))


class _List(Facet):
    def parts(self, value: Any) -> Parts:
        return (("[%r]", index, part) for index, part in enumerate(list.__iter__(value)))

    def snapshot(self, value: Any) -> list[Any]:
        return [*list.__iter__(value)]

    content = snapshot

    def prepare(self, value: Any, content: Any) -> Step:
        return lambda: list.__setitem__(value, slice(None), content)


class _Deque(Facet):
    def parts(self, value: Any) -> Parts:
        return (("[%r]", index, part) for index, part in enumerate(deque.__iter__(value)))

    def snapshot(self, value: Any) -> list[Any]:
        return [*deque.__iter__(value)]

    content = snapshot

    def prepare(self, value: Any, content: Any) -> Step:
        def step() -> None:
            deque.clear(value)
            deque.extend(value, content)

        return step


class _Dict(Facet):
    def __init__(self, base: type[dict[Any, Any]] = dict, form: str = "[%r]") -> None:
        self._base = base
        self._form = form

    def parts(self, value: Any) -> Parts:
        for key, part in self._base.items(value):
            yield "<key %r>", key, key
            yield self._form, key, part
        if self._base is defaultdict:
            yield ".%s", "default_factory", value.default_factory

    def snapshot(self, value: Any) -> list[Any]:
        pairs = self._base.items(value)
        own = [value.default_factory] if self._base is defaultdict else []
        return [*own, *(key for key, _ in pairs), *(part for _, part in pairs)]

    def content(self, value: Any) -> Any:
        pairs = [*self._base.items(value)]
        return (pairs, value.default_factory) if self._base is defaultdict else (pairs,)

    def prepare(self, value: Any, content: Any) -> Step:
        base = self._base
        fresh = dict(content[0])  # asks keys for their hashes, which may fail

        def step() -> None:
            base.clear(value)
            if base is OrderedDict:
                for key, part in fresh.items():
                    OrderedDict.__setitem__(value, key, part)
            else:
                dict.update(value, fresh)
            if base is defaultdict:
                value.default_factory = content[1]

        return step


class _Set(Facet):
    def parts(self, value: Any) -> Parts:
        return (("<element>%s", "", part) for part in value)

    def snapshot(self, value: Any) -> list[Any]:
        return [*value]  # a set that nobody touched yields its elements in the same order

    content = snapshot

    def prepare(self, value: Any, content: Any) -> Step:
        fresh = set(content)

        def step() -> None:
            value.clear()
            value.update(fresh)

        return step


class _FrozenSet(Facet):
    def parts(self, value: Any) -> Parts:
        return (("<element>%s", "", part) for part in value)


class _Bytes(Facet):
    def snapshot(self, value: Any) -> list[Any]:
        return [bytes(value)]

    def content(self, value: Any) -> Any:
        return bytes(value)

    def prepare(self, value: Any, content: Any) -> Step:
        if len(content) != len(value):
            try:
                value.append(0)  # refused while a memoryview or an array looks at the bytes
                del value[-1]
            except BufferError as error:
                raise DoesNotFitError(str(error)) from None
        return lambda: value.__setitem__(slice(None), content)


class _Array(Facet):
    def fits(self, value: Any) -> bool:
        return not value.dtype.hasobject or value.dtype.names is None

    def parts(self, value: Any) -> Parts:
        if value.dtype.hasobject:
            return ((".flat[%r]", index, part) for index, part in enumerate(value.ravel().tolist()))
        return ()

    def snapshot(self, value: Any) -> list[Any]:
        if value.dtype.hasobject:
            return [*value.ravel().tolist()]
        return [watch_digest(value)]

    def frame(self, value: Any) -> object:
        return value.shape, value.dtype

    def content(self, value: Any) -> Any:
        return value.copy()

    def prepare(self, value: Any, content: Any) -> Step:
        if not value.flags.writeable or value.shape != content.shape or value.dtype != content.dtype:
            raise DoesNotFitError("the array is read-only or has another shape or dtype")
        return lambda: value.__setitem__(..., content)


class _State(Facet):
    """A generator of random numbers: a state that can be read and set, beside parts of its own."""

    def __init__(self, read: Callable[[Any], Any], write: Callable[[Any, Any], object], *parts: str) -> None:
        self._read = read
        self._write = write
        self._parts = parts

    def parts(self, value: Any) -> Parts:
        return [(".%s", name, getattr(value, name, None)) for name in self._parts]

    def snapshot(self, value: Any) -> list[Any]:
        return [watch_digest(self._read(value))]

    def content(self, value: Any) -> Any:
        return self._read(value)

    def prepare(self, value: Any, content: Any) -> Step:
        return lambda: self._write(value, content)


class _Holder(Facet):
    """Something that holds its parts for good, as a bound method does."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def parts(self, value: Any) -> Parts:
        return [(".%s", name, getattr(value, name)) for name in self._names]


class _Weak(Facet):
    """A weak reference; what it leads to stays while somebody looks back, and so does the reference."""

    def parts(self, value: Any) -> Parts:
        return [("%s", "()", value())]


class _Attributes(Facet):
    """The slots of an instance, and which ``__dict__`` it has; that dict is an object of its own."""

    def __init__(self, kind: type, is_told: bool = True) -> None:
        self._is_told = is_told  # whether the canonical form of the type shows attributes
        self._slots = [
            member
            for base in kind.__mro__
            if "__slots__" in vars(base)
            for member in vars(base).values()
            if isinstance(member, types.MemberDescriptorType)
        ]
        self._has_dict = any(
            isinstance(vars(base).get("__dict__"), _DICT_DESCRIPTORS) for base in kind.__mro__
        )
        self.is_empty = not (self._slots or self._has_dict)
        self.has_only_slots = not self._has_dict

    def fits(self, value: Any) -> bool:
        if self._has_dict and type(value.__dict__) is not dict:
            return False
        return self._is_told or not (self._slots or value.__dict__)

    def parts(self, value: Any) -> Parts:
        if self._has_dict:
            yield "%s", "", value.__dict__
        for place, part in self._filled(value):
            yield ".%s", self._slots[place].__name__, part

    def _filled(self, value: Any) -> Iterator[tuple[int, Any]]:
        for place, slot in enumerate(self._slots):
            try:
                yield place, slot.__get__(value)
            except AttributeError:  # nothing there yet
                continue

    def snapshot(self, value: Any) -> list[Any]:
        own = [value.__dict__] if self._has_dict else []
        return own + [entry for pair in self._filled(value) for entry in pair]

    def content(self, value: Any) -> Any:
        return value.__dict__ if self._has_dict else None, dict(self._filled(value))

    def prepare(self, value: Any, content: Any) -> Step:
        names, slots = content

        def step() -> None:
            if self._has_dict and names is not value.__dict__:
                object.__setattr__(value, "__dict__", names)
            filled = dict(self._filled(value))
            for place, slot in enumerate(self._slots):
                if place in slots:
                    slot.__set__(value, slots[place])
                elif place in filled:
                    slot.__delete__(value)

        return step


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


_BASES: dict[type, Facet] = {
    list: _List(),
    deque: _Deque(),
    OrderedDict: _Dict(OrderedDict),
    defaultdict: _Dict(defaultdict),
    dict: _Dict(),
    tuple: _Sequence(),
}
_EXACT = {set: _Set(), frozenset: _FrozenSet(), bytearray: _Bytes()}
_WEAK = Kind((_Weak(),))
_METHOD = Kind((_Holder("__func__", "__self__"),))
_FORGETFUL = (Counter, defaultdict)  # whose pickle reduction leaves attributes of subclasses out
_PLAIN_BASES = (object, int, float, complex, str, bytes)
_REDUCTION = ("__reduce_ex__", "__reduce__", "__getstate__")

ATTRIBUTES = Kind((_Dict(form=".%s"),))
"""The ``__dict__`` of an instance."""


def find_kind(kind: type) -> Kind | None:
    """Return how objects of a type are taken apart; None if only as a whole.

    A kind has to show all that the canonical form of the type shows and nothing besides, in the same
    order: then two arguments with equal keys have parts that correspond to each other. Whatever has a
    canonical form of its own making is therefore taken as a whole.
    """
    handler = handler_for(kind)
    name = type_name(kind)
    if handler is not write_reduced:
        if kind in _EXACT and handler.__module__ == "hashcache.values":
            return Kind((_EXACT[kind],), ordered=kind is bytearray)
        if kind in (list, dict, tuple):
            return Kind((_BASES[kind],))
        if kind is types.MethodType:
            return _METHOD
        if kind is weakref.ref:
            return _WEAK
        if handler.__module__ == "hashcache.arrays" and kind.__module__.startswith("numpy"):
            facet = _of_numpy(kind, name)
            return None if facet is None else Kind((facet,))
        return None
    if kind is types.SimpleNamespace:
        return Kind((_Attributes(kind),))
    if name == "random.Random":
        return Kind((_State(kind.getstate, kind.setstate),))  # type: ignore[attr-defined]
    base = next((base for base in kind.__mro__ if base in _BASES), object)
    attributes = _Attributes(kind, is_told=not issubclass(kind, _FORGETFUL))
    reduced_as = Counter if issubclass(kind, Counter) else base
    special = _REDUCTION if base is object else (*_REDUCTION, "__iter__", "items")
    own = [name for name in special if getattr(kind, name, None) is not getattr(reduced_as, name, None)]
    if own and not (own == ["__getstate__"] and attributes.has_only_slots and _is_of_attrs(kind)):
        return None
    if any(
        not other.__flags__ & HEAP_TYPE and other not in (base, dict, *_PLAIN_BASES) for other in kind.__mro__
    ):
        return None  # a compiled base may hold what nobody can see
    facets = [_BASES[base]] if base in _BASES else []
    if not attributes.is_empty:
        facets.append(attributes)
    return Kind(tuple(facets), is_user_class=origin_of_code(kind) is None)


def _is_of_attrs(kind: Any) -> bool:
    """Whether instances are pickled as their slots, by a method that attrs made."""
    return getattr(kind.__getstate__, "__module__", "") == "attr._make"


def _of_numpy(kind: type, name: str) -> Facet | None:
    if name == "numpy.ndarray":
        return _Array()
    if name == "numpy.random._generator.Generator":
        return _Holder("bit_generator")  # which has all of the state
    if name == "numpy.random.mtrand.RandomState":
        return _State(
            lambda value: value.get_state(legacy=False),
            lambda value, state: value.set_state(state),
            "_bit_generator",
        )
    if any(base.__qualname__ == "BitGenerator" for base in kind.__mro__):
        return _State(
            lambda value: value.state, lambda value, state: setattr(value, "state", state), "seed_seq"
        )
    return None
