"""Density, distribution and survival by Laplace inversion of tilted chains, each value with its error.

Only for chains whose eigenvalues are known to lie near the negative real axis: acyclic ones, reversible
ones, and those that turn in circles only slowly beside the times asked for. Then no contour misses one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic import contour
from phasic.arrays import Floats
from phasic.contour import SECTORS, hyperbola
from phasic.tilting import Tilted

Kind = Literal["pdf", "cdf", "survival"]
Complex = NDArray[np.complex128]

TOLERANCE = 1e-11
"""Error relative to each value up to which it is accepted."""

FAIR = 1e-9
"""The same for the right tail, where the relative rounding error of a rate grows with time."""


_RATIO = 64.0  # longest over shortest time of one contour
_HALF_RULE = np.exp(-34.5 / 2.0)  # by how much the rule with all nodes is better than that with half of them
_ROUNDING = 16 * np.finfo(np.float64).eps
_BLOCK = 4096  # times whose exponentials are tabled at once
_KEPT = 2**22  # numbers in tables that are kept for later


class Answer(NamedTuple):
    """Values ``value * exp(log)`` and their errors ``error * exp(log)``, all float64[k].

    The error is infinite where no value was found; `good` says where it is small beside the value.
    """

    value: Floats
    log: Floats
    error: Floats
    good: NDArray[np.bool_]

    @classmethod
    def none(cls, size: int) -> Answer:
        """Return room for so many values."""
        zeros = np.zeros(size)
        return cls(zeros, zeros.copy(), np.full(size, np.inf), np.zeros(size, np.bool_))

    def reshaped(self, shape: tuple[int, ...]) -> Answer:
        """Return the same values in another shape."""
        value, log, error = (array.reshape(shape) for array in (self.value, self.log, self.error))
        return Answer(value, log, error, self.good.reshape(shape))


@dataclass(frozen=True, eq=False)
class Observed:
    """Times in ascending order, with exponentials that serve every theta.

    Attributes
    ----------
    times : float64[k]
        Positive and finite.
    """

    times: Floats
    _tables: dict[tuple[int, int, float, float, float], tuple[Floats, Floats]] = field(
        default_factory=dict, repr=False
    )

    def table(
        self, first: int, last: int, longest: float, ratio: float, sector: float
    ) -> tuple[Floats, Floats]:
        """Return ``exp(node t / longest)`` for times `first` to `last`, real and imaginary parts."""
        from phasic.kernels.contour import exponentials

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


class Group(NamedTuple):
    """Times that share a contour, and what was found there.

    Attributes
    ----------
    first, last : int
        Their range among the times observed.
    tilted : Tilted
    ratio, sector : float
        Of the contour.
    z, terms : complex128[k]
        Nodes as rates; the value at time t is the imaginary part of ``sum(terms * exp(z t))``.
    enough : bool
        Whether a wider sector would only bring other rounding errors.
    tolerance : float
        Relative error that is good enough.
    value, error : float64[last - first]
        Without the factor by which tilting differs.
    """

    first: int
    last: int
    tilted: Tilted
    ratio: float
    sector: float
    z: Complex
    terms: Complex
    enough: bool
    tolerance: float
    value: Floats
    error: Floats

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which values are accurate enough to go on from, bool[last - first]."""
        return (self.value > 0.0) & (self.error <= self.tolerance * self.value)

    @property
    def run(self) -> tuple[int, int]:
        """The range of times from the first to the last with accurate values."""
        good = np.flatnonzero(self.good)
        if good.size == 0:
            return self.first, self.first
        return self.first + int(good[0]), self.first + int(good[-1]) + 1

    def add_slopes(self, kind: Kind, observed: Observed, share: Floats, out: Floats, starts: Floats) -> None:
        """Add the derivative of ``share @ value`` by the weight of every edge to `out`, float64[m].

        And to `starts`, float64[n], that by the logarithm of every initial probability. Derivatives are
        without the factor by which tilting differs, as values are.
        """
        from phasic.kernels.contour import sensitivities, spread_back

        tilted, longest = self.tilted, float(observed.times[self.last - 1])
        nodes, factors = hyperbola(self.ratio, self.sector)
        re, im = np.zeros(nodes.size), np.zeros(nodes.size)
        for begin in range(self.first, self.last, _BLOCK):
            end = min(begin + _BLOCK, self.last)
            table = observed.table(begin, end, longest, self.ratio, self.sector)
            spread_back(*table, share[begin - self.first : end - self.first], re, im)
        c = (re + 1j * im) * factors / longest
        if kind == "cdf":
            c /= self.z + tilted.rate
        rewards, absorbed = (tilted.ease, 0.0) if kind == "survival" else (tilted.exits, 1.0)
        rows, z, by_position = tilted.rows, (self.z.real.copy(), self.z.imag.copy()), np.zeros(out.size)
        begun = np.zeros(tilted.alpha.size)
        system = (rows.offsets, rows.to, tilted.weights, *rows.components)
        with rows.room(keep=True) as room:
            sensitivities(
                *(*system, rewards, tilted.alpha, tilted.ratio, absorbed, *room),
                *(*z, c.real.copy(), c.imag.copy(), by_position, begun),
            )
        out[rows.edge] += by_position
        starts[rows.order] += begun * tilted.alpha

    def slope(self, time: float) -> float:
        """Return the derivative of the logarithm of the value at a time near those of the group."""
        terms = self.terms * np.exp(self.z * time)
        return float(np.imag(self.z @ terms) / np.imag(terms.sum()))


class Inversion:
    """Values at observed times, group by group.

    Parameters
    ----------
    chain : Tilted
        Untilted.
    halfwidth : float
        Bound on imaginary parts of eigenvalues.
    observed : Observed
    kind : {"pdf", "cdf", "survival"}
        What is asked for.
    tolerance : float
        Error relative to each value up to which it is accepted.
    """

    def __init__(
        self,
        chain: Tilted,
        halfwidth: float,
        observed: Observed,
        kind: Kind,
        tolerance: float = TOLERANCE,
    ) -> None:
        self._chain = chain
        self._halfwidth = halfwidth
        self._observed = observed
        self._times = observed.times
        self._kind = kind
        self._tolerance = tolerance
        self.groups: list[Group] = []
        self.by = np.full(observed.times.size, -1)

    def answer(self) -> Answer:
        """Return what was found; values that are not accurate have the error that they have."""
        times = self._times
        found = Answer.none(times.size)
        if times.size == 0:
            return found
        begin = int(np.searchsorted(times, times[-1] / _RATIO))
        group = self._group(self._chain, self._observed, begin, times.size)
        if group is None:
            return found
        self._keep(group, found)
        first, last = group.run
        if first == last:
            return self._from_the_middle(found)
        self._leftwards(group, first, found)
        self._rightwards(group, last, found, float(times[last - 1]))
        return found

    def _from_the_middle(self, found: Answer) -> Answer:
        """Go left and right from the mean."""
        mean = self._chain.mean(float(self._times[-1]))
        if mean is None:
            self._leftwards(None, self._times.size, found)
            return found
        begin, end = (int(np.searchsorted(self._times, mean * factor)) for factor in (0.125, 8.0))
        group = self._group(self._chain, self._observed, begin, end) if begin < end else None
        if group is not None and group.good.any():
            self._keep(group, found)
            first, last = group.run
            self._leftwards(group, first, found)
            self._rightwards(group, last, found, float(self._times[last - 1]))
            return found
        edge = int(np.searchsorted(self._times, mean))
        probe = self._group(self._chain, Observed(np.array([mean])), 0, 1)
        if probe is not None and probe.good.any():
            self._rightwards(probe, edge, found, mean)
        self._leftwards(None, edge, found)
        return found

    def _keep(self, group: Group, found: Answer) -> None:
        here = slice(group.first, group.last)
        factor = group.tilted.log_mass + group.tilted.rate * self._times[here]
        better = group.good | ~np.isfinite(found.error[here])
        strictly = (group.value > 0.0) & (group.error <= self._tolerance * group.value)
        for array, new in zip(found, (group.value, factor, group.error, strictly), strict=True):
            array[here][better] = new[better]
        self.by[here][better] = len(self.groups)
        self.groups.append(group)

    def _leftwards(self, group: Group | None, edge: int, found: Answer) -> None:
        """Find values before the time numbered `edge`, tilting where those next to it are too small."""
        tilted = self._chain if group is None else group.tilted
        tail = group is None or edge > group.first
        while edge > 0:
            top = float(self._times[edge - 1])
            if tail and self._kind != "survival":  # which is not small there
                further = tilted.earlier(top)
                if further is None:
                    return
                tilted = further
            begin = int(np.searchsorted(self._times, top / (tilted.reach if tail else _RATIO)))
            next_group = self._group(tilted, self._observed, begin, edge)
            if next_group is None:
                return
            first, last = next_group.run
            if last == edge:
                self._keep(next_group, found)
                edge, tail = first, first > begin
            elif tail:
                return
            else:
                tail = True

    def _rightwards(self, group: Group, edge: int, found: Answer, time: float) -> None:
        """Find values from the time numbered `edge`, tilting by how they fall at the last known `time`."""
        if self._kind == "cdf":  # does not fall
            return
        for _ in range(100):
            if edge == self._times.size:
                return
            slope = group.slope(time)
            tilted = group.tilted.later(slope) if slope < 0.0 else group.tilted
            if tilted is None:
                return
            tilted = replace(tilted, sector=group.sector)
            end = int(np.searchsorted(self._times, _RATIO * self._times[edge], side="right"))
            next_group = self._group(tilted, self._observed, edge, end)
            if next_group is not None and next_group.good[0]:
                self._keep(next_group, found)
                edge = next_group.run[1]
                group, time = next_group, float(self._times[edge - 1])
                continue
            # The next observation is too far away: come nearer by times that nobody asked for.
            ahead = Observed(time * np.array([1.1, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0]))
            probe = self._group(tilted, ahead, 0, ahead.times.size)
            if probe is None or not probe.good.any():
                return
            group, time = probe, float(ahead.times[probe.run[1] - 1])

    def _group(self, tilted: Tilted, observed: Observed, first: int, last: int) -> Group | None:
        """Return what the narrowest sufficient contour gives for times `first` to `last`."""
        times = observed.times[first:last]
        longest = float(times[-1])
        ratio = 2.0 ** max(1.0, float(np.ceil(np.log2(longest / times[0] * (1.0 - 1e-12)))))
        best: Group | None = None
        for sector in SECTORS:
            if sector < tilted.sector or self._halfwidth * longest > contour.halfwidth(ratio, sector):
                continue
            group = self._inverted(tilted, observed, first, last, sector, ratio)
            if best is None or group.error.min() < best.error.min():
                best = group
            if group.enough:
                break
        return best

    def _inverted(
        self, tilted: Tilted, observed: Observed, first: int, last: int, sector: float, ratio: float
    ) -> Group:
        from phasic.kernels.contour import collect

        times = observed.times[first:last]
        longest = float(times[-1])
        nodes, factors = hyperbola(ratio, sector)
        z = nodes / longest
        terms = tilted.transform(tilted.ease if self._kind == "survival" else tilted.exits, z)
        if self._kind == "cdf":
            terms /= z + tilted.rate
        terms *= factors / longest
        value, doubt = np.empty(times.size), np.empty(times.size)
        re, im = terms.real.copy(), terms.imag.copy()
        for begin in range(0, times.size, _BLOCK):
            here = slice(begin, min(begin + _BLOCK, times.size))
            collect(
                *observed.table(here.start + first, here.stop + first, longest, ratio, sector),
                re,
                im,
                value[here],
                doubt[here],
            )
        growth = np.maximum(nodes.real, nodes.real * (times[0] / longest))
        rounding = _ROUNDING * float(np.exp(growth) @ np.abs(terms))
        missed = 3.0 * _HALF_RULE * float(np.abs(doubt).max())
        cut = _cut_off(nodes, np.abs(terms), times / longest)
        enough = missed + float(cut.max()) <= max(rounding, 3e-13 * float(value.max()))
        error = rounding + missed + cut
        error[~np.isfinite(error)] = np.inf
        factor = abs(tilted.rate) * times + abs(tilted.log_mass)
        drift = (tilted.drift * times + _ROUNDING / 4.0 * factor) * np.abs(value)
        tolerance = self._tolerance if tilted.rate >= 0.0 else max(FAIR, self._tolerance)
        return Group(first, last, tilted, ratio, sector, z, terms, enough, tolerance, value, error + drift)


def _cut_off(nodes: Complex, sizes: Floats, shares: Floats) -> Floats:
    """Return a bound on the terms after the last one, at each share of the longest time.

    They fall ever faster, so at least as a geometric series from the last two on. Where a distribution is
    narrow they can be large, and the rules with all nodes and with half of them lack them alike.
    """
    before, last = (sizes[k] * np.exp(nodes.real[k] * shares) for k in (-2, -1))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rest = last / (1.0 - last / before)
    return np.where(last == 0.0, 0.0, np.where(last < before, rest, np.inf))
