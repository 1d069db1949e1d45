"""Kernel that tilts a chain by the probability of absorption before being killed."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("new_ratio", "weights", "exits", "off"))
def tilt(
    offsets: Any,
    to: Any,
    base: Any,
    ratio: Any,
    h: Any,
    rate: Any,
    new_ratio: Any,
    weights: Any,
    exits: Any,
    off: Any,
) -> None:
    """Weigh every edge by how much likelier absorption is from its target than from its source.

    Parameters
    ----------
    offsets, to, base : int64[t + 1], int32[m], float64[m]
        Edges by position; `to` is negative for absorbing vertices.
    ratio : float64[m]
        What `base` has been multiplied by so far.
    h : float64[t]
        Probabilities; zero from where absorption cannot be reached.
    rate : float
        Of being killed, all told.
    new_ratio, weights : float64[m]
        Filled with what `base` is to be multiplied by, and the products.
    exits, off : float64[t]
        Filled with the new rate of absorption, and with by how much the rates out of a state miss what
        they should add up to: the old ones and `rate`.
    """
    for i in range(h.size):
        gone = total = before = 0.0
        for a in range(offsets[i], offsets[i + 1]):
            j = to[a]
            target = 1.0
            if j >= 0:
                target = h[j]
            more = 0.0
            if h[i] > 0.0:
                more = ratio[a] * (target / h[i])
            new_ratio[a] = more
            w = base[a] * more
            weights[a] = w
            total += w
            before += base[a]
            if j < 0:
                gone += w
        exits[i] = gone
        off[i] = 0.0
        if h[i] > 0.0:
            off[i] = np.abs(total - (before + rate))
