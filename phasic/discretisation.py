"""Discretisation: events along the way, as mutations on a branch, become steps of a discrete graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import GraphError
from phasic.state_space import compress


def event_rates(
    arrays: GraphArrays, vertices: Integers, rate: float | Callable[..., Any], parameters: dict[str, Any]
) -> tuple[Floats, bool]:
    """Return the rate of events at each of `vertices`, and whether it is a vector of coefficients of theta.

    Parameters
    ----------
    arrays : GraphArrays
        A graph.
    vertices : int64[k]
        Vertices in which events happen.
    rate : float or callable
        One rate, or ``rate(state, **parameters) -> rate``, or a list of coefficients of theta.
    parameters : dict
        Keywords to the callable.

    Returns
    -------
    float64[k, q], bool
        One column of rates, or as many as there are coefficients.

    Raises
    ------
    GraphError
        A rate is negative or no finite number, or lists have different lengths or fewer coefficients
        than theta, or come with a constant graph.
    """
    given: list[Any] = []
    for v in vertices.tolist() if callable(rate) else vertices[:1].tolist():
        state = arrays.states[v].astype(np.int64)
        value = rate(state.copy(), **parameters) if callable(rate) else rate
        try:
            if isinstance(value, str | bytes | bool):
                raise TypeError("not a number")
            row = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            row = np.full(1, np.nan)
        single = row.ndim == 0
        if row.ndim > 1 or not np.isfinite(row).all() or (row < 0.0).all() or (single and row < 0.0):
            raise GraphError(
                f"the rate of events in state {state.tolist()} is {value!r}; pass a number of 0 or more, "
                f"or a function of the state that returns one (or coefficients of theta)"
            )
        if given and given[0].shape != row.shape:
            raise GraphError(
                f"the rate of events in state {state.tolist()} is {value!r}, of another length than in other "
                f"states; return numbers only, or lists of one length"
            )
        given.append(row)
    if not callable(rate):
        given = given * vertices.size
    if not given or given[0].ndim == 0:
        return np.array(given, dtype=np.float64).reshape(len(given), 1), False
    if not arrays.parameterised:
        raise GraphError("the rate of events is a list of coefficients, but the graph is constant")
    if given[0].size < arrays.n_parameters:
        raise GraphError(
            f"the rate of events has {given[0].size} coefficients, but theta has {arrays.n_parameters}; "
            f"return one for each, and more for parameters of the events themselves"
        )
    return np.array(given), True


def discretise(arrays: GraphArrays, vertices: Integers, rates: Floats, coefficients: bool) -> GraphArrays:
    """Return the chain of jumps and events: behind each of `vertices`, an auxiliary one for its events.

    An auxiliary vertex is entered with every event and leads back, so it is visited as often as events
    happen: rewards of one in auxiliary vertices, and none elsewhere, count events.

    Parameters
    ----------
    arrays : GraphArrays
        A continuous graph.
    vertices, rates, coefficients : int64[k], float64[k, q], bool
        As `event_rates` returns them. One rate of a parameterised graph becomes the coefficient of one
        more parameter, by which theta scales all rates of events.

    Returns
    -------
    GraphArrays
        Discrete. Of a constant graph, weights are probabilities. Of a parameterised one they are rates
        still, to be read as `weighting.shares`. Auxiliary vertices come last and have states of zeros.
    """
    n, k = arrays.n_vertices, vertices.size
    old = arrays.coefficients
    if not arrays.parameterised:
        columns, events = old, rates
    else:
        length = rates.shape[1] if coefficients else arrays.n_parameters + 1
        columns = np.pad(old, ((0, 0), (0, length - old.shape[1])))
        events = rates if coefficients else np.pad(rates, ((0, 0), (length - 1, 0)))
    auxiliary = np.arange(n, n + k)
    sources = np.concatenate([np.repeat(np.arange(n), np.diff(arrays.offsets)), vertices, auxiliary])
    heads = np.concatenate([arrays.targets, auxiliary, vertices])
    rows = np.concatenate([columns, events, np.ones((k, columns.shape[1]))])
    offsets, heads, rows = compress(n + k, sources, heads, rows)
    if not arrays.parameterised:
        rows = rows / _sums(offsets, rows[:, 0])[:, None]
    states = np.concatenate([arrays.states, np.zeros((k, arrays.states.shape[1]), arrays.states.dtype)])
    return replace(arrays, states=states, offsets=offsets, targets=heads, coefficients=rows, discrete=True)


def _sums(offsets: Integers, weights: Floats) -> NDArray[np.float64]:
    """Return for each edge the sum over its vertex, one where that is zero."""
    sources = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    sums = np.bincount(sources, weights, offsets.size - 1)[sources]
    return np.where(sums > 0.0, sums, 1.0)
