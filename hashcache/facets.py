"""Ways to hold things: how what an object holds is listed, compared, stored and put back."""

from __future__ import annotations

import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hashcache.watching import watch_digest

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
        if len(fresh) != len(content[0]):
            raise DoesNotFitError("keys that were different are equal now")

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
        if len(fresh) != len(content):
            raise DoesNotFitError("elements that were different are equal now")

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


class Attributes(Facet):
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
        """Return whether the canonical form shows all of them too."""
        if self._has_dict and (type(value.__dict__) is not dict or value.__dict__ is not value.__dict__):
            return False  # what a property of the class's own says
        return self._is_told or not (self._slots or value.__dict__)

    def parts(self, value: Any) -> Parts:
        """Yield the dict, then what is in the slots."""
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
        """Return the dict, and what is in the slots with their numbers."""
        own = [value.__dict__] if self._has_dict else []
        return own + [entry for pair in self._filled(value) for entry in pair]

    def content(self, value: Any) -> Any:
        """Return the same for storing."""
        return value.__dict__ if self._has_dict else None, dict(self._filled(value))

    def prepare(self, value: Any, content: Any) -> Step:
        """Return the step that sets slots and dict; see `Facet.prepare`."""
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


def of_numpy(kind: type) -> Facet | None:
    """Return how arrays and generators of NumPy are taken apart; None for all else that is NumPy's."""
    name = kind.__qualname__
    if name == "ndarray":
        return _Array()
    if name == "Generator":
        return _Holder("bit_generator")  # which has all of the state
    if name == "RandomState":
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


CONTAINERS: dict[type, Facet] = {
    list: _List(),
    deque: _Deque(),
    OrderedDict: _Dict(OrderedDict),
    defaultdict: _Dict(defaultdict),
    dict: _Dict(),
    tuple: _Sequence(),
}
"""What instances of these classes hold, and of classes derived from them."""

EXACT: dict[type, Facet] = {
    set: _Set(),
    frozenset: _FrozenSet(),
    bytearray: _Bytes(),
    types.MethodType: _Holder("__func__", "__self__"),
    weakref.ref: _Weak(),
}
"""What instances of exactly these hold."""

NAMES: Facet = _Dict(form=".%s")
"""What the ``__dict__`` of an instance holds."""

RANDOM: Facet = _State(lambda value: value.getstate(), lambda value, state: value.setstate(state))
"""The state of a `random.Random`."""
