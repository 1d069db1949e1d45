"""Values at very many times: logarithms at some of them, and polynomials in between that are checked.

A density of a phase-type distribution, its distribution and its survival are smooth, and their logarithms
are so by the logarithm of time: early they rise with a power of time, late they fall like an exponential. A
few hundred values hence tell all others. Nothing is taken on trust: polynomials are compared with values
that they were not made from, and where they fail, times are asked for one by one as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.inversion import Answer

FEW = 10_000
"""Up to so many times, each is found by itself."""

_NODES = 18  # of the polynomial in each cell
_HELD_OUT = 5  # places of a cell that its polynomial is compared at
_WIDEST = float(np.log(2.0))  # of a cell, by the logarithm of time
_TOLERANCE = 2e-11  # relative error of values that a polynomial is made from, and of what it gives
_PAYS = 8.0  # times in a cell, per value that it takes to know them
_HALVINGS = 3  # of a cell, before its times are asked for one by one

_X = chebyshev.chebpts1(_NODES)
_Y = np.array([-0.985, -0.55, 0.06, 0.62, 0.98])  # between nodes, near the ends too
_TO_COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(_X, _NODES - 1)).T
_AT_HELD_OUT = chebyshev.chebvander(_Y, _NODES - 1).T
_VALUES = _NODES + _HELD_OUT


def widest(n_states: int, turning: bool) -> float:
    """Return how wide cells may be that no bump of a distribution of so many states hides between nodes.

    The standard deviation of an absorption time is at least a share ``1 / sqrt(n)`` of its mean [1]_, that of
    a walk along n states too, and a mixture of these has no narrower bump. A chain that is `turning` in
    circles may beat like a clock: it passes n states in turn, time after time, and the beats run into each
    other after about n rounds, when they are a share ``1 / n`` of the time apart. Cells are so narrow that
    several nodes fall on either.

    References
    ----------
    .. [1] D. Aldous and L. Shepp, Communications in Statistics: Stochastic Models 3 (1987).
    """
    narrowest = 1.0 / n_states if turning else 1.0 / np.sqrt(n_states)
    return float(min(_WIDEST, narrowest * _NODES / 5.0))


class Cells(NamedTuple):
    """Intervals of the logarithm of time, float64[c] each."""

    low: Floats
    high: Floats

    @classmethod
    def over(cls, logs: Floats, width: float) -> Cells:
        """Return equal intervals that hold all of `logs`, which ascend; none where they are too few."""
        low, high = float(logs[0]), float(np.nextafter(logs[-1], np.inf))
        count = max(1, int(np.ceil((high - low) / width)))
        if count > logs.size:  # far more than would pay
            return cls(np.empty(0), np.empty(0))
        edges = np.linspace(low, high, count + 1)
        return cls(edges[:-1], edges[1:])

    @property
    def n_values(self) -> int:
        """How many values a polynomial takes to be made and compared with."""
        return _VALUES

    @property
    def middle(self) -> Floats:
        """Centres, float64[c]."""
        return 0.5 * (self.low + self.high)

    @property
    def half(self) -> Floats:
        """Half widths, float64[c]."""
        return 0.5 * (self.high - self.low)

    @property
    def places(self) -> Floats:
        """Nodes of polynomials, and after these where they are compared, float64[c, n_values]."""
        return np.asarray(self.middle[:, None] + self.half[:, None] * np.concatenate([_X, _Y]))

    def halved(self, which: NDArray[np.bool_]) -> Cells:
        """Return both halves of some of them."""
        low, middle, high = self.low[which], self.middle[which], self.high[which]
        return Cells(np.concatenate([low, middle]), np.concatenate([middle, high]))


def node_weights(places: Floats, counts: Floats) -> Floats:
    """Return with which weights values add up to the sum of a polynomial over places, float64[n_values].

    Parameters
    ----------
    places, counts : float64[k]
        Between -1 and 1 in a cell, and how often each counts.
    """
    vector = counts @ chebyshev.chebvander(places, _NODES - 1)
    return np.concatenate([_TO_COEFFICIENTS @ vector, np.zeros(_HELD_OUT)])


def disagreement(logs: Floats) -> Floats:
    """Return how far polynomials are from what they were not made from, or have not settled, float64[c]."""
    return np.asarray(_compared(logs, logs[:, :_NODES] @ _TO_COEFFICIENTS).max(axis=0))


def _compared(logs: Floats, coefficients: Floats) -> Floats:
    off = np.abs(coefficients @ _AT_HELD_OUT - logs[:, _NODES:]).max(axis=1)
    return np.array([off, np.abs(coefficients[:, -2:]).max(axis=1)])


def interpolated(direct: Callable[[Floats], Answer], times: Floats, width: float) -> Answer:
    """Return ``direct(times)``, asking for few of the times where polynomials do in between.

    Parameters
    ----------
    direct : callable
        Values at given times, with the error of each.
    times : float64[k]
        Finite and not negative, in any order.
    width : float
        Of cells at most, by the logarithm of time; see `widest`.
    """
    order = None if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")
    ascending = times if order is None else times[order]
    found = _ascending(direct, ascending, width)
    if order is None:
        return found
    back = Answer.none(times.size)
    for array, part in zip(back, found, strict=True):
        array[order] = part
    return back


def _ascending(direct: Callable[[Floats], Answer], times: Floats, width: float) -> Answer:
    found, rest = Answer.none(times.size), np.ones(times.size, np.bool_)
    first = int(np.searchsorted(times, 0.0, side="right"))
    logs = np.log(times[first:])
    if logs.size:
        cells = Cells.over(logs, width)
        for _ in range(_HALVINGS + 1):
            begin, end = (first + np.searchsorted(logs, edge) for edge in cells)
            pays = end - begin >= _PAYS * _VALUES
            cells, begin, end = Cells(*(edge[pays] for edge in cells)), begin[pays], end[pays]
            if not begin.size:
                break
            coefficients, error = _fitted(direct, cells)
            good = error < np.inf
            for c in np.flatnonzero(good):
                here = slice(begin[c], end[c])
                place = (logs[begin[c] - first : end[c] - first] - cells.middle[c]) / cells.half[c]
                found.log[here] = chebyshev.chebval(place, coefficients[c])
                found.value[here], found.error[here], found.good[here] = 1.0, error[c], True
                rest[here] = False
            cells = cells.halved(~good)
    if rest.any():
        for array, part in zip(found, direct(times[rest]), strict=True):
            array[rest] = part
    return found


def _fitted(direct: Callable[[Floats], Answer], cells: Cells) -> tuple[Floats, Floats]:
    """Return coefficients of Chebyshev polynomials, and a bound on their error; infinite where they fail."""
    places = cells.places
    answer = direct(np.exp(places).ravel()).reshaped(places.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(answer.value) + answer.log
        given = (answer.error / answer.value).max(axis=1)
        coefficients = logs[:, :_NODES] @ _TO_COEFFICIENTS
        off, last = _compared(logs, coefficients)
        known = (given <= _TOLERANCE) & (off <= _TOLERANCE) & (last <= _TOLERANCE)
    # Errors of values grow by up to three times between the nodes.
    return coefficients, np.where(known, 3.0 * given + off + last, np.inf)
