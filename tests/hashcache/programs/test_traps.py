"""What has crashed processes or lied elsewhere: each in a process of its own, or on a store that fails."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hashcache import Cache, StoreWarning, UncacheableWarning
from hashcache.programs import compiled, environment

X = jnp.arange(4.0)


@pytest.fixture(autouse=True)
def store_all(monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 0.0)


@pytest.fixture
def jit(location):
    return lambda function, **options: Cache(location).jit(function, **{"verify": "never", **options})


def double(x):
    return x * 2


def entries(location: Path) -> list[Path]:
    """Return the files of stored programs."""
    cache = Cache(location)
    return [location / found["name"] for found in cache.entries("program")]


HEAD = (
    "import jax, jax.numpy as jnp, numpy as np, hashcache, os, sys, time\n"
    "from hashcache.programs import compiled\n"
    "compiled._WORTH_STORING = 0.0\n"
)


# -- damage ------------------------------------------------------------------------------------------


def files_of(location: Path) -> list[Path]:
    return [path for path in location.rglob("*") if path.is_file() and "program" in path.parts]


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_the_loader_never_sees_damaged_bytes(jit, location, monkeypatch, place):
    jit(double)(X)
    entry = max(files_of(location), key=lambda path: path.stat().st_size)
    data = bytearray(entry.read_bytes())
    data[int(len(data) * place)] ^= 0x10
    entry.write_bytes(data)
    loaded = []
    monkeypatch.setattr(compiled, "_loaded", lambda *args: loaded.append(args))
    monkeypatch.setattr(compiled, "_tried", lambda *args: b"")
    late = jit(double)
    with pytest.warns(StoreWarning, match="damaged"):
        assert late(X).tolist() == [0, 2, 4, 6]
    assert loaded == []
    assert late.stats()["torn"] == 1


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_program_cut_short_is_compiled_again(jit, location, size):
    jit(double)(X)
    entry = max(files_of(location), key=lambda path: path.stat().st_size)
    entry.write_bytes(entry.read_bytes()[:size])
    late = jit(double)
    with pytest.warns(StoreWarning, match="damaged"):
        assert late(X).tolist() == [0, 2, 4, 6]
    again = jit(double)
    assert again(X).tolist() == [0, 2, 4, 6]
    assert again.stats() == {"hits": 1, "misses": 0}


def test_a_program_that_does_not_load_is_said_and_replaced(jit, monkeypatch):
    jit(double)(X)
    with monkeypatch.context() as patch:
        patch.setattr(compiled.Executable, "load", lambda *_: {}[7])  # a device that is not there, say
        late = jit(double)
        with pytest.warns(StoreWarning, match="cannot be loaded.*compiled again"):
            assert late(X).tolist() == [0, 2, 4, 6]
    again = jit(double)
    again(X)
    assert again.stats() == {"hits": 1, "misses": 0}


def test_devices_that_are_missing_are_refused_before_anything_is_loaded():
    with pytest.raises(KeyError):
        compiled._loaded(b"never looked at", None, None, [99])


def test_a_process_killed_while_it_writes_leaves_nothing_in_the_way(python, location, tmp_path):
    code = HEAD + (
        "f = hashcache.jit(lambda x: x * 3, verify='never')\n"
        "import hashcache.stores.directory as d\n"
        "def die(*_, **__): os.kill(os.getpid(), 9)\n"
        "if sys.argv[1:]: os.replace = os.rename = os.link = die\n"
        "print(f(2.0), f.stats())"
    )
    with pytest.raises(AssertionError):
        python(code, "die", JAX_PLATFORMS="cpu")
    assert python(code, JAX_PLATFORMS="cpu") == "6.0 {'hits': 0, 'misses': 1}\n"
    assert python(code, JAX_PLATFORMS="cpu") == "6.0 {'hits': 1, 'misses': 0}\n"


# -- stores that fail --------------------------------------------------------------------------------


def test_a_store_that_cannot_be_written_costs_nobody_the_answer(jit, location, monkeypatch):
    from hashcache.stores import DirectoryStore

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DirectoryStore, "put", full)
    f = jit(double)
    with pytest.warns(StoreWarning, match="cannot be written"):
        assert f(X).tolist() == [0, 2, 4, 6]
    assert f(X).tolist() == [0, 2, 4, 6]
    assert f.explain(X).reason == "compiled in this process, and the store cannot be written"


def test_a_cache_without_pickles_stores_no_programs(location):
    f = Cache(location, pickle="never").jit(double)
    with pytest.warns(UncacheableWarning, match="can run code"):
        assert f(X).tolist() == [0, 2, 4, 6]
    assert f(X).tolist() == [0, 2, 4, 6]
    assert not f.is_cached(X)


# -- several at once ---------------------------------------------------------------------------------


def test_of_two_processes_one_compiles_and_the_other_loads(location, tmp_path):
    code = HEAD + (
        "def f(x):\n"
        "    time.sleep(0.5)\n"
        "    return x * 5\n"
        "p = hashcache.jit(f, verify='never')\n"
        "print(p(2.0), p.stats()['misses'])"
    )
    env = {"HASHCACHE_DIR": str(location), "JAX_PLATFORMS": "cpu", "PYTHONPATH": ":".join(sys.path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(2)
    ]
    said = sorted(process.communicate(timeout=300)[0] for process in both)
    assert said == ["10.0 0\n", "10.0 1\n"]


def test_of_threads_one_compiles(jit):
    def slow(x):
        time.sleep(0.1)
        return x * 7

    f, found = jit(slow), []
    threads = [threading.Thread(target=lambda: found.append(float(f(X)[1]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7.0] * 4
    assert f.stats()["misses"] == 1


def test_a_forked_child_answers_as_well(python):
    code = HEAD + (
        "import warnings; warnings.simplefilter('ignore')\n"
        "f = hashcache.jit(lambda x: x * 3, verify='never')\n"
        "child = os.fork()\n"
        "print(f(2.0), flush=True)\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    assert python(code, JAX_PLATFORMS="cpu") == "6.0\n6.0\n"


# -- what JAX hands out ------------------------------------------------------------------------------


def test_what_the_cache_of_jax_hands_out_is_not_stored_as_it_is(python, tmp_path):
    settings = {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    code = HEAD + (
        "def f(x): return jnp.linalg.qr(x)[1] @ jnp.sin(x)\n"
        "x = jnp.arange(9.0).reshape(3, 3)\n"
        "if sys.argv[1:] == ['jax']: print(jax.jit(f)(x).sum())\n"
        "else:\n"
        "    p = hashcache.jit(f, verify='first'); print(p(x).sum(), p.stats())\n"
        "assert jax.config.jax_enable_compilation_cache"
    )
    (alone,) = python(code, "jax", **settings).split()
    assert python(code, "ours", **settings) == f"{alone} {{'hits': 0, 'misses': 1}}\n"
    assert python(code, "ours", **settings) == f"{alone} {{'hits': 1, 'misses': 0}}\n"
    # And with that cache off, in a process that has never lowered such a call.
    assert python(code, "ours", JAX_PLATFORMS="cpu") == f"{alone} {{'hits': 1, 'misses': 0}}\n"


LINEAR_ALGEBRA = {
    "cholesky": "jnp.linalg.cholesky(x @ x.T + jnp.eye(3))",
    "lu": "jnp.linalg.solve(x + 4 * jnp.eye(3), x)",
    "qr": "jnp.linalg.qr(x)",
    "svd": "jnp.linalg.svd(x)",
    "eigh": "jnp.linalg.eigh(x + x.T)",
    "eig": "jnp.linalg.eig(x)",
    "triangular": "jax.scipy.linalg.solve_triangular(x + jnp.eye(3), x)",
    "schur": "jax.scipy.linalg.schur(x)",
    "inverse": "jnp.linalg.inv(x + 4 * jnp.eye(3))",
    "expm": "jax.scipy.linalg.expm(x)",
}


@pytest.mark.parametrize(
    "kinds", [["lu", "svd"], pytest.param(list(LINEAR_ALGEBRA), marks=pytest.mark.slow)], ids=["two", "all"]
)
def test_programs_with_linear_algebra_load_in_processes_that_never_lowered_any(python, tmp_path, kinds):
    code = HEAD + (
        "import json\n"
        "x = jnp.arange(9.0).reshape(3, 3) / 7\n"
        "found = {}\n"
        f"for name, text in { {kind: LINEAR_ALGEBRA[kind] for kind in kinds}!r}.items():\n"
        "    if sys.argv[1:] and sys.argv[1] != name: continue\n"
        "    f = hashcache.jit(eval('lambda x: ' + text), verify='never')\n"
        "    leaves = jax.tree_util.tree_leaves(f(x))\n"
        "    found[name] = [np.asarray(leaf).tobytes().hex() for leaf in leaves], f.stats()['hits']\n"
        "print(json.dumps(found))"
    )
    first = json.loads(python(code, JAX_PLATFORMS="cpu"))
    again = json.loads(python(code, JAX_PLATFORMS="cpu"))
    assert {name: row[0] for name, row in again.items()} == {name: row[0] for name, row in first.items()}
    assert {row[1] for row in again.values()} == {1}
    # Each of the kinds alone and cold.
    (alone,) = json.loads(python(code, "svd", JAX_PLATFORMS="cpu")).items()
    assert alone == ("svd", [first["svd"][0], 1])


# -- what a program must not do --------------------------------------------------------------------


def test_programs_of_another_processor_are_never_loaded(jit, monkeypatch):
    jit(double)(X)
    monkeypatch.setattr(
        environment, "cpu", lambda: {"cpu": "x86_64 little other", "cpu features": "1 of them, 0"}
    )
    late = jit(double)
    assert "cpu features: '" in late.explain(X).reason
    late(X)
    assert late.stats() == {"hits": 0, "misses": 1}


def test_looking_for_a_program_leaves_the_user_s_dice_alone(jit):
    import random

    jit(double)(X)
    random.seed(3)
    expected = random.random()
    random.seed(3)
    jit(double, verify="sample")(X)
    assert random.random() == expected


def test_checks_for_nan_name_the_operation_as_ever(jit):
    f = jit(lambda x: jnp.log(x - 10))
    assert np.isnan(f(X)).all()
    with jax.debug_nans(True):
        with pytest.raises(FloatingPointError, match="log"):
            f(X)
        assert "jax_debug_nans" in f.explain(X).reason
    assert np.isnan(f(X)).all()
