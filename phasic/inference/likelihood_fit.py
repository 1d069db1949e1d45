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
from phasic.inference.profile import Profile


@dataclass(frozen=True, eq=False)
class Fit:
    """Maximum likelihood estimates.

    Attributes
    ----------
    theta, std : float64[p]
        Estimates and standard errors; zero for a fixed parameter, infinite where data say nothing.
    covariance : float64[p, p]
        Of the estimates: the inverse of the observed information.
    log_likelihood, aic, bic : float
        The criteria of Akaike and of Schwarz are lower for the better of two models of the same data.
    n_observations : int
    success : bool
    message : str
    """

    theta: Floats
    std: Floats
    covariance: Floats
    log_likelihood: float
    aic: float
    bic: float
    n_observations: int
    success: bool
    message: str
    _slope: Floats
    _profile: Profile

    @property
    def correlation(self) -> Floats:
        """Correlations of the estimates, float64[p, p]; NaN where one is fixed or the data say nothing."""
        known = np.isfinite(self.std) & (self.std > 0.0)
        scale = np.where(known, self.std, np.nan)
        return np.asarray(self.covariance / np.outer(scale, scale))

    def intervals(self, level: float = 0.95, method: str = "wald") -> tuple[Floats, Floats]:
        """Return lower and upper ends of a confidence interval for each parameter, float64[p] each.

        Parameters
        ----------
        level : float
        method : {"wald", "profile"}
            From standard errors, of a positive parameter those of its logarithm, whose estimate is closer
            to Gaussian. Or from how far the likelihood falls, whatever the other parameters are: better
            where observations are few, in some hundred times the time of an evaluation. An end that data
            do not bound is that of the range, and a warning says which.

        Raises
        ------
        OptionError
            The level is no probability, or the method unknown.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
        >>> found = graph.fit([0.1, 0.2, 0.3])
        >>> [ends.round(2).tolist() for ends in found.intervals(method="profile")]
        [[1.24], [12.97]]
        >>> [ends.round(2).tolist() for ends in found.intervals()]
        [[1.61], [15.5]]
        """
        if not 0.0 < level < 1.0:
            raise OptionError(f"level is {level!r}; pass a probability between 0 and 1")
        if method == "wald":
            return self._by_errors(level)
        if method != "profile":
            raise OptionError(f"method is {method!r}; pass wald or profile")
        problem = self._profile.posterior.problem
        low, high = (problem.spread_out(ends) for ends in self._profile.intervals(level))
        return low, high

    def summary(self, level: float = 0.95, method: str = "wald") -> None:
        """Print, for each parameter, the estimate, its standard error and a confidence interval.

        Parameters are those of `intervals`.
        """
        import sys

        low, high = self.intervals(level, method)
        lines = [f"{'Parameter':<12}{'Estimate':>12}{'SE':>12}  {100 * level:g}% CI"]
        for i, (value, error, start, end) in enumerate(zip(self.theta, self.std, low, high, strict=True)):
            words = f"theta[{i}]".ljust(12) + f"{value:>12.5g}"
            if i in self._profile.posterior.problem.fixed:
                lines.append(f"{words}  fixed")
            else:
                lines.append(f"{words}{error:>12.4g}  [{start:.5g}, {end:.5g}]")
        lines.append(
            f"{self.n_observations} observations, log-likelihood {self.log_likelihood:.6g}, AIC "
            f"{self.aic:.6g}, BIC {self.bic:.6g}"
        )
        sys.stdout.write("\n".join(lines) + "\n")

    def _by_errors(self, level: float) -> tuple[Floats, Floats]:
        from statistics import NormalDist

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
    free = posterior.guess if theta_init is None else problem.chosen(_start(theta_init, problem))
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
        bic=np.log(problem.n_observations) * problem.n_free - 2.0 * found.value,
        n_observations=problem.n_observations,
        success=found.converged and flat is None,
        message=message,
        _slope=np.where(known, 0.0, 1.0 if positive else 0.0),
        _profile=Profile(posterior, found.x, found.value, np.sqrt(np.diag(of_x))),
    )


def _start(theta_init: ArrayLike, problem: Problem) -> Floats:
    try:
        theta = np.array(theta_init, np.float64)
    except (TypeError, ValueError):
        raise OptionError(f"theta_init is {theta_init!r}; pass {problem.n_parameters} numbers") from None
    if theta.shape != (problem.n_parameters,) or not np.isfinite(theta).all():
        raise OptionError(
            f"theta_init is {theta_init!r}; pass {problem.n_parameters} finite numbers, one each parameter"
        )
    return theta
