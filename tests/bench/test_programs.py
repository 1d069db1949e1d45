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
ROUNDS = int(os.environ.get("HASHCACHE_BENCH_ROUNDS", "7"))
UNROLLED = int(os.environ.get("HASHCACHE_BENCH_UNROLLED", "2000"))

# Prints seconds of the clock and of the processor from the end of imports to the first result.
WORKLOADS = """
import json, sys, time
import jax, jax.numpy as jnp, numpy as np

how, what, place, unrolled = sys.argv[1:5]
jit = jax.jit
if how == "jax":
    jax.config.update("jax_compilation_cache_dir", place)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
if how == "ours":
    from hashcache import Cache

    jit = Cache(place).jit


def network(weights, x):
    for w in weights:
        x = jnp.tanh(x @ w)
    return (x**2).sum()


def train(weights, x):
    def step(weights, _):
        gradient = jax.grad(network)(weights, x)
        return [w - 0.01 * g for w, g in zip(weights, gradient)], network(weights, x)

    return jax.lax.scan(step, weights, None, length=20)


OPERATIONS = np.random.default_rng(0).integers(0, 50, size=(5000, 3)).astype(np.int32)


def scanned(theta, x):
    def step(s, o):
        value = s[o[0]] * jnp.exp(-theta[0] * 0.001) + s[o[1]] * theta[1] * 1e-3
        return s.at[o[2]].set(value), None

    s, _ = jax.lax.scan(step, jnp.ones(50) * theta[0], jnp.asarray(OPERATIONS))
    return jnp.log(jnp.abs(s[:10] * x).sum() + 1)


def unrolled_(theta, x):
    s = [theta[0] * (1 + i * 0.01) for i in range(20)]
    for i in range(int(unrolled)):
        a, b, c = (int(v) % 20 for v in OPERATIONS[i])
        s[c] = s[a] * 0.99 + s[b] * theta[1] * 1e-3
    return jnp.log(jnp.abs(jnp.stack(s[:10]) * x).sum() + 1)


def svgd(likelihood):
    def step(particles, x):
        gradient = jax.vmap(jax.grad(likelihood), in_axes=(0, None))(particles, x)
        kernel = jnp.exp(-((particles[:, None] - particles[None]) ** 2).sum(-1))
        return particles + 0.01 * (kernel @ gradient) / particles.shape[0]

    return step


particles = jnp.ones((20, 2)) * jnp.arange(1, 21)[:, None] / 10.0
x = jnp.arange(1.0, 11.0)
function, arguments = {
    "network": (train, ([jnp.eye(32) * (1 + i / 10) for i in range(7)], jnp.ones((8, 32)))),
    "scanned": (svgd(scanned), (particles, x)),
    "unrolled": (svgd(unrolled_), (particles, x)),
}[what]
jax.block_until_ready(arguments)
clock, processor = time.perf_counter(), time.process_time()
program = jit(function)
answer = jax.block_until_ready(program(*arguments))
seconds = time.perf_counter() - clock, time.process_time() - processor
leaves = [np.asarray(leaf).tobytes().hex()[:64] for leaf in jax.tree_util.tree_leaves(answer)]
again = time.process_time()
jax.block_until_ready(program(*arguments))
print(json.dumps([*seconds, leaves, time.process_time() - again]))
"""

NAMES = {
    "network": ("gradient of a network of 7 layers in a scan of 20 steps", "2.5; 4"),
    "scanned": ("SVGD step over a scan of 5,000 operations", "2.5; 4"),
    "unrolled": ("the same with {:,} operations unrolled", "10; 30"),
}


def run(script: Path, how: str, what: str, place: Path) -> tuple[float, list[str]]:
    """Return the processor seconds to the first result of a fresh process, and the result."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(script.parent / "compiled"),
        "JAX_PLATFORMS": "cpu",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as for users, compiled modules are kept
    command = [sys.executable, str(script), how, what, str(place), str(UNROLLED)]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    _, processor, answer, _ = json.loads(text)
    return processor, answer


def test_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jax")
    script = tmp_path / "workloads.py"
    script.write_text(WORKLOADS)
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
                taken, answer = run(script, kind, what, place)
                answers.add(json.dumps(answer))
                if number:  # modules are compiled, and the programs stored
                    rows.setdefault(how, []).append(taken)
        assert len(answers) == 1, "bitwise the same"
        cold = statistics.median(a / b for a, b in zip(rows["cold"], rows["none"], strict=True))
        faster = statistics.median(a / b for a, b in zip(rows["jax"], rows["ours"], strict=True))
        times = [f"{1000 * statistics.median(rows[how]):.0f}" for how in ("none", "jax", "ours")]
        lines.append([name.format(UNROLLED), *times, f"{faster:.1f}", reach, f"{cold:.2f}"])
    about = [
        "Fresh processes that ran in turn, from the end of imports to the first result. On a miss the",
        "program is stored as well; the reach for that is 1.15 of plain `jax.jit`, and 1.05 beyond.",
        "",
    ]
    head = [
        "first result", "nothing kept (ms)", "cache of JAX (ms)", "`hashcache.jit` (ms)",
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
