"""Sums of logarithms of densities over many times, from those at few times in between.

What `phasic.interpolation` does for values: polynomials in cells of the logarithm of time. The sum over
observations is linear in what the polynomials are made from, so that it has fixed weights at their nodes,
found once; a million observations then take as long as a few hundred. At every theta, polynomials are
compared with values that they were not made from, and without agreement there is no sum.
"""

from __future__ import annotations

import numpy as np

from phasic.arrays import Floats
from phasic.errors import PhasicError
from phasic.interpolation import Cells, disagreement, node_weights
from phasic.logarithms import Found, Logarithms
from phasic.question import Question
from phasic.reached import Reached

_PAYS = 3.0  # times in a cell, per value that it takes to know them
_TOLERANCE = 2e-11  # of a logarithm


class Sums:
    """The sum of logarithms of the density at many times, to be asked for at weight after weight.

    Parameters
    ----------
    reached : Reached
        Of a continuous chain.
    times : float64[k]
        Ascending, positive and finite.
    counts : float64[k]
        How often each counts.
    width : float
        Of cells at most, by the logarithm of time; see `phasic.interpolation.widest`.

    Attributes
    ----------
    pays : bool
        Whether this takes less time than asking for every time.
    """

    def __init__(self, reached: Reached, times: Floats, counts: Floats, width: float) -> None:
        logs = np.log(times)
        cells = Cells.over(logs, width)
        begin, end = (np.searchsorted(logs, edge) for edge in cells)
        pays = end - begin >= _PAYS * cells.n_values
        self._cells = Cells(*(edge[pays] for edge in cells))
        begin, end, rest = begin[pays], end[pays], np.ones(times.size, np.bool_)
        shares = np.zeros((begin.size, cells.n_values))
        for c, (first, last) in enumerate(zip(begin, end, strict=True)):
            rest[first:last] = False
            place = (logs[first:last] - self._cells.middle[c]) / self._cells.half[c]
            shares[c] = node_weights(place, counts[first:last])
        asked = np.concatenate([np.exp(self._cells.places).ravel(), times[rest]])
        order = np.argsort(asked, kind="stable")
        self._back = np.argsort(order, kind="stable")[: shares.size]
        self._weights = np.concatenate([shares.ravel(), counts[rest]])[order]
        self._logarithms = Logarithms(reached, "pdf", asked[order])
        self.pays = begin.size > 0

    def at(self, question: Question, gradient: bool) -> tuple[Found, Floats] | None:
        """Return logarithms and with which weights they add up; None where polynomials do not do."""
        try:
            found = self._logarithms.at(question, gradient)
        except PhasicError:  # at a node perhaps, which nobody asked for
            return None
        nodes = found.value[self._back].reshape(self._cells.low.size, -1)
        if np.isfinite(nodes).all() and disagreement(nodes).max() <= _TOLERANCE:
            return found, self._weights
        return None
