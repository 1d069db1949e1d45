from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from models_for_tests import chain, coalescent

from phasic import Graph, GraphError, Property, StateIndexer, models

DESCENDANTS = StateIndexer(lineages=[Property("descendants", 4, min_value=1)])
ISLANDS = StateIndexer(lineages=[Property("descendants", 2, min_value=1), Property("deme", 2, min_value=1)])


def parameterised(state, indexer=None):
    return [(new, [rate]) for new, rate in coalescent(state)]


def islands(state):
    a1, a2, b1, b2 = state.tolist()
    if a1 + a2 + b1 + b2 == 1:
        return []
    events = [
        ([a1 - 2, a2 + 1, b1, b2], [a1 * (a1 - 1) / 2, 0.0]),
        ([a1, a2, b1 - 2, b2 + 1], [b1 * (b1 - 1) / 2, 0.0]),
        ([a1 - 1, a2, b1 + 1, b2], [0.0, a1]),
        ([a1 + 1, a2, b1 - 1, b2], [0.0, b1]),
    ]
    return [(new, rate) for new, rate in events if any(rate)]


def brute_force(graph, rates, most):
    """Return the probability of each tuple of counts up to `most` in all, by one dense solve for each.

    With F_c(v) the probability of counts c from v on, and rates m_i of events:
    ``(D - W) F_c = exits [c = 0] + sum_i m_i F_(c - e_i)``, D the sum of all rates out of a state.
    """
    alpha, sim, _, indices = graph.as_matrices()
    events = rates[indices - 1]
    exits = -sim.sum(axis=1)
    system = np.diag(events.sum(axis=1)) - sim
    found = {}
    k = rates.shape[1]
    for counts in sorted(itertools.product(range(most + 1), repeat=k), key=sum):
        if sum(counts) > most:
            continue
        right = exits * (sum(counts) == 0)
        for i in range(k):
            if counts[i]:
                fewer = (*counts[:i], counts[i] - 1, *counts[i + 1 :])
                right = right + events[:, i] * found[fewer]
        found[counts] = np.linalg.solve(system, right)
    return {counts: alpha @ values for counts, values in found.items()}


def as_dict(table):
    rows = table.groupby(list(table.columns[:-1]))["prob"].sum()
    return {tuple(np.atleast_1d(key).tolist()): prob for key, prob in rows.items()}


def test_two_mutations_on_the_tree_of_four():
    """With k lineages the next event is a mutation with probability p; counts are sums of geometric ones."""
    graph = Graph(parameterised, ipv=[4, 0, 0, 0], indexer=DESCENDANTS)
    joint = graph.joint_prob_graph(tot_reward_limit=2, mutation_rate=0.1)
    table = joint.joint_prob_table()
    p = np.array([0.1 * k / (0.1 * k + k * (k - 1) / 2) for k in (4, 3, 2)])
    none = np.prod(1 - p)
    two = none * (p.sum() ** 2 + (p**2).sum()) / 2
    assert table["prob"].sum() == pytest.approx(none * (1 + p.sum()) + two, rel=1e-13)
    assert table["prob"].sum() == pytest.approx(0.988120914888816, rel=1e-13)
    # The C++ package gives 0.98352: there, outcomes at the limit lose a share 1/11 to one more mutation.
    assert none * (1 + p.sum()) + two / 1.1 == pytest.approx(0.98352, abs=5e-6)
    assert table.index.tolist() == [9, 18, 20, 23, 30, 31, 32, 33, 34, 35]
    assert table.index.name == "t_vertex_index"
    assert list(table.columns) == [*(f"descendants_{i}" for i in (1, 2, 3, 4)), "prob"]
    assert joint.vertices_length() == 39
    assert joint.param_length() == 2
    assert joint.states()[20].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert joint.is_discrete


@pytest.mark.parametrize("discrete", [True, False])
@pytest.mark.parametrize("theta", [None, [1.0, 1.0], [2.5, 0.3]])
def test_the_table_is_that_of_brute_force(theta, discrete):
    graph = Graph(parameterised, ipv=[4, 0, 0, 0])
    joint = graph.joint_prob_graph(DESCENDANTS, tot_reward_limit=3, mutation_rate=0.7, discrete=discrete)
    scale = 1.0
    if theta:
        graph.update_weights(theta[:1])
        joint.update_weights(theta)
        scale = theta[1]
    exact = brute_force(graph, 0.7 * scale * graph.states(), 3)
    found = as_dict(joint.joint_prob_table())
    assert set(found) == {counts for counts, p in exact.items() if p > 0}
    for counts, probability in found.items():
        assert probability == pytest.approx(exact[counts], rel=1e-12)


@pytest.mark.parametrize("limits", [{"reward_limit": 2}, {"reward_limit": 1, "tot_reward_limit": 2}])
def test_limits_cut_off_and_change_nothing_else(limits):
    graph = Graph(coalescent)
    joint = graph.joint_prob_graph(DESCENDANTS, mutation_rate=0.5, **limits)
    exact = brute_force(graph, 0.5 * graph.states(), 6)
    found = as_dict(joint.joint_prob_table())
    most, total = limits["reward_limit"], limits.get("tot_reward_limit", math.inf)
    assert set(found) == {c for c, p in exact.items() if p > 0 and max(c) <= most and sum(c) <= total}
    for counts, probability in found.items():
        assert probability == pytest.approx(exact[counts], rel=1e-12)
    cut = joint.vertices_length() - 3
    assert sum(found.values()) + joint.expected_sojourn_time()[cut] == pytest.approx(1.0, rel=1e-12)
    # A rate that is one number w is the vector [w], here too: theta is a factor for it and one for events.
    graph.update_weights([2.0])
    joint.update_weights([2.0, 1.0])
    slower = brute_force(graph, 0.5 * graph.states(), 6)
    for counts, probability in as_dict(joint.joint_prob_table()).items():
        assert probability == pytest.approx(slower[counts], rel=1e-12)


@pytest.mark.parametrize("only", [None, ["descendants"], ["deme"]])
def test_cycles_and_several_properties(only):
    graph = Graph(islands, ipv=[[[2, 0, 0, 0], 0.5], [[1, 0, 1, 0], 0.25]])
    joint = graph.joint_prob_graph(ISLANDS, only, mutation_rate=0.4, reward_limit=2, tot_reward_limit=3)
    theta = [1.5, 0.25, 2.0]
    graph.update_weights(theta[:2])
    joint.update_weights(theta)
    first, second, third, fourth = graph.states().T
    counted = {"descendants": [first + third, second + fourth], "deme": [first + second, third + fourth]}
    rows = [row for name in only or ["descendants", "deme"] for row in counted[name]]
    exact = brute_force(graph, 0.8 * np.array(rows).T, 3)
    table = joint.joint_prob_table()
    found = as_dict(table)
    assert set(found) == {c for c, p in exact.items() if p > 0 and max(c) <= 2}
    for counts, probability in found.items():
        assert probability == pytest.approx(exact[counts], rel=1e-12)
    if only:
        assert len(table) == len(found)
        assert joint.states()[table.index, 4:].tolist() == table.iloc[:, :-1].to_numpy().tolist()
    assert joint.clone().joint_prob_table().equals(table)


def test_probabilities_of_a_graph_with_missing_mass_and_absorbed_starts():
    counts = StateIndexer(lineages=[Property("k", 1, min_value=1)])
    graph = Graph(chain, ipv=[[[1], 0.5], [[0], 0.25]])
    table = graph.joint_prob_graph(counts, tot_reward_limit=40).joint_prob_table()
    assert as_dict(table)[(0,)] == pytest.approx(0.25 + 0.25)
    assert as_dict(table)[(2,)] == pytest.approx(0.5 / 8)
    assert table["prob"].sum() == pytest.approx(0.75)


def test_what_has_no_joint_graph_is_refused():
    graph = Graph(models.coalescent(4))
    for arguments, message in [
        ({"tot_reward_limit": 2}, "pass a StateIndexer"),
        ({"indexer": DESCENDANTS}, "one of them must be finite"),
        ({"indexer": DESCENDANTS, "reward_limit": -1}, "one of them must be finite"),
        ({"indexer": DESCENDANTS, "reward_limit": 1, "mutation_rate": -1.0}, "mutation_rate is -1"),
        ({"indexer": DESCENDANTS, "reward_limit": 1, "mutation_rate": math.nan}, "mutation_rate is nan"),
        ({"indexer": DESCENDANTS, "reward_limit": 1, "reward_only": ["x"]}, "no property 'x'"),
        ({"indexer": DESCENDANTS.append(StateIndexer("more")), "reward_limit": 1}, "states of length 5"),
    ]:
        with pytest.raises(GraphError, match=message):
            graph.joint_prob_graph(**arguments)
    with pytest.raises(GraphError, match="joint_prob_graph made"):
        graph.joint_prob_table()
    with pytest.raises(GraphError, match="events happen in time"):
        graph.discretize(0.1).joint_prob_graph(DESCENDANTS, reward_limit=1)
    below = StateIndexer(lineages=[Property("k", 0)])
    with pytest.raises(GraphError, match="negative"):
        Graph(lambda s: [([s[0] + 1], 1.0)] if s[0] < 0 else [], ipv=[-2]).joint_prob_graph(
            below, reward_limit=1
        )
