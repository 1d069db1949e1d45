"""Many want one result at once: one computes it, whoever dies, raises or cannot store it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from crowd import SLOW, executions, slow, slow_task
from subjects import Report, eventually

from hashcache import Cache

RIGHT = [1, list(range(100))]


def _ask(cached: Any, seconds: float, log: str, how: str, results: list[Any]) -> None:
    try:
        results.append(cached(1, seconds, log, how))
    except ValueError as error:
        results.append(str(error))


def _threads(place: Path, log: str, seconds: float, how: str, number: int) -> list[Any]:
    cached = Cache(place)(**SLOW)(slow)
    results: list[Any] = []
    threads = [
        threading.Thread(target=_ask, args=(cached, seconds, log, how, results)) for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _process(
    place: Path, log: str, seconds: float, how: str, number: int, gate: Any, said: Any, tasks: int
) -> None:
    gate.wait()
    results = _tasks(place, log, seconds, tasks) if tasks else _threads(place, log, seconds, how, number)
    said.put((time.monotonic(), [_kind(result, how) for result in results]))


def _kind(result: Any, how: str) -> bool:
    return bool(
        result == "no" if how == "raises" else result[0] == 1 if how == "unstorable" else result == RIGHT
    )


def _tasks(place: Path, log: str, seconds: float, number: int) -> list[Any]:
    cached = Cache(place)(**SLOW)(slow_task)

    async def together() -> list[Any]:
        return await asyncio.gather(*(cached(1, seconds, log) for _ in range(number)))

    return asyncio.run(together())


def threads(place: Path, number: int, seconds: float, how: str = "made") -> Report:
    """Let threads of one process ask."""
    log = place / "log"
    started = time.monotonic()
    results = _threads(place / "store", str(log), seconds, how, number)
    return _report(log, started, seconds, how, [_kind(result, how) for result in results], number)


def tasks(place: Path, number: int, seconds: float) -> Report:
    """Let tasks of one event loop ask."""
    log = place / "log"
    started = time.monotonic()
    results = _tasks(place / "store", str(log), seconds, number)
    return _report(log, started, seconds, "made", [result == RIGHT for result in results], number)


def processes(
    place: Path,
    number: int,
    seconds: float,
    how: str = "made",
    method: str = "fork",
    threads: int = 1,
    tasks: int = 0,
    killed: bool = False,
) -> Report:
    """Let processes ask, each with some threads or tasks; kill the first that computes if asked to."""
    context = multiprocessing.get_context(method)
    log, gate, said = place / "log", context.Barrier(number + 1), context.SimpleQueue()
    args = (place / "store", str(log), seconds, how, threads, gate, said, tasks)
    everybody = [context.Process(target=_process, args=args) for _ in range(number)]
    for process in everybody:
        process.start()
    gate.wait()
    started = time.monotonic()
    if killed:
        eventually(lambda: executions(log) > 0)
        os.kill(int(log.read_text().split()[0]), signal.SIGKILL)
    ends = [said.get() for _ in range(number - killed)]
    for process in everybody:
        process.join()
    right = [one for _, several in ends for one in several]
    return _report(
        log,
        started,
        seconds,
        how,
        right,
        (number - killed) * (tasks or threads),
        max(end for end, _ in ends),
        killed,
    )


def _report(
    log: Path,
    started: float,
    seconds: float,
    how: str,
    right: list[bool],
    number: int,
    ended: float | None = None,
    killed: bool = False,
) -> Report:
    ran, took = executions(log), (ended or time.monotonic()) - started
    wrong = []
    if len(right) != number or not all(right):
        wrong.append(f"{right.count(True)} of {number} got the right answer")
    if how == "made" and ran != 1 + killed:
        wrong.append(f"it was computed {ran} times")
    return Report(number, wrong, f"computed {ran} times in {took / seconds:.2f} of one computation")
