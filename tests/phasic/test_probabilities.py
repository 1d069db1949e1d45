import pickle

import numpy as np
import pytest

from phasic import Graph, models
from phasic.errors import GraphError


@pytest.fixture
def graph():
    return Graph(models.structured_coalescent(2, 1))


def test_survival_is_what_the_distribution_leaves(graph):
    times = np.linspace(-1, 20, 40)
    np.testing.assert_allclose(graph.survival(times) + graph.cdf(times), 1.0, rtol=1e-15)
    half = Graph(models.coalescent(4), ipv=None)
    half.update_ipv([0.5])
    np.testing.assert_allclose(
        half.survival([-1.0, 0.0, 3.0, np.inf]), 1 - half.cdf([-1.0, 0.0, 3.0, np.inf])
    )
    assert half.survival(np.inf) == 0.5
    np.testing.assert_allclose(half.log_survival(1e5), np.log(0.5))


def test_survival_keeps_its_digits_far_out():
    graph = Graph(models.lineages(2))
    graph.update_weights([3.0])
    np.testing.assert_allclose(graph.survival([10.0, 100.0]), np.exp([-30.0, -300.0]), rtol=1e-12)
    np.testing.assert_allclose(graph.log_survival(1e4), -3e4, rtol=1e-12)
    np.testing.assert_allclose(graph.log_pdf([1.0, 1e4]), np.log(3) - [3.0, 3e4], rtol=1e-12)


def test_discrete_graphs_answer_too():
    graph = Graph(lambda state: [([1], 0.25)] if state[0] == 0 else [], ipv=[0])
    graph.is_discrete = True
    np.testing.assert_allclose(graph.survival([0, 1, 2.5]), [1, 0.75, 0.75**2], rtol=1e-15)
    np.testing.assert_allclose(graph.log_pdf([1, 3]), np.log([0.25, 0.25 * 0.75**2]), rtol=1e-15)
    assert graph.log_pdf(1.5) == -np.inf
    assert graph.quantile(0.5) == 3.0
    np.testing.assert_allclose(graph.log_likelihood([1, 3]), np.log(0.25**2 * 0.75**2), rtol=1e-14)


def test_errors_are_told_where_asked_for(graph):
    for ask in (graph.pdf, graph.cdf, graph.survival):
        value, error = ask([0.1, 1.0, 9.0], error=True)
        np.testing.assert_array_equal(value, ask([0.1, 1.0, 9.0]))
        assert ((error >= 0) & (error < 1e-10)).all()
        assert all(isinstance(number, float) for number in ask(1.0, error=True))


def test_gradients_by_theta_are_differences(graph):
    times = np.random.default_rng(3).exponential(2.0, 50)
    theta = np.array([1.3, 0.6])
    graph.update_weights(theta)
    value, gradient = graph.log_likelihood(times, gradient=True)
    assert value == graph.log_likelihood(times)
    for k in range(2):
        sides = []
        for step in (-1e-5, 1e-5):
            moved = theta.copy()
            moved[k] += step
            graph.update_weights(moved)
            sides.append(graph.log_likelihood(times))
        np.testing.assert_allclose(gradient[k], (sides[1] - sides[0]) / 2e-5, rtol=1e-6)


def test_gradients_of_products_and_callbacks():
    graph = Graph(lambda state: [([state[0] - 1], [2.0, 1.0])] if state[0] else [], ipv=[1])
    graph.update_weights([3.0, 0.5], log=True)  # rate 2 * 3 * 0.5
    value, gradient = graph.log_likelihood([0.2, 0.4], gradient=True)
    np.testing.assert_allclose(value, 2 * np.log(3.0) - 3.0 * 0.6, rtol=1e-12)
    np.testing.assert_allclose(gradient, (2 / 3.0 - 0.6) * np.array([1.0, 6.0]), rtol=1e-11)
    graph.update_weights([3.0], callback=lambda theta, c: theta[0])
    assert np.isfinite(graph.log_likelihood([0.2]))
    with pytest.raises(GraphError, match="derivatives"):
        graph.log_likelihood([0.2], gradient=True)


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3)])
def test_answers_have_the_shape_of_the_question(graph, shape):
    for ask in (graph.survival, graph.log_pdf, graph.log_survival, graph.quantile):
        assert ask(np.full(shape, 0.5)).shape == shape
        assert isinstance(ask(0.5), float)


def test_a_change_of_the_graph_is_a_new_question(graph):
    before = graph.pdf(1.0)
    graph.update_weights([2.0, 1.0])
    assert graph.pdf(1.0) != before
    graph.update_weights([1.0, 1.0])
    assert graph.pdf(1.0) == before
    copy = graph.clone()
    graph.update_ipv([0.5])
    assert graph.pdf(1.0) == pytest.approx(before / 2)
    assert copy.pdf(1.0) == before


def test_a_graph_that_was_asked_travels_without_its_answers(graph):
    before = graph.pdf(np.linspace(0, 1, 50))
    packed = pickle.dumps(graph)
    assert b"Question" not in packed
    np.testing.assert_array_equal(pickle.loads(packed).pdf(np.linspace(0, 1, 50)), before)


def test_nonsense_is_refused(graph):
    with pytest.raises(GraphError, match="negative"):
        graph.log_pdf(-1.0)
    with pytest.raises(GraphError, match="probabilities"):
        graph.quantile("half")
    with pytest.raises(GraphError, match="NaN"):
        graph.survival([0.0, np.nan])
