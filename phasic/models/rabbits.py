"""Rabbits on two islands that are flooded from time to time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phasic.arrays import Integers
from phasic.initial import Callback, with_ipv
from phasic.models.blocks import Vectorised
from phasic.models.checks import whole


def rabbits(n: int, each: bool = True, vectorized: bool = False) -> Callback:
    """Return the time until no rabbit is left of `n` that begin on the left of two islands [1]_.

    Cyclic, parameterised. A state counts the rabbits on the left and on the right. Rabbits jump from
    left to right at rate ``theta[0]`` and back at rate ``theta[1]``; a flood kills all rabbits on the
    left at rate ``theta[2]``, on the right at rate ``theta[3]``. All ``(n + 1) (n + 2) / 2`` states are
    reached: 501,501 for 1,000 rabbits.

    One rabbit has the mean ``(t1 + t0 + t3) / ((t0 + t2) (t1 + t3) - t0 t1)``.

    Parameters
    ----------
    n : int
    each : bool
        Whether the rates of jumping are those of each rabbit. Else they are those of an island with any
        rabbits on it, from which one rabbit jumps at a time.
    vectorized : bool
        Take an array of states, and return arrays of transitions: sources, next states and weights.

    References
    ----------
    .. [1] T. Roikjer, A. Hobolth and K. Munch, Stat. Comput. 32 (2022).

    Examples
    --------
    >>> from phasic import Graph
    >>> graph = Graph(rabbits(1))
    >>> graph.update_weights([1.0, 1.0, 2.0, 4.0])
    >>> round(graph.expectation(), 12), round(6 / 14, 12)
    (0.428571428571, 0.428571428571)
    """
    whole("n", n, 1)
    decorate: Callable[[Callback], Callback] = with_ipv([n, 0])

    def live(state: Integers) -> list[tuple[list[int], list[float]]]:
        left, right = state.tolist()
        found: list[tuple[list[int], list[float]]] = []
        if left:
            found.append(([left - 1, right + 1], [float(left if each else 1), 0.0, 0.0, 0.0]))
        if right:
            found.append(([left + 1, right - 1], [0.0, float(right if each else 1), 0.0, 0.0]))
        if left:
            found.append(([0, right], [0.0, 0.0, 1.0, 0.0]))
        if right:
            found.append(([left, 0], [0.0, 0.0, 0.0, 1.0]))
        return found

    def live_all(states: Integers) -> Vectorised:
        states = np.asarray(states, dtype=np.int64)
        left, right = states.T
        kept = np.stack([left > 0, right > 0, left > 0, right > 0], axis=1)
        following = np.repeat(states[:, None, :], 4, axis=1)
        following[:, 0] += [-1, 1]
        following[:, 1] += [1, -1]
        following[:, 2, 0] = 0
        following[:, 3, 1] = 0
        weights = np.repeat(np.eye(4)[None], len(states), axis=0)
        if each:
            weights[:, 0, 0], weights[:, 1, 1] = left, right
        return np.nonzero(kept)[0], following[kept], weights[kept]

    return decorate(live_all if vectorized else live)
