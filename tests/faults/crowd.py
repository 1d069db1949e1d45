"""Processes that write, read and clear one store together, and what each of them saw."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from subjects import SUBJECTS, Subject

from hashcache import Cache

ROLES = ("writer", "reader", "reader", "clearer", "pruner")
NUMBERS = 6  # arguments that everybody shares


def slow(x: int, seconds: float, log: str, how: str = "made") -> Any:
    """Note that it ran, take its time, and end as it is told."""
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    if how == "raises":
        raise ValueError("no")
    return [x, list(range(100))] if how == "made" else (x, threading.Lock())


async def slow_task(x: int, seconds: float, log: str) -> Any:
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\n")
    await asyncio.sleep(seconds)
    return [x, list(range(100))]


SLOW: dict[str, Any] = {"ignore": ("seconds", "log"), "on_uncacheable": "ignore"}


def executions(log: Path) -> int:
    """Return how often a slow function ran."""
    return len(log.read_text().split()) if log.exists() else 0


def act(role: str, cache: Cache, subject: Subject, x: int) -> str:
    """Do one thing to the store; return what was wrong with it."""
    cached = subject.cached(cache)
    if role == "clearer":
        if x % 3:
            cached.forget(subject.argument(x))
        else:
            cached.clear()
        return ""
    if role == "pruner":
        if hasattr(cache, "prune"):
            cache.prune(max_size=20_000)
        else:
            for header in cache.entries():
                cache.store.delete(header["name"])
                break
        return ""
    if role == "writer":
        cached.forget(subject.argument(x))
    value = subject.ask(cached, x)
    return "" if value == subject.right(x) else f"{value!r:.80}"


def live(place: Path, log: str, role: str, seed: int, seconds: float, kinds: Sequence[str] = ()) -> None:
    """Act for a while; note in a log how often, and everything that was wrong."""
    warnings.simplefilter("error")
    chance = random.Random(seed)
    known = [subject for subject in SUBJECTS if not kinds or subject.name in kinds]
    cache, acts = Cache(place), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not chance.randrange(4):
            cache = Cache(place)
        subject, x = chance.choice(known), chance.randrange(NUMBERS)
        try:
            wrong = act(role, cache, subject, x)
        except Exception as error:
            wrong = f"{error!r}"
        acts += 1
        if wrong:
            note(log, f"{role} {subject.name} {x}: {wrong}")
    note(log, f"acts {acts}")


def note(log: str, text: str) -> None:
    with open(log, "a") as file:
        file.write(text.replace("\n", " ") + "\n")


def noted(log: Path) -> tuple[int, list[str]]:
    """Return the acts of all, and everything that was wrong."""
    lines = log.read_text().splitlines() if log.exists() else []
    acts = sum(int(line.split()[1]) for line in lines if line.startswith("acts "))
    return acts, [line for line in lines if not line.startswith("acts ")]


def crowd(
    context: Any, place: Path, log: Path, seconds: float, roles: Sequence[str] = ROLES, seed: int = 0
) -> list[Any]:
    """Start a process for each role."""
    processes = [
        context.Process(target=live, args=(place, str(log), role, seed + number, seconds))
        for number, role in enumerate(roles)
    ]
    for process in processes:
        process.start()
    return processes
