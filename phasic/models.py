"""Models to start from: each function returns a callback that `Graph` explores.

Where absorption times have a closed form, the docstring gives it and the tests compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from phasic.arrays import Integers
from phasic.errors import GraphError
from phasic.initial import Callback, with_ipv

Transitions = list[tuple[list[int], float]]
ParameterisedTransitions = list[tuple[list[int], list[float]]]


def coalescent(n: int) -> Callback:
    """Return Kingman's coalescent of `n` lineages, by how many lineages have 1, ..., n descendants.

    States are the partitions of `n`: entry i counts lineages with i + 1 descendants. Pairs coalesce at
    rate one. The time T to the common ancestor has ``E[T] = 2 (1 - 1/n)`` and
    ``Var[T] = sum(4 / (k (k - 1))**2, k = 2..n)``; the reward ``states().T[i]``, the length of branches
    with i + 1 descendants, has expectation ``2 / (i + 1)``.

    Examples
    --------
    >>> from phasic import Graph
    >>> Graph(coalescent(4)).states()[1:].tolist()
    [[4, 0, 0, 0], [2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    """
    _whole("n", n, 2)

    @with_ipv([n] + [0] * (n - 1))
    def merge(state: Integers) -> Transitions:
        counts = state.tolist()
        transitions: Transitions = []
        for i, first in enumerate(counts):
            for j in range(i, n):
                pairs = math.comb(first, 2) if i == j else first * counts[j]
                if pairs:
                    following = list(counts)
                    following[i] -= 1
                    following[j] -= 1
                    following[i + j + 1] += 1
                    transitions.append((following, float(pairs)))
        return transitions

    return merge


def lineages(n: int) -> Callback:
    """Return the number of lineages of Kingman's coalescent: a pure death chain, parameterised.

    k lineages become k - 1 at rate ``theta[0] * k (k - 1) / 2``, so the mean is that of `coalescent`
    divided by ``theta[0]``.
    """
    _whole("n", n, 2)

    @with_ipv([n])
    def merge(state: Integers) -> ParameterisedTransitions:
        k = int(state[0])
        return [([k - 1], [k * (k - 1) / 2.0])] if k > 1 else []

    return merge


def structured_coalescent(first: int, second: int) -> Callback:
    """Return the coalescent of two islands with migration: cyclic, parameterised.

    A state counts the lineages on either island. Two lineages on one island coalesce at rate
    ``theta[0]``; each lineage moves to the other island at rate ``theta[1]``. One lineage is the end,
    wherever it is: its state is ``[1, 0]`` or ``[0, 1]``.

    Two lineages have a mean ``2 / theta[0]`` from the same island, whatever the migration rate, and
    ``2 / theta[0] + 1 / (2 theta[1])`` from different ones.
    """
    _whole("first", first, 0)
    _whole("second", second, 0)
    if first + second < 2:
        raise GraphError(f"{first + second} lineages cannot coalesce; there must be at least 2")

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


def erlang(k: int, rate: float = 1.0) -> Callback:
    """Return the sum of `k` exponential times of one rate: mean ``k / rate``, variance ``k / rate**2``.

    A state counts the times still to come.
    """
    _whole("k", k, 1)

    @with_ipv([k])
    def step(state: Integers) -> Transitions:
        left = int(state[0])
        return [([left - 1], rate)] if left else []

    return step


def coxian(rates: Sequence[float], onward: Sequence[float]) -> Callback:
    """Return a Coxian distribution: phases in a row, with a chance to end after each.

    Parameters
    ----------
    rates : sequence of float
        Rate of leaving each of the k phases.
    onward : sequence of float
        Probability of going on to the next phase after each but the last, k - 1 numbers. The mean is
        ``sum(prod(onward[:i]) / rates[i])``. The state is the phase, 1, ..., k; 0 is the end.
    """
    k = len(rates)
    if k == 0 or len(onward) != k - 1:
        raise GraphError(f"{k} rates and {len(onward)} probabilities; pass k rates and k - 1 probabilities")
    if not all(0.0 <= p <= 1.0 for p in onward):
        raise GraphError(f"onward is {list(onward)}; probabilities lie between 0 and 1")

    @with_ipv([1])
    def step(state: Integers) -> Transitions:
        phase = int(state[0])
        if phase == 0:
            return []
        stay = onward[phase - 1] if phase < k else 0.0
        ways = [([phase + 1], rates[phase - 1] * stay), ([0], rates[phase - 1] * (1.0 - stay))]
        return [(following, rate) for following, rate in ways if rate != 0.0]

    return step


def birth_death(start: int, birth: float, death: float, capacity: int) -> Callback:
    """Return the extinction time of a linear birth-death process held below a capacity: cyclic.

    `start` individuals each give birth at rate `birth` (none at `capacity`) and die at rate `death`.
    One individual with capacity one has mean ``1 / death``; from one individual in general it is
    ``sum((birth / death)**(j - 1) / (j death), j = 1..capacity)``.
    """
    _whole("start", start, 1)
    _whole("capacity", capacity, start)

    @with_ipv([start])
    def step(state: Integers) -> Transitions:
        size = int(state[0])
        ways = [([size + 1], birth * size)] if 0 < size < capacity and birth else []
        return [*ways, ([size - 1], death * size)] if size else []

    return step


def mm1k_queue_time(capacity: int, arrival: float, service: float, start: int = 1) -> Callback:
    """Return the time until a queue with one server and room for `capacity` customers is empty: cyclic.

    The state counts customers. From one customer the mean is the busy period
    ``sum((arrival / service)**j, j = 0..capacity - 1) / service``.
    """
    _whole("start", start, 1)
    _whole("capacity", capacity, start)

    @with_ipv([start])
    def step(state: Integers) -> Transitions:
        waiting = int(state[0])
        ways = [([waiting + 1], arrival)] if 0 < waiting < capacity and arrival else []
        return [*ways, ([waiting - 1], service)] if waiting else []

    return step


def _whole(name: str, value: int, least: int) -> None:
    if value != int(value) or value < least:
        raise GraphError(f"{name} is {value!r}; it must be an integer of at least {least}")
