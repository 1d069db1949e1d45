"""Outcomes as functions of JAX against dense algebra in complex steps, and against the likelihood of fits."""

from __future__ import annotations

import numpy as np
import pytest

from phasic import Graph, Property, StateIndexer, models
from phasic.errors import GraphError, ParameterError
from phasic.inference.parts import outcome_vertices
from phasic.inference.problem import Problem

jax = pytest.importorskip("jax")
jnp = jax.numpy

THETA = np.array([1.0, 0.7])


@pytest.fixture(scope="module", params=["rates", "shares"])
def graph(request):
    indexer = StateIndexer(lineages=[Property("size", max_value=4, min_value=1)])
    made = Graph(models.coalescent(4)).joint_prob_graph(
        indexer, reward_limit=2, discrete=request.param == "shares"
    )
    made.update_weights(THETA)
    return made


def exact(graph, theta):
    """Return the expected number of visits to every vertex, theta complex or not."""
    arrays = graph.arrays
    weights, n = arrays.coefficients @ theta, arrays.n_vertices
    source = np.repeat(np.arange(n), np.diff(arrays.offsets))
    leave = np.zeros(n, weights.dtype)
    np.add.at(leave, source, weights)
    matrix = np.zeros((n, n), weights.dtype)
    np.add.at(matrix, (source, arrays.targets), weights / leave[source])
    return arrays.alpha @ np.linalg.inv(np.eye(n) - matrix)


def test_probabilities_and_derivatives_are_those_of_dense_algebra(graph):
    vertices = graph.joint_prob_table().index.to_numpy()
    f = Graph.pmf_from_graph_joint_index(graph)
    slopes = np.stack([exact(graph, THETA + 1e-30j * e).imag / 1e-30 for e in np.eye(2)], axis=-1)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(THETA, vertices), exact(graph, THETA)[vertices], rtol=1e-12)
        np.testing.assert_allclose(f(THETA, vertices), graph.joint_prob_table()["prob"], rtol=1e-12)
        for make in (jax.jacfwd, jax.jacrev):
            found = make(f)(jnp.array(THETA), vertices)
            np.testing.assert_allclose(found, slopes[vertices], rtol=1e-11, atol=1e-15)


def test_the_likelihood_of_a_fit_is_the_sum_of_logarithms(graph):
    seen = np.repeat(graph.joint_prob_table().index.to_numpy(), 3)[2:]
    f = Graph.pmf_from_graph_joint_index(graph)
    value, slopes = Problem(graph, seen, joint_index=True).log_likelihood(THETA)
    with jax.enable_x64(True):
        found, along = jax.value_and_grad(lambda theta: jnp.log(f(theta, seen)).sum())(jnp.array(THETA))
    np.testing.assert_allclose(found, value, rtol=1e-12)
    np.testing.assert_allclose(along, slopes, rtol=1e-10, atol=1e-12)


def test_jit_grad_and_vmap_compose_and_vertices_are_traced(graph):
    vertices = graph.joint_prob_table().index.to_numpy()
    f = Graph.pmf_from_graph_joint_index(graph)
    thetas = jnp.array([THETA, 2 * THETA[::-1]])
    slope = jax.grad(lambda theta, vertices: jnp.log(f(theta, vertices)).sum())
    found = jax.jit(jax.vmap(slope, (0, None)))(thetas, vertices)
    np.testing.assert_allclose(found, [slope(theta, vertices) for theta in thetas], rtol=1e-5)
    assert f(THETA, int(vertices[0])).shape == ()
    n = graph.vertices_length()
    strange = jax.jit(f)(THETA, jnp.array([0, -1, n, n + 5, -n, vertices[0]]))
    np.testing.assert_array_equal(np.isnan(strange), [True] * 5 + [False])


def test_what_could_not_be_observed_takes_its_probability_with_it(graph):
    table = graph.joint_prob_table()
    vertices, probability = table.index.to_numpy(), table["prob"].to_numpy()
    (beyond,) = set(outcome_vertices(graph.arrays)) - set(vertices)
    some = Graph.pmf_from_graph_joint_index(graph, exclude_vertices=vertices[:2])
    within = Graph.pmf_from_graph_joint_index(graph, exclude_vertices=[*vertices[:2], beyond])
    with jax.enable_x64(True):
        np.testing.assert_allclose(some(THETA, beyond), (1 - probability.sum()) / (1 - probability[:2].sum()))
        found = np.array(some(THETA, vertices))
        np.testing.assert_allclose(found[2:], probability[2:] / (1 - probability[:2].sum()), rtol=1e-12)
        np.testing.assert_array_equal(found[:2], 0.0)
        found = np.array(within(THETA, vertices))
        np.testing.assert_allclose(found[2:], probability[2:] / probability[2:].sum(), rtol=1e-12)
        assert abs(np.array(jax.jacrev(within)(jnp.array(THETA), vertices)).sum(axis=0)).max() < 1e-14


def test_observed_outcomes_and_known_parameters_may_be_given_before(graph):
    vertices = graph.joint_prob_table().index.to_numpy()
    f = Graph.pmf_from_graph_joint_index(graph)
    g = Graph.pmf_from_graph_joint_index(graph, fixed_mask=[1, 0], observed_indices=vertices[:3])
    np.testing.assert_array_equal(g(THETA), f(THETA, vertices[:3]))
    slopes, all_slopes = jax.jacrev(g)(jnp.array(THETA)), jax.jacrev(f)(jnp.array(THETA), vertices[:3])
    assert not np.array(slopes)[:, 0].any()
    np.testing.assert_array_equal(slopes[:, 1], all_slopes[:, 1])


def test_what_is_not_known_is_refused(graph):
    f = Graph.pmf_from_graph_joint_index(graph)
    vertices = graph.joint_prob_table().index.to_numpy()
    assert np.isnan(f(-THETA, vertices)).all()
    with pytest.raises(GraphError, match="vertex 1 is no outcome"):
        f(THETA, [1])
    with pytest.raises(GraphError, match="pass the vertices"):
        f(THETA)
    with pytest.raises(GraphError, match="no rewards"):
        f(THETA, vertices, rewards=[1.0])
    with pytest.raises(ParameterError, match="fixed_mask"):
        Graph.pmf_from_graph_joint_index(graph, fixed_mask=[1])
    with pytest.raises(GraphError, match="is no outcome"):
        Graph.pmf_from_graph_joint_index(graph, exclude_vertices=[0])
