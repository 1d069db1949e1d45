"""Elimination orders: components from sinks to sources, a minimum-degree order inside each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.trace import Indices, Offsets

ORDER_VERSION = 1
"""Raised whenever the same graph would get another order than before."""


class Order(NamedTuple):
    """An elimination order and what it costs.

    Attributes
    ----------
    order : int32[t]
        Vertices that have edges, in the order of elimination.
    bounds : int32[c + 1]
        Where strongly connected components begin in `order`; edges lead to the same or an earlier one.
    fill : float
        Bound on the entries above (and on those below) the diagonal after fill.
    work : float
        Estimate of the multiplications of one factorisation.
    """

    order: Indices
    bounds: Indices
    fill: float
    work: float


def elimination_order(offsets: Offsets, targets: Indices) -> Order:
    """Return an order that fills in little, the same in every process.

    Edges that leave a component are never eliminated, so components only have to be solved one after
    another [1]_. Inside a component, the vertex of least approximate degree in the symmetric pattern
    is eliminated first [2]_.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.

    References
    ----------
    .. [1] R. E. Tarjan, SIAM J. Comput. 1 (1972).
    .. [2] P. R. Amestoy, T. A. Davis and I. S. Duff, SIAM J. Matrix Anal. Appl. 17 (1996).
    """
    from phasic.kernels.structure import components

    n = offsets.size - 1
    order = np.empty(n, np.int32)
    bounds = np.empty(n + 1, np.int32)
    found = components(offsets, targets, order, bounds)
    bounds = bounds[: found + 1].copy()
    order = order[: bounds[-1]]
    component = np.repeat(np.arange(found, dtype=np.int32), np.diff(bounds))
    order = order[np.lexsort((order, component))]

    pattern = _symmetric_pattern(offsets, targets, order, component)
    if pattern is None:
        return Order(order, bounds, 0.0, 0.0)
    from phasic.kernels.ordering import minimum_degree

    eliminated = np.empty(order.size, np.int32)
    fill, work = minimum_degree(*pattern, component, bounds, eliminated)
    # Components share no edges here, so taking the vertices of each out of the common order is its own.
    eliminated = eliminated[np.argsort(component[eliminated], kind="stable")]
    return Order(order[eliminated], bounds, float(fill), float(work))


def _symmetric_pattern(
    offsets: Offsets, targets: Indices, order: Indices, component: Indices
) -> tuple[Offsets, Indices] | None:
    """Return which positions are joined by an edge inside a component, either way; None where none are."""
    t = order.size
    if t == 0 or int(component[-1]) == t - 1:
        return None
    position: NDArray[np.int64] = np.full(offsets.size - 1, -1)
    position[order] = np.arange(t)
    source = np.repeat(position, np.diff(offsets))
    target = position[targets]
    inside = (target >= 0) & (source != target)
    source, target = source[inside], target[inside]
    inside = component[source] == component[target]
    source, target = source[inside], target[inside]
    pairs = np.unique(np.concatenate([source * t + target, target * t + source]))
    joined = np.searchsorted(pairs, np.arange(t + 1) * t)
    return joined.astype(np.int64), (pairs % t).astype(np.int32)
