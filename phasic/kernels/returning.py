"""The kernel that goes back along a chain, from what its end is worth to what every weight is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel

_FEW = 1500  # entries, of steps and edges together: the work is their product


@kernel(writes=("ahead", "out"), little=_FEW)
def go_back(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    transient: Any,
    visited: Any,
    worth: Any,
    counts: Any,
    final: Any,
    ahead: Any,
    out: Any,
) -> None:
    """Add the derivative of what a chain is worth by each one-step probability to `out`.

    The chain is worth ``worth[k]`` if it is absorbed by jump k + 1, and ``counts[k] * final[v]`` for being
    in v after k jumps. More of one jump is less of staying.

    Parameters
    ----------
    offsets, targets, probabilities, stay, transient
        As for `phasic.kernels.stepping.follow`.
    visited : float64[steps, n]
        As filled by that, in vertices that have edges.
    worth, counts : float64[steps]
    final : float64[n]
    ahead : float64[n]
        What being in each vertex is worth after the last of these steps; on exit, before the first one.
    out : float64[m]
    """
    n = ahead.size
    before = np.empty(n)
    for k in range(worth.size - 1, -1, -1):
        for v in range(n):
            before[v] = 0.0
            if transient[v]:
                total = ahead[v] * stay[v] + counts[k] * final[v]
                mass = visited[k, v]
                for a in range(offsets[v], offsets[v + 1]):
                    u = targets[a]
                    gain = worth[k]
                    if transient[u]:
                        gain = ahead[u]
                    total += probabilities[a] * gain
                    if mass > 0.0:
                        out[a] += mass * (gain - ahead[v])
                before[v] = total
        for v in range(n):
            ahead[v] = before[v]
