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
    vertices = canonical_order(arrays)
    rank = ranks(vertices)
    sources = rank[np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))]
    targets = rank[arrays.targets]
    edges = np.lexsort((*arrays.coefficients.T[::-1], targets, sources))
    starts = rank[arrays.start_targets]
    first = np.lexsort((arrays.start_weights, starts))

    digest = hashlib.sha256(_FORMAT)
    digest.update(b"discrete\n" if arrays.discrete else b"continuous\n")
    _feed(digest, "states", arrays.states, "<i8", vertices)
    _feed(digest, "starts", starts, "<i8", first)
    _feed(digest, "initial probabilities", arrays.start_weights, "<f8", first)
    _feed(digest, "sources", sources, "<i8", edges)
    _feed(digest, "targets", targets, "<i8", edges)
    _feed(digest, "coefficients", arrays.coefficients, "<f8", edges)
    return GraphHash(digest.hexdigest())


def canonical_order(arrays: GraphArrays) -> Integers:
    """Return the vertices in the order that the hash sees them in, int64[n].

    The starting vertex comes first, then the others by their states; those of equal state stay in the
    order that they have.
    """
    others = np.lexsort(arrays.states[1:].T[::-1]) + 1  # stable
    return np.concatenate([np.zeros(1, np.int64), others.astype(np.int64)])


def ranks(vertices: Integers) -> Integers:
    """Return the place of each vertex in an order of all, int64[n]."""
    rank = np.empty_like(vertices)
    rank[vertices] = np.arange(vertices.size)
    return rank


def _feed(digest: Any, name: str, array: NDArray[Any], dtype: str, order: Integers) -> None:
    """Hash the rows of an array in the given order, whatever integers or byte order the machine has."""
    digest.update(f"{name} {dtype} {array.shape}\n".encode())
    for begin in range(0, order.size, _ROWS):
        rows = array[order[begin : begin + _ROWS]].astype(dtype)
        digest.update(np.ascontiguousarray(rows + rows.dtype.type(0)).tobytes())  # -0.0 becomes 0.0
