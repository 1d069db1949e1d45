"""Probabilities of outcomes matched, against closed forms and maximum likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from phasic import Graph, Property, StateIndexer
from phasic.errors import GraphError, ParameterError
from phasic.inference.probability_matching import probabilities

pytest.importorskip("pandas")


def joint(limit=3):
    """Two lineages that merge at rate theta[0], with events at rate theta[1] on each."""
    indexer = StateIndexer(size=[Property("k", min_value=1, max_value=2)])

    def merge(state):
        return [([0, 1], [1.0])] if state[0] == 2 else []

    return Graph(merge, ipv=[2, 0]).joint_prob_graph(indexer, tot_reward_limit=limit)


def outcomes(graph, theta, n):
    graph.update_weights(theta)
    table = graph.joint_prob_table()
    counts = np.round(n * table["prob"].to_numpy()).astype(int)
    return np.repeat(table.iloc[:, :-1].to_numpy(), counts, axis=0)


def test_probabilities_are_those_of_the_table_and_slopes_those_of_differences():
    graph = joint()
    graph.update_weights([1.0, 0.7])
    vertices = graph._joint.vertices
    problem = graph._problem(vertices, None, None, None, None, joint_index=True)
    found, slopes = probabilities(problem, vertices, np.array([1.0, 0.7]))
    np.testing.assert_allclose(found, graph.joint_prob_table()["prob"], rtol=1e-12)
    for i in range(2):
        step = 1e-6 * np.eye(2)[i]
        up, down = (probabilities(problem, vertices, np.array([1.0, 0.7]) + s)[0] for s in (step, -step))
        np.testing.assert_allclose(slopes[:, i], (up - down) / 2e-6, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("weighted", [True, False])
def test_frequencies_that_are_probabilities_give_theta_back(weighted):
    graph = joint(limit=40)
    seen = outcomes(graph, [1.0, 0.7], 200_000)
    graph.update_weights([3.0, 3.0])
    found = graph.probability_matching(seen, fixed=[(0, 1.0)], weighted=weighted)
    np.testing.assert_allclose(found.theta, [1.0, 0.7], rtol=1e-3)
    assert found.std[0] == 0.0
    assert found.prior[0] is None
    assert found.prior[1].mean == pytest.approx(found.theta[1])
    assert found.prior[1].std == pytest.approx(2.0 * found.std[1])
    np.testing.assert_allclose(found.model_probs, found.empirical_probs, atol=1e-4)
    assert found.unique_indices.tolist() == graph._joint.vertices.tolist()
    assert graph.theta.tolist() == [3.0, 3.0]


def test_errors_are_those_of_maximum_likelihood():
    """Counts of events before a merger are geometric, whose information has a closed form."""
    graph = joint(limit=60)
    seen = outcomes(graph, [1.0, 0.5], 50_000)
    found = graph.probability_matching(seen, fixed=[(0, 1.0)])
    # With p = 1 / (1 + 2 theta), the information of one count is 1 / (p^2 (1 - p)) by p.
    p = 0.5
    std = np.sqrt(p * p * (1.0 - p) / len(seen)) / (2.0 * p * p)
    np.testing.assert_allclose(found.theta[1], 0.5, rtol=5e-3)
    np.testing.assert_allclose(found.std[1], std, rtol=0.02)


def test_bad_outcomes_are_refused_by_name():
    graph = joint()
    width = len(graph._joint.names)
    with pytest.raises(GraphError, match=r"observation 1 is .* raise its limits"):
        graph.probability_matching([[0] * width, [9] * width])
    with pytest.raises(GraphError, match=f"pass rows of {width} counts"):
        graph.probability_matching([[0] * (width + 1)])
    with pytest.raises(GraphError, match="only a graph that joint_prob_graph made"):
        Graph(lambda state: [([0], [1.0])] if state[0] else [], ipv=[1]).probability_matching([[0]])
    with pytest.raises(ParameterError, match="cannot tell 2 parameters"):
        joint(limit=0).probability_matching([[0] * width])
