"""Faults as a system makes them: full disks, limits, directories that go away, clocks that go back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from subjects import SUBJECTS, Report, Subject, answer, damaged_entries, files, leftovers

from hashcache import Cache

HERE = Path(__file__).resolve().parent
NOBODY = 65_534


def ask_all(place: Path, subjects: list[Subject] = SUBJECTS, warned: int = 1) -> list[str]:
    """Ask for everything twice, as two processes would; return what was not as promised."""
    wrong = []
    for _ in range(2):
        cache, said = Cache(place), 0
        for subject in subjects:
            for x in (3, 4):
                cached = subject.cached(cache)
                got = answer(lambda cached=cached, subject=subject, x=x: subject.ask(cached, x))
                said += len(got.warned)
                if got.error is not None or got.value != subject.right(x):
                    wrong.append(f"{subject.name}: {got.value!r:.60} {got.error!r}")
        if said > warned:
            wrong.append(f"said {said} times")
    return wrong


def recovered(place: Path) -> list[str]:
    """Return what is not as if nothing had ever happened."""
    wrong = ask_all(place, warned=0) + damaged_entries(place)
    cached = SUBJECTS[0].cached(Cache(place))
    SUBJECTS[0].ask(cached, 3)
    return wrong + ([] if cached.stats()["hits"] else ["nothing is stored"])


def in_a_child(work: Callable[[], list[str]], user: int | None = None) -> list[str]:
    """Return what some work found in a forked process, of another user if so wished."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            said = work()
        except BaseException as error:
            said = [f"it ended with {error!r}"]
        with suppress(OSError):
            os.write(writing, "\n".join(said)[:60_000].encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        said = file.read().splitlines()
    status = os.waitpid(child, 0)[1]
    return said + ([f"it ended with {status}"] if status else [])


def file_size(place: Path) -> Report:
    """Limit the size of files, as a quota does."""
    import resource

    wrong, limits = [], (0, 1, 100, 600, 4096, 100_000)
    for limit in limits:

        def work(limit: int = limit) -> list[str]:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            found = ask_all(place / str(limit))
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            return (
                found
                + [f"half: {path}" for path in leftovers(place / str(limit))]
                + recovered(place / str(limit))
            )

        wrong += [f"{limit} bytes: {text}" for text in in_a_child(work)]
    return Report(len(limits), wrong)


# In a fresh interpreter: what is loaded only when it is needed cannot be loaded any more.
_WITHOUT_FILES = """
import os, resource, sys
sys.path[:0] = [{here!r}]
import subjects, real_faults
from pathlib import Path
from hashcache import Cache
place, spare, subject = Path(sys.argv[1]), int(sys.argv[2]), subjects.SUBJECTS[int(sys.argv[3])]
right = subject.right(3)
if subject.how is subjects._call and sys.argv[4] == "warm":
    Cache(place.parent / "other")(lambda x: x)(1)
cached = subject.cached(Cache(place))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
while True:
    try:
        held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        break
for _ in range(spare):
    os.close(held.pop())
got = subjects.answer(lambda: subject.ask(cached, 3))
for handle in held:
    os.close(handle)
assert got.error is None and got.value == right, got
assert len(got.warned) <= 1, got
again = subject.cached(Cache(place))
for _ in range(2):
    last = subjects.answer(lambda: subject.ask(again, 3))
    assert last.error is None and last.value == right and not last.warned, last
assert again.stats()["hits"], again.stats()
"""


def open_files(
    place: Path, subjects: tuple[int, ...] = (0, 3, 4, 5, 6), spares: tuple[int, ...] = (0, 1, 2)
) -> Report:
    """Let a process have no files left, from its first call on."""
    wrong, tried = [], 0
    for number in subjects:
        for spare in spares:
            for state in ("cold", "warm"):
                tried += 1
                here = place / f"{number}-{spare}-{state}"
                command = [sys.executable, "-c", _WITHOUT_FILES.format(here=str(HERE)), str(here)]
                done = subprocess.run(
                    [*command, str(spare), str(number), state], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    wrong.append(f"{SUBJECTS[number].name}, {spare} files, {state}: {done.stderr[-700:]}")
    return Report(tried, wrong)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[bool]:
    """Mount a file system of so many bytes; yields whether that can be done here."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(place)]
    try:
        mounted = not subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def full_disk(place: Path) -> Report:
    """Fill a small disk to the last byte, and free it again."""
    wrong, sizes = [], (0, 1, 2, 3, 8)
    for blocks in sizes:
        with small_disk(place / f"disk{blocks}", "512k") as mounted:
            if not mounted:
                return Report(0, [], "no disk can be mounted here")
            disk = place / f"disk{blocks}"
            filler = disk / "filler"
            with suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            os.truncate(filler, max(0, filler.stat().st_size - 4096 * blocks))
            wrong += [f"{blocks} blocks: {text}" for text in ask_all(disk / "store")]
            wrong += [f"{blocks} blocks, half: {path}" for path in leftovers(disk)]
            filler.unlink()
            wrong += [f"{blocks} blocks, then freed: {text}" for text in recovered(disk / "store")]
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            wrong += [f"read only: {text}" for text in ask_all(disk / "store")]
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            shutil.rmtree(disk / "store")
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            wrong += [f"read only and empty: {text}" for text in ask_all(disk / "store")]
    return Report(4 * len(sizes), wrong)


def permissions(place: Path) -> Report:
    """Take the right to write or to read from every directory of a store, or from one entry."""
    user = NOBODY if os.getuid() == 0 else None
    ask_all(place / "first", SUBJECTS[:3])  # what this loads may be out of reach of the other user
    store = place / "store"
    for parent in (place, *place.parents):
        if user is not None and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)
    if user is not None:
        store.mkdir()
        os.chown(store, user, user)
        store.chmod(0o700)
    wrong = in_a_child(lambda: ask_all(store, SUBJECTS[:3], 0), user)
    targets = sorted(path for path in [store, *store.rglob("*")])
    tried = 0
    for target in targets:
        for mode in (0o500, 0o300, 0o100, 0o000) if target.is_dir() else (0o400, 0o000):
            tried += 1
            before = target.stat().st_mode & 0o777
            target.chmod(mode)
            # Nothing that may be said of reading hides what is said of writing: two causes at the most.
            found = in_a_child(lambda: ask_all(store, SUBJECTS[:3], 2), user)
            wrong += [f"{target.relative_to(place)} {mode:o}: {text}" for text in found]
            target.chmod(before)
    wrong += in_a_child(lambda: ask_all(store, SUBJECTS[:3], 0), user)
    if user is not None:
        os.chown(store, 0, 0)
        wrong += [
            f"somebody else's: {text}" for text in in_a_child(lambda: ask_all(store, SUBJECTS[:3]), user)
        ]
    return Report(tried, wrong, "as another user" if user is not None else "")


def replacements(place: Path, folders: Sequence[str] = ("", "v1", "locks", "v1/function")) -> Report:
    """Delete the directory, or put something else in its place, before a call and during it."""
    store, tried, wrong = place / "store", 0, list[str]()

    def away(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    puts: dict[str, Callable[[Path], object]] = {
        "nothing": lambda path: None,
        "a file": lambda path: path.write_bytes(b"notes"),
        "a link to nothing": lambda path: path.symlink_to("nowhere"),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "an empty directory": lambda path: path.mkdir(mode=0o700),
        "a pipe": lambda path: os.mkfifo(path),
    }
    for below in folders:
        for what, put in puts.items():
            for moment in ("before", "during"):
                tried += 1
                ask_all(store, SUBJECTS[:1])
                target = store / below if below else store

                def replace(target: Path = target, put: Callable[[Path], object] = put) -> None:
                    away(target)
                    put(target)

                def busy(x: int, during: bool, replace: Any) -> Any:
                    if during:
                        replace()
                    return [x]

                cached = Cache(store)(ignore=("during", "replace"), mutation="ignore")(busy)
                if moment == "before":
                    replace()
                got = answer(lambda: cached(1, moment == "during", replace))  # noqa: B023
                label = f"{what} in place of {below or 'the store'}, {moment} the call"
                if got.value != ("list", [("int", 1)]) and got.value != [1]:
                    wrong.append(f"{label}: {got}")
                if len(got.warned) > 2:
                    wrong.append(f"{label}: {got.warned}")
                wrong += [f"{label}: {text}" for text in ask_all(store, SUBJECTS[:1], 2)]
                away(store)
                wrong += [f"{label}, then away: {text}" for text in recovered(store)]
                away(store)
    return Report(tried, wrong)


def clocks(place: Path) -> Report:
    """Let every clock that can be set go back by years between calls."""
    real, real_ns = time.time, time.time_ns
    wrong, shifts = list[str](), (0.0, -1e9, 1e9, -1e5, 0.0)
    try:
        for shift in shifts:
            time.time = lambda shift=shift: real() + shift
            time.time_ns = lambda shift=shift: real_ns() + int(shift * 1e9)
            wrong += ask_all(place / "store", warned=0)
            for path in files(place / "store"):
                os.utime(path, (real() - shift, real() - shift))
    finally:
        time.time, time.time_ns = real, real_ns
    return Report(len(shifts), wrong)
