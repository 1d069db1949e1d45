"""Single flight: of all who miss one key at a time, in threads, tasks and processes, one computes.

A lock saves work and is never needed for a right answer: who cannot lock, or has waited too long,
computes. Within a process a table says what is being computed. Between processes the store says it, if
it can lock. Who ends without a stored result (the function raised, or its result cannot be stored) lets
everybody go who waited: in line they would only do one after the other what each can do at once.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Protocol

from hashcache.recent import MISS
from hashcache.weakly import weakly

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05  # seconds between two looks at what another process does


class StoreLock(Protocol):
    """The lock of one name in a store, held."""

    @property
    def was_left(self) -> bool:
        """Whether whoever held it before died with it."""

    def release(self) -> None:
        """Give it back."""


class _Hold:
    """What whoever computes holds on to; an interruption between any two steps loses it at the latest."""

    __slots__ = ("__weakref__",)


class _Flight:
    """A computation that is going on in this process, as long as somebody holds it."""

    __slots__ = ("done", "hold", "outcome", "owner")

    def __init__(self, owner: object, hold: _Hold | None) -> None:
        self.owner = owner
        self.hold = None if hold is None else weakref.ref(hold)
        self.done = threading.Event()
        self.outcome = ABANDONED

    def is_lost(self) -> bool:
        """Whether nobody is there any more to end it."""
        return self.hold is not None and self.hold() is None


STORED, FAILED, ABANDONED = "stored", "failed", "abandoned"  # how a flight ends
_NOW = _Flight(None, None)  # stands for: look again without waiting


class Ticket:
    """The right to compute. Others wait for its end, unless it is one of those that everybody gets."""

    __slots__ = ("_flight", "_flights", "_hold", "_lock", "_name", "_process")

    def __init__(
        self,
        flights: Flights,
        name: str,
        flight: _Flight | None = None,
        lock: StoreLock | None = None,
        hold: _Hold | None = None,
    ) -> None:
        self._flights, self._name, self._flight, self._lock = flights, name, flight, lock
        self._hold = hold
        self._process = os.getpid()

    def end(self, outcome: str) -> None:
        """Let the others go: to read what is stored, to compute all at once, or to wait for another."""
        if self._process != os.getpid():
            return  # a forked child came out of the computation as well; the parent still holds the lock
        lock, self._lock = self._lock, None
        flight, self._flight = self._flight, None
        try:
            if lock is not None:
                _release(lock)
        finally:
            if flight is not None:
                self._flights._land(self._name, flight, outcome)


_Boarding = Generator[_Flight | None, None, Ticket]


class Flights:
    """What is being computed in this process, by name."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self._renew))

    def _renew(self) -> None:
        """Start anew in a forked child: no other thread computes anything there."""
        self.landed = 0  # how many ended, so that who has looked before knows whether to look again
        self._going: dict[str, _Flight] = {}
        self._guard = threading.RLock()  # a ticket that is collected while it is held ends by it too

    def board(
        self,
        name: str,
        take: Callable[[], StoreLock | None] | None,
        timeout: float,
        look: Callable[[], Any],
        seen: int = -1,
    ) -> Any:
        """Return a ticket to compute, or what `look` found while others computed.

        Parameters
        ----------
        name : str
        take : callable, optional
            Takes the lock of the name between processes; returns None while somebody else has it and
            raises `OSError` where there are no locks.
        timeout : float
            Seconds after which to wait no longer.
        look : callable
            Looks whether the result is there; returns it or `MISS`.
        seen : int
            What `landed` was before somebody looked and found nothing.
        """
        boarding = self._boarding(name, take, time.monotonic() + timeout, seen)
        pause = _FIRST_PAUSE
        try:
            while True:
                ahead = next(boarding)
                if ahead is None:
                    time.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                elif ahead is not _NOW:
                    ahead.done.wait(_LONGEST_PAUSE)
                    if not ahead.done.is_set():
                        continue
                value = look()
                if value is not MISS:
                    return value
        except StopIteration as end:
            return end.value
        finally:
            boarding.close()

    async def board_task(
        self,
        name: str,
        take: Callable[[], StoreLock | None] | None,
        timeout: float,
        look: Callable[[], Any],
        seen: int = -1,
    ) -> Any:
        """Do the same as `board`, while the event loop runs on."""
        import asyncio

        boarding = self._boarding(name, take, time.monotonic() + timeout, seen)
        pause = _FIRST_PAUSE
        try:
            while True:
                ahead = next(boarding)
                if ahead is not _NOW:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    if ahead is not None and not ahead.done.is_set():
                        continue
                value = look()
                if value is not MISS:
                    return value
        except StopIteration as end:
            return end.value
        finally:
            boarding.close()

    def _boarding(
        self, name: str, take: Callable[[], StoreLock | None] | None, deadline: float, seen: int
    ) -> _Boarding:
        """Yield what to wait for, None being another process, after which to look; return a ticket.

        Whoever closes it has found a result.
        """
        me, hold = _current(), _Hold()
        while True:
            with self._guard:
                ahead = self._going.get(name)
                if ahead is None or ahead.is_lost():
                    mine = self._going[name] = _Flight(me, hold)
                    break
            if ahead.owner == me or time.monotonic() > deadline:
                return Ticket(self, name)  # a function that comes back to itself would wait for ever
            yield ahead
            if ahead.outcome is FAILED:
                return Ticket(self, name)
        lock, waited, mine_alone, outcome = None, False, False, FAILED
        try:
            try:
                while take is not None:
                    lock = take()
                    if lock is not None or time.monotonic() > deadline:
                        break
                    waited = True
                    yield None
            except Exception:
                lock = None  # no locks are to be had there
            if take is not None or self.landed != seen:
                yield _NOW  # somebody may have been faster
            # Whoever was waited for, and lives, has ended without a result.
            mine_alone = not waited or lock is None or lock.was_left
        except BaseException:  # found, or interrupted: the others look again, and one of them computes
            outcome = ABANDONED
            raise
        finally:
            if not mine_alone:
                try:
                    if lock is not None:
                        _release(lock)
                finally:
                    self._land(name, mine, outcome)
        return Ticket(self, name, mine, lock, hold) if mine_alone else Ticket(self, name)

    def _land(self, name: str, flight: _Flight, outcome: str) -> None:
        flight.outcome = outcome
        with self._guard:
            self.landed += 1
            if self._going.get(name) is flight:
                del self._going[name]
        flight.done.set()


def _release(lock: StoreLock) -> None:
    with suppress(Exception):  # whatever a store makes of it: the answer is there
        lock.release()


def _current() -> object:
    """Return what runs: a task where there is one, else the thread."""
    task = None
    if "asyncio" in sys.modules:
        import asyncio

        try:
            task = asyncio.current_task()
        except RuntimeError:  # no event loop runs here
            task = None
    return task if task is not None else threading.get_ident()
