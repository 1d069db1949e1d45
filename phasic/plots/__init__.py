"""Pictures of graphs; matplotlib, networkx and graphviz are loaded when one is asked for."""

from __future__ import annotations

from phasic.plots.pictures import Pictures

__all__ = ["Pictures"]
