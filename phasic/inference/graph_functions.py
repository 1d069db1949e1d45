"""What a graph offers as functions of JAX; everything heavy is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from phasic.keywords import without_effect

if TYPE_CHECKING:
    from phasic.graph import Graph

_ONE_ROAD = "there is one road to every number, whatever JAX is doing"
_KNOWN = "theta is as long as the coefficients of the graph"


class Functions:
    """Graphs as functions of JAX."""

    @staticmethod
    @without_effect(use_cache=_ONE_ROAD, theta_dim=_KNOWN)
    def pmf_from_graph(
        graph: Graph, discrete: bool | None = None, where: str | None = None
    ) -> Callable[[Any, Any], Any]:
        """Return the density as a function of JAX, ``f(theta, times)``; see `phasic.differentiable`."""
        from phasic import differentiable

        return differentiable.pmf_from_graph(graph, discrete, where)

    @staticmethod
    @without_effect(use_ffi=_ONE_ROAD)
    def moments_from_graph(
        graph: Graph, nr_moments: int = 2, where: str | None = None
    ) -> Callable[[Any], Any]:
        """Return raw moments as a function of JAX, ``f(theta)``; see `phasic.differentiable`."""
        from phasic import differentiable

        return differentiable.moments_from_graph(graph, nr_moments, where)

    @staticmethod
    @without_effect(use_ffi=_ONE_ROAD, theta_dim=_KNOWN)
    def pmf_and_moments_from_graph(
        graph: Graph, nr_moments: int = 2, discrete: bool | None = None, where: str | None = None
    ) -> Callable[[Any, Any], tuple[Any, Any]]:
        """Return both as one function, ``f(theta, times) -> (pdf, moments)``."""
        from phasic import differentiable

        return differentiable.pmf_and_moments_from_graph(graph, nr_moments, discrete, where)

    @staticmethod
    @without_effect(use_cache=_ONE_ROAD, theta_dim=_KNOWN)
    def pmf_from_graph_multivariate(
        graph: Graph, rewards: ArrayLike | None = None, discrete: bool | None = None
    ) -> Callable[..., Any]:
        """Return densities of rewards, ``f(theta, times, rewards=...)``; see `phasic.multivariate`."""
        from phasic import multivariate

        return multivariate.pmf_from_graph_multivariate(graph, rewards, discrete)

    @staticmethod
    @without_effect(use_ffi=_ONE_ROAD, theta_dim=_KNOWN)
    def moments_from_graph_multivariate(
        graph: Graph, nr_moments: int = 2, rewards: ArrayLike | None = None
    ) -> Callable[..., Any]:
        """Return raw moments of rewards, ``f(theta, rewards=...)``; see `phasic.multivariate`."""
        from phasic import multivariate

        return multivariate.moments_from_graph_multivariate(graph, nr_moments, rewards)

    @staticmethod
    @without_effect(use_ffi=_ONE_ROAD, theta_dim=_KNOWN)
    def pmf_and_moments_from_graph_multivariate(
        graph: Graph, nr_moments: int = 2, discrete: bool | None = None, rewards: ArrayLike | None = None
    ) -> Callable[..., tuple[Any, Any]]:
        """Return both as one function, ``f(theta, times, rewards=...) -> (pdf, moments)``."""
        from phasic import multivariate

        return multivariate.pmf_and_moments_from_graph_multivariate(graph, nr_moments, discrete, rewards)

    @staticmethod
    @without_effect(theta_dim=_KNOWN)
    def pmf_from_graph_joint_index(
        graph: Graph,
        fixed_mask: ArrayLike | None = None,
        exclude_vertices: ArrayLike | None = None,
        observed_indices: ArrayLike | None = None,
    ) -> Callable[..., Any]:
        """Return probabilities of outcomes, ``f(theta, vertices)``; see `phasic.outcomes`."""
        from phasic import outcomes

        return outcomes.pmf_from_graph_joint_index(graph, fixed_mask, exclude_vertices, observed_indices)
