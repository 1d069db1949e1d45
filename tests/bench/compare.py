"""Ratios against named alternatives: run interleaved in one process, quoted as medians."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
HEAD = """\
# Benchmarks

`make bench` makes this page; each section is rewritten by the command that it names. What is compared was
run interleaved in one process, or in fresh processes one after the other, so that whatever else the machine
does strikes all alike. Times are processor time, without what the machine gave to others meanwhile. Ratios
are medians over rounds of our time over theirs: below one is faster. Absolute times are medians too, of a
shared machine.
"""
SECTIONS = ("Hits", "Keys", "Stores", "Fingerprints", "Imports", "Programs")
Contender = Callable[[], object]


class Page(NamedTuple):
    """A page of the documentation: how it begins, and its sections in their order."""

    path: Path
    head: str
    sections: Sequence[str]


HASHCACHE = Page(DOCS / "benchmarks.md", HEAD, SECTIONS)


def seconds(contender: Contender, calls: int) -> float:
    """Return the seconds that the processor spent on one of so many calls."""
    started = time.process_time()
    for _ in range(calls):
        contender()
    return (time.process_time() - started) / calls


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


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def versions(packages: Sequence[str]) -> str:
    """Return Python, system and the packages that are installed, with their versions."""
    found = [f"CPython {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def save(
    section: str, file: str, lines: list[str], packages: Sequence[str] = (), page: Page = HASHCACHE
) -> None:
    """Write one section of a page, with how it was made and on what, and leave the others as they are."""
    command = f"`python -m pytest -m bench -s tests/bench/{Path(file).name}`"
    body = ["", *lines, "", f"Made by {command} with {versions(packages)}.", ""]
    old = page.path.read_text() if page.path.exists() else ""
    found = re.split(r"^## (.*)\n", old, flags=re.MULTILINE)
    sections = dict(zip(found[1::2], found[2::2], strict=True))
    sections[section] = "\n".join(body)
    order = [name for name in page.sections if name in sections]
    page.path.write_text(page.head + "".join(f"\n## {name}\n{sections[name].rstrip()}\n" for name in order))
    sys.stdout.write("\n".join(["", f"## {section}", *body]))
