"""Record the elimination of a graph as a Trace, from its pattern of edges alone."""

from __future__ import annotations

import logging
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError, PhasicError
from phasic.order import elimination_order
from phasic.replay import Factors, factorise
from phasic.trace import Indices, Offsets, Trace

_log = logging.getLogger(__name__)
_BYTES_PER_ENTRY = 12  # a column and a number
_MUCH_WORK = 1e11  # minutes


def record(offsets: NDArray[Any], targets: NDArray[Any]) -> Trace:
    """Return the plan by which graphs with these edges are eliminated, whatever their weights.

    Law: ``factorise(record(offsets, targets), weights) == eliminate(offsets, targets, weights)``.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int64[m]
        Edges by source; vertices without edges are absorbing.

    Raises
    ------
    GraphError
        `offsets` and `targets` do not describe a graph.
    PhasicError
        The factors would not fit into the memory of this machine.
    """
    offsets, targets = _checked(offsets, targets)
    memory = memory_of_machine()
    plan = elimination_order(offsets, targets, memory / (2.0 * _BYTES_PER_ENTRY))
    t = plan.order.size
    lower_offsets = np.zeros(t + 1, np.int64)
    upper_offsets = np.zeros(t + 1, np.int64)
    lower, upper = np.empty(0, np.int32), np.empty(0, np.int32)
    if plan.fill:
        needed = 2.0 * plan.fill * _BYTES_PER_ENTRY
        if needed > memory:
            raise PhasicError(
                f"eliminating the cycles of these {t} states needs {needed / 2**30:.1f} GiB or more, and "
                f'this machine has {memory / 2**30:.1f} GiB; ask for expectation(method="iterative"), reduce '
                f"the state space, or sample instead"
            )
        if plan.work > _MUCH_WORK:
            _log.warning("eliminating the cycles of %d states takes %.1g multiplications", t, 2.0 * plan.work)
        from phasic.kernels.filling import fill_pattern

        position = np.full(offsets.size - 1, -1, np.int32)
        position[plan.order] = np.arange(t, dtype=np.int32)
        # Pages that the pattern does not reach are never touched, so a generous bound costs nothing.
        lower, upper = np.empty(int(plan.fill) + 1, np.int32), np.empty(int(plan.fill) + 1, np.int32)
        fill_pattern(
            *(offsets, targets, plan.order, position, plan.bounds),
            *(lower_offsets, lower, upper_offsets, upper),
        )
        lower, upper = lower[: lower_offsets[-1]].copy(), upper[: upper_offsets[-1]].copy()
    return Trace.recorded(
        offsets=offsets,
        targets=targets,
        order=plan.order,
        bounds=plan.bounds,
        lower_offsets=lower_offsets,
        lower_columns=lower,
        upper_offsets=upper_offsets,
        upper_columns=upper,
    )


def eliminate(offsets: NDArray[Any], targets: NDArray[Any], weights: Floats) -> Factors:
    """Return the factors of one graph, for those who have no use for its trace."""
    return factorise(record(offsets, targets), weights)


def _checked(offsets: NDArray[Any], targets: NDArray[Any]) -> tuple[Offsets, Indices]:
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    if offsets.ndim != 1 or offsets.size == 0 or offsets[0] != 0 or (np.diff(offsets) < 0).any():
        raise GraphError("offsets must begin with 0 and never descend")
    n = offsets.size - 1
    targets = np.asarray(targets)
    if targets.shape != (offsets[-1],):
        raise GraphError(f"offsets announce {offsets[-1]} edges, but targets have shape {targets.shape}")
    if targets.size and not (int(targets.min()) >= 0 and int(targets.max()) < n):
        raise GraphError(f"an edge leads to vertex {targets.max()}, but there are {n} vertices")
    if n >= 2**31 or targets.size >= 2**32:
        raise GraphError(
            f"{n} vertices and {targets.size} edges are more than the 2**31 and 2**32 that an elimination "
            f"can number"
        )
    return _own(offsets), _own(np.ascontiguousarray(targets, dtype=np.int32))


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that nobody else writes to: itself if it is read-only, else a copy."""
    return array.copy() if array.flags.writeable else array


def memory_of_machine() -> float:
    """Return the bytes of memory of this machine."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # a platform that does not say
        return math.inf
