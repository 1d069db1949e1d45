"""Graphs from and to an initial vector and a sub-intensity (or sub-transition) matrix."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import GraphError
from phasic.initial import check_probabilities
from phasic.state_space import compress, smallest


class Matrices(NamedTuple):
    """A phase-type distribution as matrices over its k transient states, in vertex order.

    Attributes
    ----------
    ipv : float64[k]
        Initial probability of each transient state.
    sim : float64[k, k]
        Sub-intensity matrix: rates off the diagonal, minus the rate of leaving on it. Of a discrete
        graph, one-step probabilities, those of staying on the diagonal.
    states : int64[k, d]
        The states.
    indices : int64[k]
        Index of each state's vertex, plus one.
    """

    ipv: Floats
    sim: Floats
    states: Integers
    indices: Integers


def as_matrices(arrays: GraphArrays, weights: Floats) -> Matrices:
    """Return the matrices of a graph at these weights.

    Rates of very different size lose digits in the sum on the diagonal; the graph keeps them.

    Examples
    --------
    >>> from phasic import Graph, models
    >>> Graph(models.erlang(2, rate=3.0)).as_matrices().sim.tolist()
    [[-3.0, 3.0], [0.0, -3.0]]
    """
    degrees = np.diff(arrays.offsets)
    transient = np.flatnonzero(degrees > 0)
    place = np.full(arrays.n_vertices, -1)
    place[transient] = np.arange(transient.size)
    sources = np.repeat(np.arange(arrays.n_vertices), degrees)
    leaving = np.bincount(sources, weights, minlength=arrays.n_vertices)[transient]
    sim = np.zeros((transient.size, transient.size))
    inside = place[arrays.targets] >= 0
    sim[place[sources[inside]], place[arrays.targets[inside]]] = weights[inside]
    np.fill_diagonal(sim, np.maximum(1.0 - leaving, 0.0) if arrays.discrete else -leaving)
    return Matrices(
        ipv=arrays.alpha[transient],
        sim=sim,
        states=arrays.states[transient].astype(np.int64),
        indices=transient + 1,
    )


def from_matrices(
    ipv: ArrayLike,
    sim: ArrayLike,
    states: ArrayLike | None = None,
    exits: ArrayLike | None = None,
    discrete: bool = False,
) -> GraphArrays:
    """Return the graph of an initial vector and a matrix; `as_matrices` gives them back.

    After the k transient states comes one absorbing vertex, whose state is one more than the largest
    entry of all states.

    Parameters
    ----------
    ipv : float64[k]
        Initial probabilities; a sum below one is missing mass.
    sim : float64[k, k]
        Sub-intensity matrix, or one-step probabilities if `discrete`.
    states : int[k] or int[k, d], optional
        Labels; by default ``0, ..., k - 1``.
    exits : float64[k], optional
        Rate (or probability) of absorption from each state. By default what is missing in its row, and
        none where that is within rounding of zero: where rates are of very different size, a row sum
        cannot tell, and `exits` should.
    discrete : bool
        Whether `sim` holds one-step probabilities.

    Raises
    ------
    GraphError
        Shapes do not fit, an entry is not finite, a rate is negative, or a row sum has the wrong sign.

    Examples
    --------
    >>> from phasic import Graph
    >>> Graph.from_matrices([1.0, 0.0], [[-3.0, 3.0], [0.0, -3.0]]).expectation()
    0.6666666666666666
    """
    alpha, matrix = _numbers("ipv", ipv), _numbers("sim", sim)
    k = alpha.size
    if alpha.shape != (k,) or k == 0 or matrix.shape != (k, k):
        raise GraphError(f"ipv has shape {alpha.shape} and sim {matrix.shape}; pass [k] and [k, k], k >= 1")
    labels = np.arange(k)[:, None] if states is None else np.array(states)
    labels = labels[:, None] if labels.ndim == 1 else labels
    if labels.ndim != 2 or labels.shape[0] != k or not labels.shape[1] or labels.dtype.kind not in "iu":
        raise GraphError(
            f"states have shape {labels.shape} and type {labels.dtype}; pass {k} rows of integers"
        )
    if not np.isfinite(matrix).all():
        raise GraphError("sim has an entry that is not finite")
    check_probabilities(alpha.tolist(), labels.tolist())
    off = matrix - np.diag(np.diag(matrix))
    if (off < 0.0).any():
        row, column = np.argwhere(off < 0.0)[0]
        raise GraphError(f"sim has the negative rate {off[row, column]:g} in row {row}, column {column}")
    leave = _exits(matrix, discrete) if exits is None else _numbers("exits", exits)
    if leave.shape != (k,) or not (np.isfinite(leave) & (leave >= 0.0)).all():
        raise GraphError(f"exits are {exits!r}; pass {k} numbers that are finite and not negative")
    sources, targets = np.nonzero(np.column_stack([off, leave]))
    weights = np.column_stack([off, leave])[sources, targets]
    offsets, heads, rows = compress(k + 2, sources + 1, targets + 1, weights[:, None])
    starts = np.flatnonzero(alpha) if alpha.any() else np.zeros(1, dtype=np.int64)  # a start without mass
    first, last = np.zeros_like(labels[:1]), np.full_like(labels[:1], labels.max() + 1)
    arrays = GraphArrays(
        states=smallest(np.concatenate([first, labels, last]).astype(np.int64)),
        start_targets=starts + 1,
        start_weights=alpha[starts],
        offsets=offsets,
        targets=heads,
        coefficients=rows,
        discrete=discrete,
    )
    arrays.weights()  # refuses one-step probabilities that sum to more than one
    return arrays


def _numbers(name: str, values: ArrayLike) -> Floats:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(f"{name} is {values!r}; pass numbers, in rows of one length") from None


def _exits(matrix: Floats, discrete: bool) -> Floats:
    """Return what each row lacks, summed without rounding; zero where rounding of the row explains it."""
    exits = np.array([(1.0 if discrete else 0.0) - math.fsum(row) for row in matrix])
    exits[np.abs(exits) <= 4.0 * np.finfo(np.float64).eps * np.abs(matrix).sum(axis=1)] = 0.0
    if (exits < 0.0).any():
        row = int(exits.argmin())
        bound = "1" if discrete else "0"
        raise GraphError(f"row {row} of sim sums to more than {bound} (by {-exits[row]:g})")
    return exits
