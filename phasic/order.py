"""Elimination orders: components from sinks to sources, a minimum-degree order inside each."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from phasic.trace import Indices, Offsets

ORDER_VERSION = 2
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


def elimination_order(offsets: Offsets, targets: Indices, most: float = inf) -> Order:
    """Return an order that fills in little, the same in every process.

    Edges that leave a component are never eliminated, so components only have to be solved one after
    another [1]_. Inside a component, the vertex of least approximate degree in the symmetric pattern
    is eliminated first [2]_.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int32[m]
        Edges by source.
    most : float
        Fill above which the order is of no use: then only `fill`, a lower bound, is meaningful.

    References
    ----------
    .. [1] R. E. Tarjan, SIAM J. Comput. 1 (1972).
    .. [2] P. R. Amestoy, T. A. Davis and I. S. Duff, SIAM J. Matrix Anal. Appl. 17 (1996).
    """
    from phasic.kernels.structure import components, join

    t = int(np.count_nonzero(np.diff(offsets)))
    order = np.empty(t, np.int32)
    bounds = np.empty(t + 1, np.int32)
    found = components(offsets, targets, order, bounds)
    bounds = bounds[: found + 1].copy()
    if found == t:
        return Order(order, bounds, 0.0, 0.0)
    from phasic.kernels.ordering import minimum_degree

    component = np.repeat(np.arange(found, dtype=np.int32), np.diff(bounds))
    position = np.full(offsets.size - 1, -1, np.int32)
    position[order] = np.arange(t, dtype=np.int32)
    joined, adjacent = np.empty(t + 1, np.int64), np.empty(2 * targets.size, np.int32)
    size = join(offsets, targets, order, position, component, joined, adjacent)
    eliminated = np.empty(t, np.int32)
    fill, work = minimum_degree(joined, adjacent[:size], component, bounds, most, eliminated)
    if fill > most:
        return Order(order, bounds, float(fill), float(work))
    # Components share no edges here, so taking the vertices of each out of the common order is its own.
    eliminated = eliminated[np.argsort(component[eliminated], kind="stable")]
    return Order(order[eliminated], bounds, float(fill), float(work))
