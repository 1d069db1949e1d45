"""The largest things that have been done with phase-type distributions on graphs, and ours beyond them.

    python tests/bench/headlines.py rabbits 1000
    python tests/bench/headlines.py isolation 7

builds one model in this process and asks for its numbers, then prints sizes, processor seconds of each stage
and the peak of memory in JSON. `--one-by-one` calls the callback state by state where it could take many.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

Report = dict[str, Any]
HEADLINES: dict[str, Callable[[int, bool], Report]] = {}


def headline(function: Callable[[int, bool], Report]) -> Callable[[int, bool], Report]:
    HEADLINES[function.__name__] = function
    return function


class Clock:
    """Processor seconds of stages, each since the one before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.seconds[name] = now - self._last
        self._last = now


def build(model: Callable[..., Any], *sizes: int, many: bool, **options: Any) -> Any:
    """Return the graph of a model of `phasic.models`, explored many states at a time if it can be."""
    from phasic import Graph

    if many:
        return Graph(model(*sizes, **options, vectorized=True), vectorized=True)
    return Graph(model(*sizes, **options))


def first_expectation(model: Callable[..., Any], theta: list[float], *sizes: int, **options: Any) -> Report:
    clock = Clock()
    graph = build(model, *sizes, **options)
    clock.lap("build")
    graph.update_weights(theta)
    expectation = graph.expectation()
    clock.lap("expectation")
    return {**size(graph), "seconds": clock.seconds, "answer": expectation}


def size(graph: Any) -> Report:
    return {"vertices": graph.vertices_length(), "edges": graph.edges_length()}


@headline
def rabbits(n: int, many: bool) -> Report:
    """Build the paper's model of n rabbits on two islands, and ask for its expectation."""
    from phasic import models

    return first_expectation(models.rabbits, [1.0, 1.0, 2.0, 4.0], n, many=many, each=False)


@headline
def coalescent(n: int, many: bool) -> Report:
    """Build the block-counting coalescent; its expectation is 2 (1 - 1/n)."""
    from phasic import models

    report = first_expectation(models.coalescent, [1.0], n, many=many)
    assert abs(report["answer"] / (2.0 - 2.0 / n) - 1.0) < 1e-12
    return report


@headline
def island(n: int, many: bool) -> Report:
    """Build the same for two islands."""
    from phasic import models

    return first_expectation(models.island_coalescent, [1.0, 0.5], n, 0, many=many)


@headline
def isolation(n: int, many: bool) -> Report:
    """Take the joint spectrum of n + n samples: both graphs, expected times until the split and after."""
    from phasic import models

    clock = Clock()
    graph = build(models.isolation_with_migration, n, n, many=many)
    clock.lap("build")
    spectrum = models.joint_spectrum(n, n, [1.0, 1.5, 0.3, 0.2], 0.8, 1.0, graph)
    clock.lap("spectrum")
    return {**size(graph), "seconds": clock.seconds, "answer": float(spectrum.sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("headline", choices=sorted(HEADLINES))
    parser.add_argument("size", type=int)
    parser.add_argument("--one-by-one", action="store_true")
    parser.add_argument("--gigabytes", type=float, help="refuse to take more memory than that")
    asked = parser.parse_args()
    if asked.gigabytes:
        most = int(asked.gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    report = HEADLINES[asked.headline](asked.size, not asked.one_by_one)
    report["peak"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report["total"] = time.process_time()
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
