"""Numbers that a fitted phase-type distribution can be moved by, and how the likelihood bends along them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.inference.expectation_maximisation import AnySchedule
from phasic.inference.path_statistics import Statistics
from phasic.inference.structures import Phases, Structure

_HELD = 0.05  # events, fewer of which hold a number where it is
_STEP = 1e-4  # of differences
_FLAT = 1e-2  # curvature, by logarithms, that less than one observation would give
_POLISH = 5  # Newton steps at most, to the top from where the search ended

Whole = NDArray[np.int64]


class _Shares(NamedTuple):
    """Probabilities that sum to one: which numbers they are, the reference first."""

    places: Whole  # in the vector of all numbers
    total: float  # what they sum to, those that are held left out


class Coordinates:
    """Logarithms of what can move: rates, and probabilities as multiples of one of them.

    Numbers of which the data tell next to nothing, because paths hardly ever do this, stay as they are:
    those at the border of what the structure allows.

    Parameters
    ----------
    shape : Structure
    at : Phases
        In the unit of the schedule.
    found : Statistics
        What paths are expected to have done there.
    """

    def __init__(self, shape: Structure, at: Phases, found: Statistics) -> None:
        self._shape, self._p = shape, shape.n_phases
        there = shape.groups >= 0
        self._n_groups = int(shape.groups.max()) + 1
        self._place = np.zeros(self._n_groups, np.int64)
        self._place[shape.groups[there][::-1]] = np.flatnonzero(there)[::-1]  # the first of each group
        # Rows with the same rates are one; the first of them speaks for all.
        largest = shape.groups.max(axis=1)
        self._leader = np.array([int((shape.groups == k).any(axis=1).argmax()) for k in largest])
        self._numbers = self.numbers(at)
        counts = self._counts(found)
        chosen = [self._chosen(places, counts) for places in self._sums()]
        self._shares = [share for share in chosen if share is not None]
        self._rates = np.zeros(0, np.int64)
        if not shape.discrete:
            rates = np.arange(self._p + 1, self._p + 1 + self._n_groups)
            self._rates = rates[(counts[rates] > _HELD) & (self._numbers[rates] > 0.0)]
        logs = [np.log(self._numbers[s.places[1:]] / self._numbers[s.places[0]]) for s in self._shares]
        self.x: Floats = np.concatenate([*logs, np.log(self._numbers[self._rates])])

    def numbers(self, at: Phases) -> Floats:
        """Return alpha, the rate of each group, and probabilities of staying, all in one vector."""
        table = np.column_stack([at.rates, at.exits])
        stay = np.maximum(1.0 - table.sum(axis=1), 0.0) if self._shape.discrete else np.zeros(0)
        return np.concatenate([at.alpha, table.ravel()[self._place], stay])

    def _counts(self, found: Statistics) -> Floats:
        """Return how often each number was made use of; all rows of a group together."""
        there = self._shape.groups >= 0
        jumps = np.bincount(self._shape.groups[there], found.jumps[there], self._n_groups)
        stay: Floats = np.zeros(0)
        if self._shape.discrete:
            left = found.times - found.jumps.sum(axis=1)
            stay = np.bincount(self._leader, left, self._p).astype(np.float64)
        return np.concatenate([found.starts, jumps, stay])

    def _sums(self) -> list[Whole]:
        """Return which numbers sum to one: alpha, and of a discrete distribution each row."""
        first, groups = self._p + 1, self._shape.groups
        sums = [np.arange(first)]
        if self._shape.discrete:
            for row in np.unique(self._leader):
                stay = first + self._n_groups + row
                sums.append(np.append(first + groups[row][groups[row] >= 0], stay))
        return sums

    def _chosen(self, places: Whole, counts: Floats) -> _Shares | None:
        free = places[(counts[places] > _HELD) & (self._numbers[places] > 0.0)]
        if free.size < 2:
            return None
        free = free[np.argsort(-self._numbers[free], kind="stable")]
        return _Shares(free, float(self._numbers[free].sum()))

    def phases(self, x: Floats) -> Phases:
        """Return the distribution at x."""
        numbers, first = self._numbers.copy(), 0
        for share in self._shares:
            many = share.places.size - 1
            odds = np.append(1.0, np.exp(x[first : first + many]))
            numbers[share.places] = share.total * odds / odds.sum()
            first += many
        numbers[self._rates] = np.exp(x[first:])
        p = self._p
        return self._shape.phases(numbers[: p + 1], numbers[p + 1 : p + 1 + self._n_groups])

    def slopes(self, found: Statistics, x: Floats) -> Floats:
        """Return the derivatives of the log-likelihood at x: what was, less what was to be expected."""
        numbers = self.numbers(self.phases(x))
        counts = self._counts(found)
        parts = []
        for share in self._shares:
            of = counts[share.places]
            parts.append((of - numbers[share.places] / share.total * of.sum())[1:])
        there = self._shape.groups >= 0
        table = np.repeat(found.times[:, None], self._p + 1, axis=1)
        times = np.bincount(self._shape.groups[there], table[there], self._n_groups)
        rates = self._rates
        parts.append(counts[rates] - numbers[rates] * times[rates - self._p - 1])
        return np.concatenate(parts)


class Bend(NamedTuple):
    """How the log-likelihood falls from its top.

    Attributes
    ----------
    x : float64[d]
        The top.
    information : float64[d, d]
        Minus its second derivatives.
    """

    x: Floats
    information: Floats

    def spread(self, slopes: Floats) -> Floats:
        """Return the standard deviation of functions with these slopes, float64[k] of float64[k, d].

        Infinite where a function moves in a direction in which the likelihood does not.
        """
        if not np.isfinite(self.information).all():
            return np.full(len(slopes), np.inf)
        values, vectors = np.linalg.eigh(self.information)
        flat = values <= max(_FLAT, 1e-9 * float(values.max(initial=0.0)))
        along = slopes @ vectors
        size = np.linalg.norm(slopes, axis=1)
        variance = (along[:, ~flat] ** 2 / values[~flat]).sum(axis=1)
        lost = np.linalg.norm(along[:, flat], axis=1) > 1e-3 * size
        return np.asarray(np.where(lost & (size > 0.0), np.inf, np.sqrt(variance)), np.float64)


def bend(schedule: AnySchedule, coordinates: Coordinates) -> Bend:
    """Return the top of the log-likelihood near the coordinates' place, and how it falls from there."""
    x = coordinates.x

    def looked(x: Floats) -> Statistics | None:
        return schedule.statistics(*coordinates.phases(x))

    def slopes(x: Floats) -> Floats:
        found = looked(x)
        return np.full(x.size, np.nan) if found is None else coordinates.slopes(found, x)

    here = looked(x)
    for _ in range(_POLISH):
        information = -differences(slopes, x).T
        information = 0.5 * (information + information.T)
        if here is None or not np.isfinite(information).all():
            break
        values, vectors = np.linalg.eigh(information)
        steep = values > max(_FLAT, 1e-9 * float(values.max(initial=0.0)))
        slope = coordinates.slopes(here, x) @ vectors[:, steep]
        step = vectors[:, steep] @ (slope / values[steep])
        if np.abs(step).max(initial=0.0) < 1e-7 or np.abs(step).max(initial=0.0) > 1.0:
            break
        there = looked(x + step)
        if there is None or there.log_likelihood < here.log_likelihood:
            break
        x, here = x + step, there
    return Bend(x, information)


def differences(function: Callable[[Floats], Floats], x: Floats) -> Floats:
    """Return derivatives by central differences, float64[k, d]."""
    columns = [(function(x + step) - function(x - step)) / (2.0 * _STEP) for step in _STEP * np.eye(x.size)]
    return np.array(columns, np.float64).reshape(x.size, -1).T
