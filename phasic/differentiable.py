"""Models as functions of JAX, with values and derivatives from the compiled engine.

Each is one call back to the host for a whole batch, wherever JAX wants it: inside `jit`, `vmap` or a scan.
The derivative is a matrix that comes from the host too, and what JAX makes of it is linear, so that forward
and reverse mode both work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from phasic import jax_programs
from phasic.arrays import Floats, GraphArrays
from phasic.errors import AbsorptionError, GraphError, ParameterError, PhasicError

if TYPE_CHECKING:
    from phasic.graph import Graph
    from phasic.slopes import Densities

Answer = tuple[Floats, Floats]
_MOST = 16  # sets of times whose preparations are kept


class Model:
    """A graph as it is now, to be asked at any theta; changes of the graph come too late.

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
        self.settled = bool(graph._settled())
        self._directions = np.ascontiguousarray(self.arrays.coefficients.T)
        self._prepared: dict[bytes, Densities] = {}

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return self.arrays.n_parameters

    def refusal(self) -> str:
        """Return why there is no program of JAX alone; nothing if there is one."""
        if self.settled:
            return "a graph with epochs has no program of JAX alone"
        return "" if self.arrays.targets.size else "a graph without edges has no program of JAX alone"

    def weights(self, theta: Floats) -> Floats | None:
        """Return the weight of every edge, or None where theta gives one that cannot be."""
        try:
            weights = self.arrays.checked(self.arrays.coefficients @ theta, theta)
            self._engine.require(weights)
            return weights
        except ParameterError:
            return None

    def densities(self, times: Floats) -> Densities:
        """Return densities at `times`, prepared once for all theta."""
        key = times.tobytes()
        found = self._prepared.get(key)
        if found is None:
            found = self._engine.densities(times)
            while len(self._prepared) >= _MOST:
                self._prepared.pop(next(iter(self._prepared)), None)
            self._prepared[key] = found
        return found

    def pdf(self, theta: Floats, times: Floats) -> Floats:
        """Return the density at `times`, float64[k]; not numbers where theta cannot be."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(times.size, np.nan)
        return self.densities(times).values(weights)

    def pdf_slopes(self, theta: Floats, times: Floats) -> Answer:
        """Return the density at `times` and its derivatives by theta and by time, float64[k, p + 1]."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(times.size, np.nan), np.full((times.size, self.n_parameters + 1), np.nan)
        value, slopes = self.densities(times)(weights, self._directions)
        return value, np.column_stack([slopes, self._by_time(theta, weights, times, value, slopes)])

    def _by_time(
        self, theta: Floats, weights: Floats, times: Floats, value: Floats, slopes: Floats
    ) -> Floats:
        if self.arrays.discrete:
            return np.full(times.size, np.nan)
        return self._engine.time_slopes(weights, times, value, slopes @ theta)

    def moments(self, theta: Floats, k: int) -> Floats:
        """Return the first `k` raw moments, float64[k]; not numbers where theta cannot be."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(k, np.nan)
        try:
            return self._engine.moments(weights, k)
        except AbsorptionError:
            return np.full(k, np.inf)

    def moment_slopes(self, theta: Floats, k: int) -> Answer:
        """Return the first `k` raw moments and their derivatives by theta, float64[k, p]."""
        weights = self.weights(theta)
        if weights is None:
            return np.full(k, np.nan), np.full((k, self.n_parameters), np.nan)
        try:
            return self._engine.moment_slopes(weights, self._directions, k)
        except AbsorptionError:
            return np.full(k, np.inf), np.full((k, self.n_parameters), np.nan)


def pmf_from_graph(
    graph: Graph, discrete: bool | None = None, where: str | None = None
) -> Callable[[Any, Any], Any]:
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
        jumps more than 20,000 times. By default the device where it is no CPU, JAX is set to 64 bits, and
        there are no epochs, and else the host.

    Returns
    -------
    callable
        ``f(theta, times)``, an array of the shape of `times`. It works inside `jit` and `vmap`, and
        derivatives of first order by theta and by times of a continuous model are exact, in forward and
        reverse mode. Numbers have the precision that JAX is set to; the host computes in float64 always.
        Where theta makes a weight negative, they are not numbers.

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

    def pmf(theta: Any, times: Any) -> Any:
        import jax.numpy as jnp

        theta, times = _vector(theta, model.n_parameters), jnp.asarray(times)
        return density(theta, times.ravel().astype(theta.dtype)).reshape(times.shape)

    return pmf


def moments_from_graph(graph: Graph, nr_moments: int = 2, where: str | None = None) -> Callable[[Any], Any]:
    """Return the first raw moments of a graph as a function of JAX, ``f(theta)``, an array [nr_moments].

    Parameters and what JAX can do with it as for `pmf_from_graph`. Moments are infinite, and derivatives
    not numbers, where theta makes absorption uncertain. They come from the host, since the program of JAX
    alone, `phasic.jax_moments`, loses digits where rates are far apart; ``where="device"`` takes it, for
    graphs of at most 2,000 states that are left again.
    """
    model, k = _checked(graph, None), _order(nr_moments)
    values = _call(lambda theta: model.moments(theta, k), lambda theta: (k,))
    slopes = _call(lambda theta: model.moment_slopes(theta, k), lambda theta: ((k,), (k, theta.size)))

    def programs() -> tuple[Callable[..., Any], ...]:
        from phasic import jax_moments

        return jax_moments.moments(model.arrays, k) if jax_moments.has_program(model.arrays) else ()

    raw = _differentiable(*_served(model, "host" if where is None else where, programs, values, slopes))

    def moments(theta: Any) -> Any:
        return raw(_vector(theta, model.n_parameters))

    return moments


def pmf_and_moments_from_graph(
    graph: Graph, nr_moments: int = 2, discrete: bool | None = None, where: str | None = None
) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return density and moments as one function of JAX, ``f(theta, times) -> (pdf, moments)``.

    `where` says who computes either, as for `pmf_from_graph` and `moments_from_graph`.
    """
    pmf, moments = pmf_from_graph(graph, discrete, where), moments_from_graph(graph, nr_moments, where)

    def both(theta: Any, times: Any) -> tuple[Any, Any]:
        return pmf(theta, times), moments(theta)

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


def _density(model: Model, where: str | None = None) -> Callable[[Any, Any], Any]:
    """Return ``f(theta, times)`` of vectors."""
    import jax

    values = _call(model.pdf, lambda theta, times: (times.size,))
    slopes = _call(model.pdf_slopes, lambda theta, times: ((times.size,), (times.size, theta.size + 1)))

    def programs() -> tuple[Callable[..., Any], ...]:
        from phasic import jax_density

        return jax_density.density(model.arrays)

    values, slopes = _served(model, where, programs, values, slopes)

    @jax.custom_jvp
    def density(theta: Any, times: Any) -> Any:
        return values(theta, times)

    def along(primals: Any, tangents: Any) -> Any:
        value, matrix = _once(slopes)(*primals)
        by_theta, by_time = tangents
        if model.arrays.discrete and not _is_zero(by_time):
            raise PhasicError(
                "a discrete model has no derivative by the number of steps; differentiate by theta"
            )
        change = _zero_or(by_theta, lambda tangent: matrix[:, :-1] @ tangent, value)
        return value, change + _zero_or(by_time, lambda tangent: matrix[:, -1] * tangent, value)

    density.defjvp(along, symbolic_zeros=True)
    return density


def _served(
    model: Model,
    where: str | None,
    make: Callable[[], tuple[Callable[..., Any], ...]],
    *hosts: Callable[..., Any],
) -> tuple[Callable[..., Any], ...]:
    """Return functions that ask the host, or a program of JAX: as `where` says, or the device in use.

    That is looked up when a function is traced, so that a program that nobody runs is never traced. The host
    serves, too, where `make` has no programs.
    """
    if where not in (None, "host", "device"):
        raise ParameterError(f"where is {where!r}; pass 'host', 'device', or None for what suits the device")
    refusal = model.refusal()
    if where == "device" and refusal:
        raise GraphError(f"{refusal}; leave out where=")
    if where == "host" or refusal:
        return hosts

    @cache
    def programs() -> tuple[Callable[..., Any], ...]:
        return tuple(jax_programs.jit(each) for each in make()) or hosts

    def either(number: int) -> Callable[..., Any]:
        def call(theta: Any, *more: Any) -> Any:
            import jax

            narrow = theta.dtype.itemsize < 8  # derivatives could lose every digit
            if where is None and (narrow or jax.default_backend() == "cpu"):
                return hosts[number](theta, *more)
            return programs()[number](theta, *more)

        return call

    return tuple(either(number) for number in range(len(hosts)))


def _function(
    value: Callable[..., Floats], slopes: Callable[..., Answer], length: Callable[[Any], int]
) -> Callable[[Any], Any]:
    """Return a function of theta alone with its derivative, both from the host."""
    values = _call(value, lambda theta: (length(theta),))
    return _differentiable(
        values, _call(slopes, lambda theta: ((length(theta),), (length(theta), theta.size)))
    )


def _differentiable(values: Callable[..., Any], slopes: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return `values`, a function of theta alone, with the derivative that `slopes` finds beside it."""
    import jax

    @jax.custom_jvp
    def function(theta: Any) -> Any:
        return values(theta)

    @function.defjvp
    def along(primals: Any, tangents: Any) -> Any:
        found, matrix = _once(slopes)(*primals)
        return found, matrix @ tangents[0]

    return function


def _call(host: Callable[..., Any], shapes: Callable[..., Any]) -> Callable[..., Any]:
    """Return `host`, a function of float64 vectors, as one that JAX can call for a batch at once."""

    def batched(*arguments: Any) -> Any:
        arrays = [np.asarray(argument, np.float64) for argument in arguments]
        batch = np.broadcast_shapes(*(array.shape[:-1] for array in arrays))
        dtype = np.asarray(arguments[0]).dtype
        rows = [np.broadcast_to(a, (*batch, a.shape[-1])).reshape(-1, a.shape[-1]) for a in arrays]
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
