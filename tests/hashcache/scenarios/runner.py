"""What a scenario is, and how a whole table of them is run in three processes.

An `Edit` is a program, the call made of it, and what changes before it is run again in a new process.
A `Session` is a notebook: one process in which a cell runs, then the call is made again. Expectations
are `RECOMPUTE` (an old value would be wrong) and `HIT` (nothing changed that the call can see).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

RECOMPUTE = "recompute"
HIT = "hit"

HEADER = "from hashcache import hashcache\n"
REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Edit:
    """A program before and after an edit, run in processes of their own."""

    name: str
    expect: str
    before: dict[str, str]
    after: dict[str, str | None]  # only the changed files; None deletes
    call: str = "f(2)"
    call_after: str = ""
    entry: str = "m"
    entry_after: str = ""
    root_after: str = ""  # folder put on sys.path, within the scenario's own
    how: str = "import"  # or script, command, stdin, notebook
    how_after: str = ""
    setup_after: str = ""  # runs before the program does
    needs: tuple[str, ...] = ()
    later: str = ""

    def plan(self) -> dict[str, Any]:
        """Return what the driver has to know."""
        return {
            "kind": "edit",
            "setup": {"before": "", "after": self.setup_after},
            "root": {"before": "", "after": self.root_after},
            "entry": {"before": self.entry, "after": self.entry_after or self.entry},
            "how": {"before": self.how, "after": self.how_after or self.how},
            "call": {"before": self.call, "after": self.call_after or self.call},
        }


@dataclass(frozen=True)
class Session:
    """A program, and cells run after it in the same process, each with what the next call must do."""

    name: str
    source: str
    steps: tuple[tuple[str, str], ...]
    call: str = "f(2)"
    before: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    later: str = ""

    def plan(self) -> dict[str, Any]:
        """Return what the driver has to know."""
        return {"kind": "session", "source": self.source, "steps": self.steps, "call": self.call}


Scenario = Edit | Session


def program(text: str) -> str:
    """Return `text` as the source of a program that has `hashcache` at hand."""
    text = dedent(text).strip("\n") + "\n"
    return text if "import hashcache" in text or "__future__" in text else HEADER + text


def given(setup: str, expression: str) -> str:
    """Return the program of `setup` and a cached ``f(x)`` that returns `expression`."""
    above = dedent(setup).strip("\n")
    return (f"{above}\n\n" if above else "") + f"@hashcache\ndef f(x):\n    return {expression}\n"


def swap(files: Mapping[str, str], change: str) -> dict[str, str | None]:
    """Apply ``"old => new"`` where `old` stands, which must be in one place of one file."""
    old, arrow, new = change.partition(" =>")
    holders = [path for path, text in files.items() if old in text]
    if not arrow or len(holders) != 1 or files[holders[0]].count(old) != 1:
        raise ValueError(f"{change!r} does not say one change: {old!r} is in {holders}")
    return {holders[0]: files[holders[0]].replace(old, new.removeprefix(" "))}


def edit(
    expect: str,
    name: str,
    changes: str | Sequence[str],
    source: str,
    *,
    lib: str = "",
    files: Mapping[str, str] | None = None,
    moved_to: str = "",
    **options: Any,
) -> Edit:
    """Return the scenario of a program ``m.py``, with ``lib.py`` and other files beside it, edited.

    Each change reads ``"old => new"``; a change of ``""`` leaves the files alone.
    """
    before = {"m.py": program(source)} if source else {}
    if lib:
        before["lib.py"] = dedent(lib).strip("\n") + "\n"
    before |= {path: dedent(text).strip("\n") + "\n" for path, text in (files or {}).items()}
    after: dict[str, str | None] = {}
    for change in [changes] if isinstance(changes, str) else changes:
        if change:
            after |= swap(before | after, change)  # type: ignore[arg-type]
    if moved_to:
        after |= {"m.py": None, moved_to: before["m.py"]}
    return Edit(name, expect, before, after, **options)


def in_body(expect: str, name: str, changes: str | Sequence[str], body: str, **options: Any) -> Edit:
    """Return the scenario of a cached ``f(x)`` whose own body is edited."""
    source = "@hashcache\ndef f(x):\n" + indent(dedent(body).strip("\n"), "    ")
    return edit(expect, name, changes, source, **options)


def session(name: str, source: str, *steps: tuple[str, str], lib: str = "", **options: Any) -> Session:
    """Return the scenario of a notebook whose first cell is `source`; steps are (cell, expectation)."""
    before = {"lib.py": dedent(lib).strip("\n") + "\n"} if lib else {}
    cells = tuple((dedent(cell), expect) for cell, expect in steps)
    return Session(f"same process, {name}", program(source), cells, before=before, **options)


def missing(scenario: Scenario) -> str:
    """Return the name of the first package that the scenario needs and this environment lacks."""
    return next((name for name in scenario.needs if find_spec(name) is None), "")


def slug(name: str) -> str:
    """Return `name` fit for a folder."""
    return re.sub(r"\W+", "-", name).strip("-")


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    """Create, replace or delete files."""
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())  # as it is: line ends are part of some scenarios


def run_phase(phase: str, root: Path, hash_seed: str) -> dict[str, Any]:
    """Run one phase of all scenarios in a process of its own and return what it saw."""
    environment = os.environ | {
        "HASHCACHE_DIR": str(root / "unused"),
        "HOME": str(root),
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONWARNINGS": "default",
    }
    driver = Path(__file__).with_name("driver.py")
    done = subprocess.run(
        [sys.executable, str(driver), phase, str(root)],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"phase {phase} did not finish:\n{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads((root / f"{phase}.json").read_text())
    return result


def run_battery(scenarios: Iterable[Scenario], root: Path) -> dict[str, dict[str, Any]]:
    """Run all scenarios; return, by phase and name, the calls seen or the error that came."""
    able = [scenario for scenario in scenarios if not missing(scenario)]
    folders = {scenario.name: slug(scenario.name) for scenario in able}
    if len(set(folders.values())) != len(able):
        raise ValueError("two scenarios share a name")
    plans = [scenario.plan() | {"name": s, "folder": folders[s]} for scenario in able if (s := scenario.name)]
    (root / "plan.json").write_text(json.dumps(plans))
    for scenario in able:
        source = root / folders[scenario.name] / "source"
        source.mkdir(parents=True)
        write(source, scenario.before)
    seen = {"before": run_phase("before", root, "1"), "again": run_phase("again", root, "2")}
    for scenario in able:
        if isinstance(scenario, Edit):
            write(root / folders[scenario.name] / "source", scenario.after)
    return seen | {"after": run_phase("after", root, "3")}
