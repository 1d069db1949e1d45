"""What the command line says agrees with the functions' own answers, and looking makes nothing."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashcache import Cached, Layer, entry, hashcache
from hashcache.__main__ import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; returns status, standard output and standard error."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run_command


SCALE = 3


def scaled(x: float, *, shift: float = 0.0) -> float:
    return SCALE * x + shift


def doubled(x: int) -> int:
    return 2 * x


@hashcache(name="asked")
def asked(x: Any, *, shift: float = 0.0) -> float:
    return SCALE * x + shift


class Scaler:
    @hashcache
    @staticmethod
    def scaled(x: float) -> float:
        return SCALE * x


@pytest.fixture
def functions() -> tuple[Cached[..., float], Cached[..., int]]:
    """Three stored results of two functions in two layers."""
    one, other = hashcache(scaled), Layer("double").wrap(doubled)
    one(1.0), one(2.0, shift=0.5), other(3)
    return one, other


def read(run: Run, *arguments: str) -> Any:
    status, said, _ = run(*arguments, "--json")
    assert status == 0
    return json.loads(said)


@pytest.mark.parametrize(
    "command",
    [["info"], ["ls"], ["show", "00"], ["explain", "00"], ["clear"], ["clear", "--function", "f"]],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_looking_at_an_empty_cache_makes_nothing(
    run: Run, location: Path, command: list[str], options: list[str]
) -> None:
    status, said, complaint = run(*command, *options)
    asks_for_one = command[0] in ("show", "explain")
    assert status == (1 if asks_for_one else 0)
    assert bool(complaint) == asks_for_one
    if options and not status:
        json.loads(said)
    assert not location.exists()
    assert not location.parent.joinpath("home").exists()


def state(place: Path) -> dict[Path, Any]:
    return {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in place.rglob("*")
    }


def test_looking_changes_nothing(run: Run, location: Path, functions: Any) -> None:
    before = state(location)
    for command in (
        ["info"],
        ["ls"],
        ["show", ""],
        ["ls", "--layer", "graph"],
        ["show", "zz"],
        ["explain", ""],
        ["explain", f"{__name__}:asked", "2.5"],
    ):
        run(*command)
        run(*command, "--json")
    assert state(location) == before


def test_info_counts_what_is_stored_by_layer(run: Run, location: Path, functions: Any) -> None:
    told = read(run, "info")
    assert told["location"] == str(location)
    assert {layer: row["entries"] for layer, row in told["layers"].items()} == {"function": 2, "double": 1}
    headers = list(hashcache.entries())
    assert sum(row["bytes"] for row in told["layers"].values()) == sum(header["size"] for header in headers)
    status, said, _ = run("info")
    assert status == 0
    assert str(location) in said
    *rows, counts = said.splitlines()[2:]
    assert [line.split()[:2] for line in rows] == [["double", "1"], ["function", "2"]]
    assert counts.startswith("so far:   0 hits saved 0 s, 3 misses took ")
    assert told["statistics"]["misses"] == 3


def test_ls_lists_every_result_newest_first(run: Run, functions: Any) -> None:
    one, other = functions
    keys = [other.key(3), one.key(2.0, shift=0.5), one.key(1.0)]
    assert [header["key"].rpartition(":")[2] for header in read(run, "ls")] == keys
    status, said, _ = run("ls")
    rows = said.splitlines()
    assert status == 0
    assert [row.split()[0] for row in rows[1:]] == [key[:12] for key in keys]
    assert "x=2.0, shift=0.5" in rows[2]
    assert "6.5" in rows[2]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--layer", "function"], 2),
        (["--layer", "double"], 1),
        (["--layer", "graph"], 0),
        (["--layer", "func"], 0),
        (["--function", "scaled"], 2),
        (["--function", "oubl"], 1),
        (["--layer", "double", "--function", "scaled"], 0),
        ([], 3),
    ],
)
def test_ls_and_clear_choose_alike(run: Run, functions: Any, options: list[str], count: int) -> None:
    assert len(read(run, "ls", *options)) == count
    assert read(run, "clear", *options) == {"removed": count}
    assert read(run, "ls", *options) == []
    assert len(read(run, "ls")) == 3 - count


def test_clear_says_what_it_removed_and_calls_compute_again(run: Run, functions: Any) -> None:
    one, other = functions
    assert run("clear", "--function", "scaled")[1] == "removed 2 stored results\n"
    assert [one.is_cached(1.0), one.is_cached(2.0, shift=0.5), other.is_cached(3)] == [False, False, True]
    assert one(1.0) == 3.0
    assert run("clear")[1] == "removed 2 stored results\n"
    assert not other.is_cached(3)


def test_show_tells_all_that_went_into_a_key(run: Run, functions: Any) -> None:
    one, _ = functions
    key = one.key(2.0, shift=0.5)
    for spelling in (key, key[:12], key[:8].upper()):
        status, said, _ = run("show", spelling)
        assert status == 0
        assert said.splitlines()[0] == f"function:scaled:{key}"
    for part in one.explain(2.0, shift=0.5).parts:
        assert f"  {part.line()}" in said.splitlines()
    assert "global SCALE = 3" in said
    (header,) = read(run, "show", key)
    assert header["result"] == "6.5"
    assert len(read(run, "show", "")) == 3


def test_show_lists_parts_inside_arguments_and_is_the_same_at_every_look(run: Run) -> None:
    nested = hashcache(name="nested")(lambda x: 1)
    nested({"a": [1, 2], "b": {3, 1}})
    first, second = run("show", ""), run("show", "")
    assert first == second
    lines = [line.partition("  [")[0].strip() for line in first[1].splitlines()]
    assert "argument x = {'a': [1, 2], 'b': {1, 3}}" in lines
    assert [line for line in lines if line.startswith("argument x[")] == [
        "argument x['a'] = [1, 2]",
        "argument x['a'][0] = 1",
        "argument x['a'][1] = 2",
        "argument x['b'] = {1, 3}",
    ]


def test_explain_of_a_key_says_why_it_was_computed(run: Run, functions: Any) -> None:
    one, other = functions
    first, second = one.key(1.0), one.key(2.0, shift=0.5)
    for spelling in (second, second[:12], f"function:scaled:{second}"):
        status, said, _ = run("explain", spelling)
        lines = said.splitlines()
        assert status == 0
        assert lines[:2] == [
            f"function:scaled:{second}",
            "computed: argument x: 1.0 -> 2.0; argument shift: 0.0 -> 0.5",
        ]
        assert lines[2:] == run("show", second)[1].splitlines()[4:]
    (header,) = read(run, "explain", second)
    assert header["changes"] == ["argument x: 1.0 -> 2.0", "argument shift: 0.0 -> 0.5"]
    for key in (first, other.key(3)):
        assert run("explain", key)[1].splitlines()[1] == "computed: never computed before"


def test_explain_of_a_call_agrees_with_the_function(run: Run) -> None:
    target = f"{__name__}:asked"
    assert run("explain", target, "2.0")[:2] == (1, f"{asked.explain(2.0)}\n")
    asked(2.0, shift=0.5)
    assert run("explain", target, "2.0", "shift=0.5")[:2] == (0, f"{asked.explain(2.0, shift=0.5)}\n")
    status, said, _ = run("explain", target, "x={'a': [1, -2.0]}", "--json")
    told, explanation = json.loads(said), asked.explain({"a": [1, -2.0]})
    assert status == 1
    assert [told["hit"], told["reason"]] == [False, explanation.reason]
    assert (told["key"], told["changes"]) == (str(explanation.key), list(explanation.changes))
    assert [row[0] for row in told["parts"]] == [part.name for part in explanation.parts]
    assert run("explain", target, "--", "-1e5")[0] == 1
    assert run("explain", f"{__name__}:Scaler.scaled", "2.0")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no.such.module:f"], "module no.such.module cannot be imported: ModuleNotFoundError"),
        ([f"{__name__}:unheard"], f"{__name__} has no unheard"),
        ([f"{__name__}:Scaler.unheard"], f"{__name__}.Scaler has no unheard"),
        ([f"{__name__}:doubled", "1"], "is not a cached function"),
        ([f"{__name__}:asked", "word"], "word is not a Python literal"),
        ([f"{__name__}:asked", "x=1 +"], "1 + is not a Python literal"),
        ([f"{__name__}:asked", "shift=1", "2"], "2 stands after an argument with a name"),
        ([f"{__name__}:asked"], "missing 1 required positional argument: 'x'"),
        ([f"{__name__}:asked", "1", "unheard=2"], "unexpected keyword argument 'unheard'"),
        (["unheard"], "neither a key (hexadecimal digits) nor module:function"),
        ([":asked"], "neither a key (hexadecimal digits) nor module:function"),
        (["00", "1"], "is a key, and takes no arguments"),
    ],
)
def test_a_call_that_cannot_be_explained_says_why(run: Run, arguments: list[str], complaint: str) -> None:
    for options in ([], ["--json"]):
        status, said, told = run("explain", *arguments, *options)
        assert (status, said) == (2, "")
        assert told.startswith("hashcache: ")
        assert complaint in told


LOUD = """
from hashcache import hashcache

print("imported")


@hashcache
def f(x):
    return x
"""


def test_explain_imports_from_the_current_directory_and_prints_nothing_else(
    python: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    command = "import sys; sys.path.remove(''); from hashcache.__main__ import main; sys.exit(main({}) - {})"
    said = python(command.format(["explain", "loud:f", "1", "--json"], 1))
    assert json.loads(said)["reason"] == "never computed"
    python("import loud; loud.f(1)")
    assert python(command.format(["explain", "loud:f", "1"], 0)).splitlines()[1] == "hit: stored"
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    python(command.format(["explain", "broken:f", "1"], 2))


def test_explain_of_a_call_looks_in_another_location(run: Run, tmp_path: Path) -> None:
    asked(3.0)
    target = f"{__name__}:asked"
    assert run("explain", target, "3.0")[0] == 0
    assert run("explain", target, "3.0", "--location", str(tmp_path / "elsewhere"))[0] == 1


def test_show_of_an_unknown_key_fails(run: Run, functions: Any) -> None:
    for options in ([], ["--json"]):
        status, said, complaint = run("show", "f" * 32, *options)
        assert (status, said) == (1, "")
        assert "f" * 32 in complaint


def test_damaged_entries_disturb_no_listing_and_are_cleared(run: Run, location: Path, functions: Any) -> None:
    one, _ = functions
    digest = one.key(1.0)
    (path,) = location.rglob(digest[2:])
    whole = path.read_bytes()
    for place in range(0, entry.header_size(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert all(run(*command)[0] == 0 for command in (["info"], ["ls"], ["show", ""]))
    path.write_bytes(whole[:100])
    assert len(read(run, "ls")) == 2
    run("clear", "--layer", "function")
    assert not path.exists()


def test_another_location_can_be_named(run: Run, location: Path, tmp_path: Path, functions: Any) -> None:
    other = tmp_path / "elsewhere"
    assert read(run, "ls", "--location", str(other)) == []
    shutil.copytree(location, other)
    other.chmod(0o700)
    assert read(run, "clear", "--location", str(other)) == {"removed": 3}
    assert len(read(run, "ls")) == 3


@pytest.mark.parametrize("command", [["info"], ["ls"], ["show", "0"], ["explain", "0"], ["clear"]])
def test_a_store_that_cannot_be_used_is_said_with_its_place(
    run: Run, location: Path, functions: Any, command: list[str]
) -> None:
    location.chmod(0o777)
    status, said, complaint = run(*command)
    assert (status, said) == (2, "")
    assert str(location) in complaint
    assert "chmod 700" in complaint


@pytest.mark.parametrize("arguments", [[], ["unheard-of"], ["show"], ["ls", "--unheard-of"]])
def test_what_it_does_not_know_is_refused(
    run: Run, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert "usage: hashcache" in capsys.readouterr().err


def test_it_runs_as_a_module(python: Callable[..., str], location: Path, functions: Any) -> None:
    assert len(json.loads(python(None, "-m", "hashcache", "ls", "--json"))) == 3
    assert python(None, "-m", "hashcache", "clear") == "removed 3 stored results\n"


def test_its_status_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hashcache", "show", "00"])
    monkeypatch.delitem(sys.modules, "hashcache.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("hashcache", run_name="__main__")
    assert caught.value.code == 1
