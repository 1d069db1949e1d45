"""Observations of a model, and how likely they are at free parameters that make up theta."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.engine import Engine
from phasic.errors import GraphError, ParameterError
from phasic.inference.columns import columns
from phasic.inference.epoch_outcomes import EpochOutcomes, Local, checked_starts
from phasic.inference.exposed import Exposure
from phasic.inference.parts import Evaluate, Outcomes, Part, Times
from phasic.inference.weighing import EachEpoch, Weighing, weighing_of
from phasic.weighting import Given, linear, product, shares

if TYPE_CHECKING:
    from phasic.graph import Graph


def _processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Problem:
    """How likely observations are, as a function of the free parameters.

    Parameters
    ----------
    graph : Graph
    observed : array_like, scipy.stats.CensoredData or Observations
        Absorption times, or numbers of steps of a discrete graph; one column of a matrix for each of
        several rewards, with NaN where a column was not observed.
    fixed : iterable of (int, float)
        Parameters that are known, by their place in theta.
    tied : iterable of iterable of int
        Groups of places in theta that share one value.
    rewards : float64[n] or float64[k, n], optional
        What was observed is this reward, and not the time. Of k rewards, each column of the data is
        taken by itself: their likelihoods are multiplied as if they were independent given theta.
    censored : bool, of the shape of the data, optional
        Which observations ended before absorption.
    truncated : float or float64 of the shape of the data, optional
        What each observation had to exceed to be made at all.
    joint_index : bool
        Observed are vertices: outcomes of a graph of joint probabilities.
    callback : callable, optional
        ``(theta, coefficients) -> weight``, by which weights follow from theta; by default they do as they
        do in the graph.
    n_parameters : int, optional
        The length of theta, which only a callback leaves open.
    exposure, exposure_param_index : optional
        Of each observation; see `phasic.inference.exposed.Exposure`.
    epoch_starts : float64[k], optional
        When epochs of a graph of joint probabilities begin, from 0 on. Theta is one for each epoch then, one
        after the other. What is fixed or tied or exposed is said by places in one of them: ``(place, value)``
        or ``(place, values)`` with a value for each epoch, and ``(place, epochs)``.

    Attributes
    ----------
    weighing : Weighing
    free : list of list of int
        The places in theta that each free parameter sets.
    parts : list of Part
        What the log-likelihood is a sum of.
    has_epochs : bool
        Whether the graph has epochs.

    Raises
    ------
    GraphError
        The graph has no parameters, or an argument is not what it has to be.
    """

    def __init__(
        self,
        graph: Graph,
        observed: Any,
        fixed: Iterable[tuple[int, float]] | None = None,
        tied: Iterable[Sequence[int]] | None = None,
        rewards: ArrayLike | None = None,
        censored: ArrayLike | None = None,
        truncated: ArrayLike | None = None,
        joint_index: bool = False,
        callback: Given | None = None,
        n_parameters: int | None = None,
        exposure: ArrayLike | None = None,
        exposure_param_index: int | Sequence[int] | None = None,
        epoch_starts: ArrayLike | None = None,
    ) -> None:
        self.arrays = graph._startable()
        by_shares = joint_index and graph._reading is shares  # the same outcomes as by rates
        if by_shares:
            self.arrays = replace(self.arrays, discrete=False)
            self.engine = Engine(graph.trace, self.arrays.alpha, False)
        elif graph._reading is None and graph._weighting is not linear:  # whose derivatives are below
            self.engine = Engine(graph.trace, self.arrays.alpha, self.arrays.discrete)
        else:
            self.engine = graph._engine()
        if not graph.is_parameterized() and graph.theta is None:
            raise GraphError(
                "the weights of this graph are plain numbers, so there is nothing to fit; give them as "
                "vectors of coefficients, or call update_weights([1.0]) first to fit one factor "
                "of all of them"
            )
        self.settled = settled = graph._settled()
        if settled and (rewards is not None or joint_index):
            raise GraphError(
                "of a graph with epochs only absorption times have a likelihood, not rewards or outcomes; "
                "fit times, or the graph without epochs"
            )
        if callback is None and graph.weight_mode == "callback":
            callback = graph.weight_callback
        weighting = product if graph.weight_mode == "log" else graph._weighting
        self.weighing = weighing_of(self.arrays, weighting, callback)
        if settled and type(self.weighing) is not Weighing:
            raise GraphError(
                "the weights of a graph with epochs are fitted as sums of coefficients times theta "
                "only; call update_weights(theta) without a callback"
            )
        starts = None if epoch_starts is None else self._starts(graph, epoch_starts, joint_index)
        self.n_parameters, self.n_epochs = self.arrays.n_parameters, 1
        if self.weighing.takes_any_length:
            self.n_parameters = n_parameters or self.n_parameters
        elif n_parameters not in (None, self.n_parameters):
            raise ParameterError(f"theta_dim is {n_parameters}, but theta has length {self.n_parameters}")
        if starts is not None:
            local, self.n_epochs = Local(self.n_parameters, starts.size), starts.size
            self.weighing = EachEpoch(self.weighing, starts.size)
            self.n_parameters *= starts.size
            fixed, tied = local.fixed(fixed), local.tied(tied)
            exposure_param_index = local.places(exposure_param_index)
        known = {**settled, **{int(place): float(value) for place, value in fixed or ()}}
        self._set_free(list(known.items()), [list(group) for group in tied or ()])
        parts: list[Times | Outcomes]
        if joint_index:
            if not (rewards is None and censored is None and truncated is None):
                raise GraphError("outcomes have no rewards and are not censored; leave these arguments out")
            parts = [
                Outcomes(self.arrays, self.engine.trace, observed)
                if starts is None
                else EpochOutcomes(self.arrays, self.engine.trace, observed, starts)
            ]
        else:
            parts = list(columns(self.arrays, self.engine, observed, rewards, censored, truncated))
        self.parts: list[Part] = list(parts)
        self._exposure = self._exposed(exposure, exposure_param_index, parts, observed)
        if self._exposure is not None:
            self.parts = [self._exposure.divided(part) for part in parts]
        self._evaluators: list[list[Evaluate]] = []

    @staticmethod
    def _starts(graph: Graph, epoch_starts: ArrayLike, joint_index: bool) -> Floats:
        if not joint_index or graph.is_discrete or graph._settled():
            raise GraphError(
                "epoch_starts is for outcomes of joint_prob_graph(..., discrete=False), as rows of counts or "
                "with joint_index=True; to fit times, call add_epoch(time)"
            )
        return checked_starts(epoch_starts)

    def _exposed(
        self, exposure: ArrayLike | None, places: Any, parts: Sequence[Times | Outcomes], observed: Any
    ) -> Exposure | None:
        if exposure is None:
            if places is not None:
                raise GraphError("exposure_param_index says where exposure= counts; pass both or neither")
            return None
        if hasattr(observed, "n_features"):
            raise GraphError("of sparse observations it is unknown which exposure each has; pass a matrix")
        rows = len(parts[0]) if len(parts) == 1 else np.shape(observed)[0]
        found = Exposure(exposure, places, self.n_parameters, rows)
        moved = sorted(set(np.flatnonzero((found.factors != 1.0).any(axis=0)).tolist()) & set(self.settled))
        if moved:
            raise ParameterError(f"entry {moved[0]} of theta is the time of an epoch, which has no exposure")
        return found

    def weights(self, theta: Floats) -> Floats:
        """Return the weight of every edge, float64[m]; with exposures float64[g, m], a row for each.

        Raises
        ------
        ParameterError
            A weight cannot be.
        """
        if self._exposure is None:
            return self.weighing.weights(theta)
        return np.array([self.weighing.weights(theta * factors) for factors in self._exposure.factors])

    def directions(self, theta: Floats) -> Floats:
        """Return derivatives of weights by free parameters, float64[f, m], where there are no exposures."""
        return np.ascontiguousarray((self.weighing.slopes(theta) @ self._spread).T)

    def _by_theta(self, theta: Floats, by_weight: Floats) -> Floats:
        if self._exposure is None:
            return self.weighing.back(theta, by_weight)
        rows = zip(self._exposure.factors, by_weight, strict=True)
        return np.asarray(sum(f * self.weighing.back(theta * f, row) for f, row in rows))

    def _set_free(self, fixed: list[tuple[int, float]], tied: list[list[int]]) -> None:
        p = self.n_parameters
        known = {int(place): float(value) for place, value in fixed}
        places = [*known, *(int(place) for group in tied for place in group)]
        if not all(0 <= place < p for place in places) or len(set(places)) < len(places):
            raise ParameterError(
                f"fixed={fixed} and tied={tied} must name places in theta, 0 to {p - 1}, each once at most"
            )
        groups = {min(group): sorted(group) for group in tied if group}
        later = {place for group in groups.values() for place in group[1:]}
        self.free = [groups.get(i, [i]) for i in range(p) if i not in known and i not in later]
        if not self.free:
            raise ParameterError("every parameter is fixed; leave one free")
        self.fixed = known
        self._offset = np.array([known.get(i, 0.0) for i in range(p)])
        self._spread = np.zeros((p, len(self.free)))
        for column, group in enumerate(self.free):
            self._spread[group, column] = 1.0

    @property
    def n_free(self) -> int:
        """Number of free parameters."""
        return len(self.free)

    def theta(self, free: Floats) -> Floats:
        """Return all of theta, float64[..., p], given the free parameters, float64[..., f]."""
        return np.asarray(free @ self._spread.T + self._offset)

    def spread_out(self, free: Floats) -> Floats:
        """Return all of theta, float64[p], given free parameters, float64[f], that may be infinite."""
        theta = self._offset.copy()
        for group, value in zip(self.free, free, strict=True):
            theta[group] = value
        return theta

    def chosen(self, theta: ArrayLike) -> Floats:
        """Return the free parameters of theta, float64[..., f]."""
        return np.asarray(theta, np.float64)[..., [group[0] for group in self.free]]

    @property
    def n_observations(self) -> int:
        """Number of observations, of all columns."""
        return sum(len(part) for part in self.parts)

    @property
    def times(self) -> Floats:
        """Observed absorption times, float64[n].

        Raises
        ------
        GraphError
            What was observed is not that: rewards, intervals or outcomes.
        """
        first = self.parts[0]
        plain = len(self.parts) == 1 and isinstance(first, Times) and first.rewards is None
        if plain and isinstance(first, Times) and first.observations.is_plain:
            return first.observations.low
        raise GraphError(
            "this needs absorption times without rewards, none censored, truncated or with an exposure; "
            "use fit, svgd or mcmc"
        )

    def log_likelihood(self, free: Floats, gradient: bool = True) -> tuple[float, Floats]:
        """Return the log-likelihood and its derivatives; minus infinity where there is none."""
        self._make_evaluators(1)
        return self._evaluated(self._evaluators[0], free, gradient)

    def terms(self, free: Floats) -> list[Floats]:
        """Return the logarithm of what every observation is worth, float64[n] for each part."""
        weights = self.weights(self.theta(free))
        return [part.terms(weights) for part in self.parts]

    def _make_evaluators(self, count: int) -> None:
        while len(self._evaluators) < count:
            self._evaluators.append([part.evaluator() for part in self.parts])

    def _evaluated(
        self, evaluators: list[Evaluate], free: Floats, gradient: bool = True
    ) -> tuple[float, Floats]:
        nothing = np.full(self.n_free, np.nan)
        try:
            theta = self.theta(free)
            weights = self.weights(theta)
        except ParameterError:
            return -np.inf, nothing
        value, by_weight = evaluators[0](weights, gradient)
        for evaluate in evaluators[1:]:
            more, slopes = evaluate(weights, gradient)
            value += more
            by_weight = None if by_weight is None or slopes is None else by_weight + slopes
        if by_weight is None or not np.isfinite(value):
            return value, nothing
        return value, self._by_theta(theta, by_weight) @ self._spread

    def threaded(self, workers: int | None = None) -> Callable[[Callable[..., Any], Floats], list[Any]]:
        """Return a map over rows of free parameters that gives each thread observations of its own."""
        count = workers or _processors()
        self._make_evaluators(count)

        def mapped(function: Callable[..., Any], rows: Floats) -> list[Any]:
            parts = [part for part in np.array_split(rows, count) if len(part)]

            def some(number: int) -> list[Any]:
                mine = self._evaluators[number]
                return [function(row, lambda free: self._evaluated(mine, free)) for row in parts[number]]

            if len(parts) == 1:
                return some(0)
            with ThreadPoolExecutor(len(parts)) as pool:
                return [found for part in pool.map(some, range(len(parts))) for found in part]

        return mapped

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs in another process: not what was prepared here."""
        return {**self.__dict__, "_evaluators": []}

    def first_guess(self) -> Floats:
        """Return equal free parameters that can be, with the expected time near the mean of the data."""
        guess = np.ones(self.n_free)
        for _ in range(60):  # one-step probabilities must not sum to more than one
            try:
                weights = self.weights(self.theta(guess))
                break
            except ParameterError:
                guess = guess / 2.0
        else:
            return np.ones(self.n_free)
        if self.arrays.discrete:
            return guess / 2.0  # so that staying is possible
        factors = [f for f in (part.scale(weights) for part in self.parts) if np.isfinite(f)]
        return guess * float(np.exp(np.mean(np.log(factors)))) if factors else guess

    def require_possible(self, free: Floats) -> None:
        """Raise GraphError naming the first observation that has density zero at these free parameters."""
        theta = self.theta(free)
        weights = self.weights(theta)
        for part in self.parts:
            impossible = ~np.isfinite(part.terms(weights))
            if impossible.any():
                place = int(impossible.argmax())
                raise GraphError(
                    f"{part.described(place)}, which has density 0 at theta = {theta}: "
                    f"{part.reason(weights, place)}; leave it out, start from another theta, or change "
                    f"the model"
                )
