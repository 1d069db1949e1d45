"""Priors around what the moments of the data say, which are wider than they know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from phasic.graph import Graph


def DataPrior(
    graph: Graph,
    observed_data: ArrayLike,
    sd: float = 2.0,
    fixed: Iterable[tuple[int, float]] | None = None,
    nr_moments: int | None = None,
    theta_dim: int | None = None,
    theta_init: ArrayLike | None = None,
    discrete: bool | None = None,
    verbose: bool = False,
    **options: Any,
) -> Any:
    """Return the priors of `Graph.method_of_moments`, one for each parameter: `sd` standard errors wide.

    Parameters as there. The data are used twice if a fit to them takes this prior, which makes the posterior
    a little too narrow, by less the wider the prior is.

    Examples
    --------
    >>> from phasic import Graph
    >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
    >>> [prior] = DataPrior(graph, [0.1, 0.2, 0.3])
    >>> round(prior.mean, 9)
    5.0
    """
    return graph.method_of_moments(
        observed_data,
        nr_moments=nr_moments,
        fixed=fixed,
        theta_dim=theta_dim,
        theta_init=theta_init,
        std_multiplier=sd,
        discrete=discrete,
        **options,
    ).prior
