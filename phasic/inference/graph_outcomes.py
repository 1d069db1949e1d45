"""What a graph of joint probabilities offers for fitting its parameters to counted outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from phasic.errors import GraphError
from phasic.keywords import without_effect

if TYPE_CHECKING:
    from phasic.inference.graph import Fixed, Tied
    from phasic.inference.probability_matching import MatchedProbabilities
    from phasic.inference.problem import Problem
    from phasic.joint import Table


class OutcomeMatching(ABC):
    """Parameters from outcomes."""

    _joint: Table | None

    @abstractmethod
    def _problem(self, *arguments: Any, **data: Any) -> Problem: ...

    @without_effect(verbose="the result says what was found")
    def probability_matching(
        self,
        observed_data: ArrayLike,
        fixed: Fixed | None = None,
        theta_dim: int | None = None,
        theta_init: ArrayLike | None = None,
        std_multiplier: float = 2.0,
        weighted: bool = True,
        tied: Tied | None = None,
    ) -> MatchedProbabilities:
        """Return the theta at which outcomes of a `joint_prob_graph` are as probable as they are frequent.

        The graph is not changed.

        Parameters
        ----------
        observed_data : int[n, k]
            Outcomes as counts, in the order of the columns of `joint_prob_table`.
        fixed, theta_dim, tied
            As for `svgd`.
        theta_init : float64[p], optional
            From where to search.
        std_multiplier : float
            How many standard errors wide the returned priors are.
        weighted : bool
            Compare square roots of probabilities, by which rare outcomes count as the data know them; that is
            as precise as maximum likelihood where data are many. Else compare probabilities.

        Raises
        ------
        GraphError
            The graph was not made by `joint_prob_graph`, or an outcome is not in its table.
        """
        from phasic.inference import probability_matching as matching

        if self._joint is None:
            raise GraphError("only a graph that joint_prob_graph made has outcomes to match")
        vertices = matching.vertices_of(self._joint, observed_data)
        problem = self._problem(vertices, None, theta_dim, fixed, tied, joint_index=True)
        return matching.matched(problem, self._joint.vertices, vertices, theta_init, std_multiplier, weighted)
