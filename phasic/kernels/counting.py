"""Kernel that counts what elimination in a given order fills in, without finding where."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel
def count_fill(starts: Any, neighbours: Any, most: Any) -> Any:
    """Return the number of entries below the diagonal after eliminating 0, 1, ... of a symmetric pattern.

    Row i has an entry at every vertex on the paths up the elimination tree from its neighbours before i,
    as far as i [1]_. Counting stops beyond `most`.

    Parameters
    ----------
    starts, neighbours : int64[t + 1], int32[e]
        Positions joined to each position, either way.
    most : int

    References
    ----------
    .. [1] J. W. H. Liu, SIAM J. Matrix Anal. Appl. 11 (1990).
    """
    t = starts.size - 1
    parent = np.full(t, -1, np.int32)
    seen = np.full(t, -1, np.int32)
    count = 0
    for i in range(t):
        seen[i] = i
        for a in range(starts[i], starts[i + 1]):
            k = neighbours[a]
            if k > i:
                continue
            while seen[k] != i:
                if parent[k] < 0:
                    parent[k] = i
                seen[k] = i
                count += 1
                k = parent[k]
        if count > most:
            return count
    return count
