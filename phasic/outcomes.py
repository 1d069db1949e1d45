"""The outcomes of a graph of joint probabilities, as a function of JAX: how probable each is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic import jax_programs, replay
from phasic.arrays import Floats
from phasic.differentiable import Answer, Model, _function, _vector
from phasic.engine import Engine
from phasic.errors import AbsorptionError, GraphError, ParameterError
from phasic.inference.parts import outcome_vertices
from phasic.replay import Factors, Numbers
from phasic.weighting import shares

if TYPE_CHECKING:
    from phasic.graph import Graph


class OutcomeModel(Model):
    """The outcomes of a graph, to be asked at any theta; see `Model`.

    Each is visited once at most, so its probability is the expected number of visits.

    Attributes
    ----------
    vertices : int64[k]
        Those with one edge, to an absorbing vertex.
    """

    def __init__(self, graph: Graph) -> None:
        if graph._reading is shares:  # the same outcomes as by rates
            self.arrays = replace(graph._startable(), discrete=False)
            self._engine = Engine(graph.trace, self.arrays.alpha, False)
            self._directions = np.ascontiguousarray(self.arrays.coefficients.T)
        else:
            super().__init__(graph)
        self.vertices = outcome_vertices(self.arrays)
        self._out = self.arrays.offsets[self.vertices]
        if graph._settled() or not self.vertices.size:
            raise GraphError(
                "the graph has epochs, or no vertex with one edge that leads to an absorbing one; outcomes "
                "are those of joint_prob_graph, of a graph without epochs"
            )

    def probabilities(self, theta: Floats) -> Floats:
        """Return the probability of each of the `vertices`; not numbers where theta cannot be."""
        return self._found(theta, self._directions[:0])[0]

    def probability_slopes(self, theta: Floats) -> Answer:
        """Return these and their derivatives by theta, float64[k, p]."""
        return self._found(theta, self._directions)

    def _found(self, theta: Floats, directions: Floats) -> Answer:
        k, weights = self.vertices.size, self.weights(theta)
        nothing = np.full(k, np.nan), np.full((k, directions.shape[0]), np.nan)
        if weights is None:
            return nothing
        factors = replay.factorise(self._engine.trace, weights)
        try:
            time = factors.solve_transposed(self.arrays.alpha)[self.vertices]
        except AbsorptionError:
            return nothing
        slopes = self._bent(factors, directions)[self.vertices] if len(directions) else nothing[1]
        if self.arrays.discrete:
            return time, slopes
        out = weights[self._out]
        return time * out, slopes * out[:, None] + time[:, None] * directions[:, self._out].T

    def _bent(self, factors: Factors, directions: Floats) -> Floats:
        """Return how the expected time in each vertex changes, float64[n, q], as `phasic.gradients` does."""
        beside = np.bincount(factors.trace.source, factors.weights, self.arrays.n_vertices)
        sums = beside[factors.trace.source]

        def slopes(chosen: Factors) -> Numbers:
            rows = []
            for direction in directions * (sums > 0.0):  # what cannot be left is not visited
                share = np.max(np.abs(direction) / np.where(sums > 0.0, sums, 1.0), initial=0.0)
                step = 1e-60 / share if share > 0.0 else 1.0
                rows.append(chosen.perturbed(direction, step).spent(self.arrays.alpha).imag / step)
            return np.stack(rows, axis=1)

        return replay.in_range(slopes, factors)


def pmf_from_graph_joint_index(
    graph: Graph,
    fixed_mask: ArrayLike | None = None,
    exclude_vertices: ArrayLike | None = None,
    observed_indices: ArrayLike | None = None,
) -> Callable[..., Any]:
    """Return the probability of outcomes of a graph of joint probabilities as a function of JAX.

    Parameters
    ----------
    graph : Graph
        Made by `joint_prob_graph`. Taken as it is now: later changes of it do not matter.
    fixed_mask : array_like of 0 and 1 [p], optional
        Parameters, marked by 1, by which derivatives are zero.
    exclude_vertices : array_like of int, optional
        Outcomes that could not be observed. Probabilities are then those given that it is another one, and
        that of these is zero. Events beyond the limits of a graph lead to an outcome of their own, which is
        not in its table: the one with one edge to an absorbing vertex that is missing there.
    observed_indices : array_like of int, optional
        Vertices of which the function tells, whatever others it is called with.

    Returns
    -------
    callable
        ``f(theta, vertices)``, an array of the shape of `vertices`, which are as `joint_prob_table` has them
        for its index. JAX can do with it what it can do with the function of `pmf_from_graph`. Vertices that
        are no outcomes are refused, and are not numbers where JAX traces them.

    Raises
    ------
    GraphError
        The graph has no outcomes, or a vertex is none.
    """
    jax_programs.keep()
    model = OutcomeModel(graph)
    n, p = model.arrays.n_vertices, model.n_parameters
    probabilities = _function(
        model.probabilities, model.probability_slopes, lambda theta: model.vertices.size
    )
    excluded = np.isin(model.vertices, _outcomes(model, () if exclude_vertices is None else exclude_vertices))
    mask = np.zeros(p, np.bool_) if fixed_mask is None else np.asarray(fixed_mask) != 0
    if mask.shape != (p,):
        raise ParameterError(f"fixed_mask has shape {mask.shape}; pass a 0 or 1 for each of {p} parameters")
    baked = None if observed_indices is None else _outcomes(model, observed_indices)

    def pmf(theta: Any, vertices: Any = None, rewards: Any = None) -> Any:
        import jax
        import jax.numpy as jnp

        if rewards is not None:
            raise GraphError("outcomes have no rewards; leave them out")
        asked = vertices if baked is None else baked
        if asked is None:
            raise GraphError("pass the vertices of outcomes, such as the index of joint_prob_table()")
        if not isinstance(asked, jax.core.Tracer):
            asked = _outcomes(model, asked)
        theta = _vector(theta, p)
        found = probabilities(jnp.where(mask, jax.lax.stop_gradient(theta), theta))
        if excluded.any():
            found = jnp.where(excluded, 0.0, found)
            found = found / found.sum()
        table = jnp.full(n, jnp.nan, found.dtype).at[model.vertices].set(found)
        return table.at[jnp.where(asked < 0, n, asked)].get(mode="fill", fill_value=jnp.nan)

    return pmf


def _outcomes(model: OutcomeModel, vertices: ArrayLike) -> NDArray[np.int64]:
    """Return `vertices` as whole numbers, after a look at whether they are outcomes."""
    found = np.asarray(vertices)
    bad = ~np.isin(found, model.vertices)
    if bad.any():
        raise GraphError(
            f"vertex {found[bad][0]} is no outcome: outcomes are vertices with one edge, to an absorbing "
            f"vertex; joint_prob_table() has them as its index"
        )
    return found.astype(np.int64)
