"""Large results come back as maps of their entry: private, writable and checked."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty import said, stored

from hashcache import Cache, Cached, StoreWarning
from hashcache.stores import files

N = 100_000


def numbers(scale: float) -> Any:
    return {"a": np.arange(N) * scale, "small": np.arange(3)}


@pytest.fixture(params=[True, False], ids=["mapped", "read"])
def cached(
    request: pytest.FixtureRequest, location: Path, monkeypatch: pytest.MonkeyPatch
) -> Cached[..., Any]:
    """The function with one result stored long ago."""
    if not request.param:
        monkeypatch.setattr(files, "mapped", lambda *file: None)
    monkeypatch.setattr(files, "_is_settled", lambda *times: True)
    function = Cache(location)(numbers)
    function(2.0)
    return function


def root(array: Any) -> Any:
    """What an array lies in."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def test_a_hit_is_the_callers_own(cached: Cached[..., Any]) -> None:
    before = stored(cached, 2.0).read_bytes()
    for _ in range(3):
        value = cached(2.0)
        np.testing.assert_array_equal(value["a"], np.arange(N) * 2.0)
        assert value["a"].flags.writeable
        value["a"][:] = -1.0
        value["small"][:] = 7
    assert cached.stats()["hits"] == 3
    assert stored(cached, 2.0).read_bytes() == before


def test_a_hit_is_a_map_of_the_entry(location: Path) -> None:
    function = Cache(location)(numbers)
    function(2.0)
    assert isinstance(root(function(2.0)["a"]), mmap.mmap)


def test_a_hit_outlives_its_entry(cached: Cached[..., Any], location: Path) -> None:
    value = cached(2.0)
    cached.clear()
    assert cached(2.0)["a"][-1] == value["a"][-1] == (N - 1) * 2.0


def test_a_bit_that_flips_after_a_hit_is_noticed(cached: Cached[..., Any]) -> None:
    path = stored(cached, 2.0)
    for turn in range(3):
        assert cached(2.0)["a"][-1] == (N - 1) * 2.0
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        value, categories = said(lambda: cached(2.0))
        np.testing.assert_array_equal(value["a"], np.arange(N) * 2.0)
        assert categories == ([StoreWarning] if not turn else [])
        assert cached.stats()["torn"] == turn + 1


def test_a_young_entry_is_compared_with_its_checksum_at_every_hit(location: Path) -> None:
    # Its times could not tell a change within the same tick of the clock of the file system.
    function = Cache(location)(numbers)
    function(2.0)
    path = stored(function, 2.0)
    assert function(2.0)["a"][1] == 2.0
    data = bytearray(path.read_bytes())
    status = path.stat()
    data[-100] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not files._is_settled(path.stat().st_ctime_ns, path.stat().st_ctime_ns + 10**7)
    value, categories = said(lambda: function(2.0))
    assert value["a"][1] == 2.0
    assert categories == [StoreWarning]


def test_when_another_change_of_a_file_would_show() -> None:
    fine, coarse = 10**18 + 123_456_789, 10**18 + 120_000_000
    for changed, least in ((fine, 10**8), (coarse, 2 * 10**9)):
        assert not files._is_settled(changed, changed + least)
        assert files._is_settled(changed, changed + least + 1)
        assert not files._is_settled(changed, changed - 10**12), "clocks go back"


def test_maps_leave_most_files_to_the_program(location: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_TRACKED", True)
    most = sum(found() is not None for found in files._maps) + 3
    monkeypatch.setattr(files, "_most_maps", lambda: most)
    function = Cache(location)(numbers)
    function(2.0)
    held = [function(2.0) for _ in range(6)]
    assert [isinstance(root(value["a"]), mmap.mmap) for value in held] == [True] * 3 + [False] * 3
    assert all(value["a"][-1] == (N - 1) * 2.0 for value in held)
    del held
    assert isinstance(root(function(2.0)["a"]), mmap.mmap)
