"""Everything that a function can reach by name, as a flat list of parts.

The parts come in the order in which a walk from the function finds them: the code of the function, its
defaults, closure cells and globals, then the same of every helper and class that these refer to.
Functions refer to each other by their place in that list, so recursion needs no special case and
nothing depends on what was walked before.
"""

from __future__ import annotations

import abc
import functools
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

from hashcache.bytecode import Chain, Import, code_facts
from hashcache.canonical import Walk, type_name
from hashcache.classes import class_attributes, registered_classes
from hashcache.digest import Framed, digest_frame
from hashcache.distributions import (
    HEAP_TYPE,
    digest_by_name,
    module_name,
    origin_of_code,
    origin_of_file,
    origin_of_module,
    own_name,
    qualified_name,
)
from hashcache.errors import UncanonicalError
from hashcache.guards import MISSING, Guards, cell_value
from hashcache.outside import JaxSettings
from hashcache.parts import Part
from hashcache.patches import has_own_ways, is_patch
from hashcache.preview import preview
from hashcache.watching import Watched, watch_digest


class CaptureWalk(Walk):
    """The walk over everything that a function captures; collects parts, guards and mutable values."""

    def __init__(self, strict: bool, settings: bool = True) -> None:
        super().__init__(self._refer, opaque=not strict)
        self._settings = settings
        self.by_role = not strict
        self.parts: list[Part] = []
        self.guards = Guards()
        self.watched: dict[int, Watched] = {}
        self._places: dict[int, int] = {}
        self._found: list[Any] = []
        self._root: Any = None
        self._reaches_jax = False
        self._owner = self._shown_owner = ""
        self._captured: set[str] = set()  # tags of the owner that is being described
        self._origins: tuple[str, ...] = ()  # of the value that is being captured
        self._refers = False
        self._noted: dict[int, tuple[tuple[str, ...], bool]] = {}

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

    # -- naming code -----------------------------------------------------------------------------

    def _refer(self, code: Any) -> bytes:
        """Name a function, class or module by origin, or by its place in the list of parts."""
        origin = origin_of_code(code)
        if origin is None:
            self._refers = True
        else:
            self.note_origin(origin)
            self._reaches_jax |= origin.startswith("jax ")
        if origin is None or (isinstance(code, type) and code.__flags__ & HEAP_TYPE):
            place = self._places.get(id(code))
            if place is None:
                place = self._places[id(code)] = len(self._found)
                self._found.append(code)
            if origin is None:
                return digest_frame("code", str(place).encode())
        return digest_by_name(code, origin)

    def note_origin(self, origin: str) -> None:
        """Note that the digest of what is being captured names a distribution."""
        if origin not in self._origins:
            self._origins += (origin,)

    def settle(self, elements: Iterable[object]) -> Iterable[object]:
        """Order the elements of a set by what they are called: places must not depend on the hash seed."""
        by_name = Walk(lambda code: digest_frame("name", qualified_name(code).encode()), opaque=True)
        return sorted(elements, key=by_name.digest)

    # -- capturing -------------------------------------------------------------------------------

    def _add(self, tag: str, kind: str, text: str, origin: str | None = None) -> None:
        origins = () if origin is None else (origin,)
        digest = digest_frame(kind, text.encode())
        self.parts.append(Part(self._owner, tag, digest, text, self._shown_owner, origins=origins))

    def capture(self, tag: str, path: str, value: object, shown_tag: str = "") -> None:
        """Let a value enter as part `tag`; `path` is how it is called in messages."""
        if value is MISSING:
            self._add(tag, "missing", "missing")
            return
        self.mutable, self._lowest = False, sys.maxsize
        self._origins, self._refers = (), False
        self.trail[:] = [("%s", path)]
        # What was digested before is kept, so that its id stays its own, and not walked again.
        known = self._noted.get(id(value)) if id(value) in self._digests else None
        digest = self.digest(value)
        origins, refers = self._noted[id(value)] = known or (self._origins, self._refers)
        if self.mutable and id(value) not in self.watched:
            self.watched[id(value)] = Watched(path, value, watch_digest(value), len(self.parts))
        self.parts.append(
            Part(
                self._owner, tag, digest, preview(value), self._shown_owner, shown_tag,
                origins, refers,
            )
        )  # fmt: skip

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

    def _look_up(self, names: Mapping[str, Any], name: str) -> Any:
        value = names.get(name, MISSING)
        self.guards.name(names, name, value)
        return value

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


# -- what code is ------------------------------------------------------------------------------------


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


_SINGLEDISPATCH = functools.singledispatch(lambda x: x).__code__  # type: ignore[attr-defined]


def _try_import(name: str) -> None:
    from importlib import import_module

    try:
        import_module(name)
    except Exception:  # the attribute is then missing, and that is what is recorded
        return
