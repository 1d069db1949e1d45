"""Particles over the devices of JAX: one program for all of them, a share of the particles on each device."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from phasic import jax_programs
from phasic.arrays import Floats
from phasic.inference.optimisers import in_float64
from phasic.inference.parts import Times
from phasic.inference.problem import Problem
from phasic.inference.weighing import Weighing

_LOG = logging.getLogger("phasic")
_UNLIKELY = 1e-280  # densities below may have lost digits to the end of the range of float64


def shared_out(
    problem: Problem, n_devices: int | None, workers: int | None
) -> Callable[[Callable[..., Any], Floats], list[Any]]:
    """Return a map over rows of coordinates, by devices where they are asked for and can, else by threads.

    Parameters
    ----------
    problem : Problem
    n_devices : int, optional
        How many devices to use, 0 for all there are; None for threads.
    workers : int, optional
        Number of threads.
    """
    by_threads = problem.threaded(workers)
    if n_devices is None:
        return by_threads
    import jax

    found = jax.local_devices()
    used = found[: n_devices or len(found)]
    reason = refusal(problem)
    if len(used) == 1 and n_devices != 1:
        reason = "JAX has one device here"
    if reason:
        _LOG.info("particles go to threads: %s", reason)
        return by_threads
    if n_devices and n_devices > len(found):
        _LOG.warning("n_devices is %d, but JAX has %d here; these are used", n_devices, len(found))
    sharded = Sharded(problem, len(used))

    def mapped(function: Callable[..., Any], rows: Floats) -> list[Any]:
        free = function.coordinates.free(rows)  # type: ignore[attr-defined]
        value, slopes = (np.asarray(part) for part in sharded(free))
        known = np.isfinite(value) & np.isfinite(slopes).all(axis=1)
        out: list[Any] = [None] * len(rows)
        for i in np.flatnonzero(known).tolist():
            out[i] = function(rows[i], lambda _, i=i: (float(value[i]), slopes[i]))
        lost = np.flatnonzero(~known)
        if lost.size:  # too many jumps, or too unlikely: the engine knows more ways
            for i, point in zip(lost.tolist(), by_threads(function, rows[lost]), strict=True):
                out[i] = point
        return out

    return mapped


def refusal(problem: Problem) -> str:
    """Return why a likelihood is not for devices; nothing if it is."""
    first = problem.parts[0]
    if len(problem.parts) > 1 or not isinstance(first, Times) or first.rewards is not None:
        return "devices take absorption times alone, not rewards or outcomes"
    if not first.observations.is_plain or (first.observations.low <= 0.0).any():
        return "devices take positive times that are known exactly, not censored or truncated ones"
    if type(first) is not Times or problem.settled:
        return "devices take graphs without epochs"
    if type(problem.weighing) is not Weighing:
        return "devices take weights that are sums of coefficients times theta"
    return ""


class Sharded:
    """The log-likelihood and its derivatives at many rows of free parameters, each device doing its share.

    Parameters
    ----------
    problem : Problem
        One of exact times, see `refusal`.
    n_devices : int
        The first ones that JAX has.
    """

    def __init__(self, problem: Problem, n_devices: int) -> None:
        self.n_devices = n_devices
        times, counts = np.unique(problem.times, return_counts=True)
        self._data = times, counts.astype(np.float64), problem._spread, problem._offset
        self._program = jax_programs.jit(_program(problem, n_devices))

    def __call__(self, rows: Floats) -> tuple[Any, Any]:
        """Return values, float64[n], and derivatives, float64[n, f], as arrays of JAX over the devices."""
        missing = -len(rows) % self.n_devices
        padded = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
        with in_float64():
            value, slopes = self._program(padded, *self._data)
        self.placed = value, slopes
        return np.asarray(value)[: len(rows)], np.asarray(slopes)[: len(rows)]


def _program(problem: Problem, n_devices: int) -> Callable[..., Any]:
    """Return ``(rows, times, counts, spread, offset) -> (values, derivatives)``."""
    from phasic import jax_density

    _, slopes = jax_density.density(problem.arrays)

    def one(row: Any, times: Any, counts: Any, spread: Any, offset: Any) -> Any:
        import jax.numpy as jnp

        value, table = slopes(spread @ row + offset, times)
        value = jnp.where(value > _UNLIKELY, value, jnp.nan)
        return counts @ jnp.log(value), (counts / value) @ table[:, :-1] @ spread

    def program(rows: Any, *data: Any) -> Any:
        import jax
        from jax.sharding import Mesh, PartitionSpec

        # Each device walks as many jumps as its own particles need: no device waits for another.
        mesh = Mesh(np.array(jax.local_devices()[:n_devices]), ("particles",))
        mine, everybody = PartitionSpec("particles"), PartitionSpec()
        share = jax.vmap(one, (0, None, None, None, None))
        return jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(mine, *(everybody for _ in data)),
            out_specs=(mine, mine),
            check_vma=False,
        )(rows, *data)

    return program
