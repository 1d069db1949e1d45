"""What is taken off a log-density where moments of the model are not those of the data."""

from __future__ import annotations

import numpy as np

from phasic.arrays import Floats
from phasic.errors import AbsorptionError, ParameterError
from phasic.inference.problem import Problem


class Penalty:
    """Squares of the relative differences between moments, times a strength.

    Relative, so that the unit of time makes no difference and late moments do not outweigh the first.

    Parameters
    ----------
    problem : Problem
        Of absorption times, none censored or truncated.
    nr_moments : int

    Attributes
    ----------
    strength : float
    """

    def __init__(self, problem: Problem, nr_moments: int) -> None:
        self.strength = 1.0
        self._problem = problem
        self._sample = (problem.times[:, None] ** np.arange(1, nr_moments + 1)).mean(axis=0)

    def __call__(self, free: Floats) -> tuple[float, Floats]:
        """Return the penalty and its derivatives; infinite where the model has no moments."""
        problem = self._problem
        try:
            theta = problem.theta(free)
            weights, directions = problem.weights(theta), problem.directions(theta)
            raw, slopes = problem.engine.moment_slopes(weights, directions, self._sample.size)
        except (AbsorptionError, ParameterError):
            return np.inf, np.zeros(free.size)
        off = raw / self._sample - 1.0
        change = 2.0 * self.strength * (off / self._sample) @ slopes
        return self.strength * float(off @ off), np.asarray(change)
