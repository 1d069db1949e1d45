"""A graph with weights, and what the ways of answering need of it, each worked out when first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np

from phasic import uniformisation
from phasic.arrays import Floats, Integers
from phasic.errors import GraphError
from phasic.reached import Reached
from phasic.replay import checked_weights, factorise
from phasic.tilting import Tilted
from phasic.trace import Trace
from phasic.uniformisation import Chain

_FEW_JUMPS, _MANY_JUMPS, _EDGE_VISITS = 1e3, 1e4, 2e8  # uniformisation up to so many
_FEW_STATES = uniformisation.FEW_STATES  # doubling up to so many, before trying a contour
_FEWEST_JUMPS = 100.0  # uniformisation up to so many in extended precision
_SQUARED = 1e100  # fastest clock, and slowest one, whose rates have squares
_OVERHEAD, _NODES = 1e6, 40.0  # an inversion takes as long as so many visits, and so many visits per edge
_ITERATIONS = 200


class Prepared:
    """A graph with weights, prepared to be asked about its absorption time again and again.

    Parameters
    ----------
    trace, weights, alpha, discrete
        As for `phasic.density.pdf`.
    reached : Reached, optional
        What the start can reach, where that was found before.
    """

    def __init__(
        self,
        trace: Trace,
        weights: Floats,
        alpha: Floats,
        discrete: bool,
        reached: Reached | None = None,
    ) -> None:
        self.trace = trace
        self.weights = weights
        self.alpha = alpha
        self.discrete = discrete
        self._reached = reached

    @classmethod
    def of(
        cls,
        trace: Trace,
        offsets: Integers,
        targets: Integers,
        weights: Floats,
        alpha: Floats,
        discrete: bool,
    ) -> Self:
        """Return the graph after checking that its parts fit together."""
        if not (np.array_equal(trace.offsets, offsets) and np.array_equal(trace.targets, targets)):
            raise GraphError("the trace was recorded from another graph; record it anew")
        weights = checked_weights(trace, weights)
        alpha = np.asarray(alpha, dtype=np.float64)
        if alpha.shape != (trace.n_vertices,):
            raise GraphError(f"alpha has shape {alpha.shape}, but the graph has {trace.n_vertices} vertices")
        return cls(trace, weights, alpha, discrete)

    @cached_property
    def chain(self) -> Chain:
        """The part of the graph that the start reaches."""
        if self._reached is not None:
            return self._reached.chain_of(self.weights, self.alpha)
        return Chain.reached(self.trace.offsets, self.trace.targets, self.weights, self.alpha, self.discrete)

    @cached_property
    def tilted(self) -> Tilted:
        """The chain before tilting."""
        reached = np.zeros(self.trace.n_vertices, np.bool_)
        reached[self.chain.vertices] = True
        return Tilted.not_at_all(self.trace.rows, self.weights, self.alpha, reached)

    @cached_property
    def halfwidth(self) -> float:
        """A bound on the imaginary parts of the eigenvalues, infinite where none is known."""
        return self.trace.rows.halfwidth(self.tilted.base)

    @cached_property
    def limit(self) -> float:
        """Probability of absorption some day."""
        return factorise(self.trace, self.weights).absorption_probability(self.alpha)

    @cached_property
    def at_start(self) -> float:
        """Probability of starting absorbed."""
        return float(self.alpha[self.trace.position < 0].sum())

    @cached_property
    def limit_of_walking(self) -> float:
        """Number of jumps up to which walking them one by one is a matter of course."""
        if self.chain.number is np.longdouble:
            return _FEWEST_JUMPS
        return max(_FEW_JUMPS, min(_MANY_JUMPS, _EDGE_VISITS / max(1, self.chain.targets.size)))

    @cached_property
    def few_states(self) -> bool:
        """Whether doubling is a matter of course."""
        return int(self.chain.transient.sum()) <= _FEW_STATES

    @cached_property
    def exits(self) -> Floats:
        """Rate of absorption from each vertex of the whole graph, float64[n]."""
        exits = np.zeros(self.trace.n_vertices)
        exits[self.chain.vertices] = self.chain.exits
        return exits

    @property
    def clock_is_moderate(self) -> bool:
        """Whether rates can be squared, as quotients of complex numbers need it."""
        return 1.0 / _SQUARED < self.chain.clock < _SQUARED

    def jumps(self, times: Floats) -> Floats:
        """Return how often the states jump until `times`."""
        with np.errstate(over="ignore"):
            return self.chain.clock * times

    def worth_inverting(self, times: Floats) -> bool:
        """Return whether an inversion takes less time than walking."""
        chain = self.chain
        jumps = uniformisation.first_guess(chain.clock * np.minimum(times, 1e12 / chain.clock))
        walking = jumps * (chain.targets.size + 4.0 * times.size)
        return walking > _OVERHEAD + _NODES * self.trace.rows.work

    @cached_property
    def mean(self) -> float:
        """Expected time until absorption, infinite where that is not certain."""
        factors = factorise(self.trace, self.weights)
        starts = self.alpha > 0.0
        if factors.stuck[starts].any():
            return float(np.inf)
        return float(self.alpha[starts] @ factors.solve(np.ones(starts.size))[starts])

    @cached_property
    def density_scale(self) -> float:
        """A lower bound on the largest density: its value at zero, or what the mean implies."""
        scale = float(self.alpha @ self.exits)
        if 0.0 < self.mean < np.inf:  # by Markov's inequality, half of what moves is absorbed by twice that
            moving = float(self.alpha[self.trace.position >= 0].sum())
            scale = max(scale, moving * moving / (4.0 * self.mean))
        return scale

    @cached_property
    def decay(self) -> float:
        """About the rate at which what is left falls in the end, by inverse iteration."""
        factors = factorise(self.trace, self.weights)
        states = self.chain.vertices[self.chain.transient]
        h, decay = np.zeros(self.trace.n_vertices), 0.0
        h[states] = 1.0
        for _ in range(_ITERATIONS):
            solved = factors.solve(h)
            top = states[int(np.argmax(solved[states]))]
            before, decay = decay, float(h[top] / solved[top])
            h[states] = solved[states] / solved[top]
            if abs(decay - before) <= 1e-10 * decay:
                break
        return decay
