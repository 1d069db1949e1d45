"""Edits and circumstances that change nothing a call can see: the old result must be found."""

from __future__ import annotations

import sys
from functools import partial

from .runner import HIT, Scenario, edit, given, in_body

hits = partial(edit, HIT)
body = partial(in_body, HIT)

PLAIN = """
RATE = 3

def helper(x):
    return RATE * x

@hashcache
def f(x):
    y = helper(x)
    return y + 1
"""

COSMETIC = [
    hits("comment added", "    y = helper => # why\n    y = helper", PLAIN),
    hits("comment edited", "# old => # new", given("", "x  # old")),
    hits("comment above the decorator", "@hashcache => # why\n@hashcache", PLAIN),
    hits("comment in a helper", "    return RATE =>     # why\n    return RATE", PLAIN),
    hits("docstring added", "    y = helper =>     'Double.'\n    y = helper", PLAIN),
    hits("docstring edited", "Old => New", "@hashcache\ndef f(x):\n    'Old'\n    return x"),
    hits("docstring removed", "    'Old'\n =>", "@hashcache\ndef f(x):\n    'Old'\n    return x"),
    hits("docstring added, equal to a constant", "    return =>     'b'\n    return", given("", "'a', 'b'")),
    hits("docstring of a helper added", "    return RATE =>     'Double.'\n    return RATE", PLAIN),
    hits("docstring of a helper edited", "Old => New", given("def h(x):\n    'Old'\n    return x", "h(x)")),
    hits("docstring of a class", "'Old' => 'New'", given("class C:\n    'Old'\n    r = 1", "C.r")),
    hits(
        "docstring of a class added", "class C: => class C:\n    'New'", given("class C:\n    r = 1", "C().r")
    ),
    hits(
        "docstring of a method",
        "'Old' => 'New'",
        given("class C:\n    def m(self):\n        'Old'\n        return 1", "C().m()"),
    ),
    body(
        "docstring of a nested function", "'Old' => 'New'", "def g(y):\n    'Old'\n    return y\nreturn g(x)"
    ),
    body(
        "docstring of a nested function added",
        "    return y =>     'New'\n        return y",
        "def g(y):\n    return y\nreturn g(x)",
    ),
    body("docstring of a nested class", "'Old' => 'New'", "class C:\n    'Old'\n    r = 1\nreturn C.r"),
    hits("docstring of the module", "from hashcache => 'New'\nfrom hashcache", PLAIN),
    hits("blank lines in the body", "y + 1 => y + 1\n\n", PLAIN.replace("    return y", "\n    return y")),
    hits("blank lines above", "RATE = 3 => \n\n\n\nRATE = 3", PLAIN),
    hits("three hundred lines above", "RATE = 3 => " + "\n" * 300 + "RATE = 3", PLAIN),
    body("spaces", "x+1 => x  +  1", "return x+1"),
    body("parentheses", "x + 1 => (x + 1)", "return x + 1"),
    body("broken over lines", "x + 1 => (\n        x\n        + 1\n    )", "return x + 1"),
    body("call broken over lines", "max(x, 1) => max(\n        x,\n        1,\n    )", "return max(x, 1)"),
    body("backslash", "x + 1 => x + \\\n        1", "return x + 1"),
    body("semicolon", "y = 1\n    => y = 1;", "y = 1\nreturn x + y"),
    body("suite on one line", "if x:\n        return 1 => if x: return 1", "if x:\n    return 1\nreturn 2"),
    body("quotes", "'a' => \"a\"", "return 'a'"),
    body("string joined", "'ab' => 'a' 'b'", "return 'ab'"),
    body("spelling of a number", "1000 => 1_000", "return 1000"),
    body("hexadecimal", "16 => 0x10", "return 16"),
    body("trailing comma", "[x, 1] => [x, 1,]", "return [x, 1]"),
    body(
        "indent of two",
        "    if x:\n        return 1 =>     if x:\n      return 1",
        "if x:\n    return 1\nreturn 2",
    ),
    body(
        "comprehension broken over lines",
        "[i for i in range(x)] => [\n        i\n        for i in range(x)\n    ]",
        "return [i for i in range(x)]",
    ),
    body(
        "dict broken over lines",
        "{'a': x, 'b': 1} => {\n        'a': x,\n        'b': 1,\n    }",
        "return {'a': x, 'b': 1}",
    ),
    body(
        "chained calls broken over lines",
        "'a'.upper().lower() => (\n        'a'\n        .upper()\n        .lower()\n    )",
        "return 'a'.upper().lower()",
    ),
    body(
        "try block broken over lines",
        "int(x); y = 1 => int(\n            x\n        )\n\n        # why\n        y = 1",
        """
        try:
            int(x); y = 1
        except ValueError:
            y = 2
        return y
        """,
    ),
    body(
        "with block broken over lines",
        "y = x => y = (\n            x\n        )",
        """
        from contextlib import nullcontext
        with nullcontext():
            y = x
        return y
        """,
    ),
    body(
        "blank lines above a nested function",
        "\n    def g => \n\n\n    def g",
        "y = 1\ndef g():\n    return y\nreturn g()",
    ),
    hits(
        "windows line ends",
        "@hashcache\ndef f(x):\n    return x => @hashcache\r\ndef f(x):\r\n    return x\r",
        given("", "x"),
    ),
    hits("options called empty", "@hashcache => @hashcache()", given("#", "x")),
    hits(
        "decorator called as a function",
        "@hashcache\ndef f => def f",
        """
        @hashcache
        def f(x):
            return x

        f = f if hasattr(f, 'is_cached') else hashcache(f)
        """,
    ),
]

MOVED = [
    hits(
        "function moved below",
        "@hashcache\ndef f(x):\n    return h(x)\n{0} => {0}@hashcache\ndef f(x):\n    return h(x)\n".format(
            "def h(x):\n    return x\n"
        ),
        """
        @hashcache
        def f(x):
            return h(x)
        def h(x):
            return x
        """,
    ),
    hits(
        "methods reordered",
        "{0}{1} => {1}{0}".format(
            "    def a(self):\n        return 1\n", "    def b(self):\n        return 2\n"
        ),
        given(
            """
            class C:
                def a(self):
                    return 1
                def b(self):
                    return 2
            """,
            "C().a() + C().b()",
        ),
    ),
    hits(
        "imports reordered",
        "import math\nimport os => import os\nimport math",
        given("import math\nimport os", "math.floor(x), os.sep"),
    ),
    hits("file renamed", "", PLAIN, moved_to="renamed.py", entry_after="renamed"),
    hits("file moved", "", PLAIN, moved_to="elsewhere/m.py", root_after="elsewhere"),
    hits("file moved into a package", "", PLAIN, moved_to="pkg/m.py", entry_after="pkg.m"),
    hits(
        "helper's file renamed",
        "import lib as => import other as",
        given("import lib as b", "b.h(x)"),
        lib="def h(x):  # elsewhere\n    return x + 1",
        files={"other.py": "def h(x):\n    return x + 1"},
    ),
    hits(
        "helper moved to a module",
        "def h(x):\n    return x + 1 => from lib import h",
        given("def h(x):\n    return x + 1", "h(x)"),
        lib="def h(x):  # elsewhere\n    return x + 1",
    ),
    hits(
        "other working directory",
        "",
        PLAIN,
        setup_after="import os, tempfile; os.chdir(tempfile.gettempdir())",
    ),
    hits("run as a script", "", PLAIN, how_after="script"),
    hits("run as a command", "", PLAIN, how_after="command"),
    hits("run from standard input", "", PLAIN, how_after="stdin"),
    hits("run as notebook cells", "RATE = 3 => RATE = 3\n\n\nOTHER = 1\n\n\n", PLAIN, how_after="notebook"),
    hits(
        "run as notebook cells, the import in one of its own",
        "import math => import math\n\n\n#",
        given("import math", "math.floor(x), math.sqrt(x)"),
        how_after="notebook",
    ),
    hits("script, then imported", "", PLAIN, how="script", how_after="import"),
    hits("notebook, then script", "", PLAIN, how="notebook", how_after="script"),
]

CLASSY = """
from dataclasses import dataclass
from enum import Enum

class Kind(Enum):
    A = 1

@dataclass
class P:
    x: int
    kind: Kind = Kind.A
    def m(self):
        return P(self.x + 1).x

@hashcache
def f(p):
    return P(p.x).m(), p.kind.value
"""

MOVED += [
    hits("classes, run as a script", "", CLASSY, call="f(P(2))", how_after="script"),
    hits("classes, run as notebook cells", "", CLASSY, call="f(P(2))", how_after="notebook"),
    hits("classes, file renamed", "", CLASSY, call="f(P(2))", moved_to="renamed.py", entry_after="renamed"),
]

LOCALS = [
    body("local renamed", ["y = x => z = x", "return y => return z"], "y = x + 1\nreturn y"),
    hits(
        "local of a helper renamed",
        ["y = x => z = x", "return y => return z"],
        given("def h(x):\n    y = x + 1\n    return y", "h(x)"),
    ),
    body(
        "loop variable renamed",
        "i in range(x): y += i => k in range(x): y += k",
        "y = 0\nfor i in range(x): y += i\nreturn y",
    ),
    body("comprehension variable renamed", "i + 1 for i => k + 1 for k", "return [i + 1 for i in range(x)]"),
    body("walrus renamed", "(y := x) + y => (z := x) + z", "return (y := x) + y"),
    body(
        "exception renamed",
        ["as e => as err", "(e) => (err)"],
        "try:\n    [][x]\nexcept IndexError as e:\n    return str(e)",
    ),
    body(
        "with target renamed",
        ["as y => as z", "return y => return z"],
        """
        from contextlib import nullcontext
        with nullcontext(x) as y:
            return y
        """,
    ),
    body(
        "match capture renamed",
        ["[y, _] => [z, _]", "return y => return z"],
        "match [x, 1]:\n    case [y, _]:\n        return y",
    ),
    body(
        "import in the body renamed",
        ["math as m => math as n", "m.floor => n.floor"],
        "import math as m\nreturn m.floor(x)",
    ),
    body(
        "captured local renamed",
        ["y = x => z = x", "return y => return z"],
        "y = x + 1\ndef g():\n    return y\nreturn g()",
    ),
    body(
        "captured locals renamed, their order flips",
        ["a = x; b = 1 => z = x; b = 1", "a - b => z - b"],
        "a = x; b = 1\ndef g():\n    return a - b\nreturn g()",
    ),
    body(
        "captured and parameter, order flips",
        ["a = 5 => z = 5", "x - a => x - z"],
        "a = 5\nreturn [x - a for _ in range(2)]",
    ),
    body(
        "captured twice removed, order flips",
        ["a = x; b = 1 => z = x; b = 1", "a - b => z - b"],
        """
        a = x; b = 1
        def g():
            def h():
                return a - b
            return h()
        return g()
        """,
    ),
    hits(
        "closure variables renamed, their order flips",
        ["(a, b): => (z, b):", "a - b => z - b"],
        "def make(a, b):\n    return hashcache(lambda x: a - b)\n\nf = make(3, 4)",
    ),
    hits(
        "cells of a helper renamed, their order flips",
        ["(a, b): => (z, b):", "a - b => z - b"],
        given("def make(a, b):\n    return lambda x: a - b\n\nh = make(3, 4)", "h(x)"),
    ),
    body("unused local name", ["_ in => k in"], "return [1 for _ in range(x)]"),
    body(
        "nested function's local renamed",
        ["z = y => w = y", "return z => return w"],
        "def g(y):\n    z = y + 1\n    return z\nreturn g(x)",
    ),
]

ANNOTATIONS = [
    hits("annotation added", "f(x) => f(x: int) -> float", PLAIN),
    hits("annotation edited", "x: int => x: float", "@hashcache\ndef f(x: int):\n    return x"),
    hits("annotation of the result", "-> int => -> float", "@hashcache\ndef f(x) -> int:\n    return x"),
    hits("annotation of a helper", "helper(x): => helper(x: 'int') -> 'int':", PLAIN),
    body("annotation of a local", "y = x => y: int = x", "y = x\nreturn y"),
    body("annotation of a local edited", "y: int => y: 'list[int]'", "y: int = x\nreturn y"),
    body(
        "annotation of a nested function", "g(y) => g(y: int) -> int", "def g(y):\n    return y\nreturn g(x)"
    ),
    body(
        "annotation of a nested function edited",
        "y: int => y: str",
        "def g(y: int):\n    return y\nreturn g(x)",
    ),
    body(
        "annotation of a nested function that captures",
        "(): => () -> int:",
        "def g():\n    return x\nreturn g()",
    ),
    body(
        "annotation of a nested function with a default",
        "z=1 => z: int = 1",
        "def g(y, z=1):\n    return y + z\nreturn g(x)",
    ),
    hits(
        "annotation of a method",
        "m(self) => m(self) -> int",
        given("class C:\n    def m(self):\n        return 1", "C().m()"),
    ),
    hits("annotation of a class attribute", "r = 1 => r: int = 1", given("class C:\n    r = 1", "C().r")),
    hits(
        "annotation's type alias",
        "A = int => A = float",
        """
        A = int

        @hashcache
        def f(x: A):
            return x
        """,
    ),
    hits(
        "annotation's type alias in a helper",
        "A = int => A = float",
        given("A = int\n\ndef h(x: A) -> A:\n    return x", "h(x)"),
    ),
    body(
        "annotation of a nested function by a global",
        "g(y) => g(y: hashcache)",
        "def g(y):\n    return y\nreturn g(x)",
    ),
    hits(
        "annotations postponed",
        "from hashcache => from __future__ import annotations\nfrom hashcache",
        """
        @hashcache
        def f(x: int):
            def g(y: int):
                return y
            return g(x)
        """,
    ),
    hits(
        "annotations no longer postponed",
        "from __future__ import annotations\n =>",
        """
        from __future__ import annotations
        from hashcache import hashcache

        @hashcache
        def f(x: int):
            return [y for y in range(x)]
        """,
    ),
    hits(
        "import for type checkers",
        "# => from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import fractions",
        given("#", "x"),
    ),
    hits(
        "overloads",
        "# => from typing import overload\n@overload\ndef h(x: int): ...\n@overload\ndef h(x: str): ...\n",
        given("#\ndef h(x):\n    return x", "h(x)"),
    ),
    hits("variable annotated, unused by the code", "# => T: int", given("#", "x")),
]

if sys.version_info >= (3, 12):
    ANNOTATIONS += [
        hits(
            "type alias statement",
            "type A = int => type A = float",
            """
        type A = int

        @hashcache
        def f(x: A):
            return x
        """,
        ),
        hits("type parameters", "f(x) => f[T](x: T) -> T", given("", "x")),
    ]

UNRELATED = [
    hits("unrelated global", "Q = 1 => Q = 2", f"Q = 1\n{PLAIN.strip()}"),
    hits("unrelated global added", "RATE = 3 => Q = 1\nRATE = 3", PLAIN),
    hits("unrelated function", "x - 1 => x - 2", f"{PLAIN}\ndef g(x):\n    return x - 1"),
    hits("unrelated cached function", "x - 1 => x - 2", f"{PLAIN}\n@hashcache\ndef g(x):\n    return x - 1"),
    hits("unrelated caller", "x - 1 => x - 2", f"{PLAIN}\ndef g(x):\n    return f(x - 1)"),
    hits("unrelated class", "r = 1 => r = 2", f"{PLAIN}\nclass C:\n    r = 1"),
    hits("unrelated import", "RATE = 3 => import decimal\nRATE = 3", PLAIN),
    hits("main guard", "RATE = 3 => if __name__ == '__main__':\n    print(1)\nRATE = 3", PLAIN),
    hits("__all__", "RATE = 3 => __all__ = ['f']\nRATE = 3", PLAIN),
    hits(
        "unrelated constant of a module",
        "Q = 1 => Q = 2",
        given("import lib", "lib.h(x)"),
        lib="Q = 1\ndef h(x):\n    return x",
    ),
    hits(
        "unrelated function of a module",
        "return 7 => return 8",
        given("import lib", "lib.h(x)"),
        lib="def g(x):\n    return 7\ndef h(x):\n    return x",
    ),
    hits(
        "unrelated function of a module, imports in the body",
        "return 7 => return 8",
        "@hashcache\ndef f(x):\n    import lib\n    return lib.h(x)",
        lib="def g(x):\n    return 7\ndef h(x):\n    return x",
    ),
    hits(
        "unrelated module of a package",
        "R = 1 => R = 2",
        given("import pkg.sub", "pkg.sub.h(x)"),
        files={"pkg/__init__.py": "", "pkg/sub.py": "def h(x):\n    return x", "pkg/other.py": "R = 1"},
    ),
    hits(
        "attribute of an argument that shares a global's name",
        "rate = 1 => rate = 2",
        given("from types import SimpleNamespace as NS\nrate = 1", "x.rate"),
        call="f(NS(rate=3))",
    ),
    hits(
        "attribute of a module that shares a global's name",
        "rate = 1 => rate = 2",
        given("import lib\nrate = 1", "lib.rate"),
        lib="rate = 7",
    ),
    hits(
        "method that shares a helper's name",
        "return 1 => return 2",
        given("def upper():\n    return 1", "'a'.upper()"),
    ),
    hits(
        "parameter that shadows a global",
        "y = 1 => y = 2",
        """
        y = 1

        @hashcache
        def f(x, y=5):
            return x + y
        """,
    ),
    hits(
        "local that shadows a global",
        "y = 1\n => y = 2\n",
        """
        y = 1

        @hashcache
        def f(x):
            y = x
            return y
        """,
    ),
    hits(
        "comprehension variable that shadows a global",
        "i = 1 => i = 2",
        given("i = 1", "[i for i in range(x)]"),
    ),
    hits("nested parameter that shadows a global", "y = 1 => y = 2", given("y = 1", "(lambda y: y)(x)")),
    hits("keyword that shares a global's name", "y = 1 => y = 2", given("y = 1", "dict(y=x)")),
    hits("string that shares a global's name", "y = 1 => y = 2", given("y = 1", "'y'")),
    hits(
        "attribute set that shares a global's name",
        "y = 1 => y = 2",
        """
        y = 1
        class C:
            pass

        @hashcache
        def f(x):
            c = C()
            c.y = x
            return c.y
        """,
    ),
    hits(
        "global named as a class attribute in the body",
        "y = 1\n => y = 2\n",
        """
        y = 1

        @hashcache
        def f(x):
            class C:
                y = 3
            return C.y
        """,
    ),
    hits(
        "global read by an unrelated function",
        "Q = 1 => Q = 2",
        given(
            """
            Q = 1
            def g():
                return Q
            def h(x):
                return x
            TABLE = {'h': h}
            """,
            "TABLE['h'](x)",
        ),
    ),
    hits(
        "test of a helper",
        "assert h(1) == 1 => assert h(2) == 2",
        given("def h(x):\n    return x\ndef test_h():\n    assert h(1) == 1", "h(x)"),
    ),
]

WORDS = "{'alpha', 'beta', 'gamma', 'delta', 'epsilon'}"

CIRCUMSTANCES = [
    hits(
        "hash seed, a global set of strings",
        "",
        f"W = {WORDS}\n\n@hashcache\ndef f(x):\n    return sorted(W)",
    ),
    hits("hash seed, a constant set of strings", "", f"@hashcache\ndef f(x):\n    return x in {WORDS}"),
    hits("hash seed, an argument", "", given("", "sorted(x)"), call=f"f({WORDS})"),
    hits(
        "hash seed, a frozenset in a dict's key",
        "",
        f"W = {{frozenset({WORDS}): 1}}\n\n@hashcache\ndef f(x):\n    return len(W)",
    ),
    hits(
        "hash seed, sets in sets",
        "",
        f"W = {{frozenset({WORDS}), frozenset()}}\n\n@hashcache\ndef f(x):\n    return len(W)",
    ),
    hits(
        "hash seed, a set on an instance",
        "",
        given(f"class C:\n    pass\nc = C()\nc.w = {WORDS}", "len(c.w)"),
    ),
    hits(
        "hash seed, a set of functions",
        "",
        given("def a(): return 1\ndef b(): return 2\nW = {a, b}", "sorted(w() for w in W)"),
    ),
    hits(
        "hash seed, a set of Enum members",
        "",
        given(
            """
            from enum import Enum
            class E(Enum):
                A = 1
                B = 2
            W = {E.A, E.B}
            """,
            "len(W)",
        ),
    ),
    hits("hash seed, a set in a default", "", f"@hashcache\ndef f(x, w={WORDS}):\n    return len(w)"),
    hits(
        "hash seed, names bound in another order",
        "",
        given(f"for word in {WORDS}:\n    globals()[word] = len(word)", "(alpha, beta, gamma)"),
    ),
    hits(
        "import order",
        "",
        given("import lib", "lib.h(x)"),
        lib="import other\ndef h(x):\n    return other.g(x)",
        files={"other.py": "def g(x):\n    return x"},
        setup_after="import other, lib, decimal, sqlite3",
    ),
    hits(
        "import of a submodule elsewhere",
        "",
        given("import pkg", "pkg.h(x)"),
        files={"pkg/__init__.py": "def h(x):\n    return x", "pkg/other.py": "R = 1"},
        setup_after="import pkg.other",
    ),
    hits(
        "another function first",
        "",
        """
        def a(x):
            return b(x - 1) if x > 0 else 0
        def b(x):
            return a(x - 1) if x > 0 else 1

        @hashcache
        def g(x):
            return b(x)

        @hashcache
        def f(x):
            return a(x)
        """,
        setup_after="import m; m.g(3)",
    ),
    hits(
        "recursion entered elsewhere",
        "",
        """
        @hashcache
        def g(x):
            return f(x - 1) if x > 0 else 0

        @hashcache
        def f(x):
            return g(x - 1) if x > 0 else 1
        """,
        setup_after="import m; m.g.key(3); m.g(3)",
    ),
    hits(
        "lru_cache used before",
        "",
        given(
            """
            from functools import lru_cache

            @lru_cache
            def h(x):
                return x
            """,
            "h(x)",
        ),
        setup_after="import m; m.h(9); m.h(9)",
    ),
    hits(
        "cached_property used before",
        "",
        given(
            """
            from functools import cached_property

            class C:
                @cached_property
                def p(self):
                    return 5

            c = C()
            """,
            "c.p",
        ),
        setup_after="import m; m.c.p",
    ),
    hits(
        "pattern used before",
        "",
        given("import re\np = re.compile('a')", "p.findall('aa')"),
        setup_after="import m; m.p.sub('b', 'aba')",
    ),
    in_body(
        HIT,
        "library imported in the body, loaded before",
        "",
        "import colorsys\nreturn colorsys.rgb_to_hsv(x, 1, 1)",
        setup_after="import colorsys",
    ),
    hits(
        "another class registered with an abstract class of the library before",
        "",
        given("import numbers", "isinstance(x, numbers.Number)"),
        setup_after="import decimal, fractions",
    ),
    hits(
        "implementations registered in another order",
        ("int => a0", "str => int", "a0 => str"),
        given(
            """
            from functools import singledispatch

            @singledispatch
            def h(x):
                return 0

            h.register(int, lambda x: 1)
            h.register(str, lambda x: 1)
            """,
            "h(x)",
        ),
    ),
    hits(
        "distribution of SciPy, after draws elsewhere",
        "",
        given("import scipy.stats\nd = scipy.stats.norm(1)", "float(d.cdf(x))"),
        setup_after="import numpy; numpy.random.rand()",
        needs=("scipy",),
    ),
    hits("tracer", "", PLAIN, setup_after="import sys; t = lambda *a: t; sys.settrace(t)"),
    hits(
        "code run often enough to be specialised",
        "",
        PLAIN,
        setup_after="import m; [m.f.uncached(i) for i in range(3000)]",
    ),
    hits("positional, then keyword", "", "@hashcache\ndef f(x, y=1):\n    return x, y", call_after="f(x=2)"),
    hits("default, then given", "", "@hashcache\ndef f(x, y=1):\n    return x, y", call_after="f(2, 1)"),
    hits(
        "default, then given by keyword",
        "",
        "@hashcache\ndef f(x, *, y=1):\n    return x, y",
        call_after="f(2, y=1)",
    ),
    hits(
        "keywords in another order",
        "",
        "@hashcache\ndef f(a, b):\n    return a, b",
        call="f(a=1, b=2)",
        call_after="f(b=2, a=1)",
    ),
    hits(
        "unpacked",
        "",
        "@hashcache\ndef f(a, b):\n    return a, b",
        call="f(1, 2)",
        call_after="f(*[1], **{'b': 2})",
    ),
    hits(
        "method through the class",
        "",
        "class C:\n    @hashcache\n    def f(self, x):\n        return x",
        call="C().f(2)",
        call_after="C.f(C(), 2)",
    ),
    hits(
        "logger captured",
        "level = 10 => level = 20",
        """
        import logging
        level = 10
        log = logging.getLogger('hashcache-scenario')
        log.setLevel(level)

        @hashcache
        def f(x):
            log.debug('seen')
            return x
        """,
    ),
    hits(
        "lock captured",
        "",
        """
        import threading
        lock = threading.Lock()

        @hashcache
        def f(x):
            with lock:
                return x
        """,
    ),
    hits(
        "lock on an instance",
        "",
        """
        import threading
        class C:
            def __init__(self):
                self.lock = threading.RLock()
                self.r = 1
        c = C()

        @hashcache
        def f(x):
            with c.lock:
                return c.r
        """,
    ),
    hits(
        "lock in a closure",
        "",
        """
        import threading
        def make(lock):
            @hashcache
            def f(x):
                with lock:
                    return x
            return f
        f = make(threading.Lock())
        """,
    ),
    hits(
        "standard streams captured",
        "",
        """
        import sys
        out = sys.stdout

        @hashcache
        def f(x):
            out.write('')
            return x
        """,
    ),
    hits("module as a value", "", given("import math\ng = getattr\nM = math", "g(M, 'floor')(x)")),
    hits(
        "library objects",
        "",
        given(
            "import collections, itertools, json, os.path",
            "json.dumps(list(itertools.chain([x], os.path.join('a', 'b')))), collections.Counter('a')",
        ),
    ),
    hits(
        "numpy",
        "",
        given(
            "import numpy as np",
            "np.linalg.norm(np.ones(x)).item(), np.float64(x).item(), np.random.__name__",
        ),
        needs=("numpy",),
    ),
    hits(
        "array with another layout",
        "order='C' => order='F'",
        given("import numpy as np\nA = np.array([[1, 2], [3, 4]], order='C')", "A.tolist()"),
        needs=("numpy",),
    ),
    hits(
        "array as a strided view",
        "np.arange(3) => np.arange(6)[:3].copy()[::-1][::-1]",
        given("import numpy as np\n\nA = np.arange(3)", "A.tolist()"),
        needs=("numpy",),
    ),
]

SAME_VALUE = [
    hits("value spelt otherwise", "R = 6 => R = 2 * 3", given("R = 6", "x * R")),
    hits("value copied, not shared", "[[1]] * 2 => [[1], [1]]", given("R = [[1]] * 2", "repr(R)")),
    hits(
        "value imported, not defined", "R = 3 => from lib import S as R", given("R = 3", "x * R"), lib="S = 3"
    ),
    hits("string made at run time", "'ab' => 'a'.join(['', 'b'])", given("S = 'ab'", "S")),
    hits("set built in another order", "{1, 9, 17} => {17, 9, 1}", given("R = {1, 9, 17}", "sorted(R)")),
]

PRECISION: list[Scenario] = [
    *COSMETIC,
    *MOVED,
    *LOCALS,
    *ANNOTATIONS,
    *UNRELATED,
    *CIRCUMSTANCES,
    *SAME_VALUE,
]
