"""What is known of a parameter before the data: densities with their derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from phasic.arrays import Floats
from phasic.errors import OptionError


class Prior(Protocol):
    """A density of one parameter, up to a factor.

    Attributes
    ----------
    support : {"real", "positive", "unit"}
        Where it is not zero.
    """

    support: str

    def log_density(self, theta: float) -> float:
        """Return its logarithm at `theta`."""

    def slope(self, theta: float) -> float:
        """Return the derivative of `log_density`."""


def _width(prob: float) -> float:
    """Return how many standard deviations either side hold `prob` of a Gaussian."""
    from statistics import NormalDist

    if not 0.0 < prob < 1.0:
        raise OptionError(f"prob is {prob!r}; pass a probability between 0 and 1")
    return NormalDist().inv_cdf(0.5 + 0.5 * prob)


def _positive(name: str, value: float) -> float:
    if not (isinstance(value, int | float | np.number) and 0.0 < value < math.inf):
        raise OptionError(f"{name} is {value!r}; pass a positive number")
    return float(value)


class _Shown:
    support: str

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        raise NotImplementedError

    def plot(
        self,
        figsize: tuple[float, float] | None = None,
        title: str | None = None,
        ax: Any = None,
        return_ax: bool = True,
    ) -> Any:
        """Draw the density, scaled to an area of one over what is drawn, and return the matplotlib axes."""
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=figsize or (4.0, 2.5), layout="constrained").add_subplot()
        theta = np.linspace(*self._shown(), 400)
        density = np.exp([self.log_density(float(t)) for t in theta])
        width = np.diff(theta)
        ax.plot(theta, density / (width * 0.5 * (density[1:] + density[:-1])).sum())
        ax.set_xlabel("theta")
        ax.set_title(repr(self) if title is None else title, fontsize=9)
        return ax if return_ax else None

    def _shown(self) -> tuple[float, float]:
        """Return from where to where the density is drawn: within it, where that is bounded."""
        return 0.001, 0.999

    def __repr__(self) -> str:
        content = ", ".join(f"{name}={value:g}" for name, value in vars(self).items())
        return f"{type(self).__name__}({content})"


class GaussPrior(_Shown):
    """A Gaussian, by its mean and standard deviation or by an interval that holds a share `prob` of it.

    Where a parameter has to be positive, it is what is left of it there.
    """

    support = "real"

    def __init__(
        self,
        mean: float | None = None,
        std: float | None = None,
        ci: Sequence[float] | None = None,
        prob: float = 0.95,
    ) -> None:
        if (ci is None) == (mean is None or std is None):
            raise OptionError("pass mean and std of the prior, or the interval ci")
        if ci is not None:
            low, high = ci
            mean, std = 0.5 * (low + high), 0.5 * (high - low) / _width(prob)
        assert mean is not None
        assert std is not None
        self.mean, self.std = float(mean), _positive("std", std)

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        return -0.5 * ((theta - self.mean) / self.std) ** 2

    def slope(self, theta: float) -> float:
        """See `Prior`."""
        return (self.mean - theta) / self.std**2

    def _shown(self) -> tuple[float, float]:
        return self.mean - 4.0 * self.std, self.mean + 4.0 * self.std

    @property
    def mu(self) -> float:
        """The mean."""
        return self.mean

    @property
    def sigma(self) -> float:
        """The standard deviation."""
        return self.std


class LogGaussPrior(_Shown):
    """A positive number whose logarithm is Gaussian.

    By `mean` and `std` of the logarithm, or by `median` of the number in place of the former and `log_std` as
    another name of the latter; or by an interval that holds a share `prob` of it.
    """

    support = "positive"

    def __init__(
        self,
        mean: float | None = None,
        std: float | None = None,
        ci: Sequence[float] | None = None,
        prob: float = 0.95,
        *,
        median: float | None = None,
        log_std: float | None = None,
    ) -> None:
        if mean is not None and median is None:
            median, mean = math.exp(mean), None
        if std is not None and log_std is None:
            log_std, std = std, None
        if (ci is None) == (median is None or log_std is None) or mean is not None or std is not None:
            raise OptionError(
                "pass mean and std of the logarithm, or median and log_std of the prior, or the interval ci"
            )
        if ci is not None:
            low, high = (math.log(_positive("an end of ci", end)) for end in ci)
            median, log_std = math.exp(0.5 * (low + high)), 0.5 * (high - low) / _width(prob)
        assert median is not None
        assert log_std is not None
        self.median, self.log_std = _positive("median", median), _positive("log_std", log_std)

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        place = math.log(theta / self.median) / self.log_std
        return -0.5 * place * place - math.log(theta)

    def slope(self, theta: float) -> float:
        """See `Prior`."""
        return -(math.log(theta / self.median) / self.log_std**2 + 1.0) / theta

    def _shown(self) -> tuple[float, float]:
        return self.median * math.exp(-5.0 * self.log_std), self.median * math.exp(3.0 * self.log_std)

    @property
    def mu(self) -> float:
        """The mean of the logarithm."""
        return math.log(self.median)

    @property
    def sigma(self) -> float:
        """The standard deviation of the logarithm."""
        return self.log_std


class GammaPrior(_Shown):
    """A gamma distribution of mean ``shape / rate``."""

    support = "positive"

    def __init__(self, shape: float, rate: float) -> None:
        self.shape, self.rate = _positive("shape", shape), _positive("rate", rate)

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        return (self.shape - 1.0) * math.log(theta) - self.rate * theta

    def slope(self, theta: float) -> float:
        """See `Prior`."""
        return (self.shape - 1.0) / theta - self.rate

    def _shown(self) -> tuple[float, float]:
        mean, std = self.shape / self.rate, math.sqrt(self.shape) / self.rate
        return 1e-6 * mean, mean + 5.0 * std


class HalfCauchyPrior(_Shown):
    """A half-Cauchy distribution, by its median `scale` or by `ci`, below which a share `prob` lies."""

    support = "positive"

    def __init__(self, scale: float | None = None, ci: float | None = None, prob: float = 0.95) -> None:
        if (scale is None) == (ci is None):
            raise OptionError("pass the scale of the prior, or the bound ci")
        if ci is not None:
            scale = _positive("ci", ci) / math.tan(0.5 * math.pi * prob)
        assert scale is not None
        self.scale = _positive("scale", scale)

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        return -math.log1p((theta / self.scale) ** 2)

    def slope(self, theta: float) -> float:
        """See `Prior`."""
        return -2.0 * theta / (self.scale**2 + theta**2)

    def _shown(self) -> tuple[float, float]:
        return 0.0, 12.0 * self.scale


class BetaPrior(_Shown):
    """A beta distribution, for a parameter between 0 and 1.

    By `alpha` and `beta`; or by its `mean` and their sum, `concentration`; or by an interval that a share
    `prob` of it lies in, and as much below as above.
    """

    support = "unit"

    def __init__(
        self,
        alpha: float | None = None,
        beta: float | None = None,
        ci: Sequence[float] | None = None,
        prob: float = 0.95,
        mean: float | None = None,
        concentration: float | None = None,
    ) -> None:
        ways = (alpha, beta), (mean, concentration), (ci, prob if ci is not None else None)
        if sorted(sum(given is not None for given in way) for way in ways) != [0, 0, 2]:
            raise OptionError(
                "pass alpha and beta of the prior, or mean and concentration, or the interval ci"
            )
        if ci is not None:
            alpha, beta = _beta_within(ci, prob)
        elif mean is not None and concentration is not None:
            if not 0.0 < mean < 1.0:
                raise OptionError(f"mean is {mean!r}; pass a number between 0 and 1")
            alpha, beta = mean * concentration, (1.0 - mean) * concentration
        assert alpha is not None
        assert beta is not None
        self.alpha, self.beta = _positive("alpha", alpha), _positive("beta", beta)

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        return (self.alpha - 1.0) * math.log(theta) + (self.beta - 1.0) * math.log1p(-theta)

    def slope(self, theta: float) -> float:
        """See `Prior`."""
        return (self.alpha - 1.0) / theta - (self.beta - 1.0) / (1.0 - theta)


def _beta_within(ci: Sequence[float], prob: float) -> tuple[float, float]:
    """Return the parameters of the beta distribution with as much below `ci` as above it."""
    from scipy.optimize import root
    from scipy.special import betainc

    low, high = ci
    width = _width(prob)
    if not 0.0 < low < high < 1.0:
        raise OptionError(f"ci is {ci!r}; pass two numbers between 0 and 1, the smaller one first")
    below = 0.5 * (1.0 - prob)
    mean, std = 0.5 * (low + high), 0.5 * (high - low) / width
    size = max(mean * (1.0 - mean) / std**2 - 1.0, 0.1)

    def off(logs: Floats) -> list[float]:
        alpha, beta = np.exp(logs)
        return [betainc(alpha, beta, low) - below, betainc(alpha, beta, high) - 1.0 + below]

    found = root(off, np.log([mean * size, (1.0 - mean) * size]), tol=1e-12)
    alpha, beta = np.exp(found.x)
    if not np.abs(off(found.x)).max() < 1e-8:
        raise OptionError(f"no beta distribution with ci {ci!r} was found; pass mean and concentration")
    return float(alpha), float(beta)


class Priors:
    """Independent priors of several parameters."""

    def __init__(self, each: Sequence[Prior]) -> None:
        self.each = list(each)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the density and its derivatives."""
        value = sum(prior.log_density(float(t)) for prior, t in zip(self.each, theta, strict=True))
        slopes = [prior.slope(float(t)) for prior, t in zip(self.each, theta, strict=True)]
        return value, np.array(slopes)

    def __iter__(self) -> Iterator[Prior]:
        return iter(self.each)

    def __len__(self) -> int:
        return len(self.each)

    def __getitem__(self, index: int) -> Prior:
        return self.each[index]

    def plot(self, figsize: tuple[float, float] | None = None) -> Any:
        """Draw every density, and return the matplotlib figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=figsize or (3.0 * len(self), 2.5), layout="constrained")
        for prior, ax in zip(self, np.ravel(figure.subplots(1, len(self))), strict=True):
            if isinstance(prior, _Shown):
                prior.plot(ax=ax)
        return figure

    def __repr__(self) -> str:
        return repr(self.each)


class GivenPrior:
    """A logarithm of a density as a function of JAX of all of theta."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs in another process: not what was compiled here."""
        return {"function": self.function}

    @cached_property
    def _both(self) -> Callable[[Any], Any]:
        import jax

        from phasic import jax_programs

        return jax_programs.jit(jax.value_and_grad(self.function))

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the density and its derivatives."""
        from phasic.inference.optimisers import in_float64

        with in_float64():
            value, slopes = self._both(np.asarray(theta))
        return float(value), np.asarray(slopes, np.float64)

    def __repr__(self) -> str:
        return f"GivenPrior({self.function!r})"
