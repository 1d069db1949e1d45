"""What it is worth to be somewhere when an epoch begins, given what that is worth when it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.epochs.boundaries import Part, jump_counts

_SEGMENT = 2**22  # numbers of remembered states at once


def returned(
    part: Part,
    transient: NDArray[np.bool_],
    weights: Floats,
    length: float,
    alpha: Floats,
    final: Floats,
    slopes: Floats,
) -> Floats:
    """Return what being in each vertex is worth when an epoch begins, float64[n].

    Parameters
    ----------
    part : Part
        Of the epoch.
    transient : bool[n]
        Vertices in which it is worth something to be.
    weights : float64[m]
    length : float
        Of the epoch.
    alpha : float64[n]
        Where the chain is when it begins.
    final : float64[n]
        What being in each vertex is worth when it ends.
    slopes : float64[m]
        Derivatives of the worth by weights are added to it.
    """
    from phasic.kernels.returning import go_back
    from phasic.kernels.stepping import follow

    moving = transient[part.vertices]
    clock, chain = part.uniform(weights)
    jumps: tuple[Any, ...] = (*chain, moving)
    counts = jump_counts(clock * length, part.edges.size)
    segment = max(1, min(counts.size, _SEGMENT // part.vertices.size))
    begins = range(0, counts.size, segment)
    state, states = np.where(moving, alpha[part.vertices], 0.0), []
    for begin in begins:
        states.append(state.copy())
        follow(*jumps, state, np.empty((min(segment, counts.size - begin), state.size)))
    ahead, out = np.zeros(part.vertices.size), np.zeros(part.edges.size)
    last = np.where(moving, final[part.vertices], 0.0)
    for begin, first in zip(reversed(begins), reversed(states), strict=True):
        here = slice(begin, min(begin + segment, counts.size))
        visited = np.empty((here.stop - begin, first.size))
        follow(*jumps, first, visited)
        go_back(*jumps, visited, np.zeros(visited.shape[0]), counts[here], last, ahead, out)
    slopes[part.edges] += out / clock
    before = np.zeros(alpha.size)
    before[part.vertices] = ahead
    return before
