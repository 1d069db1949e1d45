"""Cached properties: a call that only asks for them changes nothing, and one that assigns them does."""

from __future__ import annotations

import functools
import warnings

import pytest

from hashcache import Cache, MutationWarning, hashcache


class Series:
    def __init__(self, values):
        self.values = values

    @functools.cached_property
    def total(self):
        return sum(self.values)

    @functools.cached_property
    def half(self):
        return self.total / 2


class Assigning(Series):
    def set_total(self):
        self.total = 0


CAPTURED = Series([1, 2])


def test_a_call_that_fills_cached_properties_of_an_argument_is_stored():
    @hashcache
    def f(series):
        return series.half

    series = Series([1, 2])
    assert f(series) == 1.5
    assert "half" in vars(series)
    assert f(series) == f(Series([1, 2])) == 1.5
    assert f.stats()["misses"] == 1


def test_a_call_that_fills_one_of_a_captured_object_is_stored():
    @hashcache
    def f():
        return CAPTURED.half

    vars(CAPTURED).pop("half", None)
    vars(CAPTURED).pop("total", None)
    assert f() == f() == 1.5
    vars(CAPTURED).clear()
    CAPTURED.values = [1, 2]
    assert f() == 1.5
    assert f.stats()["misses"] == 1


def test_filling_inside_a_container_is_no_change():
    @hashcache
    def f(table):
        return table["a"][0].total

    table = {"a": [Series([1, 2])]}
    assert f(table) == f(table) == 3
    assert f.stats()["misses"] == 1


def test_a_value_that_no_longer_follows_from_the_rest_counts():
    @hashcache
    def f(series):
        return series.total

    old = Series([1, 2])
    assert f(old) == 3
    old.values.append(5)
    assert f(old) == old.total == 3
    assert f(Series([1, 2, 5])) == 8
    old.total = 40
    assert f(old) == 40


def fill_and_change(series):
    series.values.append(series.total)


def assign(series):
    series.total = 0


def assign_by_name(series):
    setattr(series, "total", 0)  # noqa: B010


def assign_inside(series):
    series.set_total()


def assign_below(series):
    vars(series).update(total=0)


def replace(series):
    assert series.total == 3
    series.total = 7


def change_class(series):
    assert series.total == 3
    series.__class__ = Other


class Other(Series):
    pass


@pytest.mark.parametrize(
    "change", [fill_and_change, assign, assign_by_name, assign_inside, assign_below, replace, change_class]
)
def test_what_more_than_fills_is_a_change(change):
    @hashcache
    def f(series):
        change(series)
        return 1

    with pytest.warns(MutationWarning):
        assert f(Assigning([1, 2])) == 1
    assert not list(f.entries())


def test_a_filled_property_that_is_set_anew_is_a_change():
    @hashcache
    def f(series):
        del series.total
        series.values = [9]
        return series.total

    series = Series([1, 2])
    assert series.total == 3
    with pytest.warns(MutationWarning):
        assert f(series) == 9


def test_what_was_asked_for_before_is_part_of_the_value():
    @hashcache
    def f(series):
        return sorted(vars(series))

    asked = Series([1, 2])
    assert asked.total == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(asked) == ["total", "values"]
        assert f(Series([1, 2])) == ["values"]


def test_a_hit_asks_for_no_property_which_costs_the_next_function_one_miss_at_the_most(location):
    def run():
        """Return values and misses of two functions of one object, as a process that began has them."""
        cache, series = Cache(location), Series([1, 2])
        asked = []
        for f in (cache(lambda series: series.total + 1), cache(lambda series: series.total + 2)):
            asked.append((f(series), f.stats()["misses"]))
        return asked, "total" in vars(series)

    assert run() == ([(4, 1), (5, 1)], True)
    assert run() == ([(4, 0), (5, 1)], True)
    assert run() == ([(4, 0), (5, 0)], False)
