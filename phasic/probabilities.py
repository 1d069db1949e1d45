"""What a fit and a table ask of a distribution: survival, quantiles, logarithms and likelihoods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.errors import GraphError
from phasic.sensitivity import Sensitivity


class Probabilities(Sensitivity):
    """Probabilities that are small, and times of given probability."""

    def survival(self, t: ArrayLike, error: bool = False) -> Any:
        """Return the probability of no absorption up to `t`, accurate relative to itself however small.

        One less `cdf`: mass that is missing or trapped is part of it. Shapes and errors as for `pdf`.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], 1.0)] if state[0] else [], ipv=[1])
        >>> print(f"{graph.survival(100.0):.12e}")
        3.720075976021e-44
        """
        times = self._times(t)
        found = self._question.ask("survival", times)
        return self._shaped(found.value + self._missing(), found.error, times, error)

    def log_pdf(self, t: ArrayLike) -> Any:
        """Return the logarithm of the density, finite also where that is too small for a float.

        Minus infinity where the density is zero. Shapes as for `pdf`.
        """
        times = self._times(t)
        values = self._question.logarithm("pdf", times)
        return values if times.ndim else float(values)

    def log_survival(self, t: ArrayLike) -> Any:
        """Return the logarithm of the probability of no absorption up to `t`, as `log_pdf` does.

        Where mass is missing, it soon is all that is left.
        """
        times = self._times(t)
        values = self._question.logarithm("survival", times)
        missing = self._missing()
        if missing > 0.0:
            values = np.logaddexp(values, math.log(missing))
        return values if times.ndim else float(values)

    def quantile(self, q: ArrayLike) -> Any:
        """Return the earliest time by which a share `q` has been absorbed; shapes as for `pdf`.

        Infinite where `q` is more than what is ever absorbed. In a discrete graph, a whole number of
        steps; shares that agree to fourteen digits count as reached.

        Raises
        ------
        GraphError
            `q` is not between 0 and 1.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], 1.0)] if state[0] else [], ipv=[1])
        >>> graph.quantile([0.0, 0.5]).round(12).tolist()
        [0.0, 0.69314718056]
        """
        from phasic import quantiles

        try:
            shares = np.array(q, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"quantiles were asked for at {q!r}; pass probabilities") from None
        values = quantiles.quantile(self._question, shares)
        return values if values.ndim else float(values)

    def log_likelihood(self, times: ArrayLike, gradient: bool = False) -> Any:
        """Return the sum of the logarithms of the density at observed times, and its gradient if asked for.

        To evaluate the same observations at many parameters, `phasic.likelihood.Likelihood` prepares
        them once.

        Parameters
        ----------
        times : array_like, scipy.stats.CensoredData or Observations
            Observed absorption times; in a discrete graph, numbers of steps. One of zero counts with the
            probability of zero where that is not none.
        gradient : bool
            Return derivatives by theta as well.

        Returns
        -------
        float, or (float, float64[p])
            Minus infinity, and derivatives that are not numbers, where an observation is impossible.

        Raises
        ------
        GraphError
            An observation is negative or not finite, or weights follow from a callback, whose
            derivatives are not known.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
        >>> graph.update_weights([2.0])
        >>> value, slope = graph.log_likelihood([0.5, 1.5], gradient=True)
        >>> round(value, 12), slope.round(12).tolist()
        (-2.61370563888, [-1.0])
        """
        from phasic.likelihood import Likelihood

        arrays = self._startable()
        likelihood = Likelihood(self.trace, arrays.alpha, times, arrays.discrete)
        if not gradient:
            return likelihood(self.weights, gradient=False).value
        by_theta = self._slopes()
        value, by_weight = likelihood(self.weights)
        assert by_weight is not None
        return value, np.einsum("m,mp->p", by_weight, by_theta)

    def _missing(self) -> float:
        """Return the initial probability that is nowhere; what rounding leaves of a sum of one is none."""
        starts = self.arrays.start_weights
        missing = 1.0 - math.fsum(starts)
        return missing if missing > 1e-15 * starts.size else 0.0
