"""Trace: everything about an elimination that does not depend on the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.errors import PhasicError

if TYPE_CHECKING:
    from phasic.rows import Rows

Indices = NDArray[np.int32]
Offsets = NDArray[np.int64]

_DTYPES = {
    "offsets": np.int64,
    "targets": np.int32,
    "order": np.int32,
    "bounds": np.int32,
    "lower_offsets": np.int64,
    "lower_columns": np.int32,
    "upper_offsets": np.int64,
    "upper_columns": np.int32,
}


@dataclass(frozen=True, eq=False)
class Trace:
    """The plan of an elimination: an order and its fill pattern, as read-only arrays.

    A trace is recorded from the pattern of edges alone and replayed for any weights. Two traces are
    equal iff their arrays are.

    Attributes
    ----------
    offsets : int64[n + 1]
        The edges of vertex ``v`` are ``offsets[v]:offsets[v + 1]``; vertices without edges absorb.
    targets : int32[m]
        Vertex each edge leads to.
    order : int32[t]
        Vertices that have edges, in the order of elimination: the vertex at each position.
    bounds : int32[c + 1]
        Positions at which strongly connected components begin, and t. Edges lead to the same or an
        earlier component.
    lower_offsets, lower_columns : int64[t + 1], int32[l]
        Earlier positions in its component whose elimination changes each row, ascending.
    upper_offsets, upper_columns : int64[t + 1], int32[u]
        Later positions in its component that each row leads to when its turn has come, ascending.

    Raises
    ------
    PhasicError
        The arrays do not fit together. That the fill pattern is complete is not checked, since that
        takes as long as recording anew.
    """

    offsets: Offsets
    targets: Indices
    order: Indices
    bounds: Indices
    lower_offsets: Offsets
    lower_columns: Indices
    upper_offsets: Offsets
    upper_columns: Indices

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            array: NDArray[Any] = np.asarray(getattr(self, name))
            if array.ndim != 1 or array.dtype != dtype:
                raise PhasicError(
                    f"trace array {name} is {array.dtype}{list(array.shape)}, not one-dimensional "
                    f"{np.dtype(dtype)}; record the trace anew"
                )
            array = np.ascontiguousarray(array)
            if array.flags.writeable:
                array = array.copy()
                array.flags.writeable = False
            object.__setattr__(self, name, array)
        _validate(self)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trace:
        """Return the trace whose `arrays` these are: ``from_arrays(trace.arrays()) == trace``.

        Raises
        ------
        PhasicError
            An array is missing, unknown, of another type, or out of range.
        """
        if set(arrays) != set(_DTYPES):
            raise PhasicError(f"a trace consists of the arrays {sorted(_DTYPES)}, not {sorted(arrays)}")
        return cls(**{name: np.asarray(array) for name, array in arrays.items()})

    @classmethod
    def recorded(cls, **arrays: NDArray[Any]) -> Trace:
        """Return the trace of arrays that were just recorded, unchecked and not copied; made read-only."""
        trace = object.__new__(cls)
        for name in _DTYPES:
            arrays[name].flags.writeable = False
            object.__setattr__(trace, name, arrays[name])
        return trace

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name."""
        return {name: getattr(self, name) for name in _DTYPES}

    @property
    def n_vertices(self) -> int:
        """Number of vertices of the graph."""
        return self.offsets.size - 1

    @property
    def n_components(self) -> int:
        """Number of strongly connected components of vertices that have edges."""
        return self.bounds.size - 1

    @property
    def n_fill(self) -> int:
        """Entries off the diagonal that factors hold inside components; zero for acyclic graphs."""
        return self.lower_columns.size + self.upper_columns.size

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    @cached_property
    def position(self) -> Indices:
        """Position of each vertex in the order of elimination, -1 for absorbing ones, int32[n]."""
        position = np.full(self.n_vertices, -1, np.int32)
        position[self.order] = np.arange(self.order.size, dtype=np.int32)
        position.flags.writeable = False
        return position

    @cached_property
    def source(self) -> NDArray[np.int64]:
        """Vertex that each edge comes from, int64[m]."""
        source = np.repeat(np.arange(self.n_vertices), np.diff(self.offsets))
        source.flags.writeable = False
        return source

    @cached_property
    def absorbing(self) -> NDArray[np.bool_]:
        """Which vertices have no edges, bool[n]."""
        absorbing: NDArray[np.bool_] = self.position < 0
        absorbing.flags.writeable = False
        return absorbing

    @cached_property
    def time(self) -> Floats:
        """The reward that is time itself: one where a vertex has edges, float64[n]."""
        time = (~self.absorbing).astype(np.float64)
        time.flags.writeable = False
        return time

    @cached_property
    def ones(self) -> Floats:
        """One for each vertex, float64[n]."""
        ones = np.ones(self.n_vertices)
        ones.flags.writeable = False
        return ones

    @cached_property
    def plan(self) -> tuple[Any, ...]:
        """What elimination kernels take after the weights; they index faster by unsigned numbers."""
        lower, upper = self.lower_columns.view(np.uint32), self.upper_columns.view(np.uint32)
        pattern = (self.lower_offsets, lower, self.upper_offsets, upper)
        return (self.order, *self._edges, self.bounds, *pattern)

    @property
    def _edges(self) -> tuple[Any, ...]:
        """Edges by position, as `phasic.kernels.structure.by_position` sorts them.

        Returns
        -------
        edges, inner, to, edge : int64[t + 1], int64[t], uint32[m], uint32[m]
            As `phasic.kernels.elimination.factorise` takes them.
        """
        from phasic.kernels.structure import by_position

        t, m = self.order.size, self.targets.size
        edges, inner = np.empty(t + 1, np.int64), np.empty(t, np.int64)
        to, edge = np.empty(m, np.uint32), np.empty(m, np.uint32)
        by_position(
            *(self.offsets, self.targets, self.order, self.position, self.bounds), *(edges, inner, to, edge)
        )
        return edges, inner, to, edge

    @cached_property
    def rows(self) -> Rows:
        """The edges by position, as kernels over many shifts take them."""
        from phasic.rows import Rows

        return Rows.of(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        mine, theirs = self.arrays(), other.arrays()
        return all(np.array_equal(mine[name], theirs[name]) for name in _DTYPES)

    def __hash__(self) -> int:
        return hash((self.n_vertices, self.n_components, self.n_fill, self.targets.tobytes()))


def _validate(trace: Trace) -> None:
    """Raise PhasicError unless kernels can follow `trace` without leaving its arrays."""
    n, t = trace.n_vertices, trace.order.size
    _require(_are_offsets(trace.offsets, trace.targets.size), "offsets do not describe the targets")
    _require(_within(trace.targets, 0, n), "targets are no vertices")
    transient = np.flatnonzero(np.diff(trace.offsets))
    _require(np.array_equal(np.sort(trace.order), transient), "order is not that of the vertices with edges")
    _require(
        trace.bounds.size > 0 and trace.bounds[0] == 0 and trace.bounds[-1] == t, "bounds do not cover order"
    )
    _require(bool((np.diff(trace.bounds) > 0).all()), "components are empty")

    sizes = np.diff(trace.bounds)
    first, last = np.repeat(trace.bounds[:-1], sizes), np.repeat(trace.bounds[1:], sizes)
    rows = np.arange(t)
    for offsets, columns, low, high in (
        (trace.lower_offsets, trace.lower_columns, first, rows),
        (trace.upper_offsets, trace.upper_columns, rows + 1, last),
    ):
        _require(
            offsets.size == t + 1 and _are_offsets(offsets, columns.size),
            "offsets do not describe the fill pattern",
        )
        row = np.repeat(rows, np.diff(offsets))
        _require(
            bool(((columns >= low[row]) & (columns < high[row])).all()),
            "the fill pattern leaves its component",
        )
        inside = row[1:] == row[:-1]
        _require(bool((np.diff(columns)[inside] > 0).all()), "the fill pattern is not ascending")

    source = np.repeat(np.arange(n), np.diff(trace.offsets))
    component = np.full(n, -1)
    component[trace.order] = np.repeat(np.arange(trace.n_components), sizes)
    _require(
        bool((component[trace.targets] <= component[source]).all()), "an edge leads to a later component"
    )


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise PhasicError(f"not an elimination trace: {complaint}; record it anew")


def _are_offsets(offsets: Offsets, size: int) -> bool:
    ascending = offsets.size > 0 and bool((np.diff(offsets) >= 0).all())
    return ascending and int(offsets[0]) == 0 and int(offsets[-1]) == size


def _within(values: Indices, low: int, high: int) -> bool:
    return values.size == 0 or (int(values.min()) >= low and int(values.max()) < high)
