"""Where a chain starts: initial probability vectors and the decorator that attaches one."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from phasic.errors import CallbackError, GraphError

Callback = Callable[..., Iterable[Any]]
Initial = tuple[tuple[tuple[int, ...], float], ...]
"""Initial states and their probabilities, normalised by `parse_ipv`."""

_IPV = "__phasic_ipv__"


def with_ipv(ipv: Any) -> Callable[[Callback], Callback]:
    """Return a decorator that attaches the initial probability vector `ipv` to a callback.

    ``Graph(with_ipv(ipv)(f))`` equals ``Graph(f, ipv=ipv)``.

    Examples
    --------
    >>> @with_ipv([3])
    ... def chain(state):
    ...     return [([state[0] - 1], 2.0)] if state[0] > 0 else []
    >>> chain([1])
    [([0], 2.0)]
    """
    parse_ipv(ipv)

    def decorate(callback: Callback) -> Callback:
        if not callable(callback):
            raise CallbackError(f"with_ipv decorates a callback, not {callback!r}")
        if hasattr(callback, _IPV):
            raise GraphError("the callback has an initial probability vector already; decorate it once")

        # A wrapper, not an attribute of the callback: one callback can be given two vectors.
        @functools.wraps(callback)
        def decorated(*args: Any, **kwargs: Any) -> Iterable[Any]:
            return callback(*args, **kwargs)

        setattr(decorated, _IPV, (ipv, callback))
        return decorated

    return decorate


def undecorated(callback: Callback, ipv: Any) -> tuple[Callback, Initial]:
    """Return the bare callback and its initial states, wherever these were given."""
    attached: tuple[Any, Callback] | None = getattr(callback, _IPV, None)
    if attached is None:
        if ipv is None:
            raise GraphError(
                "no initial probability vector: pass ipv=, or decorate the callback with @with_ipv(...)"
            )
        return callback, parse_ipv(ipv)
    if ipv is not None:
        raise GraphError("the callback has an initial probability vector already; leave out ipv=")
    ipv, bare = attached
    # A wrapper put around the decorated callback has copied the attribute, and must not be skipped.
    return (bare if getattr(callback, "__wrapped__", None) is bare else callback), parse_ipv(ipv)


def parse_ipv(ipv: Any) -> Initial:
    """Return initial states and probabilities from one state, ``[4, 0]``, or pairs ``[[[4, 0], 0.5], ...]``.

    Raises
    ------
    GraphError
        `ipv` is neither, is empty, names a state twice, or has probabilities that are negative, not
        finite, or sum to more than one.
    """
    if not isinstance(ipv, list | tuple):
        raise GraphError(
            f"ipv is {ipv!r}; pass a list: one state, like [4, 0], or pairs [[state, probability], ...]"
        )
    if not ipv:
        raise GraphError("ipv is empty; pass one state, like [4, 0], or pairs [[state, probability], ...]")
    if not any(isinstance(entry, list | tuple | np.ndarray) for entry in ipv):
        return ((_initial_state(ipv), 1.0),)
    initial: dict[tuple[int, ...], float] = {}
    for entry in ipv:
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise GraphError(f"ipv has the entry {entry!r}; every entry must be a pair [state, probability]")
        state = _initial_state(entry[0])
        if state in initial:
            raise GraphError(f"ipv names the state {list(state)} twice; add up its probabilities")
        if initial and len(state) != len(next(iter(initial))):
            raise GraphError(
                f"ipv has states of different length: {list(next(iter(initial)))}, {list(state)}; give "
                f"every state as many entries"
            )
        try:
            initial[state] = float(entry[1])
        except (TypeError, ValueError):
            raise GraphError(
                f"ipv gives the state {list(state)} the probability {entry[1]!r}, which is no number"
            ) from None
    check_probabilities(list(initial.values()), list(initial))
    return tuple(initial.items())


def check_probabilities(weights: Sequence[float], states: Sequence[Iterable[int]]) -> None:
    """Raise GraphError unless `weights` can be the probabilities of starting in `states`."""
    for weight, state in zip(weights, states, strict=True):
        if not 0.0 <= weight < math.inf:
            raise GraphError(
                f"the initial probability of state {list(state)} is {weight:g}; it must lie between 0 and 1"
            )
    total = math.fsum(weights)
    if total > 1.0 + 1e-9:
        raise GraphError(
            f"initial probabilities sum to {total:.12g}, more than one; divide them by their sum, "
            f"or leave mass out to start absorbed with the rest"
        )


def _initial_state(state: Any) -> tuple[int, ...]:
    if not isinstance(state, list | tuple | np.ndarray) or len(state) == 0:
        raise GraphError(f"ipv has {state!r} in place of a state; a state is a list of integers")
    if not all(isinstance(entry, int | np.integer) for entry in state):
        raise GraphError(f"ipv has the state {list(state)!r}; a state is a list of integers")
    return tuple(int(entry) for entry in state)
