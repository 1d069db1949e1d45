"""Where names in code lead: globals, attributes of modules, and what a body imports."""

from __future__ import annotations

import sys
import types
from typing import Any

from hashcache.bytecode import Chain, Import
from hashcache.canonical import type_name
from hashcache.collected import Collected
from hashcache.distributions import module_name, origin_of_code, origin_of_module
from hashcache.guards import MISSING
from hashcache.patches import has_own_ways


class Chains(Collected):
    """A walk that follows the names in code to the values that they lead to now."""

    def _capture_global(self, function: types.FunctionType, chain: Chain) -> None:
        name = chain[0]
        value = self.guards.global_(function, name)
        self._capture_chain(f"global {name}", name, value, chain[1:])

    def _capture_absence(self, function: types.FunctionType, chain: Chain) -> None:
        """Note what an annotation inside the body reads and is not there: the call then raises."""
        value = self.guards.global_(function, chain[0])
        for attribute in chain[1:]:
            if not isinstance(value, types.ModuleType) or has_own_ways(value):
                break
            found = self._look_up(vars(value), attribute)
            value = _made_on_demand(value, attribute) if found is MISSING else found
        if value is MISSING:
            self._add(f"annotation {'.'.join(chain)}", "missing", "missing")

    def _capture_chain(self, tag: str, path: str, value: Any, attributes: Chain) -> None:
        """Capture what an attribute chain leads to: through modules and function attributes, no further."""
        for attribute in attributes:
            if isinstance(value, types.FunctionType) and attribute not in vars(value):
                self._look_up(vars(value), attribute)
                break  # an attribute that every function has, or one that is set later
            if not isinstance(value, (types.ModuleType, types.FunctionType)) or has_own_ways(value):
                break
            found = self._look_up(vars(value), attribute)
            if (
                isinstance(value, types.ModuleType)
                and found is MISSING
                and hasattr(types.ModuleType, attribute)
            ):
                break  # `module.__dict__` and the like lead to all that is in it
            tag, path = f"{tag}.{attribute}", f"{path}.{attribute}"
            if isinstance(value, types.ModuleType):
                if found is MISSING:
                    self._look_up(vars(value), "__getattr__")
                    found = _made_on_demand(value, attribute)
                origin = origin_of_module(value.__name__)
                self._reaches_jax |= value.__name__.partition(".")[0] == "jax"
                if "__getattr__" in vars(value) and origin is None and attribute not in vars(value):
                    self.guards.volatile = True  # it may be made otherwise next time
                if origin is not None and not _is_looked_into(found):
                    text = f"{value.__name__}.{attribute} {_label(found)} ({origin})"
                    self._add(tag, "installed", text, origin)
                    return
            value = found
        if tag not in self._captured:  # `table.get` and `table.keys` both lead to `table`
            self._captured.add(tag)
            # Of closures people know the name, of globals it is in the tag.
            self.capture(tag, path, value, f"closure {path}" if tag.startswith("closure ") else "")

    def _capture_import(self, function: types.FunctionType, imported: Import) -> None:
        name = _absolute(imported, function.__globals__.get("__package__") or "")
        tag = f"import {name}"
        origin = origin_of_module(name)
        if origin is not None:
            if tag not in self._captured:
                self._captured.add(tag)
                self._add(tag, "installed", origin, origin)
            self._capture_patch(tag, name, imported.attributes)
            return
        from importlib import import_module

        try:
            # The call would import it too; without looking inside, an edit there would go unseen.
            module: Any = import_module(name)
        except Exception as error:  # whatever the module raises when it is run
            self._add(tag, "import", f"fails with {type(error).__name__}")
            self.guards.absent(name, error)
            return
        if imported.attributes and not hasattr(module, imported.attributes[0]):
            _try_import(f"{name}.{imported.attributes[0]}")
        if imported.attributes or imported.whole:
            self.guards.name(sys.modules, name, module)
            self._capture_chain(tag, name, module, imported.attributes)

    def _capture_patch(self, tag: str, name: str, attributes: Chain) -> None:
        """Capture what a user put into an installed module that the body imports.

        The module is not imported for that: a hit would pay for it. Whether it is loaded already must not
        show in the key, so everything that may be the library's own goes by its version.
        """
        value: Any = self._look_up(sys.modules, name)
        for attribute in attributes:
            if not isinstance(value, types.ModuleType) or has_own_ways(value):
                return
            value = self._look_up(vars(value), attribute)
            tag, name = f"{tag}.{attribute}", f"{name}.{attribute}"
        if not isinstance(value, (types.FunctionType, type)) or origin_of_code(value) is not None:
            return
        if origin_of_module(module_name(value)) is None:
            self.capture(tag, name, value)


def _is_looked_into(value: Any) -> bool:
    """Whether a value inside an installed module enters as itself rather than by its name there.

    Functions, classes and modules do, since somebody may have put others in their place, and plain
    values, since somebody may have set ``library.TOLERANCE``.
    """
    plain = (bool, int, float, complex, str, bytes, type(None))
    return type(value) in plain or isinstance(value, (types.ModuleType, types.FunctionType, type))


def _label(value: Any) -> str:
    """Return what an object calls itself, so that ``numpy.sin = numpy.cos`` shows."""
    name = getattr(value, "__name__", None)
    return f"{type_name(type(value))} {name}" if isinstance(name, str) else type_name(type(value))


def _made_on_demand(module: types.ModuleType, attribute: str) -> Any:
    """Return an attribute that a module makes when asked for, as lazily loaded submodules are."""
    if "__getattr__" not in vars(module):
        return sys.modules.get(f"{module.__name__}.{attribute}", MISSING)
    try:
        return getattr(module, attribute)
    except AttributeError:
        return MISSING


def _absolute(imported: Import, package: str) -> str:
    if not imported.level:
        return imported.module
    parents = package.split(".")
    parents = parents[: len(parents) - imported.level + 1]
    return ".".join([*parents, imported.module] if imported.module else parents)


def _try_import(name: str) -> None:
    from importlib import import_module

    try:
        import_module(name)
    except Exception:  # the attribute is then missing, and that is what is recorded
        return
