"""Log-likelihood of observations of absorption times, and its gradient by the weight of every edge.

An observation may be a time, or an interval that holds it; see `phasic.observations`. What each is worth
is the logarithm of a density, of survival, or of a difference, and `phasic.logarithms` finds these.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.interpolation import widest
from phasic.intervals import Intervals
from phasic.logarithms import Found, Logarithms, Slopes
from phasic.observations import Observations
from phasic.question import Question
from phasic.reached import Reached
from phasic.replay import checked_weights
from phasic.summing import Sums
from phasic.trace import Trace

_MANY = 300  # different times, from which on sums over them are thought of
_NONE = 1e-15  # of a mass of one, what rounding leaves


class LogLikelihood(NamedTuple):
    """Sum of the logarithms of what observations are worth, and its derivatives.

    Attributes
    ----------
    value : float
    gradient : float64[m] or None
        By the weight of every edge.
    """

    value: float
    gradient: Floats | None


class _Distinct(NamedTuple):
    """Different values, and who has which.

    Attributes
    ----------
    who, which : int64[k]
        Numbers of observations, and of their value among the different ones.
    counts : float64[d]
    """

    who: NDArray[np.int64]
    which: NDArray[np.int64]
    counts: Floats

    def add(self, worth: Floats, terms: Floats | None) -> float:
        """Return the sum over observations, and add its parts to `terms` where they are wanted."""
        if terms is not None:
            np.add.at(terms, self.who, worth[self.which])
        return float(self.counts @ worth) if self.who.size else 0.0


def _distinct(values: Floats, who: NDArray[np.bool_]) -> tuple[Floats, _Distinct]:
    """Return the different rows of `values` among those of `who`."""
    axis = None if values.ndim == 1 else 0
    found, which, counts = np.unique(values[who], axis=axis, return_inverse=True, return_counts=True)
    return found, _Distinct(np.flatnonzero(who), which.reshape(-1), counts.astype(np.float64))


class Likelihood:
    """Observations of one graph, to be evaluated at weight after weight.

    An observed time is worth its density, one of zero the probability of zero where that is not none; an
    interval is worth its probability. Initial probability that is missing is never absorbed, so it makes
    right-censored observations more likely.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    alpha : float64[n]
        Initial probability of each vertex.
    observed : array_like or Observations
        Observed absorption times, or numbers of steps.
    discrete : bool
        Weights are one-step probabilities.
    missing : float, optional
        Initial probability that is nowhere, by default what `alpha` lacks to one.

    Raises
    ------
    GraphError
        An observation is negative, infinite or not a number, or there is none.
    """

    def __init__(
        self,
        trace: Trace,
        alpha: Floats,
        observed: Any,
        discrete: bool = False,
        missing: float | None = None,
    ) -> None:
        seen = Observations.of(np.ravel(observed) if isinstance(observed, float | int) else observed)
        self._trace = trace
        self._alpha = np.asarray(alpha, dtype=np.float64)
        self._discrete = discrete
        self._size = len(seen)
        self._moving = np.where(trace.position >= 0, 1.0, 0.0)
        self._given = self._split(self._alpha)
        self._reached = Reached(trace, self._given[0], discrete)
        self._missing = max(0.0, 1.0 - math.fsum(self._alpha)) if missing is None else missing
        if self._missing <= _NONE * trace.n_vertices:
            self._missing = 0.0
        low, high, entry = seen.low, seen.high, seen.entry
        known = low == high
        if discrete:
            low, high = (np.where(known | np.isinf(end), end, np.floor(end)) for end in (low, high))
            entry = np.where(np.isinf(entry), entry, np.floor(entry))
        low = np.where(known, low, np.maximum(low, entry))  # nothing was there before
        # Between two whole numbers of steps, or before entry.
        self._broken = np.where(known, discrete & (low != np.floor(low)) | (low <= entry), low >= high)
        self._some_broken = bool(self._broken.any())
        self._set(low, high, entry, known)

    def _set(self, low: Floats, high: Floats, entry: Floats, known: NDArray[np.bool_]) -> None:
        """Sort observations by what they are worth."""

        def logarithms(kind: Any, times: Floats) -> Logarithms:
            return Logarithms(self._reached, kind, times)

        known, unknown = known & ~self._broken, ~known & ~self._broken
        zero, late = known & (low == 0.0), unknown & np.isposinf(high)
        early, between = unknown & np.isneginf(low), unknown & np.isfinite(low) & np.isfinite(high)
        self._zero = _distinct(low, zero)[1]
        times, self._exact = _distinct(low, known & ~zero)
        self._densities = logarithms("pdf", times)
        self._sums = self._summed(times)
        self._right_times, self._right = _distinct(low, late)
        self._left_times, self._left = _distinct(high, early)
        self._entry_times, self._entry = _distinct(entry, entry > -np.inf)
        ends, self._between = _distinct(np.column_stack([low, high]), between)
        self._intervals = Intervals(self._reached, ends.reshape(-1, 2))
        lates = np.unique(np.concatenate([self._right_times, self._entry_times]))
        self._lates = lates[lates > 0.0]
        self._survival = logarithms("survival", self._lates)
        self._left_positive = self._left_times[self._left_times > 0.0]
        self._early = logarithms("cdf", self._left_positive)

    def _summed(self, times: Floats) -> Sums | None:
        """Return what adds up many observations; None where there are few, or in steps."""
        states = int(self._reached.vertices[self._trace.order].sum())
        if self._discrete or times.size < _MANY or not states:
            return None
        turning = self._trace.n_components < self._trace.order.size
        sums = Sums(self._reached, times, self._exact.counts, widest(states, turning))
        return sums if sums.pays else None

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
        slopes = self._slopes(False) if gradient else None
        value = self._sum(checked_weights(self._trace, weights), self._alpha, slopes, None)
        return LogLikelihood(value, None if slopes is None else slopes.weights)

    def at(self, weights: Floats, alpha: Floats, gradient: bool = True) -> tuple[float, Slopes]:
        """Return the log-likelihood where initial probabilities depend on parameters as well.

        Those that are positive here have to be so in the beginning.
        """
        slopes = self._slopes(True)
        return self._sum(weights, alpha, slopes if gradient else None, None), slopes

    def terms(self, weights: Floats, alpha: Floats | None = None) -> Floats:
        """Return what each observation is worth, in the order in which they were given, float64[k]."""
        terms = np.zeros(self._size)
        self._sum(weights, self._alpha if alpha is None else alpha, None, terms)
        return terms

    def _split(self, alpha: Floats) -> tuple[Floats, float]:
        """Return initial probabilities without those of starting absorbed, and the sum of these."""
        moving = alpha * self._moving
        return moving, float(alpha.sum() - moving.sum()) if (moving != alpha).any() else 0.0

    def _slopes(self, with_starts: bool) -> Slopes:
        return Slopes(np.zeros(self._trace.targets.size), np.zeros(self._trace.n_vertices), with_starts)

    def _sum(self, weights: Floats, alpha: Floats, slopes: Slopes | None, terms: Floats | None) -> float:
        moving, started = self._given if alpha is self._alpha else self._split(alpha)
        question = Question(self._trace, weights, moving, self._discrete, self._reached)
        value, pending = 0.0, _Pending(slopes)
        if self._some_broken:
            value = -np.inf
            if terms is not None:
                terms[self._broken] = -np.inf
        if self._zero.who.size:
            value += self._at_zero(weights, alpha, started, slopes, terms)
        few = self._sums.at(question, slopes is not None) if self._sums and terms is None else None
        if few is not None:
            value += float(few[1] @ few[0].value)
            pending.add(*few)
        else:
            found = self._densities.at(question, slopes is not None)
            value += self._exact.add(found.value, terms)
            pending.add(found, self._exact.counts)
        if self._between.who.size:
            worth = self._intervals.at(question, slopes is not None)
            value += self._between.add(worth.value, terms)
            pending.add(worth, self._between.counts)
        if self._right.who.size or self._entry.who.size:
            value += self._late(question, moving, slopes, terms, pending)
        if self._left.who.size:
            value += self._at_the_latest(question, alpha, started, slopes, terms, pending)
        if slopes is not None:
            if np.isfinite(value):
                pending.settle()
            else:
                slopes.weights[:] = slopes.starts[:] = np.nan
        return float(value)

    def _at_zero(
        self, weights: Floats, alpha: Floats, started: float, slopes: Slopes | None, terms: Floats | None
    ) -> float:
        trace, source, count = self._trace, self._reached.source, float(self._zero.counts[0])
        absorbing = trace.position < 0
        if self._discrete or started > 0.0:
            if slopes is not None and started > 0.0:
                slopes.starts += count / started * np.where(absorbing, alpha, 0.0)
            density = started
        else:
            share = np.where(absorbing[trace.targets], alpha[source], 0.0)
            density = float(share @ weights)
            if slopes is not None and density > 0.0:
                slopes.weights += count / density * share
                slopes.starts += count / density * np.bincount(source, share * weights, trace.n_vertices)
        return self._zero.add(np.array([np.log(density) if density > 0.0 else -np.inf]), terms)

    def _late(
        self,
        question: Question,
        moving: Floats,
        slopes: Slopes | None,
        terms: Floats | None,
        pending: _Pending,
    ) -> float:
        """Add what later times are worth, and take off that of having been there to be seen."""
        found = self._survival.at(question, slopes is not None)
        left = np.append(np.log(moving.sum()) if moving.any() else -np.inf, found.value)  # at zero first
        whole = np.logaddexp(left, np.log(self._missing)) if self._missing else left
        with np.errstate(invalid="ignore"):
            part = np.where(np.isneginf(left), 0.0, np.exp(left - whole))
        value, shares = 0.0, np.zeros(left.size)
        for times, who, sign in (
            (self._right_times, self._right, 1.0),
            (self._entry_times, self._entry, -1.0),
        ):
            place = np.where(times > 0.0, np.searchsorted(self._lates, times) + 1, 0)
            worth = whole[place]
            if sign < 0.0:  # of what cannot be there to be seen, nothing can be said
                worth = np.where(np.isneginf(worth), np.inf, worth)
            value += who.add(sign * worth, terms)
            np.add.at(shares, place, sign * who.counts * part[place])
        pending.add(found, shares[1:])
        if slopes is not None and shares[0]:
            slopes.starts += shares[0] * moving / moving.sum()
        return value

    def _at_the_latest(
        self,
        question: Question,
        alpha: Floats,
        started: float,
        slopes: Slopes | None,
        terms: Floats | None,
        pending: _Pending,
    ) -> float:
        found = self._early.at(question, slopes is not None)
        zeros = self._left_times.size - self._left_positive.size
        came = np.concatenate([np.full(zeros, -np.inf), found.value])
        worth = np.logaddexp(came, np.log(started)) if started > 0.0 else came
        with np.errstate(invalid="ignore"):
            part = np.where(np.isneginf(came), 0.0, np.exp(came - worth))
        pending.add(found, (self._left.counts * part)[zeros:])
        if slopes is not None and started > 0.0:
            share = float(self._left.counts @ (1.0 - part)) / started
            slopes.starts += share * np.where(self._trace.position < 0, alpha, 0.0)
        return self._left.add(worth, terms)


class _Pending:
    """Derivatives that are worked out once it is known that the sum is finite."""

    def __init__(self, slopes: Slopes | None) -> None:
        self._slopes = slopes
        self._all: list[tuple[Found, Floats]] = []

    def add(self, found: Found, shares: Floats) -> None:
        self._all.append((found, shares))

    def settle(self) -> None:
        assert self._slopes is not None
        for found, shares in self._all:
            found.add_slopes(shares, self._slopes)
