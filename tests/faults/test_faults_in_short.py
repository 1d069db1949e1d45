"""The quick part of everything that can go wrong with a store; ``make faults`` runs the rest."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import damage
import injection
import kills
import pytest
import real_faults
import stampede
import versions
from subjects import SUBJECTS, Report, Subject

from hashcache import Cache

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def without_callbacks_of_others() -> Iterator[None]:
    """Python loses an interrupt that comes while a collection calls back, as JAX is where it is loaded."""
    kept = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = kept


BY_NAME = {subject.name: subject for subject in SUBJECTS}
SHORT: dict[str, Callable[[Path], Report]] = {
    "kills": lambda place: kills.loop(place, 8),
    "interrupts": lambda place: kills.interrupt(place, 60),
    "a killed owner": lambda place: kills.take_over(place, 1),
    "a killed owner with a child": lambda place: kills.take_over(place, 1, target=kills.compute_with_a_child),
    "a soak": lambda place: kills.soak(place, 2.0),
    "threads": lambda place: stampede.threads(place, 32, 0.3),
    "threads that raise": lambda place: stampede.threads(place, 8, 0.1, "raises"),
    "tasks": lambda place: stampede.tasks(place, 200, 0.3),
    "processes": lambda place: stampede.processes(place, 6, 0.5),
    "processes with threads": lambda place: stampede.processes(place, 3, 0.5, threads=4),
    "processes with tasks": lambda place: stampede.processes(place, 3, 0.5, tasks=4),
    "processes, one killed": lambda place: stampede.processes(place, 6, 0.5, killed=True),
    "processes that raise": lambda place: stampede.processes(place, 4, 0.1, "raises"),
    "processes that cannot store": lambda place: stampede.processes(place, 4, 0.1, "unstorable"),
    "versions": versions.side_by_side,
    "file size": real_faults.file_size,
    "no files": partial(real_faults.open_files, subjects=(6,), spares=(1,)),
    "a full disk": real_faults.full_disk,
    "permissions": real_faults.permissions,
    "replacements": partial(real_faults.replacements, folders=("", "locks")),
    "clocks": real_faults.clocks,
}


@pytest.mark.parametrize("what", SHORT)
def test_the_answer_is_right_and_the_store_whole(what: str, tmp_path: Path) -> None:
    report = SHORT[what](tmp_path)
    if report.note == "no disk can be mounted here":
        pytest.skip(report.note)
    assert report.wrong == []
    assert report.tried > 0


@pytest.mark.parametrize("name", ["large array", "changing"])
def test_every_operation_may_fail(name: str, tmp_path: Path) -> None:
    report = injection.sweep(tmp_path, [BY_NAME[name]], ("empty", "stored"), ("EIO", "KeyboardInterrupt"))
    assert report.wrong == []
    assert report.tried > 100


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_every_part_of_an_entry_may_be_damaged(subject: Subject, tmp_path: Path) -> None:
    report = damage.sweep(tmp_path, [subject], 16)
    assert report.wrong == []
    assert report.tried > 100


def test_every_operation_on_a_shared_store_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    monkeypatch.setattr(injection, "Cache", partial(Cache, shared=True, key_file=key))
    report = injection.sweep(tmp_path, [BY_NAME["nest"]], ("empty", "stored"), ("EIO",))
    assert report.wrong == []
    assert report.tried > 50
