"""Why a stored program is not used, in one line each."""

from __future__ import annotations

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hashcache import AuditWarning, Cache, StoreWarning, UncacheableWarning
from hashcache.programs import compiled, environment

X = jnp.arange(4.0)
RATE = 3


@pytest.fixture(autouse=True)
def store_all(monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 0.0)


@pytest.fixture
def jit(location):
    return lambda function, **options: Cache(location).jit(function, **{"verify": "never", **options})


def scaled(x, scale=1.0, n=2):
    return x * RATE * scale * n


@pytest.fixture
def f(jit):
    """A program that was stored for `X`, 1.0 and 2."""
    program = jit(scaled, static_argnames="n")
    program(X, 1.0, n=2)
    assert program.explain(X, 1.0, n=2).reason == "stored"
    return program


def test_a_captured_value(f, monkeypatch):
    monkeypatch.setitem(globals(), "RATE", 4)
    assert f.explain(X, 1.0, n=2).reason == "global RATE: 3 -> 4"


def test_the_shape_of_an_argument(f):
    assert f.explain(X[:3], 1.0, n=2).reason == "argument x: float32[4] -> float32[3]"


def test_the_type_of_an_argument(f):
    assert f.explain(X, jnp.float32(1), n=2).reason == "argument scale: float32[] weak -> float32[]"


def test_a_static_argument(f):
    assert f.explain(X, 1.0, n=3).reason == "static argument n: 2 -> 3"


def test_part_of_a_nest(jit):
    f = jit(lambda tree: tree["w"][0] * 2)
    f({"w": [X, X]})
    assert f.explain({"w": [X, X[:2]]}).reason == "argument tree['w'][1]: float32[4] -> float32[2]"


def test_an_option(jit, f):
    late = jit(scaled, static_argnames="n", donate_argnames="scale")
    assert "option donate_argnames: new" in late.explain(X, 1.0, n=2).reason


@pytest.mark.parametrize("package", ["jax", "jaxlib"])
def test_a_version(f, monkeypatch, package):
    module = importlib.import_module(package)
    now = module.__version__
    monkeypatch.setattr(module, "__version__", "0.0")
    assert f.explain(X, 1.0, n=2).reason == f"{package}: '{now}' -> '0.0'"


def test_a_flag(f, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/nowhere")
    assert f.explain(X, 1.0, n=2).reason == "XLA_FLAGS: new ('--xla_dump_to=/nowhere')"


def test_a_setting(f):
    with jax.default_matmul_precision("float32"):
        assert f.explain(X, 1.0, n=2).reason == "jax_default_matmul_precision: 'None' -> 'float32'"


@pytest.mark.parametrize("what", ["devices", "cpu", "cpu features"])
def test_the_machine(f, monkeypatch, what):
    known = environment.machine()
    monkeypatch.setattr(environment, "machine", lambda: {**known, what: "another"})
    assert f.explain(X, 1.0, n=2).reason.startswith(f"{what}: '")
    assert f.explain(X, 1.0, n=2).reason.endswith("-> 'another'")


def test_the_number_of_devices(python):
    code = (
        "import hashcache, jax, jax.numpy as jnp; from hashcache.programs import compiled\n"
        "compiled._WORTH_STORING = 0.0; f = hashcache.jit(lambda x: x * 2); x = jnp.arange(4.0)\n"
        "print(f.explain(x).reason); f(x)"
    )
    two = "--xla_force_host_platform_device_count=2"
    python(code, JAX_PLATFORMS="cpu")
    reason = python(code, JAX_PLATFORMS="cpu", XLA_FLAGS=two).strip()
    assert reason == f"devices: '0 cpu' -> '0 cpu, 1 cpu'; XLA_FLAGS: new ('{two}')"


def test_a_damaged_program(f, location):
    entries = [path for path in location.rglob("*") if path.is_file() and "program" in path.parts]
    path = max(entries, key=lambda entry: entry.stat().st_size)
    data = path.read_bytes()
    path.write_bytes(data[:-100] + bytes(100))
    late = Cache(location).jit(scaled, static_argnames="n", verify="never")
    with pytest.warns(StoreWarning, match="damaged"):
        assert late.explain(X, 1.0, n=2).reason == "the stored result is damaged"


def test_every_reason_is_one_line(f, monkeypatch):
    monkeypatch.setitem(globals(), "RATE", {"a": "two\nlines", "b": np.eye(9)})
    for changed in ((X[:3], 1.0, 2), (X, jnp.float32(1), 2), (X, 1.0, 3), (X, 1.0, 2)):
        explanation = f.explain(*changed[:2], n=changed[2])
        assert not any("\n" in reason for reason in (explanation.reason, *explanation.changes))


def test_a_callback(jit):
    f = jit(lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((4,), "float32"), x))
    with pytest.warns(
        UncacheableWarning, match="calls Python back: pure_callback of sin at .*test_reasons.py"
    ):
        f(X)
    assert "pure_callback of sin at" in f.explain(X).reason


def test_an_effect(jit):
    def tell(x):
        jax.debug.print("{}", x)
        return x

    f = jit(tell)
    with pytest.warns(UncacheableWarning, match="debug"):
        f(X)
    assert "debug" in f.explain(X).reason


def test_a_program_below_the_threshold(jit, monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 100.0)
    f = jit(scaled)
    f(X)
    assert "no more than to load" in f.explain(X).reason


def test_a_self_test_that_fails(jit, monkeypatch):
    def broken(*_):
        raise RuntimeError("Function not found")

    monkeypatch.setattr(compiled, "_loaded", broken)
    f = jit(scaled)
    with pytest.warns(UncacheableWarning, match="JAX cannot store it"):
        assert f(X).tolist() == (X * 6).tolist()
    assert f.explain(X).reason == "JAX cannot store it (RuntimeError: Function not found)"


def test_a_call_with_tracers(f):
    reasons = []
    jax.jit(lambda x: reasons.append(f.explain(x, 1.0, n=2).reason) or x)(X)
    assert reasons == ["called while another function is traced, where it is the plain jitted function"]


def test_checks_for_nan(f):
    with jax.debug_nans(True):
        assert "jax_debug_nans" in f.explain(X[:2], 1.0, n=2).reason


def test_jit_switched_off(jit):
    f = jit(scaled)
    with jax.disable_jit():
        f(X)
        assert f.explain(X).reason == "jax_disable_jit is on"


def test_a_store_that_cannot_be_written(jit, monkeypatch):
    from hashcache.stores import DirectoryStore

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(DirectoryStore, "put", refuse)
    f = jit(scaled)
    with pytest.warns(StoreWarning, match="cannot be written"):
        f(X)
    assert f.explain(X).reason == "compiled in this process, and the store cannot be written"


def test_a_verification_that_failed(jit, monkeypatch):
    jit(scaled)(X)
    f = jit(scaled, verify="first")
    monkeypatch.setattr("hashcache.programs.lowered.module_of", lambda *_: "another")
    with pytest.warns(AuditWarning, match="not what the function compiles to now"):
        f(X)
    assert f.explain(X).reason == "verification failed: its key misses something"


def test_a_capture_that_cannot_be_looked_into(jit):
    class Closed:
        def __reduce__(self):
            raise TypeError("not for you")

    closed = Closed()
    f = jit(lambda x: x if closed else -x)
    with pytest.warns(UncacheableWarning, match="what it captures cannot be looked into .closed is a"):
        assert f(X).tolist() == [0, 1, 2, 3]
    assert f(X).tolist() == [0, 1, 2, 3]


def test_a_program_that_was_never_compiled(jit):
    assert jit(lambda x: x).explain(X).reason == "never computed"
