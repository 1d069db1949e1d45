"""Expected numbers of jumps of a graph with epochs, from which tables of joint probabilities follow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays
from phasic.epochs.switching import Switching
from phasic.errors import GraphError
from phasic.graph import Graph
from phasic.weighting import Weighting, shares

if TYPE_CHECKING:
    from phasic.epochs.graph import EpochGraph


@dataclass
class Shares:
    """A `Reading` of discrete graphs: the share of each edge in the expected jumps out of a vertex.

    Attributes
    ----------
    switching : Switching
        Gives the rates.
    """

    switching: Switching
    _kept: tuple[GraphArrays, GraphArrays] | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    def __call__(self, arrays: GraphArrays, theta: Floats | None, weighting: Weighting) -> Floats:
        """Return the probability of every edge to be the next one."""
        if self._kept is None or self._kept[0] is not arrays:
            self._kept = arrays, replace(arrays, discrete=False)
        rates = self._kept[1]
        return shares(rates, theta, lambda _, theta: self.switching(rates, theta, weighting))


class EpochJumps(Graph):
    """Jumps and events of a graph with epochs, counted.

    Rates change with time and not with the number of jumps, so that of the latter only expected values are
    known: `expectation`, `expected_sojourn_time` (visits), and `joint_prob_table`.
    """

    @classmethod
    def counting(cls, graph: EpochGraph) -> EpochJumps:
        """Return the jumps of a graph that was joined with counts."""
        made = cls.from_arrays(replace(graph.arrays, discrete=True))
        made._reading, made._theta, made._weighting = Shares(graph._switching), graph._theta, graph._weighting
        made._joint, made.indexer = graph._joint, graph.indexer
        made.cache_trace, made.cache_moments = graph.cache_trace, graph.cache_moments
        return made

    def moments(self, k: int, rewards: ArrayLike = (), discrete: bool = False) -> list[float]:
        """Return the expected number of jumps, or reward; higher moments are refused."""
        return super().moments(k, rewards, discrete) if k == 1 else self._refuse()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise GraphError(
            "of the jumps of a graph with epochs only expected numbers are known, and joint_prob_table; for "
            "more, make the graph in time: joint_prob_graph(..., discrete=False)"
        )

    variance = covariance = expected_waiting_time = _refuse
    pdf = cdf = survival = log_pdf = log_survival = quantile = log_likelihood = _refuse
    stop_probability = state_probability = _refuse
    expectation_gradient = moments_gradient = _refuse
    accumulated_visiting_time = accumulated_occupancy = accumulated_visits = _refuse
    distribution_context = distribution_context_discrete = _refuse
    sample = sample_multivariate = sample_path = sample_path_conditioned = _refuse
    sample_stop_vertices = random_sample_stop_vertex = random_sample_discrete_stop_vertex = _refuse
    sample_discrete = sample_multivariate_discrete = _refuse
    variance_discrete = covariance_discrete = pdf_discrete = cdf_discrete = _refuse
    moments_discrete = stop_probability_discrete = _refuse
    reward_transform = reward_transform_discrete = discretize = laplace_transform = _refuse
    absorbing_state_rewards = as_matrices = push_cache = normalize = add_epoch = joint_prob_graph = _refuse
    svgd = fit = method_of_moments = _refuse
