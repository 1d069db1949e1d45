"""Fits side by side with the C++ package of the same import name, and the price of a gradient.

The peer is asked where `PHASIC_PEER` names the interpreter of an environment that has it; see `phasic_peer`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from phasic import Graph, models
from phasic.likelihood import Likelihood

pytestmark = pytest.mark.bench
HERE = Path(__file__).parent


def asked(interpreter: str, n: int, times: list[float], **environment: str) -> dict:
    command = [interpreter, "phasic_inference.py", str(n)]
    done = subprocess.run(
        command,
        cwd=HERE,
        input=json.dumps(times),
        capture_output=True,
        text=True,
        check=True,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **environment},
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("n", [10, 15])
def test_a_fit_takes_a_twelfth_of_the_time_and_finds_the_posterior(n, capsys):
    """SVGD of 20 particles in 50 steps, 1000 observations of a coalescent; processor seconds."""
    times = Graph(models.coalescent(n)).sample(1000, seed=1)
    graph = Graph(models.coalescent(n))
    rates = np.linspace(0.85, 1.15, 301)
    log = []
    for rate in rates:
        graph.update_weights([rate])
        log.append(graph.log_likelihood(times) - 0.5 * (rate - 1.0) ** 2)
    weight = np.exp(np.array(log) - max(log))
    mean = (weight @ rates) / weight.sum()
    spread = np.sqrt(weight @ (rates - mean) ** 2 / weight.sum())
    ours = asked(sys.executable, n, times.tolist(), PYTHONPATH=str(HERE.parents[1]))
    assert abs(ours["mean"] / mean - 1.0) < 0.002
    assert abs(ours["std"] / spread - 1.0) < 0.05
    lines = [f"exact {mean:.5f} {spread:.5f}", f"ours {ours}"]
    peer = os.environ.get("PHASIC_PEER")
    if peer:
        theirs = asked(peer, n, times.tolist())
        ratios = [theirs[name][1] / ours[name][1] for name in ("first", "warm")]
        lines += [f"theirs {theirs}", f"first {ratios[0]:.1f} times, warm {ratios[1]:.1f} times"]
        assert ratios[1] > 12.0
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


def test_the_price_of_a_log_likelihood_with_gradient(capsys):
    """Processor milliseconds for 1000 observations of coalescents with 41, 175 and 1,957 states."""
    for n, limit in ((10, 0.3), (15, 1.0), (25, 60.0)):
        graph = Graph(models.coalescent(n))
        evaluate = Likelihood(graph.trace, graph.arrays.alpha, graph.sample(1000, seed=1))
        weights, taken = graph.weights, []
        evaluate(weights)
        for place in range(60 if n < 25 else 10):
            begin = time.process_time()
            evaluate(weights * (1.0 + 1e-4 * place))
            taken.append(time.process_time() - begin)
        with capsys.disabled():
            states = len(graph) - 2
            best, middle = 1e3 * min(taken), 1e3 * float(np.median(taken))
            sys.stdout.write(
                f"\n{states} states: {best:.3f} ms at best, {middle:.3f} in the middle, to reach {limit}"
            )


def test_a_million_observations_take_as_long_as_a_few_hundred(capsys):
    """Processor milliseconds for a coalescent with 41 states, with sums over few nodes and without."""
    graph = Graph(models.coalescent(10))
    lines = []
    for count in (1_000, 10_000, 100_000, 1_000_000):
        begin = time.process_time()
        evaluate = Likelihood(graph.trace, graph.arrays.alpha, graph.sample(count, seed=1))
        evaluate(graph.weights)
        first = time.process_time() - begin
        taken = {}
        for name in ("summed", "one by one"):
            if name == "one by one":
                if count > 100_000:
                    continue
                evaluate._sums = None
            rows = []
            for place in range(9):
                begin = time.process_time()
                evaluate(graph.weights * (1.0 + 1e-4 * place))
                rows.append(1e3 * (time.process_time() - begin))
            taken[name] = float(np.median(rows))
        words = ", ".join(f"{name} {value:.3f} ms" for name, value in taken.items())
        lines.append(f"{count:,} observations: {words}; sampled and prepared in {first:.2f} s")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
