"""Edits of captured values: globals of every kind, closure cells, attributes, classes and arguments."""

from __future__ import annotations

from functools import partial
from textwrap import dedent

from .runner import RECOMPUTE, Edit, edit, given

edited = partial(edit, RECOMPUTE)


def of_global(name: str, change: str, setup: str = "", **options: object) -> Edit:
    """Return the edit of the expression that a global is bound to; ``f`` returns its repr."""
    old, _, new = change.partition(" => ")
    source = f"{setup}\nVALUE = {old}\n\n@hashcache\ndef f(x):\n    return x, repr(VALUE)\n"
    return edited(f"global, {name}", f"VALUE = {old} => VALUE = {new}", source, **options)


SLOTTED = """
class P:
    __slots__ = ("x",)
    def __init__(self, x):
        self.x = x
    def __repr__(self):
        return f"P({self.x})"
"""
NAMED = "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n"
DATA = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: object\n"
COLOUR = "from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\n"
NUMPY = {"setup": "import numpy as np", "needs": ("numpy",)}

GLOBALS = [
    of_global("int", "3 => 0"),
    of_global("1 to True", "1 => True"),
    of_global("1 to 1.0", "1 => 1.0"),
    of_global("sign of zero", "0.0 => -0.0"),
    of_global("float, last bit", "0.3 => 0.1 + 0.2"),
    of_global("nan", "float('nan') => 1.5"),
    of_global("huge int", "10**30 => 10**30 + 1"),
    of_global("None to 0", "None => 0"),
    of_global("str", "'a' => 'b'"),
    of_global("str to bytes", "'a' => b'a'"),
    of_global("bytearray", "bytearray(b'a') => bytearray(b'b')"),
    of_global("bytes to bytearray", "b'a' => bytearray(b'a')"),
    of_global("complex", "1j => -1j"),
    of_global("tuple to list", "(1, 2) => [1, 2]"),
    of_global("list, deep", "[1, [2, [3]]] => [1, [2, [4]]]"),
    of_global("list, nesting", "[1, [2], 3] => [1, [2, 3]]"),
    of_global("strings cut elsewhere", "['ab', 'c'] => ['a', 'bc']"),
    of_global("dict value", "{'a': 1} => {'a': 2}"),
    of_global("dict key type", "{1: 0} => {True: 0}"),
    of_global("dict order", "{'a': 1, 'b': 2} => {'b': 2, 'a': 1}"),
    of_global(
        "dict, middle of 2000", "dict.fromkeys(range(2000), 0) => dict.fromkeys(range(2000), 0) | {999: 1}"
    ),
    of_global("set", "{1, 2} => {1, 3}"),
    of_global("set to frozenset", "{1} => frozenset({1})"),
    of_global("range", "range(5) => range(0, 6)"),
    of_global("slice", "slice(1) => slice(2)"),
    of_global("type", "int => float"),
    of_global("Decimal, trailing zero", "D('1.0') => D('1.00')", "from decimal import Decimal as D"),
    of_global("Fraction", "F(1, 3) => F(2, 3)", "from fractions import Fraction as F"),
    of_global("date", "date(2020, 1, 1) => date(2020, 1, 2)", "from datetime import date"),
    of_global(
        "zone",
        "datetime(2020, 1, 1, tzinfo=timezone.utc) => datetime(2020, 1, 1)",
        "from datetime import datetime, timezone",
    ),
    of_global("timedelta", "timedelta(1) => timedelta(2)", "from datetime import timedelta"),
    of_global("Path", "Path('a') => Path('b')", "from pathlib import PurePosixPath as Path"),
    of_global("UUID", "UUID(int=1) => UUID(int=2)", "from uuid import UUID"),
    of_global("array.array", "array('i', [1]) => array('h', [1])", "from array import array"),
    of_global("Counter", "Counter('ab') => Counter('abb')", "from collections import Counter"),
    of_global("deque's bound", "deque([1], 2) => deque([1], 3)", "from collections import deque"),
    of_global(
        "OrderedDict order", "OD(a=1, b=2) => OD(b=2, a=1)", "from collections import OrderedDict as OD"
    ),
    of_global("SimpleNamespace", "NS(a=1) => NS(a=2)", "from types import SimpleNamespace as NS"),
    of_global("mappingproxy", "MP({'a': 1}) => MP({'a': 2})", "from types import MappingProxyType as MP"),
    of_global("ChainMap", "CM({'a': 1}) => CM({'a': 2})", "from collections import ChainMap as CM"),
    of_global("pattern", "re.compile('a') => re.compile('b')", "import re"),
    of_global("pattern's flags", "re.compile('a') => re.compile('a', re.I)", "import re"),
    of_global("Enum member", "C.A => C.B", COLOUR),
    of_global("NamedTuple", "P(1) => P(2)", NAMED),
    of_global("NamedTuple to tuple", "P(1) => (1,)", NAMED),
    of_global("dataclass", "P(1) => P(2)", DATA),
    of_global("dataclass, inside", "P([P(1)]) => P([P(2)])", DATA),
    of_global("slotted instance", "P(1) => P(2)", SLOTTED),
    of_global("exception", "ValueError(1) => ValueError(2)"),
    of_global("array, an element", "np.arange(9) * 1 => np.arange(9) * 2", **NUMPY),
    of_global("array, dtype", "np.zeros(3, 'i4') => np.zeros(3, 'i8')", **NUMPY),
    of_global("array, shape", "np.arange(6).reshape(2, 3) => np.arange(6).reshape(3, 2)", **NUMPY),
    of_global("array in a dict", "{'a': [np.zeros(2)]} => {'a': [np.ones(2)]}", **NUMPY),
    of_global("array to list", "np.arange(3) => [0, 1, 2]", **NUMPY),
    of_global("NumPy scalar", "np.int64(1) => np.int32(1)", **NUMPY),
    of_global("NumPy scalar to int", "np.int64(1) => 1", **NUMPY),
    of_global("dtype", "np.dtype('f4') => np.dtype('f8')", **NUMPY),
    of_global("structured array", "np.zeros(1, [('a', 'i4')]) => np.zeros(1, [('b', 'i4')])", **NUMPY),
    of_global("datetime64", "np.datetime64('2020') => np.datetime64('2021')", **NUMPY),
    of_global("masked array", "np.ma.array([1], mask=[0]) => np.ma.array([1], mask=[1])", **NUMPY),
    edited(
        "global, middle of an array of 2000",
        "999] = 0 => 999] = 1",
        given("import numpy as np\nVALUE = np.zeros(2000)\nVALUE[999] = 0", "float(VALUE.sum())"),
        needs=("numpy",),
    ),
    edited(
        "global, defaultdict's factory",
        "lambda: 1 => lambda: 2",
        given("from collections import defaultdict\nV = defaultdict(lambda: 1)", "V.default_factory()"),
    ),
    edited(
        "global, read by a nested function",
        "R = 1 => R = 2",
        given("R = 1", "[(lambda: R)() for _ in range(x)]"),
    ),
    edited(
        "global, read by a nested class",
        "R = 1 => R = 2",
        """
        R = 1

        @hashcache
        def f(x):
            class C:
                r = R
            return C.r
        """,
    ),
    edited(
        "global, computed by a helper at import",
        "return 1 => return 2",
        given("def g():\n    return 1\nR = g()", "R"),
    ),
    edited("constant of a module", "R = 1 => R = 2", given("import lib", "lib.R"), lib="R = 1"),
    edited("constant imported by name", "R = 1 => R = 2", given("from lib import R", "R"), lib="R = 1"),
    edited(
        "attribute chain",
        "r=1 => r=2",
        given("from types import SimpleNamespace as N\nS = N(a=N(r=1))", "S.a.r"),
    ),
    edited("attribute of a class", "r = 1 => r = 2", given("class Config:\n    r = 1", "Config.r")),
    edited(
        "attribute of a nested class",
        "r = 1 => r = 2",
        given("class A:\n    class B:\n        r = 1", "A.B.r"),
    ),
]

NAMES = [
    edited("builtin shadowed", "# => def len(x):\n    return 42\n#", given("#", "len([x])")),
    edited(
        "shadow of a builtin removed",
        "def len(x):\n    return 42 => #",
        given("def len(x):\n    return 42", "len([x])"),
    ),
    edited(
        "builtin shadowed in a helper's module",
        "# => len = sum",
        given("from lib import h", "h(x)"),
        lib="#\ndef h(x):\n    return len([x])",
    ),
    edited(
        "missing name defined",
        "# => R = 5",
        """
        #
        @hashcache
        def f(x):
            try:
                return R
            except NameError:
                return 0
        """,
    ),
    edited(
        "name deleted",
        "R = 5 =>",
        """
        R = 5

        @hashcache
        def f(x):
            try:
                return R
            except NameError:
                return 0
        """,
    ),
    edited(
        "missing attribute defined",
        "# => R = 5",
        """
        import lib

        @hashcache
        def f(x):
            try:
                return lib.R
            except AttributeError:
                return 0
        """,
        lib="#",
    ),
    edited(
        "missing import made possible",
        "# => R = 5",
        """
        @hashcache
        def f(x):
            try:
                from lib import R
            except ImportError:
                R = 0
            return R
        """,
        lib="#",
    ),
    edited(
        "missing value None",
        "# => R = None",
        """
        #
        @hashcache
        def f(x):
            try:
                return R
            except NameError:
                return 0
        """,
    ),
    edited("global made local", "return R => R = 5; return R", given("R = 1", "R")),
]

CLOSURES = [
    edited(
        "closure, a value",
        "make(3) => make(4)",
        """
        def make(rate):
            @hashcache
            def f(x):
                return rate * x
            return f

        f = make(3)
        """,
    ),
    edited(
        "closure, a function",
        "y + 1 => y + 2",
        """
        def make(g):
            @hashcache
            def f(x):
                return g(x)
            return f

        f = make(lambda y: y + 1)
        """,
    ),
    edited(
        "closure, a list",
        "make([3]) => make([4])",
        """
        def make(rates):
            @hashcache
            def f(x):
                return rates[0] * x
            return f

        f = make([3])
        """,
    ),
    edited(
        "closure, filled late",
        "rate = 3 => rate = 4",
        """
        def make():
            @hashcache
            def f(x):
                return rate * x
            rate = 3
            return f

        f = make()
        """,
    ),
    edited(
        "closure, a sibling function filled late",
        "x + 3 => x + 4",
        """
        def make():
            @hashcache
            def f(x):
                return g(x)
            def g(x):
                return x + 3
            return f

        f = make()
        """,
    ),
    edited(
        "closure of a helper",
        "make(3) => make(4)",
        given("def make(rate):\n    return lambda x: rate * x\n\nh = make(3)", "h(x)"),
    ),
    edited(
        "closure of a closure",
        "make(3)(4) => make(4)(3)",
        given("def make(a):\n    return lambda b: lambda x: (a, b, x)\n\nh = make(3)(4)", "h(x)"),
    ),
    edited(
        "closure, two cells swapped",
        "make(3, 4) => make(4, 3)",
        "def make(a, b):\n    return hashcache(lambda x: a - b)\n\nf = make(3, 4)",
    ),
    edited(
        "closure, an instance",
        "rate = 3 => rate = 4",
        """
        def make():
            class C:
                rate = 3
            c = C()
            return hashcache(lambda x: c.rate)

        f = make()
        """,
    ),
]


def of_class(name: str, change: str, definition: str, expression: str, **options: object) -> Edit:
    """Return the edit of a class that the cached function constructs."""
    source = f"{dedent(definition)}\n\n@hashcache\ndef f(x):\n    return {expression}"
    return edited(f"class, {name}", change, source, **options)


BASES = """
class A:
    def m(self):
        return 1

class B:
    def m(self):
        return 2

class C(A, B):
    pass
"""
META = """
class M(type):
    def __call__(cls, *a):
        return 1

class C(metaclass=M):
    pass
"""
FIELDS = """
from dataclasses import dataclass, field

@dataclass
class C:
    a: int = 1
    b: list = field(default_factory=lambda: [1])
"""


CLASSES = [
    of_class(
        "method",
        "return x + 1 => return x + 2",
        "class C:\n    def m(self, x):\n        return x + 1",
        "C().m(x)",
    ),
    of_class(
        "method called by another",
        "return 1 => return 2",
        """
        class C:
            def m(self):
                return self.n()
            def n(self):
                return 1
        """,
        "C().m()",
    ),
    of_class(
        "__init__",
        "self.y = y => self.y = -y",
        "class C:\n    def __init__(self, y):\n        self.y = y",
        "C(x).y",
    ),
    of_class(
        "__init__ default",
        "y=1 => y=2",
        "class C:\n    def __init__(self, y=1):\n        self.y = y",
        "C().y",
    ),
    of_class(
        "operator method",
        "y + 1 => y + 2",
        "class C:\n    def __add__(self, y):\n        return y + 1",
        "C() + x",
    ),
    of_class(
        "__getattr__",
        "return 1 => return 2",
        "class C:\n    def __getattr__(self, name):\n        return 1",
        "C().z",
    ),
    of_class("inherited method", "return 1 => return 3", BASES, "C().m()"),
    of_class("another base", "class C(A, B) => class C(B)", BASES, "C().m()"),
    of_class("order of the bases", "class C(A, B) => class C(B, A)", BASES, "C().m()"),
    of_class("override added", "    pass =>     def m(self):\n        return 9", BASES, "C().m()"),
    of_class(
        "super",
        "return 1 => return 3",
        """
        class A:
            def m(self):
                return 1
        class C(A):
            def m(self):
                return super().m() + 1
        """,
        "C().m()",
    ),
    of_class(
        "base in a module",
        "return 1 => return 3",
        "import lib\nclass C(lib.A):\n    pass",
        "C().m()",
        lib="class A:\n    def m(self):\n        return 1",
    ),
    of_class(
        "library base", "class C(list) => class C(tuple)", "class C(list):\n    pass", "isinstance(C(), list)"
    ),
    of_class("metaclass method", "return 1 => return 2", META, "C()"),
    of_class("metaclass removed", "class C(metaclass=M) => class C", META, "type(C).__name__"),
    of_class(
        "metaclass base",
        "return 1 => return 2",
        """
        class M(type):
            def __len__(cls):
                return 1
        class N(M):
            pass
        class C(metaclass=N):
            pass
        """,
        "len(C)",
    ),
    of_class(
        "__init_subclass__",
        "cls.r = 1 => cls.r = 2",
        """
        class A:
            def __init_subclass__(cls):
                cls.r = 1
        class C(A):
            pass
        """,
        "C.r",
    ),
    of_class("attribute", "r = 1 => r = 2", "class C:\n    r = 1", "C().r"),
    of_class("attribute, mutable", "[1] => [2]", "class C:\n    r = [1]", "C().r"),
    of_class(
        "attribute that a method reads",
        "r = 1 => r = 2",
        "class C:\n    r = 1\n    def m(self):\n        return self.r",
        "C().m()",
    ),
    of_class("attribute set afterwards", "C.r = 1 => C.r = 2", "class C:\n    pass\nC.r = 1", "C().r"),
    of_class(
        "global that a method reads",
        "R = 1 => R = 2",
        "R = 1\nclass C:\n    def m(self):\n        return R",
        "C().m()",
    ),
    of_class(
        "helper that a method calls",
        "return 1 => return 2",
        """
        def g():
            return 1
        class C:
            def m(self):
                return g()
        """,
        "C().m()",
    ),
    of_class(
        "property",
        "return 1 => return 2",
        "class C:\n    @property\n    def p(self):\n        return 1",
        "C().p",
    ),
    of_class(
        "property setter",
        "self.q = y => self.q = -y",
        """
        class C:
            @property
            def p(self):
                return self.q
            @p.setter
            def p(self, y):
                self.q = y
        def g(x):
            c = C()
            c.p = x
            return c.p
        """,
        "g(x)",
    ),
    of_class(
        "descriptor",
        "return 1 => return 2",
        """
        class D:
            def __get__(self, obj, cls):
                return 1
        class C:
            p = D()
        """,
        "C().p",
    ),
    of_class(
        "descriptor's state",
        "D(1) => D(2)",
        """
        class D:
            def __init__(self, y):
                self.y = y
            def __get__(self, obj, cls):
                return self.y
        class C:
            p = D(1)
        """,
        "C().p",
    ),
    of_class(
        "slots", "('a',) => ()", "class C:\n    __slots__ = ('a',)", "hasattr(C(), 'a') or hasattr(C, 'a')"
    ),
    of_class("dataclass default", "int = 1 => int = 2", FIELDS, "C().a"),
    of_class("dataclass factory", "[1] => [2]", FIELDS, "C().b"),
    of_class("dataclass field added", "a: int = 1 => a: int = 1\n    c: int = 5", FIELDS, "repr(C())"),
    of_class(
        "dataclass fields reordered",
        "a: int; b: int => b: int; a: int",
        """
        from dataclasses import dataclass
        @dataclass
        class C:
            a: int; b: int
        """,
        "C(1, 2).a",
    ),
    of_class(
        "dataclass option",
        "order=True => order=False",
        """
        from dataclasses import dataclass
        @dataclass(order=True)
        class C:
            a: int
        """,
        "hasattr(C, '__lt__') and C.__lt__ is not object.__lt__",
    ),
    of_class(
        "dataclass made frozen",
        "dataclass() => dataclass(frozen=True)",
        """
        from dataclasses import dataclass
        @dataclass()
        class C:
            a: int
        def g(c):
            try:
                c.a = 5
            except AttributeError:
                pass
            return c.a
        """,
        "g(C(x))",
    ),
    of_class(
        "dataclass field without repr",
        "repr=True => repr=False",
        """
        from dataclasses import dataclass, field
        @dataclass
        class C:
            a: int = field(default=1, repr=True)
        """,
        "repr(C())",
    ),
    of_class(
        "__post_init__",
        "+= 1 => += 2",
        """
        from dataclasses import dataclass
        @dataclass
        class C:
            a: int
            def __post_init__(self):
                self.a += 1
        """,
        "C(x).a",
    ),
    of_class("Enum value", "B = 2 => B = 3", COLOUR, "C.B.value"),
    of_class("Enum member by value", "B = 2 => B = 3", COLOUR, "len([c for c in C if c.value == x])"),
    of_class("Enum members reordered", "A = 1\n    B = 2 => B = 2\n    A = 1", COLOUR, "[c.name for c in C]"),
    of_class("Enum alias", "B = 2 => B = 1", COLOUR, "len(C)"),
    of_class(
        "Enum auto, one before",
        "A = auto() => Z = auto()\n    A = auto()",
        "from enum import Enum, auto\nclass C(Enum):\n    A = auto()",
        "C.A.value",
    ),
    of_class(
        "Enum method",
        "value + 1 => value + 2",
        COLOUR + "    def m(self):\n        return self.value + 1",
        "C.A.m()",
    ),
    of_class("NamedTuple default", "y: int = 1 => y: int = 2", NAMED + "    y: int = 1", "P(x).y"),
    of_class(
        "NamedTuple fields reordered",
        "a: int; b: int => b: int; a: int",
        "from typing import NamedTuple\nclass C(NamedTuple):\n    a: int; b: int",
        "C(1, 2).a",
    ),
    of_class(
        "namedtuple function",
        "'a b' => 'b a'",
        "from collections import namedtuple\nC = namedtuple('C', 'a b')",
        "C(1, 2).a",
    ),
    of_class("made by type()", "r=1 => r=2", "C = type('C', (), dict(r=1))", "C.r"),
    of_class(
        "decorated",
        "c.r = 1 => c.r = 2",
        """
        def d(c):
            c.r = 1
            return c
        @d
        class C:
            pass
        """,
        "C.r",
    ),
    of_class(
        "context manager",
        "return 1 => return 2",
        """
        class C:
            def __enter__(self):
                return 1
            def __exit__(self, *a):
                pass
        def g():
            with C() as y:
                return y
        """,
        "g()",
    ),
    of_class(
        "iterator", "yield 1 => yield 2", "class C:\n    def __iter__(self):\n        yield 1", "list(C())"
    ),
    of_class(
        "abstract method",
        "return 1 => return 2",
        """
        from abc import ABC, abstractmethod
        class A(ABC):
            @abstractmethod
            def m(self): ...
        class C(A):
            def m(self):
                return 1
        """,
        "C().m()",
    ),
    of_class(
        "registered to an ABC",
        "# => A.register(int)",
        "from abc import ABC\nclass A(ABC):\n    pass\n#",
        "isinstance(x, A)",
    ),
    of_class(
        "exception's base",
        "class E(ValueError) => class E(KeyError)",
        """
        class E(ValueError):
            pass
        def g():
            try:
                raise E
            except LookupError:
                return 1
            except ValueError:
                return 2
        """,
        "g()",
    ),
    of_class(
        "in a module",
        "return 1 => return 2",
        "import lib",
        "lib.C().m()",
        lib="class C:\n    def m(self):\n        return 1",
    ),
    of_class(
        "nested in a class",
        "return 1 => return 2",
        "class A:\n    class C:\n        def m(self):\n            return 1",
        "A.C().m()",
    ),
    of_class(
        "classes that name each other",
        "return 1 => return 2",
        """
        class A:
            def m(self):
                return B().m()
        class B:
            def m(self):
                return 1
            def n(self):
                return A().m()
        """,
        "A().m()",
    ),
    of_class(
        "subclasses are found",
        "# => class D(C):\n    pass",
        """
        class C:
            kinds = []
            def __init_subclass__(cls):
                C.kinds.append(cls.__name__)
        #
        """,
        "len(C.kinds)",
    ),
]

POINT = """
class Base:
    def name(self):
        return "base"

class Point(Base):
    scale = 1
    def __init__(self, x):
        self.x = x
    def norm(self):
        return self.x * self.scale
    @property
    def twice(self):
        return 2 * self.x
"""


def of_argument(name: str, change: str, expression: str, lib: str, argument: str, **options: object) -> Edit:
    """Return the edit of something in ``lib.py`` that a call is given; ``f(p)`` returns `expression`."""
    source = f"import lib\n\n@hashcache\ndef f(p):\n    return {expression}"
    return edited(f"argument, {name}", change, source, lib=lib, call=f"f({argument})", **options)


ARGUMENTS = [
    of_argument("method of its class", "* self.scale => + self.scale", "p.norm()", POINT, "lib.Point(3)"),
    of_argument("attribute of its class", "scale = 1 => scale = 2", "p.norm()", POINT, "lib.Point(3)"),
    of_argument("property of its class", "2 * self => 3 * self", "p.twice", POINT, "lib.Point(3)"),
    of_argument("base of its class", '"base" => "new"', "p.name()", POINT, "lib.Point(3)"),
    of_argument(
        "class of an item", "2 * self => 3 * self", "p[0]['a'].twice", POINT, "[{'a': lib.Point(3)}]"
    ),
    of_argument("state set by its class", "self.x = x => self.x = -x", "p.x", POINT, "lib.Point(3)"),
    of_argument("a class", "2 * self => 3 * self", "p(5).twice", POINT, "lib.Point"),
    of_argument("a function", "x + 1 => x + 2", "p(1)", "def h(x):\n    return x + 1", "lib.h"),
    of_argument(
        "a function's global", "R = 1 => R = 2", "p(1)", "R = 1\ndef h(x):\n    return x + R", "lib.h"
    ),
    of_argument("a lambda", "x + 1 => x + 2", "p(1)", "h = lambda x: x + 1", "lib.h"),
    of_argument(
        "a partial",
        "x + y => x - y",
        "p(1)",
        "from functools import partial\nh = partial(lambda x, y: x + y, 3)",
        "lib.h",
    ),
    of_argument("a bound method", "* self.scale => + self.scale", "p()", POINT, "lib.Point(3).norm"),
    of_argument(
        "a callable object",
        "x + 1 => x + 2",
        "p(1)",
        "class C:\n    def __call__(self, x):\n        return x + 1",
        "lib.C()",
    ),
    of_argument("an Enum member's value", "B = 2 => B = 3", "p.value", COLOUR, "lib.C.B"),
    of_argument(
        "a dataclass's method",
        "x + 1 => x + 2",
        "p.m()",
        f"{DATA}    def m(self):\n        return self.x + 1",
        "lib.P(1)",
    ),
    of_argument(
        "a cached function",
        "x + 1 => x + 2",
        "p(1)",
        "from hashcache import hashcache\n@hashcache\ndef h(x):\n    return x + 1",
        "lib.h",
    ),
]

VALUES = [*GLOBALS, *NAMES, *CLOSURES, *CLASSES, *ARGUMENTS]
