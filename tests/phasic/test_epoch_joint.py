"""Joint probabilities of counts under rates that change, and their growth with time."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from epochs_for_tests import generator
from models_for_tests import coalescent
from scipy.linalg import expm

from phasic import Graph, GraphError, Property, StateIndexer, models
from phasic.epochs import EpochGraph

DESCENDANTS = StateIndexer(lineages=[Property("descendants", 3, min_value=1)])


def parameterised(state, indexer=None):
    return [(new, [rate]) for new, rate in coalescent(state)]


def three():
    return Graph(parameterised, ipv=[3, 0, 0], indexer=DESCENDANTS)


def dense(rates, boundaries, mutation, limit):
    """Return the probability of each outcome by matrix exponentials of the joint graph without epochs."""
    graph = three().joint_prob_graph(tot_reward_limit=limit, mutation_rate=1.0, discrete=False)
    arrays, table = graph.arrays, graph._joint
    state = arrays.alpha
    outcome = np.zeros(arrays.n_vertices, np.bool_)
    outcome[table.vertices] = True
    for rate, length in zip(rates, [*np.diff([0.0, *boundaries]), 400.0], strict=True):
        matrix = generator(arrays, np.array([rate, mutation]))
        matrix[outcome] = 0.0  # outcomes keep what they have
        state = state @ expm(matrix * length)
    return dict(zip(map(tuple, table.counts.tolist()), state[table.vertices].tolist(), strict=True))


@pytest.mark.parametrize("discrete", [True, False])
def test_joint_probabilities_follow_the_rates_of_each_epoch(discrete):
    graph = three().add_epoch(0.4).add_epoch(1.1)
    joint = graph.joint_prob_graph(
        tot_reward_limit=2, mutation_rate=0.5, reward_only=["descendants"], discrete=discrete
    )
    assert joint.param_length() == 7
    joint.update_weights([1.0, 1.0, 6.0, 1.0, 0.25, 1.0, 0.6])
    table = joint.joint_prob_table()
    found = {tuple(row[:-1].astype(int).tolist()): row[-1] for row in table.to_numpy()}
    exact = dense([1.0, 6.0, 0.25], [0.4, 1.1], 0.3, 2)
    assert found.keys() == exact.keys()
    assert list(found.values()) == pytest.approx([exact[key] for key in found], rel=1e-10)
    assert pickle.loads(pickle.dumps(joint)).joint_prob_table().equals(table)
    assert joint.clone() == joint


def test_equal_rates_leave_joint_probabilities_as_they_are():
    plain = three()
    plain.update_weights([0.7])
    once = plain.joint_prob_graph(tot_reward_limit=2, mutation_rate=0.5).joint_prob_table()
    epochs = plain.add_epoch(0.4).add_epoch(1.1)
    twice = epochs.joint_prob_graph(tot_reward_limit=2, mutation_rate=0.5).joint_prob_table()
    columns = list(once.columns[:-1])
    sums = [table.groupby(columns)["prob"].sum() for table in (once, twice)]
    assert sums[0].index.tolist() == sums[1].index.tolist()
    np.testing.assert_allclose(sums[1], sums[0], rtol=1e-12)


def test_no_event_on_two_lineages_in_a_bottleneck():
    """The chance of no event is that of a clock with the rate of events not ringing before the end."""
    indexer = StateIndexer(lineages=[Property("descendants", 2, min_value=1)])
    pair = Graph(parameterised, ipv=[2, 0], indexer=indexer).add_epoch(0.5)
    pair.update_weights([1.0, 1.0, 8.0, 1.0])
    joint = pair.joint_prob_graph(tot_reward_limit=0, mutation_rate=0.5)
    q = math.exp(-0.5 * 2.0)
    exact = (1 - q) / 2 + q * 8 / 9
    table = joint.joint_prob_table()
    assert joint.states()[table.index, 2].tolist() == [0, 1]  # a row for each epoch in which it ends
    assert table["prob"].tolist() == pytest.approx([(1 - q) / 2, q * 8 / 9], rel=1e-12)
    assert pair.laplace_transform(1.0).expectation(pair.absorbing_state_rewards()) == pytest.approx(
        exact, rel=1e-12
    )


def test_jumps_of_a_graph_with_epochs_have_expected_values_only():
    joint = three().add_epoch(0.4).joint_prob_graph(tot_reward_limit=1)
    assert joint.is_discrete
    assert joint.expectation() == pytest.approx(sum(joint.expected_sojourn_time()))
    for ask in (
        joint.variance,
        joint.covariance,
        joint.sample,
        joint.svgd,
        joint.epoch_context,
        joint.normalize,
        lambda: joint.moments(2),
        lambda: joint.pdf(3),
        lambda: joint.stop_probability(3),
        lambda: joint.variance_discrete(),
    ):
        with pytest.raises(GraphError):
            ask()


def test_joint_graphs_take_no_epochs_and_epochs_of_transformed_graphs_no_joint():
    joint = three().joint_prob_graph(tot_reward_limit=1, discrete=False)
    with pytest.raises(GraphError, match="transform it then"):
        joint.add_epoch(1.0, parameterised)
    later = three().add_epoch(0.4).joint_prob_graph(tot_reward_limit=1, discrete=False)
    assert isinstance(later, EpochGraph)
    for refused in (
        lambda: later.add_epoch(1.0, parameterised),
        lambda: later.joint_prob_graph(tot_reward_limit=1),
        lambda: three().add_epoch(0.4).laplace_transform(1.0).joint_prob_graph(tot_reward_limit=1),
        lambda: later.reward_transform([1.0] * len(later)),
    ):
        with pytest.raises(GraphError):
            refused()


def test_outcomes_grow_with_time_to_the_table():
    plain = three()
    plain.update_weights([0.7])
    for graph in (plain, plain.add_epoch(0.4)):
        joint = graph.joint_prob_graph(tot_reward_limit=1, mutation_rate=0.5, discrete=False)
        context = joint.epoch_context()
        times = np.array([0.0, 0.3, 0.4, 1.0, 3.0, 60.0])
        found = context.cumulative_probs(times)
        assert found.shape == (6, len(joint.joint_prob_table()))
        assert not found[0].any()
        assert (np.diff(found, axis=0) >= -1e-15).all()
        np.testing.assert_allclose(found[-1], joint.joint_prob_table()["prob"], rtol=1e-9)
        np.testing.assert_allclose(context.cumulative_probs(math.inf), found[-1], rtol=1e-9)
        table = context.joint_probs_table(1.0)
        assert table.index.tolist() == joint.joint_prob_table().index.tolist()
        np.testing.assert_allclose(table["prob"], found[3], rtol=1e-14)
        assert context.cumulative_probs(tol=1e-6).sum() == pytest.approx(found[-1].sum(), abs=1e-6)
        for wrong in ([[1.0]], -1.0, math.nan):
            with pytest.raises(GraphError):
                context.cumulative_probs(wrong)
        with pytest.raises(GraphError, match="without table"):
            context.cumulative_probs([1.0], table=True)
    with pytest.raises(GraphError, match="discrete=False"):
        plain.epoch_context()


def test_outcomes_by_a_time_are_those_of_dense_exponentials():
    graph = three().joint_prob_graph(tot_reward_limit=1, mutation_rate=1.0, discrete=False)
    context = graph.epoch_context()
    context.update_weights([0.7, 0.4])
    arrays, vertices = graph.arrays, graph._joint.vertices
    matrix = generator(arrays, np.array([0.7, 0.4]))
    matrix[vertices] = 0.0
    exact = (arrays.alpha @ expm(matrix * 0.8))[vertices]
    np.testing.assert_allclose(context.cumulative_probs(0.8), exact, rtol=1e-12)
    context.update_ipv([0.5])
    np.testing.assert_allclose(context.cumulative_probs(0.8), exact / 2, rtol=1e-12)


def test_spectra_of_a_sample_have_the_expected_branch_lengths():
    """With few events, the chance of a single one is its rate times the expected length of the branches."""
    graph = Graph(models.coalescent(4)).add_epoch(0.3)
    graph.update_weights([1.0, 1.0, 9.0, 1.0])
    graph.indexer = StateIndexer(lineages=[Property("descendants", 4, min_value=1)])
    rate = 1e-6
    table = graph.joint_prob_graph(tot_reward_limit=1, mutation_rate=rate).joint_prob_table()
    for i in (1, 2, 3):
        prob = table.loc[table[f"descendants_{i}"] == 1, "prob"].sum()
        assert prob == pytest.approx(rate * graph.expectation(graph.states()[:, i - 1]), rel=1e-4)
