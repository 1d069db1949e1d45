"""How long a graph stays where, up to a given time, and the distribution followed step by step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from phasic.distribution import Distribution
from phasic.errors import GraphError
from phasic.keywords import also

if TYPE_CHECKING:
    from phasic.stepping_context import DistributionContext


class Occupancy(Distribution):
    """Expected time spent in each vertex up to a time."""

    @also(time="t")
    def accumulated_visiting_time(self, t: float, granularity: int = 0) -> list[float]:
        """Return the expected time spent in each vertex up to time `t`.

        In a discrete graph, the expected number of visits up to and including step `t`. Starting and
        absorbing vertices have 0. At infinity this is `expected_sojourn_time`.

        Parameters
        ----------
        t : float
            One time, 0 or more.
        granularity : int
            Has no effect; accepted for callers that chose the error of another method by it.

        Raises
        ------
        GraphError
            `t` is negative or not a number.
        AbsorptionError
            `t` is infinite, and the chain can get into a state from which it is never absorbed.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.erlang(1))
        >>> [round(time, 6) for time in graph.accumulated_visiting_time(1.0)]
        [0.0, 0.632121, 0.0]
        """
        from phasic import accumulated

        try:
            time = float(t)
        except (TypeError, ValueError):
            time = math.nan
        if not time >= 0.0:
            raise GraphError(f"accumulated times were asked for at time {t!r}; pass one number, 0 or more")
        arrays = self._startable()
        if time == math.inf:
            return self.expected_sojourn_time()
        if arrays.discrete:
            time = math.floor(time)
        times = accumulated.accumulated(arrays, self.weights, time, lambda: self.trace)
        return [float(spent) for spent in times]

    accumulated_occupancy = accumulated_visiting_time

    @also(jumps="n")
    def accumulated_visits(self, n: int) -> list[float]:
        """Return the expected number of visits to each vertex of a discrete graph up to step `n`."""
        if not self.arrays.discrete:
            raise GraphError(
                "visits are counted in discrete graphs; set is_discrete = True, or call "
                "accumulated_visiting_time"
            )
        return self.accumulated_visiting_time(n)

    def distribution_context(self, granularity: int = 0) -> DistributionContext:
        """Return the distribution at time zero, to be moved on step by step.

        It follows `update_weights` between the steps; see `phasic.stepping_context`.
        """
        from phasic.stepping_context import DistributionContext

        graph: Any = self
        return DistributionContext(graph, granularity)

    def distribution_context_discrete(self) -> DistributionContext:
        """Return what `distribution_context` does, of a discrete graph only."""
        if not self.arrays.discrete:
            raise GraphError("the graph is not discrete; call distribution_context")
        return self.distribution_context()
