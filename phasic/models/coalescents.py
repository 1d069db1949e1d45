"""Kingman's coalescent of one sample, in one population or on two islands."""

from __future__ import annotations

import numpy as np

from phasic.arrays import Integers
from phasic.errors import GraphError
from phasic.initial import Callback, with_ipv
from phasic.models.blocks import NOTHING, Events, kinds, merging
from phasic.models.checks import whole

ParameterisedTransitions = list[tuple[list[int], list[float]]]


def coalescent(n: int, vectorized: bool = False) -> Callback:
    """Return Kingman's coalescent [1]_ of `n` lineages, by how many lineages have 1, ..., n descendants.

    States are the partitions of `n`: entry i counts lineages with i + 1 descendants. Pairs coalesce at
    rate one. The time T to the common ancestor has ``E[T] = 2 (1 - 1/n)`` and
    ``Var[T] = sum(4 / (k (k - 1))**2, k = 2..n)``; the reward ``states().T[i]``, the length of branches
    with i + 1 descendants, has expectation ``2 / (i + 1)`` [2]_.

    Parameters
    ----------
    n : int
    vectorized : bool
        Take an array of states, and return arrays of transitions: sources, next states and weights.

    References
    ----------
    .. [1] J. F. C. Kingman, Stoch. Proc. Appl. 13 (1982).
    .. [2] Y.-X. Fu, Theor. Popul. Biol. 48 (1995).

    Examples
    --------
    >>> from phasic import Graph
    >>> Graph(coalescent(4)).states()[1:].tolist()
    [[4, 0, 0, 0], [2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    """
    whole("n", n, 2)
    none = np.zeros((0, 4), dtype=np.int64)
    events = Events(merging(kinds(n)), np.zeros(n, dtype=np.int64), none, n_parameters=0)
    return events.callback(_counts(n, {0: n}), vectorized)


def lineages(n: int) -> Callback:
    """Return the number of lineages of Kingman's coalescent: a pure death chain, parameterised.

    k lineages become k - 1 at rate ``theta[0] * k (k - 1) / 2``, so the mean is that of `coalescent`
    divided by ``theta[0]``.
    """
    whole("n", n, 2)

    @with_ipv([n])
    def merge(state: Integers) -> ParameterisedTransitions:
        k = int(state[0])
        return [([k - 1], [k * (k - 1) / 2.0])] if k > 1 else []

    return merge


def structured_coalescent(first: int, second: int) -> Callback:
    """Return the number of lineages on two islands with migration [1]_: cyclic, parameterised.

    A state counts the lineages on either island. Two lineages on one island coalesce at rate
    ``theta[0]``; each lineage moves to the other island at rate ``theta[1]``. One lineage is the end,
    wherever it is: its state is ``[1, 0]`` or ``[0, 1]``.

    Two lineages have a mean ``2 / theta[0]`` from the same island, whatever the migration rate, and
    ``2 / theta[0] + 1 / (2 theta[1])`` from different ones.

    References
    ----------
    .. [1] M. Notohara, J. Math. Biol. 29 (1990).
    """
    _some_lineages(first, second)

    @with_ipv([first, second])
    def move_or_merge(state: Integers) -> ParameterisedTransitions:
        a, b = state.tolist()
        if a + b == 1:
            return []
        events = [
            ([a - 1, b], [a * (a - 1) / 2.0, 0.0]),
            ([a, b - 1], [b * (b - 1) / 2.0, 0.0]),
            ([a - 1, b + 1], [0.0, float(a)]),
            ([a + 1, b - 1], [0.0, float(b)]),
        ]
        return [(following, rate) for following, rate in events if any(rate)]

    return move_or_merge


def island_coalescent(first: int, second: int, vectorized: bool = False) -> Callback:
    """Return the coalescent on two islands by numbers of descendants: cyclic, parameterised.

    Of ``n = first + second`` lineages, entry i of a state counts those on the first island that have
    i + 1 descendants, entry n + i those on the second. Rates are those of `structured_coalescent`,
    whose times it has: ``theta[0]`` for each pair on one island, ``theta[1]`` for each lineage to move.
    The reward ``states().T[i] + states().T[n + i]`` is the length of branches with i + 1 descendants.

    Parameters
    ----------
    first, second : int
        Number of lineages sampled from either island.
    vectorized : bool
        As for `coalescent`.
    """
    _some_lineages(first, second)
    n = first + second
    moves = [(a, (a + n) % (2 * n), NOTHING, 1) for a in range(2 * n)]
    slots = np.zeros(2 * n, dtype=np.int64)
    events = Events(merging(kinds(n), demes=2), slots, np.array(moves, dtype=np.int64), n_parameters=2)
    return events.callback(_counts(2 * n, {0: first, n: second}), vectorized)


def _some_lineages(first: int, second: int) -> None:
    whole("first", first, 0)
    whole("second", second, 0)
    if first + second < 2:
        raise GraphError(f"{first + second} lineages cannot coalesce; there must be at least 2")


def _counts(length: int, counts: dict[int, int]) -> Integers:
    state = np.zeros(length, dtype=np.int64)
    for entry, count in counts.items():
        state[entry] = count
    return state
