"""Spellings of questions to discrete graphs, for graphs that are not marked as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from phasic.distribution import Distribution
from phasic.errors import GraphError

if TYPE_CHECKING:
    from phasic.graph import Graph


class DiscreteSpellings(Distribution):
    """Each method takes weights as one-step probabilities, whatever `is_discrete` says."""

    def expectation_discrete(self, rewards: ArrayLike = ()) -> float:
        """Return `expectation`, weights taken as one-step probabilities."""
        return self._stepping().expectation(rewards)

    def variance_discrete(self, rewards: ArrayLike = ()) -> float:
        """Return `variance`, weights taken as one-step probabilities."""
        return self._stepping().variance(rewards)

    def covariance_discrete(self, rewards1: ArrayLike = (), rewards2: ArrayLike = ()) -> float:
        """Return `covariance`, weights taken as one-step probabilities."""
        return self._stepping().covariance(rewards1, rewards2)

    def moments_discrete(self, k: int, rewards: ArrayLike = ()) -> list[float]:
        """Return `moments`, weights taken as one-step probabilities."""
        return self._stepping().moments(k, rewards)

    def pdf_discrete(self, jumps: ArrayLike) -> Any:
        """Return the probability of so many steps, weights taken as one-step probabilities."""
        return self._stepping().pdf(jumps)

    def cdf_discrete(self, jumps: ArrayLike) -> Any:
        """Return the probability of at most so many steps, weights taken as one-step probabilities."""
        return self._stepping().cdf(jumps)

    def stop_probability_discrete(self, jumps: float) -> list[float]:
        """Return `stop_probability` after so many steps, weights taken as one-step probabilities."""
        return self._stepping().stop_probability(jumps)

    def _stepping(self) -> Graph:
        """Return this graph, or a copy whose weights are one-step probabilities."""
        graph: Graph = self  # type: ignore[assignment]
        if graph.is_discrete:
            return graph
        if graph._reading is not None:
            raise GraphError("the graph that this one was made of is the one with one-step probabilities")
        graph = graph.clone()
        graph.is_discrete = True
        return graph
