"""Density, distribution, survival and state probabilities at given times, each by one call.

`phasic.question` has what answers them, and asks one graph again and again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, Integers
from phasic.errors import GraphError
from phasic.question import Question, checked_times
from phasic.trace import Trace


def pdf(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the density of the time until absorption, or the probability of a number of steps.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    offsets, targets, weights : int64[n + 1], int64[m], float64[m]
        Edges of the graph by source.
    alpha : float64[n]
        Initial probability of each vertex. What starts absorbed has no density, but takes zero steps.
    times : array_like
        Times >= 0 of any shape, which the answer has too; infinity is allowed.
    discrete : bool
        Weights are one-step probabilities, and times are numbers of steps; between two of these the
        probability is zero.

    Raises
    ------
    GraphError
        A time is negative or not a number.
    PhasicError
        The error could not be brought below 1e-8 of the largest density.
    """
    return Question.of(trace, offsets, targets, weights, alpha, discrete).values("pdf", times)


def cdf(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of absorption by given times; parameters as for `pdf`.

    Zero at negative times, and at infinity the probability of absorption some day: with certain
    absorption the sum of `alpha`.
    """
    return Question.of(trace, offsets, targets, weights, alpha, discrete).values("cdf", times)


def survival(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of no absorption by given times; parameters as for `pdf`.

    What `cdf` leaves of the sum of `alpha`, but accurate relative to itself however small it is.
    """
    return Question.of(trace, offsets, targets, weights, alpha, discrete).values("survival", times)


def stop_probability(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of being in each vertex at given finite times, float64[..., n]."""
    asked = checked_times(times)
    if asked.size and not (asked.min() >= 0.0 and asked.max() < np.inf):
        raise GraphError("state probabilities are asked for at finite times >= 0")
    question = Question.of(trace, offsets, targets, weights, alpha, discrete)
    flat = np.floor(asked.ravel()) if discrete else asked.ravel()
    return question.state_probabilities(flat).reshape(*asked.shape, trace.n_vertices)
