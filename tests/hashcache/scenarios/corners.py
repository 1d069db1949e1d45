"""Changes in unusual places: registries, modules with a class of their own, imports in bodies."""

from __future__ import annotations

from functools import partial

from .runner import HIT, RECOMPUTE, Edit, Session, edit, given, session

edited = partial(edit, RECOMPUTE)

MODULE = """
import types

class Kind(types.ModuleType):
    @property
    def rate(self):
        return self.raw

    def double(self):
        return self.raw * 2

m = Kind("m")
m.raw = 1
"""

LATE = "import importlib\nopen('late.py', 'w').write('K = 1'); importlib.invalidate_caches()"


def imported(name: str, body: str, *steps: tuple[str, str], setup: str = "") -> Session:
    """Return the session of a function that imports in its body."""
    return session(f"import in the body, {name}", f"{setup}\n@hashcache\ndef f(x):\n{body}", *steps)


CORNERS: list[Edit | Session] = [
    edited(
        "boundary of a flag",
        "KEEP => CONFORM",
        given("import enum\nclass E(enum.Flag, boundary=enum.KEEP):\n    A = 1", "E(9).value"),
    ),
    edited(
        "comparison under cmp_to_key",
        "a - b => b - a",
        given("import functools\nK = functools.cmp_to_key(lambda a, b: a - b)", "sorted([3, x], key=K)"),
    ),
    session(
        "class registered with a subclass of an abstract class",
        given(
            "import abc\nclass B(abc.ABC): pass\nclass C(B): pass",
            "isinstance(x, B), B.__name__",
        ),
        ("C.register(int)", RECOMPUTE),
    ),
    session(
        "class registered with an abstract class of the library",
        given("import os\nclass A: pass\na = A()", "isinstance(a, os.PathLike)"),
        ("os.PathLike.register(A)", RECOMPUTE),
    ),
    session(
        "context variable set to None",
        given("import contextvars\nc = contextvars.ContextVar('c')", "c.get('unset')"),
        ("t = c.set(None)", RECOMPUTE),
        ("c.reset(t)", HIT),
    ),
    session(
        "thread-local attribute",
        given("import threading\nc = threading.local()\nc.v = 1", "c.v"),
        ("c.v = 2", RECOMPUTE),
        ("c.v = 1", HIT),
    ),
    session(
        "event set", given("import threading\ne = threading.Event()", "e.is_set()"), ("e.set()", RECOMPUTE)
    ),
    session(
        "buffers in memory",
        given("import io\ns, b = io.StringIO('abc'), io.BytesIO(b'abc')", "s.getvalue(), b.getvalue()"),
        ("n = s.write('z')", RECOMPUTE),
        ("n = b.write(b'z')", RECOMPUTE),
    ),
    session(
        "attribute of a user's module with a class of its own",
        MODULE + "\n" + given("", "m.rate, m.double()"),
        ("m.raw = 2", RECOMPUTE),
        ("Kind.rate = property(lambda self: 9)", RECOMPUTE),
        ("Kind.double = lambda self: 7", RECOMPUTE),
    ),
    session(
        "module __getattr__ defined later",
        given("import types\nm = types.ModuleType('m')", "getattr(m, 'k', 0) or hasattr(m, 'z') and m.z"),
        ("m.__getattr__ = lambda name: 5", RECOMPUTE),
    ),
    session(
        "module __getattr__ defined later, by attribute",
        """
        import types
        m = types.ModuleType('m')

        @hashcache
        def f(x):
            try:
                return m.z
            except AttributeError:
                return 0
        """,
        ("m.__getattr__ = lambda name: 5", RECOMPUTE),
    ),
    session(
        "class method patched in the library",
        given("import fractions", "fractions.Fraction.from_float(0.5)"),
        ("fractions.Fraction.from_float = classmethod(lambda cls, v: 9)", RECOMPUTE),
        ("fractions.Fraction.from_float = staticmethod(lambda v: 8)", RECOMPUTE),
    ),
    session(
        "property patched in the library",
        given("import fractions\nq = fractions.Fraction(1, 2)", "q.numerator"),
        ("fractions.Fraction.numerator = property(lambda self: 9)", RECOMPUTE),
    ),
    imported(
        "of a module that is made later",
        "    try:\n        import late\n    except ImportError:\n        return 'none'\n    return late.K",
        ("pass", HIT),
        (LATE, RECOMPUTE),
        ("import late; late.K = 2", RECOMPUTE),
    ),
    imported(
        "of the library, patched",
        "    import textwrap\n    return textwrap.dedent(' a')",
        ("import textwrap; old = textwrap.dedent; textwrap.dedent = lambda text: 'patched'", RECOMPUTE),
        ("textwrap.dedent = old", HIT),
    ),
    imported(
        "from the library, patched",
        "    from textwrap import dedent as d\n    return d(' a')",
        ("import textwrap; old = textwrap.dedent; textwrap.dedent = lambda text: 'patched'", RECOMPUTE),
        ("textwrap.dedent = old", HIT),
    ),
    edit(
        HIT,
        "annotation of a function in the body",
        "typing.Any => typing.List[int]",
        "import typing\n@hashcache\ndef f(x):\n    def g(y: typing.Any):\n        return y\n    return g(x)",
    ),
    session(
        "a type that an annotation in the body reads",
        "Alias = int\n@hashcache\ndef f(x):\n    def g(y: Alias):\n        return y\n    return g(x)",
        ("Alias = float", HIT),
    ),
    edit(
        HIT,
        "import in the body that nothing reads",
        "K = 1 => K = 2",
        "@hashcache\ndef f(x):\n    import lib\n    return x",
        lib="K = 1",
    ),
    edit(
        RECOMPUTE,
        "import in a class body that nothing there reads",
        "K = 1 => K = 2",
        "@hashcache\ndef f(x):\n    class A:\n        import lib\n    return A.lib.K",
        lib="K = 1",
    ),
    edit(
        RECOMPUTE,
        "import in the body that only a nested function reads",
        "K = 1 => K = 2",
        "@hashcache\ndef f(x):\n    import lib\n    def g():\n        return lib.K\n    return g()",
        lib="K = 1",
    ),
    session(
        "a registration with an unrelated abstract class",
        given(
            """
            import abc
            class Step(abc.ABC):
                def twice(self):
                    return 2
            class Done(Step):
                pass
            """,
            "Done().twice() + isinstance(3, Step)",
        ),
        ("class Other(abc.ABC):\n    pass\nclass Mine:\n    pass\nOther.register(Mine)", HIT),
        ("Step.register(int)", RECOMPUTE),
    ),
    session(
        "double precision of JAX",
        given("import jax, jax.numpy as jnp", "str(jnp.zeros(1).dtype)"),
        ("jax.config.update('jax_enable_x64', True)", RECOMPUTE),
        ("jax.config.update('jax_enable_x64', False)", HIT),
        needs=("jax",),
    ),
]
