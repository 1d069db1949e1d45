"""Kernels on the pattern of edges: strongly connected components, what can be reached, edges by position."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("order", "bounds"))
def components(offsets: Any, targets: Any, order: Any, bounds: Any) -> Any:
    """Group the vertices that have edges into strongly connected components, sinks first.

    Tarjan's algorithm [1]_ with its recursion written out.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.
    order : int32[n]
        Filled with the vertices, component by component; edges lead to the same component or to an
        earlier one.
    bounds : int32[n + 1]
        Filled with the start of each component in `order`, and the end of the last.

    Returns
    -------
    int
        Number of components.

    References
    ----------
    .. [1] R. E. Tarjan, SIAM J. Comput. 1 (1972).
    """
    n = offsets.size - 1
    index = np.full(n, -1, np.int32)
    low = np.empty(n, np.int32)
    finished = np.zeros(n, np.bool_)
    cursor = np.empty(n, np.int64)
    for v in range(n):
        cursor[v] = offsets[v]
    path = np.empty(n, np.int32)
    pending = np.empty(n, np.int32)
    depth = waiting = visited = placed = found = 0
    bounds[0] = 0
    for root in range(n):
        if index[root] >= 0 or offsets[root] == offsets[root + 1]:
            continue
        path[0] = pending[waiting] = root
        depth = 1
        waiting += 1
        index[root] = low[root] = visited
        visited += 1
        while depth > 0:
            v = path[depth - 1]
            if cursor[v] < offsets[v + 1]:
                u = targets[cursor[v]]
                cursor[v] += 1
                if offsets[u] == offsets[u + 1]:
                    continue
                if index[u] < 0:
                    path[depth] = pending[waiting] = u
                    depth += 1
                    waiting += 1
                    index[u] = low[u] = visited
                    visited += 1
                elif not finished[u]:
                    low[v] = min(low[v], index[u])
                continue
            depth -= 1
            if depth > 0:
                low[path[depth - 1]] = min(low[path[depth - 1]], low[v])
            if low[v] == index[v]:
                while True:
                    waiting -= 1
                    u = pending[waiting]
                    finished[u] = True
                    order[placed] = u
                    placed += 1
                    if u == v:
                        break
                found += 1
                bounds[found] = placed
    return found


@kernel(writes=("marked",))
def reach(offsets: Any, targets: Any, open_edge: Any, marked: Any) -> None:
    """Extend `marked` (bool[n]) to everything it leads to over edges that are open (bool[m])."""
    n = marked.size
    stack = np.empty(n, np.int32)
    size = 0
    for v in range(n):
        if marked[v]:
            stack[size] = v
            size += 1
    while size > 0:
        size -= 1
        v = stack[size]
        for a in range(offsets[v], offsets[v + 1]):
            u = targets[a]
            if open_edge[a] and not marked[u]:
                marked[u] = True
                stack[size] = u
                size += 1


@kernel(writes=("joined", "adjacent"))
def join(
    offsets: Any, targets: Any, order: Any, position: Any, component: Any, joined: Any, adjacent: Any
) -> Any:
    """Find which positions are joined by an edge inside a component, one way or the other.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.
    order, position, component : int32[t], int32[n], int32[t]
        Vertex at each position, position of each vertex (-1 for absorbing ones), and component of each
        position.
    joined, adjacent : int64[t + 1], int32[2 m]
        Filled with the symmetric pattern by rows, without diagonal.

    Returns
    -------
    int
        Number of entries of the pattern.
    """
    t = order.size
    for i in range(t + 1):
        joined[i] = 0
    for i in range(t):
        for a in range(offsets[order[i]], offsets[order[i] + 1]):
            j = position[targets[a]]
            if j >= 0 and j != i and component[j] == component[i]:
                joined[i + 1] += 1
                joined[j + 1] += 1
    for i in range(t):
        joined[i + 1] += joined[i]
    end = np.empty(t, np.int64)
    for i in range(t):
        end[i] = joined[i]
    for i in range(t):
        for a in range(offsets[order[i]], offsets[order[i] + 1]):
            j = position[targets[a]]
            if j >= 0 and j != i and component[j] == component[i]:
                adjacent[end[i]] = j
                end[i] += 1
                adjacent[end[j]] = i
                end[j] += 1
    mark = np.full(t, -1, np.int32)
    size = 0
    for i in range(t):  # drop those that are joined both ways or by several edges
        begin = joined[i]
        joined[i] = size
        for a in range(begin, end[i]):
            j = adjacent[a]
            if mark[j] != i:
                mark[j] = i
                adjacent[size] = j
                size += 1
    joined[t] = size
    return size


@kernel(writes=("edges", "inner", "to", "edge"))
def by_position(
    offsets: Any,
    targets: Any,
    order: Any,
    position: Any,
    bounds: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
) -> None:
    """Sort edges by the position of where they come from, those that leave a component last, and backwards.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.
    order, position, bounds : int32[t], int32[n], int32[c + 1]
        Vertex at each position, position of each vertex (-1 for absorbing ones), and where components
        begin. Edges lead to the same or an earlier component.
    edges, inner, to, edge : int64[t + 1], int64[t], uint32[m], uint32[m]
        Filled as `phasic.kernels.elimination.factorise` takes them.
    """
    t = order.size
    edges[0] = 0
    for c in range(bounds.size - 1):
        first = bounds[c]
        for i in range(first, bounds[c + 1]):
            begin = offsets[order[i]]
            end = offsets[order[i] + 1]
            head = edges[i]
            tail = head + end - begin
            edges[i + 1] = tail
            for a in range(begin, end):
                j = position[targets[a]]
                if j >= first:
                    to[head] = j
                    edge[head] = a
                    head += 1
                else:
                    if j < 0:
                        j = t
                    tail -= 1
                    to[tail] = j
                    edge[tail] = a
            inner[i] = head
