"""Logarithms of densities, survival or distribution at given times, and what they owe to every weight.

What does not depend on the weights is prepared once; an evaluation then is a few sweeps over the graph for
all times together. `phasic.likelihood` adds them up to what observations are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.doubling import MANY
from phasic.errors import PhasicError
from phasic.inversion import FAIR, Inversion, Kind
from phasic.observed import Observed
from phasic.question import Question
from phasic.reached import Reached
from phasic.replay import factorise
from phasic.tangents import density_slopes
from phasic.uniformisation import FEW_STATES, first_guess, staying

Mask = NDArray[np.bool_]

_MANY = 1  # times from which on an inversion is tried: it pays for one time of four states too
_SEGMENT = 2**22  # numbers of remembered states at once
_OFTEN = 1e7  # visits to states; the rounding of as many differences adds up to a billionth
_TOO_OFTEN = 1e10
_PER_VISIT = 0.5  # products of numbers in doubling, to be worth it, per visit to an edge in walking
_MOST_PRODUCTS = 4e11
_MOST_VISITS = 2e11  # to edges, in walking there and back
_MOST_STEPS = 50_000_000  # that what each is worth is kept of
_TOO_SMALL = -690.0  # logarithm of what float64 cannot hold with all its digits


@dataclass
class Slopes:
    """Derivatives that are added up.

    Attributes
    ----------
    weights : float64[m]
        By the weight of every edge.
    starts : float64[n]
        By the logarithm of every initial probability.
    with_starts : bool
        Whether anybody asks for the latter.
    """

    weights: Floats
    starts: Floats
    with_starts: bool


@dataclass
class Found:
    """Logarithms of what was asked for, and how to differentiate them.

    Attributes
    ----------
    value : float64[k]
        Minus infinity where it is zero.
    """

    value: Floats
    _by: list[Callable[[Floats, Slopes], None]]

    def add_slopes(self, shares: Floats, slopes: Slopes) -> None:
        """Add the derivatives of ``shares @ value`` to `slopes`; values are finite where shares are not 0."""
        if shares.any():
            for each in self._by:
                each(shares, slopes)


class Logarithms:
    """One kind of value at given times, to be asked for at weight after weight.

    Parameters
    ----------
    reached : Reached
    kind : {"pdf", "cdf", "survival"}
        Of the absorption time where that is not zero: what starts absorbed takes no part.
    times : float64[k]
        Ascending, positive and finite; for a discrete chain, whole numbers.
    """

    def __init__(self, reached: Reached, kind: Kind, times: Floats) -> None:
        self._reached = reached
        self._kind = kind
        self._observed = Observed(times)

    def at(self, question: Question, gradient: bool) -> Found:
        """Return logarithms at the weights of a question in which nothing starts absorbed.

        Raises
        ------
        PhasicError
            The gradient is out of reach: too many jumps of a chain that turns in circles.
        """
        times = self._observed.times
        value = np.full(times.size, -np.inf)
        found, rest = Found(value, []), np.ones(times.size, np.bool_)
        if not times.size:
            return found
        if gradient and (visits := self._visits(question)) > _OFTEN:
            if self._doubled(question, rest, _MOST_PRODUCTS, found):
                return found
            if visits > _TOO_OFTEN:
                raise PhasicError(
                    f"the {self._reached.trace.order.size} states are visited {visits:.2g} times until the "
                    f"last observation, too often for a gradient by so many edges; leave out late "
                    f"observations"
                )
        tried = question.clock_is_moderate and not self._reached.discrete
        if tried and times.size >= _MANY:
            rest, tried = self._inverted(question, rest, found), False
        if rest.any() and gradient:
            walking = _PER_VISIT * question.chain.clock * float(times[rest][-1]) * self._reached.edges.size
            if self._doubled(question, rest, min(walking, _MOST_PRODUCTS), found):
                return found
        if rest.any():
            value[rest] = question.logarithm(self._kind, times[rest])
            small = rest & np.isfinite(value) & (value < _TOO_SMALL)
            if gradient and small.any() and tried:
                rest &= ~(small & ~self._inverted(question, small, found))
                small &= rest
            if gradient and small.any():
                place = times[int(small.argmax())]
                raise PhasicError(
                    f"the probability of an observation at {place:g} is too small for a gradient: its "
                    f"logarithm is {value[int(small.argmax())]:.4g}; start from a more likely theta"
                )
            if gradient and rest.any():
                self._walked(question, rest & np.isfinite(value), found)
        return found

    def _visits(self, question: Question) -> float:
        """Return about how often states are visited until the last time."""
        chain, last = question.chain, float(self._observed.times[-1])
        jumps = chain.clock * last
        if jumps <= _OFTEN or not question.mean < np.inf:
            return jumps
        time = factorise(self._reached.trace, question.weights).spent(question.alpha)
        visits = time[chain.vertices[chain.source]] @ chain.weights
        return float(visits) * max(1.0, last / question.mean)

    def _doubled(self, question: Question, rest: Mask, most: float, found: Found) -> bool:
        """Find logarithms, and slopes that lose no digits, by at most so many products.

        Returns whether these were enough.
        """
        times, kind, edges = self._observed.times[rest], self._kind, self._reached.edges
        chain = self._reached.chain_at(question.weights, question.alpha)
        n, m = int(chain.transient.sum()), edges.size
        jumps = min(chain.clock * float(times[-1]), 2.0 * MANY)
        products = 8.0 * m * float(n) ** 3 * np.log2(jumps + 2.0)
        if n > FEW_STATES or jumps > MANY or products > most:
            return False
        logs = question.logarithm(kind, times)
        at = np.isfinite(logs)
        if (logs[at] < _TOO_SMALL).any():
            return False
        found.value[rest] = logs

        def add(shares: Floats, slopes: Slopes) -> None:
            shares = shares[rest][at]
            for some in np.array_split(np.arange(m), max(1, m * n * max(n, times.size) // _SEGMENT)):
                value, by_edge = density_slopes(chain, times[at], some, kind)
                slopes.weights[edges[some]] += by_edge @ (shares / value)
            if slopes.with_starts:
                for place in np.flatnonzero(chain.alpha > 0.0):
                    alone = replace(chain, alpha=chain.alpha * (np.arange(chain.alpha.size) == place))
                    part, _ = density_slopes(alone, times[at], some[:0], kind)
                    slopes.starts[chain.vertices[place]] += part @ (shares / value)

        found._by.append(add)
        return True

    def _inverted(self, question: Question, rest: Mask, found: Found) -> Mask:
        """Find logarithms where inversion does; return which are left."""
        reached, observed, kind = self._reached, self._observed, self._kind
        tilted = reached.tilted(question.weights, question.alpha)
        inversion = Inversion(tilted, tilted.rows.halfwidth(tilted.base), observed, kind, FAIR)
        answer = inversion.answer()
        good = rest & (answer.value > 0.0) & (answer.error <= FAIR * answer.value)
        np.log(answer.value, out=found.value, where=good)
        np.add(found.value, answer.log, out=found.value, where=good)

        def add(shares: Floats, slopes: Slopes) -> None:
            share = np.divide(shares, answer.value, out=np.zeros(shares.size), where=good)
            for number, group in enumerate(inversion.groups):
                here = slice(group.first, group.last)
                mine = np.where(inversion.by[here] == number, share[here], 0.0)
                if mine.any():
                    group.add_slopes(kind, observed, mine, slopes.weights, slopes.starts)

        found._by.append(add)
        return rest & ~good

    def _walked(self, question: Question, rest: Mask, found: Found) -> None:
        """Find slopes step by step: follow the chain, and walk back."""
        trace, discrete, kind = self._reached.trace, self._reached.discrete, self._kind
        times, logs = self._observed.times[rest], found.value[rest]
        if not times.size:
            return
        moving = np.where(self._reached.source == trace.targets, 0.0, question.weights)
        leave = np.bincount(self._reached.source, moving, trace.n_vertices)
        clock = 1.0 if discrete else float(leave.max())
        steps = (
            int(times[-1]) + (kind == "survival")
            if discrete
            else first_guess(clock * times) + trace.n_vertices
        )
        if float(steps) * trace.targets.size > _MOST_VISITS or steps > _MOST_STEPS:
            raise PhasicError(
                f"the {trace.order.size} states jump up to {float(steps):.2g} times until the last "
                f"observation, too often to follow for a gradient; leave out late observations"
            )

        def add(shares: Floats, slopes: Slopes) -> None:
            with np.errstate(over="ignore"):
                factor = shares[rest] * np.exp(-logs)
            worth, alive = self._worth(times, factor, clock, steps)
            self._walk_back(question, moving, clock, worth, alive, slopes)

        found._by.append(add)

    def _worth(self, times: Floats, factor: Floats, clock: float, steps: int) -> tuple[Floats, Floats]:
        """Return what absorption in each step is worth, and no absorption before it, float64[steps]."""
        from phasic.kernels.stepping import poisson_weights

        worth, alive, kind = np.zeros(steps), np.zeros(steps), self._kind
        if self._reached.discrete:
            place = times.astype(np.int64)
            if kind == "survival":
                np.add.at(alive, place, factor)
            else:
                np.add.at(worth, place - 1, factor)
            return np.cumsum(worth[::-1])[::-1] if kind == "cdf" else worth, alive
        row = np.empty(steps)
        for time, share in zip(times, factor, strict=True):
            poisson_weights(clock * time, row)
            if kind == "pdf":
                worth += share * clock * row
            elif kind == "survival":
                alive += share * row
            else:
                worth[:-1] += share * np.cumsum(row[:0:-1])[::-1]
        return worth, alive

    def _walk_back(
        self, question: Question, moving: Floats, clock: float, worth: Floats, alive: Floats, slopes: Slopes
    ) -> None:
        from phasic.kernels.stepping import follow, walk_back

        trace, source, steps = self._reached.trace, self._reached.source, worth.size
        transient, moves = trace.position >= 0, source != trace.targets
        stay = staying(source[moves], moving[moves], trace.n_vertices, clock, self._reached.discrete)
        jumps = (trace.offsets, trace.targets, moving / clock, stay, transient)
        length = max(1, min(steps, _SEGMENT // trace.n_vertices))
        begins = range(0, steps, length)
        state = np.where(transient, question.alpha, 0.0)
        states = []
        for begin in begins:
            states.append(state.copy())
            follow(*jumps, state, np.empty((min(length, steps - begin), trace.n_vertices)))
        ahead, out = np.zeros(trace.n_vertices), np.zeros(trace.targets.size)
        for begin, first in zip(reversed(begins), reversed(states), strict=True):
            visited = np.empty((min(length, steps - begin), trace.n_vertices))
            follow(*jumps, first, visited)
            here = slice(begin, begin + visited.shape[0])
            walk_back(*jumps, visited, worth[here], alive[here], ahead, out)
        out[~moves] = 0.0
        slopes.weights += out / clock
        slopes.starts += np.where(transient, question.alpha * ahead, 0.0)
