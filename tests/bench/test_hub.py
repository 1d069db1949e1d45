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
from phasic.compute_repository import _param_compute_cache_dir
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
    "two_loci_n8 (ships, largest)": lambda: two_loci(8),
    "two loci, 9": lambda: two_loci(9),
    "two loci, 10": lambda: two_loci(10),
    "two loci, 11": lambda: two_loci(11),
    "random walk, 300": lambda: random_walk(300),
    "random walk, 1000": lambda: random_walk(1000),
    "random walk, 2000": lambda: random_walk(2000),
    "random walk, 3000": lambda: random_walk(3000),
}


def seconds(work: Callable[[], object]) -> float:
    """Return seconds of the processor, those of the server among them: others disturb these less."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


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
                    times = [measured(graph) for _ in range(6)][1:]
            finally:
                web.server.shutdown()
                thread.join()
                web.server.server_close()
        recorded, pulled, again, unknown, hashed, rest = (min(column) for column in zip(*times, strict=True))
        rows.append(
            f"{name:28s} {len(graph):7d} vertices {size / 1e6:6.2f} MB   record {1e3 * recorded:7.1f} ms   "
            f"pull {1e3 * pulled:7.1f}, kept {1e3 * again:7.1f} (hash {1e3 * hashed:6.1f}), "
            f"unknown {1e3 * unknown:5.1f}   then to the mean {1e3 * rest:7.1f}   "
            f"first mean, recorded / pulled {(recorded + rest) / (pulled + rest):5.2f}"
        )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")


def measured(graph: Graph) -> tuple[float, ...]:
    """Return seconds of recording, pulling, pulling again, asking in vain, hashing, and a first mean."""
    mine, theirs, third = (Graph.from_arrays(graph.arrays) for _ in range(3))
    recorded = seconds(lambda: mine.trace)
    pulled = seconds(lambda: theirs.pull_cache(force=True))
    again = seconds(third.pull_cache)
    hashed = seconds(lambda: compute_graph_hash(graph))
    for path in _param_compute_cache_dir().glob("*.bin"):
        path.unlink()
    with phasic.configure(registry="builtin"):
        unknown = seconds(lambda: Graph.from_arrays(graph.arrays).pull_cache()) if len(graph) > 9000 else 0.0
    rest = seconds(mine.expectation)
    assert theirs.expectation() == mine.expectation()
    return recorded, pulled, again, unknown, hashed, rest
