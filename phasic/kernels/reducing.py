"""Kernels that eliminate vertices one by one along a plan, and carry derivatives through that, both ways."""

from __future__ import annotations

from typing import Any

from phasic.kernels import kernel

_FEW = 300  # steps that take no longer in Python than loading machine code


@kernel(writes=("weights", "shares"), little=_FEW)
def reduce(
    bounds: Any,
    out_edges: Any,
    in_bounds: Any,
    in_edges: Any,
    into: Any,
    place: Any,
    weights: Any,
    shares: Any,
) -> None:
    """Lead what goes through each dropped vertex to where that leads, in place.

    Parameters
    ----------
    bounds, out_edges : int64[d + 1], int64[o]
        Edges that leave each vertex when its turn comes.
    in_bounds, in_edges : int64[d + 1], int64[i]
        Edges that enter it.
    place : int64[d + 1]
        Where the targets of each vertex begin in `into`.
    into : int64[...]
        For each entering edge and each leaving edge, the edge that takes on their product; negative where
        that would lead back to where it came from.
    weights : float64[e]
        Of all edges there are and come to be, those not there yet zero. Changed.
    shares : float64[o]
        Filled with the probability of leaving by each edge.
    """
    for v in range(bounds.size - 1):
        first = bounds[v]
        last = bounds[v + 1]
        leave = 0.0
        for a in range(first, last):
            leave += weights[out_edges[a]]
        for a in range(first, last):
            shares[a] = 0.0
            if leave > 0.0:
                shares[a] = weights[out_edges[a]] / leave
        k = place[v]
        for b in range(in_bounds[v], in_bounds[v + 1]):
            w = weights[in_edges[b]]
            for a in range(first, last):
                if into[k] >= 0:
                    weights[into[k]] += w * shares[a]
                k += 1


@kernel(writes=("bent",), little=_FEW)
def carry_along(
    bounds: Any,
    out_edges: Any,
    in_bounds: Any,
    in_edges: Any,
    into: Any,
    place: Any,
    weights: Any,
    shares: Any,
    bent: Any,
) -> None:
    """Turn changes of the weights that `reduce` was given into those of the weights that it left.

    Parameters
    ----------
    bounds, ..., shares
        As `reduce` left them.
    bent : float64[q, e]
        Change of every weight in each direction, of edges not there yet zero. Changed.
    """
    for q in range(bent.shape[0]):
        for v in range(bounds.size - 1):
            first = bounds[v]
            last = bounds[v + 1]
            leave = 0.0
            more = 0.0
            for a in range(first, last):
                leave += weights[out_edges[a]]
                more += bent[q, out_edges[a]]
            if leave <= 0.0:
                continue
            k = place[v]
            for b in range(in_bounds[v], in_bounds[v + 1]):
                w = weights[in_edges[b]]
                rise = bent[q, in_edges[b]]
                for a in range(first, last):
                    if into[k] >= 0:
                        turned = (bent[q, out_edges[a]] - shares[a] * more) / leave
                        bent[q, into[k]] += rise * shares[a] + w * turned
                    k += 1


@kernel(writes=("slopes",), little=_FEW)
def carry_back(
    bounds: Any,
    out_edges: Any,
    in_bounds: Any,
    in_edges: Any,
    into: Any,
    place: Any,
    weights: Any,
    shares: Any,
    slopes: Any,
) -> None:
    """Turn derivatives by the weights that `reduce` left into those by the weights that it was given.

    Parameters
    ----------
    bounds, ..., shares
        As `reduce` left them.
    slopes : float64[e]
        Changed.
    """
    for v in range(bounds.size - 2, -1, -1):
        first = bounds[v]
        last = bounds[v + 1]
        leave = 0.0
        for a in range(first, last):
            leave += weights[out_edges[a]]
        if leave <= 0.0:
            continue
        width = last - first
        gain = 0.0
        for a in range(first, last):
            slopes[out_edges[a]] = 0.0
        for b in range(in_bounds[v], in_bounds[v + 1]):
            w = weights[in_edges[b]]
            k = place[v] + (b - in_bounds[v]) * width
            own = 0.0
            for a in range(first, last):
                if into[k] >= 0:
                    own += shares[a] * slopes[into[k]]
                    slopes[out_edges[a]] += w * slopes[into[k]]
                k += 1
            slopes[in_edges[b]] = own
        for a in range(first, last):
            gain += shares[a] * slopes[out_edges[a]]
        for a in range(first, last):
            slopes[out_edges[a]] = (slopes[out_edges[a]] - gain) / leave
