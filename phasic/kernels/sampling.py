"""Kernels that draw: alias tables, and walks that consume random numbers drawn elsewhere.

A walk uses one uniform and one exponential number per jump, in the order in which they lie, and stops
where they end; the caller draws more and calls again. So walks can be interrupted, take the same course
whether compiled or not, and need no generator in here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("thresholds", "aliases"))
def fill_alias(offsets: Any, weights: Any, thresholds: Any, aliases: Any) -> None:
    """Fill an alias table for each row of weights [1]_ [2]_.

    A column of a row, each being as likely, stands for its own entry below the threshold and for the
    entry `aliases` above.

    Parameters
    ----------
    offsets, weights : int64[n + 1], float64[m]
        Weights by row, all positive.
    thresholds : float64[m]
        Filled with numbers from 0 to 1.
    aliases : int64[m]
        Filled with the place of another entry of the row.

    References
    ----------
    .. [1] A. J. Walker, ACM Trans. Math. Softw. 3 (1977).
    .. [2] M. D. Vose, IEEE Trans. Softw. Eng. 17 (1991).
    """
    widest = 0
    for v in range(offsets.size - 1):
        widest = max(widest, offsets[v + 1] - offsets[v])
    below = np.empty(widest, np.int64)
    above = np.empty(widest, np.int64)
    for v in range(offsets.size - 1):
        first = offsets[v]
        last = offsets[v + 1]
        largest = 0.0
        for e in range(first, last):
            largest = max(largest, weights[e])
        total = 0.0
        for e in range(first, last):
            total += weights[e] / largest  # the sum of the weights themselves may be beyond float64
        n_below = n_above = 0
        for e in range(first, last):
            thresholds[e] = weights[e] / largest / total * (last - first)
            aliases[e] = e
            if thresholds[e] < 1.0:
                below[n_below] = e
                n_below += 1
            else:
                above[n_above] = e
                n_above += 1
        while n_below > 0 and n_above > 0:
            n_below -= 1
            small = below[n_below]
            large = above[n_above - 1]
            aliases[small] = large
            thresholds[large] = (thresholds[large] + thresholds[small]) - 1.0
            if thresholds[large] < 1.0:
                n_above -= 1
                below[n_below] = large
                n_below += 1
        # What is left differs from one by rounding only.
        for i in range(n_below):
            thresholds[below[i]] = 1.0
        for i in range(n_above):
            thresholds[above[i]] = 1.0


@kernel(writes=("marked",))
def can_end(offsets: Any, targets: Any, marked: Any) -> None:
    """Mark (bool[n]) the vertices that have no edges, and all that have a way to one of them."""
    n = marked.size
    starts = np.zeros(n + 1, np.int64)
    for a in range(targets.size):
        starts[targets[a] + 1] += 1
    for v in range(n):
        starts[v + 1] += starts[v]
    sources = np.empty(targets.size, np.int64)
    filled = starts.copy()
    for v in range(n):
        for a in range(offsets[v], offsets[v + 1]):
            u = targets[a]
            sources[filled[u]] = v
            filled[u] += 1
    stack = np.empty(n, np.int64)
    size = 0
    for v in range(n):
        marked[v] = offsets[v] == offsets[v + 1]
        if marked[v]:
            stack[size] = v
            size += 1
    while size > 0:
        size -= 1
        v = stack[size]
        for b in range(starts[v], starts[v + 1]):
            u = sources[b]
            if not marked[u]:
                marked[u] = True
                stack[size] = u
                size += 1


@kernel(writes=("walk", "at", "out", "last"))
def collect(
    offsets: Any,
    thresholds: Any,
    ways: Any,
    scales: Any,
    discrete: Any,
    begin: Any,
    rewards: Any,
    uniforms: Any,
    exponentials: Any,
    walk: Any,
    at: Any,
    out: Any,
    last: Any,
) -> Any:
    """Collect rewards on walks, several of which take turns.

    A processor waits for memory on each jump of a walk, and can do so for several walks at once. Which
    random numbers a walk uses does not depend on how many walks there are.

    Parameters
    ----------
    offsets, thresholds, ways : int64[n + 1], float64[m], int32[m, 2]
        Alias tables: where a column of a row leads to below its threshold, and above. A walk ends in
        rows without columns.
    scales : float64[n]
        Expected stay in each row; in a discrete chain, one over minus the logarithm of the probability
        of staying another step.
    discrete : bool
        Whether stays are numbers of steps.
    begin : int
        Row in which walks begin.
    rewards : float64[n, r]
        Rewards per unit time, or per step.
    uniforms, exponentials : float64[k]
        Random numbers; k is a multiple of the number of lanes.
    walk, at : int64[lanes]
        The walk that each lane is on, and its row; -1 where there are no more walks.
    out : float64[walks, r]
        Rewards are added to it.
    last : int32[walks]
        Filled with the row in which each walk ends.

    Returns
    -------
    int
        Number of lanes that have walks left.
    """
    lanes = at.size
    single = rewards.shape[1] == 1
    busy = 0
    for lane in range(lanes):
        if at[lane] >= 0:
            busy += 1
    for used in range(0, uniforms.size, lanes):
        if busy == 0:
            break
        for lane in range(lanes):
            v = at[lane]
            if v < 0:
                continue
            first = offsets[v]
            columns = offsets[v + 1] - first
            if columns == 0:
                last[walk[lane]] = v
                walk[lane] += lanes
                at[lane] = begin
                if walk[lane] >= last.size:
                    at[lane] = -1
                    busy -= 1
                continue
            stay = exponentials[used + lane] * scales[v]
            if discrete:
                stay = np.floor(stay) + 1.0
            i = walk[lane]
            if single:  # a loop of one round takes longer
                out[i, 0] += stay * rewards[v, 0]
            else:
                for r in range(rewards.shape[1]):
                    out[i, r] += stay * rewards[v, r]
            place = uniforms[used + lane] * columns
            column = int(place)
            at[lane] = ways[first + column, int(place - column >= thresholds[first + column])]
    return busy


@kernel(writes=("walk", "at", "clock", "out", "last"))
def collect_until(
    offsets: Any,
    thresholds: Any,
    ways: Any,
    scales: Any,
    deadlines: Any,
    sisters: Any,
    begin: Any,
    rewards: Any,
    uniforms: Any,
    exponentials: Any,
    walk: Any,
    at: Any,
    clock: Any,
    out: Any,
    last: Any,
) -> Any:
    """Collect rewards on walks that leave rows at deadlines, for their sisters.

    Parameters
    ----------
    offsets, ..., scales, begin, ..., at, out, last
        As for `collect`, in continuous time. A row without columns that has a sister waits for its deadline.
    deadlines, sisters : float64[n], int64[n]
        When each row is left at the latest, and for which one; a row without a sister has -1.
    clock : float64[lanes]
        Time of the walk that each lane is on.

    Returns
    -------
    int
        Number of lanes that have walks left.
    """
    lanes = at.size
    busy = 0
    for lane in range(lanes):
        if at[lane] >= 0:
            busy += 1
    for used in range(0, uniforms.size, lanes):
        if busy == 0:
            break
        for lane in range(lanes):
            v = at[lane]
            if v < 0:
                continue
            first = offsets[v]
            columns = offsets[v + 1] - first
            i = walk[lane]
            if columns == 0 and sisters[v] < 0:
                last[i] = v
                walk[lane] += lanes
                clock[lane] = 0.0
                at[lane] = begin
                if walk[lane] >= last.size:
                    at[lane] = -1
                    busy -= 1
                continue
            stay = exponentials[used + lane] * scales[v]
            late = sisters[v] >= 0 and (columns == 0 or clock[lane] + stay >= deadlines[v])
            if late:
                stay = deadlines[v] - clock[lane]
            for r in range(rewards.shape[1]):
                out[i, r] += stay * rewards[v, r]
            if late:
                clock[lane] = deadlines[v]
                at[lane] = sisters[v]
                continue
            clock[lane] += stay
            place = uniforms[used + lane] * columns
            column = int(place)
            at[lane] = ways[first + column, int(place - column >= thresholds[first + column])]
    return busy


@kernel(writes=("at", "clock", "rows", "times"))
def follow(
    offsets: Any,
    thresholds: Any,
    ways: Any,
    scales: Any,
    discrete: Any,
    deadlines: Any,
    sisters: Any,
    uniforms: Any,
    exponentials: Any,
    at: Any,
    clock: Any,
    rows: Any,
    times: Any,
) -> None:
    """Record where walks from row 0 lead, one after the other, for as many jumps as there are numbers.

    Parameters
    ----------
    offsets, ..., exponentials
        As for `collect`. Nothing is spent in row 0, which stands for the start.
    deadlines, sisters : float64[n], int64[n]
        As for `collect_until`; no row of a discrete chain has a sister.
    at, clock : int64[1], float64[1]
        Row and time of the walk that the last call left unfinished; moved on.
    rows, times : int32[k], float64[k]
        Filled with the row to which each jump leads, and when.
    """
    v = at[0]
    time = clock[0]
    for i in range(uniforms.size):
        first = offsets[v]
        columns = offsets[v + 1] - first
        if columns == 0 and sisters[v] < 0:
            v = 0
            time = 0.0
            first = offsets[v]
            columns = offsets[v + 1] - first
        if v > 0:
            stay = exponentials[i] * scales[v]
            if discrete:
                stay = np.floor(stay) + 1.0
            if sisters[v] >= 0 and (columns == 0 or time + stay >= deadlines[v]):
                time = deadlines[v]
                v = sisters[v]
                rows[i] = v
                times[i] = time
                continue
            time += stay
        place = uniforms[i] * columns
        column = int(place)
        v = ways[first + column, int(place - column >= thresholds[first + column])]
        rows[i] = v
        times[i] = time
    at[0] = v
    clock[0] = time


@kernel(writes=("at", "clock", "out"))
def stop(
    offsets: Any,
    thresholds: Any,
    ways: Any,
    scales: Any,
    discrete: Any,
    deadlines: Any,
    sisters: Any,
    uniforms: Any,
    exponentials: Any,
    until: Any,
    done: Any,
    at: Any,
    clock: Any,
    out: Any,
) -> Any:
    """Find where walks from row 0 are at a time; parameters as for `follow`.

    Parameters
    ----------
    until : float
        The time.
    done : int
        Number of walks that earlier calls have finished.
    out : int64[walks]
        Filled with rows.

    Returns
    -------
    int
        Number of walks finished so far.
    """
    v = at[0]
    time = clock[0]
    for i in range(uniforms.size):
        first = offsets[v]
        columns = offsets[v + 1] - first
        if v > 0 and columns > 0:
            stay = exponentials[i] * scales[v]
            if discrete:
                stay = np.floor(stay) + 1.0
            time += stay
        if sisters[v] >= 0 and deadlines[v] <= until and (columns == 0 or time >= deadlines[v]):
            time = deadlines[v]
            v = sisters[v]
            continue
        if columns == 0 or time > until:
            out[done] = v
            done += 1
            if done == out.size:
                break
            v = 0
            time = 0.0
            continue
        place = uniforms[i] * columns
        column = int(place)
        v = ways[first + column, int(place - column >= thresholds[first + column])]
    at[0] = v
    clock[0] = time
    return done
