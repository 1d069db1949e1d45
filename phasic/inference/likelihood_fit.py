"""Maximum likelihood: the parameters under which the observations are most probable, and their errors."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import OptionError
from phasic.inference.optimum import described, flat_direction, maximise
from phasic.inference.posterior import Posterior
from phasic.inference.problem import Problem


@dataclass(frozen=True, eq=False)
class Fit:
    """Maximum likelihood estimates.

    Attributes
    ----------
    theta, std : float64[p]
        Estimates and standard errors; zero for a fixed parameter, infinite where data say nothing.
    covariance : float64[p, p]
        Of the estimates: the inverse of the observed information.
    log_likelihood, aic : float
    n_observations : int
    success : bool
    message : str
    """

    theta: Floats
    std: Floats
    covariance: Floats
    log_likelihood: float
    aic: float
    n_observations: int
    success: bool
    message: str
    _slope: Floats

    def intervals(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return lower and upper ends of a confidence interval for each parameter, float64[p] each.

        Those of a positive parameter come from its logarithm, whose estimate is closer to Gaussian.
        """
        from statistics import NormalDist

        if not 0.0 < level < 1.0:
            raise OptionError(f"level is {level!r}; pass a probability between 0 and 1")
        width = NormalDist().inv_cdf(0.5 + 0.5 * level) * self.std
        logs = self._slope > 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            factor = np.exp(np.where(logs, width / np.where(logs, self.theta, 1.0), 0.0))
            low = np.where(logs, self.theta / factor, self.theta - width)
            high = np.where(logs, self.theta * factor, self.theta + width)
        return low, high


def fit(problem: Problem, positive: bool = True, theta_init: ArrayLike | None = None) -> Fit:
    """Return the maximum likelihood estimates of a problem; see `phasic.Graph.fit`."""
    posterior = Posterior(problem, positive=positive)  # for its coordinates; the prior takes no part
    free = posterior.guess if theta_init is None else problem.chosen(theta_init)
    problem.require_possible(free)
    coordinates = posterior.coordinates
    found = maximise(posterior.likelihood_in_x, coordinates.x(free))
    slope = coordinates.slope(found.x)
    flat, message = flat_direction(found.curvature), found.message
    if flat is None:
        of_x = np.linalg.inv(found.curvature)
    else:
        message = f"the data cannot tell parameters apart: {described(flat, problem.free)} changes nothing"
        warnings.warn(f"{message}; fix or tie a parameter", stacklevel=3)
        of_x = np.full(found.curvature.shape, np.nan)
        of_x[np.diag_indices(flat.size)] = np.where(np.abs(flat) > 1e-3, np.inf, np.nan)
    spread = problem._spread
    with np.errstate(invalid="ignore"):
        of_free = of_x * np.outer(slope, slope)
        first = np.array([spread[i].argmax() for i in range(spread.shape[0])])
        known = ~spread.any(axis=1)
        covariance = of_free[np.ix_(first, first)]
        covariance[known], covariance[:, known] = 0.0, 0.0
        std = np.sqrt(np.diag(covariance))
    theta = posterior.theta(found.x)
    return Fit(
        theta=theta,
        std=std,
        covariance=covariance,
        log_likelihood=found.value,
        aic=2.0 * problem.n_free - 2.0 * found.value,
        n_observations=problem.n_observations,
        success=found.converged and flat is None,
        message=message,
        _slope=np.where(known, 0.0, 1.0 if positive else 0.0),
    )
