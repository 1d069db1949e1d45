"""Kernels that say what paths of a chain were like, given when they ended.

Everything is a sum of products of numbers that are not negative, so that nothing cancels. A short stretch of
time takes the jumps of the uniformised chain one by one [1]_; a long one is put together from halves.

.. [1] H. Okamura, T. Dohi and K. S. Trivedi, IEEE/ACM Trans. Netw. 19 (2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


def _terms(mean: Any, states: Any) -> Any:
    """Return after how many jumps a Poisson distribution is over, with as many more as a path may need."""
    weight = np.exp(-mean)
    k = 0
    while k <= mean or weight * (k + 1.0) > 1e-18 * (k + 1.0 - mean):
        k += 1
        weight *= mean / k
    return k + states


def _most(states: Any) -> Any:
    """Return the largest mean number of jumps that is taken one by one; the exponential function has it."""
    return min(600.0, 100.0 + 15.0 * states)


def _times(vector: Any, matrix: Any, out: Any) -> None:
    """Fill `out` with the product of a row and a matrix."""
    n = vector.size
    for j in range(n):
        out[j] = 0.0
    for i in range(n):
        x = vector[i]
        if x != 0.0:
            for j in range(n):
                out[j] += x * matrix[i, j]


def _product(left: Any, right: Any, out: Any) -> None:
    for i in range(left.shape[0]):
        _times(left[i], right, out[i])


def _carried(vector: Any, jump: Any, mean: Any, out: Any) -> None:
    """Fill `out` with where a row is after so many jumps in the mean."""
    n = vector.size
    here = vector.copy()
    after = np.empty(n)
    weight = np.exp(-mean)
    for j in range(n):
        out[j] = weight * here[j]
    for k in range(1, _terms(mean, n) + 1):
        _times(here, jump, after)
        weight *= mean / k
        for j in range(n):
            here[j] = after[j]
            out[j] += weight * after[j]


def _convolved(start: Any, ending: Any, jump: Any, back: Any, mean: Any, out: Any) -> None:
    """Fill `out` with the integral of ``(e^{Q(t-u)} ending) (start e^{Qu})``, times the clock.

    `back` is the transpose of `jump`.
    """
    n = start.size
    last = _terms(mean, n)
    weights = np.empty(last + 2)
    weights[0] = np.exp(-mean)
    for k in range(1, last + 2):
        weights[k] = weights[k - 1] * mean / k
    ahead = np.empty((last + 1, n))
    ahead[0] = ending
    for k in range(1, last + 1):
        _times(ahead[k - 1], back, ahead[k])
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
    here = np.zeros(n)
    after = np.empty(n)
    for k in range(last, -1, -1):
        _times(here, jump, after)
        for j in range(n):
            here[j] = after[j] + weights[k + 1] * start[j]
        for i in range(n):
            x = ahead[k, i]
            if x != 0.0:
                for j in range(n):
                    out[i, j] += x * here[j]


def _scaled(matrix: Any) -> Any:
    """Divide a matrix by its largest entry, and return the logarithm of that."""
    largest = 0.0
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            largest = max(largest, matrix[i, j])
    if largest == 0.0:
        return 0.0
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            matrix[i, j] /= largest
    return np.log(largest)


def _doubled(
    start: Any, ending: Any, jump: Any, back: Any, mean: Any, whole: Any, out: Any, both: Any
) -> Any:
    """Fill `whole` with the exponential, and `out` as `_convolved` does if `both`, from halves.

    Returns the logarithms of what each has to be multiplied with.
    """
    n = start.size
    halvings = 0
    part = mean
    while part > 1.0:
        part *= 0.5
        halvings += 1
    power = np.eye(n)
    work = np.empty((n, n))
    other = np.empty((n, n))
    weight = np.exp(-part)
    for i in range(n):
        for j in range(n):
            whole[i, j] = weight * power[i, j]
    for k in range(1, _terms(part, 0) + 1):
        _product(power, jump, work)
        weight *= part / k
        for i in range(n):
            for j in range(n):
                power[i, j] = work[i, j]
                whole[i, j] += weight * work[i, j]
    log_whole = 0.0
    log_out = 0.0
    if both:
        _convolved(start, ending, jump, back, part, out)
        log_out = _scaled(out)
    for _ in range(halvings):
        if both:
            _product(whole, out, work)
            _product(out, whole, other)
            for i in range(n):
                for j in range(n):
                    out[i, j] = work[i, j] + other[i, j]
            log_out += log_whole + _scaled(out)
        _product(whole, whole, work)
        for i in range(n):
            for j in range(n):
                whole[i, j] = work[i, j]
        log_whole = 2.0 * log_whole + _scaled(whole)
    return log_whole, log_out


def _ahead(ending: Any, jump: Any, back: Any, mean: Any, out: Any) -> Any:
    """Fill `out` with the exponential times a column, up to a factor whose logarithm is returned."""
    n = ending.size
    if mean <= _most(n):
        _carried(ending, back, mean, out)
        return 0.0
    whole = np.empty((n, n))
    log_whole, _ = _doubled(ending, ending, jump, back, mean, whole, whole, False)
    _times(ending, whole.T.copy(), out)
    return log_whole


def _normalised(vector: Any) -> Any:
    """Divide a vector by its sum, and return the logarithm of that; minus infinity where it is zero."""
    total = 0.0
    for i in range(vector.size):
        total += vector[i]
    if not total > 0.0:
        return -np.inf
    for i in range(vector.size):
        vector[i] /= total
    return np.log(total)


@kernel(writes=("starts", "visits", "ends"), little=0)
def add_paths(
    alpha: Any,
    rates: Any,
    exits: Any,
    gaps: Any,
    exact: Any,
    later: Any,
    entered: Any,
    place: Any,
    width: Any,
    within: Any,
    with_zero: Any,
    until: Any,
    starts: Any,
    visits: Any,
    ends: Any,
) -> Any:
    """Add up what paths are expected to have done, given observations of when they ended.

    A path that is known to last longer than some time is followed until then, and any other to its end.

    Parameters
    ----------
    alpha : float64[p + 1]
        Initial probabilities; the last one is that of an absorption time of zero.
    rates : float64[p, p]
        Jump rates; the diagonal is not read.
    exits : float64[p]
        Exit rates to absorption.
    gaps : float64[k]
        Time from each time of the schedule to the one before; the first is zero.
    exact, later, entered : float64[k]
        At each time: how many ended right then, how many were seen to last longer, and how many would
        not have been seen, had they not lasted longer (left truncation).
    place : int64[r]
        Of observations by intervals: which time is the beginning, not decreasing.
    width : float64[r]
        How long the interval is.
    within : float64[r]
        How many ended in it.
    with_zero : bool[r]
        Whether an absorption time of zero is in it.
    until : int64[r]
        -1; or, of an interval that truncation hides, the place of its end in the schedule. Then `within` is
        the number of observations, each of which stands for as many hidden ones as is to be expected [1]_.
    starts : float64[p + 1]
        Added to: the expected number of paths that start in each state.
    visits : float64[p + 1, p + 1]
        Added to: ``visits[j, i]`` times the rate from i to j is the expected number of jumps, and
        ``visits[i, i]`` the expected time in i; those that ended at an exact time are not in the last row.
    ends : float64[p]
        Added to: the expected number of those that left each state at an exact time.

    Returns
    -------
    float
        The log-likelihood; minus infinity where an observation is impossible, and then what was added is
        of no use.

    References
    ----------
    .. [1] B. W. Turnbull, J. R. Stat. Soc. B 38 (1976).
    """
    p = exits.size
    m = p + 1
    clock = 0.0
    for i in range(p):
        leave = exits[i]
        for j in range(p):
            if j != i:
                leave += rates[i, j]
        clock = max(clock, leave)
    if not 0.0 < clock < np.inf:
        return -np.inf
    large = np.zeros((m, m))
    for i in range(p):
        leave = exits[i]
        for j in range(p):
            if j != i:
                large[i, j] = rates[i, j] / clock
                leave += rates[i, j]
        large[i, p] = exits[i] / clock
        large[i, i] = (clock - leave) / clock
    large[p, p] = 1.0
    jump = large[:p, :p].copy()
    back, large_back = jump.T.copy(), large.T.copy()

    # Where paths are at each time that matters, those that are over left out.
    k_all = gaps.size
    at = np.zeros((k_all, p))
    grown = np.zeros(k_all)
    whole, product = np.empty((p, p)), np.empty((p, p))
    at[0] = alpha[:p]
    grown[0] = _normalised(at[0])
    if grown[0] == -np.inf:
        return -np.inf
    for k in range(1, k_all):
        mean = clock * gaps[k]
        log_scale = 0.0
        if mean <= _most(p):
            _carried(at[k - 1], jump, mean, at[k])
        else:
            log_scale, _ = _doubled(at[k - 1], at[k - 1], jump, back, mean, whole, product, False)
            _times(at[k - 1], whole, at[k])
        grown[k] = log_scale + _normalised(at[k])
        if grown[k] == -np.inf:
            return -np.inf

    value = 0.0
    levels = np.cumsum(grown)
    ends_in = np.empty((place.size, m))
    factor = np.zeros(place.size)
    absorbed = np.zeros(m)
    absorbed[p] = 1.0
    next_interval = 0
    for k in range(k_all):
        level = levels[k]
        if exact[k] > 0.0:
            density = 0.0
            for i in range(p):
                density += at[k, i] * exits[i]
            if not density > 0.0:
                return -np.inf
            value += exact[k] * (np.log(density) + level)
            for i in range(p):
                ends[i] += exact[k] * at[k, i] * exits[i] / density
        value += later[k] * level - entered[k] * level
        while next_interval < place.size and place[next_interval] == k:
            r = next_interval
            next_interval += 1
            log_scale = _ahead(absorbed, large, large_back, clock * width[r], ends_in[r])
            if not with_zero[r]:
                ends_in[r, p] = 0.0
            chance = 0.0
            for i in range(p):
                chance += at[k, i] * ends_in[r, i]
            if with_zero[r]:  # at time zero only, where the scale of alpha is known
                chance += alpha[p] * np.exp(-grown[0]) * ends_in[r, p]
            if not chance > 0.0:
                return -np.inf
            if until[r] >= 0:
                factor[r] = within[r] * np.exp(log_scale + level - levels[until[r]])
            else:
                value += within[r] * (np.log(chance) + log_scale + level)
                factor[r] = within[r] / chance

    # What is still ahead, from the last time to the first.
    ahead = np.zeros(p)
    after = np.empty(p)
    start = np.zeros(m)
    large_product, large_whole = np.empty((m, m)), np.empty((m, m))
    for k in range(k_all - 1, -1, -1):
        if exact[k] > 0.0:
            density = 0.0
            for i in range(p):
                density += at[k, i] * exits[i]
            for i in range(p):
                ahead[i] += exact[k] / density * exits[i]
        for i in range(p):
            ahead[i] += later[k]
        while next_interval > 0 and place[next_interval - 1] == k:
            next_interval -= 1
            r = next_interval
            for i in range(p):
                ahead[i] += factor[r] * ends_in[r, i]
                start[i] = factor[r] * at[k, i]
            if with_zero[r]:
                starts[p] += factor[r] * alpha[p] * np.exp(-grown[0]) * ends_in[r, p]
            mean = clock * width[r]
            if mean <= _most(m):
                _convolved(start, absorbed, large, large_back, mean, large_product)
                share = 1.0 / clock
            else:
                log_whole, log_scale = _doubled(
                    start, absorbed, large, large_back, mean, large_whole, large_product, True
                )
                share = np.exp(log_scale - log_whole) / clock
            for j in range(m):
                for i in range(p):
                    visits[j, i] += share * large_product[j, i]
        if k == 0:
            break
        mean = clock * gaps[k]
        if mean <= _most(p):
            _convolved(at[k - 1], ahead, jump, back, mean, product)
            share = np.exp(-grown[k]) / clock
            _carried(ahead, back, mean, after)
            scale = np.exp(-grown[k])
        else:
            log_whole, log_scale = _doubled(at[k - 1], ahead, jump, back, mean, whole, product, True)
            share = np.exp(log_scale - grown[k]) / clock
            _times(ahead, whole.T.copy(), after)
            scale = np.exp(log_whole - grown[k])
        for j in range(p):
            for i in range(p):
                visits[j, i] += share * product[j, i]
        for i in range(p):
            ahead[i] = scale * after[i]
    for i in range(p):
        starts[i] += at[0, i] * ahead[i]
    return value
