"""Graph: a phase-type distribution as vertices, edges and a starting vertex."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from phasic import matrices, settings
from phasic.arrays import Floats, GraphArrays
from phasic.building import Builder
from phasic.description import Description
from phasic.elsewhere import GRAPH, missing
from phasic.errors import CallbackError, GraphError, ParameterError
from phasic.hitting import Hitting
from phasic.inference.graph import Inference
from phasic.inference.graph_chains import Chains
from phasic.inference.graph_functions import Functions
from phasic.inference.graph_outcomes import OutcomeMatching
from phasic.initial import Callback, Initial, undecorated
from phasic.joint_context import JointContexts
from phasic.joint_graphs import JointGraphs
from phasic.keeping import Keeping
from phasic.occupancy import Occupancy
from phasic.parameters import Parameters
from phasic.plots import Pictures
from phasic.probabilities import Probabilities
from phasic.samples import Samples
from phasic.sharing import Sharing
from phasic.spellings import DiscreteSpellings
from phasic.steps import PROGRAMS, Steps, select
from phasic.vertices import Vertices
from phasic.weighting import Reading, Weighting, linear, shares

_FLAGS = ("cache_graph", "cache_trace", "cache_moments")


class Graph(
    Vertices,
    Parameters,
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
    Functions,
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
