"""What a graph says of itself as a whole: its parts, whether it is sound, and itself as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from phasic.arrays import Floats
from phasic.distribution import Distribution
from phasic.errors import GraphError
from phasic.weighting import Given, Reading, Weighting, linear, product, shares

if TYPE_CHECKING:
    from phasic.components import Components


class Description(Distribution):
    """Questions about a graph rather than about its distribution."""

    auxiliary: set[int]
    _theta: Floats | None
    _weighting: Weighting
    _reading: Reading | None
    _weight_mode: str = "linear"
    _weight_callback: Given | None = None

    def scc_decomposition(self) -> Components:
        """Return the strongly connected components, in an order in which edges lead forwards.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> islands = Graph(models.structured_coalescent(2, 0))
        >>> [part.internal_vertex_indices() for part in islands.scc_decomposition()]
        [[0], [1, 3, 4], [2], [5]]
        """
        from phasic.components import decompose

        graph: Any = self
        return decompose(self.arrays, graph)

    def validate(self) -> None:
        """Raise unless the chain starts somewhere, has weights that can be, and is surely absorbed.

        Raises
        ------
        GraphError, ParameterError, AbsorptionError
            Saying what is wrong.
        """
        self._startable()
        self._absorbing()

    def serialize(self, theta_dim: int | None = None) -> dict[str, Any]:
        """Return the graph as plain arrays by name; see `phasic.serialisation` for them.

        ``Graph.from_serialized(graph.serialize()) == graph``, for any number of parameters, constant and
        discrete graphs included; with theta, and the auxiliary vertices.

        Parameters
        ----------
        theta_dim : int, optional
            Checked against the graph; it knows the number itself.

        Raises
        ------
        GraphError
            Weights follow from a callback or from another graph, which arrays cannot hold; pickle the
            graph instead.
        """
        from phasic.serialisation import to_dict

        arrays = self.arrays
        if theta_dim is not None and theta_dim != arrays.n_parameters:
            raise GraphError(f"theta_dim is {theta_dim}, but theta has {arrays.n_parameters} entries")
        ways: dict[Any, str] = {linear: "linear", product: "log"}
        if self._weighting not in ways or self._reading not in (None, shares):
            raise GraphError(
                "the weights of this graph follow from a callback or from another graph, which arrays cannot "
                "hold; pickle it instead, or serialize the graph that it was made of"
            )
        return {
            **to_dict(arrays),
            "weight_mode": self.weight_mode,
            "weighting": ways[self._weighting],
            "shares": self._reading is shares,
            "theta": None if self._theta is None else self._theta.copy(),
            "auxiliary": sorted(self.auxiliary),
        }

    @classmethod
    def from_serialized(cls, data: Mapping[str, Any]) -> Self:
        """Return the graph that `serialize` described; lists are as good as arrays.

        Raises
        ------
        GraphError
            Something is missing, of a wrong shape, or out of range.
        """
        from phasic.serialisation import from_dict

        made: Any = cls
        graph = made.from_arrays(from_dict(data))
        graph.weight_mode = (
            "linear" if data.get("weight_mode") == "callback" else data.get("weight_mode", "linear")
        )
        graph._weighting = product if data.get("weighting") == "log" else linear
        graph._reading = shares if data.get("shares") else None
        graph._theta = None if data.get("theta") is None else np.array(data["theta"], dtype=np.float64)
        graph.auxiliary = {int(v) for v in data.get("auxiliary", ())}
        if graph._theta is not None:
            graph.update_weights(graph._theta, log=graph._weighting is product)
        return graph  # type: ignore[no-any-return]

    @property
    def weight_mode(self) -> str:
        """How inference makes weights of theta: ``"linear"``, ``"log"`` or ``"callback"``.

        `update_weights` takes its own arguments for that, and does not look at it.
        """
        return self._weight_mode

    @weight_mode.setter
    def weight_mode(self, mode: str) -> None:
        if mode not in ("linear", "log", "callback"):
            raise GraphError(f"weight_mode is {mode!r}; it can be 'linear', 'log' or 'callback'")
        if mode == "callback" and self._weight_callback is None:
            raise GraphError("set weight_callback, which makes 'callback' the weight_mode")
        self._weight_mode = mode

    @property
    def weight_callback(self) -> Given | None:
        """The function ``(theta, coefficients) -> weight`` for inference; setting it sets `weight_mode`."""
        return self._weight_callback

    @weight_callback.setter
    def weight_callback(self, callback: Given | None) -> None:
        if callback is not None and not callable(callback):
            raise GraphError(f"weight_callback is {callback!r}; pass a function of theta and coefficients")
        self._weight_callback = callback
        self._weight_mode = "linear" if callback is None else "callback"

    def _repr_html_(self) -> str:
        """Return a table of what the graph is, for notebooks."""
        arrays = self.arrays
        kind = "discrete" if arrays.discrete else "continuous"
        theta = "no parameters" if not arrays.parameterised else f"theta of length {arrays.n_parameters}"
        absorbing = int((np.diff(arrays.offsets) == 0).sum()) - 1
        rows = {
            "vertices": f"{arrays.n_vertices:,} (of which absorbing: {absorbing:,})",
            "edges": f"{arrays.targets.size + arrays.start_targets.size:,}",
            "states": f"of length {arrays.states.shape[1]}",
            "weights": f"{kind}, {theta}",
        }
        body = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows.items())
        return f"<table><caption>phasic graph</caption>{body}</table>"
