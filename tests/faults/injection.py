"""Let the n-th operation on a store fail, for every n: the caller gets the answer, and the store is whole."""

from __future__ import annotations

import builtins
import errno
import fcntl
import gc
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from subjects import Report, Subject, answer, damaged_entries, files, leftovers, open_files

from hashcache import Cache, DirectoryStore, entry
from hashcache.stores import file_lock
from hashcache.stores import files as store_files

CODES = ("ENOSPC", "EIO", "EACCES", "EROFS", "EMFILE", "EINTR", "ENOLCK")
ERRORS: dict[str, Callable[[], BaseException]] = {
    **{name: lambda name=name: OSError(getattr(errno, name), name) for name in CODES},
    "MemoryError": MemoryError,
    "KeyboardInterrupt": KeyboardInterrupt,
}
STATES = ("empty", "other", "stored", "torn")
# Once: one operation fails. After: the error comes when it is done, like a signal. From: all others fail too.
MODES = ("once", "after", "from")
ONLY = {
    "after": ("KeyboardInterrupt",),
    "from": ("ENOSPC", "EIO", "EACCES", "MemoryError", "KeyboardInterrupt"),
}

_ON_PATHS = (
    "open",
    "stat",
    "lstat",
    "mkdir",
    "replace",
    "unlink",
    "scandir",
    "rename",
    "utime",
    "link",
    "listdir",
)
_ON_HANDLES = ("read", "lseek", "fstat", "ftruncate", "write", "close", "fsync", "pread", "fchmod")
_IN_MEMORY = ("pack", "unpack")
_CALLED = {"_Map": "mmap", "FileIO": "open"}


class Faults:
    """Operations on one place, counted, of which some fail."""

    def __init__(self, place: Path, step: int, error: Callable[[], BaseException], mode: str) -> None:
        self.place, self.step, self.error, self.mode = str(place), step, error, mode
        self.begun: list[str] = []
        self.handles: set[int] = set()
        self.is_os_error = isinstance(error(), OSError)

    @property
    def failed(self) -> str:
        return self.begun[self.step - 1] if len(self.begun) >= self.step else ""

    def is_here(self, target: Any) -> bool:
        if type(target) is int:
            return target in self.handles
        return isinstance(target, (str, os.PathLike)) and os.fspath(target).startswith(self.place)

    def run(self, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.begun.append(name)
        fails = len(self.begun) == self.step or (self.mode == "from" and len(self.begun) > self.step)
        if fails and self.mode != "after" and name != "close":
            raise self.error()
        try:
            result = operation(*args, **kwargs)
        except Exception:
            if fails:
                raise self.error() from None
            raise
        if fails:
            if name == "open":  # nobody can close what nobody was given
                result.close() if hasattr(result, "close") else os.close(result)
            raise self.error()
        return result

    def counted(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(target: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.is_here(target):
                return operation(target, *args, **kwargs)
            if name == "close":
                self.handles.discard(target)
            result = self.run(name, operation, target, *args, **kwargs)
            if name == "open":
                self.handles.add(result if type(result) is int else result.fileno())
            return result

        return run

    def in_memory(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            return operation(*args) if self.is_os_error else self.run(name, operation, *args, **kwargs)

        return run

    @contextmanager
    def at_work(self) -> Iterator[None]:
        real_open, faults = builtins.open, self

        class File:
            """A file whose every step is counted; what a buffer holds is written when it is closed."""

            def __init__(self, target: Any, *args: Any, **kwargs: Any) -> None:
                self.target = target
                self.file = faults.run("open", real_open, target, *args, **kwargs)

            def __enter__(self) -> File:
                return self

            def __exit__(self, *raised: object) -> None:
                faults.handles.discard(self.target)
                faults.run("close", self.file.close)

            def __getattr__(self, name: str) -> Any:
                part = getattr(self.file, name)
                if name in ("write", "read", "readinto"):
                    return lambda *args: faults.run(name, part, *args)
                return part

        def opened(target: Any, *args: Any, **kwargs: Any) -> Any:
            here = faults.is_here(target)
            return File(target, *args, **kwargs) if here else real_open(target, *args, **kwargs)

        places: list[tuple[Any, str, Any]] = [(os, name, self.counted) for name in _ON_PATHS + _ON_HANDLES]
        places += [(fcntl, "flock", self.counted), (store_files, "_Map", self.counted)]
        places += [(file_lock, "FileIO", self.counted)]
        places += [(entry, name, self.in_memory) for name in _IN_MEMORY]
        before = [getattr(holder, name) for holder, name, _ in places]
        try:
            for (holder, name, wrap), operation in zip(places, before, strict=True):
                setattr(holder, name, wrap(_CALLED.get(name, name), operation))
            builtins.open = opened
            yield
        finally:
            builtins.open = real_open
            for (holder, name, _), operation in zip(places, before, strict=True):
                setattr(holder, name, operation)


def prepare(subject: Subject, place: Path, state: str) -> None:
    """Make the store what it is to be before the call."""
    if state == "empty":
        return
    subject.ask(subject.cached(Cache(place)), 3 if state in ("stored", "torn") else 4)
    if state == "torn":
        (path,) = (path for path in files(place / "v1") if path.parent.name != "f-")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.unlink()
        path.write_bytes(data)


def attempt(subject: Subject, place: Path, state: str, error: str, mode: str, step: int) -> list[str] | None:
    """Let one call meet a fault; return what was not as promised, or None if there is no such step."""
    prepare(subject, place, state)
    cache = Cache(place)
    cached = subject.cached(cache)
    cached.key(subject.argument(3))
    right, before = subject.right(3), open_files()
    faults = Faults(place, step, ERRORS[error], mode)
    with faults.at_work():
        got = answer(lambda: subject.ask(cached, 3))
    if not faults.failed:
        return None
    wrong = []
    if error == "KeyboardInterrupt":
        if type(got.error) is not KeyboardInterrupt:
            wrong.append(f"the interrupt did not arrive, but {got.value!r:.60} {got.error!r}")
    elif got.error is not None or got.value != right:
        wrong.append(f"{got.error!r} or {got.value!r:.60} came in place of the answer")
    if len(got.warned) > 1 + (state == "torn") or any(text.startswith("FOREIGN") for text in got.warned):
        wrong.append(f"warned {got.warned}")
    if got.error is None and not got.warned and not subject.is_stored(Cache(place), 3):
        wrong.append("that nothing is stored was not said")
    del got
    if open_files() != before:
        gc.collect()
        if open_files() != before:
            wrong.append(f"{open_files() - before} files are left open")
    if mode != "from" and leftovers(place):
        wrong.append("half a file is left")
    if cache.flights._going:
        wrong.append("others of this process wait for a call that is over")
    store = DirectoryStore(place)
    for path in files(place / "locks"):
        lock = store.lock(f"x/x/{path.name}")
        if lock is None:
            wrong.append("a lock is left")
        else:
            lock.release()
    wrong += damaged_entries(place) if state != "torn" else []
    for user in (cached, subject.cached(Cache(place))):
        again = answer(lambda user=user: subject.ask(user, 3))
        if again.value != right or again.error is not None or len(again.warned) > (state == "torn"):
            wrong.append(f"the next call gave {again.value!r:.60} {again.error!r} {again.warned}")
    last = subject.cached(Cache(place))
    subject.ask(last, 3)
    if last.stats()["hits"] != 1:
        wrong.append("nothing was stored by the next call")
    return [f"{subject.name}, {state}, {error} {mode} {faults.failed} {step}: {text}" for text in wrong]


def sweep(
    place: Path,
    subjects: Sequence[Subject],
    states: Sequence[str] = STATES,
    errors: Sequence[str] = tuple(ERRORS),
    modes: Sequence[str] = MODES,
) -> Report:
    """Let every step of every call fail in every way."""
    tried, wrong, reached = 0, [], set()
    for subject in subjects:
        for state in states:
            for mode in modes:
                for error in errors:
                    if mode in ONLY and error not in ONLY[mode]:
                        continue
                    for step in count(1):
                        here = place / "injected"
                        found = attempt(subject, here, state, error, mode, step)
                        shutil.rmtree(here, ignore_errors=True)
                        if found is None:
                            break
                        tried += 1
                        wrong += found
                    reached.add(step)
    return Report(tried, wrong, f"up to {max(reached) - 1} operations a call")
