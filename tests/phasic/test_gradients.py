from fractions import Fraction

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import Graph, elimination, gradients
from phasic.errors import AbsorptionError, GraphError

seeds = st.integers(0, 2**32 - 1)


def parts(model, p=3, seed=0):
    """Split each weight into `p` coefficients at theta = 1."""
    shares = np.random.default_rng(seed).dirichlet(np.ones(p), model.weights.size)
    return model.weights[:, None] * shares


def exact(model, coefficients, k=1, rewards=None, digits=60):
    """Derivatives of raw moments by central differences in high precision."""
    with mpmath.workdps(digits):
        h = mpmath.mpf(10) ** (-digits // 4)
        columns = []
        for direction in coefficients.T:
            bent = []
            for sign in (1, -1):
                pairs = zip(model.weights, direction, strict=True)
                weights = [mpmath.mpf(float(w)) + sign * h * float(c) for w, c in pairs]
                bent.append(dense(model, weights, k, rewards))
            columns.append([float((a - b) / (2 * h)) for a, b in zip(*bent, strict=True)])
        return np.array(columns).T


def dense(model, weights, k, rewards):
    place = {v: i for i, v in enumerate(model.states)}
    t = len(place)
    s = mpmath.zeros(t)
    for v, u, w in zip(model.source, model.targets, weights, strict=True):
        if u != v:
            s[place[v], place[v]] += w
            if u in place:
                s[place[v], place[u]] -= w
    r = [mpmath.mpf(1 if rewards is None else float(rewards[v])) for v in model.states]
    found, step = [mpmath.matrix([1] * t)], mpmath.eye(t) - s
    for j in range(1, k + 1):
        rhs = mpmath.zeros(t, 1)
        if model.discrete:
            for i in range(j):
                onward = found[0] if i == 0 else step * found[i]
                for a in range(t):
                    rhs[a] += mpmath.binomial(j, i) * r[a] ** (j - i) * onward[a]
        else:
            rhs = mpmath.matrix([j * r[a] * found[-1][a] for a in range(t)])
        found.append(mpmath.lu_solve(s, rhs))
    return [(oracle.start(model) * m)[0] for m in found[1:]]


MODELS = {
    "coalescent": oracle.coalescent(5),
    "islands": oracle.islands(4),
    "near-trap": oracle.near_trap(),
    "stiff": oracle.random_model(2, n=10, spread=6),
    "very stiff": oracle.random_model(4, n=6, spread=12),
    "in steps": oracle.random_model(3, discrete=True),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@models
def test_the_gradient_of_the_expectation_is_that_of_dense_algebra(model):
    r = np.random.default_rng(0).random(model.n)
    factors = elimination.eliminate(*model.edges)
    _, found = gradients.expectation(factors, model.alpha, parts(model), r)
    np.testing.assert_allclose(found, exact(model, parts(model), rewards=r, digits=200)[0], rtol=1e-8)


@models
def test_gradients_of_moments_are_those_of_dense_algebra(model):
    factors = elimination.eliminate(*model.edges)
    values, found = gradients.moments(factors, model.alpha, parts(model), 3, discrete=model.discrete)
    np.testing.assert_allclose(found, exact(model, parts(model), 3, digits=300), rtol=1e-8)
    np.testing.assert_allclose(values, [float(m) for m in oracle.moments(model, 3)], rtol=1e-12)


@given(seeds)
@settings(max_examples=20)
def test_both_ways_to_the_gradient_agree(seed):
    model = oracle.random_model(seed, spread=1)
    factors = elimination.eliminate(*model.edges)
    value, direct = gradients.expectation(factors, model.alpha, parts(model, seed=seed))
    values, carried = gradients.moments(factors, model.alpha, parts(model, seed=seed), 1)
    assert values[0] == value
    np.testing.assert_allclose(direct, carried[0], rtol=1e-8)


@given(seeds, st.floats(1e-3, 1e3))
@settings(max_examples=20)
def test_a_clock_that_theta_speeds_up_has_slope_minus_mean_over_theta(seed, theta):
    model = oracle.random_model(seed)
    factors = elimination.eliminate(model.offsets, model.targets, model.weights * theta)
    value, slope = gradients.expectation(factors, model.alpha, model.weights[:, None])
    np.testing.assert_allclose(slope, [-value / theta], rtol=1e-12)


def test_two_groups_of_states_in_a_trap_keep_the_digits_of_slopes():
    """Fast jumps among 1, 2, 3, and slow ways out: differences of means have no digits left."""
    edges = [(1, 2, 1e8), (2, 1, 1e8), (2, 3, 2e8), (3, 1, 3e8), (1, 3, 1e7), (3, 4, 1e-8), (1, 4, 3e-8)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5))
    factors = elimination.eliminate(*model.edges)
    each = np.diag(model.weights)
    _, found = gradients.expectation(factors, model.alpha, each)
    np.testing.assert_allclose(found, exact(model, each, digits=200)[0], rtol=1e-8)


def test_opening_an_edge_has_a_slope():
    edges = [(1, 2, 0.0), (1, 3, 2.0), (2, 3, 0.5)]
    model = oracle.from_edges(4, edges, oracle.starting_at(4))
    factors = elimination.eliminate(*model.edges)
    opening = np.array([[1.0], [0.0], [0.0]])
    _, slope = gradients.expectation(factors, model.alpha, opening)
    assert slope == float(Fraction(1, 2) * (2 - Fraction(1, 2)))
    _, slopes = gradients.moments(factors, model.alpha, opening, 3)
    np.testing.assert_allclose(slopes, exact(model, opening, 3), rtol=1e-12)


@given(seeds, st.booleans())
@settings(max_examples=20)
def test_opening_edges_has_the_slopes_of_dense_algebra(seed, discrete):
    model = oracle.random_model(seed, spread=1, discrete=discrete)
    shut = np.random.default_rng(seed).random(model.weights.size) < 0.3
    onward = model.targets > model.source  # by which absorption stays certain
    weights = np.where(shut & ~onward, 0.0, model.weights)
    model = oracle.from_edges(
        model.n,
        list(zip(model.source.tolist(), model.targets.tolist(), weights.tolist(), strict=True)),
        model.alpha,
        discrete=discrete,
    )
    directions = np.random.default_rng(seed).random((weights.size, 2))
    factors = elimination.eliminate(*model.edges)
    _, found = gradients.moments(factors, model.alpha, directions, 3, discrete=discrete)
    np.testing.assert_allclose(found, exact(model, directions, 3, digits=100), rtol=1e-9)


def test_opening_the_way_to_a_trap_has_no_finite_slope():
    """From 1, where a trap of 2 and 3 is shut off; what is in the trap makes no difference otherwise."""
    edges = [(1, 2, 0.0), (1, 4, 2.0), (2, 3, 1.0), (3, 2, 1.0)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5))
    factors = elimination.eliminate(*model.edges)
    directions = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 5.0], [0.0, 1.0, 0.0]])
    values, slopes = gradients.moments(factors, model.alpha, directions, 2)
    assert values == [0.5, 0.5]
    assert slopes.tolist() == [[np.inf, -0.25, np.inf], [np.inf, -0.5, np.inf]]


def coalescent(state):
    n = state[0]
    return [([n - 1], [n * (n - 1) / 2, 1.0])] if n > 1 else []


def test_a_graph_knows_its_gradients():
    graph = Graph(coalescent, ipv=[4])
    graph.update_weights([2.0, 0.5])
    value, slopes = graph.expectation_gradient()
    rates = [Fraction(n * (n - 1)) + Fraction(1, 2) for n in (2, 3, 4)]
    assert value == pytest.approx(float(sum(1 / rate for rate in rates)), rel=1e-15)
    expected = [-sum(Fraction(n * (n - 1), 2) / r**2 for n, r in zip((2, 3, 4), rates, strict=True))]
    expected.append(-sum(1 / r**2 for r in rates))
    np.testing.assert_allclose(slopes, [float(x) for x in expected], rtol=1e-14)
    values, slopes = graph.moments_gradient(2)
    assert values == graph.moments(2)
    assert slopes.shape == (2, 2)


def test_products_have_slopes_and_callbacks_have_none():
    graph = Graph(coalescent, ipv=[3])
    graph.update_weights([2.0, 0.5], log=True)
    value, slopes = graph.expectation_gradient()
    np.testing.assert_allclose(slopes, [-value / 2.0, -value / 0.5], rtol=1e-14)
    graph.update_weights([2.0, 0.5], callback=lambda theta, c: theta[0])
    with pytest.raises(GraphError, match="callback"):
        graph.expectation_gradient()


def test_gradients_of_infinite_means_are_refused():
    stuck = oracle.from_edges(4, [(1, 2, 0.5), (2, 1, 0.5)], oracle.starting_at(4))
    factors = elimination.eliminate(*stuck.edges)
    with pytest.raises(AbsorptionError):
        gradients.expectation(factors, stuck.alpha, np.ones((2, 1)))
    with pytest.raises(GraphError, match="coefficients have shape"):
        gradients.expectation(factors, stuck.alpha, np.ones((1, 1)))
