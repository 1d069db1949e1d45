"""A graph under construction: vertices found by state, edges added one by one."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from phasic.arrays import GraphArrays
from phasic.errors import GraphError, ParameterError, VertexNotFoundError
from phasic.initial import check_probabilities
from phasic.state_space import smallest

State = tuple[int, ...]
Row = tuple[float, ...]


class Builder:
    """The lists behind a graph that is being changed; `arrays()` freezes a copy of them.

    Attributes
    ----------
    states : list of tuple of int
        State of each vertex; vertex 0 is the starting vertex.
    edges : list of dict
        Of each vertex: target -> coefficients, in the order in which edges were added. Those of the
        starting vertex hold initial probabilities.
    parameterised : bool or None
        Whether weights are coefficient vectors; None until the first edge between states decides.
    """

    def __init__(self, state_length: int) -> None:
        self.state_length = state_length
        self.states: list[State] = [(0,) * state_length]
        self.edges: list[dict[int, Row]] = [{}]
        self.parameterised: bool | None = None
        self.length = 1
        self.discrete = False
        self._index: dict[State, int] = {}

    @classmethod
    def thaw(cls, arrays: GraphArrays) -> Builder:
        """Return a builder with the content of `arrays`."""
        builder = cls(arrays.states.shape[1])
        for state in arrays.states[1:].tolist():
            builder.create(tuple(state))
        starts = zip(arrays.start_targets.tolist(), arrays.start_weights.tolist(), strict=True)
        builder.edges[0] = {target: (weight,) for target, weight in starts}
        offsets = arrays.offsets.tolist()
        targets = arrays.targets.tolist()
        rows = [tuple(row) for row in arrays.coefficients.tolist()]
        for v in range(1, arrays.n_vertices):
            span = slice(offsets[v], offsets[v + 1])
            builder.edges[v] = dict(zip(targets[span], rows[span], strict=True))
        if targets:
            builder.parameterised, builder.length = arrays.parameterised, arrays.n_parameters
        builder.discrete = arrays.discrete
        return builder

    def arrays(self) -> GraphArrays:
        """Return the graph as read-only arrays."""
        inner = self.edges[1:]
        offsets = np.zeros(len(self.states) + 1, dtype=np.int64)
        np.cumsum([0, *map(len, inner)], out=offsets[1:])
        return GraphArrays(
            states=smallest(np.array(self.states, dtype=np.int64)),
            start_targets=np.array(list(self.edges[0]), dtype=np.int64),
            start_weights=np.array([weight for (weight,) in self.edges[0].values()], dtype=np.float64),
            offsets=offsets,
            targets=np.array([target for row in inner for target in row], dtype=np.int64),
            coefficients=np.array(
                [coefficients for row in inner for coefficients in row.values()], dtype=np.float64
            ).reshape(-1, self.length),
            parameterised=bool(self.parameterised),
            discrete=self.discrete,
        )

    def state(self, state: Any) -> State:
        """Return `state` as a tuple of integers, floats truncated.

        Raises
        ------
        GraphError
            It is not a vector of numbers as long as the states of this graph.
        """
        try:
            entries = tuple(state.tolist()) if isinstance(state, np.ndarray) else tuple(state)
            whole = tuple(
                int(e) if isinstance(e, float | np.floating) else operator.index(e) for e in entries
            )
        except (TypeError, ValueError, OverflowError):
            raise GraphError(f"{state!r} is no state; a state is a list of integers") from None
        if len(whole) != self.state_length:
            raise GraphError(
                f"state {list(whole)} has length {len(whole)}, but states of this graph have length "
                f"{self.state_length}; pass as many entries"
            )
        for entry in whole:
            if not -(2**63) <= entry < 2**63:
                raise GraphError(f"state {list(whole)} has an entry that does not fit a 64-bit integer")
        return whole

    def create(self, state: State) -> int:
        """Add a vertex, even where another has the same state, and return its index."""
        vertex = len(self.states)
        self.states.append(state)
        self.edges.append({})
        self._index.setdefault(state, vertex)
        return vertex

    def find(self, state: State) -> int | None:
        """Return the first vertex with this state, which is never the starting vertex."""
        return self._index.get(state)

    def require(self, state: State) -> int:
        """Return the first vertex with this state, or raise VertexNotFoundError."""
        vertex = self.find(state)
        if vertex is None:
            raise VertexNotFoundError(
                f"no vertex has the state {list(state)}; find_or_create_vertex adds one"
            )
        return vertex

    def add_edge(self, source: int, target: int, weight: float | Sequence[float]) -> None:
        """Add an edge; `weight` is a number, or a vector of coefficients of theta.

        The first edge between two states decides which of the two every other edge must have. An edge
        of the starting vertex has a probability, which theta does not change: of a vector, the sum.
        """
        self._check_target(source, target)
        row = self.weight(source, target, weight)
        if source:
            self.parameterised, self.length = np.ndim(weight) > 0, len(row)
        self.edges[source][target] = row

    def set_length(self, length: int) -> None:
        """Say how long vectors of coefficients have to be."""
        if any(self.edges[1:]) and length != self.length:
            raise ParameterError(
                f"theta was to have length {length}, but edges have {self.length} coefficients; say it "
                f"before the first edge between two states"
            )
        if length > 1:
            self.parameterised = True
        self.length = length

    def row(self, source: int, target: int) -> Row:
        """Return the coefficients of an edge."""
        try:
            return self.edges[source][target]
        except KeyError:
            raise GraphError(
                f"there is no edge from {list(self.states[source])} to {list(self.states[target])} any more; "
                f"ask the vertex for its edges again"
            ) from None

    def set_weight(self, source: int, target: int, weight: float | Sequence[float]) -> None:
        """Change the weight of an edge."""
        self.row(source, target)
        self.edges[source][target] = self.weight(source, target, weight)

    def set_target(self, source: int, old: int, new: int) -> None:
        """Lead an edge to another vertex, in its place in the order of edges."""
        self.row(source, old)
        if old == new:
            return
        self._check_target(source, new)
        self.edges[source] = {new if t == old else t: row for t, row in self.edges[source].items()}

    def _check_target(self, source: int, target: int) -> None:
        where = f"from state {list(self.states[source])} to {list(self.states[target])}"
        if source == target:
            raise GraphError(f"the edge {where} leads from a vertex to itself; leave it out")
        if target == 0:
            raise GraphError(
                f"the edge from state {list(self.states[source])} leads to the starting vertex, which is not "
                f"a state of the chain; find_or_create_vertex makes a state"
            )
        if target in self.edges[source]:
            raise GraphError(f"there is an edge {where} already; change its weight instead")

    def weight(self, source: int, target: int, weight: float | Sequence[float]) -> Row:
        """Return the coefficients of an edge after checking that it can have this weight.

        Raises
        ------
        GraphError
            The weight is no number or vector of numbers, not finite, or not positive; or it is a number
            and other weights are vectors, or the other way round; or it would make initial
            probabilities sum to more than one.
        """
        start = "starting vertex" if source == 0 else f"state {list(self.states[source])}"
        where = f"the edge from {start} to {list(self.states[target])}"
        vector = np.ndim(weight) > 0
        try:
            entries: Iterable[Any] = weight if vector else (weight,)  # type: ignore[assignment]
            row = tuple(float(entry) for entry in entries)
        except (TypeError, ValueError):
            row = ()
        if not row or isinstance(weight, str | bytes):
            raise GraphError(f"{where} was given the weight {weight!r}; pass a number or a vector of numbers")
        if not np.isfinite(row).all() or not any(entry > 0.0 for entry in row):
            raise GraphError(f"{where} was given the weight {weight!r}; a weight must be finite and positive")
        if source == 0:
            others = [other for t, (other,) in self.edges[0].items() if t != target]
            check_probabilities([sum(row), *others], [self.states[target]] * (len(others) + 1))
            return (sum(row),)
        if self.parameterised is not None and vector != self.parameterised:
            kinds = ("a number", "a vector of coefficients")
            raise GraphError(
                f"{where} was given {kinds[vector]} ({weight!r}), but edges of this graph have "
                f"{kinds[self.parameterised]}; a graph is either parameterised or constant, so "
                f"give every edge the same"
            )
        if self.parameterised and len(row) != self.length:
            raise GraphError(
                f"{where} was given {len(row)} coefficients ({weight!r}), but edges of this graph have "
                f"{self.length}; every vector must be as long as theta"
            )
        return row
