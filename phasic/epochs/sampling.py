"""Walks of a chain with epochs: a state is left at the boundary at the latest, for its sister."""

from __future__ import annotations

import numpy as np

from phasic import sampling
from phasic.arrays import Floats, GraphArrays, Integers
from phasic.epochs.boundaries import Epochs
from phasic.errors import PhasicError
from phasic.sampling import Deadlines, Path, Walks

_RAREST = 1e-5  # share of walks that end as wanted, below which too many would have to be drawn


def prepare(epochs: Epochs, arrays: GraphArrays, weights: Floats, endless: bool = False) -> Walks:
    """Return what it takes to draw walks, as `phasic.sampling.prepare` does; `weights` within epochs."""
    _, sources, sisters = (np.concatenate(parts) for parts in zip(*epochs.sisters, strict=True))
    times = np.repeat(epochs.begins[1:], [edges.size for edges, _, _ in epochs.sisters])
    return sampling.prepare(arrays, weights, endless, Deadlines(sources, sisters, times))


def chance_of_ending(epochs: Epochs, arrays: GraphArrays, weights: Floats, ends: Integers) -> float:
    """Return the probability of being absorbed in one of `ends` some day."""
    *_, (_, alpha) = epochs.starts(weights)
    return float(alpha @ sampling.chance_of_ending(arrays, weights, ends))


def paths_to(walks: Walks, ends: Integers, chance: float, n: int, rng: np.random.Generator) -> list[Path]:
    """Return `n` paths that end in one of `ends`, as all do with probability `chance`; others are left out.

    Raises
    ------
    PhasicError
        They are so rare that it would take too long to draw them.
    """
    if chance < _RAREST:
        raise PhasicError(
            f"only {chance:.2g} of all walks end in {ends.tolist()}, too few to wait for; in a graph with "
            f"epochs walks are drawn until enough of them end there"
        )
    found: list[Path] = []
    while len(found) < n:
        more = sampling.paths(walks, int(1.1 * (n - len(found)) / chance) + 10, rng)
        found += [path for path in more if path.vertices[-1] in ends]
    return found[:n]
