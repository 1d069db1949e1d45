"""Functions of JAX against complex steps through dense algebra, which lose no digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from phasic import Graph
from phasic import slopes as slopes_module
from phasic.errors import GraphError, ParameterError, PhasicError
from phasic.question import Question

jax = pytest.importorskip("jax")
jnp = jax.numpy

THETA = np.array([2.0, 0.3])
TIMES = np.array([0.0, 0.02, 0.1, 0.5, 1.0, 1.0, 2.0, 5.0, 9.0, 30.0])


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


GRAPHS = {
    "islands": lambda: Graph(islands, ipv=[3, 0]),
    "circles": lambda: Graph(circles, ipv=[0]),
    "some start absorbed": lambda: Graph(islands, ipv=[[[2, 1], 0.7], [[1, 0], 0.2]]),
    "steps": discrete,
}
every = pytest.mark.parametrize("name", GRAPHS)


def dense(arrays, theta):
    """Return alpha, generator (or step matrix) and exits at a theta that may be complex."""
    weights = arrays.coefficients @ theta
    source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    states = np.unique(source)
    matrix = np.zeros((arrays.n_vertices,) * 2, weights.dtype)
    np.add.at(matrix, (source, arrays.targets), weights)
    np.add.at(matrix, (source, source), -weights)
    absorbing = np.diff(arrays.offsets) == 0
    exits = (matrix * absorbing).sum(axis=1)[states]
    inside = matrix[np.ix_(states, states)]
    if arrays.discrete:
        inside = inside + np.eye(states.size)
    return arrays.alpha[states], inside, exits


def exact_pdf(arrays, theta, times):
    alpha, inside, exits = dense(arrays, theta)
    if arrays.discrete:
        zero = arrays.alpha[np.diff(arrays.offsets) == 0].sum()
        return np.array(
            [
                zero
                if t == 0
                else (alpha @ np.linalg.matrix_power(inside, int(t) - 1) @ exits)
                if t == int(t)
                else 0.0
                for t in times
            ]
        )
    return np.array([alpha @ expm(inside * t) @ exits for t in times])


def exact_moments(arrays, theta, k):
    alpha, inside, _ = dense(arrays, theta)
    ones = np.ones(alpha.size)
    if not arrays.discrete:
        green, moment, raw = np.linalg.inv(-inside), ones, []
        for j in range(1, k + 1):
            moment = j * green @ moment
            raw.append(alpha @ moment)
        return np.array(raw)
    green, factorial, raised = np.linalg.inv(np.eye(alpha.size) - inside), [], ones
    for j in range(1, k + 1):  # E[T (T - 1) ... (T - j + 1)] = j! alpha P**(j - 1) (I - P)**-j 1
        raised = j * green @ (inside @ raised if j > 1 else raised)
        factorial.append(alpha @ raised)
    first, second, third = factorial
    return np.array([first, second + first, third + 3 * second + first])


def complex_steps(function, theta):
    """Return the derivative of `function` by each entry of theta."""
    h = 1e-30
    return np.stack([function(theta + 1j * h * e).imag / h for e in np.eye(theta.size)], axis=-1)


def times_of(graph):
    return np.array([0.0, 1.0, 2.0, 2.5, 7.0, 20.0]) if graph.is_discrete else TIMES


def theta_of(graph):
    return np.array([1.5, 0.8]) if graph.is_discrete else THETA


@every
@pytest.mark.parametrize("method", ["as it comes", "walking"])
def test_densities_and_derivatives_are_those_of_dense_algebra(name, method, monkeypatch):
    if method == "walking":
        monkeypatch.setattr(slopes_module, "_MANY", 10**9)
        monkeypatch.setattr(Question, "worth_inverting", lambda self, times: False)
    graph = GRAPHS[name]()
    theta, times = theta_of(graph), times_of(graph)
    f = Graph.pmf_from_graph(graph)
    value = exact_pdf(graph.arrays, theta, times)
    slopes = complex_steps(lambda z: exact_pdf(graph.arrays, z, times), theta)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(theta, times), value, rtol=1e-9, atol=1e-13)
        forward, backward = (make(f)(jnp.array(theta), times) for make in (jax.jacfwd, jax.jacrev))
    np.testing.assert_allclose(forward, slopes, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(backward, slopes, rtol=1e-9, atol=1e-12)


@every
def test_moments_and_their_derivatives_are_those_of_dense_algebra(name):
    graph = GRAPHS[name]()
    theta = theta_of(graph)
    f = Graph.moments_from_graph(graph, 3)
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(theta), exact_moments(graph.arrays, theta, 3), rtol=1e-12)
        slopes = complex_steps(lambda z: exact_moments(graph.arrays, z, 3), theta)
        np.testing.assert_allclose(jax.jacrev(f)(theta), slopes, rtol=1e-11)
        np.testing.assert_allclose(jax.jacfwd(f)(theta), slopes, rtol=1e-11)


@pytest.mark.parametrize("name", ["islands", "circles", "some start absorbed"])
def test_densities_have_slopes_in_time(name):
    graph = GRAPHS[name]()
    alpha, inside, exits = dense(graph.arrays, THETA)
    slopes = [alpha @ expm(inside * t) @ inside @ exits for t in TIMES]
    f = Graph.pmf_from_graph(graph)
    with jax.enable_x64(True):
        found = jax.grad(lambda times: f(THETA, times).sum())(jnp.array(TIMES))
    np.testing.assert_allclose(found, slopes, rtol=1e-8, atol=1e-12)


def test_jit_grad_and_vmap_compose_in_any_order():
    f = Graph.pmf_from_graph(GRAPHS["islands"]())
    times = jnp.array(TIMES[1:])

    def score(theta, times):
        return jnp.log(f(theta, times)).sum()

    thetas = jnp.array([THETA, 2 * THETA, 3 * THETA])
    slope = jax.grad(score)
    one_by_one = np.array([slope(theta, times) for theta in thetas])
    for batched in (jax.vmap(slope, (0, None)), jax.jit(jax.vmap(slope, (0, None)))):
        np.testing.assert_allclose(batched(thetas, times), one_by_one, rtol=1e-5)
    by_time = jax.vmap(jax.vmap(f, (None, 0)), (0, None))(thetas, times)
    np.testing.assert_allclose(by_time, [f(theta, times) for theta in thetas], rtol=1e-6)
    pairs = jax.jit(jax.vmap(jax.grad(f)))(thetas, times[:3])
    expected = [jax.grad(f)(theta, time) for theta, time in zip(thetas, times, strict=False)]
    np.testing.assert_allclose(pairs, expected, rtol=1e-5)


def test_the_precision_of_jax_is_kept_and_costs_digits_only():
    f, times = Graph.pmf_from_graph(GRAPHS["islands"]()), TIMES
    assert not jax.config.jax_enable_x64
    single = f(jnp.array(THETA), jnp.array(times))
    assert single.dtype == jnp.float32
    slope = jax.jacrev(f)(jnp.array(THETA), jnp.array(times))
    assert not jax.config.jax_enable_x64
    with jax.enable_x64(True):
        double = f(jnp.array(THETA), jnp.array(times))
        assert double.dtype == jnp.float64
        np.testing.assert_allclose(single, double, rtol=2e-5)
        exact = jax.jacrev(f)(jnp.array(THETA), jnp.array(times))
        np.testing.assert_allclose(slope, exact, rtol=1e-4, atol=1e-6)


def test_the_function_answers_for_the_graph_as_it_was():
    graph = GRAPHS["islands"]()
    f = Graph.pmf_from_graph(graph)
    before = f(THETA, TIMES)
    graph.update_weights([5.0, 5.0])
    graph.update_ipv([0.5])
    np.testing.assert_array_equal(f(THETA, TIMES), before)


def test_shapes_follow_the_times_and_both_come_together():
    both = Graph.pmf_and_moments_from_graph(GRAPHS["islands"]())
    pdf, moments = both(THETA, TIMES.reshape(2, 5))
    assert (pdf.shape, moments.shape) == ((2, 5), (2,))
    assert both(THETA, 1.0)[0].shape == ()


def test_theta_that_cannot_be_gives_no_numbers():
    f = Graph.pmf_and_moments_from_graph(GRAPHS["islands"]())
    assert all(np.isnan(part).all() for part in f(-THETA, TIMES))
    stuck = Graph.moments_from_graph(GRAPHS["circles"]())
    assert np.isinf(stuck(np.array([1.0, 0.0]))).all()


def test_what_is_not_known_is_refused():
    f = Graph.pmf_from_graph(GRAPHS["islands"]())
    with pytest.raises(ParameterError, match="length 2"):
        f([1.0], 1.0)
    with pytest.raises(PhasicError, match="second derivatives"):
        jax.hessian(lambda theta: f(theta, 1.0))(jnp.array(THETA))
    with pytest.raises(PhasicError, match="number of steps"):
        jax.grad(lambda time: Graph.pmf_from_graph(discrete())(jnp.array([1.5, 0.8]), time))(2.0)
    with pytest.raises(GraphError, match="continuous"):
        Graph.pmf_from_graph(GRAPHS["islands"](), discrete=True)
    logs = GRAPHS["islands"]()
    logs.update_weights([1.0, 1.0], callback=lambda theta, c: float(theta @ c))
    with pytest.raises(GraphError, match="sums of coefficients"):
        Graph.pmf_from_graph(logs)
    with pytest.raises(ParameterError, match="moments"):
        Graph.moments_from_graph(GRAPHS["islands"](), 0)
