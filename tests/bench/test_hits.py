"""What a hit costs, against the caches that people use."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from compare import Contender, interleaved, microseconds, ratio, save, table
from peers import PACKAGES, PEERS, warmed

from hashcache import Cache

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore")]  # of the alternatives

RATE, SCALE, NAME, PAIR, NOTHING = 1, 2.0, "x", (1, 2), None


SETTLED = 0.2  # seconds; then a mapped entry is compared with its checksum once a process, not at every hit


def helper(x: Any) -> Any:
    return x + RATE


def captures(x: Any) -> Any:
    """Eight captured names."""
    return helper(x) * SCALE + len(NAME) + PAIR[0] + (NOTHING is None) + math.pi


def first(x: Any) -> Any:
    return x[0] if not isinstance(x, dict) else len(x)


def zeros(n: int) -> Any:
    return np.zeros(n)


class Case(NamedTuple):
    function: Callable[..., Any]
    argument: Any
    reach: str  # what was to be reached, and the stretch beyond: in the process, and from disk
    reach_from_disk: str = ""


CASES = {
    "int argument, eight captured names": Case(
        captures, 3, "0.1 of diskcache, 0.02 of joblib; 1 us", "0.5 of diskcache; 5 us"
    ),
    "1 kB dict argument": Case(
        first, {f"key{i}": [i, float(i)] for i in range(40)}, "0.2 of joblib; 0.05", "0.2 of joblib; 0.05"
    ),
    "1 MB array argument": Case(first, np.arange(131_072.0), "0.03 of joblib; 0.01", "0.03 of joblib; 0.01"),
    "1e5 floats in a list": Case(first, [float(i) for i in range(100_000)], ""),
    "1 MB array result": Case(zeros, 131_072, "0.3 of diskcache, 0.2 of joblib"),
}


def test_hits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for place, (name, case) in enumerate(CASES.items()):
        cached = {
            "in memory": Cache(tmp_path / f"ours{place}")(case.function),
            "from disk": Cache(tmp_path / f"files{place}", memory=0)(case.function),
            **warmed(case.function, tmp_path / str(place), case.argument),
        }
        contenders: dict[str, Contender] = {}
        for other, each in cached.items():
            for _ in range(2):  # the first call of ours stores
                np.testing.assert_array_equal(each(case.argument), case.function(case.argument))
            contenders[other] = functools.partial(each, case.argument)
        if case.function is zeros:
            time.sleep(SETTLED)
        rows = interleaved(contenders, rounds=9)
        for ours, reach in (("in memory", case.reach), ("from disk", case.reach_from_disk)):
            ratios = [f"{ratio(rows, ours, other):.3g}" if other in rows else "-" for other in PEERS]
            lines.append([f"{name}, {ours}", f"{microseconds(rows, ours):.3g}", *ratios, reach])
    head = ["a hit", "hashcache (us)", *(f"of {other}" for other in PEERS), "reach; stretch"]
    about = [
        "lru_cache and cachebox keep results in the process only, see nothing but arguments, and take only",
        "arguments that can be hashed. Of the others only checkpointer looks at what the function uses.",
        "A dash: it cannot do the row.",
    ]
    with capsys.disabled():
        save("Hits", __file__, [*about, "", *table(head, lines)], PACKAGES)
    assert len(lines) == 2 * len(CASES)
