"""Changes within one process, as in a notebook: cells rebind, mutate, patch and redefine."""

from __future__ import annotations

from .runner import HIT, RECOMPUTE, given, session

TIMES = "\n\n@hashcache\ndef f(x):\n    return x, repr(R)\n"


def rebound(name: str, first: str, *steps: tuple[str, str], setup: str = "", **options: object):
    """Return the session of a global ``R`` that cells then change."""
    return session(f"global, {name}", f"{setup}\nR = {first}{TIMES}", *steps, **options)


NUMPY = {"setup": "import numpy as np", "needs": ("numpy",)}

REBOUND = [
    rebound(
        "rebound, and back", "3", ("R = 0", RECOMPUTE), ("R = 3", HIT), ("R = 4", RECOMPUTE), ("R = 0", HIT)
    ),
    rebound("1, True and 1.0", "1", ("R = True", RECOMPUTE), ("R = 1.0", RECOMPUTE), ("R = 1", HIT)),
    rebound("zeros", "0.0", ("R = -0.0", RECOMPUTE), ("R = 0", RECOMPUTE), ("R = 0.0", HIT)),
    rebound("an equal copy", "[1, [2]]", ("R = [1, [2]]", HIT), ("R = [R[0], R[1]]", HIT)),
    rebound("shared parts and copied parts", "[[1], [1]]", ("R = [[1]] * 2", HIT)),
    rebound("list appended to", "[1]", ("R.append(2)", RECOMPUTE), ("R.pop()", HIT)),
    rebound("list inside a list", "[[1], 2]", ("R[0].append(2)", RECOMPUTE), ("R[0].pop()", HIT)),
    rebound("list in a tuple", "([1], 2)", ("R[0].append(2)", RECOMPUTE), ("R[0].pop()", HIT)),
    rebound("list sorted", "[2, 1]", ("R.sort()", RECOMPUTE)),
    rebound("an item made equal but of another type", "[1]", ("R[0] = True", RECOMPUTE), ("R[0] = 1", HIT)),
    rebound("dict item", "{'a': {'b': 1}}", ("R['a']['b'] = 2", RECOMPUTE), ("R['a']['b'] = 1", HIT)),
    rebound("dict reordered", "{'a': 1, 'b': 2}", ("R['a'] = R.pop('a')", RECOMPUTE)),
    rebound("set", "{1}", ("R.add(2)", RECOMPUTE), ("R.remove(2)", HIT)),
    rebound("bytearray", "bytearray(b'ab')", ("R[0] = 99", RECOMPUTE), ("R[0] = 97", HIT)),
    rebound("under another name", "B", ("B[0] = 99", RECOMPUTE), setup="B = bytearray(b'ab')"),
    rebound(
        "deque rotated", "deque([1, 2])", ("R.rotate()", RECOMPUTE), setup="from collections import deque"
    ),
    rebound("Counter", "Counter('a')", ("R['a'] += 1", RECOMPUTE), setup="from collections import Counter"),
    rebound("array.array", "array('i', [1])", ("R[0] = 2", RECOMPUTE), setup="from array import array"),
    rebound(
        "namespace", "NS(a=[1])", ("R.a[0] = 2", RECOMPUTE), setup="from types import SimpleNamespace as NS"
    ),
    rebound("array in place", "np.zeros(3)", ("R[1] = 1", RECOMPUTE), ("R[1] = 0", HIT), **NUMPY),
    rebound("array resized", "np.arange(6)", ("R.resize((2, 3), refcheck=False)", RECOMPUTE), **NUMPY),
    rebound("array through a view", "np.zeros(3)", ("R[::2][1] = 1", RECOMPUTE), **NUMPY),
    rebound(
        "view of a changed array",
        "B[1:]",
        ("B[2] = 5", RECOMPUTE),
        setup="import numpy as np\nB = np.zeros(3)",
        needs=("numpy",),
    ),
    rebound(
        "read-only view of a changed array",
        "B[:]",
        ("R.flags.writeable = False", HIT),
        ("B[2] = 5", RECOMPUTE),
        setup="import numpy as np\nB = np.zeros(3)",
        needs=("numpy",),
    ),
    rebound("array in a list", "[np.zeros(3)]", ("R[0][1] = 1", RECOMPUTE), **NUMPY),
    rebound("object array", "np.array([[1], None], dtype=object)", ("R[0].append(2)", RECOMPUTE), **NUMPY),
    rebound(
        "array, other layout",
        "np.eye(2) * [1, 2]",
        ("R = np.asfortranarray(R)", HIT),
        ("R = np.repeat(R, 2, 0)[::2]", HIT),
        **NUMPY,
    ),
    session(
        "global, middle of an array of 2000",
        given("import numpy as np\nR = np.zeros(2000)", "float(R.sum())"),
        ("R[999] = 1", RECOMPUTE),
        ("R[999] = 0", HIT),
        needs=("numpy",),
    ),
    session(
        "global that a helper's helper reads",
        given(
            """
            R = 1
            def g(x):
                return R * x
            def h(x):
                return g(x)
            """,
            "h(x)",
        ),
        ("R = 2", RECOMPUTE),
        ("R = 1", HIT),
    ),
    session(
        "global set by another function",
        given("R = 1\ndef change(y):\n    global R\n    R = y", "R * x"),
        ("change(5)", RECOMPUTE),
        ("change(1)", HIT),
    ),
]

OBJECT = """
class Model:
    scale = 1
    def __init__(self, rate):
        self.rate = rate
    def run(self, x):
        return self.rate * x * self.scale
    def __call__(self, x):
        return self.run(x)

model = Model(3)
run = model.run

@hashcache
def f(x):
    return {}
"""

OBJECTS = [
    session(
        "instance attribute",
        OBJECT.format("model.run(x)"),
        ("model.rate = 4", RECOMPUTE),
        ("model.rate = 3", HIT),
    ),
    session(
        "instance of a bound method",
        OBJECT.format("run(x)"),
        ("model.rate = 4", RECOMPUTE),
        ("model.rate = 3", HIT),
    ),
    session(
        "callable object's state",
        OBJECT.format("model(x)"),
        ("model.rate = 4", RECOMPUTE),
        ("model.rate = 3", HIT),
    ),
    session(
        "class attribute",
        OBJECT.format("model.run(x)"),
        ("Model.scale = 2", RECOMPUTE),
        ("Model.scale = 1", HIT),
    ),
    session(
        "class attribute shadowed on the instance",
        OBJECT.format("model.run(x)"),
        ("model.scale = 2", RECOMPUTE),
        ("del model.scale", HIT),
    ),
    session(
        "class attribute read by name",
        OBJECT.format("Model.scale"),
        ("Model.scale = 2", RECOMPUTE),
        ("Model.scale = 1", HIT),
    ),
    session("method patched", OBJECT.format("model.run(x)"), ("Model.run = lambda self, x: -x", RECOMPUTE)),
    session(
        "method patched, instance made in the body",
        OBJECT.format("Model(3).run(x)"),
        ("Model.run = lambda self, x: -x", RECOMPUTE),
    ),
    session(
        "method patched on the instance",
        OBJECT.format("model.run(x)"),
        ("model.run = lambda x: -x", RECOMPUTE),
        ("del model.run", HIT),
    ),
    session(
        "method of a base patched",
        given(
            """
            class A:
                def m(self):
                    return 1
            class B(A):
                pass
            """,
            "B().m()",
        ),
        ("A.m = lambda self: 2", RECOMPUTE),
        ("B.m = lambda self: 3", RECOMPUTE),
    ),
    session(
        "bases changed",
        given(
            """
            class A:
                r = 1
            class A2:
                r = 2
            class B(A):
                pass
            """,
            "B.r",
        ),
        ("B.__bases__ = (A2,)", RECOMPUTE),
        ("B.__bases__ = (A,)", HIT),
    ),
    session(
        "class of an instance changed",
        given(
            """
            class A:
                r = 1
            class A2:
                r = 2
            a = A()
            """,
            "a.r",
        ),
        ("a.__class__ = A2", RECOMPUTE),
    ),
    session(
        "class of an argument patched",
        OBJECT.format("x.run(2)"),
        ("Model.scale = 2", RECOMPUTE),
        ("Model.scale = 1", HIT),
        call="f(model)",
    ),
    session(
        "class redefined, instances anew",
        given("class C:\n    r = 1", "C().r"),
        ("class C:\n    r = 2", RECOMPUTE),
        ("class C:\n    r = 1", HIT),
    ),
    session(
        "slotted instance",
        given("class C:\n    __slots__ = ('r',)\nc = C()\nc.r = 1", "c.r"),
        ("c.r = 2", RECOMPUTE),
        ("c.r = 1", HIT),
    ),
    session(
        "dataclass instance",
        given(
            """
            from dataclasses import dataclass
            @dataclass
            class C:
                r: list
            c = C([1])
            """,
            "c.r[0]",
        ),
        ("c.r[0] = 2", RECOMPUTE),
        ("c.r[0] = 1", HIT),
    ),
    session(
        "attribute chain",
        given("from types import SimpleNamespace as NS\ns = NS(a=NS(r=1))", "s.a.r"),
        ("s.a.r = 2", RECOMPUTE),
        ("s.a = NS(r=1)", HIT),
    ),
    session(
        "argument mutated between calls",
        given("xs = [1, [2]]", "repr(x)"),
        ("xs[1].append(3)", RECOMPUTE),
        ("xs[1].pop()", HIT),
        call="f(xs)",
    ),
    session(
        "array argument mutated between calls",
        given("import numpy as np\nxs = np.zeros(3)", "x.tolist()"),
        ("xs[1] = 1", RECOMPUTE),
        ("xs[1] = 0", HIT),
        call="f(xs)",
        needs=("numpy",),
    ),
    session("a result changed by its receiver", given("", "[x]"), ("f(2).append(9)", HIT)),
]

HELPER = "def h(x):\n    return x + 1\n\n@hashcache\ndef f(x):\n    return h(x)"
DEEP = "def g(x):\n    return x + 1\ndef h(x):\n    return g(x)\n\n@hashcache\ndef f(x):\n    return h(x)"

FUNCTIONS = [
    session(
        "helper redefined",
        HELPER,
        ("def h(x):\n    return x + 2", RECOMPUTE),
        ("def h(x):\n    # as at first\n    return x + 1", HIT),
    ),
    session(
        "helper's helper redefined",
        DEEP,
        ("def g(x):\n    return x + 2", RECOMPUTE),
        ("def g(x):\n    return x + 1", HIT),
    ),
    session(
        "helper made a library function",
        HELPER,
        ("from math import sqrt as h", RECOMPUTE),
        ("from math import exp as h", RECOMPUTE),
    ),
    session(
        "helper's default changed",
        given("def h(x, y=1):\n    return x + y", "h(x)"),
        ("h.__defaults__ = (2,)", RECOMPUTE),
        ("h.__defaults__ = (1,)", HIT),
    ),
    session(
        "helper's keyword default changed",
        given("def h(x, *, y=1):\n    return x + y", "h(x)"),
        ("h.__kwdefaults__['y'] = 2", RECOMPUTE),
        ("h.__kwdefaults__ = {'y': 1}", HIT),
    ),
    session(
        "helper's mutable default changed",
        given("ys = [1]\ndef h(x, y=ys):\n    return x + y[0]", "h(x)"),
        ("ys[0] = 2", RECOMPUTE),
        ("ys[0] = 1", HIT),
    ),
    session("helper's code replaced", HELPER, ("h.__code__ = (lambda x: x + 2).__code__", RECOMPUTE)),
    session(
        "own code replaced",
        "def f(x):\n    return x + 1\ng = f\nf = hashcache(f)",
        ("g.__code__ = (lambda x: x + 2).__code__", RECOMPUTE),
    ),
    session(
        "own mutable default changed",
        """
        ys = [1]

        @hashcache
        def f(x, y=ys):
            return x + y[0]
        """,
        ("ys[0] = 2", RECOMPUTE),
        ("ys[0] = 1", HIT),
    ),
    session(
        "attribute of a helper",
        given("def h(x):\n    return x * h.rate\nh.rate = 1", "h(x)"),
        ("h.rate = 2", RECOMPUTE),
        ("h.rate = 1", HIT),
    ),
    session(
        "helper in a table",
        given("T = {'a': lambda x: x + 1}", "T['a'](x)"),
        ("T['a'] = lambda x: x + 2", RECOMPUTE),
        ("T['a'] = lambda x: x + 1", HIT),
    ),
    session(
        "helper decorated afterwards",
        HELPER,
        ("from functools import lru_cache\ndef d(g):\n    return lambda x: -g(x)\nh = d(h)", RECOMPUTE),
    ),
    session(
        "cached helper redefined",
        f"@hashcache\n{HELPER}",
        ("@hashcache\ndef h(x):\n    return x + 2", RECOMPUTE),
        ("@hashcache\ndef h(x):\n    return x + 1", HIT),
    ),
    session(
        "cached helper's helper redefined",
        DEEP.replace("def h", "@hashcache\ndef h"),
        ("def g(x):\n    return x + 2", RECOMPUTE),
    ),
    session(
        "function itself redefined",
        HELPER,
        ("@hashcache\ndef f(x):\n    return h(x) * 2", RECOMPUTE),
        ("@hashcache\ndef f(x):\n    'again'\n    return h(x)", HIT),
    ),
    session(
        "partial rebound",
        given("from functools import partial\np = partial(pow, 3)", "p(x)"),
        ("p = partial(pow, 4)", RECOMPUTE),
        ("p = partial(pow, 3)", HIT),
    ),
    session(
        "partial's argument mutated",
        given(
            """
            from functools import partial
            ys = [1]
            p = partial(lambda y, x: y[0] + x, ys)
            """,
            "p(x)",
        ),
        ("ys[0] = 2", RECOMPUTE),
    ),
    session(
        "singledispatch registered later",
        given(
            """
            from functools import singledispatch
            @singledispatch
            def h(x):
                return 0
            """,
            "h(x)",
        ),
        ("h.register(int, lambda x: 5)", RECOMPUTE),
        ("h.register(int, lambda x: 6)", RECOMPUTE),
    ),
    session(
        "pattern rebound",
        given("import re\np = re.compile('a')", "p.findall('ab')"),
        ("p = re.compile('b')", RECOMPUTE),
        ("p = re.compile('a')", HIT),
    ),
    session(
        "lru_cache counters",
        given("from functools import lru_cache\n@lru_cache\ndef h(x):\n    return x + 1", "h(x)"),
        ("h(5); h(6); h(6)", HIT),
        ("h.cache_clear()", HIT),
    ),
    session(
        "two closures of one factory",
        """
        def make(r):
            @hashcache
            def f(x):
                return r * x
            return f
        f = make(2)
        """,
        ("g, f = f, make(3)", RECOMPUTE),
        ("f = g", HIT),
        ("f = make(2)", HIT),
    ),
    session(
        "two lambdas on one line",
        "g, f = hashcache(lambda x: x + 1), hashcache(lambda x: x + 2)",
        ("f, g = g, f", RECOMPUTE),
        ("f, g = g, f", HIT),
    ),
    session(
        "closure cell rebound",
        """
        def make():
            r = 1
            def up(y):
                nonlocal r
                r = y
            return hashcache(lambda x: x * r), up
        f, up = make()
        """,
        ("up(2)", RECOMPUTE),
        ("up(1)", HIT),
    ),
    session(
        "closure list mutated",
        """
        def make(r):
            return hashcache(lambda x: x * r[0])
        r = [1]
        f = make(r)
        """,
        ("r[0] = 2", RECOMPUTE),
        ("r[0] = 1", HIT),
    ),
    session(
        "closure cell filled late",
        """
        def make():
            @hashcache
            def f(x):
                try:
                    return r
                except NameError:
                    return 0
            def fill():
                nonlocal r
                r = 5
            return f, fill
            r = 0
        f, fill = make()
        """,
        ("fill()", RECOMPUTE),
    ),
]

NAMES = [
    session(
        "name defined later",
        """
        @hashcache
        def f(x):
            try:
                return R
            except NameError:
                return 0
        """,
        ("R = 5", RECOMPUTE),
        ("del R", HIT),
    ),
    session(
        "helper defined below",
        """
        @hashcache
        def f(x):
            try:
                return h(x)
            except NameError:
                return 0
        """,
        ("def h(x):\n    return x + 1", RECOMPUTE),
    ),
    session("builtin shadowed", given("", "len([x])"), ("len = lambda y: 42", RECOMPUTE), ("del len", HIT)),
    session(
        "builtin patched",
        given("import builtins", "hex(x)"),
        ("old = hex; builtins.hex = lambda y: 42", RECOMPUTE),
        ("builtins.hex = old", HIT),
    ),
    session(
        "library function patched",
        given("import math", "math.floor(x)"),
        ("old = math.floor; math.floor = lambda y: 42", RECOMPUTE),
        ("math.floor = old", HIT),
    ),
    session(
        "library constant patched",
        given("import math", "math.pi"),
        ("old = math.pi; math.pi = 3", RECOMPUTE),
        ("math.pi = old", HIT),
    ),
    session(
        "module's helper patched",
        given("import lib", "lib.h(x)"),
        ("old = lib.h; lib.h = lambda x: -x", RECOMPUTE),
        ("lib.h = old", HIT),
        lib="def h(x):\n    return x + 1",
    ),
    session(
        "module's helper's helper patched",
        given("import lib", "lib.h(x)"),
        ("lib.g = lambda x: -x", RECOMPUTE),
        lib="def g(x):\n    return x + 1\ndef h(x):\n    return g(x)",
    ),
    session(
        "module's constant patched",
        given("import lib", "lib.R"),
        ("lib.R = 2", RECOMPUTE),
        ("lib.R = 1", HIT),
        ("del lib.R; lib.R = 1", HIT),
        lib="R = 1",
    ),
    session(
        "module's table mutated",
        given("import lib", "lib.T['a']"),
        ("lib.T['a'] = 2", RECOMPUTE),
        ("lib.T['a'] = 1", HIT),
        lib="T = {'a': 1}",
    ),
    session(
        "module's attribute defined later",
        """
        import lib

        @hashcache
        def f(x):
            try:
                return lib.R
            except AttributeError:
                return 0
        """,
        ("lib.R = 2", RECOMPUTE),
        ("del lib.R", HIT),
        lib="#",
    ),
    session(
        "module reloaded after an edit",
        given("import importlib\nfrom pathlib import Path\nimport lib", "lib.h(x)"),
        ("Path('lib.py').write_text('def h(x): return x + 2'); importlib.reload(lib)", RECOMPUTE),
        lib="def h(x):\n    return x + 1",
    ),
    session(
        "module reloaded unchanged",
        given("import importlib\nimport lib", "lib.C().h(x)"),
        ("importlib.reload(lib)", HIT),
        lib="class C:\n    def h(self, x):\n        return x + 1",
    ),
    session(
        "module replaced",
        given("import types\nimport lib", "lib.R"),
        ("lib = types.ModuleType('lib'); lib.R = 2", RECOMPUTE),
        lib="R = 1",
    ),
    session(
        "module imported in the body replaced",
        """
        import sys, types

        @hashcache
        def f(x):
            import lib
            return lib.R
        """,
        (
            "old = sys.modules['lib']; new = types.ModuleType('lib'); new.R = 2; sys.modules['lib'] = new",
            RECOMPUTE,
        ),
        ("sys.modules['lib'] = old", HIT),
        lib="R = 1",
    ),
    session(
        "module imported in the body patched",
        """
        import lib as other

        @hashcache
        def f(x):
            from lib import h
            return h(x)
        """,
        ("other.h = lambda x: -x", RECOMPUTE),
        lib="def h(x):\n    return x + 1",
    ),
    session(
        "name in another namespace",
        given("space = {'R': 1}\nexec('def h(x): return x * R', space)\nh = space['h']", "h(x)"),
        ("R = 5", HIT),
        ("space['R'] = 2", RECOMPUTE),
    ),
]

OPAQUE = [
    session(
        "logger's level and handlers",
        """
        import logging
        log = logging.getLogger('hashcache-scenario')

        @hashcache
        def f(x):
            log.debug('seen %s', x)
            return x
        """,
        ("log.setLevel(30)", HIT),
        ("log.addHandler(logging.NullHandler())", HIT),
    ),
    session(
        "lock, held before",
        """
        import threading
        lock = threading.Lock()

        @hashcache
        def f(x):
            with lock:
                return x
        """,
        ("lock.acquire(); lock.release()", HIT),
        ("lock = threading.Lock()", HIT),
    ),
    session(
        "cells run again",
        given("R = [1]\n\ndef h(x):\n    return x * R[0]", "h(x)"),
        ("R = [1]", HIT),
        ("def h(x):\n    return x * R[0]", HIT),
        ("@hashcache\ndef f(x):\n    return h(x)", HIT),
        ("from hashcache import hashcache", HIT),
    ),
    session(
        "cell run again, the import in another",
        given("import math", "math.floor(x)"),
        ("@hashcache\ndef f(x):\n    return math.floor(x)", HIT),
    ),
    session(
        "unrelated names",
        given("R = 1", "x * R"),
        ("Q = 5\ndef g(): pass", HIT),
        ("import os", HIT),
        ("x = 7", HIT),
    ),
    session(
        "unrelated attribute of a module",
        given("import lib", "lib.R * x"),
        ("lib.Q = 5", HIT),
        ("lib.h = lambda: 5", HIT),
        lib="R = 1\nQ = 1",
    ),
    session("uncached call between", given("R = [1]", "x * R[0]"), ("f.uncached(7)", HIT), ("f(8)", HIT)),
    session(
        "forgotten",
        """
        @hashcache
        def g(x):
            return x

        @hashcache
        def f(x):
            return g(x)
        """,
        ("g.forget(2)", HIT),
        ("g.clear()", HIT),
    ),
]

SESSIONS = [*REBOUND, *OBJECTS, *FUNCTIONS, *NAMES, *OPAQUE]
