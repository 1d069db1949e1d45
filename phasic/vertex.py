"""Vertices and edges as objects: small handles that look into the graph they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from phasic.arrays import Floats, Integers
from phasic.errors import GraphError
from phasic.keywords import also

if TYPE_CHECKING:
    from phasic.graph import Graph


class Vertex:
    """A vertex of a graph; two are equal if they are the same vertex of the same graph."""

    __slots__ = ("_graph", "_index")

    def __init__(self, graph: Graph, index: int) -> None:
        self._graph = graph
        self._index = index

    def index(self) -> int:
        """Return the place of the vertex in the graph; 0 is the starting vertex."""
        return self._index

    def state(self) -> Integers:
        """Return the state, int64[d]; zeros for the starting vertex."""
        return np.array(self._graph.builder.states[self._index], dtype=np.int64)

    def rate(self) -> float:
        """Return the sum of the weights of all edges: the rate at which the chain leaves, or 0."""
        return float(sum(edge.weight() for edge in self.edges()))

    def edges(self) -> list[Edge]:
        """Return the edges out of this vertex in the order in which they were added."""
        return [Edge(self._graph, self._index, to) for to in self._graph.builder.edges[self._index]]

    def parameterized_edges(self) -> list[Edge]:
        """Return the edges whose weights follow from theta; none in a constant graph."""
        return self.edges() if self._index and self._graph.is_parameterized() else []

    def edges_length(self) -> int:
        """Return the number of edges."""
        return len(self._graph.builder.edges[self._index])

    @also(weight_or_coeffs="weight")
    def add_edge(self, to: Vertex, weight: float | Sequence[float]) -> None:
        """Add an edge to the vertex `to`.

        Parameters
        ----------
        to : Vertex
            Another vertex of the same graph, to which there is no edge yet.
        weight : float or sequence of float
            A rate (in a discrete graph a probability), or coefficients of theta. The first edge
            between two states decides which of the two all others must have. Of the starting vertex:
            the probability of starting in `to`, which theta does not change.

        Raises
        ------
        GraphError
            The edge or its weight cannot be.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(1)
        >>> first, last = graph.find_or_create_vertex([1]), graph.find_or_create_vertex([0])
        >>> graph.starting_vertex().add_edge(first, 1)
        >>> first.add_edge(last, 4.0)
        >>> first.rate()
        4.0
        """
        target = self._graph.index_of(to)
        self._graph.changing().add_edge(self._index, target, weight)

    ae = add_edge

    def add_edge_parameterized(self, to: Vertex, weight: float, edge_state: Sequence[float]) -> None:
        """Add an edge with the coefficients `edge_state`; what `weight` says follows from theta."""
        self.add_edge(to, edge_state)

    def is_aux(self) -> bool:
        """Return whether the vertex is marked as auxiliary: it stands for no state of the model."""
        return self._index in self._graph.auxiliary

    @also(value="aux")
    def set_aux(self, aux: bool = True) -> None:
        """Mark the vertex as auxiliary, or remove the mark."""
        (self._graph.auxiliary.add if aux else self._graph.auxiliary.discard)(self._index)

    @also(weight="rate")
    def add_aux_vertex(self, rate: float) -> Vertex:
        """Add an auxiliary vertex to which the chain goes at `rate`, and which leads back at rate one.

        Its state is all zeros. Only constant graphs have them: the weight one of the way back is no
        multiple of theta.
        """
        builder = self._graph.changing()
        if builder.parameterised:
            raise GraphError(
                "add_aux_vertex needs a constant graph, since the way back has weight one whatever "
                "theta is; add a vertex and its two edges instead"
            )
        if self._index == 0 or np.ndim(rate):
            raise GraphError("an auxiliary vertex hangs at a state of the chain, by an edge with one rate")
        builder.weight(self._index, self._index, rate)  # refuse before anything is added
        index = builder.create((0,) * builder.state_length)
        builder.add_edge(self._index, index, rate)
        builder.add_edge(index, self._index, 1.0)
        self._graph.auxiliary.add(index)
        return Vertex(self._graph, index)

    add_aux_vertex_constant = add_aux_vertex

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vertex):
            return NotImplemented
        return self._graph is other._graph and self._index == other._index

    def __hash__(self) -> int:
        return hash((id(self._graph), self._index))

    def __repr__(self) -> str:
        return f"<Vertex {self._index} {self.state().tolist()}>"


class Edge:
    """An edge of a graph."""

    __slots__ = ("_graph", "_source", "_target")

    def __init__(self, graph: Graph, source: int, target: int) -> None:
        self._graph = graph
        self._source = source
        self._target = target

    def to(self) -> Vertex:
        """Return the vertex the edge leads to."""
        return Vertex(self._graph, self._target)

    def weight(self) -> float:
        """Return the weight at the current theta; of the starting vertex, the initial probability."""
        return self._graph.weight_of(self._source, self._target)

    @also(requested_length="n")
    def edge_state(self, n: int | None = None) -> Floats:
        """Return the first `n` (default: all) coefficients, float64[n]."""
        row = self._graph.builder.row(self._source, self._target)
        if n is not None and not 0 <= n <= len(row):
            raise GraphError(f"the edge has {len(row)} coefficients, not {n}")
        return np.array(row[:n])

    def coefficients_length(self) -> int:
        """Return the number of coefficients; 1 in a constant graph."""
        return len(self._graph.builder.row(self._source, self._target))

    def update_weight(self, weight: float | Sequence[float]) -> None:
        """Change the weight, or the coefficients of a parameterised graph; theta applies as before."""
        self._graph.changing().set_weight(self._source, self._target, weight)

    def update_to(self, vertex: Vertex) -> None:
        """Lead the edge to another vertex."""
        target = self._graph.index_of(vertex)
        self._graph.changing().set_target(self._source, self._target, target)
        self._target = target

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edge):
            return NotImplemented
        return (self._source, self._target) == (other._source, other._target) and self._graph is other._graph

    def __hash__(self) -> int:
        return hash((id(self._graph), self._source, self._target))

    def __repr__(self) -> str:
        return f"<Edge {self._source} -> {self._target} weight {self.weight():g}>"
