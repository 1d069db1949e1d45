"""Density, distribution and state probabilities at given times, by whichever method suits the model.

- Few jumps until then: uniformisation, every answer to full relative accuracy.
- Many jumps, few states: doubling of intervals, as accurate.
- Many jumps, many states: an inverse Laplace transform, accurate beside the largest value, which checks
  itself and hands over to the other two where it fails (narrow distributions, oscillating ones).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike

from phasic import contour, uniformisation
from phasic.arrays import Floats, Integers
from phasic.contour import Known
from phasic.doubling import doubled
from phasic.errors import GraphError, PhasicError
from phasic.replay import checked_weights, factorise
from phasic.trace import Trace
from phasic.uniformisation import Chain

TOLERANCE = 1e-10
"""Error, as a share of the largest value, beyond which an answer is computed in another way."""

_FEW_JUMPS, _MANY_JUMPS, _EDGE_VISITS = 1e3, 1e4, 2e8  # uniformisation up to so many
_FEW_STATES, _MANY_STATES = 300, 2500  # doubling up to so many, before and after trying a contour
_NEVER = 1e300  # jumps after which more make no difference
_ROUNDING = 1e-13  # survival that a contour cannot tell from none
_LAST_RESORT = 2e11  # visits to edges that are still walked where all else fails


def pdf(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the density of the time until absorption, or the probability of a number of steps.

    Parameters
    ----------
    trace : Trace
        Recorded from the graph.
    offsets, targets, weights : int64[n + 1], int64[m], float64[m]
        Edges of the graph by source.
    alpha : float64[n]
        Initial probability of each vertex. What starts absorbed has no density, but takes zero steps.
    times : array_like
        Times >= 0 of any shape, which the answer has too; infinity is allowed.
    discrete : bool
        Weights are one-step probabilities, and times are numbers of steps; between two of these the
        probability is zero.

    Raises
    ------
    GraphError
        A time is negative or not a number.
    PhasicError
        The error could not be brought below 1e-8 of the largest density.
    """
    asked = _times(times)
    if asked.size and asked.min() < 0.0:
        raise GraphError(f"time {asked.min()} is negative; a density is asked for at times >= 0")
    question = _Question.of(trace, offsets, targets, weights, alpha, discrete)
    out = np.zeros(asked.shape)
    now = np.isfinite(asked) & ((asked == np.floor(asked)) if discrete else True)
    out[now] = question.pdf(asked[now])
    return out


def cdf(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of absorption by given times; parameters as for `pdf`.

    Zero at negative times, and at infinity the probability of absorption some day: with certain
    absorption the sum of `alpha`.
    """
    asked = _times(times)
    question = _Question.of(trace, offsets, targets, weights, alpha, discrete)
    out = np.zeros(asked.shape)
    now = np.isfinite(asked) & (asked >= 0.0)
    limit = factorise(trace, weights).absorption_probability(alpha)
    out[asked == np.inf] = limit
    out[now] = question.cdf(np.floor(asked[now]) if discrete else asked[now])
    return np.minimum(out, limit)


def stop_probability(
    trace: Trace,
    offsets: Integers,
    targets: Integers,
    weights: Floats,
    alpha: Floats,
    times: ArrayLike,
    discrete: bool = False,
) -> Floats:
    """Return the probability of being in each vertex at given finite times, float64[..., n]."""
    asked = _times(times)
    if asked.size and not (asked.min() >= 0.0 and asked.max() < np.inf):
        raise GraphError("state probabilities are asked for at finite times >= 0")
    question = _Question.of(trace, offsets, targets, weights, alpha, discrete)
    flat = np.floor(asked.ravel()) if discrete else asked.ravel()
    return question.state_probabilities(flat).reshape(*asked.shape, trace.n_vertices)


def _times(times: ArrayLike) -> Floats:
    asked: Floats = np.asarray(times, dtype=np.float64)
    if np.isnan(asked).any():
        raise GraphError("a time is not a number")
    return asked


@dataclass(frozen=True)
class _Question:
    trace: Trace
    weights: Floats
    alpha: Floats
    chain: Chain

    @classmethod
    def of(
        cls,
        trace: Trace,
        offsets: Integers,
        targets: Integers,
        weights: Floats,
        alpha: Floats,
        discrete: bool,
    ) -> _Question:
        if not (np.array_equal(trace.offsets, offsets) and np.array_equal(trace.targets, targets)):
            raise GraphError("the trace was recorded from another graph; record it anew")
        weights = checked_weights(trace, weights)
        alpha = np.asarray(alpha, dtype=np.float64)
        if alpha.shape != (trace.n_vertices,):
            raise GraphError(f"alpha has shape {alpha.shape}, but the graph has {trace.n_vertices} vertices")
        chain = Chain.reached(trace.offsets, trace.targets, weights, alpha, discrete)
        return cls(trace, weights, alpha, chain)

    @property
    def _limit(self) -> float:
        """Number of jumps up to which walking them one by one is a matter of course."""
        return max(_FEW_JUMPS, min(_MANY_JUMPS, _EDGE_VISITS / max(1, self.chain.targets.size)))

    @cached_property
    def _exits(self) -> Floats:
        """Rate of absorption from each vertex of the whole graph, float64[n]."""
        exits = np.zeros(self.trace.n_vertices)
        exits[self.chain.vertices] = self.chain.exits
        return exits

    @cached_property
    def _density_scale(self) -> float:
        """A lower bound on the largest density: its value at zero, or what the mean implies."""
        scale = float(self.alpha @ self._exits)
        factors = factorise(self.trace, self.weights)
        starts = self.alpha > 0.0
        if not factors.stuck[starts].any():
            moving = float(self.alpha[self.trace.position >= 0].sum())
            mean = float(self.alpha[starts] @ factors.solve(np.ones(starts.size))[starts])
            # By Markov's inequality, half of what moves is absorbed by twice its mean.
            scale = max(scale, moving * moving / (4.0 * mean))
        return scale

    def pdf(self, times: Floats) -> Floats:
        chain = self.chain
        exits = chain.exits[chain.transient]
        resolvent = contour.Resolvent(self.trace, self.weights)

        def doubling(late: Floats) -> Floats:
            state, _ = doubled(chain, late - 1.0 if chain.discrete else late, split=False)
            return state @ exits

        def inverting(late: Floats, known: Known) -> tuple[Floats, float]:
            scale = max(self._density_scale, float(known.values.max()))
            known = Known(known.times, known.values[:, None])
            values, error = contour.invert(
                lambda s: resolvent.collected(s, self._exits, self.alpha), late, scale, known
            )
            return values[:, 0], error / scale

        walking = uniformisation.steps_pdf if chain.discrete else uniformisation.pdf
        return np.maximum(self._answers(times, partial(walking, chain), doubling, inverting), 0.0)

    def cdf(self, times: Floats) -> Floats:
        chain = self.chain
        moving = np.where(self.trace.position >= 0, 1.0, 0.0)
        resolvent = contour.Resolvent(self.trace, self.weights)

        def doubling(late: Floats) -> Floats:
            state, absorbed = doubled(chain, late, split=False)
            return chain.completed(absorbed[:, 0], state.sum(axis=1))

        def inverting(late: Floats, known: Known) -> tuple[Floats, float]:
            left, error = contour.invert(
                lambda s: resolvent.collected(s, moving, self.alpha),
                late,
                chain.total,
                Known(known.times, chain.total - known.values[:, None]),
            )
            left[np.abs(left) < _ROUNDING * chain.total] = 0.0
            return chain.total - left[:, 0], error / chain.total

        walking = uniformisation.steps_cdf if chain.discrete else uniformisation.cdf
        values = self._answers(times, partial(walking, chain), doubling, inverting)
        return np.clip(values, 0.0, chain.total)

    def state_probabilities(self, times: Floats) -> Floats:
        chain = self.chain
        resolvent = contour.Resolvent(self.trace, self.weights)

        def doubling(late: Floats) -> Floats:
            state, absorbed = doubled(chain, late, split=True)
            values = np.empty((late.size, chain.vertices.size))
            values[:, chain.transient], values[:, ~chain.transient] = state, absorbed
            return values

        def inverting(late: Floats, known: Known) -> tuple[Floats, float]:
            values, error = contour.invert(
                lambda s: resolvent.visited(s, self.alpha)[chain.vertices], late, chain.total, known
            )
            return values, error / chain.total

        walking = partial(uniformisation.state_probabilities, chain)
        values = self._answers(times, walking, doubling, inverting)
        out = np.zeros((times.size, self.trace.n_vertices))
        out[:, chain.vertices] = np.clip(values, 0.0, chain.total)
        return out

    def _answers(
        self,
        times: Floats,
        walking: Callable[[Floats], Floats],
        doubling: Callable[[Floats], Floats],
        inverting: Callable[[Floats, Known], tuple[Floats, float]],
    ) -> Floats:
        """Return the answers at `times`: early ones by walking, late ones by what suits the model."""
        chain = self.chain
        n_states = int(chain.transient.sum())
        times = np.minimum(times, _NEVER / chain.clock)
        early = chain.clock * times <= self._limit
        late = times[~early]
        if late.size == 0:
            return walking(times)
        # What is walked anyway tells at its last moments whether a contour can be believed.
        moments = contour.PROBES * (self._limit / chain.clock)
        walked = walking(np.concatenate([times[early], np.floor(moments) if chain.discrete else moments]))
        found = np.empty((times.size, *walked.shape[1:]))
        found[early], known = walked[: -moments.size], Known(moments, walked[-moments.size :])
        error = np.inf
        if not chain.discrete and n_states > _FEW_STATES:
            found[~early], error = inverting(late, known)
        if error <= TOLERANCE:
            return found
        jumps = chain.clock * float(late.max())
        if n_states <= _MANY_STATES:
            found[~early] = doubling(late)
        elif jumps * chain.targets.size <= _LAST_RESORT:
            found[~early] = walking(late)
        elif not error <= 1e-8:
            raise PhasicError(
                f"the {n_states} states jump up to {jumps:.2g} times until then, and no method is both "
                f"exact and feasible; ask for earlier times, or for fewer states"
            )
        return found
