"""Censored and truncated observations against dense matrix exponentials in high precision."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import elimination, logarithms
from phasic.errors import GraphError
from phasic.likelihood import Likelihood
from phasic.observations import Observations
from phasic.question import Question

INF = np.inf
MODELS = {
    "coalescent": oracle.coalescent(4),
    "islands": oracle.islands(2),
    "coxian": oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1]),
    "missing mass": oracle.random_model(1),
    "circles": oracle.random_model(5, n=4),
    "steps": oracle.random_model(3, n=4, discrete=True),
}
SEEN = [
    (1.0, 1.0, -INF),
    (2.0, INF, -INF),
    (30.0, INF, -INF),
    (-INF, 1.0, -INF),
    (-INF, 0.0 + 3.0, -INF),
    (1.0, 4.0, -INF),
    (0.0, 2.0, -INF),
    (3.0, 3.0, 1.0),
    (2.0, INF, 1.0),
    (-INF, 5.0, 2.0),
]


def prepared(model, seen):
    trace = elimination.record(model.offsets, model.targets)
    return Likelihood(trace, model.alpha, Observations(*np.array(seen, float).T), model.discrete)


@mpmath.workdps(30)
def exact(model, seen, weights):
    """The log-likelihood by matrix exponentials of 30 digits."""
    mp = mpmath.mp
    states = model.states
    place, n = {v: i for i, v in enumerate(states)}, len(states)
    generator, exits = mp.zeros(n, n), mp.zeros(n, 1)
    for v, u, w in zip(model.source, model.targets, weights, strict=True):
        generator[place[v], place[v]] -= w
        if u in place:
            generator[place[v], place[u]] += w
        else:
            exits[place[v]] += w
    start = mp.matrix([model.alpha[v] for v in states]).T
    mass = mp.mpf(1) if abs(1 - model.alpha.sum()) < 1e-14 else sum(mp.mpf(a) for a in model.alpha)
    ones = mp.matrix([1] * n)

    @cache
    def after(t):
        if model.discrete:
            return (mp.eye(n) + generator) ** int(t)
        return mp.expm(generator * mp.mpf(float(t)))

    def left(t):
        return 1 - mass + (start * after(t) * ones)[0]

    total = mp.mpf(0)
    for low, high, entry in seen:
        low = low if low == high else max(low, entry)
        if low == high:
            f = start * after(low - 1 if model.discrete else low) * exits
            worth = f[0]
        elif high == INF:
            worth = left(low)
        elif low == -INF:
            worth = 1 - left(high)
        else:
            worth = left(low) - left(high)
        total += mp.log(worth) - (mp.log(left(entry)) if entry > -INF else 0)
    return total


@cache
@mpmath.workdps(30)
def slopes(name):
    """The gradient at all of SEEN, by differences."""
    model, seen = MODELS[name], SEEN
    h = mpmath.mpf(10) ** -10
    out = []
    for e in range(model.weights.size):
        sides = []
        for sign in (-1, 1):
            weights = [mpmath.mpf(float(w)) for w in model.weights]
            weights[e] += sign * h
            sides.append(exact(model, seen, weights))
        out.append(float((sides[1] - sides[0]) / (2 * h)))
    return np.array(out)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["inversion", "walking", "doubling"])
def test_value_and_gradient_are_those_of_dense_algebra(name, method, monkeypatch):
    model = MODELS[name]
    monkeypatch.setattr(logarithms, "_MANY", 1 if method == "inversion" else 10**9)
    if method != "inversion":
        monkeypatch.setattr(Question, "worth_inverting", lambda self, times: False)
    if method == "walking":
        monkeypatch.setattr(logarithms, "_PER_VISIT", 0.0)
    if method == "doubling":
        monkeypatch.setattr(logarithms, "_PER_VISIT", 1e9)
    found = prepared(model, SEEN)(model.weights)
    np.testing.assert_allclose(found.value, float(exact(model, SEEN, model.weights)), rtol=1e-11)
    gradient = slopes(name)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-9, atol=1e-10 * np.abs(gradient).max())


def test_narrow_intervals_are_worth_their_width_times_the_density():
    model = oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1])
    for low in (0.0, 1e-3, 0.7, 20.0, 200.0):
        for width in (1e-9, 1e-5, 1e-2):
            middle = low + width / 2
            interval = prepared(model, [(low, low + width, -INF)])(model.weights)
            density_there = prepared(model, [(middle, middle, -INF)])(model.weights)
            worth = density_there.value + np.log(width)
            np.testing.assert_allclose(interval.value, worth, rtol=1e-12, atol=10 * width**2 + 1e-6 * low)
            np.testing.assert_allclose(
                interval.gradient, density_there.gradient, rtol=2.0 * width + 1e-6, atol=2.0 * width + 1e-8
            )


def test_an_unlikely_gap_between_two_peaks_has_its_probability():
    """Erlang times of two rates: between them the density falls by many orders of magnitude."""
    k = 60
    chain = [(v, v + 1, 60.0) for v in range(1, k)] + [(k, 2 * k + 1, 60.0)]
    slow = [(v, v + 1, 6.0) for v in range(k + 1, 2 * k)] + [(2 * k, 2 * k + 1, 6.0)]
    alpha = np.zeros(2 * k + 2)
    alpha[[1, k + 1]] = 0.5
    model = replace(oracle.from_edges(2 * k + 2, chain + slow, oracle.starting_at(2 * k + 2)), alpha=alpha)
    mpmath.mp.dps = 40
    for low, high in ((2.5, 3.5), (3.0, 3.0001), (2.0, 5.0)):
        gaps = [
            mpmath.gammainc(k, rate * low, rate * high, regularized=True)
            for rate in (mpmath.mpf(60), mpmath.mpf(6))
        ]
        found = prepared(model, [(low, high, -INF)])(model.weights)
        np.testing.assert_allclose(found.value, float(mpmath.log(sum(gaps) / 2)), rtol=1e-10)
        h = 1e-6
        sides = [
            prepared(model, [(low, high, -INF)])(model.weights * (1 + s * h), gradient=False).value
            for s in (1, -1)
        ]
        np.testing.assert_allclose(found.gradient @ model.weights, (sides[0] - sides[1]) / (2 * h), rtol=1e-6)
    mpmath.mp.dps = 15


def test_survivors_far_out_count_with_all_their_digits():
    rate = 0.37
    model = oracle.from_edges(3, [(1, 2, rate)], oracle.starting_at(3))
    times = np.array([1e-8, 1.0, 300.0, 2e4])
    for seen in ([(t, INF, -INF) for t in times], [(t, INF, t / 2) for t in times]):
        found = prepared(model, seen)(model.weights)
        at_risk = sum(t - max(entry, 0.0) for t, _, entry in seen)
        np.testing.assert_allclose(found.value, -rate * at_risk, rtol=1e-12)
        np.testing.assert_allclose(found.gradient, -at_risk, rtol=1e-10)
    early = prepared(model, [(-INF, t, -INF) for t in times])(model.weights)
    np.testing.assert_allclose(early.value, np.log(-np.expm1(-rate * times)).sum(), rtol=1e-12)
    np.testing.assert_allclose(
        early.gradient, (times / np.expm1(np.minimum(rate * times, 600.0))).sum(), rtol=1e-10
    )


def test_what_never_ends_makes_late_times_likely_and_has_a_share_in_the_slope():
    """With probability b / (a + b) a state is entered that nothing leaves."""
    a, b = 0.4, 0.6
    model = oracle.from_edges(5, [(1, 2, a), (1, 3, b), (3, 4, 1.0), (4, 3, 1.0)], oracle.starting_at(5))
    for time in (0.5, 3.0, 60.0, 4000.0):
        found = prepared(model, [(time, INF, -INF)])(model.weights)
        gone = -np.expm1(-(a + b) * time)
        exact = 1.0 - a / (a + b) * gone
        np.testing.assert_allclose(found.value, np.log(exact), rtol=1e-11)
        fall = time * np.exp(-(a + b) * time)
        by_a = -(b / (a + b) ** 2 * gone + a / (a + b) * fall) / exact
        by_b = -(-a / (a + b) ** 2 * gone + a / (a + b) * fall) / exact
        np.testing.assert_allclose(found.gradient, [by_a, by_b, 0.0, 0.0], rtol=1e-9, atol=1e-10)


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(MODELS)))
@settings(max_examples=20)
def test_an_interval_cut_in_two_has_the_probability_of_both_parts(seed, name):
    model, random = MODELS[name], np.random.default_rng(seed)
    low, middle, high = np.sort(random.gamma(1.0, 2.0, 3))
    if model.discrete:
        low, middle, high = np.sort(random.choice(12, 3, replace=False)) * 1.0
    parts = [
        prepared(model, [(a, b, -INF)])(model.weights)
        for a, b in ((low, middle), (middle, high), (low, high))
    ]
    share = np.exp(parts[0].value - parts[2].value), np.exp(parts[1].value - parts[2].value)
    np.testing.assert_allclose(sum(share), 1.0, rtol=1e-9)
    gradient = share[0] * parts[0].gradient + share[1] * parts[1].gradient
    scale = np.abs(parts[2].gradient).max() + np.abs(gradient).max()
    np.testing.assert_allclose(parts[2].gradient, gradient, rtol=1e-7, atol=1e-8 * scale)


def test_terms_are_in_the_order_of_the_data_and_sum_to_the_whole():
    for model in MODELS.values():
        likelihood = prepared(model, SEEN)
        terms = likelihood.terms(model.weights)
        np.testing.assert_allclose(terms.sum(), likelihood(model.weights).value, rtol=1e-12)
        alone = [prepared(model, [seen])(model.weights, gradient=False).value for seen in SEEN]
        np.testing.assert_allclose(terms, alone, rtol=1e-10, atol=1e-12)


def test_a_broken_number_of_steps_or_an_interval_without_one_is_impossible():
    model = MODELS["steps"]
    assert prepared(model, [(1.5, 1.5, -INF)])(model.weights).value == -np.inf
    assert prepared(model, [(1.2, 1.8, -INF)])(model.weights).value == -np.inf
    whole = prepared(model, [(1.0, 3.0, -INF)])(model.weights)
    np.testing.assert_allclose(
        prepared(model, [(1.5, 3.5, -INF)])(model.weights).value, whole.value, rtol=1e-14
    )


def test_observations_refuse_what_cannot_be():
    with pytest.raises(GraphError, match="low has 1 entries and high 2"):
        Observations([1.0], [1.0, 2.0])
    with pytest.raises(GraphError, match="not empty"):
        Observations([], [])
