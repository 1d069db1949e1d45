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


# -- what JAX never mends ----------------------------------------------------------------------------


def test_a_program_without_its_note_no_longer_stops_jax_from_writing(python, jax_cache):
    pytest.importorskip("filelock")  # without which JAX has no limit
    os.makedirs(jax_cache.folder)
    limit = {"JAX_COMPILATION_CACHE_MAX_SIZE": "1000000"}
    make(jax_cache, "lost")
    before = f"jax.config.update('jax_compilation_cache_dir', {jax_cache.folder!r})\n"
    compiled = "import warnings; warnings.simplefilter('ignore'); jax.jit(lambda x: jnp.cos(x) * 3)(x)\n"
    off = "jax.config.update('jax_compilation_cache_dir', None)"
    # JAX alone writes nothing beside a file like that, unless somebody has seen to it.
    python(PROGRAM.replace("BEFORE", before + compiled + "sys.exit()").replace("AFTER", ""), **limit)
    assert [entry.name for entry in jax_cache.entries()] == ["lost"]
    Path(jax_cache.folder, "another-atime").write_bytes(b"12345678")  # a limit is on, as can be seen
    _, stats, names = run(python, before=before + compiled + off, **limit)
    assert stats["misses"] == len(names) - 1 > 0


def test_switching_on_removes_what_was_cut_short_since_the_last_time(python, jax_cache):
    _, stats, names = run(python)
    path = Path(next(jax_cache.entries()).path)
    path.write_bytes(path.read_bytes()[:-20])
    assert run(python)[1:] == [{"hits": stats["misses"] - 1, "misses": 1}, names]


def test_mending_looks_at_what_is_new_only(jax_cache, monkeypatch):
    make(jax_cache, "a", "b")
    jax_cache.mend()
    seen = []
    monkeypatch.setattr(jax_cache, "damage", lambda entry: seen.append(entry.name) or "")
    jax_cache.mend()
    assert seen == []
    make(jax_cache, "c")
    os.utime(Path(jax_cache.folder, "c-cache"))
    jax_cache.mend()
    assert seen == ["c"]


def test_the_size_is_kept_to_while_jax_writes(python, jax_cache):
    many = "for n in range(40): jax.jit(lambda x, n=n: x * n)(x)\n"
    code = PROGRAM.replace("jax_cache=True", "jax_cache=True, jax_cache_size='30 kB'").replace("BEFORE", "")
    said = json.loads(python(code.replace("AFTER", many), JAX_PLATFORMS="cpu"))
    written = said[1]["misses"]
    assert written > 32
    sizes = [entry.size for entry in jax_cache.entries()]
    assert len(sizes) < written
    # JAX tells of a program before it writes it, when it was looked at last as well.
    since = written % 16 + 1
    assert sum(sizes) <= 30_000 + since * max(sizes)


# -- on and off ---------------------------------------------------------------------------------------


def test_each_program_is_counted_once_however_often_it_is_switched(python):
    switch = "\n".join(f"hashcache.configure(jax_cache={on})" for on in (False, True, False, True))
    _, stats, names = run(python, before=f"hashcache.configure(jax_cache=True)\n{switch}")
    assert stats["misses"] == len(names)
    counts = json.loads(python(None, "-m", "hashcache", "info", "--json"))
    assert counts["statistics"]["misses"] == stats["misses"]


def test_what_was_told_since_stays_when_it_is_switched_off(python, tmp_path):
    after = (
        f"jax.config.update('jax_compilation_cache_dir', {str(tmp_path)!r})\n"
        "hashcache.configure(jax_cache=False)\n"
        f"assert jax.config.jax_compilation_cache_dir == {str(tmp_path)!r}"
    )
    run(python, after=after)


def test_it_goes_where_the_cache_goes(python, tmp_path):
    after = (
        f"hashcache.hashcache.location = {str(tmp_path / 'other')!r}\n"
        "jax.jit(lambda x: jnp.tan(x) * 4)(x)\n"
        f"assert cache.folder == jax.config.jax_compilation_cache_dir == {str(tmp_path / 'other' / 'jax')!r}"
    )
    _, _, names = run(python, after=after)
    assert names


@pytest.mark.slow  # tests of phasic make the same offers
@pytest.mark.parametrize("told", ["elsewhere", "disabled", "nothing"])
def test_an_offer_is_taken_where_jax_was_told_nothing(python, tmp_path, told):
    before = {
        "elsewhere": f"jax.config.update('jax_compilation_cache_dir', {str(tmp_path)!r})",
        "disabled": "jax.config.update('jax_enable_compilation_cache', False)",
        "nothing": "",
    }[told]
    code = (
        f"import jax, hashcache\n{before}\n"
        "cache = hashcache.hashcache.jax_cache\n"
        "print(cache.offer('1 GB'), cache.is_on, cache.in_use().folder == cache.folder)"
    )
    expected = {"elsewhere": "False False False", "disabled": "False False True", "nothing": "True True True"}
    assert python(code, JAX_PLATFORMS="cpu").strip() == expected[told]


def test_a_jax_that_cannot_be_told_late_is_said(jax_cache, monkeypatch):
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    from hashcache import StoreWarning

    monkeypatch.delattr(compilation_cache, "reset_cache")
    before = jax.config.jax_compilation_cache_dir
    with pytest.warns(StoreWarning, match="goes on as before"):
        jax_cache.switch_on()
    with pytest.warns(StoreWarning, match="goes on as before"):
        jax_cache.switch_off()
    assert jax.config.jax_compilation_cache_dir == before
