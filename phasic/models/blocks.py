"""Lineages counted by kind: what coalescents of one or several samples, demes and loci have in common.

A state counts the lineages of each kind in each deme. Pairs of lineages become one lineage, and single
lineages move or split; which become what is written in tables, from which one function makes the
transitions of a state, and another those of many states at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, Integers
from phasic.initial import Callback, with_ipv

NOTHING, IMPOSSIBLE = -1, -2
"""In place of an entry of a state: a lineage that is not followed any more, and what does not happen."""

Transitions = list[tuple[list[int], Any]]
Vectorised = tuple[Integers, Integers, Floats]


def kinds(*samples: int) -> Integers:
    """Return the kinds of lineages there can be, int64[k, s]: descendants in each of s samples.

    They are the order in which states count lineages. The last sample varies fastest.

    Examples
    --------
    >>> kinds(1, 2).tolist()
    [[0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    """
    ranges = (range(n + 1) for n in samples)
    return np.array([kind for kind in itertools.product(*ranges) if any(kind)], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Events:
    """What can happen to lineages, by entries of the state.

    Attributes
    ----------
    pairs : int64[d, d]
        The entry that lineages of two entries coalesce to, or NOTHING, or IMPOSSIBLE. Symmetric.
    pair_slots : int64[d]
        Parameter that is the rate of each pair with a lineage of the entry.
    singles : int64[s, 4]
        Entry of a lineage, one or two entries that it becomes (else NOTHING), and the parameter that
        is its rate. In the order of entries.
    n_parameters : int
        0 where all rates are one, and weights are numbers.
    ends_alone : bool
        Whether nothing happens any more once there is a single lineage.
    """

    pairs: Integers
    pair_slots: Integers
    singles: Integers
    n_parameters: int
    ends_alone: bool = True

    def callback(self, start: Integers, vectorized: bool) -> Callback:
        """Return the callback that starts in one state, for one state or for many at once."""
        return self.callback_from([int(count) for count in start], vectorized)

    def callback_from(self, ipv: list[Any], vectorized: bool) -> Callback:
        """Return the callback with this initial probability vector."""
        return with_ipv(ipv)(_many(self) if vectorized else _one(self))


def merging(labels: Integers, demes: int = 1) -> Integers:
    """Return the entry that each pair coalesces to: the sum of labels, within a deme, int64[d, d]."""
    k = len(labels)
    index = {tuple(label): entry for entry, label in enumerate(labels.tolist())}
    inside = [[index.get(tuple(a + b), IMPOSSIBLE) for b in labels] for a in labels]
    pairs = np.full((demes * k, demes * k), IMPOSSIBLE, dtype=np.int64)
    for deme in range(demes):
        block = slice(deme * k, (deme + 1) * k)
        target = np.array(inside)
        pairs[block, block] = np.where(target >= 0, target + deme * k, target)
    return pairs


def _one(events: Events) -> Callable[[Integers], Transitions]:
    """Return the transitions of one state."""
    pairs, pair_slots = events.pairs.tolist(), events.pair_slots.tolist()
    singles: dict[int, list[tuple[int, int, int]]] = {}
    for entry, *what in events.singles.tolist():
        singles.setdefault(entry, []).append((what[0], what[1], what[2]))
    length, ends_alone = events.n_parameters, events.ends_alone

    def weight(rate: float, slot: int) -> Any:
        if length == 0:
            return rate
        row = [0.0] * length
        row[slot] = rate
        return row

    def transitions(state: Integers) -> Transitions:
        counts = state.tolist()
        present = [entry for entry, count in enumerate(counts) if count]
        found: Transitions = []
        for place, a in enumerate(present):
            for b in present[place:]:
                number = counts[a] * (counts[a] - 1) // 2 if a == b else counts[a] * counts[b]
                into = pairs[a][b]
                if number == 0 or into == IMPOSSIBLE:
                    continue
                following = list(counts)
                following[a] -= 1
                following[b] -= 1
                if into != NOTHING:
                    following[into] += 1
                found.append((following, weight(float(number), pair_slots[a])))
        if ends_alone and sum(counts) == 1:
            return found
        for a in present:
            for first, second, slot in singles.get(a, ()):
                following = list(counts)
                following[a] -= 1
                following[first] += 1
                if second != NOTHING:
                    following[second] += 1
                found.append((following, weight(float(counts[a]), slot)))
        return found

    return transitions


def _many(events: Events) -> Callable[[Integers], Vectorised]:
    """Return the transitions of many states, in the same order for each."""
    firsts = np.searchsorted(events.singles[:, 0], np.arange(len(events.pairs) + 1))

    def transitions(states: Integers) -> Vectorised:
        states = np.asarray(states, dtype=np.int64)
        rows, entries = np.nonzero(states)
        counts = states[rows, entries]
        ends = np.searchsorted(rows, rows, side="right")
        # Each present entry with itself and those after it in its row.
        x, y = _ranges(np.arange(rows.size), ends)
        a, b, into = entries[x], entries[y], events.pairs[entries[x], entries[y]]
        number = np.where(x == y, counts[x] * (counts[x] - 1) // 2, counts[x] * counts[y])
        happens = (number > 0) & (into != IMPOSSIBLE)
        x, a, b, into, number = x[happens], a[happens], b[happens], into[happens], number[happens]
        # Each present entry with what can happen to a single lineage of it.
        moving = states.sum(axis=1)[rows] > 1 if events.ends_alone else np.ones(rows.size, bool)
        z, single = _ranges(np.where(moving, firsts[entries], 0), np.where(moving, firsts[entries + 1], 0))
        _, first, second, slot = events.singles[single].T

        sources = np.concatenate([rows[x], rows[z]])
        order = np.argsort(sources, kind="stable")
        sources = sources[order]
        place = np.empty(order.size, dtype=np.int64)
        place[order] = np.arange(order.size)
        pair, alone = place[: x.size], place[x.size :]
        following = states[sources]  # one copy, by far the most memory here
        following[pair, a] -= 1
        following[pair, b] -= 1
        stays = into != NOTHING
        following[pair[stays], into[stays]] += 1
        following[alone, entries[z]] -= 1
        following[alone, first] += 1
        splits = second != NOTHING
        following[alone[splits], second[splits]] += 1
        rates = np.concatenate([number, counts[z]])[order].astype(np.float64)
        slots = np.concatenate([events.pair_slots[a], slot])[order]
        return sources, following, _rows(rates, slots)

    def _rows(rates: Floats, slots: Integers) -> Floats:
        if events.n_parameters == 0:
            return rates
        weights = np.zeros((rates.size, events.n_parameters))
        weights[np.arange(rates.size), slots] = rates
        return weights

    return transitions


def _ranges(starts: Integers, ends: NDArray[Any]) -> tuple[Integers, Integers]:
    """Return the numbers from each start to each end, and which start each belongs to, first."""
    sizes = ends - starts
    owner = np.repeat(np.arange(starts.size), sizes)
    within = np.arange(owner.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return owner, starts[owner] + within
