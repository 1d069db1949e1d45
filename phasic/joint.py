"""Joint distributions of counts of events, by states that count along the way up to a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, GraphArrays
from phasic.errors import GraphError
from phasic.state_space import compress, smallest


@dataclass(frozen=True, eq=False)
class Table:
    """Where a joint graph has its outcomes.

    Attributes
    ----------
    names : list of str
        What is counted.
    vertices : int64[k]
        The vertex of each outcome, which leads on to the absorbing one.
    counts : int64[k, len(names)]
        The outcomes.
    """

    names: list[str]
    vertices: NDArray[np.int64]
    counts: NDArray[np.int64]


def joint(
    arrays: GraphArrays,
    names: list[str],
    events: Floats,
    limit: float,
    total_limit: float,
    merge: bool,
) -> tuple[GraphArrays, Table]:
    """Return the graph of states with counts, and the table of its outcomes.

    Every state of the chain, joined with the counts so far, is left by the jumps of the chain and by
    events, which raise a count. Where a jump ends in an absorbing state, the counts are an outcome.
    Events beyond a limit lead to one vertex of all that is cut off, which leads to an absorbing vertex
    of its own; so cut off mass is ``expected_sojourn_time`` there, as that of outcomes is.

    Parameters
    ----------
    arrays : GraphArrays
        A continuous graph; the weights of the result are rates too.
    names : list of str
        What is counted.
    events : float64[n, len(names)]
        Rate at which each count is raised in each vertex: the coefficient of one more parameter, or, in
        a constant graph, the rate itself.
    limit, total_limit : float
        The largest single count, and sum of counts; one of them finite.
    merge : bool
        Whether outcomes of equal counts in different absorbing states are one vertex.

    Returns
    -------
    GraphArrays, Table
        Vertices in breadth-first order, then that of all that is cut off and the one behind it, then
        merged outcomes, and the absorbing vertex of all outcomes.
    """
    if not (min(limit, total_limit) >= 0 and (limit < math.inf or total_limit < math.inf)):
        raise GraphError(
            f"reward_limit is {limit} and tot_reward_limit {total_limit}; one of them must be finite, "
            f"both 0 or more, or there is no end of counts"
        )
    offsets, heads = arrays.offsets.tolist(), arrays.targets.tolist()
    ends = np.diff(arrays.offsets) == 0
    happening = [
        [(i, rate) for i, rate in enumerate(row) if rate > 0.0] if not end else []
        for row, end in zip(events.tolist(), ends.tolist(), strict=True)
    ]
    none = (0,) * len(names)
    starts = [(v, none) for v in arrays.start_targets.tolist()]
    index = {key: place for place, key in enumerate(starts, start=1)}
    queue = list(index)
    # Edges: their sources and targets (cut off mass at -1), the old edge or none, and the rate of an event.
    sources: list[int] = []
    targets: list[int] = []
    jumps: list[int] = []
    rates: list[float] = []
    for key in queue:  # grows
        vertex, counts = key
        source = index[key]
        following = [((heads[e], counts), e, 0.0) for e in range(offsets[vertex], offsets[vertex + 1])]
        cut = 0.0
        room = sum(counts) < total_limit
        for i, rate in happening[vertex]:
            if room and counts[i] < limit:
                following.append(((vertex, (*counts[:i], counts[i] + 1, *counts[i + 1 :])), -1, rate))
            else:
                cut += rate
        for new, edge, rate in following:
            target = index.setdefault(new, len(index) + 1)
            if target == len(queue) + 1:
                queue.append(new)
            sources.append(source)
            targets.append(target)
            jumps.append(edge)
            rates.append(rate)
        if cut:
            sources.append(source)
            targets.append(-1)
            jumps.append(-1)
            rates.append(cut)
    return _assembled(arrays, names, queue, merge, ends, (sources, targets, jumps, rates), len(starts))


def _assembled(
    arrays: GraphArrays,
    names: list[str],
    queue: list[Any],
    merge: bool,
    ends: NDArray[np.bool_],
    edges: tuple[list[int], list[int], list[int], list[float]],
    n_starts: int,
) -> tuple[GraphArrays, Table]:
    """Return graph and table of what the search found: vertices from one on, and edges."""
    vertices = np.array([vertex for vertex, _ in queue], dtype=np.int64)
    counts = np.array([found for _, found in queue], dtype=np.int64).reshape(len(queue), len(names))
    sources, targets, jumps = (np.array(part, dtype=np.int64) for part in edges[:3])
    rates = np.array(edges[3])
    place: NDArray[np.int64] = np.arange(1, len(queue) + 1)
    outcome: NDArray[np.bool_] = ends[vertices]
    states = np.concatenate([arrays.states[vertices].astype(np.int64), counts], axis=1)
    if merge:
        kept = np.cumsum(~outcome, dtype=np.int64)
        place = kept.copy()
        distinct, which = np.unique(counts[outcome], axis=0, return_inverse=True)
        first = np.array([np.flatnonzero(which == i)[0] for i in range(len(distinct))], dtype=np.int64)
        rank = np.argsort(np.argsort(first))  # merged outcomes in the order in which they were found
        place[outcome] = kept[-1] + 3 + rank[which.reshape(-1)]
        distinct = distinct[np.argsort(first)]
        cut = int(kept[-1]) + 1
        last = np.concatenate([np.zeros((len(distinct), arrays.states.shape[1]), np.int64), distinct], axis=1)
        states, counts = states[~outcome], distinct
        outcomes = np.arange(cut + 2, cut + 2 + len(distinct))
    else:
        cut = len(queue) + 1
        last = np.zeros((0, states.shape[1]), np.int64)
        outcomes, counts = place[outcome], counts[outcome]
    n = cut + 2 + len(last) + 1
    zeros = np.zeros((1, states.shape[1]), np.int64)
    states = np.concatenate([zeros, states, zeros, zeros, last, zeros])

    p = arrays.n_parameters
    width = p + 1 if arrays.parameterised else 1
    rows = np.zeros((sources.size, width))
    jumping = jumps >= 0
    rows[jumping, :p] = arrays.coefficients[jumps[jumping]]
    rows[~jumping, width - 1] = rates[~jumping]
    named = np.append(place, cut)  # the last for what is cut off, at -1
    onward = np.append(outcomes, cut)
    offsets, heads, rows = compress(
        n,
        np.concatenate([place[sources - 1], onward]),
        np.concatenate(
            [named[np.where(targets < 0, -1, targets - 1)], np.full(outcomes.size, n - 1), [cut + 1]]
        ),
        np.concatenate([rows, np.ones((onward.size, width))]),
    )
    offsets, heads, rows = _merged(n, offsets, heads, rows)
    made = GraphArrays(
        states=smallest(states),
        start_targets=place[:n_starts],
        start_weights=arrays.start_weights,
        offsets=offsets,
        targets=heads,
        coefficients=rows,
        parameterised=arrays.parameterised,
    )
    return made, Table(names, outcomes, counts)


def _merged(
    n: int, offsets: NDArray[np.int64], heads: NDArray[np.int64], rows: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return edges with those between the same two vertices added up, in the place of the first."""
    sources = np.repeat(np.arange(n), np.diff(offsets))
    _, firsts, which = np.unique(sources * n + heads, return_index=True, return_inverse=True)
    if firsts.size == heads.size:
        return offsets, heads, rows
    summed = np.zeros((firsts.size, rows.shape[1]))
    np.add.at(summed, which.reshape(-1), rows)
    order = np.argsort(firsts)
    firsts = firsts[order]
    return compress(n, sources[firsts], heads[firsts], summed[order])
