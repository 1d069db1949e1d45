"""Moments of the reward collected until absorption, each a solve with kept factors.

All moments are those of the whole distribution: initial probability that is missing from `alpha` or
lies on absorbing vertices collects nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.replay import Factors


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
    absorbing, starts = factors.trace.position < 0, alpha > 0.0
    stay = _staying(factors) if discrete else None
    seen = [np.where(absorbing, 0.0, 1.0)]  # of each order so far: m, or P m for a discrete chain
    raw: list[float] = []
    with np.errstate(over="ignore", invalid="ignore"):  # high moments may be beyond float64
        for j in range(1, k + 1):
            if stay is None:
                moment = _finite(factors, factors.solve(j * r * seen[-1]))
                seen.append(moment)
            else:
                collected = sum(comb(j, i) * r ** (j - i) * seen[i] for i in range(j))
                moment = _finite(factors, factors.solve(collected))
                seen.append(_onward(factors, moment) + stay * moment)
            raw.append(float(alpha[starts] @ moment[starts]))
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
    trace = factors.trace
    alpha = np.asarray(alpha, dtype=np.float64)
    visits = factors.solve_transposed(alpha)
    vectors = [_rewards(factors, reward) for reward in rewards]
    means = [_finite(factors, factors.solve(reward)) for reward in vectors]

    source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
    rates = np.where(trace.targets == source, 0.0, factors.weights)
    leave = np.bincount(source, rates, trace.n_vertices)
    moves = leave > 0.0
    per_stay = np.divide(visits, leave, out=np.zeros_like(visits), where=moves)
    if discrete:
        per_stay *= _staying(factors)
    jumps = rates * visits[source]
    spread = []
    for mean in means:
        sums = np.bincount(source, rates * mean[trace.targets], trace.n_vertices)
        onward = np.divide(sums, leave, out=np.zeros(sums.size), where=moves)  # sums of no edges are ints
        spread.append(mean[trace.targets] - onward[source])

    k = len(vectors)
    missing = max(0.0, 1.0 - float(alpha.sum()))
    centres = [float(alpha @ mean) for mean in means]
    matrix = np.empty((k, k))
    for a in range(k):
        for b in range(a + 1):
            stays = per_stay @ (vectors[a] * vectors[b])
            jumped = jumps @ (spread[a] * spread[b])
            started = alpha @ ((means[a] - centres[a]) * (means[b] - centres[b]))
            matrix[a, b] = stays + jumped + started + missing * centres[a] * centres[b]
            matrix[b, a] = matrix[a, b]
    return matrix


def _rewards(factors: Factors, rewards: ArrayLike | None) -> Floats:
    """Return `rewards` as float64[n], zero where nothing can be collected."""
    n = factors.trace.n_vertices
    checked = np.ones(n) if rewards is None else np.array(rewards, dtype=np.float64)
    if checked.shape != (n,):
        raise GraphError(f"rewards have shape {checked.shape}, but the graph has {n} vertices")
    if not np.isfinite(checked).all():
        raise GraphError(f"the reward of vertex {int(np.isfinite(checked).argmin())} is not finite")
    checked[factors.trace.position < 0] = 0.0
    return checked


def _finite(factors: Factors, values: Floats) -> Floats:
    """Return `values` with zeros where absorption is not certain; the chain was found not to get there."""
    return np.where(factors.stuck, 0.0, values) if factors.stuck.any() else values


def _onward(factors: Factors, values: Floats) -> Floats:
    """Return what each vertex expects of `values` one edge on, edges to itself left out."""
    trace = factors.trace
    source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
    terms = np.where(trace.targets == source, 0.0, factors.weights * values[trace.targets])
    return np.asarray(np.bincount(source, terms, trace.n_vertices), np.float64)


def _staying(factors: Factors) -> Floats:
    """Return the probability of one step back to the same vertex: what its other edges leave over."""
    onward = _onward(factors, np.ones(factors.trace.n_vertices))
    return np.where(factors.trace.position < 0, 0.0, np.maximum(0.0, 1.0 - onward))
