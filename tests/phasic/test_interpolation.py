"""Values at very many times are those that each time by itself has."""

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phasic import elimination, interpolation
from phasic.inversion import Answer
from phasic.question import Question

KINDS = ["pdf", "cdf", "survival"]


def question(model):
    return Question(elimination.record(model.offsets, model.targets), model.weights, model.alpha, False)


def asked_for(asked, monkeypatch):
    """Return a list to which every time is added that is found by itself."""
    count, each = [], asked._each_found

    def counted(kind, times, small):
        count.append(times.size)
        return each(kind, times, small)

    monkeypatch.setattr(asked, "_each_found", counted)
    return count


MODELS = {
    "coalescent": oracle.coalescent(7),
    "islands": oracle.islands(4),
    "erlang": oracle.erlang(40),
    "hyperexponential": oracle.from_edges(
        4,
        [(1, 3, 1.0), (2, 3, 1e-4)],
        0.3 * oracle.starting_at(4, 1, 1.0) + 0.7 * oracle.starting_at(4, 2, 1.0),
    ),
    "circles": oracle.random_model(5, n=5),
    "defective": oracle.random_model(1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_many_times_have_the_values_of_each_by_itself(name, kind, monkeypatch):
    asked = question(MODELS[name])
    mean = asked.mean if np.isfinite(asked.mean) else 3.0
    times = np.concatenate([[0.0], np.geomspace(1e-3 * mean, 12.0 * mean, 12_000)])
    np.random.default_rng(1).shuffle(times)
    count = asked_for(asked, monkeypatch)
    found = asked.ask(kind, times)
    assert sum(count) < 0.25 * times.size
    some = np.random.default_rng(2).choice(times.size, 800, replace=False)
    exact = asked.ask(kind, times[some])
    scale = exact.value.max()
    np.testing.assert_allclose(found.value[some], exact.value, rtol=1e-10, atol=1e-12 * scale)
    off = np.abs(found.value[some] - exact.value)
    assert (off <= found.error[some] + exact.error + 1e-15 * scale).all()


def test_logarithms_are_found_where_numbers_are_too_small():
    asked = question(oracle.erlang(3, 2.0))
    times = np.geomspace(1e-100, 900.0, 20_000)
    np.testing.assert_allclose(
        asked.logarithm("pdf", times), stats.gamma(3, scale=0.5).logpdf(times), rtol=1e-11, atol=1e-10
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_random_models_do_not_mind_how_many_times_are_asked_for(seed):
    asked = question(oracle.random_model(seed, n=5))
    times = np.random.default_rng(seed).exponential(3.0, 11_000)
    for kind in KINDS:
        found, exact = asked.ask(kind, times), asked.ask(kind, times[:200])
        np.testing.assert_allclose(found.value[:200], exact.value, rtol=1e-9, atol=1e-10 * exact.value.max())


def answering(function, error=1e-14):
    def direct(times):
        value = function(times)
        return Answer(value, np.zeros(times.size), error * np.abs(value), np.ones(times.size, np.bool_))

    return direct


def test_what_no_polynomial_follows_is_asked_for_time_by_time():
    times = np.linspace(1.0, 2.0, 20_000)
    function = lambda t: 1.0 + np.abs(np.sin(3000.0 * t))  # noqa: E731
    found = interpolation.interpolated(answering(function), times, 0.5)
    np.testing.assert_array_equal(found.value * np.exp(found.log), function(times))


def test_values_that_are_not_known_well_enough_are_not_interpolated():
    times = np.linspace(1.0, 2.0, 20_000)
    found = interpolation.interpolated(answering(np.exp, error=1e-9), times, 0.5)
    np.testing.assert_array_equal(found.value, np.exp(times))


def test_zeros_are_asked_for_time_by_time():
    times = np.linspace(0.0, 2.0, 20_000)
    found = interpolation.interpolated(answering(lambda t: 0.0 * t), times, 0.5)
    np.testing.assert_array_equal(found.value, np.zeros(times.size))


def test_a_narrow_peak_in_a_mixture_is_not_overlooked():
    k, share = 400, 1e-6  # a peak as wide as a twentieth of its time
    edges = [(v, v + 1, float(k)) for v in range(2, k + 1)] + [(k + 1, k + 2, float(k)), (1, k + 2, 1.0)]
    alpha = np.zeros(k + 3)
    alpha[[1, 2]] = 1.0 - share, share
    asked = question(oracle.from_edges(k + 3, edges, alpha))
    times = np.linspace(0.2, 5.0, 40_000)
    exact = (1.0 - share) * np.exp(-times) + share * stats.gamma(k, scale=1.0 / k).pdf(times)
    np.testing.assert_allclose(asked.values("pdf", times), exact, rtol=1e-10)
