"""A graph with epochs at weights after weights, with derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays
from phasic.engine import Engine
from phasic.epochs.boundaries import Epochs
from phasic.epochs.density import Piecewise, by_epoch
from phasic.epochs.likelihood import EpochLikelihood
from phasic.epochs.moments import collected, raw_moments
from phasic.epochs.switching import Switching
from phasic.errors import ParameterError
from phasic.observations import Observations
from phasic.question import Question
from phasic.slopes import Densities, Sloped
from phasic.trace import Trace


class EpochEngine(Engine):
    """What can be evaluated of a graph with epochs whose weights change.

    Weights between sisters are entries of theta that stand for times, and have to be 1 or these; all
    derivatives by them are zero.

    Parameters
    ----------
    arrays, trace
        Of the graph.
    switching : Switching
    """

    def __init__(self, arrays: GraphArrays, trace: Trace, switching: Switching) -> None:
        super().__init__(trace, arrays.alpha, False)
        self._arrays, self._switching = arrays, switching

    @property
    def _epochs(self) -> Epochs:
        return self._switching.epochs(self._arrays)

    def require(self, weights: Floats) -> None:
        """Raise ParameterError if a boundary would move."""
        for k, (edges, _, _) in enumerate(self._epochs.sisters, start=1):
            time = self._epochs.begins[k]
            if not np.isin(weights[edges], (1.0, time)).all():
                raise ParameterError(
                    f"entry {self._switching.places[k]} of theta is {weights[edges[0]]:g}, but epoch {k} "
                    f"begins at {time:g}; fix it at 1 or that time"
                )

    def inner(self, weights: Floats) -> Floats:
        """Return the weights within epochs."""
        self.require(weights)
        return np.where(self._epochs.switch, 0.0, weights)

    def question(self, weights: Floats) -> Question:
        """Return what is asked for densities and probabilities at given times."""
        return self._piecewise(self.inner(weights))  # type: ignore[return-value]

    def _piecewise(self, within: Floats) -> Piecewise:
        starts = self._epochs.starts(within)
        return Piecewise([(begin, Question(self.trace, within, alpha, False)) for begin, alpha in starts])

    def likelihood(self, observed: ArrayLike | Observations) -> EpochLikelihood:  # type: ignore[override]
        """Return the likelihood of observed times, ``(weights, gradient) -> LogLikelihood``."""
        return EpochLikelihood(self._epochs, self.trace, self.inner, observed)

    def densities(self, times: Floats) -> EpochDensities:  # type: ignore[override]
        """Return the density at `times` and its derivatives, ``(weights, directions) -> Sloped``."""
        return EpochDensities(self, times)

    def time_slopes(self, weights: Floats, times: Floats, value: Floats, along: Floats) -> Floats:
        """Return derivatives of the density by time, float64[k]; `along` is not looked at."""
        within, out = self.inner(weights), np.empty(times.size)
        questions = self._piecewise(within).questions
        for k, here in by_epoch(self._epochs.begins, times):
            own = Engine(self.trace, questions[k].alpha, False)
            since = times[here] - self._epochs.begins[k]
            sloped = own.densities(since)(within, within[None, :])
            out[here] = own.time_slopes(within, since, sloped.value, sloped.slopes[:, 0])
        return out

    def moments(self, weights: Floats, k: int) -> Floats:
        """Return the first `k` raw moments, float64[k]."""
        return raw_moments(self._collected(self.inner(weights), k, None)[0])

    def moment_slopes(self, weights: Floats, directions: Floats, k: int) -> tuple[Floats, Floats]:
        """Return the same and their derivatives in the rows of `directions`, float64[k, q]."""
        within = self.inner(weights)
        values, slopes = self.moments(weights, k), np.zeros((k, directions.shape[0]))
        for column, direction in zip(slopes.T, directions, strict=True):
            column[:] = raw_moments(self._collected(within, k, direction)[1])
        return values, slopes

    def _collected(self, within: Floats, k: int, direction: Floats | None) -> tuple[Floats, Floats]:
        ones = np.where(self.trace.absorbing, 0.0, 1.0)
        parts = (self._epochs, self._arrays, self.trace, within)
        return collected(*parts, (ones, ones), (k, 0), direction)


class EpochDensities:
    """Densities of a graph with epochs at given times; used as `phasic.slopes.Densities`."""

    def __init__(self, engine: EpochEngine, times: Floats) -> None:
        self._engine, self._times = engine, np.asarray(times, np.float64).ravel()

    def values(self, weights: Floats) -> Floats:
        """Return the density at each time, float64[k]."""
        return self._engine.question(weights).values("pdf", self._times)

    def __call__(self, weights: Floats, directions: Floats) -> Sloped:
        """Return the density at each time and its derivatives in the rows of `directions`.

        A weight changes how the chain moves in its epoch, and from where the later ones start. The density
        is linear in the start: its change is the density from what is more there, less that from what is
        less.
        """
        engine, epochs = self._engine, self._engine._epochs
        within = engine.inner(weights)
        inside = np.where(epochs.switch, 0.0, directions)
        value, slopes = np.zeros(self._times.size), np.zeros((self._times.size, directions.shape[0]))
        here = dict(by_epoch(epochs.begins, self._times))
        bent = np.zeros((directions.shape[0], engine.alpha.size))
        for k, (begin, alpha) in enumerate(epochs.starts(within)):
            if k in here:
                times = self._times[here[k]] - begin
                densities = Densities(engine.trace, alpha + np.abs(bent).sum(axis=0), times)
                sloped = densities(within, inside, alpha)
                value[here[k]] = sloped.value
                slopes[here[k]] = sloped.slopes + densities.from_starts(within, bent)
            if k < len(epochs.lengths):
                bent = epochs.switched(k, epochs.bent(k, within, inside, alpha, bent))
        return Sloped(value, slopes)
