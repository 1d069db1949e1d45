"""Replay a Trace with weights: factors, and the solves that everything else is made of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import AbsorptionError, GraphError, ParameterError
from phasic.kernels import elimination as kernels
from phasic.trace import Trace

Numbers = NDArray[np.floating[Any]]

_log = logging.getLogger(__name__)
_SMALL = 1e-280  # products of smaller numbers with others may lose digits
_LEAST = 1e-290  # smaller numbers may have lost some
_NONE = np.empty(0, np.int32)


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
    checked: Floats = np.ascontiguousarray(weights, dtype=np.float64)
    if checked.shape != trace.targets.shape:
        checked_weights(trace, checked)
    smallest, largest = checked.min(initial=1.0), checked.max(initial=0.0)
    if smallest == 0.0:
        smallest = np.where(checked > 0.0, checked, 1.0).min(initial=1.0)
    if smallest > 1e-60 and largest < 1e60:
        scale, scaled = trace.ones, checked
    else:
        checked_weights(trace, checked)
        scale, scaled = np.empty(trace.n_vertices), np.empty(checked.size)
        smallest = kernels.scale_rows(trace.offsets, checked, scale, scaled)
    factors = _factorise(trace, checked, scale, scaled)
    if min(smallest, factors.leave.min(initial=1.0)) < _SMALL or (factors.n_stuck and not _doomed(factors)):
        return factors.wide  # numbers became too small to keep their digits, or vanished
    return factors


def _factorise(trace: Trace, weights: Floats, scale: Numbers, scaled: Numbers) -> Factors:
    lower = np.empty(trace.lower_columns.size, scaled.dtype)
    upper = np.empty(trace.upper_columns.size, scaled.dtype)
    leave = np.empty(trace.order.size, scaled.dtype)
    shift = 0.0j if np.iscomplexobj(scaled) else 0.0
    n_stuck = kernels.factorise(scaled, *trace.plan, shift, lower, upper, leave)
    return Factors(trace, weights, scale, scaled, lower, upper, leave, int(n_stuck))


def _doomed(factors: Factors) -> bool:
    """Return whether some vertex has no path of positive weight to an absorbing one."""
    open_ended: NDArray[np.bool_] = factors.trace.absorbing.copy()
    factors.extend_backwards(open_ended)
    return not bool(open_ended.all())


def in_range(compute: Callable[[Factors], Any], factors: Factors) -> Floats:
    """Return ``compute(factors)`` as float64, with a wider range on the way if float64 does not suffice.

    Numbers beyond float64 are infinite.
    """
    with np.errstate(all="ignore"):
        result = np.asarray(compute(factors))
        if not np.isfinite(result).all() and factors.wide is not factors:
            result = np.asarray(compute(factors.wide))
        return np.asarray(result, np.float64)


def checked_weights(trace: Trace, weights: ArrayLike) -> Floats:
    """Return `weights` as float64[m], or raise as `factorise` does, which looks at them on the way."""
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
    scale : float64[n]
        Power of two that the row of each vertex was multiplied by, so that nothing overflows: one for
        weights from 1e-60 to 1e60.
    scaled : float64[m]
        Weights times the scale of where they come from.
    lower : float64[l]
        Expected visits to an earlier state per stay in the state of the row, in scaled rows.
    upper : float64[u]
        Scaled rates to later states once earlier ones are eliminated.
    leave : float64[t]
        Scaled rate of leaving for a later state or another component; infinite where it is zero.
    n_stuck : int
        How many states cannot be left so.

    All but the weights are of extended precision where float64 does not have the range.
    """

    trace: Trace
    weights: Floats
    scale: Numbers = field(repr=False)
    scaled: Numbers = field(repr=False)
    lower: Numbers = field(repr=False)
    upper: Numbers = field(repr=False)
    leave: Numbers = field(repr=False)
    n_stuck: int = 0

    @cached_property
    def wide(self) -> Factors:
        """The same in extended precision, 16384 binary orders of magnitude either way where there is one.

        Machine code knows no such numbers, so this takes a microsecond or so per operation.
        """
        if self.leave.dtype == np.longdouble:
            return self
        _log.info("float64 does not have the range for these weights; computing in extended precision")
        return _factorise(
            self.trace,
            self.weights,
            np.ones(self.trace.n_vertices, np.longdouble),
            self.weights.astype(np.longdouble),
        )

    def perturbed(self, directions: Floats, step: float) -> Factors:
        """Return complex factors at weights with the imaginary part ``step * directions``, float64[m].

        Imaginary parts of what they give, divided by a tiny step, are derivatives.
        """
        weights = self.weights.astype(np.result_type(self.scaled, np.complex64))
        weights += 1j * (step * directions)
        return _factorise(self.trace, weights, self.scale, weights * self.scale[self.trace.source])

    @cached_property
    def stuck(self) -> NDArray[np.bool_]:
        """Vertices from which absorption is not certain, bool[n]."""
        trace = self.trace
        stuck = np.zeros(trace.n_vertices, np.bool_)
        if self.n_stuck:
            stuck[trace.order[np.isinf(self.leave)]] = True
            self.extend_backwards(stuck)
        return stuck

    def extend_backwards(self, marked: NDArray[np.bool_]) -> None:
        """Extend `marked` (bool[n]) to everything from where it can be reached."""
        trace = self.trace
        backwards = np.argsort(trace.targets, kind="stable")
        counts = np.bincount(trace.targets, minlength=trace.n_vertices)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        _extend(offsets, trace.source[backwards].astype(np.int32), self.weights[backwards], marked)

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
        if not self.n_stuck or not self.stuck.any():
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
        rewards = self._per_vertex(rewards, "rewards")
        certain = ~self.stuck
        out = np.full(self.trace.n_vertices, np.inf)
        out[certain] = in_range(lambda factors: factors.collected(rewards)[certain], self)
        return out

    def collected(self, rewards: Numbers) -> Numbers:
        """Return what `solve` returns, in the numbers of the factors: not finite where these do not suffice.

        Parameters
        ----------
        rewards : as the factors, [n] or [n, k]
            Several vectors of rewards are columns, and solved for together.
        """
        kernel = kernels.solve if rewards.ndim == 1 else kernels.solve_many
        scale = self.scale if rewards.ndim == 1 else self.scale[:, None]
        out = np.zeros(rewards.shape, self.leave.dtype)
        scaled = np.ascontiguousarray(rewards * scale, self.leave.dtype)
        if self._least and ((np.abs(scaled) < self._least) & (rewards != 0.0)).any():
            out.fill(np.nan)  # digits were lost that may count
            return out
        kernel(*self._system, scaled, out)
        return out

    def moments(self, starts: NDArray[np.int64], k: int, rewards: Floats) -> Numbers:
        """Return the first `k` raw moments of the reward in continuous time from each of `starts`, [k, s].

        In the numbers of the factors: not finite where these do not suffice.
        """
        trace = self.trace
        stuck = np.flatnonzero(self.stuck[trace.order]).astype(np.int32) if self.n_stuck else _NONE
        means = np.empty((k, starts.size), self.leave.dtype)
        kernels.moments(*self._system, self.scale, self._least, stuck, rewards, trace.position[starts], means)
        return means

    def solve_transposed(self, alpha: ArrayLike) -> Floats:
        """Return the expected total time spent in each vertex, float64[n].

        Zero at absorbing vertices. A second reading of the same numbers: entry v of ``solve(r)``
        weighted by alpha and summed is the reward r weighted by this and summed.

        Raises
        ------
        AbsorptionError
            Absorption is not certain from where `alpha` starts.
        """
        alpha = self._per_vertex(alpha, "alpha")
        self.require_absorption(alpha)
        return in_range(lambda factors: factors.spent(alpha), self)

    def spent(self, alpha: Numbers) -> Numbers:
        """Return what `solve_transposed` returns, in the numbers of the factors."""
        return self.visited(alpha) * self.scale

    def visited(self, alpha: Numbers) -> Numbers:
        """Return the expected time in each vertex over its scale, which is not as small as the time."""
        out = alpha.astype(self.leave.dtype)
        kernels.solve_transposed(self.trace.targets, *self._system, out)
        if self._least and out.dtype.char == "d" and (out[self.trace.order] < self._least).any():
            out.fill(np.nan)  # so rare that digits were lost; what happens there may count all the same
        out[self.trace.absorbing] = 0.0
        return out

    def absorption_probability(self, alpha: ArrayLike) -> float:
        """Return the probability of absorption some day: the sum of `alpha` where that is certain."""
        start = self._per_vertex(alpha, "alpha")
        if not self.stuck.any():
            return float(start.sum())
        trace, absorbing = self.trace, self.trace.absorbing
        last = np.zeros(trace.n_vertices, self.leave.dtype)
        np.add.at(last, trace.source, self.scaled * absorbing[trace.targets])
        absorbed = np.zeros(trace.n_vertices, self.leave.dtype)
        kernels.solve(*self._system, last, absorbed)
        absorbed[absorbing] = 1.0
        absorbed[~self.stuck] = 1.0
        return float(start @ absorbed)

    @property
    def _least(self) -> float:
        """Smaller numbers than this may have lost digits by the scale of their rows."""
        return _LEAST if self.scaled is not self.weights and self.leave.dtype.char in "dD" else 0.0

    @property
    def _system(self) -> tuple[Any, ...]:
        return (self.scaled, *self.trace.plan, self.lower, self.upper, self.leave)

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
