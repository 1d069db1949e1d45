"""Callbacks in terms that numba knows, or a refusal of what must not be compiled."""

# Numba is typed here and there only.
# mypy: allow-untyped-calls, no-warn-unused-ignores, no-warn-return-any
# mypy: disable-error-code="attr-defined, call-arg, assignment"

from __future__ import annotations

import builtins
import math
import random
import types as python_types
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.errors import NumbaError, UnsupportedError
from numba.core.registry import cpu_target
from numba.core.typed_passes import NativeLowering
from numba.core.untyped_passes import InlineClosureLikes

from phasic.compiler.checking import CheckedLowering


def _comb(n: int, k: int) -> int:
    if n < 0 or k < 0:
        raise ValueError("comb takes no negative number")
    result = 1
    for i in range(min(k, n - k)):
        result = result * (n - i) // (i + 1)
    return result if k <= n else 0


def _any(values: Any) -> bool:
    for value in values:  # noqa: SIM110  (numba has no any)
        if value:
            return True
    return False


def _all(values: Any) -> bool:
    for value in values:  # noqa: SIM110
        if not value:
            return False
    return True


def _listed(values: Any) -> Any:
    return [value for value in values]


_SUBSTITUTES: dict[Any, Callable[..., Any]] = {math.comb: _comb, builtins.any: _any, builtins.all: _all}
# What another run, or the order of states, would change.
_REFUSED: tuple[Any, ...] = (builtins.print, builtins.input, builtins.open, random, np.random)
_SOURCES = (random.Random, np.random.RandomState, np.random.Generator)
_NAMED = (type, python_types.FunctionType, python_types.BuiltinFunctionType, python_types.ModuleType)
_DTYPES: dict[Any, Any] = {int: np.int64, float: np.float64, bool: np.bool_}
_jitted: dict[Any, Any] = {}


def _unpacker(count: int) -> Callable[..., Any]:
    """Return a function that makes a tuple of `count` elements out of a list, array or tuple."""
    elements = "".join(f"values[{place}], " for place in range(count))
    check = f"    if len(values) != {count}:\n        raise ValueError\n"
    text = f"def unpack(values):\n{check}    return ({elements})\n"
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(text, namespace)
    function: Callable[..., Any] = namespace["unpack"]
    return function


def _own(name: str, function: Callable[..., Any]) -> Any:
    """Return a function of this module, compiled like a callback; one dispatcher for all of them."""
    if name not in _jitted:
        _jitted[name] = checked(function)
    return _jitted[name]


def _as_tuple(values: Any) -> Any:
    return tuple(_as_tuple(value) for value in values) if isinstance(values, list) else values


def _is_known(value: Any) -> bool:
    context = cpu_target.typing_context
    context.refresh()
    try:
        context.resolve_value_type(value)
    except (NumbaError, ValueError):
        return False
    return True


@register_pass(mutates_CFG=False, analysis_only=False)
class _Translate(FunctionPass):  # type: ignore[misc]
    """Put what numba knows in the place of what it does not, and refuse what must not be compiled."""

    _name = "phasic_translate"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        func_ir = state.func_ir
        values: dict[str, Any] = {}  # of names that stand for a global, or an attribute of one
        methods: dict[str, Any] = {}  # name of ``x.tolist`` -> x
        casts: set[str] = set()  # names of ``x.astype``
        for block in func_ir.blocks.values():
            block.body = [new for old in block.body for new in self._statement(old, values, methods, casts)]
        func_ir._definitions = numba.core.ir_utils.build_definitions(func_ir.blocks)
        return True

    def _statement(
        self, statement: Any, values: dict[str, Any], methods: dict[str, Any], casts: set[str]
    ) -> list[Any]:
        if isinstance(statement, ir.Print):
            self._refuse(builtins.print, statement.loc)
        if not isinstance(statement, ir.Assign):
            return [statement]
        target, value, loc = statement.target, statement.value, statement.loc
        if isinstance(value, ir.Global | ir.FreeVar):
            return [self._named(statement, value.value, values)]
        if not isinstance(value, ir.Expr):
            return [statement]
        if value.op == "make_function":
            raise UnsupportedError("a function is defined inside that is not simply called", loc=loc)
        if value.op == "getattr":
            if value.value.name in values:
                found = getattr(values[value.value.name], value.attr, None)
                return [self._named(statement, found, values)]
            if value.attr == "tolist":
                methods[target.name] = value.value
                return [ir.Assign(ir.Global("listed", _own("tolist", _listed), loc), target, loc)]
            if value.attr == "astype":
                casts.add(target.name)
        if value.op == "call":
            if value.func.name in methods:
                value.args = [methods[value.func.name]]
            return [*self._dtypes(value, values, value.func.name in casts), statement]
        if value.op == "exhaust_iter":
            name = f"unpack{value.count}"
            function = ir.Var(target.scope, f"{target.name}.{name}", loc)
            whole = ir.Var(target.scope, f"{target.name}.whole", loc)
            call = ir.Expr.call(function, [value.value], (), loc)
            unpack = ir.Global(name, _own(name, _unpacker(value.count)), loc)
            rest = ir.Assign(ir.Expr.exhaust_iter(whole, value.count, loc), target, loc)
            return [ir.Assign(unpack, function, loc), ir.Assign(call, whole, loc), rest]
        return [statement]

    def _dtypes(self, call: Any, values: dict[str, Any], is_cast: bool) -> list[Any]:
        """Let ``dtype=int`` and ``astype(int)`` name NumPy's type; return what has to come before."""
        added = []

        def named(var: Any) -> Any:
            dtype = _DTYPES.get(values.get(var.name))  # type: ignore[arg-type]
            if dtype is None:
                return var
            new = ir.Var(var.scope, f"{var.name}.dtype", call.loc)
            added.append(ir.Assign(ir.Global(dtype.__name__, dtype, call.loc), new, call.loc))
            return new

        call.kws = [(name, named(var) if name == "dtype" else var) for name, var in call.kws]
        if is_cast:
            call.args = [named(var) for var in call.args]
        return added

    def _named(self, statement: Any, found: Any, values: dict[str, Any]) -> Any:
        """Return an assignment of something global, as numba can have it."""
        loc, new = statement.loc, None
        if isinstance(
            found, list
        ):  # which numba cannot capture; what can be done with a tuple means the same
            return ir.Assign(ir.Global("captured", _as_tuple(found), loc), statement.target, loc)
        owner = getattr(found, "__self__", None)  # of random.random, an object of the module
        if any(found is refused for refused in _REFUSED) or isinstance(owner, _SOURCES):
            self._refuse(found, loc)
        if not isinstance(found, _NAMED):
            return statement
        if found in _SUBSTITUTES:
            new = _own(found.__name__, _SUBSTITUTES[found])
        elif isinstance(found, python_types.FunctionType) and not _is_known(found):
            new = checked(found)
        elif isinstance(found, python_types.ModuleType) or found in _DTYPES:
            values[statement.target.name] = found
        return (
            statement if new is None else ir.Assign(ir.Global(new.__name__, new, loc), statement.target, loc)
        )

    def _refuse(self, found: Any, loc: Any) -> None:
        raise UnsupportedError(f"{found.__name__} does something else when it is compiled", loc=loc)


@register_pass(mutates_CFG=False, analysis_only=False)
class _ReturnNone(FunctionPass):  # type: ignore[misc]
    """Let ``return []`` return None, since numba cannot know what an empty list is a list of."""

    _name = "phasic_return_none"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        blocks = state.func_ir.blocks
        flows: dict[str, set[str]] = {}  # variable -> variables that it is assigned to as it is
        used: set[str] = set()  # variables that are looked at in another way
        empty: list[Any] = []
        returned: set[str] = set()
        for block in blocks.values():
            for statement in block.body:
                names = {var.name for var in statement.list_vars()}
                if isinstance(statement, ir.Return):
                    returned |= names
                elif isinstance(statement, ir.Del):
                    continue
                elif isinstance(statement, ir.Assign):
                    target, value = statement.target.name, statement.value
                    if isinstance(value, ir.Expr) and value.op == "cast":
                        value = value.value
                    if isinstance(value, ir.Var):
                        flows.setdefault(value.name, set()).add(target)
                    else:
                        used |= names - {target}
                        if isinstance(value, ir.Expr) and value.op == "build_list" and not value.items:
                            empty.append(statement)
                else:
                    used |= names

        def ends(name: str, seen: set[str]) -> bool:
            """Whether a variable does nothing but flow to where the function returns."""
            if name in used or name in seen:
                return False
            onward = flows.get(name, set())
            if not onward:
                return name in returned
            return all(ends(after, seen | {name}) for after in onward)

        for statement in empty:
            if ends(statement.target.name, set()):
                statement.value = ir.Const(None, statement.loc)
        state.func_ir._definitions = numba.core.ir_utils.build_definitions(blocks)
        return bool(empty)


def _passes(compiler: Any, *passes: Any) -> list[Any]:
    manager = DefaultPassBuilder.define_nopython_pipeline(compiler.state)
    for added in reversed(passes):
        manager.add_pass_after(added, InlineClosureLikes)
    manager.passes = [
        (CheckedLowering if step is NativeLowering else step, text) for step, text in manager.passes
    ]
    manager.finalize()
    return [manager]


class _HelperCompiler(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        return _passes(self, _Translate)


class CallbackCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler for a callback, whose empty lists may be None."""

    def define_pipelines(self) -> list[Any]:
        """Return the one way to compile."""
        return _passes(self, _Translate, _ReturnNone)


def checked(function: Callable[..., Any], pipeline: Any = _HelperCompiler) -> Any:
    """Return `function` as numba compiles it, with checks in the place of what it takes for granted."""
    # A copy that names this module: whoever loads the machine code cannot import every user's.
    copy = python_types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__module__, copy.__kwdefaults__ = __name__, function.__kwdefaults__
    return numba.njit(pipeline_class=pipeline, boundscheck=True, error_model="python", nogil=True)(copy)
