"""What a likelihood is a sum of: observations of the absorption time or of one reward, or of outcomes."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats, GraphArrays
from phasic.engine import Engine
from phasic.errors import AbsorptionError, GraphError
from phasic.likelihood import Likelihood
from phasic.observations import Observations
from phasic.reduction import Reduction
from phasic.replay import factorise
from phasic.trace import Trace

Evaluate = Callable[[Floats, bool], tuple[float, Floats | None]]
"""``(weights, gradient) -> (value, derivatives by every weight)``; not for two threads at once."""


class Part(Protocol):
    """Some observations of a graph."""

    def __len__(self) -> int:
        """Return the number of observations."""

    def evaluator(self) -> Evaluate:
        """Return a function for one thread."""

    def terms(self, weights: Floats) -> Floats:
        """Return the logarithm of what each observation is worth."""

    def described(self, place: int) -> str:
        """Return an observation in words."""

    def scale(self, weights: Floats) -> float:
        """Return what is expected over what is observed on average; not a number where that is not known."""

    def reason(self, weights: Floats, place: int) -> str:
        """Return why an observation has probability zero at these weights, as far as that is plain."""


class Times:
    """Observations of the absorption time, or of the reward that is collected until then.

    Parameters
    ----------
    arrays, engine
        The graph.
    observations : Observations
    places : int64[n]
        Where they stand in the data.
    rewards : float64[n], optional
    name : str
        Of this column of the data, in messages.
    """

    def __init__(
        self,
        arrays: GraphArrays,
        engine: Engine,
        observations: Observations,
        rewards: Floats | None = None,
        name: str = "",
        places: Any = None,
    ) -> None:
        self.observations = observations
        self.places = np.arange(len(observations)) if places is None else places
        self.rewards = rewards
        self._arrays, self._engine, self._name = arrays, engine, name
        self._reduction = None
        if rewards is not None:
            self._reduction = Reduction(arrays, engine.trace, rewards)

    def __len__(self) -> int:
        return len(self.observations)

    def some(self, members: Any) -> Times:
        """Return some of these observations, by their numbers."""
        seen, out = self.observations, copy(self)
        out.observations = Observations(seen.low[members], seen.high[members], seen.entry[members])
        out.places = self.places[members]
        return out

    def evaluator(self) -> Evaluate:
        """See `Part`."""
        reduction = self._reduction
        if reduction is None:
            return self._likelihood()
        likelihood = self._reduced_likelihood(reduction)

        def evaluate(weights: Floats, gradient: bool) -> tuple[float, Floats | None]:
            found = reduction(weights)
            if not gradient:
                return likelihood.at(found.weights, found.alpha, False)[0], None
            value, slopes = likelihood.at(found.weights, found.alpha)
            return value, reduction.carried_back(found, slopes.weights, slopes.starts)

        return evaluate

    def _likelihood(self) -> Likelihood:
        return self._engine.likelihood(self.observations)

    def _reduced_likelihood(self, reduction: Reduction) -> Likelihood:
        missing = 1.0 - float(self._arrays.alpha.sum())
        return Likelihood(
            reduction.trace, reduction.support, self.observations, self._arrays.discrete, max(0.0, missing)
        )

    def terms(self, weights: Floats) -> Floats:
        """See `Part`."""
        reduction = self._reduction
        if reduction is None:
            return self._likelihood().terms(weights)
        found = reduction(weights)
        return self._reduced_likelihood(reduction).terms(found.weights, found.alpha)

    def described(self, place: int) -> str:
        """See `Part`."""
        words = f"observation {int(self.places[place])}{self._name} is {self.observations.described(place)}"
        return words

    def scale(self, weights: Floats) -> float:
        """See `Part`."""
        observed = float(self.observations.typical().mean())
        try:
            expected = self._expected(weights)
        except AbsorptionError:
            return np.nan
        return expected / observed if expected > 0.0 and observed > 0.0 else np.nan

    def _expected(self, weights: Floats) -> float:
        if self.rewards is None:
            return float(self._engine.moments(weights, 1)[0])
        factors = factorise(self._engine.trace, weights)
        factors.require_absorption(self._arrays.alpha)
        starts = self._arrays.alpha > 0.0
        return float(self._arrays.alpha[starts] @ factors.solve(self.rewards.copy())[starts])

    def reason(self, weights: Floats, place: int) -> str:
        """See `Part`."""
        arrays, observed = self._arrays, self.observations
        steps, start, stuck = self._way_out(weights)
        if stuck is not None:
            return f"no absorbing state can be reached from state {arrays.states[stuck].tolist()}"
        if self.rewards is not None:
            return "no path collects that much, or that little"
        if observed.high[place] == 0.0 and not arrays.discrete:
            return f"no initial state, such as {arrays.states[start].tolist()}, leads to absorption at once"
        if arrays.discrete and observed.high[place] < steps:
            return f"absorption takes {steps} steps at least, from state {arrays.states[start].tolist()}"
        return "the model cannot be absorbed then"

    def _way_out(self, weights: Floats) -> tuple[int, int, int | None]:
        """Return the length of the shortest way out, the initial state it leads from, and one without any."""
        arrays = self._arrays
        source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
        used = weights > 0.0
        away = np.where(np.diff(arrays.offsets) == 0, 0, -1)
        for length in range(1, arrays.n_vertices):
            new = used & (away[arrays.targets] == length - 1) & (away[source] < 0)
            if not new.any():
                break
            away[source[new]] = length
        starts = np.flatnonzero(arrays.alpha > 0.0)
        if (away[starts] < 0).all():
            return 0, int(starts[0]), int(starts[0])
        best = starts[away[starts] >= 0]
        best = best[away[best].argmin()]
        return int(away[best]), int(best), None


def outcome_vertices(arrays: GraphArrays) -> NDArray[np.int64]:
    """Return the vertices that have one edge, to an absorbing one, int64[k]."""
    ends, lone = np.diff(arrays.offsets) == 0, np.flatnonzero(np.diff(arrays.offsets) == 1)
    return np.asarray(lone[ends[arrays.targets[arrays.offsets[lone]]]], np.int64)


class Outcomes:
    """Observations of the vertex through which a chain is absorbed, as in a graph of joint probabilities.

    Its probability is the expected number of visits to it, each of these vertices being visited once at most.

    Parameters
    ----------
    arrays, trace
        The graph.
    vertices : int64[n]
        Of each observation.
    """

    def __init__(self, arrays: GraphArrays, trace: Trace, vertices: ArrayLike) -> None:
        found = np.asarray(vertices)
        whole = found.ndim == 1 and found.size and np.issubdtype(found.dtype, np.number)
        if not whole or not (found == np.floor(found)).all():
            raise GraphError(
                f"outcomes have shape {found.shape} and dtype {found.dtype}; pass a vector of vertices"
            )
        n = arrays.n_vertices
        bad = (found < 0) | (found >= n)
        self.vertices = found.astype(np.int64)
        self._arrays, self._trace = arrays, trace
        final = np.zeros(n, np.bool_)
        final[outcome_vertices(arrays)] = True
        bad[~bad] |= ~final[self.vertices[~bad]]
        if bad.any():
            place = int(bad.argmax())
            raise GraphError(
                f"observation {place} is vertex {found[place]}, which is no outcome: outcomes are vertices "
                f"with one edge, to an absorbing vertex; joint_prob_table() has them as its index"
            )
        self._distinct, self._which, counts = np.unique(
            self.vertices, return_inverse=True, return_counts=True
        )
        self._counts = counts.astype(np.float64)
        self._out = arrays.offsets[self._distinct]

    def evaluator(self) -> Evaluate:
        """See `Part`."""
        return self._evaluated

    def __len__(self) -> int:
        return int(self.vertices.size)

    @property
    def places(self) -> Any:
        """Where they stand in the data, int64[n]."""
        return np.arange(len(self))

    def some(self, members: Any) -> Outcomes:
        """Return some of these observations, by their numbers."""
        return Outcomes(self._arrays, self._trace, self.vertices[members])

    def _probabilities(self, weights: Floats, alpha: Floats) -> tuple[Floats, Any, Floats]:
        factors = factorise(self._trace, weights)
        times = factors.solve_transposed(alpha)
        out = np.ones(self._distinct.size) if self._arrays.discrete else weights[self._out]
        return times[self._distinct] * out, factors, times

    def _evaluated(self, weights: Floats, gradient: bool) -> tuple[float, Floats | None]:
        value, slopes, _ = self._from(self._arrays.alpha, weights, gradient)
        return value, np.full(weights.size, np.nan) if gradient and slopes is None else slopes

    def _from(
        self, alpha: Floats, weights: Floats, gradient: bool
    ) -> tuple[float, Floats | None, Floats | None]:
        """Return the log-likelihood where the chain starts by `alpha`, its derivatives, and those by `alpha`.

        None where the likelihood is zero, or they were not asked for.
        """
        probability, factors, times = self._probabilities(weights, alpha)
        if not (probability > 0.0).all():
            return -np.inf, None, None
        value = float(self._counts @ np.log(probability))
        if not gradient:
            return value, None, None
        arrays, share = self._arrays, self._counts / probability
        worth = np.zeros(arrays.n_vertices)
        worth[self._distinct] = share if arrays.discrete else share * weights[self._out]
        ahead = factors.solve(worth)
        ahead[np.diff(arrays.offsets) == 0] = 0.0
        source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
        slopes = times[source] * (ahead[arrays.targets] - ahead[source])
        if not arrays.discrete:
            slopes[self._out] += share * times[self._distinct]
        return value, np.asarray(slopes), ahead

    def terms(self, weights: Floats) -> Floats:
        """See `Part`."""
        with np.errstate(divide="ignore"):
            return np.asarray(
                np.log(self._probabilities(weights, self._arrays.alpha)[0])[self._which.reshape(-1)]
            )

    def described(self, place: int) -> str:
        """See `Part`."""
        vertex = int(self.vertices[place])
        return f"observation {place} is vertex {vertex} with state {self._arrays.states[vertex].tolist()}"

    def scale(self, weights: Floats) -> float:
        """See `Part`."""
        return np.nan

    def reason(self, weights: Floats, place: int) -> str:
        """See `Part`."""
        return "the chain does not get there"
