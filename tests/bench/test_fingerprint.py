"""What the fingerprint of a function costs: the first one, and finding that it still holds."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from compare import interleaved, microseconds, save, table

from hashcache.fingerprint import fingerprint

pytestmark = pytest.mark.bench

HEAD = """
import math
import numpy as np

RATE, SCALE, NAMES, TABLE = 0.5, 2.0, ("a", "b"), {"x": 1, "y": 2}

class Rule:
    order = 4

    def __init__(self, n):
        self.n = n

    def weights(self):
        return [1.0 / self.n for _ in range(self.n)]

class Simpson(Rule):
    order = 6

    def weights(self):
        base = super().weights()
        base[0] *= SCALE
        return base
"""
HELPER = """
def helper_{place}(x, n={place}, *, scale=1.0):
    total = 0.0
    for k in range(n + 1):
        if k % 2 and x > RATE:
            total += math.sin(k * x) * scale
        else:
            total -= TABLE["x"] / (1.0 + k) * SCALE
    rule = {rule}(n + 1)
    weights = np.asarray(rule.weights())
    try:
        return float(np.linalg.norm(weights)) + total + len(NAMES)
    except ValueError as error:
        raise RuntimeError(f"no {{x}} in {{n}}") from error
"""
HELPERS = 20
SOURCE = HEAD + "".join(
    HELPER.format(place=place, rule="Rule" if place % 2 else "Simpson") for place in range(HELPERS)
)
SOURCE += f"def f(x):\n    return {' + '.join(f'helper_{place}(x)' for place in range(HELPERS))}\n"

FIRST = """
import sys, time
import numpy
from hashcache.fingerprint import fingerprint
import program
started = time.process_time()
fingerprint(program.f)
print(time.process_time() - started)
"""
NAMES = 30


def fresh() -> Any:
    """Return the function anew, from its source: nothing of it has been seen before."""
    program = types.ModuleType("program")
    program.__file__ = "program.py"
    sys.modules["program"] = program  # as modules are whose functions are called
    exec(compile(SOURCE, "program.py", "exec", dont_inherit=True), vars(program))
    return vars(program)["f"]


def thirty() -> Any:
    """Return a function that captures thirty immutable values."""
    values: dict[str, Any] = {f"V{i}": (i * 1000, i / 7, f"s{i}", (i, i))[i % 4] for i in range(NAMES)}
    exec(f"def f(): return ({', '.join(values)})", values)
    return values["f"]


def test_fingerprints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    functions = [fresh() for _ in range(200)]  # made before anything is timed
    held = fingerprint(thirty())
    assert held.holds()
    rows = interleaved({"first": lambda: fingerprint(functions.pop())}, rounds=9)
    rows |= interleaved({"holds": held.holds})
    (tmp_path / "program.py").write_text(SOURCE)
    very_first = []
    for _ in range(9):
        command = [sys.executable, "-c", FIRST]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        very_first.append(float(done.stdout))
    rows["very first"] = very_first
    lines = [
        ["first of a function with 20 helpers", f"{microseconds(rows, 'first') / 1000:.2f} ms", "5 ms; 1 ms"],
        ["the same, the first of its process", f"{microseconds(rows, 'very first') / 1000:.2f} ms", ""],
        ["check of 30 immutable captured names", f"{microseconds(rows, 'holds'):.2f} us", "1 us; 0.3 us"],
    ]
    about = ["Every first one is of functions and classes compiled anew, of which nothing is kept.", ""]
    with capsys.disabled():
        save("Fingerprints", __file__, [*about, *table(["a fingerprint", "time", "reach; stretch"], lines)])
