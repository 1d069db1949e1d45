"""Joint distributions of counts of events as graphs, and the table of their outcomes; see `phasic.joint`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phasic.arrays import Floats, GraphArrays
from phasic.errors import CallbackError, GraphError
from phasic.keywords import also
from phasic.transformations import Transformations
from phasic.weighting import linear, shares

if TYPE_CHECKING:
    from phasic.graph import Graph
    from phasic.indexer import StateIndexer
    from phasic.joint import Table


class JointGraphs(Transformations):
    """Graphs whose states count events."""

    _joint: Table | None = None

    @also(base_graph_indexer="indexer")
    def joint_prob_graph(
        self,
        indexer: StateIndexer | None = None,
        reward_only: Sequence[str] | None = None,
        mutation_rate: float = 1.0,
        reward_limit: int | None = None,
        tot_reward_limit: float = math.inf,
        discrete: bool = True,
        *,
        reward_rates_callback: Callable[..., Any] | None = None,
    ) -> Graph:
        """Return the graph of states joined with counts of events, for `joint_prob_table`.

        Each unit of a state, such as a lineage, has events at `mutation_rate`, which are counted by the
        properties of its entry: one count for each value of each property. Nothing happens any more in
        absorbing states. Events beyond the limits are cut off, and what is left sums to less than one.

        Parameters
        ----------
        indexer : StateIndexer, optional
            Properties of the entries of a state; by default the one that the graph was built with.
        reward_only : list of str, optional
            Names of the properties to count; by default all, each by events of its own. Outcomes of
            equal counts are then one, whatever the absorbing state.
        mutation_rate : float
            Events per unit and time. One more parameter, the last of theta, scales it.
        reward_limit, tot_reward_limit : int
            The largest single count and the largest sum of counts; one of them has to be given.
        discrete : bool
            Whether the result counts jumps and events as steps, or keeps rates.
        reward_rates_callback : callable, optional
            ``callback(state) -> rates`` in place of the units of a state: the rate of events of each count
            in that state, before `mutation_rate`, in the order of the columns of `joint_prob_table`.

        Raises
        ------
        GraphError
            There is no indexer, or it does not fit the states; or no limit; or a rate is negative.

        Examples
        --------
        >>> from phasic import Graph, Property, StateIndexer, models
        >>> graph = Graph(models.lineages(3))
        >>> indexer = StateIndexer(lineage=[Property("any", 0)])  # one count of all mutations
        >>> joint = graph.joint_prob_graph(indexer, tot_reward_limit=1, mutation_rate=0.5)
        >>> joint.joint_prob_table()["prob"].round(9).tolist()
        [0.333333333, 0.277777778]
        """
        from phasic.indexer import counters
        from phasic.joint import joint

        arrays = self._startable()
        indexer = self.indexer if indexer is None else indexer
        if indexer is None:
            raise GraphError("pass a StateIndexer, which says what the entries of a state count")
        if arrays.discrete or self._reading is not None:
            raise GraphError("events happen in time; ask the continuous graph that this one was made of")
        if not (np.ndim(mutation_rate) == 0 and 0.0 <= float(mutation_rate) < math.inf):
            raise GraphError(f"mutation_rate is {mutation_rate!r}; pass a finite number of 0 or more")
        names, counted = counters(indexer, reward_only)
        if counted.shape[1] > arrays.states.shape[1]:
            raise GraphError(
                f"the indexer describes states of length {counted.shape[1]}, but those of the graph have "
                f"{arrays.states.shape[1]}"
            )
        if self._weighting is linear:
            arrays = replace(arrays, parameterised=True)  # by one parameter, if it was constant
        else:
            arrays = replace(arrays, coefficients=self.weights[:, None], parameterised=False)
        if reward_rates_callback is None:
            units = arrays.states[:, : counted.shape[1]].astype(np.float64) @ counted.T
        else:
            units = _asked(reward_rates_callback, arrays, names)
        if (units < 0.0).any():
            state = arrays.states[int((units < 0.0).any(axis=1).argmax())].tolist()
            raise GraphError(
                f"events are counted by the entries of a state, but one of {state} is negative; let the "
                f"indexer describe entries that count something, or give their rates by reward_rates_callback"
            )
        events = float(mutation_rate) * units
        limit = math.inf if reward_limit is None else reward_limit
        made, table = joint(arrays, names, events, limit, tot_reward_limit, reward_only is not None)
        if discrete and not made.parameterised:
            made = replace(made, coefficients=shares(made, None, linear)[:, None])
        graph = self._made(replace(made, discrete=discrete))
        graph._joint = table
        if made.parameterised:
            graph._reading = shares if discrete else None
            graph._theta = None if self._theta is None else np.append(self._theta, 1.0)
        return graph

    def joint_prob_table(self) -> Any:
        """Return the probability of every outcome of a `joint_prob_graph` at the current theta.

        Returns
        -------
        pandas.DataFrame
            A row for each outcome: its counts, and in the last column ``prob`` its probability. The
            index is the vertex of the outcome. The probabilities sum to one but for what was cut off.

        Raises
        ------
        GraphError
            The graph was not made by `joint_prob_graph`.
        """
        if self._joint is None:
            raise GraphError("only a graph that joint_prob_graph made has a table")
        try:
            pd = importlib.import_module("pandas")
        except ImportError as error:
            raise ImportError("a table of outcomes is a pandas.DataFrame; install pandas") from error
        names, vertices, counts = self._joint.names, self._joint.vertices, self._joint.counts
        index = pd.Index(vertices, name="t_vertex_index")
        table = pd.DataFrame(counts, columns=pd.Index(names), index=index)
        leave = self.weights[self.arrays.offsets[vertices]]
        table["prob"] = np.array(self.expected_sojourn_time())[vertices] * leave
        return table


def _asked(callback: Callable[..., Any], arrays: GraphArrays, names: list[str]) -> Floats:
    """Return the rate of events of each count in each vertex, as the callback gives them, float64[n, k]."""
    transient = np.flatnonzero(np.diff(arrays.offsets) > 0)
    rates = np.zeros((arrays.n_vertices, len(names)))
    for v in transient.tolist():
        state = arrays.states[v].astype(np.int64)
        given = callback(state.copy())
        try:
            row = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            row = np.zeros(0)
        if row.shape != (len(names),) or not np.isfinite(row).all():
            raise CallbackError(
                f"reward_rates_callback returned {given!r} for state {state.tolist()}; return {len(names)} "
                f"finite rates, those of {', '.join(names)}"
            )
        rates[v] = row
    return rates
