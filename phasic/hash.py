"""The hash of a graph: one name for the same graph, wherever and by whomever it was built."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import GraphArrays, Integers

if TYPE_CHECKING:
    from phasic.graph import Graph

_FORMAT = b"phasic graph hash 1\n"
_LARGEST = 1 << 62
_ROWS = 1 << 16  # of an array that are widened at once


@dataclass(frozen=True)
class GraphHash:
    """The SHA-256 of a graph.

    Attributes
    ----------
    hash_hex : str
        64 hexadecimal digits.
    """

    hash_hex: str

    @property
    def hash64(self) -> int:
        """The first 64 bits as a number, for tables in memory; too few to tell strangers' graphs apart."""
        return int(self.hash_hex[:16], 16)

    def __str__(self) -> str:
        return self.hash_hex


def compute_graph_hash(graph: Graph | GraphArrays) -> GraphHash:
    """Return the hash of a graph, the same in every process, on every machine.

    Two graphs have the same hash iff they have the same vertices, edges, coefficients and initial
    probabilities, and are both discrete or both not. A vertex is known by its state; where several have
    the same state, by that and by how many of them come before it. So the order in which a callback
    lists its transitions, in which vertices were made and edges were added makes no difference. Nor does
    theta, a callback that makes weights of it, or whether a weight was given as a number ``w`` or as a
    vector ``[w]``. An edge with weight zero is an edge, and 0.0 and -0.0 are one number.

    Parameters
    ----------
    graph : Graph or GraphArrays

    Examples
    --------
    >>> from phasic import Graph, models
    >>> found = compute_graph_hash(Graph(models.lineages(5)))
    >>> len(found.hash_hex)
    64
    >>> found == compute_graph_hash(Graph(models.lineages(5)))
    True
    """
    arrays = graph if isinstance(graph, GraphArrays) else graph.arrays
    return hash_in_order(arrays, canonical_order(arrays))


def hash_in_order(arrays: GraphArrays, vertices: Integers) -> GraphHash:
    """Return the hash of a graph of which `canonical_order` is known already."""
    rank = ranks(vertices)
    sources = rank[np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))]
    targets = rank[arrays.targets]
    edges = _sorted_edges(sources * arrays.n_vertices + targets, arrays.coefficients)
    starts = rank[arrays.start_targets]
    first = np.lexsort((arrays.start_weights, starts))

    digest = hashlib.sha256(_FORMAT)
    digest.update(b"discrete\n" if arrays.discrete else b"continuous\n")
    _feed(digest, "states", arrays.states, _narrowest(arrays.states), vertices)
    _feed(digest, "starts", starts, _narrowest(starts), first)
    _feed(digest, "initial probabilities", arrays.start_weights, "<f8", first)
    _feed(digest, "sources", sources, _narrowest(sources), edges)
    _feed(digest, "targets", targets, _narrowest(targets), edges)
    _feed(digest, "coefficients", arrays.coefficients, "<f8", edges)
    return GraphHash(digest.hexdigest())


def canonical_order(arrays: GraphArrays) -> Integers:
    """Return the vertices in the order that the hash sees them in, int64[n].

    The starting vertex comes first, then the others by their states; those of equal state stay in the
    order that they have.
    """
    others = np.lexsort(_packed(arrays.states[1:])[::-1]) + 1  # stable
    return np.concatenate([np.zeros(1, np.int64), others.astype(np.int64)])


def _packed(states: NDArray[np.signedinteger]) -> list[Integers]:
    """Return fewer columns that sort as those of `states` do, several of small numbers in one."""
    if states.shape[0] == 0:
        return list(states.T.astype(np.int64))
    packed: list[Integers] = []
    room = 0
    for column, low, high in zip(states.T, states.min(axis=0), states.max(axis=0), strict=True):
        size = int(high) - int(low) + 1
        if size > _LARGEST:
            packed.append(column.astype(np.int64))
            room = 0
            continue
        small = column.astype(np.int64) - int(low)
        if size > room:
            packed.append(small)
            room = _LARGEST // size
        else:
            packed[-1] = packed[-1] * size + small
            room //= size
    return packed


def _sorted_edges(ends: Integers, coefficients: NDArray[np.float64]) -> Integers:
    """Return the order of edges by source and target, and where these are the same, by coefficients."""
    m = ends.size
    if m and int(ends.max()) < _LARGEST // m:  # each with its place beside it: many times sooner than argsort
        there = np.sort(ends * m + np.arange(m))
        order, there = there % m, there // m
    else:
        order = np.argsort(ends)
        there = ends[order]
    if (there[1:] == there[:-1]).any():
        return np.lexsort((*coefficients.T[::-1], ends))
    return order


def ranks(vertices: Integers) -> Integers:
    """Return the place of each vertex in an order of all, int64[n]."""
    rank = np.empty_like(vertices)
    rank[vertices] = np.arange(vertices.size)
    return rank


def _feed(digest: Any, name: str, array: NDArray[Any], dtype: str, order: Integers) -> None:
    """Hash the rows of an array in the given order, whatever byte order the machine has."""
    digest.update(f"{name} {dtype} {array.shape}\n".encode())
    for begin in range(0, order.size, _ROWS):
        rows = array[order[begin : begin + _ROWS]].astype(dtype)
        digest.update(np.ascontiguousarray(rows + rows.dtype.type(0)).tobytes())  # -0.0 becomes 0.0


def _narrowest(array: NDArray[Any]) -> str:
    """Return the smallest integers that hold all of an array, however wide its own are."""
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    return next(
        f"<i{size}" for size in (1, 2, 4, 8) if -(2 ** (8 * size - 1)) <= low and high < 2 ** (8 * size - 1)
    )
