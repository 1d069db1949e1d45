"""Outcomes of a graph of joint probabilities whose rates change at given times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays
from phasic.epochs.boundaries import Part, jump_counts
from phasic.epochs.returning import returned
from phasic.errors import GraphError, ParameterError
from phasic.inference.parts import Evaluate, Outcomes
from phasic.trace import Trace


def checked_starts(epoch_starts: ArrayLike) -> Floats:
    """Return when epochs begin, float64[k]: the first at zero, each later than the one before."""
    try:
        starts = np.array(epoch_starts, np.float64)
    except (TypeError, ValueError):
        starts = np.empty(0)
    good = starts.ndim == 1 and starts.size and starts[0] == 0.0
    if not good or not np.isfinite(starts).all() or not (np.diff(starts) > 0.0).all():
        raise GraphError(f"epoch_starts is {epoch_starts!r}; pass times that ascend from 0, like [0, 0.5]")
    return starts


class Local:
    """Places in the theta of one epoch, as places in that of all of them.

    Parameters
    ----------
    length : int
        Of the theta of one epoch.
    count : int
        How many epochs there are.
    """

    def __init__(self, length: int, count: int) -> None:
        self._length, self._count = length, count

    def _checked(self, place: Any) -> int:
        if not isinstance(place, int | np.integer) or not 0 <= place < self._length:
            raise ParameterError(
                f"{place!r} is no place in the theta of an epoch, which are 0 to {self._length - 1}"
            )
        return int(place)

    def fixed(self, pairs: Iterable[tuple[int, Any]] | None) -> list[tuple[int, float]]:
        """Return pairs of place and value, given those of one epoch; values may differ between epochs."""
        found = []
        for place, value in pairs or ():
            values = np.asarray(value, np.float64)
            if values.shape not in ((), (self._count,)):
                raise ParameterError(
                    f"parameter {place} is fixed at {value!r}; pass a value, or one for each of "
                    f"{self._count} epochs"
                )
            for k, one in enumerate(np.broadcast_to(values, (self._count,)).tolist()):
                found.append((self._checked(place) + k * self._length, one))
        return found

    def tied(self, groups: Iterable[Any] | None) -> list[list[int]]:
        """Return groups of places, given pairs of a place and the epochs that share it."""
        found = []
        for group in groups or ():
            place, epochs = group if len(group) == 2 else (None, ())
            if not np.ndim(epochs) or not all(0 <= int(k) < self._count for k in epochs):
                raise ParameterError(
                    f"tied has {group!r}; with epoch_starts pass a place in theta and the epochs that share "
                    f"it, like (0, [0, 1])"
                )
            found.append([self._checked(place) + int(k) * self._length for k in epochs])
        return found

    def places(self, chosen: Any) -> Any:
        """Return places in all epochs."""
        if chosen is None:
            return None
        each = [self._checked(place) for place in np.atleast_1d(chosen).tolist()]
        return [place + k * self._length for k in range(self._count) for place in each]


class EpochOutcomes(Outcomes):
    """Observations of outcomes where each epoch has weights of its own; used as `Outcomes`.

    An outcome that is reached stays: its vertex is left in the last epoch only, where it makes no
    difference when.

    Parameters
    ----------
    arrays, trace, vertices
        As for `Outcomes`.
    starts : float64[k]
        When epochs begin; weights are float64[k, m].
    """

    def __init__(self, arrays: GraphArrays, trace: Trace, vertices: ArrayLike, starts: Floats) -> None:
        super().__init__(arrays, trace, vertices)
        self._lengths = np.diff(starts)
        self._starts = starts
        n = arrays.n_vertices
        sources = np.repeat(np.arange(n), np.diff(arrays.offsets))
        everything = np.arange(n)
        targets = arrays.targets.astype(np.int32)
        edges = np.arange(sources.size)
        offsets = arrays.offsets.astype(np.int64)
        self._part = Part(everything, edges, offsets, targets, sources, np.ones(n, np.bool_))
        ends = np.diff(arrays.offsets) == 0
        self._transient = ~ends
        into_end = np.bincount(sources, ends[arrays.targets], n) > 0
        self._kept = (into_end & (np.diff(arrays.offsets) == 1))[sources]  # edges that are not used before

    def some(self, members: Any) -> EpochOutcomes:
        """See `Outcomes`."""
        return EpochOutcomes(self._arrays, self._trace, self.vertices[members], self._starts)

    def _walked(self, weights: Floats) -> list[Floats]:
        """Return how each epoch starts."""
        from phasic.kernels.stepping import blend

        alphas = [np.array(self._arrays.alpha)]
        for row, length in zip(weights, self._lengths, strict=False):
            clock, jumps = self._part.uniform(np.where(self._kept, 0.0, row))
            counts = jump_counts(clock * float(length), self._part.edges.size)
            found = np.zeros((1, alphas[0].size))
            blend(*jumps, alphas[-1].copy(), counts[None, :], found)
            alphas.append(found[0])
        return alphas

    def _evaluated(self, weights: Floats, gradient: bool) -> tuple[float, Floats | None]:
        alphas = self._walked(weights)
        value, last, ahead = self._from(alphas[-1], weights[-1], gradient)
        if last is None or ahead is None:
            return value, np.full(weights.shape, np.nan) if gradient else None
        slopes = np.zeros(weights.shape)
        slopes[-1] = last
        for k in range(len(self._lengths) - 1, -1, -1):
            row = np.where(self._kept, 0.0, weights[k])
            parts = (self._part, self._transient, row, float(self._lengths[k]), alphas[k])
            ahead = returned(*parts, ahead, slopes[k])
            slopes[k, self._kept] = 0.0
        return value, slopes

    def evaluator(self) -> Evaluate:
        """See `Part`."""
        return self._evaluated

    def terms(self, weights: Floats) -> Floats:
        """See `Part`."""
        with np.errstate(divide="ignore"):
            probability = self._probabilities(weights[-1], self._walked(weights)[-1])[0]
            return np.asarray(np.log(probability)[self._which.reshape(-1)])
