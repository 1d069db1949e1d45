"""Parameters at which outcomes are as probable as they are frequent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import AbsorptionError, GraphError, ParameterError
from phasic.inference.priors import GaussPrior
from phasic.inference.problem import Problem
from phasic.joint import Table
from phasic.replay import factorise

Whole = NDArray[np.int64]
_LEAST = 1e-14  # probability, below which rounding hides it beside one
_FACTORS = (1.0, 0.1, 10.0)  # of the first guess


@dataclass(frozen=True, eq=False)
class MatchedProbabilities:
    """Parameters by matching probabilities.

    Attributes
    ----------
    theta, std : float64[p]
        Estimates and standard errors, zero for a fixed parameter.
    success : bool
    residual : float
        Norm of the differences that are left between probabilities.
    unique_indices : int64[k]
        Vertices of all outcomes, as in the index of `joint_prob_table`.
    empirical_probs, model_probs : float64[k]
    message : str
    weighted : bool
    prior : list of GaussPrior or None
        Around the estimates, for `Graph.svgd`; None for a fixed parameter.
    """

    theta: Floats
    std: Floats
    success: bool
    residual: float
    unique_indices: Whole
    empirical_probs: Floats
    model_probs: Floats
    message: str
    weighted: bool
    prior: list[GaussPrior | None]


def vertices_of(table: Table, observed: ArrayLike) -> Whole:
    """Return the vertex of every outcome.

    Raises
    ------
    GraphError
        One is not in the table.
    """
    try:
        counts = np.array(observed, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(f"outcomes are {observed!r}; pass rows of counts of one length") from None
    if counts.ndim != 2 or counts.shape[1] != len(table.names) or not len(counts):
        raise GraphError(
            f"outcomes have shape {counts.shape}; pass rows of {len(table.names)} counts: {table.names}"
        )
    places = {tuple(row): int(v) for row, v in zip(table.counts.tolist(), table.vertices, strict=True)}
    if len(places) < len(table.vertices):
        raise GraphError("some outcomes of this graph have equal counts; make it with reward_only=")
    found = [places.get(tuple(row)) for row in counts.tolist()]
    if None in found:
        place = found.index(None)
        raise GraphError(
            f"observation {place} is {counts[place].tolist()}, which is no outcome of this graph; raise its "
            f"limits"
        )
    return np.array(found, np.int64)


def probabilities(problem: Problem, outcomes: Whole, free: Floats) -> tuple[Floats, Floats]:
    """Return the probability of each outcome, and its derivatives by free parameters, float64[k, f].

    An outcome is a vertex with one edge, which is used as often as the vertex is visited. With z the expected
    time in each vertex, z S = -alpha, so that its derivative solves the same equations with what z changes.
    """
    arrays = problem.arrays
    theta = problem.theta(free)
    weights = problem.weights(theta)
    factors = factorise(problem.engine.trace, weights)
    times = factors.solve_transposed(arrays.alpha)
    source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    out = arrays.offsets[outcomes]
    found, slopes = times[outcomes] * weights[out], []
    for direction in problem.directions(theta):
        flow = times[source] * direction
        change = np.bincount(arrays.targets, flow, arrays.n_vertices)
        change -= np.bincount(source, flow, arrays.n_vertices)
        change[np.diff(arrays.offsets) == 0] = 0.0
        # What comes and what goes are solved for by themselves: the elimination is of numbers >= 0.
        more, less = np.maximum(change, 0.0), np.maximum(-change, 0.0)
        moved = factors.solve_transposed(more) - factors.solve_transposed(less)
        slopes.append(moved[outcomes] * weights[out] + times[outcomes] * direction[out])
    return found, np.stack(slopes, axis=1)


def matched(
    problem: Problem,
    outcomes: Whole,
    observed: Whole,
    theta_init: ArrayLike | None,
    std_multiplier: float,
    weighted: bool,
) -> MatchedProbabilities:
    """Return the parameters; see `phasic.Graph.probability_matching`."""
    from scipy.optimize import least_squares

    n, k = observed.size, outcomes.size
    if problem.n_free > k:
        raise ParameterError(f"{k} outcomes cannot tell {problem.n_free} parameters apart; fix some")
    places = {int(vertex): place for place, vertex in enumerate(outcomes)}
    empirical = np.bincount([places[int(v)] for v in observed], minlength=k + 1) / n

    def difference(x: Floats) -> tuple[Floats, Floats]:
        try:
            model, slopes = probabilities(problem, outcomes, np.exp(x))
        except (AbsorptionError, ParameterError):
            return np.full(k + 1, 1e6), np.zeros((k + 1, x.size))
        # What is cut off is one more outcome, which nobody saw.
        model = np.append(model, max(0.0, 1.0 - float(model.sum())))
        by_x = np.vstack([slopes, -slopes.sum(axis=0)]) * np.exp(x)
        if not weighted:
            return model - empirical, by_x
        seen = model > _LEAST
        root = np.sqrt(np.where(seen, model, 1.0))
        return 2.0 * (np.where(seen, root, 0.0) - np.sqrt(empirical)), by_x * (seen / root)[:, None]

    guess = np.ones(problem.n_free) if theta_init is None else problem.chosen(theta_init)
    with np.errstate(divide="ignore"):
        starts = [np.log(guess)] if theta_init is not None else [np.log(f * guess) for f in _FACTORS]
    if not np.isfinite(starts[0]).all():
        raise ParameterError(f"theta_init is {theta_init!r}; pass positive numbers")
    tries = [
        least_squares(lambda x: difference(x)[0], x, jac=lambda x: difference(x)[1], xtol=1e-13, ftol=1e-13)
        for x in starts
    ]
    found = min(tries, key=lambda each: float(each.cost))
    free = np.exp(found.x)
    model, _ = probabilities(problem, outcomes, free)
    bread = np.linalg.pinv(difference(found.x)[1])
    # A residual changes with the frequencies of outcomes, whose covariance is multinomial.
    every = np.append(model, max(0.0, 1.0 - float(model.sum())))
    scale = (every > _LEAST) / np.sqrt(np.maximum(every, _LEAST)) if weighted else np.ones(k + 1)
    spread = (np.diag(every) - np.outer(every, every)) * np.outer(scale, scale) / n
    std = problem._spread @ (free * np.sqrt(np.diag(bread @ spread @ bread.T)))
    theta = problem.theta(free)
    return MatchedProbabilities(
        theta=theta,
        std=std,
        success=bool(found.success),
        residual=float(np.linalg.norm(model - empirical[:-1])),
        unique_indices=outcomes.copy(),
        empirical_probs=empirical[:-1],
        model_probs=model,
        message=str(found.message),
        weighted=weighted,
        prior=[
            None if i in problem.fixed else GaussPrior(float(t), max(std_multiplier * float(s), 1e-12))
            for i, (t, s) in enumerate(zip(theta, std, strict=True))
        ],
    )
