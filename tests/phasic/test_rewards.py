from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent, exact_moments, trap
from scipy.linalg import expm
from strategies import MILD, STIFF, phase_types, thetas

import phasic.transformations
from phasic import AbsorptionError, Graph, GraphError, models

few = settings(max_examples=20)
some_rewards = st.lists(st.one_of(st.just(0.0), MILD), min_size=9, max_size=9).map(np.array)
whole_rewards = st.lists(st.integers(0, 3), min_size=9, max_size=9).map(np.array)


def dense(arrays, rewards=None):
    """Return alpha and S of the reward, zero-reward states censored by dense algebra."""
    alpha, sim, _, indices = Graph.from_arrays(arrays).as_matrices()
    if rewards is None:
        return alpha, sim
    r = rewards[indices - 1]
    kept, gone = r > 0, r == 0
    through = np.linalg.solve(-sim[np.ix_(gone, gone)], sim[np.ix_(gone, kept)])
    sim_kept = (sim[np.ix_(kept, kept)] + sim[np.ix_(kept, gone)] @ through) / r[kept][:, None]
    return alpha[kept] + alpha[gone] @ through, sim_kept


@few
@given(phase_types(), some_rewards)
def test_the_transformed_time_has_the_moments_of_the_reward(arrays, rewards):
    rewards = rewards[: arrays.n_vertices]
    graph = Graph.from_arrays(arrays)
    transformed = graph.reward_transform(rewards)
    exact = exact_moments(arrays, 3, rewards)
    assert transformed.moments(3) == pytest.approx(exact, rel=1e-12, abs=0.0)
    assert exact_moments(transformed.arrays, 3) == pytest.approx(exact, rel=1e-12, abs=0.0)


@few
@given(phase_types(rates=STIFF), some_rewards)
def test_elimination_keeps_digits_however_stiff_the_rates(arrays, rewards):
    rewards = rewards[: arrays.n_vertices]
    transformed = Graph.from_arrays(arrays).reward_transform(rewards)
    assert transformed.moments(2) == pytest.approx(exact_moments(arrays, 2, rewards), rel=1e-12, abs=0.0)


@few
@given(phase_types(), some_rewards, st.floats(0.0, 4.0))
def test_the_transformed_distribution_is_that_of_dense_algebra(arrays, rewards, t):
    rewards = rewards[: arrays.n_vertices]
    transformed = Graph.from_arrays(arrays).reward_transform(rewards)
    alpha, sim = dense(arrays, rewards)
    survival = (alpha @ expm(sim * t)).sum() if alpha.size else 0.0
    assert transformed.cdf(t) == pytest.approx(arrays.start_weights.sum() - survival, abs=1e-8)
    at_once = arrays.start_weights.sum() - alpha.sum()
    assert transformed.cdf(0.0) == pytest.approx(at_once, abs=1e-10)
    missing = 1.0 - arrays.start_weights.sum()
    assert transformed.defect() == pytest.approx(missing + at_once, abs=1e-10)


def test_tripletons_of_four_have_an_atom_of_one_third():
    graph = Graph(coalescent)
    transformed = graph.reward_transform(graph.states().T[2])
    assert transformed.states().tolist() == [[0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    assert transformed.cdf(0.0) == pytest.approx(1 / 3)
    assert transformed.defect() == pytest.approx(1 / 3)
    assert not transformed.is_discrete
    assert graph == Graph(coalescent)


def test_rewards_that_are_all_zero_leave_nothing_to_wait_for():
    transformed = Graph(coalescent).reward_transform(np.zeros(6))
    assert transformed.vertices_length() == 2
    assert transformed.moments(2) == [0.0, 0.0]
    assert transformed.variance() == 0.0
    assert transformed.defect() == transformed.cdf(0.0) == transformed.cdf(1.0) == 1.0


@few
@given(phase_types(), st.integers(-9, 9))
def test_equal_rewards_change_the_unit_of_time(arrays, power):
    graph = Graph.from_arrays(arrays)
    reward = np.full(arrays.n_vertices, 2.0**power)
    reward[0] = 7.0  # of no effect
    assert graph.reward_transform(reward).expectation() == graph.expectation() * 2.0**power
    assert graph.reward_transform([]).arrays == arrays
    assert graph.reward_transform(np.ones(arrays.n_vertices), validate_rewards=False).arrays == arrays


@few
@given(phase_types(parameters=2), thetas(2), thetas(2), st.lists(MILD, min_size=9, max_size=9))
def test_theta_stays_a_parameter_where_all_rewards_are_positive(arrays, first, second, rewards):
    rewards = np.array(rewards[: arrays.n_vertices])
    graph = Graph.from_arrays(arrays)
    graph.update_weights(first)
    transformed = graph.reward_transform(rewards)
    assert transformed.expectation() == pytest.approx(graph.expectation(rewards), rel=1e-12)
    for one in (graph, transformed):
        one.update_weights(second)
    assert transformed.expectation() == pytest.approx(graph.expectation(rewards), rel=1e-12)


@few
@given(phase_types(parameters=1), some_rewards, st.floats(0.1, 9.0))
def test_a_single_theta_stays_a_parameter_whatever_the_rewards(arrays, rewards, theta):
    rewards = rewards[: arrays.n_vertices]
    graph = Graph.from_arrays(arrays)
    graph.update_weights([3.0])
    transformed = graph.reward_transform(rewards)
    assert transformed.expectation() == pytest.approx(graph.expectation(rewards), rel=1e-12)
    assert transformed.is_parameterized()
    for one in (graph, transformed):
        one.update_weights([theta])
    assert transformed.expectation() == pytest.approx(graph.expectation(rewards), rel=1e-12)


@few
@given(phase_types(parameters=2), thetas(2), some_rewards)
def test_otherwise_weights_are_those_at_the_current_theta(arrays, theta, rewards):
    rewards = rewards[: arrays.n_vertices]
    rewards[1] = 0.0
    graph = Graph.from_arrays(arrays)
    graph.update_weights(theta)
    transformed = graph.reward_transform(rewards)
    assert transformed.expectation() == pytest.approx(graph.expectation(rewards), rel=1e-12)
    assert not transformed.is_parameterized()
    graph.update_weights(theta, callback=lambda theta, c: float(c @ theta) ** 2 + 0.5)
    transformed = graph.reward_transform(rewards)
    assert transformed.expectation() == pytest.approx(graph.expectation(rewards), rel=1e-12)


@few
@given(phase_types(discrete=True), whole_rewards)
def test_transformed_steps_have_the_moments_of_the_reward(arrays, rewards):
    rewards = rewards[: arrays.n_vertices]
    graph = Graph.from_arrays(arrays)
    transformed = graph.reward_transform(rewards)
    assert transformed.is_discrete
    exact = exact_moments(arrays, 3, rewards)
    assert transformed.moments(3) == pytest.approx(exact, rel=1e-11, abs=0.0)
    assert transformed.variance() == pytest.approx(graph.variance(rewards), rel=1e-9, abs=1e-10)
    assert all(transformed.vertex_at(v).is_aux() for v in transformed.auxiliary)


def test_multiples_of_a_geometric_number_of_steps():
    graph = Graph(lambda s: [([0], 0.3)] if s[0] else [], ipv=[1])
    twin = graph.reward_transform_discrete([0, 3, 0])
    assert not graph.is_discrete
    graph.is_discrete = True
    transformed = graph.reward_transform([0, 3, 0])
    assert twin == transformed
    k = np.arange(13)
    geometric = np.where((k > 0) & (k % 3 == 0), 0.3 * 0.7 ** (k / 3 - 1), 0.0)
    np.testing.assert_allclose(transformed.pdf(k), geometric, rtol=1e-13)
    assert transformed.is_acyclic() is False
    sure = Graph(chain, ipv=[2])
    sure.is_discrete = True
    assert sure.reward_transform([0, 3, 2, 0]).pdf([4, 5, 6]).tolist() == [0.0, 1.0, 0.0]
    assert sure.reward_transform([0, 3, 2, 0]).is_acyclic()


def test_rewards_that_cannot_be_transformed_are_refused():
    graph = Graph(chain, ipv=[2])
    with pytest.raises(GraphError, match=r"reward of vertex 1 with state \[2\] is -1"):
        graph.reward_transform([0, -1, 1, 0])
    for wrong in ([1.0], [np.nan] * 4, "ones"):
        with pytest.raises(GraphError, match="reward"):
            graph.reward_transform(wrong)
    graph.is_discrete = True
    with pytest.raises(GraphError, match=r"state \[1\] is 0.5.*whole"):
        graph.reward_transform([0, 1, 0.5, 0])
    with pytest.raises(GraphError, match="takes a vertex"):
        graph.reward_transform([0, 1e9, 1, 0])
    with pytest.raises(AbsorptionError, match="cannot reach absorption"):
        Graph(trap, ipv=[1]).reward_transform([0, 1, 0])


def test_a_trap_that_cannot_be_reached_does_no_harm():
    graph = Graph(chain, ipv=[1])
    left, right = graph.find_or_create_vertex([10]), graph.find_or_create_vertex([11])
    left.add_edge(right, 1.0)
    right.add_edge(left, 1.0)
    for rewards in ([0, 1, 0, 0, 0], [0, 2, 0, 1, 0], [0, 2, 0, 1, 1], [0, 0, 0, 1, 0]):
        assert graph.reward_transform(rewards).expectation() == rewards[1]


def test_large_coalescents_are_transformed():
    graph = Graph(models.coalescent(16))
    for i in (0, 3, 14):
        transformed = graph.reward_transform(graph.states().T[i])
        assert transformed.expectation() == pytest.approx(2 / (i + 1), rel=1e-12)


def test_examples_in_docstrings_run():
    result = doctest.testmod(phasic.transformations)
    assert result.attempted > 0
    assert result.failed == 0
