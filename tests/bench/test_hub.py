"""Pulling an elimination beside recording it, over HTTP on this machine: where does the hub begin to pay?"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "phasic"))

from registries import Web

import phasic
from phasic import Graph, models
from phasic.hash import compute_graph_hash
from phasic.state_space import compress

pytestmark = pytest.mark.bench


def random_walk(n: int, each: int = 3) -> Graph:
    """Return n states that lead to some others each, and one of them out."""
    generator = np.random.default_rng(1)
    sources = np.repeat(np.arange(1, n + 1), each)
    targets = generator.integers(1, n + 1, n * each)
    kept = sources != targets
    sources, targets = np.append(sources[kept], n), np.append(targets[kept], n + 1)
    pairs = np.unique(np.stack([sources, targets], axis=1), axis=0)
    offsets, heads, rows = compress(n + 2, pairs[:, 0], pairs[:, 1], np.ones((len(pairs), 1)))
    return Graph.from_arrays(
        phasic.GraphArrays(np.arange(n + 2)[:, None], np.array([1]), np.ones(1), offsets, heads, rows)
    )


def two_loci(n: int) -> Graph:
    return Graph(models.two_locus_coalescent(n, vectorized=True), vectorized=True)


CASES: dict[str, Callable[[], Graph]] = {
    "isolation_n5_n5 (ships)": lambda: Graph(models.isolation_with_migration(5, 5)),
    "two_loci_n8 (ships)": lambda: two_loci(8),
    "two loci, 9": lambda: two_loci(9),
    "two loci, 10": lambda: two_loci(10),
    "random walk, 1000": lambda: random_walk(1000),
    "random walk, 3000": lambda: random_walk(3000),
}


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def test_pulling_beside_recording(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for name, make in CASES.items():
        graph = make()
        with tempfile.TemporaryDirectory() as folder:
            graph.push_cache(id="x", description="x", registry=folder)
            size = next((Path(folder) / "artifacts").iterdir()).stat().st_size
            web = Web(Path(folder))
            thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                with phasic.configure(registry=web.address):
                    times = [measured(graph) for _ in range(4)][1:]
            finally:
                web.server.shutdown()
                thread.join()
                web.server.server_close()
        recorded, pulled, hashed, rest = (min(column) for column in zip(*times, strict=True))
        rows.append(
            f"{name:26s} {len(graph):7d} vertices {size / 1e6:7.2f} MB   record {recorded:7.3f} s   "
            f"pull {pulled:7.3f} s (hash {hashed:6.3f})   record / pull {recorded / pulled:5.2f}   "
            f"then to the mean {rest:7.3f} s"
        )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")


def measured(graph: Graph) -> tuple[float, float, float, float]:
    """Return seconds of recording, of pulling, of the hash in that, and of the first mean after either."""
    mine, theirs = Graph.from_arrays(graph.arrays), Graph.from_arrays(graph.arrays)
    recorded = seconds(lambda: mine.trace)
    pulled = seconds(lambda: theirs.pull_cache(force=True))
    hashed = seconds(lambda: compute_graph_hash(graph))
    rest = seconds(mine.expectation)
    assert theirs.expectation() == mine.expectation()
    return recorded, pulled, hashed, rest
