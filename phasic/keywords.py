"""Other names of parameters, and parameters that have no effect here."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from phasic.errors import OptionError

_log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


def also(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets a function be called by other names of its parameters as well.

    Raises
    ------
    OptionError
        From the call, where a parameter is given by both of its names.

    Examples
    --------
    >>> @also(time="t")
    ... def half(t):
    ...     return t / 2
    >>> half(4.0), half(t=4.0), half(time=4.0)
    (2.0, 2.0, 2.0)
    """
    return _translating(names, {})


def without_effect(**reasons: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets a function be given parameters that mean nothing to it.

    They are dropped, and the reason is logged where it matters: at level INFO.

    Examples
    --------
    >>> @without_effect(use_ffi="there is one road")
    ... def half(t):
    ...     return t / 2
    >>> half(4.0, use_ffi=True)
    2.0
    """
    return _translating({}, reasons)


def _translating(
    names: Mapping[str, str], reasons: Mapping[str, str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        known = inspect.signature(function).parameters
        for name in (*names, *reasons):
            assert name not in known, f"{name} is a parameter of {function.__qualname__}"
        for name in names.values():
            assert name in known, f"{name} is no parameter of {function.__qualname__}"

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                kwargs = translated(kwargs)
            return function(*args, **kwargs)

        def translated(kwargs: dict[str, Any]) -> dict[str, Any]:
            found = {}
            for name, value in kwargs.items():
                if name in reasons:
                    _log.info("%s of %s has no effect here: %s", name, function.__qualname__, reasons[name])
                    continue
                name = names.get(name, name)
                if name in found:
                    raise OptionError(f"{name} was given by two names; pass one of {', '.join(kwargs)}")
                found[name] = value
            return found

        accepted = {*names, *reasons, *getattr(function, "__also__", ())}
        called.__also__ = frozenset(accepted)  # type: ignore[attr-defined]
        return called

    return decorate
