"""Functions of JAX for rewards against complex steps through the dense transformation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from phasic import Graph, models
from phasic.errors import GraphError, ParameterError, PhasicError
from phasic.inference.problem import Problem

jax = pytest.importorskip("jax")
jnp = jax.numpy

THETA = np.array([2.0, 0.3])
TIMES = np.array([0.0, 0.02, 0.1, 0.5, 1.0, 1.0, 2.0, 5.0, 9.0])


def islands(state):
    a, b = state
    if a + b <= 1:
        return []
    moves = [
        ([a - 1, b], [a * (a - 1) / 2, 0.0]),
        ([a, b - 1], [b * (b - 1), 0.0]),
        ([a - 1, b + 1], [0.0, a]),
        ([a + 1, b - 1], [0.0, 2 * b]),
    ]
    return [(to, rates) for to, rates in moves if min(to) >= 0 and max(rates) > 0.0]


def steps(state):
    """Three states and two ways out, not each of which passes the middle one."""
    if state[0] <= 0:
        return []
    return [([state[0] - 1], [0.1, 0.0]), ([-1], [0.0, 0.2])]


def graph_of(name):
    graph = Graph(islands, ipv=[3, 0]) if name == "islands" else Graph(steps, ipv=[[[3], 0.6], [[2], 0.4]])
    graph.is_discrete = name == "steps"
    return graph


def rewards_of(graph):
    """Return rows of rewards: all ones, some zero, and in a continuous graph any size."""
    states = graph.states()
    if graph.is_discrete:
        return np.array([np.ones(len(graph)), states[:, 0] == 2, states[:, 0] != 3], np.float64)
    return np.array([np.ones(len(graph)), states[:, 1], states[:, 0] * 0.5, states[:, 0] == 1], np.float64)


def transformed(arrays, theta, rewards):
    """Return alpha, generator (or step matrix) and exits of the reward, at a theta that may be complex."""
    weights = arrays.coefficients @ theta
    source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    matrix = np.zeros((arrays.n_vertices,) * 2, weights.dtype)
    np.add.at(matrix, (source, arrays.targets), weights)
    np.add.at(matrix, (source, source), -weights)
    states = np.unique(source)
    exits = -matrix[np.ix_(states, states)].sum(axis=1)
    inside, alpha, r = matrix[np.ix_(states, states)], arrays.alpha[states], rewards[states]
    on, off = r > 0.0, r == 0.0
    through = np.linalg.solve(
        -inside[np.ix_(off, off)], np.column_stack([inside[np.ix_(off, on)], exits[off]])
    )
    back, out = through[:, :-1], through[:, -1]
    shorter = inside[np.ix_(on, on)] + inside[np.ix_(on, off)] @ back
    ends = exits[on] + inside[np.ix_(on, off)] @ out
    start = alpha[on] + alpha[off] @ back
    none = arrays.alpha[np.diff(arrays.offsets) == 0].sum() + alpha[off] @ out
    if arrays.discrete:
        return start, shorter + np.eye(int(on.sum())), ends, none
    return start, shorter / r[on][:, None], ends / r[on], none


def exact_pdf(arrays, theta, times, rewards):
    start, inside, exits, none = transformed(arrays, theta, rewards)

    def one(time):
        if time == 0.0 and (arrays.discrete or abs(none) > 1e-12):
            return none
        if arrays.discrete:
            return start @ np.linalg.matrix_power(inside, int(time) - 1) @ exits
        return start @ expm(inside * time) @ exits

    return np.array([one(time) for time in times])


def exact_moments(arrays, theta, rewards):
    """Return the first two raw moments."""
    start, inside, _, _ = transformed(arrays, theta, rewards)
    if arrays.discrete:
        green = np.linalg.inv(np.eye(start.size) - inside)
        first = (start @ green).sum()
        return np.array([first, 2.0 * (start @ green @ green @ inside).sum() + first])
    green = np.linalg.inv(-inside)
    return np.array([(start @ green).sum(), 2.0 * (start @ green @ green).sum()])


def complex_steps(function, theta):
    return np.stack([function(theta + 1e-30j * e).imag / 1e-30 for e in np.eye(theta.size)], axis=-1)


def times_of(graph):
    return np.array([0.0, 1.0, 2.0, 7.0, 20.0]) if graph.is_discrete else TIMES


def theta_of(graph):
    return np.array([1.5, 0.8]) if graph.is_discrete else THETA


@pytest.mark.parametrize("name", ["islands", "steps"])
def test_rewards_have_densities_moments_and_derivatives_of_the_dense_transformation(name):
    graph = graph_of(name)
    theta, times, rewards = theta_of(graph), times_of(graph), rewards_of(graph)
    both = Graph.pmf_and_moments_from_graph_multivariate(graph)
    with jax.enable_x64(True):
        pdf, moments = both(theta, times, rewards)
        by_theta = jax.jacfwd(both)(jnp.array(theta), times, rewards)
        backwards = jax.jacrev(both)(jnp.array(theta), times, rewards)
    assert (pdf.shape, moments.shape) == ((times.size, len(rewards)), (len(rewards), 2))
    for k, row in enumerate(rewards):
        np.testing.assert_allclose(pdf[:, k], exact_pdf(graph.arrays, theta, times, row), 1e-9, 1e-13)
        np.testing.assert_allclose(moments[k], exact_moments(graph.arrays, theta, row), 1e-11)
        slopes = complex_steps(lambda z, row=row: exact_pdf(graph.arrays, z, times, row), theta)
        bent = complex_steps(lambda z, row=row: exact_moments(graph.arrays, z, row), theta)
        for found in (by_theta, backwards):
            np.testing.assert_allclose(found[0][:, k], slopes, 1e-8, 1e-11)
            np.testing.assert_allclose(found[1][k], bent, 1e-10)


def test_a_density_has_slopes_by_the_reward():
    graph = graph_of("islands")
    rewards, times = rewards_of(graph)[1], TIMES[1:]
    start, inside, exits, _ = transformed(graph.arrays, THETA, rewards)
    f = Graph.pmf_from_graph_multivariate(graph)
    with jax.enable_x64(True):
        found = jax.grad(lambda times: f(THETA, times, rewards).sum())(jnp.array(times))
    np.testing.assert_allclose(found, [start @ expm(inside * t) @ inside @ exits for t in times], 1e-8)


def test_the_composite_likelihood_of_fits_is_the_product_of_densities():
    graph = graph_of("islands")
    graph.update_weights(THETA)
    rewards = rewards_of(graph)[:3]
    data = np.column_stack([graph.sample(40, rewards=row, seed=1) for row in rewards])
    data[3, 1] = data[7, :2] = np.nan
    assert (data == 0.0).any()
    value, slopes = Problem(graph, data, rewards=rewards).log_likelihood(THETA)
    f = Graph.pmf_from_graph(graph)

    @jax.jit
    def log_likelihood(theta, data, rewards):
        density = f(theta, data, rewards)
        return jnp.where(jnp.isnan(data), 0.0, jnp.log(jnp.where(jnp.isnan(data), 1.0, density))).sum()

    with jax.enable_x64(True):
        both = jax.value_and_grad(log_likelihood)(jnp.array(THETA), jnp.array(data), jnp.array(rewards))
    np.testing.assert_allclose(both[0], value, 1e-12)
    np.testing.assert_allclose(both[1], slopes, 1e-8)


def test_one_row_is_one_reward_and_none_the_time():
    graph = graph_of("islands")
    rewards = rewards_of(graph)
    both = Graph.pmf_and_moments_from_graph(graph, nr_moments=3)
    pdf, moments = both(THETA, TIMES, rewards[1])
    assert (pdf.shape, moments.shape) == ((9,), (3,))
    table = both(THETA, TIMES, rewards)
    np.testing.assert_array_equal(table[0][:, 1], pdf)
    np.testing.assert_array_equal(table[1][1], moments)
    ones, plain = both(THETA, TIMES, rewards[0]), both(THETA, TIMES)
    np.testing.assert_allclose(ones[0], plain[0], 1e-5, 1e-7)
    np.testing.assert_allclose(ones[1], plain[1], 1e-6)
    np.testing.assert_allclose(
        Graph.moments_from_graph_multivariate(graph, 3)(THETA, rewards), table[1], 1e-6
    )


def test_many_theta_share_one_call():
    graph = Graph(models.coalescent(5))
    rewards = graph.states()[:, :3].T.astype(np.float64)
    f = Graph.pmf_from_graph(graph)
    thetas = jnp.array([[0.7], [1.0], [1.9]])
    times = jnp.array([[0.3, 0.1, 0.2], [1.0, 2.0, 0.0]])
    found = jax.jit(jax.vmap(f, (0, None, None)))(thetas, times, rewards)
    np.testing.assert_allclose(found, [f(theta, times, rewards) for theta in thetas], 1e-6)
    with_slopes = jax.vmap(jax.grad(lambda theta: jnp.log(f(theta, times[:1], rewards)).sum()))(thetas)
    assert with_slopes.shape == (3, 1)
    assert np.isfinite(with_slopes).all()


def test_rewards_that_cannot_be_are_refused_where_they_come_in():
    f = Graph.pmf_from_graph(graph_of("islands"))
    graph = graph_of("islands")
    rewards = rewards_of(graph)
    with pytest.raises(ParameterError, match="vertices"):
        f(THETA, TIMES, rewards[:, 1:])
    with pytest.raises(ParameterError, match="column"):
        f(THETA, np.ones((4, 2)), rewards)
    with pytest.raises(GraphError, match="is -1"):
        f(THETA, TIMES, -rewards[0])
    with pytest.raises(GraphError, match="not finite"):
        f(THETA, TIMES, np.nan * rewards[0])
    with pytest.raises(PhasicError, match="by rewards"):
        jax.grad(lambda rewards: f(THETA, TIMES, rewards).sum())(jnp.array(rewards[0]))
    late = graph_of("islands").add_epoch(1.0)
    with pytest.raises(GraphError, match="epochs"):
        Graph.pmf_from_graph(late)(np.ones(6), TIMES, np.ones(len(late)))
