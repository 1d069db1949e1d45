"""What data alone say of survival: the curves of Kaplan and Meier and of Turnbull."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.observations import Observations

_MOST_STEPS, _TOLERANCE = 20_000, 1e-9


def kaplan_meier(seen: Observations, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Return times of absorption, the share that lasts longer than each, and its standard error.

    The product-limit estimate [1]_ with Greenwood's error; those who were seen from some time on count
    from then on.

    Raises
    ------
    GraphError
        An observation is an interval, or censored on the left.

    References
    ----------
    .. [1] E. L. Kaplan and P. Meier, J. Amer. Statist. Assoc. 53 (1958).
    """
    exact, often = seen.exact, np.ones(len(seen)) if weights is None else weights
    if not (exact | (seen.high == np.inf)).all():
        raise GraphError("a Kaplan-Meier curve is for exact and right-censored times; some are intervals")
    times, place = np.unique(seen.low[exact], return_inverse=True)
    events = np.bincount(place, often[exact], times.size)
    at_risk = np.array([often[(seen.low >= t) & (seen.entry < t)].sum() for t in times], np.float64)
    survival: Floats = np.cumprod(1.0 - events / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = survival * np.sqrt(np.cumsum(events / (at_risk * (at_risk - events))))
    return times, survival, np.asarray(np.where(survival > 0.0, error, 0.0), np.float64)


class Turnbull(NamedTuple):
    """A survival function that falls in some intervals only; how it falls within one, data do not say.

    Attributes
    ----------
    begin, end : float64[m]
        The intervals, in order of time. Equal where it falls at once.
    survival : float64[m]
        The share that lasts longer than each.
    """

    begin: Floats
    end: Floats
    survival: Floats


def turnbull(seen: Observations, weights: Floats | None = None) -> Turnbull:
    """Return the survival function under which observations of any kind are most probable.

    Where times are exact or censored on the right it is the one of Kaplan and Meier. By self-consistency
    [1]_, over the intervals that can hold probability [2]_.

    References
    ----------
    .. [1] B. W. Turnbull, J. R. Stat. Soc. B 38 (1976).
    .. [2] H. Frydman, J. R. Stat. Soc. B 56 (1994).

    Examples
    --------
    >>> from phasic import Observations
    >>> turnbull(Observations([0.0, 1.0, 1.0], [1.0, 2.0, 2.0])).survival.round(6).tolist()
    [0.666667, 0.0]
    """
    often = np.ones(len(seen)) if weights is None else weights
    # Ends of intervals in order: at each time, what is known begins, then what holds it ends, and then what
    # is later begins. Who was seen from some time on says nothing of before.
    low = np.where(seen.exact, seen.low, np.maximum(seen.low, seen.entry))
    pairs = [
        np.column_stack([low, np.where(seen.exact, 0.0, 2.0)]),
        np.column_stack([seen.high, np.ones(len(seen))]),
        np.column_stack([seen.entry, np.ones(len(seen))]),
    ]
    ends, rank = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    of_low, of_high, of_entry = rank.reshape(3, len(seen))
    first, last = _innermost(of_low, np.concatenate([of_high, of_entry[seen.entry >= 0.0]]))
    rows, place = np.unique(np.column_stack([of_low, of_high, of_entry]), axis=0, return_inverse=True)
    count = np.bincount(place.ravel(), often, len(rows))
    inside = ((rows[:, :1] <= first) & (last <= rows[:, 1:2])).astype(np.float64)
    visible = (last > rows[:, 2:]).astype(np.float64)
    share = np.full(first.size, 1.0 / first.size)
    truncated = bool((visible == 0.0).any())
    for _ in range(_MOST_STEPS):
        expected = share * ((count / (inside @ share)) @ inside)
        if truncated:  # each who was seen stands for some who were not
            chance = visible @ share
            expected += share * ((count / chance) @ (1.0 - visible))
        new = expected / expected.sum()
        moved = float(np.abs(new - share).max())
        share = new
        if moved < _TOLERANCE:
            break
    survival = np.maximum(0.0, 1.0 - np.cumsum(share))
    kept = share > 1e-7
    begin, end = np.maximum(ends[first[kept], 0], 0.0), ends[last[kept], 0]
    return Turnbull(begin, end, np.append(survival[kept][:-1], 0.0))


def _innermost(begins: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return the intervals from a beginning to the next end, with no other beginning between."""
    first = np.unique(begins)
    last = np.unique(ends)
    next_end = last[np.searchsorted(last, first)]
    next_begin = np.append(first[1:], np.iinfo(np.int64).max)
    inner = next_end < next_begin
    return first[inner], next_end[inner]
