from dataclasses import replace
from fractions import Fraction

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import elimination, moments
from phasic.errors import AbsorptionError, GraphError

seeds = st.integers(0, 2**32 - 1)
MODELS = {
    "coalescent of 4": oracle.coalescent(4),
    "coalescent of 10": oracle.coalescent(10),
    "two islands": oracle.islands(4),
    "erlang": oracle.erlang(30, 2.0),
    "coxian": oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1]),
    "near-trap": oracle.near_trap(),
    "milder near-trap": oracle.from_edges(
        4, [(1, 2, 1e-3), (2, 1, 1e4), (2, 3, 1e-4)], oracle.starting_at(4)
    ),
    "stiff": oracle.random_model(2, n=10, spread=6),
    "in steps": oracle.random_model(3, discrete=True),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def factors(model):
    return elimination.eliminate(*model.edges)


def raw(model, k=4, rewards=None):
    return moments.moments(factors(model), model.alpha, k, rewards, discrete=model.discrete)


def var(model, rewards=None):
    return moments.variance(factors(model), model.alpha, rewards, discrete=model.discrete)


def cov(model, r1, r2):
    return moments.covariance(factors(model), model.alpha, r1, r2, discrete=model.discrete)


def rewards(model, seed=0, count=1):
    return np.random.default_rng(seed).random((count, model.n))


def close(found, exact, rtol=1e-12):
    np.testing.assert_allclose(
        np.asarray(found, float), np.array([float(x) for x in np.atleast_1d(exact)]).squeeze(), rtol=rtol
    )


@models
def test_moments_are_those_of_dense_algebra(model):
    close(raw(model), oracle.moments(model, 4))
    r = rewards(model)[0]
    close(raw(model, rewards=r), oracle.moments(model, 4, r))


@models
def test_variance_and_covariance_are_those_of_dense_algebra(model):
    close(var(model), oracle.variance(model))
    r1, r2 = rewards(model, count=2)
    close(cov(model, r1, r2), oracle.covariance(model, r1, r2))


@given(seeds, st.booleans(), st.floats(0, 3))
@settings(max_examples=15, deadline=None)
def test_random_cyclic_chains_are_solved_exactly(seed, discrete, spread):
    model = oracle.random_model(seed, n=6, spread=spread, discrete=discrete)
    close(raw(model), oracle.moments(model, 4))
    close(var(model), oracle.variance(model))


@given(seeds, st.sampled_from([1, 3, 20]))
@settings(max_examples=20, deadline=None)
def test_each_moment_is_a_solve_with_the_one_before(seed, spread):
    model = oracle.random_model(seed, spread=spread)
    chosen, r = factors(model), rewards(model, seed)[0]
    starts = np.flatnonzero(model.alpha)
    found, last = [], np.where(chosen.trace.absorbing, 0.0, 1.0)
    for k in range(1, 4):
        last = chosen.solve(k * r * last)
        found.append(float(model.alpha[starts] @ last[starts]))
    assert raw(model, 3, r) == found


def test_a_coalescent_of_20_takes_1_9():
    model = oracle.coalescent(20)
    assert model.n == 628
    close(moments.expectation(factors(model), model.alpha), 2 * (1 - 1 / 20), 1e-14)
    exact = sum(Fraction(4, k * k * (k - 1) ** 2) for k in range(2, 21))
    close(var(model), exact, 1e-13)


def test_the_near_trap_holds_for_1e24():
    assert raw(oracle.near_trap(), 1)[0] == pytest.approx(1e24, rel=1e-15)


@pytest.mark.parametrize("k", [10, 1000])
def test_variance_keeps_its_digits_beside_a_large_mean(k):
    close(var(oracle.erlang(k, 3.0)), Fraction(k, 9), 1e-13)


def test_geometric_steps_have_their_own_moments():
    p = Fraction(3, 10)
    model = oracle.from_edges(3, [(1, 2, 0.3)], oracle.starting_at(3), discrete=True)
    close(raw(model, 3), [1 / p, (2 - p) / p**2, (p**2 - 6 * p + 6) / p**3], 1e-14)
    close(var(model), (1 - p) / p**2, 1e-14)


def test_missing_mass_of_a_row_is_an_edge_to_itself():
    bare = oracle.random_model(4, discrete=True)
    sums = np.bincount(bare.source, bare.weights, bare.n)
    loops = [(v, v, 1.0 - sums[v]) for v in bare.states]
    full = oracle.from_edges(
        bare.n,
        [*zip(bare.source, bare.targets, bare.weights, strict=True), *loops],
        bare.alpha,
        discrete=True,
    )
    np.testing.assert_allclose(raw(full), raw(bare), rtol=1e-14)
    np.testing.assert_allclose(var(full), var(bare), rtol=1e-14)


@models
def test_missing_initial_probability_collects_nothing(model):
    half = replace(model, alpha=model.alpha / 2)
    np.testing.assert_allclose(raw(half), np.array(raw(model)) / 2, rtol=1e-14)
    first, second = raw(half, 2)
    np.testing.assert_allclose(var(half), second - first**2, rtol=1e-9)


def test_probability_that_starts_absorbed_is_missing():
    absorbed = replace(oracle.erlang(2), alpha=np.array([0, 0.5, 0, 0.5]))
    missing = replace(absorbed, alpha=np.array([0, 0.5, 0, 0]))
    assert raw(absorbed) == raw(missing)
    assert var(absorbed) == pytest.approx(var(missing), rel=1e-15)


@given(seeds, st.integers(-10, 10))
@settings(max_examples=20, deadline=None)
def test_a_clock_c_times_faster_divides_moment_k_by_c_to_the_k(seed, power):
    model, c = oracle.random_model(seed), 2.0**power
    np.testing.assert_array_equal(raw(model.sped_up(c)), np.array(raw(model)) / c ** np.arange(1, 5))
    assert var(model.sped_up(c)) == var(model) / c**2


@given(seeds, st.booleans())
@settings(max_examples=20, deadline=None)
def test_covariance_is_bilinear_and_symmetric(seed, discrete):
    model = oracle.random_model(seed, discrete=discrete)
    r1, r2 = rewards(model, seed, 2)
    np.testing.assert_allclose(cov(model, r1, r2), cov(model, r2, r1), rtol=1e-13)
    whole = var(model, r1) + 2 * cov(model, r1, r2) + var(model, r2)
    np.testing.assert_allclose(var(model, r1 + r2), whole, rtol=1e-11)
    assert cov(model, r1, r1) == var(model, r1)


def test_a_covariance_matrix_holds_every_covariance():
    model = oracle.islands(5)
    r = rewards(model, count=3)
    matrix = moments.covariances(factors(model), model.alpha, r)
    for a in range(3):
        for b in range(3):
            np.testing.assert_allclose(matrix[a, b], cov(model, r[a], r[b]), rtol=1e-14)


def test_rewards_of_either_sign_cancel():
    model = oracle.erlang(2, 1.0)
    r = [0.0, 1.0, -1.0, 0.0]
    assert raw(model, 1, r) == [0.0]
    assert var(model, r) == pytest.approx(2.0, rel=1e-15)


def test_rewards_of_absorbing_vertices_do_not_count():
    model = oracle.erlang(2, 1.0)
    assert raw(model, 2, [7.0, 1.0, 1.0, 7.0]) == raw(model, 2)


def test_moments_beyond_float64_are_infinite():
    assert raw(oracle.near_trap(), 14)[-1] == np.inf


@pytest.mark.parametrize("discrete", [False, True])
def test_infinite_means_are_refused(discrete):
    stuck = oracle.from_edges(4, [(1, 2, 0.5), (2, 1, 0.5)], oracle.starting_at(4), discrete)
    for ask in (raw, var):
        with pytest.raises(AbsorptionError):
            ask(stuck)


def test_questions_that_make_no_sense_are_refused():
    model = oracle.erlang(2)
    with pytest.raises(GraphError, match="k is 0"):
        raw(model, 0)
    with pytest.raises(GraphError, match="4 vertices"):
        raw(model, 1, [1.0])
    with pytest.raises(GraphError, match="vertex 2 is not finite"):
        var(model, [0.0, 1.0, np.nan, 0.0])
