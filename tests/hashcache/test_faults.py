"""Whatever happens to the store or the result: the answer is right, the trouble is said once."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty import in_a_new_process, power, right, said, stored

from hashcache import Cache, ConvertingCodec, DirectoryStore, StoreWarning, UncacheableWarning, hashcache
from hashcache.preview import preview


@pytest.fixture
def whole(location: Path) -> bytes:
    """The bytes of the only entry."""
    first = in_a_new_process(location)
    assert right(first(3), 3)
    return stored(first, 3).read_bytes()


# -- a store that cannot be used -----------------------------------------------------------------------


NUMBERS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT)
ERRORS = [
    *(OSError(number, "no") for number in NUMBERS),
    MemoryError(),
    RuntimeError("the library of a store"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("method", ["put", "get"])
def test_a_store_that_fails_is_said_once_and_used_again_when_mended(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    cached = cache(power)

    def fails(*args: Any) -> Any:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(cache.store, method, fails)
        for x, expected in ((3, [StoreWarning]), (3, []), (4, [])):
            value, categories = said(lambda x=x: cached(x))
            assert right(value, x)
            assert categories == expected
    what = {"put": "failed to write", "get": "failed to read"}[method]
    assert cached.stats() == {"hits": 0, "misses": 3, what: 3}
    assert said(lambda: [right(cached(3), 3), right(cached(3), 3)]) == ([True, True], [])
    assert cached.stats()["hits"] == (1 if method == "put" else 2)


def test_a_location_that_is_a_file_is_said_and_left_alone(location: Path) -> None:
    location.write_bytes(b"notes")
    cached = in_a_new_process(location)
    value, categories = said(lambda: [cached(3), cached(3), cached(4)])
    assert right(value[0], 3)
    assert right(value[1], 3)
    assert right(value[2], 4)
    assert set(categories) == {StoreWarning}
    assert len(categories) <= 2, "that it cannot be read, and that it cannot be written"
    assert location.read_bytes() == b"notes"
    location.unlink()
    assert said(lambda: [right(cached(3), 3), right(cached(3), 3)]) == ([True, True], [])
    assert cached.stats()["hits"] == 1


def test_a_directory_that_others_can_write_to_is_not_used(location: Path, whole: bytes) -> None:
    location.chmod(0o777)
    cached = in_a_new_process(location)
    value, categories = said(lambda: [cached(3), cached(4)])
    assert right(value[0], 3)
    assert right(value[1], 4)
    assert set(categories) == {StoreWarning}
    assert cached.stats()["hits"] == 0
    location.chmod(0o700)
    assert said(lambda: right(cached(3), 3)) == (True, [])
    assert cached.stats()["hits"] == 1
    assert not cached.is_cached(4)


def test_a_directory_deleted_between_calls_is_made_again() -> None:
    cached = hashcache(power)
    for _ in range(3):
        assert said(lambda: right(cached(3), 3)) == (True, [])
        assert cached.is_cached(3)
        shutil.rmtree(hashcache.location)
    assert cached.stats() == {"hits": 0, "misses": 3}


def test_a_directory_in_place_of_an_entry_is_said(location: Path, whole: bytes) -> None:
    cached = in_a_new_process(location)
    place = stored(cached, 3)
    place.unlink()
    (place / "below").mkdir(parents=True)
    value, categories = said(lambda: cached(3))
    assert right(value, 3)
    assert set(categories) == {StoreWarning}
    assert right(cached(4), 4)


def test_a_pipe_in_place_of_an_entry_keeps_nobody_waiting(location: Path, whole: bytes) -> None:
    cached = in_a_new_process(location)
    place = stored(cached, 3)
    place.unlink()
    os.mkfifo(place)
    value, categories = said(lambda: cached(3))
    assert right(value, 3)
    assert (categories, cached.stats()["torn"]) == ([StoreWarning], 1)
    assert place.is_file()


def test_one_entry_that_cannot_be_read_hides_no_others(
    location: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(location)
    cached = cache(power)
    cached(4)
    get, unreadable = cache.store.get, cached.key(3)

    def denied(name: str, size: int | None = None) -> Any:
        if name.endswith(unreadable):
            raise PermissionError(errno.EACCES, "no")
        return get(name, size)

    monkeypatch.setattr(cache.store, "get", denied)
    assert [header["digest"] for header in cached.entries()] == [cached.key(4)]


def test_a_store_of_the_users_own_is_named_as_what_it_is(location: Path) -> None:
    class Broken(DirectoryStore):
        def __repr__(self) -> str:
            return "Broken()"

        def get(self, name: str, size: int | None = None) -> Any:
            raise OSError(errno.EIO, "no")

    cached = Cache(store=Broken(location))(power)
    with pytest.warns(StoreWarning, match=r"the store at Broken\(\) cannot be read"):
        assert right(cached(3), 3)


# -- results -------------------------------------------------------------------------------------------


def test_a_result_that_cannot_be_stored_is_returned_and_said_once(cache: Cache) -> None:
    cached = cache(lambda x: (x, threading.Lock()))
    for expected in ([UncacheableWarning], [], []):
        value, categories = said(lambda: cached(1))
        assert (value[0], categories) == (1, expected)
    assert cached.stats() == {"hits": 0, "misses": 3, "unstored": 3}
    assert list(cache.entries()) == []


def test_a_codec_that_fails_costs_no_answer(location: Path) -> None:
    bad = {
        "taking apart": ConvertingCodec("bad", int, lambda value: 1 // 0, lambda parts: parts),
        "putting together": ConvertingCodec("bad", int, lambda value: value, lambda parts: parts // 0),
    }
    cached = in_a_new_process(location, lambda x: x, codec=bad["taking apart"])
    assert said(lambda: [cached(1), cached(1)]) == ([1, 1], [UncacheableWarning])
    cached = in_a_new_process(location, lambda x: x, codec=bad["putting together"])
    assert said(lambda: [cached(1), cached(1), cached(1)]) == ([1, 1, 1], [StoreWarning])


def test_a_result_whose_class_is_gone_is_computed_again(
    location: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("vanishing")
    exec("class Box:\n    value = 7", vars(module))
    monkeypatch.setitem(sys.modules, "vanishing", module)
    box: Any = module.Box
    cached = in_a_new_process(location, lambda make: make())
    assert [cached(box).value, cached(box).value] == [7, 7]
    assert cached.stats()["hits"] == 1
    del module.Box
    value, categories = said(lambda: cached(box))
    assert (value.value, categories) == (7, [StoreWarning])
    assert said(lambda: cached(box).value) == (7, []), "stored in a form that can be read"


class array:
    """A class of the user's with a name that others use too."""

    def __bool__(self) -> bool:
        return False


def nest(depth: int) -> list[Any]:
    whole: list[Any] = []
    for _ in range(depth):
        whole = [whole]
    return whole


@pytest.mark.parametrize("x", [60, 200, 450, 5000])
def test_a_deep_result_is_stored_or_said_to_be_too_deep(cache: Cache, x: int) -> None:
    cached = cache(nest)
    value, categories = said(lambda: cached(x))
    assert categories in ([], [UncacheableWarning])
    assert cached.is_cached(x) == (not categories)
    again = cached(x)
    for _ in range(x):
        (value,), (again,) = value, again
    assert value == again == []


@pytest.mark.parametrize("make", [lambda: 10**5000, lambda: [[array()]]], ids=["long integer", "class"])
def test_no_result_is_too_odd_for_a_preview(cache: Cache, make: Callable[[], Any]) -> None:
    cached = cache(make)
    assert [type(cached()), type(cached())] == [type(make())] * 2
    assert cached.stats()["hits"] == 1


def test_previews_run_no_code_of_the_result() -> None:
    asked = []

    class Loud:
        def __repr__(self) -> str:
            asked.append(self)
            return "loud"

    for value in (Loud(), [Loud()], [[Loud()]], {1: [Loud()]}, np.array(Loud(), dtype=object)):
        preview(value)
    assert asked == []


def test_an_argument_that_cannot_be_listed_costs_no_answer(cache: Cache) -> None:
    from scipy.linalg.blas import get_blas_funcs  # enters by name, and captures what it found before

    get_blas_funcs("gemm", dtype="d")
    cached = cache(lambda function, x: x)
    assert [cached(get_blas_funcs, 1), cached(get_blas_funcs, 1)] == [1, 1]


def test_a_captured_function_of_cython_costs_no_answer(cache: Cache) -> None:
    from scipy.stats._stats import _kendall_dis

    cached = cache(lambda x: _kendall_dis(x, x))
    assert said(lambda: cached(np.arange(1, 4)))[0] == 0


def test_an_explanation_that_cannot_be_read_costs_no_answer(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    factor = 2
    cached = cache(lambda x: factor * x)
    get = cache.store.get

    def unreadable(name: str, size: int | None = None) -> bytes | None:
        if "/f-" in name:
            raise OSError(errno.EIO, "no")
        return get(name, size)

    assert cached(1) == 2
    factor = 3
    cache.verbose = True
    monkeypatch.setattr(cache.store, "get", unreadable)
    assert said(lambda: cached(1))[0] == 3


def test_errors_of_the_function_pass_and_are_not_stored(cache: Cache) -> None:
    cached = cache(lambda x: 1 // x)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cached(0)
    assert list(cache.entries()) == []


def test_an_interruption_while_a_reason_is_looked_for_keeps_nobody_waiting(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = cache(power)
    cache.verbose = True

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("hashcache.explain.explain", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached(3)
    assert cache.flights._going == {}
    assert list((cache.location / "locks").iterdir()) == []


def test_an_interrupted_write_interrupts_and_the_next_call_stores(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = cache(power)

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("os.replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached(3)
    assert [path for path in cache.location.rglob("*") if path.is_file()] == []
    assert said(lambda: right(cached(3), 3)) == (True, [])
    assert cached.is_cached(3)
