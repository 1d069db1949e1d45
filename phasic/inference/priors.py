"""What is known of a parameter before the data: densities with their derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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


class LogGaussPrior(_Shown):
    """A positive number whose logarithm is Gaussian: by median and standard deviation of the logarithm."""

    support = "positive"

    def __init__(
        self,
        median: float | None = None,
        log_std: float | None = None,
        ci: Sequence[float] | None = None,
        prob: float = 0.95,
    ) -> None:
        if (ci is None) == (median is None or log_std is None):
            raise OptionError("pass median and log_std of the prior, or the interval ci")
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


class BetaPrior(_Shown):
    """A beta distribution, for a parameter between 0 and 1."""

    support = "unit"

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha, self.beta = _positive("alpha", alpha), _positive("beta", beta)

    def log_density(self, theta: float) -> float:
        """See `Prior`."""
        return (self.alpha - 1.0) * math.log(theta) + (self.beta - 1.0) * math.log1p(-theta)

    def slope(self, theta: float) -> float:
        """See `Prior`."""
        return (self.alpha - 1.0) / theta - (self.beta - 1.0) / (1.0 - theta)


class Priors:
    """Independent priors of several parameters."""

    def __init__(self, each: Sequence[Prior]) -> None:
        self.each = list(each)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the density and its derivatives."""
        value = sum(prior.log_density(float(t)) for prior, t in zip(self.each, theta, strict=True))
        slopes = [prior.slope(float(t)) for prior, t in zip(self.each, theta, strict=True)]
        return value, np.array(slopes)

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

        both: Callable[[Any], Any] = jax.jit(jax.value_and_grad(self.function))
        return both

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the density and its derivatives."""
        from phasic.inference.optimisers import in_float64

        with in_float64():
            value, slopes = self._both(np.asarray(theta))
        return float(value), np.asarray(slopes, np.float64)

    def __repr__(self) -> str:
        return f"GivenPrior({self.function!r})"
