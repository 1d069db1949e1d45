"""Coroutines and generators: cached or bare, whoever awaits or iterates sees the same."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import Cache, MutationWarning, UncacheableWarning

Call = Callable[..., Any]


# -- generators --------------------------------------------------------------------------------------


def squares(n: int) -> Iterator[Any]:
    for i in range(n):
        yield i * i
    return "done"


def drawn(generator: Any) -> tuple[list[Any], Any]:
    """What a generator yields and what it returns."""
    items = []
    while True:
        try:
            items.append(next(generator))
        except StopIteration as end:
            return items, end.value


def test_a_generator_is_stored_when_it_came_to_its_end(cache: Cache) -> None:
    cached = cache(squares)
    assert [drawn(cached(4)) for _ in range(3)] == [([0, 1, 4, 9], "done")] * 3
    assert cached.stats() == {"hits": 2, "misses": 1}
    assert drawn(cached(0)) == drawn(cached(0)) == ([], "done")


def test_an_abandoned_generator_stores_nothing_and_is_closed(cache: Cache) -> None:
    closed = []

    def endless() -> Iterator[int]:
        try:
            i = 0
            while True:
                yield i
                i += 1
        finally:
            closed.append(True)

    cached = cache(mutation="ignore")(endless)
    generator = cached()
    assert [next(generator) for _ in range(3)] == [0, 1, 2]
    generator.close()
    assert closed == [True]
    assert not cached.is_cached()
    assert list(cache.entries()) == []


def test_nothing_runs_before_the_first_item_is_asked_for(cache: Cache) -> None:
    begun = []

    def begins() -> Iterator[int]:
        begun.append(True)
        yield 1

    cached = cache(mutation="ignore")(begins)
    generator = cached()
    assert begun == []
    assert list(generator) == [1]
    assert begun == [True]


def test_what_does_not_fit_is_said_at_the_call(cache: Cache) -> None:
    with pytest.raises(TypeError, match="squares"):
        cache(squares)(1, 2)


def test_items_are_stored_as_they_were_when_they_were_yielded(cache: Cache) -> None:
    def grows() -> Iterator[Any]:
        items: list[int] = []
        array = np.zeros(2)
        for i in range(3):
            items.append(i)
            array += 1
            yield items
            yield array

    bare = [item.copy() for item in grows()]
    cached = cache(grows)
    seen = []
    for item in cached():
        seen.append(item.copy())
        if isinstance(item, list):
            item.append("of the consumer")
            item.pop()
        else:
            item += 100
            item -= 100
    hit = list(cached())
    assert cached.stats()["hits"] == 1
    for a, b, c in zip(bare, seen, hit, strict=True):
        assert type(a) is type(b) is type(c)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    hit[0].append("of one who found it")
    assert next(iter(cached())) == [0]


def conversation(start: int) -> Iterator[Any]:
    total = start
    while total < 40:
        try:
            sent = yield total
        except ValueError as error:
            yield str(error)
            sent = 7
        total += 5 if sent is None else sent
    return total


ACTIONS = st.lists(st.none() | st.integers(1, 9) | st.just("throw") | st.just("close"), max_size=12)


def told(generator: Any, actions: list[Any]) -> list[Any]:
    """Everything that comes out of a generator that is driven so."""
    said: list[Any] = []
    try:
        said.append(next(generator))
        for action in actions:
            if action == "close":
                generator.close()
            elif action == "throw":
                said.append(generator.throw(ValueError("thrown")))
            else:
                said.append(generator.send(action))
    except StopIteration as end:
        said.append(("returned", end.value))
    except ValueError as error:
        said.append(("raised", str(error)))
    return said


@given(st.integers(0, 45), st.lists(ACTIONS, min_size=1, max_size=4))
def test_sending_throwing_and_closing_do_what_they_do_to_the_bare_generator(
    cache: Cache, start: int, plays: list[list[Any]]
) -> None:
    cached = cache(conversation)
    for actions in [*plays, [None] * 12, *plays]:  # also once that it is stored
        assert told(cached(start), actions) == told(conversation(start), actions)
    assert drawn(cached(start)) == drawn(conversation(start))


def test_a_generator_that_changes_its_argument_is_not_stored(cache: Cache) -> None:
    @cache
    def popped(items: list[int]) -> Iterator[int]:
        while items:
            yield items.pop()

    with pytest.warns(MutationWarning, match="items"):
        assert list(popped([1, 2])) == [2, 1]
    assert not popped.is_cached([1, 2])


def test_an_item_that_cannot_be_stored_costs_nobody_the_items(cache: Cache) -> None:
    @cache
    def gives() -> Iterator[Any]:
        yield 1
        yield (i for i in "a")

    with pytest.warns(UncacheableWarning, match="generator"):
        assert len(list(gives())) == 2
    assert len(list(gives())) == 2


def test_two_runs_of_one_generator_may_take_turns(cache: Cache) -> None:
    cached = cache(squares)
    assert list(zip(cached(3), cached(3), strict=True)) == [(0, 0), (1, 1), (4, 4)]


# -- coroutines --------------------------------------------------------------------------------------


def test_a_coroutine_is_computed_once_for_all_tasks(cache: Cache) -> None:
    running: SimpleQueue[int] = SimpleQueue()  # what carries no value is no part of the key

    @cache
    async def slow(x: int) -> int:
        running.put(x)
        await asyncio.sleep(0.05)
        return x + 1

    async def main() -> list[int]:
        return await asyncio.gather(*(slow(i % 2) for i in range(20)))

    assert asyncio.run(main()) == [1, 2] * 10
    assert running.qsize() == 2
    assert asyncio.run(main()) == [1, 2] * 10  # another event loop
    assert running.qsize() == 2
    assert slow.stats() == {"hits": 38, "misses": 2}
    assert asyncio.iscoroutinefunction(slow)
    coroutine = slow(1)
    assert inspect.iscoroutine(coroutine)
    coroutine.close()


def test_cancelling_one_who_waits_harms_nobody(cache: Cache) -> None:
    begun: SimpleQueue[bool] = SimpleQueue()

    @cache
    async def slow() -> int:
        begun.put(True)
        await asyncio.sleep(0.05)
        return 1

    async def main(cancelled: int) -> list[Any]:
        tasks = [asyncio.create_task(slow()) for _ in range(6)]
        await asyncio.sleep(0.01)
        tasks[cancelled].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    for cancelled, times in ((0, 2), (3, 1)):
        slow.clear()
        results = asyncio.run(main(cancelled))
        assert [type(result) for result in results].count(asyncio.CancelledError) == 1
        assert results.count(1) == 5
        assert [begun.get() for _ in range(begun.qsize())] == [True] * times


def test_an_exception_reaches_every_task_and_is_not_stored(cache: Cache) -> None:
    @cache
    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise KeyError("no")

    async def main() -> list[Any]:
        return await asyncio.gather(*(fails() for _ in range(4)), return_exceptions=True)

    assert [type(error) for error in asyncio.run(main())] == [KeyError] * 4
    assert list(cache.entries()) == []


def test_the_key_is_that_of_the_moment_in_which_it_is_awaited(cache: Cache) -> None:
    @cache
    async def total(items: list[int]) -> int:
        return sum(items)

    async def main() -> list[int]:
        items = [1]
        coroutine = total(items)
        items.append(2)
        return [await coroutine, await total([1])]

    assert asyncio.run(main()) == [3, 1]


def test_a_coroutine_can_be_refreshed_and_asked_about(cache: Cache) -> None:
    count = []

    @cache(mutation="ignore", ignore=("count",))
    async def counted(count: list[int]) -> int:
        count.append(1)
        return len(count)

    assert asyncio.run(counted(count)) == asyncio.run(counted(count)) == 1
    assert counted.is_cached(count)
    assert asyncio.run(counted.refresh(count)) == 2
    assert asyncio.run(counted(count)) == 2


class Fetcher:
    def __init__(self, base: int) -> None:
        self.base = base

    def __hashcache__(self) -> int:
        return self.base


def test_methods_may_be_coroutines_and_generators(cache: Cache) -> None:
    class Source(Fetcher):
        @cache
        async def one(self, x: int) -> int:
            return self.base + x

        @cache
        def many(self, n: int) -> Iterator[int]:
            yield from range(self.base, self.base + n)

    assert asyncio.run(Source(3).one(4)) == asyncio.run(Source(3).one(4)) == 7
    assert list(Source(3).many(2)) == list(Source(3).many(2)) == [3, 4]
    assert Source.one.stats() == Source.many.stats() == {"hits": 1, "misses": 1}


# -- asynchronous generators -------------------------------------------------------------------------


async def ticks(n: int) -> AsyncIterator[Any]:
    for i in range(n):
        await asyncio.sleep(0)
        try:
            sent = yield i
        except ValueError as error:
            sent = str(error)
        if sent is not None:
            yield ("sent", sent)


async def told_async(generator: Any, actions: list[Any]) -> list[Any]:
    said: list[Any] = []
    try:
        said.append(await anext(generator))
        for action in actions:
            if action == "close":
                await generator.aclose()
            elif action == "throw":
                said.append(await generator.athrow(ValueError("thrown")))
            else:
                said.append(await generator.asend(action))
    except StopAsyncIteration:
        said.append("end")
    except ValueError as error:
        said.append(("raised", str(error)))
    return said


@given(st.integers(0, 6), st.lists(ACTIONS, min_size=1, max_size=3))
def test_asynchronous_generators_do_what_the_bare_ones_do(
    cache: Cache, n: int, plays: list[list[Any]]
) -> None:
    cached = cache(ticks)

    async def main() -> None:
        for actions in [*plays, [None] * 12, *plays]:
            assert await told_async(cached(n), actions) == await told_async(ticks(n), actions)
        assert [item async for item in cached(n)] == list(range(n))

    asyncio.run(main())
    assert cached.is_cached(n)


# -- one computation for many ------------------------------------------------------------------------


def test_a_slow_store_lock_does_not_stop_the_event_loop(cache: Cache) -> None:
    @cache
    async def value() -> int:
        return 1

    name = value._call((), {}).name
    lock = cache.store.lock(name)
    assert lock is not None

    async def main() -> float:
        task = asyncio.create_task(value())
        started = time.perf_counter()
        await asyncio.sleep(0.02)
        assert not task.done()
        lock.release()
        assert await task == 1
        return time.perf_counter() - started

    assert asyncio.run(main()) < 10
