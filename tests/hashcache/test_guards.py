"""A fingerprint holds exactly as long as every name leads to the object that was there."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from hashcache.fingerprint import Fingerprint, fingerprint

SOURCE = """
import helpers
from helpers import helper
RATE, _hashcache_guard_0, failure, names = 2.5, "a", "b", (1, 2)

def f(x):
    if x > 10:
        return undefined
    return helper(x) * RATE + len(names) + helpers.SHIFT + len(_hashcache_guard_0 + failure)
"""
HELPERS = """
SHIFT, SCALE = 7, 3

def helper(x):
    return abs(x) * SCALE
"""


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    helpers, program = types.ModuleType("helpers"), types.ModuleType("program")
    monkeypatch.setitem(sys.modules, "helpers", helpers)
    exec(HELPERS, vars(helpers))
    exec(SOURCE, vars(program))
    return program, helpers


EDITS: dict[str, Callable[[Any, Any], object]] = {
    "global": lambda program, helpers: setattr(program, "RATE", 3.5),
    "equal global of another type": lambda program, helpers: setattr(helpers, "SCALE", 3.0),
    "global with a strange name": lambda program, helpers: setattr(program, "_hashcache_guard_0", "c"),
    "global deleted": lambda program, helpers: delattr(program, "RATE"),
    "global defined later": lambda program, helpers: setattr(program, "undefined", 1),
    "helper": lambda program, helpers: setattr(program, "helper", abs),
    "global of a helper's module": lambda program, helpers: setattr(helpers, "SCALE", 4),
    "attribute of a module": lambda program, helpers: setattr(helpers, "SHIFT", 8),
    "attribute deleted": lambda program, helpers: delattr(helpers, "SHIFT"),
    "module": lambda program, helpers: setattr(program, "helpers", types.SimpleNamespace(SHIFT=7)),
    "builtin shadowed": lambda program, helpers: setattr(program, "len", max),
    "builtin shadowed in the helper's module": lambda program, helpers: setattr(helpers, "abs", max),
    "code of a helper": lambda program, helpers: setattr(
        helpers.helper, "__code__", (lambda x: x).__code__
    ),
    "defaults": lambda program, helpers: setattr(program.f, "__defaults__", (1,)),
    "attribute of a function": lambda program, helpers: setattr(program.f, "note", 1),
}  # fmt: skip


@pytest.mark.parametrize("checks", [1, 20], ids=["looked at", "compiled"])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_fingerprint_holds_until_a_name_leads_elsewhere(modules: Any, edit: Any, checks: int):
    found = fingerprint(modules[0].f)
    assert all(found.holds() for _ in range(checks))
    edit(*modules)
    assert not any(found.holds() for _ in range(20))
    assert fingerprint(modules[0].f).digest != found.digest


@pytest.mark.parametrize("checks", [1, 20], ids=["looked at", "compiled"])
def test_a_patched_builtin_counts_until_it_is_put_back(modules: Any, checks: int, monkeypatch: Any):
    found: Fingerprint = fingerprint(modules[0].f)
    assert all(found.holds() for _ in range(checks))
    with monkeypatch.context() as patched:
        patched.setattr("builtins.abs", lambda x: x)
        assert not found.holds()
    assert found.holds()


@pytest.mark.parametrize("checks", [1, 20], ids=["looked at", "compiled"])
def test_unrelated_names_and_equal_rebinding_leave_a_fingerprint_alone(modules: Any, checks: int):
    program, helpers = modules
    found = fingerprint(program.f)
    assert all(found.holds() for _ in range(checks))
    for place in range(100):  # the dictionary of the module is laid out anew
        setattr(program, f"unrelated_{place}", place)
        setattr(helpers, f"unrelated_{place}", place)
    program.RATE, kept = None, program.RATE
    program.RATE = kept
    assert found.holds()


def test_checking_leaves_modules_as_they_were(modules: Any):
    before = [dict(vars(module)) for module in modules]
    found = fingerprint(modules[0].f)
    assert all(found.holds() for _ in range(20))
    assert [dict(vars(module)) for module in modules] == before
