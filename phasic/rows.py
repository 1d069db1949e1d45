"""The edges of a graph by position in the order of elimination, as kernels over many shifts take them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats

if TYPE_CHECKING:
    from phasic.trace import Indices, Offsets, Trace

LANES = 16  # at least so many nodes side by side
_SHORT = 10
_MUCH = 3e7
_ROOM = 2**20  # numbers of one solution that are worked on side by side: what fits into fast memory


@dataclass(frozen=True, eq=False)
class Rows:
    """What of a trace does not depend on weights, renumbered by position.

    Attributes
    ----------
    offsets, to : int64[t + 1], int32[m]
        Edges by source; the target is -1 where it is absorbing.
    edge : int64[m]
        Number of each edge in the graph.
    order : int32[t]
        Vertex at each position.
    components : tuple of arrays
        Bounds of components, and the fill pattern.
    """

    offsets: Offsets
    to: Indices
    edge: NDArray[np.int64]
    order: Indices
    components: tuple[Any, ...]
    _spare: tuple[list[tuple[Floats, ...]], ...] = field(default_factory=lambda: ([], []), repr=False)

    @classmethod
    def of(cls, trace: Trace) -> Rows:
        """Return the rows of a trace."""
        degree = np.diff(trace.offsets)[trace.order]
        offsets = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
        edge = np.repeat(trace.offsets[:-1][trace.order] - offsets[:-1], degree) + np.arange(offsets[-1])
        pattern = (trace.lower_offsets, trace.lower_columns, trace.upper_offsets, trace.upper_columns)
        to = trace.position[trace.targets[edge]]
        return cls(offsets, to, edge, trace.order, (trace.bounds, *pattern))

    @cached_property
    def source(self) -> NDArray[np.int64]:
        """Position of the source of each edge, int64[m]."""
        return np.repeat(np.arange(self.order.size), np.diff(self.offsets))

    @cached_property
    def exit(self) -> NDArray[np.int64]:
        """Which edges lead to absorbing vertices, int64[e]."""
        return np.flatnonzero(self.to < 0)

    @cached_property
    def exit_source(self) -> NDArray[np.int64]:
        """Position of the source of each of these, int64[e]."""
        return self.source[self.exit]

    @cached_property
    def even(self) -> Floats:
        """One for every edge, float64[m]; read-only."""
        return _ones(self.to.size)

    @cached_property
    def certain(self) -> Floats:
        """One for every position, float64[t]; read-only."""
        return _ones(self.order.size)

    @cached_property
    def is_short(self) -> bool:
        """Whether no path has more than ten states before absorption, so that no part of it is narrow."""
        if self.components[0].size != self.order.size + 1:
            return False  # circles are paths without end
        states = np.ones(self.order.size, np.int64)
        for _ in range(_SHORT):
            after = np.where(self.to >= 0, states[self.to], 0)
            longer = 1 + np.maximum.reduceat(after, self.offsets[:-1]) if after.size else states
            if np.array_equal(longer, states):
                return True
            states = longer
        return False

    @cached_property
    def work(self) -> float:
        """Multiplications of one solution: those by weights and those of eliminating components."""
        _, _, lower_columns, upper_offsets, upper_columns = self.components
        wide = np.diff(upper_offsets)
        return float(
            self.to.size + 4.0 * (wide[lower_columns].sum() + lower_columns.size + upper_columns.size)
        )

    @cached_property
    def _sizes(self) -> tuple[int, int, int]:
        bounds, lower_offsets, _, upper_offsets, _ = self.components
        if bounds.size < 2:
            return 0, 0, 0
        largest = int(np.diff(bounds).max())
        return largest, int(np.diff(lower_offsets[bounds]).max()), int(np.diff(upper_offsets[bounds]).max())

    @contextmanager
    def room(self, keep: bool = False) -> Iterator[tuple[Floats, ...]]:
        """Lend working arrays of kernels, for as many nodes side by side as fit into fast memory.

        They are kept for the next one who asks, since fresh memory costs as much as a solution.

        Parameters
        ----------
        keep : bool
            Make room for the factors of all components, and for a transposed solution.
        """
        spare = self._spare[keep]
        try:
            room = spare.pop()
        except IndexError:
            room = self._new_room(keep)
        yield room
        if not spare:
            spare.append(room)

    def _new_room(self, keep: bool) -> tuple[Floats, ...]:
        t = self.order.size
        largest, lower, upper = self._sizes
        inverse = largest
        if keep:
            lower, upper, inverse = self.components[2].size, self.components[4].size, t
        together = 64
        while together > LANES and together * (t + lower + upper) > _ROOM:
            together //= 2
        sizes = (largest, lower, upper, inverse, t) + (t,) * keep
        return np.zeros((largest, 2 * together)), *(np.empty((size, 2 * together)) for size in sizes)

    def halfwidth(self, weights: Floats) -> float:
        """Return a bound on the imaginary parts of the eigenvalues of S; infinite where none is found.

        Zero for acyclic graphs, whose eigenvalues are negative rates, and for reversible components. Else
        rates are made as symmetric as a diagonal scaling makes them; the eigenvalues lie in the numerical
        range of the result, whose imaginary part is that of its antisymmetric part.
        """
        if self.components[0].size == self.order.size + 1:
            return 0.0
        inner = self.to[self.to >= 0]
        if float(np.diff(self.offsets)[inner].sum()) > _MUCH:  # each edge is looked up from its other end
            return float(np.inf)
        from phasic.kernels.symmetry import antisymmetry

        found = float(antisymmetry(self.offsets, self.to, weights, self.components[0]))
        return found if np.isfinite(found) else float(np.inf)


def _ones(size: int) -> Floats:
    ones = np.ones(size)
    ones.flags.writeable = False
    return ones
