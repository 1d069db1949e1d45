"""The method of moments: parameters at which the model has the moments of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import AbsorptionError, ParameterError
from phasic.inference.posterior import Posterior
from phasic.inference.priors import GaussPrior
from phasic.inference.problem import Problem


@dataclass(frozen=True, eq=False)
class Matched:
    """Parameters by the method of moments.

    Attributes
    ----------
    theta, std : float64[p]
        Estimates and standard errors, zero for a fixed parameter.
    success : bool
    residual : float
        Norm of the relative differences that are left between moments.
    sample_moments, model_moments : float64[k]
    message : str
    weighted : bool
        Whether moments count by how well the data know them.
    prior : list of GaussPrior or None
        Around the estimates, for `Graph.svgd`; None for a fixed parameter.
    """

    theta: Floats
    std: Floats
    success: bool
    residual: float
    sample_moments: Floats
    model_moments: Floats
    message: str
    weighted: bool
    prior: list[GaussPrior | None]


def method_of_moments(
    problem: Problem,
    nr_moments: int | None = None,
    theta_init: ArrayLike | None = None,
    std_multiplier: float = 2.0,
    weighted: bool = True,
) -> Matched:
    """Return the parameters at which raw moments are those of the data; see `phasic.Graph.method_of_moments`.

    Standard errors are those of the generalised method of moments [1]_.

    References
    ----------
    .. [1] L. P. Hansen, Econometrica 50 (1982).
    """
    from scipy.optimize import least_squares

    k = problem.n_free if nr_moments is None else int(nr_moments)
    if k < problem.n_free:
        raise ParameterError(
            f"{k} moments cannot tell {problem.n_free} parameters apart; ask for as many at least, "
            f"or fix some"
        )
    posterior = Posterior(problem)
    coordinates = posterior.coordinates
    powers = problem.times[:, None] ** np.arange(1, k + 1)
    sample = powers.mean(axis=0)
    spread = np.atleast_2d(np.cov(powers / sample, rowvar=False, bias=True)) / problem.times.size
    scales = _root_of_inverse(spread) if weighted else np.eye(k)

    def relative(x: Floats) -> tuple[Floats, Floats]:
        free = coordinates.free(x)
        try:
            theta = problem.theta(free)
            weights, directions = problem.weights(theta), problem.directions(theta)
            raw, slopes = problem.engine.moment_slopes(weights, directions, k)
        except (AbsorptionError, ParameterError):
            return np.full(k, 1e6), np.zeros((k, x.size))
        return raw / sample - 1.0, slopes / sample[:, None] * coordinates.slope(x)

    start = coordinates.x(posterior.guess if theta_init is None else problem.chosen(theta_init))
    found = least_squares(
        lambda x: scales @ relative(x)[0],
        start,
        jac=lambda x: scales @ relative(x)[1],
        xtol=1e-12,
        ftol=1e-12,
    )
    rest, slopes = relative(found.x)
    bread = np.linalg.pinv(scales @ slopes) @ scales
    of_x = bread @ spread @ bread.T
    slope = coordinates.slope(found.x)
    std = problem._spread @ (slope * np.sqrt(np.diag(of_x)))
    theta = posterior.theta(found.x)
    return Matched(
        theta=theta,
        std=std,
        success=bool(found.success),
        residual=float(np.linalg.norm(rest)),
        sample_moments=sample,
        model_moments=sample * (1.0 + rest),
        message=str(found.message),
        weighted=weighted,
        prior=[
            None if i in problem.fixed else GaussPrior(float(t), max(std_multiplier * float(s), 1e-12))
            for i, (t, s) in enumerate(zip(theta, std, strict=True))
        ],
    )


def _root_of_inverse(matrix: Floats) -> NDArray[np.float64]:
    """Return W with ``W' W`` the inverse of a covariance matrix, as far as it has one."""
    values, vectors = np.linalg.eigh(matrix)
    kept = np.maximum(values, 1e-12 * values[-1])
    return np.asarray((vectors / np.sqrt(kept)).T)
