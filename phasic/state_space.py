"""Explore a callback into the arrays of a graph, breadth first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from phasic import transitions, vectorised
from phasic.arrays import Floats, GraphArrays, Integers
from phasic.compiled import DisagreementError, Execution
from phasic.errors import GraphError
from phasic.initial import Callback, parse_ipv
from phasic.interning import CompiledTable, Table, smallest
from phasic.program import Programs
from phasic.progress import Progress
from phasic.switching import Switch, refusal

__all__ = ["compress", "explore", "extend", "smallest"]

log = logging.getLogger("phasic")

_BATCH = 512  # states between two checks: a bad weight is named before an endless state space fills memory
_LARGE_BATCH = 1 << 16  # the same for a callback that takes many at once
_LARGE = 1 << 14  # states, from which on a compiled table is worth loading numba
_A_WHILE = 0.2  # seconds in which nobody looks at what has come of it


def explore(
    callback: Callback,
    ipv: Any,
    parameters: Mapping[str, Any] | None = None,
    vectorized: bool = False,
    compiled: bool | None = None,
    programs: Programs | None = None,
) -> GraphArrays:
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

    vectorized : bool
        Whether the callback takes many states at once: ``callback(states, **parameters)`` gets
        int64[k, d] and returns three arrays, ``sources`` (int[m], rows of `states`), ``next_states``
        (int[m, d]) and ``weights`` (float[m], or float[m, p] coefficients of theta). What it says of a
        state must not depend on the others.
    compiled : bool, optional
        Whether to explore by machine code that numba makes of the callback. By default this is done
        when exploring has taken long enough for it to pay. The graph is the same: integers that would
        wrap, and whatever raises, is left to Python, state by state, and where Python and the machine
        code differ in one of the states that are asked of both, all is explored in Python.
    programs : Programs, optional
        Where machine code comes from; without it, all is explored in Python.

    Returns
    -------
    GraphArrays
        States in the smallest integer type that holds them all.

    Raises
    ------
    CallbackError
        The callback returned something that is not a list of transitions, or cannot be compiled and
        was asked to be.
    GraphError
        A weight or a state cannot be, or the callback mixes numbers and coefficient vectors.

    Examples
    --------
    >>> def chain(state):
    ...     return [([state[0] - 1], 2.0)] if state[0] > 0 else []
    >>> explore(chain, [3]).states.ravel().tolist()
    [0, 3, 2, 1, 0]
    """
    if vectorized and compiled:
        raise GraphError("a vectorised callback is not compiled; leave out vectorized=True or compiled=True")
    initial = parse_ipv(ipv)
    parameters = parameters or {}
    states = np.array([state for state, _ in initial], dtype=np.int64)
    switch = Switch(callback, parameters, False if vectorized else compiled, programs)
    while True:
        search = _Search(Table(np.zeros((1, states.shape[1]), dtype=np.int64)), transitions.Form())
        starts = search.table.add(states)
        try:
            search.run(callback, parameters, [], vectorized, switch)
            break
        except DisagreementError as error:
            if compiled:
                raise refusal(str(error)) from None
            log.warning("%s; all of it is explored in Python", error)
            switch = Switch(callback, parameters, False, None)
    offsets, targets, coefficients = compress(len(search.table), *search.transitions())
    return GraphArrays(
        states=smallest(search.table.states()),
        start_targets=np.array(starts, dtype=np.int64),
        start_weights=np.array([probability for _, probability in initial]),
        offsets=offsets,
        targets=targets,
        coefficients=coefficients,
        parameterised=bool(search.form.parameterised),
    )


def extend(
    arrays: GraphArrays,
    callback: Callback,
    parameters: Mapping[str, Any] | None = None,
    vertices: Sequence[int] | None = None,
    vectorized: bool = False,
) -> GraphArrays:
    """Return `arrays` with the transitions out of `vertices` explored by `callback`, and all that follow.

    Parameters
    ----------
    arrays : GraphArrays
        The graph so far.
    callback, parameters, vectorized
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
    form = transitions.Form(arrays.parameterised if arrays.targets.size else None, arrays.n_parameters)
    search = _Search(Table(arrays.states), form)
    search.next = arrays.n_vertices
    switch = Switch(callback, parameters or {}, False, None)
    search.run(callback, parameters or {}, vertices, vectorized, switch)
    sources, targets, coefficients = search.transitions()
    offsets, targets, coefficients = compress(
        len(search.table),
        np.concatenate([np.repeat(np.arange(degrees.size), degrees), sources]),
        np.concatenate([arrays.targets, targets]),
        np.concatenate([arrays.coefficients, coefficients]) if arrays.targets.size else coefficients,
    )
    return GraphArrays(
        states=smallest(search.table.states()),
        start_targets=arrays.start_targets,
        start_weights=arrays.start_weights,
        offsets=offsets,
        targets=targets,
        coefficients=coefficients,
        parameterised=bool(search.form.parameterised),
        discrete=arrays.discrete,
    )


def compress(
    n: int, sources: Integers, targets: Integers, coefficients: Floats
) -> tuple[Integers, Integers, Floats]:
    """Return offsets, targets and coefficients with the edges of a vertex together, in their order."""
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(sources, minlength=n), out=offsets[1:])
    if (sources[1:] >= sources[:-1]).all():
        return offsets, targets, coefficients
    order = np.argsort(sources, kind="stable")
    return offsets, targets[order], coefficients[order]


class _Search:
    """Vertices and transitions found so far, and the breadth-first search that finds more.

    Attributes
    ----------
    table : Table or CompiledTable
        The states by number.
    form : Form
        What weights are.
    next : int
        The first vertex of which the callback was not asked, apart from those that `run` is given.
    """

    def __init__(self, table: Table | CompiledTable, form: transitions.Form) -> None:
        self.table = table
        self.form = form
        self.next = 1
        self._done: list[tuple[Integers, Integers, Floats]] = []

    def transitions(self) -> tuple[Integers, Integers, Floats]:
        """Return source, target and coefficients of every transition found by `run`."""
        none = np.zeros(0, dtype=np.int64)
        sources, targets, rows = zip((none, none, np.zeros((0, self.form.length))), *self._done, strict=True)
        self._done = []
        return np.concatenate(sources), np.concatenate(targets), np.concatenate(rows)

    def run(
        self,
        callback: Callback,
        parameters: Mapping[str, Any],
        vertices: Iterable[int],
        vectorized: bool,
        switch: Switch,
    ) -> None:
        """Explore `vertices` first, and then every vertex from `next` on."""
        queue = list(vertices)
        begin = time.perf_counter()
        execution: Execution | None = None
        ask = partial(transitions.ask, callback, parameters)
        with Progress() as progress:
            while queue or self.next < len(self.table):
                if execution is not None:
                    self._keep_batch(*execution.advance(self.next))
                elif vectorized:
                    self._ask_many(callback, parameters, self._take(queue))
                else:
                    # Who insists on machine code waits for the first weight only.
                    self._ask_each(ask, queue, 1 if switch.insists else _BATCH)
                    if self.form.parameterised is not None:
                        found = switch.program(time.perf_counter() - begin)
                        if found is not None:
                            execution = Execution(*found, self._compile_table(), self.form, ask)
                progress.show(self.next - 1, len(self.table) - 1)

    def _compile_table(self) -> CompiledTable:
        if isinstance(self.table, Table):
            self.table = CompiledTable(self.table.states())
        return self.table

    def _take(self, queue: list[int]) -> Integers:
        """Return the vertices to explore now."""
        if queue:
            taken = np.array(queue)
            queue.clear()
            return taken
        first, self.next = self.next, min(len(self.table), self.next + _LARGE_BATCH)
        return np.arange(first, self.next)

    def _ask_each(
        self, ask: Callable[[Integers], tuple[list[Any], list[Any]]], queue: list[int], most: int
    ) -> None:
        """Ask the callback about one state after the other, for a while."""
        table = self.table
        sources: list[int] = []
        targets: list[int] = []
        weights: list[Any] = []
        states: list[Integers] = []
        until = time.perf_counter() + _A_WHILE
        try:
            for _ in range(most):
                if queue:
                    source = queue.pop(0)
                elif self.next < len(table):
                    source = self.next
                    self.next += 1
                else:
                    break
                state = table.state(source)
                next_states, new_weights = ask(state)
                if next_states:
                    targets += table.add(transitions.as_rows(state, next_states))
                    weights += transitions.kept(new_weights)
                    sources += [source] * len(next_states)
                    states += [state] * len(next_states)
                if time.perf_counter() > until:
                    break
        except Exception:
            self._keep_answers(sources, targets, states, weights)  # what was wrong before may be why
            raise
        self._keep_answers(sources, targets, states, weights)

    def _keep_answers(
        self, sources: list[int], targets: list[int], states: list[Integers], weights: list[Any]
    ) -> None:
        if weights:
            self._keep(np.array(sources), np.array(targets), self.form.table(states, weights))

    def _ask_many(self, callback: Callback, parameters: Mapping[str, Any], vertices: Integers) -> None:
        """Ask a vectorised callback about these vertices at once."""
        states = self.table.rows(vertices).astype(np.int64)
        rows, next_states, weights = vectorised.ask(callback, parameters, states, self.form)
        if rows.size:
            self._keep(vertices[rows], np.asarray(self.table.add(next_states)), weights)
        if len(self.table) > _LARGE:
            self._compile_table()

    def _keep_batch(self, degrees: Integers, targets: Integers, weights: Floats) -> None:
        """Keep the transitions of the vertices from `next` on, of each as many as `degrees` says."""
        sources = np.repeat(np.arange(self.next, self.next + degrees.size), degrees)
        self.next += degrees.size
        if sources.size:
            self._keep(sources, targets, weights)

    def _keep(self, sources: Integers, targets: Integers, weights: Floats) -> None:
        """Keep transitions that are all there are out of their sources, after checking them."""
        n, state = len(self.table), self.table.state
        transitions.check(n, state, sources, targets, weights, bool(self.form.parameterised))
        self._done.append((sources, targets, weights))
