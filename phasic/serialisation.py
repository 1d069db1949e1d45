"""Graphs as plain arrays by name, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from phasic.arrays import Floats, GraphArrays
from phasic.errors import GraphError
from phasic.initial import check_probabilities
from phasic.state_space import compress, smallest


def to_dict(arrays: GraphArrays) -> dict[str, Any]:
    """Return a graph as arrays by name; `from_dict` makes it again.

    Returns
    -------
    dict
        ``states`` int[n, d]; ``vertex_indices`` int32[n]; ``start_edges`` float64[s, 2], rows of vertex
        and probability; ``param_edges`` float64[m, p + 2], rows of source, target and coefficients (of a
        constant graph the weight); ``param_length``, ``state_length``, ``n_vertices``, ``parameterized``,
        ``is_discrete``; and ``edges``, ``constant_edges``, ``start_param_edges``, always empty, for
        readers that expect them.
    """
    n, p = arrays.n_vertices, arrays.n_parameters
    sources = np.repeat(np.arange(n), np.diff(arrays.offsets))
    states = arrays.states.astype(np.int64)
    fits = states.size == 0 or np.abs(states).max() < 2**31
    return {
        "states": states.astype(np.int32) if fits else states,
        "vertex_indices": np.arange(n, dtype=np.int32),
        "edges": np.zeros((0, 3)),
        "constant_edges": np.zeros((0, 3)),
        "start_edges": np.column_stack([arrays.start_targets, arrays.start_weights]).astype(np.float64),
        "param_edges": np.column_stack([sources, arrays.targets, arrays.coefficients]).astype(np.float64),
        "start_param_edges": np.zeros((0, p + 1)),
        "param_length": p,
        "state_length": int(arrays.states.shape[1]),
        "n_vertices": n,
        "parameterized": arrays.parameterised,
        "is_discrete": arrays.discrete,
    }


def from_dict(data: Mapping[str, Any]) -> GraphArrays:
    """Return the graph that `to_dict` described; lists are as good as arrays, as JSON has them.

    Edges listed under ``edges``, rows of source, target and weight, are read too. Where ``parameterized``
    is missing, a graph with ``param_edges`` is.

    Raises
    ------
    GraphError
        Something is missing, of a wrong shape, or out of range.
    """
    try:
        length, n = int(data["state_length"]), int(data["n_vertices"])
        states = np.array(data["states"], dtype=np.int64).reshape(-1, length)
        starts = _table(data, "start_edges", 2)
        constant = np.concatenate([_table(data, "edges", 3), _table(data, "constant_edges", 3)])
        width = int(data["param_length"]) + 2
        edges = _table(data, "param_edges", width)
    except (KeyError, TypeError, ValueError) as error:
        raise GraphError(
            f"these are not the arrays of a graph: {error!r}; pass what serialize returned"
        ) from None
    if edges.size and constant.size:
        raise GraphError("there are edges with weights and edges with coefficients; a graph has one kind")
    parameterised = bool(data.get("parameterized", edges.size > 0))
    edges = constant if constant.size else edges
    if len(states) != n or n == 0:
        raise GraphError(f"there are {len(states)} states, but n_vertices is {n}")
    ends = np.concatenate([edges[:, :2].reshape(-1), starts[:, 0]])
    if not (np.isfinite(ends).all() and (ends == np.floor(ends)).all() and ((ends >= 0) & (ends < n)).all()):
        raise GraphError(f"an edge joins vertices that are not there; indices run from 0 to {n - 1}")
    sources, targets = edges[:, 0].astype(np.int64), edges[:, 1].astype(np.int64)
    first = starts[:, 0].astype(np.int64)
    if (sources == 0).any() or (targets == 0).any() or (first == 0).any():
        raise GraphError("vertex 0 is the starting vertex; its edges are start_edges, and none leads to it")
    if (sources == targets).any():
        v = int(sources[sources == targets][0])
        raise GraphError(f"the edge from state {states[v].tolist()} leads to itself; leave it out")
    if np.unique(sources * n + targets).size < sources.size or np.unique(first).size < first.size:
        raise GraphError("two edges lead from one vertex to the same other; add up their weights")
    if not np.isfinite(edges).all():
        raise GraphError("a coefficient is not finite")
    check_probabilities(starts[:, 1].tolist(), states[first].tolist())
    offsets, targets, coefficients = compress(n, sources, targets, edges[:, 2:])
    arrays = GraphArrays(
        states=smallest(states),
        start_targets=first,
        start_weights=starts[:, 1],
        offsets=offsets,
        targets=targets,
        coefficients=coefficients,
        parameterised=parameterised,
        discrete=bool(data.get("is_discrete", False)),
    )
    if not parameterised:
        arrays.weights()  # refuses what cannot be
    return arrays


def _table(data: Mapping[str, Any], name: str, width: int) -> Floats:
    table = np.array(data.get(name, ()) if name != "param_edges" else data[name], dtype=np.float64)
    if table.size == 0:
        return np.zeros((0, width))
    if table.ndim != 2 or table.shape[1] != width:
        raise ValueError(f"{name} has shape {table.shape}, not rows of {width}")
    return table
