from __future__ import annotations

import math

import numpy as np
import pytest
from epochs_for_tests import dense_moments, generator, interleaved, two_times, with_epochs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, expm_frechet
from strategies import MILD, phase_types, thetas

from phasic import Graph, GraphError, ParameterError, models

few = settings(max_examples=8)
three = st.tuples(thetas(2), thetas(2), thetas(2))


def slope(function, theta, i):
    """Return a derivative by differences of fourth order, and so good to ten digits or so."""
    h = 1e-3 * max(1.0, abs(theta[i]))

    def at(steps):
        moved = np.array(theta)
        moved[i] += steps * h
        return np.array(function(moved))

    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * h)


def directions(arrays, epoch, parameter):
    """Return the derivative of the intensity matrix of an epoch by one of its parameters."""
    unit = np.zeros(arrays.n_parameters)
    unit[parameter] = 1.0
    return generator(arrays, unit)


def dense_density(arrays, parts, times, t):
    """Return the density at `t` and its derivatives, by Frechet derivatives of matrix exponentials."""
    begins = (0.0, *times)
    last = max(k for k, begin in enumerate(begins) if begin <= t)
    transient = np.diff(arrays.offsets) > 0
    state = arrays.alpha.copy()
    bent = np.zeros((2 * len(parts), state.size))
    for k in range(last + 1):
        length = (t if k == last else begins[k + 1]) - begins[k]
        rates = generator(arrays, parts[k])
        moves = expm(rates * length)
        for i in range(2):
            change = expm_frechet(rates * length, directions(arrays, k, i) * length, compute_expm=False)
            bent[2 * k + i] = state @ change
        others = [row for row in range(len(bent)) if row // 2 != k]
        bent[others] = bent[others] @ moves
        state = state @ moves
    exits = np.where(transient, rates[:, ~transient].sum(axis=1), 0.0)
    slopes = bent @ exits
    for i in range(2):
        more = np.where(transient, directions(arrays, last, i)[:, ~transient].sum(axis=1), 0.0)
        slopes[2 * last + i] += state @ more
    return state @ exits, slopes


@few
@given(phase_types(parameters=2, max_states=4), two_times, three)
def test_derivatives_of_densities_are_those_of_dense_exponentials(arrays, times, parts):
    graph = with_epochs(arrays, times)
    graph.update_weights(interleaved(parts, times))
    places = [0, 1, 3, 4, 6, 7]
    asked = np.array([0.0, times[0] / 2, times[0], sum(times) / 2, times[1], times[1] + 1.0])
    exact = [dense_density(arrays, parts, times, t) for t in asked]
    weights = graph.arrays.coefficients @ graph.theta
    found = graph._engine().densities(asked)(weights, np.ascontiguousarray(graph.arrays.coefficients.T))
    scale = max(1.0, max(np.abs(slopes).max() for _, slopes in exact))
    np.testing.assert_allclose(found.value, [value for value, _ in exact], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.slopes[:, places], [slopes for _, slopes in exact], atol=1e-9 * scale)
    assert not found.slopes[:, [2, 5, 8]].any()
    if all(value > 1e-6 for value, _ in exact):
        value, gradient = graph.log_likelihood(asked, gradient=True)
        by_theta = sum(slopes / density for density, slopes in exact)
        assert value == pytest.approx(sum(math.log(density) for density, _ in exact), rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(gradient[places], by_theta, rtol=1e-7, atol=1e-7 * np.abs(by_theta).max())
        assert not gradient[[2, 5, 8]].any()


@settings(max_examples=4)
@given(phase_types(parameters=2, max_states=4), two_times, three, st.lists(MILD, min_size=6, max_size=6))
def test_derivatives_of_moments_are_those_of_dense_moments(arrays, times, parts, rewards):
    graph = with_epochs(arrays, times)
    theta = interleaved(parts, times)
    graph.update_weights(theta)
    vector = np.array(rewards)[: arrays.n_vertices]

    def exact(theta):
        return dense_moments(arrays, [theta[0:2], theta[3:5], theta[6:8]], times, vector, 3)

    values, slopes = graph.moments_gradient(3, np.array(rewards)[graph.states()[:, 0]])
    np.testing.assert_allclose(values, exact(theta), rtol=1e-8)
    for i in (0, 1, 3, 4, 6, 7):
        error = np.abs(slopes[:, i] - slope(exact, theta, i))
        assert (error <= 1e-6 * np.abs(slopes[:, i]) + 1e-7 * np.array(values)).all()
    assert not slopes[:, [2, 5, 8]].any()


def test_two_lineages_know_their_derivatives():
    """A hazard a until time 1, then b: the mean is (1 - q) / a + q / b with q = exp(-a)."""
    graph = Graph(models.lineages(2)).add_epoch(1.0)
    a, b = 0.7, 3.0
    graph.update_weights([a, 0.0, b, 1.0])
    q = math.exp(-a)
    value, slopes = graph.expectation_gradient()
    assert value == pytest.approx((1 - q) / a + q / b, rel=1e-13)
    assert slopes.tolist() == pytest.approx([q / a - (1 - q) / a**2 - q / b, 0.0, -q / b**2, 0.0], rel=1e-12)
    t = np.array([0.0, 0.5, 1.0, 2.0])
    value, slopes = graph.log_likelihood(t, gradient=True)
    assert value == pytest.approx(2 * math.log(a) - 0.5 * a + 2 * (math.log(b) - a) - b, rel=1e-13)
    assert slopes.tolist() == pytest.approx([2 / a - 2.5, 0.0, 2 / b - 1.0, 0.0], rel=1e-11)


def test_rates_that_are_products_have_derivatives_too():
    graph = Graph(models.lineages(3)).add_epoch(0.5)
    graph.update_weights([2.0, 1.0, 5.0, 1.0], log=True)
    value, slopes = graph.expectation_gradient()
    graph.update_weights([2.0, 1.0, 5.0, 1.0])
    linear, by_sum = graph.expectation_gradient()
    assert value == pytest.approx(linear, rel=1e-13)
    np.testing.assert_allclose(slopes, by_sum, rtol=1e-12)
    graph.update_weights([2.0, 1.0, 5.0, 1.0], callback=lambda theta, c: float(theta @ c))
    assert graph.expectation() == pytest.approx(linear, rel=1e-13)
    with pytest.raises(GraphError, match="callback"):
        graph.expectation_gradient()


def test_a_closed_edge_has_a_derivative():
    """With rate zero of a second way out, its derivative is that of opening it."""
    graph = Graph(lambda s: [([1], [1.0, 0.0]), ([2], [0.0, 1.0])] if s[0] == 0 else [], ipv=[0]).add_epoch(
        1.0
    )
    graph.update_weights([1.0, 0.0, 1.0, 2.0, 0.0, 1.0])
    _, slopes = graph.expectation_gradient()
    q = math.exp(-1.0)
    by_first = q - (1 - q) - q / 2
    assert slopes.tolist() == pytest.approx([by_first, by_first, 0.0, -q / 4, -q / 4, 0.0], rel=1e-12)


def test_late_and_impossible_observations_of_a_gradient():
    graph = Graph(models.lineages(2)).add_epoch(1.0)
    graph.update_weights([1.0, 0.0, 2.0, 1.0])
    value, slopes = graph.log_likelihood([200.0], gradient=True)
    assert value == pytest.approx(math.log(2.0) - 1.0 - 2.0 * 199.0, rel=1e-12)
    assert slopes.tolist() == pytest.approx([-1.0, 0.0, 0.5 - 199.0, 0.0], rel=1e-10)
    closed = Graph(models.erlang(2)).add_epoch(1.0)
    value, slopes = closed.log_likelihood([0.0], gradient=True)
    assert value == -math.inf
    assert np.isnan(slopes).all()


def test_an_engine_keeps_boundaries_where_they_are():
    graph = Graph(models.lineages(2)).add_epoch(1.5)
    engine, rows = graph._engine(), graph.arrays.coefficients
    for fine in (1.0, 1.5):
        assert engine.moments(rows @ [1.0, 0.0, 2.0, fine], 1)[0] == pytest.approx(
            1 - math.exp(-1.5) / 2, rel=1e-13
        )
    with pytest.raises(ParameterError, match=r"entry 3 of theta is 0.75, but epoch 1 begins at 1.5"):
        engine.moments(rows @ [1.0, 0.0, 2.0, 0.75], 1)
