"""Kernels that number states: a hash table over rows, which compares rows and never hashes alone.

Rows are kept in the narrowest integers that hold them. Numba compiles a loop for the types it is given,
so the same memory comes as four views, of 1, 2, 4 and 8 bytes an entry, and `size` says which one is meant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel

NO_ROOM, TOO_NARROW = -1, -2


@kernel
def entry(views: Any, size: int, row: int, j: int) -> Any:
    """Return entry `j` of a row as int64."""
    if size == 1:
        return np.int64(views[0][row, j])
    if size == 2:
        return np.int64(views[1][row, j])
    if size == 4:
        return np.int64(views[2][row, j])
    return np.int64(views[3][row, j])


@kernel
def capacity(views: Any, size: int) -> Any:
    """Return how many rows there is room for."""
    if size == 1:
        return views[0].shape[0]
    if size == 2:
        return views[1].shape[0]
    if size == 4:
        return views[2].shape[0]
    return views[3].shape[0]


@kernel
def slot_of(state: Any, views: Any, size: int, slots: Any, factor: Any) -> Any:
    """Return the slot that holds the vertex of `state` (int64[d]), or the empty one where it belongs.

    `slots` is int32[2**k] with zero for an empty one: no state is ever the starting vertex.
    """
    h = np.uint64(state.size)
    for j in range(state.size):
        h = (h ^ np.uint64(state[j])) * factor
        h ^= h >> np.uint64(29)
    place = np.int64(h & np.uint64(slots.size - 1))
    while True:
        vertex = slots[place]
        if vertex == 0:
            return place
        same = True
        for j in range(state.size):
            if entry(views, size, vertex, j) != state[j]:
                same = False
                break
        if same:
            return place
        place = (place + 1) & (slots.size - 1)


@kernel
def vertex_of(state: Any, views: Any, size: int, slots: Any, factor: Any, count: Any) -> Any:
    """Return the vertex of `state`, a new one where there is none: then ``count[0]`` goes up by one.

    Nothing has changed where it returns `NO_ROOM`, for another row or slot, or `TOO_NARROW`.
    """
    place = slot_of(state, views, size, slots, factor)
    vertex = np.int64(slots[place])
    if vertex != 0:
        return vertex
    vertex = count[0]
    if vertex >= capacity(views, size) or 2 * vertex >= slots.size:
        return -1
    if size < 8:
        bound = np.int64(1) << (8 * size - 1)
        for j in range(state.size):
            if not -bound <= state[j] < bound:
                return -2
    for j in range(state.size):
        if size == 1:
            views[0][vertex, j] = state[j]
        elif size == 2:
            views[1][vertex, j] = state[j]
        elif size == 4:
            views[2][vertex, j] = state[j]
        else:
            views[3][vertex, j] = state[j]
    slots[place] = vertex
    count[0] = vertex + 1
    return vertex


@kernel
def add(block: Any, first: int, views: Any, size: int, slots: Any, factor: Any, count: Any, out: Any) -> Any:
    """Fill ``out[first:]`` with the vertices of the rows of `block`; return where it had to stop."""
    state = np.empty(block.shape[1], np.int64)
    for i in range(first, block.shape[0]):
        for j in range(state.size):
            state[j] = block[i, j]
        vertex = vertex_of(state, views, size, slots, factor, count)
        out[i] = vertex
        if vertex < 0:
            return i
    return block.shape[0]


@kernel
def index(views: Any, size: int, slots: Any, factor: Any, count: int) -> None:
    """Enter the rows 1 to `count` into empty slots; of equal rows, the first."""
    state = np.empty(views[0].shape[1], np.int64)
    for vertex in range(1, count):
        for j in range(state.size):
            state[j] = entry(views, size, vertex, j)
        place = slot_of(state, views, size, slots, factor)
        if slots[place] == 0:
            slots[place] = vertex
