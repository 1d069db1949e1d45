"""Results that are more than a nest of arrays keep type and identity, by pickle or cloudpickle."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import pathlib
from typing import Any

import numpy as np
import pytest
from round_trips import Model, decode, round_trip, stored

from hashcache.codec import CODECS


class Text(str):
    """A string that is more than one."""


class Colour(enum.IntEnum):
    RED = 1


class Rates(np.ndarray):
    """An array that is more than one."""


class Point(collections.namedtuple("Point", "x y")):
    __slots__ = ()


OTHERS = [
    Text("a"), Colour.RED, Point(1, 2), Model([1, 2]), collections.OrderedDict(a=1), collections.Counter("a"),
    collections.deque([1], maxlen=2), collections.defaultdict(list, a=[1]), {1, 2}, frozenset({1}), range(3),
    bytearray(b"a"), slice(1), ..., NotImplemented, int, len, decimal.Decimal("1.10"), np.dtype("M8[ns]"),
    fractions.Fraction(1, 3), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), np.sin, np.random.PCG64,
    pathlib.PurePosixPath("a/b"), ValueError,
]  # fmt: skip


@pytest.mark.parametrize("value", OTHERS, ids=repr)
def test_other_values_and_subclasses_keep_their_type(value: Any) -> None:
    for whole in (value, [value], (value,), {"a": value}):
        back = round_trip(whole, by="pickle")
        part = back if whole is value else back["a"] if isinstance(back, dict) else back[0]
        assert (type(back), type(part), back) == (type(whole), type(value), whole)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", ">f8")]),
        np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]).view(np.recarray),
        np.array((1, [2, 3]), dtype=[("a", "i1"), ("b", "f8", 2)]),
        np.ma.masked_array([1, 2, 3], [0, 1, 0], fill_value=7),
        np.arange(3).view(Rates),
        np.array([1, 2], dtype=np.dtype("i8", metadata={"unit": "s"})),
        np.array(["a", "long text of any length"], dtype=np.dtypes.StringDType()),
    ],
    ids=lambda array: f"{type(array).__name__} of {array.dtype}",
)
def test_arrays_that_are_more_than_a_buffer_are_pickled(array: Any) -> None:
    back = round_trip(array, by="pickle")
    assert (type(back), back.dtype, back.shape) == (type(array), array.dtype, array.shape)
    assert repr(back.tolist()) == repr(array.tolist())
    assert back.dtype.metadata == array.dtype.metadata
    if isinstance(array, np.ma.MaskedArray):
        assert (back.mask.tolist(), back.fill_value) == (array.mask.tolist(), array.fill_value)


def test_a_part_that_occurs_twice_stays_one_object() -> None:
    for part in ([1], {1: 2}, np.arange(3), Model(1)):
        first, (second,), third = round_trip((part, [part], Model(part)), by="pickle")
        assert first is second is third.rates
    loop: list[Any] = [1]
    loop.append(loop)
    back = round_trip(loop, by="pickle")
    assert back[1] is back


def test_functions_that_pickle_refuses_go_by_cloudpickle() -> None:
    shift = 3
    first, second = round_trip([lambda x: x + shift, lambda: shift], by="pickle")
    assert (first(1), second()) == (4, 3)


def test_writing_to_a_pickled_hit_leaves_the_next_one_alone() -> None:
    data = bytes(
        stored({1: [np.arange(3), bytearray(b"abc"), {1, 2}], 2: np.ma.masked_array([1, 2], [0, 1])})
    )
    first, second = decode(data, CODECS), decode(data, CODECS)
    first[1][0][:] = 9
    first[1][1][:] = b"xyz"
    first[1][2].clear()
    first[2][0] = 9
    assert [second[1][0].tolist(), *second[1][1:], second[2][0]] == [[0, 1, 2], bytearray(b"abc"), {1, 2}, 1]
