"""Rewards as functions of JAX against dense algebra in complex steps, and against the likelihood of fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from phasic import Graph, dense_to_sparse
from phasic.errors import GraphError, ParameterError, PhasicError
from phasic.inference.problem import Problem
from phasic.reduction import Reduction

jax = pytest.importorskip("jax")
jnp = jax.numpy

THETA = np.array([2.0, 0.3])
TIMES = np.array([0.0, 0.02, 0.1, 0.5, 1.0, 1.0, 2.0, 5.0, 9.0, 30.0])
STEPS = np.array([0.0, 1.0, 2.0, 2.5, 7.0, 20.0])


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


def circles(state):
    """Three states in a ring, with a way out of each: eigenvalues off the real axis."""
    if state[0] == 9:
        return []
    return [([(state[0] + 1) % 3], [1.0, 0.0]), ([9], [0.0, 0.2 + state[0]])]


def steps(state):
    if state[0] <= 0:
        return []
    return [([state[0] - 1], [0.1, 0.0]), ([-1], [0.0, 0.2])]


def discrete():
    graph = Graph(steps, ipv=[3])
    graph.is_discrete = True
    return graph


def tables():
    """Return graphs with rewards: some never zero, some that may stay zero, some that start elsewhere."""
    first = Graph(islands, ipv=[3, 0])
    states = first.arrays.states
    both, left, right = states.sum(axis=1), states[:, 0], states[:, 1]
    paired = np.where(right >= 2, 1.0, 0.0)
    ring = Graph(circles, ipv=[0])
    second = (ring.arrays.states[:, 0] == 1).astype(float)
    counted = discrete()
    low = (counted.arrays.states[:, 0] <= 2).astype(float)
    mixed = Graph(islands, ipv=[[[2, 1], 0.7], [[1, 0], 0.2]])
    return {
        "islands": (first, np.array([both, left, right, paired], float)),
        "circles": (ring, np.array([second, 0.5 + second])),
        "some start absorbed": (
            mixed,
            np.array([mixed.arrays.states[:, 0], mixed.arrays.states[:, 1]], float),
        ),
        "steps": (counted, np.array([low, np.ones(low.size)])),
    }


every = pytest.mark.parametrize("name", ["islands", "circles", "some start absorbed", "steps"])


def dense(arrays, reward, theta):
    """Return probability of none, initial probabilities, generator (or steps) and exits."""
    weights = arrays.coefficients @ theta
    n = arrays.n_vertices
    source = np.repeat(np.arange(n), np.diff(arrays.offsets))
    ends = np.diff(arrays.offsets) == 0
    matrix = np.zeros((n, n), weights.dtype)
    np.add.at(matrix, (source, arrays.targets), weights)
    np.add.at(matrix, (source, source), -weights)
    out = (matrix * ends).sum(axis=1)
    live, dead = (
        np.flatnonzero(~ends & (reward > 0)),
        np.flatnonzero(~ends & (reward == 0) & (np.arange(n) > 0)),
    )
    through = np.linalg.inv(-matrix[np.ix_(dead, dead)])
    on, off = matrix[np.ix_(live, dead)] @ through, arrays.alpha[dead] @ through
    scale = 1.0 / reward[live]
    inside = (matrix[np.ix_(live, live)] + on @ matrix[np.ix_(dead, live)]) * scale[:, None]
    exits = (out[live] + on @ out[dead]) * scale
    start = arrays.alpha[live] + off @ matrix[np.ix_(dead, live)]
    none = arrays.alpha[ends].sum() + off @ out[dead]
    if arrays.discrete:
        inside = inside + np.eye(live.size)
    return none, start, inside, exits


def exact(arrays, reward, theta, times):
    none, start, inside, exits = dense(arrays, reward, theta)

    def at(t):
        if t == 0.0 and (arrays.discrete or none != 0.0):
            return none
        if arrays.discrete:
            return start @ np.linalg.matrix_power(inside, int(t) - 1) @ exits if t == int(t) else 0.0
        return start @ expm(inside * t) @ exits

    return np.array([at(t) for t in times])


def exact_table(arrays, rewards, theta, times):
    return np.stack([exact(arrays, row, theta, times) for row in rewards], axis=-1)


def exact_moments(arrays, rewards, theta):
    """Return two raw moments of each reward of a continuous graph, or of rewards zero and one of steps."""
    rows = []
    for row in rewards:
        _, start, inside, _ = dense(arrays, row, theta)
        ones = np.ones(start.size)
        green = np.linalg.inv(np.eye(start.size) - inside if arrays.discrete else -inside)
        first, second = start @ green @ ones, 2 * start @ green @ green @ ones
        rows.append([first, second - first if arrays.discrete else second])
    return np.array(rows)


def complex_steps(function, theta):
    h = 1e-30
    return np.stack([function(theta + 1j * h * e).imag / h for e in np.eye(theta.size)], axis=-1)


def setting(name):
    graph, rewards = tables()[name]
    if graph.is_discrete:
        return graph, rewards, np.array([1.5, 0.8]), STEPS
    return graph, rewards, THETA, TIMES


@every
def test_densities_and_derivatives_are_those_of_the_transformed_chain(name):
    graph, rewards, theta, times = setting(name)
    f = Graph.pmf_from_graph_multivariate(graph, rewards)
    value = exact_table(graph.arrays, rewards, theta, times)
    slopes = complex_steps(lambda z: exact_table(graph.arrays, rewards, z, times), theta)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(theta, times), value, rtol=1e-9, atol=1e-13)
        for make in (jax.jacfwd, jax.jacrev):
            np.testing.assert_allclose(make(f)(jnp.array(theta), times), slopes, rtol=1e-8, atol=1e-11)


@every
def test_moments_and_derivatives_are_those_of_the_transformed_chain(name):
    graph, rewards, theta, _ = setting(name)
    f = Graph.moments_from_graph_multivariate(graph, 2)
    value = exact_moments(graph.arrays, rewards, theta)
    slopes = complex_steps(lambda z: exact_moments(graph.arrays, rewards, z), theta)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(theta, rewards), value, rtol=1e-11)
        np.testing.assert_allclose(f(theta, rewards[1]), value[1], rtol=1e-11)
        found = jax.jacrev(lambda theta: f(theta, rewards))(jnp.array(theta))
    np.testing.assert_allclose(found, slopes, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["islands", "steps"])
def test_moments_take_any_rewards_as_the_graph_does(name):
    graph, rewards, theta, _ = setting(name)
    graph.update_weights(theta)
    strange = -2.5 * rewards[0] + rewards[1]
    f = Graph.moments_from_graph_multivariate(graph, 3, rewards=strange)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(theta), graph.moments(3, rewards=strange), rtol=1e-12)


@pytest.mark.parametrize("name", ["islands", "circles", "some start absorbed"])
def test_densities_have_slopes_in_time_but_where_they_jump(name):
    graph, rewards, theta, times = setting(name)
    f = Graph.pmf_from_graph_multivariate(graph, rewards)
    with jax.enable_x64(True):
        found = jax.grad(lambda times: f(theta, times).sum())(jnp.tile(times[:, None], len(rewards)))
    for row, column in zip(rewards, np.array(found).T, strict=True):
        none, start, inside, exits = dense(graph.arrays, row, theta)
        slopes = np.array([start @ expm(inside * t) @ inside @ exits for t in times])
        if none > 0.0:
            assert np.isnan(column[0])
            slopes[0] = np.nan
        np.testing.assert_allclose(column, slopes, rtol=1e-8, atol=1e-11)


@given(st.integers(0, 10**6), st.integers(0, 15), st.integers(3, 6))
@settings(max_examples=15, deadline=None)
def test_random_chains_with_random_rewards_and_starts_are_transformed_exactly(seed, zeros, size):
    generator = np.random.default_rng(seed)
    rates = generator.uniform(0.1, 2.0, (size, size + 1, 2))

    def anywhere(state):
        here = state[0]
        return [([to], list(rates[here, to])) for to in range(size + 1) if to != here] if here < size else []

    shares = generator.dirichlet(np.ones(size))
    graph = Graph(anywhere, ipv=[[[v], share] for v, share in enumerate(shares)])
    place = graph.arrays.states[:, 0]
    kept = generator.uniform(0.2, 3.0, size + 1) * ~(zeros >> np.arange(size + 1) & 1).astype(bool)
    rewards = kept[place]
    live = np.diff(graph.arrays.offsets) > 0
    if not (rewards[live] > 0.0).any():
        rewards[live.argmax()] = 1.0
    theta, times = generator.uniform(0.2, 2.0, 2), np.array([0.0, 0.05, 0.7, 3.0])
    f = Graph.pmf_from_graph_multivariate(graph)
    with jax.enable_x64(True):
        found = jax.jacfwd(f)(jnp.array(theta), times, rewards)
        value = f(theta, times, rewards)
    np.testing.assert_allclose(value, exact(graph.arrays, rewards, theta, times), rtol=1e-9)
    slopes = complex_steps(lambda z: exact(graph.arrays, rewards, z, times), theta)
    np.testing.assert_allclose(found, slopes, rtol=1e-8, atol=1e-10)


@every
def test_the_likelihood_of_a_fit_is_the_sum_of_logarithms(name):
    graph, rewards, theta, times = setting(name)
    data = np.column_stack([np.roll(times, shift) for shift in range(len(rewards))])
    data = np.floor(data) if graph.is_discrete else data
    impossible = ~(exact_table(graph.arrays, rewards, theta, np.unique(data)) > 0.0)
    for column, never in enumerate(impossible.T):
        data[np.isin(data[:, column], np.unique(data[~np.isnan(data)])[never]), column] = np.nan
    data[1, 0] = np.nan
    f = Graph.pmf_from_graph_multivariate(graph, rewards)
    problem = Problem(graph, data, rewards=rewards)

    def score(theta):
        return jnp.log(jnp.where(np.isnan(data), 1.0, f(theta, data))).sum()

    value, slopes = problem.log_likelihood(theta)
    with jax.enable_x64(True):
        assert float(score(jnp.array(theta))) == pytest.approx(value, rel=1e-10)
        np.testing.assert_allclose(jax.grad(score)(jnp.array(theta)), slopes, rtol=1e-8)


def test_changes_carried_along_a_reduction_are_those_carried_back():
    graph, rewards, theta, _ = setting("islands")
    generator, arrays = np.random.default_rng(1), graph.arrays
    for row in rewards:
        reduction = Reduction(arrays, graph.trace, row)
        found = reduction(arrays.coefficients @ theta)
        directions = generator.normal(size=(3, arrays.targets.size))
        by_weight, by_alpha = reduction.carried_along(found, directions)
        worth, more = generator.normal(size=found.weights.size), generator.normal(size=found.alpha.size)
        back = reduction.carried_back(found, worth, more * found.alpha)
        np.testing.assert_allclose(directions @ back, by_weight @ worth + by_alpha @ more, rtol=1e-11)


def test_jit_grad_vmap_and_jvp_compose():
    graph, rewards, _, times = setting("islands")
    f = Graph.pmf_from_graph_multivariate(graph, rewards)
    data = jnp.array(np.column_stack([times, times + 0.1, times, times]))

    def score(theta, data):
        return jnp.log(f(theta, data)).sum()

    thetas, slope = jnp.array([THETA, 2 * THETA, 3 * THETA]), jax.grad(score)
    one_by_one = np.array([slope(theta, data[1:]) for theta in thetas])
    for batched in (jax.vmap(slope, (0, None)), jax.jit(jax.vmap(slope, (0, None)))):
        np.testing.assert_allclose(batched(thetas, data[1:]), one_by_one, rtol=1e-4)
    _, along = jax.jit(lambda theta: jax.jvp(lambda t: score(t, data[1:]), (theta,), (theta,)))(thetas[0])
    np.testing.assert_allclose(along, one_by_one[0] @ THETA, rtol=1e-4)


def test_the_precision_of_jax_is_kept_and_costs_digits_only():
    graph, rewards, theta, times = setting("islands")
    f = Graph.pmf_from_graph_multivariate(graph, rewards)
    single, slope = f(theta, times), jax.jacrev(f)(jnp.array(theta), times)
    assert single.dtype == slope.dtype == jnp.float32
    np.testing.assert_allclose(
        single, exact_table(graph.arrays, rewards, theta, times), rtol=2e-5, atol=1e-12
    )
    with jax.enable_x64(True):
        double = f(theta, times)
    assert double.dtype == jnp.float64


def test_what_was_not_observed_is_no_number_and_does_not_change():
    graph, rewards, theta, _ = setting("islands")
    f = Graph.pmf_from_graph_multivariate(graph, rewards)
    data = np.full((3, 4), np.nan)
    data[0, 1], data[2, 1] = 0.5, 0.7
    value, slopes = f(theta, data), jax.jacrev(f)(jnp.array(theta), data)
    np.testing.assert_array_equal(np.isnan(value), np.isnan(data))
    assert np.isfinite(slopes).all()
    assert not np.array(slopes)[np.isnan(data)].any()
    np.testing.assert_allclose(value[2, 1], f(theta, [0.7])[0, 1], rtol=1e-6)


def test_shapes_follow_times_and_rewards():
    graph, rewards, theta, times = setting("islands")
    f = Graph.pmf_and_moments_from_graph_multivariate(graph, 3)
    for found, shapes in (
        (f(theta, times), ((10,), (3,))),
        (f(theta, times, rewards[0]), ((10,), (3,))),
        (f(theta, times.reshape(5, 2), rewards[0]), ((5, 2), (3,))),
        (f(theta, times, rewards), ((10, 4), (4, 3))),
        (f(theta, times[:8].reshape(2, 4), rewards), ((2, 4), (4, 3))),
        (f(theta, 1.0, rewards), ((4,), (4, 3))),
        (f(theta, times, rewards[:1]), ((10, 1), (1, 3))),
    ):
        assert tuple(part.shape for part in found) == shapes
    np.testing.assert_array_equal(f(theta, times)[0], Graph.pmf_from_graph(graph)(theta, times))
    fixed = Graph.pmf_and_moments_from_graph_multivariate(graph, 3, rewards=rewards)
    np.testing.assert_array_equal(fixed(theta, times)[0], f(theta, times, rewards)[0])
    np.testing.assert_array_equal(fixed(theta, times, rewards[1])[0], f(theta, times, rewards[1])[0])


def test_sparse_observations_are_answered_in_their_order():
    graph, rewards, theta, _ = setting("islands")
    data = np.full((4, 4), np.nan)
    data[[0, 1, 3], [0, 2, 0]], data[2, 1] = [0.5, 0.2, 1.0], 0.1
    sparse = dense_to_sparse(data)
    f = Graph.pmf_from_graph_multivariate(graph)
    found, table = f(theta, sparse, rewards), np.array(f(theta, data, rewards))
    expected = []
    for feature, value in zip(np.asarray(sparse.features), np.asarray(sparse.values), strict=True):
        expected.append(table[np.flatnonzero(data[:, feature] == value)[0], feature])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_theta_that_cannot_be_gives_no_numbers():
    graph, rewards, theta, times = setting("islands")
    f = Graph.pmf_and_moments_from_graph_multivariate(graph, 2, rewards=rewards)
    assert all(np.isnan(part).all() for part in f(-theta, times))
    still = f(np.array([1.0, 0.0]), times)[0]  # without migration, the second island stays empty
    np.testing.assert_array_equal(still[:, 2], np.where(times == 0.0, 1.0, 0.0))


def test_the_function_answers_for_the_graph_as_it_was():
    graph, rewards, theta, times = setting("islands")
    f = Graph.pmf_from_graph_multivariate(graph)
    other = Graph.pmf_from_graph_multivariate(graph, rewards)
    graph.update_weights([5.0, 5.0])
    graph.update_ipv([0.5])
    np.testing.assert_array_equal(f(theta, times, rewards), other(theta, times))


def test_what_is_not_known_is_refused():
    graph, rewards, theta, times = setting("islands")
    f = Graph.pmf_from_graph_multivariate(graph)
    with pytest.raises(GraphError, match="traced or differentiated"):
        jax.grad(lambda rewards: f(theta, 1.0, rewards))(jnp.array(rewards[0]))
    with pytest.raises(GraphError, match="4 rewards"):
        f(theta, times.reshape(5, 2), rewards)
    with pytest.raises(GraphError, match="vertices"):
        f(theta, times, [1.0, 2.0])
    with pytest.raises(GraphError, match="not negative"):
        f(theta, times, -rewards)
    with pytest.raises(ParameterError, match="length 2"):
        f([1.0], 1.0, rewards)
    with pytest.raises(GraphError, match="zero or one"):
        Graph.pmf_from_graph_multivariate(discrete(), np.full(discrete().arrays.n_vertices, 2.0))
    with pytest.raises(PhasicError, match="second derivatives"):
        jax.hessian(lambda theta: f(theta, 1.0, rewards[0]))(jnp.array(theta))
