"""The highest place of a smooth log-density, and how sharply it falls from there in which direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from phasic.arrays import Floats
from phasic.errors import PhasicError
from phasic.inference.posterior import Point

_REACH = 25.0  # how far from the start to look: logarithms of parameters
_STEP = 6e-6  # of differences of slopes, relative to the scale of x: cube root of float64's rounding
_HALVINGS = 10
_SADDLES = 3
_FLAT = 1e-2  # curvature, by logarithms of parameters, that less than one observation would give


class Optimum(NamedTuple):
    """A maximum.

    Attributes
    ----------
    x : float64[f]
    value : float
    curvature : float64[f, f]
        Minus the second derivatives.
    converged : bool
    message : str
    """

    x: Floats
    value: float
    curvature: Floats
    converged: bool
    message: str


def maximise(function: Callable[[Floats], Point], start: Floats, max_steps: int = 200) -> Optimum:
    """Return the maximum that is reached uphill from `start`.

    A quasi-Newton search, and a few Newton steps with differences of exact slopes to end it. Where it comes
    to a saddle, as from equal values of parameters that could be exchanged, it goes on to either side.

    Raises
    ------
    PhasicError
        The function is minus infinity at the start.
    """
    found = _uphill(function, start, start, max_steps)
    for _ in range(_SADDLES):
        off = _off_the_saddle(found)
        if off is None:
            break
        sides = [found.x + off, found.x - off]
        tried = [
            _uphill(function, side, start, max_steps) for side in sides if np.isfinite(function(side).value)
        ]
        better = max(tried, key=lambda one: one.value, default=found)
        if not better.value > found.value:
            break
        found = better
    return found


def _off_the_saddle(found: Optimum) -> Floats | None:
    """Return a step in the direction in which a function curves upwards, if there is one."""
    if not np.isfinite(found.curvature).all():
        return None
    values, vectors = np.linalg.eigh(found.curvature)
    if not values[0] < -max(_FLAT, 1e-6 * float(values[-1])):
        return None
    first = vectors[:, 0] * np.sign(vectors[np.abs(vectors[:, 0]).round(6).argmax(), 0])
    return np.asarray(first * min(0.5, 1.0 / np.sqrt(-values[0])))


def _uphill(function: Callable[[Floats], Point], start: Floats, centre: Floats, max_steps: int) -> Optimum:
    """Return where a search from `start` ends, within some reach of the centre."""
    from scipy.optimize import minimize

    first = function(start)
    if not np.isfinite(first.value):
        raise PhasicError(f"the density is 0 at the start, {start}; start from another theta")
    scale = max(1.0, float(np.abs(first.slopes).max(initial=0.0)))

    latest = start, first

    def downhill(x: Floats) -> tuple[float, Floats]:
        """Return what to minimise; where there is no density, a wall that leads back to where there was."""
        nonlocal latest
        value, slopes = function(x)
        if np.isfinite(value):
            latest = x.copy(), Point(value, slopes)
            return -value / scale, -slopes / scale
        away = x - latest[0]
        distance = float(np.linalg.norm(away))
        steep = 1.0 + float(np.linalg.norm(latest[1].slopes)) / scale
        return -latest[1].value / scale + steep * distance, steep * away / distance

    bounds = [(middle - _REACH, middle + _REACH) for middle in centre]
    options = {"maxiter": max_steps, "ftol": 1e-13, "gtol": 1e-9}
    found = minimize(downhill, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    x, converged = np.asarray(found.x, np.float64), False
    point, bend = function(x), curvature(function, x)
    for _ in range(5):
        size = float(np.abs(point.slopes).max())
        try:
            step = np.linalg.solve(bend, point.slopes)
        except np.linalg.LinAlgError:
            break
        gain = float(step @ point.slopes)
        if 0.0 <= gain < 1e-14 * max(1.0, abs(point.value)):
            converged = True
            break
        there = function(x + step)
        for _ in range(_HALVINGS):  # of a step out of what can be
            if np.isfinite(there.value):
                break
            step = 0.5 * step
            there = function(x + step)
        if gain < 0.0 or not (np.isfinite(there.value) and np.abs(there.slopes).max() < size):
            converged = 0.0 <= gain < 1e-9 * max(1.0, abs(point.value))
            break
        x, point = x + step, there
        bend = curvature(function, x)
    away = bool((np.abs(x - centre) >= 0.99 * _REACH).any())
    message = "the data drive a parameter to the end of its range" if away else "converged"
    if not (converged or away):
        message = "no maximum was found; " + str(found.message)
    if not np.isfinite(bend).all():
        message = "the density rises up to the border of what parameters can be, and bends nowhere there"
    return Optimum(x, point.value, bend, converged and not away, message)


def curvature(function: Callable[[Floats], Point], x: Floats) -> Floats:
    """Return minus the second derivatives at `x`, by differences of exact slopes, float64[f, f]."""
    rows = []
    for unit in np.eye(x.size):
        step = _STEP * max(1.0, float(np.abs(x) @ unit)) * unit
        rows.append((function(x - step).slopes - function(x + step).slopes) / (2.0 * step.sum()))
    matrix = np.array(rows)
    return np.asarray(0.5 * (matrix + matrix.T))


def flat_direction(bend: Floats) -> Floats | None:
    """Return the direction in which a likelihood of this curvature hardly changes, if there is one."""
    if not np.isfinite(bend).all():
        return None
    values, vectors = np.linalg.eigh(bend)
    if values[0] > max(_FLAT, 1e-9 * values[-1]):
        return None
    direction = vectors[:, 0]
    return np.asarray(direction * np.sign(direction[np.abs(direction).argmax()]))


def described(direction: Floats, places: list[list[int]]) -> str:
    """Return a direction in words: which parameters change together, as a product of powers stays."""
    parts = [
        f"log(theta[{group[0]}]) by {share:+.2f}"
        for group, share in zip(places, direction, strict=True)
        if abs(share) > 0.05
    ]
    return "changing " + " and ".join(parts)


def square_root(bend: Floats) -> Floats:
    """Return L with ``L L' = inverse(bend)``, directions that do not fall made to, float64[f, f]."""
    values, vectors = np.linalg.eigh(bend)
    largest = float(values.max(initial=0.0))
    least = max(1e-12 * largest, 1e-2)
    return np.asarray(vectors / np.sqrt(np.maximum(values, least)))
