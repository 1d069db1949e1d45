"""The directory is the user's alone, and an interruption leaves it as it was."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hashcache import DirectoryStore, Store
from hashcache.stores import directory

A, B = "function/0123456789abcdef/" + "a" * 32, "function/0123456789abcdef/" + "ab" * 16
C, D = "function/fedcba9876543210/" + "c" * 32, "function-2/0123456789abcdef/" + "d" * 32


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store"


def files(place: Path) -> list[Path]:
    return [path for path in sorted(place.rglob("*")) if path.is_file()]


def test_nothing_is_made_before_the_first_put(place: Path) -> None:
    store = DirectoryStore(place)
    assert (store.get(A), store.size(A), store.delete(A), list(store.names())) == (None, 0, False, [])
    assert not place.parent.exists()


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
@pytest.mark.parametrize("before", ["nothing", "directory", "deleted"])
def test_nobody_else_can_read_or_write_whatever_the_umask(place: Path, umask: int, before: str) -> None:
    store = DirectoryStore(place)
    if before == "directory":
        place.mkdir(parents=True, mode=0o755)
    elif before == "deleted":
        store.put(B, [b""])
        shutil.rmtree(place)
    previous = os.umask(umask)
    try:
        store.put(A, [b"x"])
        store.put(C, [b"x"])
    finally:
        os.umask(previous)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [place, *place.rglob("*")]}
    if before == "directory":
        assert modes.pop(place) == 0o755  # it was the user's choice
    assert set(modes.values()) == {0o700, 0o600}
    assert all((mode == 0o600) == path.is_file() for path, mode in modes.items())


def refuses(store: Store, error: type[OSError]) -> None:
    for use in (lambda: store.get(A), lambda: store.put(A, [b"planted"]), lambda: list(store.names())):
        with pytest.raises(error, match="store"):
            use()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused_until_that_is_mended(place: Path, mode: int) -> None:
    DirectoryStore(place).put(A, [b"mine"])
    used = DirectoryStore(place)
    assert used.get(A) == b"mine"
    place.chmod(mode)
    for store in (DirectoryStore(place), used):
        refuses(store, PermissionError)
    place.chmod(0o700)
    assert used.get(A) == b"mine"


def test_a_directory_of_somebody_else_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DirectoryStore(place).put(A, [b"mine"])
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    refuses(DirectoryStore(place), PermissionError)


def test_a_file_in_place_of_the_directory_is_refused_and_kept(place: Path) -> None:
    store = DirectoryStore(place)
    store.put(A, [b"x"])
    shutil.rmtree(place)
    place.write_bytes(b"notes")
    refuses(store, NotADirectoryError)
    with pytest.raises(NotADirectoryError):
        DirectoryStore(place / "below").put(A, [b"x"])
    assert DirectoryStore(place / "below").get(A) is None
    assert place.read_bytes() == b"notes"


def test_foreign_and_partial_files_are_no_entries(place: Path) -> None:
    store = DirectoryStore(place)
    store.put(A, [b"x"])
    (entry,) = files(place)
    for name in (f"{entry.name}.0123.partial", ".DS_Store"):
        (entry.parent / name).write_bytes(b"half")
    (place / "notes").write_bytes(b"")
    (place / "v1" / "function" / "notes").write_bytes(b"")
    assert list(store.names()) == [A]
    store.put(A, [b"y"])
    assert store.get(A) == b"y"


@contextmanager
def failing_at(step: int, error: BaseException) -> Iterator[list[str]]:
    """Let the step-th operation on the disk raise; yields the operations that were begun."""
    begun: list[str] = []

    def counted(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            begun.append(name)
            if len(begun) == step:
                raise error
            return operation(*args, **kwargs)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "open", "write", "replace"):
            patch.setattr(os, name, counted(name, getattr(os, name)))
        yield begun


ERRORS = [OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken"), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("before", [None, b"old"])
def test_an_interrupted_put_changes_nothing_and_leaves_no_half(
    place: Path, error: BaseException, before: bytes | None
) -> None:
    store = DirectoryStore(place)
    if before is not None:
        store.put(A, [before])
    reached: set[str] = set()
    for step in range(1, 100):
        with failing_at(step, error) as begun:
            try:
                store.put(A, [b"new", b"er"])
            except type(error):
                reached.add(begun[-1])
            else:
                break
        assert store.get(A) == before
        assert files(place) == files(place / "v1") == ([] if before is None else files(place)[:1])
        if before is None:
            shutil.rmtree(place, ignore_errors=True)
    assert store.get(A) == b"newer"
    assert reached == {"open", "write", "replace"} | ({"mkdir"} if before is None else set())
    assert len(files(place)) == 1


def started_anew() -> type[DirectoryStore]:
    """The class as a process that has just begun has it."""
    loaded = importlib.util.spec_from_file_location("started_anew", directory.__file__)
    assert loaded is not None
    assert loaded.loader is not None
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    kind: type[DirectoryStore] = module.DirectoryStore
    return kind


def test_what_a_killed_writer_left_stops_nobody(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)  # as in every container
    with monkeypatch.context() as killed:
        killed.setattr(os, "replace", failing)
        killed.setattr(os, "unlink", failing)
        with pytest.raises(OSError, match="killed"):
            started_anew()(place).put(A, [b"new"])
    assert [path.suffix for path in files(place)] == [".partial"]
    started_anew()(place).put(A, [b"new"])
    assert DirectoryStore(place).get(A) == b"new"


def failing(*args: Any) -> None:
    raise OSError("killed")
