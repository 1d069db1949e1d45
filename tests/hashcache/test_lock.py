"""Of all who want one thing at a time one makes it, whoever waits, fails, dies or forks meanwhile."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest

from hashcache import DirectoryStore
from hashcache.lock import ABANDONED, FAILED, STORED, Flights, StoreLock, Ticket
from hashcache.recent import MISS
from hashcache.stores.file_lock import FileLock

NAME, OTHER = "function/0123456789abcdef/" + "a" * 32, "function/0123456789abcdef/" + "b" * 32
LONG = 600.0


class Shelf:
    """Where results lie, and who came how."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.made: Counter[str] = Counter()
        self.flights = Flights()

    def look(self, name: str = NAME) -> Any:
        return self.values.get(name, MISS)

    def fetch(self, make: Callable[[], Any], name: str = NAME, timeout: float = LONG) -> Any:
        found = self.flights.board(name, None, timeout, lambda: self.look(name))
        if not isinstance(found, Ticket):
            return found
        outcome = ABANDONED
        try:
            self.made[name] += 1
            value = make()
            if value is not None:
                self.values[name] = value
            outcome = STORED if value is not None else FAILED
            return value
        except Exception:
            outcome = FAILED
            raise
        finally:
            found.end(outcome)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that start as one; return what they return or raise."""
    results: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(place: int) -> None:
        gate.wait()
        try:
            results[place] = calls[place]()
        except BaseException as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def slowly(value: Any) -> Callable[[], Any]:
    def make() -> Any:
        time.sleep(0.05)
        return value

    return make


def test_threads_make_one_thing_once() -> None:
    shelf = Shelf()
    assert together(*[lambda: shelf.fetch(slowly(1))] * 32) == [1] * 32
    assert shelf.made == {NAME: 1}
    assert shelf.flights._going == {}


def test_other_things_are_made_meanwhile() -> None:
    shelf, met = Shelf(), threading.Barrier(2, timeout=30)

    def meet() -> int:
        met.wait()  # both have to be inside at once
        return 1

    assert together(lambda: shelf.fetch(meet), lambda: shelf.fetch(meet, OTHER)) == [1, 1]


@pytest.mark.parametrize("ending", ["raises", "not stored"])
def test_an_end_without_a_result_frees_everybody_at_once(ending: str) -> None:
    shelf = Shelf()
    inside = threading.Barrier(7, timeout=30)  # all but the first are inside together
    first = threading.Event()

    def make() -> None:
        if not first.is_set():
            first.set()
            time.sleep(0.1)
        else:
            inside.wait()
        if ending == "raises":
            raise ValueError("no")

    results = together(*[lambda: shelf.fetch(make)] * 8)
    assert shelf.made == {NAME: 8}
    assert all(isinstance(result, ValueError) if ending == "raises" else result is None for result in results)
    assert shelf.flights._going == {}


def test_who_was_interrupted_is_replaced_by_one() -> None:
    shelf, first = Shelf(), threading.Event()

    def make() -> int:
        if not first.is_set():
            first.set()
            time.sleep(0.1)
            raise KeyboardInterrupt
        time.sleep(0.05)
        return 1

    results = together(*[lambda: shelf.fetch(make)] * 8)
    assert sorted(map(str, results)) == ["", *["1"] * 7]
    assert shelf.made == {NAME: 2}


def test_a_function_that_comes_back_to_its_own_key_does_not_wait_for_itself() -> None:
    shelf = Shelf()

    def make() -> int:
        return int(shelf.fetch(lambda: 2)) + 1

    assert shelf.fetch(make) == 3


def test_a_wait_beyond_the_limit_ends_in_computing() -> None:
    shelf, over = Shelf(), threading.Event()

    def stuck() -> int:
        over.wait(30)
        return 1

    def impatient() -> int:
        while NAME not in shelf.flights._going:
            time.sleep(0.001)
        try:
            return int(shelf.fetch(lambda: 2, timeout=0.05))
        finally:
            over.set()

    assert together(lambda: shelf.fetch(stuck), impatient) == [1, 2]


def test_a_store_without_locks_costs_nobody_the_answer() -> None:
    def take() -> StoreLock | None:
        raise OSError("no locks here")

    ticket = Flights().board(NAME, take, LONG, lambda: MISS)
    assert isinstance(ticket, Ticket)
    ticket.end(STORED)


# -- tasks -------------------------------------------------------------------------------------------


async def fetch_task(shelf: Shelf, seconds: float = 0.05) -> Any:
    found = await shelf.flights.board_task(NAME, None, LONG, shelf.look)
    if not isinstance(found, Ticket):
        return found
    outcome = ABANDONED
    try:
        shelf.made[NAME] += 1
        await asyncio.sleep(seconds)
        shelf.values[NAME] = 1
        outcome = STORED
        return 1
    finally:
        found.end(outcome)


def test_tasks_make_one_thing_once_and_may_be_cancelled() -> None:
    async def all_of_them(cancelled: int) -> tuple[list[Any], Counter[str]]:
        shelf = Shelf()
        tasks = [asyncio.create_task(fetch_task(shelf)) for _ in range(8)]
        await asyncio.sleep(0.01)
        if cancelled >= 0:
            tasks[cancelled].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert shelf.flights._going == {}
        return results, shelf.made

    results, made = asyncio.run(all_of_them(-1))
    assert (results, made) == ([1] * 8, {NAME: 1})
    for cancelled, times in ((0, 2), (3, 1)):  # the first computes, the fourth waits
        results, made = asyncio.run(all_of_them(cancelled))
        assert made == {NAME: times}
        assert [type(result) for result in results].count(asyncio.CancelledError) == 1
        assert results.count(1) == 7


# -- processes ---------------------------------------------------------------------------------------


def work(place: Path, ending: str, seconds: float, said: SimpleQueue[str]) -> None:
    """Make the one thing unless somebody else does."""
    store, flights = DirectoryStore(place), Flights()

    def look() -> Any:
        found = store.get(NAME)
        return MISS if found is None else found

    found = flights.board(NAME, lambda: store.lock(NAME), LONG, look)
    if not isinstance(found, Ticket):
        said.put("found")
        return
    time.sleep(seconds)
    if ending == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if ending == "made":
        store.put(NAME, [b"x"])
    found.end(STORED if ending == "made" else FAILED)
    said.put("made")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("first", ["made", "failed", "dies"])
def test_processes_make_one_thing_once(place: Path, method: str, first: str) -> None:
    context = multiprocessing.get_context(method)
    said = context.SimpleQueue()
    owner = context.Process(target=work, args=(place, first, 0.3, said))
    owner.start()
    wait_until(lambda: any((place / "locks").glob("*")))
    others = [context.Process(target=work, args=(place, "made", 0.1, said)) for _ in range(4)]
    for process in others:
        process.start()
    for process in (owner, *others):
        process.join(60)
        assert process.exitcode == (-signal.SIGKILL if process is owner and first == "dies" else 0)
    seen = Counter(said.get() for _ in range(4 + (first != "dies")))
    assert (
        seen
        == {
            "made": {"made": 1, "found": 4},
            "failed": seen if seen["made"] >= 2 else {},  # nobody waits in line for one that gave up
            "dies": {"made": 1, "found": 3},
        }[first]
    )
    assert list((place / "locks").iterdir()) == []


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_gives_nothing_back(place: Path) -> None:
    store, flights = DirectoryStore(place), Flights()
    ticket = flights.board(NAME, lambda: store.lock(NAME), LONG, lambda: MISS)
    child = os.fork()
    if not child:
        ticket.end(STORED)
        os._exit(len(flights._going))
    assert os.waitpid(child, 0)[1] == 0
    assert len(list((place / "locks").iterdir())) == 1
    other = DirectoryStore(place).lock(OTHER)
    assert other is not None
    other.release()
    ticket.end(STORED)
    assert not (place / "locks" / NAME.rpartition("/")[2]).exists()


# -- locks of files ------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


@pytest.fixture
def take(path: str) -> Iterator[Callable[[], FileLock]]:
    """Takes the lock at the path, and gives it back in the end."""
    taken: list[FileLock] = []

    def run() -> FileLock:
        lock = FileLock.taken(path)
        assert lock is not None
        taken.append(lock)
        return lock

    yield run
    for lock in taken:
        lock.release()


def test_a_lock_is_one_owners_until_it_is_given_back(path: str, take: Callable[[], FileLock]) -> None:
    lock = take()
    assert FileLock.taken(path) is None
    lock.release()
    assert not os.path.exists(path)
    again = take()
    lock.release()  # a second time, which concerns nobody
    assert FileLock.taken(path) is None
    assert not again.was_left


def test_a_file_that_was_left_says_that_its_owner_died(path: str, take: Callable[[], FileLock]) -> None:
    Path(path).touch()
    lock = take()
    assert lock.was_left
    lock.release()
    assert not take().was_left


@pytest.mark.filterwarnings("ignore:.*unclosed file.*", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lock_that_is_lost_in_an_interruption_is_free(path: str, take: Callable[[], FileLock]) -> None:
    lock = FileLock.taken(path)
    assert FileLock.taken(path) is None
    del lock
    assert take().was_left


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES])
def test_only_a_lock_that_somebody_has_is_waited_for(
    path: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuses(*args: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("fcntl.flock", refuses)
    with pytest.raises(OSError, match="no"):
        FileLock.taken(path)
    assert not os.path.exists(path)
    flights = Flights()
    ticket = flights.board(NAME, lambda: FileLock.taken(path), LONG, lambda: MISS)
    assert isinstance(ticket, Ticket)


@pytest.mark.parametrize("what", ["nothing", "lock"])
def test_a_link_in_the_place_of_a_lock_is_not_followed(path: str, what: str) -> None:
    os.symlink(what, path)
    with pytest.raises(OSError, match=path):
        FileLock.taken(path)


def test_a_disk_that_is_full_harms_no_lock(
    path: str, take: Callable[[], FileLock], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    lock = take()
    assert FileLock.taken(path) is None
    lock.release()
    assert not os.path.exists(path)


def test_a_lock_whose_file_was_deleted_meanwhile_is_another_one(
    path: str, take: Callable[[], FileLock], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    first, flock = take(), fcntl.flock

    def just_given_back(handle: int, how: int) -> None:
        first.release()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", just_given_back)
    second = take()
    monkeypatch.undo()
    assert FileLock.taken(path) is None, "who comes next meets the lock at the path"
    assert not second.was_left


def test_a_forked_child_does_not_keep_a_lock_beyond_its_owner(
    path: str, take: Callable[[], FileLock]
) -> None:
    lock = take()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)  # until the parent has ended
        os._exit(0)
    lock.release()
    Path(path).touch()
    assert take().was_left
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_ticket_that_is_lost_in_an_interruption_frees_the_others(error: type[BaseException]) -> None:
    flights = Flights()

    def interrupted() -> None:
        ticket = flights.board(NAME, None, LONG, lambda: MISS)
        assert isinstance(ticket, Ticket)
        raise error

    with pytest.raises(error):
        interrupted()
    shelf = Shelf()
    shelf.flights = flights
    assert together(lambda: shelf.fetch(lambda: 1)) == [1], "another thread"


def test_a_lock_that_cannot_be_given_back_keeps_nobody_waiting() -> None:
    class Stuck:
        was_left = False

        def release(self) -> None:
            raise OSError(errno.EIO, "no")

    flights = Flights()
    ticket = flights.board(NAME, Stuck, LONG, lambda: MISS)
    assert isinstance(ticket, Ticket)
    ticket.end(STORED)
    assert flights._going == {}
