from dataclasses import replace

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, expm_frechet

from phasic import elimination, logarithms
from phasic.errors import GraphError, PhasicError
from phasic.likelihood import Likelihood
from phasic.question import Question

seeds = st.integers(0, 2**32 - 1)


def queue(n):
    edges = [(v, v + 1, 0.7) for v in range(1, n)] + [(v, v - 1, 1.0) for v in range(2, n + 1)]
    return oracle.from_edges(n + 2, [*edges, (1, n + 1, 1.0)], oracle.starting_at(n + 2))


MODELS = {
    "coalescent": oracle.coalescent(5),
    "islands": oracle.islands(3),
    "queue": queue(5),
    "coxian": oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1]),
    "defective": oracle.random_model(1),
    "circles": oracle.random_model(5, n=5),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
TIMES = np.array([0.3, 1.0, 1.0, 2.5, 7.0])


def prepared(model, times):
    trace = elimination.record(model.offsets, model.targets)
    return Likelihood(trace, model.alpha, times, model.discrete)


def exact(model, times):
    """Value and gradient by every weight, by dense exponentials and their Fréchet derivatives."""
    states = model.states
    place, n = {v: i for i, v in enumerate(states)}, len(states)
    generator, exits = np.zeros((n, n)), np.zeros(n)
    edges = list(zip(model.source, model.targets, model.weights, strict=True))
    for v, u, w in edges:
        generator[place[v], place[v]] -= w
        if u in place:
            generator[place[v], place[u]] += w
        else:
            exits[place[v]] += w
    start, value, gradient = model.alpha[states], 0.0, np.zeros(len(edges))
    for t in times:
        if model.discrete:
            step, k = np.eye(n) + generator, int(t) - 1
            powers = [np.linalg.matrix_power(step, j) for j in range(k + 1)]
            over = powers[k]
        else:
            over = expm(generator * t)
        f = start @ over @ exits
        value += np.log(f)
        for e, (v, u, _) in enumerate(edges):
            change, into = np.zeros((n, n)), np.zeros(n)
            change[place[v], place[v]] = -1.0
            if u in place:
                change[place[v], place[u]] += 1.0
            else:
                into[place[v]] = 1.0
            if model.discrete:
                moved = sum((powers[j] @ change @ powers[k - 1 - j] for j in range(k)), np.zeros((n, n)))
            else:
                moved = expm_frechet(generator * t, change * t, compute_expm=False)
            gradient[e] += (start @ moved @ exits + start @ over @ into) / f
    return value, gradient


@models
@pytest.mark.parametrize("method", ["inversion", "walking"])
def test_value_and_gradient_are_those_of_dense_algebra(model, method, monkeypatch):
    monkeypatch.setattr(logarithms, "_MANY", 1 if method == "inversion" else 10**9)
    if method == "walking":
        monkeypatch.setattr(Question, "worth_inverting", lambda self, times: False)
    value, gradient = exact(model, TIMES)
    found = prepared(model, TIMES)(model.weights)
    np.testing.assert_allclose(found.value, value, rtol=1e-11)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-9, atol=1e-11 * np.abs(gradient).max())


def test_steps_have_gradients_too():
    model = oracle.random_model(3, n=5, discrete=True)
    steps = np.array([1.0, 2.0, 2.0, 9.0])
    value, gradient = exact(model, steps)
    found = prepared(model, steps)(model.weights)
    np.testing.assert_allclose(found.value, value, rtol=1e-12)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-10, atol=1e-12)


def test_walking_back_in_segments_changes_nothing(monkeypatch):
    model = MODELS["circles"]
    usual = prepared(model, TIMES)(model.weights)
    monkeypatch.setattr(logarithms, "_SEGMENT", 40)
    np.testing.assert_array_equal(prepared(model, TIMES)(model.weights).gradient, usual.gradient)


@given(seeds, st.integers(0, 5))
@settings(max_examples=15)
def test_a_faster_clock_is_a_shorter_time(seed, number):
    """Weights c times as large at times t are the same weights at times c t, but for the unit of density."""
    model = list(MODELS.values())[number]
    times = np.random.default_rng(seed).gamma(2.0, 1.0, 7)
    evaluate = prepared(model, times)
    _, gradient = evaluate(model.weights)
    # Euler: along the ray of all weights, density * time depends on time alone.
    step = 1e-5
    sides = [prepared(model, times * np.exp(s))(model.weights, gradient=False).value for s in (-step, step)]
    along = (sides[1] - sides[0]) / (2 * step) + times.size
    np.testing.assert_allclose(gradient @ model.weights, along, rtol=1e-5, atol=1e-5)
    doubled, _ = evaluate(2 * model.weights)
    shifted = prepared(model, 2 * times)(model.weights).value
    np.testing.assert_allclose(doubled, shifted + times.size * np.log(2), rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("name", ["coalescent", "islands", "coxian"])
def test_observations_in_both_tails_count_with_all_their_digits(name):
    model = MODELS[name]
    times = np.array([1e-3, 0.05, 0.7, 1.9, 40.0, 300.0])
    together = prepared(model, np.repeat(times, 20))(model.weights)
    alone = [prepared(model, [t])(model.weights) for t in times]
    np.testing.assert_allclose(together.value, 20 * sum(a.value for a in alone), rtol=1e-10)
    gradient = 20 * sum(a.gradient for a in alone)
    np.testing.assert_allclose(together.gradient, gradient, rtol=1e-8, atol=1e-8 * np.abs(gradient).max())


def test_observations_far_out_have_finite_logarithms():
    k = 500
    model = oracle.erlang(k)
    times = np.array([0.5, 2.0, 400.0, 9000.0])
    value, gradient = prepared(model, np.repeat(times, 10))(model.weights)
    from math import lgamma

    expected = 10 * sum((k - 1) * np.log(t) - t - lgamma(k) for t in times)
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    # The score of the common rate is k - t for each.
    np.testing.assert_allclose(gradient.sum(), 10 * (k - times).sum(), rtol=1e-8)


def test_an_edge_of_weight_zero_has_a_slope():
    edges = [(1, 2, 1.0), (2, 3, 1.0), (1, 3, 0.0), (1, 4, 0.0), (4, 3, 0.5)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5))
    times = np.array([0.5, 1.0, 4.0])
    _, gradient = exact(model, times)
    for many in (1, 30):
        found = prepared(model, np.repeat(times, many))(model.weights)
        np.testing.assert_allclose(found.gradient, many * gradient, rtol=1e-9, atol=1e-9)


def test_observations_of_zero_are_taken_at_their_density():
    model = MODELS["coxian"]
    np.testing.assert_allclose(prepared(model, [0.0])(model.weights).value, np.log(0.1), rtol=1e-15)
    atom = replace(oracle.erlang(2), alpha=oracle.starting_at(4, 3, 0.25), discrete=True)
    assert prepared(atom, [0.0, 0.0])(atom.weights / 2).value == pytest.approx(2 * np.log(0.25))


def test_what_cannot_be_observed_has_no_likelihood():
    model = MODELS["coalescent"]
    value, gradient = prepared(model, [0.0, 1.0])(model.weights)
    assert value == -np.inf
    assert np.isnan(gradient).all()
    steps = oracle.random_model(3, n=5, discrete=True)
    assert prepared(steps, [1.5])(steps.weights).value == -np.inf


@pytest.mark.parametrize("times", [[], [-1.0], [np.inf], [np.nan]])
def test_times_that_cannot_be_observed_are_refused(times):
    with pytest.raises(GraphError, match="observations"):
        prepared(MODELS["coalescent"], times)


def test_a_gradient_out_of_reach_is_refused(monkeypatch):
    model = MODELS["circles"]
    monkeypatch.setattr(logarithms, "_MANY", 10**9)  # where only following step by step is left
    monkeypatch.setattr(logarithms, "_MOST_VISITS", 100.0)
    with pytest.raises(PhasicError, match="too often"):
        prepared(model, TIMES)(model.weights)
    assert np.isfinite(prepared(model, TIMES)(model.weights, gradient=False).value)


def test_a_gradient_keeps_its_digits_where_states_are_visited_a_trillion_times():
    # Nearly exponential, at the rate of a path without a return.
    edges = [(1, 2, 1e-6), (2, 1, 1.0), (2, 3, 1e-6), (3, 1, 1.0), (3, 4, 1.0)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5))
    mean = 2e12
    found = prepared(model, [mean, 3 * mean])(model.weights)
    by_rate = found.gradient * model.weights
    shares = np.array([1.0, -1.0, 1.0, -0.5, 0.5])  # of the logarithm of the rate of absorption
    np.testing.assert_allclose(by_rate, (2 - 4) * shares, rtol=1e-5)
    np.testing.assert_allclose(by_rate.sum(), 2 - 4, rtol=1e-5)


def test_a_gradient_that_rounding_would_swallow_is_refused(monkeypatch):
    monkeypatch.setattr(logarithms, "FEW_STATES", 0)
    model = oracle.near_trap()
    with pytest.raises(PhasicError, match="visited"):
        prepared(model, [1e24])(model.weights)


def test_one_observation_too_unlikely_for_float64_has_a_gradient_all_the_same():
    k, t = 150, 0.01
    found = prepared(oracle.erlang(k), [t])(oracle.erlang(k).weights)
    assert found.value < -1000.0
    np.testing.assert_allclose(found.gradient.sum(), k - t, rtol=1e-9)
