"""Expectation maximisation: what paths are expected to have done, and rates that make it most probable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from phasic.arrays import Floats
from phasic.inference.path_statistics import Schedule, Statistics
from phasic.inference.step_statistics import StepSchedule
from phasic.inference.structures import Phases, Structure

AnySchedule = Schedule | StepSchedule

_FIRST_REACH = 4.0  # how many steps an extrapolation may stand for, in the beginning


@dataclass
class Climb:
    """A way uphill.

    Attributes
    ----------
    phases : Phases
        Where it is.
    history : list of float
        Log-likelihoods along the way, which never fall.
    n_steps : int
        How often paths were looked at.
    has_converged : bool
    """

    phases: Phases
    found: Statistics
    history: list[float]
    reach: float = _FIRST_REACH
    n_steps: int = 1
    has_converged: bool = field(default=False)

    @property
    def log_likelihood(self) -> float:
        """Where it is, how high."""
        return self.found.log_likelihood


def start(schedule: AnySchedule, phases: Phases) -> Climb | None:
    """Return a way that starts here; None where an observation is impossible."""
    found = schedule.statistics(*phases)
    return None if found is None else Climb(phases, found, [found.log_likelihood])


def climb(
    schedule: AnySchedule,
    shape: Structure,
    way: Climb,
    n_steps: int,
    tolerance: float,
    leaps: bool = True,
    show: Callable[[Climb], None] | None = None,
) -> Climb:
    """Go on by at most about `n_steps`, or until the log-likelihood gains less than `tolerance` twice.

    A step of the algorithm [1]_ [2]_ never lowers the likelihood, and can be very short. Two steps show where
    they lead to; one tries to leap there [3]_, and takes the two steps where that does not gain. `show` is
    told after each.

    References
    ----------
    .. [1] S. Asmussen, O. Nerman and M. Olsson, Scand. J. Statist. 23 (1996).
    .. [2] M. Olsson, Scand. J. Statist. 23 (1996), for censored observations.
    .. [3] R. Varadhan and C. Roland, Scand. J. Statist. 35 (2008).
    """
    last, small = way.n_steps + n_steps, 0
    while way.n_steps < last and small < 2:
        before = way.log_likelihood
        first = shape.fitted(way.found, way.phases)
        then = schedule.statistics(*first)
        way.n_steps += 1
        if then is None or then.log_likelihood < before:  # within rounding of the top
            way.has_converged = True
            return way
        second = shape.fitted(then, first) if leaps else None
        if second is None:
            way.phases, way.found = first, then
        else:
            _leap(schedule, shape, way, (first, then), second)
        way.history.append(way.log_likelihood)
        if show is not None:
            show(way)
        small = small + 1 if way.log_likelihood - before < tolerance else 0
    way.has_converged = small >= 2
    return way


def _leap(
    schedule: AnySchedule, shape: Structure, way: Climb, one: tuple[Phases, Statistics], second: Phases
) -> None:
    first, at_first = one
    target, length = _extrapolated(shape, way.phases, first, second, way.reach)
    for trial in (target, second):
        if trial is None:
            continue
        found = schedule.statistics(*trial)
        way.n_steps += 1
        if found is not None and found.log_likelihood >= at_first.log_likelihood:
            if trial is target and length >= way.reach:
                way.reach *= 4.0
            way.phases, way.found = trial, found
            return
        if trial is target:
            way.reach = max(1.0, way.reach / 2.0)
    way.phases, way.found = first, at_first


def _extrapolated(
    shape: Structure, start: Phases, first: Phases, second: Phases, reach: float
) -> tuple[Phases | None, float]:
    """Return where two steps lead to, by logarithms of what they change, and how many steps that is."""
    there = shape.groups >= 0
    places = np.zeros(int(shape.groups.max()) + 1, np.int64)
    places[shape.groups[there]] = np.flatnonzero(there)

    def numbers(phases: Phases) -> Floats:
        table = np.column_stack([phases.rates, phases.exits])
        stay = np.maximum(1.0 - table.sum(axis=1), 0.0) if shape.discrete else np.zeros(0)
        return np.concatenate([phases.alpha, table.ravel()[places], stay])

    x0, x1, x2 = numbers(start), numbers(first), numbers(second)
    moving = (x0 > 0.0) & (x1 > 0.0) & (x2 > 0.0)
    x0, x1, logs = np.log(x0[moving]), np.log(x1[moving]), np.log(x2[moving])
    step = x1 - x0
    bend = logs - x1 - step
    size = float(np.linalg.norm(bend))
    if size == 0.0:
        return None, 1.0
    length = min(max(1.0, float(np.linalg.norm(step)) / size), reach)
    if length == 1.0:
        return None, 1.0
    x2[moving] = np.exp(np.clip(x0 + 2.0 * length * step + length * length * bend, -700.0, 700.0))
    alpha, values, stay = np.split(x2, np.cumsum([start.alpha.size, places.size]))
    if shape.discrete:
        row = places // there.shape[1]
        table = shape.phases(alpha, values)
        values = values / (stay + table.rates.sum(axis=1) + table.exits)[row]
    return shape.phases(alpha / alpha.sum(), values), length
