"""From boundary to boundary: where the chain is, and what it has collected by then, with derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import PhasicError

Numbers = NDArray[Any]
"""Floats, or complex numbers whose imaginary parts are derivatives."""

_MOST_WORK = 2e11  # visits to edges: many minutes
_MOST_STEPS = 5e7
_TINY = 1e-50


class Part(NamedTuple):
    """What can be reached within one epoch, by whatever weights.

    Attributes
    ----------
    vertices : int64[k]
    edges : int64[j]
        Edges that lead from these to others of them.
    offsets, targets, sources : int64[k + 1], int32[j], int64[j]
        The same by places in `vertices`.
    begun : bool[n]
        Where the chain can be when the epoch begins.
    """

    vertices: Integers
    edges: Integers
    offsets: Integers
    targets: NDArray[np.int32]
    sources: Integers
    begun: NDArray[np.bool_]

    def uniform(self, weights: Numbers) -> tuple[float, tuple[Any, ...]]:
        """Return jumps per unit time, and the jump chain at weights of all edges, as kernels take it."""
        own = weights[self.edges]
        leave = np.bincount(self.sources, own.real, self.vertices.size)
        clock = float(leave.max(initial=0.0)) or 1.0
        stay: Numbers = np.maximum(0.0, 1.0 - leave / clock)
        if np.iscomplexobj(own):
            stay = stay - 1j * np.bincount(self.sources, own.imag, self.vertices.size) / clock
        return clock, (self.offsets, self.targets, own / clock, stay)


class Epochs:
    """The epochs of a graph: which edges lead from each to the next, and what is reached in each.

    Parameters
    ----------
    arrays : GraphArrays
        Edges between sisters have one coefficient, that of the time at which their epoch begins.
    boundaries, length
        As for `phasic.epochs.switching.Switching`.

    Attributes
    ----------
    alpha : float64[n]
        Initial probability of each vertex.
    sources : int64[m]
        Where each edge starts.
    switch : bool[m]
        Which edges lead to the next epoch.
    sisters : list of (int64[j], int64[j], int64[j])
        For each epoch but the last: edges to the next one, their sources and targets.
    begins : float64[k]
        When each epoch begins.
    lengths : list of float
        How long each lasts, but the last.
    """

    def __init__(self, arrays: GraphArrays, boundaries: tuple[float, ...], length: int) -> None:
        self._arrays, self.alpha = arrays, arrays.alpha
        self.sources: Integers = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
        used = arrays.coefficients != 0.0
        self.switch: NDArray[np.bool_] = np.zeros(self.sources.size, np.bool_)
        self.sisters: list[tuple[Integers, Integers, Integers]] = []
        single = used.sum(axis=1) == 1
        for k in range(1, len(boundaries) + 1):
            edges = np.flatnonzero(single & used[:, (k + 1) * length - 1])
            self.switch[edges] = True
            self.sisters.append((edges, self.sources[edges], arrays.targets[edges]))
        self.begins = np.array([0.0, *boundaries])
        self.lengths = [float(t) for t in np.diff(self.begins)]

    @cached_property
    def parts(self) -> list[Part]:
        """What can be reached in each epoch."""
        from phasic.kernels.structure import reach

        arrays, n = self._arrays, self._arrays.n_vertices
        inside = ~self.switch & (self.sources != arrays.targets)
        start, parts = arrays.alpha > 0.0, []
        for k in range(self.begins.size):
            reached = start.copy()
            reach(arrays.offsets, arrays.targets.astype(np.int32), inside, reached)
            vertices = np.flatnonzero(reached)
            place = np.full(n, -1, np.int32)
            place[vertices] = np.arange(vertices.size, dtype=np.int32)
            edges = np.flatnonzero(inside & reached[self.sources])
            own = place[self.sources[edges]].astype(np.int64)
            offsets = np.append(0, np.cumsum(np.bincount(own, minlength=vertices.size))).astype(np.int64)
            parts.append(Part(vertices, edges, offsets, place[arrays.targets[edges]], own, start))
            if k < len(self.sisters):
                start = self.switched(k, reached)
        return parts

    def switched(self, epoch: int, mass: Numbers) -> Numbers:
        """Return `mass` of vertices, [..., n], with that of the states of an epoch moved to their sisters."""
        _, sources, targets = self.sisters[epoch]
        moved = mass.copy()
        moved[..., sources] = 0
        moved[..., targets] = mass[..., sources]
        return moved

    def before(self, epoch: int, worth: Floats) -> Floats:
        """Return what it is worth to be in each vertex at the end of an epoch, given that in the next."""
        _, sources, targets = self.sisters[epoch]
        out = worth.copy()
        out[sources] = worth[targets]
        return out

    def starts(self, weights: Floats) -> Iterator[tuple[float, Floats]]:
        """Yield when each epoch begins and how it starts, float64[n], at weights within epochs."""
        alpha: Floats = np.array(self._arrays.alpha)
        for k, length in enumerate(self.lengths):
            yield float(self.begins[k]), alpha
            alpha = self.switched(k, self.lived(k, weights, alpha, length)[0])
        yield float(self.begins[-1]), alpha

    def lived(self, epoch: int, weights: Floats, alpha: Floats, t: float) -> tuple[Floats, Floats]:
        """Return the probability of being in each vertex a time `t` into an epoch, and the time spent there.

        By uniformisation, in sums of products of non-negative numbers.
        """
        from phasic.kernels.stepping import blend

        part = self.parts[epoch]
        clock, jumps = part.uniform(weights)
        counts = jump_counts(clock * t, part.edges.size)
        # After k jumps the chain stays for the k-th time, if the (k + 1)-th jump is later than t.
        beyond = np.append(np.cumsum(counts[:0:-1])[::-1], 0.0)  # P(N > k)
        found = np.zeros((2, part.vertices.size))
        blend(*jumps, alpha[part.vertices], np.stack([counts, beyond / clock]), found)
        out = np.zeros((2, alpha.size))
        out[:, part.vertices] = found
        return out[0], out[1]

    def carried(
        self, epoch: int, weights: Numbers, jets: Numbers, rewards1: Floats, rewards2: Floats
    ) -> Numbers:
        """Return ``E[Y1**a Y2**b; where the chain is] / (a! b!)`` at the end of an epoch, [..., n].

        These are the terms of ``alpha exp((S + x R1 + y R2) t)`` in ``x**a y**b``, by uniformisation.
        """
        from phasic.kernels.collecting import collect

        part = self.parts[epoch]
        clock, jumps = part.uniform(weights)
        mean = clock * self.lengths[epoch]
        counts = jump_counts(mean, part.edges.size * jets[..., 0].size)
        r1, r2 = (rewards[part.vertices] / clock for rewards in (rewards1, rewards2))
        now = np.ascontiguousarray(jets[..., part.vertices])
        total = np.zeros_like(now)
        collect(*jumps, r1, r2, counts, now, total)
        out = np.zeros_like(jets)
        out[..., part.vertices] = total
        return out

    def bent(self, epoch: int, weights: Floats, directions: Floats, alpha: Floats, slopes: Floats) -> Floats:
        """Return how the distribution at the end of an epoch changes with the weights, float64[q, n].

        Parameters
        ----------
        directions : float64[q, m]
            Derivatives of the weights.
        alpha, slopes : float64[n], float64[q, n]
            How the epoch starts, and the derivatives of that.
        """
        none = np.zeros(alpha.size)
        out = np.empty_like(slopes)
        for row, direction, slope in zip(out, directions, slopes, strict=True):
            if not (direction.any() or slope.any()):
                row[:] = 0.0
                continue
            step = tiny(weights, direction)
            jets = (alpha + 1j * step * slope)[None, None]
            row[:] = self.carried(epoch, weights + 1j * step * direction, jets, none, none)[0, 0].imag / step
        return out


def tiny(weights: Floats, direction: Floats) -> float:
    """Return a step in a direction that changes a weight by nearly nothing: its square is nothing."""
    largest = float(np.abs(direction).max(initial=0.0))
    return _TINY * (float(weights.max(initial=0.0)) or 1.0) / (largest or 1.0)


def jump_counts(mean: float, edges: int) -> Floats:
    """Return the probability of 0, 1, ... jumps; beyond the last one it is negligible.

    Raises
    ------
    PhasicError
        So many jumps along so many edges take too long.
    """
    from phasic.kernels.stepping import poisson_weights

    steps = mean + 10.0 * math.sqrt(mean) + 60.0
    if steps > _MOST_STEPS or steps * edges > _MOST_WORK:
        raise PhasicError(
            f"an epoch lasts about {mean:.1g} jumps of the fastest state, more than can be followed; "
            f"leave out states that are left at once, or begin the next epoch earlier"
        )
    counts = np.zeros(int(steps))
    poisson_weights(mean, counts)
    return counts
