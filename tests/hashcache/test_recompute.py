"""What was stored with its arguments can be computed again by anybody who can import the function."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import Cache, Layer, OptionError, UncacheableWarning, digest, hashcache
from hashcache.__main__ import main
from hashcache.arguments import decode_arguments, encode_arguments
from hashcache.codec import ConvertingCodec, Payload
from hashcache.form import Form
from hashcache.recompute import Recomputed, recompute

MODULE = """
from collections import Counter
from hashcache import hashcache
import numpy as np

calls = Counter()
RATE = {rate}

class Point:
    def __init__(self, x): self.x = x
    @hashcache(keep_arguments=True)
    def moved(self, by): return self.x + by
    @classmethod
    @hashcache(keep_arguments=True)
    def named(cls, n): return cls.__name__ * n

@hashcache(keep_arguments=True)
def scaled(values, *, by=2.0): return values * by * RATE

@hashcache(keep_arguments=True)
def read(path):
    with open(path) as file: return file.read()

@hashcache
def plain(x): return x

@hashcache
def nothing(): return 42

@hashcache
def usual(x=1): return x + 1

@hashcache(keep_arguments=True)
def items(n):
    yield from range(n)
    return "end"

@hashcache(keep_arguments=True, cache_exceptions=(ZeroDivisionError,))
def inverse(x): return 1 / x

@hashcache(keep_arguments=True)
async def later(x): return x

@hashcache(keep_arguments=True, ignore=("verbose",))
def quiet(x, verbose=False): return x
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Write and import a module of cached functions."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def written(rate: float = 1.0, more: str = "") -> Any:
        sys.modules.pop("model", None)
        (tmp_path / "model.py").write_text(MODULE.replace("{rate}", repr(rate)) + more)
        importlib.invalidate_caches()
        gc.collect()
        return importlib.import_module("model")

    yield written
    sys.modules.pop("model", None)
    gc.collect()


def outcomes(cache: Cache) -> dict[str, Recomputed]:
    return {each.key.split(":")[1]: each for each in recompute(cache)}


def told(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any]:
    status = main(["verify", "--recompute", "--json", *options])
    return status, json.loads(capsys.readouterr().out)["recomputed"]


# -- arguments as frames -----------------------------------------------------------------------------

leaves = st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.binary(max_size=3) | st.none()
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.sets(leaves, max_size=3))


@given(st.lists(values, max_size=3), st.dictionaries(st.text(min_size=1), values, max_size=3))
def test_arguments_come_back_as_they_were(args: list[Any], kwargs: dict[str, Any]) -> None:
    form = Form()
    frames = encode_arguments(args, kwargs, form.codecs, form.compressed)
    found = decode_arguments([bytes(frame) for frame in frames], form)
    assert digest(found) == digest((tuple(args), kwargs))
    assert list(found[1]) == list(kwargs)


def test_who_reads_the_result_sees_nothing_of_its_arguments(cache: Cache) -> None:
    array = np.arange(20_000.0)
    kept, usual = (Cache(cache.location / name, memory=0) for name in ("kept", "usual"))
    one = kept(keep_arguments=True)(lambda values: values[::2] + 1)
    other = usual(lambda values: values[::2] + 1)
    for cached in (one, other):
        np.testing.assert_array_equal(cached(array), cached(array))
        assert cached.stats() == {"hits": 1, "misses": 1}
    assert one.key(array) == other.key(array), "it takes no part in the key"
    (with_them,), (without,) = list(one.entries()), list(other.entries())
    assert with_them["size"] - without["size"] > array.nbytes
    assert with_them["frames"] == without["frames"]


# -- computing again ---------------------------------------------------------------------------------


def test_results_are_computed_again_and_compared(
    write: Callable[..., Any], cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, source = write(), tmp_path / "source"
    source.write_text("before")
    model.read(str(source))
    model.scaled(np.arange(3.0), by=4.0)
    model.nothing(), model.usual(), list(model.items(3)), model.quiet(1, verbose=True)
    model.Point(2).moved(by=3), model.Point.named(2)
    with pytest.raises(ZeroDivisionError):
        model.inverse(0)
    status, found = told(capsys)
    assert (status, found) == (0, {"same": 9, "different": [], "not recomputed": []})
    source.write_text("after")
    status, found = told(capsys)
    assert (status, found["same"]) == (1, 8)
    (different,) = found["different"]
    assert different["key"].startswith("function:read:")
    assert different["reason"] == "result: 'before' -> 'after'"
    assert model.read(str(source)) == "before", "nothing was stored"


def test_what_is_not_computed_again_says_why(
    write: Callable[..., Any], cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    model = write()
    model.plain(1), asyncio.run(model.later(1)), model.scaled(3.0), model.usual(5)
    cache(keep_arguments=True, name="hidden")(lambda x: x)(1)
    cache.recent.clear()
    write(rate=2.0)
    found = outcomes(cache)
    assert {each.outcome for each in found.values()} == {"not recomputed"}
    assert found["plain"].reason == "its arguments were not kept"
    assert found["usual"].reason == "its arguments were not kept"
    assert (found["scaled"].reason, found["scaled"].detail) == (
        "its key is another now",
        "global RATE: 1.0 -> 2.0",
    )
    assert "has to be awaited" in found["later"].detail
    assert found["hidden"].reason == "its function cannot be imported"
    assert main(["verify", "--recompute"]) == 0
    said = capsys.readouterr().out
    assert "computed again: 0 the same, 0 different, 5 not computed" in said
    assert "2 not computed: its arguments were not kept" in said


def test_a_function_that_raises_now_differs(write: Callable[..., Any], cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    write().read(str(source))
    source.unlink()
    found = outcomes(cache)["read"]
    assert found.outcome == "different"
    assert found.reason.startswith("the function raised FileNotFoundError")


def test_a_function_that_is_gone_is_told(write: Callable[..., Any], cache: Cache) -> None:
    model = write(more="\n@hashcache\ndef vanishing(): return 1\n")
    model.vanishing()
    del model.vanishing
    hashcache.recent.clear()
    gc.collect()
    found = outcomes(cache)["vanishing"]
    assert found.reason == "its function cannot be imported"
    assert "AttributeError" in found.detail


def test_functions_of_scripts_are_found_where_a_module_is_named(
    python: Callable[..., str], cache: Cache, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(
        "from hashcache import hashcache\n"
        "@hashcache(keep_arguments=True)\ndef twice(x): return 2 * x\n"
        "if __name__ == '__main__': twice(4)\n"
    )
    python(None, "script.py")
    verify = ("-m", "hashcache", "verify", "--recompute")
    lost = python(None, *verify)
    assert "0 the same" in lost
    assert "twice was defined in no module that has a name" in lost
    assert "1 the same" in python(None, *verify, "--import", "script")


def test_an_entry_cannot_say_what_is_run(cache: Cache, write: Callable[..., Any], tmp_path: Path) -> None:
    """Its module is imported; what lies there is called only if it is the cached function of this key."""
    mark = tmp_path / "mark"
    write(more=f"\ndef bomb(*args): open({str(mark)!r}, 'w')\n")
    for defined in ("model:bomb", "os:system", "antigravity:open", "model:Point.__init__", "model:"):
        other = Cache(tmp_path / f"other{defined.replace(':', '-')}")
        cached = other(keep_arguments=True, name="planted")(lambda x: x)
        cached._policy.defined = defined
        cached(1)
        other.recent.clear()
        del cached
        gc.collect()
        (found,) = recompute(other)
        assert found.reason == "its function cannot be imported"
    assert not mark.exists()
    assert "antigravity" not in sys.modules


# -- trust -------------------------------------------------------------------------------------------


class Loud:
    """Says so when it is unpickled, where no key sees it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __setstate__(self, state: dict[str, Any]) -> None:
        os.environ["WOKEN"] = "yes"
        self.__dict__.update(state)


def number_of(loud: Loud) -> int:
    return loud.number


def test_no_pickle_is_read_where_none_is_allowed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOKEN", "no")
    cached = cache(keep_arguments=True)(number_of)
    cached(Loud(3))
    wary = Cache(cache.location, pickle="never")
    (found,) = recompute(wary)
    assert found.reason == "its arguments are not read"
    assert os.environ["WOKEN"] == "no"
    (found,) = recompute(cache)
    assert (found.outcome, os.environ["WOKEN"]) == ("same", "yes")


def test_arguments_that_need_pickle_are_not_kept_without_it(cache: Cache) -> None:
    cached = cache(keep_arguments=True, pickle="never")(number_of)
    with pytest.warns(UncacheableWarning, match="stored without its arguments"):
        cached(Loud(3))
    assert cached(Loud(3)) == 3
    assert cached.stats() == {"hits": 1, "misses": 1}
    (found,) = recompute(cache)
    assert found.reason == "its arguments were not kept"


def test_entries_of_strangers_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "one", tmp_path / "two"
    for number, key in enumerate(keys):
        key.write_bytes(bytes(range(number, number + 32)))
        key.chmod(0o600)
    mine, other = (Cache(tmp_path / "shared", shared=True, key_file=key) for key in keys)
    cached = mine(keep_arguments=True)(number_of)
    cached(Loud(1))
    assert [each.outcome for each in recompute(mine)] == ["same"]
    monkeypatch.setenv("WOKEN", "no")
    assert list(recompute(other)) == []
    assert os.environ["WOKEN"] == "no"


# -- how they are kept -------------------------------------------------------------------------------


class Graph:
    """Of a layer with a codec of its own."""

    def __init__(self, edges: Any) -> None:
        self.edges = edges

    def __hashcache__(self) -> Any:
        return self.edges


def test_each_argument_is_kept_by_the_codec_of_its_type(cache: Cache) -> None:
    codec = ConvertingCodec("graph", Graph, lambda graph: graph.edges, Graph)
    layer = Layer("graph", codec=codec, cache=cache, pickle="never")

    def grown(graph: Graph, by: int) -> Graph:
        return Graph(graph.edges + by)

    cached = layer.wrap(grown, keep_arguments=True)
    cached(Graph(np.arange(3)), by=2)
    assert [each.outcome for each in recompute(cache)] == ["same"]


def test_damage_to_an_argument_is_damage_to_the_entry(cache: Cache) -> None:
    cached = cache(keep_arguments=True)(lambda values: 1)
    cached(np.arange(1000.0))
    (path,) = (p for p in (cache.location / "v1").rglob("*") if p.is_file() and p.parent.name != "f-")
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    other = Cache(cache.location)(keep_arguments=True)(lambda values: 1)
    with pytest.warns(UserWarning, match="is damaged"):
        other(np.arange(1000.0))
    assert [each.outcome for each in recompute(cache)] == ["same"]


def test_arguments_are_compressed_as_results_are(cache: Cache) -> None:
    pytest.importorskip("zstandard")
    cached = cache(keep_arguments=True, compress="zstd")(lambda values: values.sum())
    cached(np.zeros(100_000))
    (header,) = cached.entries()
    assert header["size"] < 10_000
    assert [each.outcome for each in recompute(cache)] == ["same"]


def test_a_codec_that_fails_on_arguments_costs_no_result(cache: Cache) -> None:
    class Bad:
        name = "bad"
        executes_code = False

        def accepts(self, value: Any) -> bool:
            return type(value) is set

        def encode(self, value: Any) -> Payload:
            return Payload(object(), ())  # which JSON cannot hold

        def decode(self, payload: Payload) -> Any:
            raise AssertionError

    cached = cache(keep_arguments=True, codec=Bad())(len)
    with pytest.warns(UncacheableWarning, match="without its arguments"):
        assert cached({1}) == 1
    assert cached({1}) == 1
    assert cached.stats()["hits"] == 1


def test_changed_arguments_are_another_key(cache: Cache) -> None:
    @cache(keep_arguments=True, mutation="ignore")
    def push(items: list[int]) -> int:
        items.append(1)
        return len(items)

    push([])
    (found,) = recompute(cache)
    assert (found.outcome, found.reason) == ("not recomputed", "its key is another now")
    assert found.detail.startswith("argument items")


def test_repeated_changes_and_kept_arguments_do_not_go_together(cache: Cache) -> None:
    with pytest.raises(OptionError, match="keep_arguments"):
        cache(keep_arguments=True, mutation="replay")(lambda x: x)


def test_a_salt_that_changes_is_told_as_it_was(cache: Cache) -> None:
    salt = [1]
    cached = Layer("salted", salt=lambda: tuple(salt), cache=cache).wrap(lambda x: x)
    cached(1)
    salt[0] = 2
    cached(1)
    rows = {header["digest"]: dict(row[:2] for row in header["parts"]) for header in cached.entries()}
    assert len(rows) == 2
    assert len({row["salt 0"] for row in rows.values()}) == 2
