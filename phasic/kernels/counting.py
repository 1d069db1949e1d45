"""Kernel that counts what elimination in a given order fills in, without finding where."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel
def count_fill(offsets: Any, targets: Any, order: Any, position: Any, bounds: Any, most: Any) -> Any:
    """Return a bound on the entries that factors have on either side of the diagonal.

    That is what elimination fills in below the diagonal were every edge inside a component there in both
    directions: row i has an entry at every vertex on the paths up the elimination tree from its earlier
    neighbours, as far as i [1]_. Counting stops beyond `most`.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.
    order, position : int32[t], int32[n]
        Vertex at each position, and position of each vertex (-1 for absorbing ones).
    bounds : int32[c + 1]
        Positions at which components begin.
    most : int

    References
    ----------
    .. [1] J. W. H. Liu, SIAM J. Matrix Anal. Appl. 11 (1990).
    """
    t = order.size
    component = np.empty(t, np.int32)
    for c in range(bounds.size - 1):
        component[bounds[c] : bounds[c + 1]] = c
    # The earlier neighbours of each position, over edges either way: counted, then filled in.
    starts = np.zeros(t + 1, np.int64)
    neighbours = np.empty(targets.size, np.int32)
    for filling in range(2):
        for i in range(t):
            for a in range(offsets[order[i]], offsets[order[i] + 1]):
                j = position[targets[a]]
                if j < 0 or j == i or component[j] != component[i]:
                    continue
                if filling == 0:
                    starts[max(i, j)] += 1
                else:
                    starts[max(i, j)] -= 1
                    neighbours[starts[max(i, j)]] = min(i, j)
        if filling == 0:
            for i in range(t):  # each now is the end of its own, and filling brings it to the start
                starts[i + 1] += starts[i]
            starts[t] = starts[t - 1] if t > 0 else 0
    parent = np.full(t, -1, np.int32)
    seen = np.full(t, -1, np.int32)
    count = 0
    for i in range(t):
        seen[i] = i
        for a in range(starts[i], starts[i + 1]):
            k = neighbours[a]
            while seen[k] != i:
                if parent[k] < 0:
                    parent[k] = i
                seen[k] = i
                count += 1
                k = parent[k]
        if count > most:
            return count
    return count
