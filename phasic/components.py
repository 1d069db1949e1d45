"""Strongly connected components: groups of vertices that lead to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import GraphArrays, Integers
from phasic.elsewhere import COMPONENT, missing
from phasic.errors import OutOfRangeError

if TYPE_CHECKING:
    from phasic.graph import Graph


@dataclass(frozen=True, eq=False)
class Components:
    """The strongly connected components of a graph, none before one that leads to it.

    The starting vertex is the first, a component of its own.

    Attributes
    ----------
    arrays : GraphArrays
        The graph.
    component : int64[n]
        The component of each vertex.
    count : int
        How many there are.
    """

    arrays: GraphArrays = field(repr=False)
    component: Integers = field(repr=False)
    count: int
    _graph: Graph | None = field(default=None, repr=False)

    def n_sccs(self) -> int:
        """Return the number of components."""
        return self.count

    def scc_sizes(self) -> list[int]:
        """Return how many vertices each has."""
        return [int(size) for size in np.bincount(self.component, minlength=self.count)]

    def scc_at(self, index: int) -> Component:
        """Return one component."""
        if not 0 <= index < self.count:
            raise OutOfRangeError(f"there is no component {index}; indices run from 0 to {self.count - 1}")
        return Component(self, int(index))

    def sccs_in_topo_order(self) -> list[Component]:
        """Return all components, each before those that it leads to."""
        return [Component(self, index) for index in range(self.count)]

    def levels(self) -> list[list[int]]:
        """Return the indices of components by level, absorption first.

        The level of a component is the number of components on the longest path from it to absorption, so
        that those of one level do not lead to each other.
        """
        level = [0] * self.count
        for component in reversed(self.sccs_in_topo_order()):
            following = [level[index] for index in component.outgoing_scc_edges()]
            level[component.index()] = max(following, default=-1) + 1
        found: list[list[int]] = [[] for _ in range(max(level) + 1)]
        for index, place in enumerate(level):
            found[place].append(index)
        return found

    def original_graph(self) -> Graph | None:
        """Return the graph that was decomposed."""
        return self._graph

    @cached_property
    def _by_component(self) -> tuple[Integers, Integers]:
        order = np.argsort(self.component, kind="stable")
        return order, np.searchsorted(self.component[order], np.arange(self.count + 1))

    @cached_property
    def _links(self) -> NDArray[np.int64]:
        """Pairs of components that an edge joins, int64[k, 2], in order."""
        arrays = self.arrays
        sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
        sources = np.concatenate([np.zeros(arrays.start_targets.size, np.int64), sources])
        targets = np.concatenate([arrays.start_targets, arrays.targets])
        pairs = np.stack([self.component[sources], self.component[targets]], axis=1)
        return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)

    def __iter__(self) -> Iterator[Component]:
        return iter(self.sccs_in_topo_order())

    def __len__(self) -> int:
        return self.count

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, name, COMPONENT)


@dataclass(frozen=True, eq=False)
class Component:
    """One component; its vertices are those of the graph that was decomposed."""

    _all: Components = field(repr=False)
    _index: int

    def index(self) -> int:
        """Return its place in the order."""
        return self._index

    def size(self) -> int:
        """Return how many vertices it has."""
        return len(self.internal_vertex_indices())

    def internal_vertex_indices(self) -> list[int]:
        """Return the indices of its vertices."""
        order, bounds = self._all._by_component
        return [int(v) for v in order[bounds[self._index] : bounds[self._index + 1]]]

    def outgoing_scc_edges(self) -> list[int]:
        """Return the indices of the components that an edge leads to from here."""
        links = self._all._links
        first, end = np.searchsorted(links[:, 0], [self._index, self._index + 1])
        return [int(target) for target in links[first:end, 1]]

    def __len__(self) -> int:
        return self.size()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, name, COMPONENT)


def decompose(arrays: GraphArrays, graph: Graph | None = None) -> Components:
    """Return the strongly connected components of a graph [1]_, whatever the weights of its edges.

    Vertices without edges are components of their own, after all others, in their order.

    References
    ----------
    .. [1] R. E. Tarjan, SIAM J. Comput. 1 (1972).
    """
    from phasic.kernels.structure import components

    n = arrays.n_vertices
    order, bounds = np.empty(n, np.int32), np.empty(n + 1, np.int32)
    found = int(components(arrays.offsets, arrays.targets.astype(np.int32), order, bounds))
    bounds = bounds[: found + 1]
    component = np.zeros(n, dtype=np.int64)
    # They come sinks first; the starting vertex is put before them.
    component[order[: bounds[-1]]] = found - np.repeat(np.arange(found), np.diff(bounds))
    last = np.flatnonzero(np.diff(arrays.offsets) == 0)[1:]
    component[last] = found + 1 + np.arange(last.size)
    return Components(arrays, component, found + 1 + last.size, graph)
