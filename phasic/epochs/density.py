"""Functions of time of a chain with epochs: each time is asked of the epoch that it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats

if TYPE_CHECKING:
    from phasic.inversion import Kind
    from phasic.question import Question, Values


class Piecewise:
    """What `phasic.density.Question` is, of the epochs in turn.

    Parameters
    ----------
    phases : list of (float, Question)
        When each epoch begins, and the chain from then on at constant rates.
    """

    discrete = False

    def __init__(self, phases: list[tuple[float, Question]]) -> None:
        self.begins = np.array([begin for begin, _ in phases])
        self.questions = [question for _, question in phases]
        self.chain, self.mean = self.questions[0].chain, self.questions[0].mean

    @property
    def limit(self) -> float:
        """Probability of absorption some day."""
        last = self.questions[-1]
        certain = last.limit >= last.chain.total  # whose total has been rounded at every boundary
        return self.chain.total if certain else last.limit

    def ask(self, kind: Kind, times: ArrayLike) -> Values:
        """Return values at `times` of any shape, and an estimate of the error of each."""
        from phasic.question import Values

        return Values(*self._each(times, 2, lambda question, some: question.ask(kind, some)))

    def values(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the density, distribution or survival at `times` of any shape."""
        return self.ask(kind, times).value

    def logarithm(self, kind: Kind, times: ArrayLike) -> Floats:
        """Return the logarithm of values at `times`."""
        return self._each(times, 1, lambda question, some: (question.logarithm(kind, some),))[0]

    def _each(
        self, times: ArrayLike, count: int, function: Callable[[Question, Floats], Iterable[Floats]]
    ) -> list[Floats]:
        asked = np.asarray(times, dtype=np.float64)
        found = [np.zeros(asked.shape) for _ in range(count)]
        for k, here in by_epoch(self.begins, asked):
            parts = function(self.questions[k], asked[here] - self.begins[k])
            for array, part in zip(found, parts, strict=True):
                array[here] = part
        return found


def by_epoch(begins: Floats, times: Floats) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield every epoch that some of `times` are in, and which these are; boundaries are in the later one."""
    epoch = np.maximum(np.searchsorted(begins, times, side="right") - 1, 0)
    for k in range(begins.size):
        here = epoch == k
        if here.any():
            yield k, here
