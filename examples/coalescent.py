"""The coalescent of the caching tutorial for 4 and for 20 samples, in two processes with every layer on.

Run it as it is. The first process explores the states, records the elimination and computes; the second
finds graph, elimination and moments in the cache.
"""

from __future__ import annotations

import json
import sys
import time

from report import fresh_process, own_cache, table

from phasic import Graph, layers

SIZES = (4, 20)


def coalescent(state):
    """Return the pairs of lineages that can coalesce; entry i counts lineages with i + 1 descendants."""
    transitions = []
    for i in range(state.size):
        for j in range(i, state.size):
            same = int(i == j)
            if same and state[i] < 2:
                continue
            if not same and (state[i] < 1 or state[j] < 1):
                continue
            new = state.copy()
            new[i] -= 1
            new[j] -= 1
            new[i + j + 1] += 1
            transitions.append((new, state[i] * (state[j] - same) / (1 + same)))
    return transitions


def compute() -> dict[str, float]:
    """Build, eliminate and evaluate each model, and return the seconds that each step took."""
    seconds = {}
    for n in SIZES:
        steps = (layers.build_graph, layers.record_trace, layers.raw_moments)
        before = [step.stats()["hits"] for step in steps]
        started = time.perf_counter()
        graph = Graph(
            coalescent, ipv=[n] + [0] * (n - 1), cache_graph=True, cache_trace=True, cache_moments=True
        )
        built = time.perf_counter()
        graph.trace  # noqa: B018  (recorded when first asked for)
        recorded = time.perf_counter()
        mean, second = graph.moments(2)
        evaluated = time.perf_counter()
        hits = [step.stats()["hits"] - count for step, count in zip(steps, before, strict=True)]
        found = ", ".join(
            f"{name} {'found' if hit else 'computed'}"
            for name, hit in zip(("graph", "trace", "moments"), hits, strict=True)
        )
        print(f"    n = {n:2d}  {graph.vertices_length():4d} vertices  mean {mean:.12f}  variance", end=" ")
        print(f"{second - mean**2:.12f}  ({found})")
        assert abs(mean - 2 * (1 - 1 / n)) < 1e-12, "the closed form of the mean"
        seconds[f"n = {n}, build"] = built - started
        seconds[f"n = {n}, eliminate"] = recorded - built
        seconds[f"n = {n}, moments"] = evaluated - recorded
        seconds[f"n = {n}, all"] = evaluated - started
    return seconds


def main() -> None:
    """Compare a process on an empty cache with one on a full one."""
    print("First process, empty cache:")
    computed = fresh_process(__file__, "compute")
    print("Second process, same cache:")
    cached = fresh_process(__file__, "compute")
    table("Coalescent: seconds per step", computed, cached)


if __name__ == "__main__":
    if sys.argv[1:] == ["compute"]:
        print(json.dumps(compute()))
    else:
        with own_cache():
            main()
