"""Derivatives carried through doubling."""

from dataclasses import replace

import numpy as np
import oracle
import pytest
from mpmath import mp

from phasic import tangents
from phasic.uniformisation import Chain


def chain(model):
    targets = model.targets.astype(np.int32)
    return Chain.reached(model.offsets, targets, model.weights, model.alpha, model.discrete)


def two_states(p, q, r):
    """There and back at the rates p and q, and out of the second state at the rate r."""
    return oracle.from_edges(4, [(1, 2, p), (2, 1, q), (2, 3, r)], oracle.starting_at(4))


def density(t, p, q, r):
    """Density of `two_states`, from the roots of its characteristic polynomial."""
    half = (p + q + r) / 2
    root = mp.sqrt(half**2 - p * r)
    return p * r * (mp.exp(-(half - root) * t) - mp.exp(-(half + root) * t)) / (2 * root)


@pytest.mark.parametrize("rates", [(1.0, 2.0, 0.5), (1.0, 1e6, 1e-4), (1e3, 1e9, 1e-9), (1e-3, 1.0, 1e-12)])
@pytest.mark.parametrize("share", [1e-3, 1.0, 5.0])
def test_slopes_lose_no_digits_however_often_states_are_visited(rates, share):
    p, q, r = rates
    time = share * (p + q + r) / (p * r)
    found, slopes = tangents.density_slopes(chain(two_states(*rates)), np.array([time]), np.arange(3))
    with mp.workdps(60):
        exact = [mp.mpf(rate) for rate in rates]
        value = density(mp.mpf(time), *exact)
        by_rate = [mp.diff(lambda *x: density(mp.mpf(time), *x), exact, tuple(int(i == j) for j in range(3)))
                   for i in range(3)]  # fmt: skip
        assert abs(found[0] / value - 1) < 1e-12
        for slope, expected, rate in zip(slopes[:, 0], by_rate, rates, strict=True):
            assert abs(slope - expected) <= 1e-11 * (abs(expected) + value / rate)


def test_an_edge_of_weight_zero_has_a_slope():
    shut = chain(two_states(1.0, 2.0, 0.5))
    shut = replace(shut, weights=np.array([1.0, 0.0, 0.5]))
    _, slopes = tangents.density_slopes(shut, np.array([3.0]), np.array([1]))
    with mp.workdps(40):
        expected = mp.diff(lambda q: density(mp.mpf(3), mp.mpf(1), q, mp.mpf("0.5")), 0)
    assert abs(slopes[0, 0] / expected - 1) < 1e-11


def test_steps_have_slopes_too():
    p, steps = 1e-6, np.array([1.0, 2.0, 1e6])
    model = oracle.from_edges(3, [(1, 2, p)], oracle.starting_at(3), discrete=True)
    found, slopes = tangents.density_slopes(chain(model), steps, np.arange(1))
    left = np.exp((steps - 1) * np.log1p(-p))
    np.testing.assert_allclose(found, p * left, rtol=1e-10)
    expected = left * (1 - (steps - 1) * p / (1 - p))
    np.testing.assert_allclose(slopes[0], expected, rtol=1e-8, atol=1e-11)
