"""Expected rewards without elimination, for graphs whose factors would not fit into memory.

Memory stays that of the edges and some forty vectors. How long it takes depends on the chain; what comes
back is within a proven bound, or not at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import AbsorptionError, GraphError, PhasicError
from phasic.trace import Indices, Offsets

_BASIS = 30  # vectors that GMRES keeps before it starts again
_ROUNDS = 1000
_PATIENCE = 50  # rounds in which the rest has to halve


class Bounded(NamedTuple):
    """A number, and how far the truth is from it at most."""

    value: float
    error: float


def expectation(
    offsets: NDArray[np.integer],
    targets: NDArray[np.integer],
    weights: Floats,
    alpha: Floats,
    rewards: ArrayLike | None = None,
    tolerance: float = 1e-8,
) -> Bounded:
    r"""Return the expected reward until absorption and a bound on its error.

    GMRES [1]_, preconditioned by a Gauss-Seidel sweep from sinks to sources. The bound does not rest on
    its convergence. Where x is an approximation to the expected times and the rest r of the equations,
    :math:`1 + S x`, is nowhere larger than :math:`\theta < 1`, rounding included, then x satisfies
    :math:`(1-\theta) 1 \le -S x \le (1+\theta) 1`; and since the inverse of -S is non-negative [2]_, the
    truth lies between :math:`x/(1+\theta)` and :math:`x/(1-\theta)`. For other rewards, such an x times the
    largest rest over :math:`1-\theta` bounds the error.

    Parameters
    ----------
    offsets, targets : int64[n + 1], int[m]
        Edges by source; vertices without edges absorb.
    weights : float64[m]
        Rates, or one-step probabilities.
    alpha : float64[n]
        Initial probability of each vertex.
    rewards : float64[n], optional
        Reward per unit time or step in each vertex; default one.
    tolerance : float
        Largest error in proportion to the expected reward, or where rewards have both signs, to the
        expected time times the largest of them. Rounding alone makes for some
        1e-14 times the largest exit rate times the longest expected time.

    Raises
    ------
    AbsorptionError
        Absorption is not certain.
    PhasicError
        The bound did not come below the tolerance.

    References
    ----------
    .. [1] Y. Saad and M. H. Schultz, SIAM J. Sci. Stat. Comput. 7 (1986).
    .. [2] A. Berman and R. J. Plemmons, Nonnegative Matrices in the Mathematical Sciences, SIAM (1994).
    """
    chain = _Chain.reached(np.asarray(offsets, np.int64), np.asarray(targets, np.int32), weights, alpha)
    times, rest = _solved(chain, np.where(chain.active, 1.0, 0.0), min(tolerance / 2.0, 1e-2))
    lasting = float(alpha @ times)
    if rewards is None:
        return Bounded(lasting, lasting * rest / (1.0 - rest))
    r = np.array(rewards, dtype=np.float64)
    if r.shape != alpha.shape or not np.isfinite(r).all():
        raise GraphError(f"rewards have shape {r.shape}; pass {alpha.size} finite numbers")
    r[~chain.active] = 0.0
    largest = float(np.abs(r).max(initial=0.0))
    if largest == 0.0:
        return Bounded(0.0, 0.0)
    size = largest
    if (r >= 0.0).all() or (r <= 0.0).all():
        size = abs(float(alpha @ _solved(chain, r / largest, 1e-2)[0])) * largest / max(lasting, 1e-300)
        size = min(size, largest)
    x, rest_r = _solved(chain, r / largest, tolerance / 2.0 * size / largest)
    return Bounded(float(alpha @ x) * largest, rest_r * largest * lasting / (1.0 - rest))


class _Chain(NamedTuple):
    """The equations of the states that can be reached."""

    offsets: Offsets
    targets: Indices
    weights: Floats
    order: Indices
    active: NDArray[np.bool_]

    @classmethod
    def reached(cls, offsets: Offsets, targets: Indices, weights: Floats, alpha: Floats) -> _Chain:
        from phasic.kernels.structure import components, reach

        n = offsets.size - 1
        reached = alpha > 0.0
        reach(offsets, targets, weights > 0.0, reached)
        absorbing = np.diff(offsets) == 0
        backwards = np.argsort(targets, kind="stable")
        source = np.repeat(np.arange(n, dtype=np.int32), np.diff(offsets))[backwards]
        arriving = np.concatenate([[0], np.cumsum(np.bincount(targets, minlength=n))])
        safe = absorbing.copy()
        reach(arriving, source, weights[backwards] > 0.0, safe)
        trapped = np.flatnonzero(reached & ~safe)
        if trapped.size:
            vertex = int(trapped[0])
            raise AbsorptionError(
                f"absorption is not certain from vertex {vertex}, so its expected time is infinite; "
                f"give every state that can be reached a way to an absorbing one",
                vertex=vertex,
            )
        order, bounds = np.empty(n, np.int32), np.empty(n + 1, np.int32)
        found = components(offsets, targets, order, bounds)
        order = order[: bounds[found]]
        active = reached & ~absorbing
        return cls(offsets, targets, np.asarray(weights, np.float64), order[active[order]].copy(), active)

    def swept(self, rewards: Floats) -> Floats:
        """Return one sweep from zero: the preconditioner."""
        from phasic.kernels.sweeping import sweep

        x = np.zeros(rewards.size)
        sweep(self.offsets, self.targets, self.weights, self.order, rewards, x)
        return x

    def rest(self, rewards: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Return ``rewards + S x`` and a bound on rounding errors in it."""
        from phasic.kernels.sweeping import residual

        rest, margin = np.zeros(x.size), np.zeros(x.size)
        residual(self.offsets, self.targets, self.weights, self.order, rewards, x, rest, margin)
        return rest, margin


def _solved(chain: _Chain, rewards: Floats, tolerance: float) -> tuple[Floats, float]:
    """Return x and the largest entry of ``rewards + S x``, rounding included, once below `tolerance`."""
    x = chain.swept(rewards)
    before = np.inf
    for attempt in range(_ROUNDS):
        rest, margin = chain.rest(rewards, x)
        largest = float((np.abs(rest) + margin).max(initial=0.0))
        if largest <= tolerance:
            return x, largest
        if not np.abs(rest).max(initial=0.0) > 0.1 * margin.max(initial=0.0):
            break  # what is left is rounding
        if attempt % _PATIENCE == 0:
            if not largest < 0.5 * before:
                break
            before = largest
        x = x + _cycle(chain, rest)
    raise PhasicError(
        f"iteration came to equations that hold up to {largest:.1e} of a unit of reward, not "
        f"{tolerance:.1e}; choose a larger tolerance, reduce the state space, or sample instead"
    )


def _cycle(chain: _Chain, rest: Floats) -> Floats:
    """Return the correction of one cycle of GMRES, preconditioned from the right."""
    norm = float(np.linalg.norm(rest))
    basis, swept = [rest / norm], []
    heights = np.zeros((_BASIS + 1, _BASIS))
    for j in range(_BASIS):
        swept.append(chain.swept(basis[j]))
        image = -chain.rest(np.zeros(rest.size), swept[j])[0]
        for i, vector in enumerate(basis):
            heights[i, j] = vector @ image
            image -= heights[i, j] * vector
        heights[j + 1, j] = np.linalg.norm(image)
        if heights[j + 1, j] <= 1e-14 * abs(heights[: j + 1, j]).max():
            break
        basis.append(image / heights[j + 1, j])
    size = len(swept)
    target = np.zeros(size + 1)
    target[0] = norm
    shares = np.linalg.lstsq(heights[: size + 1, :size], target, rcond=None)[0]
    return np.asarray(sum(share * vector for share, vector in zip(shares, swept, strict=True)))
