from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from models_for_tests import coalescent
from strategies import phase_types

from phasic import AbsorptionError, Graph, GraphError, models


def test_matrices_of_the_coalescent():
    ipv, sim, states, indices = Graph(coalescent).as_matrices()
    assert ipv.tolist() == [1, 0, 0, 0]
    assert sim.tolist() == [[-6, 6, 0, 0], [0, -3, 1, 2], [0, 0, -1, 0], [0, 0, 0, -1]]
    assert states.tolist() == [[4, 0, 0, 0], [2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0]]
    assert indices.tolist() == [2, 3, 4, 5]
    assert Graph(coalescent).as_matrices()._fields == ("ipv", "sim", "states", "indices")


def test_matrices_follow_theta_and_keep_vertex_order_in_cycles():
    graph = Graph(models.structured_coalescent(1, 1))
    graph.update_weights([2.0, 0.5])
    matrices = graph.as_matrices()
    assert matrices.indices.tolist() == [2, 3, 4]
    assert matrices.sim.tolist() == [[-1.0, 0.5, 0.5], [1.0, -3.0, 0.0], [1.0, 0.0, -3.0]]


@given(phase_types(), phase_types(discrete=True))
def test_matrices_of_a_graph_from_matrices_are_the_same(continuous, discrete):
    for arrays in (continuous, discrete):
        one = Graph.from_arrays(arrays).as_matrices()
        graph = Graph.from_matrices(one.ipv, one.sim, one.states, discrete=arrays.discrete)
        two = graph.as_matrices()
        for first, second in zip(one, two, strict=True):
            np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-15)
        assert graph.expectation() == pytest.approx(Graph.from_arrays(arrays).expectation(), rel=1e-9)


@given(phase_types())
def test_means_are_those_of_linear_algebra(arrays):
    graph = Graph.from_arrays(arrays)
    ipv, sim, _, _ = graph.as_matrices()
    assert graph.expectation() == pytest.approx(ipv @ np.linalg.solve(-sim, np.ones(ipv.size)), rel=1e-9)


def test_states_are_numbered_or_given():
    matrix = [[-2.0, 1.0], [0.0, -1.0]]
    assert Graph.from_matrices([1, 0], matrix).states().tolist() == [[0], [0], [1], [2]]
    labelled = Graph.from_matrices([1, 0], matrix, states=[[3, 1], [0, 7]])
    assert labelled.states().tolist() == [[0, 0], [3, 1], [0, 7], [8, 8]]
    assert labelled.as_matrices().states.tolist() == [[3, 1], [0, 7]]
    assert Graph.from_matrices([1, 0], matrix, [5, 4]).states().ravel().tolist() == [0, 5, 4, 6]


def test_rounding_of_a_row_makes_no_exit():
    matrix = [[-0.3, 0.1, 0.2], [0.1, -0.1, 0.0], [0.0, 0.2, -0.2]]
    with pytest.raises(AbsorptionError):
        Graph.from_matrices([1, 0, 0], matrix).expectation()


def test_exits_that_a_row_sum_cannot_show_can_be_given():
    matrix = [[-1e-8, 1e-8], [1e8, -1e8]]  # the diagonal has no room for 1e-8 beside 1e8
    graph = Graph.from_matrices([1, 0], matrix, exits=[0.0, 1e-8])
    assert graph.expectation() == pytest.approx(1e24, rel=1e-7)


@pytest.mark.parametrize(
    ("ipv", "sim", "keywords", "message"),
    [
        ([1.0], [[-1.0, 1.0], [0.0, -1.0]], {}, "shape"),
        ([], np.zeros((0, 0)), {}, "shape"),
        ([[1.0]], [[-1.0]], {}, "shape"),
        ([1.0], [[math.nan]], {}, "not finite"),
        (["a"], [[-1.0]], {}, "pass numbers"),
        ([1.0, 0.0], [[-1.0, 1.0], [0.0]], {}, "pass numbers"),
        ([0.5, 0.6], [[-1.0, 0.0], [0.0, -1.0]], {}, "more than one"),
        ([-0.5, 0.6], [[-1.0, 0.0], [0.0, -1.0]], {}, "between 0 and 1"),
        ([1.0, 0.0], [[-1.0, -1.0], [0.0, -1.0]], {}, "negative rate -1 in row 0, column 1"),
        ([1.0, 0.0], [[-1.0, 2.0], [0.0, -1.0]], {}, r"row 0 of sim sums to more than 0 \(by 1\)"),
        ([1.0], [[1.5]], {"discrete": True}, "more than 1"),
        ([1.0], [[-1.0]], {"states": [1, 2]}, "states have shape"),
        ([1.0], [[-1.0]], {"states": [0.5]}, "type float64"),
        ([1.0], [[-1.0]], {"exits": [-1.0]}, "exits"),
        ([1.0], [[-1.0]], {"exits": [1.0, 1.0]}, "exits"),
    ],
)
def test_matrices_that_cannot_be_are_refused(ipv, sim, keywords, message):
    with pytest.raises(GraphError, match=message):
        Graph.from_matrices(ipv, sim, **keywords)
