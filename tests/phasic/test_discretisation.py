from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent, coalescent_callback, exact_moments
from strategies import MILD, phase_types, thetas

from phasic import Graph, GraphError, models

few = settings(max_examples=20)
rate_of_states = st.lists(st.one_of(st.just(0.0), MILD), min_size=9, max_size=9).map(np.array)


def falling(raw):
    """Return the first three factorial moments."""
    first, second, third = raw
    return [first, second - first, third - 3 * second + 2 * first]


def test_mutations_on_an_exponential_branch_are_geometric():
    mutations = Graph(models.erlang(1, rate=2.0)).discretize(0.5)
    counts = mutations.reward_transform(mutations.rewards)
    stay = 0.5 / 2.5
    np.testing.assert_allclose(counts.pdf(np.arange(8)), (1 - stay) * stay ** np.arange(8), rtol=1e-13)
    assert mutations.expectation(mutations.rewards) == pytest.approx(0.25, rel=1e-14)
    assert mutations.variance(mutations.rewards) == pytest.approx(0.25 + 0.25**2, rel=1e-13)


@few
@given(phase_types(), rate_of_states)
def test_counts_are_poisson_mixtures(arrays, rates):
    """Factorial moments of the count are the moments of the rate, integrated along the way."""
    graph = Graph.from_arrays(arrays)
    mutations = graph.discretize(lambda state: rates[state[0]])
    along = exact_moments(arrays, 3, rates[: arrays.n_vertices])
    counted = exact_moments(mutations.arrays, 3, mutations.rewards)
    assert falling(counted) == pytest.approx(along, rel=1e-9, abs=1e-9 * max(1.0, *counted))
    assert mutations.moments(3, mutations.rewards) == pytest.approx(counted, rel=1e-12, abs=0.0)


@few
@given(phase_types(parameters=2), thetas(2), thetas(3), st.floats(0.05, 5.0))
def test_one_rate_becomes_one_more_parameter_that_scales_it(arrays, first, second, rate):
    graph = Graph.from_arrays(arrays)
    graph.update_weights(first)
    mutations = graph.discretize(rate)
    assert mutations.param_length() == 3
    expected = rate * graph.expectation()
    assert mutations.expectation(mutations.rewards) == pytest.approx(expected, rel=1e-12)
    mutations.update_weights(second)
    graph.update_weights(second[:2])
    expected = rate * second[2] * graph.expectation()
    assert mutations.expectation(mutations.rewards) == pytest.approx(expected, rel=1e-12)
    for vertex in range(1, arrays.n_vertices - 1):
        assert mutations.vertex_at(vertex).rate() == pytest.approx(1.0)
    assert mutations.clone() == mutations


def test_lists_of_coefficients_may_use_the_parameters_there_are_or_more():
    graph = Graph(coalescent_callback, ipv=[4])
    scaled = graph.discretize(lambda state, per: [per * state[0]], per=0.5)
    assert scaled.param_length() == 1
    before = scaled.expectation(scaled.rewards)
    scaled.update_weights([5.0])  # as many coalescences as mutations
    assert scaled.expectation(scaled.rewards) == pytest.approx(before)
    longer = graph.discretize(lambda state: [0.0, state[0], 1.0])
    assert longer.param_length() == 3
    longer.update_weights([2.0, 0.5, 0.25])
    graph.update_weights([2.0])
    rate = 0.5 * graph.states()[:, 0] + 0.25
    assert longer.expectation(longer.rewards) == pytest.approx(graph.expectation(rate))


def test_a_constant_graph_is_taken_at_its_current_weights():
    graph = Graph(coalescent)
    graph.update_weights([4.0])
    mutations = graph.discretize(1.0)
    assert mutations.expectation(mutations.rewards) == pytest.approx(1.5 / 4.0)
    graph = Graph(coalescent_callback, ipv=[4])
    graph.update_weights([2.0], callback=lambda theta, c: float(theta[0] ** 2 * c[0]))
    mutations = graph.discretize(1.0)
    assert mutations.expectation(mutations.rewards) == pytest.approx(1.5 / 4.0)


def test_vertices_of_events_come_last_with_states_of_zeros():
    mutations = Graph(coalescent).discretize(0.1)
    assert mutations.is_discrete
    assert mutations.vertices_length() == 10
    assert mutations.rewards.tolist() == [0] * 6 + [1] * 4
    assert not mutations.states()[6:].any()
    for place, vertex in enumerate((1, 2, 3, 4), start=6):
        assert mutations.vertex_at(place).is_aux()
        assert [edge.to().index() for edge in mutations.vertex_at(place).edges()] == [vertex]
    assert mutations.vertex_at(1).edges()[1].weight() == pytest.approx(0.1 / 6.1)
    again = mutations.discretize(0.2, skip_existing=True)
    assert again == mutations
    assert again.rewards.tolist() == mutations.rewards.tolist()
    assert mutations.clone().rewards.tolist() == mutations.rewards.tolist()


def test_states_with_an_auxiliary_vertex_can_be_skipped():
    graph = Graph(chain, ipv=[2])
    graph.vertex_at(1).add_aux_vertex(0.5)
    mutations = graph.discretize(0.25, skip_existing=True)
    assert mutations.rewards.tolist() == [0, 0, 0, 0, 1, 1]
    assert mutations.expectation(mutations.rewards) == pytest.approx(0.5 + 0.25)
    everywhere = graph.discretize(0.25)
    assert everywhere.rewards.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert everywhere.expectation(everywhere.rewards) == pytest.approx(0.5 + 0.25 + 0.25)


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf, "fast", None, [[1.0]], True])
def test_rates_that_cannot_be_are_refused(rate):
    for given_rate in (rate, lambda state: rate):
        with pytest.raises(GraphError, match=r"rate of events in state \[2\]"):
            Graph(chain, ipv=[2]).discretize(given_rate)


def test_what_cannot_be_discretized_is_refused():
    graph = Graph(coalescent_callback, ipv=[4])
    with pytest.raises(GraphError, match="another length"):
        graph.discretize(lambda state: [0.0, 1.0] if state[0] > 3 else 1.0)
    with pytest.raises(GraphError, match="but the graph is constant"):
        Graph(chain, ipv=[2]).discretize(lambda state: [1.0])
    with pytest.raises(GraphError, match="1 coefficients, but theta has 2"):
        Graph(models.structured_coalescent(1, 1)).discretize(lambda state: [1.0])
    with pytest.raises(GraphError, match="only a continuous graph"):
        graph.discretize(1.0).discretize(1.0)
