"""Log-likelihood of observed absorption times, and its gradient by the weight of every edge.

What does not depend on the weights is prepared once; an evaluation then is a few sweeps over the graph for
all observations together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.density import Question
from phasic.doubling import MANY
from phasic.errors import GraphError, PhasicError
from phasic.inversion import FAIR, Inversion, Observed
from phasic.replay import checked_weights, factorise
from phasic.tangents import density_slopes
from phasic.tilting import Tilted
from phasic.trace import Trace
from phasic.uniformisation import FEW_STATES, Chain, first_guess, staying

Mask = NDArray[np.bool_]

_MANY = 32  # observations for which an inversion pays in any case
_SEGMENT = 2**22  # numbers of remembered states at once
_OFTEN = 1e7  # visits to states; the rounding of as many differences adds up to a billionth
_TOO_OFTEN = 1e10
_PER_VISIT = 0.5  # products of numbers in doubling, to be worth it, per visit to an edge in walking
_MOST_PRODUCTS = 4e11
_MOST_VISITS = 2e11  # to edges, in walking there and back


class LogLikelihood(NamedTuple):
    """Sum of the logarithms of densities, and its derivatives.

    Attributes
    ----------
    value : float
    gradient : float64[m] or None
        By the weight of every edge.
    """

    value: float
    gradient: Floats | None


class Likelihood:
    """Observations of one graph, to be evaluated at weight after weight.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    alpha : float64[n]
        Initial probability of each vertex.
    times : array_like
        Observed absorption times, or numbers of steps.
    discrete : bool
        Weights are one-step probabilities.

    Raises
    ------
    GraphError
        An observation is negative, infinite or not a number, or there is none.
    """

    def __init__(self, trace: Trace, alpha: Floats, times: ArrayLike, discrete: bool = False) -> None:
        observed = np.sort(np.asarray(times, dtype=np.float64), axis=None)
        if observed.size == 0:
            raise GraphError("there are no observations; pass at least one time")
        if not (np.isfinite(observed).all() and observed[0] >= 0.0):
            raise GraphError("observations must be finite times >= 0; leave out what was not absorbed")
        self._trace = trace
        self._alpha = np.asarray(alpha, dtype=np.float64)
        self._discrete = discrete
        distinct, counts = np.unique(observed, return_counts=True)
        self._zero = float(counts[0]) if distinct[0] == 0.0 else 0.0
        positive = distinct > 0.0
        self._counts = counts[positive].astype(np.float64)
        self._observed = Observed(distinct[positive])
        chain = Chain.reached(
            trace.offsets, trace.targets, np.ones(trace.targets.size), self._alpha, discrete
        )
        self._chain = chain
        self._reached = np.zeros(trace.n_vertices, np.bool_)
        self._reached[chain.vertices] = True
        source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
        self._edges = np.flatnonzero(self._reached[source] & (source != trace.targets))

    def __call__(self, weights: ArrayLike, gradient: bool = True) -> LogLikelihood:
        """Return the log-likelihood at `weights` (float64[m]), and its gradient if asked for.

        Minus infinity, with a gradient that is not a number, where an observation is impossible.

        Raises
        ------
        ParameterError
            A weight is negative or not finite.
        PhasicError
            The gradient is out of reach: too many jumps of a chain that turns in circles.
        """
        question = Question(self._trace, checked_weights(self._trace, weights), self._alpha, self._discrete)
        slopes = np.zeros(self._trace.targets.size) if gradient else None
        value = self._at_zero(question, slopes) if self._zero else 0.0
        if self._observed.times.size:
            value += self._positive(question, slopes)
        if slopes is not None and not np.isfinite(value):
            slopes[:] = np.nan
        return LogLikelihood(value, slopes)

    def _at_zero(self, question: Question, slopes: Floats | None) -> float:
        trace = self._trace
        absorbing = trace.position < 0
        if self._discrete:
            density = float(self._alpha[absorbing].sum())
        else:
            source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
            share = np.where(absorbing[trace.targets], self._alpha[source], 0.0)
            density = float(share @ question.weights)
            if slopes is not None and density > 0.0:
                slopes += self._zero / density * share
        return self._zero * float(np.log(density)) if density > 0.0 else -np.inf

    def _positive(self, question: Question, slopes: Floats | None) -> float:
        times = self._observed.times
        value = np.full(times.size, -np.inf)
        rest: Mask = np.ones(times.size, np.bool_)
        if slopes is not None and (visits := self._visits(question)) > _OFTEN:
            if self._doubled(question, rest, _MOST_PRODUCTS, value, slopes):
                return float(self._counts @ value)
            if visits > _TOO_OFTEN:
                raise PhasicError(
                    f"the {self._trace.order.size} states are visited {visits:.2g} times until the last "
                    f"observation, too often for a gradient by so many edges; leave out late observations"
                )
        if (
            not self._discrete
            and question.clock_is_moderate
            and (times.size >= _MANY or question.worth_inverting(times))
        ):
            rest = self._inverted(question, value, slopes)
        if rest.any() and slopes is not None:
            walking = _PER_VISIT * question.chain.clock * float(times[rest][-1]) * self._edges.size
            if self._doubled(question, rest, min(walking, _MOST_PRODUCTS), value, slopes):
                rest[:] = False
        if rest.any():
            self._walked(question, rest, value, slopes)
        return float(self._counts @ value)

    def _visits(self, question: Question) -> float:
        """Return about how often states are visited until the last observation."""
        chain, last = question.chain, float(self._observed.times[-1])
        jumps = chain.clock * last
        if jumps <= _OFTEN or not question.mean < np.inf:
            return jumps
        time = factorise(self._trace, question.weights).spent(self._alpha)
        visits = time[chain.vertices[chain.source]] @ chain.weights
        return float(visits) * max(1.0, last / question.mean)

    def _doubled(self, question: Question, rest: Mask, most: float, value: Floats, slopes: Floats) -> bool:
        """Set logarithms of densities, and slopes that lose no digits, by at most so many products.

        Returns whether these were enough.
        """
        weights, times = question.weights[self._edges], self._observed.times[rest]
        leave = np.bincount(self._chain.source, weights, self._chain.vertices.size)
        chain = replace(self._chain, weights=weights, clock=1.0 if self._discrete else float(leave.max()))
        n, m = int(chain.transient.sum()), weights.size
        jumps = min(chain.clock * float(times[-1]), 2.0 * MANY)
        products = 8.0 * m * float(n) ** 3 * np.log2(jumps + 2.0)
        if n > FEW_STATES or jumps > MANY or products > most:
            return False
        logs = question.logarithm("pdf", times)
        at = np.isfinite(logs)
        found = np.zeros(slopes.size)
        for some in np.array_split(np.arange(m), max(1, m * n * max(n, times.size) // _SEGMENT)):
            density, by_edge = density_slopes(chain, times[at], some)
            if not density.all():
                return False  # too small for float64
            found[self._edges[some]] = by_edge @ (self._counts[rest][at] / density)
        value[rest] = logs
        slopes += found
        return True

    def _inverted(self, question: Question, value: Floats, slopes: Floats | None) -> Mask:
        """Set logarithms of densities where inversion finds them; return which are left."""
        tilted = Tilted.not_at_all(self._trace.rows, question.weights, self._alpha, self._reached)
        halfwidth = self._trace.rows.halfwidth(tilted.base)
        inversion = Inversion(tilted, halfwidth, self._observed, "pdf", FAIR)
        found = inversion.answer()
        good = (found.value > 0.0) & (found.error <= FAIR * found.value)
        value[good] = np.log(found.value[good]) + found.log[good]
        if slopes is not None:
            factor = np.where(good, self._counts, 0.0)
            for number, group in enumerate(inversion.groups):
                here = slice(group.first, group.last)
                mine = (inversion.by[here] == number) & good[here]
                share = np.divide(factor[here], found.value[here], out=np.zeros(mine.size), where=mine)
                if mine.any():
                    group.add_slopes(self._observed, share, slopes)
        return ~good

    def _walked(self, question: Question, rest: Mask, value: Floats, slopes: Floats | None) -> None:
        """Set what is left step by step, and walk back for the gradient."""
        from phasic.kernels.stepping import follow, poisson_weights, walk_back

        times, counts = self._observed.times[rest], self._counts[rest]
        if slopes is None:
            value[rest] = question.logarithm("pdf", times)
            return
        trace = self._trace
        transient = trace.position >= 0
        source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
        moving = np.where(source == trace.targets, 0.0, question.weights)
        leave = np.bincount(source, moving, trace.n_vertices)
        clock = 1.0 if self._discrete else float(leave.max())
        moves = source != trace.targets
        stay = staying(source[moves], moving[moves], trace.n_vertices, clock, self._discrete)
        jumps = (trace.offsets, trace.targets, moving / clock, stay, transient)
        steps = int(times[-1]) if self._discrete else first_guess(clock * times) + trace.n_vertices
        if float(steps) * trace.targets.size > _MOST_VISITS:
            raise PhasicError(
                f"the {trace.order.size} states jump up to {float(steps):.2g} times until the last "
                f"observation, too often to follow for a gradient; leave out late observations"
            )
        value[rest] = question.logarithm("pdf", times)
        density = np.exp(value[rest])
        factor = np.divide(counts, density, out=np.zeros(times.size), where=density > 0.0)
        worth = np.zeros(steps)
        if self._discrete:
            whole = times == np.floor(times)
            np.add.at(worth, times[whole].astype(np.int64) - 1, factor[whole])
        else:
            row = np.empty(steps)
            for time, share in zip(times, factor, strict=True):
                poisson_weights(clock * time, row)
                worth += share * clock * row
        length = max(1, min(steps, _SEGMENT // trace.n_vertices))
        begins = range(0, steps, length)
        state = np.where(transient, self._alpha, 0.0)
        states = []
        for begin in begins:
            states.append(state.copy())
            follow(*jumps, state, np.empty((min(length, steps - begin), trace.n_vertices)))
        ahead, out = np.zeros(trace.n_vertices), np.zeros(trace.targets.size)
        for begin, first in zip(reversed(begins), reversed(states), strict=True):
            visited = np.empty((min(length, steps - begin), trace.n_vertices))
            follow(*jumps, first, visited)
            walk_back(*jumps, visited, worth[begin : begin + visited.shape[0]], ahead, out)
        out[source == trace.targets] = 0.0
        slopes += out / clock
