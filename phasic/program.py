"""A callback as machine code: how it is called, made, stored and loaded."""

# mypy: allow-untyped-calls

from __future__ import annotations

import functools
import inspect
import pickle
import types
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from phasic.initial import Callback

Kind = Any
"""Type of a parameter in plain words: "int64", ("array", "float64", 2), ("tuple", "int64", "float64")."""


class NotCompiledError(Exception):
    """A callback cannot be compiled, or would mean something else; the message says why."""


class Program:
    """The exploring loop of one callback as machine code.

    Attributes
    ----------
    run : callable
        See `phasic.compiler.loop.build`.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.run: Callable[..., int] = compiled.entry_point

    def as_dict(self) -> dict[str, Any]:
        """Return the program as builtins, for storing."""
        from numba.core.serialize import dumps

        return {"machine_code": dumps(self._compiled._reduce())}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Program:
        """Return the program with this content, which is executed."""
        from numba.core.compiler import CompileResult
        from numba.core.registry import cpu_target

        from phasic.compiler import loop  # noqa: F401  (which the machine code calls)

        cpu_target.target_context.refresh()
        parts = pickle.loads(content["machine_code"])
        return cls(CompileResult._rebuild(cpu_target.target_context, *parts))


class Call(NamedTuple):
    """A callback with its parameters as compiled code is called with them.

    Attributes
    ----------
    function : function
        The plain function behind the callback.
    values : tuple
        Its arguments after the state.
    kinds : tuple of Kind
        Their types.
    """

    function: Callable[..., Any]
    values: tuple[Any, ...]
    kinds: tuple[Kind, ...]


def as_call(callback: Callback, parameters: Mapping[str, Any]) -> Call:
    """Return how compiled code calls a callback, or raise NotCompiledError."""
    given = dict(parameters)
    while isinstance(callback, functools.partial) and not callback.args:
        given = {**callback.keywords, **given}
        callback = callback.func
    if not isinstance(callback, types.FunctionType):
        raise NotCompiledError(f"it is a {type(callback).__name__} and no plain function")
    try:
        bound = inspect.signature(callback, follow_wrapped=False).bind(None, **given)
    except TypeError as error:
        raise NotCompiledError(str(error)) from None
    bound.apply_defaults()
    if bound.kwargs:
        raise NotCompiledError(f"it takes {', '.join(bound.kwargs)} by keyword only")
    # A list goes as a tuple: what compiled code can do with that means the same.
    _, *values = (_as_tuple(value) for value in bound.args)
    names = list(bound.arguments)[1:]
    kinds = tuple(_kind(name, value) for name, value in zip(names, values, strict=False))
    if len(kinds) != len(values):
        raise NotCompiledError("it takes any number of arguments")
    return Call(callback, tuple(values), kinds)


_SCALARS = {bool: "boolean", int: "int64", float: "float64", np.int64: "int64", np.float64: "float64"}


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(element) for element in value) if type(value) in (list, tuple) else value


def _kind(name: str, value: Any) -> Kind:
    kind = _SCALARS.get(type(value))
    if kind == "int64" and not -(2**63) <= value < 2**63:
        kind = None
    if value is None:
        return "none"
    if type(value) is np.ndarray and value.dtype in (np.int64, np.float64) and value.flags.c_contiguous:
        return ("array", str(value.dtype), value.ndim)
    if type(value) is tuple:
        return ("tuple", *(_kind(name, element) for element in value))
    if kind is None:
        raise NotCompiledError(
            f"its parameter {name} is a {type(value).__name__}; numbers, lists of them, and contiguous "
            f"arrays of int64 or float64 can be passed to compiled code"
        )
    return kind


def compile_callback(function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program:
    """Return the exploring loop of a callback as machine code.

    Parameters
    ----------
    function : function
        A plain function of a state and further arguments.
    kinds : tuple of Kind
        Types of the further arguments.

    Raises
    ------
    NotCompiledError
        Numba cannot compile it, or what it compiles would mean something else.
    """
    from numba.core.errors import NumbaError

    from phasic.compiler import loop

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numba's, on what is slow or will change
            compiled = loop.build(function, tuple(_numba_type(kind) for kind in kinds))
    except (NumbaError, NotImplementedError, AssertionError, KeyError, TypeError, ValueError) as error:
        raise NotCompiledError(_reason(error)) from None
    if compiled.library.has_dynamic_globals:  # addresses, which mean nothing in another process
        raise NotCompiledError("it captures an array of more than a megabyte; pass it as a parameter")
    return Program(compiled)


def _numba_type(kind: Kind) -> Any:
    from numba.core import types as numba_types

    if isinstance(kind, str):
        return getattr(numba_types, kind)
    if kind[0] == "tuple":
        return numba_types.Tuple([_numba_type(element) for element in kind[1:]])
    _, dtype, dimensions = kind
    return numba_types.Array(getattr(numba_types, dtype), dimensions, "C", readonly=True)


def _reason(error: BaseException) -> str:
    """Return what matters of a message of numba, and the line of the callback that it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [
        line for line in lines if not line.startswith(("Failed in nopython", "During:", "<source elided"))
    ]
    return " ".join(lines[:8]) or type(error).__name__


class Programs(Protocol):
    """Where programs come from."""

    def find(self, function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program | None:
        """Return the program of a callback if that is quick; raise NotCompiledError if it cannot be."""

    def make(self, function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program:
        """Return the program of a callback; see `compile_callback`."""
