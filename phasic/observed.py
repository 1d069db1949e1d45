"""Times at which values are asked for at theta after theta, and what of an inversion they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.contour import hyperbola

Complex = NDArray[np.complex128]
Blocks = Iterator[tuple[slice, tuple[Floats, Floats, NDArray[np.int64]]]]

_BLOCK = 4096  # times whose exponentials are tabled at once
_KEPT = 2**22  # numbers in tables that are kept for later
_CONTOURS = 64  # whose nodes are kept for later
_WITNESSES = 6  # times at which another contour has to agree
_VANISHED = 56.0  # logarithm of one over what is left of a term, from its earliest time on, that is left out


class Nodes(NamedTuple):
    """A contour for some ascending times, and whatever of it does not depend on the weights.

    Attributes
    ----------
    z, factors : complex128[k]
        Nodes as rates; the value at time t is the imaginary part of
        ``sum(factors * transform(z) * exp(z t))``.
    re, im : float64[k]
        Parts of `z`.
    counts : int64[k]
        For how many of the times each node counts. Later ones would change accepted values by less than
        a hundredth of their rounding error, since what is left of a term is ``exp(-56)`` of what it is at
        the first time, and no term is so large there that values of a ten thousandth of a percent of it
        would be accepted.
    growth : float64[k]
        Largest size of ``exp(z t)`` at these times.
    """

    z: Complex
    factors: Complex
    re: Floats
    im: Floats
    counts: NDArray[np.int64]
    growth: Floats

    @classmethod
    def of(cls, times: Floats, ratio: float, sector: float) -> Nodes:
        """Return the nodes for these times, the last over the first of which is at most `ratio`."""
        longest = float(times[-1])
        nodes, factors = hyperbola(ratio, sector)
        re, im = nodes.real / longest, nodes.imag / longest
        with np.errstate(divide="ignore"):
            until = np.where(re < 0.0, times[0] + _VANISHED / np.abs(re), np.inf)
        growth = np.exp(np.maximum(nodes.real, nodes.real * (times[0] / longest)))
        counts = np.searchsorted(times, until, side="right")
        return cls(nodes / longest, factors / longest, re, im, counts, growth)


@dataclass(frozen=True, eq=False)
class Observed:
    """Times in ascending order, with exponentials that serve every theta.

    Attributes
    ----------
    times : float64[k]
        Positive and finite.
    """

    times: Floats
    _nodes: dict[tuple[int, int, float, float], Nodes] = field(default_factory=dict, repr=False)
    _tables: dict[tuple[int, int, float, float, float], tuple[Floats, Floats]] = field(
        default_factory=dict, repr=False
    )
    _witnesses: dict[tuple[int, int], tuple[NDArray[np.int64], Observed]] = field(
        default_factory=dict, repr=False
    )

    def nodes(self, first: int, last: int, ratio: float, sector: float) -> Nodes:
        """Return a contour for times `first` to `last`."""
        key = (first, last, ratio, sector)
        found = self._nodes.get(key)
        if found is None:
            if len(self._nodes) >= _CONTOURS:
                self._nodes.clear()
            self._nodes[key] = found = Nodes.of(self.times[first:last], ratio, sector)
        return found

    def witnesses(self, first: int, last: int) -> tuple[NDArray[np.int64], Observed]:
        """Return the numbers and the times of a few of those from `first` to `last`, both ends among them."""
        found = self._witnesses.get((first, last))
        if found is None:
            if len(self._witnesses) >= _CONTOURS:
                self._witnesses.clear()
            times = self.times[first:last]
            near = np.searchsorted(times, np.geomspace(times[0], times[-1], _WITNESSES))
            near[0], near[-1] = 0, times.size - 1
            some = np.unique(np.minimum(near, times.size - 1))
            self._witnesses[first, last] = found = some, Observed(times[some])
        return found

    def blocks(self, first: int, last: int, ratio: float, sector: float) -> Blocks:
        """Yield parts of the times `first` to `last`, counted from the first, and their tables.

        Tables are real and imaginary parts of exponentials, and for how many times each node counts.
        """
        longest, counts = float(self.times[last - 1]), self.nodes(first, last, ratio, sector).counts
        for begin in range(first, last, _BLOCK):
            end = min(begin + _BLOCK, last)
            table = self.table(begin, end, longest, ratio, sector)
            if last - first > _BLOCK:
                yield (
                    slice(begin - first, end - first),
                    (*table, np.clip(counts - (begin - first), 0, end - begin)),
                )
            else:
                yield slice(0, last - first), (*table, counts)

    def table(
        self, first: int, last: int, longest: float, ratio: float, sector: float
    ) -> tuple[Floats, Floats]:
        """Return ``exp(node t / longest)`` for times `first` to `last`, real and imaginary parts."""
        from phasic.kernels.exponentials import exponentials

        key = (first, last, longest, ratio, sector)
        found = self._tables.get(key)
        if found is None:
            nodes = hyperbola(ratio, sector).nodes
            times = self.times[first:last] / longest
            found = np.empty((nodes.size, times.size)), np.empty((nodes.size, times.size))
            exponentials(times, nodes.real.copy(), nodes.imag.copy(), *found)
            kept = sum(a.size for a, _ in list(self._tables.values()))  # other threads ask too
            for oldest in list(self._tables):
                if kept + found[0].size <= _KEPT:
                    break
                gone = self._tables.pop(oldest, None)
                kept -= 0 if gone is None else gone[0].size
            self._tables[key] = found
        return found
