"""Code objects by meaning: a digest without positions or names of locals, and what the code can reach.

Raw ``co_code``, `marshal` of a code object and ``code.__eq__`` all carry line numbers, file names or
indices into tables, so none of them says whether two functions do the same. Here the instructions are
read with caches hidden and written as (operation, resolved operand): constants by value, names by
text, locals by first use, jumps and the exception table by target.
"""

from __future__ import annotations

import dis
import inspect
import weakref
from dataclasses import dataclass
from types import CodeType

from hashcache.digest import Framed
from hashcache.instructions import HAS_LOAD_METHOD, normalised

Chain = tuple[str, ...]

_MEANINGFUL_FLAGS = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
# A class body stores these for people and for debuggers.
_UNSEEN_CLASS_NAMES = frozenset({"__doc__", "__firstlineno__", "__static_attributes__", "__qualname__"})
# The low bits of these operands are flags beside the index of a name.
_NAME_FLAG_BITS = {"LOAD_GLOBAL": 1, "LOAD_SUPER_ATTR": 3}
if not HAS_LOAD_METHOD:
    _NAME_FLAG_BITS["LOAD_ATTR"] = 1
_ANNOTATIONS, _CLOSURE = 0x04, 0x08


@dataclass(frozen=True)
class Import:
    """An import inside a body: the module, how many packages up it starts, and what is read of it.

    Without attributes the module is only imported, unless `whole` says that it is passed on.
    """

    module: str
    level: int
    attributes: Chain = ()
    whole: bool = False


@dataclass(frozen=True)
class CodeFacts:
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
    """

    digest: bytes
    globals: tuple[Chain, ...]
    free: tuple[tuple[str, tuple[Chain, ...]], ...]
    imports: tuple[Import, ...]


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
        self.instructions = normalised(code)
        self.dropped: set[int] = set()
        self.closures: dict[int, tuple[int, list[str]]] = {}  # first load -> (count, loads in inner order)
        self.variables: dict[str, int] = {}
        self.chains: dict[str, dict[Chain, None]] = {}  # of local, cell and free variables
        self.globals: dict[Chain, None] = {}
        self.imports: dict[Import, None] = {}
        self.bound: list[tuple[str, Import]] = []  # local name, what an import statement bound to it
        self.nested: list[CodeFacts] = []
        n_parameters = code.co_argcount + code.co_kwonlyargcount
        n_parameters += bool(code.co_flags & inspect.CO_VARARGS) + bool(
            code.co_flags & inspect.CO_VARKEYWORDS
        )
        self.parameters = code.co_varnames[:n_parameters]
        for name in self.parameters:
            self.variables[name] = len(self.variables)

    def facts(self) -> CodeFacts:
        for index in range(len(self.instructions)):
            self._mark_function(index)
            self._mark_class_name(index)
        sink = Framed()
        sink.write("flags", str(self.code.co_flags & _MEANINGFUL_FLAGS).encode())
        kinds = (self.code.co_argcount, self.code.co_posonlyargcount, self.code.co_kwonlyargcount)
        sink.write("parameters", repr((kinds, self.parameters)).encode())
        ordinals = self._ordinals()
        index = 0
        while index < len(self.instructions):
            index = self._write(index, ordinals, sink)
        for extent in self._extents(ordinals):
            sink.write("except", repr(extent).encode())
        self._resolve_imports()
        own_free = [name for name in self.variables if name in self.code.co_freevars]
        return CodeFacts(
            digest=sink.digest(),
            globals=tuple(self.globals),
            free=tuple((name, tuple(self.chains.get(name, ()))) for name in own_free),
            imports=tuple(self.imports),
        )

    def _extents(self, ordinals: dict[int, int]) -> list[tuple[int, int, int, int, bool]]:
        """Return the exception table by places: start, end, handler, depth of the stack, its last flag.

        Extents without an instruction are left out, and neighbours with one handler are one extent.
        """
        found: list[tuple[int, int, int, int, bool]] = []
        for entry in dis.Bytecode(self.code).exception_entries:  # type: ignore[attr-defined]
            start, end, target = (
                _ordinal(ordinals, place) for place in (entry.start, entry.end, entry.target)
            )
            handler = (target, entry.depth, entry.lasti)
            if start == end:
                continue
            if found and found[-1][1] == start and found[-1][2:] == handler:
                start = found.pop()[0]
            found.append((start, end, *handler))
        return found

    # -- what is left out ------------------------------------------------------------------------

    def _mark_class_name(self, index: int) -> None:
        """Drop ``__doc__ = "..."`` and its kin from class bodies."""
        instruction = self.instructions[index]
        if (
            instruction.opname == "STORE_NAME"
            and instruction.argval in _UNSEEN_CLASS_NAMES
            and index > 0
            and self.instructions[index - 1].opname == "LOAD_CONST"
        ):
            self.dropped.update((index - 1, index))

    def _mark_function(self, index: int) -> None:
        """Find the closure and the annotations that a nested function is made with."""
        if self.instructions[index].opname != "MAKE_FUNCTION":
            return
        flags = self._function_flags(index)
        code = self.instructions[index - 1].argval
        last = index - 2  # the code object itself is loaded last
        if flags & _CLOSURE and isinstance(code, CodeType):
            count = self.instructions[last].argval
            loads = list(range(last - count, last))
            if self.instructions[last].opname == "BUILD_TUPLE" and all(
                self.instructions[i].opname in ("LOAD_CLOSURE", "LOAD_FAST") for i in loads
            ):
                # Cells are passed in alphabetical order, which a local rename changes.
                by_name = dict(
                    zip(code.co_freevars, (self.instructions[i].argval for i in loads), strict=True)
                )
                order = [name for name, _ in code_facts(code).free]
                order += [name for name in code.co_freevars if name not in order]
                self.closures[loads[0]] = (count, [by_name[name] for name in order])
                last = loads[0] - 1
            else:
                return
        if flags & _ANNOTATIONS:
            first = self._start_of_expression(last)
            if first is not None:
                self.dropped.update(range(first, last + 1))

    def _function_flags(self, index: int) -> int:
        if "SET_FUNCTION_ATTRIBUTE" not in dis.opmap:
            return int(self.instructions[index].arg or 0)
        flags = 0
        for instruction in self.instructions[index + 1 :]:
            if instruction.opname != "SET_FUNCTION_ATTRIBUTE":
                break
            flags |= int(instruction.arg or 0)
        return flags

    def _start_of_expression(self, last: int) -> int | None:
        """Return the first instruction of the straight-line expression that ends at `last`."""
        effect = 0
        for index in range(last, -1, -1):
            instruction = self.instructions[index]
            if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
                return None
            effect += dis.stack_effect(instruction.opcode, instruction.arg)
            if effect == 1:
                return index
        return None

    # -- writing ---------------------------------------------------------------------------------

    def _ordinals(self) -> dict[int, int]:
        """Map the offset of each instruction to its place among those that count."""
        ordinals: dict[int, int] = {}
        place = 0
        for index, instruction in enumerate(self.instructions):
            ordinals.setdefault(instruction.offset, place)
            if index not in self.dropped:
                place += 1
        return ordinals

    def _write(self, index: int, ordinals: dict[int, int], sink: Framed) -> int:
        if index in self.dropped:
            return index + 1
        if index in self.closures:
            count, names = self.closures[index]
            for name in names:
                sink.write("closure", str(self._variable(name)).encode())
            return index + count
        instruction = self.instructions[index]
        name, value, opcode = instruction.opname, instruction.argval, instruction.opcode
        if name == "MAKE_FUNCTION":
            sink.write(name, str(self._function_flags(index) & ~_ANNOTATIONS).encode())
        elif name == "SET_FUNCTION_ATTRIBUTE":
            if instruction.arg != _ANNOTATIONS:
                sink.write(name, str(instruction.arg).encode())
        elif name == "KW_NAMES":  # an index of a constant that `dis` does not look up
            sink.write(name, self._constant(self.code.co_consts[instruction.arg or 0]))
        elif opcode in dis.hasconst:
            sink.write(name, self._constant(value))
        elif opcode in dis.hasname:
            flags = int(instruction.arg or 0) & _NAME_FLAG_BITS.get(name, 0)
            sink.write(name, f"{flags} {value}".encode())
            self._note_name(index, name, value)
        elif opcode in dis.haslocal or opcode in dis.hasfree:
            sink.write(name, str(self._variable(value)).encode())
            if name.startswith("LOAD_"):
                self._note(self.chains.setdefault(value, {}), (), index)
        elif opcode in dis.hasjrel or opcode in dis.hasjabs:
            sink.write(name, str(_ordinal(ordinals, value)).encode())
        else:
            sink.write(name, str(instruction.arg).encode())
        return index + 1

    def _variable(self, name: str) -> int:
        return self.variables.setdefault(name, len(self.variables))

    def _constant(self, value: object) -> bytes:
        if isinstance(value, CodeType):
            facts = code_facts(value)
            self.nested.append(facts)
            self.globals.update(dict.fromkeys(facts.globals))
            self.imports.update(dict.fromkeys(facts.imports))
            for name, chains in facts.free:
                self.chains.setdefault(name, {}).update(dict.fromkeys(chains))
            # A class body's name is the class's, a function's is what __name__ says.
            return b"code" + facts.digest + value.co_name.encode()
        return constant_text(value).encode("utf-8", "surrogatepass")

    # -- what can be reached ---------------------------------------------------------------------

    def _note(self, chains: dict[Chain, None], start: Chain, index: int) -> None:
        chain = start
        for instruction in self.instructions[index + 1 :]:
            if instruction.opname not in ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"):
                break
            chain = (*chain, instruction.argval)
            if not instruction.opname.startswith("LOAD"):
                break
        chains[chain] = None

    def _note_name(self, index: int, operation: str, name: str) -> None:
        if operation in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL"):
            self._note(self.globals, (name,), index)
        elif operation == "IMPORT_NAME":
            self._note_import(index, name)

    def _note_import(self, index: int, module: str) -> None:
        level, names = (self.instructions[index - 2].argval, self.instructions[index - 1].argval)
        following = self.instructions[index + 1 :]
        if not names:
            # `import a.b` binds a; `import a.b as c` walks down and binds a.b.
            target = module if following[0].opname == "IMPORT_FROM" else module.partition(".")[0]
            store = next(i for i in following if i.opname.startswith("STORE_"))
            self.imports[Import(module, level)] = None
            self.bound.append((store.argval, Import(target, level)))
            return
        # One name may be imported twice, under two others.
        places = [place for place, i in enumerate(following) if i.opname == "IMPORT_FROM"]
        for place in places[: len(names)]:
            name, store = following[place].argval, following[place + 1]
            self.bound.append((store.argval, Import(module, level, (name,))))

    def _resolve_imports(self) -> None:
        for variable, bound in self.bound:
            for chain in self.chains.get(variable, {(): None}):
                reached = (*bound.attributes, *chain)
                self.imports[Import(bound.module, bound.level, reached, whole=not reached)] = None


def _ordinal(ordinals: dict[int, int], offset: int) -> int:
    """Return the place of `offset`, or of the first instruction after it that counts."""
    found = ordinals.get(offset)
    if found is not None:
        return found
    later = [place for other, place in ordinals.items() if other > offset]
    return min(later, default=len(ordinals))


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
