"""What a hit costs, against the caches that people use."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare import Contender, interleaved, microseconds, ratio, save

from hashcache import Cache, digest

pytestmark = pytest.mark.bench

RATE, SCALE, NAME, PAIR, NOTHING = 1, 2.0, "x", (1, 2), None


def helper(x: Any) -> Any:
    return x + RATE


def captures(x: Any) -> Any:
    """Eight captured names."""
    return helper(x) * SCALE + len(NAME) + PAIR[0] + (NOTHING is None) + math.pi


def first(x: Any) -> Any:
    return x[0] if not isinstance(x, dict) else len(x)


def zeros(n: int) -> Any:
    return np.zeros(n)


def contenders(tmp_path: Path, function: Callable[..., Any], argument: Any) -> dict[str, Contender]:
    import diskcache
    import joblib

    ours, files = Cache(tmp_path / "ours"), Cache(tmp_path / "files", memory=0)
    theirs = diskcache.Cache(str(tmp_path / "diskcache"))
    cached = {
        "hashcache": ours(function),
        "hashcache, from disk": files(function),
        "diskcache": theirs.memoize()(function),
        "joblib": joblib.Memory(tmp_path / "joblib", verbose=0).cache(function),
    }
    for each in cached.values():
        each(argument)
        each(argument)
    return {name: functools.partial(each, argument) for name, each in cached.items()}


CASES: dict[str, tuple[Callable[..., Any], Any]] = {
    "int argument, eight captured names": (captures, 3),
    "1 kB dict argument": (first, {f"key{i}": [i, float(i)] for i in range(40)}),
    "1 MB array argument": (first, np.arange(131_072.0)),
    "1e5 floats in a list": (first, [float(i) for i in range(100_000)]),
    "1 MB array result": (zeros, 131_072),
}


@pytest.mark.filterwarnings("ignore")  # of the alternatives
def test_hits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "| a hit | hashcache (us) | of diskcache | of joblib | from disk (us) | of diskcache | of joblib |",
        "|---|---|---|---|---|---|---|",
    ]
    for place, (name, (function, argument)) in enumerate(CASES.items()):
        rows = interleaved(contenders(tmp_path / str(place), function, argument))
        cells = []
        for ours in ("hashcache", "hashcache, from disk"):
            cells.append(f"{microseconds(rows, ours):.3g}")
            cells += [f"{ratio(rows, ours, theirs):.3f}" for theirs in ("diskcache", "joblib")]
        lines.append(f"| {name} | {' | '.join(cells)} |")

    import joblib

    lines += ["", "| a key | hashcache (us) | of joblib.hash |", "|---|---|---|"]
    values: dict[str, Any] = {
        "1e5 floats in a list": [float(i) for i in range(100_000)],
        "1e5 strings in a list": [f"name {i}" for i in range(100_000)],
        "dict of 1e5 items": {i: float(i) for i in range(100_000)},
        "100 MB array": np.zeros(13_107_200),
    }
    for name, value in values.items():
        pair = {
            "ours": functools.partial(digest, value),
            "joblib": functools.partial(joblib.hash, value),
            "sum": functools.partial(np.sum, value) if isinstance(value, np.ndarray) else int,
        }
        rows = interleaved(pair, rounds=5)
        also = f" ({ratio(rows, 'ours', 'sum'):.2f} of `np.sum`)" if isinstance(value, np.ndarray) else ""
        ours, share = microseconds(rows, "ours"), ratio(rows, "ours", "joblib")
        lines.append(f"| {name} | {ours:.3g} | {share:.3f}{also} |")
    save(lines)
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))
    assert len(lines) == 2 + len(CASES) + 3 + len(values)
