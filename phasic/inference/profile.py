"""Intervals by the profile likelihood: parameters that no other ones can make up for."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from phasic.arrays import Floats
from phasic.inference.optimum import maximise
from phasic.inference.posterior import Point, Posterior

_REACH = 25.0  # how far from the estimate to look: logarithms of parameters
_TRIES = 60


class Profile(NamedTuple):
    """What a maximum likelihood estimate is the maximum of.

    Attributes
    ----------
    posterior : Posterior
        For its coordinates and its likelihood; the prior takes no part.
    x : float64[f]
        The estimate, in these coordinates.
    value : float
        The log-likelihood there.
    spread : float64[f]
        Standard errors by the curvature, not finite where the data say nothing.
    """

    posterior: Posterior
    x: Floats
    value: float
    spread: Floats

    def intervals(self, level: float, stacklevel: int = 3) -> tuple[Floats, Floats]:
        r"""Return lower and upper ends for each free parameter, float64[f] each.

        They are where

        .. math:: 2 (\ell(\hat\theta) - \max_{\theta: \theta_k = v} \ell(\theta))

        is the quantile of a chi-squared distribution [1]_, found along the path of the other parameters that
        are most likely. That holds better than standard errors where the likelihood is no parabola, and does
        not depend on how parameters are expressed. An end that is not reached is that of the range.

        References
        ----------
        .. [1] D. J. Venzon and S. H. Moolgavkar, J. R. Stat. Soc. C 37 (1988).
        """
        from scipy.stats import chi2

        drop = 0.5 * float(chi2.ppf(level, 1))
        ends = np.array(
            [[self._end(k, sign, drop) for sign in (-1.0, 1.0)] for k in range(self.x.size)], np.float64
        )
        free = np.array([[self._free(k, end) for end in row] for k, row in enumerate(ends)])
        self._warn(ends, level, stacklevel + 1)
        return free[:, 0], free[:, 1]

    def _free(self, k: int, end: float) -> float:
        """Return the free parameter k at its coordinate `end`, or the end of its range."""
        x = self.x.copy()
        x[k] = end if np.isfinite(end) else self.x[k]
        found = float(self.posterior.coordinates.free(x)[k])
        if np.isfinite(end):
            return found
        far = self.x.copy()
        far[k] += np.sign(end) * 1000.0
        with np.errstate(over="ignore"):
            return float(self.posterior.coordinates.free(far)[k])

    def _end(self, k: int, sign: float, drop: float) -> float:
        """Return where the profile has dropped by so much on one side, in coordinate k, or infinity."""
        from scipy.optimize import brentq

        others = np.delete(self.x, k)
        best = {0.0: others}

        def left(distance: float) -> float:
            """Return how much higher the profile still is, having gone so far."""
            begin = best[min(best, key=lambda other: abs(other - distance))]
            value, there = self._highest(k, self.x[k] + sign * distance, begin)
            if np.isfinite(value):
                best[distance] = there
            return value - self.value + drop if np.isfinite(value) else -drop

        spread = self.spread[k]
        step = float(np.sqrt(2.0 * drop) * spread) if np.isfinite(spread) else 1.0
        near, far = 0.0, min(step, _REACH)
        for _ in range(_TRIES):
            if left(far) <= 0.0:
                root = brentq(left, near, far, xtol=1e-9 * max(1.0, far), rtol=1e-12)
                return float(self.x[k] + sign * root)
            if far >= _REACH:
                break
            near, far = far, min(1.5 * far, _REACH)
        return sign * np.inf

    def _highest(self, k: int, at: float, begin: Floats) -> tuple[float, Floats]:
        """Return the highest log-likelihood with coordinate k given, and the other coordinates there."""
        function = self.posterior.likelihood_in_x
        if not begin.size:
            return function(np.array([at])).value, begin

        def along(others: Floats) -> Point:
            value, slopes = function(np.insert(others, k, at))
            return Point(value, np.delete(slopes, k))

        if not np.isfinite(along(begin).value):
            return -np.inf, begin
        found = maximise(along, begin)
        return found.value, found.x

    def _warn(self, ends: Floats, level: float, stacklevel: int) -> None:
        open_ends = [
            f"theta[{self.posterior.problem.free[k][0]}] from {side}"
            for k, row in enumerate(ends)
            for side, end in zip(("below", "above"), row, strict=True)
            if not np.isfinite(end)
        ]
        if open_ends:
            warnings.warn(
                f"at level {level:g} the data do not bound {' or '.join(open_ends)}; the interval goes to "
                f"the end of the range, so fix or tie a parameter, or add data",
                stacklevel=stacklevel,
            )
