"""Density, distribution, survival and state probabilities at given times, by what suits the model.

- Few jumps until then, or few states to jump between: uniformisation, accurate relative to every value.
- Eigenvalues known to be nearly real: Laplace inversion of tilted chains, accurate relative to every value
  as well, in the tails too.
- Else, few states: doubling of intervals, as accurate.
- Else an inverse Laplace transform that checks itself, accurate beside the largest value, and hands over
  to the others where it fails (oscillating distributions).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic import contour, doubling, interpolation, uniformisation
from phasic.arrays import Floats, Integers
from phasic.contour import Complex, Known
from phasic.errors import GraphError, PhasicError
from phasic.inversion import FAIR, Answer, Inversion, Kind, Observed
from phasic.reached import Reached
from phasic.replay import checked_weights, factorise
from phasic.tilting import Tilted
from phasic.trace import Trace
from phasic.uniformisation import Chain

TOLERANCE = 1e-10
"""Error, as a share of the largest value, beyond which an answer is computed in another way."""

_FEW_JUMPS, _MANY_JUMPS, _EDGE_VISITS = 1e3, 1e4, 2e8  # uniformisation up to so many
_FEW_STATES, _MANY_STATES = (
    uniformisation.FEW_STATES,
    2500,
)  # doubling up to so many, before and after trying a contour
_FEWEST_JUMPS = 100.0  # the same in extended precision
_LAST_RESORT = 2e11  # visits to edges that are still walked where all else fails
_LEAST_JUMPS, _MOST_JUMPS = 1e-40, 1e15  # beyond, numbers in an inversion have too different sizes
_SQUARED = 1e100  # fastest clock, and slowest one, whose rates have squares
_OVERHEAD, _NODES = 1e6, 40.0  # an inversion takes as long as so many visits, and so many visits per edge
_LEAST = 1e-290  # below, a density or survival is held in logarithms
_ITERATIONS = 200
_TOO_SMALL = -650.0  # logarithm of what other methods can tell from zero
_INVISIBLE = 1e-13  # survival that an untilted contour cannot tell from none
_ROUNDING = float(np.finfo(np.float64).eps)


def pdf(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the density of the time until absorption, or the probability of a number of steps.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    offsets, targets, weights : int64[n + 1], int64[m], float64[m]
        Edges of the graph by source.
    alpha : float64[n]
        Initial probability of each vertex. What starts absorbed has no density, but takes zero steps.
    times : array_like
        Times >= 0 of any shape, which the answer has too; infinity is allowed.
    discrete : bool
        Weights are one-step probabilities, and times are numbers of steps; between two of these the
        probability is zero.

    Raises
    ------
    GraphError
        A time is negative or not a number.
    PhasicError
        The error could not be brought below 1e-8 of the largest density.
    """
    return Question.of(trace, offsets, targets, weights, alpha, discrete).values("pdf", times)


def cdf(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of absorption by given times; parameters as for `pdf`.

    Zero at negative times, and at infinity the probability of absorption some day: with certain
    absorption the sum of `alpha`.
    """
    return Question.of(trace, offsets, targets, weights, alpha, discrete).values("cdf", times)


def survival(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of no absorption by given times; parameters as for `pdf`.

    What `cdf` leaves of the sum of `alpha`, but accurate relative to itself however small it is.
    """
    return Question.of(trace, offsets, targets, weights, alpha, discrete).values("survival", times)


def stop_probability(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of being in each vertex at given finite times, float64[..., n]."""
    asked = _times(times)
    if asked.size and not (asked.min() >= 0.0 and asked.max() < np.inf):
        raise GraphError("state probabilities are asked for at finite times >= 0")
    question = Question.of(trace, offsets, targets, weights, alpha, discrete)
    flat = np.floor(asked.ravel()) if discrete else asked.ravel()
    return question.state_probabilities(flat).reshape(*asked.shape, trace.n_vertices)


def _times(times: ArrayLike) -> Floats:
    asked: Floats = np.asarray(times, dtype=np.float64)
    if np.isnan(asked).any():
        raise GraphError("a time is not a number")
    return asked


def _fair(found: Answer) -> NDArray[np.bool_]:
    """Return where values far out are accurate enough, if there is no better way."""
    return (found.value > 0.0) & (found.error <= FAIR * found.value)


class Values(NamedTuple):
    """What was asked for and how far off it may be, both of the shape of the times."""

    value: Floats
    error: Floats


class Question:
    """A graph with weights, prepared to be asked about its absorption time again and again.

    Parameters
    ----------
    trace, weights, alpha, discrete
        As for `pdf`.
    reached : Reached, optional
        What the start can reach, where that was found before.
    """

    def __init__(
        self,
        trace: Trace,
        weights: Floats,
        alpha: Floats,
        discrete: bool,
        reached: Reached | None = None,
    ) -> None:
        self.trace = trace
        self.weights = weights
        self.alpha = alpha
        self.discrete = discrete
        self._reached = reached

    @classmethod
    def of(
        cls,
        trace: Trace,
        offsets: Integers,
        targets: Integers,
        weights: Floats,
        alpha: Floats,
        discrete: bool,
    ) -> Question:
        """Return the question after checking that its parts fit together."""
        if not (np.array_equal(trace.offsets, offsets) and np.array_equal(trace.targets, targets)):
            raise GraphError("the trace was recorded from another graph; record it anew")
        weights = checked_weights(trace, weights)
        alpha = np.asarray(alpha, dtype=np.float64)
        if alpha.shape != (trace.n_vertices,):
            raise GraphError(f"alpha has shape {alpha.shape}, but the graph has {trace.n_vertices} vertices")
        return cls(trace, weights, alpha, discrete)

    @cached_property
    def chain(self) -> Chain:
        """The part of the graph that the start reaches."""
        if self._reached is not None:
            return self._reached.chain_of(self.weights, self.alpha)
        return Chain.reached(self.trace.offsets, self.trace.targets, self.weights, self.alpha, self.discrete)

    @cached_property
    def tilted(self) -> Tilted:
        """The chain before tilting."""
        reached = np.zeros(self.trace.n_vertices, np.bool_)
        reached[self.chain.vertices] = True
        return Tilted.not_at_all(self.trace.rows, self.weights, self.alpha, reached)

    @cached_property
    def halfwidth(self) -> float:
        """A bound on the imaginary parts of the eigenvalues, infinite where none is known."""
        return self.trace.rows.halfwidth(self.tilted.base)

    @cached_property
    def limit(self) -> float:
        """Probability of absorption some day."""
        return factorise(self.trace, self.weights).absorption_probability(self.alpha)

    @cached_property
    def _at_start(self) -> float:
        """Probability of starting absorbed."""
        return float(self.alpha[self.trace.position < 0].sum())

    @cached_property
    def _limit_of_walking(self) -> float:
        """Number of jumps up to which walking them one by one is a matter of course."""
        if self.chain.number is np.longdouble:
            return _FEWEST_JUMPS
        return max(_FEW_JUMPS, min(_MANY_JUMPS, _EDGE_VISITS / max(1, self.chain.targets.size)))

    @cached_property
    def _few_states(self) -> bool:
        return int(self.chain.transient.sum()) <= _FEW_STATES

    @cached_property
    def _exits(self) -> Floats:
        """Rate of absorption from each vertex of the whole graph, float64[n]."""
        exits = np.zeros(self.trace.n_vertices)
        exits[self.chain.vertices] = self.chain.exits
        return exits

    def values(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the density, distribution or survival at `times` of any shape."""
        return self.ask(kind, times).value

    def ask(self, kind: Kind, times: ArrayLike) -> Values:
        """Return values at `times` of any shape, and an estimate of the error of each."""
        found = self.answer(kind, times)
        with np.errstate(under="ignore"):
            factor = np.exp(found.log)
            value, error = found.value * factor, found.error * factor
        value = np.maximum(value, 0.0)
        if kind == "cdf":
            value = np.where(value >= self.limit - error, self.limit, value)
        return Values(value, error)

    def logarithm(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the logarithm of values at `times`, finite also where they are too small for float64."""
        found = self.answer(kind, times, small=True)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(found.value) + found.log)

    def answer(self, kind: Kind, times: ArrayLike, small: bool = False) -> Answer:
        """Return what is found at `times`, of their shape.

        Parameters
        ----------
        kind : {"pdf", "cdf", "survival"}
        times : array_like
            A density is asked for at times >= 0.
        small : bool
            Find values that are too small for float64 as well.
        """
        asked = _times(times)
        if kind == "pdf" and asked.size and asked.min() < 0.0:
            raise GraphError(f"time {asked.min()} is negative; a density is asked for at times >= 0")
        flat = asked.ravel()
        found = Answer.none(flat.size)
        found.error[:] = 0.0
        if kind == "cdf":
            found.value[flat == np.inf] = self.limit
        elif kind == "survival":
            found.value[flat < 0.0] = self.chain.total
            found.value[flat == np.inf] = max(0.0, self.chain.total - self.limit)
        now = np.isfinite(flat) & (flat >= 0.0)
        if self.discrete:
            if kind == "pdf":
                now &= flat == np.floor(flat)
            flat = np.floor(flat)
        if now.any():
            for array, part in zip(found, self._found(kind, flat[now], small), strict=True):
                array[now] = part
        return found.reshaped(asked.shape)

    def _found(self, kind: Kind, times: Floats, small: bool) -> Answer:
        """Return what is found at finite times >= 0."""
        if times.size > interpolation.FEW and not self.discrete:
            states = max(1, int(self.chain.transient.sum()))
            width = interpolation.widest(states, turning=self.halfwidth != 0.0)
            return interpolation.interpolated(lambda some: self._each_found(kind, some, small), times, width)
        return self._each_found(kind, times, small)

    def _each_found(self, kind: Kind, times: Floats, small: bool) -> Answer:
        """Return what is found time by time."""
        found = Answer.none(times.size)
        if not self.discrete and (small or self.worth_inverting(times)):
            self._invert(kind, times, found)
        rest = ~found.good
        if rest.any():
            self._walk_or_else(kind, times, rest, found, small)
        return found

    @property
    def clock_is_moderate(self) -> bool:
        """Whether rates can be squared, as quotients of complex numbers need it."""
        return 1.0 / _SQUARED < self.chain.clock < _SQUARED

    def _jumps(self, times: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return self.chain.clock * times

    def worth_inverting(self, times: Floats) -> bool:
        """Return whether an inversion takes less time than walking."""
        chain = self.chain
        jumps = uniformisation.first_guess(chain.clock * np.minimum(times, 1e12 / chain.clock))
        walking = jumps * (chain.targets.size + 4.0 * times.size)
        return walking > _OVERHEAD + _NODES * self.trace.rows.work

    def _invert(self, kind: Kind, times: Floats, found: Answer) -> None:
        """Fill in what Laplace inversion finds."""
        chain = self.chain
        jumps = self._jumps(times)
        some = np.flatnonzero((jumps > _LEAST_JUMPS) & (jumps < _MOST_JUMPS))
        if some.size == 0 or not chain.weights.size or not self.clock_is_moderate:
            return
        some = some[np.argsort(times[some], kind="stable")]
        answer = Inversion(self.tilted, self.halfwidth, Observed(times[some]), kind).answer()
        if kind == "cdf" and self._at_start > 0.0:
            with np.errstate(under="ignore"):
                factor = np.exp(answer.log)
            answer.value[:] = self._at_start + answer.value * factor
            answer.error[:] *= factor
            answer.log[:] = 0.0
        for array, part in zip(found, answer, strict=True):
            array[some] = part

    def _walk_or_else(
        self, kind: Kind, times: Floats, rest: NDArray[np.bool_], found: Answer, small: bool
    ) -> None:
        """Fill in what is missing: early times by walking, late ones by what suits the model."""
        jumps = self._jumps(times)
        # Rounding in an inversion grows with time; where values are not too small, there is better.
        rest = rest & ~(_fair(found) & (found.log < _TOO_SMALL))
        early = rest & (jumps <= self._limit_of_walking)
        late = rest & ~early
        if not self._few_states:
            late &= ~_fair(found)
        if late.any() and not (
            self._few_states or small or kind == "survival"
        ):  # what was found may do beside the largest value
            with np.errstate(under="ignore", invalid="ignore"):
                factor = np.exp(found.log[late])
                close = found.error[late] * factor <= TOLERANCE * self._scale(kind, found)
            late[np.flatnonzero(late)[close]] = False
        if early.any():
            self._put(found, early, *self._walked(kind, times[early]))
            if small and kind != "cdf" and self._few_states:
                vanished = early & (found.value < _LEAST) & (times > self.mean)
                if vanished.any():
                    self._put(found, vanished, *self._doubled(kind, times[vanished]))
        if late.any():
            self._put(found, late, *self._late(kind, times[late], small or kind == "survival"))

    @staticmethod
    def _put(
        found: Answer, where: NDArray[np.bool_], value: Floats, error: Floats, log: Floats | float = 0.0
    ) -> None:
        found.value[where], found.error[where], found.log[where] = value, error, log

    def _scale(self, kind: Kind, found: Answer) -> float:
        """Return a lower bound on the largest value."""
        if kind != "pdf":
            return self.chain.total
        with np.errstate(under="ignore"):
            largest = float((found.value * np.exp(found.log))[found.good].max(initial=0.0))
        return max(largest, self._density_scale)

    def _walked(self, kind: Kind, times: Floats) -> tuple[Floats, Floats]:
        value = getattr(uniformisation, f"steps_{kind}" if self.discrete else kind)(self.chain, times)
        return value, value * _ROUNDING * (64.0 + self.chain.clock * times)

    def _doubled(self, kind: Kind, times: Floats) -> tuple[Floats, Floats, Floats]:
        chain = self.chain
        one_earlier = kind == "pdf" and chain.discrete
        state, exponents, absorbed = doubling.doubled_far(
            chain, times - 1.0 if one_earlier else times, split=False
        )
        log = exponents * np.log(2.0)
        left = state.sum(axis=1)
        if kind == "cdf":
            value, log = chain.completed(absorbed[:, 0], doubling.scaled(left, exponents)), 0.0 * log
        else:
            value = np.asarray(state @ chain.exits[chain.transient] if kind == "pdf" else left)
        if (value < _LEAST).any() and value.dtype == np.longdouble:
            with np.errstate(divide="ignore"):
                digits = np.where(value > 0.0, np.frexp(value)[1], 0)
            value, log = np.ldexp(value, -digits), log + digits * np.log(2.0)
        value = value.astype(np.float64)
        return value, value * 1e-11, log

    def _late(self, kind: Kind, times: Floats, relative: bool) -> tuple[Floats, Floats, Floats]:
        """Return values after many jumps, their errors, and the logarithm of a factor of both.

        With `relative`, small values are as accurate as large ones where that is feasible.
        """
        times = self._countable(times)
        scale = self._density_scale if kind == "pdf" else self.chain.total
        by_doubling, walking = partial(self._doubled, kind), partial(self._walked, kind)

        def inverting() -> tuple[Floats, float]:
            tried = self.clock_is_moderate and self._jumps(times).max() < _MOST_JUMPS
            if self.halfwidth == 0.0 and tried and self.worth_inverting(times):
                return np.zeros(times.size), np.inf  # contours of the same kind have failed already
            return self._inverted(kind, times, 0.0)

        found = self._by_what_works(times, scale, inverting, by_doubling, walking)
        if relative and kind != "cdf":
            value, error, _ = found
            far = (times > self.mean) & ~(error <= TOLERANCE * value)
            if far.any():
                self._far(kind, times, far, found)
        return found

    def _far(
        self, kind: Kind, times: Floats, far: NDArray[np.bool_], found: tuple[Floats, Floats, Floats]
    ) -> None:
        """Improve on small values late: what is inverted is their ratio to an exponential fall."""
        which, decay = np.flatnonzero(far), self._decay
        if not self.discrete and decay * self._limit_of_walking < 500.0 * self.chain.clock:
            value, least = self._inverted(kind, times[which], decay)
            error = least + 16.0 * _ROUNDING * self.chain.clock * times[which] * np.abs(value)
            good = error <= TOLERANCE * value
            for array, part in zip(found, (value, error, -decay * times[which]), strict=True):
                array[which[good]] = part[good]
            which = which[~good]
        if which.size and int(self.chain.transient.sum()) <= _MANY_STATES:
            for array, part in zip(found, self._doubled(kind, times[which]), strict=True):
                array[which] = part

    @cached_property
    def _decay(self) -> float:
        """About the rate at which what is left falls in the end, by inverse iteration."""
        factors = factorise(self.trace, self.weights)
        states = self.chain.vertices[self.chain.transient]
        h, decay = np.zeros(self.trace.n_vertices), 0.0
        h[states] = 1.0
        for _ in range(_ITERATIONS):
            solved = factors.solve(h)
            top = states[int(np.argmax(solved[states]))]
            before, decay = decay, float(h[top] / solved[top])
            h[states] = solved[states] / solved[top]
            if abs(decay - before) <= 1e-10 * decay:
                break
        return decay

    def _inverted(self, kind: Kind, times: Floats, decay: float) -> tuple[Floats, float]:
        """Return values times ``exp(decay t)`` by an inverse transform, and how far off they may be."""
        resolvent = contour.Resolvent(self.trace, self.weights)
        moving = np.where(self.trace.position >= 0, 1.0, 0.0)
        rewards = self._exits if kind == "pdf" else moving
        scale = self._density_scale if kind == "pdf" else self.chain.total

        def early(moments: Floats) -> Floats:
            known = self._walked("pdf" if kind == "pdf" else "survival", moments)[0]
            return (known * np.exp(decay * moments))[:, None]

        values, error = self._checked(
            lambda s: resolvent.collected(s - decay, rewards, self.alpha), times, scale, early
        )
        value = values[:, 0]
        if decay:
            return value, error
        if kind == "pdf":
            return np.maximum(value, 0.0), error
        value[np.abs(value) < _INVISIBLE * scale] = 0.0
        value = np.clip(value, 0.0, scale)
        return (scale - value if kind == "cdf" else value), error

    def _countable(self, times: Floats) -> Floats:
        """Return `times`, the longest replaced by earlier ones where that makes no difference."""
        last = 0.5 * doubling.MANY / self.chain.clock
        if self.mean < 1e-13 * last:
            return np.minimum(times, last)
        if self.chain.widest is np.longdouble or not (times > last).any():
            return times
        moving = self.chain.total - self.limit
        left = self._late("survival", np.array([last]), relative=False)[0][0]
        if left > moving + _INVISIBLE * self.chain.total:
            raise PhasicError(
                f"the states jump more than {doubling.MANY:g} times until then, which is followed for up to "
                f"{_FEW_STATES} states in extended precision; ask for earlier times"
            )
        return np.minimum(times, last)

    def _checked(
        self,
        transform: Callable[[complex], Complex],
        times: Floats,
        scale: float,
        early: Callable[[Floats], Floats],
    ) -> tuple[Floats, float]:
        """Invert a transform; what is walked anyway tells at its last moments whether that is believed."""
        moments = contour.PROBES * (self._limit_of_walking / self.chain.clock)
        return contour.invert(transform, times, scale, Known(moments, early(moments)))

    def _by_what_works(
        self,
        times: Floats,
        scale: float,
        inverting: Callable[[], tuple[Floats, float]],
        by_doubling: Callable[[Floats], tuple[Floats, Floats, Floats]],
        walking: Callable[[Floats], tuple[Floats, Floats]],
    ) -> tuple[Floats, Floats, Floats]:
        """Return values and errors by the first method that is exact and feasible.

        And the logarithm of a factor of both, which is one but for small values by doubling.
        """
        log = np.zeros(times.size)
        chain = self.chain
        n_states = int(chain.transient.sum())
        error = np.inf
        if not chain.discrete and n_states > _FEW_STATES:
            values, error = inverting()
            if error <= TOLERANCE * scale:
                return values, np.full(values.shape, error), log
        jumps = float(self._jumps(times).max())
        if n_states <= _MANY_STATES:
            return by_doubling(times)
        if jumps * chain.targets.size <= _LAST_RESORT:
            return (*walking(times), log)
        if not error <= 1e-8 * scale:
            raise PhasicError(
                f"the {n_states} states jump up to {jumps:.2g} times until then, and no method is both "
                f"exact and feasible; ask for earlier times, or for fewer states"
            )
        return values, np.full(values.shape, error), log

    @cached_property
    def mean(self) -> float:
        """Expected time until absorption, infinite where that is not certain."""
        factors = factorise(self.trace, self.weights)
        starts = self.alpha > 0.0
        if factors.stuck[starts].any():
            return float(np.inf)
        return float(self.alpha[starts] @ factors.solve(np.ones(starts.size))[starts])

    @cached_property
    def _density_scale(self) -> float:
        """A lower bound on the largest density: its value at zero, or what the mean implies."""
        scale = float(self.alpha @ self._exits)
        if 0.0 < self.mean < np.inf:  # by Markov's inequality, half of what moves is absorbed by twice that
            moving = float(self.alpha[self.trace.position >= 0].sum())
            scale = max(scale, moving * moving / (4.0 * self.mean))
        return scale

    def state_probabilities(self, times: Floats) -> Floats:
        """Return the probability of being in each vertex at finite `times`, float64[k, n]."""
        chain = self.chain
        out = np.zeros((times.size, self.trace.n_vertices))
        early = self._jumps(times) <= self._limit_of_walking
        walking = partial(uniformisation.state_probabilities, chain)
        values = np.empty((times.size, chain.vertices.size))
        values[early] = walking(times[early])
        if not early.all():
            values[~early] = self._late_states(times[~early])
        out[:, chain.vertices] = np.clip(values, 0.0, chain.total)
        return out

    def _late_states(self, times: Floats) -> Floats:
        chain, times = self.chain, self._countable(times)
        resolvent = contour.Resolvent(self.trace, self.weights)
        walking = partial(uniformisation.state_probabilities, chain)

        def inverting() -> tuple[Floats, float]:
            return self._checked(
                lambda s: resolvent.visited(s, self.alpha)[chain.vertices], times, chain.total, walking
            )

        def by_doubling(late: Floats) -> tuple[Floats, Floats, Floats]:
            state, absorbed = doubling.doubled(chain, late, split=True)
            values = np.empty((late.size, chain.vertices.size))
            values[:, chain.transient], values[:, ~chain.transient] = state, absorbed
            return values, values, values

        return self._by_what_works(
            times, chain.total, inverting, by_doubling, lambda late: (walking(late), late)
        )[0]
