"""What is inside arguments and captured values, for people: a bounded list of paths with short texts.

The digest of an argument says that it differs, not where. Beside it an entry therefore keeps a row for
each part of a small nest or object. Rows take no part in the key.
"""

from __future__ import annotations

import enum
import functools
import itertools
import types
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hashcache.canonical import Sink, Walk, handler_for, type_name
from hashcache.digest import digest_frame
from hashcache.distributions import origin_of_code, qualified_name
from hashcache.errors import UncanonicalError
from hashcache.fingerprint import ArgumentWalk, Fingerprint
from hashcache.mutation import Argument
from hashcache.parts import Inner, Part
from hashcache.plain import ATOMS
from hashcache.preview import is_shown_whole, preview
from hashcache.values import write_reduced

_MOST = 64  # rows in one entry
_BYTES = 4_000  # of all rows in one entry, about
_MOST_CAPTURED, _BYTES_CAPTURED = (
    200,
    12_000,
)  # of a listing, which all results at one state of the code share
_FRAME = 40  # of these, what a row takes beside its texts
_DIGITS = 16
_SMALL_ARRAY = 32
_COLUMN = "hashcache.frames._Column"


class _Node:
    """A value on the way to being an `Inner`."""

    __slots__ = ("digest", "parts", "step", "text", "value")

    def __init__(self, step: str, value: Any, text: str = "") -> None:
        self.step, self.value, self.text, self.digest = step, value, text, ""
        self.parts: Sequence[_Node] = ()

    def inner(self) -> Inner:
        return Inner(self.step, self.digest, self.text, tuple([part.inner() for part in self.parts]))


def look_inside(arguments: Sequence[Argument]) -> list[tuple[Inner, ...]]:
    """Return the rows of each argument: all parts of a value or none, nearest to the surface first."""
    return _look(
        [(argument.value, argument.walk or ArgumentWalk()) for argument in arguments], _MOST, _BYTES, True
    )


def captured_parts(fingerprint: Fingerprint) -> list[Part]:
    """Return the parts of a fingerprint, with what is inside the captured values that can change in place.

    Nothing is said of a value that is no longer what it was.
    """
    parts = list(fingerprint.parts)
    watched = [one for one in fingerprint.watched if 0 <= one.place < len(parts) and not one.changed()]
    # Code has parts of its own, so that here its name will do.
    walk = Walk(lambda code: digest_frame("name", qualified_name(code).encode()), opaque=True)
    found = _look([(one.value, walk) for one in watched], _MOST_CAPTURED, _BYTES_CAPTURED, False)
    for one, inside in zip(watched, found, strict=True):
        parts[one.place] = parts[one.place]._replace(inside=inside)
    return parts


def _look(values: Sequence[tuple[Any, Walk]], rows: int, size: int, classes: bool) -> list[tuple[Inner, ...]]:
    roots = [_Node("", value) for value, _ in values]
    waiting = deque(
        (root, walk) for root, (value, walk) in zip(roots, values, strict=True) if type(value) not in ATOMS
    )
    while waiting:
        node, walk = waiting.popleft()
        parts: Sequence[_Node] = ()
        with suppress(Exception):  # a text that cannot be had is no reason for anything
            parts = _parts_of(node.value, rows)
            if not classes:
                parts = [part for part in parts if not isinstance(part.value, _Class)]
            for part in parts:
                if not part.text:
                    _describe(part, walk)
        taken = sum([len(part.step) + len(part.digest) + len(part.text) + _FRAME for part in parts])
        if all(part.digest or part.text for part in parts) and taken <= size:
            node.parts, rows, size = parts, rows - len(parts), size - taken
            waiting.extend((part, walk) for part in parts if part.digest)
    return [root.inner().inside for root in roots]


def _describe(node: _Node, walk: Walk) -> None:
    value = node.value
    if isinstance(value, _Class):
        node.digest, node.value = walk.code(value.kind).hex()[:_DIGITS], None
        return
    # Of arrays and objects the walk that made the key still knows it.
    node.digest = walk.digest(value).hex()[:_DIGITS]
    node.text = _text(value)


def _text(value: Any) -> str:
    if type_name(type(value)) == _COLUMN:
        return f"{value.array.dtype}[{len(value.array)}]"
    return preview(value)


# -- taking apart ------------------------------------------------------------------------------------

# Either they have no parts, or it is code, which has a listing of its own.
_WHOLE = (
    types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type,
    str, bytes, bytearray, memoryview, set, frozenset, range, slice, enum.Enum,
)  # fmt: skip


def _parts_of(value: Any, most: int) -> Sequence[_Node]:
    """Return the parts of a value; none if it has more than so many."""
    kind = type(value)
    if kind is list or kind is tuple:
        return [] if len(value) > most else [_node(f"[{place}]", part) for place, part in enumerate(value)]
    if kind is dict:
        return [] if len(value) > most else [_node(f"[{preview(key)}]", part) for key, part in value.items()]
    if kind is functools.partial:
        return [_node(f".{name}", getattr(value, name)) for name in ("func", "args", "keywords")]
    if kind is types.MethodType:
        return [_node(".__func__", value.__func__), _node(".__self__", value.__self__)]
    if value is None or issubclass(kind, _WHOLE) or type_name(kind) == _COLUMN:
        return []
    if type_name(kind) == "numpy.ndarray":
        return list(_elements(value))
    handler = handler_for(kind)
    if handler is write_reduced and issubclass(kind, (list, tuple, dict)):
        return _content(value, kind, most)
    sink = _Listing(most)
    handler(value, sink)
    return sink.parts


def _content(value: Any, kind: type, most: int) -> Sequence[_Node]:
    """Return the elements of a subclass of a builtin nest, past its own methods: fields of named tuples."""
    if issubclass(kind, dict):
        return _parts_of(dict(dict.items(value)), most)
    elements = tuple(tuple.__iter__(value) if issubclass(kind, tuple) else list.__iter__(value))
    names = vars(kind).get("_fields")
    if type(names) is tuple and len(names) == len(elements):
        return [_node(f".{name}", part) for name, part in zip(names, elements, strict=True)]
    return _parts_of(elements, most)


def _node(step: str, value: Any) -> _Node:
    return _Node(step, None, repr(value)) if is_shown_whole(value) else _Node(step, value)


def _elements(array: Any) -> Iterator[_Node]:
    if array.dtype.kind in "biufc" and 0 < array.size <= _SMALL_ARRAY and array.dtype.char not in "gG":
        places = itertools.product(*map(range, array.shape))
        for place, number in zip(places, array.ravel(), strict=True):
            yield _Node(f"[{', '.join(map(str, place)) or '()'}]", None, str(number))


@dataclass(frozen=True)
class _Class:
    kind: type


class _Listing(Sink):
    """Where a handler writes a value whose parts are only to be listed."""

    __slots__ = ("most", "parts")

    def __init__(self, most: int) -> None:
        super().__init__(_NoWalk())
        self.most = most
        self.parts: list[_Node] = []

    def part(self, form: str, key: object, value: object) -> None:
        if form.startswith("<"):  # nothing that people would write down
            return
        if len(self.parts) == self.most:
            raise _TooManyError
        if "%s" in form and type(key) is str:
            step = form.replace("%s", key)
        else:
            step = form.replace("%r", preview(key))  # whose own `repr` may say anything
        self.parts.append(_node(step, value))

    def write(self, tag: str, data: bytes | memoryview = b"") -> None:
        pass

    def type_of(self, value: object) -> None:
        kind = type(value)
        if origin_of_code(kind) is None:
            self.parts.append(_Node(f": class {qualified_name(kind)}", _Class(kind)))


class _TooManyError(Exception):
    pass


class _NoWalk(ArgumentWalk):
    """A walk that goes nowhere; handlers of frames ask it whether columns are wanted one by one."""

    def __init__(self) -> None:
        super().__init__(outline={})

    def digest(self, value: object) -> bytes:
        raise UncanonicalError("only to be listed")
