"""SVGD of one package named phasic: seconds of the first fit and of a warm one, and what they found.

Run by the interpreter of either package, from this folder: ``python phasic_inference.py N_SAMPLES < times``.
It prints one line of JSON. `test_inference.py` runs it with both, interleaved.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time

started = time.perf_counter()
import numpy as np  # noqa: E402

import phasic  # noqa: E402
from phasic import Graph  # noqa: E402

OURS = hasattr(phasic, "GraphArrays")
if OURS:
    from phasic.inference.priors import GaussPrior
else:
    from phasic import GaussPrior


def coalescent(state):
    transitions = []
    for i in range(len(state)):
        for j in range(i, len(state)):
            same = int(i == j)
            if state[i] < 1 + same or state[j] < 1:
                continue
            new = state.copy()
            new[i] -= 1
            new[j] -= 1
            new[i + j + 1] += 1
            transitions.append((new, [state[i] * (state[j] - same) / (1 + same)]))
    return transitions


def main() -> None:
    n = int(sys.argv[1])
    times = np.array(json.load(sys.stdin))
    graph = Graph(coalescent, ipv=[n] + [0] * (n - 1))
    rows = []
    for place in range(4 if OURS else 2):
        begin, used = time.perf_counter(), time.process_time()
        found = graph.svgd(
            times,
            prior=GaussPrior(mean=1.0, std=1.0),
            n_particles=20,
            n_iterations=50,
            seed=place,
            progress=False,
        )
        rows.append((time.perf_counter() - begin, time.process_time() - used))
    results = found.get_results()
    answer = {
        "version": importlib.metadata.version("hashcache" if OURS else "phasic"),
        "vertices": graph.vertices_length(),
        "first": rows[0],
        "warm": min(rows[1:]),
        "mean": float(np.ravel(results["theta_mean"])[0]),
        "std": float(np.ravel(results["theta_std"])[0]),
        "since start": time.perf_counter() - started,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
