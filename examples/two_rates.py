"""Two parameters of a coalescent, fitted to simulated data: are they where the intervals say?

Two islands, a sample of five from the first. Pairs on one island coalesce at rate `coalescence`, a lineage
moves to the other island at rate `migration`. Observed is the time to the common ancestor, of loci that do
not know of each other; observation of each ends at some time, so some are censored.

    python examples/two_rates.py                     one data set, by maximum likelihood and by svgd
    python examples/two_rates.py --repetitions 50    how often 95 % intervals hold the truth
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import binom

from phasic import Graph
from phasic.inference.priors import LogGaussPrior

NAMES = ("coalescence", "migration")
TRUTH = np.array([1.0, 0.4])
LOCI, END, LEVEL = 400, 6.0, 0.95


def islands(state):
    """Return the jumps of ``[lineages here, lineages there]``, each with coefficients of both rates."""
    here, there = state
    if here + there == 1:
        return []
    jumps = [
        ([here - 1, there], [here * (here - 1) / 2, 0.0]),
        ([here, there - 1], [there * (there - 1) / 2, 0.0]),
        ([here - 1, there + 1], [0.0, here]),
        ([here + 1, there - 1], [0.0, there]),
    ]
    return [(target, rates) for target, rates in jumps if max(rates) > 0.0]


def simulated(seed: int) -> tuple[Graph, np.ndarray, np.ndarray]:
    """Return the graph, times, and which of them are only known to be longer."""
    graph = Graph(islands, ipv=[5, 0])
    graph.update_weights(TRUTH)
    times = graph.sample(LOCI, seed=seed)
    return graph, np.minimum(times, END), times > END


def shown(title: str, low: np.ndarray, centre: np.ndarray, high: np.ndarray) -> None:
    print(f"\n{title}")
    for name, truth, a, middle, b in zip(NAMES, TRUTH, low, centre, high, strict=True):
        inside = "holds" if a < truth < b else "misses"
        print(f"    {name:<12} {middle:6.3f}   [{a:.3f}, {b:.3f}] {inside} {truth}")


def one_data_set(seed: int) -> None:
    graph, times, censored = simulated(seed)
    print(f"{LOCI} loci, {int(censored.sum())} of them longer than {END:g}; {len(graph)} vertices")
    found = graph.fit(times, censored=censored)
    low, high = found.intervals(LEVEL)
    shown("maximum likelihood, with 95 % confidence", low, found.theta, high)
    priors = [LogGaussPrior(ci=[0.1, 10.0]), LogGaussPrior(ci=[0.05, 5.0])]
    posterior = graph.svgd(times, censored=censored, prior=priors, n_iterations=60, seed=seed, progress=False)
    low, high = posterior.intervals(LEVEL, "quantile")
    shown("posterior, 95 % of the particles", low, posterior.theta_mean, high)


def many_data_sets(repetitions: int) -> None:
    inside = np.zeros(len(NAMES))
    for seed in range(repetitions):
        graph, times, censored = simulated(seed)
        low, high = graph.fit(times, censored=censored).intervals(LEVEL)
        inside += (low < TRUTH) & (high > TRUTH)
    least = int(binom.ppf(0.005, repetitions, LEVEL))
    print(f"{repetitions} data sets; of right 95 % intervals, at least {least} hold the truth (99.5 % sure)")
    for name, count in zip(NAMES, inside, strict=True):
        print(f"    {name:<12} {int(count)} hold it")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--repetitions", type=int, default=1)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    if given.repetitions > 1:
        many_data_sets(given.repetitions)
    else:
        one_data_set(given.seed)
