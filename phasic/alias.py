"""Alias tables: one uniform number picks one of many ways, however many there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, Integers


class AliasTables(NamedTuple):
    """For each row a table of columns that are equally likely, each of which stands for two ways.

    Attributes
    ----------
    offsets : int64[n + 1]
        The columns of row v are ``offsets[v]:offsets[v + 1]``.
    thresholds : float64[m]
        Share of each column that belongs to its first way.
    ways : int32[m, 2]
        Where its two ways lead.
    """

    offsets: Integers
    thresholds: Floats
    ways: NDArray[np.int32]

    def probabilities(self, row: int, n: int) -> Floats:
        """Return the probability that `row` leads to each of `n` targets, float64[n]."""
        columns = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        first, ways = self.thresholds[columns], self.ways[columns]
        shares = np.concatenate([first, 1.0 - first]) / first.size
        return np.asarray(np.bincount(ways.T.ravel(), shares, n), np.float64)


def alias_tables(offsets: Integers, targets: NDArray[np.integer], weights: Floats) -> AliasTables:
    """Return tables that pick a target of each row with probabilities in proportion to its weights.

    Parameters
    ----------
    offsets, targets, weights : int64[n + 1], int[m], float64[m]
        Targets by row; weights are positive and finite.

    Examples
    --------
    >>> tables = alias_tables(np.array([0, 3]), np.array([0, 1, 2]), np.array([1.0, 2.0, 5.0]))
    >>> tables.probabilities(0, 3).tolist()
    [0.125, 0.25, 0.625]
    """
    from phasic.kernels.sampling import fill_alias

    thresholds = np.empty(weights.size)
    aliases = np.empty(weights.size, np.int64)
    fill_alias(offsets, weights, thresholds, aliases)
    ways = np.stack([targets, targets[aliases]], axis=1).astype(np.int32)
    return AliasTables(offsets, thresholds, ways)
