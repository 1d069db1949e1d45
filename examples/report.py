"""What the examples share: timing a call, saying why it was computed, and running in a fresh process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hashcache import HashCacheWarning


class _Reasons(logging.Handler):
    """Collects why calls were computed, as hashcache logs it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def timed(label: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Call a cached function, print whether it was computed and why, and return value and seconds."""
    reasons, logger = _Reasons(), logging.getLogger("hashcache")
    logger.addHandler(reasons)
    logger.setLevel(logging.INFO)
    hits = function.stats()["hits"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", HashCacheWarning)
        started = time.perf_counter()
        value = function(*arguments)
        seconds = time.perf_counter() - started
    logger.removeHandler(reasons)
    hit = function.stats()["hits"] > hits
    reason = "" if hit else f"  ({reasons.said[-1].partition(' computed: ')[2]})"
    print(f"    {'hit     ' if hit else 'computed'}  {label:24s} {1000 * seconds:9.2f} ms{reason}")
    for warning in caught:
        print(f"              {type(warning.message).__name__}: {warning.message}")
    return value, seconds


def fresh_process(script: str, *arguments: str) -> dict[str, float]:
    """Run a script in a new interpreter, show what it prints, and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=True, env=os.environ
    )
    *shown, last = done.stdout.splitlines()
    print("\n".join(shown))
    return json.loads(last)


@contextmanager
def own_cache() -> Iterator[None]:
    """Keep the results of an example apart from the user's, unless HASHCACHE_DIR says where to."""
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("HASHCACHE_DIR", place)
        yield


def table(title: str, computed: dict[str, float], cached: dict[str, float]) -> None:
    """Print seconds computed against seconds with the cache."""
    print(f"\n{title}\n    {'':26s} {'computed':>12s} {'with cache':>12s} {'ratio':>8s}")
    for label, seconds in computed.items():
        ratio = seconds / cached[label]
        print(f"    {label:26s} {seconds:10.4f} s {cached[label]:10.4f} s {ratio:7.0f}x")
