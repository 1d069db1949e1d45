"""Bind a call to the parameters of a function: defaults filled in, spelling of the call forgotten."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from hashcache.errors import OptionError

_Binder = Callable[..., tuple[Any, ...]]


class Signature:
    """The parameters of a function, prepared once for binding many calls.

    `bind` is a function generated with the very same parameters, so that the interpreter itself does
    the binding (0.1 us, against 12 for `inspect.Signature.bind`) and raises what the function would.

    Parameters
    ----------
    function : callable
    ignore : tuple of str
        Parameters that take no part in keys.

    Raises
    ------
    OptionError
        `ignore` names a parameter that the function does not have.

    Examples
    --------
    >>> def power(x, n=2, *, verbose=False): ...
    >>> Signature(power, ignore=("verbose",)).bind(3, verbose=True)
    (3, 2)
    """

    def __init__(self, function: Callable[..., Any], ignore: tuple[str, ...] = ()) -> None:
        try:
            parameters = list(inspect.signature(_bare(function), follow_wrapped=False).parameters.values())
        except (TypeError, ValueError):  # compiled functions often have none
            parameters = [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        unknown = sorted(set(ignore) - {parameter.name for parameter in parameters})
        if unknown:
            raise OptionError(
                f"ignore={unknown} names no parameter of {function!r}; "
                f"its parameters are {[parameter.name for parameter in parameters]}"
            )
        self.names = tuple(parameter.name for parameter in parameters if parameter.name not in ignore)
        self.bind = _binder(str(getattr(function, "__qualname__", "function")), parameters, self.names)


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that is called, not the one that its ``__signature__`` says it wraps."""
    if not isinstance(function, types.FunctionType):
        return function
    code, names = function.__code__, function.__globals__
    bare = types.FunctionType(code, names, None, function.__defaults__, function.__closure__)
    bare.__kwdefaults__ = function.__kwdefaults__
    return bare


def _binder(name: str, parameters: list[inspect.Parameter], kept: tuple[str, ...]) -> _Binder:
    defaults: dict[str, Any] = {}
    spelled = []
    star = False
    for place, parameter in enumerate(parameters):
        kind = parameter.kind
        text = parameter.name
        if kind is inspect.Parameter.VAR_POSITIONAL:
            text, star = f"*{text}", True
        elif kind is inspect.Parameter.VAR_KEYWORD:
            text = f"**{text}"
        elif kind is inspect.Parameter.KEYWORD_ONLY and not star:
            spelled.append("*")
            star = True
        if parameter.default is not inspect.Parameter.empty:
            defaults[f"_default_{place}_"] = parameter.default
            text += f"=_default_{place}_"
        spelled.append(text)
        following = parameters[place + 1] if place + 1 < len(parameters) else None
        if kind is inspect.Parameter.POSITIONAL_ONLY and (following is None or following.kind is not kind):
            spelled.append("/")
    namespace: dict[str, Any] = dict(defaults)
    body = f"({', '.join(kept)},)" if kept else "()"
    # Parameter names come from a signature, so they are identifiers and nothing else is spelled here.
    exec(f"def bind({', '.join(spelled)}): return {body}", namespace)
    bind: Any = namespace["bind"]
    bind.__name__ = bind.__qualname__ = name  # what the interpreter says when a call does not fit
    return bind  # type: ignore[no-any-return]
