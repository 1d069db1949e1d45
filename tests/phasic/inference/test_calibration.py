"""Posteriors are right on average: simulation-based calibration.

Where theta is drawn from the prior and data from the model, the rank of theta among draws from the posterior
is uniform (Talts et al., arXiv:1804.06788). Ranks are compared with that by a chi-squared test at one in a
thousand for each parameter. So few repetitions show gross errors only; spreads are held against closed forms
elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from phasic import Graph
from phasic.inference.priors import LogGaussPrior

pytest.importorskip("optax")
BINS = 5


def decay(state):
    return [([0], [1.0])] if state[0] else []


def islands(state):
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


def one_rate(theta, seed):
    graph = Graph(decay, ipv=[1])
    graph.update_weights(theta)
    return graph, graph.sample(20, seed=seed), {}


def two_rates(theta, seed):
    graph = Graph(islands, ipv=[3, 0])
    graph.update_weights(theta)
    times = graph.sample(150, seed=seed)
    return graph, np.minimum(times, 4.0), {"censored": times > 4.0}


def steps(theta, seed):
    graph = Graph(lambda state: [([0], [1.0])] if state[0] else [], ipv=[1])
    graph.is_discrete = True
    graph.update_weights(theta)
    return graph, graph.sample(40, seed=seed), {}


def rewarded(theta, seed):
    graph = Graph(islands, ipv=[3, 0])
    graph.update_weights(theta)
    rewards = graph.states()[:, 0].astype(float)
    return graph, graph.sample(150, seed=seed, rewards=rewards), {"rewards": rewards}


MODELS = {
    "one rate": (one_rate, [LogGaussPrior(median=2.0, log_std=0.5)]),
    "two rates, censored": (
        two_rates,
        [LogGaussPrior(median=1.0, log_std=0.3), LogGaussPrior(median=0.5, log_std=0.3)],
    ),
    "steps": (steps, [LogGaussPrior(median=0.1, log_std=0.3)]),
    "a reward": (
        rewarded,
        [LogGaussPrior(median=1.0, log_std=0.3), LogGaussPrior(median=0.5, log_std=0.3)],
    ),
}


def draws(graph, data, prior, options, method, seed):
    if method == "svgd":
        found = graph.svgd(
            data, prior=prior, n_particles=99, n_iterations=30, seed=seed, progress=False, **options
        )
        return found.particles
    found = graph.mcmc(
        data, prior=prior, n_samples=100, n_chains=2, burn_in=200, seed=seed, progress=False, **options
    )
    return found.samples.reshape(-1, found.samples.shape[-1])[::2][:99]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the data cannot tell parameters apart")  # by the likelihood alone
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("method", "count"), [("svgd", 60), ("mcmc", 60)])
def test_ranks_of_the_truth_are_uniform(name, method, count):
    model, prior = MODELS[name]
    random = np.random.default_rng(20)
    ranks = np.empty((count, len(prior)), np.int64)
    for number in range(count):
        theta = np.array([each.median * np.exp(each.log_std * random.standard_normal()) for each in prior])
        graph, data, options = model(theta, 1000 + number)
        found = draws(graph, data, prior, options, method, number)
        ranks[number] = (found < theta).sum(axis=0)
    for column in ranks.T:
        seen = np.bincount(column * BINS // 100, minlength=BINS)
        distance = ((seen - count / BINS) ** 2 / (count / BINS)).sum()
        assert distance < chi2.ppf(0.999, BINS - 1), (name, seen.tolist())
