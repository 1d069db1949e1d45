"""Callbacks that take many states at once: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, Integers
from phasic.errors import CallbackError, GraphError
from phasic.initial import Callback
from phasic.transitions import Form, out_of_range


def ask(
    callback: Callback, parameters: Mapping[str, Any], states: Integers, form: Form
) -> tuple[Integers, Integers, Floats]:
    """Return the transitions out of `states` (int64[k, d]) that a vectorised callback gives.

    Returns
    -------
    sources, next_states, weights : int64[m], int64[m, d], float64[m, p]
        Row of `states` that each transition leaves, ascending, and in the order of the callback where it
        is the same; where it leads to; its weight or coefficients.

    Raises
    ------
    CallbackError, GraphError
        The callback returned something else, or states or weights that cannot be.
    """
    try:
        returned: Any = callback(states.copy(), **parameters)
    except Exception as error:
        error.add_note(
            f"raised by the vectorised callback for {len(states)} states, from {states[0].tolist()}"
        )
        raise
    if not isinstance(returned, list | tuple) or len(returned) != 3:
        raise CallbackError(
            f"the vectorised callback returned {returned!r}; return three arrays: sources, next_states, "
            f"weights"
        )
    sources, next_states, weights = (_array(name, part) for name, part in zip(_NAMES, returned, strict=True))
    k, width = states.shape
    m = sources.size
    if sources.ndim != 1 or (m and sources.dtype.kind not in "iu"):
        raise CallbackError(
            f"the vectorised callback returned sources of type {sources.dtype} and shape {sources.shape}; "
            f"return a vector of the rows of states that transitions leave, int[m]"
        )
    if m == 0:
        return np.zeros(0, dtype=np.int64), np.zeros((0, width), dtype=np.int64), np.zeros((0, form.length))
    wrong = np.flatnonzero((sources < 0) | (sources >= k))
    if wrong.size:
        raise CallbackError(
            f"the vectorised callback returned the source {sources[wrong[0]]} for {k} states; sources are "
            f"rows of states, from 0 to {k - 1}"
        )
    if next_states.shape != (m, width) or next_states.dtype.kind not in "iufb":
        raise GraphError(
            f"the vectorised callback returned next_states of type {next_states.dtype} and shape "
            f"{next_states.shape} for {m} sources; return numbers, int[{m}, {width}]"
        )
    bad = out_of_range(next_states)
    if bad.size:
        raise GraphError(
            f"the vectorised callback returned {next_states[bad[0]].tolist()} as a state that follows "
            f"{states[sources[bad[0]]].tolist()}; entries must be numbers that fit 64-bit integers"
        )
    if weights.shape[:1] != (m,) or not form.fits(weights):
        kind = f"[{m}, {form.length}] as before" if form.parameterised else f"[{m}]"
        raise GraphError(
            f"the vectorised callback returned weights of type {weights.dtype} and shape {weights.shape} for "
            f"{m} sources; return numbers, float{kind}"
        )
    order = np.argsort(sources, kind="stable")
    return (
        sources[order].astype(np.int64),
        next_states[order].astype(np.int64),
        weights.reshape(m, form.length)[order].astype(np.float64),
    )


_NAMES = ("sources", "next_states", "weights")


def _array(name: str, part: Any) -> NDArray[Any]:
    try:
        return np.asarray(part)
    except (TypeError, ValueError, OverflowError):
        raise CallbackError(
            f"the vectorised callback returned {part!r} as {name}, of which there is no array"
        ) from None
