"""Kernel that tells how far a chain is from one that looks the same backwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel
def _between(offsets: Any, to: Any, weights: Any, i: Any, j: Any) -> Any:
    """Return the rate from i to j."""
    total = 0.0
    for a in range(offsets[i], offsets[i + 1]):
        if to[a] == j:
            total += weights[a]
    return total


@kernel
def antisymmetry(offsets: Any, to: Any, weights: Any, bounds: Any) -> Any:
    """Return the largest sum over a row of what symmetric scaling leaves antisymmetric.

    Inside each component, rates are scaled so that those along a spanning tree of two-way edges become
    symmetric; with a reversible component all do.

    Parameters
    ----------
    offsets, to, weights : int64[t + 1], int32[m], float64[m]
        Edges by position; `to` is negative for absorbing vertices.
    bounds : int32[c + 1]
        Strongly connected components.

    Returns
    -------
    float
        Infinite where no tree of two-way edges spans a component.
    """
    t = offsets.size - 1
    scale = np.zeros(t)  # logarithm of what a state is scaled by
    seen = np.zeros(t, np.bool_)
    queue = np.empty(t, np.int32)
    sums = np.zeros(t)
    for c in range(bounds.size - 1):
        first = bounds[c]
        last = bounds[c + 1]
        if last - first == 1:
            continue
        queue[0] = first
        seen[first] = True
        head = 0
        size = 1
        while head < size:
            i = queue[head]
            head += 1
            for a in range(offsets[i], offsets[i + 1]):
                j = to[a]
                if first <= j < last and not seen[j] and weights[a] > 0.0:
                    back = _between(offsets, to, weights, j, i)
                    if back > 0.0:
                        seen[j] = True
                        scale[j] = scale[i] + 0.5 * (np.log(weights[a]) - np.log(back))
                        queue[size] = j
                        size += 1
        if size < last - first:
            return np.inf
        for i in range(first, last):
            for a in range(offsets[i], offsets[i + 1]):
                j = to[a]
                if first <= j < last and j != i:
                    back = _between(offsets, to, weights, j, i) * np.exp(scale[j] - scale[i])
                    there = weights[a] * np.exp(scale[i] - scale[j])
                    rest = abs(there - back) / 2.0
                    sums[i] += rest
                    if back == 0.0:  # the row of j does not meet this pair
                        sums[j] += rest
    worst = 0.0
    for i in range(t):
        if not sums[i] <= worst:  # also where it is not a number
            worst = sums[i]
    return worst
