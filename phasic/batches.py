"""One graph at many settings of theta at once, one per thread."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from phasic import moments as algorithm
from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.replay import factorise
from phasic.trace import Trace


def moments(
    trace: Trace,
    weights: ArrayLike,
    alpha: Floats,
    k: int = 1,
    rewards: ArrayLike | None = None,
    discrete: bool = False,
    threads: int | None = None,
) -> Floats:
    """Return the first `k` raw moments at each setting of the weights, float64[b, k].

    Law: row i is ``moments(factorise(trace, weights[i]), alpha, k, rewards, discrete)``.

    Parameters
    ----------
    trace : Trace
        Plan recorded from the graph's edges.
    weights : float64[b, m]
        Weight of every edge, a row for each setting: ``thetas @ arrays.coefficients.T``.
    alpha, k, rewards, discrete
        As for `phasic.moments.moments`.
    threads : int, optional
        How many settings are worked on at a time; default the number of processors. Elimination and
        solves run outside the interpreter lock.

    Raises
    ------
    GraphError
        `weights` is not of that shape.
    ParameterError, AbsorptionError
        As for one setting.
    """
    settings = np.asarray(weights, dtype=np.float64)
    if settings.ndim != 2 or settings.shape[1] != trace.targets.size:
        raise GraphError(
            f"weights have shape {settings.shape}; pass a row of {trace.targets.size} for each setting"
        )

    def row(setting: Floats) -> list[float]:
        return algorithm.moments(factorise(trace, setting), alpha, k, rewards, discrete)

    workers = min(threads or os.cpu_count() or 1, max(1, len(settings)))
    if workers == 1:
        rows = [row(setting) for setting in settings]
    else:
        with ThreadPoolExecutor(workers) as pool:
            rows = list(pool.map(row, settings))
    return np.array(rows, dtype=np.float64).reshape(len(settings), k)
