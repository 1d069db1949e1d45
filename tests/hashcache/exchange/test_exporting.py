"""What is exported and imported is the same result, under the same key, and nothing else."""

from __future__ import annotations

import io
import json
import math
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import ArchiveError, Cache, Layer, OptionError, StoreWarning, entry, hashcache
from hashcache.exchange.outcome import Exchanged
from hashcache.recompute import recompute
from hashcache.stores import seal


@pytest.fixture
def here(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "there")


def square(x: Any) -> Any:
    return x * x


def grid(n: int) -> Any:
    return np.arange(n) / 7


def sent(here: Cache, there: Cache, **options: Any) -> Exchanged:
    """Export everything from one cache and import it into another."""
    archive = io.BytesIO()
    here.export_entries(archive, **options)
    return there.import_entries(archive)


def archive_of(cache: Cache, **options: Any) -> bytes:
    archive = io.BytesIO()
    cache.export_entries(archive, **options)
    return archive.getvalue()


NUMBERS = st.floats(width=64) | st.integers() | st.complex_numbers()
VALUES = st.recursive(
    NUMBERS | st.text() | st.binary() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def same(x: Any) -> Any:
    return [x]


@given(value=VALUES)
def test_a_result_that_travelled_is_a_hit_and_the_same_value(value: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        here, there = Cache(f"{folder}/here"), Cache(f"{folder}/there")
        computed = here(same)(value)
        if not sent(here, there):  # only pickle takes it
            return
        received = there(same)
        assert repr(received(value)) == repr(computed)
        assert received.stats()["hits"] == 1
        assert received.verify(value)


def test_equal_selections_are_equal_archives_whoever_holds_them(here: Cache, there: Cache) -> None:
    for x in range(4):
        here(square)(x)
    here(grid)(50_000)
    first = archive_of(here, author="Ada")
    sent(here, there)
    assert archive_of(there, author="Ada") == first
    assert archive_of(here, author="Eve") != first
    assert archive_of(there, keys=[here(square).key(1)]) == archive_of(here, keys=[here(square).key(1)])


def test_tar_lists_an_archive_and_its_first_file_says_what_it_is(here: Cache, tmp_path: Path) -> None:
    import tarfile

    here(grid)(10)
    here.export_entries(tmp_path / "results.tar", author="Ada")
    with tarfile.open(tmp_path / "results.tar") as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile(names[0]))  # type: ignore[arg-type]
        assert all(tar.extractfile(name).read(6) == entry.MAGIC[:6] for name in names[1:])  # type: ignore[union-attr]
    result, listing = manifest["entries"]
    assert [row["name"] for row in manifest["entries"]] == names[1:]
    assert manifest["author"] == "Ada"
    assert result["key"] == f"function:grid:{here(grid).key(10)}"
    assert result["result"] == "float64[10]"
    assert [text.partition(" ")[0] for text in listing["versions"]] == ["numpy"]
    assert result["seconds"] == next(here.entries())["seconds"]


def test_names_of_user_and_machine_stay_behind(here: Cache, there: Cache) -> None:
    here(square)(3)
    (header,) = here.entries()
    assert {"host", "user"} <= header.keys()
    sent(here, there, author="Ada")
    (other,) = there.entries()
    assert not {"host", "user"} & other.keys()
    assert other["received"]["author"] == "Ada"
    assert other["parts"] == header["parts"]
    assert other["created"] == header["created"]


def test_explanations_travel_with_results(here: Cache, there: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    here(scaled)(3)
    sent(here, there)
    assert there(scaled).explain(3).hit
    monkeypatch.setitem(globals(), "RATE", 5)
    assert there(scaled).explain(3).reason == "global RATE: 2 -> 5"


RATE = 2


def scaled(x: int) -> int:
    return RATE * x


def test_a_selection_takes_what_it_says(here: Cache) -> None:
    functions = here(square), here(grid), Layer("other", cache=here).wrap(scaled)
    for function in functions:
        function(3), function(4)
    (oldest, *_) = sorted(header["created"] for header in here.entries())

    def keys(**choice: Any) -> set[str]:
        return set(here.export_entries(io.BytesIO(), **choice).keys)

    everything = {header["key"] for header in here.entries()}
    assert keys() == everything
    assert keys(layer="other") == {key for key in everything if key.startswith("other:")}
    assert keys(function="squ") == {key for key in everything if ":square:" in key}
    digits = functions[0].key(3)
    assert keys(keys=[digits]) == keys(keys=[digits[:20]]) == keys(keys=[f"function:square:{digits}"])
    assert keys(keys=[digits]) == {f"function:square:{digits}"}
    assert keys(keys=()) == set()
    assert keys(since=oldest) == keys(since=timedelta(hours=1)) == everything
    assert keys(since=math.nextafter(oldest, math.inf)) < everything
    assert keys(since=datetime.now().astimezone() + timedelta(hours=1)) == set()
    archive = io.BytesIO()
    here.export_entries(archive)
    other = Cache(here.location.parent / "third")
    assert set(other.import_entries(archive, function="grid").keys) == keys(function="grid")


@pytest.mark.parametrize("choice", [{"keys": ["xyz"]}, {"keys": "00"}, {"keys": [""]}, {"since": "today"}])
def test_a_selection_that_makes_no_sense_is_refused(here: Cache, choice: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        here.export_entries(io.BytesIO(), **choice)


def test_nothing_chosen_writes_nothing(here: Cache, tmp_path: Path) -> None:
    assert not here.export_entries(tmp_path / "none.tar")
    assert not (tmp_path / "none.tar").exists()
    assert not here.location.exists()


def test_an_archive_is_there_whole_or_not_at_all(
    here: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(square)(3)
    target = tmp_path / "results.tar"
    target.write_bytes(b"before")
    from hashcache.exchange import exporting

    real = exporting.described
    looks = iter(range(10))

    def deleted_between(*args: Any) -> Any:
        if next(looks) == 2:  # of two entries, each is looked at twice
            here.clear()
        return real(*args)

    monkeypatch.setattr(exporting, "described", deleted_between)
    with pytest.raises(ArchiveError, match="export again"):
        here.export_entries(target)
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


# -- on arrival --------------------------------------------------------------------------------------


def test_importing_twice_changes_nothing(here: Cache, there: Cache) -> None:
    here(square)(3)
    archive = io.BytesIO(archive_of(here))
    first = there.import_entries(archive)
    files = {path: path.read_bytes() for path in there.location.rglob("*") if path.is_file()}
    again = there.import_entries(archive)
    assert again.present == first.keys
    assert not again
    assert {path: path.read_bytes() for path in there.location.rglob("*") if path.is_file()} == files


def test_a_dry_run_stores_nothing(here: Cache, there: Cache) -> None:
    here(square)(3)
    archive = io.BytesIO(archive_of(here))
    assert there.import_entries(archive, dry_run=True).keys == (f"function:square:{here(square).key(3)}",)
    assert not there.location.exists()


def test_another_result_that_is_there_stays_and_is_told(here: Cache, there: Cache, tmp_path: Path) -> None:
    path = tmp_path / "level"

    def level() -> float:
        with open(path) as file:  # which no key sees
            return float(file.read())

    path.write_text("1")
    here(level)()
    path.write_text("2")
    there(level)()
    done = sent(here, there)
    assert not done.keys
    (left,) = done.different
    assert left.reason == "result: 2.0 -> 1.0"
    assert there(level)() == 2.0


def test_the_same_value_in_another_form_is_the_same(here: Cache, tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    compressed = Cache(tmp_path / "there", compress="zstd")
    here(grid)(1), compressed(zeros)(10_000), here(zeros)(10_000)
    done = sent(here, compressed)
    assert done.present == (f"function:zeros:{here(zeros).key(10_000)}",)
    assert not done.different
    third = Cache(tmp_path / "third")
    assert sent(compressed, third)
    assert (third(zeros)(10_000) == 0).all()


def zeros(n: int) -> Any:
    return np.zeros(n)


def test_large_results_are_mapped_where_they_came_to(here: Cache, there: Cache) -> None:
    computed = here(grid)(100_000)
    sent(here, there)
    answer = there(grid)
    received = answer(100_000)
    assert answer.stats() == {"hits": 1, "misses": 0}
    np.testing.assert_array_equal(received, computed)
    assert isinstance(received.base, (mmap.mmap, memoryview))
    received[0] = 5  # private
    assert there(grid)(100_000)[0] == 0


def test_results_that_came_expire_by_when_they_were_computed(here: Cache, there: Cache) -> None:
    here(square)(3)
    sent(here, there)
    assert there(expires=timedelta(hours=1))(square).is_cached(3)
    time.sleep(0.01)
    assert there(expires=0.001)(square).explain(3).reason.startswith("expired")


def outer(x: int) -> int:
    return inner(x) + 1


inner = hashcache(square)


def test_a_result_needs_none_of_those_it_was_made_from(here: Cache, there: Cache) -> None:
    here(outer)(3)
    sent(here, there, function="outer")
    answer = there(outer)
    assert answer(3) == 10
    assert answer.stats() == {"hits": 1, "misses": 0}
    assert not inner.is_cached(4)


def test_kept_arguments_travel_and_results_can_be_computed_again(here: Cache, there: Cache) -> None:
    here(keep_arguments=True)(square)(3)
    sent(here, there)
    kept = there(keep_arguments=True)(square)
    assert [found.outcome for found in recompute(there)] == ["same"]
    without = Cache(here.location.parent / "third")
    sent(here, without, arguments=False)
    assert [found.reason for found in recompute(without)] == ["its arguments were not kept"]
    assert without(square)(3) == kept(3)


def test_generators_travel(here: Cache, there: Cache) -> None:
    def items(n: int) -> Any:
        yield from range(n)
        return "end"

    assert list(here(items)(3)) == [0, 1, 2]
    assert sent(here, there)
    answer = there(items)
    assert list(answer(3)) == [0, 1, 2]
    assert answer.stats() == {"hits": 1, "misses": 0}


def test_limits_count_what_came(here: Cache, tmp_path: Path) -> None:
    for n in range(20):
        here(grid)(1000 + n)
    small = Cache(tmp_path / "small", max_size="40 kB")
    done = sent(here, small)
    assert len(done.keys) == 20
    assert sum(header["size"] for header in small.entries()) <= 60_000
    tiny = Cache(tmp_path / "tiny", max_size="4 kB")
    done = sent(here, tiny)
    assert not done.keys
    assert "raise max_size" in done.refused[0].reason


def test_a_shared_cache_seals_what_comes_and_exports_without_seals(here: Cache, tmp_path: Path) -> None:
    here(square)(3)
    for name in ("one", "two"):
        seal.make_key(str(tmp_path / f"{name}.key"))
    one = Cache(tmp_path / "shared", shared=True, key_file=tmp_path / "one.key")
    two = Cache(tmp_path / "shared", shared=True, key_file=tmp_path / "two.key")
    archive = archive_of(here)
    assert one.import_entries(io.BytesIO(archive))
    assert one(square).is_cached(3)
    assert list(two.entries()) == []
    assert archive_of(one) == archive
    with pytest.warns(StoreWarning, match="not trusted"):
        assert not two(square).is_cached(3)
    assert archive_of(two) == b""
    assert two.import_entries(io.BytesIO(archive))  # what it does not trust it replaces
    assert two(square).is_cached(3)
    with pytest.warns(StoreWarning, match="not trusted"):
        assert not one(square).is_cached(3)


def test_a_store_that_cannot_be_written_raises_and_keeps_nothing(here: Cache, tmp_path: Path) -> None:
    here(square)(3)
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(OSError, match="not a directory"):
        sent(here, Cache(place))


def test_pipes_carry_archives(here: Cache, there: Cache) -> None:
    here(square)(3)
    reading, writing = os.pipe()
    with open(writing, "wb") as end:
        here.export_entries(end)
    with open(reading, "rb") as begin:
        assert there.import_entries(begin)
    assert there(square).is_cached(3)


# -- what a key means elsewhere ----------------------------------------------------------------------

MODEL = """
from pathlib import Path
from hashcache import File, hashcache
import numpy as np

TABLE = {"rate": 2.0}
def helper(x): return x * TABLE["rate"]

@hashcache(depends_on=(File(Path(__file__).parent / "data.txt"),))
def model(values): return helper(np.asarray(values)).sum()
"""
SAYS = "from model import model; import sys; print(model([1, 2]), *model.stats().values())"


@pytest.fixture
def checkout(tmp_path: Path, python: Callable[..., str]) -> Callable[..., str]:
    """Run code as a user with a home and a checkout of their own, and a cache in that home."""

    def run(
        user: str, code: str = SAYS, *arguments: str, path: str = "src", data: str = "1", **more: str
    ) -> str:
        home = tmp_path / "homes" / user
        source = home / path
        source.mkdir(parents=True, exist_ok=True)
        (source / "model.py").write_text(MODEL.replace("2.0", more.pop("rate", "2.0")))
        (source / "data.txt").write_text(data)
        return python(
            code,
            *arguments,
            cwd=source,
            HOME=str(home),
            HASHCACHE_DIR=str(home / "cache"),
            PYTHONPATH=os.pathsep.join([str(source), str(Path(__file__).resolve().parents[3])]),
            **more,
        )  # fmt: skip

    return run


def test_two_homes_and_checkouts_share_what_one_of_them_computed(
    checkout: Callable[..., str], tmp_path: Path
) -> None:
    archive = str(tmp_path / "results.tar")
    assert checkout("ada").split() == ["6.0", "0", "1"]
    export = "import sys, hashcache; print(len(hashcache.export_entries(sys.argv[1]).keys))"
    take = "import sys, hashcache; print(len(hashcache.import_entries(sys.argv[1]).keys))"
    assert checkout("ada", export, archive).split() == ["1"]
    assert checkout("eve", take, archive, path="elsewhere/deep").split() == ["1"]
    assert checkout("eve", path="elsewhere/deep", TZ="Asia/Tokyo").split() == ["6.0", "1", "0"]
    ask = "from model import model; print(model.explain([1, 2]).reason)"
    # What is another there is a miss, and said.
    assert checkout("eve", ask, path="elsewhere/deep", data="2").startswith("depends_on[0]")
    assert checkout("eve", ask, path="elsewhere/deep", rate="3.0").strip() == (
        "helper model.helper: global TABLE['rate']: 2.0 -> 3.0"
    )
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    other = "import hashcache.salt as salt; salt._PYTHON = '3.99'; "
    assert checkout("eve", other + ask, path="elsewhere/deep").strip() == f"python {minor} -> 3.99"
    assert checkout("eve", other + SAYS, path="elsewhere/deep").split() == ["6.0", "0", "1"]


# -- the command line --------------------------------------------------------------------------------


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    from hashcache.__main__ import main

    def run_command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run_command


def test_the_command_line_exports_and_imports(
    here: Cache, there: Cache, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    here(square)(3), here(square)(4), here(sets)(1)
    archive = str(tmp_path / "results.tar")
    status, said, told = run("export", "--location", str(here.location), "-o", archive, "--author", "Ada")
    assert status == 1
    assert said.startswith("exported 2 results to ")
    assert "codec 'pickle' can run code" in told
    status, said, told = run(
        "export", "--location", str(here.location), "-o", archive, "--function", "square"
    )
    assert (status, told) == (0, "")
    status, said, _ = run("import", "--location", str(there.location), archive, "--dry-run", "--json")
    assert status == 0
    assert len(json.loads(said)["keys"]) == 2
    status, said, _ = run("import", "--location", str(there.location), archive, here(square).key(3)[:12])
    assert (status, said) == (0, "imported 1 result, 0 results were there\n")
    status, said, _ = run("show", "--location", str(there.location), here(square).key(3)[:12])
    assert "somebody else, from archive" in said
    status, said, told = run("import", "--location", str(there.location), __file__)
    assert status == 2
    assert "does not begin as an archive does" in told
    status, _, told = run("import", "--location", str(there.location), str(tmp_path / "missing"))
    assert status == 2
    assert "is not imported" in told
    status, _, told = run("export", "--location", str(here.location), "-o", str(tmp_path / "no" / "folder"))
    assert status == 2
    assert "nothing is exported" in told
    status, said, told = run(
        "export", "--location", str(here.location), "-o", archive, "--since", "2100-01-01", "--json"
    )
    assert status == 1
    assert json.loads(said)["keys"] == []


def sets(x: int) -> Any:
    return {x}


def test_archives_go_through_standard_output_and_input(here: Cache, there: Cache) -> None:
    here(square)(3)
    command = [sys.executable, "-m", "hashcache"]
    out = subprocess.run([*command, "export", "-o", "-", "--location", str(here.location)],
                         capture_output=True, check=True)  # fmt: skip
    back = subprocess.run([*command, "import", "-", "--location", str(there.location)],
                          input=out.stdout, capture_output=True, check=True)  # fmt: skip
    assert back.stdout.startswith(b"imported 1 result")
    assert there(square).is_cached(3)
