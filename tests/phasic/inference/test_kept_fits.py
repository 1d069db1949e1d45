"""Fits that are stored, sent to other processes and taken up again."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from hashcache import Cache
from phasic import Graph, Observations
from phasic.errors import OptionError
from phasic.inference.priors import GammaPrior

pytest.importorskip("optax")
ROOT = str(Path(__file__).parents[3])
PATHS = {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])}
TIMES = np.random.default_rng(1).exponential(1.0, 30)


def decay(state):
    return [([0], [1.0])] if state[0] else []


def twice(state):
    return [([0], [2.0])] if state[0] else []


def fitted(graph, times, **options):
    return graph.svgd(times, n_particles=6, n_iterations=2, progress=False, **{"seed": 1, **options})


def another(graph, times, **options):
    return graph.svgd(times, n_particles=6, n_iterations=3, progress=False, **{"seed": 1, **options})


def test_a_key_moves_with_all_that_a_fit_depends_on_and_with_nothing_else(as_installed, tmp_path):
    cached, other = Cache(location=tmp_path)(fitted), Cache(location=tmp_path)(another)
    graph = Graph(decay, ipv=[1])
    first = cached.key(graph, TIMES)
    graph.svgd(TIMES, n_particles=4, n_iterations=1, progress=False)
    graph.expectation()
    same = [cached.key(graph, TIMES), cached.key(Graph(decay, ipv=[1]), TIMES.copy())]
    assert set(same) == {first}
    moved = Graph(decay, ipv=[1])
    moved.update_weights([2.0])
    keys = [
        first,
        other.key(graph, TIMES),
        cached.key(moved, TIMES),
        cached.key(Graph(twice, ipv=[1]), TIMES),
        cached.key(graph, TIMES[:-1]),
        cached.key(graph, np.nextafter(TIMES, 2.0)),
        cached.key(graph, Observations.of(TIMES)),
        cached.key(graph, Observations.of(TIMES, censored=TIMES > 1.0)),
        cached.key(graph, TIMES, seed=2),
        cached.key(graph, TIMES, prior=GammaPrior(1.0, 1.0)),
        cached.key(graph, TIMES, prior=GammaPrior(1.0, 2.0)),
        cached.key(graph, TIMES, prior=lambda theta: -theta.sum()),
        cached.key(graph, TIMES, prior=lambda theta: -2.0 * theta.sum()),
        cached.key(graph, TIMES, param_transform="softplus"),
        cached.key(graph, TIMES, fixed=[]),
        cached.key(graph, TIMES, rewards=[1.0, 1.0, 1.0]),
    ]
    assert len(set(keys)) == len(keys)


def test_a_fit_that_was_stored_is_the_fit_and_goes_on_as_it_would_have(as_installed, tmp_path):
    cached = Cache(location=tmp_path)(fitted)
    graph = Graph(decay, ipv=[1])
    bare, first, stored = fitted(graph, TIMES), cached(graph, TIMES), cached(graph, TIMES)
    assert cached.is_cached(graph, TIMES)
    assert stored is not first
    for found in (first, stored):
        np.testing.assert_array_equal(found.particles, bare.particles)
        np.testing.assert_array_equal(found.history, bare.history)
        np.testing.assert_array_equal(found.log_density, bare.log_density)
    for found in (bare, stored):
        found.resume(3)
    np.testing.assert_array_equal(stored.particles, bare.particles)
    assert stored.log_density.size == 5
    again = cached(graph, TIMES)  # what was done to a stored fit is not in the store
    assert again.log_density.size == 2


def test_results_are_small_and_survive_a_pickle():
    graph = Graph(decay, ipv=[1])
    found = graph.fit(Observations.of(TIMES, censored=TIMES > 1.0))
    copy = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(copy.theta, found.theta)
    np.testing.assert_array_equal(copy.intervals(0.9), found.intervals(0.9))
    posterior = fitted(graph, TIMES)
    assert len(pickle.dumps(posterior)) < 20_000


def test_optimisers_and_schedules_are_stored_with_the_particles_that_they_move():
    import optax

    from phasic.inference.schedules import ExpRegularization

    graph = Graph(decay, ipv=[1])
    for options in (
        {"optimizer": optax.adam(0.1)},
        {"optimizer": optax.chain(optax.clip(0.3), optax.adam(optax.cosine_decay_schedule(0.1, 5)))},
        {"learning_rate": optax.cosine_decay_schedule(0.1, 5)},
        {"learning_rate": lambda step: 0.05, "regularization": ExpRegularization(1.0, 0.1, 2.0)},
    ):
        own = fitted(graph, TIMES, **options)
        copy = pickle.loads(pickle.dumps(own))
        for found in (own, copy):
            found.resume(3)
        np.testing.assert_array_equal(copy.particles, own.particles)
        np.testing.assert_array_equal(copy.log_density, own.log_density)


def test_particles_whose_optimiser_cannot_be_stored_say_so():
    import threading

    import optax

    lock, adam = threading.Lock(), optax.adam(0.1)

    def update(*arguments):
        with lock:
            return adam.update(*arguments)

    graph = Graph(decay, ipv=[1])
    own = fitted(graph, TIMES, optimizer=optax.GradientTransformation(adam.init, update))
    with pytest.raises(OptionError, match="another process"):
        pickle.loads(pickle.dumps(own)).resume(1)
    own.resume(1)


KEYS = """
    import numpy as np, optax, sys
    from hashcache import Cache
    from phasic.inference.named_optimisers import Adamelia

    def fitted(optimizer):
        return 1

    key = Cache(location=sys.argv[1])(fitted).key
    falling = optax.cosine_decay_schedule
    for made in (
        lambda x: optax.adam(x),
        lambda x: optax.adam(0.1, b1=x),
        lambda x: falling(x, 100),
        lambda x: optax.adam(falling(x, 100)),
        lambda x: optax.chain(optax.clip(x), optax.adam(0.1)),
        lambda x: optax.join_schedules([falling(0.1, 5), optax.constant_schedule(x)], [5]),
        lambda x: optax.inject_hyperparams(optax.adam)(learning_rate=x),
        lambda x: Adamelia(x),
    ):
        first, again, other = key(made(0.1)), key(made(0.1)), key(made(0.2))
        assert first == again != other
        print(first, other)
"""


def test_keys_move_with_what_is_inside_of_an_optimiser_and_are_those_of_other_processes(tmp_path):
    def keys():
        command = [sys.executable, "-c", textwrap.dedent(KEYS), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=PATHS)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.split()

    found = keys()
    assert len(found) == len(set(found)) == 16
    assert keys() == found


def test_fits_leave_schedules_as_they_were_given(as_installed, tmp_path):
    """That of optax changes itself when it is first called, and with it a key that it is part of."""
    import optax

    cached, graph = Cache(location=tmp_path)(fitted), Graph(decay, ipv=[1])
    for options in (
        {"learning_rate": optax.cosine_decay_schedule(0.1, 5)},
        {"optimizer": optax.adam(optax.cosine_decay_schedule(0.1, 5))},
        {"regularization": optax.cosine_decay_schedule(0.1, 5)},
    ):
        before = cached.key(graph, TIMES, **options)
        first = cached(graph, TIMES, **options)
        assert cached.key(graph, TIMES, **options) == before
        stored = cached(graph, TIMES, **options)
        np.testing.assert_array_equal(stored.particles, first.particles)
        stored.resume(2)


def one(seed):
    graph = Graph(decay, ipv=[1])
    graph.update_weights([2.0])
    times = graph.sample(20, seed=seed)
    return fitted(graph, times, parallel=1), graph.fit(times)


def test_many_fits_run_on_any_executor():
    here = [one(seed) for seed in range(3)]
    with (
        ThreadPoolExecutor(3) as threads,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
    ):
        for executor in (threads, processes):
            for (mine, best), (theirs, their_best) in zip(here, executor.map(one, range(3)), strict=True):
                np.testing.assert_array_equal(mine.particles, theirs.particles)
                np.testing.assert_array_equal(best.theta, their_best.theta)


SHARDED = """
    import jax, jax.numpy as jnp, numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
    from phasic import Graph

    def decay(state):
        return [([state[0] - 1], [state[0] * 1.0])] if state[0] else []

    devices = jax.devices()
    assert len(devices) == 4, devices
    wide = jax.config.jax_enable_x64
    density = Graph.pmf_from_graph(Graph(decay, ipv=[3]))
    times = jnp.array([0.5, 1.0, 2.0])

    def score(theta):
        return jax.value_and_grad(lambda theta: jnp.log(density(theta, times)).sum())(theta)

    theta = jnp.linspace(0.5, 2.0, 8)[:, None]
    by_particle = NamedSharding(Mesh(np.array(devices), ("particles",)), P("particles"))
    spread = jax.device_put(theta, by_particle)
    program = jax.jit(jax.vmap(score), in_shardings=by_particle, out_shardings=by_particle)
    values, slopes = program(spread)
    assert len(values.sharding.device_set) == 4
    plain_values, plain_slopes = jax.vmap(score)(theta)
    np.testing.assert_allclose(values, plain_values, rtol=1e-6)
    np.testing.assert_allclose(slopes, plain_slopes, rtol=1e-6)
    specs = {"in_specs": P("particles"), "out_specs": P("particles"), "check_vma": False}
    mapped = jax.shard_map(jax.vmap(score), mesh=by_particle.mesh, **specs)
    values, slopes = jax.jit(mapped)(spread)
    np.testing.assert_allclose(values, plain_values, rtol=1e-6)
    np.testing.assert_allclose(slopes, plain_slopes, rtol=1e-6)

    graph = Graph(decay, ipv=[3])
    options = {"n_particles": 8, "n_iterations": 3, "seed": 1, "progress": False}
    found = graph.svgd(np.linspace(0.2, 2.0, 20), **options)
    alone = graph.svgd(np.linspace(0.2, 2.0, 20), parallel=1, **options)
    np.testing.assert_array_equal(found.particles, alone.particles)
    assert found.particles.dtype == np.float64
    assert jax.config.jax_enable_x64 == wide
"""


@pytest.mark.parametrize("wide", ["0", "1"])
def test_particles_spread_over_devices_are_the_particles_of_one(wide):
    flags = "--xla_force_host_platform_device_count=4"
    root = Path(__file__).parents[3]
    environment = {
        **os.environ,
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip(),
        "JAX_ENABLE_X64": wide,
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
    }
    code = textwrap.dedent(SHARDED)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
