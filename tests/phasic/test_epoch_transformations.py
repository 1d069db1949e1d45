from __future__ import annotations

import math

import numpy as np
import pytest
from epochs_for_tests import generator, interleaved, two_times, with_epochs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, solve
from strategies import phase_types, thetas

from phasic import Graph, GraphError, models

few = settings(max_examples=8)
three = st.tuples(thetas(2), thetas(2), thetas(2))


def dense_transform(arrays, parts, times, s):
    """Return ``E[exp(-s T); not absorbed at once]``: backwards from the last epoch."""
    transient = np.diff(arrays.offsets) > 0
    blocks = []
    for theta in parts:
        rates = generator(arrays, theta)
        blocks.append((rates[np.ix_(transient, transient)], rates[np.ix_(transient, ~transient)].sum(axis=1)))
    worth = None
    for k in range(len(parts) - 1, -1, -1):
        inside, exits = blocks[k]
        killed = inside - s * np.eye(len(inside))
        ever = solve(-killed, exits)
        if worth is None:
            worth = ever
        else:
            moves = expm(killed * (times[k] - (times[k - 1] if k else 0.0)))
            worth = ever - moves @ ever + moves @ worth
    return arrays.alpha[transient] @ worth


@few
@given(phase_types(parameters=2, max_states=4), two_times, three, st.floats(0.01, 5.0))
def test_laplace_transforms_are_those_of_dense_matrices(arrays, times, parts, s):
    graph = with_epochs(arrays, times)
    graph.update_weights(interleaved(parts, times))
    exact = dense_transform(arrays, parts, times, s)
    killed = graph.laplace_transform(s)
    assert killed.expectation(graph.absorbing_state_rewards()) == pytest.approx(exact, rel=1e-8)
    assert killed.expectation(killed.absorbing_state_rewards()) == pytest.approx(exact, rel=1e-8)


@few
@given(phase_types(parameters=2, max_states=4), two_times, three, st.floats(0.0, 4.0))
def test_times_spent_are_integrals_of_state_probabilities(arrays, times, parts, t):
    graph = with_epochs(arrays, times)
    graph.update_weights(interleaved(parts, times))
    begins = (0.0, *times)
    state, spent = arrays.alpha, np.zeros(arrays.n_vertices)
    transient, n = np.diff(arrays.offsets) > 0, arrays.n_vertices
    for begin, end, theta in zip(begins, (*times, math.inf), parts, strict=True):
        if t > begin:
            block = np.zeros((2 * n, 2 * n))
            block[:n, :n], block[:n, n:] = generator(arrays, theta), np.eye(n)
            moves = expm(block * (min(t, end) - begin))
            spent = spent + state @ moves[:n, n:]
            state = state @ moves[:n, :n]
    by_state = np.zeros(n)
    np.add.at(by_state, graph.states()[:, 0], graph.accumulated_visiting_time(t))
    np.testing.assert_allclose(by_state, np.where(transient, spent, 0.0), rtol=1e-8, atol=1e-9)


def test_times_spent_end_with_sojourn_times():
    graph = Graph(models.coalescent(4)).add_epoch(0.3)
    graph.update_weights([1.0, 1.0, 4.0, 1.0])
    assert graph.accumulated_visiting_time(math.inf) == graph.expected_sojourn_time()
    assert graph.accumulated_occupancy(50.0) == pytest.approx(graph.expected_sojourn_time(), rel=1e-12)
    for wrong in (-1.0, math.nan, "soon"):
        with pytest.raises(GraphError, match="accumulated times"):
            graph.accumulated_visiting_time(wrong)


def test_steps_across_boundaries_are_exact():
    graph = Graph(models.coalescent(4)).add_epoch(0.3).add_epoch(0.7)
    graph.update_weights([1.0, 1.0, 4.0, 1.0, 0.5, 1.0])
    context = graph.distribution_context(granularity=10)
    for k in range(1, 16):
        context.step()
        t = k / 10
        assert context.time() == pytest.approx(t, rel=1e-15)
        assert context.cdf() == pytest.approx(graph.cdf(t), rel=1e-12)
        assert context.pdf() == pytest.approx(graph.pdf(t), rel=1e-12)
        np.testing.assert_allclose(context.stop_probability(), graph.stop_probability(t), atol=1e-14)
        np.testing.assert_allclose(
            context.accumulated_visiting_time(), graph.accumulated_visiting_time(t), atol=1e-14
        )
    leap = graph.distribution_context()
    leap.step(2.5)
    assert leap.cdf() == pytest.approx(graph.cdf(2.5), rel=1e-12)
    leap.step(0.0)
    graph.update_weights([1.0, 1.0, 4.0, 1.0, 2.0, 1.0])
    before = leap.cdf()
    leap.step(0.5)
    pair = np.array(leap.stop_probability())
    assert before < leap.cdf() < 1.0
    assert pair.sum() == pytest.approx(1.0 - leap.cdf(), rel=1e-12)


@few
@given(
    phase_types(parameters=2, max_states=4),
    two_times,
    three,
    st.tuples(*[st.floats(0.1, 9.0)] * 3),
)
def test_a_reward_for_each_epoch_is_another_clock(arrays, times, parts, pace):
    graph = with_epochs(arrays, times)
    graph.update_weights(interleaved(parts, times))
    rewards = np.array(pace)[graph.states()[:, -1]]
    made = graph.reward_transform(rewards)
    ends = np.cumsum([pace[0] * times[0], pace[1] * (times[1] - times[0])])
    assert made.boundaries == pytest.approx(ends.tolist(), rel=1e-14)
    assert made.moments(3) == pytest.approx(graph.moments(3, rewards), rel=1e-8)
    probability = graph.cdf([times[0] / 2, times[0], times[1], times[1] + 1.0])
    clock = [pace[0] * times[0] / 2, *ends, ends[1] + pace[2]]
    np.testing.assert_allclose(made.cdf(np.array(clock) * (1 + 1e-14)), probability, atol=1e-9)


def test_rewards_that_differ_within_an_epoch_have_no_clock():
    graph = Graph(models.coalescent(4)).add_epoch(0.5)
    with pytest.raises(GraphError, match=r"epoch 0 have rewards from 0 to 4, .* moments\(k, rewards\)"):
        graph.reward_transform(graph.states()[:, 0])
    with pytest.raises(GraphError, match="epoch 1 have rewards from 0 to 0"):
        graph.reward_transform(1.0 - graph.states()[:, -1])


def test_what_is_absorbed_at_a_boundary_has_no_rate():
    graph = Graph(models.lineages(2)).add_epoch(0.5, lambda state: [])
    with pytest.raises(GraphError, match="absorbing at a boundary"):
        graph.laplace_transform(1.0)
    with pytest.raises(GraphError, match="made of"):
        Graph(models.lineages(2)).add_epoch(0.5).laplace_transform(1.0).laplace_transform(1.0)
