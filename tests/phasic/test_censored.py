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

from phasic import density, elimination, logarithms
from phasic.errors import GraphError
from phasic.likelihood import Likelihood
from phasic.observations import Observations

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
        monkeypatch.setattr(density.Question, "worth_inverting", lambda self, times: False)
    if method == "walking":
        monkeypatch.setattr(logarithms, "_PER_VISIT", 0.0)
    if method == "doubling":
        monkeypatch.setattr(logarithms, "_PER_VISIT", 1e9)
    found = prepared(model, SEEN)(model.weights)
    np.testing.assert_allclose(found.value, float(exact(model, SEEN, model.weights)), rtol=1e-11)
    gradient = slopes(name)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-9, atol=1e-10 * np.abs(gradient).max())
