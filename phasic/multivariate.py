"""The rewards that a graph collects, as functions of JAX: a density for each, and its moments.

Each reward is taken by itself, as `svgd` takes the columns of its data: what is joint about them is theta.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.differentiable import _checked, _density, _function, _order, _vector
from phasic.errors import GraphError
from phasic.inference.columns import reward_table
from phasic.rewarded import Rewarded

if TYPE_CHECKING:
    from phasic.graph import Graph

_MOST = 16  # sets of rewards whose preparations are kept


def pmf_from_graph_multivariate(
    graph: Graph, rewards: ArrayLike | None = None, discrete: bool | None = None
) -> Callable[..., Any]:
    """Return the densities of several rewards of a graph as one function of JAX.

    Parameters
    ----------
    graph : Graph
        Taken as it is now: later changes of it do not matter.
    rewards : array_like [n] or [k, n], optional
        Reward of each vertex, not negative, in a discrete graph zero or one; by default what the function
        is called with.
    discrete : bool, optional
        What the graph is, to be checked.

    Returns
    -------
    callable
        ``f(theta, times, rewards=...)``. Of k rewards, each column of `times` [m, k] is of one of them, and
        a vector of times is asked of each; the answer is [m, k]. Of a vector of rewards, the answer has the
        shape of `times`; without any, it is that of `pmf_from_graph`. Sparse observations, with `values`
        and `features`, have an answer as `values`.

        A time that is not a number was not observed: its density is not a number either, and has
        derivatives of zero. At a time of zero the answer is the probability of no reward where that is not
        zero, and the density at zero otherwise, as `svgd` and `fit` take it. JAX can do with the function
        what it can do with that of `pmf_from_graph`, but not differentiate it by rewards.

    Raises
    ------
    GraphError
        Rewards are not what they have to be, or weights of the graph no sums of coefficients times theta.

    Examples
    --------
    >>> from phasic import Graph
    >>> graph = Graph(lambda state: [([state[0] - 1], [state[0]])] if state[0] else [], ipv=[2])
    >>> f = pmf_from_graph_multivariate(graph, rewards=[[0, 1, 1, 0], [0, 0, 2, 0]])
    >>> f([1.0], [[0.5, 0.2], [1.0, float("nan")]]).shape
    (2, 2)
    """
    functions = _Functions(graph, discrete)
    return _densities(functions, functions.table(rewards))


def _densities(functions: _Functions, fixed: Floats | None) -> Callable[..., Any]:
    def pmf(theta: Any, times: Any, rewards: Any = None) -> Any:
        return functions.pmf(theta, times, fixed if rewards is None else functions.table(rewards))

    return pmf


def moments_from_graph_multivariate(
    graph: Graph, nr_moments: int = 2, rewards: ArrayLike | None = None
) -> Callable[..., Any]:
    """Return raw moments of several rewards of a graph as one function of JAX, ``f(theta, rewards=...)``.

    The answer is [k, nr_moments], and [nr_moments] of a vector of rewards or without any; parameters as for
    `pmf_from_graph_multivariate`, but rewards may be any numbers. Moments are infinite, and
    derivatives not numbers, where theta makes absorption uncertain.
    """
    functions = _Functions(graph, None)
    return _moments(functions, nr_moments, functions.table(rewards, densities=False))


def _moments(functions: _Functions, nr_moments: int, fixed: Floats | None) -> Callable[..., Any]:
    found = functions.moments(_order(nr_moments))

    def raw(theta: Any, rewards: Any = None) -> Any:
        table = fixed if rewards is None else functions.table(rewards, densities=False)
        return found(theta, table)

    return raw


def pmf_and_moments_from_graph_multivariate(
    graph: Graph, nr_moments: int = 2, discrete: bool | None = None, rewards: ArrayLike | None = None
) -> Callable[..., tuple[Any, Any]]:
    """Return densities and moments as one function, ``f(theta, times, rewards=...) -> (pdf, moments)``.

    As `pmf_from_graph_multivariate` and `moments_from_graph_multivariate` have them.
    """
    functions = _Functions(graph, discrete)
    fixed = functions.table(rewards)
    pmf, raw = _densities(functions, fixed), _moments(functions, nr_moments, fixed)

    def both(theta: Any, times: Any, rewards: Any = None) -> tuple[Any, Any]:
        return pmf(theta, times, rewards), raw(theta, rewards)

    return both


class _Functions:
    """What is made once of a graph, and once of each set of rewards."""

    def __init__(self, graph: Graph, discrete: bool | None) -> None:
        model = _checked(graph, discrete)
        density = lru_cache(1)(lambda: _density(model))

        @lru_cache(_MOST)
        def rewarded(table: bytes) -> tuple[Rewarded, Any]:
            found = Rewarded(model, np.frombuffer(table).reshape(-1, model.arrays.n_vertices))
            return found, _density(found)

        self._model, self._plain, self._rewarded = model, density, rewarded

    def table(self, rewards: Any, densities: bool = True) -> Floats | None:
        """Return rewards as float64[n] or float64[k, n], None for none, that have moments or `densities`."""
        import jax

        if isinstance(rewards, jax.core.Tracer):
            raise GraphError(
                "rewards decide which states there are, so nothing is traced or differentiated by them; pass "
                "them as numbers from outside of jit, grad and vmap, or when the function is made"
            )
        table = reward_table(self._model.arrays, rewards)
        if table is None:
            return None
        if self._model.settled:
            raise GraphError(
                "of a graph with epochs only absorption times have a density, not rewards; leave rewards "
                "out, or the epochs"
            )
        if densities:
            _ = self._rewarded(table.tobytes())[0].rewards  # refused here, not deep in a call from JAX
        return table

    def pmf(self, theta: Any, times: Any, table: Floats | None) -> Any:
        """Return densities; see `pmf_from_graph_multivariate`."""
        import jax.numpy as jnp

        theta = _vector(theta, self._model.n_parameters)
        if table is not None and all(hasattr(times, name) for name in ("values", "features", "n_features")):
            return self._sparse(theta, times, table)
        times = jnp.asarray(times).astype(theta.dtype)
        if table is None:
            return self._plain()(theta, times.ravel()).reshape(times.shape)
        density = self._rewarded(table.tobytes())[1]
        if table.ndim == 1:
            return density(theta, times.ravel()).reshape(times.shape)
        count = len(table)
        if times.ndim > 2 or (times.ndim == 2 and times.shape[1] != count):
            raise GraphError(
                f"times have shape {times.shape}, but there are {count} rewards; pass a matrix with a column "
                f"for each, not a number where it was not observed, or a vector for all"
            )
        rows = times.T if times.ndim == 2 else jnp.broadcast_to(times, (count, *times.shape))
        return density(theta, rows.ravel()).reshape(rows.shape).T

    def _sparse(self, theta: Any, times: Any, table: Floats) -> Any:
        import jax.numpy as jnp

        features, count = np.asarray(times.features), len(np.atleast_2d(table))
        if times.n_features != count:
            raise GraphError(f"there are {times.n_features} columns and {count} rewards; pass one each")
        places = np.zeros(features.size, np.int64)
        for number in range(count):
            here = features == number
            places[here] = np.arange(here.sum())
        rows = jnp.full((int(places.max(initial=-1)) + 1, count), jnp.nan, theta.dtype)
        rows = rows.at[places, features].set(jnp.asarray(times.values).astype(theta.dtype))
        return self.pmf(theta, rows, np.atleast_2d(table))[places, features]

    def moments(self, k: int) -> Callable[[Any, Floats | None], Any]:
        """Return ``f(theta, table)``; see `moments_from_graph_multivariate`."""

        @lru_cache(_MOST)
        def function(table: bytes | None) -> Callable[[Any], Any]:
            model = self._model if table is None else self._rewarded(table)[0]
            n = self._model.arrays.n_vertices
            size = k if table is None else k * (len(table) // (8 * n))
            return _function(
                lambda theta: model.moments(theta, k),
                lambda theta: model.moment_slopes(theta, k),
                lambda theta: size,
            )

        def raw(theta: Any, table: Floats | None) -> Any:
            found = function(None if table is None else table.tobytes())(
                _vector(theta, self._model.n_parameters)
            )
            return found if table is None or table.ndim == 1 else found.reshape(len(table), k)

        return raw
