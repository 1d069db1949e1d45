"""What a picture of a graph shows: nodes and edges with their texts, whoever draws them."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasic.errors import GraphError

if TYPE_CHECKING:
    from phasic.graph import Graph
    from phasic.vertex import Vertex

    LabelFormat = Callable[[Vertex], str | None] | Literal[False] | None
    RateFormat = Callable[[float], str | None] | Literal[False] | None


@dataclass(frozen=True)
class Node:
    """A vertex as it is drawn.

    Attributes
    ----------
    index : int
        Of the vertex; 0 is the starting vertex.
    label : str
        Its state, or what a function made of the vertex.
    kind : {"start", "transient", "absorbing"}
    level : int
        Number of edges on the shortest path from the starting vertex.
    group : str or None
        Label of the frame that it is drawn in.
    value : float or None
        Between 0 and 1: its place in a range of colours.
    """

    index: int
    label: str
    kind: str
    level: int
    group: str | None
    value: float | None


@dataclass(frozen=True)
class Link:
    """An edge as it is drawn: indices of two vertices and a text."""

    source: int
    target: int
    label: str


@dataclass(frozen=True)
class Description:
    """All nodes and edges of a picture."""

    nodes: list[Node]
    links: list[Link]


def describe(
    graph: Graph,
    wrap: bool | int,
    label_fmt: LabelFormat,
    rate_fmt: RateFormat,
    color_by: Sequence[float] | None,
    color_by_lim: tuple[float, float] | None,
    by_state: Callable[..., str] | None,
    by_index: Callable[[int], str] | None,
) -> Description:
    """Return what `Pictures.plot` shows, which has these parameters."""
    values = _between_zero_and_one(graph, color_by, color_by_lim)
    levels = _levels(graph)
    nodes = []
    for vertex in graph:
        index, state = vertex.index(), vertex.state()
        absorbing = index > 0 and vertex.edges_length() == 0
        label = "S" if index == 0 else _label(vertex, label_fmt, wrap)
        group = None
        if index > 0 and by_state is not None:
            group = str(by_state(state))
        elif index > 0 and by_index is not None:
            group = str(by_index(index))
        kind = "start" if index == 0 else "absorbing" if absorbing else "transient"
        nodes.append(
            Node(index, label, kind, levels[index], group, None if values is None else values[index])
        )
    links = [
        Link(vertex.index(), edge.to().index(), _rate_text(edge.weight(), rate_fmt))
        for vertex in graph
        for edge in vertex.edges()
    ]
    return Description(nodes, links)


def _label(vertex: Vertex, label_fmt: LabelFormat, wrap: bool | int) -> str:
    if label_fmt is None:
        return _wrapped(",".join(str(entry) for entry in vertex.state().tolist()), wrap)
    return _text(label_fmt and label_fmt(vertex))


def _rate_text(weight: float, rate_fmt: RateFormat) -> str:
    return f"{weight:.4g}" if rate_fmt is None else _text(rate_fmt and rate_fmt(weight))


def _text(made: Any) -> str:
    return "" if made is None or made is False else str(made)


def _wrapped(label: str, wrap: bool | int) -> str:
    if wrap is False:
        return label
    width = 10 if wrap is True else int(wrap)
    lines = textwrap.wrap(label.replace(",", ", "), max(1, width), break_long_words=False)
    return "\n".join(line.replace(", ", ",") for line in lines) or label


def _levels(graph: Graph) -> list[int]:
    following = [[edge.to().index() for edge in vertex.edges()] for vertex in graph]
    levels = [-1] * len(following)
    levels[0] = 0
    queue = deque([0])
    while queue:
        vertex = queue.popleft()
        for target in following[vertex]:
            if levels[target] < 0:
                levels[target] = levels[vertex] + 1
                queue.append(target)
    last = max(levels) + 1  # what cannot be reached comes last
    return [level if level >= 0 else last for level in levels]


def _between_zero_and_one(
    graph: Graph, color_by: Sequence[float] | None, limits: tuple[float, float] | None
) -> list[float] | None:
    if color_by is None:
        return None
    values = np.array(color_by, dtype=np.float64)
    if values.shape != (len(graph),) or not np.isfinite(values).all():
        raise GraphError(
            f"color_by has shape {values.shape}; pass one finite number for each of the {len(graph)} vertices"
        )
    low, high = (float(values.min()), float(values.max())) if limits is None else limits
    if not low <= high:
        raise GraphError(f"color_by_lim is {limits!r}; pass a smaller number and a larger one")
    span = (high - low) or 1.0
    return [float(value) for value in np.clip((values - low) / span, 0.0, 1.0)]
