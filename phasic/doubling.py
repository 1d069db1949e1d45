"""State probabilities over long times, by transition matrices over intervals that double.

Entries are sums and products of non-negative numbers, and absorption is kept apart from moving on, so
small probabilities keep their relative accuracy over 1e12 jumps as over one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from phasic.arrays import Floats
from phasic.replay import Numbers
from phasic.uniformisation import Chain

MANY = 1e280
"""Jumps after which what float64 cannot tell from nothing may count."""

_SMALL_EXPONENT = -200  # of two, below which probabilities are kept apart from a power of two
_NOTHING = -(2**40)  # of two, below which a probability is none
SHORT = 0.0625  # jumps in the shortest interval; a power of two
TERMS = 16  # its powers over factorials fall below 1e-19 after half of them


@dataclass
class _Interval:
    """What happens to each transient state over some interval of time.

    Attributes
    ----------
    moves : float64[t, t]
        Probability of being in each transient state at its end, over ``2**exponent``.
    gains : float64[t, g]
        What has been gained on the way: in the first columns the probability of having been absorbed, by
        where; in others, if there are any, the expected time spent in each transient state, in jumps.
    n_ends : int
        How many columns the first are.
    """

    moves: Numbers
    gains: Numbers
    n_ends: int
    exponent: int = 0

    def doubled(self) -> _Interval:
        """Return what happens over twice the interval."""
        more = self.moves @ self.gains
        gains = self.gains + (scaled(more, float(self.exponent)) if self.exponent else more)
        result = _Interval(self.moves @ self.moves, gains, self.n_ends, 2 * self.exponent)
        top = int(np.frexp(result.moves.max(initial=0.0))[1])
        if result.exponent or top < _SMALL_EXPONENT:
            result.moves = np.ldexp(result.moves, -top)
            result.exponent += top
        if result.exponent < _NOTHING:
            result.moves = np.zeros_like(result.moves)
        return result if result.exponent else result.balanced()

    def balanced(self) -> _Interval:
        """Scale rows of `moves` to what absorption leaves over, where that loses no digits.

        Rounding in a row sum would double with every doubling; absorption itself, kept apart, does
        not suffer from it [1]_.

        References
        ----------
        .. [1] After W. K. Grassmann, M. I. Taksar and D. P. Heyman, Oper. Res. 33 (1985).
        """
        ended = self.gains[:, : self.n_ends].sum(axis=1)
        sums = self.moves.sum(axis=1)
        safe = (ended < 0.5) & (sums > 0.0)
        scale = np.divide(1.0 - ended, sums, out=np.ones_like(sums), where=safe)
        self.moves *= scale[:, None]
        return self


def doubled(chain: Chain, times: Floats, split: bool) -> tuple[Numbers, Numbers]:
    """Return what `doubled_far` does, powers of two multiplied out."""
    state, exponents, absorbed = doubled_far(chain, times, split)
    return scaled(state, exponents[:, None]), absorbed


def doubled_far(chain: Chain, times: Floats, split: bool) -> tuple[Numbers, Floats, Numbers]:
    """Return the probabilities of transient states and of absorption at finite `times`, however long.

    Transition matrices over intervals 1, 2, 4, ... times a short one are squares of each other, and
    every time is a sum of such intervals. Takes ``log2(clock * times.max())`` products of dense matrices
    for all times together, so it suits few states, whatever their rates.

    Parameters
    ----------
    times : float64[k]
        For a discrete chain, numbers of steps.
    split : bool
        Tell absorbing vertices apart.

    Returns
    -------
    (float64[k, t], float64[k], float64[k, a or 1])
        Probabilities of transient states at each time, over two to the power of the exponent, which is
        zero unless they are small; and those of absorption. Of a wider type where that is needed.
    """
    one, state, absorbed = _one_jump(chain, float(times.max(initial=0.0)), split)
    at_times = _States(np.tile(state, (times.size, 1)), np.tile(absorbed, (times.size, 1)))
    at_times.move_on(chain, one, times)
    return at_times.state, at_times.exponents, at_times.gained


def spent(chain: Chain, time: float) -> Floats:
    """Return the expected time spent in each transient state of the chain up to a finite `time`, float64[t].

    In a discrete chain, the number of visits before step `time`. Methods and accuracy are those of
    `doubled_far`: time is gained at every jump as absorption is.
    """
    one, state, absorbed = _one_jump(chain, time, split=False)
    stays = np.eye(state.size, dtype=state.dtype)
    one = _Interval(one.moves, np.concatenate([one.gains, stays], axis=1), one.n_ends)
    at_time = _States(state[None, :], np.append(absorbed, np.zeros_like(state))[None, :])
    at_time.move_on(chain, one, np.array([time]))
    return (at_time.gained[0, one.n_ends :] / chain.clock).astype(np.float64)


def _one_jump(chain: Chain, last: float, split: bool) -> tuple[_Interval, Numbers, Numbers]:
    """Return what one jump does, and where the chain starts: transient states, and absorbing ones.

    In the type of number that is needed up to the time `last`.
    """
    with np.errstate(over="ignore"):
        many = last * chain.clock > MANY
    number = chain.widest if many else chain.number
    inner, outer = np.flatnonzero(chain.transient), np.flatnonzero(~chain.transient)
    jump = np.zeros((chain.vertices.size, chain.vertices.size if split else inner.size + 1), number)
    place = np.empty(chain.vertices.size, np.int64)
    place[inner] = np.arange(inner.size)
    place[outer] = inner.size + (np.arange(outer.size) if split else 0)
    np.add.at(jump, (chain.source, place[chain.targets]), chain.weights.astype(number) / chain.clock)
    jump[inner, place[inner]] += chain.stay[inner]
    gains = jump[inner, inner.size :]
    absorbed = np.zeros(gains.shape[1], number)
    np.add.at(absorbed, place[outer] - inner.size, chain.alpha[outer])
    one = _Interval(jump[inner, : inner.size], gains, gains.shape[1])
    return one, chain.alpha[inner].astype(number), absorbed


class _States:
    """Where the chain is at several times: rows of `state` over powers of two, and what was gained so far."""

    def __init__(self, state: Numbers, gained: Numbers) -> None:
        self.state = state
        self.exponents = np.zeros(state.shape[0])
        self.gained = gained

    def move_on(self, chain: Chain, one: _Interval, times: Floats) -> None:
        """Move each row on by its time, given what one jump does."""
        if chain.discrete:
            self.follow(one.balanced(), times)
            return
        interval = _after(one, SHORT)
        mantissa, exponent = np.frexp(times)
        more, power = np.frexp(chain.clock / SHORT)
        exponent = exponent + power
        huge = exponent > 1000  # more intervals than float64 can count
        counts = np.floor(np.where(huge, 0.0, np.ldexp(mantissa * more, np.where(huge, 0, exponent))))
        rest = np.where(huge, 0.0, chain.clock * np.where(huge, 0.0, times) - counts * SHORT)
        self.state, gained = _partly(one, self.state, rest)
        self.gained += gained
        self.follow(interval, counts)
        for i in np.flatnonzero(huge):
            longer, doublings = interval, int(exponent[i]) - 60
            while doublings > 0 and longer.moves.any():
                longer, doublings = longer.doubled(), doublings - 1
            count = np.zeros(times.size)
            count[i] = np.floor(np.ldexp(mantissa[i] * more, 60))
            self.follow(longer, count)

    def follow(self, interval: _Interval, counts: Floats) -> None:
        """Move each row on by so many intervals."""
        counts = counts.copy()
        while counts.any():
            if not interval.moves.any():  # everything that has time left ends
                odd = counts > 0.0
                counts = np.zeros_like(counts)
            else:
                odd = counts % 2.0 == 1.0
            gained = self.state[odd] @ interval.gains
            exponents = self.exponents[odd, None]
            self.gained[odd] += scaled(gained, exponents) if exponents.any() else gained
            self.state[odd] = self.state[odd] @ interval.moves
            self.exponents[odd] += float(interval.exponent)
            self._keep_in_range()
            counts = np.floor(counts / 2.0)
            if counts.any():
                interval = interval.doubled()

    def _keep_in_range(self) -> None:
        top = np.frexp(self.state.max(axis=1, initial=0.0))[1].astype(np.int64)
        small = np.flatnonzero(top < _SMALL_EXPONENT)
        if small.size:
            self.state[small] = np.ldexp(self.state[small], -top[small, None])
            self.exponents[small] += top[small]


def scaled(values: Numbers, exponents: Any) -> Numbers:
    """Return ``values * 2**exponents``; exponents are whole, however large, and not positive."""
    return np.asarray(np.ldexp(values, np.maximum(exponents, -(2.0**20)).astype(np.int32)))


def _after(one: _Interval, mean: float) -> _Interval:
    """Return what happens over an interval of `mean` jumps, a Poisson number."""
    states = np.eye(one.moves.shape[0], dtype=one.moves.dtype)
    moves, gains = _partly(one, states, np.full(states.shape[0], mean))
    return _Interval(moves, gains, one.n_ends).balanced()


def _partly(one: _Interval, state: Numbers, means: Numbers) -> tuple[Numbers, Numbers]:
    """Return where each row of `state` has moved, and what it gained, after a Poisson number of jumps."""
    means = means.astype(state.dtype)
    weight = np.exp(-means)[:, None]
    after = -np.expm1(-means)[:, None]  # probability of more jumps than so far
    moved = weight * state
    gained = np.zeros((state.shape[0], one.gains.shape[1]), state.dtype)
    for k in range(1, TERMS):
        gained += after * (state @ one.gains)
        state = state @ one.moves
        weight = weight * (means[:, None] / k)
        moved += weight * state
        after = later(means, k)[:, None]
    return moved, gained


def later(means: Numbers, k: int) -> Numbers:
    """Return the probability that a Poisson number exceeds k, by its own series."""
    term = np.exp(-means)
    for j in range(1, k + 1):
        term = term * means / j
    total = np.zeros_like(means)
    for j in range(k + 1, k + 12):
        term = term * means / j
        total += term
    return total
