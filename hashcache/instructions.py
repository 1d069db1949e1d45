"""Instructions without what the layout of a source file does to them."""

from __future__ import annotations

import bisect
import sys
from collections.abc import Iterator
from opcode import HAVE_ARGUMENT, hasconst, hasfree, hasjabs, hasjrel, haslocal, hasname, opmap, opname
from types import CodeType
from typing import Any

HAS_LOAD_METHOD = sys.version_info < (3, 12)
HAS_SET_FUNCTION_ATTRIBUTE = "SET_FUNCTION_ATTRIBUTE" in opmap
CONSTANT, NAME, VARIABLE, JUMP, NUMBER = "constant", "name", "variable", "jump", "number"

# Cells follow from which variables are loaded through them; the rest only serve tracing and decoding.
_SILENT = ("NOP", "RESUME", "EXTENDED_ARG", "CACHE", "MAKE_CELL", "COPY_FREE_VARS", "NOT_TAKEN")
_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
_OPPOSITE = {
    "POP_JUMP_IF_TRUE": "POP_JUMP_IF_FALSE",
    "POP_JUMP_IF_FALSE": "POP_JUMP_IF_TRUE",
    "POP_JUMP_IF_NONE": "POP_JUMP_IF_NOT_NONE",
    "POP_JUMP_IF_NOT_NONE": "POP_JUMP_IF_NONE",
}
_Row = tuple[str, str, Any, int | None, int]  # name, kind, value, argument, place
_CACHE, _EXTENDED = opmap["CACHE"], opmap["EXTENDED_ARG"]
# The low bits of these operands are flags beside the index of a name.
_FLAGS = {opmap["LOAD_GLOBAL"]: 1, opmap.get("LOAD_SUPER_ATTR", -1): 2}
if not HAS_LOAD_METHOD:
    _FLAGS[opmap["LOAD_ATTR"]] = 1


def _kinds() -> list[str | None]:
    """Return what the operand of each operation is; None for those that are left out."""
    kinds: list[str | None] = [NUMBER] * 256
    for kind, operations in (
        (CONSTANT, [*hasconst, opmap.get("KW_NAMES", _CACHE)]),
        (NAME, hasname),
        (VARIABLE, [*haslocal, *hasfree]),
        (JUMP, [*hasjrel, *hasjabs]),
        (None, [opmap[name] for name in _SILENT if name in opmap]),
    ):
        for operation in operations:
            if operation < 256:  # beyond are those that only the compiler itself uses
                kinds[operation] = kind
    return kinds


def _pair(name: str) -> tuple[str, str]:
    """Return the two operations that one with two variables is made of."""
    start = name.rindex("_", 0, name.rindex("_FAST"))
    return name[:start], name[start + 1 :]


_KINDS = _kinds()
_PAIRS = {place: _pair(name) for place, name in enumerate(opname[:256]) if name.count("_FAST") == 2}


class Instructions:
    """The instructions of a code object that count, spelled in one way where the compiler has several.

    Which one it takes depends on line breaks, or on what else stands in the file. Places of jumps and
    extents are those of code units, also of instructions that are left out: those stand for the next
    one that is there.

    Columns rather than an object each, as `dis` makes them: making those took most of the time of a first
    fingerprint.

    Attributes
    ----------
    names : list of str
        The operations.
    kinds : list of str
        What the operand is: `CONSTANT`, `NAME`, `VARIABLE`, `JUMP` or `NUMBER`.
    values : list
        The operand itself: a constant, a text, the place that a jump leads to.
    arguments : list of int or None
        The operand as a number; of names only the flags beside it.
    places : list of int
        Where they stand, in code units.
    """

    def __init__(self, code: CodeType) -> None:
        columns = zip(*_rows(code), strict=True)
        self.names, self.kinds, self.values, self.arguments, self.places = map(list, columns)
        if JUMP in self.kinds:
            self._thread()

    def _thread(self) -> None:
        """Let jumps lead where they end.

        A condition that skips a jump is turned into the opposite condition that makes it.
        """
        names, values, places = self.names, self.values, self.places
        targets = values.copy()

        def end_of(target: int) -> int:
            for _ in places:  # a loop of nothing but jumps never ends
                index = bisect.bisect_left(places, target)
                if index == len(places) or names[index] not in _JUMPS:
                    break
                target = targets[index]
            return target

        skipped = []
        for index, kind in enumerate(self.kinds):
            if kind is not JUMP:
                continue
            name, target = names[index], targets[index]
            if name.startswith("POP_JUMP_"):
                name = name.replace("_FORWARD", "").replace("_BACKWARD", "")  # 3.11 says which way
                if (
                    index + 2 < len(names)
                    and names[index + 1] in _JUMPS
                    and bisect.bisect_left(places, target) == index + 2
                ):
                    name, target = _OPPOSITE[name], targets[index + 1]
                    skipped.append(index + 1)
                names[index] = name
            elif name not in _JUMPS:
                continue
            values[index] = end_of(target)
        for index in reversed(skipped):
            for column in (names, self.kinds, values, self.arguments, places):
                del column[index]


def _rows(code: CodeType) -> list[_Row]:
    """Return name, kind, value, argument and place of each instruction, pairs and calls taken apart."""
    constants, names, variable = code.co_consts, code.co_names, code._varname_from_oparg  # type: ignore[attr-defined]
    raw = code.co_code
    operations = raw[::2]
    rows: list[_Row] = []
    high = 0  # what an EXTENDED_ARG before the instruction adds to its operand
    for place, (operation, low) in enumerate(zip(operations, raw[1::2], strict=True)):
        kind = _KINDS[operation]
        if kind is None:
            high = (high | low) << 8 if operation == _EXTENDED else 0
            continue
        argument, high = high | low, 0
        name = opname[operation]
        if kind is VARIABLE:
            pair = _PAIRS.get(operation)
            if pair is None:
                rows.append((name, kind, variable(argument), argument, place))
            else:  # whether two are joined depends on line breaks
                rows.append((pair[0], kind, variable(argument >> 4), argument, place))
                rows.append((pair[1], kind, variable(argument & 15), argument, place))
        elif kind is NAME:
            bits = _FLAGS.get(operation, 0)
            rows.append((name, kind, names[argument >> bits], argument & ((1 << bits) - 1), place))
            if name == "LOAD_ATTR" and len(rows) > 1 and rows[-2][0] == "LOAD_GLOBAL" and rows[-2][3]:
                rows[-2:] = _without_null(rows[-2]), _as_method(rows[-1])  # 3.11, 3.12: null before the owner
        elif kind is CONSTANT:
            if name == "RETURN_CONST":
                rows.append(("LOAD_CONST", kind, constants[argument], argument, place))
                rows.append(("RETURN_VALUE", NUMBER, None, None, place))
            else:
                rows.append((name, kind, constants[argument], argument, place))
        elif kind is JUMP:
            after = place + 1
            while after < len(operations) and operations[after] == _CACHE:
                after += 1
            target = after - argument if "BACKWARD" in name else after + argument
            rows.append((name, kind, target, argument, place))
        elif name == "PUSH_NULL" and rows and rows[-1][0] == "LOAD_ATTR":
            rows[-1] = _as_method(rows[-1])  # 3.13: null after the attribute
        else:
            rows.append((name, kind, None, argument if operation >= HAVE_ARGUMENT else None, place))
    return rows


# The compiler spells ``math.floor(x)`` in two ways that do the same: one where ``import math`` stands
# in the same file, the other where it stands elsewhere, as in another cell of a notebook. Here every
# call of an attribute is spelled as a method call.


def _as_method(row: _Row) -> _Row:
    name, kind, value, flags, place = row
    return ("LOAD_METHOD" if HAS_LOAD_METHOD else name, kind, value, flags if HAS_LOAD_METHOD else 1, place)


def _without_null(row: _Row) -> _Row:
    name, kind, value, _, place = row
    return (name, kind, value, 0, place)


def extents(code: CodeType) -> Iterator[tuple[int, int, int, int]]:
    """Yield the exception table in code units: start, end, handler, and depth of the stack with a flag.

    Its numbers have six bits a byte, the highest first; what is followed by more has bit six set.
    """
    table = iter(code.co_exceptiontable)

    def number(byte: int) -> int:
        value = byte & 63
        while byte & 64:
            byte = next(table)
            value = value << 6 | byte & 63
        return value

    for byte in table:
        start = number(byte)
        yield start, start + number(next(table)), number(next(table)), number(next(table))
