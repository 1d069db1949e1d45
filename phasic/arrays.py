"""The arrays of a graph: what explore returns, what the caches store, what the kernels read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.errors import ParameterError, PhasicError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ARRAYS = ("states", "start_targets", "start_weights", "offsets", "targets", "coefficients")
_KINDS = {
    "start_targets": "i8",
    "start_weights": "f8",
    "offsets": "i8",
    "targets": "i8",
    "coefficients": "f8",
}


def _are_below(indices: NDArray[Any], n: int) -> bool:
    return not indices.size or bool(indices.min() >= 0 and indices.max() < n)


@dataclass(frozen=True, eq=False)
class GraphArrays:
    """A phase-type graph as read-only arrays.

    Vertex 0 is the starting vertex. It is no state of the chain: its row of `states` is zero, it has
    no edges in `offsets` and `targets`, and where the chain starts is said by `start_targets` and
    `start_weights`. Vertices without edges are absorbing.

    Attributes
    ----------
    states : int[n, d]
        State of each vertex.
    start_targets : int64[s]
        Vertices in which the chain can start, in the order of the initial probability vector.
    start_weights : float64[s]
        Their probabilities; a sum below one is missing mass (the defect).
    offsets : int64[n + 1]
        The edges of vertex ``v`` are ``offsets[v]:offsets[v + 1]``.
    targets : int64[m]
        Vertex each edge leads to, in the order in which edges were added.
    coefficients : float64[m, p]
        Weight of an edge is its row times theta. A constant graph has one column, the weight itself.
    parameterised : bool
        Whether the weights were given as coefficient vectors.
    discrete : bool
        Whether weights are one-step probabilities rather than rates per unit time.
    """

    states: NDArray[np.signedinteger]
    start_targets: Integers
    start_weights: Floats
    offsets: Integers
    targets: Integers
    coefficients: Floats
    parameterised: bool = False
    discrete: bool = False

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            if array.flags.writeable:  # somebody else may still write to it, and the content hash is kept
                array = array.copy()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def n_vertices(self) -> int:
        """Number of vertices, starting and absorbing ones included."""
        return int(self.offsets.size - 1)

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return int(self.coefficients.shape[1])

    @cached_property
    def alpha(self) -> Floats:
        """Initial probability of each vertex, float64[n]."""
        alpha = np.zeros(self.n_vertices)
        np.add.at(alpha, self.start_targets, self.start_weights)
        alpha.flags.writeable = False
        return alpha

    @cached_property
    def acyclic(self) -> bool:
        """Whether no path of edges, of whatever weight, comes back to where it began."""
        arriving = np.bincount(self.targets, minlength=self.n_vertices).tolist()
        offsets, targets = self.offsets.tolist(), self.targets.tolist()
        ready = [v for v, count in enumerate(arriving) if count == 0]
        for v in ready:  # grows as vertices lose their last arriving edge
            for target in targets[offsets[v] : offsets[v + 1]]:
                arriving[target] -= 1
                if arriving[target] == 0:
                    ready.append(target)
        return len(ready) == self.n_vertices

    def weights(self, theta: Floats | None = None) -> Floats:
        """Return the weight of every edge at `theta` (default: all ones), float64[m].

        Raises
        ------
        ParameterError
            `theta` has another length than the graph has parameters, or is not finite, or gives an
            edge a weight that cannot be (see `checked`).
        """
        theta = np.ones(self.n_parameters) if theta is None else np.asarray(theta, dtype=np.float64)
        if theta.shape != (self.n_parameters,):
            raise ParameterError(
                f"theta has shape {theta.shape}, but the graph expects {self.n_parameters} parameters; "
                f"pass a vector of length {self.n_parameters}"
            )
        if not all(map(isfinite, theta.tolist())):
            raise ParameterError(f"theta is {theta}; every entry must be finite")
        if theta.size == 1:
            return self.checked(self.coefficients[:, 0] * theta[0], theta)
        return self.checked(self.coefficients @ theta, theta)

    def checked(self, weights: Floats, theta: Floats, how: str = "") -> Floats:
        """Return `weights`, float64[m], if edges can have them; errors say that `theta` gave them, and `how`.

        Raises
        ------
        ParameterError
            A weight is negative or not finite, or one-step probabilities out of a state of a discrete
            graph sum to more than one.
        """
        if not (weights.min(initial=0.0) >= 0.0 and weights.max(initial=0.0) < np.inf):
            bad = ~((weights >= 0.0) & (weights < np.inf))
            edge = int(bad.argmax())
            source = int(np.searchsorted(self.offsets, edge, side="right")) - 1
            raise ParameterError(
                f"theta = {theta}{how} gives the edge from state {self.states[source].tolist()} to "
                f"{self.states[self.targets[edge]].tolist()} the weight {weights[edge]:g}; "
                f"rates and probabilities must be finite and not negative, so choose another theta"
            )
        if self.discrete:
            sources = np.repeat(np.arange(self.n_vertices), np.diff(self.offsets))
            sums = np.bincount(sources, weights, minlength=self.n_vertices)
            if sums.max(initial=0.0) > 1.0 + 1e-9:
                source = int(sums.argmax())
                raise ParameterError(
                    f"theta = {theta}{how} gives state {self.states[source].tolist()} of a discrete graph "
                    f"one-step probabilities that sum to {sums[source]:.12g}, more than one; make them "
                    f"smaller, or leave the graph continuous, for which weights are rates"
                )
        return weights

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, for storing."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> GraphArrays:
        """Return the graph with these fields, which need not be ours.

        Raises
        ------
        PhasicError
            They do not fit together: kernels would read what is not theirs.
        """
        graph = cls(**content)
        graph._check()
        return graph

    def _check(self) -> None:
        n, m = self.offsets.size - 1, self.targets.size
        kinds = {name: getattr(self, name).dtype.str[1:] for name in _ARRAYS[1:]}
        fits = (
            kinds == _KINDS
            and self.states.dtype.kind == "i"
            and self.states.ndim == self.coefficients.ndim == 2
            and all(getattr(self, name).ndim == 1 for name in _ARRAYS[1:5])
            and n >= 1
            and len(self.states) == n
            and self.offsets[0] == self.offsets[1] == 0
            and self.offsets[-1] == m == len(self.coefficients)
            and (self.offsets[1:] >= self.offsets[:-1]).all()
            and _are_below(self.targets, n)
            and _are_below(self.start_targets, n)
            and self.start_targets.shape == self.start_weights.shape
            and type(self.parameterised) is type(self.discrete) is bool
        )
        if not fits:
            raise PhasicError("these arrays are those of no graph; build it anew")

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over all arrays, their dtypes and shapes: 64 hexadecimal digits."""
        digest = hashlib.sha256(b"phasic graph 1")
        digest.update(bytes([self.parameterised, self.discrete]))
        for name in _ARRAYS:
            array = getattr(self, name)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GraphArrays):
            return NotImplemented
        return self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __hashcache__(self) -> str:
        """Name this value in cache keys by its content, which is hashed once."""
        return self.content_hash
