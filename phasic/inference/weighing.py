"""From theta to weights and back: what weights are, and derivatives by theta from those by weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from phasic.arrays import Floats, GraphArrays
from phasic.errors import GraphError, ParameterError
from phasic.weighting import Given, Weighting, given, linear, product

_STEP = 4e-3  # of differences, beside theta: their error is below 1e-12 where weights are smooth
_TRIES = 5
_POINTS = ((1, 0.75), (2, -0.15), (3, 1.0 / 60.0))


class Weighing:
    """Weights that are ``sum(c * theta)``; the other ways are below.

    Parameters
    ----------
    arrays : GraphArrays

    Attributes
    ----------
    takes_any_length : bool
        Whether theta may have another length than coefficients have.
    """

    takes_any_length = False

    def __init__(self, arrays: GraphArrays) -> None:
        self._arrays = arrays

    def weights(self, theta: Floats) -> Floats:
        """Return the weight of every edge, float64[m].

        Raises
        ------
        ParameterError
            A weight cannot be.
        """
        # Not arrays.weights, which puts theta into words each time: a tenth of an evaluation.
        return self._arrays.checked(self._arrays.coefficients @ theta, theta)

    def slopes(self, theta: Floats) -> Floats:
        """Return derivatives of every weight by theta, float64[m, p]."""
        return self._arrays.coefficients

    def back(self, theta: Floats, by_weight: Floats) -> Floats:
        """Return derivatives by theta, float64[p], of what has these by weights."""
        return np.asarray(by_weight @ self.slopes(theta))

    def settings(self) -> dict[str, Any]:
        """Return what `Graph.update_weights` has to be told."""
        return {}


class Products(Weighing):
    """Weights that are ``prod(c * theta)``."""

    def weights(self, theta: Floats) -> Floats:
        """See `Weighing`."""
        return product(self._arrays, theta)

    def slopes(self, theta: Floats) -> Floats:
        """See `Weighing`."""
        if not theta.all():
            raise ParameterError(f"theta is {theta}; products have a derivative here where no factor is 0")
        return self.weights(theta)[:, None] / theta

    def settings(self) -> dict[str, Any]:
        """See `Weighing`."""
        return {"log": True}


class Callbacks(Weighing):
    """Weights that are ``callback(theta, c)``, differentiated by differences of sixth order.

    It is called once for each different vector of coefficients, and six times for each parameter.
    """

    takes_any_length = True

    def __init__(self, arrays: GraphArrays, callback: Given) -> None:
        super().__init__(arrays)
        self._callback = callback
        self._rows, which = np.unique(arrays.coefficients, axis=0, return_inverse=True)
        self._which = which.reshape(-1)

    def _at(self, theta: Floats) -> Floats:
        return np.array([float(self._callback(theta.copy(), row.copy())) for row in self._rows])

    def weights(self, theta: Floats) -> Floats:
        """See `Weighing`."""
        return self._arrays.checked(self._at(theta)[self._which], theta, " with the callback")

    def slopes(self, theta: Floats) -> Floats:
        """See `Weighing`."""
        columns = []
        for i in range(theta.size):
            step = _STEP * abs(theta[i]) or _STEP
            for _ in range(_TRIES):
                change = self._difference(theta, i, step)
                if np.isfinite(change).all():
                    break
                step /= 10.0  # it went beyond where the callback is defined
            columns.append(change)
        return np.stack(columns, axis=1)[self._which]

    def _difference(self, theta: Floats, i: int, step: float) -> Floats:
        change = np.zeros(self._rows.shape[0])
        for k, factor in _POINTS:
            up, down = theta.copy(), theta.copy()
            up[i], down[i] = theta[i] + k * step, theta[i] - k * step
            try:
                with np.errstate(all="ignore"):
                    change += factor * (self._at(up) - self._at(down))
            except (ArithmeticError, ValueError):
                return np.full(change.shape, np.nan)
        return change / step

    def settings(self) -> dict[str, Any]:
        """See `Weighing`."""
        return {"callback": self._callback}


class EachEpoch(Weighing):
    """Weights of every epoch, float64[k, m], each by its own part of theta."""

    def __init__(self, one: Weighing, count: int) -> None:
        super().__init__(one._arrays)
        self._one, self._count = one, count

    def weights(self, theta: Floats) -> Floats:
        """See `Weighing`."""
        return np.array([self._one.weights(own) for own in np.split(theta, self._count)])

    def slopes(self, theta: Floats) -> Floats:
        """Refuse."""
        raise GraphError("what epochs add up to has no moments; use fit, svgd or mcmc")

    def back(self, theta: Floats, by_weight: Floats) -> Floats:
        """See `Weighing`."""
        pairs = zip(np.split(theta, self._count), by_weight, strict=True)
        return np.concatenate([self._one.back(own, row) for own, row in pairs])


def weighing_of(arrays: GraphArrays, weighting: Weighting, callback: Any = None) -> Weighing:
    """Return how weights follow from theta: by a callback where one is given, else as the graph does it.

    Raises
    ------
    GraphError
        The callback cannot be called.
    """
    if callback is None and isinstance(weighting, partial) and weighting.func is given:
        callback = weighting.keywords["callback"]
    if callback is not None:
        if not callable(callback):
            raise GraphError(f"callback is {callback!r}; pass a function of theta and coefficients")
        return Callbacks(arrays, callback)
    if weighting is product:
        return Products(arrays)
    if weighting is not linear:
        raise GraphError(f"weights by {weighting!r} cannot be fitted; call update_weights(theta) first")
    return Weighing(arrays)
