"""Laplace transforms: E[exp(-s T)] is the chance to be absorbed before a clock of rate s rings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import GraphError
from phasic.state_space import compress
from phasic.weighting import Weighting


@dataclass(frozen=True, eq=False)
class Killing:
    """A `Reading` of a graph in which every state is left for an absorbing one at one more rate.

    Attributes
    ----------
    rate : float
        The rate, which does not follow theta.
    edges : int64[k]
        One edge of each state, to an absorbing vertex, whose weight it is added to.
    new : int64[j]
        Those of them that were added for that.
    """

    rate: float
    edges: Integers
    new: Integers

    def __call__(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        """Return the weights at `theta`, the rate added."""
        weights = self.without(arrays, theta, weighting)
        weights[self.edges] += self.rate
        return weights

    def without(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        """Return the weights at `theta`, the rate left out."""
        weights = weighting(arrays, theta).copy()
        weights[self.new] = 0.0  # whatever a callback makes of no coefficients
        return weights


def killed(arrays: GraphArrays, rate: float) -> tuple[GraphArrays, Killing]:
    """Return `arrays` with an edge from every state to an absorbing one, and how to read its weights.

    Raises
    ------
    GraphError
        `rate` is negative or not finite, the graph is discrete, or it has no absorbing vertex.
    """
    try:
        rate = float(rate)
    except (TypeError, ValueError):
        raise GraphError(f"the Laplace transform was asked for at {rate!r}; pass a number") from None
    if not 0.0 <= rate < np.inf:
        raise GraphError(
            f"the Laplace transform was asked for at {rate:g}; pass a finite number of 0 or more"
        )
    if arrays.discrete:
        raise GraphError(
            "the graph counts steps, whose transform is a generating function; pass a continuous graph"
        )
    degrees = np.diff(arrays.offsets)
    absorbing = degrees == 0
    absorbing[0] = False
    if not absorbing.any():
        raise GraphError("the graph has no absorbing vertex; add one, and an edge that leads there")
    last = int(np.flatnonzero(absorbing)[-1])
    sources = np.repeat(np.arange(arrays.n_vertices), degrees)
    ended = np.zeros(arrays.n_vertices, np.bool_)
    ended[sources[absorbing[arrays.targets]]] = True
    new = np.flatnonzero(~ended & (degrees > 0))
    offsets, targets, coefficients = compress(
        arrays.n_vertices,
        np.concatenate([sources, new]),
        np.concatenate([arrays.targets, np.full(new.size, last)]),
        np.concatenate([arrays.coefficients, np.zeros((new.size, arrays.n_parameters))]),
    )
    ends = np.flatnonzero(absorbing[targets])
    sources = np.repeat(np.arange(arrays.n_vertices), np.diff(offsets))[ends]
    _, firsts = np.unique(sources, return_index=True)
    longer = replace(arrays, offsets=offsets, targets=targets, coefficients=coefficients)
    edges = ends[firsts]
    return longer, Killing(rate, edges, edges[np.isin(sources[firsts], new)])


def exit_rates(arrays: GraphArrays, weights: Floats) -> Floats:
    """Return the rate at which each vertex is left for an absorbing one, float64[n]."""
    sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    ends = (np.diff(arrays.offsets) == 0)[arrays.targets]
    rates = np.bincount(sources[ends], weights[ends], arrays.n_vertices)
    return np.asarray(rates, np.float64)
