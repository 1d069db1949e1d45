"""Inverse Laplace transforms by complex solves on a hyperbola, shared by many times."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.trace import Trace

Complex = NDArray[np.complex128]

_RATIO = 1000.0  # longest over shortest time that share a contour; nodes grow with its logarithm
PROBES = np.array([0.61, 0.83, 1.0])  # share of its longest time at which a contour vouches for the next
_DIGITS = 34.5  # natural logarithm of one over the error aimed at
_GROWTH = 5.0  # natural logarithm of how much rounding errors may grow
# Half the angle about the negative real axis in which each contour allows singularities. The next one is
# tried where two do not agree: complex eigenvalues, or a distribution narrow beside its mean.
SECTORS = (0.2, 0.5, 0.85, 1.15, 1.35)
_SIDE_BY_SIDE = 8  # nodes come in multiples of this


class Contour(NamedTuple):
    """Nodes and weights for times up to one; the other half of both is conjugate.

    Attributes
    ----------
    nodes, weights : complex128[k]
        ``f(t)`` is about the imaginary part of ``sum(weights * exp(nodes * t) * transform(nodes))``.
    """

    nodes: Complex
    weights: Complex


class _Shape(NamedTuple):
    """A hyperbola ``mu (1 + sin(iu - phi))`` and the step and number of its nodes."""

    number: int
    phi: float
    mu: float
    step: float


@lru_cache(maxsize=256)
def _shape(ratio: float, sector: float) -> _Shape:
    """Return the cheapest hyperbola that serves times from ``1 / ratio`` to 1.

    The trapezoidal rule on ``z(u) = mu (1 + sin(iu - phi))`` errs by how far u can move off the real line
    up to singularities, down to where the integrand grows, and by where the sum ends; the three are
    made equal [1]_, and phi such that few nodes do, without terms that grow and cancel.

    References
    ----------
    .. [1] J. A. C. Weideman and L. N. Trefethen, Math. Comp. 76 (2007), section 4.
    """
    best: _Shape | None = None
    for phi in np.linspace(0.02, np.pi / 2.0 - sector, 400)[:-1]:
        step = 2.0 * np.pi * (np.pi / 2.0 - sector - phi) / _DIGITS
        mu = 2.0 * np.pi * phi / step - _DIGITS
        if mu <= 0.5 or mu * (1.0 - np.sin(phi)) > _GROWTH:
            continue
        end = np.arccosh((1.0 + _DIGITS * ratio / mu) / np.sin(phi))
        found = _Shape(int(np.ceil(end / step)), float(phi), float(mu), float(step))
        best = found if best is None else min(best, found)
    assert best is not None, "every sector in use leaves room for a contour"
    return best


@lru_cache(maxsize=256)
def hyperbola(ratio: float, sector: float) -> Contour:
    """Return the nodes of the cheapest hyperbola that serves times from ``1 / ratio`` to 1."""
    count, phi, mu, step = _shape(ratio, sector)
    count += -count % _SIDE_BY_SIDE
    u = (np.arange(count) + 0.5) * step
    nodes = mu * (1.0 + np.sin(1j * u - phi))
    weights = (step / np.pi) * mu * 1j * np.cos(1j * u - phi)
    return Contour(np.asarray(nodes, np.complex128), np.asarray(weights, np.complex128))


def halfwidth(ratio: float, sector: float) -> float:
    """Return how far from the negative real axis singularities may lie for the contour to enclose them.

    Those with a negative real part lie inside the hyperbola of this sector if they are no farther off
    than it is where it crosses the imaginary axis.
    """
    return _shape(ratio, sector).mu * float(np.sin(sector) * np.tan(sector))


class Resolvent:
    """Solves with ``s I - S`` for complex s, in the order of a trace.

    The shift takes part as one more exit rate, so it keeps its digits beside rates that are much larger.
    There is no pivoting; what that may cost shows in the error estimate of `invert`.

    Parameters
    ----------
    trace : Trace
    weights : float64[m]
        Rates.
    """

    def __init__(self, trace: Trace, weights: Floats) -> None:
        self._trace = trace
        self._weights = weights
        self._lower = np.empty(trace.lower_columns.size, np.complex128)
        self._upper = np.empty(trace.upper_columns.size, np.complex128)
        self._leave = np.empty(trace.order.size, np.complex128)

    def _factorise(self, shift: complex) -> tuple[Any, ...]:
        from phasic.kernels.elimination import factorise

        factors = (self._lower, self._upper, self._leave)
        factorise(self._weights, *self._trace.plan, shift, *factors)
        return (self._weights, *self._trace.plan, *factors)

    def collected(self, shift: complex, rewards: Floats, alpha: Floats) -> Complex:
        """Return the transform of the mean reward rate, complex128[1]."""
        from phasic.kernels.elimination import solve

        out = np.zeros(self._trace.n_vertices, np.complex128)
        solve(*self._factorise(shift), rewards, out)
        return np.array([alpha @ out])

    def visited(self, shift: complex, alpha: Floats) -> Complex:
        """Return the transform of the probability of being in each vertex, complex128[n]."""
        from phasic.kernels.elimination import solve_transposed

        out = alpha.astype(np.complex128)
        solve_transposed(self._trace.targets, *self._factorise(shift), out)
        absorbing = self._trace.position < 0
        out[absorbing] /= shift
        return out


class Known(NamedTuple):
    """Values that are known otherwise: what a contour has to reproduce before it is believed.

    Attributes
    ----------
    times : float64[j]
    values : float64[j, k]
    """

    times: Floats
    values: Floats


def invert(
    transform: Callable[[complex], Complex], times: Floats, scale: float, known: Known
) -> tuple[Floats, float]:
    """Return the functions with this Laplace transform at `times`, and an estimate of the error.

    Each contour serves some decades of time. It is checked twice: against a wider one, which tells
    where poles come too near; and at its earliest times against what is known there, since a pole left
    outside both brings an oscillation that is largest early. Later contours are checked against the
    one before.

    Parameters
    ----------
    transform : callable
        Laplace transform of k real functions, complex128[k].
    times : float64[j]
        Finite, and none before the known ones.
    scale : float
        A lower bound on the largest value; contours are tried until their error is within 1e-11 of it.
    known : Known
        Values at several earlier times, not at equal ratios.

    Returns
    -------
    (float64[j, k], float)
        Values, and the largest error found; not all values are set where that is above 1e-8 of `scale`.
    """
    order = np.argsort(times, kind="stable")
    result = np.zeros((times.size, known.values.shape[1]))
    worst = 0.0
    done = 0
    while done < order.size and worst <= 1e-8 * scale:
        end = min(float(known.times.min()) * _RATIO, float(times[order[-1]]))
        stop = int(np.searchsorted(times[order], end, side="right"))
        here = order[done:stop]
        probes = end * PROBES
        asked = np.concatenate([times[here], probes])
        values, error = _checked(transform, asked, scale, known)
        result[here] = values[: here.size]
        known = Known(probes, values[here.size :])
        worst = max(worst, error)
        done = stop
    return result, worst


def _checked(
    transform: Callable[[complex], Complex], times: Floats, scale: float, known: Known
) -> tuple[Floats, float]:
    """Invert by one contour after another until the error is small; return the best found."""
    asked = np.concatenate([known.times, times])
    ratio = float(asked.max() / asked.min())
    ratio = 2.0 ** float(np.ceil(np.log2(ratio * (1.0 + 1e-12))))  # few distinct, so each is found once
    best, least = np.zeros((asked.size, known.values.shape[1])), np.inf
    before: Floats | None = None
    for sector in SECTORS:
        values = _inverted(transform, asked, hyperbola(ratio, sector))
        if before is not None:
            error = max(_distance(values, before), _distance(values[: known.times.size], known.values))
            if error < least:
                best, least = values, error
            if error <= 1e-11 * scale:
                break
        before = values
    return best[known.times.size :], least


def _inverted(transform: Callable[[complex], Complex], times: Floats, contour: Contour) -> Floats:
    longest = float(times.max())
    total: Floats | None = None
    for node, weight in zip(contour.nodes, contour.weights, strict=True):
        terms = weight / longest * np.exp(node * (times / longest))
        part = np.imag(np.multiply.outer(terms, transform(complex(node / longest))))
        total = part if total is None else total + part
    assert total is not None
    return total


def _distance(values: Floats, others: Floats) -> float:
    distance = float(np.abs(values - others).max(initial=0.0))
    return distance if np.isfinite(distance) else float(np.inf)
