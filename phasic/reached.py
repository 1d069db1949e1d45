"""What the start of a graph can reach over edges of any weight: found once, it serves every weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.tilting import Tilted
from phasic.trace import Trace
from phasic.uniformisation import Chain


class Reached:
    """The part of a graph that its start can reach, whatever the weights are.

    Parameters
    ----------
    trace : Trace
    alpha : float64[n]
        Which of these can be positive.
    discrete : bool
    usable : bool[m], optional
        Edges whose weight can be positive, by default all.

    Attributes
    ----------
    vertices : bool[n]
        Which can be reached.
    source : int64[m]
        Vertex that each edge of the graph comes from.
    edges : int64[k]
        Edges that can be taken, without those from a vertex to itself.
    """

    def __init__(
        self, trace: Trace, alpha: Floats, discrete: bool, usable: NDArray[np.bool_] | None = None
    ) -> None:
        self.trace, self.discrete = trace, discrete
        ones = np.ones(trace.targets.size) if usable is None else usable.astype(np.float64)
        self._chain = chain = Chain.reached(trace.offsets, trace.targets, ones, alpha, discrete)
        self._from = chain.source
        self.vertices = np.zeros(trace.n_vertices, np.bool_)
        self.vertices[chain.vertices] = True
        self.source = trace.source
        moves = (self.source != trace.targets) & (ones > 0.0)
        self.edges = np.flatnonzero(self.vertices[self.source] & moves)
        self._counting = None if self.vertices[trace.order].all() else self.vertices
        self._starts = alpha > 0.0

    def chain_at(self, weights: Floats, alpha: Floats) -> Chain:
        """Return all that can be reached, edges of weight zero too, at given weights."""
        at_ones, taken = self._chain, weights[self.edges]
        leave = np.bincount(self._from, taken, at_ones.vertices.size)
        clock = 1.0 if self.discrete or not leave.any() else float(leave.max())
        pattern = (at_ones.vertices, at_ones.offsets, at_ones.targets)
        start = alpha[at_ones.vertices]
        return Chain(*pattern, taken, at_ones.transient, start, clock, self.discrete)

    def chain_of(self, weights: Floats, alpha: Floats) -> Chain:
        """Return what is reached over edges of positive weight: ``Chain.reached`` at these weights."""
        found = self.chain_at(weights, alpha)
        if found.weights.all() and np.array_equal(alpha > 0.0, self._starts):
            return found
        return Chain.reached(self.trace.offsets, self.trace.targets, weights, alpha, self.discrete)

    def tilted(self, weights: Floats, alpha: Floats) -> Tilted:
        """Return the chain at given weights, not tilted."""
        return Tilted.not_at_all(self.trace.rows, weights, alpha, self._counting)
