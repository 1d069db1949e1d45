"""From theta to the weight of every edge: the sum that nearly every model uses, and two other ways.

A transformed graph may read the weights that come out of this in another way: a `Reading`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from phasic.arrays import Floats, GraphArrays
from phasic.errors import ParameterError

Weighting = Callable[[GraphArrays, "Floats | None"], Floats]
Given = Callable[[Floats, Floats], float]
Reading = Callable[[GraphArrays, "Floats | None", Weighting], Floats]
"""``(arrays, theta, weighting) -> weights``: what a transformed graph makes of the weights at theta."""


def linear(arrays: GraphArrays, theta: Floats | None) -> Floats:
    """Return ``sum(c * theta)`` of every edge; None stands for all ones."""
    return arrays.weights(theta)


def product(arrays: GraphArrays, theta: Floats | None) -> Floats:
    """Return ``prod(c * theta)`` of every edge, added up as logarithms."""
    if theta is None or theta.shape != (arrays.n_parameters,):
        raise ParameterError(f"theta is {theta}, but the graph expects {arrays.n_parameters} parameters")
    factors = arrays.coefficients * theta
    if (factors < 0.0).any():
        edge, which = np.argwhere(factors < 0.0)[0].tolist()
        source = int(np.searchsorted(arrays.offsets, edge, side="right")) - 1
        raise ParameterError(
            f"theta = {theta} gives the edge from state {arrays.states[source].tolist()} to "
            f"{arrays.states[arrays.targets[edge]].tolist()} the negative factor {factors[edge, which]:g}; "
            f"with log=True theta and coefficients must not be negative"
        )
    with np.errstate(divide="ignore"):  # a factor of zero makes the product zero
        return arrays.checked(np.exp(np.log(factors).sum(axis=1)), theta, " with log=True")


def given(arrays: GraphArrays, theta: Floats | None, callback: Given) -> Floats:
    """Return ``callback(theta, c)`` of every edge."""
    if theta is None:
        raise ParameterError("a callback for weights needs theta")
    weights = [float(callback(theta.copy(), row.copy())) for row in arrays.coefficients]
    return arrays.checked(np.array(weights), theta, " with the callback")


def shares(arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
    """Return the probability of every edge to be the next one: rates divided by their sum at a vertex.

    A `Reading` of discrete graphs whose coefficients are rates, so that they follow every theta.
    """
    weights = weighting(replace(arrays, discrete=False), theta)
    sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    sums = np.bincount(sources, weights, arrays.n_vertices)[sources]
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0.0)
