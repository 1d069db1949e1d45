"""How the probabilities of joint outcomes grow with time."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.distribution import Distribution
from phasic.errors import GraphError

if TYPE_CHECKING:
    from phasic.graph import Graph
    from phasic.joint import Table


class JointContext:
    """Outcomes of a `joint_prob_graph` by given times; it follows `update_weights` of the graph.

    Parameters
    ----------
    graph : Graph
        Made by ``joint_prob_graph(..., discrete=False)``.
    """

    def __init__(self, graph: Graph) -> None:
        table = graph._joint
        if table is None or graph.is_discrete:
            raise GraphError(
                "outcomes by a given time are asked of a graph in time; make it by "
                "joint_prob_graph(..., discrete=False)"
            )
        self._graph: Graph = graph
        self._table: Table = table

    def update_weights(self, theta: ArrayLike) -> None:
        """Set theta of the graph."""
        self._graph.update_weights(theta)

    def update_ipv(self, ipv: ArrayLike) -> None:
        """Set the initial probabilities of the graph."""
        self._graph.update_ipv(np.asarray(ipv).tolist())

    def cumulative_probs(
        self, t: ArrayLike | None = None, *, tol: float = 1e-3, granularity: int = 0, table: bool = False
    ) -> Any:
        """Return the probability of each outcome having been reached by time `t`.

        Parameters
        ----------
        t : float or float64[k], optional
            By default the time by which all but `tol` has been decided.
        tol : float
        granularity : int
            Has no effect; accepted for callers that chose the error of another method by it.
        table : bool
            Return a table as that of `joint_prob_table`, to which this goes with time; of one time only.

        Returns
        -------
        float64[outcomes], float64[k, outcomes] or pandas.DataFrame

        Raises
        ------
        GraphError
            A time is negative or not a number, or several are to be in one table.
        """
        times = np.asarray(self.auto_t(tol=tol) if t is None else t, dtype=np.float64)
        if times.ndim > 1 or (table and times.ndim):
            raise GraphError(f"t is {t!r}; pass one time, or without table=True a vector of times")
        found = np.array([self._reached(float(time)) for time in np.atleast_1d(times)])
        found = found.reshape(-1, self._table.vertices.size)
        if not table:
            return found if times.ndim else found[0]
        try:
            pd = importlib.import_module("pandas")
        except ImportError as error:
            raise ImportError("a table of outcomes is a pandas.DataFrame; install pandas") from error
        index = pd.Index(self._table.vertices, name="t_vertex_index")
        made = pd.DataFrame(self._table.counts, columns=pd.Index(self._table.names), index=index)
        made["prob"] = found[0]
        return made

    def joint_probs_table(self, t: float | None = None, *, tol: float = 1e-3, granularity: int = 0) -> Any:
        """Return ``cumulative_probs(t, table=True)``."""
        return self.cumulative_probs(t, tol=tol, table=True)

    def auto_t(self, *, tol: float = 1e-3, t_min: float = 1.0, t_max: float = 1024.0) -> float:
        """Return the first of ``t_min * 1.5**k`` by which all but `tol` has been decided; at most `t_max`."""
        graph, time = self._graph, float(t_min)
        waiting = np.ones(graph.vertices_length(), np.bool_)
        waiting[self._table.vertices] = False
        while time < t_max and float(np.array(graph.stop_probability(time))[waiting].sum()) >= tol:
            time *= 1.5
        return min(time, float(t_max))

    def _reached(self, time: float) -> Floats:
        """Return what is in the vertex of each outcome, and what has left it for the end."""
        graph, vertices = self._graph, self._table.vertices
        leave = graph.weights[graph.arrays.offsets[vertices]]
        inside = 0.0 if time == math.inf else np.array(graph.stop_probability(time))[vertices]
        spent = np.array(graph.accumulated_visiting_time(time))[vertices]
        return np.asarray(inside + leave * spent)


class JointContexts(Distribution):
    """Joint outcomes by given times."""

    def epoch_context(self) -> JointContext:
        """Return the outcomes of a joint graph as functions of time; see `phasic.joint_context`.

        Raises
        ------
        GraphError
            The graph was not made by ``joint_prob_graph(..., discrete=False)``.

        Examples
        --------
        >>> from phasic import Graph, Property, StateIndexer, models
        >>> indexer = StateIndexer(lineages=[Property("descendants", 2, 1)])
        >>> pair = Graph(models.coalescent(2))
        >>> joint = pair.joint_prob_graph(indexer, None, 0.5, tot_reward_limit=0, discrete=False)
        >>> joint.epoch_context().cumulative_probs([1.0, 50.0]).round(6).ravel().tolist()
        [0.432332, 0.5]
        """
        graph: Any = self
        return JointContext(graph)
