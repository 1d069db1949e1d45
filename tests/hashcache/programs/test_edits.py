"""Edit a program, run again in another process: it is the program of now, and the unchanged is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from program_edits import Edited, by_hand, chosen, generated

RUNNER = Path(__file__).with_name("run_edits.py")


def write(folder: Path, edits: list[Edited], when: str) -> None:
    folder.mkdir(exist_ok=True)
    for number, edited in enumerate(edits):
        own, _, other = getattr(edited, when).partition("# other\n")
        (folder / f"case{number:04}.py").write_text(own.replace("OTHER", f"other{number:04}"))
        (folder / f"other{number:04}.py").write_text(other)


def run_all(python: Any, folder: Path, edits: dict[str, Edited]) -> dict[str, list[str]]:
    """Return what is wrong with each program: stale, wrong, not found again, or not run at all."""

    def run(compare: str) -> list[dict[str, Any]]:
        text = python(None, "-B", str(RUNNER), str(folder), compare, JAX_PLATFORMS="cpu")
        rows = json.loads(text)
        return [rows[name] for name in sorted(rows)]

    cases = list(edits.values())
    write(folder, cases, "before")
    before, again = run("compare"), run("alone")
    write(folder, cases, "after")
    after = run("compare")
    wrong: dict[str, list[str]] = {}
    for name, edited, *rows in zip(edits, cases, before, again, after, strict=True):
        said = wrong.setdefault(name, [])
        said += [row["error"] for row in rows if "error" in row]
        if said:
            continue
        first, second, third = rows
        if first["ours"] != first["plain"] or third["ours"] != third["plain"]:
            said.append("stale or wrong")
        if second["ours"] != first["ours"] or second["stats"] != {"hits": 1, "misses": 0}:
            said.append(f"the unchanged is not found: {second['stats']}")
        if edited.is_hit != (third["stats"]["hits"] == 1):
            said.append(f"after the edit {third['stats']}")
        if edited.is_hit != (first["plain"] == third["plain"]):
            said.append("the edit is none")
    return {name: said for name, said in wrong.items() if said}


def test_no_edited_program_is_stale_and_every_unchanged_one_is_found(python, tmp_path):
    assert run_all(python, tmp_path / "programs", dict(list(chosen().items())[::4])) == {}


@pytest.mark.slow
def test_no_program_is_stale_with_every_transformation_and_every_place_among_them(python, tmp_path):
    assert run_all(python, tmp_path / "programs", chosen()) == {}


@pytest.mark.slow
def test_no_program_edited_by_hand_is_stale(python, tmp_path):
    assert run_all(python, tmp_path / "programs", by_hand()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_no_program_is_stale_whatever_the_transformation_and_the_place(python, tmp_path, part):
    edits = dict(list(generated().items())[part::4])
    assert run_all(python, tmp_path / "programs", edits) == {}
