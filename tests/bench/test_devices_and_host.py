"""A density asked of the host against the same as a program of JAX: which serves when, on a CPU."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from phasic import Graph, models

pytestmark = pytest.mark.bench
ROUNDS = 5


@pytest.mark.parametrize("n", [10, 15, 25])
@pytest.mark.parametrize("k", [100, 1000])
def test_who_serves_when(n, k, capsys):
    """Log-likelihoods and gradients of 20 thetas at once, interleaved: milliseconds of wall and processor."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    with jax.enable_x64(True):
        graph = Graph(models.coalescent(n))
        times = jnp.asarray(graph.sample(k, seed=1))
        thetas = jnp.linspace(0.7, 1.4, 20)[:, None]
        calls, first, found = {}, {}, {}
        for where in ("host", "device"):
            density = Graph.pmf_from_graph(graph, where=where)
            score = jax.value_and_grad(lambda theta, f=density: jnp.log(f(theta, times)).sum())
            calls[where] = jax.jit(jax.vmap(score))
            started = time.perf_counter()
            found[where] = jax.block_until_ready(calls[where](thetas))
            first[where] = time.perf_counter() - started
        for mine, other in zip(found["device"], found["host"], strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-7)
        spent = {where: [] for where in calls}
        for _ in range(ROUNDS):
            for where, call in calls.items():
                wall, processor = time.perf_counter(), time.process_time()
                jax.block_until_ready(call(thetas))
                spent[where].append((time.perf_counter() - wall, time.process_time() - processor))
    lines = [f"{graph.vertices_length()} vertices, {k} times, 20 thetas:"]
    for where, rows in spent.items():
        wall, processor = 1e3 * np.median(rows, axis=0)
        lines.append(f"  {where:7}wall {wall:8.1f} ms  CPU {processor:8.1f} ms  first {first[where]:6.2f} s")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
