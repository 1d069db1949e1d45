"""Theta, and what follows from it: the weights of edges; and the probabilities of initial states."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays
from phasic.building import Builder
from phasic.distribution import Distribution
from phasic.errors import GraphError, ParameterError
from phasic.initial import check_probabilities
from phasic.keywords import also
from phasic.weighting import Given, Reading, Weighting, given, linear, product


class Parameters(Distribution):
    """The parameters of a graph: what can be changed while its structure stays."""

    _arrays: GraphArrays | None
    _builder: Builder | None
    _theta: Floats | None
    _weighting: Weighting
    _reading: Reading | None
    _weights: Floats | None

    @property
    @abstractmethod
    def builder(self) -> Builder:
        """The graph as lists that vertices and edges look into."""

    @abstractmethod
    def changing(self) -> Builder:
        """Return the builder for a change, and forget what was derived from the content so far."""

    @abstractmethod
    def edges_length(self) -> int:
        """Return the number of edges, those of the starting vertex included."""

    @property
    def weights(self) -> Floats:
        """The weight of every edge at the current theta, float64[m], in the order of ``arrays.targets``."""
        if self._weights is None:
            self._weights = self._weigh(self._weighting, self._theta)
        return self._weights

    def _weigh(self, weighting: Weighting, theta: Floats | None) -> Floats:
        """Return the weights at `theta`, as this graph reads them."""
        if self._reading is None:
            weights = weighting(self.arrays, theta)
        else:
            weights = self._reading(self.arrays, theta, weighting)
        weights.flags.writeable = False
        return weights

    @property
    def theta(self) -> Floats | None:
        """The parameters set by `update_weights`; None stands for all ones."""
        return None if self._theta is None else self._theta.copy()

    def weight_of(self, source: int, target: int) -> float:
        """Return the weight of one edge at the current theta, or an initial probability."""
        row = self.builder.row(source, target)
        if source == 0:
            return row[0]
        if self._weighting is not linear or self._reading is not None:
            place = list(self.builder.edges[source]).index(target)
            return float(self.weights[self.arrays.offsets[source] + place])
        theta = np.ones(len(row)) if self._theta is None else self._theta
        return float(np.dot(row, theta))  # looking at an edge while building must not freeze the graph

    def param_length(self) -> int:
        """Return the length of theta: 1 for a constant graph, 0 for one without edges."""
        return self.arrays.n_parameters if self.edges_length() else 0

    def is_parameterized(self) -> bool:
        """Return whether weights are vectors of coefficients."""
        return bool(self._builder.parameterised) if self._builder else self.arrays.parameterised

    parameterized = is_parameterized

    def set_param_length(self, param_length: int) -> None:
        """Say how long theta will be, before there are edges; other lengths of coefficients are then refused.

        Raises
        ------
        ParameterError
            There are edges with coefficients for a theta of another length, or it is no length.
        """
        if not isinstance(param_length, int | np.integer) or param_length < 1:
            raise ParameterError(f"theta is to have length {param_length!r}; pass an integer of at least 1")
        self.changing().set_length(int(param_length))

    def update_weights(
        self,
        theta: ArrayLike,
        callback: Given | None = None,
        log: bool = False,
    ) -> None:
        """Set theta; structure, coefficients and everything recorded from them stay.

        The weight of an edge with coefficients c is ``sum(c * theta)``. A weight given as one number w
        is the coefficient vector ``[w]``, so that ``update_weights([7.0])`` makes a constant graph
        seven times faster. Initial probabilities do not change.

        Parameters
        ----------
        theta : float64[p]
            The parameters; ``p`` is `param_length`, unless a callback makes of theta what it likes.
        callback : callable, optional
            ``callback(theta, coefficients) -> weight`` in place of the sum.
        log : bool
            The product ``prod(c * theta)`` in place of the sum, added up as logarithms.

        Raises
        ------
        ParameterError
            `theta` is not a vector of finite numbers of the right length, or makes a weight negative.
            The graph is as it was before.
        """
        try:
            values = np.array(theta, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParameterError(f"theta is {theta!r}; pass a vector of numbers") from None
        if values.ndim != 1 or values.size == 0 or not all(map(isfinite, values.tolist())):
            raise ParameterError(f"theta is {theta!r}; pass a vector of finite numbers, not empty")
        if callback is not None and log:
            raise GraphError("weights follow from a callback or from log=True, not from both")
        weighting: Weighting = product if log else linear
        if callback is not None:
            weighting = partial(given, callback=callback)
        weights = self._weigh(weighting, values)
        self._theta, self._weighting, self._weights, self._factors = values, weighting, weights, None

    def update_parameterized_weights(self, rewards: ArrayLike) -> None:
        """Do what `update_weights` does, of which this is an older name."""
        self.update_weights(rewards)

    @also(ipv="weights")
    def update_ipv(self, weights: Sequence[float]) -> None:
        """Set the probabilities of the initial states, in the order of the edges of the starting vertex.

        Raises
        ------
        GraphError
            There are more or fewer of them than initial states, or they cannot be probabilities.
        """
        arrays = self.arrays
        try:
            values = np.array(weights, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"initial probabilities are {weights!r}; pass a vector of numbers") from None
        if values.shape != arrays.start_targets.shape:
            raise GraphError(
                f"initial probabilities have shape {values.shape}, but {arrays.start_targets.size} edges "
                f"leave the starting vertex; pass one for each"
            )
        check_probabilities(values.tolist(), arrays.states[arrays.start_targets].tolist())
        self._arrays, self._builder = replace(arrays, start_weights=values), None
        if self._reading is not None:  # which may depend on where the chain starts
            self._weights = self._factors = None
