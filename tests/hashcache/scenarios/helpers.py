"""Edits of what the cached function calls: helpers, imports, wrappers from functools, other caches."""

from __future__ import annotations

from functools import partial
from textwrap import dedent

from .runner import HEADER, RECOMPUTE, Edit, edit, given

edited = partial(edit, RECOMPUTE)


def beside(name: str, change: str, source: str, **options: object) -> Edit:
    """Return an edit in the function's own file, where `source` defines ``h`` and ``f`` returns ``h(x)``."""
    return edited(name, change, f"{dedent(source)}\n@hashcache\ndef f(x):\n    return h(x)\n", **options)


H = "def h(x):\n    return x + 1\n"

WHERE = [
    beside("helper", "x + 1 => x + 2", H),
    edited("helper below", "x + 1 => x + 2", f"@hashcache\ndef f(x):\n    return h(x)\n\n{H}"),
    beside("helper defined twice", "return 5 => return 6", f"{H}\ndef h(x):\n    return 5\n"),
    beside("helper's operator", "x + 1 => x * 1", H),
    beside("helper's default", "y=1 => y=2", "def h(x, y=1):\n    return x + y\n"),
    beside("helper's keyword-only default", "y=1 => y=2", "def h(x, *, y=1):\n    return x + y\n"),
    beside("helper's global", "R = 1 => R = 2", "R = 1\ndef h(x):\n    return x + R\n"),
    beside("helper's nested function", "5 => 6", "def h(x):\n    return (lambda: 5)()\n"),
    beside("helper that is a lambda", "x + 1 => x + 2", "h = lambda x: x + 1\n"),
    beside(
        "helper that is a generator",
        "i + 1 => i + 2",
        """
        def g(x):
            yield from (i + 1 for i in range(x))
        h = lambda x: list(g(x))
        """,
    ),
    beside(
        "helper that is a coroutine",
        "x + 1 => x + 2",
        """
        import asyncio
        async def g(x):
            return x + 1
        def h(x):
            return asyncio.run(g(x))
        """,
    ),
    beside(
        "helper four calls down",
        "x + 1 => x + 2",
        """
        def a(x):
            return x + 1
        def b(x):
            return a(x)
        def c(x):
            return b(x)
        def h(x):
            return c(x)
        """,
    ),
    beside(
        "helper of a nested function",
        "x + 1 => x + 2",
        """
        def g(x):
            return x + 1
        def h(x):
            def k():
                return g(x)
            return k()
        """,
    ),
    beside(
        "helper of a comprehension",
        "i + 1 => i + 2",
        """
        def g(i):
            return i + 1
        def h(x):
            return [g(i) for i in range(x)]
        """,
    ),
    beside(
        "helper handed on, not called",
        "x + 1 => x + 2",
        "def g(x):\n    return x + 1\ndef h(x):\n    return list(map(g, [x]))",
    ),
    beside(
        "helper in a global dict",
        "x + 1 => x + 2",
        """
        def g(x):
            return x + 1
        TABLE = {'a': [g]}
        def h(x):
            return TABLE['a'][0](x)
        """,
    ),
    beside(
        "helper in a default",
        "x + 1 => x + 2",
        "def g(x):\n    return x + 1\ndef h(x, g=g):\n    return g(x)",
    ),
    beside(
        "helper as an attribute of a function",
        "x + 1 => x + 2",
        """
        def h(x):
            return h.g(x)
        def g(x):
            return x + 1
        h.g = g
        """,
    ),
    beside(
        "attribute of a helper", "h.rate = 1 => h.rate = 2", "def h(x):\n    return x * h.rate\nh.rate = 1"
    ),
    edited("helper in a module", "x + 1 => x + 2", given("import lib", "lib.h(x)"), lib=H),
    edited(
        "global of a helper in a module",
        "R = 1 => R = 2",
        given("import lib", "lib.h(x)"),
        lib="R = 1\ndef h(x):\n    return x + R",
    ),
    edited("helper imported by name", "x + 1 => x + 2", given("from lib import h", "h(x)"), lib=H),
    edited("helper under an alias", "x + 1 => x + 2", given("import lib as b\nk = b.h", "k(x)"), lib=H),
    edited(
        "alias of another helper",
        "import h as k => import g as k",
        given("from lib import h as k", "k(x)"),
        lib=f"{H}def g(x):\n    return -x\n",
    ),
    edited(
        "alias rebound",
        "k = h => k = g",
        given(
            """
            def g(x):
                return -x
            def h(x):
                return x
            k = h
            """,
            "k(x)",
        ),
    ),
    edited(
        "alias of a module",
        "import lib as b => import other as b",
        given("import lib as b", "b.h(x)"),
        lib=H,
        files={"other.py": "def h(x):\n    return -x"},
    ),
    edited("star import", "x + 1 => x + 2", given("from lib import *", "h(x)"), lib=H),
    edited(
        "re-export",
        "x + 1 => x + 2",
        given("from lib import h", "h(x)"),
        lib="from deep import h",
        files={"deep.py": H},
    ),
    edited(
        "re-export of another",
        "deep import => other import",
        given("import lib", "lib.h(x)"),
        lib="from deep import h",
        files={"deep.py": H, "other.py": "def h(x):\n    return -x"},
    ),
    edited(
        "import in the body",
        "x + 1 => x + 2",
        "@hashcache\ndef f(x):\n    import lib\n    return lib.h(x)",
        lib=H,
    ),
    edited(
        "import from in the body",
        "x + 1 => x + 2",
        "@hashcache\ndef f(x):\n    from lib import h\n    return h(x)",
        lib=H,
    ),
    edited(
        "import under an alias in the body",
        "x + 1 => x + 2",
        "@hashcache\ndef f(x):\n    import lib as b\n    return b.h(x)",
        lib=H,
    ),
    edited(
        "import in a helper's body",
        "x + 1 => x + 2",
        given("def h(x):\n    import lib\n    return lib.h(x)", "h(x)"),
        lib=H,
    ),
    edited(
        "constant imported in the body",
        "R = 1 => R = 2",
        "@hashcache\ndef f(x):\n    from lib import R\n    return R * x",
        lib="R = 1",
    ),
    edited(
        "library function in the body",
        "import sin => import cos",
        "@hashcache\ndef f(x):\n    from math import sin as g\n    return g(x)",
    ),
    edited("library function", "sin(x) => cos(x)", given("from math import cos, sin", "sin(x)")),
    edited("library attribute", "math.sin => math.cos", given("import math", "math.sin(x)")),
    edited("library alias", "import sin as => import cos as", given("from math import sin as s", "s(x)")),
    edited("library constant", "import pi as => import tau as", given("from math import pi as c", "c * x")),
    edited(
        "library function made a user's",
        "from math import floor => from lib import floor",
        given("from math import floor", "floor(x)"),
        lib="def floor(x):\n    return -x",
    ),
]

PACKAGE = {
    "pkg/__init__.py": "from . import sub",
    "pkg/sub/__init__.py": "from .deep import h",
    "pkg/sub/deep.py": f"R = 1\n{H}",
}

EDITABLE = '{"url": "file:///somewhere", "dir_info": {"editable": true}}'

PACKAGES = [
    edited("package attribute chain", "x + 1 => x + 2", given("import pkg", "pkg.sub.h(x)"), files=PACKAGE),
    edited(
        "package submodule",
        "x + 1 => x + 2",
        given("import pkg.sub.deep", "pkg.sub.deep.h(x)"),
        files=PACKAGE,
    ),
    edited(
        "package constant", "R = 1 => R = 2", given("from pkg.sub import deep", "deep.R * x"), files=PACKAGE
    ),
    edited(
        "package re-export changed",
        ".deep import h => .deep import R as h",
        given("import pkg", "isinstance(pkg.sub.h, int)"),
        files=PACKAGE,
    ),
    edited(
        "relative import in the body",
        "x + 1 => x + 2",
        "",
        files={
            "pkg/__init__.py": "",
            "pkg/deep.py": H,
            "pkg/m.py": HEADER + "@hashcache\ndef f(x):\n    from .deep import h\n    return h(x)",
        },
        entry="pkg.m",
    ),
    edited(
        "module __getattr__",
        "return 1 => return 2",
        given("import lib", "lib.missing * x"),
        lib="def __getattr__(name):\n    return 1",
    ),
    edited(
        "installed distribution, new version",
        ["return 1 => return 2", "Version: 1.0 => Version: 1.1"],
        given(
            """
            import sys
            from pathlib import Path
            sys.path.insert(0, str(Path(__file__).with_name("site")))
            import thing
            """,
            "thing.h(x)",
        ),
        files={
            "site/thing/__init__.py": "def h(x):\n    return 1",
            "site/thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0",
            "site/thing-1.0.dist-info/RECORD": "thing/__init__.py,,\nthing-1.0.dist-info/METADATA,,",
        },
    ),
    edited(
        "editable install, same version",
        "return 1 => return 2",
        given(
            """
            import sys
            from pathlib import Path
            here = Path(__file__).parent
            sys.path[:0] = [str(here / "site"), str(here / "work")]
            import mything
            """,
            "mything.h(x)",
        ),
        files={
            "work/mything/__init__.py": "def h(x):\n    return 1",
            "site/mything-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mything\nVersion: 1.0",
            "site/mything-1.0.dist-info/direct_url.json": EDITABLE,
            "site/mything-1.0.dist-info/RECORD": "mything-1.0.dist-info/METADATA,,\n_mything.pth,,",
        },
    ),
]

RECURSION = [
    beside("recursion", "h(x - 1) => h(x - 2)", "def h(x):\n    return 1 + h(x - 1) if x > 0 else 0"),
    edited("recursion of the cached function", "else 0 => else 9", given("", "1 + f(x - 1) if x > 0 else 0")),
    beside(
        "mutual recursion, near",
        "else 0 => else 9",
        """
        def h(x):
            return k(x - 1) if x > 0 else 0
        def k(x):
            return 1 + h(x - 1)
        """,
    ),
    beside(
        "mutual recursion, far",
        "1 + h => 2 + h",
        """
        def h(x):
            return k(x - 1) if x > 0 else 0
        def k(x):
            return 1 + h(x - 1)
        """,
    ),
    beside(
        "mutual recursion, a constant beside",
        "R = 1 => R = 2",
        """
        R = 1
        def h(x):
            return k(x - 1) if x > 0 else 0
        def k(x):
            return R + h(x - 1)
        """,
    ),
    beside(
        "recursion through a table",
        "1 + T => 2 + T",
        "def h(x):\n    return 1 + T[0](x - 1) if x > 0 else 0\nT = [h]",
    ),
    beside(
        "recursion, roles swapped",
        "return k(x) => return g(x)",
        """
        def g(x):
            return g(x - 1) if x > 0 else 3
        def k(x):
            return k(x - 1) if x > 0 else 4
        def h(x):
            return k(x)
        """,
    ),
]

FUNCTOOLS = [
    beside(
        "partial, the function",
        "y + x => y - x",
        "from functools import partial\nh = partial(lambda y, x: y + x, 3)",
    ),
    beside(
        "partial, a bound value",
        ", 3) => , 4)",
        "from functools import partial\nh = partial(lambda y, x: y + x, 3)",
    ),
    beside(
        "partial, a keyword",
        "y=3 => y=4",
        "from functools import partial\nh = partial(lambda x, y: y + x, y=3)",
    ),
    beside(
        "partial of a partial",
        "1) => 9)",
        "from functools import partial\nh = partial(partial(lambda *a: a, 0), 1)",
    ),
    beside(
        "partialmethod",
        "m, 3) => m, 4)",
        """
        from functools import partialmethod
        class C:
            def m(self, y, x):
                return x * y
            n = partialmethod(m, 3)
        def h(x):
            return C().n(x)
        """,
    ),
    beside(
        "partialmethod, the method",
        "x * y => x - y",
        """
        from functools import partialmethod
        class C:
            def m(self, y, x):
                return x * y
            n = partialmethod(m, 3)
        def h(x):
            return C().n(x)
        """,
    ),
    beside(
        "singledispatch, the default",
        "return 0 => return 1",
        """
        from functools import singledispatch
        @singledispatch
        def h(x):
            return 0
        """,
    ),
    beside(
        "singledispatch, an implementation",
        "x + 1 => x + 2",
        """
        from functools import singledispatch
        @singledispatch
        def h(x):
            return 0
        @h.register
        def _(x: int):
            return x + 1
        """,
    ),
    beside(
        "singledispatch, what one is for",
        "x: str => x: int",
        """
        from functools import singledispatch
        @singledispatch
        def h(x):
            return 0
        @h.register
        def _(x: str):
            return x + 1
        """,
    ),
    edited(
        "singledispatch, registered elsewhere",
        "# => @h.register(int)\ndef _(x):\n    return 7\n#",
        given("from lib import h\nimport other", "h(x)"),
        lib="""
        from functools import singledispatch
        @singledispatch
        def h(x):
            return 0
        """,
        files={"other.py": "from lib import h\n#"},
    ),
    beside(
        "singledispatchmethod",
        "x + 1 => x + 2",
        """
        from functools import singledispatchmethod
        class C:
            @singledispatchmethod
            def m(self, x):
                return 0
            @m.register
            def _(self, x: int):
                return x + 1
        def h(x):
            return C().m(x)
        """,
    ),
    beside(
        "lru_cache",
        "x + 1 => x + 2",
        "from functools import lru_cache\n@lru_cache\ndef h(x):\n    return x + 1",
    ),
    beside(
        "lru_cache of a helper's helper",
        "x + 1 => x + 2",
        """
        from functools import cache
        def g(x):
            return x + 1
        @cache
        def h(x):
            return g(x)
        """,
    ),
    beside(
        "cached_property",
        "self.x + 1 => self.x + 2",
        """
        from functools import cached_property
        class C:
            x = 1
            @cached_property
            def p(self):
                return self.x + 1
        def h(x):
            return C().p
        """,
    ),
    beside(
        "reduce",
        "a + b => a * b",
        """
        from functools import reduce
        def h(x):
            return reduce(lambda a, b: a + b, range(1, 5))
        """,
    ),
    beside(
        "total_ordering",
        "self.x < o.x => self.x > o.x",
        """
        from functools import total_ordering
        @total_ordering
        class C:
            def __init__(self, x):
                self.x = x
            def __eq__(self, o):
                return self.x == o.x
            def __lt__(self, o):
                return self.x < o.x
        def h(x):
            return C(x) >= C(3)
        """,
    ),
    beside(
        "contextmanager",
        "yield 1 => yield 2",
        """
        from contextlib import contextmanager
        @contextmanager
        def g():
            yield 1
        def h(x):
            with g() as y:
                return y
        """,
    ),
    beside(
        "itemgetter",
        "itemgetter(0) => itemgetter(1)",
        """
        from operator import itemgetter
        g = itemgetter(0)
        def h(x):
            return g([x, 5])
        """,
    ),
    beside(
        "methodcaller",
        "'lower') => 'upper')",
        """
        from operator import methodcaller
        g = methodcaller('lower')
        def h(x):
            return g('aB')
        """,
    ),
    beside("bound method of a list", "[1, 2, 3] => [1, 2, 4]", "h = [1, 2, 3].__getitem__\n"),
    beside("bound method of a string", "'a' => 'b'", "h = 'a'.__mul__\n"),
]

MODEL = """
class Model:
    def __init__(self, rate):
        self.rate = rate
    def __call__(self, x):
        return self.run(x)
    def run(self, x):
        return self.rate * x
    @classmethod
    def made(cls, x):
        return cls(5).run(x)
    @staticmethod
    def fixed(x):
        return x + 7
    @property
    def double(self):
        return 2 * self.rate

"""

METHODS = [
    beside("bound method", "rate * x => rate + x", f"{MODEL}h = Model(3).run\n"),
    beside("bound method, its instance", "Model(3) => Model(4)", f"{MODEL}h = Model(3).run\n"),
    beside("callable object", "rate * x => rate + x", f"{MODEL}h = Model(5)\n"),
    beside("callable object, its state", "Model(3) => Model(4)", f"{MODEL}h = Model(3)\n"),
    beside(
        "method of a global instance",
        "rate * x => rate + x",
        f"{MODEL}M = Model(5)\ndef h(x):\n    return M.run(x)\n",
    ),
    beside(
        "property of a global instance",
        "2 * self => 3 * self",
        f"{MODEL}M = Model(5)\ndef h(x):\n    return M.double\n",
    ),
    beside("classmethod", "cls(5) => cls(6)", f"{MODEL}h = Model.made\n"),
    beside("classmethod, what it calls", "rate * x => rate + x", f"{MODEL}h = Model.made\n"),
    beside("staticmethod", "x + 7 => x + 8", f"{MODEL}def h(x):\n    return Model.fixed(x)\n"),
    beside(
        "unbound method",
        "rate * x => rate + x",
        f"{MODEL}M = Model(5)\ndef h(x):\n    return Model.run(M, x)\n",
    ),
    edited(
        "cached method",
        "self.rate * x => self.rate + x",
        """
        class Model:
            def __init__(self, rate):
                self.rate = rate
            @hashcache
            def f(self, x):
                return self.rate * x
        """,
        call="Model(5).f(2)",
    ),
    edited(
        "cached method, another method",
        "x + 1 => x + 2",
        """
        class Model:
            @hashcache
            def f(self, x):
                return self.g(x)
            def g(self, x):
                return x + 1
        """,
        call="Model().f(2)",
    ),
    edited(
        "cached method, the instance's state",
        "Model(3) => Model(4)",
        """
        class Model:
            def __init__(self, rate):
                self.rate = rate
            @hashcache
            def f(self, x):
                return self.rate * x

        model = Model(3)
        """,
        call="model.f(2)",
    ),
    edited(
        "cached staticmethod",
        "x + 1 => x + 2",
        """
        class Model:
            @staticmethod
            @hashcache
            def f(x):
                return x + 1
        """,
        call="Model.f(2)",
    ),
    edited(
        "cached partial",
        "y + x => y - x",
        """
        from functools import partial

        def h(y, x):
            return y + x

        f = hashcache(partial(h, 3))
        """,
    ),
    edited(
        "cached partial, its value",
        "h, 3 => h, 4",
        """
        from functools import partial

        def h(y, x):
            return y + x

        f = hashcache(partial(h, 3))
        """,
    ),
    edited("cached callable object", "rate * x => rate + x", f"{MODEL}f = hashcache(Model(3))"),
    edited("cached callable object, its state", "Model(3) => Model(4)", f"{MODEL}f = hashcache(Model(3))"),
    edited("cached bound method", "rate * x => rate + x", f"{MODEL}f = hashcache(Model(3).run)"),
    edited(
        "cached bound method, its instance", "Model(3) => Model(4)", f"{MODEL}f = hashcache(Model(3).run)"
    ),
]

OTHER_CACHES = [
    beside("cached helper", "x + 1 => x + 2", "@hashcache\ndef h(x):\n    return x + 1\n"),
    beside(
        "cached helper's helper",
        "x + 1 => x + 2",
        """
        def g(x):
            return x + 1
        @hashcache
        def k(x):
            return g(x)
        @hashcache
        def h(x):
            return k(x)
        """,
    ),
    beside("cached helper's global", "R = 1 => R = 2", "R = 1\n@hashcache\ndef h(x):\n    return x * R"),
    edited(
        "cached helper in a module",
        "x + 1 => x + 2",
        given("import lib", "lib.h(x)"),
        lib=f"from hashcache import hashcache\n@hashcache\n{H}",
    ),
    edited(
        "cached method as a helper",
        "x + 1 => x + 2",
        """
        class C:
            @hashcache
            def m(self, x):
                return x + 1

        @hashcache
        def f(x):
            return C().m(x)
        """,
    ),
    edited(
        "helper's bare function under its cache",
        "x + 1 => x + 2",
        """
        @hashcache
        def h(x):
            return x + 1

        @hashcache
        def f(x):
            return h.uncached(x)
        """,
    ),
]

NUMBA = [
    beside(
        "numba, captured by a function that a compiled one calls",
        "R = 1 => R = 2",
        """
        from numba import njit
        R = 1
        @njit
        def g(x):
            return x + R
        @njit
        def h(x):
            return g(x)
        """,
        needs=("numba",),
    ),
    beside(
        "numba, an option",
        "'python' => 'numpy'",
        """
        from numba import njit
        @njit(error_model='python')
        def g(x):
            return x / 0.0
        def h(x):
            try:
                return g(x)
            except ZeroDivisionError:
                return 'zero'
        """,
        needs=("numba",),
    ),
]

JAX = [
    beside(
        "jax.jit",
        "x + 1 => x + 2",
        """
        import jax
        @jax.jit
        def g(x):
            return x + 1
        def h(x):
            return int(g(x))
        """,
        needs=("jax",),
    ),
    beside(
        "jax.jit, a captured value",
        "R = 1 => R = 2",
        """
        import jax
        R = 1
        @jax.jit
        def g(x):
            return x + R
        def h(x):
            return int(g(x))
        """,
        needs=("jax",),
    ),
]

NUMPY_FUNCTIONS = [
    beside(
        "numpy ufunc",
        "np.sin => np.cos",
        "import numpy as np\ng = np.sin\ndef h(x):\n    return float(g(x))",
        needs=("numpy",),
    ),
    beside(
        "numpy vectorize",
        "x + 1 => x + 2",
        """
        import numpy as np
        @np.vectorize
        def g(x):
            return x + 1
        def h(x):
            return g([x]).tolist()
        """,
        needs=("numpy",),
    ),
    beside(
        "numpy vectorize, an option",
        "[int] => [float]",
        """
        import numpy as np
        g = np.vectorize(lambda x: x, otypes=[int])
        def h(x):
            return g([x]).tolist()
        """,
        needs=("numpy",),
    ),
    beside(
        "numpy method of a ufunc",
        "np.add => np.multiply",
        """
        import numpy as np
        g = np.add.reduce
        def h(x):
            return int(g([x, 5]))
        """,
        needs=("numpy",),
    ),
]

HELPERS = [*WHERE, *PACKAGES, *RECURSION, *FUNCTOOLS, *METHODS, *OTHER_CACHES, *NUMPY_FUNCTIONS, *NUMBA, *JAX]
