"""Kill whoever uses a store, at random moments: what is left is right or absent, and nobody waits long."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from crowd import NUMBERS, ROLES, SLOW, crowd, executions, live, noted, slow
from subjects import SUBJECTS, Report, answer, damaged_entries, eventually, leftovers, open_files

from hashcache import Cache, DirectoryStore


def look(place: Path, xs: range = range(NUMBERS)) -> list[str]:
    """Ask a store for everything that may be in it, as a process that has just begun."""
    wrong = [f"damaged: {text}" for text in damaged_entries(place)]
    cache = Cache(place)
    for subject in SUBJECTS:
        cached = subject.cached(cache)
        for x in xs:
            got = answer(lambda cached=cached, subject=subject, x=x: subject.ask(cached, x))
            if got.error is not None or got.value != subject.right(x) or got.warned:
                wrong.append(f"{subject.name} {x}: {got.value!r:.60} {got.error!r} {got.warned}")
    return wrong


def loop(place: Path, kills: int, method: str = "fork", seed: int = 0) -> Report:
    """Kill one of several processes after the other; look at everything after each."""
    chance, wrong = random.Random(seed), list[str]()
    context = multiprocessing.get_context(method)
    store, log = place / "killed", place / "log"
    living: list[tuple[str, Any]] = []

    def start(role: str, number: int) -> None:
        process = context.Process(target=live, args=(store, str(log), role, number, 600.0))
        process.start()
        living.append((role, process))

    for number, role in enumerate(ROLES):
        start(role, number)
    if method == "spawn":
        eventually(lambda: any(store.rglob("v1/*/*")))
    for kill in range(kills):
        time.sleep(chance.random() * (0.04 if method == "fork" else 0.6))
        role, process = living.pop(0)  # in turn, so that each has lived for a while
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        start(role, 1000 + kill)
        xs = range(kill % NUMBERS, kill % NUMBERS + 1) if kill % 25 else range(NUMBERS)
        wrong += [f"after kill {kill} of a {role}: {text}" for text in look(store, xs)]
    for _, process in living:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    wrong += look(store)
    wrong += noted(log)[1]
    halves = len(leftovers(store))
    locks = len(list((store / "locks").iterdir())) if (store / "locks").exists() else 0
    return Report(
        kills, wrong, f"{halves} halves of files and {locks} locks without owner were left, in nobody's way"
    )


def compute(place: Path, log: str, seconds: float) -> None:
    cached = Cache(place)(**SLOW)(slow)
    cached(1, seconds, log)


def forking(x: int, seconds: float, log: str) -> Any:
    """Fork while the lock is held, as a pool does; the child lives on after its parent's death."""
    if not os.fork():
        time.sleep(5)
        os._exit(0)
    return slow(x, seconds, log)


def compute_with_a_child(place: Path, log: str, seconds: float) -> None:
    Cache(place)(**SLOW)(forking)(1, seconds, log)


def take_over(place: Path, times: int, method: str = "fork", target: Any = compute) -> Report:
    """Kill who computes while another waits; return the seconds until the other one computes."""
    context = multiprocessing.get_context(method)
    wrong, seconds = list[str](), list[float]()
    for number in range(times):
        store, log = place / f"{method}{number}", place / f"{method}{number}.log"
        first = context.Process(target=target, args=(store, str(log), 600.0))
        first.start()
        eventually(lambda log=log: executions(log) == 1)
        second = context.Process(target=target, args=(store, str(log), 0.0))
        second.start()
        time.sleep(0.3 if method == "fork" else 2.5)  # until it waits
        if executions(log) != 1:
            wrong.append(f"{number}: both computed")
        os.kill(first.pid or 0, signal.SIGKILL)
        killed = time.monotonic()
        if not eventually(lambda log=log: executions(log) == 2):
            wrong.append(f"{number}: nobody took over")
        seconds.append(time.monotonic() - killed)
        first.join()
        second.join()
        if second.exitcode != 0:
            wrong.append(f"{number}: the second one ended with {second.exitcode}")
    return Report(times, wrong, f"the next one began {max(seconds):.2f} s after the kill at the latest")


def interrupt(place: Path, times: int, seed: int = 0) -> Report:
    """Interrupt calls by a signal at any instruction; return what then stands in the way of others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a file that an interruption closed
        return _interrupt(place, times, seed)


def _interrupt(place: Path, times: int, seed: int) -> Report:
    chance, wrong, hit = random.Random(seed), list[str](), 0
    store = place / "interrupted"
    cache, before = Cache(store), open_files()

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def lost(seen: Any) -> None:
        """Leave out interruptions that came in a callback of a weak reference, where Python drops them."""
        if not isinstance(seen.exc_value, KeyboardInterrupt):
            told(seen)

    previous, told = signal.signal(signal.SIGALRM, stop), sys.unraisablehook
    sys.unraisablehook = lost
    try:
        for number in range(times):
            subject = SUBJECTS[number % 5]  # those that start no event loop
            cached = subject.cached(cache)
            cached.forget(number % NUMBERS)
            value = None
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + chance.random() * 0.002)
                value = subject.ask(cached, number % NUMBERS)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                hit += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if value not in (None, subject.right(number % NUMBERS)):
                wrong.append(f"{subject.name} {number}: {value!r:.60}")
            if not all(flight.is_lost() for flight in cache.flights._going.values()):
                wrong.append(f"{subject.name} {number}: others wait")
            cache.flights._going.clear()
            locks = DirectoryStore(store)
            for path in (store / "locks").glob("*"):
                lock = locks.lock(f"x/x/{path.name}")
                if lock is None:
                    wrong.append(f"{subject.name} {number}: the lock is still held")
                else:
                    lock.release()
            wrong += [f"{subject.name} {number}: {text}" for text in damaged_entries(store)]
    finally:
        signal.signal(signal.SIGALRM, previous)
        sys.unraisablehook = told
    gc.collect()
    halves, left = len(leftovers(store)), open_files() - before
    return Report(hit, wrong + look(store), f"{halves} halves of files and {left} open files were left")


def soak(place: Path, seconds: float, method: str = "fork", each: int = 1) -> Report:
    """Let everybody use one store at once."""
    context = multiprocessing.get_context(method)
    log = place / "log"
    processes = crowd(context, place / "soaked", log, seconds, ROLES * each)
    for process in processes:
        process.join()
    acts, wrong = noted(log)
    wrong += [f"ended with {process.exitcode}" for process in processes if process.exitcode]
    wrong += look(place / "soaked")
    return Report(acts, wrong, f"{len(processes)} processes for {seconds:.0f} s")
