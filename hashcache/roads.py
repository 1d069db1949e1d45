"""Calls that do not simply return: coroutines, generators and asynchronous generators.

The body of such a function starts when it is first awaited or asked for an item, and so does the look
into the store. What a generator yields is encoded at once, item by item, since whoever gets an item may
change it. Only a generator that came to its end is stored; one that was sent something, or that an
exception was thrown into, is not.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from types import FunctionType
from typing import TYPE_CHECKING, Any

from hashcache.codec import Codec, Payload, encode
from hashcache.errors import UnencodableError
from hashcache.recent import MISS

if TYPE_CHECKING:
    from hashcache.decorator import Cached

YIELDED = "yielded"  # what entries of generators call their codec

Road = Callable[..., Any]
_NOT_AT_ONCE = 0x20 | 0x80 | 0x200  # flags of code: generator, coroutine, asynchronous generator


def road_of(function: Callable[..., Any]) -> Road | None:
    """Return how to answer calls of a function, if not as those of a function that simply returns."""
    plain = type(function) is FunctionType and not function.__code__.co_flags & _NOT_AT_ONCE
    if plain and not vars(function):  # where it could be marked as a coroutine function
        return None
    import inspect  # which takes longer to load than a hit takes

    if inspect.iscoroutinefunction(function):
        return answer_coroutine
    if inspect.isgeneratorfunction(function):
        return answer_generator
    if inspect.isasyncgenfunction(function):
        return answer_async_generator
    return None


def mark(cached: Cached[..., Any]) -> None:
    """Let `inspect` and `asyncio` know that calls of a cached function are to be awaited."""
    if sys.version_info >= (3, 12):
        import inspect

        inspect.markcoroutinefunction(cached)
    else:
        import asyncio.coroutines

        cached._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]


MARKS = ("_is_coroutine", "_is_coroutine_mark", "_is_coroutine_marker")  # which of these `mark` sets


async def answer_coroutine(
    cached: Cached[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fresh: bool
) -> Any:
    """Return what the coroutine returns, from the store where it is there; one of many tasks computes."""
    call = cached._keyed(args, kwargs)
    if call is None:
        return await cached.__wrapped__(*args, **kwargs)
    return await cached._layer.fetch_task(
        call, lambda: cached.__wrapped__(*args, **kwargs), cached._policy, fresh
    )


# -- generators --------------------------------------------------------------------------------------


class _Record:
    """What a generator has yielded so far, encoded."""

    def __init__(self, codecs: Sequence[Codec]) -> None:
        self.codecs = codecs
        self.parts: list[tuple[str, Payload]] = []
        self.is_whole = True  # whether it was only asked for items, so that another run yields the same
        self.error: UnencodableError | None = None

    def add(self, item: Any) -> None:
        if self.error is None and self.is_whole:
            try:
                name, payload = encode(item, self.codecs)
            except UnencodableError as error:
                self.error = error
            else:  # the frames may be the very memory of an array that the consumer goes on to change
                self.parts.append((name, Payload(payload.description, list(map(bytes, payload.frames)))))

    def spoil(self) -> None:
        self.is_whole = False
        self.parts.clear()

    def encoded(self) -> tuple[str, Payload]:
        """Return all parts as one, or raise what one of them could not be encoded for."""
        if self.error is not None:
            raise self.error
        described = [[name, payload.description, len(payload.frames)] for name, payload in self.parts]
        return YIELDED, Payload(described, [frame for _, payload in self.parts for frame in payload.frames])


class Items:
    """Items of a stored generator, decoded one by one; the last part is what it returned."""

    def __init__(self, payload: Payload, codecs: Sequence[Codec]) -> None:
        self._codec = {codec.name: codec for codec in reversed(codecs)}
        self._parts: list[tuple[str, Payload]] = []
        place = 0
        for name, description, count in payload.description:
            frames = payload.frames[place : place + count]
            self._parts.append((name, Payload(description, frames, payload.read_only)))
            place += count
        # Whether all can be read has to be known before the first is given out.
        self._decoded = [self._codec[name].decode(part) for name, part in self._parts]
        self.returned = self._decoded.pop()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._decoded)


def answer_generator(
    cached: Cached[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fresh: bool
) -> Generator[Any, Any, Any]:
    """Yield what the generator yields, from the store where all of it is there."""
    call = cached._keyed(args, kwargs)
    if call is None:
        return (yield from cached.__wrapped__(*args, **kwargs))
    layer, policy = cached._layer, cached._policy
    call.decoders = {YIELDED: lambda payload: Items(payload, layer.codecs)}
    found = MISS if fresh else layer.find(call, policy)
    if found is not MISS:
        given = 0
        for item in found:
            given += 1
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                step: Callable[[Any], Any] = _throwing(error)
            else:
                if sent is None:
                    continue
                step = _sending(sent)
            # Only the function itself knows what it does with that.
            running = cached.__wrapped__(*args, **kwargs)
            for _ in range(given):
                next(running)
            return (yield from _driven(running, step, None))
        return found.returned
    record = _Record(layer.codecs)
    with layer.computation(call, policy) as computation:
        returned = yield from _driven(cached.__wrapped__(*args, **kwargs), next, record)
        if record.is_whole:
            record.add(returned)
            computation.finish(returned, record.encoded)
        return returned


def _driven(
    running: Generator[Any, Any, Any], step: Callable[[Any], Any], record: _Record | None
) -> Generator[Any, Any, Any]:
    """Do what `yield from` does, and note what is yielded; `step` makes the generator yield the next item."""
    while True:
        try:
            item = step(running)
        except StopIteration as end:
            return end.value
        if record is not None:
            record.add(item)
        try:
            sent = yield item
        except GeneratorExit:
            running.close()
            raise
        except BaseException as error:
            step = _throwing(error)
        else:
            step = next if sent is None else _sending(sent)
        if step is not next and record is not None:
            record.spoil()


def _sending(value: Any) -> Callable[[Any], Any]:
    return lambda running: running.send(value)


def _throwing(error: BaseException) -> Callable[[Any], Any]:
    return lambda running: running.throw(error)


async def answer_async_generator(
    cached: Cached[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fresh: bool
) -> AsyncGenerator[Any, Any]:
    """Yield what the asynchronous generator yields, from the store where all of it is there."""
    call = cached._keyed(args, kwargs)
    layer, policy = cached._layer, cached._policy
    found: Any = MISS
    if call is not None:
        call.decoders = {YIELDED: lambda payload: Items(payload, layer.codecs)}
        found = MISS if fresh else layer.find(call, policy)
    record = None if call is None or found is not MISS else _Record(layer.codecs)
    running: AsyncGenerator[Any, Any] | None = None
    step: Callable[[Any], Any] = anext
    given = 0
    if found is not MISS:
        for item in found:
            given += 1
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                step = _throwing_async(error)
            else:
                if sent is None:
                    continue
                step = _sending_async(sent)
            break
        else:
            return
    running = cached.__wrapped__(*args, **kwargs)
    for _ in range(given):
        await anext(running)
    computation = None if record is None or call is None else layer.computation(call, policy)
    with computation or nullcontext():
        while True:
            try:
                item = await step(running)
            except StopAsyncIteration:
                break
            if record is not None:
                record.add(item)
            try:
                sent = yield item
            except GeneratorExit:
                await running.aclose()
                raise
            except BaseException as error:
                step = _throwing_async(error)
            else:
                step = anext if sent is None else _sending_async(sent)
            if step is not anext and record is not None:
                record.spoil()
        if record is not None and computation is not None and record.is_whole:
            record.add(None)
            computation.finish(None, record.encoded)


def _sending_async(value: Any) -> Callable[[Any], Any]:
    return lambda running: running.asend(value)


def _throwing_async(error: BaseException) -> Callable[[Any], Any]:
    return lambda running: running.athrow(error)
