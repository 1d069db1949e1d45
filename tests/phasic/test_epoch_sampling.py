from __future__ import annotations

import numpy as np
import pytest
from models_for_tests import trap

from phasic import AbsorptionError, Graph, PhasicError, models

N = 40_000


@pytest.fixture(scope="module")
def graph():
    """Return a coalescent of four with a bottleneck."""
    made = Graph(models.coalescent(4)).add_epoch(0.3).add_epoch(0.7)
    made.update_weights([1.0, 1.0, 4.0, 1.0, 0.5, 1.0])
    return made


def assert_means(draws, mean, variance):
    """Compare with five standard errors: one of two million right samples fails."""
    assert abs(draws.mean() - mean) < 5.0 * np.sqrt(variance / draws.size)


def test_samples_have_the_moments_and_the_distribution(graph):
    times = graph.sample(N, seed=1)
    assert_means(times, graph.expectation(), graph.variance())
    square = graph.moments(4)
    assert_means(times**2, square[1], square[3] - square[1] ** 2)
    for t in (0.1, 0.3, 0.5, 0.7, 2.0):
        p = graph.cdf(t)
        assert_means(times <= t, p, p * (1 - p))


def test_samples_of_rewards_have_their_moments_and_covariance(graph):
    rewards = graph.states().astype(float)
    draws = graph.sample_multivariate(N, rewards, seed=2)
    for i in (0, 1, 2, 4):
        assert_means(draws[i], graph.expectation(rewards[:, i]), graph.variance(rewards[:, i]))
    product = draws[0] * draws[1]
    exact = graph.covariance(rewards[:, 0], rewards[:, 1])
    exact += graph.expectation(rewards[:, 0]) * graph.expectation(rewards[:, 1])
    assert_means(product, exact, product.var())
    np.testing.assert_array_equal(
        graph.sample(100, rewards[:, 0], seed=3), graph.sample(N, rewards[:, 0], seed=3)[:100]
    )


@pytest.mark.parametrize("t", [0.2, 0.3, 0.5, 0.7, 1.5])
def test_walks_are_where_state_probabilities_say(graph, t):
    share = np.bincount(graph.sample_stop_vertices(t, N, seed=4), minlength=len(graph)) / N
    inside = np.diff(graph.arrays.offsets) > 0
    exact = np.array(graph.stop_probability(t))[inside]
    assert (np.abs(share[inside] - exact) <= 5.0 * np.sqrt(exact * (1 - exact) / N)).all()
    assert share[~inside].sum() == pytest.approx(graph.cdf(t), abs=5.0 / np.sqrt(N))


def test_paths_change_epochs_at_boundaries(graph):
    paths = graph.sample_path(300, seed=5)
    epochs = graph.states()[:, -1]
    for path in paths:
        vertices, times = path["vertex_indices"], path["entry_times"]
        assert (np.diff(times) >= 0.0).all()
        at = epochs[vertices]
        for k, boundary in enumerate(graph.boundaries, start=1):
            entered = np.flatnonzero((at[1:] == k) & (at[:-1] == k - 1) & (vertices[:-1] > 0))
            assert (times[1:][entered] == boundary).all()
    ends = np.array([path["entry_times"][-1] for path in paths])
    assert abs(ends.mean() - graph.expectation()) < 5.0 * np.sqrt(graph.variance() / 300)


def two_ends(state):
    return [([1], [1.0]), ([2], [3.0])] if state[0] == 0 else []


def test_paths_can_be_asked_to_end_somewhere():
    graph = Graph(two_ends, ipv=[0]).add_epoch(0.2, lambda state: [([1], [1.0])] if state[0] == 0 else [])
    late = graph.find_vertex([1, 1]).index()
    paths = graph.sample_path_conditioned([late], 50, seed=1)
    assert all(path["entry_times"][-1] > 0.2 and path["vertex_indices"][-1] == late for path in paths)
    early = [graph.find_vertex([1, 0]).index(), graph.find_vertex([2, 0]).index()]
    share = np.mean(
        [graph.sample_path_conditioned(early, seed=s)["vertex_indices"][-1] == early[1] for s in range(200)]
    )
    assert share == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / 200))
    rare = Graph(two_ends, ipv=[0]).add_epoch(20.0)
    with pytest.raises(PhasicError, match="too few to wait for"):
        rare.sample_path_conditioned([rare.find_vertex([1, 1]).index()])


def test_what_is_held_until_a_boundary_is_released_there():
    """A state without a way out in its epoch waits; one that is absorbing in the next epoch ends."""
    held = Graph(trap, ipv=[1]).add_epoch(2.0, lambda s: [([7], 1.0)] if s[0] < 2 else [])
    times = held.sample(N, seed=6)
    assert times.min() > 2.0
    assert_means(times, 3.0, 1.0)
    stopped = Graph(models.lineages(2)).add_epoch(0.5, lambda state: [])
    times = stopped.sample(N, seed=7)
    assert times.max() == 0.5
    assert_means(times, 1 - np.exp(-0.5), 1.0)
    endless = Graph(trap, ipv=[1]).add_epoch(2.0)
    assert np.isinf(endless.sample(5, seed=8)).all()
    with pytest.raises(AbsorptionError, match="cannot reach absorption"):
        endless.sample_path()
    assert endless.states()[endless.random_sample_stop_vertex(3.0, seed=9), -1] == 1


def test_missing_mass_is_nowhere(graph):
    half = Graph(models.lineages(2)).add_epoch(1.0)
    half.update_ipv([0.5])
    times = half.sample(N, seed=10)
    assert np.isinf(times).mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(N))
    assert (half.sample_stop_vertices(2.0, N, seed=11) == 0).mean() == pytest.approx(
        0.5, abs=5 * 0.5 / np.sqrt(N)
    )


def test_boundaries_that_change_nothing_leave_the_distribution(graph):
    plain = Graph(models.coalescent(4))
    same = plain.add_epoch(0.3).add_epoch(0.7)
    a, b = np.sort(plain.sample(N, seed=12)), np.sort(same.sample(N, seed=13))
    gap = np.abs(np.searchsorted(a, b, side="right") / N - np.arange(1, N + 1) / N).max()
    assert gap < 2.6 * np.sqrt(2.0 / N)  # Kolmogorov and Smirnov: one in a million
