"""Phase-type distributions fitted to data: which structure, how many phases, and then the best rates."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import GraphError, OptionError
from phasic.inference import structures
from phasic.inference.expectation_maximisation import AnySchedule
from phasic.inference.fitted_phase_type import PhaseTypeFit, graph_of, matrix
from phasic.inference.path_statistics import Schedule
from phasic.inference.progress import shown
from phasic.inference.searches import ImpossibleError, Search, Show, starts
from phasic.inference.step_statistics import StepSchedule
from phasic.inference.structures import Phases, Structure
from phasic.observations import Observations

_LOG = logging.getLogger("phasic")
_STARTS, _FEW_STARTS = 10, 5  # of each structure, and where there are more than ten of them
_WIDTH = 1.5  # of logarithms of rates at the start, to either side, at least


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
    weights: ArrayLike | None = None,
    discrete: bool = False,
    executor: Executor | None = None,
    progress: bool = True,
) -> PhaseTypeFit:
    """Return the phase-type distribution of a structure under which observations are most probable.

    By expectation maximisation [1]_, also for observations that are known by an interval only [2]_ or
    truncated. The likelihood has many peaks, so searches start from several places, and the best go on.
    Ctrl-C ends them, and the best distribution so far comes back.

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
    weights : float64[n], optional
        How often each time was observed, such as counts of grouped data. Criteria and errors take them for
        counts, so weights for another reason should sum to the number of observations.
    discrete : bool
        Whether times are numbers of steps. Each phase then is left with a probability in each step, and the
        structures are the same: "erlang" is negative binomial, "hyperexponential" a mixture of geometrics.
    executor : concurrent.futures.Executor, optional
        To run searches beside each other; the answer is the same.
    progress : bool
        Whether to show a bar where somebody can see it.

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
    >>> found = fit_phase_type([1, 2, 2, 5], phases=1, discrete=True)
    >>> found.exits.round(6).tolist()
    [0.4]
    """
    for name, value in (("max_steps", max_steps), ("n_starts", 1 if n_starts is None else n_starts)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise OptionError(f"{name} is {value!r}; pass a whole number of at least 1")
    shapes = [replace(shape, discrete=bool(discrete)) for shape in _structures(structure, phases)]
    seen, often = _weighted(Observations.of(observed_data, censored, truncated), weights)
    mean = float(np.average(seen.typical(), weights=often))
    if not mean > 0.0:
        raise GraphError("every observation is zero, so there is no rate to fit")
    unit = 1.0 if discrete else mean
    schedule: AnySchedule = StepSchedule(seen, often) if discrete else Schedule(seen, unit, often)
    shift = -schedule.n_exact * math.log(unit)
    count = n_starts or (_STARTS if len(shapes) <= 10 else _FEW_STARTS)
    zero = schedule.n_zero / max(1.0, schedule.n_zero + schedule.n_exact)
    begin = starts(shapes, count, zero, _width(seen), mean / unit, np.random.default_rng(seed))
    search = Search(schedule, shapes, max_steps, tolerance, executor)
    try:
        with shown(progress, None, "fit_phase_type", "log-likelihood") as show:
            search.show = None if show is None else _shifted(show, shift)
            search.run(begin)
        message = "converged" if search.best()[1].has_converged else f"{max_steps} steps were not enough"
    except KeyboardInterrupt:
        if not search.ways:
            raise
        message = "interrupted"
        _LOG.warning("interrupted; the distribution is the best that was reached")
    shape, way = search.best()
    at = structures.canonical(way.phases) if shape.name == "coxian" else way.phases
    at = Phases(at.alpha, at.rates / unit, at.exits / unit)
    return PhaseTypeFit(
        graph=graph_of(at, shape.discrete),
        alpha=at.alpha[:-1],
        S=matrix(at, shape.discrete),
        exits=at.exits,
        zero=float(at.alpha[-1]),
        structure=shape.name,
        log_likelihood=way.log_likelihood + shift,
        n_parameters=shape.n_parameters + (schedule.n_zero > 0),
        n_observations=_whole_if_it_is(len(seen) if often is None else float(often.sum())),
        n_steps=way.n_steps,
        success=message == "converged",
        message=message,
        history=np.array(way.history) + shift,
        starts=np.array([each.log_likelihood for _, each in search.ways]) + shift,
        observations=seen,
        weights=often,
        discrete=shape.discrete,
        _shape=shape,
        _phases=at,
    )


def choose_phase_type(
    observed_data: Any,
    phases: Iterable[int] = range(1, 6),
    structures: Sequence[str] = ("coxian", "hypererlang"),
    criterion: str = "bic",
    **options: Any,
) -> list[PhaseTypeFit]:
    """Return fits of several structures and numbers of phases, the best by a criterion first.

    Parameters
    ----------
    observed_data : array_like, scipy.stats.CensoredData or Observations
        Times.
    phases : iterable of int
        Numbers of phases to try.
    structures : sequence of str
        Structures to try. Two fits that are one distribution, as each structure is with one phase, are both
        in the list.
    criterion : {"bic", "aic"}
        What has to be small.
    **options
        Of `fit_phase_type`: `censored`, `weights`, `discrete`, `executor`, ...

    Raises
    ------
    GraphError, OptionError
        As `fit_phase_type`; a structure that makes some observation impossible, as more phases in a row than
        there were steps, is left out, unless every one does.

    Examples
    --------
    >>> from phasic import choose_phase_type
    >>> fits = choose_phase_type([1.0, 1.1, 0.9, 1.2, 0.8], range(1, 4), ["erlang"])
    >>> [fit.n_phases for fit in fits]
    [3, 2, 1]
    """
    if criterion not in ("bic", "aic"):
        raise OptionError(f"criterion is {criterion!r}; choose bic or aic")
    names, numbers = [structures] if isinstance(structures, str) else list(structures), list(phases)
    if not names or not numbers:
        raise OptionError("there is nothing to choose from; pass numbers of phases and names of structures")
    found, refused = [], None
    for name in names:
        for number in numbers:
            try:
                fit = fit_phase_type(observed_data, number, name, **options)
            except ImpossibleError as error:
                refused = error
                continue
            found.append(fit)
            if fit.message == "interrupted":
                return sorted(found, key=lambda fit: float(getattr(fit, criterion)))
    if not found and refused is not None:
        raise refused
    return sorted(found, key=lambda fit: float(getattr(fit, criterion)))


def _shifted(show: Show, shift: float) -> Show:
    return lambda step, value: show(step, value + shift)


def _weighted(seen: Observations, weights: ArrayLike | None) -> tuple[Observations, Floats | None]:
    """Return observations that were made, and how often; None for once each."""
    if weights is None:
        return seen, None
    try:
        often = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise OptionError(f"weights are {weights!r}; pass a number for each observation") from None
    if often.shape != (len(seen),) or not (np.isfinite(often) & (often >= 0.0)).all() or not often.any():
        raise OptionError(
            f"weights have shape {often.shape}; pass {len(seen)} finite numbers >= 0, not all of them 0"
        )
    made = often > 0.0
    return Observations(seen.low[made], seen.high[made], seen.entry[made]), often[made]


def _whole_if_it_is(number: float) -> float:
    return int(number) if number == int(number) else number


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
