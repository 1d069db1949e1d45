"""Observations of absorption times as a schedule, and what paths are expected to have done on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.observations import Observations

Whole = NDArray[np.int64]

_MOST_JUMPS = (
    1e10  # of the fastest state while observed: more have no digits left, and leaps find such places
)


@dataclass(frozen=True, eq=False)
class Statistics:
    """What paths are expected to have done, all observations together.

    Attributes
    ----------
    log_likelihood : float
    starts : float64[p + 1]
        Paths that start in each state; the last entry counts those that are over at once.
    jumps : float64[p, p + 1]
        Jumps from each state to each, the last column to absorption.
    times : float64[p]
        Time spent in each state; of a discrete chain, steps made from it.
    """

    log_likelihood: float
    starts: Floats
    jumps: Floats
    times: Floats


class Schedule:
    """Observations in order of time, those at the same time counted.

    Parameters
    ----------
    seen : Observations
    unit : float
        What a time of one is in here.
    weights : float64[n], optional
        How often each was observed.

    Attributes
    ----------
    n_zero, n_exact : float
        How many observations are exactly zero, and exactly known and not zero.
    """

    def __init__(self, seen: Observations, unit: float = 1.0, weights: Floats | None = None) -> None:
        often = np.ones(len(seen)) if weights is None else weights
        low, high, entry = seen.low / unit, seen.high / unit, seen.entry / unit
        exact, zero = low == high, (low == high) & (high == 0.0)
        self.n_zero, self.n_exact = float(often[zero].sum()), float(often[exact & ~zero].sum())
        right = (high == np.inf) & (low > 0.0)
        between = ~exact & (high < np.inf)
        begin = np.where(between, np.maximum(low, 0.0), 0.0)
        hidden = entry >= 0.0
        if not (exact & ~zero).any() and not between.any():
            raise GraphError("every observation is censored, so no rate can be told; pass some that ended")
        self._times, place = np.unique(
            np.concatenate([[0.0], low[exact & ~zero], low[right], begin[between], entry[hidden]]),
            return_inverse=True,
        )
        sizes = np.cumsum([1, (exact & ~zero).sum(), right.sum(), between.sum()])
        _, at_exact, at_right, at_begin, at_entry = np.split(place, sizes)
        k = self._times.size
        self._exact = np.bincount(at_exact, often[exact & ~zero], k).astype(np.float64)
        self._later = np.bincount(at_right, often[right], k).astype(np.float64)
        self._entered = np.bincount(at_entry, often[hidden], k).astype(np.float64)
        rows = np.stack(
            [
                np.concatenate([at_begin, np.zeros(hidden.sum())]),
                np.concatenate([(high - begin)[between], entry[hidden]]),
                np.concatenate([low[between] < 0.0, np.ones(hidden.sum())]),
                np.concatenate([np.full(between.sum(), -1), at_entry]),
            ],
            axis=1,
        )
        wide = rows[:, 1] > 0.0  # nothing is hidden by what starts at zero
        each, at_row = np.unique(rows[wide], axis=0, return_inverse=True)
        both = np.concatenate([often[between], often[hidden]])[wide]
        self._until_when = float(max(self._times[-1], each[:, 1].max(initial=0.0)))
        self._place, self._until = each[:, 0].astype(np.int64), each[:, 3].astype(np.int64)
        self._width, self._with_zero = each[:, 1].copy(), each[:, 2] > 0.0
        self._within = np.bincount(at_row.ravel(), both, len(each)).astype(np.float64)

    def statistics(self, alpha: Floats, rates: Floats, exits: Floats) -> Statistics | None:
        """Return what paths should have done; None where that is impossible, or rates are absurd.

        Parameters
        ----------
        alpha : float64[p + 1]
            Initial probabilities; the last one is that of an absorption time of zero.
        rates, exits : float64[p, p], float64[p]
            Jump rates, the diagonal of which is not read, and exit rates.
        """
        from phasic.kernels.paths import add_paths

        p = exits.size
        with np.errstate(over="ignore", invalid="ignore"):
            fastest = float((rates.sum(axis=1) + exits).max())
        if not fastest * self._until_when < _MOST_JUMPS:
            return None
        starts, visits, ends = np.zeros(p + 1), np.zeros((p + 1, p + 1)), np.zeros(p)
        value = add_paths(
            alpha,
            rates,
            exits,
            np.diff(self._times, prepend=0.0),
            self._exact,
            self._later,
            self._entered,
            self._place,
            self._width,
            self._within,
            self._with_zero,
            self._until,
            starts,
            visits,
            ends,
        )
        if self.n_zero:
            if not alpha[p] > 0.0:
                return None
            value += self.n_zero * np.log(alpha[p])
            starts[p] += self.n_zero
        with np.errstate(over="ignore", invalid="ignore"):  # looked at below
            jumps = np.column_stack([rates, exits]) * visits.T[:p]
        jumps[np.arange(p), np.arange(p)] = 0.0
        jumps[:, p] += ends
        if not (np.isfinite(value) and np.isfinite(jumps).all() and np.isfinite(starts).all()):
            return None
        return Statistics(float(value), starts, jumps, visits.diagonal()[:p].copy())
