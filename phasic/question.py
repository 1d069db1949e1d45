"""What the absorption time of a graph is asked, and by which way it is answered.

- Few jumps until then, or few states to jump between: uniformisation, accurate relative to every value.
- Eigenvalues known to be nearly real: Laplace inversion of tilted chains, accurate relative to every value
  as well, in the tails too.
- Else, few states: doubling of intervals, as accurate.
- Else an inverse Laplace transform that checks itself, accurate beside the largest value, and hands over
  to the others where it fails (oscillating distributions).

The last two are in `phasic.many_jumps`.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic import interpolation, many_jumps, uniformisation
from phasic.arrays import Floats
from phasic.errors import GraphError
from phasic.inversion import FAIR, Answer, Inversion, Kind
from phasic.many_jumps import LEAST, TOLERANCE, doubled, walked
from phasic.observed import Observed
from phasic.prepared import Prepared

_LEAST_JUMPS, _MOST_JUMPS = 1e-40, many_jumps.MOST  # beyond, numbers in an inversion have too different sizes
_TOO_SMALL = -650.0  # logarithm of what other methods can tell from zero


def checked_times(times: ArrayLike) -> Floats:
    """Return `times` as numbers, of any shape."""
    asked: Floats = np.asarray(times, dtype=np.float64)
    if np.isnan(asked).any():
        raise GraphError("a time is not a number")
    return asked


def _fair(found: Answer) -> NDArray[np.bool_]:
    """Return where values far out are accurate enough, if there is no better way."""
    return (found.value > 0.0) & (found.error <= FAIR * found.value)


class Values(NamedTuple):
    """What was asked for and how far off it may be, both of the shape of the times."""

    value: Floats
    error: Floats


class Question(Prepared):
    """A graph with weights that is asked for values at given times."""

    def values(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the density, distribution or survival at `times` of any shape."""
        return self.ask(kind, times).value

    def ask(self, kind: Kind, times: ArrayLike) -> Values:
        """Return values at `times` of any shape, and an estimate of the error of each."""
        found = self.answer(kind, times)
        with np.errstate(under="ignore"):
            factor = np.exp(found.log)
            value, error = found.value * factor, found.error * factor
        value = np.maximum(value, 0.0)
        if kind == "cdf":
            value = np.where(value >= self.limit - error, self.limit, value)
        return Values(value, error)

    def logarithm(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the logarithm of values at `times`, finite also where they are too small for float64."""
        found = self.answer(kind, times, small=True)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(found.value) + found.log)

    def answer(self, kind: Kind, times: ArrayLike, small: bool = False) -> Answer:
        """Return what is found at `times`, of their shape.

        Parameters
        ----------
        kind : {"pdf", "cdf", "survival"}
        times : array_like
            A density is asked for at times >= 0.
        small : bool
            Find values that are too small for float64 as well.
        """
        asked = checked_times(times)
        if kind == "pdf" and asked.size and asked.min() < 0.0:
            raise GraphError(f"time {asked.min()} is negative; a density is asked for at times >= 0")
        flat = asked.ravel()
        found = Answer.none(flat.size)
        found.error[:] = 0.0
        if kind == "cdf":
            found.value[flat == np.inf] = self.limit
        elif kind == "survival":
            found.value[flat < 0.0] = self.chain.total
            found.value[flat == np.inf] = max(0.0, self.chain.total - self.limit)
        now = np.isfinite(flat) & (flat >= 0.0)
        if self.discrete:
            if kind == "pdf":
                now &= flat == np.floor(flat)
            flat = np.floor(flat)
        if now.any():
            for array, part in zip(found, self._found(kind, flat[now], small), strict=True):
                array[now] = part
        return found.reshaped(asked.shape)

    def _found(self, kind: Kind, times: Floats, small: bool) -> Answer:
        """Return what is found at finite times >= 0."""
        if times.size > interpolation.FEW and not self.discrete:
            states = max(1, int(self.chain.transient.sum()))
            width = interpolation.widest(states, turning=self.halfwidth != 0.0)
            return interpolation.interpolated(lambda some: self._each_found(kind, some, small), times, width)
        return self._each_found(kind, times, small)

    def _each_found(self, kind: Kind, times: Floats, small: bool) -> Answer:
        """Return what is found time by time."""
        found = Answer.none(times.size)
        if not self.discrete and (small or self.worth_inverting(times)):
            self._invert(kind, times, found)
        rest = ~found.good
        if rest.any():
            self._walk_or_else(kind, times, rest, found, small)
        return found

    def _invert(self, kind: Kind, times: Floats, found: Answer) -> None:
        """Fill in what Laplace inversion finds."""
        chain = self.chain
        jumps = self.jumps(times)
        some = np.flatnonzero((jumps > _LEAST_JUMPS) & (jumps < _MOST_JUMPS))
        if some.size == 0 or not chain.weights.size or not self.clock_is_moderate:
            return
        some = some[np.argsort(times[some], kind="stable")]
        answer = Inversion(self.tilted, self.halfwidth, Observed(times[some]), kind).answer()
        if kind == "cdf" and self.at_start > 0.0:
            with np.errstate(under="ignore"):
                factor = np.exp(answer.log)
            answer.value[:] = self.at_start + answer.value * factor
            answer.error[:] *= factor
            answer.log[:] = 0.0
        for array, part in zip(found, answer, strict=True):
            array[some] = part

    def _walk_or_else(
        self, kind: Kind, times: Floats, rest: NDArray[np.bool_], found: Answer, small: bool
    ) -> None:
        """Fill in what is missing: early times by walking, late ones by what suits the model."""
        jumps = self.jumps(times)
        # Rounding in an inversion grows with time; where values are not too small, there is better.
        rest = rest & ~(_fair(found) & (found.log < _TOO_SMALL))
        early = rest & (jumps <= self.limit_of_walking)
        late = rest & ~early
        if not self.few_states:
            late &= ~_fair(found)
        if late.any() and not (
            self.few_states or small or kind == "survival"
        ):  # what was found may do beside the largest value
            with np.errstate(under="ignore", invalid="ignore"):
                factor = np.exp(found.log[late])
                close = found.error[late] * factor <= TOLERANCE * self._scale(kind, found)
            late[np.flatnonzero(late)[close]] = False
        if early.any():
            self._put(found, early, *walked(self, kind, times[early]))
            if small and kind != "cdf" and self.few_states:
                vanished = early & (found.value < LEAST) & (times > self.mean)
                if vanished.any():
                    self._put(found, vanished, *doubled(self, kind, times[vanished]))
        if late.any():
            self._put(found, late, *many_jumps.values(self, kind, times[late], small or kind == "survival"))

    @staticmethod
    def _put(
        found: Answer, where: NDArray[np.bool_], value: Floats, error: Floats, log: Floats | float = 0.0
    ) -> None:
        found.value[where], found.error[where], found.log[where] = value, error, log

    def _scale(self, kind: Kind, found: Answer) -> float:
        """Return a lower bound on the largest value."""
        if kind != "pdf":
            return self.chain.total
        with np.errstate(under="ignore"):
            largest = float((found.value * np.exp(found.log))[found.good].max(initial=0.0))
        return max(largest, self.density_scale)

    def state_probabilities(self, times: Floats) -> Floats:
        """Return the probability of being in each vertex at finite `times`, float64[k, n]."""
        chain = self.chain
        out = np.zeros((times.size, self.trace.n_vertices))
        early = self.jumps(times) <= self.limit_of_walking
        walking = partial(uniformisation.state_probabilities, chain)
        values = np.empty((times.size, chain.vertices.size))
        values[early] = walking(times[early])
        if not early.all():
            values[~early] = many_jumps.state_probabilities(self, times[~early])
        out[:, chain.vertices] = np.clip(values, 0.0, chain.total)
        return out
