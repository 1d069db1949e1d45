"""Probabilities of visiting vertices are those of dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import trap
from strategies import MILD, phase_types

from phasic import Graph, GraphError, models

few = settings(max_examples=40)


def dense(graph, targets):
    """Solve for the chance of reaching `targets` from each vertex, one of whose rows each says h = P h."""
    arrays, weights = graph.arrays, graph.weights
    n = arrays.n_vertices
    system, right = np.eye(n), np.zeros(n)
    for v in range(1, n):
        here = slice(arrays.offsets[v], arrays.offsets[v + 1])
        if v in targets:
            right[v] = 1.0
        elif here.stop > here.start:
            np.subtract.at(system[v], arrays.targets[here], weights[here] / weights[here].sum())
    found = np.linalg.solve(system, right)
    found[0] = arrays.alpha @ found
    return found


@few
@given(phase_types(rates=MILD), st.data())
def test_chances_are_those_of_dense_algebra(arrays, data):
    graph = Graph.from_arrays(arrays)
    vertices = st.integers(1, arrays.n_vertices - 1)
    targets = data.draw(st.lists(vertices, min_size=1, max_size=3))
    found = graph.backward_probabilities(targets)
    np.testing.assert_allclose(found, dense(graph, targets), rtol=1e-10, atol=1e-12)


@few
@given(phase_types(rates=MILD), st.data())
def test_what_collects_no_reward_is_the_atom_of_the_reward(arrays, data):
    graph = Graph.from_arrays(arrays)
    n = arrays.n_vertices
    rewards = data.draw(st.lists(st.sampled_from([0.0, 0.5, 2.0]), min_size=n, max_size=n))
    visited = graph.reward_visit_probability(rewards)
    missing = 1.0 - arrays.alpha.sum()
    assert visited == pytest.approx(1.0 - missing - graph.reward_transform(rewards).cdf(0.0), abs=1e-12)


def test_chances_at_another_theta_leave_the_graph_as_it_is():
    graph = Graph(lambda s: [([1], [1.0, 0.0]), ([2], [0.0, 1.0])] if s[0] == 0 else [], ipv=[0])
    assert graph.backward_probabilities([3]).tolist() == [0.5, 0.5, 0.0, 1.0]
    middle = Graph(
        lambda s: (
            [([1], [1.0, 0.0]), ([2], [0.0, 1.0])]
            if s[0] == 0
            else ([([2], [1.0, 0.0])] if s[0] == 1 else [])
        ),
        ipv=[0],
    )
    rewards = [0.0, 0.0, 1.0, 0.0]
    assert middle.reward_visit_probability(rewards, theta=[3.0, 1.0]) == 0.75
    assert middle.reward_visit_probability(rewards) == 0.5
    assert middle.reward_visit_probability([0.0] * 4) == 0.0
    assert middle.theta is None


def test_chances_are_known_where_absorption_is_not_certain():
    graph = Graph(trap, ipv=[1])
    assert graph.backward_probabilities([2]).tolist() == [1.0, 1.0, 1.0]


def test_vertices_that_are_not_there_are_refused():
    graph = Graph(models.lineages(3))
    for wrong in ([], [0], [4], [1.5], [[1]], "a"):
        with pytest.raises(GraphError, match=r"target_vertices are .* from 1 to 3"):
            graph.backward_probabilities(wrong)
