"""Dense phase-type algebra at high precision, and models as plain edge arrays to compare on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import mpmath
import numpy as np


@dataclass(frozen=True)
class Model:
    """Edges by source over all vertices, vertex 0 being the start, as the engine takes them."""

    offsets: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    alpha: np.ndarray
    discrete: bool = False

    @property
    def n(self):
        return self.offsets.size - 1

    @property
    def edges(self):
        return self.offsets, self.targets, self.weights

    @property
    def source(self):
        return np.repeat(np.arange(self.n), np.diff(self.offsets))

    @property
    def states(self):
        """Vertices that have edges."""
        return np.flatnonzero(np.diff(self.offsets))

    def sped_up(self, c):
        return replace(self, weights=self.weights * c)

    def permuted(self, order):
        """Number vertices anew: `order[v]` becomes v."""
        name = np.empty(self.n, np.int64)
        name[order] = np.arange(self.n)
        return from_edges(
            self.n,
            zip(name[self.source], name[self.targets], self.weights, strict=True),
            self.alpha[order],
            self.discrete,
        )


def from_edges(n, edges, alpha, discrete=False):
    edges = sorted((int(v), int(u), float(w)) for v, u, w in edges)
    source = np.array([e[0] for e in edges], np.int64)
    return Model(
        np.searchsorted(source, np.arange(n + 1)).astype(np.int64),
        np.array([e[1] for e in edges], np.int64),
        np.array([e[2] for e in edges], np.float64),
        np.asarray(alpha, np.float64),
        discrete,
    )


def starting_at(n, v=1, p=1.0):
    alpha = np.zeros(n)
    alpha[v] = p
    return alpha


def explored(start, step):
    """Follow ``step(state) -> [(state, rate)]`` from `start`."""
    index = {None: 0, start: 1}
    edges = []
    for state in (queue := [start]):
        for child, rate in step(state):
            if child not in index:
                index[child] = len(index)
                queue.append(child)
            edges.append((index[state], index[child], rate))
    return from_edges(len(index), edges, starting_at(len(index)))


def coalescent(n):
    """Kingman's coalescent of n lineages, by how many lineages have how many descendants."""

    def step(state):
        children = []
        for i, j in itertools.combinations_with_replacement(range(n), 2):
            pairs = state[i] * (state[i] - 1) / 2 if i == j else state[i] * state[j]
            if pairs > 0:
                child = list(state)
                child[i] -= 1
                child[j] -= 1
                child[i + j + 1] += 1
                children.append((tuple(child), pairs))
        return children

    return explored((n,) + (0,) * (n - 1), step)


def islands(n, migration=0.3, sizes=(1.0, 2.0)):
    """Structured coalescent of n lineages on two islands, with migration both ways."""

    def step(state):
        if sum(state) == 1:
            return []
        a, b = state
        children = [
            ((a - 1, b), a * (a - 1) / 2 / sizes[0]),
            ((a, b - 1), b * (b - 1) / 2 / sizes[1]),
            ((a - 1, b + 1), a * migration),
            ((a + 1, b - 1), b * migration),
        ]
        return [child for child in children if child[1] > 0]

    return explored((n, 0), step)


def erlang(k, rate=1.0):
    edges = [(v, v + 1, rate) for v in range(1, k + 1)]
    return from_edges(k + 2, edges, starting_at(k + 2))


def coxian(rates, stops):
    n = len(rates) + 2
    edges = []
    for v, (rate, stop) in enumerate(zip(rates, stops, strict=True), start=1):
        edges.append((v, n - 1, rate * stop))
        if v + 1 < n - 1:
            edges.append((v, v + 1, rate * (1 - stop)))
    return from_edges(n, edges, starting_at(n))


def near_trap(slow=1e-8, fast=1e8):
    return from_edges(4, [(1, 2, slow), (2, 1, fast), (2, 3, slow)], starting_at(4))


def random_model(seed, n=8, spread=0.0, density=0.4, discrete=False):
    """Return a random cyclic chain; rates vary by `spread` powers of ten either way."""
    rng = np.random.default_rng(seed)
    edges = []
    for v in range(1, n):
        for u in range(1, n + 1):
            if u != v and (u == v + 1 or rng.random() < density):
                edges.append((v, u, rng.random() * 10.0 ** rng.uniform(-spread, spread)))
    if discrete:
        sums = np.bincount([e[0] for e in edges], [e[2] for e in edges], n + 1)
        edges = [(v, u, 0.9 * w / sums[v]) for v, u, w in edges]
    alpha = np.append(0.0, rng.random(n))
    return from_edges(n + 1, edges, alpha / alpha.sum() * 0.75, discrete)


def generator(model):
    """Return S over the states, and rates into absorption, as mpmath matrices."""
    place = {v: i for i, v in enumerate(model.states)}
    s = mpmath.zeros(len(place))
    exits = mpmath.zeros(len(place), 1)
    for v, u, w in zip(model.source, model.targets, model.weights, strict=True):
        w = mpmath.mpf(float(w))
        if u == v:
            continue
        s[place[v], place[v]] -= w
        if u in place:
            s[place[v], place[u]] += w
        else:
            exits[place[v]] += w
    return s, exits


def start(model):
    return mpmath.matrix([mpmath.mpf(float(model.alpha[v])) for v in model.states]).T


def moments(model, k, rewards=None, digits=80):
    """Raw moments by dense algebra; those in steps by the recursion over one step."""
    with mpmath.workdps(digits):
        s, _ = generator(model)
        t = s.rows
        r = [1] * t if rewards is None else [mpmath.mpf(float(rewards[v])) for v in model.states]
        r = [mpmath.mpf(x) for x in r]
        found = [mpmath.matrix([1] * t)]
        p = mpmath.eye(t) + s
        for j in range(1, k + 1):
            if model.discrete:
                rhs = mpmath.zeros(t, 1)
                for i in range(j):
                    onward = found[0] if i == 0 else p * found[i]
                    for a in range(t):
                        rhs[a] += mpmath.binomial(j, i) * r[a] ** (j - i) * onward[a]
            else:
                rhs = mpmath.matrix([j * r[a] * found[-1][a] for a in range(t)])
            found.append(mpmath.lu_solve(-s, rhs))
        return [(start(model) * m)[0] for m in found[1:]]


def variance(model, rewards=None, digits=80):
    with mpmath.workdps(digits):
        first, second = moments(model, 2, rewards, digits)
        return second - first**2


def covariance(model, r1, r2, digits=80):
    with mpmath.workdps(digits):
        return (variance(model, r1 + r2, digits) - variance(model, r1 - r2, digits)) / 4


def sojourn(model, digits=80):
    with mpmath.workdps(digits):
        s, _ = generator(model)
        found = mpmath.lu_solve((-s).T, start(model).T)
        out = np.zeros(model.n)
        out[model.states] = [float(x) for x in found]
        return out


def pdf_cdf(model, t, digits=60):
    """Density and distribution at one time, by scaling and squaring (or steps)."""
    with mpmath.workdps(digits):
        s, exits = generator(model)
        a = start(model)
        if model.discrete:
            power = (mpmath.eye(s.rows) + s) ** int(t)
            atoms = sum(mpmath.mpf(float(x)) for x in model.alpha) - sum(a)
            density = (a * (mpmath.eye(s.rows) + s) ** (int(t) - 1) * exits)[0] if t > 0 else atoms
        else:
            power = exponential(s * mpmath.mpf(float(t)))
            density = (a * power * exits)[0]
        left = (a * power * mpmath.ones(s.rows, 1))[0]
        return float(density), float(sum(mpmath.mpf(float(x)) for x in model.alpha) - left)


def exponential(matrix):
    """Return exp of an mpmath matrix; digits must exceed those of its norm."""
    norm = max(sum(abs(x) for x in matrix[i, :]) for i in range(matrix.rows))
    halvings = max(0, int(mpmath.ceil(mpmath.log(norm + 1e-9, 2)))) + 4
    small = matrix / mpmath.mpf(2) ** halvings
    total = term = mpmath.eye(matrix.rows)
    for j in range(1, 200):
        term = term * small / j
        total = total + term
        if mpmath.mnorm(term, 1) < mpmath.mpf(10) ** -(mpmath.mp.dps + 5):
            break
    for _ in range(halvings):
        total = total * total
    return total
