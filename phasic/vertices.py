"""The vertices of a graph: looked at, found by their states, added, and explored from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from phasic import state_space
from phasic.arrays import GraphArrays, Integers
from phasic.building import Builder
from phasic.distribution import Distribution
from phasic.errors import GraphError
from phasic.initial import Callback
from phasic.keywords import also
from phasic.vertex import Vertex

if TYPE_CHECKING:
    from phasic.graph import Graph


class Vertices(Distribution):
    """A graph as a collection of vertices."""

    _callback: Callback | None
    _parameters: dict[str, Any]
    _vectorized: bool
    _arrays: GraphArrays | None
    _builder: Builder | None

    @property
    @abstractmethod
    def builder(self) -> Builder:
        """The graph as lists that vertices and edges look into."""

    @abstractmethod
    def changing(self) -> Builder:
        """Return the builder for a change, and forget what was derived from the content so far."""

    @property
    def _graph(self) -> Graph:
        return cast("Graph", self)

    def starting_vertex(self) -> Vertex:
        """Return vertex 0, whose edges lead to the initial states."""
        return Vertex(self._graph, 0)

    def find_or_create_vertex(self, state: ArrayLike) -> Vertex:
        """Return the vertex with this state, a new one where there is none."""
        key = self.builder.state(state)
        found = self.builder.find(key)
        return Vertex(self._graph, self.changing().create(key) if found is None else found)

    focv = find_or_create_vertex

    def create_vertex(self, state: ArrayLike) -> Vertex:
        """Return a new vertex, even where another has the same state."""
        key = self.builder.state(state)
        return Vertex(self._graph, self.changing().create(key))

    def find_vertex(self, state: ArrayLike) -> Vertex:
        """Return the vertex with this state, or raise VertexNotFoundError."""
        return Vertex(self._graph, self.builder.require(self.builder.state(state)))

    def vertex_exists(self, state: ArrayLike) -> bool:
        """Return whether a vertex has this state; the starting vertex has none."""
        return self.builder.find(self.builder.state(state)) is not None

    @also(idx="index")
    def vertex_at(self, index: int) -> Vertex:
        """Return the vertex at `index`; 0 is the starting vertex."""
        if not isinstance(index, int | np.integer) or not 0 <= index < len(self):
            raise GraphError(f"there is no vertex {index!r}; indices run from 0 to {len(self) - 1}")
        return Vertex(self._graph, int(index))

    def vertices(self) -> list[Vertex]:
        """Return all vertices in order."""
        return [Vertex(self._graph, index) for index in range(len(self))]

    def index_of(self, vertex: Vertex) -> int:
        """Return the index of a vertex after checking that it belongs to this graph."""
        if not isinstance(vertex, Vertex) or vertex._graph is not self:
            raise GraphError(f"{vertex!r} is no vertex of this graph")
        return vertex.index()

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices())

    def __len__(self) -> int:
        return self.vertices_length()

    def vertices_length(self) -> int:
        """Return the number of vertices, starting and absorbing ones included."""
        return len(self._builder.states) if self._builder is not None else self.arrays.n_vertices

    def edges_length(self) -> int:
        """Return the number of edges, those of the starting vertex included."""
        return int(self.arrays.targets.size + self.arrays.start_targets.size)

    def state_length(self) -> int:
        """Return the length of a state."""
        return self._builder.state_length if self._builder else int(self.arrays.states.shape[1])

    def states(self) -> Integers:
        """Return the state of every vertex as a row, int64[n, d]; row 0 is zero.

        ``states().T[i]`` is a vector of rewards: entry `i` of each state.
        """
        return self.arrays.states.astype(np.int64)

    def extend(
        self, callback: Callback | None = None, vertex_index: int | None = None, **parameters: Any
    ) -> None:
        """Explore from vertices that have no edges yet, for instance after adding some by hand.

        Parameters
        ----------
        callback : callable, optional
            By default the one that the graph was built with.
        vertex_index : int, optional
            The one vertex from which to explore; by default all that have no edges.
        **parameters
            Added to, or replacing, those that the graph was built with.
        """
        vectorized = self._vectorized and callback is None
        callback = callback or self._callback
        if callback is None:
            raise GraphError("the graph was built without a callback; pass one to extend")
        vertices = None if vertex_index is None else [self.vertex_at(vertex_index).index()]
        parameters = {**self._parameters, **parameters}
        arrays = state_space.extend(self.arrays, callback, parameters, vertices, vectorized)
        self.changing()
        self._arrays, self._builder = arrays, None
