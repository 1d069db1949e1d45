"""Graph: a phase-type distribution as vertices, edges and a starting vertex."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from phasic import matrices, settings, state_space
from phasic.arrays import Floats, GraphArrays, Integers
from phasic.building import Builder
from phasic.description import Description
from phasic.elsewhere import GRAPH, missing
from phasic.errors import CallbackError, GraphError, ParameterError
from phasic.hitting import Hitting
from phasic.inference.graph import Inference
from phasic.inference.graph_chains import Chains
from phasic.inference.graph_outcomes import OutcomeMatching
from phasic.initial import Callback, Initial, check_probabilities, undecorated
from phasic.joint_context import JointContexts
from phasic.joint_graphs import JointGraphs
from phasic.keeping import Keeping
from phasic.keywords import also
from phasic.occupancy import Occupancy
from phasic.plots import Pictures
from phasic.probabilities import Probabilities
from phasic.samples import Samples
from phasic.sharing import Sharing
from phasic.spellings import DiscreteSpellings
from phasic.steps import PROGRAMS, Steps, select
from phasic.vertex import Vertex
from phasic.weighting import Given, Reading, Weighting, given, linear, product, shares

_FLAGS = ("cache_graph", "cache_trace", "cache_moments")


class Graph(
    JointGraphs,
    DiscreteSpellings,
    Description,
    Probabilities,
    Occupancy,
    Hitting,
    Samples,
    JointContexts,
    Inference,
    Chains,
    OutcomeMatching,
    Pictures,
    Keeping,
    Sharing,
):
    """A phase-type distribution: the time a Markov chain takes to absorption.

    Parameters
    ----------
    callback : callable, int or Graph
        A function from a state to its transitions (see `phasic.state_space.explore`); or the length of
        the states of an empty graph, to be filled by `find_or_create_vertex` and `add_edge`; or a graph
        to copy.
    ipv : list or tuple, optional
        Initial probability vector: one state, like ``[4, 0]``, or pairs ``[state, probability]``. Only
        for a callback that was not decorated by `with_ipv`.
    graph_cache : bool, optional
        Another name of `cache_graph`.
    state_length : int, optional
        Another name of the first argument where that is a number.
    theta_dim : int, optional
        The number of parameters; it is checked against the callback and not passed to it.
    cache_graph, cache_trace, cache_moments : bool, optional
        Whether exploring, recording the elimination, and moments are looked up in the cache first. They
        change how long an answer takes, never the answer. Default: what `phasic.configure` was told, else
        no.
    vectorized : bool
        Whether the callback takes many states at once and returns arrays; see `phasic.state_space.explore`.
    compiled : bool, optional
        Whether to explore by machine code that numba makes of the callback. By default that is done when
        exploring takes so long that it pays; False keeps to Python; True compiles at once, or is an error
        that says why it cannot. The graph is the same.
    **parameters
        Passed to every call of the callback, unchanged: an int stays an int (the C++ package of this
        name makes it a float), so that a parameter can index or size something. ``indexer`` is
        remembered as an attribute as well.

    Raises
    ------
    GraphError
        The callback, the initial probability vector or a number is not what it has to be.

    Examples
    --------
    >>> def coalescent(state):
    ...     n = state[0]
    ...     return [([n - 1], [n * (n - 1) / 2])] if n > 1 else []
    >>> graph = Graph(coalescent, ipv=[5])
    >>> graph
    <Graph (6 vertices)>
    >>> graph.update_weights([2.0])
    >>> graph.expectation()
    0.8
    """

    def __init__(
        self,
        callback: Callback | int | Graph | None = None,
        ipv: Any = None,
        graph_cache: bool | None = None,
        *,
        state_length: int | None = None,
        theta_dim: int | None = None,
        cache_graph: bool | None = None,
        cache_trace: bool | None = None,
        cache_moments: bool | None = None,
        vectorized: bool = False,
        compiled: bool | None = None,
        **parameters: Any,
    ) -> None:
        defaults = settings.get_config()
        cache_graph = cache_graph if graph_cache is None else graph_cache
        self.cache_graph = bool(defaults.cache_graph if cache_graph is None else cache_graph)
        self.cache_trace = bool(defaults.cache_trace if cache_trace is None else cache_trace)
        self.cache_moments = bool(defaults.cache_moments if cache_moments is None else cache_moments)
        self.indexer: Any = parameters.get("indexer")
        self.auxiliary: set[int] = set()
        self._callback: Callback | None = None
        self._initial: Initial = ()
        self._vectorized = bool(vectorized)
        self._parameters: dict[str, Any] = parameters
        self._arrays: GraphArrays | None = None
        self._builder: Builder | None = None
        self._theta: Floats | None = None
        self._weighting: Weighting = linear
        self._reading: Reading | None = None
        self._weights: Floats | None = None
        if (callback is None) == (state_length is None):
            raise CallbackError("pass a callback, a state length or a graph, and only one of them")
        source = state_length if callback is None else callback
        if callable(source):
            self._callback, self._initial = undecorated(source, ipv)
            self._arrays = self.steps.explore(
                self._callback, self._initial, parameters, vectorized, compiled, PROGRAMS
            )
        elif ipv is not None or parameters:
            names = ["ipv"] * (ipv is not None) + list(parameters)
            raise GraphError(f"{', '.join(names)} can only be given with a callback, not with {source!r}")
        elif isinstance(source, Graph):
            if not isinstance(self, type(source)):
                raise GraphError(f"a {type(source).__name__} is more than a Graph; copy it by its clone()")
            flags = {name: getattr(self, name) or getattr(source, name) for name in _FLAGS}
            self.__dict__.update({**source._content(), **flags})
        elif isinstance(source, int | np.integer) and not isinstance(source, bool):
            if source < 1:
                raise GraphError(f"the state length is {source}; it must be at least 1")
            self._builder = Builder(int(source))
        else:
            raise CallbackError(f"{source!r} is no callback, state length or graph")
        if theta_dim is not None and theta_dim != self.arrays.n_parameters and self.edges_length():
            raise ParameterError(
                f"theta_dim is {theta_dim}, but the weights of the callback take theta of length "
                f"{self.arrays.n_parameters}"
            )

    @classmethod
    def from_arrays(cls, arrays: GraphArrays) -> Self:
        """Return the graph with this content."""
        graph = cls(int(arrays.states.shape[1]))
        graph._arrays, graph._builder = arrays, None
        return graph

    @classmethod
    def from_matrices(
        cls,
        ipv: ArrayLike,
        sim: ArrayLike,
        states: ArrayLike | None = None,
        exits: ArrayLike | None = None,
        discrete: bool = False,
    ) -> Graph:
        """Return the graph of an initial vector and a sub-intensity matrix; see `phasic.matrices`."""
        return cls.from_arrays(matrices.from_matrices(ipv, sim, states, exits, discrete))

    def as_matrices(self) -> matrices.Matrices:
        """Return ``(ipv, sim, states, indices)`` of the transient states; see `phasic.matrices`."""
        return matrices.as_matrices(self.arrays, self.weights)

    # Content: arrays when somebody computes, a builder when somebody looks at or changes vertices.

    @property
    def arrays(self) -> GraphArrays:
        """The graph as read-only arrays, frozen anew after a change."""
        if self._arrays is None:
            self._arrays = self.builder.arrays()
        return self._arrays

    @property
    def builder(self) -> Builder:
        """The graph as lists that vertices and edges look into; change it only through `changing`."""
        if self._builder is None:
            self._builder = Builder.thaw(self.arrays)
        return self._builder

    def changing(self) -> Builder:
        """Return the builder for a change, and forget what was derived from the content so far."""
        self._require_changeable()
        builder = self.builder
        self._arrays = self._weights = self._trace = self._factors = None
        return builder

    def _require_changeable(self) -> None:
        if self._reading not in (None, shares):
            raise GraphError(
                "the weights of this graph follow from those of the one it was made of; "
                "change that one and transform it again"
            )

    @property
    def steps(self) -> Steps:
        """The functions that this graph calls, bare or cached."""
        return select(self.cache_graph, self.cache_trace, self.cache_moments)

    @property
    def is_discrete(self) -> bool:
        """Whether weights are one-step probabilities; what is missing from one is the chance to stay."""
        return self.arrays.discrete

    @is_discrete.setter
    def is_discrete(self, discrete: bool) -> None:
        self._require_changeable()
        self._arrays = replace(self.arrays, discrete=bool(discrete))
        self._builder = self._weights = self._factors = None

    # Vertices

    def starting_vertex(self) -> Vertex:
        """Return vertex 0, whose edges lead to the initial states."""
        return Vertex(self, 0)

    def find_or_create_vertex(self, state: ArrayLike) -> Vertex:
        """Return the vertex with this state, a new one where there is none."""
        key = self.builder.state(state)
        found = self.builder.find(key)
        return Vertex(self, self.changing().create(key) if found is None else found)

    focv = find_or_create_vertex

    def create_vertex(self, state: ArrayLike) -> Vertex:
        """Return a new vertex, even where another has the same state."""
        key = self.builder.state(state)
        return Vertex(self, self.changing().create(key))

    def find_vertex(self, state: ArrayLike) -> Vertex:
        """Return the vertex with this state, or raise VertexNotFoundError."""
        return Vertex(self, self.builder.require(self.builder.state(state)))

    def vertex_exists(self, state: ArrayLike) -> bool:
        """Return whether a vertex has this state; the starting vertex has none."""
        return self.builder.find(self.builder.state(state)) is not None

    @also(idx="index")
    def vertex_at(self, index: int) -> Vertex:
        """Return the vertex at `index`; 0 is the starting vertex."""
        if not isinstance(index, int | np.integer) or not 0 <= index < len(self):
            raise GraphError(f"there is no vertex {index!r}; indices run from 0 to {len(self) - 1}")
        return Vertex(self, int(index))

    def vertices(self) -> list[Vertex]:
        """Return all vertices in order."""
        return [Vertex(self, index) for index in range(len(self))]

    def index_of(self, vertex: Vertex) -> int:
        """Return the index of a vertex after checking that it belongs to this graph."""
        if not isinstance(vertex, Vertex) or vertex._graph is not self:
            raise GraphError(f"{vertex!r} is no vertex of this graph")
        return vertex.index()

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices())

    def __len__(self) -> int:
        return self.vertices_length()

    def vertices_length(self) -> int:
        """Return the number of vertices, starting and absorbing ones included."""
        return len(self._builder.states) if self._builder is not None else self.arrays.n_vertices

    def edges_length(self) -> int:
        """Return the number of edges, those of the starting vertex included."""
        return int(self.arrays.targets.size + self.arrays.start_targets.size)

    def state_length(self) -> int:
        """Return the length of a state."""
        return self._builder.state_length if self._builder else int(self.arrays.states.shape[1])

    def states(self) -> Integers:
        """Return the state of every vertex as a row, int64[n, d]; row 0 is zero.

        ``states().T[i]`` is a vector of rewards: entry `i` of each state.
        """
        return self.arrays.states.astype(np.int64)

    def extend(
        self, callback: Callback | None = None, vertex_index: int | None = None, **parameters: Any
    ) -> None:
        """Explore from vertices that have no edges yet, for instance after adding some by hand.

        Parameters
        ----------
        callback : callable, optional
            By default the one that the graph was built with.
        vertex_index : int, optional
            The one vertex from which to explore; by default all that have no edges.
        **parameters
            Added to, or replacing, those that the graph was built with.
        """
        vectorized = self._vectorized and callback is None
        callback = callback or self._callback
        if callback is None:
            raise GraphError("the graph was built without a callback; pass one to extend")
        vertices = None if vertex_index is None else [self.vertex_at(vertex_index).index()]
        parameters = {**self._parameters, **parameters}
        arrays = state_space.extend(self.arrays, callback, parameters, vertices, vectorized)
        self.changing()
        self._arrays, self._builder = arrays, None

    # Weights

    @property
    def weights(self) -> Floats:
        """The weight of every edge at the current theta, float64[m], in the order of ``arrays.targets``."""
        if self._weights is None:
            self._weights = self._weigh(self._weighting, self._theta)
        return self._weights

    def _weigh(self, weighting: Weighting, theta: Floats | None) -> Floats:
        """Return the weights at `theta`, as this graph reads them."""
        if self._reading is None:
            weights = weighting(self.arrays, theta)
        else:
            weights = self._reading(self.arrays, theta, weighting)
        weights.flags.writeable = False
        return weights

    @property
    def theta(self) -> Floats | None:
        """The parameters set by `update_weights`; None stands for all ones."""
        return None if self._theta is None else self._theta.copy()

    def weight_of(self, source: int, target: int) -> float:
        """Return the weight of one edge at the current theta, or an initial probability."""
        row = self.builder.row(source, target)
        if source == 0:
            return row[0]
        if self._weighting is not linear or self._reading is not None:
            place = list(self.builder.edges[source]).index(target)
            return float(self.weights[self.arrays.offsets[source] + place])
        theta = np.ones(len(row)) if self._theta is None else self._theta
        return float(np.dot(row, theta))  # looking at an edge while building must not freeze the graph

    def param_length(self) -> int:
        """Return the length of theta: 1 for a constant graph, 0 for one without edges."""
        return self.arrays.n_parameters if self.edges_length() else 0

    def is_parameterized(self) -> bool:
        """Return whether weights are vectors of coefficients."""
        return bool(self._builder.parameterised) if self._builder else self.arrays.parameterised

    parameterized = is_parameterized

    def set_param_length(self, param_length: int) -> None:
        """Say how long theta will be, before there are edges; other lengths of coefficients are then refused.

        Raises
        ------
        ParameterError
            There are edges with coefficients for a theta of another length, or it is no length.
        """
        if not isinstance(param_length, int | np.integer) or param_length < 1:
            raise ParameterError(f"theta is to have length {param_length!r}; pass an integer of at least 1")
        self.changing().set_length(int(param_length))

    def update_weights(
        self,
        theta: ArrayLike,
        callback: Given | None = None,
        log: bool = False,
    ) -> None:
        """Set theta; structure, coefficients and everything recorded from them stay.

        The weight of an edge with coefficients c is ``sum(c * theta)``. A weight given as one number w
        is the coefficient vector ``[w]``, so that ``update_weights([7.0])`` makes a constant graph
        seven times faster. Initial probabilities do not change.

        Parameters
        ----------
        theta : float64[p]
            The parameters; ``p`` is `param_length`, unless a callback makes of theta what it likes.
        callback : callable, optional
            ``callback(theta, coefficients) -> weight`` in place of the sum.
        log : bool
            The product ``prod(c * theta)`` in place of the sum, added up as logarithms.

        Raises
        ------
        ParameterError
            `theta` is not a vector of finite numbers of the right length, or makes a weight negative.
            The graph is as it was before.
        """
        try:
            values = np.array(theta, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParameterError(f"theta is {theta!r}; pass a vector of numbers") from None
        if values.ndim != 1 or values.size == 0 or not all(map(isfinite, values.tolist())):
            raise ParameterError(f"theta is {theta!r}; pass a vector of finite numbers, not empty")
        if callback is not None and log:
            raise GraphError("weights follow from a callback or from log=True, not from both")
        weighting: Weighting = product if log else linear
        if callback is not None:
            weighting = partial(given, callback=callback)
        weights = self._weigh(weighting, values)
        self._theta, self._weighting, self._weights, self._factors = values, weighting, weights, None

    def update_parameterized_weights(self, rewards: ArrayLike) -> None:
        """Do what `update_weights` does, of which this is an older name."""
        self.update_weights(rewards)

    @also(ipv="weights")
    def update_ipv(self, weights: Sequence[float]) -> None:
        """Set the probabilities of the initial states, in the order of the edges of the starting vertex.

        Raises
        ------
        GraphError
            There are more or fewer of them than initial states, or they cannot be probabilities.
        """
        arrays = self.arrays
        try:
            values = np.array(weights, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"initial probabilities are {weights!r}; pass a vector of numbers") from None
        if values.shape != arrays.start_targets.shape:
            raise GraphError(
                f"initial probabilities have shape {values.shape}, but {arrays.start_targets.size} edges "
                f"leave the starting vertex; pass one for each"
            )
        check_probabilities(values.tolist(), arrays.states[arrays.start_targets].tolist())
        self._arrays, self._builder = replace(arrays, start_weights=values), None
        if self._reading is not None:  # which may depend on where the chain starts
            self._weights = self._factors = None

    # The graph as a value

    def is_acyclic(self) -> bool:
        """Return whether no state can be visited twice."""
        return self.arrays.acyclic

    def clone(self) -> Graph:
        """Return a copy that can be changed on its own."""
        return type(self)(self)

    copy = clone

    def _content(self) -> dict[str, Any]:
        """Return attributes for a copy: all but the builder, the only one that can be changed in place."""
        self.__dict__["_arrays"] = self.arrays
        return {**self.__dict__, "_builder": None, "auxiliary": set(self.auxiliary)}

    def __copy__(self) -> Graph:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return self.clone()

    def __getstate__(self) -> dict[str, Any]:
        # The callback may be a lambda, and everything derived can be derived again.
        derived: dict[str, Any] = {
            "_callback": None,
            "_initial": (),
            "_parameters": {},
            "_weights": None,
            "_trace": None,
            "_factors": None,
            "_walks": None,
            "_asked": None,
        }
        return {**self._content(), **derived}

    def __hashcache__(self) -> dict[str, Any]:
        """Stand in cache keys for what the graph is, without what was worked out from that."""
        return {**self.__getstate__(), "_callback": self._callback, "_parameters": self._parameters}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        (how, setting), (how_other, setting_other) = self._setting(), other._setting()
        return self.arrays == other.arrays and how == how_other and np.array_equal(setting, setting_other)

    def _setting(self) -> tuple[str, Floats]:
        """Return what, besides the arrays, two equal graphs share."""
        if self._weighting is not linear or self._reading is not None:
            return "weights", self.weights
        return "theta", np.ones(self.arrays.n_parameters) if self._theta is None else self._theta

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, name, GRAPH)

    __hash__ = None  # type: ignore[assignment]  # equality is by content, which can change

    def __repr__(self) -> str:
        return f"<Graph ({self.vertices_length()} vertices)>"
