"""Kernels that follow a chain jump by jump, and weigh jumps by Poisson probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel

_FEW = 1500  # entries, of steps and edges together: the work is their product
# No smaller literal: in threads of XLA, where this may be imported first, smaller ones are read as zero.
_TINY = 2.3e-308


@kernel(writes=("state", "into", "left", "absorbed"), little=_FEW)
def walk(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    transient: Any,
    state: Any,
    into: Any,
    left: Any,
    absorbed: Any,
) -> None:
    """Follow the distribution of a chain for ``into.size`` steps.

    Parameters
    ----------
    offsets, targets, probabilities : int64[n + 1], int32[m], float64[m]
        One-step probabilities of edges by source.
    stay : float64[n]
        Probability of staying; one for absorbing vertices.
    transient : bool[n]
        Whether a vertex has edges.
    state : float64[n]
        Where the chain is; moved on.
    into, left, absorbed : float64[steps]
        Filled with the probability of being absorbed by the k-th step from now, of not being absorbed
        before it, and of being absorbed before it.
    """
    n = state.size
    moved = np.empty(n)
    for k in range(into.size):
        remains = 0.0
        arrived = 0.0
        gone = 0.0
        for v in range(n):
            moved[v] = state[v] * stay[v]
            if transient[v]:
                remains += state[v]
            else:
                gone += state[v]
        for v in range(n):
            mass = state[v]
            if mass == 0.0 or not transient[v]:
                continue
            for a in range(offsets[v], offsets[v + 1]):
                u = targets[a]
                part = mass * probabilities[a]
                moved[u] += part
                if not transient[u]:
                    arrived += part
        for v in range(n):
            state[v] = moved[v]
        into[k] = arrived
        left[k] = remains
        absorbed[k] = gone


@kernel(writes=("weights",))
def poisson_weights(mean: Any, weights: Any) -> None:
    """Fill `weights` (float64[k]) with Poisson probabilities of 0, 1, ..., k - 1, summing to one.

    Starting at the mode, so that nothing underflows that counts, and each keeps its relative accuracy
    far into the tails [1]_.

    References
    ----------
    .. [1] B. L. Fox and P. W. Glynn, Commun. ACM 31 (1988).
    """
    for k in range(weights.size):
        weights[k] = 0.0
    mode = min(int(mean), weights.size - 1)
    weights[mode] = 1.0
    for k in range(mode + 1, weights.size):
        weights[k] = weights[k - 1] * (mean / k)
        if weights[k] < _TINY:
            weights[k] = 0.0
            break
    for k in range(mode, 0, -1):
        weights[k - 1] = weights[k] * (k / mean)
        if weights[k - 1] < _TINY:
            weights[k - 1] = 0.0
            break
    total = 0.0
    # Smallest first, from either end.
    for k in range(mode):
        total += weights[k]
    above = 0.0
    for k in range(weights.size - 1, mode - 1, -1):
        above += weights[k]
    for k in range(weights.size):
        weights[k] /= total + above


@kernel(writes=("out",), little=_FEW)
def mix(means: Any, sequence: Any, out: Any) -> None:
    """Fill `out` with the Poisson means of `sequence`: ``sum_k e^-m m^k / k! sequence[k]`` for each m."""
    weights = np.empty(sequence.size)
    for i in range(means.size):
        poisson_weights(means[i], weights)
        total = 0.0
        for k in range(sequence.size):
            total += weights[k] * sequence[k]
        out[i] = total


@kernel(writes=("worth", "out"), little=_FEW)
def weigh(means: Any, counts: Any, sequence: Any, worth: Any, out: Any) -> None:
    """Do what `mix` does, and add what the logarithms of the results are worth in entries of `sequence`.

    Parameters
    ----------
    means, counts : float64[times]
        How often each result counts.
    sequence : float64[steps]
    worth : float64[steps]
        Added to: the derivative of ``sum(counts * log(out))`` by each entry of `sequence`.
    out : float64[times]
        Filled; those that are zero are worth nothing.
    """
    weights = np.empty(sequence.size)
    for i in range(means.size):
        poisson_weights(means[i], weights)
        total = 0.0
        for k in range(sequence.size):
            total += weights[k] * sequence[k]
        out[i] = total
        if total > 0.0:
            for k in range(sequence.size):
                worth[k] += counts[i] / total * weights[k]


@kernel(writes=("state", "out"), little=_FEW)
def blend(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    state: Any,
    weights: Any,
    out: Any,
) -> None:
    """Add the distribution of the chain after each step k, times ``weights[:, k]``, to the rows of `out`.

    Parameters
    ----------
    offsets, targets, probabilities, stay, state
        As for `walk`.
    weights : float64[times, steps]
        Weight of each step for each time.
    out : float64[times, n]
        Added to.
    """
    n = state.size
    moved = np.empty(n)
    for k in range(weights.shape[1]):
        for i in range(weights.shape[0]):
            w = weights[i, k]
            if w > 0.0:
                for v in range(n):
                    out[i, v] += w * state[v]
        for v in range(n):
            moved[v] = state[v] * stay[v]
        for v in range(n):
            mass = state[v]
            if mass > 0.0:
                for a in range(offsets[v], offsets[v + 1]):
                    moved[targets[a]] += mass * probabilities[a]
        for v in range(n):
            state[v] = moved[v]


@kernel(writes=("state", "visited"), little=_FEW)
def follow(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    transient: Any,
    state: Any,
    visited: Any,
) -> None:
    """Fill the rows of `visited` (float64[steps, n]) with `state` before each step, and move it on.

    Only mass in vertices that have edges is kept: what is absorbed takes no further part.
    """
    n = state.size
    for k in range(visited.shape[0]):
        for v in range(n):
            visited[k, v] = state[v]
            state[v] *= stay[v]
        for v in range(n):
            mass = visited[k, v]
            if mass > 0.0:
                for a in range(offsets[v], offsets[v + 1]):
                    if transient[targets[a]]:
                        state[targets[a]] += mass * probabilities[a]


@kernel(writes=("ahead", "out"), little=_FEW)
def walk_back(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    transient: Any,
    visited: Any,
    worth: Any,
    alive: Any,
    ahead: Any,
    out: Any,
) -> None:
    """Add the derivative of ``sum_k worth[k] into[k] + alive[k] left[k]`` by one-step probabilities to `out`.

    Steps are those of `follow`, ``into[k]`` being the probability of absorption in step k, and ``left[k]``
    that of no absorption before it. More of one jump is less of staying.

    Parameters
    ----------
    visited : float64[steps, n]
        As filled by `follow`.
    worth, alive : float64[steps]
    ahead : float64[n]
        What being in each vertex after the last of these steps is worth; on exit, before the first one.
    out : float64[m]
    """
    n = ahead.size
    before = np.empty(n)
    for k in range(worth.size - 1, -1, -1):
        w = worth[k]
        for v in range(n):
            total = ahead[v] * stay[v]
            mass = visited[k, v]
            for a in range(offsets[v], offsets[v + 1]):
                u = targets[a]
                gain = w
                if transient[u]:
                    gain = ahead[u]
                total += probabilities[a] * gain
                if mass > 0.0:
                    out[a] += mass * (gain - ahead[v])
            before[v] = total
        for v in range(n):
            ahead[v] = 0.0
            if transient[v]:
                ahead[v] = before[v] + alive[k]


@kernel(writes=("state", "into", "slopes"), little=_FEW)
def carry(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    transient: Any,
    changes: Any,
    state: Any,
    into: Any,
    slopes: Any,
) -> None:
    """Follow a chain for ``into.size`` steps, and its derivatives in several directions with it.

    Parameters
    ----------
    offsets, targets, probabilities, stay, transient
        As for `walk`.
    changes : float64[q, m]
        Derivative of each one-step probability in each direction; staying changes by as much less.
    state : float64[n]
        Where the chain is, in vertices that have edges.
    into : float64[steps]
        Filled with the probability of being absorbed by the k-th step.
    slopes : float64[q, steps]
        Filled with its derivatives.
    """
    n = state.size
    moved = np.empty(n)
    bent = np.zeros((changes.shape[0], n))
    turned = np.empty(n)
    for k in range(into.size):
        for q in range(changes.shape[0]):
            arrived = 0.0
            for v in range(n):
                turned[v] = bent[q, v] * stay[v]
            for v in range(n):
                mass = state[v]
                rise = bent[q, v]
                if not transient[v] or (mass == 0.0 and rise == 0.0):
                    continue
                for a in range(offsets[v], offsets[v + 1]):
                    u = targets[a]
                    more = mass * changes[q, a]
                    part = rise * probabilities[a] + more
                    turned[v] -= more
                    if transient[u]:
                        turned[u] += part
                    else:
                        arrived += part
            slopes[q, k] = arrived
            for v in range(n):
                bent[q, v] = turned[v]
        arrived = 0.0
        for v in range(n):
            moved[v] = state[v] * stay[v]
        for v in range(n):
            mass = state[v]
            if mass == 0.0 or not transient[v]:
                continue
            for a in range(offsets[v], offsets[v + 1]):
                u = targets[a]
                part = mass * probabilities[a]
                if transient[u]:
                    moved[u] += part
                else:
                    arrived += part
        into[k] = arrived
        for v in range(n):
            state[v] = moved[v]
