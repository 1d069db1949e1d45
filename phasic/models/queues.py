"""Numbers that go up and down by one: populations, queues, and copies of a gene."""

from __future__ import annotations

from phasic.arrays import Integers
from phasic.errors import GraphError
from phasic.initial import Callback, with_ipv
from phasic.models.checks import positive, whole

Transitions = list[tuple[list[int], float]]


def birth_death(start: int, birth: float, death: float, capacity: int) -> Callback:
    """Return the extinction time of a linear birth-death process held below a capacity: cyclic.

    `start` individuals each give birth at rate `birth` (none at `capacity`) and die at rate `death`.
    One individual with capacity one has mean ``1 / death``; from one individual in general it is
    ``sum((birth / death)**(j - 1) / (j death), j = 1..capacity)``.
    """
    whole("start", start, 1)
    whole("capacity", capacity, start)

    @with_ipv([start])
    def step(state: Integers) -> Transitions:
        size = int(state[0])
        ways = [([size + 1], birth * size)] if 0 < size < capacity and birth else []
        return [*ways, ([size - 1], death * size)] if size else []

    return step


def mm1k_queue_time(capacity: int, arrival: float, service: float, start: int = 1) -> Callback:
    """Return the time until a queue with one server and room for `capacity` customers is empty: cyclic.

    The state counts customers. From one customer the mean is the busy period
    ``sum((arrival / service)**j, j = 0..capacity - 1) / service``. With room enough and a service faster
    than arrivals, mean and variance go to ``1 / (service - arrival)`` and
    ``(service + arrival) / (service - arrival)**3`` [1]_.

    References
    ----------
    .. [1] L. Kleinrock, Queueing Systems, vol. 1, Wiley (1975), section 5.8.
    """
    return mmck_queue_time(1, capacity, arrival, service, start)


def mmck_queue_time(servers: int, capacity: int, arrival: float, service: float, start: int = 1) -> Callback:
    """Return the time until a queue with several servers is empty: cyclic.

    The state counts customers, of whom there is room for `capacity`, served ones included. They come at
    rate `arrival`, and each of up to `servers` of them is served at rate `service`. From one customer the
    mean is ``sum(arrival**(j - 1) / prod(min(i, servers) service, i = 1..j), j = 1..capacity)``.
    """
    whole("servers", servers, 1)
    whole("start", start, 1)
    whole("capacity", capacity, start)

    @with_ipv([start])
    def step(state: Integers) -> Transitions:
        waiting = int(state[0])
        ways = [([waiting + 1], arrival)] if 0 < waiting < capacity and arrival else []
        return [*ways, ([waiting - 1], min(waiting, servers) * service)] if waiting else []

    return step


def moran(n: int, start: int = 1, advantage: float = 1.0) -> Callback:
    """Return the time until a gene is lost or fixed in a population of constant size [1]_: cyclic.

    The state counts its copies among `n`, `start` of them at first. Each copy is doubled at rate
    `advantage`, each other gene at rate one, and what is doubled replaces one of the `n` at random. With
    ``i = start`` and no advantage the mean is
    ``sum((n - i) / (n - j), j = 1..i) + sum(i / j, j = i + 1..n - 1)``, and the chance to be fixed
    ``i / n``, else ``(1 - advantage**-i) / (1 - advantage**-n)``.

    References
    ----------
    .. [1] P. A. P. Moran, Math. Proc. Camb. Phil. Soc. 54 (1958).
    """
    whole("n", n, 2)
    whole("start", start, 1)
    if start >= n:
        raise GraphError(f"start is {start}, but only numbers below n = {n} leave anything to happen")
    positive("advantage", [advantage])

    @with_ipv([start])
    def step(state: Integers) -> Transitions:
        copies = int(state[0])
        if copies in (0, n):
            return []
        rate = copies * (n - copies) / n
        return [([copies + 1], advantage * rate), ([copies - 1], rate)]

    return step
