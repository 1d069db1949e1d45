"""Quantiles: times by which given shares have been absorbed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError, PhasicError
from phasic.question import Question

_TIE = 1e-14  # shares that differ by less, relative to themselves, are the same number of steps
_CLOSE = 4e-15  # relative
_MOST = 200


def quantile(question: Question, shares: ArrayLike) -> Floats:
    """Return the earliest times by which `shares` have been absorbed, of the same shape.

    Zero up to the share that starts absorbed; infinite beyond what is ever absorbed, and for all of it
    unless it starts so. For a discrete chain, whole numbers of steps.

    Parameters
    ----------
    question : Question
        The graph.
    shares : array_like
        Probabilities from 0 to 1, of any shape.

    Raises
    ------
    GraphError
        A share is not a probability.
    """
    asked = np.asarray(shares, dtype=np.float64)
    if not ((asked >= 0.0) & (asked <= 1.0)).all():
        raise GraphError(f"quantiles are asked for at probabilities from 0 to 1, not at {asked}")
    at_zero = float(question.values("cdf", 0.0))
    flat = asked.ravel()
    found = np.zeros(flat.size)
    reached = question.limit
    if question.discrete:
        flat = flat * (1.0 - _TIE)
    later = flat > at_zero
    never = later & (flat >= reached)
    found[never] = np.inf
    later &= ~never
    if later.any():
        solve = _steps if question.discrete else _times
        found[later] = solve(question, flat[later])
    return found.reshape(asked.shape)


class _Target:
    """The equation ``f(t) = log(share)`` for shares in the lower half, and likewise for what is left above.

    Either side is small where it is used, so that each quantile is as accurate as the share, and as one
    less the share.
    """

    def __init__(self, question: Question, shares: Floats) -> None:
        self._question = question
        certain = question.limit >= question.chain.total
        self._upper = (shares > 0.5 * question.limit) & certain
        left = question.limit - shares
        self._goal = np.log(np.where(self._upper, left, shares))

    def __call__(self, times: Floats, which: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return by how much the share at each time is too large, as a logarithm, and its slope."""
        upper, value = self._upper[which], np.empty(times.size)
        if upper.any():
            value[upper] = self._question.logarithm("survival", times[upper])
        if not upper.all():
            value[~upper] = self._question.logarithm("cdf", times[~upper])
        excess = np.where(upper, self._goal[which] - value, value - self._goal[which])
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return excess, np.exp(self._question.logarithm("pdf", times) - value) * times


def _times(question: Question, shares: Floats) -> Floats:
    """Solve by Newton's method in the logarithm of time, bisecting where it leaves the bracket."""
    target = _Target(question, shares)
    start = question.mean if question.mean < np.inf else 1.0 / question.chain.clock
    low, high = np.full(shares.size, start), np.full(shares.size, start)
    time, best, least = low.copy(), low.copy(), np.full(shares.size, np.inf)
    for ends, factor, sign in ((low, 0.125, -1.0), (high, 8.0, 1.0)):
        outside = np.ones(shares.size, np.bool_)
        for _ in range(2 * _MOST):  # through all of float64
            excess, slope = target(ends[outside], outside)
            here = np.abs(excess) < least[outside]
            nearer = np.flatnonzero(outside)[here]
            best[nearer], least[nearer] = ends[nearer], np.abs(excess[here])
            time[nearer] = _newton(ends[nearer], excess[here], slope[here])
            outside[outside] = sign * excess < 0.0
            if not outside.any():
                break
            ends[outside] *= factor
    inside = (time > low) & (time < high)  # from the nearer end, which may be all but the answer
    time = np.where(inside, time, np.sqrt(low) * np.sqrt(high))
    stalled, rest = np.zeros(shares.size), least > _CLOSE
    for _ in range(_MOST):
        if not rest.any():
            return best
        excess, slope = target(time[rest], rest)
        now, size = time[rest], np.abs(excess)
        newton = _newton(now, excess, slope)
        stalled[rest] = np.where(size < 0.5 * least[rest], 0, stalled[rest] + inside[rest])
        best[rest] = np.where(size < least[rest], now, best[rest])
        least[rest] = np.minimum(size, least[rest])
        low[rest] = np.where(excess <= 0.0, now, low[rest])
        high[rest] = np.where(excess >= 0.0, now, high[rest])
        inside[rest] = (newton > low[rest]) & (newton < high[rest])
        time[rest] = np.where(inside[rest], newton, np.sqrt(low[rest]) * np.sqrt(high[rest]))
        # Rounding in the equation can keep the last digits moving.
        small = (least <= _CLOSE) | ((stalled >= 3) & (least <= 1e-8))
        rest &= ~(small | (high <= low * (1.0 + 4e-16)))
    raise PhasicError(f"the quantile of {shares[rest]} was not found between {low[rest]} and {high[rest]}")


def _newton(time: Floats, excess: Floats, slope: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(time * np.exp(-excess / slope))


def _steps(question: Question, shares: Floats) -> Floats:
    """Search whole numbers of steps, many at a time, since all up to the last are walked anyway.

    A number of steps suffices if what rounding may have taken from its share is all that is missing.
    """

    def enough(steps: Floats, wanted: Floats) -> NDArray[np.bool_]:
        value, error = question.ask("cdf", steps)
        return np.asarray(value + error >= wanted)

    low, high = np.zeros(shares.size), np.ones(shares.size)
    while (short := ~enough(high, shares)).any():
        low[short] = high[short]
        high[short] *= 2.0
    while (open_ := high - low > 1.0).any():
        grid = low[open_, None] + np.floor((high - low)[open_, None] * np.linspace(0.0, 1.0, 17)[None, :])
        first = np.maximum(enough(grid, shares[open_, None]).argmax(axis=1), 1)
        rows = np.arange(first.size)
        low[open_], high[open_] = grid[rows, first - 1], grid[rows, first]
    return high
