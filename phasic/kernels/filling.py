"""Kernel that finds where elimination in a given order has entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


def _push(heap: Any, size: Any, value: Any) -> Any:
    """Add `value` to the heap ``heap[1 : size + 1]`` and return its new size."""
    size += 1
    k = size
    while k > 1 and heap[k // 2] > value:
        heap[k] = heap[k // 2]
        k //= 2
    heap[k] = value
    return size


def _pop(heap: Any, size: Any) -> Any:
    """Drop the smallest value, ``heap[1]``, and return the new size."""
    value = heap[size]
    size -= 1
    k = 1
    while 2 * k <= size:
        child = 2 * k
        if child < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = value
    return size


@kernel(writes=("lower_offsets", "lower", "upper_offsets", "upper"))
def fill_pattern(
    offsets: Any,
    targets: Any,
    order: Any,
    position: Any,
    bounds: Any,
    lower_offsets: Any,
    lower: Any,
    upper_offsets: Any,
    upper: Any,
) -> None:
    """Find where elimination in the given order has entries, row by row, inside each component.

    Where a row i meets an earlier row k that leads back to it, what k leads to beyond i is in row i too,
    and later rows that meet k meet i, so they need not read k any further [1]_.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.
    order, position : int32[t], int32[n]
        Vertex at each position, and position of each vertex (-1 for absorbing ones).
    bounds : int32[c + 1]
        Positions at which components begin.
    lower_offsets, lower : int64[t + 1], int32[at least the fill]
        Filled with the positions, ascending, of the earlier rows that each row meets.
    upper_offsets, upper : int64[t + 1], int32[at least the fill]
        Filled with the positions, ascending, that each row still leads to when its turn has come.

    References
    ----------
    .. [1] S. C. Eisenstat and J. W. H. Liu, SIAM J. Matrix Anal. Appl. 13 (1992).
    """
    t = order.size
    seen = np.full(t, -1, np.int32)
    reach = np.empty(t, np.int64)  # end of what has to be read of each row of upper
    heap = np.empty(t + 1, np.int32)
    n_lower = n_upper = 0
    lower_offsets[0] = upper_offsets[0] = 0
    for c in range(bounds.size - 1):
        first = bounds[c]
        last = bounds[c + 1]
        for i in range(first, last):
            seen[i] = i
            size = 0
            v = order[i]
            begin = n_upper
            complete = False
            for a in range(offsets[v], offsets[v + 1]):
                j = position[targets[a]]
                if first <= j < last and seen[j] != i:
                    seen[j] = i
                    if j > i:
                        upper[n_upper] = j
                        n_upper += 1
                    else:
                        size = _push(heap, size, j)
            while size > 0:
                row = heap[1]
                size = _pop(heap, size)
                lower[n_lower] = row
                n_lower += 1
                # Where a row leads to all that are left, so does this one.
                if upper_offsets[row + 1] - upper_offsets[row] == last - 1 - row:
                    for j in range(row + 1, i):
                        lower[n_lower] = j
                        n_lower += 1
                    complete = True
                    break
                for b in range(upper_offsets[row], reach[row]):
                    j = upper[b]
                    if j == i:
                        reach[row] = b + 1
                    if seen[j] == i:
                        continue
                    seen[j] = i
                    if j > i:
                        upper[n_upper] = j
                        n_upper += 1
                    else:
                        size = _push(heap, size, j)
            if complete:
                n_upper = begin
                for j in range(i + 1, last):
                    upper[n_upper] = j
                    n_upper += 1
            else:  # sorted by heap: a call of sort would double compile time
                size = 0
                for a in range(begin, n_upper):
                    size = _push(heap, size, upper[a])
                for a in range(begin, n_upper):
                    upper[a] = heap[1]
                    size = _pop(heap, size)
            lower_offsets[i + 1] = n_lower
            upper_offsets[i + 1] = reach[i] = n_upper
