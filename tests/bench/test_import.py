"""What importing costs in a fresh process, and a first hit there, against a bare interpreter."""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

import pytest
from compare import save, table

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 15
PROGRAM = """
import math
{setting}
RATE = 2.0

def helper(x):
    return math.sin(x) * RATE

@{decorator}
def f(x):
    return helper(x) + 1
"""
DECORATORS = {
    "hashcache": ("from hashcache import Cache", "Cache('ours')"),
    "joblib": ("import joblib", "joblib.Memory('joblib', verbose=0).cache"),
    "diskcache": ("import diskcache", "diskcache.Cache('diskcache').memoize()"),
}


def milliseconds(code: str, place: Path) -> float:
    """Return the processor time of a fresh interpreter: waiting for others does not count."""
    path = os.pathsep.join((str(ROOT), str(place)))
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(place / "compiled"), "PYTHONPATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as for users, compiled modules are kept
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], environment)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return 1000 * (usage.ru_utime + usage.ru_stime)


def test_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    codes = {"bare Python": "pass"}
    for name, (setting, decorator) in DECORATORS.items():
        (tmp_path / f"with_{name}.py").write_text(PROGRAM.format(setting=setting, decorator=decorator))
        codes[f"`import {name}`"] = f"import {name}"
        codes[f"a program with a hit of {name}"] = f"import with_{name}; with_{name}.f(1)"
    rows: dict[str, list[float]] = {name: [] for name in codes}
    for place in range(ROUNDS + 2):
        for name, code in codes.items():
            taken = milliseconds(code, tmp_path)
            if place >= 2:  # modules are compiled, and the result is stored
                rows[name].append(taken)
    lines = []
    for name in codes:
        over = statistics.median(a - b for a, b in zip(rows[name], rows["bare Python"], strict=True))
        reach = "50 ms; 20 ms" if name == "`import hashcache`" else ""
        lines.append([name, f"{statistics.median(rows[name]):.1f}", f"{over:.1f}", reach])
    about = ["Fresh processes that ran in turn, their modules compiled before.", ""]
    head = ["a process", "ms", "over bare Python (ms)", "reach; stretch"]
    with capsys.disabled():
        save("Imports", __file__, [*about, *table(head, lines)], ("diskcache", "joblib", "numpy"))
