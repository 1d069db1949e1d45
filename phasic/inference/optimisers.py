"""Optimisers of optax, compiled once, in float64 whatever JAX is set to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

import numpy as np

from phasic.arrays import Floats
from phasic.errors import OptionError

_FIRST_RATE = 0.1


def in_float64() -> AbstractContextManager[Any]:
    """Return a context in which this thread of JAX computes in float64; outside, nothing changes."""
    import jax

    # Where older versions of JAX have it.
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else import_module("jax.experimental").enable_x64
    context: AbstractContextManager[Any] = switch(True)
    return context


class Optimiser:
    """A walk uphill, step by step.

    Parameters
    ----------
    optimizer : str or optax.GradientTransformation
        An optimiser of optax, or the name of one, which takes the learning rate.
    learning_rate : float or callable, optional
        A number, or a schedule of optax. By default it falls from 0.1 to nothing over `n_steps`, as half a
        cosine.
    n_steps : int

    Raises
    ------
    OptionError
        optax has no such optimiser, or is not installed.
    """

    def __init__(self, optimizer: Any, learning_rate: Any, n_steps: int) -> None:
        try:
            if isinstance(optimizer, str) and isinstance(learning_rate, int | float | None):
                self._optimizer, self._update = _by_name(optimizer, learning_rate, n_steps)
            else:
                self._optimizer, self._update = _compiled(optimizer, learning_rate, n_steps)
        except ImportError:
            raise OptionError("SVGD takes its optimisers from optax; pip install optax") from None
        self._state: Any = None

    def step(self, place: Floats, uphill: Floats) -> Floats:
        """Return the next place, of any shape, given the direction that leads uphill."""
        with in_float64():
            if self._state is None:
                self._state = self._optimizer.init(place)
            change, self._state = self._update(-uphill, self._state, place)
        return np.asarray(place + np.asarray(change, np.float64))


def _compiled(optimizer: Any, learning_rate: Any, n_steps: int) -> tuple[Any, Callable[..., Any]]:
    """Return an optimiser, and its update as a compiled function."""
    import jax
    import optax

    if learning_rate is None:
        learning_rate = optax.cosine_decay_schedule(_FIRST_RATE, max(1, n_steps))
    if isinstance(optimizer, str):
        make = getattr(optax, optimizer, None)
        if not callable(make):
            raise OptionError(f"optax has no optimiser {optimizer!r}; pass a name like 'adam'")
        optimizer = make(learning_rate)
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise OptionError(f"optimizer is {optimizer!r}; pass one of optax, or its name")
    return optimizer, jax.jit(optimizer.update)


_by_name = functools.lru_cache(maxsize=32)(_compiled)  # which keeps what was compiled for the next fit
