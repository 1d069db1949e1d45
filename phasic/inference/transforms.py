"""Parameters with a range, seen as numbers without one, and what that does to a density."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from phasic.arrays import Floats
from phasic.errors import OptionError


class Transform(Protocol):
    """A smooth increasing map from all real numbers to where a parameter lies."""

    name: str

    def theta(self, x: Floats) -> Floats:
        """Return the parameter."""

    def inverse(self, theta: Floats) -> Floats:
        """Return what `theta` is the parameter of."""

    def slope(self, x: Floats) -> Floats:
        """Return the derivative of `theta`."""

    def log_slope(self, x: Floats) -> Floats:
        """Return the logarithm of `slope`: by so much a density of theta differs from one of x."""

    def log_slope_slope(self, x: Floats) -> Floats:
        """Return the derivative of `log_slope`."""


def _sigmoid(x: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -x))


class Identity:
    """Any number."""

    name = "identity"

    def theta(self, x: Floats) -> Floats:
        """See `Transform`."""
        return x

    def inverse(self, theta: Floats) -> Floats:
        """See `Transform`."""
        return theta

    def slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.ones_like(x)

    def log_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.zeros_like(x)

    def log_slope_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.zeros_like(x)


class Log:
    """A positive number, by its logarithm."""

    name = "log"

    def theta(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.exp(x)

    def inverse(self, theta: Floats) -> Floats:
        """See `Transform`."""
        return np.log(theta)

    def slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.exp(x)

    def log_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return x

    def log_slope_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.ones_like(x)


class Softplus:
    """A positive number ``log(1 + exp(x))``, nearly x itself where it is large."""

    name = "softplus"

    def theta(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.logaddexp(0.0, x)

    def inverse(self, theta: Floats) -> Floats:
        """See `Transform`."""
        return np.asarray(theta + np.log(-np.expm1(-theta)))

    def slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return _sigmoid(x)

    def log_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return -np.logaddexp(0.0, -x)

    def log_slope_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return _sigmoid(-x)


class Logit:
    """A number between 0 and 1, by the logarithm of its odds."""

    name = "logit"

    def theta(self, x: Floats) -> Floats:
        """See `Transform`."""
        return _sigmoid(x)

    def inverse(self, theta: Floats) -> Floats:
        """See `Transform`."""
        return np.asarray(np.log(theta) - np.log1p(-theta))

    def slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return _sigmoid(x) * _sigmoid(-x)

    def log_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return np.asarray(-np.logaddexp(0.0, -x) - np.logaddexp(0.0, x))

    def log_slope_slope(self, x: Floats) -> Floats:
        """See `Transform`."""
        return _sigmoid(-x) - _sigmoid(x)


TRANSFORMS: dict[str, Transform] = {each.name: each for each in (Identity(), Log(), Softplus(), Logit())}


def transform(name: str) -> Transform:
    """Return the transform of this name."""
    found = TRANSFORMS.get(name) if isinstance(name, str) else None
    if found is None:
        raise OptionError(f"param_transform is {name!r}; choose one of {', '.join(TRANSFORMS)}")
    return found
