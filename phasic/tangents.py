"""Derivatives of densities over long times: interval doubling that carries them along.

A derivative that is read off as a difference of two expectations, times how often a state is visited,
loses the digits of that number. Products of transition matrices differentiate by the product rule
instead, and rows are kept at their sums as in `phasic.doubling`, so that no digit is lost however often
states are visited.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phasic.arrays import Floats, Integers
from phasic.doubling import SHORT, TERMS, later
from phasic.inversion import Kind
from phasic.uniformisation import Chain


@dataclass
class _Dual:
    """Moves and ends of an interval (see `phasic.doubling`), and their derivatives.

    Attributes
    ----------
    moves, ends : float64[t, t], float64[t, 1]
    d_moves, d_ends : float64[p, t, t], float64[p, t, 1]
    """

    moves: Floats
    ends: Floats
    d_moves: Floats
    d_ends: Floats

    def doubled(self) -> _Dual:
        moves, ends = self.moves, self.ends
        return _Dual(
            moves @ moves,
            ends + moves @ ends,
            self.d_moves @ moves + moves @ self.d_moves,
            self.d_ends + self.d_moves @ ends + moves @ self.d_ends,
        ).balanced()

    def balanced(self) -> _Dual:
        """Scale rows of `moves` to what `ends` leaves over, as in `phasic.doubling`."""
        ended, sums = self.ends.sum(axis=1), self.moves.sum(axis=1)
        d_ended, d_sums = self.d_ends.sum(axis=2), self.d_moves.sum(axis=2)
        safe = (ended < 0.5) & (sums > 0.0)
        over = np.divide(1.0, sums, out=np.ones_like(sums), where=safe)
        scale = np.where(safe, (1.0 - ended) * over, 1.0)
        d_scale = np.where(safe, -(d_ended + scale * d_sums) * over, 0.0)
        self.d_moves = scale[:, None] * self.d_moves + d_scale[:, :, None] * self.moves
        self.moves = scale[:, None] * self.moves
        return self

    def partly(self, state: Floats, d_state: Floats, means: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return where each row of `state` has moved, and ended, after a Poisson number of jumps."""
        weight = np.exp(-means)[:, None]
        after = -np.expm1(-means)[:, None]
        moved, d_moved = weight * state, weight * d_state
        ended, d_ended = np.zeros((state.shape[0], 1)), np.zeros((d_state.shape[0], state.shape[0], 1))
        for k in range(1, TERMS):
            ended += after * (state @ self.ends)
            d_ended += after * (d_state @ self.ends + state @ self.d_ends)
            state, d_state = state @ self.moves, d_state @ self.moves + state @ self.d_moves
            weight = weight * (means[:, None] / k)
            moved += weight * state
            d_moved += weight * d_state
            after = later(means, k)[:, None]
        return moved, ended, d_moved, d_ended


def density_slopes(chain: Chain, times: Floats, edges: Integers, kind: Kind = "pdf") -> tuple[Floats, Floats]:
    """Return densities at `times`, float64[k], and their derivatives by the weights of some edges.

    Takes ``log2(clock * times.max())`` times four products of dense matrices for each edge.

    Parameters
    ----------
    chain : Chain
    times : float64[k]
        Positive and finite; for a discrete chain, whole.
    edges : int64[p]
        Numbers of edges of the chain.
    kind : {"pdf", "cdf", "survival"}
        What is meant by density. What starts absorbed takes no part.

    Returns
    -------
    (float64[k], float64[p, k])
    """
    inner = np.flatnonzero(chain.transient)
    n, p = inner.size, edges.size
    place = np.full(chain.vertices.size, n)
    place[inner] = np.arange(n)
    source, to = place[chain.source], place[chain.targets]
    jump, d_jump = np.zeros((n, n + 1)), np.zeros((p, n, n + 1))
    np.add.at(jump, (source, to), chain.weights / chain.clock)
    jump[np.arange(n), np.arange(n)] += chain.stay[inner]
    direction, begin = np.arange(p), source[edges]
    d_jump[direction, begin, to[edges]] += 1.0 / chain.clock
    d_jump[direction, begin, begin] -= 1.0 / chain.clock
    one = _Dual(jump[:, :n], jump[:, n:], d_jump[:, :, :n], d_jump[:, :, n:])

    state, d_state = np.tile(chain.alpha[inner], (times.size, 1)), np.zeros((p, times.size, n))
    ended, d_ended = np.zeros((times.size, 1)), np.zeros((p, times.size, 1))
    if chain.discrete:
        interval, counts = one.balanced(), times - 1.0 if kind == "pdf" else times
    else:
        identity = np.eye(n)
        interval = _Dual(*one.partly(identity, np.zeros((p, n, n)), np.full(n, SHORT))).balanced()
        counts = np.floor(chain.clock * times / SHORT)
        rest = np.maximum(chain.clock * times - counts * SHORT, 0.0)
        state, ended, d_state, d_ended = one.partly(state, d_state, rest)
    while counts.any():
        odd = counts % 2.0 == 1.0
        ended[odd] += state[odd] @ interval.ends
        d_ended[:, odd] += d_state[:, odd] @ interval.ends + state[odd] @ interval.d_ends
        d_state[:, odd] = d_state[:, odd] @ interval.moves + state[odd] @ interval.d_moves
        state[odd] = state[odd] @ interval.moves
        counts = np.floor(counts / 2.0)
        if counts.any():
            interval = interval.doubled()
    if kind == "survival":
        return state.sum(axis=1), d_state.sum(axis=2)
    if kind == "cdf":
        return ended[:, 0], d_ended[:, :, 0]
    exits = chain.exits[inner]
    slopes = d_state @ exits
    last = np.flatnonzero(to[edges] == n)
    slopes[last] += state[:, begin[last]].T
    return state @ exits, slopes
