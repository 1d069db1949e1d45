"""Programs in fresh processes: nothing kept, JAX's own cache warm, ours warm; and what calls cost besides."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from compare import interleaved, microseconds, save, table

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parent.parent.parent
WORKLOADS = Path(__file__).with_name("jax_workloads.py")
ROUNDS = int(os.environ.get("HASHCACHE_BENCH_ROUNDS", "7"))
UNROLLED = int(os.environ.get("HASHCACHE_BENCH_UNROLLED", "2000"))

NAMES = {
    "network": ("gradient of a network of 7 layers in a scan of 20 steps", "2.5; 4"),
    "scanned": ("SVGD step over a scan of 5,000 operations", "2.5; 4"),
    "unrolled": ("the same with {:,} operations unrolled", "10; 30"),
}


def run(how: str, what: str, place: Path, compiled: Path, *more: str) -> tuple[float, list[str], float]:
    """Return the processor seconds to the first result of a fresh process, the result, and XLA's own part."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(compiled),
        "JAX_PLATFORMS": "cpu",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as for users, compiled modules are kept
    command = [sys.executable, str(WORKLOADS), how, what, str(place), str(UNROLLED), *more]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    _, processor, answer, _, own = json.loads(text)
    return processor, answer, own


def test_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jax")
    lines = []
    for what, (name, reach) in NAMES.items():
        rounds = ROUNDS if what != "unrolled" else min(ROUNDS, 3)
        rows: dict[str, list[float]] = {}
        answers = set()
        for number in range(rounds + 1):
            empty = tmp_path / f"cold {what} {number}"
            for how, kind, place in (
                ("none", "none", tmp_path),
                ("cold", "ours", empty),
                ("jax", "jax", tmp_path / f"jax {what}"),
                ("ours", "ours", tmp_path / f"ours {what}"),
            ):
                taken, answer, _ = run(kind, what, place, tmp_path / "compiled")
                answers.add(json.dumps(answer))
                if number:  # modules are compiled, and the programs stored
                    rows.setdefault(how, []).append(taken)
            if number:
                _, answer, own = run(
                    "ours", what, tmp_path / f"ours {what}", tmp_path / "compiled", "watched"
                )
                answers.add(json.dumps(answer))
                rows.setdefault("xla", []).append(own)
        assert len(answers) == 1, "bitwise the same"
        cold = statistics.median(a / b for a, b in zip(rows["cold"], rows["none"], strict=True))
        faster = statistics.median(a / b for a, b in zip(rows["jax"], rows["ours"], strict=True))
        times = [f"{1000 * statistics.median(rows[how]):.0f}" for how in ("none", "jax", "ours", "xla")]
        lines.append([name.format(UNROLLED), *times, f"{faster:.1f}", reach, f"{cold:.2f}"])
    about = [
        "Fresh processes that ran in turn, from the end of imports to the first result. On a miss the",
        "program is stored as well; the reach for that is 1.15 of plain `jax.jit`, and 1.05 beyond. What XLA",
        "takes to load a program and to run it once comes with each of the three; nobody can be faster.",
        "",
    ]
    head = [
        "first result", "nothing kept (ms)", "cache of JAX (ms)", "`hashcache.jit` (ms)", "of it XLA (ms)",
        "times faster than the cache of JAX", "reach; stretch", "a miss over plain `jax.jit`",
    ]  # fmt: skip
    with capsys.disabled():
        save("Programs", __file__, [*about, *table(head, lines), "", *overhead(tmp_path)], ("jax", "jaxlib"))


def overhead(place: Path) -> list[str]:
    """Return the line about what a call costs besides."""
    import jax
    import jax.numpy as jnp

    from hashcache import Cache

    def function(a, b, c, d):
        return a + d

    leaves = (jnp.ones(3), jnp.ones((2, 2)), {"a": jnp.ones(1), "b": jnp.ones(2)}, jnp.ones(3))
    jitted, program = jax.jit(function), Cache(place / "calls").jit(function)
    rows = interleaved({"jax": lambda: jitted(*leaves), "ours": lambda: program(*leaves)})
    own, theirs = microseconds(rows, "ours"), microseconds(rows, "jax")
    besides = f"{own - theirs:.1f} us besides. Reach 15 us, stretch 3 us."
    return [f"A call with five leaves takes {own:.1f} us, and {theirs:.1f} us by `jax.jit`: {besides}"]
