"""Run a program cached and bare, in two processes, through a list of changes; say where a law breaks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from edits import cells, edited, rewritten
from programs import Program, Step

REPOSITORY = Path(__file__).parents[2]
RESTART = 400  # programs that one worker serves
ADDRESS = re.compile(r"0x[0-9a-f]+")

Record = dict[str, Any]


class LawBrokenError(AssertionError):
    """A cached call was not what the bare call is, or computed where it need not."""


class AbandonedError(Exception):
    """A program that takes too long or too much."""


class Worker:
    """A process that serves programs, started anew now and then."""

    def __init__(self, name: str, folder: Path, planted: str) -> None:
        self.name, self.folder, self.planted = name, folder / name, planted
        self.served = self.starts = 0
        self.process: subprocess.Popen[str] | None = None

    def ask(self, do: str, **order: Any) -> Any:
        """Give an order and return the answer."""
        process = self.process or self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            self.stop()
            raise AbandonedError(f"{self.name} ended")
        return json.loads(answer)

    def start(self) -> subprocess.Popen[str]:
        self.starts += 1
        seed = str(self.starts * 2 + (self.name == "next"))
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        if self.planted:
            try:
                self.ask("plant", name=self.planted)
            except AbandonedError as error:
                raise RuntimeError(f"{self.planted!r} could not be planted") from error
        return self.process

    def serve(self, location: Path) -> None:
        """Begin with a program, in a process that is not too old."""
        self.served += 1
        if self.served % RESTART == 0:
            self.stop()
        self.ask("place", location=str(location))

    def stop(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe and pipe.close()
            process.kill()
            process.wait()


class Machine:
    """Two workers, a place for their results, and a count of what they were asked.

    Parameters
    ----------
    planted : str
        The bug to plant in both workers; none by default.
    """

    def __init__(self, planted: str = "") -> None:
        self.home = tempfile.TemporaryDirectory(prefix="law-one-")
        folder = Path(self.home.name)
        self.location = folder / "results"
        self.live = Worker("live", folder, planted)
        self.next = Worker("next", folder, planted)
        self.tally: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()
        self.next.stop()
        self.home.cleanup()

    def examine(self, program: Program, steps: list[Step]) -> None:
        """Hold a program to the laws, through all its changes; raise `LawBrokenError` where one fails."""
        self.tally["programs"] += 1
        try:
            for worker in (self.live, self.next):
                worker.serve(self.location)
            run = _Run(self, program)
            if run.begin():
                for step in steps:
                    run.step(step)
        except AbandonedError:
            self.tally["abandoned"] += 1
        finally:
            for worker in (self.live, self.next):
                if worker.process is not None:
                    worker.ask("drop", location=str(self.location))


class _Run:
    """One program on its way through its changes."""

    def __init__(self, machine: Machine, program: Program) -> None:
        self.machine, self.program = machine, program
        self.sources = dict(program.sources)
        self.statements: list[tuple[str, str]] = []
        self.calls = list(program.calls)
        self.history: list[str] = []
        self.kept: dict[str, list[bool]] = {}

    def begin(self) -> bool:
        state = {"sources": self.sources, "statements": []}
        if "error" in self.machine.live.ask("load", **state):
            self.machine.tally["programs that do not load"] += 1
            return False
        self.call(self.machine.live)
        self.machine.next.ask("load", **state)
        self.call(self.machine.next, self.kept["live"])
        return True

    def step(self, step: Step) -> None:
        if step[0] < 5:
            self.edit(step)
        elif step[0] < 9:
            self.rebind(step)
        else:
            self.rewrite(step)

    def edit(self, step: Step) -> None:
        name, text = edited(self.sources, step)
        if not self.adopt(name, text):
            return
        cell = cells(self.before, text)
        self.history.append(f"edit of {name}.py, run again:\n{cell}")
        self.machine.tally["edits"] += 1
        self.machine.live.ask("run", module=name, text=cell)
        self.call(self.machine.live)
        self.call(self.machine.next)

    def rebind(self, step: Step) -> None:
        name, text, matters = self.program.change(step)
        self.history.append(f"in {name}: {text}")
        self.statements.append((name, text))
        self.machine.tally["rebindings" if matters else "quiet rebindings"] += 1
        self.machine.live.ask("run", module=name, text=text)
        self.call(self.machine.live, None if matters else self.kept["live"])
        self.machine.next.ask("load", sources=self.sources, statements=self.statements)
        self.call(self.machine.next, None if matters else self.kept["next"])

    def rewrite(self, step: Step) -> None:
        try:
            name, text = rewritten(self.sources, step)
            compile(text, name, "exec")
        except SyntaxError:
            return
        if not self.adopt(name, text):
            return
        self.history.append(f"{name}.py, all run again, is now:\n{text.partition('import num')[2].strip()}")
        self.machine.tally["quiet edits"] += 1
        before = self.kept["next"]
        self.call(self.machine.next, before)
        self.machine.live.ask("load", sources=self.sources, statements=self.statements)
        self.call(self.machine.live, before)

    def adopt(self, name: str, text: str) -> bool:
        """Take an edited module over, where it differs and can be imported."""
        if text == self.sources[name]:
            return False
        sources = self.sources | {name: text}
        if "error" in self.machine.next.ask("load", sources=sources, statements=self.statements):
            self.machine.next.ask("load", sources=self.sources, statements=self.statements)
            return False
        self.before, self.sources = self.sources[name], sources
        return True

    # -- the laws --------------------------------------------------------------------------------

    def call(self, worker: Worker, hits: list[bool] | None = None) -> None:
        """Make all calls in a process; `hits` says which of them have to be hits."""
        records: list[Record] = worker.ask("call", calls=self.calls)
        self.machine.tally["calls"] += len(records)
        for place, record in enumerate(records):
            self.check(worker, place, record, hits is not None and hits[place])
        # What changed a value, or cannot be read back, said so.
        self.kept[worker.name] = [
            record["kept"] == ["value", "True"] and not record["warnings"] for record in records
        ]

    def check(self, worker: Worker, place: int, record: Record, hit: bool) -> None:
        value, bare, first, ways = (record[part] for part in ("value", "bare", "first", "ways"))
        if "overrun" in (value[0], bare[0]) or "MemoryError" in (value[1][:11], bare[1][:11]):
            raise AbandonedError
        self.machine.tally[f"calls that gave {value[0]}s"] += 1
        self.machine.tally.update(f"calls: {way}" for way in ways)
        self.machine.reasons.update(re.sub(r"d\d+", "d", warning) for warning in record["warnings"])
        fault = ""
        if not _same(value, bare):
            fault = "law 1: the cached value is not the bare one"
        elif hit and ways != ["hits"] and not any("MutationWarning" in text for text in record["warnings"]):
            fault = "law 2: it computed, though nothing that can matter changed"
        elif first == ["value", "True"] and ways != ["hits"] and not record["warnings"]:
            fault = "law 3: is_cached said yes, and the call computed"
        elif first == ["value", "False"] and ways == ["hits"]:
            fault = "law 3: is_cached said no, and the call was a hit"
        elif first[0] == "error" and "hits" in ways and "misses" not in ways:
            fault = "law 3: is_cached failed, and the call was a hit"
        elif value[0] == "value" and ways and not record["warnings"] and record["kept"] != ["value", "True"]:
            fault = "law 3: the call was computed and not kept, without a word"
        if fault:
            told = "\n".join(f"step {number}: {text}" for number, text in enumerate(self.history, 1))
            raise LawBrokenError(
                f"{fault}\n{worker.name} process, {self.calls[place]}: {record}\n{self.program!r}\n{told}"
            )


def _same(value: list[str], bare: list[str]) -> bool:
    if value[0] == bare[0] == "error" and value[1].startswith("RecursionError"):
        return bare[1].startswith("RecursionError")
    return ADDRESS.sub("", value[1]) == ADDRESS.sub("", bare[1]) and value[0] == bare[0]
