"""Isolation with migration: two populations that exchange migrants, and were one before their split.

Going back in time there are two epochs. In the first, lineages are in either of two populations; at the
time of the split all of them come to be in one, and the second epoch is the coalescent of what is left.
Both count lineages by how many descendants they have in either sample, so that together they give the
joint site-frequency spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, Integers
from phasic.errors import GraphError
from phasic.initial import Callback
from phasic.models.blocks import NOTHING, Events, kinds, merging
from phasic.models.checks import whole
from phasic.state_space import smallest

if TYPE_CHECKING:
    from phasic.graph import Graph


def isolation_with_migration(first: int, second: int, vectorized: bool = False) -> Callback:
    """Return the coalescent of two populations with migration, by descendants in either sample.

    Parameterised. With ``k = (first + 1) (second + 1) - 1`` kinds of lineages, in the order of
    ``kinds(first, second)``, entry i of a state counts lineages of kind i in the first population, entry
    k + i those in the second. The end is a single lineage, in either.

    Rates, going back in time: ``theta[0]`` and ``theta[1]`` for each pair in the first and second
    population to coalesce, ``theta[2]`` for each lineage in the first to move to the second, and
    ``theta[3]`` back.

    Samples of 7 and 7 have 123,134 states [1]_.

    Parameters
    ----------
    first, second : int
        Number of lineages sampled from either population.
    vectorized : bool
        Take an array of states, and return arrays of transitions: sources, next states and weights.

    References
    ----------
    .. [1] T. Roikjer, A. Hobolth and K. Munch, Stat. Comput. 32 (2022).

    Examples
    --------
    >>> from phasic import Graph
    >>> Graph(isolation_with_migration(1, 1)).states()[1:3].tolist()  # kinds [0, 1], [1, 0], [1, 1]
    [[0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 1, 0]]
    """
    _samples(first, second)
    labels = kinds(first, second)
    k = len(labels)
    moves = [(a, (a + k) % (2 * k), NOTHING, 2 + a // k) for a in range(2 * k)]
    slots = np.repeat([0, 1], k)
    events = Events(merging(labels, demes=2), slots, np.array(moves, dtype=np.int64), n_parameters=4)
    start = np.zeros(2 * k, dtype=np.int64)
    start[_place(labels, (1, 0))] = first
    start[k + _place(labels, (0, 1))] = second
    return events.callback(start, vectorized)


def ancestral_coalescent(
    first: int, second: int, ipv: Sequence[Any] | None = None, vectorized: bool = False
) -> Callback:
    """Return the coalescent of two samples in one population, by descendants in either.

    Parameterised: each pair coalesces at rate ``theta[0]``. Entry i of a state counts lineages of kind i
    in the order of ``kinds(first, second)``. Samples of 7 and 7 have 2,998 states.

    Parameters
    ----------
    first, second : int
        Sizes of the samples.
    ipv : list, optional
        Where to start, for instance what `ancestral_start` returns; by default with all lineages apart.
    vectorized : bool
        As for `isolation_with_migration`.
    """
    _samples(first, second)
    labels = kinds(first, second)
    none = np.zeros((0, 4), dtype=np.int64)
    events = Events(merging(labels), np.zeros(len(labels), dtype=np.int64), none, n_parameters=1)
    apart = np.zeros(len(labels), dtype=np.int64)
    apart[_place(labels, (1, 0))] = first
    apart[_place(labels, (0, 1))] = second
    return events.callback_from(apart.tolist() if ipv is None else list(ipv), vectorized)


def ancestral_start(states: ArrayLike, probabilities: ArrayLike) -> list[tuple[list[int], float]]:
    """Return the initial probability vector of the ancestral population, given those at the split.

    Parameters
    ----------
    states : int[n, 2 k]
        States of `isolation_with_migration`.
    probabilities : float64[n]
        Their probabilities at the time of the split. What they lack of one has found its common
        ancestor, which is the last of the states of `ancestral_coalescent`.

    Returns
    -------
    list of (state, probability)
        Ready for the argument `ipv`.
    """
    counts, p = np.asarray(states, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    half = counts.shape[1] // 2
    kept = p > 0.0
    together = smallest(counts[kept, :half] + counts[kept, half:])
    rows = np.ascontiguousarray(together).view(np.dtype((np.void, together.dtype.itemsize * half)))
    _, one, place = np.unique(rows.ravel(), return_index=True, return_inverse=True)  # fast on bytes
    mass = np.bincount(place, p[kept], one.size)
    merged = together[one]
    found = [(state.tolist(), float(m)) for state, m in zip(merged, mass, strict=True)]
    rest = 1.0 - float(mass.sum())
    ancestor = [0] * (half - 1) + [1]
    if rest > 0.0 and not any(state == ancestor for state, _ in found):
        found.append((ancestor, rest))
    return found


def joint_spectrum(
    first: int, second: int, theta: ArrayLike, ancestral_rate: float, split: float, graph: Graph | None = None
) -> Floats:
    """Return the expected length of branches by descendants in either sample, float64[first + 1, second + 1].

    Times the mutation rate, this is the expected joint site-frequency spectrum of isolation with
    migration. Entries [0, 0] and [first, second] are zero.

    Parameters
    ----------
    first, second : int
        Sizes of the samples.
    theta : float64[4]
        Rates of the first epoch, as for `isolation_with_migration`.
    ancestral_rate : float
        Rate at which each pair coalesces before the split.
    split : float
        Time of the split, going back.
    graph : Graph, optional
        That of `isolation_with_migration`, where it has been built already; its theta is set.

    Examples
    --------
    >>> joint_spectrum(1, 1, [1.0, 1.0, 0.0, 0.0], ancestral_rate=1.0, split=2.0).round(9).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    from phasic.graph import Graph

    if not split >= 0.0 or split == np.inf:
        raise GraphError(f"the time of the split is {split!r}; pass a finite number, 0 or more")
    epoch = Graph(isolation_with_migration(first, second)) if graph is None else graph
    epoch.update_weights(theta)
    context = epoch.distribution_context()
    context.step(split)
    counts = epoch.states()
    k = counts.shape[1] // 2
    lengths = np.asarray(context.accumulated_visiting_time()) @ (counts[:, :k] + counts[:, k:])

    start = ancestral_start(counts, context.stop_probability())
    before = Graph(ancestral_coalescent(first, second, start))
    before.update_weights([ancestral_rate])
    lengths = lengths + np.asarray(before.expected_sojourn_time()) @ before.states()

    spectrum = np.zeros((first + 1, second + 1))
    spectrum[tuple(kinds(first, second).T)] = lengths
    return spectrum


def _samples(first: int, second: int) -> None:
    whole("first", first, 1)
    whole("second", second, 1)


def _place(labels: Integers, kind: tuple[int, int]) -> int:
    return int(np.flatnonzero((labels == kind).all(axis=1))[0])
