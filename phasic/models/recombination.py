"""The coalescent with recombination between two loci."""

from __future__ import annotations

import numpy as np

from phasic.initial import Callback
from phasic.models.blocks import IMPOSSIBLE, NOTHING, Events, kinds
from phasic.models.checks import whole


def two_locus_coalescent(n: int, vectorized: bool = False) -> Callback:
    """Return the ancestry of `n` samples at two loci with recombination between them [1]_ [2]_.

    Cyclic, parameterised. A lineage of kind (i, j) is ancestral to i samples at the first locus and to j
    at the second; one that is ancestral to all of them at a locus is not followed there any more. Entry
    ``n i + j - 1`` of a state counts lineages of kind (i, j), for i and j from 0 to n - 1 but not both
    zero: the order of ``kinds(n - 1, n - 1)``. The end is the state without lineages.

    Each pair of lineages coalesces at rate ``theta[0]``; each lineage of a kind (i, j) with both above
    zero splits into (i, 0) and (0, j) at rate ``theta[1]``. In the usual scale of time the first is 1,
    the second half of rho.

    The time to the common ancestor at the first locus is the reward that is one where a state counts
    some lineage with i above zero; likewise at the second. For two samples, theta[0] one and theta[1]
    half of rho, these times have the covariance ``(rho + 18) / (rho**2 + 13 rho + 18)``.

    Parameters
    ----------
    n : int
        Number of samples.
    vectorized : bool
        Take an array of states, and return arrays of transitions: sources, next states and weights.

    References
    ----------
    .. [1] R. C. Griffiths, Theor. Popul. Biol. 19 (1981).
    .. [2] R. R. Hudson, Theor. Popul. Biol. 23 (1983).

    Examples
    --------
    >>> from phasic import Graph
    >>> graph = Graph(two_locus_coalescent(2))
    >>> first = graph.states()[:, kinds(1, 1)[:, 0] > 0].any(axis=1)
    >>> second = graph.states()[:, kinds(1, 1)[:, 1] > 0].any(axis=1)
    >>> graph.update_weights([1.0, 0.5])
    >>> round(graph.covariance(first, second), 12), round(19 / 32, 12)
    (0.59375, 0.59375)
    """
    whole("n", n, 2)
    labels = kinds(n - 1, n - 1)
    index = {tuple(kind): entry for entry, kind in enumerate(labels.tolist())}
    index[(0, 0)] = NOTHING
    pairs = np.full((len(labels), len(labels)), IMPOSSIBLE, dtype=np.int64)
    for a, (i, j) in enumerate(labels.tolist()):
        for b, (k, m) in enumerate(labels.tolist()):
            if i + k <= n and j + m <= n:
                pairs[a, b] = index[((i + k) % n, (j + m) % n)]
    splits = [(a, index[(i, 0)], index[(0, j)], 1) for a, (i, j) in enumerate(labels.tolist()) if i and j]
    slots = np.zeros(len(labels), dtype=np.int64)
    events = Events(pairs, slots, np.array(splits, dtype=np.int64), n_parameters=2, ends_alone=False)
    start = np.zeros(len(labels), dtype=np.int64)
    start[index[(1, 1)]] = n
    return events.callback(start, vectorized)
