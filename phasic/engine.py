"""A graph at weights after weights: what fits and functions of JAX evaluate again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.trace import Trace

if TYPE_CHECKING:
    from phasic.likelihood import Likelihood
    from phasic.observations import Observations
    from phasic.question import Question
    from phasic.slopes import Densities


class Engine:
    """What can be evaluated of a graph whose weights change.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    alpha : float64[n]
        Initial probability of each vertex.
    discrete : bool
        Weights are one-step probabilities.
    """

    def __init__(self, trace: Trace, alpha: Floats, discrete: bool) -> None:
        self.trace, self.alpha, self.discrete = trace, alpha, discrete

    def require(self, weights: Floats) -> None:
        """Raise ParameterError unless edges can have these weights, beyond being finite and not negative."""

    def question(self, weights: Floats) -> Question:
        """Return what is asked for densities and probabilities at given times."""
        from phasic.question import Question

        return Question(self.trace, weights, self.alpha, self.discrete)

    def likelihood(self, observed: ArrayLike | Observations) -> Likelihood:
        """Return the likelihood of what was observed, ``(weights, gradient) -> LogLikelihood``."""
        from phasic.likelihood import Likelihood

        return Likelihood(self.trace, self.alpha, observed, self.discrete)

    def densities(self, times: Floats) -> Densities:
        """Return the density at `times` and its derivatives, ``(weights, directions) -> Sloped``."""
        from phasic.slopes import Densities

        return Densities(self.trace, self.alpha, times, self.discrete)

    def time_slopes(self, weights: Floats, times: Floats, value: Floats, along: Floats) -> Floats:
        """Return derivatives of the density by time, float64[k].

        Parameters
        ----------
        value, along : float64[k]
            The density, and its derivative in the direction of the weights themselves.
        """
        # All rates c times as large are a clock c times as fast: f(t, c w) = c f(c t, w).
        with np.errstate(divide="ignore", invalid="ignore"):
            out = (along - value) / times
        if not times.all():
            trace, source = self.trace, self.trace.source
            exits = np.bincount(source, weights * trace.absorbing[trace.targets], self.alpha.size)
            out[times == 0.0] = (self.alpha[source] * weights) @ (exits[trace.targets] - exits[source])
        return np.asarray(out)

    def moments(self, weights: Floats, k: int) -> Floats:
        """Return the first `k` raw moments, float64[k].

        Raises
        ------
        AbsorptionError
            Absorption is not certain.
        """
        from phasic import moments, replay

        factors = replay.factorise(self.trace, weights)
        return np.array(moments.moments(factors, self.alpha, k, discrete=self.discrete))

    def moment_slopes(self, weights: Floats, directions: Floats, k: int) -> tuple[Floats, Floats]:
        """Return these and their derivatives in the rows of `directions`, float64[k, q]."""
        from phasic import replay, slopes

        factors = replay.factorise(self.trace, weights)
        return slopes.moment_slopes(factors, self.alpha, directions, k, self.discrete)
