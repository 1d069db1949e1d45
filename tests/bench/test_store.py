"""What the store costs: puts, large results, and many entries."""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare import Contender, interleaved, microseconds, ratio, save, table

from hashcache import Cache, DirectoryStore

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore")]  # of the alternatives

PACKAGES = ("diskcache", "joblib", "numpy")
MANY, FEW = 100_000, 100
FRESH = """
import sys, time
kind, place = sys.argv[1:]
if kind == "ours":
    from hashcache import Cache
    decorate = Cache(place)
else:
    import diskcache
    decorate = diskcache.Cache(place).memoize()
@decorate
def plus(x):
    return x + 1
started = time.perf_counter()
plus(3)
print(time.perf_counter() - started)
"""


def plus(x: int) -> int:
    return x + 1


def zeros(n: int) -> Any:
    return np.zeros(n)


def filled(place: Path, entries: int) -> Any:
    """Return the cached function on a store that holds so many other results of it."""
    cached = Cache(place, memory=0)(plus)
    cached(3)
    (header,) = cached.entries()
    group, store = header["name"].rpartition("/")[0], DirectoryStore(place)
    data = [store.get(header["name"]) or b""]
    for _ in range(entries):
        store.put(f"{group}/{os.urandom(16).hex()}", data)
    return cached


def test_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import diskcache
    import joblib

    lines = []
    numbers = itertools.count()
    puts: dict[str, Contender] = {}
    for name, each in {
        "ours": Cache(tmp_path / "put")(plus),
        "diskcache": diskcache.Cache(str(tmp_path / "put-d")).memoize()(plus),
        "joblib": joblib.Memory(tmp_path / "put-j", verbose=0).cache(plus),
    }.items():
        puts[name] = functools.partial(lambda call: call(next(numbers)), each)
    for put_one in puts.values():  # folders are made once
        for _ in range(1000):
            put_one()
    rows = interleaved(puts, rounds=15)
    put = f"{microseconds(rows, 'ours'):.0f} us"
    shares = (
        f"{ratio(rows, 'ours', 'joblib'):.2f} of joblib, {ratio(rows, 'ours', 'diskcache'):.2f} of diskcache"
    )
    lines.append(["small put", put, shares, "joblib's; 150 us"])

    n = 13_107_200
    np.save(tmp_path / "array.npy", np.zeros(n))
    large: dict[str, Contender] = {"load": functools.partial(np.load, tmp_path / "array.npy")}
    for name, memory in (("verified", 0), ("checked before", 2**26)):
        cached = Cache(tmp_path / name, memory=memory)(zeros)
        cached(n)
        large[name] = functools.partial(cached, n)
    subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)"], check=True)  # no longer young
    rows = interleaved(large, rounds=5)
    for name in ("verified", "checked before"):
        took, share = (
            f"{microseconds(rows, name) / 1000:.3g} ms",
            f"{ratio(rows, name, 'load'):.4f} of `np.load`",
        )
        lines.append([f"hit of a 100 MB array, {name}", took, share, "0.1 of `np.load`"])

    few, many = filled(tmp_path / "few", FEW), filled(tmp_path / "many", MANY)
    with diskcache.Cache(str(tmp_path / "many-d")) as cache, cache.transact():
        for number in range(MANY):
            cache.set(number, number)
        theirs = cache.memoize()(plus)
        theirs(3)
    rows = interleaved({"few": functools.partial(few, 3), "many": functools.partial(many, 3)})
    hit = f"{ratio(rows, 'many', 'few'):.2f} of a hit among {FEW}"
    lines.append([f"hit among {MANY} entries", f"{microseconds(rows, 'many'):.1f} us", hit, "1.5 of it"])
    puts = {
        name: functools.partial(lambda call: call(next(numbers)), call)
        for name, call in (("few", few), ("many", many))
    }
    rows = interleaved(puts, rounds=9)
    put = f"{ratio(rows, 'many', 'few'):.2f} of a put among {FEW}"
    lines.append([f"put among {MANY} entries", f"{microseconds(rows, 'many'):.0f} us", put, "2 of it"])

    times: dict[str, list[float]] = {"ours": [], "diskcache": []}
    places = {"ours": tmp_path / "many", "diskcache": tmp_path / "many-d"}
    for _ in range(11):
        for kind, place in places.items():
            command = [sys.executable, "-c", FRESH, kind, str(place)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times[kind].append(float(done.stdout))
    share = statistics.median(a / b for a, b in zip(times["ours"], times["diskcache"], strict=True))
    took = f"{1e3 * statistics.median(times['ours']):.2f} ms"
    lines.append(
        ["first hit of a process, among as many", took, f"{share:.2f} of diskcache", "0.3 of diskcache"]
    )
    header = next(few.entries())
    lines.append(["bytes of a small entry", str(header["size"]), "", "one block (4096)"])
    with capsys.disabled():
        save("Stores", __file__, table(["what", "takes", "ratio", "reach"], lines), PACKAGES)
    assert len(lines) == 7
