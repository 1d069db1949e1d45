"""Everything that a function can reach by name, as a flat list of parts.

The parts come in the order in which a walk from the function finds them: the code of the function, its
defaults, closure cells and globals, then the same of every helper and class that these refer to.
Functions refer to each other by their place in that list, so recursion needs no special case and
nothing depends on what was walked before.
"""

from __future__ import annotations

import abc
import functools
import types
from collections.abc import Mapping
from typing import Any

from hashcache.bytecode import code_facts
from hashcache.canonical import type_name
from hashcache.chains import Chains
from hashcache.classes import class_attributes, registered_classes
from hashcache.digest import Framed
from hashcache.distributions import (
    module_name,
    origin_of_code,
    origin_of_file,
    own_name,
    qualified_name,
)
from hashcache.errors import UncanonicalError
from hashcache.guards import cell_value
from hashcache.outside import JaxSettings
from hashcache.parts import Part
from hashcache.patches import is_patch


class CaptureWalk(Chains):
    """The walk over everything that a function captures: describes the code that it finds."""

    def start(self, function: Any, depends_on: tuple[Any, ...]) -> None:
        """Begin with a function, class, module or other callable, and values that it depends on."""
        if isinstance(function, (types.FunctionType, type, types.ModuleType)):
            self._root = function  # described even where it is installed: it is what was asked for
            self._found.append(function)
            self._places[id(function)] = 0
        else:
            self.capture("callable", type_name(type(function)), function)
        for index, value in enumerate(depends_on):
            self.capture(f"depends_on[{index}]", f"depends_on[{index}]", value)

    def finish(self) -> bytes:
        """Describe all code that was found, and return the digest of all parts."""
        for code in self._found:  # describing one may find more
            self._owner = "" if code is self._root else qualified_name(code)
            self._shown_owner = "" if code is self._root else _shown_name(code)
            self._captured = set()
            if code is not self._root:  # whoever uses a function or class can see what it is called
                self._add("name", "name", own_name(code))
            if isinstance(code, types.FunctionType):
                self._describe_function(code)
            elif isinstance(code, type):
                self._describe_class(code)
            else:
                self._describe_module(code)
        if self._reaches_jax and self._settings:
            self._owner = self._shown_owner = ""
            self.capture("settings of jax", "jax.config", JaxSettings())
        sink = Framed()
        for part in self.parts:
            sink.write(part.tag, part.digest)
        return sink.digest()

    def _describe_function(self, function: types.FunctionType) -> None:
        code = function.__code__
        facts = code_facts(code)
        self.parts.append(
            Part(self._owner, "code", facts.digest, function.__qualname__, self._shown_owner, code=code)
        )
        self.guards.function(function)
        names = code.co_varnames[: code.co_argcount]
        defaults = function.__defaults__ or ()
        for name, value in zip(names[len(names) - len(defaults) :], defaults, strict=True):
            self.capture(f"default {name}", name, value)
        for name, value in sorted((function.__kwdefaults__ or {}).items()):
            self.capture(f"default {name}", name, value)
        if code is _SINGLEDISPATCH:
            # Its cells also hold a cache; what it does is said by its implementations.
            # In which order they were registered depends on what was imported when, and changes nothing.
            registry: Mapping[Any, Any] = function.registry  # type: ignore[attr-defined]
            self.guards.mapping(registry)
            self.capture("implementations", "registry", frozenset(registry.items()))
            return
        for name, value in sorted(vars(function).items()):
            if name != "__wrapped__":  # which a cell holds as well
                self._capture_or_assume(f"attribute {name}", f"{function.__qualname__}.{name}", value)
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        for place, (name, chains) in enumerate(facts.free):
            value = cell_value(cells[name])
            self.guards.cell(cells[name], value)
            for chain in chains or ((),):
                # The cell is known to the code by its place: its name is a local one.
                self._capture_chain(f"closure {place}", f"{name}", value, chain)
        origin = origin_of_file(code.co_filename)
        if origin is not None:
            self._add("origin", "origin", origin, origin)
            return  # what a distribution's own globals hold is said by its version
        for chain in facts.globals:
            self._capture_global(function, chain)
        for chain in facts.annotations:
            self._capture_absence(function, chain)
        for imported in facts.imports:
            self._capture_import(function, imported)

    def _describe_class(self, kind: type) -> None:
        self.guards.class_(kind)
        installed = origin_of_code(kind) is not None and kind is not self._root
        if installed and isinstance(kind, abc.ABCMeta) and kind is not abc.ABC:  # below that is everything
            # Which classes of other packages are registered depends on what was imported before.
            users = [found for found in registered_classes(kind) if origin_of_code(found) is None]
            if users:
                self.capture("registered", f"{kind.__qualname__}", frozenset(users))
        if not installed:
            bases = (type(kind), *kind.__bases__)
            self.capture("class", f"{kind.__qualname__}.__bases__", bases, "bases")
        for name, value in class_attributes(kind):
            if installed and not is_patch(value):
                continue  # said by the version; only what somebody put there since is of interest
            self._capture_or_assume(f"attribute {name}", f"{kind.__qualname__}.{name}", value)

    def _capture_or_assume(self, tag: str, path: str, value: object) -> None:
        """Capture an attribute, by its type where its value has no form.

        A class or function often carries machinery of its library; its code is what matters.
        """
        try:
            self.capture(tag, path, value)
        except UncanonicalError as error:
            if not self.opaque:
                raise
            self.assumptions.append(f"{path} counts by its type only: {error}")
            self._add(tag, "opaque", type_name(type(value)))

    def _describe_module(self, module: Any) -> None:
        """Describe a user's module that is passed on as a whole: everything that it defines."""
        self.guards.mapping(vars(module))
        for name, value in sorted(vars(module).items()):
            if not (name.startswith("__") and name.endswith("__")):
                self.capture(f"global {name}", f"{module.__name__}.{name}", value)


def _shown_name(code: Any) -> str:
    """Return what people call a function, class or module: ``helper model.step``."""
    name = qualified_name(code)
    if isinstance(code, types.ModuleType):
        return f"module {name}"
    module = module_name(code)
    if isinstance(code, type):
        kind = "class"
    else:
        outer = name.rpartition(".")[0]
        kind = "method" if outer and not outer.endswith("<locals>") else "helper"
    return f"{kind} {name}" if module in _SCRIPTS else f"{kind} {module}.{name}"


_SCRIPTS = ("__main__", "__mp_main__", "builtins")


_SINGLEDISPATCH = functools.singledispatch(lambda x: x).__code__  # type: ignore[attr-defined]
