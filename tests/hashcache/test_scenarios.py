"""Edit, run again: a cached call equals the bare call, and computes only where it has to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scenarios.precision import PRECISION
from scenarios.runner import HIT, RECOMPUTE, REPOSITORY, Edit, Scenario, Session, missing, run_battery
from scenarios.soundness import SOUNDNESS

SCENARIOS = [*SOUNDNESS, *PRECISION]

Battery = dict[str, dict[str, Any]]


def rows(kind: type[Scenario]) -> list[Any]:
    """Return the scenarios of one kind as parameters, those for a later version expected to fail."""
    chosen = []
    for scenario in SCENARIOS:
        if isinstance(scenario, kind):
            marks = [pytest.mark.xfail(reason=scenario.later, strict=True)] if scenario.later else []
            chosen.append(pytest.param(scenario, id=scenario.name, marks=marks))
    return chosen


@pytest.fixture(scope="session")
def battery(tmp_path_factory: pytest.TempPathFactory) -> Battery:
    """Everything that the three processes saw."""
    return run_battery(SCENARIOS, tmp_path_factory.mktemp("scenarios"))


def calls(battery: Battery, scenario: Scenario, phase: str) -> list[dict[str, Any]]:
    """Return the calls of one phase, or fail with the error that it met."""
    if lacking := missing(scenario):
        pytest.skip(f"needs {lacking}")
    seen = battery[phase][scenario.name]
    assert "error" not in seen, f"{phase}:\n{seen.get('error')}"
    made: list[dict[str, Any]] = seen["calls"]
    return made


def check(call: dict[str, Any], expect: str, when: str) -> None:
    """The value is the bare one, it came by the expected road, it is kept, and nothing warned."""
    told = f"{when}: value {call['value']}, bare {call['bare']}, explained as: {call['why']}"
    assert call["value"] == call["bare"], f"stale, {told}"
    if call["computed"] is not None:
        assert call["computed"] == (expect == RECOMPUTE), f"expected to {expect}, {told}"
    if "cached" in call:
        assert call["cached"] == (expect == HIT), f"is_cached, {told}"
    assert call["warnings"] == []
    assert call["kept"], f"not stored, {told}"


@pytest.mark.parametrize("scenario", rows(Edit))
def test_edit_and_run_again(scenario: Edit, battery: Battery) -> None:
    first, twice = calls(battery, scenario, "before")
    (again,) = calls(battery, scenario, "again")
    (after,) = calls(battery, scenario, "after")
    # The table itself: a new value where the edit matters, the old one where it does not.
    assert (after["bare"] != first["bare"]) == (scenario.expect == RECOMPUTE), (first["bare"], after["bare"])
    check(first, RECOMPUTE, "first run")
    check(twice, HIT, "second call of the first run")
    check(again, HIT, "unchanged, in another process")
    check(after, scenario.expect, "after the edit")


@pytest.mark.parametrize("scenario", rows(Session))
def test_change_and_call_again_in_one_process(scenario: Session, battery: Battery) -> None:
    first, twice, *after = calls(battery, scenario, "before")
    check(first, RECOMPUTE, "first call")
    check(twice, HIT, "second call")
    previous = twice
    for (cell, expect), call in zip(scenario.steps, after, strict=True):
        if expect == RECOMPUTE:
            assert call["bare"] != previous["bare"], f"the cell {cell!r} changes nothing"
        check(call, expect, f"after {cell!r}")
        previous = call


def test_explain_agrees_with_is_cached(battery: Battery) -> None:
    disagreeing = {
        (name, phase): call["why"]
        for phase, seen in battery.items()
        for name, result in seen.items()
        for call in result.get("calls", ())
        if "cached" in call and call.get("told") is not call["cached"]
    }
    assert disagreeing == {}


def test_explain_names_what_changed_wherever_a_function_is_computed_again(battery: Battery) -> None:
    reasons = {
        name: call["why"].splitlines()[1].removeprefix("miss: ")
        for name, result in battery["after"].items()
        for call in result.get("calls", ())
        if call.get("told") is False
    }
    vague = ("", "something that is not listed: changed", "code or captured values: changed")
    assert {name: reason for name, reason in reasons.items() if reason in vague} == {}
    # Where nothing is stored, or the edit gives the function another name, there is nothing to compare.
    alone = {name for name, reason in reasons.items() if reason == "never computed"}
    later = {scenario.name for scenario in SCENARIOS if scenario.later}
    assert alone <= later | {f"decorator under the cache, {edit}" for edit in _RENAMING}


_RENAMING = ("another one", "their order", "removed")


PROGRAM = """
from hashcache import hashcache

RATE = 3


def helper(x):
    return RATE * x


@hashcache
def f(x):
    return helper(x) + 1


def report():
    print(f.is_cached(2), f(2))


report()
"""


def test_script_import_command_and_standard_input_share_entries(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"HASHCACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(REPOSITORY)}
    ways = {
        "script": (["program.py"], ""),
        "import": (["-c", "import program"], ""),
        "module": (["-m", "program"], ""),
        "command": (["-c", PROGRAM], ""),
        "standard input": (["-"], PROGRAM),
    }
    said = {}
    for way, (arguments, text) in ways.items():
        done = subprocess.run(
            [sys.executable, "-B", *arguments],
            input=text,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        said[way] = done.stdout.split()
    assert said == {way: [str(way != "script"), "7"] for way in ways}
