"""Moments of what a chain with epochs collects, and their derivatives by the weights."""

from __future__ import annotations

import math

import numpy as np

from phasic import replay
from phasic.arrays import Floats, GraphArrays
from phasic.epochs.boundaries import Epochs, Numbers, tiny
from phasic.errors import AbsorptionError
from phasic.replay import Factors
from phasic.trace import Trace


def collected(
    epochs: Epochs,
    arrays: GraphArrays,
    trace: Trace,
    weights: Floats,
    rewards: tuple[Floats, Floats],
    orders: tuple[int, int],
    direction: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Return ``E[Y1**a Y2**b] / (a! b!)`` of two rewards up to given orders, and its derivative.

    Epoch by epoch by uniformisation; what is collected from the last boundary on is solved for, starting
    from where the chain is by then. Derivatives are imaginary parts on a tiny change of the weights [1]_.

    Parameters
    ----------
    epochs, arrays, trace
        Of the graph.
    weights : float64[m]
        Within epochs; zero between sisters.
    rewards : (float64[n], float64[n])
        Zero in absorbing vertices.
    orders : (int, int)
    direction : float64[m], optional
        Derivative of each weight; without it, derivatives are zero.

    Returns
    -------
    (float64[a + 1, b + 1], float64[a + 1, b + 1])

    Raises
    ------
    AbsorptionError
        Absorption is not certain.

    References
    ----------
    .. [1] W. Squire and G. Trapp, SIAM Rev. 40 (1998).
    """
    bent: Numbers = weights
    step = 1.0
    if direction is not None:
        direction = np.where(epochs.switch, 0.0, direction)
        step = tiny(weights, direction)
        bent = weights + 1j * step * direction
    counts = (orders[0] + 1, orders[1] + 1)
    jets: Numbers = np.zeros((*counts, arrays.n_vertices), bent.dtype)
    jets[0, 0] = arrays.alpha
    for k in range(len(epochs.lengths)):
        jets = epochs.switched(k, epochs.carried(k, bent, jets, *rewards))
    factors = replay.factorise(trace, weights)
    factors.require_absorption(jets[0, 0].real)
    rest = np.zeros_like(jets)  # collected from the last boundary on, by the vertex then
    rest[0, 0] = 1.0
    for a, b in np.ndindex(counts):
        if a or b:
            right = rewards[0] * rest[a - 1, b] if a else np.zeros(arrays.n_vertices, bent.dtype)
            right = right + (rewards[1] * rest[a, b - 1] if b else 0.0)
            rest[a, b] = _solved(factors, right, jets[0, 0].real, direction, step)
    found = np.zeros(counts, bent.dtype)
    for a, b in np.ndindex(counts):
        parts = [jets[i, j] @ rest[a - i, b - j] for i in range(a + 1) for j in range(b + 1)]
        found[a, b] = sum(parts)
    return found.real, found.imag / step


def _solved(
    factors: Factors, right: Numbers, alpha: Floats, direction: Floats | None, step: float
) -> Numbers:
    """Return what is collected from each vertex at rewards `right`: of which imaginary parts change too."""
    value = np.where(factors.stuck, 0.0, factors.solve(right.real))
    if direction is None:
        return value
    from phasic.kernels.structure import reach

    trace = factors.trace
    begin, end = trace.source, trace.targets
    on = (direction != 0.0) & ~factors.stuck[begin]
    if (on & factors.stuck[end] & (factors.weights == 0.0)).any():
        reached = alpha > 0.0
        reach(trace.offsets, end, factors.weights > 0.0, reached)
        open_end = np.flatnonzero(on & factors.stuck[end] & reached[begin])
        if open_end.size:
            raise AbsorptionError(
                f"at this theta vertex {begin[open_end[0]]} cannot get to vertex {end[open_end[0]]}, from "
                f"where absorption is not certain, but at others near it can; there are no derivatives",
                int(end[open_end[0]]),
            )
    gain = np.where(on, direction, 0.0) * (value[end] - value[begin])
    change = right.imag / step + np.bincount(begin, gain, value.size)
    return value + 1j * step * np.where(factors.stuck, 0.0, factors.solve(change))


def raw_moments(jets: Floats) -> Floats:
    """Return raw moments of the first reward from what `collected` returns."""
    return np.array([math.factorial(j) * jets[j, 0] for j in range(1, jets.shape[0])])
