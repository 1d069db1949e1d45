"""Kernels that follow a chain jump by jump, with what it has collected so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel

_FEW = 1500  # entries: the work is their product with the number of jumps


@kernel(writes=("now", "total"), little=_FEW)
def collect(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    rewards1: Any,
    rewards2: Any,
    counts: Any,
    now: Any,
    total: Any,
) -> None:
    """Add to `total` the means of ``Y1**a Y2**b / (a! b!)``, by where the chain is, after a Poisson time.

    A jump multiplies by ``P + x R1 + y R2``; entry [a, b] is the coefficient of ``x**a y**b``.

    Parameters
    ----------
    offsets, targets, probabilities : int64[n + 1], int32[m], float64[m]
        One-step probabilities of edges by source.
    stay : float64[n]
        Probability of staying; one for absorbing vertices.
    rewards1, rewards2 : float64[n]
        Rewards per mean time between two jumps.
    counts : float64[k]
        Probability of 0, 1, ... jumps.
    now : float64[a + 1, b + 1, n]
        Means before the first jump; overwritten.
    total : float64[a + 1, b + 1, n]
        Added to.
    """
    moved = np.empty_like(now)
    for k in range(counts.size):
        for a in range(now.shape[0]):
            for b in range(now.shape[1]):
                for v in range(now.shape[2]):
                    total[a, b, v] += counts[k] * now[a, b, v]
                    value = now[a, b, v] * stay[v]
                    if a > 0:
                        value += now[a - 1, b, v] * rewards1[v]
                    if b > 0:
                        value += now[a, b - 1, v] * rewards2[v]
                    moved[a, b, v] = value
                for v in range(now.shape[2]):
                    mass = now[a, b, v]
                    if mass != 0.0:
                        for e in range(offsets[v], offsets[v + 1]):
                            moved[a, b, targets[e]] += mass * probabilities[e]
        now[:] = moved
