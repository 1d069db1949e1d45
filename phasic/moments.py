"""Moments of the reward collected until absorption, each a solve with kept factors.

All moments are those of the whole distribution: initial probability that is missing from `alpha` or
lies on absorbing vertices collects nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.replay import Factors, Numbers, in_range

_MANY = 1e14  # expected jumps


def expectation(factors: Factors, alpha: Floats, rewards: ArrayLike | None = None) -> float:
    """Return the expected reward until absorption.

    Parameters
    ----------
    factors : Factors
        The eliminated graph.
    alpha : float64[n]
        Initial probability of each vertex.
    rewards : float64[n], optional
        Reward per unit time (per step, for a discrete chain) in each vertex; default one, so that the
        answer is the expected time until absorption.

    Raises
    ------
    AbsorptionError
        Absorption is not certain.
    """
    return moments(factors, alpha, 1, rewards)[0]


def moments(
    factors: Factors,
    alpha: Floats,
    k: int,
    rewards: ArrayLike | None = None,
    discrete: bool = False,
) -> list[float]:
    r"""Return the raw moments :math:`E Y, E Y^2, \ldots, E Y^k` of the reward Y until absorption.

    In continuous time :math:`m_j = j (-S)^{-1} (r \cdot m_{j-1})`. In steps, the reward is collected
    once per step, and :math:`(I - P) m_j = \sum_{i<j} \binom{j}{i} r^{j-i} P m_i`, where
    :math:`P m_0` is one.

    Raises
    ------
    AbsorptionError
        Absorption is not certain.
    GraphError
        `k` is less than one.
    """
    if k < 1:
        raise GraphError(f"k is {k}; there is a moment for each k from 1")
    r = _rewards(factors, rewards)
    alpha = np.asarray(alpha, dtype=np.float64)
    factors.require_absorption(alpha)
    raw: list[float] = in_range(lambda chosen: _raw(chosen, alpha, k, r, discrete), factors).tolist()
    return raw


def _raw(factors: Factors, alpha: Floats, k: int, r: Floats, discrete: bool) -> list[Any]:
    starts = alpha.nonzero()[0]
    start = alpha[starts]
    if not discrete:
        return [start @ mean for mean in factors.moments(starts, k, r)]
    absorbing, stay = factors.trace.absorbing, _staying(factors)
    one = factors.leave.dtype.type(1)
    seen = [np.where(absorbing, 0 * one, one)]  # P m of each order so far
    raw = []
    for j in range(1, k + 1):
        terms = sum(comb(j, i) * r ** (j - i) * seen[i] for i in range(j))
        moment = _finite(factors, factors.collected(np.asarray(terms)))
        seen.append(_onward(factors, moment) + stay * moment)
        raw.append(start @ moment[starts])
    return raw


def variance(
    factors: Factors, alpha: Floats, rewards: ArrayLike | None = None, discrete: bool = False
) -> float:
    """Return the variance of the reward until absorption, without subtracting large moments."""
    return covariance(factors, alpha, rewards, rewards, discrete)


def covariance(
    factors: Factors,
    alpha: Floats,
    rewards1: ArrayLike | None = None,
    rewards2: ArrayLike | None = None,
    discrete: bool = False,
) -> float:
    """Return the covariance of two rewards until absorption; either defaults to the time itself."""
    same = rewards1 is rewards2
    return float(covariances(factors, alpha, [rewards1] if same else [rewards1, rewards2], discrete)[0, -1])


def covariances(
    factors: Factors,
    alpha: Floats,
    rewards: Sequence[ArrayLike | None] | NDArray[np.float64],
    discrete: bool = False,
) -> NDArray[np.float64]:
    r"""Return the covariance matrix of several rewards until absorption, float64[k, k].

    By the law of total covariance over the first jump, the conditional covariances solve the system of
    the means, with what one stay adds on the right-hand side:

    .. math:: r_i r'_i / \lambda_i + \sum_j \lambda_{ij} (m_j - \mu_i) (m'_j - \mu'_i),

    :math:`\mu_i` the mean of m where the jump leads, and the first term times the probability of staying
    for a discrete chain. The matrix weighs these by the expected time in each vertex, which takes one
    transposed solve, so k rewards take k + 1 solves; and a variance sums non-negative terms, so it keeps
    its digits however small it is beside the squared mean.

    Raises
    ------
    AbsorptionError
        Absorption is not certain.
    """
    alpha = np.asarray(alpha, dtype=np.float64)
    factors.require_absorption(alpha)
    vectors = np.empty((alpha.size, len(rewards)))
    for column, reward in enumerate(rewards):
        vectors[:, column] = _rewards(factors, reward)
    return in_range(lambda chosen: _covariances(chosen, alpha, vectors, discrete), factors)


def _covariances(factors: Factors, alpha: Floats, rewards: Floats, discrete: bool) -> Numbers:
    from phasic.kernels.spread import scatter

    trace, k = factors.trace, rewards.shape[1]
    means = factors.collected(rewards)
    if factors.n_stuck:
        means[factors.stuck] = 0.0
    stays = _staying(factors) if discrete else np.ones(trace.n_vertices, means.dtype)
    matrix = np.zeros((k, k), means.dtype)
    edges = (trace.offsets, trace.targets, factors.scaled)  # in scaled rows, since times may be too small
    scatter(*edges, factors.visited(alpha), stays, rewards * factors.scale[:, None], means, matrix)
    starts = np.flatnonzero(alpha)
    start, first = alpha[starts], means[starts]
    missing = max(0.0, 1.0 - float(alpha.sum()))
    centre = start @ first
    apart = np.sqrt(start)[:, None] * (first - centre)
    matrix += np.tril(apart.T @ apart) + missing * np.outer(centre, centre)
    matrix = np.tril(matrix) + np.tril(matrix, -1).T
    time = factors.spent(alpha)
    if not discrete and (time[trace.source] * factors.weights).sum() > _MANY:
        # So many jumps add up the rounding of means; but then variances are hardly below second moments.
        second = rewards.T @ (time[:, None] * means)
        second = second + second.T
        plain = second - np.outer(centre, centre)
        matrix = np.where(np.abs(plain) > 1e-2 * np.abs(second), plain, matrix)
    return np.asarray(matrix)


def _rewards(factors: Factors, rewards: ArrayLike | None) -> Floats:
    """Return `rewards` as float64[n], zero where nothing can be collected."""
    if rewards is None:
        return factors.trace.time
    n = factors.trace.n_vertices
    checked = np.array(rewards, dtype=np.float64)
    if checked.shape != (n,):
        raise GraphError(f"rewards have shape {checked.shape}, but the graph has {n} vertices")
    if not np.isfinite(checked).all():
        v = int(np.isfinite(checked).argmin())
        raise GraphError(f"the reward of vertex {v} is not finite: {checked[v]:g}; pass numbers")
    checked[factors.trace.absorbing] = 0.0
    return checked


def _finite(factors: Factors, values: Numbers) -> Numbers:
    """Return `values` with zeros where absorption is not certain; the chain was found not to get there."""
    return np.where(factors.stuck, 0.0, values) if factors.n_stuck else values


def _onward(factors: Factors, values: Numbers) -> Numbers:
    """Return what each vertex expects of `values` one edge on, edges to itself left out."""
    trace = factors.trace
    other = (trace.targets != trace.source) & (factors.weights != 0.0)
    terms = np.zeros(trace.n_vertices, values.dtype)
    np.add.at(terms, trace.source[other], factors.weights[other] * values[trace.targets[other]])
    return terms


def _staying(factors: Factors) -> Numbers:
    """Return the probability of one step back to the same vertex: what its other edges leave over."""
    onward = _onward(factors, np.ones(factors.trace.n_vertices, factors.leave.dtype))
    left = 1.0 - onward
    left[(left.real < 0.0) | factors.trace.absorbing] = 0.0
    return left
