"""What a callback answers, as arrays: taken apart, checked, and refused by state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, Integers
from phasic.errors import CallbackError, GraphError
from phasic.initial import Callback


def ask(callback: Callback, parameters: Mapping[str, Any], state: Integers) -> tuple[list[Any], list[Any]]:
    """Return the next states and the weights that a callback gives for one state, as it gives them."""
    try:
        returned = callback(state.copy(), **parameters)
        if isinstance(returned, Iterable) and not isinstance(returned, list | tuple):
            # A generator may reuse the vectors that it yields, so they are copied as they come.
            returned = [copy.deepcopy(item) for item in returned]
    except Exception as error:
        error.add_note(f"raised by the callback in state {state.tolist()}")
        raise
    try:
        return [following for following, _ in returned], [weight for _, weight in returned]
    except (TypeError, ValueError):
        pass  # triples, or something wrong that is named below
    if not isinstance(returned, list | tuple):
        raise CallbackError(
            f"the callback returned {returned!r} for state {state.tolist()}; "
            f"return a list of (next_state, weight), an empty one for an absorbing state"
        )
    for item in returned:
        if not isinstance(item, list | tuple) or len(item) not in (2, 3):
            raise CallbackError(
                f"the callback returned the transition {item!r} for state {state.tolist()}; "
                f"a transition is a pair (next_state, weight)"
            )
    return [item[0] for item in returned], [item[-1] for item in returned]


def kept(weights: list[Any]) -> list[Any]:
    """Return weights that the next call of the callback cannot change."""
    if type(weights[0]) not in (list, np.ndarray):
        return weights
    return [weight.copy() if type(weight) in (list, np.ndarray) else weight for weight in weights]


def as_rows(state: Integers, next_states: list[Any]) -> Integers:
    """Return the next states of one state as rows of their own, int64[k, d]; floats are truncated."""
    width = state.size
    if type(next_states[0]) is np.ndarray:  # joining vectors takes half the time of stacking them
        try:
            joined = np.concatenate(next_states)
        except (TypeError, ValueError):
            joined = np.empty(0)
        if (
            joined.ndim == 1
            and joined.dtype == np.int64
            and list(map(len, next_states)).count(width) == len(next_states)
        ):
            return joined.reshape(-1, width)
    try:
        block = np.array(next_states)
    except (TypeError, ValueError, OverflowError):
        block = np.empty(0)
    if block.ndim != 2 or block.shape[1] != width or block.dtype.kind not in "iufb":
        for following in next_states:  # which one is it?
            row = np.array(following)
            if row.shape != (width,):
                raise GraphError(
                    f"the callback returned {following!r} as a state that follows {state.tolist()}; "
                    f"it must be a vector of length {width} too"
                )
            if row.dtype.kind not in "iufb":
                _refuse(state, following)
        _refuse(state, next_states)
    bad = out_of_range(block)
    if bad.size:
        _refuse(state, next_states[int(bad[0])])
    return block.astype(np.int64, copy=False)


def out_of_range(block: NDArray[Any]) -> Integers:
    """Return which rows have entries that are no 64-bit integers when they are truncated."""
    if block.dtype.kind not in "fu":
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(~(np.abs(block) < 2.0**63).all(axis=1))


def _refuse(state: Integers, following: Any) -> NoReturn:
    raise GraphError(
        f"the callback returned {following!r} as a state that follows {state.tolist()}; "
        f"entries must be numbers that fit 64-bit integers"
    )


class Form:
    """What the weights of one graph are: numbers, or vectors of coefficients of one length.

    Attributes
    ----------
    parameterised : bool or None
        Whether they are vectors; None until the first weight decides.
    length : int
        Entries of each, one for numbers.
    """

    def __init__(self, parameterised: bool | None = None, length: int = 1) -> None:
        self.parameterised = parameterised
        self.length = length

    def fits(self, weights: NDArray[Any]) -> bool:
        """Return whether an array of weights has this form, which the first one gives it."""
        if weights.ndim not in (1, 2) or weights.dtype.kind not in "iufb":
            return False
        length = weights.shape[1] if weights.ndim == 2 else 1
        if self.parameterised is None:
            self.parameterised, self.length = weights.ndim == 2, length
        return self.parameterised == (weights.ndim == 2) and self.length == length

    def table(self, states: list[Integers], weights: list[Any]) -> Floats:
        """Return weights as rows, float64[k, length]; ``states[i]`` is where the i-th transition leaves."""
        try:
            table = np.array(weights)
        except (TypeError, ValueError, OverflowError):
            table = np.empty(0, dtype=object)
        if not self.fits(table):
            table = self._one_by_one(states, weights)
        return table.reshape(len(weights), self.length).astype(np.float64, copy=False)

    def _one_by_one(self, states: list[Integers], weights: list[Any]) -> Floats:
        """Convert weights that are no plain table of numbers, or say which one cannot be converted."""
        if self.parameterised is None:
            self.parameterised = np.ndim(weights[0]) > 0
            self.length = len(weights[0]) if self.parameterised else 1
        rows = []
        for state, weight in zip(states, weights, strict=True):
            vector = isinstance(weight, list | tuple) or np.ndim(weight) > 0
            if vector != self.parameterised:
                raise GraphError(
                    f"the callback returned the weight {weight!r} for a transition out of state "
                    f"{state.tolist()}, but {'a vector of coefficients' if not vector else 'a number'} "
                    f"before; a graph is either parameterised or constant, so return the same for every "
                    f"transition"
                )
            if vector and len(weight) != self.length:
                raise GraphError(
                    f"the callback returned {len(weight)} coefficients ({weight!r}) for a transition out "
                    f"of state {state.tolist()}, but {self.length} before; every vector must be as "
                    f"long as theta"
                )
            try:
                if isinstance(weight, str | bytes):
                    raise TypeError
                rows.append([float(entry) for entry in weight] if vector else [float(weight)])
            except (TypeError, ValueError):
                raise CallbackError(
                    f"the callback returned the weight {weight!r} for a transition out of state "
                    f"{state.tolist()}; a weight is a number or a vector of numbers"
                ) from None
        return np.array(rows)


def check(
    n: int,
    state: Callable[[int], Integers],
    sources: Integers,
    targets: Integers,
    weights: Floats,
    parameterised: bool,
) -> None:
    """Raise GraphError unless transitions can be the edges of a graph.

    Parameters
    ----------
    n : int
        Number of vertices.
    state : callable
        The state of a vertex.
    sources, targets, weights : int64[m], int64[m], float64[m, p]
        All transitions out of each source, together.
    parameterised : bool
        Whether weights are vectors.
    """

    def leaving(edge: int) -> list[int]:
        left: list[int] = state(int(sources[edge])).tolist()
        return left

    def entered(edge: int) -> list[int]:
        found: list[int] = state(int(targets[edge])).tolist()
        return found

    wrong: list[tuple[int, str]] = []  # the first edge of each kind; the one that comes first is told
    loops = np.flatnonzero(sources == targets)
    if loops.size:
        edge = int(loops[0])
        wrong.append(
            (
                edge,
                f"the callback returned a transition from state {leaving(edge)} to itself; "
                f"leave it out, it has no effect on when the chain leaves the state",
            )
        )
    pairs = sources * np.int64(n) + targets
    ordered = np.sort(pairs)
    same = ordered[1:] == ordered[:-1]
    if same.any():
        edge = int(np.flatnonzero(pairs == ordered[int(same.argmax())])[1])
        wrong.append(
            (
                edge,
                f"the callback returned two transitions from state {leaving(edge)} "
                f"to {entered(edge)}; add up their weights",
            )
        )
    # A coefficient may be negative where others make up for it, but no theta helps an edge without any.
    if not (np.isfinite(weights).all() and (weights >= 0.0).all()):
        finite = np.isfinite(weights).all(axis=1)
        negative = (weights <= 0.0).all(axis=1) & (weights < 0.0).any(axis=1)
        bad = np.flatnonzero(~finite | negative)
        if bad.size:
            edge = int(bad[0])
            weight = weights[edge].tolist() if parameterised else f"{weights[edge, 0]:g}"
            wrong.append(
                (
                    edge,
                    f"the transition from state {leaving(edge)} to "
                    f"{entered(edge)} has weight {weight}; a weight must be finite and not "
                    f"negative",
                )
            )
    if not weights.all():
        firsts = np.flatnonzero(np.diff(sources, prepend=-1))
        empty = np.flatnonzero(~np.logical_or.reduceat((weights != 0.0).any(axis=1), firsts))
        if empty.size:
            edge = int(firsts[empty[0]])
            wrong.append(
                (
                    edge,
                    f"all transitions out of state {leaving(edge)} have weight zero; "
                    f"return no transition to make a state absorbing",
                )
            )
    if wrong:
        raise GraphError(min(wrong)[1])
