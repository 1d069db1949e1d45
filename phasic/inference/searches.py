"""Searches for the highest likelihood from several places, of which the better ones go on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from phasic.errors import GraphError
from phasic.inference.expectation_maximisation import AnySchedule, Climb, climb, start
from phasic.inference.structures import Phases, Structure

_STEPS = (20, 100)  # of all starts, and of the best of each structure, before the best go on to the end
_BEST = 3

Show = Callable[[int, float], None]


class ImpossibleError(GraphError):
    """Under a structure, some observation cannot be."""


@dataclass
class Search:
    """Searches from several places.

    Attributes
    ----------
    schedule : Schedule or StepSchedule
    shapes : list of Structure
    max_steps : int
        Of each search.
    tolerance : float
    executor : Executor, optional
        On which searches run beside each other; what they find is the same.
    show : callable, optional
        Told how many steps there were, or with an executor searches, and the highest log-likelihood.
    ways : list of (Structure, Climb)
        What was found, the best first.
    """

    schedule: AnySchedule
    shapes: list[Structure]
    max_steps: int
    tolerance: float
    executor: Executor | None = None
    show: Show | None = None
    ways: list[tuple[Structure, Climb]] = field(default_factory=list)
    _n_shown: int = 0

    def run(self, begin: list[tuple[Structure, Phases]]) -> None:
        """Set `ways`, from these places."""
        if self.executor is None:
            found = [start(self.schedule, at) for _, at in begin]
        else:
            found = list(self.executor.map(start, [self.schedule] * len(begin), [at for _, at in begin]))
        self.ways = [(shape, way) for (shape, _), way in zip(begin, found, strict=True) if way is not None]
        if not self.ways:
            raise ImpossibleError(
                "some number of steps cannot be: fewer than there are phases in a row; allow fewer phases"
                if self.shapes[0].discrete
                else "some observation is so far out that every start takes it for impossible; leave out the "
                "largest, or allow more phases"
            )
        self._go_on(list(range(len(self.ways))), _STEPS[0])
        of_each = {id(shape): place for place, (shape, _) in reversed(list(enumerate(self.ways)))}
        self._go_on(sorted({*range(min(_BEST, len(self.ways))), *of_each.values()}), _STEPS[1])
        self._go_on(list(range(_BEST if len(self.shapes) > 1 else 1)), self.max_steps)

    def best(self) -> tuple[Structure, Climb]:
        """Return the best so far."""
        self._sort()
        return self.ways[0]

    def _sort(self) -> None:
        self.ways.sort(key=lambda pair: -pair[1].log_likelihood)

    def _go_on(self, places: list[int], n_steps: int) -> None:
        left = [place for place in places if place < len(self.ways) and not self.ways[place][1].has_converged]
        tasks = [
            (self.schedule, shape, way, min(n_steps, self.max_steps - way.n_steps), self.tolerance)
            for shape, way in (self.ways[place] for place in left)
        ]
        if self.executor is None:
            for task in tasks:  # a way moves itself, and an interruption loses nothing
                climb(*task, show=self._told)
        elif tasks:
            for place, way in zip(left, self.executor.map(climb, *zip(*tasks, strict=True)), strict=True):
                self.ways[place] = (self.ways[place][0], way)
                self._told(way)
        self._sort()

    def _told(self, way: Climb) -> None:
        self._n_shown += 1
        if self.show is not None:
            highest = max([way.log_likelihood, *(each.log_likelihood for _, each in self.ways)])
            self.show(self._n_shown, highest)


def starts(
    shapes: list[Structure],
    n_starts: int,
    zero: float,
    width: float,
    mean: float,
    generator: np.random.Generator,
) -> list[tuple[Structure, Phases]]:
    """Return random places of each structure; one where a single rate is all there is to find."""
    return [
        (shape, shape.random(generator, min(zero, 0.99), width, mean))
        for shape in shapes
        for _ in range(n_starts if shape.n_parameters > 1 else 1)
    ]
