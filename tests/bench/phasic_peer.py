"""Two long-lived processes, ours and the C++ package's, that take turns at the same stage.

The two packages have one import name, so theirs lives in an environment of its own: the variable
``PHASIC_PEER`` names its Python, by default the one that ``make bench-phasic`` makes. ``PHASIC_OURS`` names
another checkout to measure in place of this one.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = Path(os.environ.get("PHASIC_OURS", HERE.parent.parent))
PEER = Path(os.environ.get("PHASIC_PEER", HERE.parent.parent / ".venv" / "peer" / "bin" / "python"))
PATIENCE = 90.0  # processor seconds after which a stage is cut
ASLEEP = 20  # times as long on the clock, after which one that waits for something is cut
ENOUGH = 20.0  # processor seconds of theirs after which no further round is run
MEMORY = 12 << 30  # bytes of address space for either side


class Cut(Exception):
    """A stage took longer, or more memory, than it was given."""


class Side:
    """One process and its folder; started again after it was cut."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self.place = place
        self.version = ""
        self.options: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    @property
    def python(self) -> str:
        return sys.executable if self.name == "ours" else str(PEER)

    @property
    def environment(self) -> dict[str, str]:
        """Return an environment in which neither side finds the other, nor anything cached before."""
        path = os.pathsep.join([str(HERE), *([str(ROOT)] if self.name == "ours" else [])])
        own = {"HOME": str(self.place), "PYTHONPATH": path, "HASHCACHE_DIR": str(self.place / "hashcache")}
        own["PYTHONSAFEPATH"] = "1"  # the folder that a benchmark is started in holds one of the packages
        return {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": ""}

    def ask(self, stage: str, patience: float = PATIENCE, **arguments: Any) -> dict[str, Any]:
        """Return the reply of a stage, or raise `Cut`."""
        self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"stage": stage, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._reply(patience)

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def start(self) -> None:
        """Start the process, unless it runs, and wait until it is warm."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [self.python, str(HERE / "phasic_stages.py"), self.name],
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL},
            cwd=self.place,
            env=self.environment,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )
        started = self._reply(300.0)  # kernels are compiled, where they are not yet
        self.version, self.options = started["phasic"], started["options"]
        if self.name == "ours" and not Path(started["file"]).is_relative_to(ROOT):
            raise RuntimeError(f"this is not the package of {ROOT}: {started['file']}")

    def _reply(self, patience: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        started, spent = time.monotonic(), self._processor_seconds()
        while not (ready := select.select([self._process.stdout], [], [], 0.5)[0]):
            if self._processor_seconds() - spent > patience or time.monotonic() - started > ASLEEP * patience:
                break
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.end()
            raise Cut(f"> {patience:.0f} s" if not ready else f"ended (> {MEMORY >> 30} GB?)")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise Cut(reply["error"])
        return reply

    def _processor_seconds(self) -> float:
        """Return what the process has taken so far: on a busy machine the clock says nothing of it."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """Seconds of either side, round by round, and the last replies."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    replies: dict[str, dict[str, Any]] = field(default_factory=dict)
    cut: str = ""
    difference: float = math.nan

    @property
    def ratio(self) -> float:
        """Return the median over rounds of their time over ours."""
        return statistics.median(b / a for a, b in zip(self.ours, self.theirs, strict=False))

    def cells(self) -> list[str]:
        """Return our time, theirs, and the ratio, for a table."""
        if not self.ours:
            return ["-", self.cut, "-"]
        ours = statistics.median(self.ours)
        if not self.theirs:
            bound = f"> {PATIENCE / ours:.0f}" if self.cut.startswith(">") else "-"
            return [duration(ours), self.cut or "-", bound]
        return [duration(ours), duration(statistics.median(self.theirs)), f"{self.ratio:.3g}"]


class Pair:
    """Both sides, taking turns."""

    def __init__(self, place: Path) -> None:
        self.sides = {}
        for name in ("ours", "theirs"):
            (place / name).mkdir()
            self.sides[name] = Side(name, place / name)

    def measure(
        self,
        stage: str,
        rounds: int = 5,
        tolerance: float = 1e-9,
        afresh: bool = False,
        only_ours: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> dict[str, Measured]:
        """Run a stage on both sides in turn; answers must agree to a relative tolerance.

        Theirs gets fewer rounds where it is slow. `afresh` runs every round in new processes, and
        `only_ours` are arguments that theirs does not take.

        Returns
        -------
        dict
            For every part that the stage times, what was measured.
        """
        found: dict[str, Measured] = {}
        for side in self.sides.values():
            side.start()
        spent, cut = 0.0, ""
        for _ in range(rounds):
            replies: dict[str, dict[str, Any]] = {}
            for name, side in self.sides.items():
                if name == "theirs" and (cut or spent > ENOUGH):
                    continue
                if afresh:
                    side.end()
                try:
                    own = (only_ours or {}) if name == "ours" else {}
                    replies[name] = side.ask(stage, **arguments, **own)
                except Cut as error:
                    if name == "ours":
                        raise
                    cut = str(error)
                    continue
                if "missing" in replies[name]:
                    return {"missing": Measured(cut=f"{name} has no {replies[name]['missing']}")}
                spent += sum(replies[name]["seconds"].values()) if name == "theirs" else 0.0
            apart = difference(replies)
            if apart > tolerance:
                raise AssertionError(f"{stage} {arguments}: answers differ by {apart:.2g}: {replies}")
            for name, reply in replies.items():
                for part, seconds in reply["seconds"].items():
                    measured = found.setdefault(part, Measured(cut=cut))
                    getattr(measured, name).append(seconds)
                    measured.replies[name] = reply
                    measured.cut = cut
                    measured.difference = max(
                        apart, 0.0 if math.isnan(measured.difference) else measured.difference
                    )
        return found

    def lacks(self, option: str) -> bool:
        """Return whether our `Graph` has no such argument."""
        self.sides["ours"].start()
        return option not in self.sides["ours"].options

    def end(self) -> None:
        """End both processes."""
        for side in self.sides.values():
            side.end()


@contextlib.contextmanager
def both() -> Iterator[Pair]:
    """Start both sides in empty folders, and end them."""
    with tempfile.TemporaryDirectory() as place:
        pair = Pair(Path(place))
        try:
            yield pair
        finally:
            pair.end()


def difference(replies: dict[str, dict[str, Any]]) -> float:
    """Return the largest relative difference between the answers of both sides."""
    if len(replies) < 2:
        return 0.0
    ours, theirs = (flat(replies[name].get("answers", {})) for name in ("ours", "theirs"))
    if len(ours) != len(theirs):
        return math.inf
    scale = max(map(abs, [*ours, *theirs]), default=0.0) * 1e-12  # entries of a matrix that should be zero
    return max(
        (abs(a - b) / max(abs(a), abs(b), scale, 1e-300) for a, b in zip(ours, theirs, strict=True)),
        default=0.0,
    )


def flat(answers: dict[str, Any]) -> list[float]:
    """Return all numbers of the answers."""
    return [float(x) for each in answers.values() for x in (each if isinstance(each, list) else [each])]


def duration(seconds: float) -> str:
    """Return seconds in a unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def processor_seconds(side: Side, code: str) -> float:
    """Return the processor time of a fresh interpreter that runs this code."""
    with open(side.place / "standard error", "w+") as errors:
        command = [side.python, "-c", code]
        streams = {"stdout": subprocess.DEVNULL, "stderr": errors}
        process = subprocess.Popen(command, cwd=side.place, env=side.environment, **streams)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            errors.seek(0)
            raise RuntimeError(f"{command} ended with status {status}: {errors.read()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def printed(side: Side, code: str) -> float:
    """Return the number that a fresh interpreter prints last, running this code."""
    command = [side.python, "-c", code]
    done = subprocess.run(command, cwd=side.place, env=side.environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])
