"""From a graph to one that has an epoch more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from phasic import state_space
from phasic.arrays import GraphArrays
from phasic.epochs.switching import Switching
from phasic.errors import GraphError
from phasic.initial import Callback
from phasic.state_space import compress, smallest

if TYPE_CHECKING:
    from phasic.epochs.graph import EpochGraph
    from phasic.graph import Graph


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
    plain = switching is None or (isinstance(switching, Switching) and switching.within is None)
    if arrays.discrete or graph._joint is not None or not plain:
        raise GraphError(
            "epochs can only be added to a continuous graph that was not made of another; add them to that "
            "one, and transform it then"
        )
    if not isinstance(switching, Switching):
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
    from phasic.epochs.graph import EpochGraph

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
