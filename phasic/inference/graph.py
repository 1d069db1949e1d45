"""What a graph offers for fitting its parameters; everything heavy is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phasic.graph import Graph


class Inference:
    """Parameters from data, and graphs as functions of JAX."""

    @staticmethod
    def pmf_from_graph(graph: Graph, discrete: bool | None = None) -> Callable[[Any, Any], Any]:
        """Return the density as a function of JAX, ``f(theta, times)``; see `phasic.differentiable`."""
        from phasic import differentiable

        return differentiable.pmf_from_graph(graph, discrete)

    @staticmethod
    def moments_from_graph(graph: Graph, nr_moments: int = 2) -> Callable[[Any], Any]:
        """Return raw moments as a function of JAX, ``f(theta)``; see `phasic.differentiable`."""
        from phasic import differentiable

        return differentiable.moments_from_graph(graph, nr_moments)

    @staticmethod
    def pmf_and_moments_from_graph(
        graph: Graph, nr_moments: int = 2, discrete: bool | None = None
    ) -> Callable[[Any, Any], tuple[Any, Any]]:
        """Return both as one function, ``f(theta, times) -> (pdf, moments)``."""
        from phasic import differentiable

        return differentiable.pmf_and_moments_from_graph(graph, nr_moments, discrete)
