"""Reward transformation as a function of the weights, with derivatives.

`phasic.rewards` makes a graph of constant weights. Here the plan of its eliminations is made once and
followed for every theta, and derivatives are carried through it: back, all of one number, or along, of every
number in a few directions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, GraphArrays
from phasic.elimination import record
from phasic.errors import AbsorptionError, GraphError
from phasic.replay import factorise
from phasic.state_space import compress
from phasic.trace import Trace

_MOST = 20_000_000  # products in the plan
Numbers = NDArray[np.int64]


class Reduced(NamedTuple):
    """Weights and initial probabilities of the transformed graph.

    Attributes
    ----------
    weights, alpha : float64[k], float64[n]
    full, shares : float64[e], float64[o]
        How they came about; see `phasic.kernels.reducing`.
    """

    weights: Floats
    alpha: Floats
    full: Floats
    shares: Floats


class Reduction:
    """The graph whose absorption time is the reward that another one collects, at weight after weight.

    Vertices keep their numbers; those without reward are passed in no time, and nothing leads to them.

    Parameters
    ----------
    arrays : GraphArrays
    trace : Trace
        Recorded from that graph.
    rewards : float64[n]
        Not negative; in a discrete graph zero or one.

    Attributes
    ----------
    trace : Trace
        Of the transformed graph.
    support : float64[n]
        Positive where an initial probability can be.

    Raises
    ------
    GraphError
        A reward is not what it has to be, absorption is out of reach from somewhere, or too many paths lead
        through vertices without reward.
    """

    def __init__(self, arrays: GraphArrays, trace: Trace, rewards: Floats) -> None:
        transient = np.diff(arrays.offsets) > 0
        self._require_absorption(arrays, trace)
        self._check(arrays, rewards, transient)
        self._size = arrays.targets.size
        self._start_weights = arrays.start_weights
        rows = self._rows(arrays)
        drop = transient & (rewards == 0.0)
        self._plan = self._eliminated(rows, drop, trace.order)
        kept = [v for v in range(1, len(rows)) if not drop[v]]
        sources = np.array([v for v in kept for _ in rows[v]], np.int64)
        heads = np.array([u for v in kept for u in rows[v]], np.int64)
        edges = np.array([edge for v in kept for edge in rows[v].values()], np.float64)
        offsets, heads, columns = compress(arrays.n_vertices, sources, heads, edges[:, None])
        self._edges = columns[:, 0].astype(np.int64)
        self._divisors = np.repeat(np.where(transient & ~drop, rewards, 1.0), np.diff(offsets))
        self._starts = np.array(list(rows[0]), np.int64), np.array(list(rows[0].values()), np.int64)
        self.trace = record(offsets, heads)
        self.support = np.zeros(arrays.n_vertices)
        self.support[self._starts[0]] = 1.0

    @staticmethod
    def _require_absorption(arrays: GraphArrays, trace: Trace) -> None:
        """Refuse a graph that may collect a reward for ever."""
        try:
            factorise(trace, np.ones(trace.targets.size)).require_absorption(arrays.alpha)
        except AbsorptionError as error:
            where = "a state" if error.vertex is None else f"state {arrays.states[error.vertex].tolist()}"
            raise GraphError(
                f"{where} cannot reach absorption, so its reward is not observed in the end; add the way out"
            ) from None

    @staticmethod
    def _check(arrays: GraphArrays, rewards: Floats, transient: NDArray[np.bool_]) -> None:
        bad, what = transient & (rewards < 0.0), "a likelihood needs rewards that are not negative"
        if arrays.discrete and not bad.any():
            bad = transient & (rewards != 0.0) & (rewards != 1.0)
            what = "in a discrete graph, a likelihood needs rewards that are zero or one"
        if bad.any():
            v = int(bad.argmax())
            raise GraphError(
                f"the reward of vertex {v} with state {arrays.states[v].tolist()} is {rewards[v]:g}; {what}"
            )
        if not (transient & (rewards > 0.0)).any():
            raise GraphError("no vertex has a reward, so all observations would be zero; pass other rewards")

    def _rows(self, arrays: GraphArrays) -> list[dict[int, int]]:
        """Return the number of the edge from each vertex to each that follows, last those of the start."""
        targets = arrays.targets.tolist()
        rows = [
            {targets[e]: e for e in range(a, b) if targets[e] != v}
            for v, (a, b) in enumerate(pairwise(arrays.offsets.tolist()))
        ]
        rows[0] = {u: self._size + k for k, u in enumerate(arrays.start_targets.tolist())}
        return rows

    def _eliminated(
        self, rows: list[dict[int, int]], drop: NDArray[np.bool_], order: Any
    ) -> tuple[Numbers, ...]:
        """Take the vertices to `drop` out of `rows`, and return what `phasic.kernels.reducing` has to do."""
        sources: dict[int, dict[int, int]] = {v: {} for v in np.flatnonzero(drop).tolist()}
        for v, row in enumerate(rows):
            for u, edge in row.items():
                if u in sources:
                    sources[u][v] = edge
        bounds, in_bounds, place = [0], [0], [0]
        leaving: list[int] = []
        entering: list[int] = []
        into: list[int] = []
        count = self._size + self._start_weights.size
        for v in order.tolist():
            if v not in sources:
                continue
            row, before = rows[v], sources.pop(v)
            for u in row:
                if u in sources:
                    sources[u].pop(v, None)
            for source in before:
                following = rows[source]
                following.pop(v)
                for u in row:
                    edge = -1
                    if u != source:
                        edge = following.get(u, -1)
                        if edge < 0:
                            edge, count = count, count + 1
                            following[u] = edge
                            if u in sources:
                                sources[u][source] = edge
                    into.append(edge)
            if len(into) > _MOST:
                raise GraphError("too many paths lead through vertices without reward; fit a smaller model")
            leaving.extend(row.values())
            entering.extend(before.values())
            bounds.append(len(leaving))
            in_bounds.append(len(entering))
            place.append(len(into))
            rows[v] = {}
        self._count = count
        lists: list[Any] = [bounds, leaving, in_bounds, entering, into, place]
        return tuple(np.array(each, np.int64) for each in lists)

    def __call__(self, weights: Floats) -> Reduced:
        """Return the transformed graph at the weights of the original, float64[m]."""
        from phasic.kernels.reducing import reduce

        full, shares = np.zeros(self._count), np.zeros(self._plan[1].size)
        full[: self._size] = weights
        full[self._size : self._size + self._start_weights.size] = self._start_weights
        reduce(*self._plan, full, shares)
        alpha = np.zeros(self.support.size)
        alpha[self._starts[0]] = full[self._starts[1]]
        return Reduced(full[self._edges] / self._divisors, alpha, full, shares)

    def carried_back(self, found: Reduced, by_weight: Floats, by_log_alpha: Floats) -> Floats:
        """Return derivatives by the weights of the original, float64[m].

        Parameters
        ----------
        found : Reduced
        by_weight, by_log_alpha : float64[k], float64[n]
            Derivatives by what was found, initial probabilities by their logarithms.
        """
        from phasic.kernels.reducing import carry_back

        slopes = np.zeros(self._count)
        slopes[self._edges] = by_weight / self._divisors
        vertices, edges = self._starts
        alpha = found.alpha[vertices]
        slopes[edges] = np.divide(by_log_alpha[vertices], alpha, out=np.zeros(alpha.size), where=alpha > 0.0)
        carry_back(*self._plan, found.full, found.shares, slopes)
        return slopes[: self._size]

    def carried_along(self, found: Reduced, directions: Floats) -> tuple[Floats, Floats]:
        """Return changes of the weights and of the initial probabilities, float64[q, k], float64[q, n].

        Parameters
        ----------
        found : Reduced
        directions : float64[q, m]
            Changes of the weights of the original.
        """
        from phasic.kernels.reducing import carry_along

        bent = np.zeros((directions.shape[0], self._count))
        bent[:, : self._size] = directions
        carry_along(*self._plan, found.full, found.shares, bent)
        alpha = np.zeros((directions.shape[0], self.support.size))
        alpha[:, self._starts[0]] = bent[:, self._starts[1]]
        return bent[:, self._edges] / self._divisors, alpha
