"""Kernels that eliminate in a recorded order, and solve with what is left.

Positions count the t vertices that have edges in the order of elimination; t stands for any absorbing
vertex. Components follow each other so that edges lead to the same or an earlier one.
"""

from __future__ import annotations

from math import frexp, ldexp
from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("scale", "scaled"))
def scale_rows(offsets: Any, weights: Any, scale: Any, scaled: Any) -> Any:
    """Fill `scaled` with the weights of each row times a power of two that brings the largest below one.

    Then numbers on the way to a solution are hardly larger than the solution, and nothing is rounded.

    Parameters
    ----------
    offsets, weights : int64[n + 1], float64[m]
    scale, scaled : float64[n], float64[m]

    Returns
    -------
    float
        The smallest of `scaled` that is not to be zero.
    """
    smallest = 1.0
    for v in range(offsets.size - 1):
        largest = 0.0
        for a in range(offsets[v], offsets[v + 1]):
            largest = max(largest, weights[a])
        _, exponent = frexp(largest)
        scale[v] = factor = ldexp(1.0, min(max(-exponent, -1021), 1021))
        for a in range(offsets[v], offsets[v + 1]):
            scaled[a] = weights[a] * factor
            if weights[a] > 0.0:
                smallest = min(smallest, scaled[a])
    return smallest


_SMALL = 16  # states: so few are eliminated as fast entry by entry
_PANEL = 16  # rows that fit into a processor's cache together


def _dense_from(first: Any, last: Any, upper_offsets: Any) -> Any:
    """Return the position from which on rows of a component lead to nine tenths of later ones."""
    begin = last
    for i in range(last - 1 - _SMALL, first - 1, -1):
        size = last - i
        if upper_offsets[last] - upper_offsets[i] < 0.45 * size * (size - 1):
            break
        begin = i
    return begin


def _shares(k: Any, row: Any, rows: Any, leave: Any) -> None:
    """Replace entries k to k + 3 of `row` by its shares of these states, which have been eliminated."""
    u0 = rows[k]
    u1 = rows[k + 1]
    u2 = rows[k + 2]
    s0 = row[k] / leave[k]
    s1 = (row[k + 1] + s0 * u0[k + 1]) / leave[k + 1]
    s2 = (row[k + 2] + s0 * u0[k + 2] + s1 * u1[k + 2]) / leave[k + 2]
    s3 = (row[k + 3] + s0 * u0[k + 3] + s1 * u1[k + 3] + s2 * u2[k + 3]) / leave[k + 3]
    row[k] = s0
    row[k + 1] = s1
    row[k + 2] = s2
    row[k + 3] = s3


def _spread(k: Any, row: Any, rows: Any, exits: Any) -> Any:
    """Add the rates of states k to k + 3 to those of `row` by its shares; return what exits through them."""
    s0 = row[k]
    s1 = row[k + 1]
    s2 = row[k + 2]
    s3 = row[k + 3]
    later = row[k + 4 :]  # slices: with indices that may be negative, this loop is not vectorised
    u0 = rows[k][k + 4 :]
    u1 = rows[k + 1][k + 4 :]
    u2 = rows[k + 2][k + 4 :]
    u3 = rows[k + 3][k + 4 :]
    for j in range(later.size):  # four rows at once read and write `row` a fourth as often
        later[j] += s0 * u0[j] + s1 * u1[j] + s2 * u2[j] + s3 * u3[j]
    return s0 * exits[k] + s1 * exits[k + 1] + s2 * exits[k + 2] + s3 * exits[k + 3]


def _factorise_dense(rows: Any, exits: Any, leave: Any) -> Any:
    """Factorise a matrix of rates in place, panels of rows by turns, and return how many states are stuck.

    Parameters
    ----------
    rows : float64 or complex128 [k, k]
        Rates between states; on exit, as `lower` and `upper` of `factorise`.
    exits, leave : as rows, [k]
        Other rates of leaving, added to; and filled as by `factorise`.
    """
    n = exits.size
    stuck = 0
    for begin in range(0, n, _PANEL):
        end = min(begin + _PANEL, n)
        for k in range(0, begin, 4):
            for i in range(begin, end):  # quotients of different rows need not wait for each other
                _shares(k, rows[i], rows, leave)
            for i in range(begin, end):
                exits[i] += _spread(k, rows[i], rows, exits)
        for i in range(begin, end):
            row = rows[i]
            k = begin
            while k + 4 <= i:
                _shares(k, row, rows, leave)
                exits[i] += _spread(k, row, rows, exits)
                k += 4
            while k < i:
                share = row[k] / leave[k]
                later = row[k + 1 :]
                above = rows[k][k + 1 :]
                for j in range(later.size):
                    later[j] += share * above[j]
                row[k] = share
                exits[i] += share * exits[k]
                k += 1
            leaving = exits[i]
            for j in range(i + 1, n):
                leaving += row[j]
            if leaving == 0.0:
                stuck += 1
                leaving += np.inf
            leave[i] = leaving
    return stuck


@kernel(writes=("lower", "upper", "leave"), like="weights")
def factorise(
    weights: Any,
    order: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    shift: Any,
    lower: Any,
    upper: Any,
    leave: Any,
) -> Any:
    """Factorise ``shift * I - S`` row by row, never forming the diagonal of S.

    Rates between states and exits from the component are kept apart, and the rate of leaving a state is
    their sum, so with a shift of zero only sums, products and quotients of non-negative numbers occur,
    and each entry keeps its relative accuracy however stiff the rates [1]_ [2]_. The shift is one more
    exit: a small one is not lost beside large rates either.

    Parameters
    ----------
    weights : float64[m]
        Weight of every edge of the graph. Those from a vertex to itself have no effect.
    order, bounds : int32[t], int32[c + 1]
        Vertex at each position, and where components begin.
    edges, inner : int64[t + 1], int64[t]
        The edges of position i are ``edges[i]:edges[i + 1]``; those from ``inner[i]`` on leave its component,
        and are read from the last to the first, which is their order in the graph.
    to, edge : uint32[m], uint32[m]
        Position that each leads to, and its number in the graph.
    lower_offsets, lower_columns, upper_offsets, upper_columns : int64[t + 1], int32[...]
        Fill pattern.
    shift : float64 or complex128
        Rate of an additional exit from every state.
    lower : as shift, [entries of lower_columns]
        Filled with the expected number of visits to the earlier state per stay in the row's state.
    upper : as shift, [entries of upper_columns]
        Filled with rates to later states, once the earlier ones are eliminated.
    leave : as shift, [t]
        Filled with the rate of leaving to a later state or out of the component. Infinite where that
        rate is zero, so that such a state absorbs in all that follows.

    Returns
    -------
    int
        Number of states that cannot be left for a later state or another component.

    References
    ----------
    .. [1] C. A. O'Cinneide, Numer. Math. 65 (1993).
    .. [2] W. K. Grassmann, M. I. Taksar and D. P. Heyman, Oper. Res. 33 (1985).
    """
    work = np.zeros(order.size, leave.dtype)
    exits = np.zeros(order.size, leave.dtype)
    rows = np.empty((0, 0), leave.dtype)
    stuck = 0
    for c in range(bounds.size - 1):
        first = bounds[c]
        last = bounds[c + 1]
        dense = _dense_from(first, last, upper_offsets)
        if dense < last:
            rows = np.empty((last - dense, last - dense), leave.dtype)
        for i in range(first, last):
            leaving = shift
            for a in range(edges[i], inner[i]):
                work[to[a]] += weights[edge[a]]
            for a in range(edges[i + 1] - 1, inner[i] - 1, -1):
                leaving += weights[edge[a]]
            for a in range(lower_offsets[i], lower_offsets[i + 1]):
                k = lower_columns[a]
                if k >= dense:
                    break
                share = work[k]
                work[k] = 0.0
                if share != 0.0:
                    share /= leave[k]
                    columns = upper_columns[upper_offsets[k] : upper_offsets[k + 1]]
                    rates = upper[upper_offsets[k] : upper_offsets[k + 1]]
                    for b in range(columns.size):  # slices: indices that may be negative are slower
                        work[columns[b]] += share * rates[b]
                    leaving += share * exits[k]
                lower[a] = share
            work[i] = 0.0  # i -> k -> i only slows i down, which its smaller rate of leaving already says
            exits[i] = leaving
            if i >= dense:
                row = rows[i - dense]
                for j in range(dense, last):
                    row[j - dense] = work[j]
                    work[j] = 0.0
                continue
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                j = upper_columns[b]
                upper[b] = work[j]
                leaving += work[j]
                work[j] = 0.0
            if leaving == 0.0:
                stuck += 1
                leaving += np.inf
            leave[i] = leaving
        if dense < last:
            stuck += _factorise_dense(rows, exits[dense:last], leave[dense:last])
            for i in range(dense, last):
                row = rows[i - dense]
                for a in range(lower_offsets[i + 1] - 1, lower_offsets[i] - 1, -1):
                    k = lower_columns[a]
                    if k < dense:
                        break
                    lower[a] = row[k - dense]
                for b in range(upper_offsets[i], upper_offsets[i + 1]):
                    upper[b] = row[upper_columns[b] - dense]
    return stuck


def _solve(
    weights: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    lower: Any,
    upper: Any,
    leave: Any,
    x: Any,
) -> None:
    """Turn rewards by position into solutions; ``x[t]``, that of absorbing vertices, is zero."""
    for c in range(bounds.size - 1):
        first = bounds[c]
        last = bounds[c + 1]
        for i in range(first, last):
            collected = x[i]
            for a in range(edges[i + 1] - 1, inner[i] - 1, -1):
                collected += weights[edge[a]] * x[to[a]]
            for a in range(lower_offsets[i], lower_offsets[i + 1]):
                collected += lower[a] * x[lower_columns[a]]
            x[i] = collected
        for i in range(last - 1, first - 1, -1):
            collected = x[i]
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                collected += upper[b] * x[upper_columns[b]]
            x[i] = collected / leave[i]


@kernel(writes=("out",), like="weights")
def solve(
    weights: Any,
    order: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    lower: Any,
    upper: Any,
    leave: Any,
    rewards: Any,
    out: Any,
) -> None:
    """Fill `out` with the solution x of ``(shift * I - S) x = rewards``.

    Parameters
    ----------
    weights, ..., leave
        As filled by `factorise`.
    rewards : float64[n]
        Reward per unit time in each vertex; absorbing vertices are not read.
    out : as leave, [n]
        Expected reward until absorption from each vertex; not written to for vertices that have no edges.
    """
    x = np.zeros(order.size + 1, leave.dtype)
    for i in range(order.size):
        x[i] += rewards[order[i]]
    _solve(
        *(weights, edges, inner, to, edge, bounds),
        *(lower_offsets, lower_columns, upper_offsets, upper_columns, lower, upper, leave, x),
    )
    for i in range(order.size):
        out[order[i]] = x[i]


@kernel(writes=("means",), like="weights")
def moments(
    weights: Any,
    order: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    lower: Any,
    upper: Any,
    leave: Any,
    scale: Any,
    least: Any,
    stuck: Any,
    rewards: Any,
    starts: Any,
    means: Any,
) -> None:
    """Fill `means` with the raw moments of the reward until absorption, each a solve with the one before.

    Parameters
    ----------
    weights, ..., leave
        As filled by `factorise`.
    scale : as leave, [n]
        What the rows were multiplied by.
    least : float
        Right-hand sides that are smaller than this, and not zero, make everything not a number.
    stuck : int32[...]
        Positions from which absorption is not certain; they count nothing.
    rewards : float64[n]
        Reward per unit time in each vertex.
    starts : int32[s]
        Positions whose moments are wanted; -1 for absorbing vertices, which is the end of `x`.
    means : as leave, [k, s]
    """
    t = order.size
    x = np.zeros(t + 1, leave.dtype)
    reward = np.empty(t)
    factor = np.empty(t, scale.dtype)
    for i in range(t):
        x[i] = 1.0
        reward[i] = rewards[order[i]]
        factor[i] = scale[order[i]]
    for k in range(means.shape[0]):
        lost = False
        for i in range(t):
            side = (k + 1) * reward[i] * x[i]
            x[i] = side * factor[i]
            lost |= (abs(x[i]) < least) & (side != 0.0)
        if lost:
            means[:] = np.nan
            return
        _solve(
            *(weights, edges, inner, to, edge, bounds),
            *(lower_offsets, lower_columns, upper_offsets, upper_columns, lower, upper, leave, x),
        )
        for j in range(stuck.size):
            x[stuck[j]] = 0.0
        for j in range(starts.size):
            means[k, j] = x[starts[j]]


@kernel(writes=("out",), like="weights")
def solve_many(
    weights: Any,
    order: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    lower: Any,
    upper: Any,
    leave: Any,
    rewards: Any,
    out: Any,
) -> None:
    """Fill each column of `out`, [n, k], as `solve` does for that column of `rewards`, float64[n, k]."""
    size = rewards.shape[1]
    x = np.zeros((order.size + 1, size), leave.dtype)
    for c in range(bounds.size - 1):
        first = bounds[c]
        last = bounds[c + 1]
        for i in range(first, last):
            v = order[i]
            row = x[i]
            for r in range(size):
                row[r] = rewards[v, r]
            for a in range(edges[i + 1] - 1, inner[i] - 1, -1):
                weight = weights[edge[a]]
                other = x[to[a]]
                for r in range(size):
                    row[r] += weight * other[r]
            for a in range(lower_offsets[i], lower_offsets[i + 1]):
                weight = lower[a]
                other = x[lower_columns[a]]
                for r in range(size):
                    row[r] += weight * other[r]
        for i in range(last - 1, first - 1, -1):
            row = x[i]
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                weight = upper[b]
                other = x[upper_columns[b]]
                for r in range(size):
                    row[r] += weight * other[r]
            for r in range(size):
                row[r] /= leave[i]
                out[order[i], r] = row[r]


@kernel(writes=("out",), like="weights")
def solve_transposed(
    targets: Any,
    weights: Any,
    order: Any,
    edges: Any,
    inner: Any,
    to: Any,
    edge: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    lower: Any,
    upper: Any,
    leave: Any,
    out: Any,
) -> None:
    """Turn `out`, where the chain starts, into the solution x of ``x (shift * I - S) = start``.

    Parameters
    ----------
    targets : int32[m]
        Vertex that each edge of the graph leads to.
    weights, ..., leave
        As filled by `factorise`.
    out : as leave, [n]
        On entry the initial probability of each vertex. On exit the expected time in each vertex that
        has edges, and the probability of ever entering (or starting in) each that has none.
    """
    x = np.zeros(order.size, leave.dtype)
    for c in range(bounds.size - 2, -1, -1):
        first = bounds[c]
        last = bounds[c + 1]
        for i in range(first, last):
            x[i] += out[order[i]]
            x[i] /= leave[i]
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                x[upper_columns[b]] += upper[b] * x[i]
        for i in range(last - 1, first - 1, -1):
            for a in range(lower_offsets[i], lower_offsets[i + 1]):
                x[lower_columns[a]] += lower[a] * x[i]
            out[order[i]] = x[i]
            for a in range(edges[i + 1] - 1, inner[i] - 1, -1):
                out[targets[edge[a]]] += weights[edge[a]] * x[i]
