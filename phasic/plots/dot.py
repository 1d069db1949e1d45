"""A description as a graphviz document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from phasic.plots.description import Description, Node
from phasic.plots.style import Style, color_of, edge_colors


def digraph(description: Description, style: Style, attributes: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a ``graphviz.Digraph``; notebooks show it, and it needs the program ``dot`` for that.

    Parameters
    ----------
    description : Description
    style : Style
    attributes : mapping
        What ``graph``, ``node`` and ``edge`` have in place of, or beside, what follows from `style`.
    """
    import graphviz

    ink = style.ink
    document = graphviz.Digraph(
        graph_attr={
            "bgcolor": "transparent",
            "rankdir": style.rankdir,
            "ranksep": str(style.ranksep),
            "nodesep": str(style.nodesep),
            "size": f"{style.size[0]},{style.size[1]}",
            "fontcolor": ink,
            "color": ink,
            "start": str(style.seed),
            **attributes["graph"],
        },
        node_attr={
            "shape": "box",
            "style": "rounded,filled",
            "fontname": "Helvetica,Arial,sans-serif",
            "fontsize": str(style.fontsize),
            "fontcolor": ink,
            "color": ink,
            **attributes["node"],
        },
        edge_attr={
            "fontname": "Helvetica,Arial,sans-serif",
            "fontsize": str(style.fontsize),
            "penwidth": str(style.penwidth),
            "constraint": str(style.constraint).lower(),
            **attributes["edge"],
        },
    )
    groups: dict[str | None, list[Node]] = defaultdict(list)
    for node in description.nodes:
        groups[node.group].append(node)
    for place, (group, nodes) in enumerate(groups.items()):
        if group is None:
            _add(document, nodes, style)
        else:
            with document.subgraph(name=f"cluster_{place}", graph_attr={"label": group}) as part:
                _add(part, nodes, style)
    colors = edge_colors(description, style)
    text = "taillabel" if style.taillabel else "xlabel"
    for link, color in zip(description.links, colors, strict=True):
        options = {"color": color, "fontcolor": color, text: graphviz.escape(link.label)}
        document.edge(str(link.source), str(link.target), **options)
    return document


def _add(document: Any, nodes: list[Node], style: Style) -> None:
    import graphviz

    for node in nodes:
        peripheries = "2" if node.kind == "absorbing" else "1"
        label = graphviz.escape(node.label)
        document.node(str(node.index), label=label, fillcolor=color_of(node, style), peripheries=peripheries)
