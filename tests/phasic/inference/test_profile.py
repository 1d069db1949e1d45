"""Intervals by the profile likelihood against closed forms, a search by hand, and what must not matter."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from phasic import Graph
from phasic.errors import OptionError


def decay(state):
    return [([0], [1.0])] if state[0] else []


def two_steps(state):
    if state[0] == 2:
        return [([1], [1.0, 0.0])]
    return [([0], [0.0, 1.0])] if state[0] == 1 else []


def steps(state):
    return [([0], [1.0])] if state[0] else []


def by_hand(log_likelihood, best, level, low, high):
    """Return the ends where a log-likelihood of one number has dropped as far as `level` says."""
    drop = 0.5 * chi2.ppf(level, 1)

    def left(value):
        return log_likelihood(value) - log_likelihood(best) + drop

    return brentq(left, low, best, xtol=1e-13), brentq(left, best, high, xtol=1e-13)


@settings(max_examples=20)
@given(st.integers(2, 50), st.floats(1e-6, 1e6), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_ends_for_a_rate_are_where_its_likelihood_has_fallen(count, unit, level):
    times = np.random.default_rng(count).exponential(unit, count)
    found = Graph(decay, ipv=[1]).fit(times)
    low, high = found.intervals(level, method="profile")
    best, total = count / times.sum(), times.sum()
    exact = by_hand(lambda rate: count * np.log(rate) - rate * total, best, level, best * 1e-9, best * 1e9)
    np.testing.assert_allclose([low[0], high[0]], exact, rtol=1e-7)


def test_ends_for_two_rates_are_those_of_a_search_by_hand():
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 5.0])
    times = graph.sample(300, seed=3)
    found = graph.fit(times, theta_init=[1.0, 5.0])
    low, high = found.intervals(0.9, method="profile")
    drop = 0.5 * chi2.ppf(0.9, 1)

    def log_likelihood(a, b):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            density = a * b * (np.exp(-a * times) - np.exp(-b * times)) / (b - a)
        return np.log(density).sum()

    for k in range(2):
        for end in (low[k], high[k]):
            top = -minimize_scalar(
                lambda z, k=k, end=end: -log_likelihood(*((end, np.exp(z)) if k == 0 else (np.exp(z), end))),
                bounds=np.log(found.theta[1 - k]) + np.array([-1.5, 1.5]),
                options={"xatol": 1e-10},
            ).fun
            assert top == pytest.approx(found.log_likelihood - drop, abs=1e-7)


def test_ends_do_not_depend_on_how_parameters_are_expressed():
    graph, times = Graph(decay, ipv=[1]), np.random.default_rng(2).exponential(0.5, 8)
    logs = graph.fit(times).intervals(method="profile")
    plain = graph.fit(times, positive_params=False, theta_init=[2.0]).intervals(method="profile")
    np.testing.assert_allclose(logs, plain, rtol=1e-7)
    wald = graph.fit(times, positive_params=False, theta_init=[2.0]).intervals()
    assert abs(wald[0][0] / graph.fit(times).intervals()[0][0] - 1.0) > 0.01


def test_known_and_tied_parameters_take_part_as_they_are_told():
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([2.0, 2.0])
    times = graph.sample(40, seed=1)
    known = graph.fit(times, fixed=[(1, 2.0)])
    low, high = known.intervals(method="profile")
    assert (low[1], high[1]) == (2.0, 2.0)
    assert low[0] < known.theta[0] < high[0]
    tied = graph.fit(times, tied=[(0, 1)])
    low, high = tied.intervals(method="profile")
    assert low[0] == low[1]
    rate, total = 2 * times.size / times.sum(), times.sum()
    exact = by_hand(lambda r: 2 * times.size * np.log(r) - r * total, rate, 0.95, rate / 10, rate * 10)
    np.testing.assert_allclose([low[0], high[0]], exact, rtol=1e-7)


def test_an_end_that_data_do_not_bound_is_that_of_the_range_and_named():
    graph, times = Graph(decay, ipv=[1]), [1.0, 2.0]
    with pytest.warns(UserWarning, match="data cannot tell|end of its range"):
        found = Graph(lambda s: [([0], [1.0, 1.0])] if s[0] else [], ipv=[1]).fit(times)
    with pytest.warns(UserWarning, match=r"theta\[0\] from below or theta\[1\] from below"):
        low, high = found.intervals(method="profile")
    assert (low == 0.0).all()
    assert np.isfinite(high).all()
    assert graph.fit(times).intervals(method="profile")[0][0] > 0.0


def test_a_share_of_steps_has_ends_where_it_can_be():
    graph = Graph(steps, ipv=[1])
    graph.is_discrete = True
    data = np.array([1.0, 1.0, 1.0, 2.0, 1.0, 1.0])
    found = graph.fit(data)
    low, high = found.intervals(0.5, method="profile")
    n, total = data.size, data.sum()
    exact = by_hand(lambda p: n * np.log(p) + (total - n) * np.log1p(-p), n / total, 0.5, 1e-9, 1.0 - 1e-12)
    np.testing.assert_allclose([low[0], high[0]], exact, rtol=1e-7)


def test_an_estimate_at_the_border_has_no_standard_error_but_an_interval():
    graph = Graph(steps, ipv=[1])
    graph.is_discrete = True
    found = graph.fit([1] * 20)
    assert found.theta[0] == pytest.approx(1.0, rel=1e-6)
    assert not found.success
    assert "border" in found.message
    assert np.isnan(found.std).all()
    low, high = found.intervals(method="profile")
    assert low[0] == pytest.approx(np.exp(-0.5 * chi2.ppf(0.95, 1) / 20), rel=1e-6)
    assert high[0] == pytest.approx(1.0, rel=1e-6)


def test_a_fit_from_another_process_has_its_intervals_too():
    found = Graph(decay, ipv=[1]).fit([0.5, 1.0, 2.5])
    again = pickle.loads(pickle.dumps(found))
    for method in ("wald", "profile"):
        np.testing.assert_array_equal(again.intervals(method=method), found.intervals(method=method))


def test_criteria_correlations_and_the_table_are_of_the_fit(capsys):
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 5.0])
    times = graph.sample(300, seed=1)
    found = graph.fit(times, theta_init=[1.0, 5.0])
    assert found.bic == pytest.approx(2 * np.log(300) - 2 * found.log_likelihood)
    assert found.aic == pytest.approx(4 - 2 * found.log_likelihood)
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)
    np.testing.assert_allclose(found.correlation * np.outer(found.std, found.std), found.covariance)
    found.summary(method="profile")
    lines = capsys.readouterr().out.splitlines()
    low, high = found.intervals(method="profile")
    assert f"[{low[0]:.5g}, {high[0]:.5g}]" in lines[1]
    assert lines[-1].startswith("300 observations, log-likelihood")
    half = graph.fit(times, fixed=[(0, 1.0)], theta_init=[1.0, 5.0])
    assert np.isnan(half.correlation[0]).all()
    half.summary()
    assert "fixed" in capsys.readouterr().out.splitlines()[1]


def test_unknown_methods_and_levels_are_refused():
    found = Graph(decay, ipv=[1]).fit([1.0])
    with pytest.raises(OptionError, match="wald or profile"):
        found.intervals(method="bootstrap")
    with pytest.raises(OptionError, match="probability"):
        found.intervals(1.0, method="profile")
