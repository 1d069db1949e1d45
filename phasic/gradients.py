"""Derivatives of moments with respect to theta.

Weights follow theta, and `coefficients` is how: ``float64[m, p]``, the derivative of each weight by each
parameter. Derivatives by a parameter that opens an edge of weight zero are those of opening it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic import moments as algorithm
from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.replay import Factors, Numbers, in_range

_ACCURACY = 1e-9
_EPSILON = 2.0**-52


def expectation(
    factors: Factors, alpha: Floats, coefficients: Floats, rewards: ArrayLike | None = None
) -> tuple[float, Floats]:
    r"""Return the expected reward until absorption and its derivatives by theta, float64[p].

    With m the expected rewards from each vertex on, and z the expected time in each,

    .. math:: \frac{d}{d\theta} \alpha m = \sum_{i \to j} z_i \frac{d\lambda_{ij}}{d\theta} (m_j - m_i),

    so one solve and one transposed solve give all derivatives. Near a trap, m_j and m_i can agree in so
    many digits that their difference has none left; a bound on the rounding errors tells, and then
    derivatives are carried through the elimination itself, as `moments` does it.

    Parameters
    ----------
    factors, alpha, rewards
        As for `phasic.moments.expectation`.
    coefficients : float64[m, p]
        Derivative of each weight by each parameter.

    Raises
    ------
    AbsorptionError
        Absorption is not certain.
    """
    coefficients = _checked(factors, coefficients)
    alpha = np.asarray(alpha, dtype=np.float64)
    r = algorithm._rewards(factors, rewards)
    factors.require_absorption(alpha)
    found = in_range(lambda chosen: _direct(chosen, alpha, coefficients, r), factors)
    value, derivatives, uncertain = found[0, 0], found[0, 1:], found[1, 1:]
    if (uncertain <= _ACCURACY * np.abs(derivatives)).all():
        return float(value), derivatives
    values, slopes = moments(factors, alpha, coefficients, 1, rewards)
    return values[0], slopes[0]


def moments(
    factors: Factors,
    alpha: Floats,
    coefficients: Floats,
    k: int,
    rewards: ArrayLike | None = None,
    discrete: bool = False,
) -> tuple[list[float], Floats]:
    """Return the first `k` raw moments and their derivatives by theta, float64[k, p].

    Each parameter takes an elimination in complex numbers, whose imaginary parts carry the derivative
    [1]_. The elimination subtracts nothing, so derivatives are as accurate as moments, relative to the
    moment over the parameter.

    Parameters
    ----------
    factors, alpha, k, rewards, discrete
        As for `phasic.moments.moments`.
    coefficients : float64[m, p]
        Derivative of each weight by each parameter.

    Raises
    ------
    AbsorptionError
        Absorption is not certain.

    References
    ----------
    .. [1] W. Squire and G. Trapp, SIAM Rev. 40 (1998).
    """
    coefficients = _checked(factors, coefficients)
    alpha = np.asarray(alpha, dtype=np.float64)
    values = algorithm.moments(factors, alpha, k, rewards, discrete)
    r = algorithm._rewards(factors, rewards)
    directions, endless = coefficients.T, np.zeros(coefficients.shape[1], np.bool_)
    # An edge is opened beside what its state is left by already.
    beside = factors.weights
    if not beside.all():
        sums = np.bincount(factors.trace.source, beside, factors.trace.n_vertices)[factors.trace.source]
        beside = np.where(beside > 0.0, beside, sums)
        directions, endless = _opening(factors, alpha, directions * (sums > 0.0))

    def slopes(chosen: Factors) -> Numbers:
        rows = []
        for direction in directions:
            share = np.max(np.abs(direction) / np.where(direction == 0.0, 1.0, beside), initial=0.0)
            step = 1e-60 / share if share > 0.0 else 1.0
            bent = algorithm._raw(chosen.perturbed(direction, step), alpha, k, r, discrete)
            rows.append(np.array(bent).imag / step)
        return np.reshape(rows, (len(rows), k)).T

    found = in_range(slopes, factors)
    found[:, endless] = np.inf
    return values, found


def _opening(factors: Factors, alpha: Floats, directions: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return directions without what cannot be reached, and which open a way to where nothing ends.

    There, moments are finite as long as the way is shut, and have no derivative.
    """
    if not factors.n_stuck:
        return directions, np.zeros(len(directions), np.bool_)
    trace = factors.trace
    into = factors.stuck[trace.targets] & ~factors.stuck[trace.source]
    visited = factors.spent(alpha)[trace.source] > 0.0
    endless = (directions[:, into & visited] != 0.0).any(axis=1)
    return np.where(into | factors.stuck[trace.source], 0.0, directions), endless


def _direct(factors: Factors, alpha: Floats, coefficients: Floats, r: Floats) -> Numbers:
    """Return two rows: the value and its derivatives, and what rounding may have changed in each."""
    trace = factors.trace
    m, time = factors.collected(r), factors.spent(alpha)
    if factors.n_stuck:
        m[factors.stuck] = np.inf
    starts = np.flatnonzero(alpha)
    edges = np.flatnonzero(time[trace.source])
    begin, end = m[trace.source[edges]], m[trace.targets[edges]]
    out = np.zeros((2, 1 + coefficients.shape[1]), m.dtype)
    out[0, 0] = alpha[starts] @ m[starts]
    for j, direction in enumerate(coefficients[edges].T, start=1):
        on = direction != 0.0
        slopes = direction[on] * time[trace.source[edges[on]]]
        out[0, j] = (slopes * (end[on] - begin[on])).sum()
        out[1, j] = 8.0 * _EPSILON * (np.abs(slopes) * (np.abs(end[on]) + np.abs(begin[on]))).sum()
    return out


def _checked(factors: Factors, coefficients: Floats) -> Floats:
    checked: NDArray[np.float64] = np.asarray(coefficients, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[0] != factors.weights.size:
        raise GraphError(
            f"coefficients have shape {checked.shape}, but the graph has {factors.weights.size} edges; "
            f"pass a row of derivatives for each"
        )
    return checked
