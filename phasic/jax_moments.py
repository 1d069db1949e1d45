"""The moments of a graph as a program of JAX alone, for devices from which a call back to the host is dear.

One dense factorisation for all moments, of a matrix as large as the graph has states that are left again.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np

from phasic.arrays import GraphArrays
from phasic.jax_density import Chain

MOST_STATES = 2_000
"""Up to how many states that are left again a graph has a program: the matrix is dense."""


def has_program(arrays: GraphArrays) -> bool:
    """Return whether a graph is small enough for `moments`."""
    return int(np.count_nonzero(np.diff(arrays.offsets))) <= MOST_STATES


def moments(arrays: GraphArrays, k: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    r"""Return ``(values, slopes)``: the first `k` raw moments, and these with their derivatives by theta.

    Both are functions of JAX of theta alone, in its precision: float[k], and float[k, p] as second result of
    the second. With Q the probabilities of jumps and d the rates of leaving,

    .. math:: (I - Q) m_j = j \, m_{j-1} / d, \qquad (I - Q) m_j = (1 + \sum_{0<i<j} \binom{j}{i} P m_i) / d

    in continuous time and in steps [1]_. One LU decomposition serves all moments and all directions; it
    subtracts, where the elimination of the host does not. What is lost are up to as many digits as the number
    of jumps until the end has; and derivatives that are small beside others lose twice as many.

    Moments are infinite, and derivatives not numbers, where a state can be reached from which no absorbing
    one can; both are not numbers where a weight is negative or not finite, where one-step probabilities sum
    to more than one, and where a pivot has no two digits left.

    Parameters
    ----------
    arrays : GraphArrays
        Without epochs. Of a discrete graph the moments of the number of steps are found.
    k : int

    References
    ----------
    .. [1] M. F. Neuts, Matrix-Geometric Solutions in Stochastic Models, Johns Hopkins, 1981, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from phasic import Graph
    >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
    >>> values, _ = moments(graph._startable(), 2)
    >>> np.asarray(values(np.float32([2.0]))).tolist()
    [0.5, 0.5]
    """
    chain = Chain(arrays)
    inner = np.flatnonzero(chain.transient).astype(np.int32)
    among = np.flatnonzero(~chain.leads_out & chain.inside).astype(np.int32)
    place = np.cumsum(chain.transient, dtype=np.int32) - 1
    rows, columns = place[chain.sources[among]], place[chain.targets[among]]
    alpha = chain.alpha[inner]

    def values(theta: Any) -> Any:
        import jax
        import jax.numpy as jnp
        from jax.scipy.linalg import lu_factor, lu_solve

        kind = theta.dtype
        weights, exits, leaving, can_be = chain.rates(theta)
        weights, exits, leaving = weights[among], exits[inner], leaving[inner]
        reached = _spread(jnp.asarray(alpha > 0.0), rows, columns, weights > 0.0)
        escapes = _spread(exits > 0.0, columns, rows, weights > 0.0)
        certain = (escapes | ~reached).all()
        # What cannot be reached is taken for absorbing at once, so that the matrix can be solved.
        used = reached & escapes
        rate = jnp.where(used, leaving, 1.0)
        jump = jnp.where(used[rows], weights / rate[rows], 0.0)
        matrix = jnp.eye(alpha.size, dtype=kind).at[rows, columns].add(-jump)
        factors = lu_factor(jax.lax.stop_gradient(matrix))

        def onward(by_edge: Any, x: Any) -> Any:
            return jnp.zeros_like(x).at[rows].add(by_edge * x[columns])

        def solve(right: Any) -> Any:
            return jax.lax.custom_linear_solve(
                lambda x: x - onward(jump, x),
                jnp.where(used, right / rate, 0.0),
                lambda _, b: lu_solve(factors, b),
                lambda _, b: lu_solve(factors, b, trans=1),
            )

        found = []
        if arrays.discrete:
            one_on: list[Any] = []  # what each state expects of a moment one step on
            for order in range(1, k + 1):
                right = sum(
                    (comb(order, i) * part for i, part in enumerate(one_on, 1)), start=jnp.ones_like(exits)
                )
                found.append(solve(right))
                one_on.append((1.0 - leaving) * found[-1] + onward(weights, found[-1]))
        else:
            before = jnp.ones_like(exits)
            for order in range(1, k + 1):
                before = solve(order * before)
                found.append(before)
        raw = jnp.stack(found) @ jnp.asarray(alpha, kind)
        pivots = jnp.abs(jnp.diagonal(factors[0]))
        can_be &= ~certain | (pivots.min(initial=1.0) > 100.0 * jnp.finfo(kind).eps)
        return jnp.where(can_be, jnp.where(certain, raw, jnp.inf), jnp.nan)

    def slopes(theta: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def once(theta: Any) -> Any:
            found = values(theta)
            return found, found

        table, found = jax.jacfwd(once, has_aux=True)(theta)
        return found, jnp.where(jnp.isfinite(found)[:, None], table, jnp.nan)

    return values, slopes


def _spread(marked: Any, sources: Any, targets: Any, open_: Any) -> Any:
    """Return `marked`, bool[n], and all that open edges lead to from there."""
    import jax
    import jax.numpy as jnp

    def body(carry: Any) -> Any:
        before, _ = carry
        after = before.at[targets].max(before[sources] & open_)
        return after, (after != before).any()

    return jax.lax.while_loop(lambda carry: carry[1], body, (marked, jnp.bool_(True)))[0]
