"""Expected time in each vertex up to a given time, and the distribution moved on by it.

Sums of products of non-negative numbers, so that short times and rarely visited vertices keep their
relative accuracy, except where many states jump very often.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import PhasicError
from phasic.trace import Trace

_FEW_JUMPS, _MANY_JUMPS, _EDGE_VISITS = 1e3, 1e4, 2e8  # followed one by one up to so many
_FEW_STATES, _MANY_STATES = 300, 2500  # doubling up to so many, and where absorption is not certain
_LAST_RESORT = 2e11  # visits to edges that are still walked where all else fails


class Jumps(NamedTuple):
    """A chain made uniform: every state that can be reached jumps at one rate, or stays.

    Attributes
    ----------
    offsets, targets, probabilities : int64[n + 1], int32[m], float64[m]
        One-step probabilities; those of states that cannot be reached have no meaning.
    stay : float64[n]
        Probability that a jump leads nowhere else.
    clock : float
        Jumps per unit time; one for a discrete chain.
    reached : bool[n]
        Which vertices can be reached.
    discrete : bool
    """

    offsets: Integers
    targets: NDArray[np.int32]
    probabilities: Floats
    stay: Floats
    clock: float
    reached: NDArray[np.bool_]
    discrete: bool


def jumps(arrays: GraphArrays, weights: Floats, start: Floats) -> Jumps:
    """Return the uniform chain of a graph, as far as it is reached from where `start` is positive."""
    from phasic.kernels.structure import reach

    n = arrays.n_vertices
    sources = np.repeat(np.arange(n), np.diff(arrays.offsets))
    targets = arrays.targets.astype(np.int32)
    rates = np.where(targets == sources, 0.0, weights)
    reached = start > 0.0
    reach(arrays.offsets, targets, rates > 0.0, reached)
    leave = np.where(reached, np.bincount(sources, rates, n), 0.0)
    clock = 1.0 if arrays.discrete or not leave.any() else float(leave.max())
    stay = np.maximum(0.0, 1.0 - leave / clock)
    return Jumps(arrays.offsets, targets, rates / clock, stay, clock, reached, arrays.discrete)


def advanced(chain: Jumps, state: Floats, time: float) -> tuple[Floats, Floats]:
    """Return the distribution after `time`, and the expected time spent in each vertex until then.

    Jumps are counted by a Poisson process [1]_ [2]_: the time spent after k jumps is the probability of
    more than k, over their rate. Takes about ``clock * time`` jumps. Of a discrete chain, the number of
    steps of the second is that of visits from now on, before the last step.

    Parameters
    ----------
    chain : Jumps
    state : float64[n]
        Distribution now.
    time : float
        Finite; a number of steps, for a discrete chain.

    Returns
    -------
    (float64[n], float64[n])

    References
    ----------
    .. [1] A. Jensen, Skandinavisk Aktuarietidskrift 36 (1953).
    .. [2] E. de Souza e Silva and H. R. Gail, J. ACM 36 (1989).
    """
    from phasic.kernels.accumulating import advance

    edges = (chain.offsets, chain.targets, chain.probabilities, chain.stay, chain.reached)
    spent = np.zeros(state.size)
    left = chain.clock * time
    while True:
        some = min(left, _FEW_JUMPS)
        now, later = _steps(int(some)) if chain.discrete else _poisson(some)
        moved = np.zeros(state.size)
        advance(*edges, state.copy(), now, later, moved, spent)
        state = moved
        left -= some
        if left <= 0.0:
            return state, spent / chain.clock


def accumulated(arrays: GraphArrays, weights: Floats, time: float, trace: Callable[[], Trace]) -> Floats:
    """Return the expected time spent in each vertex up to `time`, float64[n]; zero in absorbing ones.

    Of a discrete graph, the expected number of visits up to and including step `time`.

    - Few jumps until then are followed one by one; many jumps of few states by transition matrices over
      intervals that double. Every entry has full relative accuracy.
    - Many jumps of many states: the expected time until absorption, from the start less from where the
      chain is by then. Entries are accurate beside their values at infinity.

    Parameters
    ----------
    arrays : GraphArrays
    weights : float64[m]
        Weight of each edge.
    time : float
        Finite, not negative; a whole number, for a discrete graph.
    trace : callable
        Returns the trace recorded from the graph; called for many jumps of many states only.

    Raises
    ------
    PhasicError
        The chain has many states that jump very often, and may never be absorbed.
    """
    from phasic import density, replay

    alpha = arrays.alpha
    chain = jumps(arrays, weights, alpha)
    steps = time + 1.0 if chain.discrete else time
    transient = np.diff(arrays.offsets) > 0
    expected = chain.clock * steps
    states = int((transient & chain.reached).sum())
    limit = max(_FEW_JUMPS, min(_MANY_JUMPS, _EDGE_VISITS / max(1, arrays.targets.size)))
    if expected <= limit:
        return np.where(transient, advanced(chain, alpha, steps)[1], 0.0)
    if states <= _FEW_STATES:
        return _doubled(arrays, weights, steps)
    plan = trace()
    factors = replay.factorise(plan, weights)
    if not factors.stuck[chain.reached].any():
        edges = (arrays.offsets, arrays.targets, weights)
        left = density.stop_probability(plan, *edges, alpha, steps, discrete=chain.discrete)
        total = factors.solve_transposed(alpha)
        rest = factors.solve_transposed(np.where(transient, left, 0.0))
        return np.where(transient, np.maximum(total - rest, 0.0), 0.0)
    if states <= _MANY_STATES:
        return _doubled(arrays, weights, steps)
    if expected * arrays.targets.size <= _LAST_RESORT:
        return np.where(transient, advanced(chain, alpha, steps)[1], 0.0)
    raise PhasicError(
        f"the {states} states jump about {expected:.2g} times until {time:g}, and may never be absorbed; "
        f"ask for an earlier time, or for fewer states"
    )


def _doubled(arrays: GraphArrays, weights: Floats, time: float) -> Floats:
    """Return the expected time in each vertex by intervals that double; see `phasic.doubling`."""
    from phasic import doubling
    from phasic.uniformisation import Chain

    targets = arrays.targets.astype(np.int32)
    chain = Chain.reached(arrays.offsets, targets, weights, arrays.alpha, arrays.discrete)
    result = np.zeros(arrays.n_vertices)
    result[chain.vertices[chain.transient]] = doubling.spent(chain, time)
    return result


def _poisson(mean: float) -> tuple[Floats, Floats]:
    """Return the probabilities of k jumps and of more than k, float64[K] each, down to about 1e-300.

    From the mode outwards, so that each keeps its relative accuracy [1]_.

    References
    ----------
    .. [1] B. L. Fox and P. W. Glynn, Commun. ACM 31 (1988).
    """
    mode = int(mean)
    above = np.arange(mode + 1, mode + 40.0 * np.sqrt(mean) + 200.0)
    up = np.cumprod(mean / above)
    down = np.cumprod(np.arange(mode, 0, -1) / mean)[::-1] if mode else np.zeros(0)
    weights = np.concatenate([down, [1.0], up])
    weights = weights[: int(np.flatnonzero(weights)[-1]) + 1]
    weights /= weights.sum()
    later = np.append(np.cumsum(weights[:0:-1])[::-1], 0.0)
    return weights, later


def _steps(count: int) -> tuple[Floats, Floats]:
    """Return the same for a number of jumps that is known."""
    now, later = np.zeros(count + 1), np.ones(count + 1)
    now[count], later[count] = 1.0, 0.0
    return now, later
