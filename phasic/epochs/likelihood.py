"""Log-likelihood of observed absorption times of a chain with epochs, and its gradient.

Forth through the epochs, to find where the chain is; and back, from what the observations are worth to what
every weight is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.density import Question
from phasic.epochs.boundaries import Epochs, Part
from phasic.epochs.density import by_epoch
from phasic.errors import GraphError, PhasicError
from phasic.likelihood import LogLikelihood

_SEGMENT = 2**22  # numbers of remembered states at once
_MOST_VISITS = 2e11  # to edges, there and back
_LEAST = -650.0  # logarithm of densities by which can be divided


class _Stage(NamedTuple):
    """One epoch: its observations from its beginning on, how many of each, and how long it lasts, if it ends."""

    part: Part
    times: Floats
    counts: Floats
    length: float | None


class EpochLikelihood:
    """Observations of one graph with epochs; used as `phasic.likelihood.Likelihood`.

    Parameters
    ----------
    epochs : Epochs
    inner : callable
        From the weights of all edges to those within epochs.
    questions : callable
        From weights within epochs to the chain of each epoch.
    transient : bool[n]
    times : array_like

    Raises
    ------
    GraphError
        An observation is negative, infinite or not a number, or there is none.
    """

    def __init__(
        self,
        epochs: Epochs,
        inner: Callable[[Floats], Floats],
        questions: Callable[[Floats], list[Question]],
        transient: ArrayLike,
        times: ArrayLike,
    ) -> None:
        observed = np.asarray(times, dtype=np.float64).ravel()
        if observed.size == 0:
            raise GraphError("there are no observations; pass at least one time")
        if not (np.isfinite(observed).all() and observed.min() >= 0.0):
            raise GraphError("observations must be finite times >= 0; leave out what was not absorbed")
        self._epochs, self._inner, self._questions = epochs, inner, questions
        self._transient = np.asarray(transient, np.bool_)
        distinct, counts = np.unique(observed, return_counts=True)
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
        questions = self._questions(within)
        logs = [q.logarithm("pdf", s.times) for q, s in zip(questions, self._stages, strict=False)]
        value = float(sum(stage.counts @ log for stage, log in zip(self._stages, logs, strict=True)))
        if not gradient:
            return LogLikelihood(value, None)
        slopes = np.zeros(within.size)
        if not np.isfinite(value):
            return LogLikelihood(value, np.full(within.size, np.nan))
        least = min(float(log.min(initial=0.0)) for log in logs)
        if least < _LEAST:
            raise PhasicError(
                f"an observation has a density of only exp({least:.0f}), too little for a gradient of a graph "
                f"with epochs; leave out late observations, or start from other parameters"
            )
        worth = np.zeros(self._transient.size)
        for k in range(len(self._stages) - 1, -1, -1):
            if k < len(self._stages) - 1:
                worth = self._epochs.before(k, worth)
            worth = self._back(k, within, questions[k].alpha, logs[k], worth, slopes)
        return LogLikelihood(value, slopes)

    def _back(
        self, epoch: int, weights: Floats, alpha: Floats, logs: Floats, final: Floats, slopes: Floats
    ) -> Floats:
        """Add derivatives by the weights of an epoch; return what being in each vertex before it is worth."""
        from phasic.kernels.returning import go_back
        from phasic.kernels.stepping import follow, poisson_weights
        from phasic.uniformisation import first_guess

        part, times, counts, length = self._stages[epoch]
        transient = self._transient[part.vertices]
        clock, (offsets, targets, probabilities, stay) = part.uniform(weights)
        means = clock * (times if length is None else np.append(times, length))
        steps = first_guess(means) + part.vertices.size
        if float(steps) * part.edges.size > _MOST_VISITS:
            raise PhasicError(
                f"the {int(transient.sum())} states of an epoch jump up to {float(steps):.2g} times, too often "
                f"to follow for a gradient; leave out late observations"
            )
        worth, ends, row = np.zeros(steps), np.zeros(steps), np.empty(steps)
        for time, share in zip(times, counts * np.exp(-logs), strict=True):
            poisson_weights(clock * time, row)
            worth += share * clock * row
        if length is not None:
            poisson_weights(clock * length, ends)
        jumps = (offsets, targets, probabilities, stay, transient)
        state = np.where(transient, alpha[part.vertices], 0.0)
        segment = max(1, min(steps, _SEGMENT // part.vertices.size))
        begins, states = range(0, steps, segment), []
        for begin in begins:
            states.append(state.copy())
            follow(*jumps, state, np.empty((min(segment, steps - begin), state.size)))
        ahead, out = np.zeros(state.size), np.zeros(part.edges.size)
        last = np.where(transient, final[part.vertices], 0.0)
        for begin, first in zip(reversed(begins), reversed(states), strict=True):
            visited = np.empty((min(segment, steps - begin), state.size))
            follow(*jumps, first, visited)
            here = slice(begin, begin + visited.shape[0])
            go_back(*jumps, visited, worth[here], ends[here], last, ahead, out)
        slopes[part.edges] += out / clock
        before = np.zeros(self._transient.size)
        before[part.vertices] = ahead
        return before
