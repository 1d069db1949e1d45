"""Phase-type distributions fitted to data: which structure, how many phases, and then the best rates."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import GraphError, OptionError
from phasic.inference import structures
from phasic.inference.expectation_maximisation import Climb, climb, start
from phasic.inference.fit_pictures import FitPictures
from phasic.inference.path_statistics import Schedule
from phasic.inference.structures import Phases, Structure
from phasic.observations import Observations

if TYPE_CHECKING:
    from phasic.graph import Graph

_LOG = logging.getLogger("phasic")
_STEPS = (20, 100)  # of all starts, and of the best of each structure, before the best go on to the end
_BEST = 3
_STARTS, _FEW_STARTS = 10, 5  # of each structure, and where there are more than ten of them
_WIDTH = 1.5  # of logarithms of rates at the start, to either side, at least


@dataclass(frozen=True, eq=False)
class PhaseTypeFit(FitPictures):
    """A phase-type distribution of highest likelihood, as far as several searches found it.

    Attributes
    ----------
    graph : Graph
        The distribution, for every other question: ``graph.pdf(t)``, ``graph.quantile(0.5)``, ...
    alpha : float64[p]
        Initial probabilities.
    S : float64[p, p]
        Sub-intensity matrix.
    exits : float64[p]
        Exit rates.
    zero : float
        The probability of an absorption time of zero.
    structure : str
    log_likelihood, aic, bic : float
    n_parameters : int
        Numbers that tell distributions of this structure apart. A general or Coxian distribution of p phases
        has 2 p - 1 of them, though a general one is written with many more.
    n_observations : int
    n_steps : int
        Steps of the best search.
    success : bool
        Whether it came to where the likelihood no longer grows.
    message : str
    history : float64[k]
        Log-likelihoods on its way, never falling.
    starts : float64[r]
        What each search came to; those that were given up early lie lower than they might.
    observations : Observations
    """

    graph: Graph
    alpha: Floats
    S: Floats
    exits: Floats
    zero: float
    structure: str
    log_likelihood: float
    n_parameters: int
    n_observations: int
    n_steps: int
    success: bool
    message: str
    history: Floats
    starts: Floats
    observations: Observations

    @property
    def n_phases(self) -> int:
        """Number of states."""
        return int(self.alpha.size)

    @property
    def aic(self) -> float:
        """Akaike's criterion: less is better."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """The Bayesian criterion: less is better."""
        return self.n_parameters * math.log(self.n_observations) - 2.0 * self.log_likelihood

    def __repr__(self) -> str:
        return (
            f"<PhaseTypeFit {self.structure}, {self.n_phases} phases, "
            f"log-likelihood {self.log_likelihood:.6g}>"
        )


def fit_phase_type(
    observed_data: Any,
    phases: int | Sequence[int],
    structure: str | ArrayLike = "coxian",
    censored: ArrayLike | None = None,
    truncated: ArrayLike | None = None,
    n_starts: int | None = None,
    max_steps: int = 5000,
    tolerance: float = 1e-6,
    seed: int | None = 0,
) -> PhaseTypeFit:
    """Return the phase-type distribution of a structure under which observations are most probable.

    By expectation maximisation [1]_, also for observations that are known by an interval only [2]_ or
    truncated. The likelihood has many peaks, so searches start from several places, and the best go on.

    Parameters
    ----------
    observed_data : array_like, scipy.stats.CensoredData or Observations
        Times. Zeros are taken to be something apart, that happens with a probability of its own.
    phases : int
        Number of states. For "hypererlang" also a sequence, the lengths of its branches; given a number,
        every way to put that many phases into branches is tried.
    structure : str, or bool[p, p + 1]
        - "coxian": from one phase to the next or out. Every distribution whose phases are not visited
          twice can be written so. The fastest phase comes first.
        - "general": from any phase to any.
        - "hypoexponential": one phase after the other, each with a rate of its own.
        - "erlang": the same with one rate.
        - "hyperexponential": one phase, chosen in the beginning.
        - "hypererlang": one branch, chosen in the beginning, of phases with one rate.
        - A table of the jumps that there are, with a row for each phase and a column for each and, in the
          end, for absorption. Paths may start in any phase; `phases` then is the number of rows.
    censored : bool[n], optional
        Which times are only known to be exceeded.
    truncated : float or float64[n], optional
        Times that had to be exceeded for an observation to be made.
    n_starts : int, optional
        How many searches to begin, for each structure. By default 10, or 5 where there are many.
    max_steps : int
        Of each search.
    tolerance : float
        A search ends where the log-likelihood gains less in a step.
    seed : int, optional
        Of where searches start; None for others each time.

    Raises
    ------
    GraphError
        There are no observations, one cannot be, or all are censored.
    OptionError
        A setting is not what it has to be.

    References
    ----------
    .. [1] S. Asmussen, O. Nerman and M. Olsson, Scand. J. Statist. 23 (1996).
    .. [2] M. Olsson, Scand. J. Statist. 23 (1996).

    Examples
    --------
    >>> from phasic import fit_phase_type
    >>> found = fit_phase_type([0.5, 1.0, 1.5, 2.0], phases=2, structure="erlang")
    >>> found.exits.round(6).tolist(), round(found.graph.expectation(), 6)
    ([0.0, 1.6], 1.25)
    """
    for name, value in (("max_steps", max_steps), ("n_starts", 1 if n_starts is None else n_starts)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise OptionError(f"{name} is {value!r}; pass a whole number of at least 1")
    shapes = _structures(structure, phases)
    seen = Observations.of(observed_data, censored, truncated)
    unit = float(seen.typical().mean())
    if not unit > 0.0:
        raise GraphError("every observation is zero, so there is no rate to fit")
    schedule = Schedule(seen, unit)
    count = n_starts or (_STARTS if len(shapes) <= 10 else _FEW_STARTS)
    search = _Search(schedule, shapes, count, max_steps, tolerance, np.random.default_rng(seed), _width(seen))
    try:
        search.run()
        message = "converged" if search.best()[1].has_converged else f"{max_steps} steps were not enough"
    except KeyboardInterrupt:
        if not search.ways:
            raise
        message = "interrupted"
        _LOG.warning("interrupted; the distribution is the best that was reached")
    shape, way = search.best()
    shift = -schedule.n_exact * math.log(unit)
    at = structures.canonical(way.phases) if shape.name == "coxian" else way.phases
    at = Phases(at.alpha, at.rates / unit, at.exits / unit)
    S = at.rates - np.diag(at.rates.sum(axis=1) + at.exits)
    return PhaseTypeFit(
        graph=_graph(at, S),
        alpha=at.alpha[:-1],
        S=S,
        exits=at.exits,
        zero=float(at.alpha[-1]),
        structure=shape.name,
        log_likelihood=way.log_likelihood + shift,
        n_parameters=shape.n_parameters + (schedule.n_zero > 0),
        n_observations=len(seen),
        n_steps=way.n_steps,
        success=message == "converged",
        message=message,
        history=np.array(way.history) + shift,
        starts=np.array([each.log_likelihood for _, each in search.ways]) + shift,
        observations=seen,
    )


def _structures(structure: str | ArrayLike, phases: int | Sequence[int]) -> list[Structure]:
    total = sum(phases) if isinstance(phases, Sequence) else phases
    if not isinstance(total, int | np.integer) or isinstance(total, bool) or total < 1:
        raise OptionError(f"phases is {phases!r}; pass how many there are")
    if isinstance(structure, str):
        return list(structures.structure(structure, phases))
    shape = structures.custom(structure)
    if shape.n_phases != total:
        raise OptionError(f"structure has {shape.n_phases} rows, and phases is {total}")
    return [shape]


def _width(seen: Observations) -> float:
    """Return how far rates at the start are apart: as far as observations are."""
    typical = seen.typical()
    low, high = np.quantile(np.log(typical[typical > 0.0]), [0.05, 0.95])
    return max(_WIDTH, 0.6 * float(high - low))


class _Search:
    """Searches from several places, of which the better ones go on."""

    def __init__(
        self,
        schedule: Schedule,
        shapes: list[Structure],
        n_starts: int,
        max_steps: int,
        tolerance: float,
        generator: np.random.Generator,
        width: float,
    ) -> None:
        self.ways: list[tuple[Structure, Climb]] = []
        self._schedule, self._shapes, self._n_starts = schedule, shapes, n_starts
        self._max_steps, self._tolerance = max_steps, tolerance
        self._generator, self._width = generator, width

    def run(self) -> None:
        """Set `ways`, the best first."""
        zero = self._schedule.n_zero / max(1.0, self._schedule.n_zero + self._schedule.n_exact)
        for shape in self._shapes:
            for _ in range(self._n_starts if shape.n_parameters > 1 else 1):
                way = start(self._schedule, shape.random(self._generator, min(zero, 0.99), self._width))
                if way is not None:
                    self.ways.append((shape, way))
                    self._go_on(shape, way, _STEPS[0])
        if not self.ways:
            raise GraphError(
                "some observation is so far out that every start takes it for impossible; leave out the "
                "largest, or allow more phases"
            )
        self._sort()
        first = {id(shape): place for place, (shape, _) in reversed(list(enumerate(self.ways)))}
        for place in sorted({*range(min(_BEST, len(self.ways))), *first.values()}):
            shape, way = self.ways[place]
            self._go_on(shape, way, _STEPS[1])
        self._sort()
        for shape, way in self.ways[:_BEST] if len(self._shapes) > 1 else self.ways[:1]:
            self._go_on(shape, way, self._max_steps)
        self._sort()

    def _sort(self) -> None:
        self.ways.sort(key=lambda pair: -pair[1].log_likelihood)

    def _go_on(self, shape: Structure, way: Climb, n_steps: int) -> None:
        left = min(n_steps, self._max_steps - way.n_steps)
        if left > 0 and not way.has_converged:
            climb(self._schedule, shape, way, left, self._tolerance)

    def best(self) -> tuple[Structure, Climb]:
        """Return the best so far."""
        self._sort()
        return self.ways[0]


def _graph(at: Phases, S: Floats) -> Graph:
    from phasic.graph import Graph

    scale = max(1.0, float(at.alpha[:-1].sum()))  # a sum of one, but for rounding
    graph = Graph.from_matrices(at.alpha[:-1] / scale, S, exits=at.exits)
    if not at.alpha[-1] > 0.0:
        return graph
    arrays = graph.arrays
    return Graph.from_arrays(
        replace(
            arrays,
            start_targets=np.append(arrays.start_targets, arrays.n_vertices - 1),
            start_weights=np.append(arrays.start_weights, at.alpha[-1]),
        )
    )
