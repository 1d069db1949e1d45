"""The density that inference is about: likelihood times prior, over numbers without a range."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from phasic.arrays import Floats
from phasic.errors import OptionError
from phasic.inference.given import GivenCoordinates
from phasic.inference.penalty import Penalty
from phasic.inference.priors import GaussPrior, GivenPrior, LogGaussPrior, Priors
from phasic.inference.problem import Problem
from phasic.inference.transforms import Transform, transform

_VAGUE = 3.0  # standard deviation of the logarithm of a parameter of which nothing was said
_OF_SUPPORT = {"real": "identity", "positive": "log", "unit": "logit"}


class Coordinates:
    """Free parameters, each by a transform, as a vector of numbers without a range."""

    def __init__(self, each: Sequence[Transform]) -> None:
        self.each = list(each)

    def _by(self, name: str, values: Floats) -> Floats:
        columns = [getattr(t, name)(values[..., i]) for i, t in enumerate(self.each)]
        return np.stack(columns, axis=-1)

    def free(self, x: Floats) -> Floats:
        """Return free parameters, float64[..., f]."""
        return self._by("theta", x)

    def x(self, free: Floats) -> Floats:
        """Return what `free` takes for these parameters."""
        return self._by("inverse", free)

    def slope(self, x: Floats) -> Floats:
        """Return the derivative of each parameter by its x."""
        return self._by("slope", x)

    def log_slope(self, x: Floats) -> tuple[float, Floats]:
        """Return the sum of logarithms of slopes, and its derivatives."""
        return float(self._by("log_slope", x).sum()), self._by("log_slope_slope", x)

    def pulled(self, x: Floats, by_free: Floats) -> Floats:
        """Return derivatives by x, given those by free parameters."""
        return by_free * self.slope(x)


class Point(NamedTuple):
    """The log-density at one place, and its derivatives."""

    value: float
    slopes: Floats


class Posterior:
    """The logarithm of likelihood times prior, up to a constant.

    Parameters
    ----------
    problem : Problem
    prior : Prior, sequence of Prior, or callable, optional
        One for every parameter, one each, or a function of JAX of all of theta. By default the logarithm
        of each is Gaussian, around the value at which the model has the mean of the data, with a standard
        deviation of 3: a factor of 400 either way is within two of them.
    positive : bool
        Parameters are positive.
    param_transform : str or callable, optional
        By what positive parameters are seen as any numbers: "log", the default, or "softplus"; or a
        function of JAX from numbers without a range to theta.

    Attributes
    ----------
    penalty : Penalty or None
        What is taken off for moments that are not those of the data.
    """

    def __init__(
        self, problem: Problem, prior: Any = None, positive: bool = True, param_transform: Any = None
    ) -> None:
        self.problem = problem
        self.guess = problem.first_guess()
        self.prior, supports = self._priors(prior, positive)
        self.penalty: Penalty | None = None
        self.coordinates: Coordinates | GivenCoordinates
        if callable(param_transform):
            self.coordinates = GivenCoordinates(param_transform, problem)
            return
        names = [_OF_SUPPORT["positive" if positive and s == "real" else s] for s in supports]
        if param_transform is not None:
            names = [param_transform if name in ("log", "identity") else name for name in names]
        self.coordinates = Coordinates([transform(name) for name in names])

    def start(self) -> Floats:
        """Return where a search begins that was not told: at the guess, or else in the middle of all x."""
        try:
            return self.coordinates.x(self.guess)
        except OptionError:  # a given transform does not go there
            return np.zeros(self.problem.n_free)

    def _priors(self, prior: Any, positive: bool) -> tuple[Priors | GivenPrior, list[str]]:
        count = self.problem.n_free
        if prior is None:
            each: list[Any] = [
                LogGaussPrior(median=g, log_std=_VAGUE) if positive else GaussPrior(g, 10.0 * g)
                for g in self.guess.tolist()
            ]
        elif hasattr(prior, "log_density"):
            each = [prior] * count
        elif isinstance(prior, Sequence):
            if len(prior) * self.problem.n_epochs == self.problem.n_parameters:
                prior = list(prior) * self.problem.n_epochs
            if len(prior) != self.problem.n_parameters:
                raise OptionError(
                    f"{len(prior)} priors were given for {self.problem.n_parameters} parameters; pass one "
                    f"each, None for a fixed one"
                )
            each = [prior[group[0]] for group in self.problem.free]
        elif callable(prior):
            return GivenPrior(prior), ["real"] * count
        else:
            raise OptionError(f"prior is {prior!r}; pass priors, or a function of theta")
        for one in each:
            if not hasattr(one, "log_density"):
                raise OptionError(f"{one!r} is no prior; pass one of phasic.inference.priors")
        return Priors(each), [one.support for one in each]

    def __call__(
        self, x: Floats, likelihood: Callable[[Floats], tuple[float, Floats]] | None = None
    ) -> Point:
        """Return the log-density at `x`, float64[f]: that of x, so with the slopes of the transform."""
        free = self.coordinates.free(x)
        nowhere = Point(-np.inf, np.full(x.shape, np.nan))
        if not np.isfinite(free).all():
            return nowhere
        value, by_free = (likelihood or self.problem.log_likelihood)(free)
        if not np.isfinite(value):
            return nowhere
        before, by_prior = self._prior_at(free)
        stretch, by_x = self.coordinates.log_slope(x)
        if self.penalty is not None:
            less, by_penalty = self.penalty(free)
            before, by_prior = before - less, by_prior - by_penalty
        return Point(value + before + stretch, self.coordinates.pulled(x, by_free + by_prior) + by_x)

    def _prior_at(self, free: Floats) -> tuple[float, Floats]:
        if isinstance(self.prior, Priors):
            return self.prior(free)
        value, by_theta = self.prior(self.problem.theta(free))
        return value, by_theta @ self.problem._spread

    def likelihood_in_x(self, x: Floats) -> Point:
        """Return the log-likelihood alone, and its derivatives by x."""
        free = self.coordinates.free(x)
        if not np.isfinite(free).all():
            return Point(-np.inf, np.full(x.shape, np.nan))
        value, by_free = self.problem.log_likelihood(free)
        return Point(value, self.coordinates.pulled(x, by_free))

    def theta(self, x: Floats) -> Floats:
        """Return all of theta, float64[..., p]."""
        return self.problem.theta(self.coordinates.free(x))
