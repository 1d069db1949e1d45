"""Chances of ever getting somewhere: to given vertices, or to any that has a reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.distribution import Distribution
from phasic.errors import GraphError


class Hitting(Distribution):
    """The probability of visiting vertices."""

    def backward_probabilities(self, target_vertices: Sequence[int]) -> Floats:
        """Return the probability from each vertex of ever being in one of `target_vertices`, float64[n].

        One in these vertices themselves; that of the starting vertex is the probability before the start,
        to which missing mass adds nothing.

        Parameters
        ----------
        target_vertices : sequence of int
            Indices of vertices, transient or absorbing.

        Raises
        ------
        GraphError
            There is no such vertex, or none is given.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.coalescent(4))
        >>> graph.vertex_at(3).state().tolist(), graph.backward_probabilities([3]).round(9).tolist()
        ([0, 2, 0, 0], [0.333333333, 0.333333333, 0.333333333, 1.0, 0.0, 0.0])
        """
        arrays = self._startable()
        targets = np.atleast_1d(np.asarray(target_vertices))
        inside = targets.ndim == 1 and targets.size > 0 and targets.dtype.kind in "iu"
        if not inside or not ((targets > 0) & (targets < arrays.n_vertices)).all():
            raise GraphError(
                f"target_vertices are {target_vertices!r}; pass indices of vertices, from 1 to "
                f"{arrays.n_vertices - 1}"
            )
        return _chance_of_reaching(arrays, self.weights, targets)

    def reward_visit_probability(self, rewards: ArrayLike, theta: ArrayLike | None = None) -> float:
        """Return the probability of visiting a vertex with a positive reward before absorption.

        Where it is less than one, the reward is zero with positive probability.

        Parameters
        ----------
        rewards : float64[n]
            As for `expectation`.
        theta : float64[p], optional
            At which parameters; by default the current ones, which stay what they are.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.coalescent(4))
        >>> round(graph.reward_visit_probability(graph.states().T[2]), 9)
        0.666666667
        """
        arrays, checked = self._startable(), self._rewards(rewards)
        weights = self.weights if theta is None else self._weights_at(theta)
        rewarded = (np.ones(arrays.n_vertices) if checked is None else checked) > 0.0
        rewarded &= np.diff(arrays.offsets) > 0
        if not rewarded.any():
            return 0.0
        return float(_chance_of_reaching(arrays, weights, np.flatnonzero(rewarded))[0])

    def _weights_at(self, theta: ArrayLike) -> Floats:
        from phasic.graph import Graph

        assert isinstance(self, Graph)
        graph = self.clone()
        graph.update_weights(theta)
        return graph.weights


def _chance_of_reaching(arrays: GraphArrays, weights: Floats, targets: Integers) -> Floats:
    """Return the probability from each vertex of visiting `targets`: of ending there, without a way out."""
    from phasic.sampling import chance_of_ending

    sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    kept = ~np.isin(sources, targets)
    offsets = np.zeros(arrays.n_vertices + 1, np.int64)
    np.cumsum(np.bincount(sources[kept], minlength=arrays.n_vertices), out=offsets[1:])
    cut = replace(
        arrays,
        offsets=offsets,
        targets=arrays.targets[kept],
        coefficients=arrays.coefficients[kept],
    )
    chance = chance_of_ending(cut, weights[kept], targets)
    chance[0] = arrays.alpha @ chance
    return chance
