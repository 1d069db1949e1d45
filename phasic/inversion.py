"""Density, distribution and survival by Laplace inversion of tilted chains, each value with its error.

Only for chains whose eigenvalues are known to lie near the negative real axis: acyclic ones, reversible
ones, and those that turn in circles only slowly beside the times asked for. Then no contour misses one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic import contour
from phasic.arrays import Floats
from phasic.contour import SECTORS
from phasic.observed import Nodes, Observed
from phasic.tilting import Tilted

Kind = Literal["pdf", "cdf", "survival"]
Complex = NDArray[np.complex128]

TOLERANCE = 1e-11
"""Error relative to each value up to which it is accepted."""

FAIR = 1e-9
"""The same for the right tail, where the relative rounding error of a rate grows with time."""


_RATIO = 64.0  # longest over shortest time of one contour
_HALF_RULE = np.exp(-34.5 / 2.0)  # by how much the rule with all nodes is better than that with half of them
_ROUNDING = float(16 * np.finfo(np.float64).eps)
_SLIGHT = 0.01  # share of the rounding error of a term that need not be known better


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


class Group(NamedTuple):
    """Times that share a contour, and what was found there.

    Attributes
    ----------
    first, last : int
        Their range among the times observed.
    tilted : Tilted
    ratio, sector : float
        Of the contour.
    nodes : Nodes
    terms : complex128[k]
        The value at time t is the imaginary part of ``sum(terms * exp(z t))``.
    enough : bool
        Whether a wider sector would only bring other rounding errors.
    value, error : float64[last - first]
        Without the factor by which tilting differs.
    good : bool[last - first]
        Which values are accurate enough to go on from.
    """

    first: int
    last: int
    tilted: Tilted
    ratio: float
    sector: float
    nodes: Nodes
    terms: Complex
    enough: bool
    value: Floats
    error: Floats
    good: NDArray[np.bool_]

    @property
    def run(self) -> tuple[int, int]:
        """The range of times from the first to the last with accurate values."""
        good = np.flatnonzero(self.good)
        if good.size == 0:
            return self.first, self.first
        return self.first + int(good[0]), self.first + int(good[-1]) + 1

    def log_factor(self, times: Floats) -> Floats:
        """Return the logarithm of the factor by which values and errors at `times` differ by tilting."""
        return self.tilted.log_mass + self.tilted.rate * times

    def add_slopes(self, kind: Kind, observed: Observed, share: Floats, out: Floats, starts: Floats) -> None:
        """Add the derivative of ``share @ value`` by the weight of every edge to `out`, float64[m].

        And to `starts`, float64[n], that by the logarithm of every initial probability. Derivatives are
        without the factor by which tilting differs, as values are.
        """
        from phasic.kernels.contour import sensitivities
        from phasic.kernels.exponentials import spread_back

        tilted, nodes = self.tilted, self.nodes
        re, im = np.zeros(nodes.z.size), np.zeros(nodes.z.size)
        for here, table in observed.blocks(self.first, self.last, self.ratio, self.sector):
            spread_back(*table, share[here], re, im)
        c = (re + 1j * im) * nodes.factors
        if kind == "cdf":
            c /= nodes.z + tilted.rate
        rewards, absorbed = (tilted.ease, 0.0) if kind == "survival" else (tilted.exits, 1.0)
        rows, by_position, begun = tilted.rows, np.zeros(out.size), np.zeros(tilted.alpha.size)
        system = (rows.offsets, rows.to, tilted.weights, *rows.components)
        with rows.room(keep=True) as room:
            sensitivities(
                *(*system, rewards, tilted.alpha, tilted.ratio, absorbed, *room),
                *(nodes.re, nodes.im, c.real.copy(), c.imag.copy(), by_position, begun),
            )
        out[rows.edge] += by_position
        starts[rows.order] += begun * tilted.alpha

    def slope(self, time: float) -> float:
        """Return the derivative of the logarithm of the value at a time near those of the group."""
        terms = self.terms * np.exp(self.nodes.z * time)
        return float(np.imag(self.nodes.z @ terms) / np.imag(terms.sum()))


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
        if times.size == 0:
            return Answer.none(0)
        begin = int(np.searchsorted(times, times[-1] / _RATIO))
        group = self._group(self._chain, self._observed, begin, times.size)
        if group is not None and begin == 0 and group.good.all():  # most observations are of this kind
            self.groups.append(group)
            self.by[:] = 0
            strictly = group.error <= self._tolerance * group.value
            return Answer(group.value, group.log_factor(times), group.error, strictly)
        found = Answer.none(times.size)
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
        factor = group.log_factor(self._times[here])
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
        for wider, sector in zip((*SECTORS[1:], None), SECTORS, strict=True):
            if sector < tilted.sector or self._halfwidth * longest > contour.halfwidth(ratio, sector):
                continue
            group = self._inverted(tilted, observed, first, last, sector, ratio)
            if group.enough and wider is not None and not tilted.rows.is_short:
                group = self._confirmed(group, observed, wider)
            if best is None or group.error.min() < best.error.min():
                best = group
            if group.enough:
                break
        return best

    def _confirmed(self, group: Group, observed: Observed, wider: float) -> Group:
        """Return a group that a wider contour agrees with at a few times, or else with errors that say so.

        What a contour says of its own error holds for what it resolves. A narrow peak that is a small part of
        a mixture may lie between its nodes, and then hides below the error of the rule with half of them.
        """
        some, few = observed.witnesses(group.first, group.last)
        other = self._inverted(group.tilted, few, 0, some.size, wider, group.ratio)
        off = np.abs(group.value[some] - other.value)
        if not (off > 2.0 * (group.error[some] + other.error)).any():
            return group
        error = group.error + 10.0 * float(off.max())
        good = (group.value > 0.0) & (error <= self._accepted(group.tilted) * group.value)
        return group._replace(error=error, good=good, enough=False)

    def _accepted(self, tilted: Tilted) -> float:
        """Return the relative error that is good enough to go on from."""
        return self._tolerance if tilted.rate >= 0.0 else max(FAIR, self._tolerance)

    def _inverted(
        self, tilted: Tilted, observed: Observed, first: int, last: int, sector: float, ratio: float
    ) -> Group:
        from phasic.kernels.exponentials import collect

        times, nodes = observed.times[first:last], observed.nodes(first, last, ratio, sector)
        terms = tilted.transform(tilted.ease if self._kind == "survival" else tilted.exits, nodes.z)
        if self._kind == "cdf":
            terms /= nodes.z + tilted.rate
        terms *= nodes.factors
        value, doubt = np.empty(times.size), 0.0
        re, im, sizes = terms.real.copy(), terms.imag.copy(), np.abs(terms)
        for here, table in observed.blocks(first, last, ratio, sector):
            doubt = max(doubt, collect(*table, re, im, value[here]))
        rounding = _ROUNDING * float(nodes.growth @ sizes)
        missed = 3.0 * _HALF_RULE * doubt
        cut: Floats | float = _most_cut_off(nodes, sizes)
        enough = bool(missed + cut <= max(rounding, 3e-13 * float(value.max())))
        if not cut <= _SLIGHT * rounding:
            cut = _cut_off(nodes, sizes, times)
        error = np.full(times.size, rounding + missed)
        error += cut
        if tilted.rate or tilted.log_mass or tilted.drift:
            factor = abs(tilted.rate) * times + abs(tilted.log_mass)
            error += (tilted.drift * times + _ROUNDING / 4.0 * factor) * np.abs(value)
        error[np.isnan(error)] = np.inf
        good = (value > 0.0) & (error <= self._accepted(tilted) * value)
        return Group(first, last, tilted, ratio, sector, nodes, terms, enough, value, error, good)


def _most_cut_off(nodes: Nodes, sizes: Floats) -> float:
    """Return the bound of `_cut_off` at the earliest time, where it is largest."""
    before, last = (float(size) for size in sizes[-2:] * nodes.growth[-2:])
    if last == 0.0:
        return 0.0
    return last / (1.0 - last / before) if last < before else np.inf


def _cut_off(nodes: Nodes, sizes: Floats, times: Floats) -> Floats:
    """Return a bound on the terms after the last one, at each of some times.

    They fall ever faster, so at least as a geometric series from the last two on. Where a distribution is
    narrow they can be large, and the rules with all nodes and with half of them lack them alike.
    """
    before, last = (sizes[k] * np.exp(nodes.re[k] * times) for k in (-2, -1))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rest = last / (1.0 - last / before)
    return np.where(last == 0.0, 0.0, np.where(last < before, rest, np.inf))
