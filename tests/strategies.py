"""Random phase-type graphs: acyclic, cyclic, stiff, parameterised, with missing mass."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from phasic import GraphArrays
from phasic.state_space import compress

MILD = st.floats(0.05, 20.0)
STIFF = st.integers(-9, 9).map(lambda power: 10.0**power)


def thetas(length, low=0.1, high=10.0):
    return st.lists(st.floats(low, high), min_size=length, max_size=length).map(np.array)


@st.composite
def phase_types(draw, max_states=7, cyclic=None, rates=MILD, parameters=0, discrete=False, missing=True):
    """Return GraphArrays of a chain that is absorbed from everywhere.

    Transient vertices are 1, ..., k and the absorbing one is k + 1. Every state has an edge to a later
    vertex, so absorption is certain; a cyclic graph may have edges back. With `parameters` above zero,
    coefficients are rates or zeros, at least one of them positive.
    """
    k = draw(st.integers(1, max_states))
    cyclic = draw(st.booleans()) if cyclic is None else cyclic
    length = parameters or 1
    sources, targets, rows = [], [], []
    for v in range(1, k + 1):
        onward = draw(st.integers(v + 1, k + 1))
        others = [t for t in range(1 if cyclic else v + 1, k + 2) if t not in (v, onward)]
        ends = [
            onward,
            *draw(st.lists(st.sampled_from(others), unique=True, max_size=4) if others else st.just([])),
        ]
        row = [
            [
                draw(rates),
                *draw(st.lists(st.one_of(st.just(0.0), rates), min_size=length - 1, max_size=length - 1)),
            ]
            for _ in ends
        ]
        if discrete:  # probabilities that leave a chance to stay, or none
            scale = draw(st.sampled_from([1.0, 0.5, 0.125])) / sum(map(sum, row))
            row = [[entry * scale for entry in entries] for entries in row]
        for end, entries in zip(draw(st.permutations(ends)), row, strict=True):
            sources.append(v)
            targets.append(end)
            rows.append(draw(st.permutations(entries)))
    starts = draw(st.lists(st.integers(1, k + 1), min_size=1, max_size=3, unique=True))
    mass = np.array(
        draw(st.lists(st.integers(1, 8), min_size=len(starts), max_size=len(starts))), dtype=float
    )
    mass /= mass.sum() + (draw(st.integers(0, 4)) if missing else 0)
    offsets, heads, coefficients = compress(
        k + 2, np.array(sources), np.array(targets), np.array(rows, dtype=float).reshape(-1, length)
    )
    return GraphArrays(
        states=np.arange(k + 2, dtype=np.int8)[:, None],
        start_targets=np.array(starts),
        start_weights=mass,
        offsets=offsets,
        targets=heads,
        coefficients=coefficients,
        parameterised=parameters > 0,
        discrete=discrete,
    )
