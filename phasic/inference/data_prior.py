"""Priors around what the moments of the data say, which are wider than they know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from phasic.inference.priors import Priors

if TYPE_CHECKING:
    from phasic.graph import Graph


class DataPrior(list[Any]):
    """The priors of `Graph.method_of_moments`, one for each parameter: `sd` standard errors wide.

    Those of a graph that `joint_prob_graph` made are of `Graph.probability_matching`.

    The data are used twice if a fit to them takes this prior, which makes the posterior a little too narrow,
    by less the wider the prior is.

    Parameters
    ----------
    graph : Graph
    observed_data : array_like
    sd : float
        How many standard errors wide.
    verbose : bool
        Has no effect.
    **options
        As for `Graph.method_of_moments`.

    Attributes
    ----------
    method : str
    theta, std : float64[p]
        Estimates and standard errors, from which the priors are.
    success : bool

    Examples
    --------
    >>> from phasic import Graph
    >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
    >>> [prior] = DataPrior(graph, [0.1, 0.2, 0.3])
    >>> round(prior.mean, 9)
    5.0
    """

    def __init__(
        self, graph: Graph, observed_data: ArrayLike, sd: float = 2.0, verbose: bool = False, **options: Any
    ) -> None:
        by_outcomes = graph._joint is not None
        self.method = "probability matching" if by_outcomes else "method of moments"
        find = graph.probability_matching if by_outcomes else graph.method_of_moments
        found = find(observed_data, std_multiplier=sd, **options)
        super().__init__(found.prior)
        self.theta, self.std, self.success = found.theta, found.std, found.success

    def plot(self, figsize: tuple[float, float] | None = None) -> Any:
        """Draw every density, and return the matplotlib figure."""
        return Priors([prior for prior in self if prior is not None]).plot(figsize)
