"""Densities at given times, and their derivatives in a few directions of the weights.

`phasic.likelihood` goes the other way: one number, and its derivative by every weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic import gradients
from phasic.arrays import Floats
from phasic.errors import GraphError, PhasicError
from phasic.inversion import TOLERANCE, Group, Inversion
from phasic.observed import Observed
from phasic.question import Question
from phasic.reached import Reached
from phasic.replay import Factors, checked_weights
from phasic.trace import Trace
from phasic.uniformisation import first_guess

_MANY = 1  # times from which on an inversion is thought of
# Microseconds, as measured: per visit to an edge in walking and per weight of a jump at a time; of setting up
# a contour, and per node and multiplication of a solution. Chains with circles try several contours.
_VISIT, _WEIGHT, _CONTOUR, _MULTIPLICATION, _NODES, _CONTOURS = 0.0025, 0.008, 50.0, 0.004, 64.0, 8.0
_MOST_VISITS = 2e11  # to edges, in walking


class Sloped(NamedTuple):
    """Values, and how they change.

    Attributes
    ----------
    value : float64[k]
    slopes : float64[k, q]
        Derivative of each value in each direction.
    """

    value: Floats
    slopes: Floats


class Densities:
    """Densities of one graph at given times, to be asked for at weight after weight.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    alpha : float64[n]
        Initial probability of each vertex, or what is positive where there can be some.
    times : float64[k]
        Absorption times, or numbers of steps.
    discrete : bool
        Weights are one-step probabilities.

    Raises
    ------
    GraphError
        A time is negative or not finite.
    """

    def __init__(self, trace: Trace, alpha: Floats, times: ArrayLike, discrete: bool = False) -> None:
        self._times = np.array(times, dtype=np.float64).ravel()
        if not (np.isfinite(self._times) & (self._times >= 0.0)).all():
            raise GraphError("densities were asked for at times that are negative or not finite")
        self._trace, self._alpha, self._discrete = trace, np.asarray(alpha, np.float64), discrete
        distinct, self._place = np.unique(self._times, return_inverse=True)
        self._zero = bool(distinct.size and distinct[0] == 0.0)
        self._observed = Observed(distinct[1:] if self._zero else distinct)
        self._source, self._reached = trace.source, Reached(trace, self._alpha, discrete)

    def values(self, weights: ArrayLike) -> Floats:
        """Return the density at each time, float64[k]."""
        return self(weights, np.empty((0, self._trace.targets.size))).value

    def __call__(self, weights: ArrayLike, directions: Floats, alpha: Floats | None = None) -> Sloped:
        """Return the density at each time and its derivatives in the rows of `directions`, float64[q, m].

        Parameters
        ----------
        weights : float64[m]
        directions : float64[q, m]
        alpha : float64[n], optional
            Initial probabilities, where they depend on parameters; `from_starts` has what follows from that.

        Raises
        ------
        ParameterError
            A weight is negative or not finite.
        PhasicError
            Derivatives are out of reach: too many jumps of a chain that turns in circles.
        """
        alpha = self._alpha if alpha is None else alpha
        checked = checked_weights(self._trace, weights)
        question = Question(self._trace, checked, alpha, self._discrete, self._reached)
        times, q = self._observed.times, directions.shape[0]
        value, slopes = np.zeros(times.size), np.zeros((times.size, q))
        rest: NDArray[np.bool_] = np.ones(times.size, np.bool_)
        if times.size >= _MANY and self._worth_inverting(question, q):
            rest = self._inverted(question, directions, value, slopes)
        if rest.any():
            value[rest] = question.values("pdf", times[rest])
            if q:
                slopes[rest] = self._walked(question, directions, times[rest])
        if self._zero:
            first, bend = self._at_zero(question, directions)
            value, slopes = np.append(first, value), np.vstack([bend, slopes])
        return Sloped(value[self._place], slopes[self._place])

    def _worth_inverting(self, question: Question, q: int) -> bool:
        """Return whether an inversion is possible and takes less time than walking, for q directions."""
        if self._discrete or not question.clock_is_moderate:
            return False
        times, rows = self._observed.times, self._trace.rows
        steps = first_guess(question.chain.clock * times) + self._trace.n_vertices
        walking = steps * (1.0 + q) * (_VISIT * self._trace.targets.size + _WEIGHT * times.size)
        contours = 1.0 if self._trace.n_components == self._trace.order.size else _CONTOURS
        return walking > contours * (_CONTOUR + _MULTIPLICATION * _NODES * rows.work)

    def from_starts(self, weights: ArrayLike, changes: Floats) -> Floats:
        """Return how densities change with initial probabilities, float64[k, q].

        They are linear in these: a change is the density from what is more, less that from what is less.

        Parameters
        ----------
        weights : float64[m]
        changes : float64[q, n]
            Of the initial probabilities, in each direction; those of starting absorbed do not matter.
        """
        out = np.zeros((self._times.size, changes.shape[0]))
        none = np.empty((0, self._trace.targets.size))
        for row, column in zip(np.where(self._trace.absorbing, 0.0, changes), out.T, strict=True):
            for part, sign in ((np.maximum(row, 0.0), 1.0), (np.maximum(-row, 0.0), -1.0)):
                total = part.sum()
                if total > 0.0:
                    column += sign * total * self(weights, none, part / total).value
        return out

    def _at_zero(self, question: Question, directions: Floats) -> tuple[float, Floats]:
        absorbing = self._trace.position < 0
        if self._discrete:
            return float(question.alpha[absorbing].sum()), np.zeros(directions.shape[0])
        share = np.where(absorbing[self._trace.targets], question.alpha[self._source], 0.0)
        return float(share @ question.weights), directions @ share

    def _inverted(
        self, question: Question, directions: Floats, value: Floats, slopes: Floats
    ) -> NDArray[np.bool_]:
        """Fill in what inversion finds; return what is left."""
        tilted = self._reached.tilted(question.weights, question.alpha)
        halfwidth = self._trace.rows.halfwidth(tilted.base)
        inversion = Inversion(tilted, halfwidth, self._observed, "pdf", TOLERANCE)
        found = inversion.answer()
        good = (found.value > 0.0) & (found.error <= TOLERANCE * found.value)
        by_position = np.ascontiguousarray(directions[:, self._trace.rows.edge])
        with np.errstate(under="ignore"):
            factor = np.exp(found.log)
            value[good] = (found.value * factor)[good]
        for number, group in enumerate(inversion.groups if directions.shape[0] else ()):
            here = slice(group.first, group.last)
            mine = (inversion.by[here] == number) & good[here]
            if mine.any():
                bent = self._bent(group, by_position)
                with np.errstate(under="ignore"):
                    slopes[here][mine] = (bent * factor[here]).T[mine]
        return ~good

    def _bent(self, group: Group, by_position: Floats) -> Floats:
        """Return the derivatives of the values of a group, float64[q, last - first]."""
        from phasic.kernels.contour import directional
        from phasic.kernels.exponentials import collect

        tilted, rows, q = group.tilted, group.tilted.rows, by_position.shape[0]
        nodes = group.nodes
        re, im = np.empty((q, nodes.z.size)), np.empty((q, nodes.z.size))
        system = (rows.offsets, rows.to, tilted.weights, *rows.components)
        with rows.room(keep=True) as room:
            directional(
                *(*system, tilted.exits, tilted.alpha, tilted.ratio, 1.0, *room),
                *(nodes.re, nodes.im, by_position, re, im),
            )
        terms = (re + 1j * im) * nodes.factors
        out = np.empty((q, group.last - group.first))
        for here, table in self._observed.blocks(group.first, group.last, group.ratio, group.sector):
            for row, bent in zip(terms, out, strict=True):
                collect(*table, row.real.copy(), row.imag.copy(), bent[here])
        return out

    def _walked(self, question: Question, directions: Floats, times: Floats) -> Floats:
        """Return derivatives at `times` by following them step by step, float64[k, q]."""
        from phasic.kernels.stepping import carry, mix

        trace = self._trace
        itself = self._source == trace.targets
        moving = np.where(itself, 0.0, question.weights)
        leave = np.bincount(self._source, moving, trace.n_vertices)
        clock = 1.0 if self._discrete else float(leave.max())
        if clock == 0.0:
            return np.zeros((times.size, directions.shape[0]))
        last = float(times.max())
        steps = int(last) if self._discrete else first_guess(clock * times) + trace.n_vertices
        if float(steps) * trace.targets.size * (1.0 + directions.shape[0]) > _MOST_VISITS:
            raise PhasicError(
                f"the {trace.order.size} states jump up to {float(steps):.2g} times until {last:g}, too "
                f"often to follow for derivatives; leave out late times"
            )
        changes = np.where(itself, 0.0, directions) / clock
        transient = trace.position >= 0
        state = np.where(transient, question.alpha, 0.0)
        into, slopes = np.empty(steps), np.empty((directions.shape[0], steps))
        stay = np.maximum(0.0, 1.0 - leave / clock)
        jumps = (trace.offsets, trace.targets, moving / clock, stay, transient)
        carry(*jumps, changes, state, into, slopes)
        out = np.zeros((times.size, directions.shape[0]))
        if self._discrete:
            whole = times == np.floor(times)
            out[whole] = slopes[:, times[whole].astype(np.int64) - 1].T
        else:
            for number, row in enumerate(slopes):
                mixed = np.empty(times.size)
                mix(clock * times, row, mixed)
                out[:, number] = clock * mixed
        return out


def moment_slopes(
    factors: Factors, alpha: Floats, directions: Floats, k: int, discrete: bool = False
) -> tuple[Floats, Floats]:
    """Return the first `k` raw moments of the absorption time and their derivatives, float64[k, q].

    What `phasic.gradients.moments` does, for directions as rows, float64[q, m].

    Raises
    ------
    AbsorptionError
        Absorption is not certain.
    """
    raw, slopes = gradients.moments(factors, alpha, directions.T, k, discrete=discrete)
    return np.array(raw), slopes
