"""What can be asked of a graph: moments, densities and expected times, in the shapes users know."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats, GraphArrays
from phasic.errors import AbsorptionError, GraphError, ParameterError
from phasic.keywords import also
from phasic.steps import Steps

if TYPE_CHECKING:
    from phasic.question import Question
    from phasic.replay import Factors
    from phasic.trace import Trace


class Distribution(ABC):
    """The absorption time of a graph, or the reward collected until then.

    Nothing is conditional on starting in a transient state. Mass that starts in an absorbing state is
    absorbed at time zero and shows in ``cdf(0)``. Mass that is missing from the initial probabilities
    collects nothing and is never absorbed: ``cdf(inf)`` is their sum. `defect` counts both.

    Rewards are a vector as long as the graph has vertices, starting and absorbing ones included (their
    entries have no effect); an entry is the reward per unit time (in a discrete graph per step) in that
    vertex. An empty vector, the default, asks for time itself.
    """

    _trace: Trace | None = None
    _factors: Factors | None = None
    _asked: tuple[GraphArrays, Floats, Question] | None = None

    @property
    @abstractmethod
    def arrays(self) -> GraphArrays:
        """The graph as read-only arrays."""

    @property
    @abstractmethod
    def weights(self) -> Floats:
        """The weight of every edge at the current theta, float64[m]."""

    @property
    @abstractmethod
    def steps(self) -> Steps:
        """The functions that this graph calls, bare or cached."""

    def expectation(self, rewards: ArrayLike = (), *, method: str = "elimination") -> float:
        """Return the expected absorption time, or the expected reward.

        Parameters
        ----------
        rewards : float64[n], optional
            Reward of each vertex.
        method : {"elimination", "iterative"}
            The latter is for graphs whose elimination does not fit into memory: its error is proven to be
            below 1e-8 of the expectation (see `phasic.iterative`), or it raises PhasicError.

        Raises
        ------
        AbsorptionError
            The chain can get into a state from which it cannot be absorbed.
        GraphError
            `rewards` is not a vector of numbers as long as the graph has vertices.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> round(Graph(models.coalescent(4)).expectation(), 12)
        1.5
        """
        if method == "elimination":
            return self.moments(1, rewards)[0]
        if method != "iterative":
            raise GraphError(f'the method is {method!r}; choose "elimination" or "iterative"')
        from phasic import iterative

        arrays, checked = self._startable(), self._rewards(rewards)
        edges = (arrays.offsets, arrays.targets, self.weights)
        return iterative.expectation(*edges, arrays.alpha, checked).value

    @also(power="k")
    def moments(self, k: int, rewards: ArrayLike = (), discrete: bool = False) -> list[float]:
        """Return the first `k` raw moments, ``[E[T], E[T**2], ...]``.

        With `discrete`, weights are taken as one-step probabilities, whatever `is_discrete` says.

        Raises
        ------
        ParameterError
            `k` is less than one.
        AbsorptionError, GraphError
            As for `expectation`.
        """
        if not isinstance(k, int | np.integer) or k < 1:
            raise ParameterError(f"moments were asked for up to order {k!r}; pass an integer of at least 1")
        if discrete and not self.arrays.discrete:
            graph: Any = self
            found: list[float] = graph.moments_discrete(k, rewards)
            return found
        checked = self._rewards(rewards)
        return self.steps.moments(self._startable(), self.weights, int(k), checked, self._absorbing)

    def variance(self, rewards: ArrayLike = ()) -> float:
        """Return the variance of the absorption time, or of the reward."""
        from phasic import moments

        arrays, checked = self._startable(), self._rewards(rewards)
        return moments.variance(self._absorbing(), arrays.alpha, checked, discrete=arrays.discrete)

    def covariance(self, rewards1: ArrayLike = (), rewards2: ArrayLike = ()) -> float:
        """Return the covariance of two rewards; without arguments, the variance of the time itself."""
        from phasic import moments

        arrays = self._startable()
        first, second = (
            np.ones(arrays.n_vertices) if checked is None else checked
            for checked in (self._rewards(rewards1), self._rewards(rewards2))
        )
        return moments.covariance(self._absorbing(), arrays.alpha, first, second, discrete=arrays.discrete)

    def expected_waiting_time(self, rewards: ArrayLike = ()) -> list[float]:
        """Return the expected remaining time (or reward) from each vertex.

        The entry of the starting vertex is the expectation of the graph; absorbing vertices have 0.
        """
        arrays = self._startable()
        checked = self._rewards(rewards)
        factors = self._absorbing()
        waiting = factors.solve(np.ones(arrays.n_vertices) if checked is None else checked)
        waiting[np.diff(arrays.offsets) == 0] = 0.0
        starts = arrays.alpha > 0.0  # waiting may be infinite where the chain never gets
        waiting[0] = arrays.alpha[starts] @ waiting[starts]
        return [float(time) for time in waiting]

    def expected_sojourn_time(
        self, rewards: ArrayLike = (), *, indices: Sequence[int] | None = None
    ) -> list[float]:
        """Return the expected total time in each vertex, times its reward if rewards are given.

        Starting and absorbing vertices have 0; the sum is the expectation of the graph. With `indices`, only
        the entries of these vertices, in their order.
        """
        arrays = self._startable()
        checked = self._rewards(rewards)
        sojourn = self._absorbing().solve_transposed(arrays.alpha)
        if checked is not None:
            sojourn = sojourn * checked
        transient = np.diff(arrays.offsets) > 0
        found = np.where(transient, sojourn, 0.0)
        if indices is not None:
            where = np.asarray(indices)
            if where.ndim != 1 or where.dtype.kind not in "iu" or not np.isin(where, range(found.size)).all():
                raise GraphError(f"indices are {indices!r}; pass indices of vertices, below {found.size}")
            found = found[where]
        return [float(time) for time in found]

    @also(time="t")
    def pdf(self, t: ArrayLike, granularity: int = 0, error: bool = False) -> Any:
        """Return the density (in a discrete graph the probability) at `t`.

        Mass that starts absorbed has no density: it shows in ``cdf(0)`` and `defect`.

        Parameters
        ----------
        t : float or array of float
            Times, of any shape.
        granularity : int
            Has no effect; accepted for callers that chose the error of another method by it.
        error : bool
            Return an estimate of the absolute error of each value as well.

        Returns
        -------
        float or float64 array of the shape of `t`; or two of them

        Raises
        ------
        GraphError
            A time is negative or not a number.
        """
        times = self._times(t)
        if (times < 0.0).any():
            raise GraphError(
                f"the density was asked for at the negative time {times.min():g}; pass times of 0 or more"
            )
        return self._shaped(*self._question.ask("pdf", times), times, error)

    @also(time="t")
    def cdf(self, t: ArrayLike, granularity: int = 0, error: bool = False) -> Any:
        """Return the probability of absorption up to `t`; 0 at negative times. Shapes as for `pdf`."""
        times = self._times(t)
        return self._shaped(*self._question.ask("cdf", times), times, error)

    @also(time="t")
    def stop_probability(self, t: float) -> list[float]:
        """Return the probability of being in each vertex at time `t`.

        Starting and absorbing vertices have 0: mass that was absorbed is in ``cdf(t)``.
        """
        from phasic import density

        if np.ndim(t) or not float(t) >= 0.0:
            raise GraphError(f"state probabilities were asked for at time {t!r}; pass one number, 0 or more")
        arrays = self._startable()
        structure = (self.trace, arrays.offsets, arrays.targets, self.weights, arrays.alpha)
        inside = density.stop_probability(*structure, float(t), discrete=arrays.discrete)
        transient = np.diff(arrays.offsets) > 0
        return [float(probability) for probability in np.where(transient, inside, 0.0)]

    state_probability = stop_probability

    def defect(self) -> float:
        """Return the probability of not starting in a transient state: missing mass, and absorbing starts."""
        arrays = self._startable()
        missing = 1.0 - math.fsum(arrays.start_weights)
        return math.fsum([max(missing, 0.0), *arrays.alpha[np.diff(arrays.offsets) == 0]])

    @property
    def trace(self) -> Trace:
        """The recorded plan of elimination; it depends on the structure alone and is kept with it."""
        if self._trace is None:
            self._trace = self.steps.record(self.arrays.offsets, self.arrays.targets)
        return self._trace

    @property
    def factors(self) -> Factors:
        """The elimination at the current weights, kept until these change."""
        if self._factors is None:
            from phasic import replay

            self._factors = replay.factorise(self.trace, self.weights)
        return self._factors

    def _absorbing(self) -> Factors:
        """Return the factors, or say which state cannot reach absorption."""
        try:
            self.factors.require_absorption(self.arrays.alpha)
        except AbsorptionError as error:
            if error.vertex is None:
                raise
            state = self.arrays.states[error.vertex].tolist()
            theta = getattr(self, "theta", None)
            where = "" if theta is None else f" at theta = {theta.tolist()}"
            raise AbsorptionError(
                f"state {state} cannot reach absorption{where}, so the expected time is infinite; give it a "
                f"way to an absorbing state, or ask for pdf and cdf, which are what they are all the same",
                error.vertex,
            ) from None
        return self.factors

    def _startable(self) -> GraphArrays:
        arrays = self.arrays
        if arrays.start_targets.size == 0:
            raise GraphError(
                "the chain starts nowhere; add an edge from starting_vertex() to an initial state"
            )
        return arrays

    def _rewards(self, rewards: ArrayLike) -> Floats | None:
        """Return rewards as float64[n], or None where there are none."""
        try:
            values = np.array(rewards if rewards is not None else (), dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"rewards are {rewards!r}; pass a vector of numbers") from None
        if values.shape == (0,):
            return None
        n = self.arrays.n_vertices
        if values.shape != (n,):
            raise GraphError(
                f"rewards have shape {values.shape}, but the graph has {n} vertices (starting and absorbing "
                f"ones included); pass a vector of length {n}, like a row of graph.states().T"
            )
        if not np.isfinite(values).all():
            v = int((~np.isfinite(values)).argmax())
            raise GraphError(
                f"the reward of vertex {v} with state {self.arrays.states[v].tolist()} is {values[v]:g}; "
                f"pass finite numbers, 0 where nothing is collected"
            )
        return values

    @staticmethod
    def _times(t: ArrayLike) -> Floats:
        try:
            times = np.array(t, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"times are {t!r}; pass a number or an array of numbers") from None
        if np.isnan(times).any():
            where = np.argwhere(np.isnan(times))[0].tolist()
            which = f" {where[0] if len(where) == 1 else where}" if where else ""
            raise GraphError(f"time{which} is not a number (NaN); leave it out")
        return times

    @staticmethod
    def _shaped(value: Floats, error: Floats, times: Floats, wanted: bool) -> Any:
        """Return values, with their errors if wanted: floats for one time, else arrays."""
        if wanted:
            return (value, error) if times.ndim else (float(value), float(error))
        return value if times.ndim else float(value)

    @property
    def _question(self) -> Question:
        """What functions of time are asked of, kept until arrays or weights are others."""
        arrays, weights = self._startable(), self.weights
        kept = self._asked
        if kept is None or kept[0] is not arrays or kept[1] is not weights:
            from phasic.question import Question

            self._asked = kept = arrays, weights, Question(self.trace, weights, arrays.alpha, arrays.discrete)
        return kept[2]
