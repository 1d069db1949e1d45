"""Exponential tilting: the same chain looked at where its absorption time is near a given one.

A density ``f(t)`` and the one of the tilted chain differ by a known factor, ``f(t) = M exp(c t) g(t)``, and g
can be made large where f is small. What is accurate beside the largest value of g is then accurate
relative to f, however far in a tail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.contour import SECTORS
from phasic.rows import LANES, Rows

_NARROW = ((4.0, 0.2), (12.0, 0.5), (50.0, 0.85), (250.0, 1.15))  # sectors for what is less narrow
_LEAST = 1e-250  # transforms below are left to a second step


@dataclass(frozen=True, eq=False)
class Tilted:
    """A chain whose paths to absorption in time t weigh ``exp(-rate t)`` as much as before.

    It is the chain that Doob's h-transform makes of the one that is killed at `rate`: with h the
    probability of absorption before being killed, rates w(u, v) become ``w(u, v) h(v) / h(u)``, sums and
    products of non-negative numbers [1]_.

    Attributes
    ----------
    rows : Rows
    base, weights, alpha : float64[m], float64[m], float64[t]
        Rates by position before and after tilting, and initial probabilities after it.
    ratio : float64[m]
        ``h(v) / h(u)`` of every edge.
    exits, ease : float64[t]
        Rate of absorption from each state, and ``1 / h``.
    rate : float
        Positive for shorter times, negative for longer ones.
    log_mass : float
        Logarithm of the probability of absorption before being killed.
    drift : float
        Relative change of the density per unit time that rounding in h may bring.
    sector : float
        Sector of a contour that will be wide enough; see `phasic.contour`.
    reach : float
        Ratio of times between which the density is not too small.

    References
    ----------
    .. [1] S. Asmussen, Applied Probability and Queues, 2nd edition (2003), chapter XIII.
    """

    rows: Rows
    base: Floats
    weights: Floats
    alpha: Floats
    ratio: Floats
    exits: Floats
    ease: Floats
    rate: float = 0.0
    log_mass: float = 0.0
    drift: float = 0.0
    sector: float = 0.0
    reach: float = 16.0

    @classmethod
    def not_at_all(
        cls, rows: Rows, weights: Floats, alpha: Floats, reached: NDArray[np.bool_] | None = None
    ) -> Tilted:
        """Return a chain as it is.

        Parameters
        ----------
        weights, alpha : float64[m], float64[n]
            Of the graph.
        reached : bool[n], optional
            Vertices that count, by default all; others are made to stand still.
        """
        base = weights[rows.edge]
        if reached is not None:
            base *= reached[rows.order][rows.source]
        exits: Floats = np.bincount(rows.exit_source, base[rows.exit], rows.order.size).astype(np.float64)
        return cls(rows, base, base, alpha[rows.order], rows.even, exits, rows.certain)

    def transform(self, rewards: Floats, z: Any) -> Any:
        """Return ``alpha (z I - S)^-1 rewards`` of the tilted chain, complex128[k]."""
        from phasic.kernels.contour import transform

        re, im, out = z.real.copy(), z.imag.copy(), np.empty((2, z.size))
        rows = self.rows
        system = (rows.offsets, rows.to, self.weights, *rows.components)
        with rows.room() as room:
            transform(*system, rewards, self.alpha, *room, re, im, *out)
        return out[0] + 1j * out[1]

    def earlier(self, time: float) -> Tilted | None:
        """Return the chain tilted further, so that `time` is late but not very; None where that fails."""
        tilted = self
        for _ in range(60):
            rates: Floats = np.asarray(2.0 ** (0.75 * np.arange(LANES) - 3.0) / time, np.float64)
            found = tilted._survey(rates)
            if found is None:
                return None
            log_mass, h = found
            usable = log_mass > np.log(_LEAST)
            last = int(usable.sum()) - 1 if usable.all() else int(np.argmin(usable)) - 1
            if last < 2:
                rates = rates * 2.0**-12  # such long times are many means away
                found = tilted._survey(rates)
                if found is None:
                    return None
                log_mass, h = found
                last = int((log_mass > np.log(_LEAST)).sum()) - 1
                if last < 2:
                    return None
            chosen, wide = _late_enough(rates[: last + 1], log_mass[: last + 1], time)
            if chosen is None:
                # At the last rate but one it is not late yet; at the last one it may be too late.
                last -= 1
                tilted = tilted._by(float(rates[last]), h[:, last], float(log_mass[last]))
                continue
            if wide and chosen > 0:
                low, high = float(rates[chosen - 1]), float(rates[chosen])
                rates = low + (high - low) * np.arange(1, LANES + 1) / LANES
                found = tilted._survey(rates)
                if found is None:
                    return None
                log_mass, h = found
                finer, _ = _late_enough(rates, log_mass, time)
                chosen = LANES - 1 if finer is None else finer
            tilted = tilted._by(float(rates[chosen]), h[:, chosen], float(log_mass[chosen]))
            narrowness = _narrowness(rates, log_mass, chosen)
            reach = float(np.exp(min(8.0 / np.sqrt(narrowness), 2.8)))
            return replace(tilted, sector=_sector(narrowness), reach=reach)
        return None

    def later(self, slope: float) -> Tilted | None:
        """Return the chain tilted by nearly `slope`, that of the logarithm of its density where it falls.

        None where no such tilt leaves a chain that is absorbed.
        """
        shares = np.array(
            [1.0, 0.9999, 0.999, 0.99, 0.97, 0.93, 0.85, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-6]
        )
        found = self._survey(slope * shares)
        if found is None:
            return None
        log_mass, h = found
        for chosen in np.flatnonzero(np.isfinite(log_mass)):
            if (h[:, chosen] >= 0.0).all():  # or the tilt exceeds the rate of decay
                return self._by(float(slope * shares[chosen]), h[:, chosen], float(log_mass[chosen]))
        return None

    def mean(self, time: float) -> float | None:
        """Return about the mean absorption time; None where it is long after `time`."""
        rates: Floats = np.asarray(2.0 ** (3.0 * np.arange(LANES) - 30.0) / time, np.float64)
        found = self._survey(rates)
        if found is None:
            return None
        with np.errstate(invalid="ignore"):  # where no mass is left
            fall = -np.diff(found[0])
        clear = np.flatnonzero(fall > 1e-4)  # what is never absorbed takes no part in a difference
        if clear.size == 0 or clear[0] == 0:
            return None
        return float(fall[clear[0]] / np.diff(rates)[clear[0]])

    def _survey(self, rates: Floats) -> tuple[Floats, Floats] | None:
        """Return the logarithm of the mass, and h of every state, at some rates; NaN where there is none."""
        from phasic.kernels.contour import transform

        rows = self.rows
        system = (rows.offsets, rows.to, self.weights, *rows.components)
        mass, none = np.empty(rates.size), np.empty(rates.size)
        with rows.room() as room:
            transform(*system, self.exits, self.alpha, *room, rates, np.zeros(rates.size), mass, none)
            h = room[-1][:, : rates.size].copy()
        if not np.isfinite(mass).any():
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(mass), h

    def _by(self, rate: float, h: Floats, log_mass: float) -> Tilted:
        from phasic.kernels.tilting import tilt

        rows, h, total = self.rows, np.ascontiguousarray(h), self.rate + rate
        ratio, weights = np.empty(self.base.size), np.empty(self.base.size)
        exits, off = np.empty(h.size), np.empty(h.size)
        tilt(rows.offsets, rows.to, self.base, self.ratio, h, total, ratio, weights, exits, off)
        alpha = self.alpha * h
        alpha /= alpha.sum()
        with np.errstate(over="ignore"):  # far left, where nobody asks what is left
            ease = np.divide(self.ease, h, out=np.zeros(h.size), where=h > 0.0)
        changed = replace(self, weights=weights, alpha=alpha, ratio=ratio, exits=exits, ease=ease, rate=total)
        return replace(changed, log_mass=self.log_mass + log_mass, drift=changed._drift(off))

    def _drift(self, off: Floats) -> float:
        """Return the mean of `off`, by the time spent in each state."""
        if self.rate >= 0.0:  # short times in few states
            return float(off.max(initial=0.0))
        from phasic.kernels.contour import occupation

        rows, one = self.rows, np.zeros(1)
        system = (rows.offsets, rows.to, self.weights, *rows.components)
        with rows.room(keep=True) as room:
            occupation(*system, self.alpha, *room, one, one)
            times = np.abs(room[-1][:, 0])
        spent = np.where(off > 0.0, times, 0.0)
        total = float(times[np.isfinite(times)].sum())
        return float(spent @ off) / total if np.isfinite(spent).all() and total > 0.0 else np.inf


def _late_enough(rates: Floats, log_mass: Floats, time: float) -> tuple[int | None, bool]:
    """Return the first rate at which `time` is late, and whether the one before is far from it."""
    mean = -np.diff(log_mass) / np.diff(rates)  # at the middle of each pair
    if mean.size < 2:
        return None, False
    middle = (rates[1:] + rates[:-1]) / 2.0
    spread = np.sqrt(np.maximum(-np.diff(mean) / np.diff(middle), 0.0))
    late = np.flatnonzero(mean[1:] + 2.0 * spread <= time)
    if late.size == 0:
        return None, False
    first = int(late[0]) + 1
    return first, bool(mean[first - 1] - mean[first] > spread[first - 1])


def _narrowness(rates: Floats, log_mass: Floats, at: int) -> float:
    """Return the squared mean over the variance at about one of the rates."""
    a = min(max(at - 1, 0), rates.size - 3)
    mean = -np.diff(log_mass[a : a + 3]) / np.diff(rates[a : a + 3])
    fall = float(mean[0] - mean[1]) / float(rates[a + 2] - rates[a]) * 2.0
    return float(mean[1]) ** 2 / fall if fall > 0.0 else 1.0


def _sector(narrowness: float) -> float:
    return next((sector for limit, sector in _NARROW if narrowness < limit), SECTORS[-1])
