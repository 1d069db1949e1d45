from __future__ import annotations

import copy
import doctest
import importlib
import math
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent, coalescent_callback, exact_moments, trap
from strategies import MILD, STIFF, phase_types, thetas

import phasic
from phasic import (
    AbsorptionError,
    Graph,
    GraphError,
    ParameterError,
    PhasicError,
    VertexNotFoundError,
    models,
)
from phasic.building import Builder
from phasic.steps import BARE, Steps


def built_by_hand(arrays):
    """Return a graph with the content of `arrays`, made vertex by vertex and edge by edge."""
    graph = Graph(arrays.states.shape[1])
    vertices = [graph.starting_vertex(), *map(graph.find_or_create_vertex, arrays.states[1:])]
    for target, weight in zip(arrays.start_targets, arrays.start_weights, strict=True):
        vertices[0].add_edge(vertices[target], weight)
    for v in range(1, arrays.n_vertices):
        for e in range(arrays.offsets[v], arrays.offsets[v + 1]):
            row = arrays.coefficients[e]
            vertices[v].add_edge(vertices[arrays.targets[e]], row if arrays.parameterised else row[0])
    return graph


# The tutorials


def test_the_caching_tutorials_coalescent():
    graph = Graph(coalescent)
    assert graph.vertices_length() == 6
    assert graph.expectation() == pytest.approx(1.5, rel=1e-15)
    assert graph.moments(2) == pytest.approx([1.5, 61 / 18], rel=1e-14)
    graph.update_weights([7.0])
    assert graph.expectation() == pytest.approx(1.5 / 7.0, rel=1e-15)


def test_the_model_hub_tutorials_coalescent():
    graph = Graph(coalescent_callback, ipv=[5])
    assert (graph.vertices_length(), graph.param_length()) == (6, 1)
    assert abs(graph.expectation() - 1.6) < 1e-10
    assert graph.is_parameterized()


def test_the_model_hub_tutorials_two_step_chain():
    graph = Graph(1)
    v0 = graph.starting_vertex()
    v1 = graph.find_or_create_vertex([1])
    v2 = graph.find_or_create_vertex([2])
    v0.add_edge(v1, [1.0])
    v1.add_edge(v2, [1.0])
    graph.update_weights([2.0])
    assert repr(graph) == "<Graph (3 vertices)>"
    assert graph.expectation() == 0.5
    assert graph.defect() == 0.0


# Building


@given(phase_types(), phase_types(parameters=3))
def test_building_by_hand_equals_the_arrays(constant, parameterised):
    for arrays in (constant, parameterised):
        assert built_by_hand(arrays).arrays == arrays
        assert Builder.thaw(arrays).arrays() == arrays


def test_building_by_hand_equals_exploring():
    assert built_by_hand(Graph(coalescent).arrays) == Graph(coalescent)


def test_every_spelling_of_the_constructor():
    assert Graph(callback=coalescent) == Graph(coalescent) == Graph(coalescent, None)
    assert Graph(state_length=2) == Graph(2) == Graph(np.int64(2))
    assert Graph(Graph(coalescent)) == Graph(coalescent)
    graph = Graph(coalescent, cache_graph=False, cache_trace=False, cache_moments=False)
    assert graph == Graph(coalescent, graph_cache=False)


@pytest.mark.parametrize(
    ("arguments", "keywords", "builtin"),
    [
        ((), {}, TypeError),
        (("2",), {}, TypeError),
        ((2.0,), {}, TypeError),
        ((True,), {}, TypeError),
        ((chain,), {"state_length": 1}, TypeError),
        ((0,), {}, ValueError),
        ((-1,), {}, ValueError),
        ((2,), {"ipv": [1]}, ValueError),
        ((2,), {"rate": 1.0}, ValueError),
    ],
)
def test_what_no_graph_can_be_made_of(arguments, keywords, builtin):
    with pytest.raises(builtin) as caught:
        Graph(*arguments, **keywords)
    assert isinstance(caught.value, PhasicError)


def test_vertices_are_found_by_state():
    graph = Graph(2)
    vertex = graph.find_or_create_vertex([1, -2])
    assert graph.focv((1, -2)) == graph.find_vertex(np.array([1.9, -2.9])) == vertex
    assert graph.vertex_exists([1, -2])
    assert not graph.vertex_exists([0, 0])
    assert graph.find_or_create_vertex([0, 0]) != graph.starting_vertex()
    assert graph.create_vertex([1, -2]) != vertex
    assert graph.find_vertex([1, -2]) == vertex
    assert [v.index() for v in graph] == list(range(len(graph))) == [0, 1, 2, 3]
    assert graph.vertices() == [graph.vertex_at(i) for i in range(4)]
    assert len({vertex, graph.vertex_at(1)}) == 1
    assert vertex != Graph(graph).vertex_at(1)
    assert vertex.state().tolist() == [1, -2]
    with pytest.raises(VertexNotFoundError, match=r"\[7, 7\]") as caught:
        graph.find_vertex([7, 7])
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("index", [-1, 3, 2**70, "1", 1.0])
def test_indices_past_the_ends_are_refused(index):
    with pytest.raises(ValueError, match="indices run from 0 to 2"):
        Graph(chain, ipv=[1]).vertex_at(index)


@pytest.mark.parametrize(
    "state", [[1], [1, 2, 3], [], 5, None, ["a", "b"], [2**63, 0], [math.nan, 0], [math.inf, 0]]
)
def test_states_that_cannot_be_are_refused(state):
    graph = Graph(2)
    for ask in (graph.find_or_create_vertex, graph.create_vertex, graph.find_vertex, graph.vertex_exists):
        with pytest.raises(ValueError, match="state"):
            ask(state)
    assert graph.vertices_length() == 1


@pytest.mark.parametrize(
    "weight", [0, -1.0, math.nan, math.inf, None, "1", [], [0.0], [math.nan], [[1.0]], [None]]
)
def test_weights_that_cannot_be_are_refused(weight):
    graph = Graph(chain, ipv=[[[2], 0.5]])
    twin = graph.clone()
    with pytest.raises(GraphError, match=r"the edge from state \[2\] to \[0\]"):
        graph.vertex_at(1).add_edge(graph.vertex_at(3), weight)
    with pytest.raises(GraphError, match="the edge from starting vertex"):
        graph.starting_vertex().add_edge(graph.vertex_at(2), weight)
    with pytest.raises(GraphError, match=r"the edge from state \[2\] to \[1\]"):
        graph.vertex_at(1).edges()[0].update_weight(weight)
    assert graph == twin


def test_edges_that_cannot_be_are_refused():
    graph = Graph(chain, ipv=[2])
    start, two, one, zero = graph
    with pytest.raises(GraphError, match="to itself"):
        two.add_edge(two, 1.0)
    with pytest.raises(GraphError, match="already"):
        two.add_edge(one, 1.0)
    with pytest.raises(GraphError, match="starting vertex"):
        two.add_edge(start, 1.0)
    with pytest.raises(GraphError, match="no vertex of this graph"):
        two.add_edge(Graph(graph).vertex_at(3), 1.0)
    with pytest.raises(GraphError, match="more than one"):
        start.add_edge(zero, 0.5)
    with pytest.raises(GraphError, match="a vector of coefficients"):
        two.add_edge(zero, [1.0])
    assert graph == Graph(chain, ipv=[2])
    other = Graph(coalescent_callback, ipv=[3])
    with pytest.raises(GraphError, match="a number"):
        other.vertex_at(1).add_edge(other.vertex_at(3), 1.0)
    with pytest.raises(GraphError, match="2 coefficients"):
        other.vertex_at(1).ae(other.vertex_at(3), [1.0, 2.0])


def test_edges_show_and_change_their_weights_and_targets():
    graph = Graph(models.structured_coalescent(2, 0))
    graph.update_weights([3.0, 0.5])
    vertex = graph.vertex_at(1)
    edge = vertex.edges()[0]
    assert edge.to().state().tolist() == [1, 0]
    assert (edge.weight(), vertex.rate(), vertex.edges_length()) == (3.0, 4.0, 2)
    assert edge.edge_state(2).tolist() == [1.0, 0.0]
    assert edge.edge_state(1).tolist() == [1.0]
    assert edge.coefficients_length() == 2
    assert vertex.parameterized_edges() == vertex.edges()
    assert graph.starting_vertex().parameterized_edges() == []
    assert Graph(chain, ipv=[1]).vertex_at(1).parameterized_edges() == []
    edge.update_weight([2.0, 0.0])
    assert edge.weight() == 6.0
    new = graph.create_vertex([0, 0])
    edge.update_to(new)
    assert vertex.edges()[0].to() == edge.to() == new
    with pytest.raises(GraphError, match="coefficients"):
        edge.edge_state(3)


def test_an_edge_that_was_led_elsewhere_is_no_edge_any_more():
    graph = Graph(chain, ipv=[2])
    edge, same = graph.vertex_at(1).edges()[0], graph.vertex_at(1).edges()[0]
    edge.update_to(graph.vertex_at(3))
    assert edge != same
    for question in (
        same.weight,
        same.edge_state,
        same.coefficients_length,
        lambda: same.update_weight(1.0),
        lambda: same.update_to(graph.vertex_at(3)),
    ):
        with pytest.raises(GraphError, match=r"no edge from \[2\] to \[1\] any more"):
            question()
    assert graph.expectation() == 1.0


def test_changes_after_an_answer_are_seen_by_the_next():
    graph = Graph(chain, ipv=[2])
    assert graph.expectation() == 2.0
    graph.vertex_at(1).edges()[0].update_weight(4.0)
    assert graph.expectation() == 1.25
    graph.vertex_at(1).add_edge(graph.vertex_at(3), 4.0)
    assert graph.expectation() == 0.125 + 0.5
    graph.vertex_at(3).add_edge(graph.find_or_create_vertex([-1]), 1.0)
    assert graph.expectation() == 1.625


def test_auxiliary_vertices_lead_back_at_rate_one():
    graph = Graph(chain, ipv=[1])
    vertex = graph.vertex_at(1)
    aux = vertex.add_aux_vertex(0.5)
    assert aux.is_aux()
    assert not vertex.is_aux()
    assert aux.state().tolist() == [0]
    assert [edge.weight() for edge in aux.edges()] == [1.0]
    assert graph.find_vertex([0]) != aux
    assert graph.expectation() == pytest.approx(1.5)  # one unit of time, and half a visit of length one
    vertex.set_aux()
    assert graph.clone().vertex_at(1).is_aux()
    for refused in (lambda: vertex.add_aux_vertex(-1.0), lambda: graph.starting_vertex().add_aux_vertex(1.0)):
        with pytest.raises(GraphError):
            refused()
    assert graph.vertices_length() == 4


def test_extend_explores_from_vertices_added_by_hand():
    graph = Graph(chain, ipv=[[[2], 0.5]])
    graph.starting_vertex().add_edge(graph.find_or_create_vertex([4]), 0.5)
    graph.extend()
    assert graph.states().ravel().tolist() == [0, 2, 1, 0, 4, 3]
    assert graph.expectation() == 3.0
    graph.find_or_create_vertex([9])
    graph.extend(lambda s, down: [([s[0] - down], 1.0)] if s[0] > 4 else [], down=5, vertex_index=6)
    assert [edge.to().state()[0] for edge in graph.find_vertex([9]).edges()] == [4]
    with pytest.raises(GraphError, match="has edges already"):
        graph.extend(vertex_index=1)
    with pytest.raises(GraphError, match="without a callback"):
        Graph(1).extend()


def test_extending_an_empty_graph_explores_it():
    graph = Graph(1)
    graph.starting_vertex().add_edge(graph.find_or_create_vertex([5]), 1.0)
    graph.extend(coalescent_callback)
    assert graph == Graph(coalescent_callback, ipv=[5])
    graph.find_or_create_vertex([6])
    with pytest.raises(GraphError, match="parameterised or constant"):
        graph.extend(chain)


# Theta


@given(phase_types(), st.integers(-20, 20))
def test_a_constant_graph_takes_theta_as_the_speed_of_its_clock(arrays, power):
    graph = Graph.from_arrays(arrays)
    mean = graph.expectation()
    graph.update_weights([2.0**power])  # a power of two, so the law holds to the last bit
    assert graph.expectation() == mean / 2.0**power


@given(phase_types(parameters=3), thetas(3))
def test_theta_changes_weights_and_nothing_else(arrays, theta):
    graph = Graph.from_arrays(arrays)
    before, trace = graph.arrays.content_hash, graph.trace
    assert graph.theta is None
    graph.update_weights(theta)
    assert graph.arrays.content_hash == before
    assert graph.trace is trace
    np.testing.assert_array_equal(graph.theta, theta)
    np.testing.assert_allclose(graph.weights, arrays.coefficients @ theta, rtol=1e-15)
    for vertex in graph.vertices()[1:]:
        span = slice(arrays.offsets[vertex.index()], arrays.offsets[vertex.index() + 1])
        np.testing.assert_allclose([e.weight() for e in vertex.edges()], graph.weights[span], rtol=1e-15)


@given(phase_types(parameters=2), thetas(2))
def test_callbacks_and_products_are_other_ways_from_theta_to_weights(arrays, theta):
    graph, linear = Graph.from_arrays(arrays), Graph.from_arrays(arrays)
    linear.update_weights(theta)
    graph.update_weights(theta, callback=lambda theta, coefs: float(np.dot(theta, coefs)))
    np.testing.assert_allclose(graph.weights, linear.weights, rtol=1e-14)
    graph.update_weights(theta, log=True)
    np.testing.assert_allclose(graph.weights, np.prod(arrays.coefficients * theta, axis=1), rtol=1e-12)
    first = graph.vertex_at(1)
    assert [e.weight() for e in first.edges()] == graph.weights[: first.edges_length()].tolist()


@pytest.mark.parametrize(
    "theta", [[], [1.0, 2.0], 1.0, [[1.0]], [math.nan], [math.inf], [-1.0], None, ["a"], {}]
)
@pytest.mark.parametrize("callback", [coalescent_callback, chain])
def test_a_theta_that_cannot_be_leaves_the_graph_as_it_was(theta, callback):
    graph = Graph(callback, ipv=[5])
    graph.update_weights([2.0])
    twin = graph.clone()
    with pytest.raises(ParameterError) as caught:
        graph.update_weights(theta)
    assert isinstance(caught.value, RuntimeError)
    assert graph == twin
    assert graph.expectation() == twin.expectation()


def test_theta_of_zero_leaves_no_way_to_absorption():
    graph = Graph(coalescent_callback, ipv=[3])
    graph.update_weights([0.0])
    with pytest.raises(AbsorptionError, match=r"state \[3\]"):
        graph.expectation()
    graph.update_weights([1.0])
    assert graph.expectation() == pytest.approx(4 / 3)


def test_weights_from_a_callback_that_cannot_be_are_refused():
    graph = Graph(coalescent_callback, ipv=[3])
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ParameterError, match=r"from state \[3\] to \[2\]"):
            graph.update_weights([1.0], callback=lambda theta, coefs, bad=bad: bad)
    with pytest.raises(ParameterError, match="log=True"):
        graph.update_weights([-1.0], log=True)
    with pytest.raises(GraphError, match="not from both"):
        graph.update_weights([1.0], callback=lambda theta, coefs: 1.0, log=True)


def test_coefficients_may_be_negative_as_long_as_weights_are_not():
    graph = Graph(lambda s: [([0], [1.0, -2.0])] if s[0] else [], ipv=[1])
    assert graph == graph.clone()
    with pytest.raises(ParameterError, match=r"from state \[1\] to \[0\] the weight -1"):
        graph.expectation()
    graph.update_weights([6.0, 1.0])
    assert graph.expectation() == 0.25


def test_update_ipv_sets_the_starting_edges_in_order():
    graph = Graph(chain, ipv=[[[1], 0.25], [[3], 0.75]])
    graph.update_ipv([0.5, 0.25])
    assert [edge.weight() for edge in graph.starting_vertex().edges()] == [0.5, 0.25]
    assert graph.expectation() == 0.5 + 0.75
    assert graph.defect() == 0.25
    for bad in ([0.5], [0.5, 0.6], [-0.1, 0.5], [math.nan, 0.5], 0.5, ["a", 0.5]):
        with pytest.raises(GraphError):
            graph.update_ipv(bad)
    assert graph.defect() == 0.25


def test_lengths():
    empty = Graph(3)
    assert (empty.param_length(), empty.state_length(), empty.edges_length(), len(empty)) == (0, 3, 0, 1)
    assert not empty.parameterized()
    assert Graph(coalescent).param_length() == 1
    assert Graph(coalescent).edges_length() == 6
    assert Graph(coalescent).state_length() == 4
    assert not Graph(coalescent).is_parameterized()
    assert Graph(models.structured_coalescent(1, 1)).param_length() == 2


# Numbers


@given(phase_types(), st.booleans())
def test_moments_equal_the_exact_ones(arrays, rewarded):
    rewards = (np.arange(arrays.n_vertices) % 3).astype(float) if rewarded else ()
    graph = Graph.from_arrays(arrays)
    exact = exact_moments(arrays, 3, rewards if rewarded else None)
    assert graph.moments(3, rewards) == pytest.approx(exact, rel=1e-12, abs=0.0)
    assert graph.expectation(rewards) == graph.moments(1, rewards)[0]
    assert graph.variance(rewards) == pytest.approx(exact[1] - exact[0] ** 2, rel=1e-8, abs=1e-12 * exact[1])
    both = graph.covariance(rewards, rewards)
    assert both == pytest.approx(graph.variance(rewards), rel=1e-12, abs=1e-13 * exact[1])


@given(phase_types(rates=STIFF))
def test_expectations_keep_their_digits_however_stiff_the_rates(arrays):
    exact = exact_moments(arrays, 2)
    assert Graph.from_arrays(arrays).moments(2) == pytest.approx(exact, rel=1e-12, abs=0.0)


@given(phase_types(discrete=True))
def test_discrete_moments_equal_the_exact_ones(arrays):
    graph = Graph.from_arrays(arrays)
    exact = exact_moments(arrays, 3)
    assert graph.is_discrete
    assert graph.moments(3) == pytest.approx(exact, rel=1e-12, abs=0.0)
    assert graph.variance() == pytest.approx(exact[1] - exact[0] ** 2, rel=1e-8, abs=1e-12 * exact[1])


@given(phase_types(), st.integers(-3, 3))
def test_waiting_and_sojourn_times_add_up(arrays, factor):
    graph = Graph.from_arrays(arrays)
    rewards = factor * np.arange(arrays.n_vertices, dtype=float)
    for given_rewards in ((), rewards):
        mean = graph.expectation(given_rewards)
        waiting = graph.expected_waiting_time(given_rewards)
        sojourn = graph.expected_sojourn_time(given_rewards)
        assert type(waiting) is type(sojourn) is list
        assert len(waiting) == len(sojourn) == arrays.n_vertices
        assert waiting[0] == pytest.approx(mean, rel=1e-12)
        assert sum(sojourn) == pytest.approx(mean, rel=1e-12)
        assert waiting[-1] == sojourn[-1] == sojourn[0] == 0.0


def test_rows_of_states_are_rewards():
    graph = Graph(coalescent)
    assert [graph.expectation(row) for row in graph.states().T] == pytest.approx([2.0, 1.0, 2 / 3, 0.0])
    assert graph.expectation(list(graph.states().T[0])) == graph.expectation(rewards=graph.states().T[0])
    assert graph.covariance(graph.states().T[0], graph.states().T[1]) == pytest.approx(-2 / 9)
    assert graph.covariance() == graph.variance()


@pytest.mark.parametrize(
    "rewards", [[1.0], [1.0] * 7, [[1.0] * 6], [math.nan] * 6, [math.inf] * 6, "ones", 1.0]
)
def test_rewards_that_cannot_be_are_refused(rewards):
    graph = Graph(coalescent)
    questions = (
        graph.expectation,
        graph.variance,
        graph.expected_waiting_time,
        graph.expected_sojourn_time,
        lambda r: graph.moments(2, r),
        lambda r: graph.covariance(r, [1.0] * 6),
        lambda r: graph.covariance([1.0] * 6, r),
    )
    for question in questions:
        with pytest.raises(ValueError, match="reward"):
            question(rewards)


@pytest.mark.parametrize("order", [0, -1, 1.5, "2"])
def test_moments_of_no_order_are_refused(order):
    with pytest.raises(RuntimeError, match="order"):
        Graph(coalescent).moments(order)


@pytest.mark.parametrize("mass", [1.0, 0.5, 0.25])
def test_missing_mass_collects_nothing_and_is_never_absorbed(mass):
    graph = Graph(chain, ipv=[[[7], mass]])
    assert graph.expectation() == 7.0 * mass
    assert graph.defect() == 1.0 - mass
    assert graph.cdf([0.0, math.inf]) == pytest.approx([0.0, mass])
    assert sum(graph.expected_sojourn_time()) == 7.0 * mass
    assert graph.variance() == pytest.approx(56.0 * mass - (7.0 * mass) ** 2)


def test_mass_that_starts_absorbed_is_defect_and_absorbed_at_once():
    graph = Graph(chain, ipv=[[[0], 0.5], [[2], 0.25]])
    assert graph.defect() == 0.75
    assert graph.cdf([0.0, math.inf]) == pytest.approx([0.5, 0.75])


def test_the_geometric_distribution():
    graph = Graph(1)
    first, last = graph.find_or_create_vertex([1]), graph.find_or_create_vertex([0])
    graph.starting_vertex().add_edge(first, 1)
    first.add_edge(last, 0.3)
    graph.is_discrete = True
    assert graph.expectation() == pytest.approx(1 / 0.3)
    assert graph.variance() == pytest.approx(0.7 / 0.09)
    assert graph.covariance() == pytest.approx(0.7 / 0.09)
    assert graph.moments(2) == pytest.approx([1 / 0.3, 1.7 / 0.09])
    assert graph.clone().is_discrete
    assert pickle.loads(pickle.dumps(graph)).is_discrete
    first.add_edge(graph.create_vertex([2]), 0.8)
    assert graph.is_discrete
    with pytest.raises(ParameterError, match=r"state \[1\] of a discrete graph .* 1.1"):
        graph.expectation()


def test_the_near_trap_keeps_its_digits():
    graph = Graph(1)
    start, one, two, three = graph.starting_vertex(), *(graph.focv([i]) for i in (1, 2, 3))
    start.add_edge(one, 1)
    one.add_edge(two, 1e-8)
    two.add_edge(one, 1e8)
    two.add_edge(three, 1e-8)
    assert graph.expectation() == pytest.approx(exact_moments(graph.arrays, 1)[0], rel=1e-14)
    assert graph.expectation() == pytest.approx(1e24, rel=1e-7)


def test_a_state_that_cannot_reach_absorption_is_named():
    graph = Graph(trap, ipv=[1])
    one_of_them = r"state \[[01]\] cannot reach absorption"
    for question in (
        graph.expectation,
        graph.variance,
        graph.covariance,
        graph.expected_waiting_time,
        graph.expected_sojourn_time,
        lambda: graph.moments(2),
    ):
        with pytest.raises(AbsorptionError, match=one_of_them):
            question()
    assert graph.pdf(1.0) == pytest.approx(0.0, abs=1e-12)
    assert graph.cdf([1.0, 2.0]) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_trap_that_cannot_be_reached_does_no_harm():
    graph = Graph(chain, ipv=[1])
    left, right = graph.find_or_create_vertex([10]), graph.find_or_create_vertex([11])
    left.add_edge(right, 1.0)
    right.add_edge(left, 1.0)
    assert graph.moments(2) == [1.0, 2.0]
    assert graph.expected_waiting_time() == [1.0, 1.0, 0.0, math.inf, math.inf]


def test_a_chain_that_starts_nowhere_has_no_answer():
    graph = Graph(1)
    graph.find_or_create_vertex([1]).add_edge(graph.find_or_create_vertex([0]), 1.0)
    for question in (
        graph.expectation,
        graph.variance,
        graph.defect,
        lambda: graph.pdf(1.0),
        lambda: graph.cdf(1.0),
    ):
        with pytest.raises(GraphError, match="starts nowhere"):
            question()


# Functions of time


@pytest.mark.parametrize("k", [1, 2, 5])
def test_densities_of_erlang_distributions(k):
    graph = Graph(models.erlang(k, rate=3.0))
    times = np.array([[0.0, 0.01, 0.5], [1.0, 2.0, 9.0]])
    pdf = 3.0 * (3.0 * times) ** (k - 1) * np.exp(-3.0 * times) / math.factorial(k - 1)
    cdf = 1.0 - sum((3.0 * times) ** i / math.factorial(i) for i in range(k)) * np.exp(-3.0 * times)
    np.testing.assert_allclose(graph.pdf(times), pdf, atol=1e-9)
    np.testing.assert_allclose(graph.cdf(times), cdf, atol=1e-9)
    assert type(graph.pdf(0.5)) is type(graph.cdf(0.5)) is float
    assert graph.pdf(0.5, granularity=100) == pytest.approx(pdf[0, 2], abs=1e-9)
    assert graph.pdf([]).shape == graph.cdf([]).shape == (0,)
    assert graph.pdf([1.0, 2.0]) == pytest.approx(pdf[1, :2], abs=1e-9)


def test_times_that_cannot_be():
    graph = Graph(coalescent)
    for bad in (math.nan, [1.0, math.nan], "now", None):
        for question in (graph.pdf, graph.cdf):
            with pytest.raises(ValueError, match="time"):
                question(bad)
    with pytest.raises(ValueError, match="negative time -1"):
        graph.pdf([1.0, -1.0])
    assert graph.cdf(-1.0) == 0.0
    assert graph.cdf([-1.0, math.inf]).tolist() == [0.0, pytest.approx(1.0)]
    assert graph.pdf(math.inf) == 0.0
    for bad in (math.nan, -1.0, [1.0]):
        with pytest.raises(ValueError, match="state probabilities"):
            graph.stop_probability(bad)


@settings(max_examples=25)
@given(phase_types(), st.floats(0.0, 5.0))
def test_what_has_not_stopped_is_somewhere(arrays, t):
    graph = Graph.from_arrays(arrays)
    inside = graph.stop_probability(t)
    assert graph.state_probability(t) == inside
    assert inside[0] == inside[-1] == 0.0
    assert sum(inside) + graph.cdf(t) == pytest.approx(arrays.start_weights.sum(), abs=1e-8)
    assert graph.cdf(0.0) == pytest.approx(arrays.alpha[-1], abs=1e-12)


# The graph as a value


@given(phase_types(parameters=2), thetas(2))
def test_copies_are_equal_and_independent(arrays, theta):
    graph = Graph.from_arrays(arrays)
    graph.update_weights(theta)
    makers = (
        Graph,
        Graph.clone,
        Graph.copy,
        copy.copy,
        copy.deepcopy,
        lambda g: pickle.loads(pickle.dumps(g)),
    )
    for make in makers:
        twin = make(graph)
        assert twin == graph
        assert twin.expectation() == graph.expectation()
        twin.update_weights(theta + 1.0)
        assert twin != graph
        twin = make(graph)
        twin.find_or_create_vertex([99])
        assert twin != graph
        assert not graph.vertex_exists([99])


def test_graphs_built_from_lambdas_can_be_pickled_and_extended():
    graph = pickle.loads(pickle.dumps(Graph(lambda s, k: chain(s), ipv=[2], k=1)))
    assert graph == Graph(chain, ipv=[2])
    with pytest.raises(GraphError, match="pass one"):
        graph.extend()


def test_equality_is_by_content():
    assert Graph(coalescent) == Graph(models.coalescent(4))
    assert Graph(chain, ipv=[2]) != Graph(chain, ipv=[3])
    assert Graph(chain, ipv=[2]) != Graph(chain, ipv=[[[2], 0.5]])
    assert Graph(coalescent) != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(Graph(coalescent))


@given(phase_types(cyclic=False), phase_types(rates=MILD))
def test_acyclic_graphs_are_told_from_cyclic_ones(acyclic, any_graph):
    assert Graph.from_arrays(acyclic).is_acyclic()
    cyclic = not Graph.from_arrays(any_graph).is_acyclic()
    sources = np.repeat(np.arange(any_graph.n_vertices), np.diff(any_graph.offsets))
    adjacency = np.zeros((any_graph.n_vertices,) * 2)
    adjacency[sources, any_graph.targets] = 1
    assert cyclic == bool(np.linalg.matrix_power(adjacency, any_graph.n_vertices).any())


def test_answers_and_arrays_cannot_be_changed_from_outside():
    graph = Graph(coalescent)
    for array in (graph.weights, graph.arrays.states, graph.arrays.alpha):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    graph.states()[:] = 9
    assert graph == Graph(coalescent)


# Steps


def test_flags_choose_the_layers_and_every_step_goes_through_them(monkeypatch):
    asked, taken = [], []

    def noting(name):
        def step(*arguments):
            taken.append(name)
            return getattr(BARE, name)(*arguments)

        return step

    def choose(*flags):
        asked.append(flags)
        return Steps(noting("explore"), noting("record"), noting("moments"))

    monkeypatch.setattr(phasic, "layers", SimpleNamespace(chosen_steps=choose), raising=False)
    graph = Graph(coalescent, cache_graph=True, cache_trace=True)
    assert graph.expectation() == Graph(coalescent).expectation()
    assert graph.moments(2) == graph.clone().moments(2) == Graph(graph).moments(2)
    assert taken == ["explore", "moments", "record", "moments", "moments", "moments"]
    assert set(asked) == {(True, True, False)}
    Graph(coalescent, graph_cache=True)
    assert asked[-1] == (True, False, False)
    asked.clear()
    assert Graph(coalescent).variance() == graph.variance()
    assert asked == []


def test_a_cached_moment_needs_no_factors(monkeypatch):
    stored = Steps(BARE.explore, BARE.record, lambda *_: [42.0])
    monkeypatch.setattr(phasic, "layers", SimpleNamespace(chosen_steps=lambda *_: stored), raising=False)
    monkeypatch.setattr(Graph, "factors", property(lambda self: pytest.fail("was factorised")))
    assert Graph(coalescent, cache_moments=True).expectation() == 42.0


# Importing


@pytest.mark.parametrize(
    "name", ["distribution", "graph", "initial", "matrices", "models", "state_space", "vertex"]
)
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(f"phasic.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_importing_is_light_and_writes_nothing(tmp_path):
    program = (
        "import sys, phasic\n"
        "g = phasic.Graph(phasic.models.coalescent(4))\n"
        "heavy = {'numba', 'jax', 'scipy', 'matplotlib', 'pandas', 'hashcache'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
    assert list(tmp_path.iterdir()) == []
