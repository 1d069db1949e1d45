"""Digests of code say what it does, not how it is laid out."""

from __future__ import annotations

import argparse
import dis
import inspect
import typing
from collections.abc import Iterator
from types import CodeType, ModuleType

import pytest

from hashcache.bytecode import Import, code_facts
from hashcache.instructions import JUMP, NUMBER, _rows, extents


def facts(source: str):
    namespace: dict[str, object] = {}
    exec(compile(source, "<source>", "exec", dont_inherit=True), namespace)
    return code_facts(namespace["f"].__code__)


ALIKE = {
    "comprehension over lines": (
        "def f(x):\n    return sum([i * 0 for i in range(x) if i != 1])",
        "def f(x):\n    return sum(\n        [\n        i *\n        0\n"
        " for i in range(x) if i !=\n        1])",
    ),
    "condition over lines": (
        "def f(x):\n    while x and x < 3:\n        x += 1\n    return x",
        "def f(x):\n    while (x\n\n           and\n           x < 3):\n        x += 1\n    return x",
    ),
    "locals of two functions": (
        "def f():\n    a, b = 1, 2\n    def g(u: int) -> int:\n        return b - a\n    return g",
        "def f():\n    b, a = 1, 2\n    def g(u):\n        return a - b\n    return g",
    ),
    "call of a module in another unit": (
        "import math\ndef f(x):\n    return math.floor(x)",
        "def f(x):\n    return math.floor(x)",
    ),
}
DIFFERENT = {
    "condition turned round": (
        "def f(x):\n    return [i for i in x if i]",
        "def f(x):\n    return [i for i in x if not i]",
    ),
    "None turned round": (
        "def f(x):\n    for i in x:\n        if i is None:\n            continue\n        print(i)",
        "def f(x):\n    for i in x:\n        if i is not None:\n            continue\n        print(i)",
    ),
    "break for continue": (
        "def f(x):\n    while x:\n        if x > 1:\n            break\n        x -= 1\n    return x",
        "def f(x):\n    while x:\n        if x > 1:\n            continue\n        x -= 1\n    return x",
    ),
    "extent of a try": (
        "def f(x):\n    try:\n        a = 1 / x\n        b = x[0]\n"
        "    except E:\n        return 1\n    return a, b",
        "def f(x):\n    try:\n        a = 1 / x\n    except E:\n"
        "        return 1\n    b = x[0]\n    return a, b",
    ),
    "handler of a try": (
        "def f(x):\n    try:\n        return x[0]\n    except KeyError:\n        return 1",
        "def f(x):\n    try:\n        return x[0]\n    except IndexError:\n        return 1",
    ),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_layout_and_names_of_locals_do_not_count(one: str, other: str):
    assert facts(one).digest == facts(other).digest


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_control_flow_counts(one: str, other: str):
    assert facts(one).digest != facts(other).digest


def test_what_code_can_reach_is_listed_with_attributes():
    found = facts(
        "def f(x):\n"
        "    import numpy as np\n"
        "    from .lib import a as p, b, a as q\n"
        "    return np.linalg.solve(CONFIG.rate) + p.v + b + q + [helper(i) for i in x]\n"
    )
    assert set(found.globals) == {("CONFIG", "rate"), ("helper",)}
    assert {
        Import("numpy", 0, ("linalg", "solve")), Import("lib", 1, ("a", "v")), Import("lib", 1, ("b",)),
        Import("lib", 1, ("a",)),
    } <= set(found.imports)  # fmt: skip


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@pytest.mark.parametrize("module", [argparse, dis, inspect, typing], ids=lambda module: module.__name__)
def test_operands_and_extents_are_those_that_dis_finds(module: ModuleType):
    resolved = {*dis.hasconst, *dis.hasname, *dis.haslocal, *dis.hasfree, *dis.hasjrel}
    resolved.discard(dis.opmap.get("KW_NAMES", -1))  # some versions of dis leave it a number
    kept = [name for name, place in dis.opmap.items() if place in resolved]
    for code in codes(compile(inspect.getsource(module), module.__name__, "exec", dont_inherit=True)):
        expected = []
        for found in dis.get_instructions(code):
            if found.opname in kept and found.opname not in ("MAKE_CELL", "COPY_FREE_VARS"):
                jump = found.opcode in dis.hasjrel
                pair = type(found.argval) is tuple and found.opcode in dis.haslocal
                values = found.argval if pair else [found.argval // 2 if jump else found.argval]
                expected += [(found.offset // 2, value) for value in values]
        ours = [row for row in _rows(code) if row[1] != NUMBER and row[0] != "KW_NAMES"]
        assert [(place, value) for _, _, value, _, place in ours] == expected
        assert any(kind == JUMP for _, kind, *_ in ours) == any(
            i.opcode in dis.hasjrel for i in dis.get_instructions(code)
        )
        entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
        assert [
            (2 * start, 2 * end, 2 * target, depth >> 1) for start, end, target, depth in extents(code)
        ] == [(entry.start, entry.end, entry.target, entry.depth) for entry in entries]
