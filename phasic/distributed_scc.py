"""Another address of the levels of strongly connected components."""

from __future__ import annotations

from phasic.components import Components

__all__ = ["compute_scc_levels"]


def compute_scc_levels(scc_graph: Components) -> list[list[int]]:
    """Return what `Components.levels` does."""
    return scc_graph.levels()
