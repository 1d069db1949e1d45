"""How the moments of a graph change with theta, in the shapes users know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.distribution import Distribution
from phasic.errors import GraphError, ParameterError
from phasic.weighting import Reading, Weighting, linear, product

if TYPE_CHECKING:
    from phasic.engine import Engine


class Sensitivity(Distribution):
    """Derivatives with respect to theta, for weights that are sums or products."""

    _theta: Floats | None
    _weighting: Weighting
    _reading: Reading | None

    def expectation_gradient(self, rewards: ArrayLike = ()) -> tuple[float, Floats]:
        """Return the expectation and its derivatives with respect to theta, float64[p].

        Raises
        ------
        GraphError
            Weights follow from a callback, whose derivatives are not known; or as for `expectation`.
        AbsorptionError
            As for `expectation`.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[3])
        >>> graph.update_weights([2.0])
        >>> value, gradient = graph.expectation_gradient()
        >>> value, gradient.tolist()
        (1.5, [-0.75])
        """
        from phasic import gradients

        arrays, checked = self._startable(), self._rewards(rewards)
        return gradients.expectation(self._absorbing(), arrays.alpha, self._slopes(), checked)

    def moments_gradient(self, k: int, rewards: ArrayLike = ()) -> tuple[list[float], Floats]:
        """Return the first `k` raw moments and their derivatives with respect to theta, float64[k, p].

        Raises
        ------
        ParameterError
            `k` is less than one.
        GraphError, AbsorptionError
            As for `expectation_gradient`.
        """
        from phasic import gradients

        if not isinstance(k, int | np.integer) or k < 1:
            raise ParameterError(f"moments were asked for up to order {k!r}; pass an integer of at least 1")
        arrays, checked = self._startable(), self._rewards(rewards)
        factors, slopes = self._absorbing(), self._slopes()
        return gradients.moments(factors, arrays.alpha, slopes, int(k), checked, discrete=arrays.discrete)

    def _engine(self) -> Engine:
        """Return what is evaluated at theta after theta; weights have to be sums over it.

        Raises
        ------
        GraphError
            Weights follow from theta in another way, or the chain starts nowhere.
        """
        from phasic.engine import Engine

        arrays = self._startable()
        if self._reading is not None or self._weighting is not linear:
            raise GraphError(
                "the weights of this graph are no sums of coefficients times theta, so their derivatives "
                "are not known; take the graph it was made of"
            )
        return Engine(self.trace, arrays.alpha, arrays.discrete)

    def _settled(self) -> dict[int, float]:
        """Return entries of theta that are no parameters, by their place."""
        return {}

    def _slopes(self) -> Floats:
        """Return the derivative of each weight by each parameter, float64[m, p]."""
        if self._reading is not None:
            raise GraphError(
                "the weights of a discretised or joint graph, of one with epochs or a Laplace transform are "
                "no sums over theta, and their derivatives are not known"
            )
        if self._weighting is linear:
            return self.arrays.coefficients
        if self._weighting is product and self._theta is not None:
            if (self._theta == 0.0).any():
                raise GraphError(f"theta = {self._theta} with log=True has no derivatives at 0")
            return np.asarray(self.weights[:, None] / self._theta)
        raise GraphError(
            "weights follow from a callback, so their derivatives are not known; phasic.gradients and "
            "phasic.likelihood take an array of them"
        )
