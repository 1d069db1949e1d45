"""A phase-type distribution that was fitted to data, and how it got there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from phasic.arrays import Floats
from phasic.inference.fit_errors import FitErrors
from phasic.inference.fit_pictures import FitPictures
from phasic.inference.structures import Phases, Structure
from phasic.observations import Observations

if TYPE_CHECKING:
    from phasic.graph import Graph


@dataclass(frozen=True, eq=False)
class PhaseTypeFit(FitPictures, FitErrors):
    """A phase-type distribution of highest likelihood, as far as several searches found it.

    Attributes
    ----------
    graph : Graph
        The distribution, for every other question: ``graph.pdf(t)``, ``graph.quantile(0.5)``, ...
    alpha : float64[p]
        Initial probabilities.
    S : float64[p, p]
        Sub-intensity matrix; of a discrete distribution one-step probabilities.
    exits : float64[p]
        Exit rates, or probabilities of absorption in one step.
    zero : float
        The probability of an absorption time of zero.
    structure : str
    log_likelihood, aic, bic : float
    n_parameters : int
        Numbers that tell distributions of this structure apart. A general or Coxian distribution of p phases
        has 2 p - 1 of them, though a general one is written with many more.
    n_observations : int or float
        Observations, each as often as its weight says.
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
    weights : float64[n] or None
        How often each was observed.
    discrete : bool
        Whether times are numbers of steps.
    """

    graph: Graph
    alpha: Floats
    S: Floats
    exits: Floats
    zero: float
    structure: str
    log_likelihood: float
    n_parameters: int
    n_observations: float
    n_steps: int
    success: bool
    message: str
    history: Floats
    starts: Floats
    observations: Observations
    weights: Floats | None
    discrete: bool
    _shape: Structure
    _phases: Phases

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
        kind = "discrete " if self.discrete else ""
        return (
            f"<PhaseTypeFit {kind}{self.structure}, {self.n_phases} phases, "
            f"log-likelihood {self.log_likelihood:.6g}>"
        )


def matrix(at: Phases, discrete: bool) -> Floats:
    """Return the sub-intensity matrix; of a discrete distribution, one-step probabilities."""
    leave = at.rates.sum(axis=1) + at.exits
    return at.rates + np.diag(np.maximum(1.0 - leave, 0.0) if discrete else -leave)


def graph_of(at: Phases, discrete: bool) -> Graph:
    """Return the distribution as a graph."""
    from phasic.graph import Graph

    scale = max(1.0, float(at.alpha[:-1].sum()))  # a sum of one, but for rounding
    graph = Graph.from_matrices(
        at.alpha[:-1] / scale, matrix(at, discrete), exits=at.exits, discrete=discrete
    )
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
