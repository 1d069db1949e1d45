"""Optimisers of optax under other names and with other names of their parameters.

`optimizer=` of `Graph.svgd` takes any optimiser of optax; these are for scripts that were written for the
C++ package of this name. A step is measured in standard deviations of the posterior there.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from phasic.errors import OptionError


def Adam(learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Any:
    """Return ``optax.adam``.

    Examples
    --------
    >>> optimiser = Adam(learning_rate=0.1)
    >>> hasattr(optimiser, "update")
    True
    """
    return _optax().adam(learning_rate, b1=beta1, b2=beta2, eps=epsilon)


def Adamelia(
    learning_rate: Any = 0.3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    oscillation_threshold: float = 0.3,
    patience: int = 3,
    lr_reduction_factor: float = 0.5,
    min_lr: float = 1e-6,
    verbose: bool = False,
    jitter_scale: float = 0.1,
    jitter_on_oscillation: bool = True,
    seed: int | None = None,
) -> Any:
    """Return ``optax.adam`` whose steps shrink when particles go to and fro.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        Of Adam.
    oscillation_threshold : float
        Share of coordinates that turn round in a step, from which on it counts as going to and fro.
    patience : int
        So many such steps in a row make steps smaller.
    lr_reduction_factor : float
        By this factor.
    min_lr : float
        Steps get no smaller than this; a share of the first ones, where `learning_rate` is a schedule.
    verbose, jitter_scale, jitter_on_oscillation, seed
        Have no effect: the kernel keeps particles apart.
    """
    optax = _optax()
    first = float(learning_rate) if isinstance(learning_rate, int | float) else 1.0
    damping = _damped(oscillation_threshold, patience, lr_reduction_factor, min_lr / first)
    return optax.chain(Adam(learning_rate, beta1, beta2, epsilon), damping)


def SGDMomentum(learning_rate: Any = 0.01, momentum: float = 0.9, max_velocity: float | None = 1.0) -> Any:
    """Return steps along a mean of directions, each entry of it no larger than `max_velocity`."""
    optax = _optax()
    bound = [] if max_velocity is None else [optax.clip(max_velocity)]
    return optax.chain(optax.trace(momentum), *bound, optax.scale_by_learning_rate(learning_rate))


def RMSprop(learning_rate: Any = 0.001, decay: float = 0.99, epsilon: float = 1e-8) -> Any:
    """Return ``optax.rmsprop``."""
    return _optax().rmsprop(learning_rate, decay=decay, eps=epsilon)


def Adagrad(learning_rate: Any = 0.01, epsilon: float = 1e-8) -> Any:
    """Return ``optax.adagrad``, which starts from nothing."""
    return _optax().adagrad(learning_rate, initial_accumulator_value=0.0, eps=epsilon)


class _Turns(NamedTuple):
    """Of the steps so far: the last one, how many in a row went to and fro, and by how much they shrank."""

    last: Any
    count: Any
    scale: Any


def _damped(threshold: float, patience: int, factor: float, least: float) -> Any:
    import jax.numpy as jnp

    def init(place: Any) -> _Turns:
        return _Turns(jnp.zeros_like(place), jnp.zeros((), jnp.int32), jnp.ones((), jnp.asarray(place).dtype))

    def update(step: Any, turns: _Turns, place: Any = None) -> tuple[Any, _Turns]:
        turning = jnp.mean((step * turns.last < 0.0).astype(step.dtype))
        count = jnp.where(turning > threshold, turns.count + 1, 0)
        shrink = count >= patience
        scale = jnp.where(shrink, jnp.maximum(turns.scale * factor, least), turns.scale)
        return scale * step, _Turns(step, jnp.where(shrink, 0, count), scale.astype(turns.scale.dtype))

    return _optax().GradientTransformation(init, update)


def _optax() -> Any:
    try:
        return importlib.import_module("optax")
    except ImportError:
        raise OptionError("optimisers are those of optax; pip install optax") from None


def __getattr__(name: str) -> Any:
    """Return an optimiser of optax by its name there after ``optax_``."""
    if name.startswith("optax_") and hasattr(_optax(), name.removeprefix("optax_")):
        return getattr(_optax(), name.removeprefix("optax_"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
