"""Probabilities of intervals with all their digits: by differences, or where these cancel, by integrals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats
from phasic.errors import PhasicError
from phasic.logarithms import Found, Logarithms, Slopes
from phasic.question import Question
from phasic.reached import Reached

_NARROW = np.log(1e-2)  # of a difference, beside what is subtracted from
_FEW_STEPS, _MOST_STEPS = 64, 1_000_000
_AGREE = 1e-9
_HALVINGS = 14
_KEPT = 8

# Gauss-Kronrod rule of 15 nodes (R. Piessens et al., QUADPACK, 1983): nodes and weights from the middle
# on, and weights of the Gauss rule of every second node.
_NODES = np.array(
    [0.0, 0.207784955007898467600689403773245, 0.405845151377397166906606412076961,
     0.586087235467691130294144691693013, 0.741531185599394439863864773280788,
     0.864864423359769072789712788640926, 0.949107912342758524526189684047851,
     0.991455371120812639206854697526329]
)  # fmt: skip
_WEIGHTS = np.array(
    [0.209482141084727828012999174891714, 0.204432940075298892414161999234649,
     0.190350578064785409913256402421014, 0.169004726639267902826583426598550,
     0.140653259715525918745189590510238, 0.104790010322250183839876322541518,
     0.063092092629978553290700663189204, 0.022935322010529224963732008058970]
)  # fmt: skip
_GAUSS = np.array(
    [0.417959183673469387755102040816327, 0.0, 0.381830050505118944950369775488975, 0.0,
     0.279705391489276667901467771423780, 0.0, 0.129484966168869693270611432679082, 0.0]
)  # fmt: skip


def _both_sides(values: Floats, sign: float) -> Floats:
    return np.concatenate([sign * values[:0:-1], values])


_X, _W, _G = _both_sides(_NODES, -1.0), _both_sides(_WEIGHTS, 1.0), _both_sides(_GAUSS, 1.0)


class Intervals:
    """The probability of absorption in each of some intervals, to be asked for at weight after weight.

    Parameters
    ----------
    reached : Reached
    ends : float64[k, 2]
        ``0 <= low < high < inf``; what starts absorbed takes no part.
    """

    def __init__(self, reached: Reached, ends: Floats) -> None:
        self._reached = reached
        self._low, self._high = ends.T
        times = np.unique(ends)
        self._times = times[times > 0.0]
        self._at_low, self._at_high = (np.searchsorted(self._times, end) for end in (self._low, self._high))
        self._survival = Logarithms(reached, "survival", self._times)
        self._distribution = Logarithms(reached, "cdf", self._times)
        self._inside: dict[bytes, Logarithms] = {}

    def at(self, question: Question, gradient: bool) -> Found:
        """Return logarithms of probabilities, -inf where there is none, and how to differentiate them.

        Raises
        ------
        PhasicError
            An interval is so unlikely, and its density so uneven, that its probability was not found.
        """
        left, come = (part.at(question, gradient) for part in (self._survival, self._distribution))
        begun, total = self._low > 0.0, np.log(question.alpha.sum()) if question.alpha.any() else -np.inf
        at_low, at_high = np.where(begun, self._at_low, 0), self._at_high
        later_low = np.where(begun, left.value[at_low], total)
        sooner_low = np.where(begun, come.value[at_low], -np.inf)
        by_left = later_low < come.value[at_high]
        large = np.where(by_left, later_low, come.value[at_high])
        small = np.where(by_left, left.value[at_high], sooner_low)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(np.isneginf(large), 0.0, np.exp(small - large))
            value = large + np.log1p(-np.minimum(share, 1.0))
        narrow = np.isfinite(large) & (value - large < _NARROW)
        if self._reached.discrete:
            narrow |= np.isfinite(large) & (self._high - self._low <= _FEW_STEPS)
        found = Found(value, [])
        wide = ~narrow & np.isfinite(value)

        def add(shares: Floats, slopes: Slopes) -> None:
            with np.errstate(over="ignore", invalid="ignore"):
                more = np.where(wide, shares * np.exp(large - value), 0.0)
                less = np.where(wide, shares * np.exp(small - value), 0.0)
            for part, mine, sign in ((left, by_left, 1.0), (come, ~by_left, -1.0)):
                ends = np.zeros(self._times.size)
                lows, highs = (more, less) if sign > 0.0 else (less, more)
                np.add.at(ends, at_low[mine & begun], sign * lows[mine & begun])
                np.add.at(ends, at_high[mine], -sign * highs[mine])
                part.add_slopes(ends, slopes)
            whole = float(more[by_left & ~begun].sum())  # all that has not started absorbed
            if whole:
                slopes.starts += whole * question.alpha / question.alpha.sum()

        found._by.append(add)
        if narrow.any():
            self._integrated(question, gradient, np.flatnonzero(narrow), found)
        return found

    def _integrated(self, question: Question, gradient: bool, which: NDArray[np.int64], found: Found) -> None:
        """Find probabilities as sums or integrals of densities, which are not negative."""
        if self._reached.discrete:
            owner, nodes, weights = self._steps(which)
            inside = self._densities(nodes, question, gradient)
            terms = np.log(weights) + inside[1].value[inside[0]]
            value = _sums(which.size, owner, terms)
        else:
            owner, terms, inside, value = self._panels(question, gradient, which)
        found.value[which] = value
        place, densities = inside

        def add(shares: Floats, slopes: Slopes) -> None:
            mine = shares[which][owner]
            with np.errstate(invalid="ignore"):
                part = np.where(mine != 0.0, mine * np.exp(terms - value[owner]), 0.0)
            into = np.zeros(densities.value.size)
            np.add.at(into, place, np.where(np.isneginf(terms), 0.0, part))
            densities.add_slopes(into, slopes)

        found._by.append(add)

    def _densities(
        self, nodes: Floats, question: Question, gradient: bool
    ) -> tuple[NDArray[np.int64], Found]:
        """Return logarithms of densities at different times, and which of these each node is."""
        key = nodes.tobytes()
        times, place = np.unique(nodes, return_inverse=True)
        if key not in self._inside:
            while len(self._inside) >= _KEPT:
                self._inside.pop(next(iter(self._inside)))
            self._inside[key] = Logarithms(self._reached, "pdf", times)
        return place.reshape(-1), self._inside[key].at(question, gradient)

    def _steps(self, which: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats, Floats]:
        low, high = self._low[which], self._high[which]
        sizes = (high - low).astype(np.int64)
        if sizes.sum() > _MOST_STEPS:
            raise PhasicError(
                f"intervals of {sizes.sum()} steps together have too small a probability to be told from "
                f"their ends; narrow them"
            )
        owner = np.repeat(np.arange(which.size), sizes)
        first = np.repeat(np.cumsum(sizes) - sizes, sizes)
        return owner, low[owner] + 1.0 + (np.arange(owner.size) - first), np.ones(owner.size)

    def _panels(
        self, question: Question, gradient: bool, which: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats, tuple[NDArray[np.int64], Found], Floats]:
        """Halve intervals until two rules agree on each part."""
        owner = np.arange(which.size)
        low, high = self._low[which], self._high[which]
        for _ in range(_HALVINGS):
            middle, half = 0.5 * (low + high), 0.5 * (high - low)
            nodes = (middle[:, None] + half[:, None] * _X).ravel()
            place, densities = self._densities(nodes, question, gradient)
            logs = densities.value[place].reshape(-1, _X.size)
            top = logs.max(axis=1)
            with np.errstate(invalid="ignore", under="ignore"):
                sizes = np.where(np.isneginf(top)[:, None], 0.0, np.exp(logs - top[:, None]))
            fine, coarse = sizes @ _W, sizes @ _G
            parts = np.log(np.where(fine > 0.0, fine, 1.0)) + top + np.log(half)
            value = _sums(which.size, owner, parts)
            with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
                counts = np.where(fine > 0.0, np.exp(parts - value[owner]), 0.0)
                off = counts * np.abs(1.0 - coarse / fine) > _AGREE
            if not off.any():
                with np.errstate(divide="ignore"):
                    terms = (logs + np.log(half)[:, None] + np.log(_W)).ravel()
                return np.repeat(owner, _X.size), terms, (place, densities), value
            low = np.concatenate([low[~off], low[off], middle[off]])
            high = np.concatenate([high[~off], middle[off], high[off]])
            owner = np.concatenate([owner[~off], owner[off], owner[off]])
        place = which[owner[off.argmax()]]
        raise PhasicError(
            f"the probability of absorption between {self._low[place]:g} and {self._high[place]:g} was not "
            f"found: it is too small to be told from the ends, and the density is too uneven"
        )


def _sums(size: int, owner: NDArray[np.int64], logs: Floats) -> Floats:
    """Return the logarithm of the sum of the terms of each owner."""
    top = np.full(size, -np.inf)
    np.maximum.at(top, owner, logs)
    with np.errstate(invalid="ignore", under="ignore", divide="ignore"):
        parts = np.where(np.isneginf(logs), 0.0, np.exp(logs - top[owner]))
        return np.asarray(np.log(np.bincount(owner, parts, size)) + top)
