"""Observations under known multiples of a rate, and weights that follow from theta by a callback."""

from __future__ import annotations

import math

import numpy as np
import pytest

from phasic import Graph, GraphError, Observations, ParameterError, Property, StateIndexer, models
from phasic.inference.problem import Problem


def two_rates():
    """Return a chain that waits for one of two things: rates theta 0 and twice theta 1, then theta 0."""
    edges = {0: [([1], [1.0, 0.0]), ([2], [0.0, 2.0])], 1: [([2], [1.0, 0.0])]}
    graph = Graph(lambda s: edges.get(int(s[0]), []), ipv=[0])
    graph.update_weights([1.3, 0.7])
    return graph


def slopes_of(problem, free):
    """Return derivatives by differences of fourth order."""
    out = []
    for i in range(free.size):
        h = 1e-3 * free[i]

        def at(k, i=i, h=h):
            moved = free.copy()
            moved[i] += k * h
            return problem.log_likelihood(moved, False)[0]

        out.append((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h))
    return np.array(out)


def test_exposed_exponentials_have_the_known_estimate():
    """Rates theta * L: the estimate is the number of times over the sum of L * t."""
    graph = Graph(models.erlang(1))
    graph.update_weights([2.0])
    random = np.random.default_rng(1)
    lengths = random.uniform(0.5, 3.0, 40)
    times = random.exponential(1.0 / (2.0 * lengths))
    found = graph.fit(times, exposure=lengths)
    assert found.theta[0] == pytest.approx(times.size / (lengths @ times), rel=1e-6)
    assert found.std[0] == pytest.approx(found.theta[0] / np.sqrt(times.size), rel=1e-5)
    assert graph.fit(times, exposure=2.0).theta[0] == pytest.approx(1.0 / times.mean() / 2.0, rel=1e-6)
    particles = graph.svgd(times, exposure=lengths, seed=1, n_iterations=50, progress=False, parallel=1)
    assert particles.theta_mean[0] == pytest.approx(found.theta[0], rel=0.05)


@pytest.mark.parametrize("form", ["times", "censored", "rewards", "columns", "outcomes"])
def test_each_observation_is_one_of_the_model_at_its_own_theta(form):
    graph = two_rates()
    times, sizes = np.array([0.2, 0.5, 1.5, 0.9]), np.array([1.0, 2.5, 1.0, 0.4])
    data = {"observed": times}
    if form == "censored":
        data = {"observed": Observations.of(times, [False, True, False, True], 0.1)}
    elif form == "rewards":
        data["rewards"] = np.array([0.0, 1.0, 2.0, 0.0])
    elif form == "columns":
        data = {
            "observed": np.array([[0.2, 0.3], [0.5, np.nan], [1.5, 0.9], [np.nan, 0.1]]),
            "rewards": np.array([[0.0, 1.0, 2.0, 0.0], [0.0, 1.0, 0.0, 0.0]]),
        }
    elif form == "outcomes":
        indexer = StateIndexer(lineages=[Property("size", max_value=3, min_value=1)])
        graph = Graph(models.coalescent(3)).joint_prob_graph(indexer, reward_limit=2)
        data = {"observed": np.asarray(graph.joint_prob_table().index)[[0, 1, 2, 1]], "joint_index": True}
    p = graph.arrays.n_parameters
    free = np.array([1.3, 0.7])[:p]
    problem = Problem(graph, exposure=sizes, exposure_param_index=p - 1, **data)
    value, slopes = problem.log_likelihood(free)
    expected = 0.0
    for i, size in enumerate(sizes):
        theta = free.copy()
        theta[-1] *= size
        terms = Problem(graph, **data).terms(theta)
        for part, term in zip(Problem(graph, **data).parts, terms, strict=True):
            expected += term[np.asarray(part.places) == i].sum()
    assert value == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(slopes, slopes_of(problem, free), rtol=1e-7, atol=1e-9)
    assert sum(part.sum() for part in problem.terms(free)) == pytest.approx(value, rel=1e-12)
    assert problem.n_observations == sum(len(part) for part in Problem(graph, **data).parts)


def test_bad_exposures_say_what_to_pass():
    graph, times = two_rates(), [0.2, 0.5]
    for options, kind, words in (
        ({"exposure": [1.0, 2.0]}, ParameterError, "exposure_param_index"),
        ({"exposure": [1.0, 2.0, 3.0], "exposure_param_index": 0}, GraphError, "2 observations"),
        ({"exposure": [1.0, -2.0], "exposure_param_index": 0}, GraphError, "observation 1 is -2"),
        ({"exposure": "much", "exposure_param_index": 0}, GraphError, "pass a number"),
        ({"exposure": 2.0, "exposure_param_index": 2}, ParameterError, "0 to 1"),
        ({"exposure_param_index": 0}, GraphError, "both or neither"),
    ):
        with pytest.raises(kind, match=words):
            graph.fit(times, **options)
    later = Graph(models.coalescent(2)).add_epoch(0.5)
    with pytest.raises(ParameterError, match="time of an epoch"):
        later.fit(times, exposure=2.0, exposure_param_index=3)


def test_exposures_count_in_every_epoch_they_are_said_of():
    later = Graph(models.coalescent(2)).add_epoch(0.5)
    later.update_weights([1.5, 1.0, 0.5, 1.0])
    times, sizes = np.array([0.1, 0.3, 0.7, 1.9]), np.array([1.0, 2.0, 2.0, 3.0])
    found = later.fit(times, exposure=sizes, exposure_param_index=[0, 2])
    risk = np.array([np.minimum(times, 0.5) @ sizes, np.maximum(times - 0.5, 0.0) @ sizes])
    assert found.theta[[0, 2]] == pytest.approx(2.0 / risk, rel=1e-6)


def test_weights_by_a_callback_have_the_derivatives_of_what_it_computes():
    """With 1 / size for theta the same model is fitted by its other parameter."""
    graph = two_rates()

    def by_size(theta, c):
        return float(c[0] / theta[0] + c[1] * theta[1] ** 2)

    times = graph.sample(200, seed=3)
    problem = Problem(graph, times, callback=by_size)
    plain = Problem(graph, times)
    size, root = 0.8, 0.9
    value, slopes = problem.log_likelihood(np.array([size, root]))
    same, by_rate = plain.log_likelihood(np.array([1 / size, root**2]))
    assert value == pytest.approx(same, rel=1e-13)
    np.testing.assert_allclose(slopes, by_rate * [-1 / size**2, 2 * root], rtol=1e-10)
    found, other = graph.fit(times, callback=by_size), graph.fit(times)
    assert 1 / found.theta[0] == pytest.approx(other.theta[0], rel=1e-5)
    assert found.theta[1] ** 2 == pytest.approx(other.theta[1], rel=1e-5)
    assert found.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)


def test_callbacks_that_end_nearby_are_differentiated_within():
    graph = two_rates()

    def within(theta, c):
        return float(c[0] * math.sqrt(1.0 - theta[0]) + c[1] * theta[1])

    problem = Problem(graph, [0.2, 0.5, 1.5], callback=within)
    at = 1.0 - 1e-4
    _, slopes = problem.log_likelihood(np.array([at, 0.7]))
    _, by_rate = Problem(graph, [0.2, 0.5, 1.5]).log_likelihood(np.array([math.sqrt(1.0 - at), 0.7]))
    assert slopes[0] == pytest.approx(-0.5 / math.sqrt(1.0 - at) * by_rate[0], rel=1e-5)


def test_theta_of_a_callback_may_have_a_length_of_its_own():
    graph = two_rates()
    times = graph.sample(100, seed=3)

    def one(theta, c):
        return float(theta[0] * c.sum())

    found = graph.fit(times, callback=one, theta_init=[1.0])
    assert found.theta.shape == (1,)
    both = graph.fit(times, tied=[[0, 1]])
    assert found.theta[0] == pytest.approx(both.theta[0], rel=1e-6)
    drawn = graph.svgd(times, callback=one, theta_dim=1, n_iterations=30, seed=1, progress=False, parallel=1)
    assert drawn.theta_mean.shape == (1,)


def test_fits_make_weights_as_the_graph_does():
    """A graph whose weights are products, or come from a callback, is fitted with these."""
    graph = Graph(lambda s: [([s[0] - 1], [2.0, 0.5])] if s[0] else [], ipv=[2])
    graph.update_weights([1.0, 3.0], log=True)
    times = graph.sample(200, seed=4)
    by_product = graph.fit(times, fixed=[(1, 3.0)])
    assert by_product.theta[0] == pytest.approx(2.0 / times.mean() / 3.0, rel=1e-6)
    graph.update_weights([1.0, 3.0], callback=lambda theta, c: float(c[0] * theta[0] ** theta[1]))
    by_callback = graph.fit(times, fixed=[(1, 3.0)])
    assert by_callback.theta[0] ** 3 == pytest.approx(1.0 / times.mean(), rel=1e-6)
    with pytest.raises(GraphError, match="pass a function"):
        graph.fit(times, callback="sum")
