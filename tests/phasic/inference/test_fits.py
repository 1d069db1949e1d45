"""Maximum likelihood and moments against what is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from phasic import Graph
from phasic.errors import GraphError, OptionError, ParameterError


def decay(state):
    return [([0], [1.0])] if state[0] else []


def two_steps(state):
    return [([state[0] - 1], [[1.0, 0.0], [0.0, 1.0]][state[0] - 1])] if state[0] else []


def both(state):
    return [([0], [1.0, 1.0])] if state[0] else []


@pytest.mark.parametrize("rate", [1e-6, 0.3, 120.0, 1e9])
def test_the_estimate_of_a_rate_is_one_over_the_mean(rate):
    times = np.random.default_rng(1).exponential(1.0 / rate, 50)
    graph = Graph(decay, ipv=[1])
    for found in (graph.fit(times), graph.fit(times, theta_init=[20.0 * rate])):
        assert found.success
        np.testing.assert_allclose(found.theta, 1.0 / times.mean(), rtol=1e-8)
        np.testing.assert_allclose(found.std, found.theta / np.sqrt(50), rtol=1e-5)
        np.testing.assert_allclose(found.log_likelihood, 50 * (np.log(found.theta[0]) - 1.0), rtol=1e-10)
        assert found.aic == 2.0 - 2.0 * found.log_likelihood
    low, high = found.intervals(0.95)
    np.testing.assert_allclose(low * high, found.theta**2, rtol=1e-12)
    np.testing.assert_allclose(np.log(high / low), 2 * 1.959964 / np.sqrt(50), rtol=1e-5)


def test_a_parameter_of_steps_is_their_share():
    graph = Graph(decay, ipv=[1])
    graph.is_discrete = True
    steps = np.random.default_rng(1).geometric(0.3, 80)
    found = graph.fit(steps)
    p = 80 / steps.sum()
    np.testing.assert_allclose(found.theta, p, rtol=1e-8)
    np.testing.assert_allclose(found.std, np.sqrt(p * p * (1 - p) / 80), rtol=1e-4)
    np.testing.assert_allclose(graph.method_of_moments(steps).theta, p, rtol=1e-8)


def test_equal_rates_that_could_be_exchanged_are_a_saddle_that_a_search_leaves():
    graph = Graph(two_steps, ipv=[2])
    random = np.random.default_rng(1)
    times = random.exponential(1.0, 3000) + random.exponential(0.3, 3000)
    found = graph.fit(times)
    assert found.success
    told = graph.fit(times, theta_init=[3.0, 1.0])
    np.testing.assert_allclose(np.sort(found.theta), np.sort(told.theta), rtol=1e-6)
    assert found.log_likelihood == pytest.approx(told.log_likelihood, abs=1e-7)
    posterior = graph.svgd(times, n_iterations=30, seed=1, progress=False)
    np.testing.assert_allclose(np.sort(posterior.theta_mean), np.sort(told.theta), rtol=0.1)


@pytest.mark.parametrize("start", [[1.0], [1.0, np.nan], "a", [[1.0, 2.0]]])
def test_starts_that_do_not_fit_are_refused(start):
    with pytest.raises(OptionError, match="pass 2"):
        Graph(two_steps, ipv=[2]).fit([1.0, 2.0], theta_init=start)


@pytest.mark.parametrize("data", [[1, 1, 1, 2, 1, 1], [1] * 200 + [2], [3] * 20 + [50]])
def test_a_search_that_steps_out_of_what_can_be_comes_back(data):
    graph = Graph(lambda state: [([0], [1.0])] if state[0] else [], ipv=[1])
    graph.is_discrete = True
    found = graph.fit(data)
    assert found.success
    share = len(data) / sum(data)
    np.testing.assert_allclose(found.theta, share, rtol=1e-7)
    np.testing.assert_allclose(found.std, share * np.sqrt((1.0 - share) / len(data)), rtol=1e-5)


def test_standard_errors_are_those_of_the_exact_second_derivatives():
    times = np.random.default_rng(2).exponential(1.0, 400) + np.random.default_rng(3).exponential(0.2, 400)
    found = Graph(two_steps, ipv=[2]).fit(times, theta_init=[1.0, 5.0])

    def log_likelihood(a, b):
        return np.sum(np.log(a * b / (b - a) * (np.exp(-a * times) - np.exp(-b * times))))

    a, b = found.theta
    h = 1e-3
    center = log_likelihood(a, b)
    assert found.log_likelihood == pytest.approx(center, rel=1e-10)
    second = np.array(
        [
            (log_likelihood(a + h, b) - 2 * center + log_likelihood(a - h, b)) / h**2,
            (log_likelihood(a + h, b + h) - log_likelihood(a + h, b - h)
             - log_likelihood(a - h, b + h) + log_likelihood(a - h, b - h)) / (4 * h**2),
            (log_likelihood(a, b + h) - 2 * center + log_likelihood(a, b - h)) / h**2,
        ]
    )  # fmt: skip
    information = -np.array([[second[0], second[1]], [second[1], second[2]]])
    np.testing.assert_allclose(found.covariance, np.linalg.inv(information), rtol=1e-3)


def test_fixed_and_tied_parameters_take_part_as_they_are_told():
    times = np.random.default_rng(2).gamma(2.0, 0.5, 100)
    graph = Graph(two_steps, ipv=[2])
    tied = graph.fit(times, tied=[(0, 1)])
    np.testing.assert_allclose(tied.theta, 2.0 / times.mean(), rtol=1e-8)
    np.testing.assert_allclose(tied.std, tied.theta / np.sqrt(200), rtol=1e-5)
    fixed = graph.fit(times, fixed=[(0, 2.0)])
    assert fixed.theta[0] == 2.0
    assert fixed.std[0] == 0.0
    assert fixed.std[1] > 0.0
    assert fixed.log_likelihood <= tied.log_likelihood + 2.0


def test_fitting_does_not_change_the_graph():
    graph = Graph(decay, ipv=[1])
    graph.update_weights([3.0])
    graph.fit([1.0, 2.0])
    graph.method_of_moments([1.0, 2.0])
    assert graph.theta.tolist() == [3.0]


def test_what_cannot_be_told_apart_is_named_and_has_no_error():
    with pytest.warns(UserWarning, match=r"theta\[0\].*theta\[1\]"):
        found = Graph(both, ipv=[1]).fit([0.5, 1.0, 2.0] * 10)
    assert not found.success
    assert np.isinf(found.std).all()
    np.testing.assert_allclose(found.theta.sum(), 1.0 / np.mean([0.5, 1.0, 2.0]), rtol=1e-6)


def test_as_many_moments_as_parameters_are_met_exactly():
    times = np.random.default_rng(2).exponential(1.0, 400) + np.random.default_rng(3).exponential(0.2, 400)
    found = Graph(two_steps, ipv=[2]).method_of_moments(times, theta_init=[1.0, 5.0])
    assert found.residual < 1e-8
    np.testing.assert_allclose(found.model_moments, found.sample_moments, rtol=1e-8)
    np.testing.assert_allclose(found.sample_moments, [times.mean(), (times**2).mean()], rtol=1e-12)
    a, b = found.theta
    np.testing.assert_allclose(1 / a + 1 / b, times.mean(), rtol=1e-8)


def test_errors_of_moments_are_those_of_the_mean():
    times = np.random.default_rng(1).exponential(2.0, 500)
    found = Graph(decay, ipv=[1]).method_of_moments(times)
    # By the delta method: of one over the mean.
    np.testing.assert_allclose(found.std, times.std() / np.sqrt(500) / times.mean() ** 2, rtol=1e-6)
    assert found.prior[0].mean == pytest.approx(found.theta[0])
    assert found.prior[0].std == pytest.approx(2 * found.std[0])


def test_more_moments_than_parameters_are_weighed():
    times = np.random.default_rng(1).exponential(2.0, 2000)
    graph = Graph(decay, ipv=[1])
    for weighted in (True, False):
        found = graph.method_of_moments(times, nr_moments=2, weighted=weighted)
        assert abs(found.theta[0] - 0.5) < 4 * found.std[0] < 0.1


def test_bad_input_is_refused_by_name():
    graph = Graph(decay, ipv=[1])
    with pytest.raises(GraphError, match="observation 1 is inf"):
        graph.fit([1.0, np.inf])
    with pytest.raises(GraphError, match="density 0"):
        Graph(two_steps, ipv=[2]).fit([0.0, 1.0])
    with pytest.raises(ParameterError, match="cannot tell 2 parameters"):
        Graph(two_steps, ipv=[2]).method_of_moments([1.0, 2.0], nr_moments=1)
    with pytest.raises(ParameterError, match="every parameter is fixed"):
        graph.fit([1.0], fixed=[(0, 1.0)])
    with pytest.raises(OptionError, match="level"):
        graph.fit([1.0, 2.0]).intervals(1.5)
    graph.update_weights([1.0], callback=lambda theta, c: -1.0 if theta[0] > 1.0 else float(theta @ c))
    assert graph.fit([1.0, 3.0]).theta == pytest.approx([0.5], rel=1e-6)


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


@pytest.mark.slow
def test_intervals_hold_two_parameters_as_often_as_they_say():
    graph, truth, inside = Graph(islands, ipv=[4, 0]), np.array([1.0, 0.5]), np.zeros(2)
    graph.update_weights(truth)
    for seed in range(50):
        low, high = graph.fit(graph.sample(300, seed=seed)).intervals(0.95)
        inside += (low < truth) & (truth < high)
    assert (inside >= 42).all()  # fewer with probability 1e-3 at a coverage of 0.95
