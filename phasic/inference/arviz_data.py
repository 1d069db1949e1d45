"""Draws of a posterior as ArviZ's ``InferenceData``: what every tool for looking at them takes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from phasic.arrays import Floats
from phasic.engine import Engine
from phasic.errors import GraphError

if TYPE_CHECKING:
    from phasic.inference.posterior import Posterior


def inference_data(
    posterior: Posterior,
    x: Floats,
    statistics: dict[str, Any] | None,
    log_likelihood: bool,
    predictive: int,
    generator: np.random.Generator,
) -> Any:
    """Return draws with what goes with them.

    Parameters
    ----------
    posterior : Posterior
    x : float64[n_chains, n_draws, f]
        Draws before the transforms.
    statistics : dict of array[n_chains, n_draws], optional
        What the sampler said of each draw.
    log_likelihood : bool
        Whether to evaluate every observation at every draw.
    predictive : int
        At how many draws of each chain to simulate data.
    generator : numpy.random.Generator
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ArviZ, about versions to come
        import arviz

    problem = posterior.problem
    free = posterior.coordinates.free(x)
    groups: dict[str, Any] = {"posterior": {"theta": problem.theta(free)}}
    if statistics:
        groups["sample_stats"] = statistics
    if log_likelihood:
        groups["log_likelihood"] = _terms(posterior, free)
    times = _times(posterior)
    if times is not None:
        groups["observed_data"] = {"time": times}
        count = min(predictive, x.shape[1])
        if count > 0:
            chosen = np.unique(np.linspace(0, x.shape[1] - 1, count).astype(np.int64))
            draws = [
                [_like(posterior, row, times.size, generator) for row in chain[chosen]] for chain in free
            ]
            groups["posterior_predictive"] = {"time": np.array(draws)}
    return arviz.from_dict(**groups)


def _terms(posterior: Posterior, free: Floats) -> dict[str, Floats]:
    """Return the log-likelihood of every observation at every draw, by column of the data."""
    rows = [posterior.problem.terms(row) for row in free.reshape(-1, free.shape[-1])]
    parts = [np.array(part).reshape(*free.shape[:-1], -1) for part in zip(*rows, strict=True)]
    names = ["time"] if len(parts) == 1 else [f"time_{i}" for i in range(len(parts))]
    return dict(zip(names, parts, strict=True))


def _times(posterior: Posterior) -> Floats | None:
    """Return observed times, None where what was observed is something else, or rates change with time."""
    if type(posterior.problem.engine) is not Engine:
        return None
    try:
        return posterior.problem.times
    except GraphError:
        return None


def _like(posterior: Posterior, free: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Return simulated absorption times."""
    from phasic.graph import Graph

    graph = Graph.from_arrays(posterior.problem.arrays)
    graph.update_weights(posterior.problem.theta(free), **posterior.problem.weighing.settings())
    return np.asarray(graph.sample(count, seed=int(generator.integers(2**32))))
