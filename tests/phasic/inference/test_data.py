"""Fits of rewards, several columns, censored and truncated data against closed forms and other roads."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phasic import Graph, Observations, Property, StateIndexer, models
from phasic.errors import GraphError
from phasic.inference.problem import Problem

INF = np.inf
seeds = st.integers(0, 2**32 - 1)


def decay(state):
    return [([0], [1.0])] if state[0] else []


def two_steps(state):
    return [([state[0] - 1], [[1.0, 0.0], [0.0, 1.0]][state[0] - 1])] if state[0] else []


def islands(state):
    a, b = state
    if a + b <= 1:
        return []
    moves = [
        ([a - 1, b], [a * (a - 1) / 2, 0.0]),
        ([a, b - 1], [b * (b - 1), 0.0]),
        ([a - 1, b + 1], [0.0, a]),
        ([a + 1, b - 1], [0.0, 2 * b]),
    ]
    return [(to, rates) for to, rates in moves if min(to) >= 0 and max(rates) > 0.0]


def kingman(n):
    graph = Graph(models.coalescent(n))
    graph.update_weights([1.0])
    return graph


def test_the_estimate_from_censored_times_is_events_over_exposure():
    """Of an exponential time: deaths over time at risk, with delayed entry too."""
    random = np.random.default_rng(1)
    times, end = random.exponential(2.0, 200), random.exponential(3.0, 200)
    entry = np.where(random.random(200) < 0.3, 0.2, 0.0)
    seen = np.minimum(times, end) > entry
    times, end, entry = times[seen], end[seen], entry[seen]
    censored = times > end
    shown = np.minimum(times, end)
    found = Graph(decay, ipv=[1]).fit(shown, censored=censored, truncated=entry)
    deaths = (~censored).sum()
    np.testing.assert_allclose(found.theta, deaths / (shown - entry).sum(), rtol=1e-8)
    np.testing.assert_allclose(found.std, found.theta / np.sqrt(deaths), rtol=1e-5)
    assert found.n_observations == shown.size


def test_the_posterior_of_censored_times_is_the_gamma_that_it_has_to_be():
    pytest.importorskip("optax")
    from phasic.inference.priors import GammaPrior

    times = np.random.default_rng(1).exponential(1.0, 60)
    censored = times > 1.2
    shown = np.minimum(times, 1.2)
    found = Graph(decay, ipv=[1]).svgd(
        shown, censored=censored, prior=GammaPrior(2.0, 1.0), n_particles=40, n_iterations=25, seed=1
    )
    exact = stats.gamma(2.0 + (~censored).sum(), scale=1.0 / (1.0 + shown.sum()))
    np.testing.assert_allclose(found.theta_mean, exact.mean(), rtol=0.005)
    np.testing.assert_allclose(found.theta_std, exact.std(), rtol=0.025)


def test_scipys_container_says_the_same_as_arguments():
    times = np.random.default_rng(2).gamma(2.0, 0.5, 40)
    censored = times > 1.0
    graph = Graph(two_steps, ipv=[2])
    container = stats.CensoredData.right_censored(times, censored)
    one = graph.fit(times, censored=censored, tied=[(0, 1)])
    other = graph.fit(container, tied=[(0, 1)])
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-9)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-12)
    mixed = stats.CensoredData(uncensored=[0.5], left=[1.0], right=[2.0], interval=[[0.2, 0.9]])
    found = Observations.of(mixed)
    assert sorted(zip(found.low, found.high, strict=True)) == [
        (-INF, 1.0),
        (0.2, 0.9),
        (0.5, 0.5),
        (2.0, INF),
    ]


def test_times_rounded_to_intervals_have_nearly_the_estimate_of_the_times():
    times = np.random.default_rng(3).exponential(1.0, 500)
    width = 1e-7
    low = np.floor(times / width) * width
    fine = Graph(decay, ipv=[1]).fit(Observations(low, low + width))
    np.testing.assert_allclose(fine.theta, 1.0 / times.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        fine.log_likelihood - 500 * np.log(width), 500 * (np.log(fine.theta[0]) - 1), rtol=1e-9
    )


@given(seeds, st.integers(0, 2))
@settings(max_examples=8)
def test_rewards_are_fitted_as_the_times_of_the_transformed_graph(seed, column):
    """Where theta is one number, the transformed graph keeps it, and both roads give one likelihood."""
    graph = kingman(5)
    rewards = graph.states().T[column]
    shorter = graph.reward_transform(rewards)
    random = np.random.default_rng(seed)
    seen = shorter.sample(5, seed=seed % 1000)
    low = np.concatenate([seen, [0.4, -INF, 0.1]])
    high = np.concatenate([seen, [INF, 0.7, 0.5]])
    theta = random.uniform(0.5, 2.0, 1)
    one = Problem(graph, Observations(low, high), rewards=rewards).log_likelihood(theta)
    other = Problem(shorter, Observations(low, high)).log_likelihood(theta)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-9, atol=1e-9)


@given(seeds)
@settings(max_examples=8)
def test_slopes_of_rewards_are_slopes(seed):
    random = np.random.default_rng(seed)
    graph = Graph(islands, ipv=[4, 0])
    states = graph.states()
    rewards = states[:, 1] * 1.0  # none in the initial state, nor as long as all are on the first island
    seen = Observations([0.0, 0.5, 1.0, -INF, 0.2], [0.0, 0.5, INF, 0.3, 0.6])
    problem = Problem(graph, seen, rewards=rewards)
    theta = random.uniform(0.3, 2.0, 2)
    value, slopes = problem.log_likelihood(theta)
    graph.update_weights(theta)
    shorter = graph.reward_transform(rewards)
    np.testing.assert_allclose(value, shorter.log_likelihood(seen), rtol=1e-11)
    for place in range(2):
        step = 1e-5 * np.eye(2)[place]
        change = problem.log_likelihood(theta + step)[0] - problem.log_likelihood(theta - step)[0]
        np.testing.assert_allclose(slopes[place], change / 2e-5, rtol=1e-6, atol=1e-6)


def test_zeros_are_worth_the_probability_of_collecting_nothing():
    """A reward collected in one of two branches: zero or exponential, with probabilities by theta."""

    def branches(state):
        if state[0] == 2:
            return [([1], [1.0, 0.0, 0.0]), ([0], [0.0, 1.0, 0.0])]
        return [([0], [0.0, 0.0, 1.0])] if state[0] else []

    graph = Graph(branches, ipv=[2])
    rewards = (graph.states()[:, 0] == 1) * 1.0
    seen = np.concatenate([np.zeros(30), np.random.default_rng(1).exponential(0.5, 70)])
    found = graph.fit(seen, rewards=rewards, fixed=[(1, 1.0)], theta_init=[1.0, 1.0, 1.0])
    np.testing.assert_allclose(found.theta, [7.0 / 3.0, 1.0, 70 / seen.sum()], rtol=1e-7)


def test_columns_are_taken_as_independent_given_theta():
    graph = kingman(4)
    rewards = graph.states().T[:2]
    table = graph.sample_multivariate(30, rewards.T, seed=1).T
    table[3, 1] = np.nan
    both = Problem(graph, table, rewards=rewards)
    assert both.n_observations == 59
    kept = ~np.isnan(table[:, 1])
    alone = [
        Problem(graph, table[:, 0], rewards=rewards[0]),
        Problem(graph, table[kept, 1], rewards=rewards[1]),
    ]
    value, slopes = both.log_likelihood(np.array([1.3]))
    parts = [one.log_likelihood(np.array([1.3])) for one in alone]
    np.testing.assert_allclose(value, sum(part[0] for part in parts), rtol=1e-13)
    np.testing.assert_allclose(slopes, sum(part[1] for part in parts), rtol=1e-12)
    sparse = namedtuple("SparseObservations", "values features n_features")(
        np.concatenate([table[:, 0], table[kept, 1]]), np.repeat([0, 1], [30, 29]), 2
    )
    again = Problem(graph, sparse, rewards=rewards).log_likelihood(np.array([1.3]))
    np.testing.assert_allclose(again[0], value, rtol=1e-13)
    terms = both.terms(np.array([1.3]))
    assert [part.size for part in terms] == [30, 29]
    np.testing.assert_allclose(sum(part.sum() for part in terms), value, rtol=1e-13)


def test_outcomes_are_worth_their_probability():
    indexer = StateIndexer(lineages=[Property("size", max_value=3, min_value=1)])
    graph = Graph(models.coalescent(3)).joint_prob_graph(indexer, reward_limit=2)
    graph.update_weights([1.0, 0.7])
    table = graph.joint_prob_table()
    seen = np.repeat(table.index.to_numpy(), 2)
    problem = Problem(graph, seen, joint_index=True)
    value, slopes = problem.log_likelihood(np.array([1.0, 0.7]))
    np.testing.assert_allclose(value, 2.0 * np.log(table["prob"]).sum(), rtol=1e-12)
    for place in range(2):
        step = 1e-6 * np.eye(2)[place]
        sides = [problem.log_likelihood(np.array([1.0, 0.7]) + sign * step)[0] for sign in (1, -1)]
        np.testing.assert_allclose(slopes[place], (sides[0] - sides[1]) / 2e-6, rtol=1e-6, atol=1e-6)
    with pytest.raises(GraphError, match="no outcome"):
        Problem(graph, [1], joint_index=True)
    found = graph.fit(seen, joint_index=True, fixed=[(0, 1.0)])
    assert found.success


def test_what_does_not_fit_together_is_refused_by_name():
    graph = kingman(4)
    rewards, n = graph.states().T, graph.vertices_length()
    for observed, options, words in (
        ([1.0, 2.0], {"censored": [True]}, r"censored has shape \(1,\)"),
        ([1.0, 2.0], {"censored": [0.5, 1.0]}, "True"),
        ([1.0, 2.0], {"truncated": [0.0, 2.0]}, "observation 1 is 2, seen if later than 2"),
        ([1.0, 2.0], {"truncated": -1.0}, "truncate at finite times"),
        ([1.0, np.inf], {}, "observation 1 is inf"),
        ([1.0], {"rewards": [1.0]}, rf"rewards have shape \(1,\).*{n} vertices"),
        ([1.0], {"rewards": [np.nan] * n}, "not finite"),
        ([1.0], {"rewards": np.zeros(n)}, "no vertex has a reward"),
        ([1.0], {"rewards": -np.ones(n)}, "not negative"),
        ([1.0, 2.0], {"rewards": rewards[:2]}, "2 rewards"),
        ([[1.0, -2.0]], {"rewards": rewards[:2]}, "column 1: observation 0 is -2"),
        (Observations([1.0], [2.0]), {"censored": [True]}, "leave out censored"),
        ([-1.0], {"censored": [True]}, "later than -1"),
    ):
        with pytest.raises(GraphError, match=words):
            graph.fit(observed, **options)
    with pytest.raises(GraphError, match="first end"):
        Observations([2.0], [1.0])
    with pytest.raises(GraphError, match="says nothing"):
        Observations([-INF], [INF])
    with pytest.raises(GraphError, match="absorption times"):
        graph.method_of_moments(Observations([1.0], [2.0]))


def test_an_impossible_observation_is_named_with_the_state_that_makes_it_so():
    steps = Graph(two_steps, ipv=[2])
    steps.is_discrete = True
    with pytest.raises(GraphError, match=r"observation 1 is 1, .* 2 steps at least, from state \[2\]"):
        steps.fit([3, 1], theta_init=[0.5, 0.5])
    with pytest.raises(GraphError, match=r"observation 0 is 0, .*\[2\], leads to absorption at once"):
        Graph(two_steps, ipv=[2]).fit([0.0, 1.0])
    with pytest.raises(GraphError, match=r"no absorbing state can be reached from state \[2\]"):
        Graph(two_steps, ipv=[2]).fit([1.0], theta_init=[1.0, 1.0], fixed=[(1, 0.0)])
