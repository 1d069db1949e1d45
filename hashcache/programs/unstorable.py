"""Why a program cannot be stored: what in it belongs to the process that made it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_OF_THIS_PROCESS = ("callback", "infeed", "outfeed")


def why_unstorable(traced: Any) -> str:
    """Return what a traced function calls in the process that made it, and where; empty where nothing."""
    for equation in _equations(traced.jaxpr.jaxpr):
        name = str(equation.primitive)
        if any(part in name for part in _OF_THIS_PROCESS) or _is_debugging(name):
            return f"it calls Python back: {name}{_called(equation)}{_where(equation)}"
    effects = sorted({type(effect).__name__ for effect in traced.jaxpr.effects})
    return f"it has effects: {', '.join(effects)}" if effects else ""


def _is_debugging(name: str) -> bool:
    return name in ("debug_print", "check")


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Yield the equations of a jaxpr and of all in it."""
    pending = [jaxpr]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        current = getattr(current, "jaxpr", current)
        if id(current) in seen or not hasattr(current, "eqns"):
            continue
        seen.add(id(current))
        for equation in current.eqns:
            yield equation
            for value in equation.params.values():
                for part in value if isinstance(value, (tuple, list)) else (value,):
                    if hasattr(part, "eqns") or hasattr(part, "jaxpr"):
                        pending.append(part)


def _called(equation: Any) -> str:
    callback = equation.params.get("callback")
    function = getattr(callback, "callback_func", callback)
    name = getattr(function, "__qualname__", None)
    return f" of {name}" if name else ""


def _where(equation: Any) -> str:
    try:  # of no public name
        from jax._src import source_info_util

        return f" at {source_info_util.summarize(equation.source_info)}"
    except Exception:
        return ""
