"""The kernel that follows a chain and adds up where it has been."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("state", "moved", "spent"))
def advance(
    offsets: Any,
    targets: Any,
    probabilities: Any,
    stay: Any,
    reached: Any,
    state: Any,
    now: Any,
    later: Any,
    moved: Any,
    spent: Any,
) -> Any:
    """Add ``now[k]`` times the distribution after k jumps to `moved`, and ``later[k]`` times it to `spent`.

    Stops early once all that is left to add is below rounding, beside every entry of both.

    Parameters
    ----------
    offsets, targets, probabilities : int64[n + 1], int32[m], float64[m]
        One-step probabilities of edges by source.
    stay : float64[n]
        Probability of staying; one for absorbing vertices.
    reached : bool[n]
        Vertices that `state` leads to; the others stay at zero.
    state : float64[n]
        Distribution before the first jump; overwritten.
    now, later : float64[k]
        Weights that do not add up to more than a float64 holds.
    moved, spent : float64[n]
        Added to.

    Returns
    -------
    int
        Number of jumps followed.
    """
    n = state.size
    after = np.empty(n)
    total = 0.0
    for v in range(n):
        total += state[v]
    left_now = 0.0
    left_later = 0.0
    for k in range(now.size):
        left_now += now[k]
        left_later += later[k]
    for k in range(now.size):
        for v in range(n):
            moved[v] += now[k] * state[v]
            spent[v] += later[k] * state[v]
        left_now -= now[k]
        left_later -= later[k]
        if k % 8 == 7 and left_now <= 1e-10 and left_later <= 1e-10 * later[0]:
            # Running differences have lost their digits by now; what is left is small enough to add up.
            left_now = 0.0
            left_later = 0.0
            for j in range(now.size - 1, k, -1):
                left_now += now[j]
                left_later += later[j]
            enough = True
            for v in range(n):
                late = left_now * total > 1e-17 * moved[v] or left_later * total > 1e-17 * spent[v]
                if reached[v] and late:
                    enough = False
                    break
            if enough:
                return k + 1
        for v in range(n):
            after[v] = state[v] * stay[v]
        for v in range(n):
            mass = state[v]
            if mass > 0.0:
                for a in range(offsets[v], offsets[v + 1]):
                    after[targets[a]] += mass * probabilities[a]
        for v in range(n):
            state[v] = after[v]
    return now.size
