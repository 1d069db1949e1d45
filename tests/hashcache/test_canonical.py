"""Digests agree exactly when type and value agree."""

from __future__ import annotations

import collections
import copy
import datetime
import decimal
import enum
import fractions
import functools
import math
import pathlib
import struct
import threading
import uuid
import zoneinfo
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashcache
from hashcache import UncanonicalError, canonical, digest, plain
from hashcache.fingerprint import ArgumentWalk


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Model:
    rate: float
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Other:
    rate: float
    names: list[str] = field(default_factory=list)


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: object, b: object) -> None:
        self.a, self.b = a, b


class Numbers(list[int]):
    pass


class Text(str):
    pass


class Table(dict[Any, Any]):
    pass


def nan(payload: int) -> float:
    return struct.unpack(">d", struct.pack(">Q", 0x7FF8000000000000 | payload))[0]


STRUCTURED = np.dtype([("a", "<i4"), ("b", "<f8")], align=True)


def padded(noise: int) -> np.ndarray[Any, Any]:
    raw = np.full(3 * STRUCTURED.itemsize, noise, dtype=np.uint8)
    array = raw.view(STRUCTURED)
    array["a"], array["b"] = 1, 2.0
    return array


# A value, other spellings of the same value, and near misses that must differ from it and each other.
TABLE: list[tuple[Any, list[Any], list[Any]]] = [
    (
        1,
        [int("1")],
        [1.0, True, "1", b"1", np.int64(1), np.int32(1), Level.LOW, (1,), [1], decimal.Decimal(1)],
    ),
    (2**70, [1 << 70], [-(2**70), float(2**70), 2**70 + 1]),
    (0.0, [float("0")], [-0.0, 0, 0j, False, np.float64(0), np.float32(0)]),
    (nan(0), [nan(0)], [nan(1), math.inf, None]),
    (1j, [complex(0, 1)], [complex(-0.0, 1), 1.0]),
    (None, [], [False, 0, "", (), [], {}, ..., NotImplemented]),
    ("ab", ["".join(["a", "b"])], [b"ab", bytearray(b"ab"), ["a", "b"], Text("ab"), "ab\0", "a\u0308b"]),
    ("\ud800", [chr(0xD800)], ["?", "\ud801"]),
    (b"x", [bytes([120])], [bytearray(b"x"), memoryview(b"x"), "x"]),
    ([1, 2], [[1, 1 + 1]], [(1, 2), [2, 1], [[1, 2]], [1, [2]], [1, 2, None], Numbers([1, 2]), {1, 2}, "12"]),
    ([[1], [1]], [[[1]] * 2], [[[1, 1]], [[1], 1]]),
    (
        {"a": 1, "b": 2},
        [dict(a=1, b=2)],
        [{"b": 2, "a": 1}, {"a": 2, "b": 1}, Table(a=1, b=2), {"a": {"b": 2}}],
    ),
    ({1, 2, 3}, [{3, 2, 1}], [frozenset({1, 2, 3}), {1, 2}, [1, 2, 3], {1, 2, 3.0}]),
    ({"x", "y"}, [{"y", "x"}], [{"xy"}, {"x", "y", ""}]),
    (range(3), [range(0, 3, 1)], [range(0, 3, 2), [0, 1, 2], range(4)]),
    (slice(1), [slice(None, 1)], [slice(1, None), (None, 1, None)]),
    (collections.OrderedDict(a=1), [collections.OrderedDict([("a", 1)])], [{"a": 1}]),
    (collections.Counter("aab"), [collections.Counter(a=2, b=1)], [{"a": 2, "b": 1}]),
    (collections.defaultdict(list, a=[1]), [], [collections.defaultdict(dict, a=[1]), {"a": [1]}]),
    (collections.deque([1, 2]), [collections.deque((1, 2))], [collections.deque([1, 2], 2), [1, 2]]),
    (Point(1, 2), [Point(y=2, x=1)], [(1, 2), Point(2, 1)]),
    (Colour.RED, [Colour(1)], [Colour.BLUE, 1, "RED"]),
    (Model(1.0, ["a"]), [copy.deepcopy(Model(1.0, ["a"]))], [Other(1.0, ["a"]), Model(1.0), Model(1, ["a"])]),
    (Slotted(1, 2), [copy.copy(Slotted(1, 2))], [Slotted(2, 1), (1, 2)]),
    (decimal.Decimal("1.0"), [decimal.Decimal("1.0")], [decimal.Decimal("1.00"), 1.0, fractions.Fraction(1)]),
    (datetime.date(2026, 1, 2), [datetime.date.fromisoformat("2026-01-02")], [datetime.datetime(2026, 1, 2)]),
    (
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        [datetime.datetime.fromisoformat("2026-01-02T00:00:00+00:00")],
        [
            datetime.datetime(2026, 1, 2),
            datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
        ],
    ),
    (pathlib.PurePosixPath("a/b"), [pathlib.PurePosixPath("a") / "b"], ["a/b", pathlib.Path("a/b")]),
    (uuid.UUID(int=5), [uuid.UUID("00000000-0000-0000-0000-000000000005")], [5, uuid.UUID(int=6)]),
    (math.sin, [], [math.cos, "sin", np.sin]),
    (int, [], [float, bool, "int"]),
    (math, [], [struct, "math"]),
    (functools.partial(pow, 2), [functools.partial(pow, 2)], [functools.partial(pow, 3), pow]),
    (
        np.arange(6.0).reshape(2, 3),
        [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(12.0).repeat(1)[::1][:6].reshape(2, 3)],
        [
            np.arange(6.0),
            np.arange(6.0).reshape(3, 2),
            np.arange(6).reshape(2, 3),
            np.arange(6.0).reshape(2, 3).T,
        ],
    ),
    (
        np.arange(10)[::2],
        [np.array([0, 2, 4, 6, 8])],
        [np.array([0, 2, 4, 6, 8], dtype=">i8"), [0, 2, 4, 6, 8]],
    ),
    (np.array(1.0), [np.array(1.0)], [np.float64(1.0), np.array([1.0]), 1.0]),
    (np.empty((0, 3)), [np.zeros((0, 3))], [np.empty((3, 0)), np.empty(0), np.empty((0, 3), dtype="f4")]),
    (
        np.array(["a", "bc"]),
        [np.array(["a", "bc"])],
        [np.array(["a", "bc"], dtype="U5"), np.array([b"a", b"bc"])],
    ),
    (np.array([1, "a", None], dtype=object), [np.array([1, "a", None], dtype=object)], [[1, "a", None]]),
    (padded(0), [padded(255)], [np.zeros(3, STRUCTURED)]),
    (
        np.ma.masked_array([1.0, 2.0], [False, True]),
        [np.ma.masked_array([1.0, 99.0], [False, True])],
        [np.ma.masked_array([1.0, 2.0], [True, False]), np.array([1.0, 2.0])],
    ),
    (np.datetime64("2026-01-01", "D"), [np.datetime64("2026-01-01")], [np.datetime64("2026-01-01", "s")]),
    (np.dtype("f8"), [np.dtype(float)], [np.dtype("f4"), np.dtype(">f8"), float]),
]


@pytest.mark.parametrize(("value", "same", "different"), TABLE, ids=[type(row[0]).__name__ for row in TABLE])
def test_spellings_of_a_value_agree_and_near_misses_differ(value: Any, same: list[Any], different: list[Any]):
    for other in [value, *same]:
        assert digest(other) == digest(value)
    digests = [digest(other) for other in [value, *different]]
    assert len(set(digests)) == len(digests)


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary(max_size=9)
)


def nests(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.integers(0, 3) | st.text(max_size=2) | st.booleans()
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(keys, inner, max_size=3)
            | st.frozensets(keys, max_size=3)
        ),
        max_leaves=8,
    )


def spelled(value: Any) -> Any:
    """An injective text of a nest, against which digests are held."""
    kind = type(value)
    if kind is float:
        return ("float", struct.pack(">d", value))
    if kind is complex:
        return ("complex", struct.pack(">dd", value.real, value.imag))
    if kind in (list, tuple):
        return (kind, [spelled(element) for element in value])
    if kind is dict:
        return (dict, [(spelled(key), spelled(element)) for key, element in value.items()])
    if kind is frozenset:
        return (frozenset, sorted(map(repr, map(spelled, value))))
    return (kind, value)


@given(nests(atoms), nests(atoms))
def test_digests_agree_exactly_when_type_and_value_do(a: Any, b: Any):
    assert (digest(a) == digest(b)) == (spelled(a) == spelled(b))


@given(nests(st.integers(0, 1) | st.sampled_from(["", "a", "aa", b"", b"a"])), nests(st.integers(0, 1)))
def test_small_nests_never_collide(a: Any, b: Any):
    # Few leaves make near-collisions of the framing likely; any ambiguity would show here.
    assert (digest([a, b]) == digest([b, a])) == (spelled(a) == spelled(b))


@given(nests(atoms))
def test_sharing_and_identity_are_no_part_of_the_value(value: Any):
    assert digest([value, value]) == digest([value, copy.deepcopy(value)])
    shared = (value, [value])
    assert digest([shared, shared, np.arange(3)]) == digest([copy.deepcopy(shared), shared, np.arange(3)])


@given(nests(atoms))
def test_a_value_among_objects_has_the_digest_that_it_has_alone(value: Any):
    walk = ArgumentWalk()
    walk.digest([object, value, np.float64(1)])
    assert walk.digest(value) == ArgumentWalk().digest(value)


@given(nests(atoms), st.integers(1, 60))
def test_a_nest_is_measured_alike_level_by_level_and_part_by_part(value: Any, height: int):
    for _ in range(height):
        value = [value]
    found = plain.nest_digest([value, 1.0], list)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_MANY", 0)  # look for shared parts at once
        patch.setattr(plain, "_LONG", 0)
        assert plain.nest_digest([value, 1.0], list) == found
        shared = plain.nest_digest([value, value, 1.0], list)
    assert shared == plain.nest_digest([value, copy.deepcopy(value), 1.0], list)


def test_only_exact_types_are_written_as_they_are():
    # Each of these is a buffer, a set or a subclass, which `marshal` would take for something else.
    for odd in (bytearray(b"ab"), memoryview(b"ab"), np.arange(2), np.float64(1), {1}, Text("ab"), Level.LOW):
        for nest in ([odd], (1, odd), {"a": odd}, [[(odd,)]], [["a"] * 2000, ["a"] * 2000 + [odd]]):
            assert plain.nest_digest(nest, type(nest)) is None
    for key in (Text("ab"), Level.LOW, frozenset()):
        assert plain.nest_digest({"a": {key: 1}}, dict) is None


@given(st.lists(st.text(st.sampled_from("a\0\ud800\U0001f600"), max_size=3), max_size=3))
def test_lists_of_texts_agree_exactly_when_the_texts_do(texts: list[str]):
    others = [texts[:-1], [*texts, ""], ["\0".join(texts)], ["".join(texts)], [text + "\0" for text in texts]]
    for other in others:
        assert (digest(other) == digest(texts)) == (other == texts)
    assert digest(tuple(texts)) != digest(texts)


def test_the_order_of_a_mapping_counts_unless_relaxed():
    a, b = {"x": 1, "y": [2]}, {"y": [2], "x": 1}
    assert ArgumentWalk().digest(a) != ArgumentWalk().digest(b)
    assert ArgumentWalk(relax=["dict_order"]).digest([a]) == ArgumentWalk(relax=["dict_order"]).digest([b])
    assert ArgumentWalk(relax=["dict_order"]).digest(a) != ArgumentWalk(relax=["dict_order"]).digest({"x": 1})


def test_cycles_have_a_digest():
    def ring(n: int) -> list[Any]:
        first: list[Any] = []
        last = first
        for _ in range(n - 1):
            following: list[Any] = []
            last.append(following)
            last = following
        last.append(first)
        return first

    assert digest(ring(2)) == digest(ring(2)) != digest(ring(3))
    model = Model(1.0)
    model.names.append(model)  # type: ignore[arg-type]
    assert digest(model) == digest(copy.deepcopy(model)) != digest(Model(1.0))


def test_shared_parts_are_digested_once():
    value: Any = [0.5]
    for _ in range(200):  # 2**200 elements, if every occurrence were looked at
        value = [value, value]
    assert digest(value) == digest(copy.deepcopy(value))


def test_depth_beyond_recursion_is_refused_by_name():
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(UncanonicalError, match="nested too deeply"):
        digest(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (threading.Lock(), "value"),
        ({"a": [1, threading.Lock()]}, "value['a'][1]"),
        (Model(1.0, [iter([])] and [(x for x in ())]), "value.names[0]"),  # type: ignore[list-item]
        (object(), "value"),
        ([open], None),
    ],
)
def test_what_has_no_value_is_refused_with_its_path(value: Any, path: str | None):
    if path is None:
        assert digest(value)
        return
    with pytest.raises(UncanonicalError) as caught:
        digest(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(path + " is a ")


def test_an_object_that_reduces_differently_each_time_is_refused():
    class Unstable:
        def __reduce__(self):
            return (Unstable, (), {"now": next(counter)})

    counter = iter(range(100))
    with pytest.raises(UncanonicalError, match="something else each time"):
        digest(Unstable())


def test_a_class_can_say_what_its_value_is():
    class Grid:
        def __init__(self, n: int) -> None:
            self.n, self.lock = n, threading.Lock()

        def __hashcache__(self) -> object:
            return self.n

    assert digest(Grid(1)) == digest(Grid(1)) != digest(Grid(2))
    assert digest(Grid(1)) != digest(1)


def test_a_handler_can_be_registered_and_builtins_are_fixed():
    class Session:
        def __init__(self, url: str) -> None:
            self.url, self.lock = url, threading.Lock()

    class Special(Session):
        pass

    with pytest.raises(UncanonicalError):
        digest(Session("a"))
    hashcache.register(Session, lambda session: session.url)
    try:
        assert digest(Session("a")) == digest(Session("a")) != digest(Session("b"))
        assert digest(Session("a")) != digest(Special("a"))
    finally:
        del canonical._registered[Session]
        canonical._resolved.clear()
    with pytest.raises(TypeError, match="fixed"):
        hashcache.register(list, tuple)
    with pytest.raises(TypeError, match="takes a class"):
        hashcache.register(3, tuple)  # type: ignore[arg-type]


def test_the_class_of_an_argument_counts():
    def make(offset: int) -> Any:
        class Solver:
            def run(self) -> int:
                return offset

        return Solver()

    assert digest(make(1)) == digest(make(1)) != digest(make(2))


def test_large_arrays_agree_in_every_memory_order():
    array = np.arange(120_000.0).reshape(20, 60, 100)
    spaced = np.zeros((40, 60, 300))
    spaced[::2, ::-1, ::3] = array
    for other in (np.asfortranarray(array), array.transpose(1, 2, 0).copy().transpose(2, 0, 1)):
        assert digest(other) == digest(array)
    assert digest(spaced[::2, ::-1, ::3]) == digest(array)
    assert digest(np.asfortranarray(array.reshape(2, -1))) == digest(array.reshape(2, -1))
    assert digest(array[::-1]) != digest(array)


def test_digests_are_the_same_under_every_hash_seed(python):
    code = """
import math, pathlib, collections, enum
import numpy as np
from hashcache import digest
class Colour(enum.Enum):
    RED = 1
class Node:
    def __init__(self, *parts): self.parts = set(parts); self.kinds = {int, str, Node, Colour}
def f(): return 1
def g(): return 2
print([digest(v) for v in (
    {"a", "b", "c", 1, None}, frozenset(map(str, range(50))), {"k": {("x", 1), ("y", 2)}},
    Colour.RED, Node("p", "q", Colour.RED), {f, g}, np.arange(4), {"s": frozenset({frozenset({"u", "v"})})},
    collections.Counter("hello"), Node,
)])
"""
    assert python(code, seed=1) == python(code, seed=2) == python(code, seed=12345)
