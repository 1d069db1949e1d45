"""Kernels that improve approximate expected rewards by looking at each state in turn."""

from __future__ import annotations

from typing import Any

from phasic.kernels import kernel


@kernel(writes=("x",))
def sweep(offsets: Any, targets: Any, weights: Any, order: Any, rewards: Any, x: Any) -> None:
    """Set each ``x[v]``, in this order, to what the present values one jump on say (Gauss-Seidel).

    Parameters
    ----------
    offsets, targets, weights : int64[n + 1], int32[m], float64[m]
        Edges by source. Edges from a vertex to itself are not read.
    order : int32[t]
        Vertices that have edges. Without cycles, and sinks first, one sweep solves.
    rewards, x : float64[n]
    """
    for i in range(order.size):
        v = order[i]
        collected = rewards[v]
        leave = 0.0
        for a in range(offsets[v], offsets[v + 1]):
            if targets[a] != v:
                leave += weights[a]
                collected += weights[a] * x[targets[a]]
        x[v] = collected / leave


@kernel(writes=("rest", "margin"))
def residual(
    offsets: Any, targets: Any, weights: Any, order: Any, rewards: Any, x: Any, rest: Any, margin: Any
) -> None:
    """Fill `rest` with ``rewards + S x``, and `margin` with a bound on the rounding errors in it.

    Arrays are as for `sweep`; other vertices than those in `order` are left out.
    """
    for i in range(order.size):
        v = order[i]
        inflow = 0.0
        absolute = abs(rewards[v])
        leave = 0.0
        for a in range(offsets[v], offsets[v + 1]):
            if targets[a] != v:
                leave += weights[a]
                inflow += weights[a] * x[targets[a]]
                absolute += weights[a] * abs(x[targets[a]])
        rest[v] = rewards[v] + inflow - leave * x[v]
        count = offsets[v + 1] - offsets[v] + 4
        margin[v] = 2.3e-16 * count * (absolute + leave * abs(x[v]))
