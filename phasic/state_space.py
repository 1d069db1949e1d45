"""Explore a callback into the arrays of a graph, breadth first."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.errors import CallbackError, GraphError
from phasic.initial import Callback, parse_ipv

_BATCH = 512  # states between two checks: a bad weight is named before an endless state space fills memory


def explore(callback: Callback, ipv: Any, parameters: Mapping[str, Any] | None = None) -> GraphArrays:
    """Return the graph of all states that `callback` reaches from `ipv`.

    Vertices come in breadth-first order of discovery after the starting vertex, initial states first.
    A transition of weight zero is kept as an edge, and its target as a vertex, as long as another
    transition out of the same state has a weight; a state whose transitions all have weight zero is an
    error, since returning no transition is how to make a state absorbing.

    Parameters
    ----------
    callback : callable
        ``callback(state, **parameters)`` gets a state as an int64 vector of its own, which it may
        change, and returns an iterable of transitions ``(next_state, weight)``; none makes the state
        absorbing. The next state is a list, tuple or array, its floats truncated to integers. The
        weight is a number, or a list, tuple or array of coefficients of theta. A legacy triple
        ``(next_state, ignored, coefficients)`` works too.
    ipv : list or tuple
        One state, or pairs ``[state, probability]``; see `parse_ipv`.
    parameters : mapping, optional
        Keyword arguments to every call of the callback, unchanged: an int stays an int.

    Returns
    -------
    GraphArrays
        States in the smallest integer type that holds them all.

    Raises
    ------
    CallbackError
        The callback returned something that is not a list of transitions.
    GraphError
        A weight or a state cannot be, or the callback mixes numbers and coefficient vectors.

    Examples
    --------
    >>> def chain(state):
    ...     return [([state[0] - 1], 2.0)] if state[0] > 0 else []
    >>> explore(chain, [3]).states.ravel().tolist()
    [0, 3, 2, 1, 0]
    """
    initial = parse_ipv(ipv)
    search = _Search(len(initial[0][0]))
    starts = [search.vertex(np.array(state, dtype=np.int64).tobytes()) for state, _ in initial]
    search.run(callback, parameters or {}, starts)
    offsets, targets, coefficients = compress(len(search.keys), *search.transitions())
    return GraphArrays(
        states=smallest(search.states()),
        start_targets=np.array(starts, dtype=np.int64),
        start_weights=np.array([probability for _, probability in initial]),
        offsets=offsets,
        targets=targets,
        coefficients=coefficients,
        parameterised=bool(search.parameterised),
    )


def extend(
    arrays: GraphArrays,
    callback: Callback,
    parameters: Mapping[str, Any] | None = None,
    vertices: Sequence[int] | None = None,
) -> GraphArrays:
    """Return `arrays` with the transitions out of `vertices` explored by `callback`, and all that follow.

    Parameters
    ----------
    arrays : GraphArrays
        The graph so far.
    callback, parameters
        As for `explore`.
    vertices : sequence of int, optional
        Vertices without edges from which to resume; by default all of them.
    """
    degrees = np.diff(arrays.offsets)
    if vertices is None:
        vertices = [int(v) for v in np.flatnonzero(degrees == 0) if v > 0]
    for v in vertices:
        if degrees[v] or v == 0:
            raise GraphError(
                f"vertex {v} with state {arrays.states[v].tolist()} has edges already; "
                f"only vertices without edges can be explored"
            )
    search = _Search(arrays.states.shape[1])
    search.parameterised = arrays.parameterised if arrays.targets.size else None
    search.length = arrays.n_parameters
    for v, state in enumerate(arrays.states[1:].astype(np.int64), start=1):
        search.keys.append(state.tobytes())
        search.index.setdefault(search.keys[v], v)
    search.run(callback, parameters or {}, vertices)
    sources, targets, coefficients = search.transitions()
    offsets, targets, coefficients = compress(
        len(search.keys),
        np.concatenate([np.repeat(np.arange(degrees.size), degrees), sources]),
        np.concatenate([arrays.targets, targets]),
        np.concatenate([arrays.coefficients, coefficients]) if arrays.targets.size else coefficients,
    )
    return GraphArrays(
        states=smallest(search.states()),
        start_targets=arrays.start_targets,
        start_weights=arrays.start_weights,
        offsets=offsets,
        targets=targets,
        coefficients=coefficients,
        parameterised=bool(search.parameterised),
        discrete=arrays.discrete,
    )


def smallest(states: Integers) -> NDArray[np.signedinteger]:
    """Return `states` in the smallest signed integer type that holds every entry."""
    low, high = (int(states.min()), int(states.max())) if states.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return states.astype(kind)
    return states


def compress(
    n: int, sources: Integers, targets: Integers, coefficients: Floats
) -> tuple[Integers, Integers, Floats]:
    """Return offsets, targets and coefficients with the edges of a vertex together, in their order."""
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(sources, minlength=n), out=offsets[1:])
    order = np.argsort(sources, kind="stable")
    return offsets, targets[order], coefficients[order]


class _Search:
    """Vertices and transitions found so far, and the breadth-first search that finds more."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.bytes = width * np.dtype(np.int64).itemsize
        self.keys: list[bytes] = [bytes(self.bytes)]  # the starting vertex, which no state finds
        self.index: dict[bytes, int] = {}
        self.parameterised: bool | None = None
        self.length = 1
        self._done: list[tuple[Integers, Integers, Floats]] = []

    def vertex(self, key: bytes) -> int:
        """Return the vertex of a state, a new one where there is none."""
        found = self.index.setdefault(key, len(self.keys))
        if found == len(self.keys):
            self.keys.append(key)
        return found

    def states(self) -> Integers:
        """Return the states of all vertices, int64[n, width]."""
        return np.frombuffer(b"".join(self.keys), dtype=np.int64).reshape(-1, self.width)

    def transitions(self) -> tuple[Integers, Integers, Floats]:
        """Return source, target and coefficients of every transition found by `run`."""
        none = np.zeros(0, dtype=np.int64)
        sources, targets, rows = zip((none, none, np.zeros((0, self.length))), *self._done, strict=True)
        return np.concatenate(sources), np.concatenate(targets), np.concatenate(rows)

    def run(self, callback: Callback, parameters: Mapping[str, Any], frontier: Sequence[int]) -> None:
        """Explore the vertices of `frontier` and every vertex discovered on the way."""
        found = len(self.keys)
        queue = list(frontier)
        while queue:
            for first in range(0, len(queue), _BATCH):
                self._explore(callback, parameters, queue[first : first + _BATCH])
            queue = list(range(found, len(self.keys)))
            found = len(self.keys)

    def _explore(self, callback: Callback, parameters: Mapping[str, Any], batch: Sequence[int]) -> None:
        targets: list[int] = []
        weights: list[Any] = []
        counts: list[int] = []
        index, keys, width = self.index, self.keys, self.bytes
        for source in batch:
            state = np.frombuffer(bytearray(keys[source]), dtype=np.int64)
            try:
                returned = callback(state, **parameters)
                if isinstance(returned, Iterable) and not isinstance(returned, list | tuple):
                    # A generator may reuse the vectors that it yields, so they are copied as they come.
                    returned = [copy.deepcopy(item) for item in returned]
            except Exception as error:
                error.add_note(f"raised by the callback in state {self._state(source)}")
                raise
            next_states, new_weights = self._columns(source, returned)
            counts.append(len(next_states))
            if not next_states:
                continue
            weights += new_weights
            data = self._integers(source, next_states).tobytes()
            for place in range(0, len(data), width):
                key = data[place : place + width]
                target = index.get(key)
                if target is None:
                    target = index[key] = len(keys)
                    keys.append(key)
                targets.append(target)
        sources = np.repeat(np.array(batch, dtype=np.int64), counts)
        heads = np.array(targets, dtype=np.int64)
        if weights:
            self._check_targets(sources, heads)
            self._done.append((sources, heads, self._coefficients(sources, heads, weights)))

    def _columns(self, source: int, returned: Any) -> tuple[list[Any], list[Any]]:
        """Return next states and weights of what the callback returned."""
        try:
            return [state for state, _ in returned], [weight for _, weight in returned]
        except (TypeError, ValueError):
            pass  # triples, or something wrong that is named below
        if not isinstance(returned, list | tuple):
            raise CallbackError(
                f"the callback returned {returned!r} for state {self._state(source)}; "
                f"return a list of (next_state, weight), an empty one for an absorbing state"
            )
        for item in returned:
            if not isinstance(item, list | tuple) or len(item) not in (2, 3):
                raise CallbackError(
                    f"the callback returned the transition {item!r} for state {self._state(source)}; "
                    f"a transition is a pair (next_state, weight)"
                )
        return [item[0] for item in returned], [item[-1] for item in returned]

    def _integers(self, source: int, next_states: list[Any]) -> Integers:
        """Return the next states of one state as rows, int64[k, width]."""
        try:
            block = np.array(next_states)
        except (TypeError, ValueError, OverflowError):
            block = np.empty(0)
        if block.ndim != 2 or block.shape[1] != self.width or block.dtype.kind not in "iufb":
            for state in next_states:  # which one is it?
                row = np.array(state)
                if row.shape != (self.width,):
                    raise GraphError(
                        f"the callback returned {state!r} as a state that follows {self._state(source)}; "
                        f"it must be a vector of length {self.width} too"
                    )
                if row.dtype.kind not in "iufb":
                    self._refuse(source, state)
            self._refuse(source, next_states)
        if block.dtype.kind in "fu":
            bad = ~(np.abs(block) < 2.0**63)
            if bad.any():
                self._refuse(source, next_states[int(bad.any(axis=1).argmax())])
        return block.astype(np.int64, copy=False)

    def _refuse(self, source: int, state: Any) -> NoReturn:
        raise GraphError(
            f"the callback returned {state!r} as a state that follows {self._state(source)}; "
            f"entries must be numbers that fit 64-bit integers"
        )

    def _check_targets(self, sources: Integers, targets: Integers) -> None:
        loops = np.flatnonzero(sources == targets)
        if loops.size:
            raise GraphError(
                f"the callback returned a transition from state {self._state(sources[loops[0]])} to itself; "
                f"leave it out, it has no effect on when the chain leaves the state"
            )
        order = np.lexsort((targets, sources))
        same = (np.diff(sources[order]) == 0) & (np.diff(targets[order]) == 0)
        if same.any():
            edge = order[int(same.argmax())]
            raise GraphError(
                f"the callback returned two transitions from state {self._state(sources[edge])} "
                f"to {self._state(targets[edge])}; add up their weights"
            )

    def _coefficients(self, sources: Integers, targets: Integers, weights: list[Any]) -> Floats:
        """Return the weights of a batch as rows, float64[k, length], after checking them."""
        try:
            table = np.array(weights)
            odd = table.ndim > 2 or table.dtype.kind not in "iufb"
        except (TypeError, ValueError, OverflowError):
            odd = True
        vectors = odd or table.ndim == 2
        if self.parameterised is None:
            first = weights[0]
            self.parameterised = np.ndim(first) > 0
            self.length = len(first) if self.parameterised else 1
        if odd or vectors != self.parameterised or (vectors and table.shape[1] != self.length):
            table = self._one_by_one(sources, weights)
        table = table.reshape(len(weights), self.length).astype(np.float64, copy=False)
        self._check_weights(sources, targets, table)
        return table

    def _one_by_one(self, sources: Integers, weights: list[Any]) -> Floats:
        """Convert weights that are no plain table of numbers, or say which one cannot be converted."""
        rows = []
        for source, weight in zip(sources, weights, strict=True):
            vector = isinstance(weight, list | tuple) or np.ndim(weight) > 0
            if vector != self.parameterised:
                raise GraphError(
                    f"the callback returned the weight {weight!r} for a transition out of state "
                    f"{self._state(source)}, but {'a vector of coefficients' if not vector else 'a number'} "
                    f"before; a graph is either parameterised or constant"
                )
            if vector and len(weight) != self.length:
                raise GraphError(
                    f"the callback returned {len(weight)} coefficients ({weight!r}) for a transition out "
                    f"of state {self._state(source)}, but {self.length} before; every vector must be as "
                    f"long as theta"
                )
            try:
                if isinstance(weight, str | bytes):
                    raise TypeError
                rows.append([float(entry) for entry in weight] if vector else [float(weight)])
            except (TypeError, ValueError):
                raise CallbackError(
                    f"the callback returned the weight {weight!r} for a transition out of state "
                    f"{self._state(source)}; a weight is a number or a vector of numbers"
                ) from None
        return np.array(rows)

    def _check_weights(self, sources: Integers, targets: Integers, table: Floats) -> None:
        finite = np.isfinite(table).all(axis=1)
        # A coefficient may be negative where others make up for it, but no theta helps an edge without any.
        negative = (table <= 0.0).all(axis=1) & (table < 0.0).any(axis=1)
        bad = np.flatnonzero(~finite | negative)
        if bad.size:
            edge = int(bad[0])
            weight = table[edge].tolist() if self.parameterised else f"{table[edge, 0]:g}"
            raise GraphError(
                f"the transition from state {self._state(sources[edge])} to {self._state(targets[edge])} has "
                f"weight {weight}; a weight must be finite and not negative"
            )
        firsts = np.flatnonzero(np.diff(sources, prepend=-1))
        empty = np.flatnonzero(~np.logical_or.reduceat((table != 0.0).any(axis=1), firsts))
        if empty.size:
            raise GraphError(
                f"all transitions out of state {self._state(sources[firsts[empty[0]]])} have weight zero; "
                f"return no transition to make a state absorbing"
            )

    def _state(self, vertex: int) -> list[int]:
        return [int(entry) for entry in np.frombuffer(self.keys[vertex], dtype=np.int64)]
