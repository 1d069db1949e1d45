"""From data in the usual forms to the parts of a likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays
from phasic.engine import Engine
from phasic.errors import GraphError
from phasic.inference.parts import Times
from phasic.observations import Observations


def columns(
    arrays: GraphArrays,
    engine: Engine,
    observed: Any,
    rewards: ArrayLike | None,
    censored: ArrayLike | None,
    truncated: ArrayLike | None,
) -> Iterator[Times]:
    """Return one part for a vector of observations, or one for each column of a matrix.

    Raises
    ------
    GraphError
        Data, rewards and what is said of them do not fit together.
    """
    table = reward_table(arrays, rewards)
    if table is None or table.ndim == 1:
        seen = Observations.of(observed, censored, truncated)
        yield _checked(Times(arrays, engine, seen, table))
        return
    for number, (row, reward) in enumerate(
        zip(_rows(observed, len(table), censored, truncated), table, strict=True)
    ):
        times, marks, entries, places = row
        name = f" of column {number}"
        try:
            seen = Observations.of(times, marks, entries)
        except GraphError as error:
            raise GraphError(f"column {number}: {error}") from None
        yield _checked(Times(arrays, engine, seen, reward, name, places))


def _checked(part: Times) -> Times:
    if part._arrays.discrete:
        part.observations.require_steps()
    return part


def reward_table(arrays: GraphArrays, rewards: ArrayLike | None) -> Floats | None:
    """Return rewards as float64[n] or float64[k, n], or None where there are none."""
    if rewards is None:
        return None
    try:
        found = np.array(rewards, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(
            f"rewards are {rewards!r}; pass a vector, or one row for each column of data"
        ) from None
    n = arrays.n_vertices
    if found.shape == (0,):
        return None
    if found.ndim not in (1, 2) or found.shape[-1] != n:
        raise GraphError(
            f"rewards have shape {found.shape}, but the graph has {n} vertices (starting and absorbing ones "
            f"included); pass {n} numbers, or a row of them for each column of data, like graph.states().T"
        )
    if not np.isfinite(found).all():
        raise GraphError(f"the reward of vertex {int(np.argwhere(~np.isfinite(found))[0][-1])} is not finite")
    return found


def _rows(
    observed: Any, count: int, censored: ArrayLike | None, truncated: ArrayLike | None
) -> Iterator[Any]:
    """Return times, marks of censoring, entries, and places of every column, missing ones left out."""
    if all(hasattr(observed, name) for name in ("values", "features", "n_features")):
        if censored is not None or truncated is not None:
            raise GraphError("sparse observations cannot be censored or truncated; pass a matrix with NaN")
        values, features = np.asarray(observed.values, np.float64), np.asarray(observed.features)
        if observed.n_features != count:
            raise GraphError(f"there are {observed.n_features} columns and {count} rewards; pass one each")
        for number in range(count):
            places = np.flatnonzero(features == number)
            yield values[places], None, None, places
        return
    try:
        table = np.array(observed, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(
            f"observations are {observed!r}; pass a matrix with a column for each reward"
        ) from None
    if table.ndim != 2 or table.shape[1] != count:
        raise GraphError(
            f"observations have shape {table.shape}, but there are {count} rewards; pass a matrix with a "
            f"column for each, NaN where it was not observed"
        )
    marks = None if censored is None else np.asarray(censored)
    entries = None if truncated is None else np.asarray(truncated, np.float64)
    for name, found in (("censored", marks), ("truncated", entries)):
        if found is not None and found.shape not in ((), table.shape):
            raise GraphError(f"{name} has shape {found.shape}; pass one entry for each of {table.shape}")
    for number in range(count):
        places = np.flatnonzero(~np.isnan(table[:, number]))
        mine = [f if f is None or f.shape == () else f[places, number] for f in (marks, entries)]
        yield table[places, number], *mine, places
