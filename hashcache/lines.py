"""The body of a function line by line, so that two versions of it can be compared when one is gone.

No source text is kept, only a short digest of what each line does. It takes no part in any key, and is
made when a result is stored or explained, never by a call that finds its result.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator, Sequence
from types import CodeType

from xxhash import xxh3_64_hexdigest

from hashcache.bytecode import constant_text
from hashcache.instructions import normalised

_DIGITS = 6
_MOST = 1000  # lines; who changes a longer function is not helped by counts


def line_digests(code: CodeType) -> tuple[str, ...]:
    """Return a digest for the parameters and one for every line that does something, in order.

    Comments, blank lines and positions are not in them, and nested functions are, at their place.
    """
    lines: dict[int, list[str]] = {}
    for line, text in _operations(code):
        lines.setdefault(line, []).append(text)
    own = [_parameters(code), *(" ".join(_without_end(lines[line])) for line in sorted(lines))]
    if len(own) > _MOST:
        return ()
    return tuple(xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))[:_DIGITS] for text in own)


def count_changes(then: Sequence[str], now: Sequence[str]) -> tuple[int, int]:
    """Return how many lines came and how many went between two versions."""
    import difflib  # which only explanations need

    came = went = 0
    matcher = difflib.SequenceMatcher(None, then, now, autojunk=False)
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        if what != "equal":
            went, came = went + end - start, came + new_end - new_start
    return came, went


def _parameters(code: CodeType) -> str:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    kinds = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _KINDS)
    return f"{kinds} {code.co_varnames[:count]}"


_KINDS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE


def _operations(code: CodeType) -> Iterator[tuple[int, str]]:
    line = code.co_firstlineno
    for instruction in normalised(code):
        positions = instruction.positions
        if positions is not None and positions.lineno is not None:
            line = positions.lineno
        value = instruction.argval
        if isinstance(value, CodeType):
            yield line, f"{instruction.opname} {_parameters(value)}"
            yield from _operations(value)
        elif instruction.opname == "KW_NAMES":  # an index of a constant that `dis` does not look up
            yield line, f"KW_NAMES {code.co_consts[instruction.arg or 0]}"
        elif instruction.opcode in dis.hasconst:
            yield line, f"{instruction.opname} {constant_text(value)}"
        elif isinstance(value, str):  # a name; of local variables too, which people see change
            yield line, f"{instruction.opname} {value}"
        elif instruction.opcode in _JUMPS:  # how far depends on what stands between
            yield line, instruction.opname
        else:
            yield line, f"{instruction.opname} {instruction.arg}"


_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
_END = ["LOAD_CONST NoneType(None)", "RETURN_VALUE None"]


def _without_end(operations: list[str]) -> list[str]:
    """Drop the ``return None`` that the compiler adds to whichever line is the last."""
    return operations[:-2] if len(operations) > 2 and operations[-2:] == _END else operations
