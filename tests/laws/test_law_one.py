"""Law 1: the cached function is the function, whatever is edited, rebound or changed in place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from machine import LawBrokenError, Machine
from plants import PLANTS
from programs import Program, Step, programs, steps

QUICK = {"max_examples": 120, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
MOST_FAILURES = 12


def law(machine: Machine, **options: Any) -> Callable[[], None]:
    """Return the test of all laws on a machine."""

    @settings(**(QUICK | options))
    @given(programs, st.lists(steps, min_size=2, max_size=8))
    def holds(program: Program, changes: list[Step]) -> None:
        machine.examine(program, changes)

    return holds


def test_cached_is_bare_through_edits_and_rebindings() -> None:
    with Machine() as machine:
        law(machine, derandomize=True)()
        assert machine.tally["calls: hits"] > machine.tally["programs"]


@pytest.mark.parametrize("planted", PLANTS)
def test_a_planted_bug_is_found(planted: str) -> None:
    with Machine(planted) as machine, pytest.raises(LawBrokenError):
        law(machine, derandomize=True, max_examples=600, phases=[Phase.generate])()


@pytest.mark.slow
def test_cached_is_bare_for_a_long_time(capsys: pytest.CaptureFixture[str]) -> None:
    until = time.monotonic() + float(os.environ.get("HASHCACHE_LAW_SECONDS", "600"))
    found: list[str] = []
    with Machine() as machine:
        start = int(os.environ.get("HASHCACHE_LAW_SEED", time.time()))
        while time.monotonic() < until and len(found) < MOST_FAILURES:
            start += 1
            try:
                seed(start)(law(machine, max_examples=200))()
            except LawBrokenError as error:
                found.append(f"seed {start}: {error}")
        with capsys.disabled():
            print()  # noqa: T201
            for name, count in sorted([*machine.tally.items(), *machine.reasons.most_common(12)]):
                print(f"{count:9} {name}")  # noqa: T201
    assert not found, "\n\n".join(found)
