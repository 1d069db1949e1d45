"""What JAX bakes into a program is in its key: a change of it gives another program, never a stale one."""

from __future__ import annotations

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hashcache import Cache
from hashcache.programs import compiled

X = jnp.arange(4.0)
RATE = 3.0
TABLE = np.arange(4.0, dtype=np.float32)
HELPER = types.SimpleNamespace(scale=2.0)


@pytest.fixture(autouse=True)
def store_all(monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 0.0)


@pytest.fixture
def jit(location):
    cache = Cache(location)
    return lambda function, **options: cache.jit(function, **{"verify": "first", **options})


def value(answer):
    return np.asarray(answer).tolist()


def test_a_changed_global_gives_a_new_program_and_the_old_one_is_found_again(jit, monkeypatch):
    f = jit(lambda x: x * RATE)
    assert value(f(X)) == [0, 3, 6, 9]
    monkeypatch.setitem(globals(), "RATE", 5.0)
    assert value(f(X)) == [0, 5, 10, 15]
    assert "RATE" in f.explain(X[:2]).reason or f.explain(X[:2]).changes
    monkeypatch.undo()
    assert value(f(X)) == [0, 3, 6, 9]
    assert f.stats()["misses"] == 2


def test_a_captured_array_counts_by_what_is_in_it(jit, monkeypatch):
    f = jit(lambda x: x + TABLE)
    assert value(f(X)) == [0, 2, 4, 6]
    monkeypatch.setitem(globals(), "TABLE", TABLE + 1)
    assert value(f(X)) == [1, 3, 5, 7]
    TABLE[0] = 10
    assert value(f(X)) == [10, 3, 5, 7]


def test_an_array_in_a_closure_changed_in_place_counts(jit):
    table = np.zeros(4, np.float32)
    f = jit(lambda x: x + table)
    assert value(f(X)) == [0, 1, 2, 3]
    table[:] = 1
    assert value(f(X)) == [1, 2, 3, 4]


def makers():
    def rule(c):
        @jax.custom_vjp
        def h(x):
            return x

        h.defvjp(lambda x: (x, None), lambda _, g: (g * c,))
        return jax.grad(lambda x: h(x).sum())

    def jvp_rule(c):
        @jax.custom_jvp
        def h(x):
            return x

        h.defjvp(lambda p, t: (p[0], t[0] * c))
        return jax.grad(lambda x: h(x).sum())

    def vmap_rule(c):
        @jax.custom_batching.custom_vmap
        def h(x):
            return x

        h.def_vmap(lambda size, batched, x: (x * c, True))
        return jax.vmap(h)

    def base(c):
        class Base:
            rate = c

            def act(self, x):
                return x * self.rate

        class Child(Base):
            pass

        return lambda x: Child().act(x)

    def module(c):
        m = types.ModuleType("m")
        m.inner = types.ModuleType("inner")
        m.inner.rate = c
        return lambda x: x * m.inner.rate

    def wrapper(c):
        def inner(x):
            return x

        def outer(x):
            return inner(x) * outer.rate

        outer.__wrapped__ = inner
        outer.rate = c
        return outer

    def imported(c):
        HELPER.scale = c

        def f(x):
            from types import SimpleNamespace  # noqa: F401

            return x * HELPER.scale

        return f

    def nested(c):
        return jax.jit(jax.vmap(jax.jit(lambda x: x * c)))

    def default(c):
        return lambda x, rate=c: x * rate

    def argnums(c):
        f = lambda x, y: (x * 2 + y * 5).sum()  # noqa: E731
        return lambda x: jax.grad(f, argnums=0 if c == 2.0 else 1)(x, x)

    def scan_body(c):
        return lambda x: jax.lax.scan(lambda s, y: (s + y * c, s), 0.0, x)[1]

    return {k: v for k, v in locals().items() if callable(v)}


@pytest.mark.parametrize("hole", makers())
def test_no_hole_of_a_naive_hasher_is_open(jit, hole):
    make = makers()[hole]
    expected = {}
    for c in (2.0, 7.0):
        expected[c] = value(jax.jit(make(c))(X))
    assert expected[2.0] != expected[7.0]
    for c in (2.0, 7.0, 2.0):
        assert value(jit(make(c))(X)) == expected[c]


def test_the_next_process_finds_the_program_and_neither_traces_nor_compiles(python, tmp_path):
    (tmp_path / "model.py").write_text(
        "import jax, jax.numpy as jnp, hashcache\n"
        "from hashcache.programs import compiled\n"
        "compiled._WORTH_STORING = 0.0\n"
        "traced = []\n"
        "def f(x):\n"
        "    print('tracing')\n"
        "    return jnp.linalg.cholesky(x @ x.T + jnp.eye(3)) @ jnp.sin(x)\n"
        "program = hashcache.jit(f, verify='never')\n"
        "print(float(program(jnp.arange(9.0).reshape(3, 3)).sum()))\n"
    )
    first, second = (python(None, str(tmp_path / "model.py"), JAX_PLATFORMS="cpu") for _ in range(2))
    assert first.startswith("tracing")
    assert second == first.replace("tracing\n", "")


@pytest.mark.parametrize(
    "flag",
    [
        {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        pytest.param({"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}, marks=pytest.mark.slow),
        pytest.param({"JAX_ENABLE_X64": "1"}, marks=pytest.mark.slow),
        pytest.param({"JAX_DEFAULT_MATMUL_PRECISION": "float32"}, marks=pytest.mark.slow),
    ],
)
def test_another_environment_has_programs_of_its_own(python, flag):
    code = (
        "import jax.numpy as jnp, hashcache; from hashcache.programs import compiled;"
        "compiled._WORTH_STORING = 0.0; f = hashcache.jit(lambda x: x + 1, verify='never');"
        "f(jnp.float32(1)); print(f.stats()['hits'])"
    )
    assert python(code, JAX_PLATFORMS="cpu") == "0\n"
    assert python(code, JAX_PLATFORMS="cpu", **flag) == "0\n"
    assert python(code, JAX_PLATFORMS="cpu") == "1\n"
    assert python(code, JAX_PLATFORMS="cpu", **flag) == "1\n"


def test_a_program_for_several_devices_keeps_its_shardings(python):
    code = (
        "import jax, jax.numpy as jnp, numpy as np, hashcache; from hashcache.programs import compiled;"
        "from jax.sharding import NamedSharding, Mesh, PartitionSpec as P;"
        "compiled._WORTH_STORING = 0.0; mesh = Mesh(np.array(jax.devices()), 'd');"
        "back = Mesh(np.array(jax.devices()[::-1]), 'd');"
        "f = hashcache.jit(lambda x: x * 2, verify='first');"
        "x = jnp.arange(8.0);"
        "rows = [f(jax.device_put(x, s)) for s in (NamedSharding(mesh, P('d')), NamedSharding(mesh, P()),"
        " NamedSharding(back, P('d')), jax.devices()[1])];"
        "print(f.stats(), [r.sharding.is_fully_replicated for r in rows],"
        " [[d.id for d in r.sharding._device_assignment] for r in rows], [float(r.sum()) for r in rows])"
    )
    flags = "--xla_force_host_platform_device_count=4"
    first, second = (python(code, JAX_PLATFORMS="cpu", XLA_FLAGS=flags) for _ in range(2))
    assert "'misses': 4" in first
    assert "'hits': 4, 'misses': 0" in second
    assert first.partition("}")[2] == second.partition("}")[2]


def test_a_callback_is_named_and_jax_alone_runs_the_function(jit, recwarn):
    def told(x):
        return np.asarray(x) * 2

    f = jit(lambda x: jax.pure_callback(told, jax.ShapeDtypeStruct((4,), "float32"), x))
    assert value(f(X)) == value(f(X)) == [0, 2, 4, 6]
    assert "pure_callback of" in f.explain(X).reason
    assert "told" in f.explain(X).reason
    assert "test_program_keys.py" in f.explain(X).reason
    assert len(recwarn) == 1
    assert "compiled in every process" in str(recwarn[0].message)


def test_a_program_cheaper_than_its_load_is_not_stored(jit, monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 100.0)
    f = jit(lambda x: x + 1)
    f(X)
    assert not f.is_cached(X)
    assert "no more than to load" in f.explain(X).reason
    assert f.stats()["not worth storing"] == 1
