"""Compressed results are the same results; what cannot be compressed or expanded costs nobody the answer."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty import said, stored
from hypothesis import given
from hypothesis import strategies as st

from hashcache import Cache, Cached, Payload, StoreWarning, compression, entry
from hashcache.errors import CompressionError
from hashcache.form import COMPRESSED


def _standard_library() -> None:
    """Have what Python 3.14 has, or the same under another name."""
    if sys.version_info < (3, 14):
        backport = pytest.importorskip("backports.zstd")
        sys.modules["compression"] = types.ModuleType("compression")
        sys.modules["compression"].zstd = backport  # type: ignore[attr-defined]


def _package() -> None:
    pytest.importorskip("zstandard")
    sys.modules["compression"] = None  # type: ignore[assignment]


def _nothing() -> None:
    sys.modules["compression"] = sys.modules["zstandard"] = None  # type: ignore[assignment]


def _with(monkeypatch: pytest.MonkeyPatch, prepare: Callable[[], None]) -> None:
    for name in ("compression", "compression.zstd", "zstandard"):
        if name in sys.modules:
            monkeypatch.setitem(sys.modules, name, sys.modules[name])
        else:
            monkeypatch.setitem(sys.modules, name, None)
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(compression, "_loaded", None)
    prepare()


@pytest.fixture(params=[_package, _standard_library])
def zstd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the two that compress, and not the other."""
    _with(monkeypatch, request.param)
    compression._zstd()


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither."""
    _with(monkeypatch, _nothing)


def even(n: int) -> Any:
    return {"even": np.arange(n) // 100, "noise": np.frombuffer(np.random.default_rng(n).bytes(n), "u1")}


def right(value: Any, n: int) -> bool:
    expected = even(n)
    return all(np.array_equal(value[name], expected[name]) for name in expected)


def codec_of(cached: Cached[..., Any]) -> str:
    (header,) = cached.entries()
    return str(header["codec"])


# -- the law -------------------------------------------------------------------------------------------

FRAMES = st.lists(
    st.one_of(
        st.binary(max_size=100),
        st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=9), st.integers(1, 3000)),
    ),
    max_size=5,
)


@pytest.mark.usefixtures("zstd")
@given(FRAMES, st.sampled_from([1, 3, 9]))
def test_expanding_gives_what_was_compressed(frames: list[bytes], level: int) -> None:
    payload = Payload({"any": ["description"]}, frames)
    name, smaller = compression.compressed("own", payload, level)
    if name == COMPRESSED:
        name, smaller = compression.expanded(smaller)
    assert (name, smaller.description, list(map(bytes, smaller.frames))) == (
        "own",
        payload.description,
        frames,
    )


@pytest.mark.usefixtures("zstd")
def test_a_frame_is_compressed_only_where_that_is_worth_it() -> None:
    noise = np.random.default_rng(0).bytes(3 * 2**20)
    frames = [
        b"a" * 4096,
        b"a" * 4097,
        noise[:10_000],
        noise,
        b"a" * (3 * 2**20),
        noise[: 2**20] + bytes(2**21),
    ]
    name, smaller = compression.compressed("own", Payload(None, frames), 3)
    assert name == COMPRESSED
    assert smaller.description == ["own", None, [None, 4097, None, None, 3 * 2**20, 3 * 2**20]]
    assert all(new is old for new, old in zip(smaller.frames, frames, strict=True) if len(new) == len(old))
    payload = Payload(None, frames[:1] + frames[2:4])
    assert compression.compressed("own", payload, 3) == ("own", payload)


# -- whole calls -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("zstd")
@pytest.mark.parametrize("compress", ["zstd", 1, 19])
@pytest.mark.parametrize("memory", [0, 2**26])
def test_a_hit_of_a_compressed_result_is_the_result(location: Path, compress: Any, memory: int) -> None:
    for decorate in (Cache(location, compress=compress, memory=memory), Cache(location)(compress=compress)):
        cached = decorate(even)
        for _ in range(3):
            value, categories = said(lambda c=cached: c(50_000))
            assert right(value, 50_000)
            assert categories == []
            value["even"][:] = 7  # it is the caller's own
        assert cached.stats()["hits"] >= 2
        assert codec_of(cached) == COMPRESSED
        assert stored(cached, 50_000).stat().st_size < 150_000


@pytest.mark.usefixtures("zstd")
def test_whether_results_are_compressed_is_no_part_of_the_key(location: Path) -> None:
    assert right(Cache(location, compress="zstd")(even)(5000), 5000)
    plain = Cache(location)(even)
    assert right(plain(5000), 5000)
    assert plain.stats() == {"hits": 1, "misses": 0}
    plain.refresh(5000)
    assert codec_of(plain) == "arrays"


@pytest.mark.usefixtures("zstd")
def test_generators_exceptions_pickles_and_changes_are_compressed_too(location: Path) -> None:
    cache = Cache(location, compress="zstd")

    @cache
    def items(n: int) -> Any:
        yield np.zeros(n)
        yield {1}

    @cache(cache_exceptions=(ValueError,))
    def fails(n: int) -> Any:
        raise ValueError("no" * n)

    @cache
    def pickled(n: int) -> Any:
        return {"a" * n}

    @cache(mutation="replay")
    def fill(table: dict[str, Any], n: int) -> None:
        table["zeros"] = np.zeros(n)

    for _ in range(2):
        first, second = items(10_000)
        assert (first.tolist(), second) == ([0.0] * 10_000, {1})
        with pytest.raises(ValueError, match="nono"):
            fails(10_000)
        assert pickled(10_000) == {"a" * 10_000}
        table: dict[str, Any] = {}
        fill(table, 10_000)
        assert table["zeros"].tolist() == [0.0] * 10_000
    for cached in (items, fails, pickled, fill):
        assert codec_of(cached) == COMPRESSED
        assert cached.stats() == {"hits": 1, "misses": 1}


@pytest.mark.usefixtures("zstd")
def test_compressed_results_are_read_only_where_that_is_asked_for(location: Path) -> None:
    cached = Cache(location)(compress="zstd", mmap="r")(even)
    cached(50_000)
    assert not cached(50_000)["even"].flags.writeable


@pytest.mark.usefixtures("zstd")
def test_compressed_results_are_shared_under_a_seal(location: Path) -> None:
    for hits in (0, 1):
        cached = Cache(location, shared=True, compress="zstd")(even)
        assert right(cached(5000), 5000)
        assert cached.stats()["hits"] == hits


# -- trouble ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing")
def test_without_the_package_results_are_stored_plainly_and_that_is_said_once(location: Path) -> None:
    cached = Cache(location, compress="zstd")(even)
    with pytest.warns(StoreWarning, match=r"pip install 'hashcache\[zstd\]'") as caught:
        assert all(right(cached(n), n) for n in (5000, 6000, 5000))
    assert len(caught) == 1
    assert cached.stats() == {"hits": 1, "misses": 2}
    assert said(lambda: Cache(location, compress="zstd")(even)(100)["even"][0]) == (0, []), "nothing to do"


def test_without_the_package_a_compressed_entry_is_a_miss_said_once(
    location: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _with(patched, _package)
        for n in (5000, 6000):
            Cache(location, compress="zstd")(even)(n)
    _with(monkeypatch, _nothing)
    cached = Cache(location)(even)
    assert said(lambda: cached.is_cached(5000)) == (False, [StoreWarning])
    value, categories = said(lambda: [right(cached(n), n) for n in (5000, 6000, 5000)])
    assert (value, categories) == ([True] * 3, [])
    assert cached.stats() == {"hits": 1, "misses": 2}


@pytest.mark.usefixtures("zstd")
@pytest.mark.parametrize("size", [0, 1, 4999, 5001, 10**15, -1, "5000", None, 2.5])
def test_no_more_memory_is_taken_than_is_said(size: Any) -> None:
    _, payload = compression.compressed("own", Payload(None, [b"a" * 5000]), 3)
    (frame,) = payload.frames
    if size is None:
        assert compression.expanded(Payload(["own", None, [None]], [frame]))[1].frames == [frame]
        return
    with pytest.raises(CompressionError):
        compression.expanded(Payload(["own", None, [size]], [frame]))


@pytest.mark.usefixtures("zstd")
@pytest.mark.parametrize(
    "description", [None, 3, [], ["own", None], ["own", None, [5000, 5000]], ["own", None, 5000], {}]
)
def test_a_description_that_makes_no_sense_is_refused(description: Any) -> None:
    _, payload = compression.compressed("own", Payload(None, [b"a" * 5000]), 3)
    with pytest.raises(CompressionError):
        compression.expanded(Payload(description, payload.frames))


@pytest.mark.usefixtures("zstd")
def test_a_frame_that_was_tampered_with_is_a_miss(location: Path) -> None:
    cached = Cache(location, compress="zstd")(even)
    cached(50_000)
    data = stored(cached, 50_000).read_bytes()
    codec, payload, *_ = entry.unpack(data, bytes.fromhex(cached.key(50_000)))
    for damaged in (payload.frames[0][:-1], payload.frames[0][1:], b"", b"\x28\xb5\x2f\xfd" * 100):
        frames = [damaged, payload.frames[1]]
        pieces = entry.pack(
            bytes.fromhex(cached.key(50_000)), codec, Payload(payload.description, frames), {}
        )
        cached._layer.cache.store.put(cached._call((50_000,), {}).name, pieces)
        fresh = Cache(location)(even)
        value, categories = said(lambda f=fresh: right(f(50_000), 50_000))
        assert (value, categories) == (True, [StoreWarning])
        assert fresh.stats() == {"hits": 0, "misses": 1}


def test_nothing_is_loaded_before_something_is_compressed(python: Callable[..., str]) -> None:
    code = (
        "import sys\nfrom hashcache import hashcache\n"
        "f = hashcache(lambda x: x)\nf(1), f(1)\n"
        "print({'hashcache.compression', 'zstandard', 'hashcache.stores.seal'} & set(sys.modules))"
    )
    assert python(code) == "set()\n"
