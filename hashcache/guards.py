"""Whether a fingerprint still holds, by identity: what a warm call checks before anything else."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Any, NamedTuple

from hashcache.classes import class_state

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()

_OFTEN = 8  # checks after which a function of its own pays for being compiled


class _Scope(NamedTuple):
    """Where the code of a module looks for its global names, and what it found under some."""

    globals: dict[str, Any]
    builtins: dict[str, Any]
    known: dict[str, Any]

    def find(self, name: str) -> Any:
        value = self.globals.get(name, MISSING)
        return self.builtins.get(name, MISSING) if value is MISSING else value

    def is_plain(self) -> bool:
        """Whether a function made here and now would look where those of the module do."""
        probe: Any = types.FunctionType(_scope_of_none.__code__, self.globals)
        return type(self.globals) is dict and probe.__builtins__ is self.builtins


def _scope_of_none() -> None: ...


class Guards:
    """What a fingerprint was made from: where names led, and what functions and classes were then.

    Everything that is compared is held, so that no other object can come to lie at its address.
    """

    def __init__(self) -> None:
        self.volatile = False  # whether something was captured that no guard can see change
        self._scopes: dict[tuple[int, int], _Scope] = {}
        self._names: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        self._cells: list[tuple[types.CellType, Any]] = []
        self._functions: list[tuple[Any, ...]] = []
        self._mappings: list[tuple[Mapping[str, Any], tuple[Any, ...]]] = []
        self._classes: list[tuple[type, tuple[Any, ...]]] = []
        self._absent: list[str] = []
        self._checks = 0

    def global_(self, function: types.FunctionType, name: str) -> Any:
        """Return what the function finds under a global name, or none; hold while it finds that."""
        places = function.__globals__, getattr(function, "__builtins__")  # noqa: B009  (stubs differ on it)
        scope = self._scopes.get((id(places[0]), id(places[1])))
        if scope is None:
            scope = self._scopes[id(places[0]), id(places[1])] = _Scope(*places, {})
        value = scope.find(name)
        return scope.known.setdefault(name, value)

    def name(self, names: Mapping[str, Any], name: str, value: Any) -> None:
        """Hold while `names` leads from `name` to this object, or to none."""
        self._names.setdefault(id(names), (names, {}))[1].setdefault(name, value)

    def cell(self, cell: types.CellType, value: Any) -> None:
        """Hold while the cell contains this object."""
        self._cells.append((cell, value))

    def function(self, function: Any) -> None:
        """Hold while the function has the code, defaults and attributes that it has now."""
        self._functions.append((function, *(getattr(function, name) for name in _OF_FUNCTIONS)))
        for mapping in (function.__kwdefaults__, vars(function)):
            if mapping:  # a dictionary that can be changed in place
                self.mapping(mapping)

    def mapping(self, mapping: Mapping[str, Any]) -> None:
        """Hold while the mapping has exactly these names, and they lead to these objects."""
        self._mappings.append((mapping, _content(mapping)))

    def class_(self, kind: type) -> None:
        """Hold while nothing about the class is changed."""
        self._classes.append((kind, class_state(kind)))

    def absent(self, module: str, error: Exception) -> None:
        """Hold while there is no such module, where that is why importing it failed; else not at all."""
        if isinstance(error, ModuleNotFoundError):
            self._absent.append(module)
        else:
            self.volatile = True

    def functions(self) -> Iterator[types.FunctionType]:
        """Yield the functions that are compared."""
        return (function for function, *_ in self._functions)

    def hold(self) -> bool:
        """Return whether every name still leads to the object that was there."""
        if self.volatile:
            return False
        self._checks += 1
        if self._checks > _OFTEN:
            compiled = self.__dict__["hold"] = self._compile()  # from now on in place of this method
            return compiled()
        return (
            all(
                scope.find(name) is value
                for scope in self._scopes.values()
                for name, value in scope.known.items()
            )
            and all(
                names.get(name, MISSING) is value
                for names, known in self._names.values()
                for name, value in known.items()
            )
            and all(
                _same(tuple(getattr(function, name) for name in _OF_FUNCTIONS), parts)
                for function, *parts in self._functions
            )
            and self._rest()
        )

    def _rest(self) -> bool:
        return (
            all(cell_value(cell) is value for cell, value in self._cells)
            and all(not vars(function) or self._is_guarded(function) for function, *_ in self._functions)
            and all(_same(_content(mapping), content) for mapping, content in self._mappings)
            and all(_same(class_state(kind), state) for kind, state in self._classes)
            and not any(map(_is_there, self._absent))
        )

    def _is_guarded(self, function: Any) -> bool:
        return any(mapping is vars(function) for mapping, _ in self._mappings)

    def _compile(self) -> Callable[[], bool]:
        """Return the same check as one expression: eight names take 0.3 us, where a loop takes 1."""
        known: dict[str, Any] = {_FAILURE: (KeyError, NameError)}
        terms = []

        def refer(value: Any) -> str:
            name = f"{_OWN}{len(known)}"
            known[name] = value
            return name

        plain = not (self._cells or self._mappings or self._classes or self._absent)
        home: dict[str, Any] = {}
        for scope in self._scopes.values():
            quick, slow = _parted(scope)
            # The interpreter remembers where a function finds its globals: it takes a quarter of what
            # looking into the dictionary takes.
            own = [f"{name} is {refer(value)}" for name, value in quick.items()]
            if own and not home:
                home = scope.globals
                terms += own
            elif own:
                terms.append(f"{refer(_check(own, known, scope.globals))}()")
            if slow:
                find = refer(scope.find)
                terms += [f"{find}({name!r}) is {refer(value)}" for name, value in slow.items()]
        for names, values in self._names.values():
            place = refer(names)
            for name, value in values.items():
                if value is MISSING:
                    terms.append(f"{name!r} not in {place}")
                else:
                    terms.append(f"{place}[{name!r}] is {refer(value)}")
        for function, *parts in self._functions:
            place = refer(function)
            for name, part in zip(_OF_FUNCTIONS, parts, strict=True):
                terms.append(f"{place}.{name} is {refer(part) if part is not None else None}")
            if plain:
                terms.append(f"not {place}.__dict__")
        if not plain:
            terms.append(f"{refer(self._rest)}()")
        return _check(terms, known, home)


def _parted(scope: _Scope) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the known names of a scope that an expression can spell, and those to be looked for."""
    if not scope.is_plain():
        return {}, scope.known
    spelled = {
        name: value
        for name, value in scope.known.items()
        if name.isascii() and name.isidentifier() and not iskeyword(name)
        if not name.startswith(_OWN) and value is not MISSING
    }
    return spelled, {name: value for name, value in scope.known.items() if name not in spelled}


def _check(terms: list[str], known: dict[str, Any], names: dict[str, Any]) -> Callable[[], bool]:
    """Return a function over the global `names` that says whether all terms hold.

    Terms spell nothing but names that Python itself took for names, and string constants.
    """
    body = " and ".join(terms) or "True"
    text = f"def make({', '.join(known)}):\n def hold():\n  try:\n   return {body}\n"
    text += f"  except {_FAILURE}:\n   return False\n return hold\n"
    made: dict[str, Any] = {}
    exec(text, made)  # not over `names`, which would be changed by it
    hold: Callable[[], bool] = types.FunctionType(made["make"].__code__, names)(*known.values())
    return hold


_OWN = "_hashcache_guard_"  # how names begin that are no global's
_FAILURE = f"{_OWN}failure"
_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")


def _is_there(module: str) -> bool:
    """Whether a module can be found, without importing it or the packages that it is in."""
    if module in sys.modules:
        return sys.modules[module] is not None
    from importlib.util import find_spec

    parent, _, _ = module.rpartition(".")
    try:
        return (not parent or parent in sys.modules) and find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _content(mapping: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*mapping, *mapping.values())


def _same(now: Sequence[Any], then: Sequence[Any]) -> bool:
    """Whether two sequences have the same objects; names, which are made anew, by equality."""
    return len(now) == len(then) and all(
        a is b or (type(a) is str and type(b) is str and a == b) for a, b in zip(now, then, strict=True)
    )


def cell_value(cell: types.CellType) -> Any:
    """Return what a closure cell holds, or the sign for nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return MISSING
