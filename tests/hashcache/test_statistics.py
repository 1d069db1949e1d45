"""What is counted adds up: in a process, over processes, and over their deaths."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import Cache
from hashcache.__main__ import main
from hashcache.statistics import DETAILS, FOUND, SECONDS_SAVED, SECONDS_SPENT, Statistics, long_form

COUNTS = "statistics/counts.json"


def double(x: int) -> int:
    return 2 * x


def everywhere(cached: Any) -> dict[str, Any]:
    found: dict[str, Any] = cached.stats(all_processes=True)
    return found


def test_a_function_counts_in_its_process_as_before(cache: Cache) -> None:
    cached = cache(double)
    assert cached.stats() == {"hits": 0, "misses": 0}
    cached(1), cached(1), cached(2)
    assert cached.stats() == {"hits": 1, "misses": 2}
    assert set(cached.stats(details=True)) == {"hits", "misses", *DETAILS}


def test_nothing_is_written_before_there_is_a_store(cache: Cache, location: Path) -> None:
    cached = cache(double)
    cached.is_cached(1)
    cache.statistics.flush()
    assert everywhere(cached)["hits"] == 0
    assert not location.exists()


def test_bytes_are_those_of_the_entries(cache: Cache, location: Path) -> None:
    cached = cache(lambda n: bytes(n))
    cached(1000)
    (header,) = cached.entries()
    other = Cache(location)(lambda n: bytes(n))
    other(1000), other(1000)
    assert cached.stats(details=True)["bytes_written"] == header["size"]
    assert other.stats(details=True)["bytes_read"] == header["size"]
    assert other.stats(details=True)["bytes_written"] == 0


def test_a_hit_saves_what_the_computation_took(cache: Cache, location: Path) -> None:
    cached = cache(lambda n: [n])
    cached(1)
    (header,) = cached.entries()
    cached(1), cached(1), cached(1)
    assert cached.stats(details=True)["seconds_saved"] == pytest.approx(3 * header["seconds"])
    assert cached.stats(details=True)["seconds_spent"] == pytest.approx(header["seconds"])


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.floats(0, 10), st.floats(0, 10))
def test_hits_in_memory_save_what_others_save_on_average(
    found: int, unseen: int, misses: int, saved: float, spent: float
) -> None:
    stats = Counter({"hits": found + unseen, FOUND: found, "misses": misses, SECONDS_SPENT: spent})  # type: ignore[dict-item]
    stats[SECONDS_SAVED] = saved if found else 0  # type: ignore[assignment]
    told = long_form(stats)["seconds_saved"]
    each = saved / found if found else spent / misses if misses else 0.0
    assert told == pytest.approx((found + unseen) * each)


def test_processes_add_up(python: Callable[..., str], cache: Cache, location: Path) -> None:
    program = """
from hashcache import hashcache
@hashcache(name="double")
def double(x):
    return 2 * x
double(1), double(1), double(REPLACED)
print(*double.stats(all_processes=True).values())
"""
    cached = cache(name="double")(double)
    for number in range(2, 5):
        python(program.replace("REPLACED", str(number)))
    told = everywhere(cached)
    assert (told["hits"], told["misses"]) == (3 + 2, 4)
    cached(7), cached(7)
    assert (everywhere(cached)["hits"], everywhere(cached)["misses"]) == (6, 5)
    cache.statistics.flush()
    assert (everywhere(cached)["hits"], everywhere(cached)["misses"]) == (6, 5)


def test_nothing_is_counted_twice(cache: Cache) -> None:
    cached = cache(double)
    for number in range(3):
        cached(1)
        cache.statistics.flush()
        cache.statistics.flush()
        assert everywhere(cached)["hits"] == number
    assert everywhere(cached)["misses"] == 1


def test_two_caches_write_one_sum(location: Path) -> None:
    one, other = Cache(location), Cache(location)
    first, second = one(double), other(double)
    first(1), second(1)
    one.statistics.flush(), other.statistics.flush()
    assert everywhere(first) == everywhere(second)
    assert everywhere(first)["hits"] == everywhere(first)["misses"] == 1


def test_a_forked_child_counts_what_it_does_itself(cache: Cache, location: Path) -> None:
    cached = cache(double)
    cached(1), cached(1)

    def child() -> None:
        for number in range(5):
            cached(number)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    cache.statistics.flush()
    told = everywhere(cached)
    assert (told["hits"], told["misses"]) == (2, 5)


def test_a_killed_process_loses_its_own_counts_only(cache: Cache, location: Path) -> None:
    cached = cache(double)
    cached(1)
    cache.statistics.flush()

    def child() -> None:
        cached(2)
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert everywhere(cached)["misses"] == 1


def test_a_writer_that_was_killed_stops_nobody(cache: Cache, location: Path) -> None:
    cached = cache(double)
    cached(1)
    cache.statistics.flush()
    (location / f"{COUNTS}.partial").write_bytes(b'{"format"')
    cached(2)
    cache.statistics.flush()
    assert everywhere(cached)["misses"] == 2


@pytest.mark.parametrize(
    "damage",
    [b"", b"rubbish", b"[]", b'{"format": 9, "functions": {}}', b'{"format": 1, "functions": {"g": 3}}'],
)
def test_damaged_counts_begin_anew(cache: Cache, location: Path, damage: bytes) -> None:
    cached = cache(double)
    cached(1)
    cache.statistics.flush()
    (location / COUNTS).write_bytes(damage)
    cached(2)
    assert everywhere(cached)["misses"] == 1
    cache.statistics.flush()
    assert everywhere(cached)["misses"] == 1


def test_counts_that_cannot_be_written_are_kept(cache: Cache, location: Path) -> None:
    cached = cache(double)
    cached(1)
    (location / "statistics").write_bytes(b"in the way")
    cache.statistics.flush()
    assert cached.stats() == {"hits": 0, "misses": 1}
    (location / "statistics").unlink()
    cached(2)
    cache.statistics.flush()
    (row,) = json.loads((location / COUNTS).read_bytes())["functions"].values()
    assert (row["function"], row["misses"]) == ("double", 2)


def test_functions_that_are_made_again_and_again_are_counted_and_forgotten(cache: Cache) -> None:
    def make(factor: int) -> Any:
        @cache
        def multiply(x: int) -> int:
            return factor * x

        return multiply

    for factor in range(2500):
        made = make(factor)
        made._stats["hits"] += 1
    assert len(cache.statistics._tallies) < 2100
    assert everywhere(made)["hits"] == 2500
    make(0)(1)
    cache.statistics.flush()
    assert everywhere(made)["hits"] == 2500


def test_threads_add_up(location: Path) -> None:
    caches = [Cache(location) for _ in range(8)]
    functions = [cache(double) for cache in caches]

    def use(place: int) -> None:
        for number in range(20):
            functions[place](number)
            caches[place].statistics.flush()

    threads = [threading.Thread(target=use, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for cache in caches:
        cache.statistics.flush()
    told = everywhere(functions[0])
    assert told["hits"] + told["misses"] == 160


def test_writing_waits_for_its_time(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("hashcache.statistics.monotonic", lambda: now[0])
    written: list[float] = []
    flush = Statistics.flush
    monkeypatch.setattr(Statistics, "flush", lambda self: written.append(now[0]) or flush(self))
    cached = cache(double)
    for second in range(31):
        now[0] = 100.0 + second
        cached(second)
    assert len(written) <= 4


def test_one_who_waited_is_counted(cache: Cache, python: Callable[..., str]) -> None:
    started, going = threading.Event(), threading.Event()

    @cache(ignore=("begin", "go"))
    def slow(x: int, begin: Any, go: Any) -> int:
        begin()
        go()
        return x

    first = threading.Thread(target=lambda: slow(1, started.set, going.wait))
    first.start()
    started.wait()
    second = threading.Thread(target=lambda: slow(1, started.set, going.wait))
    second.start()
    while not cache.flights._going:
        pass
    going.set()
    first.join(), second.join()
    told = slow.stats(details=True)
    assert (told["hits"], told["misses"]) == (1, 1)
    assert told["waited"] in (0, 1)


def test_what_went_for_a_limit_is_counted_with_its_function(location: Path) -> None:
    cache = Cache(location, max_size="60 kB")
    cached = cache(lambda n: "x" * 1000)
    for number in range(100):
        cached(number)
    left = len(list(cached.entries()))
    assert everywhere(cached)["evicted"] == 100 - left
    cache.statistics.flush()
    assert everywhere(cached)["evicted"] == 100 - left


def test_info_tells_what_all_processes_counted(
    cache: Cache, location: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached = cache(double)
    cached(1), cached(1), cached(1)
    cache.statistics.flush()
    assert main(["info"]) == 0
    assert "so far:   2 hits saved" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["statistics"]["hits"] == 2


def test_misses_after_a_change_are_told_from_those_of_something_new(location: Path) -> None:
    def made(rate: float) -> Any:
        def scaled(x: int) -> float:
            return rate * x

        return Cache(location)(scaled)

    first, again, edited, back = made(1.0), made(1.0), made(2.0), made(1.0)
    for cached, calls, changed in (
        (first, (1, 2), 0),
        (again, (3,), 0),
        (edited, (1, 2, 1), 2),
        (back, (4,), 0),
    ):
        for x in calls:
            cached(x)
        assert cached.stats(details=True)["changed"] == changed
    assert edited.stats() == {"hits": 1, "misses": 2}
    edited._layer.cache.statistics.flush()
    assert back.stats(all_processes=True)["changed"] == 2
