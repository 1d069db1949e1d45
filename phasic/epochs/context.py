"""The distribution of a graph with epochs, moved on step by step across boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from phasic.accumulated import Jumps, advanced, jumps
from phasic.arrays import Floats
from phasic.stepping_context import DistributionContext

if TYPE_CHECKING:
    from phasic.epochs.graph import EpochGraph

_ROUNDING = 1e-13  # of steps that add up to a boundary


class SteppingThroughEpochs(DistributionContext):
    """As `phasic.stepping_context.DistributionContext`; a step across boundaries is made up of several."""

    _epoch = 0
    _until = 0.0  # as `time`, but for rounding: what decides on which side of a boundary the chain is

    def _moved(self, length: float) -> tuple[Floats, Floats]:
        epochs = cast("EpochGraph", self._graph)._epochs
        state, spent = self._state, np.zeros(self._state.size)
        end = self._until + length
        while self._epoch < len(epochs.lengths) and epochs.begins[self._epoch + 1] <= end * (1.0 + _ROUNDING):
            boundary = float(epochs.begins[self._epoch + 1])
            state, more = advanced(self._chain(state), state, max(boundary - self._until, 0.0))
            spent += more
            state = epochs.switched(self._epoch, state)
            self._jumps, self._until = None, boundary
            self._epoch += 1
        left = max(min(end - self._until, length), 0.0)
        state, more = advanced(self._chain(state), state, left)
        self._until = max(end, self._until)
        return state, spent + more

    def _chain(self, state: Floats) -> Jumps:
        if self._jumps is None:
            self._jumps = jumps(self._arrays, self._rates(), state)
        return self._jumps

    def _rates(self) -> Floats:
        return cast("EpochGraph", self._graph)._within
