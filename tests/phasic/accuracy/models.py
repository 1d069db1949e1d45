"""The models of the accuracy suite as lists of edges; nothing but the standard library is needed.

Weights are made of float64 products, quotients and powers of ten read from text, which round alike on
every machine, so that the references belong to exactly these models.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

Coefficients = tuple[float, ...]
State = tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """A chain on states 0, 1, ...; the first `n` are transient, later ones absorbing.

    The weight of an edge is its coefficients times theta; without theta there is one coefficient, the
    weight. A discrete chain stays where it is with the probability that its edges leave over.
    """

    name: str
    n: int
    edges: tuple[tuple[int, int, Coefficients], ...]
    start: dict[int, float]
    discrete: bool = False
    theta: tuple[float, ...] | None = None

    @property
    def n_states(self) -> int:
        """Number of states, absorbing ones included."""
        return 1 + max([*self.start, *(max(edge[:2]) for edge in self.edges), self.n - 1])

    def weights(self) -> list[Fraction]:
        """Return the weights of all edges, exactly."""
        theta = [Fraction(x) for x in self.theta or (1.0,)]
        return [
            sum((Fraction(c) * x for c, x in zip(row, theta, strict=True)), Fraction())
            for _, _, row in self.edges
        ]

    def rewards(self, signed: bool = False) -> list[float]:
        """Return a reward for each state: multiples of 1/64 from 1/4 to 2, or from -7/8 to 7/8."""
        low = -56 if signed else 16
        return [(low + (i * 69 + 40) % 113) / 64 for i in range(self.n_states)]

    @property
    def digest(self) -> str:
        """What the references of this model are kept under: they belong to exactly these numbers."""
        content = repr((self.n, self.edges, sorted(self.start.items()), self.discrete, self.theta))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def graph(self, package: Any) -> Any:
        """Return the model as a graph of `package`, which is phasic or its peer; state i is vertex i + 1."""
        graph = package.Graph(1)
        vertices = [graph.find_or_create_vertex([i + 1]) for i in range(self.n_states)]
        for state, probability in self.start.items():
            graph.starting_vertex().add_edge(vertices[state], probability)
        for source, target, row in self.edges:
            vertices[source].add_edge(vertices[target], list(row) if self.theta else row[0])
        if self.discrete:
            graph.is_discrete = True
        if self.theta:
            graph.update_weights(list(self.theta))
        return graph


Transitions = Iterable[tuple[State, float | Sequence[float]]]


def explored(
    name: str,
    start: State | dict[State, float],
    step: Callable[[State], Transitions],
    theta: tuple[float, ...] | None = None,
    discrete: bool = False,
) -> Model:
    """Return the model of all states that `step` reaches, transient ones first."""
    initial = start if isinstance(start, dict) else {start: 1.0}
    queue = list(initial)
    found = {state: [] for state in queue}
    for state in queue:
        for child, weight in step(state):
            row = (float(weight),) if theta is None else tuple(float(c) for c in weight)  # type: ignore
            if any(row):
                found[state].append((child, row))
                if child not in found:
                    found[child] = []
                    queue.append(child)
    ordered = sorted(queue, key=lambda state: not found[state])
    place = {state: i for i, state in enumerate(ordered)}
    return Model(
        name=name,
        n=sum(bool(edges) for edges in found.values()),
        edges=tuple((place[s], place[child], row) for s in ordered for child, row in found[s]),
        start={place[state]: p for state, p in initial.items()},
        discrete=discrete,
        theta=theta,
    )


def in_a_row(name: str, rates: Sequence[float], **options: Any) -> Model:
    """Return a sum of exponential times."""
    return listed(name, len(rates), [(i, i + 1, rate) for i, rate in enumerate(rates)], **options)


def listed(
    name: str,
    n: int,
    edges: Iterable[tuple[int, int, float]],
    start: dict[int, float] | None = None,
    discrete: bool = False,
) -> Model:
    rows = tuple((source, target, (float(weight),)) for source, target, weight in edges)
    return Model(name, n, rows, start or {0: 1.0}, discrete)


# Coalescents


def coalescent(n: int, theta: float) -> Model:
    """Kingman's coalescent by numbers of lineages with 1, 2, ... descendants."""

    def step(state: State) -> Transitions:
        for i, j in combinations_with_replacement(range(n), 2):
            pairs = state[i] * (state[i] - 1) / 2 if i == j else float(state[i] * state[j])
            if pairs > 0:
                child = list(state)
                child[i] -= 1
                child[j] -= 1
                child[i + j + 1] += 1
                yield tuple(child), [pairs]

    return explored(f"coalescent of {n}", (n,) + (0,) * (n - 1), step, (theta,))


def lineages(n: int) -> Model:
    return in_a_row(f"lineages from {n}", [k * (k - 1) / 2 for k in range(n, 1, -1)])


def islands(n: int, theta: tuple[float, ...]) -> Model:
    """Lineages on two islands; theta holds two rates of coalescence and two of migration."""

    def step(state: State) -> Transitions:
        a, b = state
        if a + b == 1:
            return []
        return [
            ((a - 1, b), [a * (a - 1) / 2, 0, 0, 0]),
            ((a, b - 1), [0, b * (b - 1) / 2, 0, 0]),
            ((a - 1, b + 1), [0, 0, a, 0]),
            ((a + 1, b - 1), [0, 0, 0, b]),
        ]

    return explored(f"two islands of {n}, migration {theta[2]:g}", (n - n // 2, n // 2), step, theta)


def blocks_on_islands(n: int) -> Model:
    """Two islands, lineages told apart by number of descendants."""

    def step(state: State) -> Transitions:
        if sum(state) == 1:
            return
        for island in (0, n):
            for i, j in combinations_with_replacement(range(n), 2):
                a, b = state[island + i], state[island + j]
                pairs = a * (a - 1) / 2 if i == j else float(a * b)
                if pairs > 0:
                    child = list(state)
                    child[island + i] -= 1
                    child[island + j] -= 1
                    child[island + i + j + 1] += 1
                    yield tuple(child), pairs * (1.0 if island else 0.5)
        for place, count in enumerate(state):
            if count:
                child = list(state)
                child[place] -= 1
                child[(place + n) % (2 * n)] += 1
                yield tuple(child), 0.25 * count

    return explored(f"blocks on two islands, {n}", (n,) + (0,) * (2 * n - 1), step)


def isolation(n: int) -> Model:
    """Isolation with migration, backwards: two populations that merge into one at an exponential time.

    theta holds the rates of coalescence in the first, the second and the merged population, of
    migration, and of merging.
    """

    def step(state: State) -> Transitions:
        a, b, apart = state
        if a + b == 1:
            return []
        if not apart:
            return [((a - 1, 0, 0), [0, 0, a * (a - 1) / 2, 0, 0])]
        return [
            ((a - 1, b, 1), [a * (a - 1) / 2, 0, 0, 0, 0]),
            ((a, b - 1, 1), [0, b * (b - 1) / 2, 0, 0, 0]),
            ((a - 1, b + 1, 1), [0, 0, 0, a, 0]),
            ((a + 1, b - 1, 1), [0, 0, 0, b, 0]),
            ((a + b, 0, 0), [0, 0, 0, 0, 1.0]),
        ]

    return explored(f"isolation with migration of {n}", (n, n, 1), step, (1.0, 2.0, 0.5, 0.125, 0.75))


def two_loci(n: int, recombination: float) -> Model:
    """Two loci until both have a common ancestor: lineages with both, with the first, with the second."""

    def step(state: State) -> Transitions:
        x, a, b = state
        if x + a == 1 and x + b == 1:
            return []
        return [
            ((x - 1, a, b), [x * (x - 1) / 2, 0]),
            ((x, a - 1, b), [a * (a - 1) / 2 + x * a, 0]),
            ((x, a, b - 1), [b * (b - 1) / 2 + x * b, 0]),
            ((x + 1, a - 1, b - 1), [a * b, 0]),
            ((x - 1, a + 1, b + 1), [0, x]),
        ]

    return explored(f"two loci of {n}, {recombination:g}", (n, 0, 0), step, (1.0, recombination))


# Queues, populations, machines


def queue(capacity: int, arrival: float, service: float, servers: int = 1, start: int = 1) -> Model:
    """The time until a queue with limited room is empty."""

    def step(state: State) -> Transitions:
        k = state[0]
        if k == 0:
            return []
        return [((k + 1,), [k < capacity, 0]), ((k - 1,), [0, min(k, servers)])]

    name = f"queue of {capacity}, {servers} servers, load {arrival / service / servers:.2g}"
    return explored(name, (start,), step, (arrival, service))


def births(capacity: int, birth: float, death: float) -> Model:
    """Extinction of a linear birth-death process with limited room."""

    def step(state: State) -> Transitions:
        k = state[0]
        return [((k + 1,), [k * (k < capacity), 0]), ((k - 1,), [0, k])] if k else []

    return explored(f"births and deaths, {capacity}, {birth:g} to {death:g}", (1,), step, (birth, death))


def epidemic(n: int) -> Model:
    """Susceptible and infected until nobody is infected."""

    def step(state: State) -> Transitions:
        s, i = state
        if i == 0:
            return []
        return [((s - 1, i + 1), [s * i / n, 0]), ((s, i - 1), [0, i])]

    return explored(f"epidemic of {n}", (n - 1, 1), step, (1.5, 1.0))


def machines(n: int, fail: float, repair: float) -> Model:
    """Time until all of n machines with one mechanic are down; long where repair is fast."""

    def step(state: State) -> Transitions:
        down = state[0]
        if down == n:
            return []
        return [((down + 1,), [n - down, 0]), ((down - 1,), [0, float(down > 0)])]

    return explored(f"machines, {n}, repair {repair:g}", (0,), step, (fail, repair))


def grid(side: int) -> Model:
    """A random walk from one corner of a square to the other."""

    def step(state: State) -> Transitions:
        x, y = state
        if x == y == side - 1:
            return []
        steps = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
        return [(child, 1.0) for child in steps if min(child) >= 0 and max(child) < side]

    return explored(f"walk on a grid of {side}", (0, 0), step)


def rabbits(n: int) -> Model:
    """Rabbits jump between two islands, each of which may be flooded, until both are empty."""

    def step(state: State) -> Transitions:
        left, right = state
        if left + right == 0:
            return []
        return [
            ((left - 1, right + 1), left),
            ((left + 1, right - 1), right),
            ((0, right), 2.0 * (left > 0)),
            ((left, 0), 4.0 * (right > 0)),
        ]

    return explored(f"rabbits, {n}", (n, 0), step)


# Shapes of chains


def coxian(name: str, rates: Sequence[float], onward: Sequence[float]) -> Model:
    """Phases in a row with a chance to end after each."""
    k = len(rates)
    edges = [(i, i + 1, rates[i] * onward[i]) for i in range(k - 1)]
    ends = [(i, k, rates[i] * (1.0 - onward[i])) for i in range(k - 1) if onward[i] < 1.0]
    return listed(name, k, sorted([*edges, *ends, (k - 1, k, rates[-1])]))


def hyperexponential(name: str, rates: Sequence[float], shares: Sequence[float]) -> Model:
    k = len(rates)
    return listed(name, k, [(i, k, rate) for i, rate in enumerate(rates)], dict(enumerate(shares)))


def loop(name: str, n: int, again: float, rate: float = 1.0) -> Model:
    """A one-way loop, left from its last state with probability ``1 - again``: an oscillating density."""
    edges = [(i, i + 1, rate) for i in range(n - 1)]
    return listed(name, n, [*edges, (n - 1, 0, rate * again), (n - 1, n, rate * (1.0 - again))])


def near_traps(name: str, pairs: int, into: float, back: float, out: float) -> Model:
    """Pairs of states in a row: hard to enter the second, and hard to leave it for the next pair."""
    edges = []
    for p in range(pairs):
        a, b, following = 2 * p, 2 * p + 1, 2 * p + 2
        edges += [(a, b, into), (b, a, back), (b, following, out)]
    return listed(name, 2 * pairs, edges)


def scattered(n: int, seed: int, powers: int = 0, degree: int = 4, defect: float = 1.0) -> Model:
    """A random cyclic chain with rates spread over `powers` powers of ten either way."""
    rng = random.Random(seed)
    edges = []
    for i in range(n):
        others = rng.sample([j for j in range(n) if j != i + 1 and j != i], min(degree, n - 2))
        for j in sorted([i + 1, *others]):  # one way through all states keeps absorption certain
            edges.append((i, j, (0.1 + rng.random()) * float(f"1e{rng.randint(-powers, powers)}")))
    start = {i: rng.randint(1, 64) for i in rng.sample(range(n), 3)}
    total = sum(start.values())
    name = f"scattered {n}" + (f", 1e{powers}" if powers else "") + (f", mass {defect:g}" * (defect < 1))
    return listed(name, n, edges, {i: defect * w / total for i, w in sorted(start.items())})


def scattered_family(n: int, seed: int, powers: int, theta: tuple[float, ...]) -> Model:
    """A random cyclic chain in which every rate is a mixture of parameters."""
    plain = scattered(n, seed, powers)
    rng = random.Random(seed + 1)
    rows = []
    for source, target, (weight,) in plain.edges:
        shares = [weight * rng.randint(0, 8) / 8 for _ in theta]
        shares[rng.randrange(len(theta))] += weight
        rows.append((source, target, tuple(shares)))
    return Model(f"{plain.name}, {len(theta)} parameters", n, tuple(rows), plain.start, theta=theta)


# Discrete time


def failures(k: int, p: float) -> Model:
    """Trials until the k-th success."""
    rows = tuple((i, i + 1, (1.0,)) for i in range(k))
    return Model(f"trials until success {k}, {p:g}", k, rows, {0: 1.0}, True, (p,))


def scattered_steps(n: int, seed: int, degree: int, theta: tuple[float, ...] | None = None) -> Model:
    """A random chain in steps; probabilities are multiples of 1/4096, so that sums are exact."""
    rng = random.Random(seed)
    rows: list[tuple[int, int, Coefficients]] = []
    for i in range(n):
        others = rng.sample([j for j in range(n + 1) if j != i + 1 and j != i], degree)
        for j in sorted([i + 1, *others]):
            p = rng.randint(1, 4000 // (degree + 1)) / 4096
            rows.append((i, j, (p,) if theta is None else ((p, 0.0), (0.0, p), (p / 2, p / 2))[j % 3]))
    name = f"steps, scattered {n}" + (f", {len(theta)} parameters" if theta else "")
    return Model(name, n, tuple(rows), {0: 0.75, n // 2: 0.25}, True, theta)


def drift(n: int) -> Model:
    """Wright-Fisher drift of n gene copies until one allele is lost."""

    def chance(k: int, j: int) -> float:
        count = Fraction(1)
        for i in range(j):
            count = count * (n - i) / (i + 1)
        return float(count * Fraction(k, n) ** j * Fraction(n - k, n) ** (n - j))

    rows = [(k - 1, j - 1, chance(k, j)) for k in range(1, n) for j in range(1, n) if j != k]
    ends = [(k - 1, n - 1 + side, chance(k, side * n)) for k in range(1, n) for side in (0, 1)]
    return listed(f"steps, drift of {n}", n - 1, sorted(rows + ends), {n // 2 - 1: 1.0}, True)


def collector(n: int) -> Model:
    return in_a_row(f"steps, collector of {n}", [(n - k) / n for k in range(n)], discrete=True)


TOWER = (
    *((0, 1, 1e12), (1, 0, 4e11), (1, 2, 2e11), (2, 0, 4e9), (2, 3, 1e-12), (2, 4, 6e-13), (3, 0, 5e-13)),
    *((3, 1, 9e11), (3, 2, 1e-12), (3, 4, 6e11), (4, 1, 8e11), (4, 2, 2e11), (4, 5, 7e-13)),
)
"""Fast jumps among states that are hardly ever left: 1e47 jumps until absorption."""


def _all() -> Iterable[Model]:
    yield in_a_row("exponential", [0.4])
    yield in_a_row("erlang 5", [2.0] * 5)
    yield in_a_row("erlang 50", [50.0] * 50)
    yield in_a_row("erlang 500", [500.0] * 500)
    yield in_a_row("nearly equal rates", [1.0 + k / 2**20 for k in range(12)])
    yield in_a_row("rates 1e-12 to 1e12", [float(f"1e{k}") for k in (12, -3, 7, -12, 0, 9, -7, 3, -11, 11)])
    yield in_a_row("rates 1e-70 to 1e70", [1e70, 1.0, 1e-70, 1e35, 3e-70])
    yield hyperexponential("hyperexponential 2", [0.5, 8.0], [0.25, 0.75])
    yield hyperexponential("hyperexponential 3, stiff", [1e-3, 1.0, 1e3], [0.125, 0.25, 0.625])
    yield hyperexponential("hyperexponential, defect", [1.0, 3.0], [0.25, 0.5])
    yield coxian("coxian 3", [1.0, 5.0, 0.3], [0.9, 0.5])
    yield coxian(
        "coxian 10, stiff", [float(f"1e{k}") for k in (3, -2, 4, 0, -4, 2, 1, -1, 6, 0)], [0.875] * 9
    )
    yield listed(
        "start half absorbed",
        3,
        [(0, 1, 2.0), (1, 2, 1.0), (2, 0, 0.5), (2, 3, 1.5)],
        {0: 0.25, 2: 0.125, 3: 0.5},
    )
    yield listed(
        "two ways out",
        3,
        [(0, 1, 3.0), (0, 3, 0.01), (1, 2, 1.0), (2, 0, 4.0), (2, 4, 0.5)],
        {0: 0.5, 1: 0.5},
    )
    yield coalescent(4, 1.0)
    yield coalescent(8, 7.0)
    yield coalescent(14, 0.5)
    yield lineages(100)
    yield islands(4, (1.0, 0.5, 0.25, 0.125))
    yield islands(10, (1.0, 2.0, 0.01, 0.02))
    yield islands(6, (1.0, 1.0, 1e-6, 1e-6))
    yield blocks_on_islands(4)
    yield isolation(3)
    yield isolation(5)
    yield two_loci(2, 0.5)
    yield two_loci(4, 2.0)
    yield queue(10, 0.8, 1.0)
    yield queue(50, 1.0, 1.0)
    yield queue(20, 2.4, 1.0, servers=3, start=20)
    yield queue(25, 3.0, 1.0)
    yield births(30, 0.75, 1.0)
    yield births(16, 2.0, 1.0)
    yield epidemic(8)
    yield machines(3, 0.01, 1.0)
    yield machines(5, 1e-3, 10.0)
    yield grid(6)
    yield rabbits(5)
    yield loop("one-way loop of 10", 10, 0.9375)
    yield loop("one-way loop of 40", 40, 0.75, 16.0)
    yield coalescent(20, 1.0)
    yield islands(24, (1.0, 0.5, 0.125, 0.25))
    yield isolation(12)
    yield grid(20)
    yield queue(400, 0.9375, 1.0, start=150)
    yield loop("one-way loop of 350", 350, 0.5, 350.0)
    yield scattered(400, 16)
    yield scattered_steps(350, 17, 4)
    yield near_traps("near-trap", 1, 1e-8, 1e8, 1e-8)
    yield near_traps("milder near-trap", 1, 1e-3, 1e4, 1e-4)
    yield near_traps("four near-traps", 4, 1e-4, 1e6, 1e-2)
    yield listed("fast within, slow out", 2, [(0, 1, 1e12), (1, 0, 1e12), (1, 2, 1e-12)])
    yield listed("tower of five", 5, TOWER, {1: 1.0})
    yield scattered(10, 1)
    yield scattered(25, 2, defect=0.75)
    yield scattered(50, 3)
    yield scattered(100, 4)
    yield scattered(200, 5)
    yield scattered(10, 6, powers=6)
    yield scattered(8, 7, powers=12)
    yield scattered(30, 8, powers=8)
    yield scattered(60, 9, powers=3, defect=0.5)
    yield scattered_family(12, 10, 0, (0.5, 2.0, 1.5))
    yield scattered_family(9, 11, 4, (3.0, 0.25))
    yield failures(1, 0.3)
    yield failures(5, 0.01)
    yield failures(2, 1e-6)
    yield in_a_row("steps, always six", [1.0] * 6, discrete=True)
    yield replace(loop("steps, ring of 7", 7, 0.75), discrete=True)
    yield collector(16)
    yield drift(8)
    yield listed(
        "steps, hardly ever staying",
        2,
        [(0, 1, 0.7), (0, 2, 0.299999999), (1, 2, 0.999999999)],
        discrete=True,
    )
    yield scattered_steps(8, 12, 3)
    yield scattered_steps(40, 13, 3)
    yield scattered_steps(150, 14, 4)
    yield scattered_steps(10, 15, 3, (0.5, 0.75))
    yield replace(near_traps("steps, near-trap", 1, 2.0**-10, 0.5, 2.0**-20), discrete=True)


MODELS = {model.name: model for model in _all()}
