"""Another address of the picture of a tree; see `phasic.plots.trees`."""

from __future__ import annotations

from phasic.plots.trees import tree_illustration

__all__ = ["tree_illustration"]
