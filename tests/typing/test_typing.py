"""What editors and type checkers see: a decorated function keeps its signature."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
import textwrap

import pytest

from hashcache import Cache, OptionError, hashcache


def test_signature_docstring_and_annotations_are_kept():
    @hashcache
    def power(x: float, /, n: int = 2, *, verbose: bool = False) -> float:
        """Return a power."""
        return x**n

    assert (
        str(inspect.signature(power))
        == "(x: 'float', /, n: 'int' = 2, *, verbose: 'bool' = False) -> 'float'"
    )
    assert power.__doc__ == "Return a power."
    assert power.__name__ == "power"
    assert power.__module__ == __name__
    assert power.__annotations__["n"] == "int"
    assert inspect.unwrap(power)(3.0) == power(3.0) == power.uncached(3.0) == 9.0


PROGRAM = """
from collections.abc import Callable
from typing import assert_type

from hashcache import Cached, Explanation, hashcache


@hashcache
def power(x: float, n: int = 2) -> float:
    return x**n


@hashcache(ignore=("verbose",), version="2")
def table(n: int, *, verbose: bool = False) -> dict[str, list[int]]:
    return {}


class Model:
    @hashcache
    def rate(self, t: float) -> complex:
        return 1j


assert_type(power(1.0), float)
assert_type(table(1, verbose=True), dict[str, list[int]])
assert_type(power.uncached(1.0, n=3), float)
assert_type(power.key(1.0), str)
assert_type(power.explain(1.0), Explanation)
assert_type(Model().rate(1.0), complex)
assert_type(Model().rate.is_cached(1.0), bool)
plain: Callable[[float, int], float] = power
kept: Cached[[float, int], float]
"""
MISTAKES = [
    ("power('a')", "arg-type"),
    ("power(1.0, m=3)", "call-arg"),
    ("power.is_cached()", "call-arg"),
    ("Model().rate()", "call-arg"),
    ("hashcache(versoin='2')", "call-overload"),
    ("hashcache(mutation='never')", "call-overload"),
]


def check(tmp_path, text: str) -> str:
    (tmp_path / "program.py").write_text(textwrap.dedent(text))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-incremental",
            "--follow-imports=silent",
            "program.py",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    return done.stdout


def test_a_type_checker_sees_the_function_and_the_questions(tmp_path):
    pytest.importorskip("mypy")
    told = check(tmp_path, PROGRAM + "\n".join(mistake for mistake, _ in MISTAKES))
    first = PROGRAM.count("\n") + 1
    expected = [(first + place, code) for place, (_, code) in enumerate(MISTAKES)]
    found = [
        (int(line.split(":")[1]), line.rpartition("[")[2].rstrip("]"))
        for line in told.splitlines()
        if ": error:" in line
    ]
    assert found == expected, told


@pytest.mark.parametrize(
    "options",
    [
        {"versoin": "2"},
        {"mutation": "never"},
        {"on_uncacheable": "shout"},
        {"ignore": "verbose"},
        {"ignore": ("no_such",)},
        {"relax": ("everything",)},
    ],
)
def test_options_that_cannot_be_are_refused_when_decorating(options):
    with pytest.raises(OptionError):
        hashcache(**options)(lambda verbose: None)


def test_a_cache_has_one_place(tmp_path):
    with pytest.raises(ValueError, match="not both"):
        Cache(tmp_path, store=hashcache.store)


def test_wrappers_of_a_cached_function_get_nothing_of_what_it_keeps_for_itself():
    @hashcache
    def power(x):
        return x**2

    @functools.wraps(power)
    def wrapper(x):
        return power(x)

    @hashcache
    def caller(x):
        return wrapper(x) + functools.lru_cache(power)(x)

    assert (
        set(vars(power))
        == set(vars(wrapper))
        == {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__"} & set(vars(power))
    )
    assert [caller(2), caller(2)] == [8, 8]
    assert caller.stats() == {"hits": 1, "misses": 1}
