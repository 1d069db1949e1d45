"""Log-likelihood of what was observed of the absorption time of a chain with epochs, and its gradient.

Every observation is a sum of pieces, each within one epoch, and there the chain has constant rates, and
pieces are what `phasic.logarithms` and `phasic.intervals` find. The gradient goes back through the epochs,
from what it is worth to be somewhere when an epoch begins to what every weight before is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, Integers
from phasic.epochs.boundaries import Epochs
from phasic.epochs.returning import returned
from phasic.intervals import Intervals
from phasic.inversion import Kind
from phasic.likelihood import LogLikelihood
from phasic.logarithms import Found, Logarithms, Slopes
from phasic.observations import Observations
from phasic.question import Question
from phasic.reached import Reached
from phasic.trace import Trace

_NEXT_TO_NOTHING = 1e-250  # probability, to ask what it would be worth to be where the chain cannot be


class _Pieces(NamedTuple):
    """Parts of observations within one epoch, by the time since it began.

    Attributes
    ----------
    times : list of (Logarithms or Intervals, int64[k], int64[k])
        What finds logarithms; and of each piece, which of these it is, and the sum that it belongs to.
    at_once : int64[k]
        Sums to which the density at the beginning belongs.
    """

    times: list[tuple[Logarithms | Intervals, Integers, Integers]]
    at_once: Integers


class EpochLikelihood:
    """Observations of one graph with epochs; used as `phasic.likelihood.Likelihood`.

    Parameters
    ----------
    epochs : Epochs
    trace : Trace
    inner : callable
        From the weights of all edges to those within epochs.
    observed : array_like or Observations
        Absorption times, or intervals that hold them.

    Raises
    ------
    GraphError
        An observation is negative, infinite or not a number, or there is none.
    """

    def __init__(
        self,
        epochs: Epochs,
        trace: Trace,
        inner: Callable[[Floats], Floats],
        observed: ArrayLike | Observations,
    ) -> None:
        seen = observed if isinstance(observed, Observations) else Observations.of(np.ravel(observed))
        self._epochs, self._trace, self._inner = epochs, trace, inner
        self._transient = trace.position >= 0
        rows = np.column_stack([seen.low, seen.high, seen.entry])
        distinct, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        self._which, self._counts = which.reshape(-1), counts.astype(np.float64)
        self._set(*distinct.T)

    def _set(self, low: Floats, high: Floats, entry: Floats) -> None:
        """Take observations to pieces; sum i is what observation i is worth, sum d + i that it was seen."""
        begins, d = self._epochs.begins, low.size
        known = low == high
        low = np.where(known, low, np.maximum(low, entry))  # nothing was there before
        impossible = np.where(known, low <= entry, low >= high)
        self._entered = entry > -np.inf
        alpha = self._epochs.alpha
        started = float(alpha[~self._transient].sum())
        missing = max(0.0, 1.0 - float(alpha.sum()))
        missing = missing if missing > 1e-15 * alpha.size else 0.0
        alive = float(alpha[self._transient].sum())
        # What does not change with the weights: probabilities of time zero, and of never.
        constant = np.zeros(2 * d)
        exact, between = known & ~impossible, ~known & ~impossible & np.isfinite(high)
        late = ~known & ~impossible & ~np.isfinite(high)
        if started > 0.0:
            constant[:d][exact & (low == 0.0)] = started
            exact &= low > 0.0
        constant[:d][between & np.isneginf(low)] = started
        lates = np.concatenate([np.where(late, low, np.nan), np.where(self._entered, entry, np.nan)])
        constant[~np.isnan(lates)] = missing
        constant[lates == 0.0] += alive
        with np.errstate(divide="ignore"):
            self._constant = np.log(constant)
        first = np.maximum(low, 0.0)
        self._stages: list[_Pieces] = []
        for k, (begin, end) in enumerate(zip(begins, [*begins[1:], np.inf], strict=True)):
            here = exact & (low >= begin) & (low < end)
            reached = self._reached(k)
            pieces: list[tuple[Logarithms | Intervals, Integers, Integers]] = []
            kinds: list[tuple[Kind, Floats, Any]] = [
                ("pdf", low, here & (low > begin)),
                ("survival", lates, (lates > begin) & (lates <= end)),
            ]
            for kind, times, mine in kinds:
                if mine.any():
                    since, place = np.unique(times[mine] - begin, return_inverse=True)
                    own = np.flatnonzero(mine)
                    pieces.append((Logarithms(reached, kind, since), place.astype(np.int64), own))
            own = np.flatnonzero(between & (high > begin) & (first < end))
            if own.size:
                ends = np.column_stack([np.maximum(first[own], begin), np.minimum(high[own], end)]) - begin
                since, place = np.unique(ends, axis=0, return_inverse=True)
                pieces.append((Intervals(reached, since), place.reshape(-1).astype(np.int64), own))
            self._stages.append(_Pieces(pieces, np.flatnonzero(here & (low == begin))))
        while len(self._stages) > 1 and not (self._stages[-1].times or self._stages[-1].at_once.size):
            self._stages.pop()  # later ones make no difference

    def _reached(self, epoch: int) -> Reached:
        start = (self._epochs.parts[epoch].begun & self._transient).astype(np.float64)
        return Reached(self._trace, start, False, ~self._epochs.switch)

    def __call__(self, weights: ArrayLike, gradient: bool = True) -> LogLikelihood:
        """Return the log-likelihood at the weights of all edges, and its gradient if asked for.

        Minus infinity, with a gradient that is not a number, where an observation is impossible.

        Raises
        ------
        ParameterError
            Theta would move a boundary.
        PhasicError
            The chain jumps too often until the last observation.
        """
        within = self._inner(np.asarray(weights, np.float64))
        starts = self._starts(within, gradient)
        found = [self._asked(k, within, alpha, gradient) for k, alpha in enumerate(starts)]
        sums = self._sums(found)
        value = float(self._counts @ self._terms(sums))
        if not gradient or not np.isfinite(value):
            return LogLikelihood(value, np.full(within.size, np.nan) if gradient else None)
        worth = np.zeros(self._transient.size)
        slopes = Slopes(np.zeros(within.size), np.zeros(worth.size), True)
        share = np.concatenate([self._counts, np.where(self._entered, -self._counts, 0.0)])
        for k in range(len(found) - 1, -1, -1):
            if k < len(found) - 1:
                part, length = self._epochs.parts[k], self._epochs.lengths[k]
                later = self._epochs.before(k, worth)
                worth = returned(part, self._transient, within, length, starts[k], later, slopes.weights)
            slopes.starts[:] = 0.0
            for numbers, logs, add in found[k]:
                add(share[numbers] * np.exp(logs - sums[numbers]), slopes)
            worth += np.divide(slopes.starts, starts[k], out=np.zeros(worth.size), where=starts[k] > 0.0)
        slopes.weights[self._epochs.switch] = 0.0
        return LogLikelihood(value, slopes.weights)

    def terms(self, weights: Floats) -> Floats:
        """Return what each observation is worth, in the order in which they were given, float64[k]."""
        within = self._inner(weights)
        starts = self._starts(within, False)
        sums = self._sums([self._asked(k, within, alpha, False) for k, alpha in enumerate(starts)])
        return self._terms(sums)[self._which]

    def _terms(self, sums: Floats) -> Floats:
        worth, seen = sums[: self._counts.size], sums[self._counts.size :]
        never = self._entered & np.isneginf(seen)  # of what cannot be there to be seen, nothing can be said
        with np.errstate(invalid="ignore"):
            return np.where(never, -np.inf, worth - np.where(self._entered, seen, 0.0))

    def _starts(self, within: Floats, gradient: bool) -> list[Floats]:
        """Return how each epoch starts, float64[n], among what is not absorbed."""
        starts = []
        for k, (_, alpha) in zip(range(len(self._stages)), self._epochs.starts(within), strict=False):
            moving = np.where(self._transient, alpha, 0.0)
            if gradient and k:
                moving[self._epochs.parts[k].begun & self._transient & (moving == 0.0)] = _NEXT_TO_NOTHING
            starts.append(moving)
        return starts

    def _asked(self, epoch: int, within: Floats, alpha: Floats, gradient: bool) -> list[Any]:
        """Return sums, logarithms of what pieces add to them, and how to differentiate these."""
        pieces, out = self._stages[epoch], []
        question = Question(self._trace, within, alpha, False)
        for asked, place, numbers in pieces.times:
            answer = asked.at(question, gradient)
            out.append((numbers, answer.value[place], _spread(answer, place)))
        if pieces.at_once.size:
            out.append((pieces.at_once, *self._at_once(within, alpha, pieces.at_once.size)))
        return out

    def _at_once(
        self, within: Floats, alpha: Floats, size: int
    ) -> tuple[Floats, Callable[[Floats, Slopes], None]]:
        """Return the logarithm of the density when an epoch begins."""
        source, absorbed = self._epochs.sources, ~self._transient[self._trace.targets]
        density = float((alpha[source] * absorbed) @ within)

        def add(shares: Floats, slopes: Slopes) -> None:
            share = float(shares.sum()) / density
            slopes.weights += share * alpha[source] * absorbed
            slopes.starts += share * np.bincount(source, alpha[source] * absorbed * within, alpha.size)

        return np.full(size, np.log(density) if density > 0.0 else -np.inf), add

    def _sums(self, found: list[list[Any]]) -> Floats:
        sums = self._constant.copy()
        for numbers, logs, _ in (piece for pieces in found for piece in pieces):
            np.logaddexp.at(sums, numbers, logs)
        return sums


def _spread(found: Found, place: Integers) -> Callable[[Floats, Slopes], None]:
    """Return what differentiates pieces, several of which may be the same."""

    def add(shares: Floats, slopes: Slopes) -> None:
        found.add_slopes(np.bincount(place, shares, found.value.size).astype(np.float64), slopes)

    return add
