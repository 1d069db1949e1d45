"""Distributions by following the chain jump by jump.

Everything here is a sum of products of non-negative numbers, so that small probabilities, as in the
left tail, keep their relative accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import lgamma, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.replay import Numbers
from phasic.trace import Indices, Offsets

_NEGLIGIBLE = 1e-15
WIDE = np.finfo(np.longdouble).maxexp > 1024
"""Whether the machine has numbers of a wider range than float64."""

FEW_STATES = 300
"""Up to how many states a product of dense matrices takes next to no time."""

_FAR = 1e-75  # least probability of a jump with which products of several stay in float64
_HIGH, _HALF_A_DIGIT = 2.0**40, 2.0**-53
_TABLE = 10_000_000  # weights of jumps by times that are tabled at once


@dataclass(frozen=True, eq=False)
class Chain:
    """The part of a graph that its start reaches, made uniform: every state jumps at one rate.

    Attributes
    ----------
    vertices : int64[k]
        Vertices of the graph that can be reached.
    offsets, targets : int64[k + 1], int32[m]
        Edges between them that can be taken, without those from a vertex to itself.
    weights : float64[m]
        Their weights.
    transient : bool[k]
        Which vertices have edges in the graph, even if none can be taken.
    alpha : float64[k]
        Initial probabilities.
    clock : float
        Jumps per unit time: the largest exit rate, or one for a discrete chain or where nothing moves.
    discrete : bool
        Whether jumps come once per unit of time, rather than as a Poisson process.
    """

    vertices: NDArray[np.int64]
    offsets: Offsets
    targets: Indices
    weights: Floats
    transient: NDArray[np.bool_]
    alpha: Floats
    clock: float
    discrete: bool

    @classmethod
    def reached(
        cls, offsets: Offsets, targets: Indices, weights: Floats, alpha: Floats, discrete: bool
    ) -> Chain:
        """Return the part of a graph that can be reached from where `alpha` is positive."""
        from phasic.kernels.structure import reach

        source = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
        reached = alpha > 0.0
        reach(offsets, targets, weights > 0.0, reached)
        vertices = np.flatnonzero(reached)
        renamed = np.full(reached.size, -1, np.int32)
        renamed[vertices] = np.arange(vertices.size, dtype=np.int32)
        used = reached[source] & (weights > 0.0) & (source != targets)
        edges = np.bincount(renamed[source[used]], minlength=vertices.size)
        starts = np.concatenate([[0], np.cumsum(edges)]).astype(np.int64)
        leave = np.bincount(renamed[source[used]], weights[used], vertices.size)
        clock = 1.0 if discrete or not leave.any() else float(leave.max())
        transient = np.diff(offsets)[vertices] > 0
        edges_used = (starts, renamed[targets[used]], weights[used])
        return cls(vertices, *edges_used, transient, alpha[vertices], clock, discrete)

    @property
    def source(self) -> NDArray[np.int64]:
        """Where each edge starts, int64[m]."""
        return np.repeat(np.arange(self.vertices.size), np.diff(self.offsets))

    @cached_property
    def number(self) -> type[np.floating[Any]]:
        """Type of number that holds products of several one-step probabilities: float64 nearly always.

        Else extended precision, 16384 binary orders of magnitude where the machine has it; it takes a
        microsecond or so per operation, so only for few states.
        """
        far = self.weights.size > 0 and float(self.weights.min()) < _FAR * self.clock
        return self.widest if far else np.float64

    @property
    def widest(self) -> type[np.floating[Any]]:
        """Type of number of the widest range that is feasible for so many states."""
        return np.longdouble if WIDE and int(self.transient.sum()) <= FEW_STATES else np.float64

    @cached_property
    def total(self) -> float:
        """Sum of the initial probabilities."""
        return float(self.alpha.sum())

    @cached_property
    def exits(self) -> Floats:
        """Rate at which each vertex is left for an absorbing one, float64[k]."""
        final = ~self.transient[self.targets]
        exits = np.bincount(self.source[final], self.weights[final], self.vertices.size)
        return np.asarray(exits, np.float64)

    @cached_property
    def stay(self) -> Floats:
        """Probability that a jump leads nowhere else, float64[k]."""
        return staying(self.source, self.weights, self.vertices.size, self.clock, self.discrete)

    @property
    def jumps(self) -> tuple[Offsets, Indices, Numbers, Floats]:
        """The jump chain, as stepping kernels take it."""
        return self.offsets, self.targets, self.weights.astype(self.number) / self.clock, self.stay

    def completed(self, absorbed: Numbers, left: Numbers) -> Floats:
        """Return the better of two readings of one probability: what came in, or all but what is left."""
        better = np.where(absorbed < left, absorbed, np.clip(self.total - left, 0.0, self.total))
        return np.asarray(better, np.float64)


def staying(source: Any, weights: Floats, size: int, clock: float, discrete: bool) -> Floats:
    """Return the probability that a jump from each vertex leads nowhere else, float64[size].

    In steps this is what the probabilities of moving leave of one, and a small rest keeps its digits:
    high parts of the probabilities add up without rounding, and low parts hardly round. A rest within
    half a unit in the last place of one is none.

    Parameters
    ----------
    source, weights : int64[m], float64[m]
        Edges that lead elsewhere.
    """
    if not discrete:
        return np.maximum(0.0, 1.0 - np.bincount(source, weights, size) / clock)
    high = np.round(weights * _HIGH) / _HIGH
    rest = (1.0 - np.bincount(source, high, size)) - np.bincount(source, weights - high, size)
    return np.where(rest > _HALF_A_DIGIT, rest, 0.0)


def walk(chain: Chain, steps: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return the probabilities of absorption by jump k + 1, after jump k, and by jump k, k < `steps`."""
    from phasic.kernels.stepping import walk as kernel

    into, left, absorbed = (np.empty(steps, chain.number) for _ in range(3))
    kernel(*chain.jumps, chain.transient, chain.alpha.astype(chain.number), into, left, absorbed)
    return into, left, absorbed


def pdf(chain: Chain, times: Floats) -> Floats:
    """Return the density at finite `times`, float64[k], for about ``clock * times.max()`` jumps.

    Jumps are counted by a Poisson process [1]_. Jumps are added until a bound on what all later ones
    could bring is below 1e-15 of every answer.

    References
    ----------
    .. [1] A. Jensen, Skandinavisk Aktuarietidskrift 36 (1953).
    """
    into, _, _ = _enough(chain, times, of_density=True)
    return np.asarray(chain.clock * _mixed(chain, times, into), np.float64)


def cdf(chain: Chain, times: Floats) -> Floats:
    """Return the probability of absorption by finite `times`, as `pdf` returns the density."""
    _, left, absorbed = _enough(chain, times, of_density=False)
    return chain.completed(_mixed(chain, times, absorbed), _mixed(chain, times, left))


def survival(chain: Chain, times: Floats) -> Floats:
    """Return the probability of no absorption by finite `times`, as `pdf` returns the density."""
    _, left, _ = _enough(chain, times, of_density=False)
    return np.asarray(_mixed(chain, times, left), np.float64)


def state_probabilities(chain: Chain, times: Floats) -> Floats:
    """Return the probability of being in each vertex at finite `times`, float64[times, k].

    For a discrete chain, `times` are numbers of steps.
    """
    from phasic.kernels.stepping import blend, poisson_weights

    out = np.zeros((times.size, chain.vertices.size))
    order = np.argsort(times, kind="stable")
    steps = int(times.max(initial=0.0)) + 1 if chain.discrete else first_guess(chain.clock * times)
    for some in np.array_split(order, max(1, times.size * steps // _TABLE)):
        weights = np.zeros((some.size, steps))
        if chain.discrete:
            weights[np.arange(some.size), times[some].astype(np.int64)] = 1.0
        else:
            for mean, row in zip(chain.clock * times[some], weights, strict=True):
                poisson_weights(mean, row)
        part = np.zeros((some.size, chain.vertices.size), chain.number)
        blend(*chain.jumps, chain.alpha.astype(chain.number), weights, part)
        out[some] = part
    return out


def steps_pdf(chain: Chain, steps: Floats) -> Floats:
    """Return the probability that a discrete chain is absorbed by exactly so many `steps`, float64[k]."""
    into, _, absorbed = walk(chain, max(1, int(steps.max(initial=0.0))))
    at = steps.astype(np.int64)
    return np.asarray(np.where(at > 0, into[at - 1], absorbed[0]), np.float64)


def steps_cdf(chain: Chain, steps: Floats) -> Floats:
    """Return the probability that a discrete chain is absorbed by at most so many `steps`, float64[k]."""
    _, left, absorbed = walk(chain, int(steps.max(initial=0.0)) + 1)
    at = steps.astype(np.int64)
    return chain.completed(absorbed[at], left[at])


def steps_survival(chain: Chain, steps: Floats) -> Floats:
    """Return the probability that a discrete chain takes more than so many `steps`, float64[k]."""
    _, left, _ = walk(chain, int(steps.max(initial=0.0)) + 1)
    return np.asarray(left[steps.astype(np.int64)], np.float64)


def first_guess(means: Floats) -> int:
    """Return how many jumps nearly always exceed Poisson numbers of these means."""
    largest = float(means.max(initial=0.0))
    return int(largest + 10.0 * sqrt(largest)) + 60


def _mixed(chain: Chain, times: Floats, sequence: Numbers) -> Numbers:
    from phasic.kernels.stepping import mix

    out = np.empty(times.size, sequence.dtype)
    mix(chain.clock * times, sequence, out)
    return out


def _enough(chain: Chain, times: Floats, of_density: bool) -> tuple[Numbers, Numbers, Numbers]:
    """Return `walk` over so many jumps that later ones do not count, however small the answers are."""
    means = chain.clock * times
    steps = first_guess(means)
    most = steps + chain.vertices.size  # by then absorption has been reached if it ever will
    while True:
        walked = walk(chain, steps)
        value = _mixed(chain, times, walked[0] if of_density else walked[2])
        with np.errstate(divide="ignore", under="ignore"):
            at_end = np.exp(steps * np.log(means) - means - lgamma(steps + 1.0))
            rest = at_end / (1.0 - means / (steps + 1.0)) * chain.total
        if steps >= most or bool((rest <= _NEGLIGIBLE * value).all()):
            return walked
        steps = min(2 * steps, most)
