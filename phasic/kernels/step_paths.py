"""Kernels that say what paths of a discrete chain were like, given after how many steps they ended.

Forwards and backwards along the steps [1]_; everything is a sum of products of numbers that are not negative.

.. [1] L. R. Rabiner, Proc. IEEE 77 (1989).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


def _forward(alpha: Any, table: Any, at: Any, levels: Any, out: Any) -> None:
    """Fill in where paths are, those that are over left out.

    `at` gets shares, `levels` the logarithm of how many are still on their way, and ``out[n]`` the share of
    those at step n - 1 that end in step n.
    """
    p = table.shape[0]
    levels[:] = -np.inf
    for k in range(at.shape[0]):
        if k == 0:
            for i in range(p):
                at[0, i] = alpha[i]
        else:
            for i in range(p):
                x = at[k - 1, i]
                if x != 0.0:
                    for j in range(p):
                        at[k, j] += x * table[i, j]
                    out[k] += x * table[i, p]
        total = 0.0
        for i in range(p):
            total += at[k, i]
        if not total > 0.0:
            return
        for i in range(p):
            at[k, i] /= total
        levels[k] = np.log(total) + (levels[k - 1] if k > 0 else 0.0)


@kernel(writes=("starts", "visits", "ends"), little=0)
def add_step_paths(
    alpha: Any,
    table: Any,
    exact: Any,
    later: Any,
    entered: Any,
    first: Any,
    last: Any,
    within: Any,
    with_zero: Any,
    until: Any,
    starts: Any,
    visits: Any,
    ends: Any,
) -> Any:
    """Add up what paths are expected to have done, given observations of when they ended.

    A path that is known to last longer than some step is followed until then, and any other to its end. One
    that ended between two steps counts in each by the probability that it was that one.

    Parameters
    ----------
    alpha : float64[p + 1]
        Initial probabilities; the last one is that of an absorption after no step.
    table : float64[p, p + 1]
        One-step probabilities, the last column those of absorption.
    exact, later, entered : float64[k]
        By number of steps: how many ended right then, how many were seen to last longer, and how many would
        not have been seen, had they not lasted longer. ``exact[0]`` is not read.
    first, last : int64[r]
        Of observations by intervals: the steps, from 1 on, in which they may have ended.
    within : float64[r]
        How many these are.
    with_zero : bool[r]
        Whether no step at all is possible too; then `first` is 1.
    until : int64[r]
        -1; or, of an interval that truncation hides, the step after which one is seen. Then `within` is
        the number of observations, each of which stands for as many hidden ones as is to be expected.
    starts, visits, ends : float64[p + 1], float64[p, p], float64[p]
        Added to: expected numbers of paths that start in each state, of steps from each state to each, and
        of paths that end from each.

    Returns
    -------
    float
        The log-likelihood; minus infinity where an observation is impossible, and then what was added is
        of no use.
    """
    p = table.shape[0]
    n_steps = exact.size
    at = np.zeros((n_steps, p))
    levels = np.empty(n_steps)
    out = np.zeros(n_steps)
    _forward(alpha, table, at, levels, out)
    value = 0.0
    weight = exact.copy()
    for k in range(n_steps):
        if later[k] > 0.0 or entered[k] > 0.0:
            if levels[k] == -np.inf:
                return -np.inf
            value += (later[k] - entered[k]) * levels[k]
        if k > 0 and exact[k] > 0.0:
            if not out[k] > 0.0:
                return -np.inf
            value += exact[k] * (np.log(out[k]) + levels[k - 1])
    for r in range(first.size):
        level = levels[first[r] - 1]
        if level == -np.inf and not with_zero[r]:
            return -np.inf
        scale = level if level > -np.inf else 0.0
        chance = alpha[p] * np.exp(-scale) if with_zero[r] else 0.0
        for n in range(first[r], last[r] + 1):
            if out[n] > 0.0:
                chance += out[n] * np.exp(levels[n - 1] - scale)
        if until[r] >= 0:
            factor = within[r] * np.exp(scale - levels[until[r]])
        else:
            if not chance > 0.0:
                return -np.inf
            value += within[r] * (np.log(chance) + scale)
            factor = within[r] / chance
        if with_zero[r]:
            starts[p] += factor * alpha[p] * np.exp(-scale)
        for n in range(first[r], last[r] + 1):
            if out[n] > 0.0:
                weight[n] += factor * out[n] * np.exp(levels[n - 1] - scale)

    # What is still ahead, from the last step to the first.
    ahead = np.zeros(p)
    before = np.empty(p)
    for i in range(p):
        ahead[i] = later[n_steps - 1]
    for k in range(n_steps - 1, 0, -1):
        ending = weight[k] / out[k] if weight[k] > 0.0 else 0.0
        moving = np.exp(levels[k - 1] - levels[k]) if levels[k] > -np.inf else 0.0
        for i in range(p):
            x = at[k - 1, i]
            ends[i] += x * table[i, p] * ending
            total = later[k - 1] + ending * table[i, p]
            if moving > 0.0:
                for j in range(p):
                    step = table[i, j] * ahead[j] * moving
                    visits[i, j] += x * step
                    total += step
            before[i] = total
        for i in range(p):
            ahead[i] = before[i]
    for i in range(p):
        starts[i] += at[0, i] * ahead[i]
    return value
