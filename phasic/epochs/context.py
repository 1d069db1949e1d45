"""The distribution of a graph with epochs, moved on step by step across boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from phasic.accumulated import Jumps, advanced, jumps
from phasic.arrays import Floats
from phasic.stepping_context import DistributionContext

if TYPE_CHECKING:
    from phasic.epochs.graph import EpochGraph


class SteppingThroughEpochs(DistributionContext):
    """As `phasic.stepping_context.DistributionContext`; a step across boundaries is made up of several."""

    _epoch = -1

    def _moved(self, length: float) -> tuple[Floats, Floats]:
        epochs, now = cast("EpochGraph", self._graph)._epochs, self.time()
        state, spent, end = self._state, np.zeros(self._state.size), now + length
        ends = np.append(epochs.begins[1:], np.inf)
        for k, (begin, until) in enumerate(zip(epochs.begins.tolist(), ends.tolist(), strict=True)):
            if until <= now or begin > end:
                continue
            if begin > now:
                state = epochs.switched(k - 1, state)
            part = min(until, end) - max(begin, now)
            if part > 0.0:
                state, more = advanced(self._chain(k, state), state, part)
                spent += more
        return state, spent

    def _chain(self, epoch: int, state: Floats) -> Jumps:
        if self._jumps is None or self._epoch != epoch:
            self._jumps, self._epoch = jumps(self._arrays, self._rates(), state), epoch
        return self._jumps

    def _rates(self) -> Floats:
        return cast("EpochGraph", self._graph)._within
