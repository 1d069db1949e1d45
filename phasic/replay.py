"""Replay a Trace with weights: factors, and the solves that everything else is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import AbsorptionError, GraphError, ParameterError
from phasic.trace import Trace


def factorise(trace: Trace, weights: ArrayLike) -> Factors:
    """Return the factors of a graph at these weights.

    Parameters
    ----------
    trace : Trace
        Plan recorded from the graph's edges.
    weights : float64[m]
        Rates per unit time or one-step probabilities; zero is allowed. Missing mass of a row of
        probabilities means staying, as an edge from a vertex to itself does, and is not needed here.

    Raises
    ------
    GraphError
        There are not as many weights as edges.
    ParameterError
        A weight is negative or not finite.
    """
    from phasic.kernels.elimination import factorise as kernel

    checked = checked_weights(trace, weights)
    lower = np.empty(trace.lower_columns.size)
    upper = np.empty(trace.upper_columns.size)
    leave = np.empty(trace.order.size)
    edges = (trace.offsets, trace.targets, checked)
    kernel(*edges, *trace.plan, 0.0, lower, upper, leave)
    return Factors(trace, checked, lower, upper, leave)


def checked_weights(trace: Trace, weights: ArrayLike) -> Floats:
    """Return `weights` as float64[m], or raise as `factorise` does."""
    checked: Floats = np.ascontiguousarray(weights, dtype=np.float64)
    if checked.shape != trace.targets.shape:
        raise GraphError(f"weights have shape {checked.shape}, but there are {trace.targets.size} edges")
    if not np.isfinite(checked).all() or (checked.size and checked.min() < 0.0):
        edge = int(np.flatnonzero(~(np.isfinite(checked) & (checked >= 0.0)))[0])
        raise ParameterError(f"edge {edge} has weight {checked[edge]}; weights must be finite and >= 0")
    return checked


@dataclass(frozen=True, eq=False)
class Factors:
    """A graph eliminated at certain weights; entries keep their relative accuracy.

    Attributes
    ----------
    trace : Trace
        Plan that was replayed.
    weights : float64[m]
        Weight of every edge.
    lower : float64[l]
        Expected visits to an earlier state per stay in the state of the row.
    upper : float64[u]
        Rates to later states once earlier ones are eliminated.
    leave : float64[t]
        Rate of leaving for a later state or another component; infinite where it is zero.
    """

    trace: Trace
    weights: Floats
    lower: Floats = field(repr=False)
    upper: Floats = field(repr=False)
    leave: Floats = field(repr=False)

    @cached_property
    def stuck(self) -> NDArray[np.bool_]:
        """Vertices from which absorption is not certain, bool[n]."""
        trace = self.trace
        stuck = np.zeros(trace.n_vertices, np.bool_)
        stuck[trace.order[np.isinf(self.leave)]] = True
        if stuck.any():
            source = np.repeat(np.arange(trace.n_vertices, dtype=np.int32), np.diff(trace.offsets))
            backwards = np.argsort(trace.targets, kind="stable")
            counts = np.bincount(trace.targets, minlength=trace.n_vertices)
            offsets = np.concatenate([[0], np.cumsum(counts)])
            _extend(offsets, source[backwards], self.weights[backwards], stuck)
        return stuck

    def require_absorption(self, alpha: Floats) -> None:
        """Raise unless absorption is certain, however the chain starts.

        Parameters
        ----------
        alpha : float64[n]
            Initial probabilities.

        Raises
        ------
        AbsorptionError
            Naming the first vertex that the chain can reach and from which absorption is not certain.
        """
        if not self.stuck.any():
            return
        reached = np.asarray(alpha) > 0.0
        _extend(self.trace.offsets, self.trace.targets, self.weights, reached)
        trapped = np.flatnonzero(reached & self.stuck)
        if trapped.size:
            vertex = int(trapped[0])
            raise AbsorptionError(
                f"absorption is not certain from vertex {vertex}, so its expected time is infinite; "
                f"give every state that can be reached a way to an absorbing one",
                vertex=vertex,
            )

    def solve(self, rewards: ArrayLike) -> Floats:
        """Return the expected total reward until absorption from each vertex, float64[n].

        Parameters
        ----------
        rewards : float64[n]
            Reward per unit time (per step, for a discrete chain) in each vertex, of any sign; not read
            for absorbing vertices, from where the answer is zero. It is infinite from where absorption
            is not certain.
        """
        from phasic.kernels.elimination import solve as kernel

        rewards = self._per_vertex(rewards, "rewards")
        out = np.zeros(self.trace.n_vertices)
        kernel(*self._system, rewards, out)
        if self.stuck.any():
            out[self.stuck] = np.inf
        return out

    def solve_transposed(self, alpha: ArrayLike) -> Floats:
        """Return the expected total time spent in each vertex, float64[n].

        Zero at absorbing vertices. A second reading of the same numbers: entry v of ``solve(r)``
        weighted by alpha and summed is the reward r weighted by this and summed.

        Raises
        ------
        AbsorptionError
            Absorption is not certain from where `alpha` starts.
        """
        from phasic.kernels.elimination import solve_transposed as kernel

        out = self._per_vertex(alpha, "alpha").copy()
        self.require_absorption(out)
        kernel(*self._system, out)
        out[self.trace.position < 0] = 0.0
        return out

    def absorption_probability(self, alpha: ArrayLike) -> float:
        """Return the probability of absorption some day: the sum of `alpha` where that is certain."""
        from phasic.kernels.elimination import solve as kernel

        start = self._per_vertex(alpha, "alpha")
        if not self.stuck.any():
            return float(start.sum())
        trace = self.trace
        source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
        absorbing = trace.position < 0
        last = self.weights * absorbing[trace.targets]
        absorbed = np.zeros(trace.n_vertices)
        kernel(*self._system, np.bincount(source, last, trace.n_vertices), absorbed)
        absorbed[absorbing] = 1.0
        absorbed[~self.stuck] = 1.0
        return float(start @ absorbed)

    @property
    def _system(self) -> tuple[Any, ...]:
        trace = self.trace
        edges = (trace.offsets, trace.targets, self.weights)
        return (*edges, *trace.plan, self.lower, self.upper, self.leave)

    def _per_vertex(self, values: ArrayLike, name: str) -> Floats:
        checked: Floats = np.ascontiguousarray(values, dtype=np.float64)
        if checked.shape != (self.trace.n_vertices,):
            raise GraphError(
                f"{name} has shape {checked.shape}, but the graph has {self.trace.n_vertices} vertices"
            )
        return checked


def _extend(
    offsets: NDArray[np.int64],
    targets: NDArray[np.int32],
    weights: Floats,
    marked: NDArray[np.bool_],
) -> None:
    from phasic.kernels.structure import reach

    reach(offsets, targets, weights > 0.0, marked)
