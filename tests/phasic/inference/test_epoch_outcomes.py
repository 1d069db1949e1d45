"""Outcomes of joint graphs whose rates change at given times."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm, solve

from phasic import Graph, GraphError, ParameterError, Property, StateIndexer, models
from phasic.inference.problem import Problem


@pytest.fixture(scope="module")
def graph():
    indexer = StateIndexer(lineages=[Property("size", max_value=3, min_value=1)])
    return Graph(models.coalescent(3)).joint_prob_graph(indexer, reward_limit=2, discrete=False)


THETA = np.array([1.2, 0.7, 0.5, 1.1, 2.0, 0.3])
STARTS = [0.0, 0.4, 1.0]


def every_outcome(graph):
    """Return the vertices of the table, and that of all that it leaves out."""
    arrays = graph.arrays
    lone, ends = (np.flatnonzero(np.diff(arrays.offsets) == count) for count in (1, 0))
    return lone[np.isin(arrays.targets[arrays.offsets[lone]], ends)]


def dense(graph, theta, starts):
    """Return the probability of every outcome: where the chain is absorbed if outcomes are not left."""
    arrays, outcomes = graph.arrays, every_outcome(graph)
    n = arrays.n_vertices
    state = arrays.alpha.copy()
    for k, part in enumerate(theta.reshape(len(starts), -1)):
        rates = np.zeros((n, n))
        np.add.at(
            rates, (np.repeat(np.arange(n), np.diff(arrays.offsets)), arrays.targets), arrays.weights(part)
        )
        rates[outcomes] = 0.0
        np.fill_diagonal(rates, rates.diagonal() - rates.sum(axis=1))
        if k + 1 < len(starts):
            state = state @ expm(rates * (starts[k + 1] - starts[k]))
    moving = rates.diagonal() < 0.0
    spent = solve(-rates[np.ix_(moving, moving)].T, state[moving])
    return state[outcomes] + spent @ rates[np.ix_(moving, outcomes)]


def test_outcomes_over_epochs_have_the_probabilities_of_dense_exponentials(graph):
    outcomes = every_outcome(graph)
    problem = Problem(graph, outcomes, joint_index=True, epoch_starts=STARTS)
    assert problem.n_parameters == 6
    exact = dense(graph, THETA, STARTS)
    assert exact.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(np.exp(problem.terms(THETA)[0]), exact, rtol=1e-11)
    value, slopes = problem.log_likelihood(THETA)
    assert value == pytest.approx(np.log(exact).sum(), rel=1e-12)
    for i in range(6):
        h = 1e-3 * THETA[i]
        at = [np.log(dense(graph, THETA + k * h * np.eye(6)[i], STARTS)).sum() for k in (-2, -1, 1, 2)]
        assert slopes[i] == pytest.approx((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h), rel=1e-8)


def test_equal_epochs_are_none(graph):
    outcomes = graph.joint_prob_table().index.to_numpy()
    plain = Problem(graph, outcomes, joint_index=True)
    one = Problem(graph, outcomes, joint_index=True, epoch_starts=[0.0])
    three = Problem(graph, outcomes, joint_index=True, epoch_starts=STARTS)
    value, slopes = plain.log_likelihood(THETA[:2])
    assert one.log_likelihood(THETA[:2])[0] == pytest.approx(value, rel=1e-14)
    same, by_epoch = three.log_likelihood(np.tile(THETA[:2], 3))
    assert same == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(by_epoch.reshape(3, 2).sum(axis=0), slopes, rtol=1e-9, atol=1e-9)


def test_fits_over_epochs_find_the_rates_that_the_outcomes_are_from(graph):
    theta = np.array([3.0, 1.0, 0.5, 1.0])
    counts = np.round(50_000 * dense(graph, theta, [0.0, 0.3])).astype(int)
    rows = np.repeat(every_outcome(graph), counts)
    options = {"joint_index": True, "epoch_starts": [0, 0.3], "fixed": [(1, 1.0)]}
    found = graph.fit(rows, **options)
    assert found.theta == pytest.approx(theta, rel=0.05)
    assert found.theta[[1, 3]].tolist() == [1.0, 1.0]
    tied = graph.fit(
        rows, joint_index=True, epoch_starts=[0, 0.3], tied=[(0, [0, 1])], fixed=[(1, [1.0, 1.0])]
    )
    assert tied.theta[0] == tied.theta[2]
    assert tied.log_likelihood < found.log_likelihood
    posterior = graph.svgd(rows, n_iterations=20, seed=1, progress=False, parallel=1, **options)
    assert np.abs(posterior.theta_mean - found.theta)[[0, 2]] == pytest.approx(0.0, abs=3 * found.std.max())
    exposed = graph.fit(rows, exposure=2.0, exposure_param_index=0, **options)
    assert 2.0 * exposed.theta[[0, 2]] == pytest.approx(found.theta[[0, 2]], rel=1e-3)


def test_counts_are_outcomes_of_a_joint_graph(graph):
    table = graph.joint_prob_table()
    rows = table[[name for name in table.columns if name != "prob"]].to_numpy()
    by_counts = graph.fit(rows.tolist(), fixed=[(1, 1.0)])
    by_vertex = graph.fit(table.index.to_numpy(), joint_index=True, fixed=[(1, 1.0)])
    assert by_counts.theta.tolist() == by_vertex.theta.tolist()


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"epoch_starts": [0.5, 1.0]}, GraphError, "ascend from 0"),
        ({"epoch_starts": [0.0, "late"]}, GraphError, "ascend from 0"),
        ({"epoch_starts": [0.0, 0.5], "fixed": [(2, 1.0)]}, ParameterError, "0 to 1"),
        ({"epoch_starts": [0.0, 0.5], "fixed": [(1, [1.0, 2.0, 3.0])]}, ParameterError, "each of 2 epochs"),
        ({"epoch_starts": [0.0, 0.5], "tied": [[0, 2]]}, ParameterError, "epochs that share"),
        ({"epoch_starts": [0.0, 0.5], "tied": [(0, [0, 2])]}, ParameterError, "epochs that share"),
    ],
)
def test_bad_epochs_say_what_to_pass(graph, options, kind, words):
    outcomes = graph.joint_prob_table().index.to_numpy()
    with pytest.raises(kind, match=words):
        graph.fit(outcomes, joint_index=True, **options)


def test_times_have_epochs_by_add_epoch():
    graph = Graph(models.erlang(2))
    graph.update_weights([1.0])
    with pytest.raises(GraphError, match="add_epoch"):
        graph.fit([0.1, 0.2], epoch_starts=[0.0, 0.5])
