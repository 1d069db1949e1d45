from __future__ import annotations

import math
from dataclasses import replace

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, trap
from scipy.integrate import quad
from strategies import MILD, STIFF, phase_types, thetas

from phasic import Graph, GraphError, PhasicError, models

few = settings(max_examples=20)


def laplace(graph, s):
    return graph.laplace_transform(s).expectation(graph.absorbing_state_rewards())


@pytest.mark.parametrize("s", [0.0, 1e-9, 0.5, 3.0, 1e6])
@pytest.mark.parametrize("rate", [0.4, 1.0, 1e-3, 1e5])
def test_the_recipe_is_right_for_any_exit_rate(rate, s):
    assert laplace(Graph(models.erlang(3, rate=rate)), s) == pytest.approx(
        (rate / (rate + s)) ** 3, rel=1e-13
    )


@few
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 50.0))
def test_the_transform_is_that_of_dense_algebra(seed, s):
    model = oracle.random_model(seed, spread=3)
    arrays = Graph.from_matrices([1.0], [[-1.0]]).arrays
    arrays = replace(
        arrays,
        states=np.arange(model.n)[:, None],
        start_targets=np.arange(model.n),
        start_weights=model.alpha,
        offsets=model.offsets,
        targets=model.targets,
        coefficients=model.weights[:, None],
    )
    with mpmath.workdps(60):
        matrix, exits = oracle.generator(model)
        solved = mpmath.lu_solve(mpmath.mpf(s) * mpmath.eye(matrix.rows) - matrix, exits)
        exact = float((oracle.start(model) * solved)[0])
    graph = Graph.from_arrays(arrays)
    assert laplace(graph, s) == pytest.approx(exact, rel=1e-12)


@few
@given(phase_types(rates=MILD), st.floats(0.1, 5.0))
def test_the_transform_is_the_integral_of_the_density(arrays, s):
    graph = Graph.from_arrays(arrays)
    scale = graph.expectation() + 1.0
    integral = quad(lambda u: math.exp(-s * u * scale) * graph.pdf(u * scale) * scale, 0, 40.0, limit=200)[0]
    rest = math.exp(-s * 40.0 * scale) * graph.survival(40.0 * scale)  # at most, of all that comes later
    assert integral - 1e-6 <= laplace(graph, s) <= integral + rest + 1e-6


@few
@given(phase_types(parameters=3, rates=STIFF), thetas(3), st.floats(0.0, 9.0))
def test_the_rate_of_the_transform_does_not_follow_theta(arrays, theta, s):
    graph = Graph.from_arrays(arrays)
    early = graph.laplace_transform(s)
    assert early.param_length() == 3
    graph.update_weights(theta)
    early.update_weights(theta)
    late = graph.laplace_transform(s)
    rewards = graph.absorbing_state_rewards()
    for transformed in (early, late, early.clone()):
        np.testing.assert_array_equal(transformed.absorbing_state_rewards(), rewards)
        assert transformed.expectation(rewards) == pytest.approx(laplace(graph, s), rel=1e-14)
    assert Graph(models.coalescent(4)).expectation() == pytest.approx(1.5)  # nothing sticks


def test_weights_from_a_callback_do_not_change_the_rate_of_the_transform():
    graph = Graph(lambda s: [([s[0] - 1], [2.0])] if s[0] else [], ipv=[2])
    graph.update_weights([3.0], callback=lambda theta, c: float(theta[0] + c[0]))
    assert laplace(graph, 0.5) == pytest.approx((5.0 / 5.5) ** 2)
    transformed = graph.laplace_transform(0.5)
    np.testing.assert_array_equal(transformed.absorbing_state_rewards(), [0.0, 0.0, 5.0, 0.0])


def test_mass_that_starts_absorbed_is_added_by_hand():
    graph = Graph(chain, ipv=[[[1], 0.5], [[0], 0.25]])
    assert laplace(graph, 3.0) + graph.cdf(0.0) == pytest.approx(0.5 * 0.25 + 0.25)


def test_a_chain_that_may_never_be_absorbed_has_a_transform():
    graph = Graph(trap, ipv=[1])
    graph.vertex_at(1).add_edge(graph.find_or_create_vertex([5]), 1.0)
    other, lost = graph.find_or_create_vertex([7]), graph.find_or_create_vertex([8])
    graph.vertex_at(1).add_edge(other, 1.0)
    other.add_edge(lost, 1.0)
    lost.add_edge(other, 1.0)
    with pytest.raises(PhasicError, match="cannot reach absorption"):
        graph.expectation()
    assert laplace(graph, 1e-12) == pytest.approx(0.5)


@pytest.mark.parametrize("s", [-1.0, math.nan, math.inf, "fast", None, 1j])
def test_places_that_cannot_be_are_refused(s):
    with pytest.raises(GraphError, match="Laplace transform was asked for at"):
        Graph(chain, ipv=[2]).laplace_transform(s)


def test_graphs_without_a_laplace_transform_are_refused():
    with pytest.raises(GraphError, match="no absorbing vertex"):
        Graph(trap, ipv=[1]).laplace_transform(1.0)
    graph = Graph(chain, ipv=[2])
    with pytest.raises(GraphError, match="made of"):
        graph.laplace_transform(1.0).laplace_transform(1.0)
    with pytest.raises(GraphError, match="change that one"):
        graph.laplace_transform(1.0).find_or_create_vertex([9])
    graph.is_discrete = True
    with pytest.raises(GraphError, match="counts steps"):
        graph.laplace_transform(1.0)
