"""Code objects by meaning: a digest without positions or names of locals, and what the code can reach.

Raw ``co_code``, `marshal` of a code object and ``code.__eq__`` all carry line numbers, file names or
indices into tables, so none of them says whether two functions do the same. Here the instructions are
read with caches hidden and written as (operation, resolved operand): constants by value, names by
text, locals by first use, jumps and the exception table by target.
"""

from __future__ import annotations

import bisect
import marshal
import weakref
from opcode import opmap, stack_effect
from types import CodeType
from typing import NamedTuple

from hashcache.digest import digest_frame
from hashcache.instructions import (
    CONSTANT,
    HAS_SET_FUNCTION_ATTRIBUTE,
    JUMP,
    NAME,
    VARIABLE,
    Instructions,
    extents,
)

Chain = tuple[str, ...]

# Flags of code objects, as `inspect` calls them; the standard library spells them nowhere lighter.
_VARARGS, _VARKEYWORDS, _GENERATOR, _COROUTINE = 0x04, 0x08, 0x20, 0x80
_ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x100, 0x200
_MEANINGFUL_FLAGS = _VARARGS | _VARKEYWORDS | _GENERATOR | _COROUTINE | _ITERABLE_COROUTINE | _ASYNC_GENERATOR
# A class body stores these for people and for debuggers.
_UNSEEN_CLASS_NAMES = frozenset({"__doc__", "__firstlineno__", "__static_attributes__", "__qualname__"})
_ANNOTATIONS, _CLOSURE = 0x04, 0x08
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"})
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL"})
_LOADS_OF_CELLS = frozenset({"LOAD_CLOSURE", "LOAD_FAST"})
# What `marshal` writes as it is: equal bytes exactly for equal type and value.
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
_MARSHAL_VERSION = 2  # which knows neither references nor interned strings


class Import(NamedTuple):
    """An import inside a body: the module, how many packages up it starts, and what is read of it.

    Without attributes the module is only imported, unless `whole` says that it is passed on.
    """

    module: str
    level: int
    attributes: Chain = ()
    whole: bool = False


class CodeFacts(NamedTuple):
    """What a code object means and what it can reach by name.

    Attributes
    ----------
    digest : bytes
        Equal for two code objects exactly when they do the same with the same surroundings.
    globals : tuple of chains
        ``("np", "linalg", "solve")`` for every global read, with the attributes read of it at once,
        in order of first use; nested functions, comprehensions and class bodies included.
    free : tuple of (name, tuple of chains)
        Closure variables in order of first use, with the attribute chains read of each.
    imports : tuple of Import
        Imports inside the body.
    annotations : tuple of chains
        Globals that annotations of functions inside the body read: only whether they are there matters.
    """

    digest: bytes
    globals: tuple[Chain, ...]
    free: tuple[tuple[str, tuple[Chain, ...]], ...]
    imports: tuple[Import, ...]
    annotations: tuple[Chain, ...]


_known: dict[int, tuple[weakref.ref[CodeType], CodeFacts]] = {}


def code_facts(code: CodeType) -> CodeFacts:
    """Return the facts of `code`, kept for as long as the code object lives."""
    # By identity: comparing code objects compares their positions and all their constants.
    known = _known.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    facts = _Reader(code).facts()
    key = id(code)
    _known[key] = (weakref.ref(code, lambda _: _known.pop(key, None)), facts)
    return facts


class _Reader:
    """One pass over the instructions of one code object."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        found = Instructions(code)
        self.names, self.kinds, self.values = found.names, found.kinds, found.values
        self.arguments, self.places = found.arguments, found.places
        self.dropped: set[int] = set()
        self.closures: dict[int, list[str]] = {}  # first load -> all loads, in inner order
        self.variables: dict[str, int] = {}
        self.chains: dict[str, dict[Chain, None]] = {}  # of local, cell and free variables
        self.globals: dict[Chain, None] = {}
        self.annotations: dict[Chain, None] = {}
        self.imports: dict[Import, None] = {}
        self.bound: list[tuple[str, Import]] = []  # local name, what an import statement bound to it
        n_parameters = code.co_argcount + code.co_kwonlyargcount
        n_parameters += bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
        self.parameters = code.co_varnames[:n_parameters]
        for name in self.parameters:
            self.variables[name] = len(self.variables)

    def facts(self) -> CodeFacts:
        for index, name in enumerate(self.names):
            if name == "MAKE_FUNCTION":
                self._mark_function(index)
            elif name == "STORE_NAME":
                self._mark_class_name(index)
        code = self.code
        # Everything that counts, in a list that is written at once: each operation says what follows it.
        form: list[object] = [code.co_flags & _MEANINGFUL_FLAGS, code.co_argcount, code.co_posonlyargcount]
        form += (code.co_kwonlyargcount, self.parameters)
        counted = [place for index, place in enumerate(self.places) if index not in self.dropped]
        self._write(form, counted)
        form += self._extents(counted)
        self._resolve_imports()
        own_free = [name for name in self.variables if name in code.co_freevars]
        return CodeFacts(
            digest=digest_frame("code", marshal.dumps(form, _MARSHAL_VERSION)),
            globals=tuple(self.globals),
            free=tuple((name, tuple(self.chains.get(name, ()))) for name in own_free),
            imports=tuple(self.imports),
            annotations=tuple(self.annotations),
        )

    def _extents(self, counted: list[int]) -> list[tuple[int, int, int, int]]:
        """Return the exception table by instructions that count.

        Extents without an instruction are left out, and neighbours with one handler are one extent.
        """
        found: list[tuple[int, int, int, int]] = []
        for *ends, depth in extents(self.code):
            start, end, target = (bisect.bisect_left(counted, place) for place in ends)
            if start == end:
                continue
            if found and found[-1][1:] == (start, target, depth):
                start = found.pop()[0]
            found.append((start, end, target, depth))
        return found

    # -- what is left out ------------------------------------------------------------------------

    def _mark_class_name(self, index: int) -> None:
        """Drop ``__doc__ = "..."`` and its kin from class bodies."""
        if self.values[index] in _UNSEEN_CLASS_NAMES and index and self.names[index - 1] == "LOAD_CONST":
            self.dropped.update((index - 1, index))

    def _mark_function(self, index: int) -> None:
        """Find the closure and the annotations that a nested function is made with."""
        flags = self._function_flags(index)
        code = self.values[index - 1]
        last = index - 2  # the code object itself is loaded last
        if flags & _CLOSURE and isinstance(code, CodeType):
            count = self.arguments[last] or 0
            first = last - count
            if self.names[last] != "BUILD_TUPLE" or not _LOADS_OF_CELLS.issuperset(self.names[first:last]):
                return
            # Cells are passed in alphabetical order, which a local rename changes.
            by_name = dict(zip(code.co_freevars, self.values[first:last], strict=True))
            order = [name for name, _ in code_facts(code).free]
            order += [name for name in code.co_freevars if name not in order]
            self.closures[first] = [str(by_name[name]) for name in order]
            self.dropped.update(range(first + 1, last))
            last = first - 1
        if flags & _ANNOTATIONS:
            start = self._start_of_expression(last)
            if start is not None:
                self.dropped.update(range(start, last + 1))
                for place in range(start, last + 1):
                    if self.names[place] in _GLOBALS:
                        self._note(self.annotations, (str(self.values[place]),), place)

    def _function_flags(self, index: int) -> int:
        if not HAS_SET_FUNCTION_ATTRIBUTE:
            return self.arguments[index] or 0
        flags = 0
        while index + 1 < len(self.names) and self.names[index + 1] == "SET_FUNCTION_ATTRIBUTE":
            index += 1
            flags |= self.arguments[index] or 0
        return flags

    def _start_of_expression(self, last: int) -> int | None:
        """Return the first instruction of the straight-line expression that ends at `last`."""
        effect = 0
        for index in range(last, -1, -1):
            if self.kinds[index] is JUMP:
                return None
            effect += stack_effect(opmap[self.names[index]], self.arguments[index])
            if effect == 1:
                return index
        return None

    # -- writing ---------------------------------------------------------------------------------

    def _write(self, form: list[object], counted: list[int]) -> None:
        """Append every instruction that counts: its operation, and what that is done with."""
        names, values, arguments, variables = self.names, self.values, self.arguments, self.variables
        dropped, closures, followed = self.dropped, self.closures, self._followed()
        for index, kind in enumerate(self.kinds):
            if index in dropped:
                continue
            if index in closures:
                form += ("closure", [variables.setdefault(load, len(variables)) for load in closures[index]])
                continue
            name, value = names[index], values[index]
            if kind is VARIABLE:
                form += (name, variables.setdefault(value, len(variables)))
                if value in followed and name.startswith("LOAD_"):
                    self._note(self.chains.setdefault(str(value), {}), (), index)
            elif kind is NAME:
                form += (name, arguments[index], value)
                if name in _GLOBALS:
                    self._note(self.globals, (str(value),), index)
                elif name == "IMPORT_NAME":
                    self._note_import(index, str(value))
            elif kind is CONSTANT:
                form += (name, value if type(value) in _PLAIN else self._constant(value))
            elif kind is JUMP:
                form += (name, bisect.bisect_left(counted, value))
            elif name == "MAKE_FUNCTION":
                form += (name, self._function_flags(index) & ~_ANNOTATIONS)
            elif name != "SET_FUNCTION_ATTRIBUTE" or arguments[index] != _ANNOTATIONS:
                form += (name, arguments[index])

    def _constant(self, value: object) -> tuple[object, ...]:
        if isinstance(value, CodeType):
            facts = code_facts(value)
            self.globals.update(dict.fromkeys(facts.globals))
            self.annotations.update(dict.fromkeys(facts.annotations))
            self.imports.update(dict.fromkeys(facts.imports))
            for name, chains in facts.free:
                self.chains.setdefault(name, {}).update(dict.fromkeys(chains))
            # A class body's name is the class's, a function's is what __name__ says.
            return ("code", facts.digest, value.co_name)
        return ("constant", constant_text(value))

    # -- what can be reached ---------------------------------------------------------------------

    def _followed(self) -> frozenset[object]:
        """Return the variables of which it matters what is read: nothing is known of the other locals."""
        shared = self.code.co_cellvars + self.code.co_freevars
        return frozenset(shared + self.code.co_varnames if "IMPORT_NAME" in self.names else shared)

    def _note(self, chains: dict[Chain, None], start: Chain, index: int) -> None:
        chain = start
        for place in range(index + 1, len(self.names)):
            name = self.names[place]
            if name not in _ATTRIBUTES:
                break
            chain = (*chain, str(self.values[place]))
            if not name.startswith("LOAD"):
                break
        chains[chain] = None

    def _note_import(self, index: int, module: str) -> None:
        level, wanted = self.values[index - 2], self.values[index - 1]
        assert isinstance(level, int)
        following = range(index + 1, len(self.names))
        if not wanted:
            # `import a.b` binds a; `import a.b as c` walks down and binds a.b.
            target = module if self.names[index + 1] == "IMPORT_FROM" else module.partition(".")[0]
            store = next(i for i in following if self.names[i].startswith("STORE_"))
            self.imports[Import(module, level)] = None
            self.bound.append((str(self.values[store]), Import(target, level)))
            return
        assert isinstance(wanted, tuple)
        # One name may be imported twice, under two others.
        places = [place for place in following if self.names[place] == "IMPORT_FROM"]
        for place in places[: len(wanted)]:
            name = str(self.values[place])
            self.bound.append((str(self.values[place + 1]), Import(module, level, (name,))))

    def _resolve_imports(self) -> None:
        for variable, bound in self.bound:
            chains = self.chains.get(variable)
            if chains is None:
                # A local that nothing reads only runs the module; names of a class body others may read.
                chains = {} if variable in self.code.co_varnames and not bound.attributes else {(): None}
            for chain in chains:
                reached = (*bound.attributes, *chain)
                self.imports[Import(bound.module, bound.level, reached, whole=not reached)] = None


def constant_text(value: object) -> str:
    """Return a text that tells constants apart by type and value.

    The compiler makes only these types: None, Ellipsis, bool, int, float, complex, str, bytes,
    tuples and frozensets of them, and slices from Python 3.14 on.
    """
    kind = type(value)
    if kind is tuple:
        return f"tuple({','.join(map(constant_text, value))})"  # type: ignore[call-overload]
    if kind is frozenset:
        # Iteration order depends on the hash seed; order carries no meaning here.
        return f"frozenset({','.join(sorted(map(constant_text, value)))})"  # type: ignore[call-overload]
    if kind is float:
        return f"float({value.hex()})"  # type: ignore[attr-defined]
    if kind is complex:
        return f"complex({value.real.hex()},{value.imag.hex()})"  # type: ignore[attr-defined]
    if kind is slice:
        parts = (value.start, value.stop, value.step)  # type: ignore[attr-defined]
        return f"slice({','.join(map(constant_text, parts))})"
    if kind is int:
        return f"int({value:x})"  # decimal digits are limited in number
    return f"{kind.__name__}({value!r})"
