"""What is stored is compared with what would be computed now, and every entry with its checksum."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import AuditWarning, Cache, HashCacheError, Layer, OptionError, digest
from hashcache.__main__ import main
from hashcache.compare import difference

numbers = st.floats() | st.integers() | st.complex_numbers() | st.booleans() | st.none() | st.text(max_size=3)
values = st.recursive(
    numbers,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)


# -- comparing ---------------------------------------------------------------------------------------


@given(values, values)
def test_there_is_a_difference_exactly_when_values_differ(one: Any, other: Any) -> None:
    assert (difference(one, other) == "") == (digest(one) == digest(other))
    assert difference(one, one) == ""


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5), st.floats(0, 1))
def test_floats_within_the_tolerance_are_no_difference(numbers: list[float], rtol: float) -> None:
    moved = [number * (1 + rtol / 2) for number in numbers]
    near = rtol + 1e-15
    assert difference(numbers, moved, near) == "" or any(abs(x) < 1e-300 or abs(x) > 1e300 for x in numbers)
    assert difference(np.array(numbers), np.array(moved), near) == "" or any(
        abs(x) < 1e-300 or abs(x) > 1e300 for x in numbers
    )
    assert difference([1.0], [2.0], 0.4)
    assert difference(np.array([1.0]), np.array([2.0]), 0.4)


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (1, 1.0, "result: int 1 -> float 1.0"),
        (0.0, -0.0, "result: 0.0 -> -0.0"),
        ([1, 2, 3], [1, 5, 3], "result[1]: 2 -> 5"),
        ({"a": [1.0]}, {"a": [1.5]}, "result['a'][0]: 1.0 -> 1.5"),
        ([1], [1, 2], "result: [1] -> [1, 2]"),
        (np.arange(3), np.arange(4), "result: int64 of shape (3,) -> int64 of shape (4,)"),
        (np.zeros(2), np.zeros(2, "f4"), "result: float64 of shape (2,) -> float32 of shape (2,)"),
        (np.array([0.0]), np.array([-0.0]), "result: differs in signs of zeros or bits of NaNs"),
        (
            np.array([[1.0, 2.0], [np.nan, 4.0]]),
            np.array([[1.0, 2.5], [np.nan, 5.0]]),
            "result: 2 of 4 elements differ, the first at [0, 1]: 2.0 -> 2.5; "
            "by 1 at most, relative to size 0.2",
        ),
        (list(range(9)), list(range(1, 10)), "result[4]: 4 -> 5; and more"),
    ],
)
def test_a_difference_says_where_and_how(one: Any, other: Any, told: str) -> None:
    assert difference(one, other).endswith(told)


def test_a_nan_is_the_same_as_itself_and_infinities_are_not_near_anything() -> None:
    assert difference(float("nan"), float("nan")) == ""
    assert difference(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), 0.1) == ""
    assert difference(float("inf"), 1e300, 0.5)
    assert difference(np.array([np.inf]), np.array([-np.inf]), 0.5)
    assert difference(complex(1, float("nan")), complex(1, float("nan")), 0.5) == ""


class Opaque:
    """Something without a canonical form that pickle can store."""

    def __init__(self, state: int) -> None:
        self.state = state

    def __hashcache__(self) -> Any:
        raise TypeError("none")


def test_what_has_no_canonical_form_is_compared_as_it_is_stored() -> None:
    assert difference(Opaque(1), Opaque(1)) == ""
    assert difference(Opaque(1), Opaque(2))


# -- one call ----------------------------------------------------------------------------------------


def test_a_stored_result_is_compared_with_a_new_one(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"

    @cache
    def read(path: str) -> list[float]:
        with open(path) as file:
            return [float(line) for line in file]

    source.write_text("1\n2\n")
    nothing = read.verify(str(source))
    assert (bool(nothing), nothing.is_stored, nothing.difference) == (False, False, "nothing is stored")
    read(str(source))
    same = read.verify(str(source))
    assert same
    assert (same.stored, same.computed, same.difference) == ([1.0, 2.0], [1.0, 2.0], "")
    source.write_text("1\n2.0000001\n")
    other = read.verify(str(source))
    assert not other
    assert other.difference == "result[1]: 2.0 -> 2.0000001"
    assert other.within(1e-6)
    assert not other.within(1e-9)
    assert read(str(source)) == [1.0, 2.0], "nothing was stored"
    read.refresh(str(source))
    assert read.verify(str(source))


def test_verifying_counts_nothing_and_minds_no_terms(cache: Cache) -> None:
    cached = cache(validate=lambda value: False)(lambda x: x)
    cached(1)
    before = cached.stats(details=True)
    assert cached.verify(1)
    assert cached.stats(details=True) == before


def test_methods_generators_and_exceptions_can_be_verified(cache: Cache) -> None:
    class Line:
        slope = 2

        @cache
        def at(self, x: int) -> int:
            return self.slope * x

    @cache
    def items(n: int) -> Iterator[int]:
        yield from range(n)
        return "end"  # type: ignore[return-value]

    @cache(cache_exceptions=(ZeroDivisionError,))
    def inverse(x: int) -> float:
        return 1 / x

    line = Line()
    line.at(3)
    assert line.at.verify(3)
    list(items(2))
    verified = items.verify(2)
    assert verified
    assert verified.computed == [0, 1, "end"]
    with pytest.raises(ZeroDivisionError):
        inverse(0)
    assert inverse.verify(0)


def test_what_cannot_be_verified_is_refused(cache: Cache) -> None:
    @cache
    async def later(x: int) -> int:
        return x

    @cache(mutation="replay")
    def push(items: list[int]) -> None:
        items.append(1)

    for call in (lambda: later.verify(1), lambda: push.verify([])):
        with pytest.raises(HashCacheError):
            call()


# -- every entry -------------------------------------------------------------------------------------


@pytest.fixture
def entries(cache: Cache) -> list[Path]:
    """The files of three results in two layers."""
    cache(lambda n: "x" * n)(10), cache(lambda n: bytes(n))(100_000)
    Layer("other", cache=cache).wrap(lambda n: n)(1)
    return sorted(p for p in (cache.location / "v1").rglob("*") if p.is_file() and p.parent.name != "f-")


def told(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any]:
    status = main(["verify", "--json", *options])
    return status, json.loads(capsys.readouterr().out)


def test_whole_entries_are_told_by_layer(
    entries: list[Path], cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = told(capsys)
    assert (status, said["damaged"]) == (0, [])
    assert {layer: row["whole"] for layer, row in said["layers"].items()} == {"function": 4, "other": 2}
    assert sum(row["bytes"] for row in said["layers"].values()) == sum(
        path.stat().st_size for path in (cache.location / "v1").rglob("*") if path.is_file()
    )
    assert set(told(capsys, "--layer", "other")[1]["layers"]) == {"other"}
    assert main(["verify"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["function", "4", "0"]


def test_every_flipped_bit_is_found(entries: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    for path in entries:
        whole = path.read_bytes()
        for place in {*range(0, 200, 17), len(whole) // 2, len(whole) - 1}:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            path.write_bytes(damaged)
            status, said = told(capsys)
            assert (status, len(said["damaged"])) == (1, 1)
            assert said["damaged"][0]["name"].endswith(path.name)
        path.write_bytes(whole)
    assert told(capsys)[0] == 0


def test_entries_at_each_others_place_are_found(
    entries: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    entries[0].write_bytes(entries[1].read_bytes())
    assert main(["verify"]) == 1
    assert "is the entry of key" in capsys.readouterr().err


def test_others_files_are_told_apart_and_nothing_is_changed(
    entries: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (entries[0].parent / "notes").write_bytes(b"mine")
    entries[1].write_bytes(b"half")
    status, said = told(capsys)
    assert status == 1
    assert said["layers"]["function"]["foreign"] == 1
    assert entries[1].read_bytes() == b"half"


# -- audit -------------------------------------------------------------------------------------------


def test_audited_hits_are_computed_again(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")

    @cache(audit=1)
    def read(path: str) -> str:
        with open(path) as file:
            return file.read()

    assert [read(str(source)), read(str(source))] == ["1", "1"]
    assert read.stats() == {"hits": 0, "misses": 2, "audited": 1}
    source.write_text("2")
    with pytest.warns(AuditWarning, match=r"read was computed again .*: result: '1' -> '2'; "):
        assert read(str(source)) == "2"
    assert read(str(source)) == "2", "it was stored"
    assert read.stats()["differing"] == 1


def test_a_part_of_the_hits_is_audited(cache: Cache) -> None:
    cached = cache(audit=0.25)(lambda x: x)
    for _ in range(400):
        assert cached(1) == 1
    stats = cached.stats()
    assert 40 < stats["audited"] < 170
    assert stats["hits"] + stats["misses"] == 400


def test_coroutines_are_audited_too(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")

    @cache(audit=1)
    async def read(path: str) -> str:
        with open(path) as file:
            return file.read()

    assert asyncio.run(read(str(source))) == "1"  # type: ignore[arg-type]
    source.write_text("2")
    with pytest.warns(AuditWarning):
        assert asyncio.run(read(str(source))) == "2"  # type: ignore[arg-type]


def test_the_numbers_of_random_are_left_alone(cache: Cache) -> None:
    import random

    random.seed(1)
    expected = random.random()
    cached = cache(audit=0.5)(lambda x: x)
    random.seed(1)
    for _ in range(10):
        cached(1)
    assert random.random() == expected


@pytest.mark.parametrize("options", [{"audit": 2}, {"audit": "all"}, {"audit": 0.5, "mutation": "replay"}])
def test_what_cannot_be_audited_is_refused(cache: Cache, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        cache(**options)(lambda x: x)


def test_generators_cannot_be_audited(cache: Cache) -> None:
    with pytest.raises(OptionError, match="generator"):

        @cache(audit=0.5)
        def items() -> Iterator[int]:
            yield 1
