"""JAX's own cache as a directory of ours: sized, mended, counted, and off again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hashcache import Cache
from hashcache.programs.jax_cache import JaxCache

PROGRAM = (
    "import json, sys, jax, jax.numpy as jnp, hashcache\n"
    "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)\n"
    "jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)\n"
    "x = jnp.arange(3.0)\n"
    "BEFORE\n"
    "hashcache.configure(jax_cache=True)\n"
    "answer = jax.jit(lambda x: jnp.sin(x) * 2)(x).tolist()\n"
    "cache = hashcache.hashcache.jax_cache\n"
    "AFTER\n"
    "print(json.dumps([answer, cache.stats(), sorted(one.name for one in cache.entries())]))\n"
)


def run(python, before: str = "", after: str = "", **environment: str):
    code = PROGRAM.replace("BEFORE", before).replace("AFTER", after)
    return json.loads(python(code, JAX_PLATFORMS="cpu", **environment))


@pytest.fixture
def jax_cache(location: Path) -> JaxCache:
    return Cache(location).jax_cache


def test_the_next_process_finds_what_jax_compiled_and_it_is_counted(python, jax_cache):
    answer, stats, names = run(python)
    assert stats["hits"] == 0
    assert stats["misses"] == len(names) > 0
    again, found, same = run(python)
    assert (again, same) == (answer, names)
    assert found == {"hits": stats["misses"], "misses": 0}
    assert sorted(one.name for one in jax_cache.entries()) == names
    assert os.stat(jax_cache.folder).st_mode & 0o777 == 0o700
    counts = json.loads(python(None, "-m", "hashcache", "info", "--json"))
    assert counts["statistics"]["hits"] == stats["misses"]
    assert counts["layers"]["jax"]["entries"] == len(names)


def test_it_can_be_switched_on_after_jax_has_compiled_and_off_again(python):
    _, _, names = run(
        python,
        before="jax.jit(lambda x: jnp.cos(x) * 3)(x)",
        after="hashcache.configure(jax_cache=False); jax.jit(lambda x: jnp.tan(x) * 4)(x);"
        "assert jax.config.jax_compilation_cache_dir is None",
    )
    assert names
    assert not any("tan" in name for name in names)


def test_a_directory_that_jax_was_told_of_elsewhere_is_left_to_it(python, jax_cache, tmp_path):
    before = "import warnings; warnings.simplefilter('ignore')"
    _, stats, names = run(python, before, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert (stats, names) == ({"hits": 0, "misses": 0}, [])
    assert list((tmp_path / "own").iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        "cut short",
        pytest.param("empty", marks=pytest.mark.slow),
        pytest.param("overwritten", marks=pytest.mark.slow),
    ],
)
def test_damaged_programs_are_found_and_removed_so_that_jax_writes_them_anew(python, jax_cache, damage):
    run(python)
    entry, *_ = jax_cache.entries()
    path = Path(entry.path)
    data = path.read_bytes()
    path.write_bytes({"cut short": data[:-20], "empty": b"", "overwritten": b"x" * len(data)}[damage])
    assert jax_cache.damage(entry)
    ((gone, reason),) = jax_cache.prune().gone
    assert gone.name == entry.name
    assert reason
    _, stats, _ = run(python)
    assert stats["misses"] == 1
    assert not any(map(jax_cache.damage, jax_cache.entries()))


def make(jax_cache: JaxCache, *names: str) -> None:
    import zlib

    os.makedirs(jax_cache.folder, 0o700, exist_ok=True)
    for age, name in enumerate(names):
        path = Path(jax_cache.folder, f"{name}-cache")
        path.write_bytes(zlib.compress(os.urandom(1000)))
        os.utime(path, (1e9 + age, 1e9 + age))


def test_beyond_a_size_what_was_not_used_for_longest_goes(jax_cache):
    make(jax_cache, "a", "b", "c", "d")
    used = Path(jax_cache.folder, "a-atime")  # as JAX notes it, with a limit of its own
    used.write_bytes(b"")
    os.utime(used, (2e9, 2e9))
    dry = jax_cache.prune(2500, dry_run=True)
    assert [(entry.name, reason) for entry, reason in dry.gone] == [
        ("b", "over the size"),
        ("c", "over the size"),
    ]
    assert len(list(jax_cache.entries())) == 4
    jax_cache.prune(2500)
    assert sorted(entry.name for entry in jax_cache.entries()) == ["a", "d"]


def test_notes_that_have_lost_their_program_go(jax_cache):
    make(jax_cache, "a")
    for name in ("a", "lost"):
        Path(jax_cache.folder, f"{name}-atime").write_bytes(b"")
    Path(jax_cache.folder, "notes.txt").write_text("of somebody else")
    jax_cache.prune()
    assert sorted(os.listdir(jax_cache.folder)) == ["a-atime", "a-cache", "notes.txt"]


def test_the_command_line_serves_it(python, jax_cache):
    make(jax_cache, "a", "b")
    Path(jax_cache.folder, "b-cache").write_bytes(b"")
    assert "a " in python(None, "-m", "hashcache", "ls", "--layer", "jax")
    with pytest.raises(AssertionError, match="jax/b is damaged: empty"):
        python(None, "-m", "hashcache", "verify")
    assert "empty" in python(None, "-m", "hashcache", "prune", "--layer", "jax")
    assert "jax" in python(None, "-m", "hashcache", "verify")
    assert "removed 1 " in python(None, "-m", "hashcache", "clear", "--layer", "jax")
    assert list(jax_cache.entries()) == []
