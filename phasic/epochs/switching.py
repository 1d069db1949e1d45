"""The weights of a graph with epochs.

A state of epoch k is one state more than the same of epoch k - 1, its last entry k. At the boundary the
chain goes from each state to its sister in the next epoch. So a graph with epochs has edges between
sisters, at rates for which it spends the right expected time in every state:

    rate = P(in the state at the boundary) / E(time in the state until then).

Means of rewards are those of this graph; everything else is computed epoch by epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from phasic.arrays import Floats, GraphArrays
from phasic.epochs.boundaries import Epochs
from phasic.errors import ParameterError
from phasic.weighting import Reading, Weighting, linear


@dataclass
class Switching:
    """A `Reading` that gives the edges between sisters the rates that keep expected times right.

    Attributes
    ----------
    boundaries : tuple of float
        When epochs begin, but for the first.
    length : int
        Entries of theta for each epoch: those of its parameters, and one for the time at which it begins.
    within : Reading, optional
        What is made of the weights within epochs.
    """

    boundaries: tuple[float, ...]
    length: int
    within: Reading | None = None
    _kept: tuple[GraphArrays, Epochs] | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    @property
    def places(self) -> list[int]:
        """Where theta has the times at which epochs begin."""
        return [(k + 1) * self.length - 1 for k in range(len(self.boundaries) + 1)]

    def epochs(self, arrays: GraphArrays) -> Epochs:
        """Return the epochs of `arrays`, found once."""
        kept = self._kept
        if kept is None or kept[0] is not arrays:
            self._kept = kept = arrays, Epochs(arrays, self.boundaries, self.length)
        return kept[1]

    def inner(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        """Return the weights within epochs at `theta`; those of edges between sisters are zero.

        Weights that are no sums follow from the parameters of their own epoch, as those of the graph
        before it had epochs.

        Raises
        ------
        ParameterError
            Theta would move a boundary, or gives a weight that cannot be.
        """
        if theta is not None and theta.size > self.places[-1]:
            self._require_still(theta)
        epochs = self.epochs(arrays)
        if weighting is linear:
            weights = self._read(arrays, theta, weighting)
        else:
            weights = np.zeros(arrays.targets.size)
            epoch = arrays.states[epochs.sources, -1]
            for k in range(len(self.boundaries) + 1):
                first, last = k * self.length, (k + 1) * self.length - 1
                mine = epoch == k
                some = replace(arrays, coefficients=arrays.coefficients[:, first:last])
                part = None if theta is None else theta[first:last]
                weights[mine] = self._read(some, part, weighting)[mine]
        return np.where(epochs.switch, 0.0, weights)

    def _read(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        if self.within is None:
            return weighting(arrays, theta)
        return self.within(arrays, theta, weighting)

    def _require_still(self, theta: Floats) -> None:
        for k, boundary in enumerate(self.boundaries, start=1):
            place = self.places[k]
            if theta[place] not in (1.0, boundary):
                raise ParameterError(
                    f"entry {place} of theta is {theta[place]:g}, but epoch {k} begins at {boundary:g}; pass "
                    f"1 or that time, and to move a boundary, add the epoch anew"
                )

    def __call__(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        """Return the weights at `theta`, those of edges between sisters included."""
        weights = self.inner(arrays, theta, weighting)
        epochs = self.epochs(arrays)
        out, alpha = weights.copy(), arrays.alpha
        for k, length in enumerate(epochs.lengths):
            there, until = epochs.lived(k, weights, alpha, length)
            edges, sources, _ = epochs.sisters[k]
            out[edges] = np.divide(
                there[sources], until[sources], out=np.zeros(edges.size), where=until[sources] > 0.0
            )
            alpha = epochs.switched(k, there)
        return out
