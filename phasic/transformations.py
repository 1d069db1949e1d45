"""Graphs made of graphs: the methods, each a few lines around a function of the file that it names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import AbsorptionError, GraphError
from phasic.initial import Callback
from phasic.keywords import also
from phasic.spellings import DiscreteSpellings
from phasic.weighting import Reading, Weighting, linear, shares

if TYPE_CHECKING:
    from phasic.building import Builder
    from phasic.epochs import EpochGraph
    from phasic.graph import Graph


class Transformations(DiscreteSpellings):
    """What can be made of a graph. Only `normalize` changes the graph itself."""

    rewards: Integers | None = None
    """Of a graph that `discretize` made: one in the vertices of events, zero elsewhere."""

    auxiliary: set[int]
    indexer: Any
    cache_trace: bool
    cache_moments: bool
    _callback: Callback | None
    _parameters: dict[str, Any]
    _theta: Floats | None
    _weighting: Weighting
    _reading: Reading | None
    _arrays: GraphArrays | None
    _builder: Builder | None

    def reward_transform(self, rewards: ArrayLike, *, validate_rewards: bool = True) -> Graph:
        """Return the graph whose absorption time is the reward of this one; see `phasic.rewards`.

        Vertices without reward are eliminated, others keep their states. Mass that is absorbed without
        reward becomes an edge from the starting vertex to an absorbing one, and shows in `defect` and
        ``cdf(0)``. Theta stays a parameter where all rewards are positive or theta is one number;
        elsewhere the weights are constants, taken at the current theta. Of a discrete graph, rewards
        are whole numbers per step, and the result is discrete.

        Parameters
        ----------
        rewards : float64[n]
            As for `expectation`, but not negative.
        validate_rewards : bool
            Has no effect; accepted for callers that switched off a warning of another package.

        Raises
        ------
        GraphError
            Rewards are negative, or of a discrete graph not whole.
        AbsorptionError
            Absorption is not certain.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.coalescent(4))
        >>> tripletons = graph.reward_transform(graph.states().T[2])
        >>> [round(number, 12) for number in (tripletons.expectation(), tripletons.defect())]
        [0.666666666667, 0.333333333333]
        """
        from phasic import rewards as algorithm

        arrays = self._startable()
        checked = self._rewards(rewards)
        checked = np.ones(arrays.n_vertices) if checked is None else checked
        order = self._absorbing().trace.order
        if arrays.discrete:
            shorter, auxiliary = algorithm.transform_steps(arrays, self.weights, checked, order)
            return self._made(shorter, auxiliary)
        transient = np.diff(arrays.offsets) > 0
        if self._reading is not None or self._weighting is not linear:
            return self._made(algorithm.transform(arrays, self.weights, checked, order))
        if (checked[transient] > 0.0).all():
            return self._made(algorithm.divide(arrays, checked), self.auxiliary, keep_theta=True)
        if arrays.n_parameters > 1:
            return self._made(algorithm.transform(arrays, self.weights, checked, order))
        # All weights are multiples of one number, and so are those of the result.
        shorter = algorithm.transform(arrays, arrays.weights(), checked, order)
        return self._made(replace(shorter, parameterised=arrays.parameterised), keep_theta=True)

    def reward_transform_discrete(self, rewards: ArrayLike) -> Graph:
        """Return `reward_transform` of this graph, its weights taken as one-step probabilities."""
        return self._stepping().reward_transform(rewards)

    def discretize(
        self, rate: float | Callable[..., Any], skip_existing: bool = False, **parameters: Any
    ) -> Graph:
        """Return the discrete graph of jumps and of events at `rate`, with attribute `rewards`.

        Behind every state comes an auxiliary vertex that is entered with each event and leads back. So
        the reward `rewards`, one in auxiliary vertices, counts the events until absorption; given the
        time spent in each state, their number is Poisson. Auxiliary vertices come last, in the order of
        the states, and have states of zeros.

        Parameters
        ----------
        rate : float or callable
            Events per unit time: a number, or a function ``rate(state, **parameters)`` that returns one.
            In a parameterised graph it becomes the coefficient of one more parameter, the last of theta.
            The function may return a list of coefficients instead: one for each parameter, and more for
            new ones. A graph whose weights are no sums (``update_weights`` with a callback or
            ``log=True``) is taken at its current weights.
        skip_existing : bool
            Leave out states that have an auxiliary vertex already.
        **parameters
            Passed to `rate`.

        Raises
        ------
        GraphError
            A rate is negative or no number, or the graph is discrete.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> mutations = Graph(models.coalescent(4)).discretize(lambda state: 0.5 * state.sum())
        >>> round(mutations.expectation(mutations.rewards), 12)
        1.833333333333
        """
        arrays = self.arrays
        vertices = np.setdiff1d(np.flatnonzero(np.diff(arrays.offsets) > 0), list(self.auxiliary))
        if skip_existing:
            sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
            vertices = np.setdiff1d(vertices, sources[np.isin(arrays.targets, list(self.auxiliary))])
        if vertices.size == 0 and arrays.discrete:
            graph: Graph = self  # type: ignore[assignment]
            graph = graph.clone()
        else:
            graph = self._with_events(arrays, vertices, rate, parameters)
        graph.rewards = np.zeros(graph.vertices_length(), dtype=np.int64)
        graph.rewards[list(graph.auxiliary)] = 1
        return graph

    def _with_events(
        self, arrays: GraphArrays, vertices: Integers, rate: float | Callable[..., Any], parameters: Any
    ) -> Graph:
        from phasic.discretisation import discretise, event_rates

        if arrays.discrete or self._reading is not None:
            raise GraphError(
                "only a continuous graph that was not made of another can be discretized; discretize the "
                "first one, by the sum of rates where events of two kinds are to be counted together"
            )
        follows = arrays.parameterised and self._weighting is linear
        if not follows:
            arrays = replace(arrays, coefficients=self.weights[:, None], parameterised=False)
        rates, coefficients = event_rates(arrays, vertices, rate, parameters)
        longer = discretise(arrays, vertices, rates, coefficients)
        auxiliary = range(arrays.n_vertices, longer.n_vertices)
        graph = self._made(longer, {*self.auxiliary, *auxiliary})
        if follows:
            graph._reading = shares
            if self._theta is not None:
                new = longer.n_parameters - arrays.n_parameters
                graph._theta = np.append(self._theta, np.ones(new))
        return graph

    def add_epoch(self, time: float, callback: Callback | None = None, **parameters: Any) -> EpochGraph:
        """Return the graph whose rates change at `time`; see `phasic.epochs`.

        From then on transitions are those of `callback`, at rates with parameters of their own: theta
        has B + 1 entries for each epoch, those of its B parameters and one that stands for the time at
        which it begins (1, or that time). States have one more entry, the number of the epoch.

        Parameters
        ----------
        time : float
            After the last boundary.
        callback : callable, optional
            By default the one that the graph was built with, so that only theta makes a difference.
        **parameters
            Added to, or replacing, those that the graph was built with.

        Raises
        ------
        GraphError
            The time is not after the last boundary; there is no callback; the graph is discrete.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.lineages(2)).add_epoch(1.0)
        >>> graph.update_weights([1.0, 1, 10.0, 1.0])
        >>> round(graph.expectation(), 12)  # 1 - exp(-1) + exp(-1) / 10
        0.668908502946
        """
        from phasic.epochs.building import add_epoch

        callback = self._callback if callback is None else callback
        if callback is None:
            raise GraphError("the graph was built without a callback; pass one to add_epoch")
        if not callable(callback):
            raise GraphError(f"the callback of an epoch is {callback!r}; pass a function of states")
        graph: Any = self
        made = add_epoch(graph, time, callback, {**self._parameters, **parameters})
        made.cache_trace, made.cache_moments = self.cache_trace, self.cache_moments
        made.indexer = self.indexer
        return made

    @also(theta="s")
    def laplace_transform(self, s: float) -> Graph:
        """Return the graph in which every state is left for an absorbing one at one more rate `s`.

        ``graph.laplace_transform(s).expectation(graph.absorbing_state_rewards())`` is ``E[exp(-s T)]``,
        whatever the exit rates, as far as the chain starts in transient states: mass that starts
        absorbed adds ``graph.cdf(0)`` to it. The rate `s` does not follow theta.

        Raises
        ------
        GraphError
            `s` is negative or not finite, the graph is discrete, or it has no absorbing vertex.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.erlang(1, rate=0.4))
        >>> round(graph.laplace_transform(0.5).expectation(graph.absorbing_state_rewards()), 12)
        0.444444444444
        """
        from phasic.laplace import killed

        if self._reading is not None:
            raise GraphError("ask the graph that this one was made of for its Laplace transform")
        arrays, reading = killed(self.arrays, s)
        graph = self._made(arrays, self.auxiliary, keep_theta=True)
        graph._weighting, graph._reading = self._weighting, reading
        return graph

    def absorbing_state_rewards(self) -> Floats:
        """Return the rate at which each vertex is left for an absorbing one, float64[n].

        (The C++ package of this name returns 1 for any rate, which is right only where it is 1.) Of a
        graph that `laplace_transform` made, its rate is left out.
        """
        from phasic.laplace import Killing, exit_rates

        weights = self.weights
        if isinstance(self._reading, Killing):
            weights = self._reading.without(self.arrays, self._theta, self._weighting)
        return exit_rates(self.arrays, weights)

    def normalize(self) -> list[float]:
        """Divide the weights of each vertex by their sum, in place, and return the factors, one over it.

        Every state then takes one unit of time on average. The factors are rewards: the expectation
        (and all moments in steps of the embedded chain) of ``rewards * factors`` is that of `rewards`
        before. Starting and absorbing vertices have the factor 1. Of a parameterised graph, coefficients
        are divided, by the sum at the current theta. A discrete graph is left as it is: see
        `normalize_discrete`.

        Raises
        ------
        GraphError
            Weights are no sums over theta, or follow from those of another graph.
        AbsorptionError
            All weights of a vertex are zero.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.erlang(2, rate=4.0))
        >>> graph.normalize(), graph.expectation()
        ([1.0, 0.25, 0.25, 1.0], 2.0)
        """
        arrays = self.arrays
        if arrays.discrete:
            return self.normalize_discrete()
        if self._reading is not None or self._weighting is not linear:
            raise GraphError("only a graph whose weights are sums over theta can be normalized in place")
        sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
        sums = np.bincount(sources, self.weights, arrays.n_vertices).astype(np.float64)
        transient = np.diff(arrays.offsets) > 0
        stuck = np.flatnonzero(transient & (sums == 0.0))
        if stuck.size:
            raise AbsorptionError(
                f"all weights out of state {arrays.states[stuck[0]].tolist()} are zero, so they cannot be "
                f"divided by their sum",
                int(stuck[0]),
            )
        sums = np.where(transient, sums, 1.0)
        coefficients = arrays.coefficients / sums[sources][:, None]
        self.changing()
        self._arrays, self._builder = replace(arrays, coefficients=coefficients), None
        return [float(factor) for factor in 1.0 / sums]

    def normalize_discrete(self) -> list[float]:
        """Return a factor of 1 for each vertex: a discrete graph is normal as it is.

        What is missing from one in the probabilities of a vertex is the chance to stay. (The C++ package
        of this name adds a vertex for it, and thereby changes every answer.)

        Raises
        ------
        ParameterError
            The probabilities of a vertex sum to more than one.
        """
        _ = self._stepping().weights  # which are checked
        return [1.0] * self.arrays.n_vertices

    @abstractmethod
    def changing(self) -> Builder:
        """Return the builder for a change, and forget what was derived from the content so far."""

    def _made(self, arrays: GraphArrays, auxiliary: Any = (), keep_theta: bool = False) -> Graph:
        """Return a graph with other content and the flags of this one."""
        from phasic.graph import Graph

        graph = Graph.from_arrays(arrays)
        graph.cache_trace, graph.cache_moments = self.cache_trace, self.cache_moments
        graph.auxiliary, graph.indexer = set(auxiliary), self.indexer
        if keep_theta:
            graph._theta, graph._weighting = self._theta, self._weighting
        return graph
