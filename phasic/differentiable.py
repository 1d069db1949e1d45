"""Models as functions of JAX, with values and derivatives from the compiled engine.

Each is one call back to the host for a whole batch, wherever JAX wants it: inside `jit`, `vmap` or a scan.
The derivative is a matrix that comes from the host too, and what JAX makes of it is linear, so that forward
and reverse mode both work.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from phasic import jax_programs
from phasic.arrays import Floats, GraphArrays
from phasic.engine import Engine
from phasic.errors import AbsorptionError, GraphError, ParameterError, PhasicError
from phasic.rewarded import Rewarded

if TYPE_CHECKING:
    from phasic.graph import Graph

Answer = tuple[Floats, Floats]
_MOST = 16  # sets of times, and of rewards, whose preparations are kept
_TIME: Floats = np.empty(0)  # stands for no rewards: the absorption time


class Model:
    """A graph as it is now, to be asked at any theta; changes of the graph come too late.

    What is asked about is the absorption time, or the reward that is collected until then.

    Parameters
    ----------
    graph : Graph
        Its weights are sums of coefficients times theta.

    Raises
    ------
    GraphError
        Weights follow from theta in another way, or the chain starts nowhere.
    """

    def __init__(self, graph: Graph) -> None:
        self.arrays: GraphArrays = graph._startable()
        self._engine = graph._engine()
        self._settled = bool(graph._settled())
        self._directions = np.ascontiguousarray(self.arrays.coefficients.T)
        self._engines = _Kept(self._asked)
        self._prepared = _Kept(lambda times, rewards: self._engines(rewards).densities(times))

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return self.arrays.n_parameters

    def refusal(self) -> str:
        """Return why this graph has no program of JAX alone; nothing if it has one."""
        if self._settled:
            return "a graph with epochs has no program of JAX alone"
        return "" if self.arrays.targets.size else "a graph without edges has no program of JAX alone"

    def _asked(self, rewards: Floats) -> Engine | Rewarded:
        if not rewards.size:
            return self._engine
        if self._settled:
            raise GraphError(
                "of a graph with epochs only absorption times have a density as a function of JAX, not "
                "rewards; leave out rewards, or take the graph without epochs"
            )
        return Rewarded(self.arrays, self._engine.trace, rewards)

    def require(self, rewards: Floats) -> None:
        """Raise GraphError unless these rewards, float64[n], can be asked about."""
        self._engines(rewards)

    def weights(self, theta: Floats) -> Floats | None:
        """Return the weight of every edge, or None where theta gives one that cannot be."""
        try:
            weights = self.arrays.checked(self.arrays.coefficients @ theta, theta)
            self._engine.require(weights)
            return weights
        except ParameterError:
            return None

    def pdf(self, theta: Floats, times: Floats, rewards: Floats = _TIME) -> Floats:
        """Return the density at `times`, float64[k]; not numbers where theta or a time cannot be."""
        value, known = np.full(times.size, np.nan), ~np.isnan(times)
        weights = self.weights(theta)
        if weights is not None:
            value[known] = self._prepared(times[known], rewards).values(weights)
        return value

    def pdf_slopes(self, theta: Floats, times: Floats, rewards: Floats = _TIME) -> Answer:
        """Return the density at `times` and its derivatives by theta and by time, float64[k, p + 1].

        Derivatives are zero at times that are not numbers, so that sums which leave these out have some.
        """
        weights, known = self.weights(theta), ~np.isnan(times)
        value, slopes = np.full(times.size, np.nan), np.zeros((times.size, self.n_parameters + 1))
        if weights is None:
            return value, np.where(known[:, None], np.nan, slopes)
        found = self._prepared(times[known], rewards)(weights, self._directions)
        value[known], slopes[known, :-1] = found
        if self.arrays.discrete:
            slopes[known, -1] = np.nan
        else:
            along = found.slopes @ theta
            slopes[known, -1] = self._engines(rewards).time_slopes(weights, times[known], found.value, along)
        return value, slopes

    def moments(self, theta: Floats, rewards: Floats, k: int) -> Floats:
        """Return the first `k` raw moments, float64[k]; not numbers where theta cannot be."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(k, np.nan)
        try:
            return self._engines(rewards).moments(weights, k)
        except AbsorptionError:
            return np.full(k, np.inf)

    def moment_slopes(self, theta: Floats, rewards: Floats, k: int) -> Answer:
        """Return the first `k` raw moments and their derivatives by theta, float64[k, p]."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(k, np.nan), np.full((k, self.n_parameters), np.nan)
        try:
            return self._engines(rewards).moment_slopes(weights, self._directions, k)
        except AbsorptionError:
            return np.full(k, np.inf), np.full((k, self.n_parameters), np.nan)


class _Kept:
    """A function of arrays whose latest answers are kept."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._answers: dict[tuple[bytes, ...], Any] = {}

    def __call__(self, *arrays: Floats) -> Any:
        key = tuple(array.tobytes() for array in arrays)
        found = self._answers.get(key)
        if found is None:
            found = self._function(*arrays)
            while len(self._answers) >= _MOST:
                self._answers.pop(next(iter(self._answers)), None)
            self._answers[key] = found
        return found


def pmf_from_graph(
    graph: Graph, discrete: bool | None = None, where: str | None = None
) -> Callable[..., Any]:
    """Return the density of a graph (in a discrete graph, the probability) as a function of JAX.

    Parameters
    ----------
    graph : Graph
        Taken as it is now: later changes of it do not matter.
    discrete : bool, optional
        What the graph is, to be checked.
    where : {"host", "device"}, optional
        Who computes: the compiled engine on the host, or a program of JAX alone on the device, see
        `phasic.jax_density`, which has the precision that JAX is set to and gives no number where a chain
        jumps more than 20,000 times. By default the device where it is no CPU, JAX is set to 64
        bits, and there are no rewards or epochs, and else the host.

    Returns
    -------
    callable
        ``f(theta, times, rewards=None)``, an array of the shape of `times`. It works inside `jit` and
        `vmap`, and derivatives of first order by theta and by times of a continuous model are exact, in
        forward and reverse mode. Numbers have the precision that JAX is set to; the host computes in float64
        always. Where theta makes a weight negative, or a time is not a number, they are not numbers.

        With `rewards`, float[n], `times` are amounts of this reward, and the density is that of the reward:
        at zero, the probability of collecting none where that can be. With rewards float[k, n] `times` have
        a last axis of length k, one column for each reward; a vector of times is taken for all of them,
        and the answer has the shape ``(times.size, k)``.

    Raises
    ------
    GraphError
        Weights of the graph are no sums of coefficients times theta.

    Examples
    --------
    >>> import jax
    >>> from phasic import Graph
    >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
    >>> f = pmf_from_graph(graph)
    >>> g = jax.grad(lambda theta: f(theta, 0.5))(jax.numpy.array([2.0]))
    >>> abs(float(g[0])) < 1e-6
    True
    """
    model = _checked(graph, discrete)
    density = _density(model, where)

    def pmf(theta: Any, times: Any, rewards: Any = None) -> Any:
        import jax
        import jax.numpy as jnp

        theta, times = _vector(theta, model.n_parameters), jnp.asarray(times)
        rewards = _rewards(model, rewards, theta.dtype)

        def of_one(times: Any, reward: Any) -> Any:
            return density(theta, times.ravel().astype(theta.dtype), reward).reshape(times.shape)

        if rewards.ndim == 1:
            return of_one(times, rewards)
        if times.ndim < 2:
            times = jnp.broadcast_to(times.reshape(-1, 1), (times.size, rewards.shape[0]))
        if times.shape[-1] != rewards.shape[0]:
            raise ParameterError(
                f"times have shape {times.shape}, but there are {rewards.shape[0]} rewards; pass a column "
                f"of times for each, or a vector for all"
            )
        return jax.vmap(of_one, (-1, 0), -1)(times, rewards)

    return pmf


def moments_from_graph(graph: Graph, nr_moments: int = 2) -> Callable[..., Any]:
    """Return the first raw moments of a graph as a function of JAX, ``f(theta, rewards=None)``.

    An array [nr_moments], or [k, nr_moments] with rewards float[k, n]. Parameters and what JAX can do with
    it as for `pmf_from_graph`. Moments are infinite, and derivatives not numbers, where theta makes
    absorption uncertain.
    """
    model, k = _checked(graph, None), _order(nr_moments)
    raw = _moments(model, k)

    def moments(theta: Any, rewards: Any = None) -> Any:
        import jax

        theta = _vector(theta, model.n_parameters)
        rewards = _rewards(model, rewards, theta.dtype)
        if rewards.ndim == 1:
            return raw(theta, rewards)
        return jax.vmap(raw, (None, 0))(theta, rewards)

    return moments


def pmf_and_moments_from_graph(
    graph: Graph, nr_moments: int = 2, discrete: bool | None = None, where: str | None = None
) -> Callable[..., tuple[Any, Any]]:
    """Return both as one function, ``f(theta, times, rewards=None) -> (pdf, moments)``.

    `where` says who computes the density; moments come from the host.
    """
    pmf, moments = pmf_from_graph(graph, discrete, where), moments_from_graph(graph, nr_moments)

    def both(theta: Any, times: Any, rewards: Any = None) -> tuple[Any, Any]:
        return pmf(theta, times, rewards), moments(theta, rewards)

    return both


def _checked(graph: Graph, discrete: bool | None) -> Model:
    if discrete is not None and discrete != graph.is_discrete:
        kinds = "discrete", "continuous"
        raise GraphError(
            f"the graph is {kinds[not graph.is_discrete]}, but a {kinds[not discrete]} one was asked for; "
            f"leave out discrete="
        )
    jax_programs.keep()
    return Model(graph)


def _order(nr_moments: int) -> int:
    if not isinstance(nr_moments, int | np.integer) or nr_moments < 1:
        raise ParameterError(f"{nr_moments!r} moments were asked for; pass an integer of at least 1")
    return int(nr_moments)


def _vector(theta: Any, length: int) -> Any:
    """Return `theta` as a vector of JAX, of floats."""
    import jax.numpy as jnp

    theta = jnp.asarray(theta)
    if not jnp.issubdtype(theta.dtype, jnp.floating):
        theta = theta.astype(jnp.result_type(float))
    if theta.shape != (length,):
        raise ParameterError(
            f"theta has shape {theta.shape}, but the graph expects {length} parameters; pass a vector of "
            f"length {length}, and vmap over more"
        )
    return theta


def _rewards(model: Model, rewards: Any, dtype: Any) -> Any:
    """Return `rewards` as an array of JAX; an empty one stands for the absorption time."""
    import jax
    import jax.numpy as jnp

    if rewards is None:
        return jnp.asarray(_TIME, dtype)
    n = model.arrays.n_vertices
    known = not isinstance(rewards, jax.core.Tracer)
    table = np.asarray(rewards, np.float64) if known else rewards
    if table.ndim not in (1, 2) or table.shape[-1] != n:
        raise ParameterError(
            f"rewards have shape {table.shape}, but the graph has {n} vertices (starting and absorbing ones "
            f"included); pass {n} numbers, or rows of as many"
        )
    if known:
        for row in np.atleast_2d(table):
            model.require(row.astype(dtype).astype(np.float64))
    return jnp.asarray(table, dtype)


def _density(model: Model, where: str | None) -> Callable[[Any, Any, Any], Any]:
    """Return ``f(theta, times, rewards)`` of vectors."""
    import jax

    values = _call(model.pdf, lambda theta, times, rewards: (times.size,))
    slopes = _call(
        model.pdf_slopes, lambda theta, times, rewards: ((times.size,), (times.size, theta.size + 1))
    )
    values, slopes = _served(model, where, values, slopes)

    @jax.custom_jvp
    def density(theta: Any, times: Any, rewards: Any) -> Any:
        return values(theta, times, rewards)

    def along(primals: Any, tangents: Any) -> Any:
        value, matrix = _once(slopes)(*primals)
        by_theta, by_time, by_rewards = tangents
        _refuse_rewards(by_rewards)
        if model.arrays.discrete and not _is_zero(by_time):
            raise PhasicError(
                "a discrete model has no derivative by the number of steps; differentiate by theta"
            )
        change = _zero_or(by_theta, lambda tangent: matrix[:, :-1] @ tangent, value)
        return value, change + _zero_or(by_time, lambda tangent: matrix[:, -1] * tangent, value)

    density.defjvp(along, symbolic_zeros=True)
    return density


def _served(model: Model, where: str | None, *hosts: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """Return functions that ask the host, or a program of JAX: as `where` says, or the device in use.

    That is looked up when a function is traced, so that a program that nobody runs is never traced.
    """
    if where not in (None, "host", "device"):
        raise ParameterError(f"where is {where!r}; pass 'host', 'device', or None for what suits the device")
    refusal = model.refusal()
    if where == "device" and refusal:
        raise GraphError(f"{refusal}; leave out where=")
    if where == "host" or refusal:
        return hosts

    @functools.cache
    def programs() -> tuple[Callable[..., Any], ...]:
        from phasic import jax_density

        return tuple(jax_programs.jit(each) for each in jax_density.density(model.arrays))

    def either(number: int) -> Callable[..., Any]:
        def call(theta: Any, times: Any, rewards: Any) -> Any:
            import jax

            narrow = theta.dtype.itemsize < 8  # derivatives could lose every digit
            if where is None and (narrow or rewards.size or jax.default_backend() == "cpu"):
                return hosts[number](theta, times, rewards)
            if rewards.size:
                raise GraphError("rewards are for the host; leave out where='device'")
            return programs()[number](theta, times)

        return call

    return tuple(either(number) for number in range(len(hosts)))


def _moments(model: Model, k: int) -> Callable[[Any, Any], Any]:
    """Return ``f(theta, rewards)`` of vectors: the first `k` raw moments."""
    import jax

    values = _call(partial(model.moments, k=k), lambda theta, rewards: (k,))
    both = _call(partial(model.moment_slopes, k=k), lambda theta, rewards: ((k,), (k, theta.size)))

    @jax.custom_jvp
    def moments(theta: Any, rewards: Any) -> Any:
        return values(theta, rewards)

    def along(primals: Any, tangents: Any) -> Any:
        found, matrix = _once(both)(*primals)
        _refuse_rewards(tangents[1])
        return found, _zero_or(tangents[0], lambda tangent: matrix @ tangent, found)

    moments.defjvp(along, symbolic_zeros=True)
    return moments


def _refuse_rewards(tangent: Any) -> None:
    if not _is_zero(tangent):
        raise PhasicError("derivatives by rewards are not known; differentiate by theta, or take differences")


def _call(host: Callable[..., Any], shapes: Callable[..., Any]) -> Callable[..., Any]:
    """Return `host`, a function of float64 vectors, as one that JAX can call for a batch at once."""

    def batched(*arguments: Any) -> Any:
        arrays = [np.asarray(argument, np.float64) for argument in arguments]
        batch = np.broadcast_shapes(*(array.shape[:-1] for array in arrays))
        dtype = np.asarray(arguments[0]).dtype
        count = math.prod(batch)
        rows = [np.broadcast_to(a, (*batch, a.shape[-1])).reshape(count, a.shape[-1]) for a in arrays]
        found = [host(*row) for row in zip(*rows, strict=True)]

        def stacked(parts: list[Floats]) -> Any:
            return np.stack(parts).astype(dtype).reshape(*batch, *parts[0].shape)

        if isinstance(found[0], tuple):
            return tuple(stacked(list(parts)) for parts in zip(*found, strict=True))
        return stacked(found)

    def call(*arguments: Any) -> Any:
        import jax

        shape = shapes(*arguments)
        dtype, struct = arguments[0].dtype, cast("Any", jax.ShapeDtypeStruct)
        if isinstance(shape[0], tuple):
            result: Any = tuple(struct(one, dtype) for one in shape)
        else:
            result = struct(shape, dtype)
        return jax.pure_callback(batched, result, *arguments, vmap_method="expand_dims")

    return call


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, with an error that says what to do where its derivative is asked for."""
    import jax

    @jax.custom_jvp
    def guarded(*arguments: Any) -> Any:
        return function(*arguments)

    @guarded.defjvp
    def refuse(primals: Any, tangents: Any) -> Any:
        raise PhasicError(
            "second derivatives of a model are not known; take differences of first ones, which are exact"
        )

    return guarded


def _is_zero(tangent: Any) -> bool:
    from jax.custom_derivatives import SymbolicZero

    return isinstance(tangent, SymbolicZero)


def _zero_or(tangent: Any, linear_map: Callable[[Any], Any], like: Any) -> Any:
    import jax.numpy as jnp

    return jnp.zeros_like(like) if _is_zero(tangent) else linear_map(tangent)
