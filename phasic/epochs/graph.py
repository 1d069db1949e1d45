"""What can be asked of a graph with epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.epochs.boundaries import Epochs
from phasic.epochs.switching import Switching
from phasic.errors import GraphError
from phasic.graph import Graph
from phasic.keywords import also
from phasic.weighting import linear, product

if TYPE_CHECKING:
    from phasic.epochs.context import SteppingThroughEpochs
    from phasic.epochs.engine import EpochEngine
    from phasic.indexer import StateIndexer
    from phasic.sampling import Path, Walks


class EpochGraph(Graph):
    """A graph with epochs, as `Graph.add_epoch` returns it.

    Theta has B + 1 entries for each epoch, one after another: the B parameters of its rates, and one
    that stands for the time at which it begins. That one cannot move the boundary: it has to be 1, or
    the time itself, and derivatives by it are zero; of the first epoch it has no effect.

    Not everything that can be asked of a graph can be asked of one with epochs: what an answer would
    take as a chain of constant rates is refused.
    """

    @property
    def boundaries(self) -> tuple[float, ...]:
        """When epochs begin, but for the first, which begins at 0."""
        return self._switching.boundaries

    # Moments

    def moments(self, k: int, rewards: ArrayLike = (), discrete: bool = False) -> list[float]:
        """Return the first `k` raw moments, ``[E[T], E[T**2], ...]``; see `Graph.moments`."""
        from phasic.epochs.moments import raw_moments

        if not isinstance(k, int | np.integer) or k <= 1:
            return super().moments(k, rewards, discrete)
        first = super().moments(1, rewards, discrete)  # which refuses what has to be refused
        reward = self._vector(rewards)
        jets, _ = self._collected((reward, reward), (int(k), 0))
        return [*first, *raw_moments(jets)[1:].tolist()]

    def variance(self, rewards: ArrayLike = ()) -> float:
        """Return the variance of the absorption time, or of the reward."""
        return self.covariance(rewards, rewards)

    def covariance(self, rewards1: ArrayLike = (), rewards2: ArrayLike = ()) -> float:
        """Return the covariance of two rewards; without arguments, the variance of the time itself."""
        jets, _ = self._collected((self._vector(rewards1), self._vector(rewards2)), (1, 1))
        return float(jets[1, 1] - jets[1, 0] * jets[0, 1])

    def expectation_gradient(self, rewards: ArrayLike = ()) -> tuple[float, Floats]:
        """Return the expectation and its derivatives with respect to theta, float64[p]."""
        values, slopes = self.moments_gradient(1, rewards)
        return values[0], slopes[0]

    def moments_gradient(self, k: int, rewards: ArrayLike = ()) -> tuple[list[float], Floats]:
        """Return the first `k` raw moments and their derivatives with respect to theta, float64[k, p]."""
        from phasic.epochs.moments import raw_moments

        values, reward = self.moments(k, rewards), self._vector(rewards)
        slopes = [self._collected((reward, reward), (int(k), 0), row)[1] for row in self._slopes().T]
        return values, np.stack([raw_moments(jets) for jets in slopes], axis=1)

    def _collected(
        self, rewards: tuple[Floats, Floats], orders: tuple[int, int], direction: Floats | None = None
    ) -> tuple[Floats, Floats]:
        from phasic.epochs.moments import collected

        parts = (self._epochs, self._startable(), self.trace, self._within)
        return collected(*parts, rewards, orders, direction)

    def _vector(self, rewards: ArrayLike) -> Floats:
        checked = self._rewards(rewards)
        vector = np.ones(self.arrays.n_vertices) if checked is None else checked.copy()
        vector[np.diff(self.arrays.offsets) == 0] = 0.0
        return vector

    # Functions of time

    def stop_probability(self, t: float) -> list[float]:
        """Return the probability of being in each vertex at time `t`, absorbing ones left out."""
        from phasic import density

        if np.ndim(t) or not float(t) >= 0.0:
            raise GraphError(f"state probabilities were asked for at time {t!r}; pass one number, 0 or more")
        arrays = self._startable()
        begin, alpha = [start for start in self._starts() if start[0] <= t][-1]
        structure = (self.trace, arrays.offsets, arrays.targets, self._within, alpha)
        inside = density.stop_probability(*structure, float(t) - begin)
        return [float(p) for p in np.where(np.diff(arrays.offsets) > 0, inside, 0.0)]

    state_probability = stop_probability

    def accumulated_visiting_time(self, t: float, granularity: int = 0) -> list[float]:
        """Return the expected time spent in each vertex up to time `t`; see `Graph`."""
        from phasic import accumulated

        try:
            time = float(t)
        except (TypeError, ValueError):
            time = math.nan
        if not time >= 0.0:
            raise GraphError(f"accumulated times were asked for at time {t!r}; pass one number, 0 or more")
        if time == math.inf:
            return self.expected_sojourn_time()
        arrays, epochs = self._startable(), self._epochs
        transient, spent = np.diff(arrays.offsets) > 0, np.zeros(arrays.n_vertices)
        for k, (begin, alpha) in enumerate(self._starts()):
            if k < len(epochs.lengths) and time >= epochs.begins[k + 1]:
                spent += epochs.lived(k, self._within, alpha, epochs.lengths[k])[1]
                continue
            where = np.flatnonzero(alpha)
            now = replace(arrays, start_targets=where, start_weights=alpha[where])
            spent += accumulated.accumulated(now, self._within, time - begin, lambda: self.trace)
            break
        return [float(time) for time in np.where(transient, spent, 0.0)]

    accumulated_occupancy = accumulated_visiting_time

    def distribution_context(self, granularity: int = 0) -> SteppingThroughEpochs:
        """Return the distribution at time zero, to be moved on step by step; see `Graph`."""
        from phasic.epochs.context import SteppingThroughEpochs

        return SteppingThroughEpochs(self, granularity)

    def log_likelihood(self, times: ArrayLike, gradient: bool = False) -> Any:
        """Return the sum of the logarithms of the density at observed times; see `Graph.log_likelihood`."""
        from phasic.epochs.engine import EpochEngine

        likelihood = EpochEngine(self._startable(), self.trace, self._switching).likelihood(
            self._times(times)
        )
        weights = self._within + self._epochs.switch  # 1 for times, which do not move
        if not gradient:
            return likelihood(weights, gradient=False).value
        slopes = self._slopes()
        value, by_weight = likelihood(weights)
        assert by_weight is not None
        return value, np.einsum("m,mp->p", by_weight, slopes)

    @property
    def _question(self) -> Any:
        """What functions of time are asked of, kept until arrays or weights are others."""
        arrays, weights = self._startable(), self.weights
        kept = self._asked
        if kept is None or kept[0] is not arrays or kept[1] is not weights:
            from phasic.epochs.density import Piecewise
            from phasic.question import Question

            within = self._within
            phases = [(t, Question(self.trace, within, alpha, False)) for t, alpha in self._starts()]
            self._asked = kept = arrays, weights, Piecewise(phases)  # type: ignore[assignment]
        return kept[2]  # type: ignore[index]

    # Draws

    def _walks_of(self, arrays: GraphArrays, endless: bool = False) -> Walks:
        from phasic.epochs import sampling

        return sampling.prepare(self._epochs, arrays, self._within, endless)

    def _paths_to(self, ends: Integers, n: int, rng: np.random.Generator) -> list[Path]:
        from phasic.epochs import sampling

        walks = self._prepared()
        self._refuse_trap(walks, "its path has no end")
        chance = sampling.chance_of_ending(self._epochs, self.arrays, self._within, ends)
        self._require_way(chance, ends)
        return sampling.paths_to(walks, ends, chance, n, rng)

    # Graphs made of this one

    def reward_transform(self, rewards: ArrayLike, *, validate_rewards: bool = True) -> EpochGraph:
        """Return the graph whose absorption time is the reward of this one, if that has epochs too.

        That takes one positive reward for all states of an epoch, such as its number of years per unit of
        time: boundaries are then as far along in the reward.

        Raises
        ------
        GraphError
            States of an epoch have different rewards, or none: the boundary would come at another amount
            of the reward on every path.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.lineages(2)).add_epoch(1.0)
        >>> years = graph.reward_transform([25.0] * graph.vertices_length())
        >>> years.boundaries, round(years.expectation() / graph.expectation(), 12)
        ((25.0,), 25.0)
        """
        from phasic.epochs.transformations import on_another_clock

        return on_another_clock(self, self._vector(rewards))

    def laplace_transform(self, s: float) -> EpochGraph:
        """Return the graph in which every state is left for an absorbing one at one more rate; see `Graph`.

        Raises
        ------
        GraphError
            As for `Graph`, or states become absorbing at a boundary.
        """
        from phasic.epochs.transformations import killed

        return killed(self, s)

    def absorbing_state_rewards(self) -> Floats:
        """Return the rate at which each vertex is left for an absorbing one, float64[n]; see `Graph`."""
        from phasic.laplace import Killing, exit_rates

        switching, weights = self._switching, self._within
        if isinstance(switching.within, Killing):
            without = replace(switching, within=switching.within.without)
            weights = without.inner(self.arrays, self._theta, self._weighting)
        return exit_rates(self.arrays, weights)

    @also(base_graph_indexer="indexer")
    def joint_prob_graph(
        self,
        indexer: StateIndexer | None = None,
        reward_only: Sequence[str] | None = None,
        mutation_rate: float = 1.0,
        reward_limit: int | None = None,
        tot_reward_limit: float = math.inf,
        discrete: bool = True,
        *,
        reward_rates_callback: Callable[..., Any] | None = None,
    ) -> Graph:
        """Return the graph of states joined with counts of events, for `joint_prob_table`; see `Graph`.

        Events go on through all epochs, and counts are kept at boundaries. The last parameter of theta, one
        for all epochs, scales `mutation_rate`. Outcomes have a row for every epoch in which they can be
        reached, unless `reward_only` is given.

        Parameters
        ----------
        discrete : bool
            Whether the result counts jumps and events: of them only expected numbers are known, and the
            table. With rates, it is a graph with epochs.
        reward_rates_callback : callable, optional
            As there; the last entry of the state that it is given is the number of the epoch.
        """
        from phasic.epochs.jumps import EpochJumps
        from phasic.epochs.transformations import joined

        made = joined(
            self,
            indexer=indexer,
            reward_only=reward_only,
            mutation_rate=mutation_rate,
            reward_limit=reward_limit,
            tot_reward_limit=tot_reward_limit,
            reward_rates_callback=reward_rates_callback,
        )
        return EpochJumps.counting(made) if discrete else made

    def _like_this(self, arrays: GraphArrays, switching: Switching, theta: Floats | None) -> EpochGraph:
        """Return a graph with other content and the flags of this one."""
        made = EpochGraph.from_arrays(arrays)
        made._reading, made._theta, made._weighting = switching, theta, self._weighting
        made.cache_trace, made.cache_moments = self.cache_trace, self.cache_moments
        made.indexer = self.indexer
        return made

    # What the answers are made of

    @property
    def _switching(self) -> Switching:
        if not isinstance(self._reading, Switching):
            raise GraphError("a graph with epochs is made by Graph.add_epoch")
        return self._reading

    @property
    def _epochs(self) -> Epochs:
        return self._switching.epochs(self.arrays)

    @property
    def _epoch_of_vertices(self) -> Integers:
        """The epoch of each vertex, int64[n], of a graph that was not joined with counts."""
        return self.arrays.states[:, -1].astype(np.int64)

    @property
    def _within(self) -> Floats:
        """The weights within epochs; those between sisters are zero."""
        return np.where(self._epochs.switch, 0.0, self.weights)

    def _starts(self) -> Iterator[tuple[float, Floats]]:
        """Yield when each epoch begins and how it starts."""
        return self._epochs.starts(self._within)

    def _slopes(self) -> Floats:
        """Return the derivative of each weight within epochs by each parameter, float64[m, p]."""
        switch = self._epochs.switch[:, None]
        if self._weighting is linear:
            return np.where(switch, 0.0, self.arrays.coefficients)
        if self._weighting is not product or self._theta is None or (self._theta == 0.0).any():
            raise GraphError(
                "derivatives are known where weights are sums over theta, or with log=True products without "
                "a zero in theta, but not where they follow from a callback"
            )
        theta, length = self._theta, self._switching.length
        sources = self._epochs.sources
        place = np.arange(theta.size)
        own = self._epoch_of_vertices[sources][:, None] == place // length
        own = own & (place % length < length - 1) & ~switch
        return np.where(own, self.weights[:, None] / theta, 0.0)

    def _engine(self) -> EpochEngine:
        """Return what is evaluated at theta after theta; weights have to be sums over it."""
        from phasic.epochs.engine import EpochEngine

        if self._weighting is not linear or self._switching.within is not None:
            raise GraphError(
                "the weights of this graph are no sums of coefficients times theta, so their derivatives "
                "are not known; take the graph it was made of"
            )
        return EpochEngine(self._startable(), self.trace, self._switching)

    def _settled(self) -> dict[int, float]:
        """Return entries of theta that stand for times, by their place."""
        return dict.fromkeys(self._switching.places, 1.0)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise GraphError(
            "this cannot be asked of a graph with epochs, whose rates are not constant; what can be asked "
            "are moments and their gradients, covariances, densities, distributions, state probabilities, "
            "times spent, samples and fits"
        )

    as_matrices = push_cache = _refuse
    backward_probabilities = reward_visit_probability = _refuse
    expected_waiting_time = _refuse  # it depends on when the state was entered
    reward_transform_discrete = _refuse
    accumulated_visits = distribution_context_discrete = _refuse
    sample_discrete = sample_multivariate_discrete = random_sample_discrete_stop_vertex = _refuse
