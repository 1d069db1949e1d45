"""Log-likelihood of observed absorption times of a chain with epochs, and its gradient.

Forth through the epochs, to find where the chain is; and back, from what the observations are worth to what
every weight is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.epochs.boundaries import Epochs, Part
from phasic.epochs.density import by_epoch
from phasic.errors import GraphError, PhasicError
from phasic.likelihood import LogLikelihood
from phasic.observations import Observations
from phasic.question import Question
from phasic.trace import Trace

_SEGMENT = 2**22  # numbers of remembered states at once
_MOST_VISITS = 2e11  # to edges and observations, there and back
_FEW_VISITS = 1e9  # that walking takes a second or so for
_LEAST = 1e-280  # density by which can be divided


class _Stage(NamedTuple):
    """Observations of one epoch, counted from its beginning; how many of each; and when it ends, if ever."""

    part: Part
    times: Floats
    counts: Floats
    length: float | None


class _Walk(NamedTuple):
    """An epoch that was walked through.

    Attributes
    ----------
    jumps, clock
        The uniform chain, as kernels take it, and jumps per unit time.
    states : list of float64[k]
        Where the chain is before every so many steps.
    segment : int
        How many.
    last : float64[steps, k]
        Where it is before each of the last of them.
    worth : float64[steps]
        What it is worth to be absorbed by each jump.
    logs : float64[times]
        Logarithms of the densities at the observations.
    unlikely : bool
        Whether one of them is too small to divide by.
    """

    jumps: tuple[Any, ...]
    clock: float
    states: list[Floats]
    segment: int
    last: Floats
    worth: Floats
    logs: Floats
    unlikely: bool


class EpochLikelihood:
    """Observations of one graph with epochs; used as `phasic.likelihood.Likelihood`.

    Parameters
    ----------
    epochs : Epochs
    trace : Trace
    inner : callable
        From the weights of all edges to those within epochs.
    observed : array_like or Observations
        Absorption times.

    Raises
    ------
    GraphError
        An observation is negative, infinite or not a number, or censored or truncated; or there is none.
    """

    def __init__(
        self,
        epochs: Epochs,
        trace: Trace,
        inner: Callable[[Floats], Floats],
        observed: ArrayLike | Observations,
    ) -> None:
        seen = observed if isinstance(observed, Observations) else Observations.of(np.ravel(observed))
        if not seen.is_plain:
            raise GraphError(
                "of a graph with epochs only observed times have a likelihood; leave out those that are "
                "censored or truncated, or fit the graph without epochs"
            )
        self._epochs, self._trace, self._inner = epochs, trace, inner
        self._transient = trace.position >= 0
        distinct, self._which, counts = np.unique(seen.low, return_inverse=True, return_counts=True)
        here = dict(by_epoch(epochs.begins, distinct))
        self._stages: list[_Stage] = []
        for k in range(max(here) + 1):  # later ones make no difference
            own = here.get(k, np.zeros(distinct.size, np.bool_))
            length = epochs.lengths[k] if k < max(here) else None
            since = distinct[own] - epochs.begins[k]
            self._stages.append(_Stage(epochs.parts[k], since, counts[own].astype(np.float64), length))

    def __call__(self, weights: ArrayLike, gradient: bool = True) -> LogLikelihood:
        """Return the log-likelihood at the weights of all edges, and its gradient if asked for.

        Raises
        ------
        ParameterError
            Theta would move a boundary.
        PhasicError
            The chain jumps too often until the last observation.
        """
        within = self._inner(np.asarray(weights, np.float64))
        starts = [alpha for _, (_, alpha) in zip(self._stages, self._epochs.starts(within), strict=False)]
        if not gradient:
            return LogLikelihood(
                self._sum([self._logs(k, within, start) for k, start in enumerate(starts)]), None
            )
        walks = [self._walk(k, within, start) for k, start in enumerate(starts)]
        value = self._sum([walk.logs for walk in walks])
        if not np.isfinite(value):
            return LogLikelihood(value, np.full(within.size, np.nan))
        slopes, worth = np.zeros(within.size), np.zeros(self._transient.size)
        for k in range(len(walks) - 1, -1, -1):
            if k < len(walks) - 1:
                worth = self._epochs.before(k, worth)
            worth = self._back(k, walks[k], worth, slopes)
        return LogLikelihood(value, slopes)

    def terms(self, weights: Floats) -> Floats:
        """Return the logarithm of the density at each observation, in the order they were given in."""
        within = self._inner(weights)
        starts = zip(range(len(self._stages)), self._epochs.starts(within), strict=False)
        return np.concatenate([self._logs(k, within, alpha) for k, (_, alpha) in starts])[self._which]

    def _sum(self, logs: list[Floats]) -> float:
        return float(np.sum([stage.counts @ some for stage, some in zip(self._stages, logs, strict=True)]))

    def _logs(self, epoch: int, weights: Floats, alpha: Floats) -> Floats:
        """Return the logarithms of the densities at the observations of an epoch."""
        if self._visits(epoch, weights) <= _FEW_VISITS:
            return self._walk(epoch, weights, alpha).logs
        return Question(self._trace, weights, alpha, False).logarithm("pdf", self._stages[epoch].times)

    def _visits(self, epoch: int, weights: Floats) -> float:
        part, times, _, length = self._stages[epoch]
        last = float(times.max(initial=length or 0.0))
        return (part.uniform(weights)[0] * last + 100.0) * (part.edges.size + times.size)

    def _walk(self, epoch: int, weights: Floats, alpha: Floats) -> _Walk:
        """Return where the chain is from jump to jump in an epoch, and how likely its observations are."""
        from phasic.kernels.stepping import follow, weigh
        from phasic.uniformisation import first_guess

        part, times, counts, length = self._stages[epoch]
        transient = self._transient[part.vertices]
        clock, (offsets, targets, probabilities, stay) = part.uniform(weights)
        means = clock * (times if length is None else np.append(times, length))
        if self._visits(epoch, weights) > _MOST_VISITS:
            raise PhasicError(
                f"the {int(transient.sum())} states of an epoch jump up to {means.max():.2g} times until the "
                f"last observation, too often to follow for a gradient; leave out late observations"
            )
        steps = first_guess(means) + part.vertices.size
        jumps = (offsets, targets, probabilities, stay, transient)
        state = np.where(transient, alpha[part.vertices], 0.0)
        exits = np.bincount(part.sources, probabilities * ~transient[targets], state.size)
        segment = max(1, min(steps, _SEGMENT // state.size))
        states, into, visited = [], np.empty(steps), np.empty((0, state.size))
        for begin in range(0, steps, segment):
            states.append(state.copy())
            visited = np.empty((min(segment, steps - begin), state.size))
            follow(*jumps, state, visited)
            into[begin : begin + segment] = visited @ exits
        worth, density = np.zeros(steps), np.empty(times.size)
        weigh(clock * times, counts, into, worth, density)
        with np.errstate(divide="ignore"):
            logs = np.log(density) + np.log(clock)
        small = density < _LEAST
        if small.any():
            question = Question(self._trace, weights, alpha, False)
            logs[small] = question.logarithm("pdf", times[small])
        return _Walk(
            jumps, clock, states, segment, visited, worth, logs, bool((small & np.isfinite(logs)).any())
        )

    def _back(self, epoch: int, walk: _Walk, final: Floats, slopes: Floats) -> Floats:
        """Add derivatives by the weights of an epoch; return what being in each vertex before it is worth."""
        from phasic.kernels.returning import go_back
        from phasic.kernels.stepping import follow, poisson_weights

        part, _, _, length = self._stages[epoch]
        if walk.unlikely:
            raise PhasicError(
                "an observation has a density that is too small for the gradient of a graph with epochs; "
                "leave out late observations, or start from other parameters"
            )
        steps, ends = walk.worth.size, np.zeros(walk.worth.size)
        if length is not None:
            poisson_weights(walk.clock * length, ends)
        ahead, out = np.zeros(part.vertices.size), np.zeros(part.edges.size)
        last = np.where(walk.jumps[-1], final[part.vertices], 0.0)
        visited = walk.last
        for number in range(len(walk.states) - 1, -1, -1):
            begin = number * walk.segment
            here = slice(begin, min(begin + walk.segment, steps))
            if number < len(walk.states) - 1:
                visited = np.empty((here.stop - begin, part.vertices.size))
                follow(*walk.jumps, walk.states[number], visited)
            go_back(*walk.jumps, visited, walk.worth[here], ends[here], last, ahead, out)
        slopes[part.edges] += out / walk.clock
        before = np.zeros(self._transient.size)
        before[part.vertices] = ahead
        return before
