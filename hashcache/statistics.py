"""What caching did, counted: in a process as it happens, and summed over processes in the store.

A function counts in a table of its own, so that a hit costs one addition. What was counted since the
last time is added to a file beside the entries: after a result was stored, at most every ten seconds, and
at the end of the process. A process that is killed loses what it counted since.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from hashcache.weakly import weakly

FOUND = "found"  # hits whose entry was looked at, so that it is known what they saved
SECONDS_SAVED, SECONDS_SPENT = "seconds_saved", "seconds_spent"
BYTES_READ, BYTES_WRITTEN, WAITED, EVICTED = "bytes_read", "bytes_written", "waited", "evicted"
CHANGED = "changed"  # misses of a function that had results before, and none with this code and these values
DETAILS = (SECONDS_SAVED, SECONDS_SPENT, BYTES_READ, BYTES_WRITTEN, WAITED, EVICTED, CHANGED)
_HIDDEN = frozenset({FOUND, *DETAILS})

_FORMAT = 1
_FILE, _LOCK = "counts.json", "lock"
_PAUSE = 10.0  # seconds between two times of writing

Place = Callable[[], "str | None"]
Counts = dict[str, Any]  # of one function: its name, its layer, and numbers by what they count


def count_wait(stats: Counter[str], found: Counter[str]) -> None:
    """Count a hit on what somebody else computed meanwhile, and what was found at the last look."""
    stats[WAITED] += 1
    for name in (FOUND, SECONDS_SAVED, BYTES_READ):
        stats[name] += found[name]


def short_form(stats: Counter[str]) -> dict[str, int]:
    """Return hits, misses and everything unusual."""
    return {"hits": 0, "misses": 0, **{name: n for name, n in stats.items() if name not in _HIDDEN}}


def long_form(stats: Counter[str]) -> dict[str, Any]:
    """Return everything that is counted; a hit in memory counts as saving what the others did on average."""
    unseen = stats["hits"] - stats[FOUND]
    saved: float = stats[SECONDS_SAVED]
    if unseen > 0 and stats[FOUND]:
        saved += unseen * saved / stats[FOUND]
    elif unseen > 0 and stats["misses"]:
        saved += unseen * stats[SECONDS_SPENT] / stats["misses"]
    details = {name: stats[name] for name in DETAILS}
    return {**short_form(stats), **details, SECONDS_SAVED: float(saved)}


class _Tally:
    """The counts of one function, and those of them that are in the file already."""

    __slots__ = ("counter", "group", "labels", "owner", "written")

    def __init__(self, owner: object, group: str, labels: Counts, counter: Counter[str]) -> None:
        self.owner = weakref.ref(owner)
        self.group, self.labels, self.counter = group, labels, counter
        self.written: Counter[str] = Counter()

    def news(self) -> Counter[str]:
        now = Counter(self.counter.copy())  # which another thread may be adding to
        now.subtract(self.written)
        return Counter({name: count for name, count in now.items() if count})


class Statistics:
    """The counts of all functions of a cache.

    Parameters
    ----------
    place : callable
        Returns the directory to write to; None where there is none yet. May raise `OSError`.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tallies: list[_Tally] = []
        self._most = 1000
        self._gone: dict[str, tuple[Counts, Counter[str]]] = {}  # of functions that are no more, by group
        self._due = 0.0
        self.is_watched = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self._renew))

    def add(self, owner: object, group: str, layer: str, function: str, counter: Counter[str]) -> None:
        """Count what `counter` counts, for as long as its owner lives."""
        if len(self._tallies) >= self._most:  # functions that are made again and again
            self._fold()
            self._most = 2 * len(self._tallies) + 1000
        self._tallies.append(_Tally(owner, group, {"layer": layer, "function": function}, counter))

    def count(self, group: str, name: str, number: int = 1) -> None:
        """Count something that happened to results of a group, whatever function they are of."""
        self._gone.setdefault(group, ({}, Counter()))[1][name] += number

    def watch(self) -> None:
        """See to it that what is counted is written at the end of this process."""
        self.is_watched = True
        self._due = monotonic() + _PAUSE
        multiprocessing = sys.modules.get("multiprocessing.process")
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            from multiprocessing.util import Finalize  # such processes end without `atexit`

            Finalize(None, weakly(self.flush), exitpriority=0)
        atexit.register(weakly(self.flush))

    def flush_if_due(self) -> None:
        """Write, if the last time is a while ago."""
        if not self.is_watched:
            self.watch()
        elif monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Add what was counted to what is in the file. Where that fails, it is kept for the next time."""
        self._due = monotonic() + _PAUSE
        news = [(tally, tally.news()) for tally in list(self._tallies)]
        gone, self._gone = self._gone, {}
        changes = [(tally.group, tally.labels, counter) for tally, counter in news if counter]
        changes += [(group, *told) for group, told in gone.items()]
        if not changes:
            return
        try:
            folder = self._place()
            if folder is None:
                raise FileNotFoundError
            with _alone(folder):
                _write(folder, _added(_read(folder), changes))
        except OSError:
            for group, (labels, counter) in gone.items():
                self._keep(group, labels, counter)
        else:
            for tally, counter in news:
                tally.written.update(counter)

    def written(self, group: str | None = None) -> dict[str, Counts]:
        """Return what all processes counted, by group; of this one, everything."""
        folder = self._place()
        changes = [(tally.group, tally.labels, tally.news()) for tally in list(self._tallies)]
        changes += [(name, *told) for name, told in list(self._gone.items())]
        found = _added({} if folder is None else _read(folder), [c for c in changes if c[2]])
        return found if group is None else {group: found[group]} if group in found else {}

    def _fold(self) -> None:
        living = []
        for tally in self._tallies:
            if tally.owner() is None:
                self._keep(tally.group, tally.labels, tally.news())
            else:
                living.append(tally)
        self._tallies = living

    def _keep(self, group: str, labels: Counts, counter: Counter[str]) -> None:
        known, total = self._gone.get(group, ({}, Counter()))
        total.update(counter)
        self._gone[group] = ({**known, **labels}, total)

    def _renew(self) -> None:
        """Start anew in a forked child: what was counted before is the parent's to write."""
        self.is_watched = False
        self._gone = {}
        for tally in self._tallies:
            tally.written = Counter(tally.counter)


# -- the file ----------------------------------------------------------------------------------------


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Keep other processes from writing; raise `OSError` where one is at it and does not end."""
    try:
        handle = os.open(f"{folder}/{_LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        with suppress(FileExistsError):  # somebody was faster
            os.mkdir(folder, 0o700)
        handle = os.open(f"{folder}/{_LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock(handle, tries=200)
        yield
    finally:
        os.close(handle)


def lock(handle: int, tries: int) -> None:
    """Take the lock of an open file, which closing it or dying gives back.

    Raises
    ------
    OSError
        Somebody else has it, whatever often it was tried; never where there are no locks to be had.
    """
    try:
        import fcntl
    except ImportError:  # two who write at once then lose the counts of one
        return
    import errno
    import time

    for left in reversed(range(tries)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR):
                return
            if not left:
                raise
        time.sleep(0.002)


def _read(folder: str) -> dict[str, Counts]:
    import json

    try:
        with open(f"{folder}/{_FILE}", "rb") as file:
            found = json.loads(file.read())
        if found["format"] != _FORMAT:
            return {}
        return {str(group): dict(counts) for group, counts in found["functions"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # damaged: counted anew
        return {}


def _write(folder: str, counts: dict[str, Counts]) -> None:
    import json

    partial = f"{folder}/{_FILE}.partial"  # one name for all, since only one writes
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w") as file:
        json.dump({"format": _FORMAT, "functions": counts}, file)
    os.replace(partial, f"{folder}/{_FILE}")


def _added(counts: dict[str, Counts], changes: list[tuple[str, Counts, Counter[str]]]) -> dict[str, Counts]:
    for group, labels, counter in changes:
        row = counts.setdefault(group, {})
        row.update(labels)
        for name, number in counter.items():
            known = row.get(name, 0)
            row[name] = number + (known if isinstance(known, (int, float)) else 0)
    return counts


def summed(rows: Any) -> Counter[str]:
    """Return the numbers of rows that `Statistics.written` gave, added up."""
    total: Counter[str] = Counter()
    for row in rows:
        for name, number in row.items():
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                total[name] += number  # type: ignore[assignment]
    return total
