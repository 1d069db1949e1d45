# ruff: noqa: E501  (a row is a line)
"""Programs before and after an edit: a constant in every place that a function can get one from, under every
transformation, and edits written by hand.

In a text, ``C`` is the constant that is edited, ``g`` the function that depends on it, and what stands below
``# other`` is the text of a module that the first one can import as ``OTHER``.
"""

from __future__ import annotations

from typing import NamedTuple


class Edited(NamedTuple):
    """A module with a function `f` before and after an edit."""

    before: str
    after: str
    is_hit: bool = False  # whether the edit leaves what is compiled as it is


HEAD = """import dataclasses, functools, types
from typing import NamedTuple
import jax, jax.numpy as jnp, numpy as np
"""

BODY = "(x ** 3).sum() * {} + {}"


def _cube(constant: str) -> str:
    return BODY.format(constant, constant)


PLACES = {
    "literal": f"def g(x): return {_cube('C')}",
    "global": f"RATE = C\ndef g(x): return {_cube('RATE')}",
    "global through a helper": f"RATE = C\ndef rate(): return RATE\ndef g(x): return {_cube('rate()')}",
    "closure": f"def make(rate):\n    def g(x): return {_cube('rate')}\n    return g\ng = make(C)",
    "array in a closure": "def make(rates):\n    def g(x): return (x ** 3 * rates).sum()\n    return g\n"
    "g = make(np.arange(3, dtype=np.float32) * C)",
    "jax array": "RATES = jnp.arange(3.0) * C\ndef g(x): return (x ** 3 * RATES).sum()",
    "default": f"def g(x, rate=C): return {_cube('rate')}",
    "keyword default": f"def g(x, *, rate=C): return {_cube('rate')}",
    "class attribute": f"class Model:\n    rate = C\n    def g(self, x): return {_cube('self.rate')}\n"
    "g = Model().g",
    "instance": "class Model:\n    def __init__(self, rate): self.rate = rate\n"
    f"    def g(self, x): return {_cube('self.rate')}\ng = Model(C).g",
    "method of a base class": "class Base:\n    def rate(self): return C\n"
    f"class Model(Base):\n    def g(self, x): return {_cube('self.rate()')}\ndef g(x): return Model().g(x)",
    "property": "class Model:\n    @property\n    def rate(self): return C\n"
    f"    def g(self, x): return {_cube('self.rate')}\nmodel = Model()\ndef g(x): return model.g(x)",
    "static method": "class Model:\n    @staticmethod\n    def rate(): return C\n"
    f"def g(x): return {_cube('Model.rate()')}",
    "class method": "class Model:\n    rate = C\n    @classmethod\n"
    f"    def g(cls, x): return {_cube('cls.rate')}\ng = Model.g",
    "callable instance": "class Model:\n    rate = C\n"
    f"    def __call__(self, x): return {_cube('self.rate')}\ng = Model()",
    "dataclass": "@dataclasses.dataclass(frozen=True)\nclass Model:\n    rate: float = C\n"
    f"MODEL = Model()\ndef g(x): return {_cube('MODEL.rate')}",
    "named tuple": "class Model(NamedTuple):\n    rate: float\n"
    f"MODEL = Model(C)\ndef g(x): return {_cube('MODEL.rate')}",
    "dict": f"MODEL = {{'rate': C}}\ndef g(x): return {_cube('MODEL[' + repr('rate') + ']')}",
    "list": f"MODEL = [1, C]\ndef g(x): return {_cube('MODEL[-1]')}",
    "lambda in a list": f"MODEL = [lambda x: {_cube('C')}]\ndef g(x): return MODEL[0](x)",
    "partial": f"def bare(rate, x): return {_cube('rate')}\ng = functools.partial(bare, C)",
    "nested function": f"def g(x):\n    def rate():\n        return C\n    return {_cube('rate()')}",
    "attribute of a function": f"def g(x): return {_cube('g.rate')}\ng.rate = C",
    "wrapper with an attribute": "def inner(x): return x\ndef g(x): return "
    f"{_cube('g.rate').replace('x', 'inner(x)')}\ng.__wrapped__ = inner\ng.rate = C",
    "decorator": "def scaled(rate):\n    def wrap(function):\n        @functools.wraps(function)\n"
    "        def inner(x): return function(x) * rate\n        return inner\n    return wrap\n"
    "@scaled(C)\ndef g(x): return (x ** 3).sum()",
    "module attribute": f"import OTHER\ndef g(x): return {_cube('OTHER.RATE')}\n# other\nRATE = C",
    "function of another module": f"import OTHER\ndef g(x): return {_cube('OTHER.rate()')}\n"
    "# other\ndef rate(): return C",
    "name from another module": f"from OTHER import RATE\ndef g(x): return {_cube('RATE')}\n# other\nRATE = C",
    "import in the body": f"def g(x):\n    from OTHER import RATE\n    return {_cube('RATE')}\n"
    "# other\nRATE = C",
    "module imported in the body": f"def g(x):\n    import OTHER as o\n    return {_cube('o.inner.rate')}\n"
    "# other\nimport types\ninner = types.SimpleNamespace(rate=C)",
    "module in a module": f"import OTHER\ndef g(x): return {_cube('OTHER.inner.RATE')}\n"
    "# other\nimport types\ninner = types.ModuleType('inner')\ninner.RATE = C",
    "class of another module": "import OTHER\nclass Model(OTHER.Base): pass\n"
    f"def g(x): return {_cube('Model().rate()')}\n# other\nclass Base:\n    def rate(self): return C",
}

TRANSFORMATIONS = {
    "called": "def f(x): return g(x)",
    "grad": "def f(x): return jax.grad(g)(x)",
    "grad of a module": "f = jax.grad(g)",
    "value and grad": "f = jax.value_and_grad(g)",
    "vmap": "def f(x): return jax.vmap(g)(jnp.stack([x, x + 1]))",
    "vmap of grad": "def f(x): return jax.vmap(jax.grad(g))(jnp.stack([x, x + 1]))",
    "hessian": "def f(x): return jax.hessian(g)(x)",
    "jacfwd": "f = jax.jacfwd(g)",
    "jvp": "def f(x): return jax.jvp(g, (x,), (x + 1,))",
    "vjp": "def f(x): return jax.vjp(g, x)[1](1.0)",
    "linearize": "def f(x): return jax.linearize(g, x)[1](x)",
    "nested jit": "h = jax.jit(g)\ndef f(x): return h(x)",
    "jitted": "f = jax.jit(g)",
    "jit of jit": "h = jax.jit(jax.jit(lambda x: g(x)))\ndef f(x): return h(x) + h(x + 1)",
    "checkpoint": "h = jax.checkpoint(g)\ndef f(x): return jax.grad(h)(x)",
    "scan": "def f(x): return jax.lax.scan(lambda c, y: (c + g(y * x), c), 0.0, x)",
    "map": "def f(x): return jax.lax.map(lambda y: g(y * x), x)",
    "while": "def f(x): return jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] + g(x)), (0, 1.0))",
    "fori": "def f(x): return jax.lax.fori_loop(0, 3, lambda n, c: c + n * g(x), 0.0)",
    "cond": "def f(x): return jax.lax.cond(x[0] > -9.0, lambda: g(x), lambda: 0.0)",
    "switch": "def f(x): return jax.lax.switch(1, [lambda y: 0.0, lambda y: g(y)], x)",
    "custom vjp": "@jax.custom_vjp\ndef h(x): return x.sum()\n"
    "h.defvjp(lambda x: (x.sum(), x), lambda x, t: (t * g(x) * x,))\ndef f(x): return jax.grad(h)(x)",
    "custom jvp": "@jax.custom_jvp\ndef h(x): return x.sum()\n"
    "@h.defjvp\ndef rule(primals, tangents): return primals[0].sum(), g(primals[0]) * tangents[0].sum()\n"
    "def f(x): return jax.grad(h)(x)",
    "custom vmap": "@jax.custom_batching.custom_vmap\ndef h(x): return x.sum()\n"
    "@h.def_vmap\ndef rule(size, batched, x): return x.sum(1) * g(x[0]), True\n"
    "def f(x): return jax.vmap(h)(jnp.stack([x, x]))",
    "closure conversion": "def f(x):\n    h, consts = jax.closure_convert(lambda y: g(y), x)\n    return h(x, *consts)",
    "partial of jax": "h = jax.tree_util.Partial(g)\ndef f(x): return h(x)",
    "tree map": "def f(x): return jax.tree_util.tree_map(lambda y: g(y), {'a': x, 'b': [x + 1]})",
}


def generated() -> dict[str, Edited]:
    """Return every transformation of a constant from every place."""
    found = {}
    for place, text in PLACES.items():
        own, _, other = text.partition("# other\n")
        for transformation, call in TRANSFORMATIONS.items():
            whole = f"{HEAD}{own}\n{call}\n" + (f"# other\n{other}\n" if other else "")
            found[f"{transformation}, {place}"] = Edited(_with(whole, "2.0"), _with(whole, "3.5"))
    return found


def chosen() -> dict[str, Edited]:
    """Return a few of them, with each place and each transformation among them."""
    everything = generated()
    places, transformations = list(PLACES), list(TRANSFORMATIONS)
    count = max(len(places), len(transformations))
    pairs = ((transformations[n % len(transformations)], places[n % len(places)]) for n in range(count))
    return {name: everything[name] for name in (", ".join(pair) for pair in pairs)}


def _with(text: str, constant: str) -> str:
    import re

    return re.sub(r"\bC\b", constant, text)


# name: (text, what is edited, what it becomes)
_BY_HAND = {
    "argnums of grad": ("def f(x): return jax.grad(lambda a, b: (a * b ** 2).sum(), argnums=0)(x, x)", "=0", "=1"),
    "argnums of a grad outside": ("h = jax.grad(lambda a, b: (a * b ** 2).sum(), argnums=0)\ndef f(x): return h(x, x)", "=0", "=1"),
    "has_aux": ("def f(x): return jax.value_and_grad(lambda a: (a.sum(), a.sum()) [1], has_aux=False)(x)", "[1], has_aux=False", ", has_aux=True"),
    "in_axes": ("h = jax.vmap(lambda a, b: (a * b).sum(), in_axes=(0, None))\ndef f(x): return h(jnp.arange(9.0).reshape(3, 3), x)", "(0, None)", "(1, None)"),
    "out_axes": ("h = jax.vmap(lambda a: a * 2, out_axes=0)\ndef f(x): return h(jnp.stack([x, x]))", "out_axes=0", "out_axes=1"),
    "static argument of a nested jit": ("h = jax.jit(lambda a, b: a + (b if isinstance(b, int) else 9), static_argnums=1)\ndef f(x): return h(x, 1)", ", static_argnums=1", ""),
    "function": ("def f(x): return jnp.sin(x)", "sin", "cos"),
    "function by name": ("h = jnp.sin\ndef f(x): return h(x)", "sin", "cos"),
    "operator": ("def f(x): return x + x * 2", "+", "-"),
    "order": ("def f(x):\n    y = x * 2\n    y = y + 1\n    return y", "y = x * 2\n    y = y + 1", "y = x + 1\n    y = y * 2"),
    "axis": ("def f(x): return jnp.outer(x, x + 1).sum(axis=0)", "axis=0", "axis=1"),
    "einsum": ("def f(x): return jnp.einsum('i,j->ij', x, x + 1)", "->ij", "->ji"),
    "update": ("def f(x): return x.at[1].set(5.0)", ".set", ".add"),
    "branch": ("def f(x): return jnp.where(x > 1, x, 0.0)", "x > 1", "x >= 1"),
    "python branch": ("FAST = True\ndef f(x): return x * 2 if FAST else x * 3", "= True", "= False"),
    "dtype": ("def f(x): return x.astype('float16')", "float16", "bfloat16"),
    "type of a constant": ("K = 2\ndef f(x): return x.astype('int32') * K", "K = 2", "K = 2.0"),
    "sign of zero": ("K = 0.0\ndef f(x): return jnp.copysign(x, K)", "K = 0.0", "K = -0.0"),
    "structure of the result": ("def f(x): return {'a': x}", "'a'", "'b'"),
    "number of results": ("def f(x): return x, x", "x, x", "x, x, x"),
    "seed": ("KEY = jax.random.key(1)\ndef f(x): return jax.random.normal(KEY, (3,)) + x", "key(1)", "key(2)"),
    "length of a scan": ("def f(x): return jax.lax.scan(lambda c, _: (c * 1.5, None), x, None, length=3)[0]", "=3", "=4"),
    "direction of a scan": ("def f(x): return jax.lax.scan(lambda c, y: (c * 2 + y, c), 0.0, x, reverse=False)", "False", "True"),
    "bound of a loop": ("N = 3\ndef f(x):\n    for _ in range(N):\n        x = x * 1.5\n    return x", "N = 3", "N = 4"),
    "list of functions": ("STEPS = [jnp.sin, jnp.cos]\ndef f(x):\n    for step in STEPS:\n        x = step(x)\n    return x", "jnp.sin, jnp.cos", "jnp.cos, jnp.sin"),
    "order of a dict": ("STEPS = {'a': jnp.sin, 'b': jnp.exp}\ndef f(x):\n    for step in STEPS.values():\n        x = step(x)\n    return x", "'a': jnp.sin, 'b': jnp.exp", "'b': jnp.exp, 'a': jnp.sin"),
    "base class": ("class A:\n    r = 2.0\nclass B:\n    r = 3.0\nclass M(A): pass\ndef f(x): return x * M().r", "M(A)", "M(B)"),
    "order of bases": ("class A:\n    r = 2.0\nclass B:\n    r = 3.0\nclass M(A, B): pass\ndef f(x): return x * M().r", "M(A, B)", "M(B, A)"),
    "overridden method": ("class A:\n    def r(self): return 2.0\nclass M(A):\n    pass\ndef f(x): return x * M().r()", "    pass", "    def r(self): return 3.0"),
    "super": ("class A:\n    def r(self): return 2.0\nclass M(A):\n    def r(self): return super().r() + 1\nm = M()\ndef f(x): return x * m.r()", "return 2.0", "return 5.0"),
    "operator of a class": ("class A:\n    def __mul__(self, o): return o * 2.0\nA_ = A()\ndef f(x): return A_ * 1.0 + x", "2.0", "3.0"),
    "registered class": ("@jax.tree_util.register_pytree_node_class\nclass P:\n    def __init__(s, a, b): s.a, s.b = a, b\n    def tree_flatten(s): return (s.a, s.b), None\n    @classmethod\n    def tree_unflatten(c, _, v): return c(*v)\ndef f(x): return jax.tree_util.tree_leaves(P(x, x + 1))", "return (s.a, s.b)", "return (s.b, s.a)"),
    "single dispatch": ("@functools.singledispatch\ndef h(a): return 1.0\n@h.register\ndef _(a: int): return 2.0\ndef f(x): return x * h(3)", "return 2.0", "return 4.0"),
    "lru cache": ("@functools.lru_cache\ndef h(n): return n * 2.0\ndef f(x): return x * h(3)", "* 2.0", "* 4.0"),
    "comprehension": ("def f(x): return sum([x * k for k in (1, 2, 3)])", "1, 2, 3", "1, 2, 4"),
    "walrus": ("def f(x): return x * (k := 2.0) + k", ":= 2.0", ":= 3.0"),
    "default of a helper": ("def h(x, k=2.0): return x * k\ndef f(x): return h(x)", "k=2.0", "k=3.0"),
    "helper in place of another": ("def h1(x): return x * 2\ndef h2(x): return x * 3\nh = h1\ndef f(x): return h(x)", "h = h1", "h = h2"),
    "partial keyword": ("def h(x, k): return x * k\nf = functools.partial(h, k=2.0)", "2.0", "3.0"),
    "patched library": ("jnp.twice = lambda x: x * 2\ndef f(x): return jnp.twice(x)", "x * 2", "x * 3"),
    "constant of a library": ("np.HALF = 0.5\ndef f(x): return x * np.HALF", "0.5", "0.25"),
    "numpy at tracing": ("def f(x): return x * float(np.linspace(0, 1, 5).sum())", "0, 1, 5", "0, 1, 7"),
    "captured array": ("T = np.array([1.0, 2.0, 3.0])\ndef f(x): return x * T", "3.0]", "4.0]"),
    "last bit of a captured array": ("T = np.array([1.0, 2.0, 3.0], np.float32)\nT[0] = np.nextafter(T[0], 2 if 1 else 0, dtype=np.float32)\ndef f(x): return T + 0 * x", "2 if 1", "2 if 0"),
    "shape of a captured array": ("T = np.ones((1, 3), np.float32)\ndef f(x): return x * T", "(1, 3)", "(2, 3)"),
    "stop gradient": ("def f(x): return jax.grad(lambda x: (jax.lax.stop_gradient(x) * x).sum())(x)", "jax.lax.stop_gradient(x)", "x"),
    "nondiff argument": ("@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))\ndef h(k, x): return x * k\n@h.defjvp\ndef rule(k, p, t): return p[0] * k, t[0] * k\ndef f(x): return jax.jvp(lambda x: h(3.0, x), (x,), (x,))", "return p[0] * k, t[0] * k", "return p[0] * k, t[0] * k * 2"),
    "transposition": ("def f(x): return jax.linear_transpose(lambda a: a * 2.0, x)(x)", "2.0", "3.0"),
    "enumeration": ("import enum\nclass Kind(enum.Enum):\n    A = 1.0\n    B = 2.0\ndef f(x): return x * Kind.A.value", "A = 1.0", "A = 4.0"),
    "match": ("KIND = 'a'\ndef f(x):\n    match KIND:\n        case 'a': return x * 2\n        case _: return x * 3", "= 'a'", "= 'b'"),
    "global of a helper's helper": ("R = 2.0\ndef a(): return R\ndef b(): return a()\ndef c(): return b()\ndef f(x): return x * c()", "R = 2.0", "R = 3.0"),
    "closure of a closure": ("def a(k):\n    def b():\n        def c(x): return x * k\n        return c\n    return b()\nf = a(2.0)", "a(2.0)", "a(3.0)"),
    "renamed argument": ("def h(*, a=1.0, b=2.0): return a - b\ndef f(x): return x * h(a=3.0)", "h(a=", "h(b="),
    "exception": ("def h():\n    try:\n        return [1.0][1]\n    except IndexError:\n        return 2.0\ndef f(x): return x * h()", "return 2.0", "return 3.0"),
    "associative scan": ("def f(x): return jax.lax.associative_scan(lambda a, b: a * b, x)", "a * b", "a + b"),
    "precision": ("def f(x): return jnp.round(x / 3, 2)", ", 2)", ", 1)"),
    "sorting": ("def f(x): return jnp.sort(x, descending=False)", "False", "True"),
    "matrix": ("def f(x): return jnp.linalg.solve(jnp.outer(x, x) + jnp.eye(3), x)", "jnp.eye(3)", "2 * jnp.eye(3)"),
}  # fmt: skip

# Edits that change nothing that is compiled: what was stored is found.
_HARMLESS = {
    "comment": ("def f(x): return x * 2", "def f", "# says nothing\ndef f"),
    "documentation": ("def f(x):\n    return x * 3", "    return", "    'Says nothing.'\n    return"),
    "unused global": ("R = 2.0\ndef f(x): return x * 4", "2.0", "3.0"),
    "annotation": ("def f(x): return x * 5", "(x)", "(x: 'an array')"),
    "local name": ("def f(x):\n    y = x * 6\n    return y", "y", "z"),
    "helper moved": ("def h(x): return x * 7\ndef f(x): return h(x)", "def h", "\n\n\ndef h"),
}


def by_hand() -> dict[str, Edited]:
    """Return edits that are written by hand."""
    found = {}
    for table in (_BY_HAND, _HARMLESS):
        for name, (text, old, new) in table.items():
            assert old in text, name
            found[name] = Edited(HEAD + text, HEAD + text.replace(old, new), table is _HARMLESS)
    return found
