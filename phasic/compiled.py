"""Exploring by machine code, with Python at hand: for what it leaves open, and to compare with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from phasic.arrays import Floats, Integers
from phasic.interning import CompiledTable
from phasic.program import Call, Program
from phasic.transitions import Form, as_rows

log = logging.getLogger("phasic")

_BATCH = 1 << 16  # states between two checks
_DONE, _NO_SPACE, _LEFT_OPEN = 0, 1, 2  # what machine code says; below zero, the table needs room


class DisagreementError(Exception):
    """Machine code and Python gave different transitions; nothing that machine code gave is of use."""


class Execution:
    """The exploring loop of one callback over one table.

    Parameters
    ----------
    program, call
        The machine code, and its arguments.
    table : CompiledTable
        The states found so far.
    form : Form
        What weights are, as the first states have told.
    ask : callable
        The callback itself, asked about one state: its next states and weights.
    """

    def __init__(
        self,
        program: Program,
        call: Call,
        table: CompiledTable,
        form: Form,
        ask: Callable[[Integers], tuple[list[Any], list[Any]]],
    ) -> None:
        self._program = program
        self._call = call
        self._table = table
        self._form = form
        self._ask = ask
        self._targets = np.empty(1 << 12, dtype=np.int64)
        self._weights = np.empty((1 << 12, form.length))
        self._told = False

    def advance(self, first: int) -> tuple[Integers, Integers, Floats]:
        """Return the transitions of the vertices from `first` on, and of what they lead to, up to a batch.

        Returns
        -------
        degrees, targets, weights : int64[k], int64[m], float64[m, p]
            The number of transitions of each of k vertices, where they lead, and their weights.

        Raises
        ------
        DisagreementError
            Python gives other transitions for one of some states.
        """
        table = self._table
        degrees = np.zeros(_BATCH, dtype=np.int64)
        place = np.array([first, 0, len(table)])
        vector = bool(self._form.parameterised)
        while True:
            try:
                status = self._program.run(
                    table.views,
                    table.size,
                    table.slots,
                    table.factor,
                    table.count,
                    place,
                    first + _BATCH,
                    degrees,
                    self._targets,
                    self._weights,
                    vector,
                    self._call.values,
                )
            except (
                Exception
            ) as error:  # whatever the callback raises, or what is raised in place of a wrong number
                self._tell(place[0], f"{type(error).__name__}: {error}")
                status = _LEFT_OPEN
            if status == _DONE:
                break
            if status == _NO_SPACE:
                self._make_space()
            elif status == _LEFT_OPEN:
                self._ask_python(place, degrees, first)
            else:
                table.make_room(status)
        done, edges = int(place[0]) - first, int(place[1])
        found = degrees[:done], self._targets[:edges].copy(), self._weights[:edges].copy()
        self._compare(first, *found)
        return found

    def _make_space(self) -> None:
        self._targets = np.concatenate([self._targets, self._targets])
        self._weights = np.concatenate([self._weights, self._weights])

    def _ask_python(self, place: Integers, degrees: Integers, first: int) -> None:
        """Ask the callback about the vertex at ``place[0]``, and go on behind it."""
        vertex, edges, before = place.tolist()
        self._table.forget(before)
        rows, weights = self._answer(vertex)
        targets = self._table.add(rows)
        while edges + len(targets) > self._targets.size:
            self._make_space()
        self._targets[edges : edges + len(targets)] = targets
        self._weights[edges : edges + len(targets)] = weights
        degrees[vertex - first] = len(targets)
        place[:] = vertex + 1, edges + len(targets), len(self._table)

    def _answer(self, vertex: int) -> tuple[Integers, Floats]:
        """Return next states and weights of a vertex by Python, int64[k, d] and float64[k, p]."""
        state = self._table.state(vertex)
        next_states, weights = self._ask(state)
        if not next_states:
            return np.zeros((0, state.size), dtype=np.int64), np.zeros((0, self._form.length))
        return as_rows(state, next_states), self._form.table([state] * len(weights), weights)

    def _compare(self, first: int, degrees: Integers, targets: Integers, weights: Floats) -> None:
        """Raise DisagreementError where Python gives other transitions for one of a sample of vertices."""
        ends = np.cumsum(degrees)
        for i in np.unique(np.linspace(0, degrees.size - 1, 16 + degrees.size // 1000).astype(np.int64)):
            span = slice(int(ends[i] - degrees[i]), int(ends[i]))
            rows, expected = self._answer(first + int(i))
            same = np.array_equal(self._table.rows(targets[span]), rows)
            if not same or not np.array_equal(weights[span], expected, equal_nan=True):
                raise DisagreementError(
                    f"compiled, the callback gives other transitions out of state "
                    f"{self._table.state(first + int(i)).tolist()} than in Python"
                )

    def _tell(self, vertex: int, why: str) -> None:
        if not self._told:
            self._told = True
            state = self._table.state(vertex).tolist()
            log.info("state %s, and others like it, are left to Python (%s)", state, why)
