"""The loop that asks a compiled callback about one state after the other."""

# Numba is typed here and there only.
# mypy: allow-untyped-calls, no-warn-unused-ignores, no-warn-return-any
# mypy: disable-error-code="attr-defined, call-arg, assignment"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload

from phasic.compiler.translating import CallbackCompiler, checked
from phasic.kernels import interning


def _put_state(state: Any, row: Any) -> bool:
    """Write a next state into a row; return whether it is one."""
    raise NotImplementedError


def _put_weight(weight: Any, row: Any, vector: bool) -> bool:
    """Write a weight or coefficients into a row; return whether they are as many as there must be."""
    raise NotImplementedError


def _transitions(returned: Any) -> Any:
    """Return what a callback returned, which may be None, as something to go through."""
    raise NotImplementedError


def _element(kind: Any) -> Any:
    """Return the type of the elements of a vector of numbers, None where it is not one."""
    if isinstance(kind, types.Array):
        return kind.dtype if kind.ndim == 1 else None
    if isinstance(kind, types.List | types.UniTuple):
        return kind.dtype
    return None


@overload(_put_state)
def _overload_put_state(state: Any, row: Any) -> Any:
    element = _element(state)

    def put_floats(state: Any, row: Any) -> Any:
        if len(state) != row.size:
            return False
        for i in range(row.size):
            if not abs(state[i]) < 2.0**63:
                return False
            row[i] = int(state[i])
        return True

    def put(state: Any, row: Any) -> Any:
        if len(state) != row.size:
            return False
        for i in range(row.size):
            row[i] = state[i]
        return True

    if isinstance(element, types.Float):
        return put_floats
    signed = isinstance(element, types.Integer) and element.signed
    return put if signed or isinstance(element, types.Boolean) else None


@overload(_put_weight)
def _overload_put_weight(weight: Any, row: Any, vector: Any) -> Any:
    numbers = (types.Float, types.Integer, types.Boolean)

    def put_one(weight: Any, row: Any, vector: Any) -> Any:
        row[0] = weight
        return not vector

    def put(weight: Any, row: Any, vector: Any) -> Any:
        if not vector or len(weight) != row.size:
            return False
        for i in range(row.size):
            row[i] = weight[i]
        return True

    if isinstance(weight, numbers):
        return put_one
    return put if isinstance(_element(weight), numbers) else None


@intrinsic
def _given(context: Any, optional: Any) -> Any:
    """Return what is in an optional value that is not None."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], optional, optional.type)
        context.nrt.incref(builder, optional.type, value)  # the caller gives up one for each
        return value

    return optional.type(optional), generate


# No generators: numba does not give back all of what they hold.
@overload(_transitions)
def _overload_transitions(returned: Any) -> Any:
    def given(returned: Any) -> Any:
        return _given(returned)

    def same(returned: Any) -> Any:
        return returned

    if isinstance(returned, types.Optional):
        return given
    return same if isinstance(returned, types.List | types.UniTuple) else None


def build(callback: Callable[..., Any], kinds: tuple[Any, ...]) -> Any:
    """Return numba's compilation of the loop that asks `callback` about one state after the other.

    Its entry point is ``explore(views, size, slots, factor, count, place, until, degrees, targets,
    weights, vector, parameters)``:

    views, size, slots, factor, count
        The table of states; see `phasic.kernels.interning`.
    place : int64[3]
        The vertex to go on from, how many transitions are written, and how many rows there were before
        that vertex; moved on with every vertex that is done, so that after an exception it tells which
        one raised.
    until : int
        The first vertex that is not to be asked about.
    degrees, targets, weights : int64[until - place[0]], int64[room], float64[room, p]
        Filled: the number of transitions of each vertex, and where each leads with which weight.
    vector : bool
        Whether weights are vectors.
    parameters : tuple
        Further arguments to the callback, of the numba types `kinds`.

    It returns 0 when all vertices are done, `NO_ROOM` or `TOO_NARROW` for what the table needs, 1 when there
    is no room for transitions, and 2 where Python is to be asked about the vertex at ``place[0]``.

    Raises
    ------
    numba.core.errors.NumbaError
        The callback does something that cannot be compiled, or that would mean something else.
    """
    called = checked(callback, CallbackCompiler)
    entry, vertex_of = interning.entry.dispatcher, interning.vertex_of.dispatcher

    def explore(
        views: Any,
        size: Any,
        slots: Any,
        factor: Any,
        count: Any,
        place: Any,
        until: Any,
        degrees: Any,
        targets: Any,
        weights: Any,
        vector: Any,
        parameters: Any,
    ) -> int:
        width = views[0].shape[1]
        begin = until - degrees.size
        edges = place[1]
        following = np.empty(width, np.int64)
        while place[0] < until and place[0] < count[0]:
            source = place[0]
            place[1] = edges
            place[2] = count[0]
            state = np.empty(width, np.int64)
            for j in range(width):
                state[j] = entry(views, size, source, j)
                if not -(2**31) <= state[j] <= 2**31:  # sums of smaller ones do not wrap
                    return 2
            returned = called(state, *parameters)
            if returned is not None:
                for transition in _transitions(returned):
                    if edges == targets.size:
                        return 1
                    if not _put_state(transition[0], following):
                        return 2
                    if not _put_weight(transition[-1], weights[edges], vector):
                        return 2
                    target = vertex_of(following, views, size, slots, factor, count)
                    if target < 0:
                        return target
                    targets[edges] = target
                    edges += 1
            degrees[source - begin] = edges - place[1]
            place[0] = source + 1
            place[1] = edges
            place[2] = count[0]
        return 0

    vectors = types.int64[::1]
    views = types.Tuple([kind[:, ::1] for kind in (types.int8, types.int16, types.int32, types.int64)])
    slots = types.int32[::1]
    signature = types.int64(
        views,
        types.int64,
        slots,
        types.uint64,
        vectors,
        vectors,
        types.int64,
        vectors,
        vectors,
        types.float64[:, ::1],
        types.boolean,
        types.Tuple(kinds),
    )
    compiled = numba.njit(nogil=True)(explore)
    compiled.compile(signature.args)
    return compiled.overloads[signature.args]
