"""Optimisers of optax, compiled once, in float64 whatever JAX is set to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, cast

import numpy as np

from phasic import jax_programs
from phasic.arrays import Floats
from phasic.errors import OptionError
from phasic.inference.portable import copied

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
                self._step = _by_name(optimizer, learning_rate, n_steps)
            else:
                self._step = _given(copied(optimizer), copied(learning_rate), n_steps)
        except ImportError:
            raise OptionError("SVGD takes its optimisers from optax; pip install optax") from None
        self._state: Any = None

    def step(self, place: Floats, uphill: Floats) -> Floats:
        """Return the next place, of any shape, given the direction that leads uphill."""
        with in_float64():
            change, self._state = self._step(-uphill, self._state, place)
        return np.asarray(place + np.asarray(change, np.float64))


def _given(optimizer: Any, learning_rate: Any, n_steps: int) -> Callable[..., Any]:
    """Return the step of any optimiser, compiled for this process: its schedule may change while traced."""
    import jax

    return cast("Callable[..., Any]", jax.jit(_step_of(optimizer, learning_rate, n_steps)))


@functools.lru_cache(maxsize=32)  # which keeps what was compiled for the next fit
def _by_name(name: str, learning_rate: float | None, n_steps: int) -> Callable[..., Any]:
    """Return the step of an optimiser of optax, compiled once and for later processes."""
    return jax_programs.jit(_step_of(name, learning_rate, n_steps))


def _step_of(optimizer: Any, learning_rate: Any, n_steps: int) -> Callable[..., Any]:
    """Return what gives the change of a place and the next state, given None for the first one."""
    import optax

    if learning_rate is None:
        # A float, since the schedule makes one of it while it is traced, and would be another function then.
        learning_rate = optax.cosine_decay_schedule(_FIRST_RATE, float(max(1, n_steps)))
    if isinstance(optimizer, str):
        make = getattr(optax, optimizer, None)
        if not callable(make):
            raise OptionError(f"optax has no optimiser {optimizer!r}; pass a name like 'adam'")
        optimizer = make(learning_rate)
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise OptionError(f"optimizer is {optimizer!r}; pass one of optax, or its name")

    def step(downhill: Any, state: Any, place: Any) -> tuple[Any, Any]:
        # In here, so that no operation of it is compiled alone.
        known = optimizer.init(place) if state is None else state
        change, known = optimizer.update(downhill, known, place)
        return change, known

    return step
