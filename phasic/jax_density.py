"""The density of a graph as a program of JAX alone, for devices from which a call back to the host is dear.

The chain is followed jump by jump, as `phasic.uniformisation` does it, with as many jumps as the times ask
for and their derivatives by theta beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from phasic.arrays import GraphArrays
from phasic.errors import GraphError

MOST_JUMPS = 20_000
"""After how many jumps a program gives up: what it has not reached then is not a number."""

_HIGH = 2.0**40  # float32 holds this squared, and its inverse


def density(arrays: GraphArrays) -> tuple[Callable[..., Any], Callable[..., Any]]:
    r"""Return ``(values, slopes)``: the density, and the density with its derivatives by theta and by time.

    Both are functions of JAX of vectors, ``(theta, times)``, in the precision of theta: float[k], and
    float[k, p + 1] as second result of the second. It can be traced, batched, and run on any device.

    .. math:: f(t) = \sum_n \frac{(q t)^n}{n!} e^{-q t} \, \alpha (I + S / q)^n s

    with the largest exit rate as q [1]_. Weights of jumps are scaled by powers of two on the way and by their
    sum in the end, so that none overflows. Terms are added until a bound of all later ones is below the last
    digit of the density at each time, however small it is; relative errors grow as the number of jumps times
    the last digit. Derivatives cancel: one that is small beside others loses digits, in float32 all of
    them after thousands of jumps. The density does not depend on q, so derivatives are taken at a fixed one.

    Values are not numbers where a weight is negative or not finite, where one-step probabilities sum to more
    than one, at times that are negative or not finite, and where more than `MOST_JUMPS` jumps are needed:
    ``q t`` above that, roughly. Nothing is ever left out silently.

    Parameters
    ----------
    arrays : GraphArrays
        Without epochs. Of a discrete graph the probabilities of numbers of steps are found.

    References
    ----------
    .. [1] A. Jensen, Skand. Aktuarietidskr. 36 (1953) 87-91.

    Examples
    --------
    >>> import numpy as np
    >>> from phasic import Graph
    >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
    >>> values, _ = density(graph._startable())
    >>> round(float(values(np.float32([2.0]), np.float32([0.5]))[0]), 5)  # 2 / e
    0.73576
    """
    chain = Chain(arrays)
    walk = chain.steps if arrays.discrete else chain.jumps

    def values(theta: Any, times: Any) -> Any:
        return walk(theta, times)[0]

    def slopes(theta: Any, times: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def once(theta: Any) -> Any:
            value, by_time = walk(theta, times)
            return value, (value, by_time)

        by_theta, (value, by_time) = jax.jacfwd(once, has_aux=True)(theta)
        table = jnp.concatenate([by_theta, by_time[:, None]], axis=1)
        # As from the host: a sum that leaves out missing times has a derivative.
        table = jnp.where(jnp.isnan(times)[:, None], 0.0, table)
        bad = jnp.isnan(value) & ~jnp.isnan(times)
        return value, jnp.where(bad[:, None], jnp.nan, table)

    return values, slopes


class Chain:
    """The edges of a graph by the vertex they lead to, and what follows from theta."""

    def __init__(self, arrays: GraphArrays) -> None:
        if not arrays.targets.size:
            raise GraphError("this graph has no edges, so nothing depends on theta; add edges")
        n, edges = arrays.n_vertices, np.diff(arrays.offsets)
        sources = np.repeat(np.arange(n), edges)
        order = np.argsort(arrays.targets, kind="stable")  # which scatters in order
        self.n = n
        self.sources, self.targets = sources[order].astype(np.int32), arrays.targets[order].astype(np.int32)
        self.coefficients = arrays.coefficients[order]
        self.transient = edges > 0
        self.alpha = np.where(self.transient, arrays.alpha, 0.0)
        self.absorbed = float(arrays.alpha[~self.transient].sum())
        self.leads_out = ~self.transient[self.targets]
        self.inside = self.sources != self.targets
        self.discrete = arrays.discrete

    def rates(self, theta: Any) -> tuple[Any, Any, Any, Any]:
        """Return weights of edges but loops, rates of exit and of leaving, and whether they can be."""
        import jax.numpy as jnp

        weights = jnp.asarray(self.coefficients, theta.dtype) @ theta
        can_be = ((weights >= 0.0) & (weights < jnp.inf)).all()
        if self.discrete:
            sums = jnp.zeros(self.n, theta.dtype).at[self.sources].add(weights)
            can_be &= sums.max() <= 1.0 + max(1e-9, 16.0 * float(jnp.finfo(theta.dtype).eps))
        weights = jnp.where(jnp.asarray(self.inside), weights, 0.0)
        leaving = jnp.zeros(self.n, theta.dtype).at[self.sources].add(weights)
        out = jnp.where(jnp.asarray(self.leads_out), weights, 0.0)
        exits = jnp.zeros(self.n, theta.dtype).at[self.sources].add(out)
        return weights, exits, leaving, can_be

    def moved(self, at: Any, weights: Any, staying: Any) -> Any:
        """Return probabilities of transient vertices after a jump; `weights` are those within them."""
        import jax

        arriving = jax.ops.segment_sum(
            at[self.sources] * weights, self.targets, self.n, indices_are_sorted=True
        )
        return at * staying + arriving

    def jumps(self, theta: Any, times: Any) -> tuple[Any, Any]:
        """Return the density of a continuous graph and its derivative by time."""
        import jax
        import jax.numpy as jnp

        kind = theta.dtype
        weights, exits, leaving, can_be = self.rates(theta)
        clock = jax.lax.stop_gradient(jnp.where(can_be, leaving.max(), 1.0))
        clock = jnp.where(clock > 0.0, clock, 1.0)
        within = jnp.where(jnp.asarray(self.leads_out), 0.0, weights)
        # S s, by which the density changes in time.
        onwards = jnp.zeros(self.n, kind).at[self.sources].add(within * exits[self.targets]) - leaving * exits
        onwards = jax.lax.stop_gradient(onwards)  # second derivatives are not asked for
        within, staying = within / clock, 1.0 - leaving / clock
        highest = jax.lax.stop_gradient(exits).max()
        reached = (times >= 0.0) & (times < jnp.inf)
        x = jax.lax.stop_gradient(jnp.where(reached, times, 0.0)) * clock
        digit = jnp.finfo(kind).eps / 16.0

        hopeless = x + 10.0 * jnp.sqrt(x) > MOST_JUMPS  # not worth a walk
        over = ~reached | hopeless | ~can_be

        def going(carry: Any) -> Any:
            return (carry[0] < MOST_JUMPS) & ~(carry[-1] | over).all()

        def body(carry: Any) -> Any:
            jump, at, weight, total, value, change, _ = carry
            value = value + weight * (at @ exits)
            change = change + weight * (jax.lax.stop_gradient(at) @ onwards)
            total = total + weight
            at = self.moved(at, within, staying)
            number = (jump + 1).astype(kind)
            weight = weight * (x / number)
            high = weight > _HIGH
            factor = jnp.where(high, 1.0 / _HIGH, 1.0)
            weight, total, value, change = (part * factor for part in (weight, total, value, change))
            # All later weights are below a geometric series, all later exits below the highest one; a
            # derivative of a term has at most as many more factors as there were jumps.
            ratio = x / (number + 1.0)
            later = weight / jnp.where(ratio < 1.0, 1.0 - ratio, 1.0) * number
            mass = jax.lax.stop_gradient(at).sum()
            so_far = jax.lax.stop_gradient(value)
            done = (ratio < 1.0) & (later <= digit * total) & (later * highest * mass <= digit * so_far)
            return jump + 1, at, weight, total, value, change, done

        start = jnp.asarray(self.alpha, kind)
        ones, none = jnp.ones_like(x), jnp.zeros_like(x)
        first = (jnp.int32(0), start, ones, none, none, none, jnp.zeros(x.shape, bool))
        *_, total, value, change, done = jax.lax.while_loop(going, body, first)
        total = jnp.where(total > 0.0, total, 1.0)  # nobody walked
        return jnp.where(reached & done & ~hopeless & can_be, value / total, jnp.nan), change / total

    def steps(self, theta: Any, times: Any) -> tuple[Any, Any]:
        """Return the probabilities of a discrete graph; derivatives by numbers of steps are not numbers."""
        import jax
        import jax.numpy as jnp

        kind = theta.dtype
        weights, exits, leaving, can_be = self.rates(theta)
        within, staying = jnp.where(jnp.asarray(self.leads_out), 0.0, weights), 1.0 - leaving
        last = jnp.where((times >= 0.0) & (times <= MOST_JUMPS), times, 0.0).max(initial=0.0)

        def going(carry: Any) -> Any:
            step, at, _ = carry
            return (step < last) & can_be & (jax.lax.stop_gradient(at).sum() > 0.0)

        def body(carry: Any) -> Any:
            step, at, value = carry
            value = value + jnp.where(times == step + 1.0, at @ exits, 0.0)
            return step + 1.0, self.moved(at, within, staying), value

        first = (
            jnp.zeros((), kind),
            jnp.asarray(self.alpha, kind),
            jnp.where(times == 0.0, self.absorbed, 0.0),
        )
        *_, value = jax.lax.while_loop(going, body, (*first[:2], first[2].astype(kind)))
        known = can_be & (times >= 0.0) & (times <= MOST_JUMPS)
        return jnp.where(known, value, jnp.nan), jnp.full_like(value, jnp.nan)
