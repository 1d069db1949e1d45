"""Kernel that orders the vertices of cyclic components for elimination."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


def _enlist(degree: Any, i: Any, head: Any, after: Any, before: Any) -> None:
    """Put vertex `i` first on the list of its degree."""
    d = degree[i]
    after[i] = head[d]
    before[i] = -1
    if head[d] >= 0:
        before[head[d]] = i
    head[d] = i


def _delist(degree: Any, i: Any, head: Any, after: Any, before: Any) -> None:
    """Take vertex `i` off the list of its degree."""
    if before[i] >= 0:
        after[before[i]] = after[i]
    else:
        head[degree[i]] = after[i]
    if after[i] >= 0:
        before[after[i]] = before[i]


@kernel(writes=("adjacent", "order"))
def minimum_degree(offsets: Any, adjacent: Any, component: Any, bounds: Any, most: Any, order: Any) -> Any:
    """Order the vertices of a symmetric pattern so that elimination fills in little.

    The vertex of smallest approximate degree goes first [1]_. Eliminated vertices are kept as elements,
    the lists of vertices that each has tied together, so memory stays that of the pattern.

    Parameters
    ----------
    offsets, adjacent : int64[t + 1], int32[e]
        Symmetric pattern without diagonal; edges stay within a component. The latter is overwritten: on
        the way it holds, of each vertex, first its elements and then its remaining neighbours.
    component, bounds : int32[t], int32[c + 1]
        Component of each vertex, and the contiguous range of vertices of each component.
    most : float64
        Fill at which to give up.
    order : int32[t]
        Filled with the vertices in order of elimination.

    Returns
    -------
    (float, float)
        Entries above the diagonal after fill, and multiplications of a factorisation. Where the former
        is above `most`, it is a lower bound, and the order is not complete.

    References
    ----------
    .. [1] P. R. Amestoy, T. A. Davis and I. S. Duff, SIAM J. Matrix Anal. Appl. 17 (1996).
    """
    n = offsets.size - 1
    n_elements = np.zeros(n, np.int64)
    n_neighbours = np.empty(n, np.int64)
    degree = np.empty(n, np.int64)
    scratch = np.empty(n + 1, np.int32)
    # Live elements never hold more entries than the pattern did: a new one replaces what it absorbs.
    pool = np.empty(2 * adjacent.size + 1, np.int32)
    start = np.zeros(n, np.int64)
    length = np.zeros(n, np.int64)
    outside = np.zeros(n, np.int64)
    stamp = np.full(n, -1, np.int32)
    mark = np.full(n, -1, np.int32)
    gone = np.zeros(n, np.bool_)
    remaining = np.empty(bounds.size - 1, np.int64)
    for c in range(remaining.size):
        remaining[c] = bounds[c + 1] - bounds[c]
    head = np.full(n + 1, -1, np.int32)
    after = np.empty(n, np.int32)
    before = np.empty(n, np.int32)
    for i in range(n - 1, -1, -1):
        degree[i] = n_neighbours[i] = offsets[i + 1] - offsets[i]
        _enlist(degree, i, head, after, before)
    fill = work = 0.0
    done = used = lowest = 0
    while done < n:
        while head[lowest] < 0:
            lowest += 1
        p = head[lowest]
        c = component[p]
        if degree[p] >= remaining[c] - 1:  # what is left is as good as complete: any order will do
            size = float(remaining[c])
            fill += size * (size - 1.0) / 2.0
            work += size * size * size / 3.0
            for i in range(bounds[c], bounds[c + 1]):
                if not gone[i]:
                    gone[i] = True
                    _delist(degree, i, head, after, before)
                    order[done] = i
                    done += 1
            continue
        _delist(degree, p, head, after, before)
        gone[p] = True
        order[done] = p
        done += 1
        remaining[c] -= 1

        room = n_neighbours[p]
        for a in range(offsets[p], offsets[p] + n_elements[p]):
            room += length[adjacent[a]]
        if used + room > pool.size:  # squeeze absorbed elements out
            used = 0
            for d in range(done - 1):
                e = order[d]
                for a in range(length[e]):
                    pool[used + a] = pool[start[e] + a]
                start[e] = used
                used += length[e]

        # The new element: everything tied to p by an edge or by an element, which it absorbs.
        mark[p] = p
        start[p] = used
        first_neighbour = offsets[p] + n_elements[p]
        for a in range(first_neighbour, first_neighbour + n_neighbours[p]):
            i = adjacent[a]
            mark[i] = p
            pool[used] = i
            used += 1
        for a in range(offsets[p], first_neighbour):
            e = adjacent[a]
            for b in range(start[e], start[e] + length[e]):
                i = pool[b]
                if mark[i] != p:
                    mark[i] = p
                    pool[used] = i
                    used += 1
            length[e] = 0
        size_p = used - start[p]
        length[p] = size_p
        fill += size_p
        work += float(size_p) * size_p
        tied = fill + size_p * (size_p - 1.0) / 2.0  # these will all lead to each other
        if tied > most:
            return tied, work

        for a in range(start[p], used):
            i = pool[a]
            for b in range(offsets[i], offsets[i] + n_elements[i]):
                e = adjacent[b]
                if stamp[e] != p:
                    stamp[e] = p
                    outside[e] = length[e]
                outside[e] -= 1
        for a in range(start[p], used):
            i = pool[a]
            kept = 0
            ties = size_p - 1
            for b in range(offsets[i], offsets[i] + n_elements[i]):
                e = adjacent[b]
                if length[e] > 0 and outside[e] > 0:
                    scratch[kept] = e
                    kept += 1
                    ties += outside[e]
                else:  # all of e lies in p
                    length[e] = 0
            scratch[kept] = p
            kept += 1
            total = kept
            for b in range(offsets[i] + n_elements[i], offsets[i] + n_elements[i] + n_neighbours[i]):
                j = adjacent[b]
                if mark[j] != p:
                    scratch[total] = j
                    total += 1
            for b in range(total):
                adjacent[offsets[i] + b] = scratch[b]
            n_elements[i] = kept
            n_neighbours[i] = total - kept
            ties += total - kept
            _delist(degree, i, head, after, before)
            degree[i] = min(ties, degree[i] + size_p - 1, remaining[c] - 1)
            _enlist(degree, i, head, after, before)
            lowest = min(lowest, degree[i])
    return fill, work
