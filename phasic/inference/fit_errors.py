"""How exact a fitted distribution is: errors and intervals of functions of it, and refits to other data."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phasic.arrays import Floats
from phasic.errors import GraphError, OptionError
from phasic.inference.expectation_maximisation import AnySchedule, climb, start
from phasic.inference.fit_coordinates import Bend, Coordinates, bend, differences
from phasic.inference.path_statistics import Schedule
from phasic.inference.step_statistics import StepSchedule
from phasic.inference.structures import Phases, Structure
from phasic.observations import Observations

if TYPE_CHECKING:
    from phasic.graph import Graph

_REFIT_STEPS = 300
_ROUNDING = 1e-7  # of a difference, relative to the function: such slopes are none
_MANY = ("general", "custom")  # different rates may give one distribution


@dataclass(frozen=True, eq=False)
class Estimate:
    """A function of a fitted distribution.

    Attributes
    ----------
    value, std, low, high : float64[...]
        What it is, its standard error, and the ends of a confidence interval, in the shape of the function's
        answer. `std` is infinite where the data do not tell.
    level : float
    draws : float64[n, ...] or None
        Of a bootstrap, what each refit gave.
    """

    value: Floats
    std: Floats
    low: Floats
    high: Floats
    level: float
    draws: Floats | None = None


class PhaseErrors(NamedTuple):
    """Standard errors of initial probabilities, of the sub-intensity matrix and of exit rates."""

    alpha: Floats
    S: Floats
    exits: Floats


class FitErrors(ABC):
    """Errors of a fit."""

    graph: Graph
    alpha: Floats
    S: Floats
    exits: Floats
    zero: float
    structure: str
    observations: Observations
    weights: Floats | None
    n_observations: float
    discrete: bool
    _shape: Structure
    _phases: Phases

    def estimate(self, function: Callable[[Graph], Any], level: float = 0.95, scale: str = "log") -> Estimate:
        """Return a function of the distribution with its standard error and a confidence interval.

        By the delta method, from the observed information [1]_. Rates of phase-type distributions are not
        unique, and their errors then not defined; those of functions of the distribution are. A function
        that is none, such as a rate, has an infinite error where the data cannot tell it. Numbers of which
        hardly any path tells, at the border of what the structure allows, are taken to be what they are.

        Parameters
        ----------
        function : callable
            ``function(graph)`` returns a number or an array.
        level : float
            Of the interval.
        scale : {"log", "logit", "plain"}
            Where the interval is symmetric: of what is positive, of probabilities, or as it is.

        Raises
        ------
        OptionError
            A setting is not what it has to be, or the function's answer is out of the scale.

        References
        ----------
        .. [1] O. E. Barndorff-Nielsen and D. R. Cox, Inference and Asymptotics (1994).

        Examples
        --------
        >>> from phasic import fit_phase_type
        >>> found = fit_phase_type([0.5, 1.0, 1.5, 2.0], phases=1).estimate(lambda graph: graph.expectation())
        >>> round(float(found.value), 6), round(float(found.std), 6)
        (1.25, 0.625)
        """
        value = np.asarray(function(self.graph), np.float64)
        std = self._spread(lambda at: np.asarray(function(self._graph_of(at)), np.float64).ravel())
        low, high = _interval(value.ravel(), std, _level(level), scale)
        shape = value.shape
        return Estimate(value, std.reshape(shape), low.reshape(shape), high.reshape(shape), level)

    def bootstrap(
        self,
        function: Callable[[Graph], Any],
        n: int = 200,
        resample: str = "data",
        level: float = 0.95,
        seed: int | None = 0,
        executor: Executor | None = None,
    ) -> Estimate:
        """Return a function of the distribution with its error and interval, by refits to other data.

        Each refit starts from this one. Where numbers are at the border of what the structure allows, and
        where observations are few, this is to be trusted more than `estimate`.

        Parameters
        ----------
        function : callable
            ``function(graph)`` returns a number or an array.
        n : int
            How many refits.
        resample : {"data", "model"}
            Whether data are drawn from the observations, with replacement, or from the fitted distribution
            (as many; from those that would have been seen where data are truncated).
        level : float
            Of the interval, whose ends are quantiles of what refits give.
        seed : int, optional
        executor : concurrent.futures.Executor, optional
            To run refits beside each other; the answer is the same.

        Raises
        ------
        GraphError
            With "model", some observation is no exact time: which ones would have been censored, and when,
            the distribution does not say.
        OptionError
            A setting is not what it has to be.

        References
        ----------
        .. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993).
        """
        if not isinstance(n, int | np.integer) or n < 2:
            raise OptionError(f"n is {n!r}; pass a whole number of refits, at least 2")
        if resample not in ("data", "model"):
            raise OptionError(f"resample is {resample!r}; choose data or model")
        level = _level(level)
        random = np.random.default_rng(seed)
        data = [self._again(random, resample) for _ in range(n)]
        many = [self._shape] * n, [self._phases] * n
        seen, weights = [each[0] for each in data], [each[1] for each in data]
        found: Iterable[Phases | None] = map(_refitted, seen, weights, *many)
        if executor is not None:
            found = executor.map(_refitted, seen, weights, *many, chunksize=max(1, n // 64))
        value = np.asarray(function(self.graph), np.float64)
        rows = [np.asarray(function(self._graph_of(at)), np.float64) for at in found if at is not None]
        if len(rows) < 2:
            raise GraphError("hardly any resampled data could be fitted; there are too few observations")
        draws = np.array(rows)
        low, high = np.quantile(draws, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)
        return Estimate(value, draws.std(axis=0, ddof=1), low, high, level, draws)

    def phase_errors(self) -> PhaseErrors:
        """Return standard errors of `alpha`, `S` and `exits`, infinite where the data do not tell.

        For structures in which different rates are different distributions, but for the order of phases or
        branches; two rates that are the same, or a phase more than the data need, are not told apart.

        Raises
        ------
        OptionError
            The structure is general or a table of jumps: the same distribution has many rates, so that an
            error of one of them is not defined. See `estimate`.
        """
        if self.structure in _MANY:
            raise OptionError(
                f"rates of structure {self.structure!r} are not unique, so their errors are not defined; use "
                f"estimate, for functions of the distribution, or another structure such as coxian"
            )
        p = self.exits.size

        def numbers(at: Phases) -> Floats:
            from phasic.inference.fitted_phase_type import matrix

            return np.concatenate([at.alpha[:-1], matrix(at, self.discrete).ravel(), at.exits])

        alpha, S, exits = np.split(self._spread(numbers), [p, p + p * p])
        return PhaseErrors(alpha, S.reshape(p, p), exits)

    def _graph_of(self, at: Phases) -> Graph:
        from phasic.inference.fitted_phase_type import graph_of

        return graph_of(at, self.discrete)

    def _spread(self, function: Callable[[Phases], Floats]) -> Floats:
        unit = _unit(self.observations, self.weights, self.discrete)
        schedule = _schedule(self.observations, self.weights, self.discrete, unit)
        at = Phases(self._phases.alpha, self._phases.rates * unit, self._phases.exits * unit)
        found = schedule.statistics(*at)
        if found is None:
            raise GraphError("some observation is impossible under the fit, so it has no errors")
        coordinates = Coordinates(self._shape, at, found)

        def of_x(x: Floats) -> Floats:
            moved = coordinates.phases(x)
            return function(Phases(moved.alpha, moved.rates / unit, moved.exits / unit))

        if coordinates.x.size == 0:
            return np.zeros(of_x(coordinates.x).size)
        top: Bend = bend(schedule, coordinates)
        slopes = differences(of_x, top.x)
        slopes[np.abs(slopes) < _ROUNDING * np.abs(of_x(top.x))[:, None]] = 0.0
        return top.spread(slopes)

    def _again(self, random: np.random.Generator, resample: str) -> tuple[Observations, Floats | None]:
        """Return other observations of the kind that was seen."""
        seen = self.observations
        often = np.ones(len(seen)) if self.weights is None else self.weights
        if resample == "data":
            return seen, random.multinomial(round(float(often.sum())), often / often.sum()).astype(np.float64)
        if not seen.exact.all():
            raise GraphError(
                "some observations are censored or intervals, and the fit does not say which would be; pass "
                "resample='data'"
            )
        entry = np.repeat(seen.entry, np.maximum(1, np.round(often)).astype(np.int64))
        times = np.full(entry.size, -1.0)
        for _ in range(1000):
            left = np.flatnonzero(times <= entry if (entry > -np.inf).any() else times < 0.0)
            if left.size == 0:
                return Observations(times, times, entry), None
            new = self.graph.sample(left.size, seed=int(random.integers(2**31)))
            times[left] = np.where(np.asarray(new) > entry[left], new, times[left])
        raise GraphError("hardly any drawn time is long enough to be seen; pass resample='data'")


def _unit(seen: Observations, weights: Floats | None, discrete: bool) -> float:
    return 1.0 if discrete else float(np.average(seen.typical(), weights=weights))


def _schedule(seen: Observations, weights: Floats | None, discrete: bool, unit: float) -> AnySchedule:
    return StepSchedule(seen, weights) if discrete else Schedule(seen, unit, weights)


def _refitted(seen: Observations, weights: Floats | None, shape: Structure, at: Phases) -> Phases | None:
    """Return where the likelihood of other data is highest, near by; None where they cannot tell."""
    if weights is not None:
        made = weights > 0.0
        seen = Observations(seen.low[made], seen.high[made], seen.entry[made])
        weights = weights[made]
    unit = _unit(seen, weights, shape.discrete)
    if not unit > 0.0:
        return None
    try:
        schedule = _schedule(seen, weights, shape.discrete, unit)
    except GraphError:  # every drawn observation is censored
        return None
    way = start(schedule, Phases(at.alpha, at.rates * unit, at.exits * unit))
    if way is None:
        return None
    found = climb(schedule, shape, way, _REFIT_STEPS, 1e-6).phases
    return Phases(found.alpha, found.rates / unit, found.exits / unit)


def _level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise OptionError(f"level is {level!r}; pass a probability between 0 and 1")
    return level


def _interval(value: Floats, std: Floats, level: float, scale: str) -> tuple[Floats, Floats]:
    width = NormalDist().inv_cdf(0.5 + 0.5 * level) * std
    if scale == "plain":
        return value - width, value + width
    if scale not in ("log", "logit"):
        raise OptionError(f"scale is {scale!r}; choose log, logit or plain")
    top = np.inf if scale == "log" else 1.0
    if not ((value > 0.0) & (value < top)).all():
        raise OptionError(f"scale is {scale!r}, and the function is {value}; pass scale='plain'")
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "log":
            factor = np.exp(width / value)
            return value / factor, value * factor
        odds, factor = value / (1.0 - value), np.exp(width / (value * (1.0 - value)))
        return odds / (odds + factor), np.where(np.isfinite(factor), odds / (odds + 1.0 / factor), 1.0)
