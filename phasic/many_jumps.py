"""Values after many jumps: by doubling of intervals, by a contour that checks itself, or by walking on.

How few are walked as a matter of course is in `phasic.prepared`, and when these are asked in
`phasic.question`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from phasic import contour, doubling, uniformisation
from phasic.arrays import Floats
from phasic.contour import Complex, Known
from phasic.errors import PhasicError
from phasic.inversion import Kind
from phasic.prepared import Prepared

TOLERANCE = 1e-10
"""Error, as a share of the largest value, beyond which an answer is computed in another way."""

LEAST = 1e-290
"""Below, a density or survival is held in logarithms."""

MOST = 1e15
"""Jumps beyond which numbers in an inversion have too different sizes."""

_MANY_STATES = 2500  # doubling up to so many, after trying a contour
_LAST_RESORT = 2e11  # visits to edges that are still walked where all else fails
_INVISIBLE = 1e-13  # survival that an untilted contour cannot tell from none
_ROUNDING = float(np.finfo(np.float64).eps)


def walked(prepared: Prepared, kind: Kind, times: Floats) -> tuple[Floats, Floats]:
    """Return values by following the jumps one by one, and their errors."""
    value = getattr(uniformisation, f"steps_{kind}" if prepared.discrete else kind)(prepared.chain, times)
    return value, value * _ROUNDING * (64.0 + prepared.chain.clock * times)


def doubled(prepared: Prepared, kind: Kind, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Return values by doubling of intervals, their errors, and the logarithm of a factor of both."""
    chain = prepared.chain
    one_earlier = kind == "pdf" and chain.discrete
    state, exponents, absorbed = doubling.doubled_far(
        chain, times - 1.0 if one_earlier else times, split=False
    )
    log = exponents * np.log(2.0)
    left = state.sum(axis=1)
    if kind == "cdf":
        value, log = chain.completed(absorbed[:, 0], doubling.scaled(left, exponents)), 0.0 * log
    else:
        value = np.asarray(state @ chain.exits[chain.transient] if kind == "pdf" else left)
    if (value < LEAST).any() and value.dtype == np.longdouble:
        with np.errstate(divide="ignore"):
            digits = np.where(value > 0.0, np.frexp(value)[1], 0)
        value, log = np.ldexp(value, -digits), log + digits * np.log(2.0)
    value = value.astype(np.float64)
    return value, value * 1e-11, log


def values(prepared: Prepared, kind: Kind, times: Floats, relative: bool) -> tuple[Floats, Floats, Floats]:
    """Return values after many jumps, their errors, and the logarithm of a factor of both.

    With `relative`, small values are as accurate as large ones where that is feasible.
    """
    times = _countable(prepared, times)
    scale = prepared.density_scale if kind == "pdf" else prepared.chain.total
    by_doubling, walking = partial(doubled, prepared, kind), partial(walked, prepared, kind)

    def inverting() -> tuple[Floats, float]:
        tried = prepared.clock_is_moderate and prepared.jumps(times).max() < MOST
        if prepared.halfwidth == 0.0 and tried and prepared.worth_inverting(times):
            return np.zeros(times.size), np.inf  # contours of the same kind have failed already
        return _inverted(prepared, kind, times, 0.0)

    found = _by_what_works(prepared, times, scale, inverting, by_doubling, walking)
    if relative and kind != "cdf":
        value, error, _ = found
        far = (times > prepared.mean) & ~(error <= TOLERANCE * value)
        if far.any():
            _far(prepared, kind, times, far, found)
    return found


def state_probabilities(prepared: Prepared, times: Floats) -> Floats:
    """Return the probability of being in each vertex of the chain, float64[k, c]."""
    chain, times = prepared.chain, _countable(prepared, times)
    resolvent = contour.Resolvent(prepared.trace, prepared.weights)
    walking = partial(uniformisation.state_probabilities, chain)

    def inverting() -> tuple[Floats, float]:
        return _checked(
            prepared,
            lambda s: resolvent.visited(s, prepared.alpha)[chain.vertices],
            times,
            chain.total,
            walking,
        )

    def by_doubling(late: Floats) -> tuple[Floats, Floats, Floats]:
        state, absorbed = doubling.doubled(chain, late, split=True)
        values = np.empty((late.size, chain.vertices.size))
        values[:, chain.transient], values[:, ~chain.transient] = state, absorbed
        return values, values, values

    return _by_what_works(
        prepared, times, chain.total, inverting, by_doubling, lambda late: (walking(late), late)
    )[0]


def _far(
    prepared: Prepared,
    kind: Kind,
    times: Floats,
    far: NDArray[np.bool_],
    found: tuple[Floats, Floats, Floats],
) -> None:
    """Improve on small values late: what is inverted is their ratio to an exponential fall."""
    which, decay = np.flatnonzero(far), prepared.decay
    if not prepared.discrete and decay * prepared.limit_of_walking < 500.0 * prepared.chain.clock:
        value, least = _inverted(prepared, kind, times[which], decay)
        error = least + 16.0 * _ROUNDING * prepared.chain.clock * times[which] * np.abs(value)
        good = error <= TOLERANCE * value
        for array, part in zip(found, (value, error, -decay * times[which]), strict=True):
            array[which[good]] = part[good]
        which = which[~good]
    if which.size and int(prepared.chain.transient.sum()) <= _MANY_STATES:
        for array, part in zip(found, doubled(prepared, kind, times[which]), strict=True):
            array[which] = part


def _inverted(prepared: Prepared, kind: Kind, times: Floats, decay: float) -> tuple[Floats, float]:
    """Return values times ``exp(decay t)`` by an inverse transform, and how far off they may be."""
    resolvent = contour.Resolvent(prepared.trace, prepared.weights)
    moving = np.where(prepared.trace.position >= 0, 1.0, 0.0)
    rewards = prepared.exits if kind == "pdf" else moving
    scale = prepared.density_scale if kind == "pdf" else prepared.chain.total

    def early(moments: Floats) -> Floats:
        known = walked(prepared, "pdf" if kind == "pdf" else "survival", moments)[0]
        return (known * np.exp(decay * moments))[:, None]

    values, error = _checked(
        prepared, lambda s: resolvent.collected(s - decay, rewards, prepared.alpha), times, scale, early
    )
    value = values[:, 0]
    if decay:
        return value, error
    if kind == "pdf":
        return np.maximum(value, 0.0), error
    value[np.abs(value) < _INVISIBLE * scale] = 0.0
    value = np.clip(value, 0.0, scale)
    return (scale - value if kind == "cdf" else value), error


def _countable(prepared: Prepared, times: Floats) -> Floats:
    """Return `times`, the longest replaced by earlier ones where that makes no difference."""
    last = 0.5 * doubling.MANY / prepared.chain.clock
    if prepared.mean < 1e-13 * last:
        return np.minimum(times, last)
    if prepared.chain.widest is np.longdouble or not (times > last).any():
        return times
    moving = prepared.chain.total - prepared.limit
    left = values(prepared, "survival", np.array([last]), relative=False)[0][0]
    if left > moving + _INVISIBLE * prepared.chain.total:
        raise PhasicError(
            f"the states jump more than {doubling.MANY:g} times until then, which is followed for up to "
            f"{uniformisation.FEW_STATES} states in extended precision; ask for earlier times"
        )
    return np.minimum(times, last)


def _checked(
    prepared: Prepared,
    transform: Callable[[complex], Complex],
    times: Floats,
    scale: float,
    early: Callable[[Floats], Floats],
) -> tuple[Floats, float]:
    """Invert a transform; what is walked anyway tells at its last moments whether that is believed."""
    moments = contour.PROBES * (prepared.limit_of_walking / prepared.chain.clock)
    return contour.invert(transform, times, scale, Known(moments, early(moments)))


def _by_what_works(
    prepared: Prepared,
    times: Floats,
    scale: float,
    inverting: Callable[[], tuple[Floats, float]],
    by_doubling: Callable[[Floats], tuple[Floats, Floats, Floats]],
    walking: Callable[[Floats], tuple[Floats, Floats]],
) -> tuple[Floats, Floats, Floats]:
    """Return values and errors by the first method that is exact and feasible.

    And the logarithm of a factor of both, which is one but for small values by doubling.
    """
    log = np.zeros(times.size)
    chain = prepared.chain
    n_states = int(chain.transient.sum())
    error = np.inf
    if not chain.discrete and not prepared.few_states:
        values, error = inverting()
        if error <= TOLERANCE * scale:
            return values, np.full(values.shape, error), log
    jumps = float(prepared.jumps(times).max())
    if n_states <= _MANY_STATES:
        return by_doubling(times)
    if jumps * chain.targets.size <= _LAST_RESORT:
        return (*walking(times), log)
    if not error <= 1e-8 * scale:
        raise PhasicError(
            f"the {n_states} states jump up to {jumps:.2g} times until then, and no method is both "
            f"exact and feasible; ask for earlier times, or for fewer states"
        )
    return values, np.full(values.shape, error), log
