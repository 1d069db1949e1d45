"""Densities and moments of the reward that a graph collects, at weights after weights, with derivatives.

As `phasic.slopes` has them for the absorption time; of the graph that `phasic.reduction` makes of this one.
"""

from __future__ import annotations

import numpy as np

from phasic import gradients
from phasic.arrays import Floats, GraphArrays
from phasic.engine import Engine
from phasic.errors import AbsorptionError, GraphError
from phasic.reduction import Reduction
from phasic.replay import factorise
from phasic.slopes import Densities, Sloped
from phasic.trace import Trace


def require_absorption(arrays: GraphArrays, trace: Trace) -> None:
    """Raise GraphError where a graph may collect a reward for ever, even with all edges open."""
    try:
        factorise(trace, np.ones(trace.targets.size)).require_absorption(arrays.alpha)
    except AbsorptionError as error:
        where = "a state" if error.vertex is None else f"state {arrays.states[error.vertex].tolist()}"
        raise GraphError(
            f"{where} cannot reach absorption, so its reward is not observed in the end; add the way out"
        ) from None


class Rewarded:
    """One reward of a graph, in place of its absorption time.

    Parameters
    ----------
    arrays : GraphArrays
    trace : Trace
        Recorded from that graph.
    rewards : float64[n]
        Not negative; in a discrete graph zero or one.

    Raises
    ------
    GraphError
        A reward is not what it has to be, or absorption can fail.
    """

    def __init__(self, arrays: GraphArrays, trace: Trace, rewards: Floats) -> None:
        require_absorption(arrays, trace)
        self._arrays, self._trace, self._rewards = arrays, trace, rewards
        self.reduction = Reduction(arrays, trace, rewards)

    def densities(self, times: Floats) -> RewardDensities:
        """Return the density at `times`, ``(weights, directions) -> Sloped``."""
        return RewardDensities(self.reduction, times, self._arrays.discrete)

    def time_slopes(self, weights: Floats, times: Floats, value: Floats, along: Floats) -> Floats:
        """Return derivatives of the density by the reward; see `Engine.time_slopes`.

        Not a number at zero, where what is asked for may be a probability.
        """
        found = self.reduction(weights)
        engine = Engine(self.reduction.trace, found.alpha, self._arrays.discrete)
        slopes = engine.time_slopes(found.weights, times, value, along)
        return np.where(times == 0.0, np.nan, slopes)

    def moments(self, weights: Floats, k: int) -> Floats:
        """Return the first `k` raw moments, float64[k]."""
        from phasic import moments

        factors = factorise(self._trace, weights)
        return np.array(moments.moments(factors, self._arrays.alpha, k, self._rewards, self._arrays.discrete))

    def moment_slopes(self, weights: Floats, directions: Floats, k: int) -> tuple[Floats, Floats]:
        """Return these and their derivatives in the rows of `directions`, float64[k, q]."""
        factors, discrete = factorise(self._trace, weights), self._arrays.discrete
        raw, slopes = gradients.moments(factors, self._arrays.alpha, directions.T, k, self._rewards, discrete)
        return np.array(raw), slopes


class RewardDensities:
    """Densities of a reward at given amounts of it; at zero, the probability of none where there may be none.

    Parameters
    ----------
    reduction : Reduction
    times : float64[k]
    discrete : bool
    """

    def __init__(self, reduction: Reduction, times: Floats, discrete: bool) -> None:
        self._reduction = reduction
        self._absorbing = reduction.trace.position < 0
        self._densities = Densities(reduction.trace, reduction.support, times, discrete)
        none = bool((reduction.support > 0.0)[self._absorbing].any())
        self._none = (times == 0.0) & none

    def values(self, weights: Floats) -> Floats:
        """Return the density at each time, float64[k]."""
        found = self._reduction(weights)
        value = self._densities.values(found.weights, found.alpha)
        return np.where(self._none, found.alpha[self._absorbing].sum(), value)

    def __call__(self, weights: Floats, directions: Floats) -> Sloped:
        """Return the density at each time and its derivatives in the rows of `directions`, float64[q, m]."""
        found = self._reduction(weights)
        by_weights, by_alpha = self._reduction.carried(found, directions)
        value, slopes = self._densities(found.weights, by_weights, found.alpha)
        for column, change in zip(slopes.T, by_alpha, strict=True):
            column += self._linear(found.weights, change)
        absorbed = by_alpha[:, self._absorbing].sum(axis=1)
        return Sloped(
            np.where(self._none, found.alpha[self._absorbing].sum(), value),
            np.where(self._none[:, None], absorbed, slopes),
        )

    def _linear(self, weights: Floats, change: Floats) -> Floats:
        """Return the density, which is linear in initial probabilities, for such of either sign."""
        out = np.zeros(self._none.size)
        for sign in (1.0, -1.0):
            part = np.maximum(sign * change, 0.0)
            total = part.sum()
            if total > 0.0:
                out += sign * total * self._densities.values(weights, part / total)
        return out
