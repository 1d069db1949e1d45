"""Another address of recording an elimination; see `phasic.elimination`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phasic.trace import Trace

if TYPE_CHECKING:
    from phasic.graph import Graph

__all__ = ["record_elimination_trace", "record_elimination_trace_simple"]


def record_elimination_trace(
    graph: Graph, theta_dim: int | None = None, reward_length: int | None = None, enable_rewards: bool = False
) -> Trace:
    """Return the plan of elimination of a graph, which serves any theta and any rewards."""
    return graph.compute_trace()


def record_elimination_trace_simple(graph: Graph, theta_dim: int | None = None) -> Trace:
    """Return what `record_elimination_trace` does."""
    return graph.compute_trace()


def __getattr__(name: str) -> Any:
    from phasic.elsewhere import TRACE_ELIMINATION, refused

    return refused(__name__, name, TRACE_ELIMINATION)
