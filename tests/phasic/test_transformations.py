from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent_callback, exact_moments
from strategies import MILD, phase_types, thetas

from phasic import AbsorptionError, Graph, GraphError, ParameterError, models

few = settings(max_examples=30)


@few
@given(phase_types(), st.lists(MILD, min_size=9, max_size=9))
def test_normalizing_moves_rates_into_rewards(arrays, rewards):
    rewards = np.array(rewards[: arrays.n_vertices])
    graph = Graph.from_arrays(arrays)
    before = graph.moments(3, rewards)
    jumps = [vertex.rate() for vertex in graph]
    factors = graph.normalize()
    # From CPython 3.12 on, `sum` rounds once, and so does `rate`.
    assert factors == pytest.approx([1 / r if v and r else 1.0 for v, r in enumerate(jumps)], rel=1e-15)
    assert graph.moments(3, rewards * factors) == pytest.approx(before, rel=1e-12)
    assert [v.rate() for v in graph][1:-1] == pytest.approx([1.0] * (arrays.n_vertices - 2))
    np.testing.assert_array_equal(graph.arrays.start_weights, arrays.start_weights)
    assert graph.defect() == Graph.from_arrays(arrays).defect()
    assert graph.normalize() == pytest.approx([1.0] * arrays.n_vertices)


@few
@given(phase_types(parameters=2), thetas(2))
def test_parameterised_graphs_are_normalized_at_their_theta(arrays, theta):
    graph, twin = Graph.from_arrays(arrays), Graph.from_arrays(arrays)
    for one in (graph, twin):
        one.update_weights(theta)
    factors = graph.normalize()
    assert graph.is_parameterized()
    for one in (graph, twin):
        one.update_weights(3.0 * theta)
    assert graph.expectation(factors) == pytest.approx(twin.expectation(), rel=1e-12)


def test_what_cannot_be_normalized():
    graph = Graph(coalescent_callback, ipv=[3])
    graph.update_weights([0.0])
    with pytest.raises(AbsorptionError, match=r"out of state \[3\] are zero"):
        graph.normalize()
    with pytest.raises(GraphError, match="sums over theta"):
        graph.laplace_transform(1.0).normalize()


@few
@given(phase_types(discrete=True))
def test_discrete_graphs_are_normal_as_they_are(arrays):
    graph = Graph.from_arrays(arrays)
    for normalize in (graph.normalize, graph.normalize_discrete):
        assert normalize() == [1.0] * arrays.n_vertices
        assert graph.arrays == arrays
    with pytest.raises(ParameterError, match="more than one"):
        Graph(models.erlang(2, rate=3.0)).normalize_discrete()


@few
@given(phase_types(discrete=True), st.lists(MILD, min_size=9, max_size=9))
def test_spellings_for_steps_are_those_of_the_discrete_graph(arrays, rewards):
    rewards = rewards[: arrays.n_vertices]
    marked = Graph.from_arrays(arrays)
    plain = marked.clone()
    plain.is_discrete = False
    steps = np.arange(5)
    for graph in (plain, marked):
        assert graph.expectation_discrete(rewards) == marked.expectation(rewards)
        assert graph.variance_discrete(rewards) == marked.variance(rewards)
        assert graph.covariance_discrete(rewards, []) == marked.covariance(rewards, [])
        assert graph.moments_discrete(3) == marked.moments(3)
        assert graph.pdf_discrete(steps).tolist() == marked.pdf(steps).tolist()
        assert graph.cdf_discrete(3) == marked.cdf(3)
        assert graph.stop_probability_discrete(2) == marked.stop_probability(2)
    assert not plain.is_discrete
    assert marked.moments(2) == pytest.approx(exact_moments(arrays, 2), rel=1e-12)


def test_transformations_leave_the_graph_as_it_was_and_keep_its_flags():
    graph = Graph(coalescent_callback, ipv=[4])
    graph.indexer = "anything"
    twin = graph.clone()
    for made in (
        graph.reward_transform(graph.states().T[0]),
        graph.discretize(0.5),
        graph.laplace_transform(0.5),
        graph.add_epoch(0.5),
    ):
        assert made.indexer == "anything"
        assert pickle.loads(pickle.dumps(made)) == made.clone() == made
        assert graph == twin
    with pytest.raises(GraphError, match="one-step probabilities"):
        graph.laplace_transform(0.5).expectation_discrete()
    assert Graph(chain, ipv=[3]).reward_transform([0, 1, 2, 3, 0]).states().ravel().tolist() == [
        0,
        3,
        2,
        1,
        0,
    ]
