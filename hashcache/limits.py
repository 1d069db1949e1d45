"""Keeping a store within its limits, a little at every put and without ever looking at all of it.

The names of results are digests, so the files whose names begin with the same two digits are a fair sample
of all. How many bytes lie under each of these beginnings is noted in a small file, the ledger, which puts
and deletes keep up to date. It is corrected, one beginning after the other, by whoever lists one. What it
says may be off, and then results go a little too early or too late; what is stored is never wrong for it.

Over the limit, a put looks at a few results of a random beginning, remembers those that are worth least,
and deletes the worst of these until as much is freed as there is too much. Deleting a file takes nothing
from whoever has it open or mapped.
"""

from __future__ import annotations

import atexit
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from hashcache import entry
from hashcache.key import is_result
from hashcache.ledger import BEGINNINGS, UNKNOWN, Ledger, add, correct, slot_of
from hashcache.policy import Known, worth
from hashcache.weakly import weakly

if TYPE_CHECKING:
    from hashcache.stores.directory import DirectoryStore

LISTING_SECONDS = 1.0  # what a listing counts as, so that it goes, but not before everything else

_LOOKS = 256  # files that one put looks into, or deletes
_LISTED = 1000  # files and folders that one put lists, and the last beginning to its end
_FRESH = 8  # results that are looked at before one goes
_POOL = 32  # results that are remembered as worth least
_BATCH = 16  # puts that are settled together, but for those that are more than a part of the limit
_PART = 1 / 100
_EVERY = 64  # puts after which one beginning is listed whatever the ledger says
_ABANDONED = 3600.0  # seconds after which nobody goes on to write a partial file


class Limiter:
    """One limit, on everything below a prefix of names.

    Parameters
    ----------
    store : DirectoryStore
    prefix : str
        A layer, or a layer and group; empty for everything.
    max_size : int, optional
        Bytes.
    max_age : float, optional
        Seconds since a file was written.
    evicted : callable
        Is told the name of each result that went.
    """

    def __init__(
        self,
        store: DirectoryStore,
        prefix: str,
        max_size: int | None,
        max_age: float | None,
        evicted: Callable[[str], None],
    ) -> None:
        self.prefix, self.max_size, self.max_age = prefix, max_size, max_age
        self._store, self._evicted = store, evicted
        atexit.register(weakly(self._settle_at_the_end))
        self._random = random.Random()  # not the one that the user may have seeded
        self._grown = [0] * len(BEGINNINGS)  # bytes that are not in the ledger yet
        self._slots = [UNKNOWN] * len(BEGINNINGS)  # the ledger as it was last seen
        self._renew()

    def _renew(self) -> None:
        self._process = os.getpid()
        self._working = Lock()
        self._puts = self._settled = self._unsettled = 0
        self._due = 0  # puts at which to list one beginning whatever the ledger says
        self._order: list[int] = []
        self._queue: list[str] = []  # names of a beginning that nobody looked at yet
        self._pool: dict[str, tuple[float, Known]] = {}  # what is worth least of all that was looked at

    def concerns(self, name: str) -> bool:
        """Whether a name is below the prefix."""
        return not self.prefix or name.startswith(f"{self.prefix}/")

    def note(self, name: str, grown: int) -> None:
        """Note that a name takes more bytes than before, or fewer; two threads may lose a note."""
        self._grown[slot_of(name)] += grown
        self._unsettled += grown

    def settle_if_due(self) -> None:
        """Settle where a put by itself, or with those before it, counts. Raises `OSError`."""
        self._puts += 1
        few = self._puts - self._settled < _BATCH
        if few and self._settled and (self.max_size is None or self._unsettled < self.max_size * _PART):
            return
        self.settle()

    def settle(self) -> None:
        """Bring the ledger up to date and, over the limit, let something go. Raises `OSError`."""
        self._settled, self._unsettled = self._puts, 0
        if self._process != os.getpid():
            self._renew()
        if not self._working.acquire(blocking=False):
            return  # another thread is at it, and the next put does the rest
        try:
            self._settle()
        finally:
            self._working.release()

    def _settle_at_the_end(self) -> None:
        if any(self._grown):
            with suppress(OSError):
                self.settle()

    def note_all(self, sizes: Sequence[int]) -> None:
        """Correct the whole ledger, by somebody who has looked at everything. Raises `OSError`."""
        ledger = self._ledger()
        if ledger is not None:
            self._grown = [0] * len(BEGINNINGS)
            ledger.update(lambda slots: slots.__setitem__(slice(None), sizes))

    # -- the ledger ------------------------------------------------------------------------------

    def _ledger(self) -> Ledger | None:
        folder = self._store.beside("sizes")
        return None if folder is None else Ledger(f"{folder}/{self.prefix.replace('/', '.') or 'all'}")

    def _settle(self) -> None:
        ledger = self._ledger()
        if ledger is None:
            return
        self._slots = ledger.update(self._add_news)
        if self._puts >= self._due:
            self._due = self._puts + _EVERY
            self._count(ledger, [self._next_slot()])
        unknown = [slot for slot, size in enumerate(self._slots) if size < 0]
        if unknown:
            self._random.shuffle(unknown)
            self._count(ledger, unknown)
        if self.max_size is None or min(self._slots) < 0:
            return  # which tells too little to let anything go for it
        excess = sum(self._slots) - self.max_size
        if excess > 0:
            self._free(excess, ledger)

    def _add_news(self, slots: list[int]) -> None:
        news, self._grown = self._grown, [0] * len(BEGINNINGS)
        add(slots, news)

    def _next_slot(self) -> int:
        """Return a beginning that has its turn; those that hold nothing have none."""
        while self._order:
            slot = self._order.pop()
            if self._slots[slot]:
                return slot
        self._order = list(range(len(BEGINNINGS)))
        self._random.shuffle(self._order)
        return self._order[0]

    def _count(self, ledger: Ledger, chosen: Sequence[int]) -> None:
        """List one beginning, and more of those chosen while they hold little; correct the ledger."""
        sizes: dict[int, int] = {}
        names: list[str] = []
        before = self._slots = ledger.update(self._add_news)
        groups = self._store.groups(self.prefix)
        listed = 0
        self._most_deleted = _LOOKS
        for slot in chosen:
            if listed > _LISTED:
                break
            sizes[slot] = 0
            for group in groups:
                listed += 1
                for name, path, status in self._store.visit(group, BEGINNINGS[slot]):
                    listed += 1
                    if self._may_stay(name, path, status):
                        sizes[slot] += status.st_size
                        names.append(name)
        self._random.shuffle(names)
        self._queue = names

        if any(before[slot] != size for slot, size in sizes.items()):
            self._slots = ledger.update(lambda slots: correct(slots, before, sizes))

    def _may_stay(self, name: str, path: str, status: os.stat_result) -> bool:
        """Delete a file that is too old; returns whether it stays as an entry."""
        age = time.time() - status.st_mtime
        if not name:
            if age > _ABANDONED:
                _unlink(path)
            return False
        if self.max_age is None or age <= self.max_age or not is_result(name) or not self._most_deleted:
            return True
        if known(self._store, name) is None:  # of another format version, which may want it
            return True
        self._most_deleted -= 1
        if self._store.delete(name):
            self._evicted(name)
        return False

    # -- letting go ------------------------------------------------------------------------------

    def _free(self, excess: int, ledger: Ledger) -> None:
        looks = total = 0
        while total < excess and looks < _LOOKS:
            looks += self._look_for_more(_LOOKS - looks, ledger)
            ranked = sorted(self._pool.values())
            # Fewer than were looked at, or it would make no difference what they are worth.
            for _, victim in ranked[: _FRESH // 4]:
                if total >= excess:
                    break
                del self._pool[victim.name]
                if self._is_as_known(victim) and self._store.delete(victim.name):
                    self._evicted(victim.name)
                    self._grown[slot_of(victim.name)] -= victim.size
                    total += victim.size
            for _, other in ranked[_POOL:]:
                self._pool.pop(other.name, None)
        self._slots = ledger.update(self._add_news)

    def _look_for_more(self, most: int, ledger: Ledger) -> int:
        """Look at a few more results and remember what they are worth; returns how many looks that took."""
        looks = fresh = listed = 0
        now = time.time()
        beginnings = sum(map(bool, self._slots))
        while fresh < _FRESH and looks < most:
            if not self._queue:
                if listed > beginnings:  # a store so small that all of it is known
                    break
                listed += 1
                # However many there are: they are the next ones to be looked at.
                self._count(ledger, [self._next_slot()])
                looks += 1
                continue
            found = known(self._store, self._queue.pop())
            looks += 1
            if found is not None:
                self._pool[found.name] = worth(found, now), found
                fresh += 1
        return looks

    def _is_as_known(self, known: Known) -> bool:
        status = self._store.status(known.name)
        return (
            status is not None
            and status.st_size == known.size
            and _last_use(status) - known.used < _ABANDONED
        )


def known(store: Any, name: str) -> Known | None:
    """Return what a policy needs to know of a name; None if it is not there or not of this format version."""
    status = store.status(name)
    if status is None:
        return None
    times = entry.times(store.front(name, entry.FRONT_SIZE))
    if times is None:
        return None
    created, seconds = times if is_result(name) else (status.st_mtime, LISTING_SECONDS)
    return Known(name, status.st_size, seconds, created, _last_use(status))


def _last_use(status: os.stat_result) -> float:
    # The time of the last access is noted once a day at most, or never, as the file system is mounted.
    return max(status.st_atime, status.st_mtime)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
