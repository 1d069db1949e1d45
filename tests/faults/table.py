"""Everything that can go wrong with a store, tried at length: prints one table and writes it to the docs.

``python tests/faults/table.py`` takes some minutes; with names of rows as arguments only those are run, and
their lines on the page replaced.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import damage
import injection
import kills
import real_faults
import stampede
import versions
from subjects import SUBJECTS, Report

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "faults.md"
HEAD = """\
# Faults

`make faults` makes this page. What can go wrong with a store is made to go wrong, around calls of
functions with every kind of result: scalars, nests, arrays, mapped arrays, pickles, generators,
asynchronous generators, coroutines, exceptions, and results with changes. In every row each caller has to
get the right answer, or the interrupt itself; each cause is said at most once; the store is whole
afterwards, nobody waits for what is left over, and the next call is stored and found.
The quick part of each row is in the test suite.

"""
FOOT = """
An operation is a call that opens, reads, writes, renames, deletes, maps, locks or looks at a file or
directory of the store, or that packs or unpacks an entry. It fails once; or once it is done, as an interrupt
comes; or all fail from the n-th on. Damage: every byte of an entry of up to 2000 bytes has a bit flipped and
is cut at, of larger ones the ends of all regions and 2000 more places; blocks become zeros, entries are
swapped, foreign files, links, pipes and directories put in their place; every bit of entries up to 8 kB is
flipped under a reader.

A kill is SIGKILL, of processes that write, read, clear and prune by turns. A signal that arrives right after
a file was opened leaves it open until the process ends. A stampede starts in processes that run already;
its time goes from the first call to the last answer.
"""

Row = Callable[[Path], Report]
ROWS: dict[str, tuple[str, Row]] = {
    "the n-th operation fails": ("calls", lambda place: injection.sweep(place, SUBJECTS)),
    "entries are damaged": ("reads", damage.sweep),
    "calls are interrupted by signals": ("interrupts", lambda place: kills.interrupt(place, 2000)),
    "processes are killed, fork": ("kills", lambda place: kills.loop(place, 500)),
    "processes are killed, spawn": ("kills", lambda place: kills.loop(place, 30, "spawn")),
    "who computes is killed, fork": ("kills", lambda place: kills.take_over(place, 20)),
    "who computes is killed, spawn": ("kills", lambda place: kills.take_over(place, 5, "spawn")),
    "who computes is killed, its child lives": (
        "kills",
        lambda place: kills.take_over(place, 10, target=kills.compute_with_a_child),
    ),
    "32 threads want one result": ("calls", lambda place: stampede.threads(place, 32, 2.0)),
    "200 tasks want one result": ("calls", lambda place: stampede.tasks(place, 200, 2.0)),
    "16 processes want one result, fork": ("calls", lambda place: stampede.processes(place, 16, 2.0)),
    "16 processes want one result, spawn": (
        "calls",
        lambda place: stampede.processes(place, 16, 2.0, method="spawn"),
    ),
    "4 processes of 8 threads want one result": (
        "calls",
        lambda place: stampede.processes(place, 4, 2.0, threads=8),
    ),
    "4 processes of 50 tasks want one result": (
        "calls",
        lambda place: stampede.processes(place, 4, 2.0, tasks=50),
    ),
    "16 processes, the first is killed": (
        "calls",
        lambda place: stampede.processes(place, 16, 2.0, killed=True),
    ),
    "16 processes, the function raises": (
        "calls",
        lambda place: stampede.processes(place, 16, 2.0, "raises"),
    ),
    "16 processes, the result cannot be stored": (
        "calls",
        lambda place: stampede.processes(place, 16, 2.0, "unstorable"),
    ),
    "all use one store at once": ("calls", lambda place: kills.soak(place, 60.0, each=2)),
    "two versions of the format in one store": ("calls", versions.side_by_side),
    "files cannot grow": ("limits", real_faults.file_size),
    "no files can be opened": ("processes", real_faults.open_files),
    "the disk is full, or read-only": ("disks", real_faults.full_disk),
    "permissions are taken away": ("modes", real_faults.permissions),
    "directories go away or are replaced": ("times", real_faults.replacements),
    "clocks go back": ("times", real_faults.clocks),
}


def line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def main(chosen: list[str]) -> int:
    """Run all rows or the chosen ones; returns how many were not as promised."""
    head, failed = line("what goes wrong", "tried", "not as promised", "", "took") + line(*["---"] * 5), 0
    known = dict.fromkeys(ROWS, "")
    if chosen:
        for text in PAGE.read_text().splitlines(keepends=True):
            name = text.split("|")[1].strip() if text.startswith("|") else ""
            if name in known:
                known[name] = text
    sys.stdout.write(head)
    for name, (unit, row) in ROWS.items():
        if chosen and name not in chosen:
            continue
        sys.stdout.flush()  # or every forked process would write it again
        place = Path(tempfile.mkdtemp())
        started = time.monotonic()
        try:
            report = row(place)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        took = f"{time.monotonic() - started:.0f} s"
        known[name] = line(name, f"{report.tried} {unit}", len(report.wrong), report.note, took)
        sys.stdout.write(known[name] + "".join(f"    {text:.500}\n" for text in report.wrong[:20]))
        failed += bool(report.wrong)
    made = f"CPython {platform.python_version()} on {platform.system()} {platform.machine()}"
    last = f"\nMade by `python tests/faults/table.py` with {made}.\n"
    PAGE.write_text(HEAD + head + "".join(known.values()) + FOOT + last)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
