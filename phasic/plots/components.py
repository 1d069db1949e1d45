"""Strongly connected components as rows of tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phasic.plots.style import text_color_on

if TYPE_CHECKING:
    from phasic.graph import Graph


def levels(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the size and level of every component, sinks first; level 0 is absorption.

    The level of a component is the number of components on the longest path from it to absorption. The
    starting vertex is a component of its own.
    """
    components = graph.scc_decomposition()
    last = len(components) - 1
    level = np.zeros(len(components), np.int64)
    for component in reversed(components.sccs_in_topo_order()):
        following = [last - index for index in component.outgoing_scc_edges()]
        level[last - component.index()] = level[following].max(initial=-1) + 1
    return np.array(components.scc_sizes()[::-1], np.int64), level


def tiles(
    graph: Graph,
    figsize: tuple[float, float] | None,
    cmap: str,
    show_indices: bool,
    annotate_sizes: bool,
    title: bool,
    ax: Any,
) -> Any:
    """Draw the tiles; parameters as those of `Pictures.plot_scc_decomp`."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    sizes, level = levels(graph)
    rows = int(level.max()) + 1
    if ax is None:
        ax = Figure(
            figsize=figsize or (8.0, min(12.0, 1.0 + 0.45 * rows)), layout="constrained"
        ).add_subplot()
    colors = colormaps[cmap]
    widest = 0
    for row in range(rows):
        members = np.flatnonzero(level == row)
        widest = max(widest, int(sizes[members].sum()))
        left = -float(sizes[members].sum()) / 2.0
        for index in members.tolist():
            width = float(sizes[index])
            fill = colors(index / max(1, sizes.size - 1))
            ax.add_patch(Rectangle((left, row + 0.05), width, 0.9, facecolor=fill, edgecolor="white"))
            ax.text(left + width / 2.0, row + 0.5, "", ha="center", va="center", gid=f"{index}/{int(width)}")
            left += width
    ax.set_xlim(-widest / 2.0 - 0.5, widest / 2.0 + 0.5)
    ax.set_ylim(0, rows)
    ax.set_yticks(
        np.arange(rows) + 0.5, [f"L{row} ({int((level == row).sum())})" for row in range(rows)], fontsize=8
    )
    ax.set_xticks([])
    ax.set_xlabel("width: number of vertices")
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    inches = ax.get_window_extent().width / ax.figure.dpi
    for text in ax.texts:
        index, size = text.get_gid().split("/")
        parts = [index] * show_indices + [f"({size})"] * (annotate_sizes and int(size) > 1)
        label = " ".join(parts)
        if 0.09 * len(label) <= inches * int(size) / (widest + 1.0):  # about a twelfth of an inch a letter
            text.set_text(label)
            text.set_fontsize(8)
            text.set_color(text_color_on(to_hex(colors(int(index) / max(1, sizes.size - 1)))))
    if title:
        ax.set_title(f"{sizes.size} components in {rows} levels, the widest of {widest} vertices")
    return ax
