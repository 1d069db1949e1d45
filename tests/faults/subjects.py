"""Functions of every kind of result, how each is asked, and what a whole store is."""

from __future__ import annotations

import asyncio
import os
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hashcache import Cache, Cached, HashCacheWarning, entry
from hashcache.errors import TornEntryError, UnknownFormatError


class Model:
    """A class that only pickle can store."""

    def __init__(self, rates: Any) -> None:
        self.rates = rates


def scalar(x: int) -> int:
    return x * x


def nest(x: int) -> Any:
    return [x, {"a": (x, 1.5, None)}, "text", np.arange(x)]


def small_array(x: int) -> Any:
    return np.arange(x, dtype="f8")


def large_array(x: int) -> Any:
    return np.arange(20_000 + x, dtype="f8")


def pickled(x: int) -> Any:
    return Model([np.arange(600 + x), {x, x + 1}])


def yielding(x: int) -> Iterator[Any]:
    for i in range(x % 5 + 2):
        yield np.full(i, x)
    return "end"


def changing(items: list[int]) -> int:
    items.append(items[0] * 2)
    return sum(items)


def refusing(x: int) -> int:
    raise ValueError(f"no {x}")


async def awaited(x: int) -> Any:
    return {"x": x}


async def yielding_later(x: int) -> AsyncIterator[Any]:
    for i in range(x % 5 + 1):
        yield [i, x]


def _call(function: Callable[..., Any], x: int) -> Any:
    return function(x)


def _draw(function: Callable[..., Any], x: int) -> Any:
    return list(function(x))


def _pass_a_list(function: Callable[..., Any], x: int) -> Any:
    items = [x]
    return function(items), items


def _catch(function: Callable[..., Any], x: int) -> Any:
    try:
        return function(x)
    except ValueError as error:
        return "raised", str(error)


def _await(function: Callable[..., Any], x: int) -> Any:
    return asyncio.run(function(x))


def _draw_later(function: Callable[..., Any], x: int) -> Any:
    async def collected() -> list[Any]:
        return [item async for item in function(x)]

    return asyncio.run(collected())


class Subject(NamedTuple):
    """A function and how it is called with a number."""

    function: Callable[..., Any]
    options: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    how: Callable[[Callable[..., Any], int], Any] = _call

    @property
    def name(self) -> str:
        return self.function.__name__.replace("_", " ")

    def cached(self, cache: Cache) -> Cached[..., Any]:
        return cache(**self.options)(self.function)  # type: ignore[no-any-return]

    def ask(self, cached: Callable[..., Any], x: int) -> Any:
        """Return all that can be seen of a call, as what compares by type and value."""
        return content(self.how(cached, x))

    def right(self, x: int) -> Any:
        return self.ask(self.function, x)

    def argument(self, x: int) -> Any:
        return [x] if self.how is _pass_a_list else x

    def is_stored(self, cache: Cache, x: int) -> bool:
        return self.cached(cache).is_cached(self.argument(x))


SUBJECTS = [
    Subject(scalar),
    Subject(nest),
    Subject(small_array),
    Subject(large_array),
    Subject(pickled),
    Subject(yielding, how=_draw),
    Subject(changing, {"mutation": "replay"}, _pass_a_list),
    Subject(refusing, {"cache_exceptions": (ValueError,)}, _catch),
    Subject(awaited, how=_await),
    Subject(yielding_later, how=_draw_later),
]


class Report(NamedTuple):
    """What was tried, and everything that was not as promised."""

    tried: int
    wrong: list[str]
    note: str = ""


def content(value: Any) -> Any:
    """Return type and value of all parts; arrays are read to the last byte."""
    kind = type(value)
    if kind is np.ndarray:
        return "array", value.dtype.str, value.shape, value.tobytes()
    if kind in (list, tuple):
        return kind.__name__, [content(part) for part in value]
    if kind is dict:
        return "dict", [(content(key), content(part)) for key, part in value.items()]
    if kind is Model:
        return "Model", content(value.rates)
    return kind.__name__, value


class Answer(NamedTuple):
    """The content of a value, or the error in its place, and what was warned of."""

    value: Any
    error: BaseException | None
    warned: list[str]


def answer(ask: Callable[[], Any]) -> Answer:
    """Return how a call went."""
    value, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = ask()
        except BaseException as raised:
            error = raised.with_traceback(None)
    warned = [
        f"{'' if issubclass(warning.category, HashCacheWarning) else 'FOREIGN '}{warning.message}"
        for warning in caught
    ]
    return Answer(value, error, warned)


def files(place: Path) -> list[Path]:
    return [path for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink()]


def damaged_entries(place: Path) -> list[str]:
    """Return what is wrong with the files that readers would find in a store."""
    wrong = []
    for path in files(place / "v1"):
        if "." in path.name:
            continue
        digest = path.name if path.parent.name == "f-" else path.parent.name + path.name
        try:
            entry.unpack(path.read_bytes(), bytes.fromhex(digest))
        except FileNotFoundError:
            continue
        except (TornEntryError, UnknownFormatError) as error:
            wrong.append(f"{path}: {error}")
    return wrong


def leftovers(place: Path) -> list[Path]:
    return [path for path in files(place) if path.suffix == ".partial"]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
