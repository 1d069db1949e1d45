"""Kernel that adds up how far rewards scatter, stay by stay and jump by jump."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("matrix",))
def scatter(
    offsets: Any, targets: Any, weights: Any, time: Any, stays: Any, rewards: Any, means: Any, matrix: Any
) -> None:
    """Add to the lower triangle of `matrix` what stays and jumps contribute to covariances.

    Parameters
    ----------
    offsets, targets, weights : int64[n + 1], int32[m], float64[m]
        Edges by source. Edges from a vertex to itself are not read.
    time : float64[n]
        Expected time in each vertex.
    stays : float64[n]
        What the square of one stay's reward is multiplied by.
    rewards, means : float64[n, k]
        Rewards per unit time, and expected rewards from each vertex on.
    matrix : float64[k, k]
    """
    k = matrix.shape[0]
    onward, step = np.empty(k, matrix.dtype), np.empty(k, matrix.dtype)
    for v in range(time.size):
        if time[v] == 0.0:
            continue
        leave = time[v] * 0.0
        # Means are compared with that of the likeliest target: where one is almost certain, what the
        # others make of the average is far below the rounding of the average itself.
        usual = offsets[v]
        for a in range(offsets[v], offsets[v + 1]):
            if targets[a] != v:
                leave += weights[a]
                if weights[a] > weights[usual] or targets[usual] == v:
                    usual = a
        if leave == 0.0:
            continue
        for r in range(k):
            onward[r] = 0.0
        for a in range(offsets[v], offsets[v + 1]):
            u = targets[a]
            if u != v and weights[a] > 0.0:
                for r in range(k):
                    onward[r] += weights[a] / leave * (means[u, r] - means[targets[usual], r])
        share = time[v] / leave * stays[v]
        for r in range(k):
            for s in range(r + 1):
                matrix[r, s] += share * (rewards[v, r] * rewards[v, s])
        for a in range(offsets[v], offsets[v + 1]):
            u = targets[a]
            if u != v and weights[a] > 0.0:
                # The root goes into either factor, so that the order of two rewards changes no digit.
                root = np.sqrt(time[v] * weights[a])
                for r in range(k):
                    step[r] = root * (means[u, r] - means[targets[usual], r] - onward[r])
                    for s in range(r + 1):
                        matrix[r, s] += step[r] * step[s]
