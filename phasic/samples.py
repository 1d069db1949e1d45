"""What can be drawn from a graph: times, rewards, paths and places, in the shapes users know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats, GraphArrays, Integers
from phasic.distribution import Distribution
from phasic.errors import AbsorptionError, GraphError
from phasic.keywords import also, without_effect

if TYPE_CHECKING:
    from phasic.sampling import Path, Walks


class Samples(Distribution):
    """Random draws from a graph.

    Every method takes ``seed=``, a number from which a generator is made, or ``rng=``, a
    `numpy.random.Generator` that is moved on; without either, draws differ from call to call. The same
    seed gives the same numbers in every process, and fewer draws are the first of more. The global seed
    of NumPy has no effect.

    Draws follow `cdf`: mass that starts absorbed has time 0, and mass that is missing from the initial
    probabilities is never absorbed, so its time is infinite, as is that of walks that get into a state
    from where absorption is impossible. Rewards follow the moments: missing mass collects nothing.
    """

    _walks: tuple[GraphArrays, Floats, Walks] | None = None

    @without_effect(validate_rewards="rewards are always looked at")
    def sample(
        self,
        n: int = 1,
        rewards: ArrayLike = (),
        *,
        seed: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Floats:
        """Return `n` absorption times (numbers of steps, in a discrete graph), or rewards: float64[n].

        Parameters
        ----------
        n : int
        rewards : float64[vertices], optional
            As for `expectation`.
        seed, rng
            See `Samples`.

        Raises
        ------
        AbsorptionError
            Rewards were asked for, and the chain can get into a state from which it is never absorbed.
        GraphError
            An argument is not what it has to be.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.coalescent(4))
        >>> bool((graph.sample(3, seed=1) == graph.sample(3, seed=1)).all())
        True
        >>> bool(abs(graph.sample(10_000, seed=1).mean() - graph.expectation()) < 0.05)
        True
        """
        from phasic import sampling

        count, generator = _count(n), _generator(seed, rng)
        walks, checked = self._prepared(), self._rewards(rewards)
        if checked is not None:
            self._refuse_trap(walks, "the reward collected is infinite or unknown")
        time = np.ones(self.arrays.n_vertices) if checked is None else checked
        collected, last = sampling.collect(walks, time[:, None], count, generator)
        if checked is None:
            collected[walks.never[last]] = np.inf
        return collected[:, 0]

    def sample_multivariate(
        self,
        n: int,
        rewards: ArrayLike,
        *,
        seed: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Floats:
        """Return `n` draws of several rewards collected on one walk, float64[r, n].

        Parameters
        ----------
        n : int
        rewards : float64[vertices, r]
            A column for each reward; ``states()`` itself, for instance.

        Raises
        ------
        AbsorptionError, GraphError
            As for `sample`.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.coalescent(4))
        >>> graph.sample_multivariate(5, graph.states(), seed=1).shape
        (4, 5)
        """
        from phasic import sampling

        count, generator = _count(n), _generator(seed, rng)
        checked = self._reward_matrix(rewards)
        walks = self._prepared()
        self._refuse_trap(walks, "the rewards collected are infinite or unknown")
        collected, _ = sampling.collect(walks, checked, count, generator)
        return np.ascontiguousarray(collected.T)

    def sample_path(
        self, n: int = 1, *, seed: int | None = None, rng: np.random.Generator | None = None
    ) -> dict[str, NDArray[Any]] | list[dict[str, NDArray[Any]]]:
        """Return one path as a dictionary, or a list of `n` of them where `n` is not 1.

        Returns
        -------
        dict or list of dict
            ``vertex_indices``, int64[k]: the vertices visited, from the starting vertex to an absorbing
            one. ``entry_times``, float64[k]: when each was entered; numbers of steps in a discrete
            graph. The path of missing mass is the starting vertex alone.

        Raises
        ------
        AbsorptionError
            The chain can get into a state from which it is never absorbed: its path has no end.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> Graph(models.erlang(3)).sample_path(seed=1)["vertex_indices"].tolist()
        [0, 1, 2, 3, 4]
        """
        from phasic import sampling

        count, generator = _count(n), _generator(seed, rng)
        walks = self._prepared()
        self._refuse_trap(walks, "its path has no end")
        return _shaped(sampling.paths(walks, count, generator))

    def sample_path_conditioned(
        self,
        target_vertices: Sequence[int],
        n: int = 1,
        *,
        seed: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> dict[str, NDArray[Any]] | list[dict[str, NDArray[Any]]]:
        """Return paths as `sample_path` does, of those that end in one of `target_vertices`.

        Parameters
        ----------
        target_vertices : sequence of int
            Indices of absorbing vertices.

        Raises
        ------
        GraphError
            A target is not an absorbing vertex, or no path leads to any of them.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([1], 1.0), ([2], 99.0)] if state[0] == 0 else [], ipv=[0])
        >>> graph.sample_path_conditioned([2], seed=1)["vertex_indices"].tolist()
        [0, 1, 2]
        """
        count, generator = _count(n), _generator(seed, rng)
        arrays = self._startable()
        ends = np.atleast_1d(np.asarray(target_vertices))
        absorbing = np.flatnonzero(np.diff(arrays.offsets) == 0)[1:]
        if ends.ndim != 1 or ends.size == 0 or not np.isin(ends, absorbing).all():
            raise GraphError(
                f"target_vertices are {target_vertices!r}; pass indices of absorbing vertices, which are "
                f"{absorbing[:10].tolist()}{' and more' if absorbing.size > 10 else ''}"
            )
        return _shaped(self._paths_to(ends, count, generator))

    @also(time="t")
    def random_sample_stop_vertex(
        self, t: float, *, seed: int | None = None, rng: np.random.Generator | None = None
    ) -> int:
        """Return the vertex in which a random walk is at time `t`.

        The starting vertex, 0, stands for missing mass.

        Raises
        ------
        GraphError
            `t` is negative or not finite.
        """
        return int(self.sample_stop_vertices(t, seed=seed, rng=rng)[0])

    def sample_stop_vertices(
        self,
        t: float,
        n: int = 1,
        *,
        seed: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.int64]:
        """Return the vertices in which `n` random walks are at time `t`, int64[n].

        As `random_sample_stop_vertex`; the shares go to `stop_probability`.
        """
        from phasic import sampling

        count, generator = _count(n), _generator(seed, rng)
        try:
            time = float(t)
        except (TypeError, ValueError):
            time = math.nan
        if not 0.0 <= time < math.inf:
            raise GraphError(f"walks were to be stopped at time {t!r}; pass one finite number, 0 or more")
        arrays = self._startable()
        walks = self._prepared()
        if walks.trap is not None:
            walks = self._walks_of(arrays, endless=True)
        return sampling.stop_vertices(walks, time, count, generator)

    def sample_discrete(
        self,
        n: int = 1,
        rewards: ArrayLike = (),
        *,
        seed: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Floats:
        """Return what `sample` does, of a discrete graph only."""
        self._require_discrete("sample_discrete", "sample")
        return self.sample(n, rewards, seed=seed, rng=rng)

    def sample_multivariate_discrete(
        self,
        n: int,
        rewards: ArrayLike,
        *,
        seed: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Floats:
        """Return what `sample_multivariate` does, of a discrete graph only."""
        self._require_discrete("sample_multivariate_discrete", "sample_multivariate")
        return self.sample_multivariate(n, rewards, seed=seed, rng=rng)

    def random_sample_discrete_stop_vertex(
        self, jumps: int, *, seed: int | None = None, rng: np.random.Generator | None = None
    ) -> int:
        """Return what `random_sample_stop_vertex` does, of a discrete graph only."""
        self._require_discrete("random_sample_discrete_stop_vertex", "random_sample_stop_vertex")
        return self.random_sample_stop_vertex(jumps, seed=seed, rng=rng)

    def _paths_to(self, ends: Integers, n: int, rng: np.random.Generator) -> list[Path]:
        """Return `n` paths that end in one of `ends`."""
        from phasic import sampling

        arrays = self.arrays
        chance = sampling.chance_of_ending(arrays, self.weights, ends)
        self._require_way(float(arrays.alpha @ chance), ends)
        return sampling.paths(sampling.conditioned(arrays, self.weights, chance), n, rng)

    @staticmethod
    def _require_way(chance: float, ends: Integers) -> None:
        if not chance > 0.0:
            raise GraphError(f"no path leads from the initial states to {ends.tolist()}")

    def _prepared(self) -> Walks:
        """Return the tables to draw from, kept until structure, weights or initial probabilities change."""
        arrays, weights = self._startable(), self.weights
        if self._walks is None or self._walks[0] is not arrays or self._walks[1] is not weights:
            self._walks = arrays, weights, self._walks_of(arrays)
        return self._walks[2]

    def _walks_of(self, arrays: GraphArrays, endless: bool = False) -> Walks:
        """Return tables to draw from; `endless` as for `sampling.prepare`."""
        from phasic import sampling

        return sampling.prepare(arrays, self.weights, endless)

    def _refuse_trap(self, walks: Walks, consequence: str) -> None:
        if walks.trap is not None:
            state = self.arrays.states[walks.trap].tolist()
            raise AbsorptionError(
                f"state {state} cannot reach absorption, so {consequence}; absorption times can be sampled "
                f"all the same, and are infinite there",
                walks.trap,
            )

    def _reward_matrix(self, rewards: ArrayLike) -> Floats:
        n = self.arrays.n_vertices
        try:
            values = np.array(rewards, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"rewards are {rewards!r}; pass a matrix of numbers") from None
        if values.ndim != 2 or values.shape[0] != n:
            raise GraphError(
                f"rewards have shape {values.shape}, but the graph has {n} vertices; pass a matrix of shape "
                f"({n}, r) with a column for each reward, like graph.states()"
            )
        if not np.isfinite(values).all():
            raise GraphError("a reward is not finite")
        return values

    def _require_discrete(self, name: str, instead: str) -> None:
        if not self.arrays.discrete:
            raise GraphError(f"{name} is for discrete graphs; set is_discrete = True, or call {instead}")


def _count(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise GraphError(f"{n!r} draws were asked for; pass an integer of at least 0")
    return int(n)


def _generator(seed: int | None, rng: np.random.Generator | None) -> np.random.Generator:
    if rng is None:
        try:
            return np.random.default_rng(seed)
        except (TypeError, ValueError):
            raise GraphError(f"seed is {seed!r}; pass an integer of at least 0") from None
    if seed is not None:
        raise GraphError("draws follow from seed= or from rng=, not from both")
    if not isinstance(rng, np.random.Generator):
        raise GraphError(f"rng is {rng!r}; pass a numpy.random.Generator, like numpy.random.default_rng(1)")
    return rng


def _shaped(paths: list[Path]) -> dict[str, NDArray[Any]] | list[dict[str, NDArray[Any]]]:
    named: list[dict[str, NDArray[Any]]] = [
        {"vertex_indices": path.vertices, "entry_times": path.times} for path in paths
    ]
    return named[0] if len(named) == 1 else named
