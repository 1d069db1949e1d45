"""Rows of the table of arguments: values of the standard library, of NumPy.

Each row is a function without arguments that returns a value, other spellings of the same value, and
near misses that must differ from it and from each other. Packages are imported in the row.
"""

from __future__ import annotations

import array
import copy
import datetime
import functools
import math
import operator
import random
import re
import struct
import tempfile
import types
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

Row = Callable[[], tuple[Any, list[Any], list[Any]]]
ROWS: list[Row] = []


def row(maker: Row) -> Row:
    ROWS.append(maker)
    return maker


@row
def numpy_scalars_of_every_kind():
    kinds = "?bBhHiIlLefdgFDG"
    values = [np.dtype(kind).type(1) for kind in kinds]
    others = [np.str_("1"), np.bytes_(b"1"), np.void(b"1"), np.datetime64(1, "s"), np.timedelta64(1, "s")]
    others += [np.datetime64("NaT", "s"), np.timedelta64(1, "m"), np.datetime64(1, "ms"), 1, 1.0, True, None]
    return values[0], [np.True_], [*values[1:], *others]


@row
def long_doubles_without_their_padding():
    def noisy(noise: int) -> Any:
        raw = np.full(np.dtype("g").itemsize * 2, noise, dtype=np.uint8).view("g")
        clean = np.array([1, 2], dtype="g") / 3
        raw.view(np.uint8).reshape(2, -1)[:, :10] = clean.view(np.uint8).reshape(2, -1)[:, :10]
        return raw

    if np.finfo("g").nmant != 63:
        pytest.skip("long doubles without padding")
    return noisy(0), [noisy(255)], [np.array([1, 2]) / 3, np.array([1, 3], dtype="g") / 3]


@row
def signs_of_zero_and_nans_in_arrays():
    nans = np.array([0x7FF8 << 48, (0x7FF8 << 48) + 1], dtype="u8").view("f8")
    return np.array([0.0]), [np.zeros(1)], [np.array([-0.0]), nans[:1], nans[1:], np.array([0])]


@row
def integers_beyond_every_word():
    return 10**400, [int("1" + "0" * 400)], [10**400 + 1, -(10**400), str(10**400)]


@row
def dates_with_zones():
    def at(zone: Any, **more: Any) -> datetime.datetime:
        return datetime.datetime(2026, 10, 25, 2, 30, tzinfo=zone, **more)

    paris = zoneinfo.ZoneInfo("Europe/Paris")
    return (
        at(paris),
        [at(zoneinfo.ZoneInfo.no_cache("Europe/Paris"))],
        [
            at(paris, fold=1), at(zoneinfo.ZoneInfo("Europe/Berlin")), at(None), at(datetime.UTC),
            at(datetime.timezone(datetime.timedelta(hours=2))), at(zoneinfo.ZoneInfo("UTC")),
            at(datetime.timezone(datetime.timedelta(hours=2), "CEST")), at(paris).timetz(), at(paris).date(),
        ],
    )  # fmt: skip


@row
def zones_of_dateutil_and_pytz():
    tz, pytz = pytest.importorskip("dateutil.tz"), pytest.importorskip("pytz")
    paris = pytz.timezone("Europe/Paris")
    return (
        paris,
        [copy.deepcopy(paris), pytz.timezone("Europe/Paris")],
        [
            pytz.timezone("Europe/Berlin"), paris.localize(datetime.datetime(2026, 1, 1)).tzinfo, pytz.utc,
            pytz.FixedOffset(60), tz.tzutc(), tz.tzoffset(None, 3600), tz.tzoffset("CET", 3600),
        ],
    )  # fmt: skip


@row
def compiled_things_of_the_standard_library():
    return (
        re.compile("a+", re.IGNORECASE),
        [re.compile("(?i)a+"[4:], re.I)],
        [re.compile("a+"), re.compile(b"a+", re.I), re.compile("(a+)", re.I), "a+", struct.Struct("<i"),
         struct.Struct("<l"), array.array("i", [1]), array.array("h", [1]), array.array("i", [2])],
    )  # fmt: skip


@row
def callables_as_values():
    def adder(n: int) -> Callable[[int], int]:
        return lambda x: x + n

    return (
        adder(1),
        [adder(1)],
        [adder(2), adder, functools.partial(adder, 1), operator.itemgetter(1), operator.attrgetter("a"),
         operator.methodcaller("a"), math.sin, len, [].append, dict.fromkeys, str.upper],
    )  # fmt: skip


@row
def generators_of_random_numbers():
    def drawn(generator: Any, draws: int = 0) -> Any:
        generator.random(draws) if draws else None
        return generator

    spawned = np.random.default_rng(1)
    spawned.spawn(1)
    return (
        np.random.default_rng(1),
        [np.random.Generator(np.random.PCG64(1)), copy.deepcopy(np.random.default_rng(1))],
        [
            np.random.default_rng(2), drawn(np.random.default_rng(1), 1), spawned, np.random.PCG64(1),
            np.random.Generator(np.random.MT19937(1)), np.random.RandomState(1), np.random.RandomState(2),
            random.Random(1), random.Random(2), np.random.SeedSequence(1),
            np.random.Generator(np.random.PCG64DXSM(1)),
        ],
    )  # fmt: skip


@row
def arrays_of_every_layout():
    base = np.arange(24, dtype="i4").reshape(2, 3, 4)
    frozen = base.copy()
    frozen.setflags(write=False)
    spaced = np.zeros((4, 3, 8), dtype="i4")[::2, :, ::2]
    spaced[...] = base
    backwards = np.ascontiguousarray(base[::-1])[::-1]
    return (
        base,
        [np.asfortranarray(base), frozen, spaced, backwards,
         base.transpose(2, 0, 1).copy().transpose(1, 2, 0)],
        [
            base.astype(">i4"), base.astype("u4"), base.astype("i8"), base.astype("m8[s]"),
            base.reshape(6, 4),
            base.reshape(-1), base.T, base[None], base.tolist(), np.broadcast_to(base[:1], base.shape),
            base.astype(object), base[..., 0], base[0, 0, 0], base[0, 0, :1].reshape(()), base[:0],
            base[:, :0],
        ],
    )  # fmt: skip


@row
def subclasses_of_arrays():
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype="i8", shape=(1, 2), mode="w+")
    mapped[:] = [1, 2]
    matrix = np.array([[1, 2]]).view(np.matrix)
    return (
        np.array([[1, 2]]),
        [np.asarray(matrix), np.asarray(mapped)],
        [
            matrix, mapped, np.ma.masked_array([[1, 2]]), np.ma.masked_array([[1, 2]], fill_value=5),
            np.ma.masked_array([[1, 2]], hard_mask=True), np.ma.masked_array([[1, 2]], [[0, 1]]),
            np.ma.masked,
        ],
    )  # fmt: skip


@row
def structured_arrays():
    kind = [("a", "i4"), ("b", "f8", (2,))]
    value = np.array([(1, (2, 3))], dtype=kind)
    gaps = np.dtype({"names": ["a", "b"], "formats": ["i4", ("f8", (2,))], "offsets": [0, 8], "itemsize": 24})
    masked = np.ma.masked_array(value, mask=[(True, (False, True))])
    titled = np.array([(1, (2, 3))], dtype=[(("title", "a"), "i4"), ("b", "f8", (2,))])
    noted = np.dtype("i4", metadata={"unit": "m"})
    return (
        value,
        [np.array([(1, [2, 3])], dtype=np.dtype(kind))],
        [
            value.astype(gaps), value.view(np.recarray), np.array([(1, (2, 3))], np.dtype(kind, align=True)),
            titled,
            masked, np.array([(1, (2, 4))], dtype=kind),
            np.array([(1, (2, 3))], [("a", "i4"), ("c", "f8", (2,))]),
            value[0], value["b"], value.dtype, gaps, noted, np.dtype("i4"), np.zeros(2, noted),
            np.zeros(2, "i4"),
            value.view(np.dtype((np.record, value.dtype))),
        ],
    )  # fmt: skip


@row
def arrays_of_text_and_objects():
    value = np.array(["a", "bc"], dtype=object)
    return (
        value,
        [np.array([chr(97), "".join("bc")], dtype=object), np.array(["a", 0, "bc"], dtype=object)[::2]],
        [
            np.array(["a", "bc"]), np.array(["a", "bc"], "S2"), np.array(["a", np.str_("bc")], dtype=object),
            np.array(["a", None], dtype=object), np.array(["a", math.nan], dtype=object), value.reshape(1, 2),
            np.array([["a"], "bc"], dtype=object), np.array(["a", "bc"], "U3"), ["a", "bc"], ("a", "bc"),
        ],
    )  # fmt: skip


@row
def arrays_of_strings_of_any_length():
    if not hasattr(np.dtypes, "StringDType"):
        pytest.skip("NumPy before 2.0")
    kind = np.dtypes.StringDType
    missing = kind(na_object=math.nan)
    return (
        np.array(["a", "bc" * 20], kind()),
        [np.array(["a", "x", "bc" * 20], kind())[::2]],
        [
            np.array(["a", "bc" * 20]), np.array(["a", "bc" * 20], missing),
            np.array(["a", math.nan], missing),
            np.array(["a", None], kind(na_object=None)), np.array(["a", "bc" * 20], kind(coerce=False)),
            np.array(["a", "bc" * 20], object), kind(), missing,
        ],
    )  # fmt: skip


@dataclass
class Holder:
    """A value of a user's class around one of a library's."""

    inner: Any


@row
def values_inside_values():
    inner = np.arange(3)
    return (
        Holder({"a": [inner, inner]}),
        [Holder({"a": [inner, inner.copy()]})],
        [
            Holder({"a": [inner]}),
            Holder({"a": (inner, inner)}),
            types.SimpleNamespace(inner={"a": [inner, inner]}),
        ],
    )
