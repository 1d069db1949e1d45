"""From a graph to its artefact, and from an artefact to the trace of a graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import GraphArrays, Integers
from phasic.errors import PhasicError
from phasic.hash import canonical_order, compute_graph_hash, ranks
from phasic.hub.artefact import Artefact
from phasic.hub.errors import ArtefactError
from phasic.order import ORDER_VERSION
from phasic.trace import Indices, Offsets, Trace

_BYTES_PER_ENTRY = 24  # a column and a number, above and below the diagonal
_UNCOUNTED = 1 << 26  # entries, for which there is always room


class Plan(NamedTuple):
    """The trace of a graph, out of an artefact.

    Attributes
    ----------
    trace : Trace
    is_own : bool
        Whether it is what recording this very graph would give, to the last number: the publisher
        numbers the vertices alike. Else it is as good a plan, and answers may differ in the last digit.
    """

    trace: Trace
    is_own: bool


def artefact_of(arrays: GraphArrays) -> Artefact:
    """Return the artefact of a graph, recorded anew: equal graphs have equal artefacts."""
    from phasic.elimination import record

    trace = record(arrays.offsets, arrays.targets)
    return Artefact(
        compute_graph_hash(arrays).hash_hex,
        ORDER_VERSION,
        np.diff(trace.offsets).astype(np.int32),
        trace.targets,
        ranks(canonical_order(arrays)).astype(np.int32),
        trace.order,
        trace.bounds,
    )


def plan_of(artefact: Artefact, arrays: GraphArrays, canonical: Integers | None = None) -> Plan:
    """Return the trace of a graph that follows from an artefact, whoever made that.

    Vertices are told by their states, so the graph may number them otherwise than the publisher did.
    The edges are compared one by one, the components found anew, and the fill pattern is derived: what
    is left to the artefact is in which order the vertices of a component are eliminated, and any order
    gives the same numbers.

    Parameters
    ----------
    artefact : Artefact
    arrays : GraphArrays
    canonical : int64[n], optional
        What `phasic.hash.canonical_order` says of the graph, if it is known already.

    Raises
    ------
    ArtefactError
        It is not of this graph, or its order would take more memory than there is.
    """
    n = arrays.n_vertices
    if artefact.degrees.size != n or artefact.targets.size != arrays.targets.size:
        raise ArtefactError("the artefact is of a graph with other numbers of vertices or edges")
    canonical = canonical_order(arrays) if canonical is None else canonical
    here = canonical[artefact.ranks]  # the vertex of this graph that each of the artefact is
    is_alike = (
        np.array_equal(here, np.arange(n))
        and np.array_equal(artefact.offsets, arrays.offsets)
        and np.array_equal(artefact.targets, arrays.targets)
    )
    if not is_alike:
        theirs = _edges(here[np.repeat(np.arange(n), artefact.degrees)], here[artefact.targets], n)
        mine = _edges(np.repeat(np.arange(n), np.diff(arrays.offsets)), arrays.targets, n)
        if not np.array_equal(theirs, mine):
            raise ArtefactError("the artefact is of a graph with other edges")
    order = here[artefact.order].astype(np.int32)
    trace = completed(
        arrays.offsets, arrays.targets.astype(np.int32), order, artefact.bounds.astype(np.int32)
    )
    return Plan(trace, is_alike and artefact.order_version == ORDER_VERSION)


def completed(offsets: Offsets, targets: Indices, order: Indices, bounds: Indices) -> Trace:
    """Return the trace with this order of elimination, its fill pattern derived.

    Raises
    ------
    ArtefactError
        An edge leads to a later component, a component is none, or the fill would not fit into memory.
    """
    nothing = np.zeros(order.size + 1, np.int64), np.empty(0, np.int32)
    try:
        plain = Trace(offsets, targets, order, bounds, *nothing, *nothing)
    except PhasicError as error:
        raise ArtefactError(f"the order of the artefact is none of this graph: {error}") from error
    if plain.n_components == order.size:  # no cycles but edges of a vertex to itself
        return plain
    from phasic.kernels.filling import fill_pattern

    _check_components(plain)
    size = _fill_bound(plain)
    lower_offsets, upper_offsets = np.zeros((2, order.size + 1), np.int64)
    lower, upper = np.empty((2, size + 1), np.int32)
    fill_pattern(
        *(plain.offsets, plain.targets, plain.order, plain.position, plain.bounds),
        *(lower_offsets, lower, upper_offsets, upper),
    )
    lower, upper = lower[: lower_offsets[-1]].copy(), upper[: upper_offsets[-1]].copy()
    # The pattern was derived here, and the rest is checked: once is enough.
    return Trace.recorded(
        offsets=plain.offsets,
        targets=plain.targets,
        order=plain.order,
        bounds=plain.bounds,
        lower_offsets=lower_offsets,
        lower_columns=lower,
        upper_offsets=upper_offsets,
        upper_columns=upper,
    )


def _check_components(trace: Trace) -> None:
    """Raise unless the components are the strongly connected ones."""
    from phasic.kernels.structure import components

    found, ends = np.empty(trace.n_vertices, np.int32), np.empty(trace.n_vertices + 1, np.int32)
    count = components(trace.offsets, trace.targets, found, ends)
    # Edges lead to no later component, so each is made of whole strongly connected ones: as many are equal.
    if count != trace.n_components:
        raise ArtefactError("the components of the artefact are not those of this graph")


def _fill_bound(trace: Trace) -> int:
    """Return how many entries the factors have at most on either side of the diagonal.

    To count them takes as long as to find them, so where components are small enough to be full, that is
    the bound: pages that the pattern does not reach are never touched.
    """
    from phasic.elimination import memory_of_machine
    from phasic.kernels.counting import count_fill

    most = int(memory_of_machine() / _BYTES_PER_ENTRY)
    sizes: NDArray[np.int64] = trace.bounds[1:].astype(np.int64) - trace.bounds[:-1]
    if (full := int((sizes * (sizes - 1) // 2).sum())) <= min(most, _UNCOUNTED):
        return full
    edges = trace.offsets, trace.targets, trace.order, trace.position, trace.bounds
    count = int(count_fill(*edges, most))
    if count > most:
        raise ArtefactError("eliminating in the order of the artefact takes more memory than there is")
    return count


def _edges(sources: NDArray[np.integer], targets: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Return all edges as sorted numbers."""
    return np.sort(sources.astype(np.int64) * n + targets)
