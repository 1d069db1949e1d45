"""Sums and mixtures of exponential times."""

from __future__ import annotations

from collections.abc import Sequence

from phasic.arrays import Integers
from phasic.errors import GraphError
from phasic.initial import Callback, with_ipv
from phasic.models.checks import positive, whole

Transitions = list[tuple[list[int], float]]


def erlang(k: int, rate: float = 1.0) -> Callback:
    """Return the sum of `k` exponential times of one rate: mean ``k / rate``, variance ``k / rate**2``.

    A state counts the times still to come.
    """
    whole("k", k, 1)

    @with_ipv([k])
    def step(state: Integers) -> Transitions:
        left = int(state[0])
        return [([left - 1], rate)] if left else []

    return step


def hypoexponential(rates: Sequence[float]) -> Callback:
    """Return the sum of exponential times of several rates, one after the other.

    Its mean is ``sum(1 / rate)``, its variance ``sum(1 / rate**2)``. The state is the phase, 1, ..., k;
    0 is the end.
    """
    return coxian(rates, [1.0] * (len(rates) - 1))


def hyperexponential(probabilities: Sequence[float], rates: Sequence[float]) -> Callback:
    """Return a mixture of exponential times: with each probability that of the rate beside it.

    The moment of order j is ``j! * sum(probability / rate**j)``. The state is the phase, 1, ..., k; 0 is
    the end. What probabilities lack of one is missing mass.
    """
    positive("rates", rates)
    k = len(rates)
    if len(probabilities) != k:
        raise GraphError(f"{len(probabilities)} probabilities and {k} rates; pass as many of each")

    @with_ipv([([phase], p) for phase, p in enumerate(probabilities, start=1)])
    def step(state: Integers) -> Transitions:
        phase = int(state[0])
        return [([0], rates[phase - 1])] if phase else []

    return step


def coxian(rates: Sequence[float], onward: Sequence[float]) -> Callback:
    """Return a Coxian distribution [1]_: phases in a row, with a chance to end after each.

    Parameters
    ----------
    rates : sequence of float
        Rate of leaving each of the k phases.
    onward : sequence of float
        Probability of going on to the next phase after each but the last, k - 1 numbers. The mean is
        ``sum(prod(onward[:i]) / rates[i])``. The state is the phase, 1, ..., k; 0 is the end.

    References
    ----------
    .. [1] D. R. Cox, Math. Proc. Camb. Phil. Soc. 51 (1955).
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
