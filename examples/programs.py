"""A simulation in plain JAX, in two processes: the second neither traces nor compiles.

Run it as it is. A chain of masses on springs is integrated, and its stiffnesses are fitted to where the
masses were seen, by the gradient through the whole simulation. Only the decorator is not plain JAX.
"""

from __future__ import annotations

import json
import sys
import time

from report import fresh_process, own_cache, table

STEPS = 200
MASSES = 12
DAMPING = 0.05


def compute(how: str) -> dict[str, float]:
    """Simulate and fit, and return the seconds until each first result."""
    import jax
    import jax.numpy as jnp

    import hashcache

    jit = jax.jit if how == "plain" else hashcache.jit

    def force(stiffness, position):
        stretch = jnp.diff(position, prepend=0.0, append=0.0)
        return stiffness[1:] * stretch[1:] - stiffness[:-1] * stretch[:-1]

    @jit
    def simulate(stiffness, position):
        def step(state, _):
            position, speed = state
            speed = speed + 0.02 * (force(stiffness, position) - DAMPING * speed)
            position = position + 0.02 * speed
            return (position, speed), position

        return jax.lax.scan(step, (position, jnp.zeros_like(position)), None, length=STEPS)[1]

    @jit
    def fit(stiffness, position, seen):
        def misfit(stiffness):
            return ((simulate(stiffness, position) - seen) ** 2).mean()

        def step(stiffness, _):
            value, gradient = jax.value_and_grad(misfit)(stiffness)
            return stiffness - 2.0 * gradient, value

        return jax.lax.scan(step, stiffness, None, length=20)

    position = jnp.sin(jnp.linspace(0.0, 3.0, MASSES))
    true = jnp.linspace(1.0, 3.0, MASSES + 1)
    seconds = {}
    started = time.perf_counter()
    seen = jax.block_until_ready(simulate(true, position))
    seconds["simulation"] = time.perf_counter() - started
    started = time.perf_counter()
    _, misfits = jax.block_until_ready(fit(jnp.ones(MASSES + 1) * 2.0, position, seen))
    seconds["fit by its gradient"] = time.perf_counter() - started
    print(
        f"    last position {float(seen[-1, 0]):+.6f}  misfit {misfits[0]:.3e} -> {misfits[-1]:.3e}", end="  "
    )
    for program in () if how == "plain" else (simulate, fit):
        found = program.stats()
        print(f"({program.__name__} {'found' if found['hits'] else 'compiled'})", end=" ")
    print()
    assert misfits[-1] < misfits[0]
    return seconds


def main() -> None:
    if sys.argv[1:]:
        print(json.dumps(compute(sys.argv[1])))
        return
    with own_cache():
        print("Plain jax.jit")
        plain = fresh_process(__file__, "plain")
        print("First process")
        fresh_process(__file__, "ours")
        print("Second process")
        found = fresh_process(__file__, "ours")
    table("Seconds to the first result", plain, found)


if __name__ == "__main__":
    main()
