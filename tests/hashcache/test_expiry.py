"""A result that is too old, or that the user does not want, is a miss, and is replaced."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hashcache import Cache, OptionError, StoreWarning

DAY = 86400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that results are dated by."""
    found = Clock()
    monkeypatch.setattr(time, "time", found)
    return found


def double(x: int) -> int:
    return 2 * x


def computed(*functions: Any) -> int:
    """How often functions were called, and not only asked for."""
    return sum(function.stats()["misses"] for function in functions)


def test_a_result_is_found_until_it_expires(cache: Cache, clock: Clock) -> None:
    cached = cache(expires=timedelta(days=2))(double)
    cached(1)
    clock.now += 2 * DAY
    assert (cached(1), computed(cached)) == (2, 1)
    clock.now += 1
    assert (cached(1), computed(cached)) == (2, 2)
    clock.now += DAY
    assert (cached(1), computed(cached)) == (2, 2), "it was replaced"
    assert cached.stats() == {"hits": 2, "misses": 2, "expired": 1}


def test_no_memory_keeps_a_result_beyond_its_time(cache: Cache, location: Path, clock: Clock) -> None:
    cached = cache(expires=10)(double)
    for _ in range(3):
        assert [cached(1), cached(1), cached(1)] == [2, 2, 2]
        clock.now += 11
    assert computed(cached) == 3


def test_another_process_may_have_made_a_newer_one(location: Path, clock: Clock) -> None:
    one, other = (Cache(location)(expires=10)(double) for _ in range(2))
    one(1), one(1), other(1)
    clock.now += 11
    other(1)
    assert computed(one, other) == 2
    one(1)
    assert computed(one, other) == 2


def test_results_of_the_future_are_not_believed(cache: Cache, clock: Clock) -> None:
    cached = cache(expires=timedelta(days=2))(double)
    cached(1)
    clock.now -= DAY
    assert cached.explain(1).reason == "expired: computed 1 day in the future"
    assert (cached(1), computed(cached)) == (2, 2)
    assert cached(1) == 2
    assert computed(cached) == 2


def test_it_is_said_why(cache: Cache, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    cached = cache(expires=timedelta(days=2))(double)
    cached(1)
    clock.now += 3 * DAY + 5
    assert not cached.is_cached(1)
    assert cached.explain(1).reason == "expired: computed 3 days ago"
    assert cached.explain(1).changes == ("expired: computed 3 days ago",)
    cache.verbose = True
    cached(1)
    assert capsys.readouterr().err == "hashcache: double computed: expired: computed 3 days ago\n"
    assert cached.explain(1).reason == "stored"


def test_without_expires_nothing_is_too_old(cache: Cache, clock: Clock) -> None:
    cached = cache(double)
    cached(1)
    for shift in (1e9, -2e9):
        clock.now += shift
        assert (cached(1), computed(cached)) == (2, 1)


def test_coroutines_and_generators_expire_too(cache: Cache, clock: Clock) -> None:
    @cache(expires=10)
    async def later(x: int) -> int:
        return double(x)

    @cache(expires=10)
    def items(x: int) -> Iterator[int]:
        yield double(x)

    for _ in range(2):
        for _ in range(2):
            assert asyncio.run(later(1)) == 2  # type: ignore[arg-type]
            assert list(items(1)) == [2]
        clock.now += 11
    assert computed(later, items) == 4


@pytest.mark.parametrize("expires", [0, -1, "1 day", True, float("nan")])
def test_what_is_no_length_of_time_is_refused(cache: Cache, expires: Any) -> None:
    with pytest.raises(OptionError):
        cache(expires=expires)(double)


# -- validate ----------------------------------------------------------------------------------------


def test_what_validate_refuses_is_computed_again(cache: Cache) -> None:
    wanted = [True]
    seen: list[Any] = []

    def validate(value: int) -> bool:
        seen.append(value)
        return wanted[0]

    cached = cache(validate=validate)(double)
    assert [cached(1), cached(1), cached(1)] == [2, 2, 2]
    assert (computed(cached), seen) == (1, [2, 2])
    wanted[0] = False
    assert cached.explain(1).reason == "refused by validate"
    assert not cached.is_cached(1)
    assert (cached(1), computed(cached)) == (2, 2)
    wanted[0] = True
    assert (cached(1), computed(cached)) == (2, 2)
    assert cached.stats()["invalid"] == 1


def test_validate_is_told_what_is_known(cache: Cache, clock: Clock) -> None:
    told: list[Any] = []

    def validate(value: int, about: dict[str, Any]) -> bool:
        told.append(about)
        return True

    cached = cache(validate=validate)(double)
    cached(1), cached(1)
    (about,) = told
    assert about["arguments"] == {"x": 1}
    assert about["created"] == clock.now
    assert about["seconds"] >= 0
    assert about["function"] == "double"
    assert about["key"].endswith(cached.key(1))


def test_a_second_parameter_with_a_default_is_not_meant(cache: Cache) -> None:
    cached = cache(validate=lambda value, limit=1: value > limit)(double)
    cached(1), cached(1)
    assert computed(cached) == 1


def test_what_validate_raises_counts_as_no_and_is_said_once(cache: Cache) -> None:
    def validate(value: int) -> bool:
        raise KeyError("gone")

    cached = cache(validate=validate)(double)
    cached(1)
    with pytest.warns(StoreWarning, match=r"validate of double raised KeyError: 'gone'") as caught:
        assert [cached(1), cached(1)] == [2, 2]
    assert (len(caught), computed(cached)) == (1, 3)
    assert cached.explain(1).reason == "refused: validate raised KeyError: 'gone'"


def test_an_answer_without_a_truth_counts_as_no(cache: Cache) -> None:
    class Vague:
        def __bool__(self) -> bool:
            raise ValueError("which?")

    cached = cache(validate=lambda value: Vague())(double)
    cached(1)
    with pytest.warns(StoreWarning, match="which"):
        assert cached(1) == 2


def test_validate_sees_exceptions_and_items(cache: Cache) -> None:
    seen: list[Any] = []

    def validate(value: Any) -> bool:
        seen.append(value)
        return True

    @cache(validate=validate, cache_exceptions=(ZeroDivisionError,))
    def inverse(x: int) -> float:
        return 1 / x

    @cache(validate=validate)
    def items(x: int) -> Iterator[int]:
        yield x

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            inverse(0)
        assert list(items(1)) == [1]
    assert isinstance(seen[0], ZeroDivisionError)
    assert seen[1:] == [[1]]


def test_expired_results_are_not_validated(cache: Cache, clock: Clock) -> None:
    seen: list[Any] = []
    cached = cache(expires=10, validate=lambda value: seen.append(value) or True)(double)
    cached(1)
    clock.now += 11
    cached(1)
    assert seen == []


@pytest.mark.parametrize("options", [{"validate": 3}, {"validate": bool, "mutation": "replay"}])
def test_what_cannot_be_is_refused(cache: Cache, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        cache(**options)(double)


def test_expiry_goes_with_repeated_changes(cache: Cache, clock: Clock) -> None:
    @cache(mutation="replay", expires=10)
    def push(items: list[int]) -> None:
        items.append(1)

    for shift in (0, 5, 11):
        clock.now += shift
        items: list[int] = []
        push(items)
        assert items == [1]
    assert computed(push) == 2


def test_terms_take_no_part_in_the_key(cache: Cache) -> None:
    plain, other = cache(double), cache(expires=5, validate=bool)(double)
    assert plain.key(1) == other.key(1)


def test_nothing_is_said_where_nothing_is_refused(cache: Cache, python: Callable[..., str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached = cache(expires=5, validate=bool)(double)
        assert [cached(1), cached(1)] == [2, 2]
