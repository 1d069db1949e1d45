"""Ratios against named alternatives: run interleaved in one process, quoted as medians."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"
Contender = Callable[[], object]


def seconds(contender: Contender, calls: int) -> float:
    """Return the seconds that one of so many calls took."""
    started = time.perf_counter()
    for _ in range(calls):
        contender()
    return (time.perf_counter() - started) / calls


def calls_in(contender: Contender, budget: float = 0.02) -> int:
    """Return how many calls fit into a budget of seconds."""
    calls = 1
    while seconds(contender, calls) * calls < budget / 4 and calls < 1 << 20:
        calls *= 4
    return calls


def interleaved(contenders: dict[str, Contender], rounds: int = 15) -> dict[str, list[float]]:
    """Time every contender once a round, so that whatever else the machine does strikes all alike."""
    calls = {name: calls_in(contender) for name, contender in contenders.items()}
    rows: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            rows[name].append(seconds(contender, calls[name]))
    return rows


def ratio(rows: dict[str, list[float]], ours: str, theirs: str) -> float:
    """Return the median over rounds of our seconds over theirs."""
    return statistics.median(a / b for a, b in zip(rows[ours], rows[theirs], strict=True))


def microseconds(rows: dict[str, list[float]], name: str) -> float:
    """Return the median microseconds of one contender."""
    return 1e6 * statistics.median(rows[name])


def save(lines: list[str]) -> None:
    """Write the table, with what it was measured on."""
    head = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Each row was measured interleaved in one process; ratios are medians over",
        "rounds of our time over theirs, so below one is faster. Absolute times are this machine's.",
        "",
        f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}.",
        "",
    ]
    TABLE.write_text("\n".join([*head, *lines, ""]))
