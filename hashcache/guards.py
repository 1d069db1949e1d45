"""Whether a fingerprint still holds, by identity: what a warm call checks before anything else."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

from hashcache.classes import class_state

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()

_OFTEN = 8  # checks after which a function of its own pays for being compiled


class Guards:
    """What a fingerprint was made from: where names led, and what functions and classes were then."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        self._cells: list[tuple[types.CellType, Any]] = []
        self._functions: list[tuple[Any, Any, Any, Any]] = []
        self._keyword_defaults: list[tuple[dict[str, Any], tuple[Any, ...]]] = []
        self._classes: list[tuple[type, tuple[Any, ...]]] = []
        self._checks = 0
        self._compiled: Callable[[], bool] | None = None

    def name(self, names: Mapping[str, Any], name: str, value: Any) -> None:
        """Hold while `names` leads from `name` to this object, or to none."""
        self._names.setdefault(id(names), (names, {}))[1].setdefault(name, value)

    def cell(self, cell: types.CellType, value: Any) -> None:
        """Hold while the cell contains this object."""
        self._cells.append((cell, value))

    def function(self, function: Any) -> None:
        """Hold while the function has the code and defaults that it has now."""
        keyword_defaults = function.__kwdefaults__
        self._functions.append((function, function.__code__, function.__defaults__, keyword_defaults))
        if keyword_defaults:  # a dictionary, which can also be changed in place
            self._keyword_defaults.append((keyword_defaults, _items(keyword_defaults)))

    def class_(self, kind: type) -> None:
        """Hold while nothing about the class is changed."""
        self._classes.append((kind, class_state(kind)))

    def hold(self) -> bool:
        """Return whether every name still leads to the object that was there."""
        if self._compiled is not None:
            return self._compiled()
        self._checks += 1
        if self._checks > _OFTEN:
            self._compiled = self._compile()
            return self._compiled()
        return (
            all(
                names.get(name, MISSING) is value
                for names, known in self._names.values()
                for name, value in known.items()
            )
            and all(
                function.__code__ is code
                and function.__defaults__ is defaults
                and function.__kwdefaults__ is keyword_defaults
                for function, code, defaults, keyword_defaults in self._functions
            )
            and self._rest()
        )

    def _rest(self) -> bool:
        return (
            all(cell_value(cell) is value for cell, value in self._cells)
            and all(_items(mapping) == items for mapping, items in self._keyword_defaults)
            and all(class_state(kind) == state for kind, state in self._classes)
        )

    def _compile(self) -> Callable[[], bool]:
        """Return the same check as one expression: eight names take 0.2 us, where a loop takes 0.6."""
        known: dict[str, Any] = {"rest": self._rest}
        terms = []

        def refer(value: Any) -> str:
            name = f"v{len(known)}"
            known[name] = value
            return name

        for names, values in self._names.values():
            place = refer(names)
            for name, value in values.items():
                if value is MISSING:
                    terms.append(f"{name!r} not in {place}")
                else:
                    terms.append(f"{place}[{name!r}] is {refer(value)}")
        for function, *parts in self._functions:
            place = refer(function)
            for name, part in zip(("__code__", "__defaults__", "__kwdefaults__"), parts, strict=True):
                terms.append(f"{place}.{name} is {refer(part) if part is not None else None}")
        if self._cells or self._keyword_defaults or self._classes:
            terms.append("rest()")
        body = " and ".join(terms) or "True"
        # Only names that Python itself took for names are spelled here, as string constants.
        exec(f"def hold():\n try:\n  return {body}\n except KeyError:\n  return False\n", known)
        hold: Callable[[], bool] = known["hold"]
        return hold


def cell_value(cell: types.CellType) -> Any:
    """Return what a closure cell holds, or the sign for nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return MISSING


def _items(mapping: dict[str, Any]) -> tuple[Any, ...]:
    return (*mapping, *map(id, mapping.values()))
