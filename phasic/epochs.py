"""Epochs: chains whose rates change at given times.

A state of epoch k is one state more than the same of epoch k - 1, its last entry k. At the boundary the
chain goes from each state to its sister in the next epoch. So a graph with epochs has edges between
sisters, at rates for which it spends the right expected time in every state:

    rate = P(in the state at the boundary) / E(time in the state until then).

Means of rewards are those of this graph; everything else is computed epoch by epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic import state_space
from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import GraphError, ParameterError, PhasicError
from phasic.graph import Graph
from phasic.initial import Callback
from phasic.state_space import compress, smallest
from phasic.weighting import Weighting

if TYPE_CHECKING:
    from phasic.density import Question, Values
    from phasic.inversion import Kind

_MOST_WORK = 2e11  # visits to edges: many minutes
_MOST_STEPS = 5e7


class EpochGraph(Graph):
    """A graph with epochs, as `Graph.add_epoch` returns it.

    Theta has B + 1 entries for each epoch, one after another: the B parameters of its rates, and one
    that stands for the time at which it begins. That one cannot move the boundary: it has to be 1, or
    the time itself; of the first epoch it has no effect.

    Not everything that can be asked of a graph can be asked of one with epochs: what an answer would
    take as a chain of constant rates is refused.
    """

    @property
    def boundaries(self) -> tuple[float, ...]:
        """When epochs begin, but for the first, which begins at 0."""
        return self._switching.boundaries

    @property
    def _switching(self) -> Switching:
        if not isinstance(self._reading, Switching):
            raise GraphError("a graph with epochs is made by Graph.add_epoch")
        return self._reading

    def moments(self, k: int, rewards: ArrayLike = (), discrete: bool = False) -> list[float]:
        """Return the first `k` raw moments, ``[E[T], E[T**2], ...]``; see `Graph.moments`."""
        first = super().moments(1, rewards, discrete)  # which refuses what has to be refused
        if k == 1 or not isinstance(k, int | np.integer):
            return first
        reward = self._vector(rewards)
        jets = self._collected(int(k), 0, reward, reward)
        return [*first, *(math.factorial(j) * float(jets[j, 0]) for j in range(2, k + 1))]

    def variance(self, rewards: ArrayLike = ()) -> float:
        """Return the variance of the absorption time, or of the reward."""
        return self.covariance(rewards, rewards)

    def covariance(self, rewards1: ArrayLike = (), rewards2: ArrayLike = ()) -> float:
        """Return the covariance of two rewards; without arguments, the variance of the time itself."""
        first, second = self._vector(rewards1), self._vector(rewards2)
        jets = self._collected(1, 1, first, second)
        return float(jets[1, 1] - jets[1, 0] * jets[0, 1])

    def stop_probability(self, t: float) -> list[float]:
        """Return the probability of being in each vertex at time `t`, absorbing ones left out."""
        from phasic import density

        if np.ndim(t) or not float(t) >= 0.0:
            raise GraphError(f"state probabilities were asked for at time {t!r}; pass one number, 0 or more")
        arrays = self._startable()
        begin, alpha = max((phase for phase in self._phases() if phase[0] <= t), key=lambda phase: phase[0])
        structure = (self.trace, arrays.offsets, arrays.targets, self._unswitched, alpha)
        inside = density.stop_probability(*structure, float(t) - begin)
        return [float(p) for p in np.where(np.diff(arrays.offsets) > 0, inside, 0.0)]

    state_probability = stop_probability

    @property
    def _question(self) -> Any:
        """What functions of time are asked of, kept until arrays or weights are others."""
        arrays, weights = self._startable(), self.weights
        kept = self._asked
        if kept is None or kept[0] is not arrays or kept[1] is not weights:
            from phasic.density import Question

            unswitched = self._unswitched
            phases = [(t, Question(self.trace, unswitched, alpha, False)) for t, alpha in self._phases()]
            self._asked = kept = arrays, weights, _Piecewise(phases)  # type: ignore[assignment]
        return kept[2]  # type: ignore[index]

    def log_likelihood(self, times: ArrayLike, gradient: bool = False) -> float:
        """Return the sum of the logarithms of the density at observed times; its gradient is refused."""
        return self._refuse() if gradient else float(np.sum(self.log_pdf(times)))

    def _vector(self, rewards: ArrayLike) -> Floats:
        checked = self._rewards(rewards)
        vector = np.ones(self.arrays.n_vertices) if checked is None else checked.copy()
        vector[np.diff(self.arrays.offsets) == 0] = 0.0
        return vector

    @property
    def _unswitched(self) -> Floats:
        """The weights within epochs."""
        return np.where(switches(self.arrays)[0], 0.0, self.weights)

    def _phases(self) -> Iterator[tuple[float, Floats]]:
        """Return when each epoch begins and how it starts."""
        arrays = self.arrays
        alpha: Floats = np.array(arrays.alpha)
        begin = 0.0
        for k, end in enumerate(self.boundaries):
            yield begin, alpha
            alpha = switched(arrays, k, lived(arrays, self._unswitched, alpha, end - begin)[0])
            begin = end
        yield begin, alpha

    def _collected(self, most1: int, most2: int, rewards1: Floats, rewards2: Floats) -> Floats:
        """Return ``E[Y1**a Y2**b] / (a! b!)`` of two rewards, a <= `most1` and b <= `most2`."""
        from phasic import replay

        arrays, weights = self._startable(), self._unswitched
        jets = np.zeros((most1 + 1, most2 + 1, arrays.n_vertices))
        jets[0, 0] = arrays.alpha
        begin = 0.0
        for k, end in enumerate(self.boundaries):
            jets = switched(arrays, k, carried(arrays, weights, jets, end - begin, rewards1, rewards2))
            begin = end
        factors = replay.factorise(self.trace, weights)
        factors.require_absorption(jets[0, 0])
        rest = np.zeros_like(jets)  # collected from the last boundary on, by the vertex then
        rest[0, 0] = 1.0
        for a, b in np.ndindex(most1 + 1, most2 + 1):
            if a or b:
                right = rewards1 * rest[a - 1, b] if a else np.zeros(arrays.n_vertices)
                right = right + (rewards2 * rest[a, b - 1] if b else 0.0)
                rest[a, b] = np.where(factors.stuck, 0.0, factors.solve(right))
        found = np.zeros((most1 + 1, most2 + 1))
        for a, b in np.ndindex(most1 + 1, most2 + 1):
            found[a, b] = sum(
                float(jets[i, j] @ rest[a - i, b - j]) for i in range(a + 1) for j in range(b + 1)
            )
        return found

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise GraphError(
            "this cannot be asked of a graph with epochs, whose rates are not constant; what can be asked "
            "are moments, covariances, densities, distributions, state probabilities and sojourn times"
        )

    as_matrices = push_cache = _refuse
    expected_waiting_time = _refuse
    backward_probabilities = reward_visit_probability = _refuse
    reward_transform = _refuse
    reward_transform_discrete = _refuse
    accumulated_visiting_time = accumulated_occupancy = accumulated_visits = _refuse
    distribution_context = distribution_context_discrete = _refuse
    sample = sample_multivariate = sample_path = sample_path_conditioned = _refuse
    sample_discrete = sample_multivariate_discrete = sample_stop_vertices = _refuse
    random_sample_stop_vertex = random_sample_discrete_stop_vertex = _refuse


class _Piecewise:
    """Functions of time, each time asked of the epoch that it is in; as `phasic.density.Question`."""

    discrete = False

    def __init__(self, phases: list[tuple[float, Question]]) -> None:
        self._begins = np.array([begin for begin, _ in phases])
        self._questions = [question for _, question in phases]
        self.chain, self.mean = self._questions[0].chain, self._questions[0].mean

    @property
    def limit(self) -> float:
        """Probability of absorption some day."""
        last = self._questions[-1]
        certain = last.limit >= last.chain.total  # whose total has been rounded at every boundary
        return self.chain.total if certain else last.limit

    def ask(self, kind: Kind, times: ArrayLike) -> Values:
        """Return values at `times` of any shape, and an estimate of the error of each."""
        from phasic.density import Values

        return Values(*self._each(times, 2, lambda question, some: question.ask(kind, some)))

    def values(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the density, distribution or survival at `times` of any shape."""
        return self.ask(kind, times).value

    def logarithm(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the logarithm of values at `times`."""
        return self._each(times, 1, lambda question, some: (question.logarithm(kind, some),))[0]

    def _each(
        self, times: ArrayLike, count: int, function: Callable[[Question, Floats], Iterable[Floats]]
    ) -> list[Floats]:
        asked = np.asarray(times, dtype=np.float64)
        epoch = np.maximum(np.searchsorted(self._begins, asked, side="right") - 1, 0)
        found = [np.zeros(asked.shape) for _ in range(count)]
        for k, question in enumerate(self._questions):
            here = epoch == k
            if here.any():
                for array, part in zip(found, function(question, asked[here] - self._begins[k]), strict=True):
                    array[here] = part
        return found


@dataclass(frozen=True)
class Switching:
    """A `Reading` that gives the edges between sisters the rates that keep expected times right.

    Attributes
    ----------
    boundaries : tuple of float
        When epochs begin, but for the first.
    length : int
        Entries of theta for each epoch.
    """

    boundaries: tuple[float, ...]
    length: int

    def __call__(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        """Return the weights at `theta`.

        Raises
        ------
        ParameterError
            Theta would move a boundary.
        """
        for k, boundary in enumerate(self.boundaries, start=1):
            place = (k + 1) * self.length - 1
            if theta is not None and theta.size > place and theta[place] not in (1.0, boundary):
                raise ParameterError(
                    f"entry {place} of theta is {theta[place]:g}, but epoch {k} begins at {boundary:g}; pass "
                    f"1 or that time, and to move a boundary, add the epoch anew"
                )
        weights = weighting(arrays, theta)
        switch, sources = switches(arrays)
        weights = np.where(switch, 0.0, weights)
        alpha, begin, rates = arrays.alpha, 0.0, np.zeros(arrays.n_vertices)
        for k, end in enumerate(self.boundaries):
            there, until = lived(arrays, weights, alpha, end - begin)
            mine = (arrays.states[:, -1] == k) & (until > 0.0)
            rates[mine] = there[mine] / until[mine]
            alpha, begin = switched(arrays, k, there), end
        return np.where(switch, rates[sources], weights)


def switches(arrays: GraphArrays) -> tuple[NDArray[np.bool_], Integers]:
    """Return which edges lead to the next epoch, and where each edge starts."""
    sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    epoch = arrays.states[:, -1]
    return epoch[arrays.targets] != epoch[sources], sources


def switched(arrays: GraphArrays, epoch: int, mass: Floats) -> Floats:
    """Return `mass`, float64[..., n], with that of the states of an epoch moved to their sisters."""
    switch, sources = switches(arrays)
    switch = switch & (arrays.states[sources, -1] == epoch)
    moved = mass.copy()
    moved[..., sources[switch]] = 0.0
    moved[..., arrays.targets[switch]] = mass[..., sources[switch]]
    return moved


def lived(arrays: GraphArrays, weights: Floats, alpha: Floats, t: float) -> tuple[Floats, Floats]:
    """Return the probability of being in each vertex at time `t`, and the expected time there until then.

    By uniformisation, in sums of products of non-negative numbers.
    """
    from phasic.kernels.stepping import blend
    from phasic.uniformisation import Chain

    chain = Chain.reached(arrays.offsets, arrays.targets.astype(np.int32), weights, alpha, False)
    counts = _jumps(chain.clock * t, chain.targets.size)
    # After k jumps the chain stays for the k-th time, if the (k + 1)-th jump is later than t.
    beyond = np.append(np.cumsum(counts[:0:-1])[::-1], 0.0)  # P(N > k)
    part = np.zeros((2, chain.vertices.size))
    blend(*chain.jumps, chain.alpha.copy(), np.stack([counts, beyond / chain.clock]), part)
    out = np.zeros((2, arrays.n_vertices))
    out[:, chain.vertices] = part
    return out[0], out[1]


def carried(
    arrays: GraphArrays, weights: Floats, jets: Floats, t: float, rewards1: Floats, rewards2: Floats
) -> Floats:
    """Return ``E[Y1**a Y2**b; where the chain is] / (a! b!)`` a time `t` later, float64[..., n].

    These are the terms of ``alpha exp((S + x R1 + y R2) t)`` in ``x**a y**b``, by uniformisation.
    """
    from phasic.kernels.collecting import collect
    from phasic.uniformisation import Chain

    chain = Chain.reached(arrays.offsets, arrays.targets.astype(np.int32), weights, jets[0, 0], False)
    counts = _jumps(chain.clock * t, chain.targets.size * jets[..., 0].size)
    r1, r2 = rewards1[chain.vertices] / chain.clock, rewards2[chain.vertices] / chain.clock
    now = np.ascontiguousarray(jets[..., chain.vertices])
    total = np.zeros_like(now)
    collect(*chain.jumps, r1, r2, counts, now, total)
    out = np.zeros_like(jets)
    out[..., chain.vertices] = total
    return out


def _jumps(mean: float, edges: int) -> Floats:
    """Return the probability of 0, 1, ... jumps; beyond the last one it is negligible."""
    from phasic.kernels.stepping import poisson_weights

    steps = mean + 10.0 * math.sqrt(mean) + 60.0
    if steps > _MOST_STEPS or steps * edges > _MOST_WORK:
        raise PhasicError(
            f"an epoch lasts about {mean:.1g} jumps of the fastest state, more than can be followed; "
            f"leave out states that are left at once, or begin the next epoch earlier"
        )
    counts = np.zeros(int(steps))
    poisson_weights(mean, counts)
    return counts


def add_epoch(graph: Graph, time: float, callback: Callback, parameters: Mapping[str, Any]) -> EpochGraph:
    """Return `graph` with one epoch more, that begins at `time` and has the transitions of `callback`.

    Parameters
    ----------
    graph : Graph
        A continuous graph; its theta holds in the new epoch too.
    time : float
        After the beginning of the last epoch.
    callback, parameters
        As for `state_space.explore`; states have no entry for the epoch there. Weights have as many
        coefficients as those of the graph.

    Raises
    ------
    GraphError
        The time is not later than the last boundary, or the graph or the callback does not fit.
    """
    arrays, theta = graph.arrays, graph.theta
    switching = graph._reading
    if arrays.discrete or not (switching is None or isinstance(switching, Switching)):
        raise GraphError("epochs can only be added to a continuous graph that was not made of another")
    if switching is None:
        length = arrays.n_parameters + 1
        boundaries: tuple[float, ...] = ()
        states = np.pad(arrays.states.astype(np.int64), ((0, 0), (0, 1)))
        rows = np.pad(arrays.coefficients, ((0, 0), (0, 1)))
        theta = None if theta is None else np.append(theta, 1.0)
    else:
        length, boundaries = switching.length, switching.boundaries
        states, rows = arrays.states.astype(np.int64), arrays.coefficients
    last = boundaries[-1] if boundaries else 0.0
    if np.ndim(time) or not last < float(time) < math.inf:
        raise GraphError(f"an epoch was to begin at {time!r}; pass a time after {last:g}")
    boundaries = (*boundaries, float(time))
    k = len(boundaries)

    degrees = np.diff(arrays.offsets)
    leaving = np.flatnonzero((degrees > 0) & (states[:, -1] == k - 1))
    new = state_space.extend(_unexplored(states[leaving, :-1], length - 1), callback, parameters)
    if new.targets.size and new.n_parameters != length - 1:
        raise GraphError(
            f"weights of the new epoch have {new.n_parameters} coefficients, those before {length - 1}; "
            f"they must be as many"
        )
    n, more = arrays.n_vertices, new.n_vertices - 1
    place = k * length
    new_rows = np.zeros((new.targets.size, (k + 1) * length))
    new_rows[:, place : place + length - 1] = new.coefficients
    sisters = np.zeros((leaving.size, (k + 1) * length))
    sisters[:, -1] = 1.0
    later = np.column_stack([new.states[1:].astype(np.int64), np.full(more, k)])
    offsets, targets, coefficients = compress(
        n + more,
        np.concatenate(
            [
                np.repeat(np.arange(n), degrees),
                np.repeat(np.arange(more + 1), np.diff(new.offsets)) + n - 1,
                leaving,
            ]
        ),
        np.concatenate([arrays.targets, new.targets + n - 1, np.arange(n, n + leaving.size)]),
        np.concatenate([np.pad(rows, ((0, 0), (0, length))), new_rows, sisters]),
    )
    made = EpochGraph.from_arrays(
        replace(
            arrays,
            states=smallest(np.concatenate([states, later])),
            offsets=offsets,
            targets=targets,
            coefficients=coefficients,
            parameterised=True,
        )
    )
    made._reading = Switching(boundaries, length)
    made._weighting = graph._weighting
    if theta is not None:
        made._theta = np.concatenate([theta, theta[-length:-1], [1.0]])
    made._callback, made._parameters = callback, dict(parameters)
    return made


def _unexplored(states: NDArray[np.int64], n_parameters: int) -> GraphArrays:
    """Return a graph of these states without any edges."""
    n = len(states) + 1
    return GraphArrays(
        states=np.concatenate([np.zeros((1, states.shape[1]), np.int64), states]),
        start_targets=np.array([1]),
        start_weights=np.ones(1),
        offsets=np.zeros(n + 1, dtype=np.int64),
        targets=np.zeros(0, dtype=np.int64),
        coefficients=np.zeros((0, n_parameters)),
    )
