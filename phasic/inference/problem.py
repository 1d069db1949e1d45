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
from phasic.density import Question
from phasic.errors import GraphError, ParameterError
from phasic.likelihood import Likelihood
from phasic.replay import factorise
from phasic.weighting import linear, shares

if TYPE_CHECKING:
    from phasic.graph import Graph


def checked_observations(observed: ArrayLike, discrete: bool) -> Floats:
    """Return observed times as a vector.

    Raises
    ------
    GraphError
        There is none, or one is not a finite number, is negative or, for numbers of steps, not whole.
    """
    try:
        times = np.array(observed, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(f"observations are {observed!r}; pass a vector of times") from None
    if times.ndim != 1 or times.size == 0:
        raise GraphError(f"observations have shape {times.shape}; pass a vector of times, not empty")
    bad = ~(np.isfinite(times) & (times >= 0.0))
    kind = "finite times >= 0"
    if discrete:
        bad |= times != np.floor(times)
        kind = "whole numbers of steps"
    if bad.any():
        place = int(bad.argmax())
        raise GraphError(
            f"observation {place} is {times[place]:g}; pass {kind}, and leave out what is missing"
        )
    return times


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
    observed : array_like
        Absorption times, or numbers of steps of a discrete graph.
    fixed : iterable of (int, float)
        Parameters that are known, by their place in theta.
    tied : iterable of iterable of int
        Groups of places in theta that share one value.
    joint_index : bool
        Observed are vertices: outcomes of a graph of joint probabilities.

    Attributes
    ----------
    free : list of list of int
        The places in theta that each free parameter sets.

    Raises
    ------
    GraphError
        The graph has no parameters, or an argument is not what it has to be.
    """

    def __init__(
        self,
        graph: Graph,
        observed: ArrayLike,
        fixed: Iterable[tuple[int, float]] | None = None,
        tied: Iterable[Sequence[int]] | None = None,
        joint_index: bool = False,
    ) -> None:
        self.arrays = graph._startable()
        by_shares = joint_index and graph._reading is shares  # the same outcomes as by rates
        if (graph._reading is not None and not by_shares) or graph._weighting is not linear:
            raise GraphError(
                "the weights of this graph are no sums of coefficients times theta, so their derivatives "
                "are not known; fit the graph that it was made of"
            )
        if not graph.is_parameterized() and graph.theta is None:
            raise GraphError(
                "the weights of this graph are plain numbers, so there is nothing to fit; give them as "
                "vectors of coefficients, or call update_weights([1.0]) first to fit one factor "
                "of all of them"
            )
        if by_shares:
            self.arrays = replace(self.arrays, discrete=False)
        self.times = checked_observations(observed, self.arrays.discrete)
        self.trace = graph.trace
        self.n_parameters = self.arrays.n_parameters
        self._set_free(list(fixed or ()), [list(group) for group in tied or ()])
        self._likelihoods: list[Likelihood] = []

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

    def chosen(self, theta: ArrayLike) -> Floats:
        """Return the free parameters of theta, float64[..., f]."""
        return np.asarray(theta, np.float64)[..., [group[0] for group in self.free]]

    def log_likelihood(self, free: Floats, gradient: bool = True) -> tuple[float, Floats]:
        """Return the log-likelihood and its derivatives; minus infinity where there is none."""
        if not self._likelihoods:
            self._likelihoods.append(self._new_likelihood())
        return self._evaluated(self._likelihoods[0], free, gradient)

    def terms(self, free: Floats) -> list[Floats]:
        """Return the logarithm of what every observation is worth, float64[n] for each part."""
        weights = self.arrays.weights(self.theta(free))
        question = Question(self.trace, weights, self.arrays.alpha, self.arrays.discrete)
        return [question.logarithm("pdf", self.times)]

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs in another process: not what was prepared here."""
        return {**self.__dict__, "_likelihoods": []}

    def _new_likelihood(self) -> Likelihood:
        return Likelihood(self.trace, self.arrays.alpha, self.times, self.arrays.discrete)

    def _evaluated(self, likelihood: Likelihood, free: Floats, gradient: bool = True) -> tuple[float, Floats]:
        nothing = np.full(self.n_free, np.nan)
        try:
            # Not arrays.weights, which puts theta into words each time: a tenth of an evaluation.
            theta = self.theta(free)
            weights = self.arrays.checked(self.arrays.coefficients @ theta, theta)
        except ParameterError:
            return -np.inf, nothing
        value, by_weight = likelihood(weights, gradient)
        if by_weight is None:
            return value, nothing
        return value, (by_weight @ self.arrays.coefficients) @ self._spread

    def threaded(self, workers: int | None = None) -> Callable[[Callable[..., Any], Floats], list[Any]]:
        """Return a map over rows of free parameters that gives each thread observations of its own."""
        count = workers or _processors()
        while len(self._likelihoods) < count:
            self._likelihoods.append(self._new_likelihood())

        def mapped(function: Callable[..., Any], rows: Floats) -> list[Any]:
            parts = [part for part in np.array_split(rows, count) if len(part)]

            def some(number: int) -> list[Any]:
                mine = self._likelihoods[number]
                return [function(row, lambda free: self._evaluated(mine, free)) for row in parts[number]]

            if len(parts) == 1:
                return some(0)
            with ThreadPoolExecutor(len(parts)) as pool:
                return [found for part in pool.map(some, range(len(parts))) for found in part]

        return mapped

    def first_guess(self) -> Floats:
        """Return equal free parameters that can be, with the expected time near the mean of the data."""
        guess = np.ones(self.n_free)
        for _ in range(60):  # one-step probabilities must not sum to more than one
            try:
                weights = self.arrays.weights(self.theta(guess))
                break
            except ParameterError:
                guess = guess / 2.0
        else:
            return np.ones(self.n_free)
        if self.arrays.discrete:
            return guess / 2.0  # so that staying is possible
        factors = factorise(self.trace, weights)
        starts = self.arrays.alpha > 0.0
        if factors.stuck[starts].any():
            return guess
        waiting = factors.solve(np.ones(self.arrays.n_vertices))
        expected, observed = float(self.arrays.alpha[starts] @ waiting[starts]), float(self.times.mean())
        return guess * (expected / observed) if expected > 0.0 and observed > 0.0 else guess

    def require_possible(self, free: Floats) -> None:
        """Raise GraphError naming the first observation that has density zero at these free parameters."""
        theta = self.theta(free)
        question = Question(self.trace, self.arrays.weights(theta), self.arrays.alpha, self.arrays.discrete)
        impossible = np.isneginf(question.logarithm("pdf", self.times))
        if impossible.any():
            place = int(impossible.argmax())
            raise GraphError(
                f"observation {place} is {self.times[place]:g}, which has density 0 at theta = {theta}: the "
                f"model cannot be absorbed then; leave it out, or change the model"
            )
