"""Edits of the cached function itself: body, signature and decorators."""

from __future__ import annotations

from functools import partial

from .runner import RECOMPUTE, Edit, edit, given, in_body

body = partial(in_body, RECOMPUTE)
edited = partial(edit, RECOMPUTE)


CONSTANTS_AND_OPERATORS = [
    body("constant", "x * 2 => x * 3", "return x * 2"),
    body("constant, 1 to True", "1 => True", "return 1"),
    body("constant, 7 to 7.0", "7 => 7.0", "return 7"),
    body("constant, sign of zero", "0.0 => -0.0", "return [0.0, x]"),
    body("constant, large int", f"{10**40} => {10**40 + 1}", f"return {10**40}"),
    body("constant, str to bytes", "'a' => b'a'", "return 'a'"),
    body("constant, complex", "2j => 3j", "return x + 2j"),
    body("constant, None to Ellipsis", "None => ...", "return None"),
    body("constant, type inside a tuple", "(1, 2) => (1, 2.0)", "return (1, 2)"),
    body("constant, nesting of a tuple", "(1, (2, 3)) => ((1, 2), 3)", "return (1, (2, 3))"),
    body("constant, set", "{1, 2} => {1, 3}", "return x in {1, 2}"),
    body("operator", "x + 3 => x * 3", "return x + 3"),
    body("operator, in place", "x += 3 => x -= 3", "x += 3; return x"),
    body("operator, unary", "-x => +x", "return -x"),
    body("operator, comparison", "x < 2 => x <= 2", "return x < 2"),
    body("operator, identity", "is None => is not None", "return x is None"),
    body("operator, membership", "x in => x not in", "return x in (1, 2)"),
    body("operator, boolean", "x and 5 => x or 5", "return x and 5"),
    body("operands swapped", "x - y => y - x", "y = 5; return x - y"),
    body("another local returned", "return a => return b", "a = 1; b = 2; return a"),
    body("subscript", "[x] => [-x]", "return [1, 2, 3, 4, 5][x]"),
    body("slice", "[:x] => [x:]", "return [1, 2, 3, 4, 5][:x]"),
    body("starred target", "*a, b = => a, *b =", "*a, b = [1, 2, 3]; return a, b"),
    body("starred argument", "(y) => (*y)", "y = [x, 3]; return (lambda *z: z)(y)"),
    body("method name", ".upper => .lower", "return 'aB'.upper()"),
    body("keyword name", "a=x => b=x", "return dict(a=x)"),
    body("keyword value", "reverse=False => reverse=True", "return sorted([x, 3], reverse=False)"),
    body("f-string text", "a{x} => b{x}", "return f'a{x}'"),
    body("f-string format", ":3 => :4", "return f'{x:3}'"),
    body("f-string conversion", "{y!s} => {y!r}", "y = 'q'; return f'{y!s}'"),
    body("conditional branch", "else 4 => else 5", "return 3 if x > 9 else 4"),
    body("walrus", "y := 3 => y := 4", "return (y := 3) + y"),
    body("chained comparison", "1 < x < 3 => 1 < x > 3", "return 1 < x < 3"),
    body(
        "assert", "assert x, => assert not x,", "try:\n    assert x, 1\nexcept AssertionError:\n    return 1"
    ),
    body("augmented subscript", "y[0] += 1 => y[1] += 1", "y = [1, 1]; y[0] += 1; return y"),
    body("deleted item", "del y[0] => del y[1]", "y = [1, 2]; del y[0]; return y"),
]

NESTED_CODE = [
    body("lambda", "y + 1 => y + 2", "return (lambda y: y + 1)(x)"),
    body("lambda default", "y=1 => y=2", "return (lambda y=1: y + x)()"),
    body("list comprehension", "i + 1 => i + 2", "return [i + 1 for i in range(x)]"),
    body("comprehension filter", "if i > 0 => if i >= 0", "return [i for i in range(x) if i > 0]"),
    body("comprehension source", "range(x) => range(x + 1)", "return [i for i in range(x)]"),
    body("set comprehension", "i % 2 => i % 3", "return sorted({i % 2 for i in range(9)})"),
    body("dict comprehension", "i: x => x: i", "return {i: x for i in range(3)}"),
    body("generator expression", "i * 2 => i * 3", "return sum(i * 2 for i in range(5))"),
    body("nested comprehension", "j + 1 => j + 2", "return [[j + 1 for j in range(i)] for i in range(x)]"),
    body(
        "generator body",
        "yield i => yield -i",
        "for i in range(x):\n    yield -5\n    yield i",
    ),
    body("yield from", "range(x) => range(x + 1)", "yield from range(x)"),
    edited("coroutine body", "x + 1 => x + 2", "@hashcache\nasync def f(x):\n    return x + 1"),
    body("nested function", "y + 1 => y + 2", "def g(y):\n    return y + 1\nreturn g(x)"),
    body("nested function default", "y=1 => y=2", "def g(y=1):\n    return y + x\nreturn g()"),
    body(
        "nested function keyword-only default", "y=1 => y=2", "def g(*, y=1):\n    return y + x\nreturn g()"
    ),
    body("nested function kind", "pass => yield", "def g():\n    pass\nreturn type(g()).__name__"),
    body(
        "nested twice",
        "y + 1 => y + 2",
        """
        def g():
            def h(y):
                return y + 1
            return h
        return g()(x)
        """,
    ),
    body("nested class", "y = 1 => y = 2", "class C:\n    y = 1\nreturn C.y"),
    body(
        "nested capture",
        "return a => return b",
        "a = 1; b = 2\ndef g():\n    return a\nreturn g() if b else 0",
    ),
    body(
        "nested async function",
        "y + 1 => y + 2",
        """
        import asyncio
        async def g(y):
            return y + 1
        return asyncio.run(g(x))
        """,
    ),
]

CONTROL_FLOW = [
    body(
        "break to continue",
        "break => continue",
        """
        n = 0
        for i in range(4):
            if i == x:
                break
            n += 1
        return n
        """,
    ),
    body(
        "loop else",
        "    else:\n        n += 10 =>     n += 10",
        """
        n = 0
        for i in range(4):
            if i == x:
                break
        else:
            n += 10
        return n
        """,
    ),
    edited(
        "try begins later",
        "        try:\n            h(x)\n =>         h(x)\n        try:\n",
        """
        def h(y):
            if not y:
                raise KeyError(y)

        @hashcache
        def f(x):
            try:
                try:
                    h(x)
                    h(1)
                except KeyError:
                    return 1
            except KeyError:
                return 2
        """,
        call="f(0)",
    ),
    edited(
        "try ends earlier",
        "            h(x)\n        except KeyError:\n            return 1\n"
        " =>         except KeyError:\n            return 1\n        h(x)\n",
        """
        def h(y):
            if not y:
                raise KeyError(y)

        @hashcache
        def f(x):
            try:
                try:
                    h(1)
                    h(x)
                except KeyError:
                    return 1
            except KeyError:
                return 2
        """,
        call="f(0)",
    ),
    edited(
        "with ends earlier",
        "            h(x)\n =>         h(x)\n",
        """
        from contextlib import suppress

        def h(y):
            if not y:
                raise KeyError(y)

        @hashcache
        def f(x):
            try:
                with suppress(KeyError):
                    h(1)
                    h(x)
                return 1
            except KeyError:
                return 2
        """,
        call="f(0)",
    ),
    body(
        "exception handled",
        "except KeyError => except LookupError",
        """
        try:
            try:
                return [][x]
            except KeyError:
                return 1
        except IndexError:
            return 2
        """,
    ),
    body("handler", "return 1 => return 2", "try:\n    return [][x]\nexcept IndexError:\n    return 1"),
    body(
        "finally",
        "append(1) => append(2)",
        """
        n = []
        try:
            return n
        finally:
            n.append(1)
        """,
    ),
    body(
        "exception group",
        "2 => 3",
        """
        try:
            raise KeyError
        except* KeyError:
            x *= 2
        return x
        """,
    ),
    body("match literal", "case 2 => case 3", "match x:\n    case 2:\n        return 1\nreturn 0"),
    body("match guard", "if y > 1 => if y > 2", "match x:\n    case y if y > 1:\n        return 1\nreturn 0"),
    body("match class", "case int => case str", "match x:\n    case int():\n        return 1\nreturn 0"),
    body("match key", "'a': y => 'b': y", "match {'b': x}:\n    case {'a': y}:\n        return y\nreturn 0"),
    body("match capture", "[y, _] => [_, y]", "match [1, x]:\n    case [y, _]:\n        return y\nreturn 0"),
    body("match rest", "[*y, _] => [_, *y]", "match [1, x]:\n    case [*y, _]:\n        return y\nreturn 0"),
]

SIGNATURE = [
    edited("default", "y=1 => y=2", "@hashcache\ndef f(x, y=1):\n    return x + y"),
    edited("default, 1 to True", "y=1 => y=True", "@hashcache\ndef f(x, y=1):\n    return y"),
    edited("default, mutable", "y=[1] => y=[2]", "@hashcache\ndef f(x, y=[1]):\n    return y + [x]"),
    edited("default, keyword-only", "y=1 => y=2", "@hashcache\ndef f(x, *, y=1):\n    return x + y"),
    edited(
        "default, a function", "z * 2 => z * 3", "@hashcache\ndef f(x, y=lambda z: z * 2):\n    return y(x)"
    ),
    edited(
        "default, a global",
        "R = 1 => R = 2",
        """
        R = 1

        @hashcache
        def f(x, y=R):
            return x + y
        """,
    ),
    edited(
        "default moves", "y=1, *, z=2 => y=2, *, z=1", "@hashcache\ndef f(x, y=1, *, z=2):\n    return y - z"
    ),
    edited(
        "parameters swapped", "a, b => b, a", "@hashcache\ndef f(a, b):\n    return a - b", call="f(1, 2)"
    ),
    edited("parameter starred", "(*x) => (x)", "@hashcache\ndef f(*x):\n    return x"),
    edited("keywords to positions", "**x): => *x):", "@hashcache\ndef f(y, **x):\n    return x"),
]

TWICE = """
def twice(g):
    def inner(*args):
        return 2 * g(*args)
    return inner

def more(g):
    def inner(*args):
        return g(*args) + 1
    return inner
"""

WRAPS = """
import functools

def scaled(by):
    def wrap(g):
        @functools.wraps(g)
        def inner(*args):
            return by * g(*args)
        return inner
    return wrap
"""

DECORATED = """
from lib import {names}

{above}
def h(x):
    return x + 3

@hashcache
def f(x):
    return h(x)
"""

BENEATH = """
from lib import {names}

@hashcache
{above}
def f(x):
    return x + 3
"""


def under(name: str, change: str, names: str, above: str, lib: str) -> list[Edit]:
    """Return the edit once for decorators of a helper and once for decorators under the cache."""
    return [
        edited(f"decorator, {name}", change, DECORATED.format(names=names, above=above), lib=lib),
        edited(
            f"decorator under the cache, {name}", change, BENEATH.format(names=names, above=above), lib=lib
        ),
    ]


DECORATORS = [
    *under("its body", "2 * g => 3 * g", "twice", "@twice", TWICE),
    *under("another one", "@twice => @more", "twice, more", "@twice", TWICE),
    *under("their order", "@twice\n@more => @more\n@twice", "twice, more", "@twice\n@more", TWICE),
    *under("removed", "@twice =>", "twice", "@twice", TWICE),
    *under("body of one with __wrapped__", "by * g => by + g", "scaled", "@scaled(3)", WRAPS),
    *under("argument of one with __wrapped__", "@scaled(2) => @scaled(3)", "scaled", "@scaled(2)", WRAPS),
    *under("the function inside __wrapped__", "x + 3 => x + 4", "scaled", "@scaled(2)", WRAPS),
    edited(
        "decorator that replaces the function",
        "lambda *a: 1 => lambda *a: 2",
        DECORATED.format(names="other", above="@other"),
        lib="def other(g):\n    return lambda *a: 1",
    ),
    edited(
        "decorator with a false __wrapped__",
        "return 1 => return 2",
        DECORATED.format(names="other", above="@other"),
        lib="""
        def other(g):
            def inner(x):
                return 1
            inner.__wrapped__ = g
            return inner
        """,
    ),
    edited(
        "decorator that is a class",
        "self.g(x) + 1 => self.g(x) + 2",
        DECORATED.format(names="Other", above="@Other"),
        lib="""
        class Other:
            def __init__(self, g):
                self.g = g
            def __call__(self, x):
                return self.g(x) + 1
        """,
    ),
]

LAMBDAS = [
    edited(
        "two lambdas on one line, swapped",
        "lambda x: x + 1), hashcache(lambda x: x + 2) => lambda x: x + 2), hashcache(lambda x: x + 1)",
        "f, g = hashcache(lambda x: x + 1), hashcache(lambda x: x + 2)",
    ),
    edited(
        "two helper lambdas on one line, swapped",
        "lambda x: x + 1, lambda x: x + 2 => lambda x: x + 2, lambda x: x + 1",
        given("h, k = lambda x: x + 1, lambda x: x + 2", "h(x)"),
    ),
    edited("the other one called", "h(x) => k(x)", given("h, k = lambda x: x + 1, lambda x: x + 2", "h(x)")),
]

OWN_CODE = [*CONSTANTS_AND_OPERATORS, *NESTED_CODE, *CONTROL_FLOW, *SIGNATURE, *DECORATORS, *LAMBDAS]
