"""A description as a matplotlib figure, where graphviz is not to be had."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from phasic.plots.description import Description, Node
from phasic.plots.style import Style, color_of, edge_colors, text_color_on


def figure(description: Description, style: Style) -> Any:
    """Return a ``matplotlib.figure.Figure``: vertices in columns by their distance from the start."""
    from matplotlib.figure import Figure

    places = _layout(description, style)
    canvas = Figure(figsize=style.size, layout="constrained")
    if style.dark:
        canvas.set_facecolor("#1e1e1e")
    axes = canvas.add_subplot()
    axes.set_axis_off()
    boxes = {node.index: _box(axes, node, places[node.index], style) for node in description.nodes}
    _frame_groups(axes, description, places, style)
    xs, ys = zip(*places.values(), strict=True)
    axes.set_xlim(min(xs) - 0.5 * style.ranksep, max(xs) + 0.5 * style.ranksep)
    axes.set_ylim(min(ys) - 0.6 * style.nodesep, max(ys) + 0.6 * style.nodesep)
    _draw_links(axes, description, places, boxes, style)
    return canvas


def _box(axes: Any, node: Node, place: tuple[float, float], style: Style) -> Any:
    fill = color_of(node, style)
    frame = {
        "boxstyle": "round,pad=0.4",
        "facecolor": fill,
        "edgecolor": style.ink,
        "linewidth": 2.5 if node.kind == "absorbing" else 1.0,
    }
    color = text_color_on(fill)
    return axes.text(
        *place,
        node.label,
        ha="center",
        va="center",
        fontsize=style.fontsize,
        color=color,
        bbox=frame,
        zorder=2,
    )


def _draw_links(
    axes: Any,
    description: Description,
    places: dict[int, tuple[float, float]],
    boxes: dict[int, Any],
    style: Style,
) -> None:
    from matplotlib.patches import FancyArrowPatch

    pairs = {(link.source, link.target) for link in description.links}
    level = {node.index: node.level for node in description.nodes}
    arrows = []
    for link, color in zip(description.links, edge_colors(description, style), strict=True):
        # One of two that join the same vertices, or that passes by others of its column, is bent.
        both = (link.target, link.source) in pairs
        beside = level[link.source] == level[link.target]
        bend = 0.3 if beside else 0.15 if both else 0.0
        arrow = FancyArrowPatch(
            places[link.source],
            places[link.target],
            patchA=boxes[link.source].get_bbox_patch(),
            patchB=boxes[link.target].get_bbox_patch(),
            arrowstyle="-|>",
            mutation_scale=12,
            shrinkA=1,
            shrinkB=1,
            connectionstyle=f"arc3,rad={bend}",
            color=color,
            linewidth=style.penwidth,
            zorder=3,  # after the boxes, which are as large as their texts only once these are drawn
        )
        axes.add_patch(arrow)
        arrows.append((arrow, link.label, color))
    axes.figure.draw_without_rendering()
    background = {"boxstyle": "round,pad=0.1", "fc": axes.figure.get_facecolor(), "ec": "none", "alpha": 0.8}
    for arrow, label, color in arrows:
        x, y = axes.transData.inverted().transform(_place_of_text(arrow))
        size = max(6, style.fontsize - 3)
        axes.text(
            x, y, label, ha="center", va="center", fontsize=size, color=color, bbox=background, zorder=4
        )


def _place_of_text(arrow: Any) -> Any:
    """Return a point on the curve of an arrow, in pixels: before the middle, where others cross it."""
    start, bend, end = arrow.get_connectionstyle()(
        *arrow.get_transform().transform([arrow._posA_posB[0], arrow._posA_posB[1]])
    ).vertices
    t = 0.4
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end


def _layout(description: Description, style: Style) -> dict[int, tuple[float, float]]:
    """Return the place of each node: a column for each level, its nodes where their neighbours are.

    Sorting each column by the mean place of its neighbours in the one before leaves few crossings [1]_.

    References
    ----------
    .. [1] K. Sugiyama, S. Tagawa and M. Toda, IEEE Trans. Syst. Man Cybern. 11 (1981).
    """
    columns: dict[int, list[int]] = defaultdict(list)
    for node in description.nodes:
        columns[node.level].append(node.index)
    before: dict[int, list[int]] = defaultdict(list)
    level = {node.index: node.level for node in description.nodes}
    for link in description.links:
        if level[link.source] == level[link.target] - 1:
            before[link.target].append(link.source)
    height: dict[int, float] = {}
    for column in sorted(columns):
        nodes = columns[column]

        def mean_place(index: int) -> float:
            sources = before[index]
            return sum(height[source] for source in sources) / len(sources) if sources else 0.0

        nodes.sort(key=mean_place)
        for place, index in enumerate(nodes):
            height[index] = place - (len(nodes) - 1) / 2.0
    places = {index: (level[index] * style.ranksep, -height[index] * style.nodesep) for index in level}
    if style.rankdir in ("TB", "BT"):
        sign = -1.0 if style.rankdir == "TB" else 1.0
        return {index: (y, sign * x) for index, (x, y) in places.items()}
    sign = -1.0 if style.rankdir == "RL" else 1.0
    return {index: (sign * x, y) for index, (x, y) in places.items()}


def _frame_groups(
    axes: Any, description: Description, places: dict[int, tuple[float, float]], style: Style
) -> None:
    from matplotlib.patches import FancyBboxPatch

    groups: dict[str, list[int]] = defaultdict(list)
    for node in description.nodes:
        if node.group is not None:
            groups[node.group].append(node.index)
    pad = 0.35 * min(style.ranksep, style.nodesep)
    for label, members in groups.items():
        xs, ys = [places[m][0] for m in members], [places[m][1] for m in members]
        corner = (min(xs) - pad, min(ys) - pad)
        box = FancyBboxPatch(
            corner,
            max(xs) - min(xs) + 2.0 * pad,
            max(ys) - min(ys) + 2.0 * pad,
            boxstyle="round,pad=0",
            fill=False,
            edgecolor=style.ink,
            linestyle="--",
            alpha=0.5,
        )
        axes.add_patch(box)
        axes.text(corner[0], max(ys) + pad, label, color=style.ink, fontsize=style.fontsize, va="bottom")
