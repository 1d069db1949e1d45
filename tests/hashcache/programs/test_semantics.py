"""A program does what the jitted function does, for every way of calling one."""

from __future__ import annotations

import functools
from collections import namedtuple
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hashcache import Cache
from hashcache.programs import Program, compiled

Pair = namedtuple("Pair", "first second")


@jax.tree_util.register_dataclass
@dataclass
class State:
    position: jax.Array
    speed: jax.Array


@pytest.fixture(autouse=True)
def store_all(monkeypatch):
    """Small programs are stored too."""
    monkeypatch.setattr(compiled, "_WORTH_STORING", 0.0)


@pytest.fixture
def again(location):
    """Return a function that gives a function as a new program, as the next process has it."""

    def make(function, **options) -> Program:
        return Cache(location).jit(function, **{"verify": "first", **options})

    return make


def same(a, b):
    a_leaves, a_tree = jax.tree_util.tree_flatten(a)
    b_leaves, b_tree = jax.tree_util.tree_flatten(b)
    assert a_tree == b_tree
    for x, y in zip(a_leaves, b_leaves, strict=True):
        assert (x.dtype, x.shape, x.aval.weak_type) == (y.dtype, y.shape, y.aval.weak_type)
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)


def check(again, function, *args, hits: int = 1, **kwargs):
    """Compute by JAX, by a new program and by a stored one: bitwise the same, and really stored."""
    expected = jax.jit(function)(*args, **kwargs)
    first, second = again(function), again(function)
    same(first(*args, **kwargs), expected)
    assert first.stats()["misses"] == 1
    same(second(*args, **kwargs), expected)
    assert second.stats() == {"hits": hits, "misses": 0}
    same(second(*args, **kwargs), expected)
    return first, second


X = jnp.arange(6.0).reshape(2, 3)

CALLS = {
    "positional": (lambda x, y: x @ y.T, (X, X), {}),
    "keywords": (lambda x, *, scale: x * scale, (X,), {"scale": jnp.float32(2.0)}),
    "default": (lambda x, scale=3.0: x * scale, (X,), {}),
    "python scalars": (lambda x, n, f, b: x * n + f * b, (X, 2, 0.5, True), {}),
    "numpy": (lambda x, y: x + y, (np.ones((2, 3), np.float32), np.float32(2)), {}),
    "nest": (lambda t: {"a": t[0]["k"] + 1, "b": [t[1], None, ()]}, (({"k": X}, X),), {}),
    "named tuple": (lambda p: Pair(p.second, p.first * 2), (Pair(X, X + 1),), {}),
    "registered class": (lambda s: State(s.position + s.speed, s.speed), (State(X, X),), {}),
    "weak result": (lambda x: (x.sum() * 0 + 1, 2.0), (X,), {}),
    "no arguments": (lambda: jnp.arange(3), (), {}),
    "nothing returned": (lambda x: None, (X,), {}),
    "key": (lambda k: jax.random.normal(k, (3,)), (jax.random.key(3),), {}),
    "key returned": (lambda k: jax.random.split(k), (jax.random.key(3),), {}),
    "integer dtypes": (lambda x: x.astype("int8") << 1, (jnp.arange(4),), {}),
    "scan": (lambda x: jax.lax.scan(lambda c, y: (c + y, c), 0.0, x), (jnp.arange(5.0),), {}),
    "while": (lambda x: jax.lax.while_loop(lambda c: c < 10, lambda c: c * 2, x), (jnp.int32(1),), {}),
    "linear algebra": (lambda x: jnp.linalg.solve(x @ x.T + jnp.eye(2), x), (X,), {}),
    "gradient": (jax.grad(lambda x: (x**3).sum()), (X,), {}),
    "vmap of grad": (jax.vmap(jax.grad(lambda x, y: (x * y).sum()), in_axes=(0, None)), (X, X[0]), {}),
    "jitted": (jax.jit(lambda x: x + 1), (X,), {}),
    "partial": (functools.partial(lambda s, x: x * s, 3.0), (X,), {}),
    "large constant": (lambda x: x + jnp.asarray(np.arange(30000.0).reshape(10000, 3))[:2], (X,), {}),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_returns_what_the_jitted_function_returns_in_this_process_and_the_next(again, case):
    function, args, kwargs = CALLS[case]
    check(again, function, *args, **kwargs)


def test_shapes_types_and_weakness_have_programs_of_their_own(again):
    f = again(lambda x: x + 1)
    arguments = [X, X[0], X.astype("int32"), 1.0, 1, True, np.float32(1), jnp.asarray(1.0), 1 + 2j]
    for argument in arguments:
        same(f(argument), jax.jit(lambda x: x + 1)(argument))
    # To JAX, a number of Python and the array that it makes of one are of one type, and so is their program.
    assert jax.typeof(1.0) == jax.typeof(jnp.asarray(1.0))
    assert f.stats() == {"hits": 1, "misses": len(arguments) - 1}


def test_a_structure_has_a_program_of_its_own(again):
    f = again(lambda t: jax.tree_util.tree_map(lambda x: x + 1, t))
    for argument in ((X, X), [X, X], {"a": X, "b": X}, {"b": X, "c": X}, Pair(X, X), (X, (X,)), State(X, X)):
        same(f(argument), jax.jit(lambda t: jax.tree_util.tree_map(lambda x: x + 1, t))(argument))
    assert f.stats()["misses"] == 7


@pytest.mark.parametrize("given", [{"static_argnums": 1}, {"static_argnames": "n"}, {"static_argnums": -1}])
def test_static_arguments_enter_by_value(again, given):
    def power(x, n):
        return x**n if isinstance(n, int) else x * len(n)

    first, second = again(power, **given), again(power, **given)
    reference = jax.jit(power, **given)
    for n in (2, 3, "four"):
        same(first(X, n), reference(X, n))
        same(second(X, n), reference(X, n))
    assert first.stats()["misses"] == 3
    assert second.stats() == {"hits": 3, "misses": 0}
    if given.get("static_argnums") != -1:
        same(second(X, n=2), reference(X, n=2))


def test_static_arguments_that_are_equal_and_not_the_same_are_told_apart(again):
    f = again(lambda x, n: x * 0 + (7 if n is True else 1 if isinstance(n, int) else 2), static_argnums=1)
    assert [float(f(1.0, n)) for n in (True, 1, 1.0, True)] == [7, 1, 2, 7]


def test_a_method_is_jitted_with_a_static_instance(again, location):
    cache = Cache(location)

    class Model:
        def __init__(self, rate):
            self.rate = rate

        @functools.partial(cache.jit, static_argnums=0, verify="first")
        def step(self, x):
            return x * self.rate

    two, three = Model(2.0), Model(3.0)
    same(two.step(X), X * 2.0)
    same(three.step(X), X * 3.0)
    two.step.explain(X)
    assert Model.step.stats()["misses"] == 2


def test_donated_buffers_are_used_up_and_not_touched_again(again):
    f = lambda x, y: (x + y, y)  # noqa: E731
    for program in (again(f, donate_argnums=0), again(f, donate_argnums=0)):
        x = jnp.arange(6.0) + 0
        same(program(x, jnp.ones(6))[0], jnp.arange(6.0) + 1)
        assert x.is_deleted()


def test_under_a_transformation_it_is_the_jitted_function(again):
    f = again(lambda x: (x**2).sum())
    same(jax.grad(f)(X), 2 * X)
    same(jax.vmap(f)(X), (X**2).sum(axis=1))
    same(jax.jit(lambda x: f(x) + 1)(X), (X**2).sum() + 1)
    same(jax.jvp(f, (X,), (X,))[1], 2 * (X**2).sum())
    assert jax.eval_shape(f, X).shape == ()
    same(jax.lax.map(f, X), (X**2).sum(axis=1))
    same(jax.checkpoint(f)(X), (X**2).sum())
    assert f.stats()["misses"] <= 1

    @jax.jit
    def closing_over_a_tracer(x):
        return again(lambda: x * 2)()

    same(closing_over_a_tracer(X), X * 2)


def test_64_bit_switched_on_in_mid_process_has_programs_of_its_own(again):
    f = again(lambda x: x * 2)
    assert f(1.5).dtype == jnp.float32
    with jax.enable_x64(True):
        assert f(1.5).dtype == jnp.float64
        assert f(np.float64(1.5)).dtype == jnp.float64
    assert f(1.5).dtype == jnp.float32
    assert f.stats()["misses"] == 3


def test_a_setting_of_a_context_has_a_program_of_its_own(again):
    f = again(lambda x: x @ x.T)
    f(X)
    with jax.default_matmul_precision("float32"):
        f(X)
    assert f.stats()["misses"] == 2
    f(X)
    assert f.stats()["misses"] == 2


def test_disable_jit_is_honoured(again):
    seen = []
    f = again(lambda x: seen.append(type(x)) or x + 1)
    with jax.disable_jit():
        f(X)
        f(X)
    assert len(seen) == 2
    assert not issubclass(seen[0], jax.core.Tracer)


def test_lower_and_trace_are_those_of_jax(again):
    f = again(lambda x: x + 1)
    assert f.lower(X).compile()(X).tolist() == (X + 1).tolist()
    assert f.trace(X).jaxpr.out_avals[0].shape == X.shape


def test_an_error_of_the_function_is_the_function_s(again):
    f = again(lambda x: x @ x)
    with pytest.raises(TypeError, match="dot_general"):
        f(X)
    with pytest.raises(TypeError, match="positional argument"):
        f(X, X)
    with pytest.raises(jax.errors.TracerBoolConversionError):
        again(lambda x: x if x.sum() > 0 else -x)(X)


def test_the_program_looks_like_the_function(again):
    def halve(x: float) -> float:
        """Return half of x."""
        return x / 2

    f = again(halve)
    assert (f.__name__, f.__doc__, f.__wrapped__) == ("halve", halve.__doc__, halve)
