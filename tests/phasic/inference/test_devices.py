"""Particles over devices of JAX: the same as over threads, and really on all of them."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from phasic import Graph

pytest.importorskip("jax")
pytest.importorskip("optax")

FOUR = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
HEAD = """
import json, logging
import numpy as np
from phasic import Graph
from phasic.inference import devices
from phasic.inference.problem import Problem

def lineages(state):
    n = state[0]
    return [([n - 1], [n * (n - 1) / 2, 1.0 * n])] if n > 1 else []

def failures(state):
    return [([state[0] - 1], [0.1, 0.2])] if state[0] else []

def fitted(graph, data, **options):
    return graph.svgd(data, n_iterations=5, seed=1, progress=False, **options).particles
"""


def test_a_fit_over_four_devices_is_that_over_threads(python):
    """With 10 particles, which four devices cannot share evenly; continuous and discrete."""
    code = HEAD + (
        "worst = []\n"
        "cases = [(lineages, 5, False, None, 4), (failures, 3, True, [[0, 1]], 3)]\n"
        "for callback, start, discrete, tied, count in cases:\n"
        "    graph = Graph(callback, ipv=[start])\n"
        "    graph.is_discrete = discrete\n"
        "    graph.update_weights([1.0, 0.5])\n"
        "    data = graph.sample(60, seed=1)\n"
        "    threads = fitted(graph, data, n_particles=10, tied=tied)\n"
        "    for options in ({'n_devices': count}, {'parallel': 'pmap'}):\n"
        "        found = fitted(graph, data, n_particles=10, tied=tied, **options)\n"
        "        worst.append(float(np.abs(found / threads - 1.0).max()))\n"
        "import jax\n"
        "print(json.dumps([worst, jax.config.jax_enable_x64]))"
    )
    worst, wide = json.loads(python(code, **FOUR))
    assert max(worst) < 1e-8
    assert wide is False


def test_each_device_holds_its_share_and_what_it_cannot_tell_is_asked_of_the_engine(python):
    code = HEAD + (
        "from phasic.inference.posterior import Posterior\n"
        "graph = Graph(lineages, ipv=[5])\n"
        "problem = Problem(graph, [0.1, 0.5, 0.5, 3.0], tied=[[0, 1]])\n"
        "sharded = devices.Sharded(problem, 4)\n"
        "rows = np.array([[0.3], [0.5], [1.0], [2.0], [4.0], [1e5]])\n"
        "value, slopes = sharded(rows)\n"
        "shards = [[s.device.id, s.data.shape[0]] for s in sharded.placed[0].addressable_shards]\n"
        "mapped = devices.shared_out(problem, 4, 1)\n"
        "posterior = Posterior(problem)\n"
        "x = posterior.coordinates.x(rows[:5])\n"
        "pairs = [(a, posterior(b)) for a, b in zip(mapped(posterior, x), x)]\n"
        "apart = [float(abs(a.value - b.value) + abs(a.slopes - b.slopes).max()) for a, b in pairs]\n"
        "far = posterior.coordinates.x(rows[5:])\n"
        "same = mapped(posterior, far)[0].value == posterior(far[0]).value\n"
        "print(json.dumps([shards, bool(np.isfinite(value[5])), max(apart), bool(same)]))"
    )
    shards, told, apart, same = json.loads(python(code, **FOUR))
    assert shards == [[0, 2], [1, 2], [2, 2], [3, 2]]
    assert not told
    assert apart < 1e-8
    assert same


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n_devices": 2}, "one device"),
        ({"parallel": "pmap"}, "one device"),
        ({"n_devices": 1, "censored": [False, True, False]}, "exactly"),
        ({"n_devices": 1, "rewards": [0.0, 1.0, 0.0]}, "rewards"),
    ],
)
def test_what_devices_do_not_take_goes_to_threads_with_a_word(options, reason, caplog):
    graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
    plain = {name: value for name, value in options.items() if name not in ("n_devices", "parallel")}
    run = {"n_particles": 4, "n_iterations": 2, "seed": 1, "progress": False}
    with caplog.at_level(logging.INFO, "phasic"):
        found = graph.svgd([0.2, 0.5, 1.0], **run, **options)
    assert reason in caplog.text
    np.testing.assert_array_equal(found.particles, graph.svgd([0.2, 0.5, 1.0], **run, **plain).particles)
