"""A result that somebody else has computed is kept like one that was computed here."""

from __future__ import annotations

import pytest

from hashcache import Cache


def test_what_is_kept_is_a_hit(cache: Cache, location):

    @cache
    def double(x, *, times=2):
        return x * times

    double.keep(8, 4)
    assert double.is_cached(4)
    assert double(4, times=2) == 8
    assert double.stats()["hits"] == 1
    assert Cache(location)(double.__wrapped__)(4) == 8
    assert next(iter(double.entries()))["function"] == double.__qualname__


def test_keeping_replaces_what_is_stored_and_what_this_process_remembers(cache: Cache):
    @cache
    def double(x):
        return x * 2

    assert double(3) == 6
    double.keep(7, 3)
    assert double(3) == 7
    assert double.verify(3).difference
    assert double.forget(3)
    assert double(3) == 6


def test_keeping_asks_for_a_call_that_can_be_made(cache: Cache):
    @cache
    def double(x):
        return x * 2

    with pytest.raises(TypeError):
        double.keep(4, 1, 2)
