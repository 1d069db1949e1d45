"""Densities and moments of the rewards that a graph collects, at theta after theta.

Each reward is taken by itself: its density is that of the time until absorption of a graph that the reward
transforms into, at weights and initial probabilities that depend on theta.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from phasic import gradients, moments, replay
from phasic.arrays import Floats, GraphArrays
from phasic.differentiable import Answer, Model
from phasic.engine import Engine
from phasic.errors import AbsorptionError
from phasic.reduction import Reduced, Reduction
from phasic.slopes import Densities, Sloped
from phasic.trace import Trace

_MOST = 16  # sets of times whose preparations are kept


class Reward:
    """One reward of a graph, to be asked at weights after weights.

    Parameters
    ----------
    arrays : GraphArrays
    trace : Trace
        Recorded from that graph.
    rewards : float64[n]
        Not negative; in a discrete graph zero or one.
    """

    def __init__(self, arrays: GraphArrays, trace: Trace, rewards: Floats) -> None:
        reduction = Reduction(arrays, trace, rewards)

        @lru_cache(_MOST)
        def prepared(times: bytes) -> Densities:
            return Densities(reduction.trace, reduction.support, np.frombuffer(times), arrays.discrete)

        self._reduction, self._prepared, self._discrete = reduction, prepared, arrays.discrete

    def pdf(self, weights: Floats, times: Floats) -> Floats:
        """Return the density at `times`, float64[k].

        A time of zero has the probability of no reward where that is not zero, as in a likelihood. What is
        not a number was not observed.
        """
        found, seen = self._reduction(weights), ~np.isnan(times)
        value = np.full(times.size, np.nan)
        value[seen] = self._sloped(found, np.empty((0, found.weights.size)), times[seen]).value
        return self._with_none(found, times, value)

    def pdf_slopes(self, theta: Floats, weights: Floats, directions: Floats, times: Floats) -> Answer:
        """Return this and its derivatives by theta and by time, float64[k, p + 1].

        What was not observed does not change; by time there is no derivative where the density jumps.

        Parameters
        ----------
        theta, weights, directions : float64[p], float64[m], float64[p, m]
            The weights are the sum of theta times directions.
        """
        found, seen = self._reduction(weights), ~np.isnan(times)
        by_weight, by_alpha = self._reduction.carried_along(found, directions)
        trace, now = self._reduction.trace, times[seen]
        value, slopes = np.full(times.size, np.nan), np.zeros((times.size, theta.size + 1))
        sloped = self._sloped(found, by_weight, now)
        value[seen] = sloped.value
        starts = self._prepared(now.tobytes()).from_starts(found.weights, by_alpha)
        slopes[seen, :-1] = sloped.slopes + starts
        if self._discrete:
            slopes[:, -1] = np.nan
        else:  # initial probabilities do not change where all weights grow alike
            engine = Engine(trace, np.where(trace.absorbing, 0.0, found.alpha), False)
            along = sloped.slopes @ theta
            slopes[seen, -1] = engine.time_slopes(found.weights, now, sloped.value, along)
        value = self._with_none(found, times, value)
        if self._may_be_zero(found):
            zero = times == 0.0
            slopes[zero, :-1], slopes[zero, -1] = by_alpha[:, trace.absorbing].sum(axis=1), np.nan
        return value, slopes

    def _sloped(self, found: Reduced, directions: Floats, times: Floats) -> Sloped:
        """Return the density of a reward that is not zero, and derivatives as long as that is as probable."""
        moving = np.where(self._reduction.trace.absorbing, 0.0, found.alpha)
        if not moving.any():
            return Sloped(np.zeros(times.size), np.zeros((times.size, directions.shape[0])))
        return self._prepared(times.tobytes())(found.weights, directions, moving)

    def _may_be_zero(self, found: Reduced) -> bool:
        """Return whether no reward at all has a probability, so that the density jumps at zero."""
        return self._discrete or bool(found.alpha[self._reduction.trace.absorbing].any())

    def _with_none(self, found: Reduced, times: Floats, value: Floats) -> Floats:
        if self._may_be_zero(found):
            value[times == 0.0] = found.alpha[self._reduction.trace.absorbing].sum()
        return value


class Rewarded(Model):
    """Several rewards of a graph, to be asked at any theta as a `Model` is.

    Parameters
    ----------
    model : Model
        Of the graph.
    rewards : float64[k, n]
    """

    def __init__(self, model: Model, rewards: Floats) -> None:
        self.arrays, self._engine, self._directions = model.arrays, model._engine, model._directions
        self._table = rewards

    def refusal(self) -> str:
        """See `Model`."""
        return "rewards have no program of JAX alone"

    @cached_property
    def rewards(self) -> list[Reward]:
        """Each by itself. Those that have moments only, such as negative ones, are refused."""
        return [Reward(self.arrays, self._engine.trace, row) for row in self._table]

    def pdf(self, theta: Floats, times: Floats) -> Floats:
        """Return the density of each reward at its share of `times`, one after another."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(times.size, np.nan)
        rows = times.reshape(len(self.rewards), -1)
        return np.concatenate([one.pdf(weights, row) for one, row in zip(self.rewards, rows, strict=True)])

    def pdf_slopes(self, theta: Floats, times: Floats) -> Answer:
        """Return these and their derivatives by theta and by time, float64[..., p + 1]."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(times.size, np.nan), np.full((times.size, self.n_parameters + 1), np.nan)
        rows = times.reshape(len(self.rewards), -1)
        parts = [
            one.pdf_slopes(theta, weights, self._directions, row)
            for one, row in zip(self.rewards, rows, strict=True)
        ]
        value, slopes = zip(*parts, strict=True)
        return np.concatenate(value), np.concatenate(slopes)

    def moments(self, theta: Floats, k: int) -> Floats:
        """Return the first `k` raw moments of each reward, one after another."""
        return self._moments(theta, k, self._directions[:0])[0]

    def moment_slopes(self, theta: Floats, k: int) -> Answer:
        """Return these and their derivatives by theta, float64[..., p]."""
        return self._moments(theta, k, self._directions)

    def _moments(self, theta: Floats, k: int, directions: Floats) -> Answer:
        size, discrete = len(self._table) * k, self.arrays.discrete
        nowhere = np.full((size, directions.shape[0]), np.nan)
        weights = self.weights(theta)
        if weights is None:
            return np.full(size, np.nan), nowhere
        factors, alpha = replay.factorise(self._engine.trace, weights), self.arrays.alpha
        try:
            if not len(directions):
                rows = [moments.moments(factors, alpha, k, row, discrete) for row in self._table]
                return np.concatenate(rows), nowhere
            both = [gradients.moments(factors, alpha, directions.T, k, row, discrete) for row in self._table]
        except AbsorptionError:
            return np.full(size, np.inf), nowhere
        return np.concatenate([value for value, _ in both]), np.concatenate([slopes for _, slopes in both])
