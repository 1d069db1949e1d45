"""Observed numbers of steps, and what paths of a discrete chain are expected to have done in them."""

from __future__ import annotations

import numpy as np

from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.inference.path_statistics import Statistics
from phasic.observations import Observations

_MOST_STEPS = 2_000_000


class StepSchedule:
    """Observations of numbers of steps, those of the same number counted.

    An interval holds the whole numbers in it.

    Parameters
    ----------
    seen : Observations
    weights : float64[n], optional
        How often each was observed.

    Attributes
    ----------
    n_zero, n_exact : float
        How many observations are exactly zero, and exactly known and not zero.
    """

    def __init__(self, seen: Observations, weights: Floats | None = None) -> None:
        seen.require_steps()
        times = np.ones(len(seen)) if weights is None else weights
        low, high, entry = np.floor(seen.low), np.floor(seen.high), np.floor(seen.entry)
        known = seen.exact
        for bad in (~known & (low >= high), high <= entry):
            if bad.any():
                place = int(bad.argmax())
                raise GraphError(
                    f"observation {place} is {seen.described(place)}: no whole number of steps is there"
                )
        zero = known & (high == 0.0)
        exact, right = known & ~zero, (high == np.inf) & (low >= 0.0)
        between, hidden = ~known & (high < np.inf), entry >= 0.0
        if not exact.any() and not between.any():
            raise GraphError("every observation is censored, so no rate can be told; pass some that ended")
        self.n_zero, self.n_exact = float(times[zero].sum()), float(times[exact].sum())
        last = int(max(part.max(initial=0.0) for part in (high[exact | between], low[right], entry[hidden])))
        if last > _MOST_STEPS:
            raise GraphError(
                f"an observation is {last} steps; each one is looked at, so pass at most {_MOST_STEPS}, "
                f"or leave out discrete=True: so many small steps are as good as time"
            )

        def counted(values: Floats, often: Floats) -> Floats:
            return np.bincount(values.astype(np.int64), often, last + 1).astype(np.float64)

        self._exact = counted(high[exact], times[exact])
        self._later = counted(low[right], times[right])
        self._entered = counted(entry[hidden], times[hidden])
        begin = np.maximum(low[between], 0.0) + 1.0
        rows = np.concatenate(
            [
                np.column_stack([begin, high[between], low[between] < 0.0, np.full(begin.size, -1.0)]),
                np.column_stack([np.ones(hidden.sum()), entry[hidden], np.ones(hidden.sum()), entry[hidden]]),
            ]
        )
        each, at_row = np.unique(rows, axis=0, return_inverse=True)
        self._first, self._last, self._until = (each[:, k].astype(np.int64) for k in (0, 1, 3))
        self._with_zero = each[:, 2] > 0.0
        both = np.concatenate([times[between], times[hidden]])
        self._within = np.bincount(at_row.ravel(), both, len(each)).astype(np.float64)

    def statistics(self, alpha: Floats, rates: Floats, exits: Floats) -> Statistics | None:
        """Return what paths are expected to have done; None where an observation is impossible.

        Parameters
        ----------
        alpha : float64[p + 1]
            Initial probabilities; the last one is that of no step.
        rates, exits : float64[p, p], float64[p]
            One-step probabilities to other states, the diagonal of which is not read, and to absorption.
        """
        from phasic.kernels.step_paths import add_step_paths

        p = exits.size
        leave = rates.sum(axis=1) + exits
        if not (leave <= 1.0 + 1e-12).all():
            return None
        table = np.column_stack([rates, exits])
        table[np.arange(p), np.arange(p)] = np.maximum(1.0 - leave, 0.0)
        starts, visits, ends = np.zeros(p + 1), np.zeros((p, p)), np.zeros(p)
        value = add_step_paths(
            alpha,
            table,
            self._exact,
            self._later,
            self._entered,
            self._first,
            self._last,
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
        jumps = np.column_stack([visits, ends])
        times = jumps.sum(axis=1)
        jumps[np.arange(p), np.arange(p)] = 0.0
        if not (np.isfinite(value) and np.isfinite(jumps).all() and np.isfinite(starts).all()):
            return None
        return Statistics(float(value), starts, jumps, times)
