"""Walks of a chain, drawn jump by jump: rewards collected, paths, and places at a given time.

Random numbers come from one NumPy generator, in blocks whose sizes do not depend on what is asked, and
nothing runs in parallel. So the same generator gives the same walks in every process, and the first ten
of twenty walks are the ten walks that one gets by asking for ten.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.alias import AliasTables, alias_tables
from phasic.arrays import Floats, GraphArrays, Integers

_LANES = 8  # walks that take turns: by then the processor has stopped waiting for memory
_BLOCKS = (64, 1 << 14)  # random numbers drawn first, and at most, at a time
_LONGEST = 1e300
_ROUNDING = 1e-12  # initial probabilities that lack less than this lack nothing


@dataclass(frozen=True, eq=False)
class Walks:
    """What it takes to draw walks of a chain of n vertices.

    Rows of the tables are its vertices; row 0 is the start, and row n is where mass goes that is missing
    from the initial probabilities.

    Attributes
    ----------
    tables : AliasTables
        Where each of the n + 1 rows leads. Walks end in rows without columns.
    scales : float64[n + 1]
        Expected stay in each; for a discrete chain, what turns an exponential number into steps.
    discrete : bool
    never : bool[n + 1]
        Vertices with edges from where no way leads to absorption, and row n.
    trap : int or None
        The first of those vertices that walks can reach.
    deadlines : float64[n + 1]
        When a vertex is left at the latest, for its sister.
    sisters : int64[n + 1]
        -1 for vertices without one.
    """

    tables: AliasTables
    scales: Floats
    discrete: bool
    never: NDArray[np.bool_]
    trap: int | None
    deadlines: Floats
    sisters: Integers

    @property
    def nowhere(self) -> int:
        """The row of missing mass."""
        return self.never.size - 1

    @property
    def _begin(self) -> int:
        """The row in which to begin: the initial state, where there is but one."""
        only = self.tables.offsets[1] == 1
        return int(self.tables.ways[0, 0]) if only else 0

    @property
    def _ends(self) -> NDArray[np.bool_]:
        """In which rows walks end, bool[n + 1]."""
        return np.asarray((np.diff(self.tables.offsets) == 0) & (self.sisters < 0))

    @property
    def _chain(self) -> tuple[Any, ...]:
        return (*self.tables, self.scales, self.discrete, self.deadlines, self.sisters)


class Deadlines(NamedTuple):
    """When vertices are left at the latest, and for which.

    Attributes
    ----------
    sources, sisters : int64[k], int64[k]
        Vertices, and where they lead.
    times : float64[k]
    """

    sources: Integers
    sisters: Integers
    times: Floats


_NO_DEADLINES = Deadlines(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def prepare(
    arrays: GraphArrays, weights: Floats, endless: bool = False, deadlines: Deadlines = _NO_DEADLINES
) -> Walks:
    """Return what it takes to draw walks of a graph.

    Parameters
    ----------
    arrays : GraphArrays
    weights : float64[m]
        Weight of each edge.
    endless : bool
        Let walks go on where they can never be absorbed. By default they end there.
    deadlines : Deadlines
        Edges between these vertices and their sisters have no weight.
    """
    from phasic.kernels.sampling import can_end

    n = arrays.n_vertices
    offsets, sources, targets, used = _edges(arrays, weights > 0.0)
    ways = np.append(sources, deadlines.sources), np.append(targets, deadlines.sisters)
    # Vertices that have edges, but none that can be taken, are left as little as they are absorbing.
    loops = np.setdiff1d(np.flatnonzero(np.diff(arrays.offsets) > 0), ways[0])
    ending = np.zeros(n, np.bool_)
    can_end(*_compressed(n, np.append(ways[0], loops), np.append(ways[1], loops)), ending)
    never = np.append(~ending, True)
    never[0] = False
    trap = _reached_trap(arrays, *_compressed(n, *ways), never)
    if not endless and never[:n].any():
        offsets, sources, targets, used = _edges(arrays, (weights > 0.0) & ~never[_sources(arrays)])
    leave: Floats = np.bincount(_sources(arrays), weights * _outward(arrays), n).astype(np.float64)
    scales = np.append(_stays(leave, arrays.discrete), 0.0)
    tables = _tables(arrays, arrays.start_weights, offsets, targets, weights[used])
    latest, sisters = np.full(n + 1, np.inf), np.full(n + 1, -1)
    latest[deadlines.sources], sisters[deadlines.sources] = deadlines.times, deadlines.sisters
    return Walks(tables, scales, arrays.discrete, never, trap, latest, sisters)


def conditioned(arrays: GraphArrays, weights: Floats, chance: Floats) -> Walks:
    """Return what it takes to draw walks that end where `chance` counts from.

    A jump is taken in proportion to its weight times the chance where it leads; the time before it is
    what it was [1]_.

    Parameters
    ----------
    arrays, weights
        As for `prepare`.
    chance : float64[n]
        Probability of ending as wanted from each vertex, absorbing ones included.

    References
    ----------
    .. [1] J. L. Doob, Bull. Soc. Math. France 85 (1957).
    """
    plain = prepare(arrays, weights)
    sources = _sources(arrays)
    share = np.divide(
        chance[arrays.targets], chance[sources], out=np.zeros(weights.size), where=chance[sources] > 0.0
    )
    likely = weights * share
    offsets, _, targets, used = _edges(arrays, likely > 0.0)
    starts = arrays.start_weights * chance[arrays.start_targets]
    tables = _tables(arrays, starts / starts.sum(), offsets, targets, likely[used])
    return replace(plain, tables=tables, trap=None)


def chance_of_ending(arrays: GraphArrays, weights: Floats, ends: Integers) -> Floats:
    """Return the probability from each vertex of being absorbed in one of `ends`, float64[n]."""
    from phasic.elimination import eliminate

    walks = prepare(arrays, weights)
    # Where absorption is impossible, cut the way on: what remains is absorbed for certain.
    offsets, sources, targets, used = _edges(arrays, (weights > 0.0) & ~walks.never[_sources(arrays)])
    wanted = np.zeros(arrays.n_vertices)
    wanted[ends] = 1.0
    into = np.bincount(sources, weights[used] * wanted[targets], arrays.n_vertices)
    chance = eliminate(offsets, targets, weights[used]).solve(into)
    return np.where(np.diff(offsets) > 0, chance, wanted)


def collect(walks: Walks, rewards: Floats, n: int, rng: np.random.Generator) -> tuple[Floats, Integers]:
    """Return the rewards that `n` walks collect, float64[n, r], and the rows in which they end, int64[n].

    Parameters
    ----------
    walks : Walks
    rewards : float64[vertices, r]
        Reward per unit time (per step, for a discrete chain) in each vertex. Those of the start and of
        vertices in which walks end have no effect.
    n : int
        Number of walks.
    rng : numpy.random.Generator
        Moved on by whole blocks.
    """
    from phasic.kernels import sampling as kernels

    rewards = np.concatenate([rewards, np.zeros((1, rewards.shape[1]))])
    rewards[0] = 0.0
    out, last = np.zeros((n, rewards.shape[1])), np.empty(n, np.int32)
    walk = np.arange(_LANES)
    at = np.where(walk < n, walks._begin, -1)
    blocks = _blocks(rng)
    clock = np.zeros(_LANES)
    timed = bool((walks.sisters >= 0).any())
    chain = (*walks.tables, walks.scales)
    busy = n
    while busy:
        where = (walks._begin, rewards, *next(blocks), walk, at)
        with np.errstate(over="ignore", invalid="ignore"):
            if timed:
                busy = kernels.collect_until(*chain, walks.deadlines, walks.sisters, *where, clock, out, last)
            else:
                busy = kernels.collect(*chain, walks.discrete, *where, out, last)
    return out, last.astype(np.int64)


class Path(NamedTuple):
    """One walk.

    Attributes
    ----------
    vertices : int64[k]
        The vertices visited, from the starting vertex to an absorbing one.
    times : float64[k]
        When each was entered.
    """

    vertices: Integers
    times: Floats


def paths(walks: Walks, n: int, rng: np.random.Generator) -> list[Path]:
    """Return `n` walks from start to end. Walks of missing mass stay at the start."""
    from phasic.kernels.sampling import follow

    ending = walks._ends
    at, clock = np.zeros(1, np.int64), np.zeros(1)
    pieces: list[tuple[Integers, Floats]] = []
    blocks = _blocks(rng)
    ended = 0
    while ended < n:
        uniforms, exponentials = next(blocks)
        rows, times = np.empty(uniforms.size, np.int32), np.empty(uniforms.size)
        with np.errstate(over="ignore", invalid="ignore"):
            follow(*walks._chain, uniforms, exponentials, at, clock, rows, times)
        ended += int(ending[rows].sum())
        pieces.append((rows.astype(np.int64), times))
    if n == 0:
        return []
    way = np.concatenate([rows for rows, _ in pieces])
    when = np.concatenate([times for _, times in pieces])
    ends = np.flatnonzero(ending[way])[:n] + 1
    begins = np.append(0, ends[:-1])
    way, when = np.insert(way[: ends[-1]], begins, 0), np.insert(when[: ends[-1]], begins, 0.0)
    somewhere = way != walks.nowhere
    way, when = way[somewhere], when[somewhere]
    bounds = [*np.flatnonzero(way == 0).tolist(), way.size]
    return [Path(way[a:b], when[a:b]) for a, b in itertools.pairwise(bounds)]


def stop_vertices(walks: Walks, t: float, n: int, rng: np.random.Generator) -> Integers:
    """Return the vertex in which each of `n` walks is at time `t`, int64[n]; 0 for missing mass.

    Law: the share of walks in each transient vertex goes to its probability at that time.
    """
    from phasic.kernels.sampling import stop

    at, clock = np.zeros(1, np.int64), np.zeros(1)
    out = np.zeros(n, np.int64)
    blocks = _blocks(rng)
    done = 0
    while done < n:
        with np.errstate(over="ignore", invalid="ignore"):
            done = stop(*walks._chain, *next(blocks), t, done, at, clock, out)
    return np.where(out == walks.nowhere, 0, out)


def _blocks(rng: np.random.Generator) -> Iterator[tuple[Floats, Floats]]:
    """Yield uniform and exponential numbers, in blocks that grow."""
    size, most = _BLOCKS
    while True:
        yield rng.random(size), rng.standard_exponential(size)
        size = min(2 * size, most)


def _sources(arrays: GraphArrays) -> Integers:
    return np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))


def _outward(arrays: GraphArrays) -> NDArray[np.bool_]:
    """Return which edges lead to another vertex."""
    return np.asarray(arrays.targets != _sources(arrays))


def _edges(
    arrays: GraphArrays, kept: NDArray[np.bool_]
) -> tuple[Integers, Integers, Integers, NDArray[np.bool_]]:
    """Return offsets, sources and targets of the edges to keep that lead elsewhere, and which these are."""
    used = kept & _outward(arrays)
    sources = _sources(arrays)[used]
    offsets = np.append(0, np.cumsum(np.bincount(sources, minlength=arrays.n_vertices)))
    return offsets, sources, arrays.targets[used], used


def _compressed(n: int, sources: Integers, targets: Integers) -> tuple[Integers, Integers]:
    order = np.argsort(sources, kind="stable")
    return np.append(0, np.cumsum(np.bincount(sources, minlength=n))), targets[order]


def _stays(leave: Floats, discrete: bool) -> Floats:
    """Return what turns an exponential number into a stay, given the rate or probability of leaving."""
    with np.errstate(divide="ignore", over="ignore"):
        # A number of steps beyond k has the probability (1 - leave)**k, like the whole part of a stay.
        rates = -np.log1p(-np.minimum(leave, 1.0)) if discrete else leave
        # Bounded, so that a reward of zero stays zero.
        return np.where(leave > 0.0, np.minimum(1.0 / rates, _LONGEST), 0.0)


def _tables(
    arrays: GraphArrays, start_weights: Floats, offsets: Integers, targets: Integers, weights: Floats
) -> AliasTables:
    """Return alias tables with the start as row 0, and missing mass going to a last row of its own."""
    n = arrays.n_vertices
    starts = np.flatnonzero(start_weights > 0.0)
    missing = 1.0 - math.fsum(start_weights)
    first, mass = arrays.start_targets[starts], start_weights[starts]
    if missing > _ROUNDING:
        first, mass = np.append(first, n), np.append(mass, missing)
    return alias_tables(
        np.concatenate([[0], offsets[1:] + first.size, [offsets[-1] + first.size]]),
        np.concatenate([first, targets]),
        np.concatenate([mass, weights]),
    )


def _reached_trap(
    arrays: GraphArrays, offsets: Integers, targets: Integers, never: NDArray[np.bool_]
) -> int | None:
    if not never[:-1].any():
        return None
    from phasic.kernels.structure import reach

    reached = arrays.alpha > 0.0
    reach(offsets, targets.astype(np.int32), np.ones(targets.size, np.bool_), reached)
    trapped = np.flatnonzero(reached & never[:-1])
    return int(trapped[0]) if trapped.size else None
