"""Instructions without what the layout of a source file does to them."""

from __future__ import annotations

import bisect
import dis
import sys
from collections.abc import Callable, Iterator
from types import CodeType

HAS_LOAD_METHOD = sys.version_info < (3, 12)
# Cells follow from which variables are loaded through them; the rest only serve tracing and decoding.
_SILENT = frozenset({"NOP", "RESUME", "EXTENDED_ARG", "CACHE", "MAKE_CELL", "COPY_FREE_VARS", "NOT_TAKEN"})
_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
_OPPOSITE = {
    "POP_JUMP_IF_TRUE": "POP_JUMP_IF_FALSE",
    "POP_JUMP_IF_FALSE": "POP_JUMP_IF_TRUE",
    "POP_JUMP_IF_NONE": "POP_JUMP_IF_NOT_NONE",
    "POP_JUMP_IF_NOT_NONE": "POP_JUMP_IF_NONE",
}


def normalised(code: CodeType) -> list[dis.Instruction]:
    """Return the instructions of `code` that count, spelled in one way where the compiler has several.

    Which one it takes depends on line breaks, or on what else stands in the file. Operands of jumps stay
    offsets, also of instructions that are left out: those stand for the next one that is there.
    """
    counting = [instruction for instruction in _plain_instructions(code) if instruction.opname not in _SILENT]
    return _threaded(_alike_calls(counting))


def _threaded(instructions: list[dis.Instruction]) -> list[dis.Instruction]:
    """Return the instructions with jumps that lead where they end.

    A condition that skips a jump is turned into the opposite condition that makes it.
    """
    offsets = [instruction.offset for instruction in instructions]

    def end_of(target: int) -> int:
        for _ in range(len(offsets)):  # a loop of nothing but jumps never ends
            place = bisect.bisect_left(offsets, target)
            if place == len(offsets) or instructions[place].opname not in _JUMPS:
                break
            target = instructions[place].argval
        return target

    found: list[dis.Instruction] = []
    skipped: set[int] = set()
    for index, instruction in enumerate(instructions):
        name, target = instruction.opname, instruction.argval
        if name in _JUMPS:
            instruction = instruction._replace(argval=end_of(target))
        elif name.startswith("POP_JUMP_"):
            name = name.replace("_FORWARD", "").replace("_BACKWARD", "")  # 3.11 says which way
            following = instructions[index + 1 : index + 3]
            if (
                len(following) == 2
                and following[0].opname in _JUMPS
                and bisect.bisect_left(offsets, target) == index + 2
            ):
                name, target = _OPPOSITE[name], following[0].argval
                skipped.add(index + 1)
            instruction = instruction._replace(opname=name, argval=end_of(target))
        if index not in skipped:
            found.append(instruction)
    return found


def _plain_instructions(code: CodeType) -> Iterator[dis.Instruction]:
    """Yield instructions with pairs taken apart: whether two are joined depends on line breaks."""
    make: Callable[..., dis.Instruction] = dis.Instruction._replace
    for instruction in dis.get_instructions(code):
        parts = instruction.opname.split("_FAST_")
        if instruction.opname == "RETURN_CONST":
            yield make(instruction, opname="LOAD_CONST", opcode=dis.opmap["LOAD_CONST"])
            yield make(
                instruction, opname="RETURN_VALUE", opcode=dis.opmap["RETURN_VALUE"], arg=None, argval=None
            )
        elif (
            isinstance(instruction.argval, tuple)
            and instruction.opname.count("_FAST") == 2
            and len(parts) == 2
        ):
            for operation, name in zip((parts[0] + "_FAST", parts[1]), instruction.argval, strict=True):
                yield make(instruction, opname=operation, opcode=dis.opmap[operation], argval=name)
        else:
            yield instruction


def _alike_calls(instructions: list[dis.Instruction]) -> list[dis.Instruction]:
    """Return the instructions with every call of an attribute spelled as a method call.

    The compiler spells ``math.floor(x)`` in two ways that do the same: one where ``import math`` stands in
    the same file, the other where it stands elsewhere, as in another cell of a notebook.
    """
    found: list[dis.Instruction] = []
    for instruction in instructions:
        name, last = instruction.opname, found[-1] if found else None
        if name == "PUSH_NULL" and last is not None and last.opname == "LOAD_ATTR":
            found[-1] = _as_method(last)  # 3.13 and later: the null comes after the attribute
        elif (
            name == "LOAD_ATTR"
            and last is not None
            and last.opname == "LOAD_GLOBAL"
            and last.arg is not None
            and last.arg & 1
        ):
            found[-1] = last._replace(arg=last.arg & ~1)  # 3.11 and 3.12: before its owner
            found.append(_as_method(instruction))
        else:
            found.append(instruction)
    return found


def _as_method(instruction: dis.Instruction) -> dis.Instruction:
    if HAS_LOAD_METHOD:
        return instruction._replace(opname="LOAD_METHOD", opcode=dis.opmap["LOAD_METHOD"])
    return instruction._replace(arg=(instruction.arg or 0) | 1)
