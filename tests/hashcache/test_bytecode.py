"""Digests of code say what it does, not how it is laid out."""

from __future__ import annotations

import pytest

from hashcache.bytecode import Import, code_facts


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
