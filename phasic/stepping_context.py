"""A distribution that moves on step by step, while rates may change between the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phasic.accumulated import Jumps, advanced, jumps
from phasic.arrays import Floats, GraphArrays
from phasic.errors import GraphError

if TYPE_CHECKING:
    from phasic.graph import Graph

_GRANULARITY = 1024


class DistributionContext:
    """Where the chain of a graph is, from time zero onwards.

    Each step moves on by the weights that the graph has by then, so rates that change over time are
    followed by `Graph.update_weights` between steps. Within a step they are constant, and the step is
    exact, however long it is.

    Parameters
    ----------
    graph : Graph
        Looked at again at each step. Its states and edges must stay as they are.
    granularity : int
        Steps per unit of time, by default 1024; of a discrete graph, a step is a step.

    Examples
    --------
    >>> from phasic import Graph, models
    >>> graph = Graph(models.lineages(2))
    >>> context = graph.distribution_context(granularity=4)
    >>> for _ in range(8):
    ...     context.step()
    >>> context.time(), round(context.cdf(), 12) == round(graph.cdf(2.0), 12)
    (2.0, True)
    """

    def __init__(self, graph: Graph, granularity: int = 0) -> None:
        if isinstance(granularity, bool) or not isinstance(granularity, int | np.integer) or granularity < 0:
            raise GraphError(f"granularity is {granularity!r}; pass the number of steps per unit of time")
        arrays = graph._startable()
        self._graph = graph
        self._arrays = arrays
        self._transient = np.diff(arrays.offsets) > 0
        self._step = 1.0 if arrays.discrete else 1.0 / (int(granularity) or _GRANULARITY)
        self._steps = 0
        self._time = 0.0
        self._state: Floats = arrays.alpha.copy()
        self._spent: Floats = np.zeros(arrays.n_vertices)
        self._arrived = float(self._state[~self._transient].sum())
        self._used: Floats | None = None
        self._jumps: Jumps | None = None

    def step(self, time: float | None = None) -> None:
        """Move on by one step, or by `time` where that is given.

        Raises
        ------
        GraphError
            `time` is not a finite number of at least 0 (a whole one for a discrete graph), or the
            states or edges of the graph have changed.
        """
        try:
            length = self._step if time is None else float(time)
        except (TypeError, ValueError):
            length = np.nan
        if not 0.0 <= length < np.inf or (self._arrays.discrete and length != int(length)):
            kind = "a whole number of steps" if self._arrays.discrete else "a finite time"
            raise GraphError(f"a step of {time!r} was asked for; pass {kind}, 0 or more")
        if length == 0.0:
            return
        self._check_same()
        if self._arrays.discrete and length > 1.0:  # what arrives by the last step alone is reported
            self.step(length - 1.0)
            length = 1.0
        before = self._exits() if self._arrays.discrete else None
        self._state, spent = self._moved(length)
        self._spent += spent
        if before is not None:
            self._arrived = before
        if time is None:
            self._steps += 1  # multiples of a step add up exactly
        else:
            self._time += length

    def time(self) -> float:
        """Return the time, or the number of steps in a discrete graph."""
        return self._time + self._steps * self._step

    def jumps(self) -> int:
        """Return the number of steps taken in a discrete graph."""
        return int(self.time())

    def pdf(self) -> float:
        """Return the density now; in a discrete graph, the probability of absorption by the last step."""
        return self._arrived if self._arrays.discrete else self._exits()

    pmf = pdf

    def cdf(self) -> float:
        """Return the probability of absorption so far."""
        return float(min(self._state[~self._transient].sum(), self._arrays.alpha.sum()))

    def stop_probability(self) -> list[float]:
        """Return the probability of being in each vertex; 0 for the starting and absorbing ones."""
        return [float(p) for p in np.where(self._transient, self._state, 0.0)]

    def accumulated_visiting_time(self) -> list[float]:
        """Return the expected time spent in each vertex so far, visits in a discrete graph.

        Starting and absorbing vertices have 0. The visit of where a discrete chain is now counts.
        """
        spent = self._spent + self._state if self._arrays.discrete else self._spent
        return [float(time) for time in np.where(self._transient, spent, 0.0)]

    accumulated_visits = accumulated_visiting_time
    accumulated_occupancy = accumulated_visiting_time

    def _moved(self, length: float) -> tuple[Floats, Floats]:
        """Return the distribution a time later, and the expected time spent in each vertex until then."""
        if self._jumps is None:
            self._jumps = jumps(self._arrays, self._rates(), self._state)
        return advanced(self._jumps, self._state, length)

    def _rates(self) -> Floats:
        """Return the weights at which mass moves."""
        return self._graph.weights

    def _check_same(self) -> None:
        """Forget the chain if the weights of the graph are others, whose structure has to be the same."""
        arrays, weights = self._graph.arrays, self._graph.weights
        if weights is not self._used:
            self._check(arrays)
            self._jumps, self._used = None, weights

    def _check(self, arrays: GraphArrays) -> None:
        mine = self._arrays
        same = arrays.discrete == mine.discrete and arrays.n_vertices == mine.n_vertices
        same = same and np.array_equal(arrays.offsets, mine.offsets)
        if not same or not np.array_equal(arrays.targets, mine.targets):
            raise GraphError(
                "the vertices or edges of the graph have changed since its context was made; "
                "ask for a new distribution_context"
            )

    def _exits(self) -> float:
        """Return the rate (or probability) at which mass is absorbed now."""
        self._check_same()
        arrays, weights = self._arrays, self._rates()
        sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
        final = ~self._transient[arrays.targets]
        return float(self._state[sources[final]] @ weights[final])
