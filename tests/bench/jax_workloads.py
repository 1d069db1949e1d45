"""One workload of JAX in a fresh process.

Prints seconds of the clock and of the processor from the end of imports to the first result, the result, the
seconds of a second call, and those in which XLA loaded a stored program and ran it for the first time.
"""

from __future__ import annotations

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

how, what, place, unrolled = sys.argv[1:5]
jit = jax.jit
if how == "jax":
    jax.config.update("jax_compilation_cache_dir", place)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
if how == "ours":
    from hashcache import Cache

    jit = Cache(place).jit

loading: list[float] = []


def watch_loading() -> None:
    """Note when XLA is given a stored program: what comes then until the result is all its own."""
    from hashcache.programs import compiled

    load = compiled._loaded

    def loaded(*given):
        loading.append(time.process_time())
        return load(*given)

    compiled._loaded = loaded


def network(weights, x):
    for w in weights:
        x = jnp.tanh(x @ w)
    return (x**2).sum()


def train(weights, x):
    def step(weights, _):
        gradient = jax.grad(network)(weights, x)
        return [w - 0.01 * g for w, g in zip(weights, gradient, strict=True)], network(weights, x)

    return jax.lax.scan(step, weights, None, length=20)


OPERATIONS = np.random.default_rng(0).integers(0, 50, size=(5000, 3)).astype(np.int32)


def scanned(theta, x):
    def step(s, o):
        value = s[o[0]] * jnp.exp(-theta[0] * 0.001) + s[o[1]] * theta[1] * 1e-3
        return s.at[o[2]].set(value), None

    s, _ = jax.lax.scan(step, jnp.ones(50) * theta[0], jnp.asarray(OPERATIONS))
    return jnp.log(jnp.abs(s[:10] * x).sum() + 1)


def unrolled_(theta, x):
    """Each operation makes a value of earlier ones, as those of an elimination do."""
    random = np.random.default_rng(0)
    s = [theta[0] * (1 + i * 0.01) for i in range(20)]
    for _ in range(int(unrolled)):
        a, b = random.integers(0, len(s), size=2).tolist()
        s.append(s[a] * 0.99 + s[b] * theta[1] * 1e-3)
    return jnp.log(jnp.abs(jnp.stack(s[-10:]) * x).sum() + 1)


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
if how == "ours" and sys.argv[5:]:  # apart, since it imports what a user's first call imports
    watch_loading()
clock, processor = time.perf_counter(), time.process_time()
program = jit(function)
answer = jax.block_until_ready(program(*arguments))
seconds = time.perf_counter() - clock, time.process_time() - processor
leaves = [np.asarray(leaf).tobytes().hex()[:64] for leaf in jax.tree_util.tree_leaves(answer)]
again = time.process_time()
jax.block_until_ready(program(*arguments))
seconds_again = time.process_time() - again
own = processor + seconds[1] - loading[-1] if loading else 0.0
sys.stdout.write(json.dumps([*seconds, leaves, seconds_again, own]))
