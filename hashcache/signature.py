"""Bind a call to the parameters of a function: defaults filled in, spelling of the call forgotten."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from operator import is_
from typing import Any, NamedTuple

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
        self._made_of = _made_of(function)
        parameters = _parameters(function)
        unknown = sorted(set(ignore) - {parameter.name for parameter in parameters})
        if unknown:
            raise OptionError(
                f"ignore={unknown} names no parameter of {function!r}; "
                f"its parameters are {[parameter.name for parameter in parameters]}"
            )
        self.names = tuple(parameter.name for parameter in parameters if parameter.name not in ignore)
        self.bind = _binder(str(getattr(function, "__qualname__", "function")), parameters, self.names)

    def holds(self, function: Callable[..., Any]) -> bool:
        """Return whether a function is known to have the parameters and defaults that this was made of."""
        now, then = _made_of(function), self._made_of
        return now is not None and then is not None and len(now) == len(then) and all(map(is_, now, then))


def _made_of(function: Callable[..., Any]) -> tuple[Any, ...] | None:
    if type(function) is not types.FunctionType:
        return None
    keyword_defaults = function.__kwdefaults__ or {}  # which can be changed in place
    return (function.__code__, function.__defaults__, *keyword_defaults, *keyword_defaults.values())


class _Parameter(NamedTuple):
    name: str
    kind: int  # the numbers that `inspect` gives them
    default: Any


_POSITIONAL_ONLY, _POSITIONAL, _VAR_POSITIONAL, _KEYWORD_ONLY, _VAR_KEYWORD = range(5)
_NO_DEFAULT: Any = object()


def _parameters(function: Callable[..., Any]) -> list[_Parameter]:
    """Return the parameters of what is called, not of what its ``__signature__`` says it wraps.

    What a comprehension runs over has a name that no function could be written with.
    """
    if isinstance(function, types.FunctionType) and function.__code__.co_varnames[:1] != (".0",):
        return _parameters_of_code(function)
    import inspect  # which takes longer to load than a hit takes

    try:
        found = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # compiled functions often have none
        return [
            _Parameter("args", _VAR_POSITIONAL, _NO_DEFAULT),
            _Parameter("kwargs", _VAR_KEYWORD, _NO_DEFAULT),
        ]
    empty = inspect.Parameter.empty
    return [
        _Parameter(each.name, int(each.kind), _NO_DEFAULT if each.default is empty else each.default)
        for each in found
    ]


def _parameters_of_code(function: types.FunctionType) -> list[_Parameter]:
    code = function.__code__
    n_positional, n_named = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    positional, by_keyword = code.co_varnames[:n_positional], code.co_varnames[n_positional:n_named]
    stars = iter(code.co_varnames[n_named:])
    # The last parameters have the defaults, however few or many there are.
    ends = zip(reversed(positional), reversed(function.__defaults__ or ()), strict=False)
    defaults, keyword_defaults = dict(ends), function.__kwdefaults__ or {}

    def some(names: Iterable[str], kind: int, defaults: Mapping[str, Any]) -> list[_Parameter]:
        return [_Parameter(name, kind, defaults.get(name, _NO_DEFAULT)) for name in names]

    found = some(positional[: code.co_posonlyargcount], _POSITIONAL_ONLY, defaults)
    found += some(positional[code.co_posonlyargcount :], _POSITIONAL, defaults)
    if code.co_flags & _VARARGS:
        found += some([next(stars)], _VAR_POSITIONAL, {})
    found += some(by_keyword, _KEYWORD_ONLY, keyword_defaults)
    if code.co_flags & _VARKEYWORDS:
        found += some([next(stars)], _VAR_KEYWORD, {})
    return found


_VARARGS, _VARKEYWORDS = 0x04, 0x08


def _binder(name: str, parameters: list[_Parameter], kept: tuple[str, ...]) -> _Binder:
    defaults: dict[str, Any] = {}
    spelled = []
    star = False
    for place, parameter in enumerate(parameters):
        kind = parameter.kind
        text = parameter.name
        if kind == _VAR_POSITIONAL:
            text, star = f"*{text}", True
        elif kind == _VAR_KEYWORD:
            text = f"**{text}"
        elif kind == _KEYWORD_ONLY and not star:
            spelled.append("*")
            star = True
        if parameter.default is not _NO_DEFAULT:
            defaults[f"_default_{place}_"] = parameter.default
            text += f"=_default_{place}_"
        spelled.append(text)
        following = parameters[place + 1] if place + 1 < len(parameters) else None
        if kind == _POSITIONAL_ONLY and (following is None or following.kind != kind):
            spelled.append("/")
    namespace: dict[str, Any] = dict(defaults)
    body = f"({', '.join(kept)},)" if kept else "()"
    # Parameter names come from a signature, so they are identifiers and nothing else is spelled here.
    exec(f"def bind({', '.join(spelled)}): return {body}", namespace)
    bind: Any = namespace["bind"]
    bind.__name__ = bind.__qualname__ = name  # what the interpreter says when a call does not fit
    return bind  # type: ignore[no-any-return]
