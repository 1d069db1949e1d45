"""Errors of fitted distributions: against closed forms, second derivatives, other structures and refits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from phasic import Graph, Observations, fit_phase_type
from phasic.errors import GraphError, OptionError
from phasic.inference.expectation_maximisation import start
from phasic.inference.fit_coordinates import Coordinates
from phasic.inference.path_statistics import Schedule
from phasic.inference.step_statistics import StepSchedule


def mean(graph):
    return graph.expectation()


def several(graph):
    return np.array([graph.expectation(), graph.quantile(0.5), graph.survival(2.0)])


@pytest.fixture(scope="module")
def mixture():
    random = np.random.default_rng(3)
    times = np.concatenate([random.gamma(4.0, 0.25, 120), random.gamma(2.0, 2.0, 80)])
    times.flags.writeable = False
    return times


def test_the_error_of_one_rate_is_its_closed_form():
    times, censored = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1], bool)
    found = fit_phase_type(times, 1, censored=censored)
    np.testing.assert_allclose(found.phase_errors().exits, [0.2 / np.sqrt(2.0)], rtol=1e-6)
    error = found.estimate(mean)
    np.testing.assert_allclose([error.value, error.std], [5.0, 5.0 / np.sqrt(2.0)], rtol=1e-6)
    factor = np.exp(1.959963984540054 / np.sqrt(2.0))
    np.testing.assert_allclose([error.low, error.high], [5.0 / factor, 5.0 * factor], rtol=1e-5)
    steps = fit_phase_type([1, 2, 3, 4], 1, censored=censored, discrete=True)
    np.testing.assert_allclose(steps.phase_errors().exits, [np.sqrt(0.2 * 0.8 / 10.0)], rtol=1e-6)


def test_a_weight_of_four_halves_an_error(mixture):
    one = fit_phase_type(mixture, 2, n_starts=2, tolerance=1e-9)
    four = fit_phase_type(mixture, 2, n_starts=2, tolerance=1e-9, weights=np.full(200, 4.0))
    np.testing.assert_allclose(four.S, one.S, rtol=1e-3)
    np.testing.assert_allclose(2.0 * four.estimate(several).std, one.estimate(several).std, rtol=1e-4)


@pytest.mark.parametrize(
    ("structure", "phases"), [("coxian", 2), ("general", 2), ("hyperexponential", 2), ("hypererlang", [2, 1])]
)
@pytest.mark.parametrize("discrete", [False, True])
def test_slopes_are_those_of_the_log_likelihood(structure, phases, discrete, mixture):
    times = np.ceil(mixture[:50] * 4.0) if discrete else mixture[:50].copy()
    times[:3] = 0.0
    seen = Observations.of(times, censored=np.arange(50) > 45)
    found = fit_phase_type(seen, phases, structure, n_starts=1, max_steps=4, discrete=discrete)
    schedule = (StepSchedule if discrete else Schedule)(seen)
    here = start(schedule, found._phases).found
    coordinates = Coordinates(found._shape, found._phases, here)
    assert coordinates.x.size >= 2
    slopes = coordinates.slopes(here, coordinates.x)

    def value(x):
        return schedule.statistics(*coordinates.phases(x)).log_likelihood

    for unit, slope in zip(np.eye(coordinates.x.size), slopes, strict=True):
        step = 1e-5 * unit
        difference = (value(coordinates.x + step) - value(coordinates.x - step)) / 2e-5
        np.testing.assert_allclose(slope, difference, atol=2e-6 * max(1.0, np.abs(slopes).max()))


def test_errors_are_those_of_second_derivatives(mixture):
    """Of a mixture of two exponentials, whose density and mean are written down."""
    found = fit_phase_type(mixture, 2, "hyperexponential", tolerance=1e-10)
    rates, share = found.exits, found.alpha[0]
    if min(found.alpha) < 0.01:
        pytest.skip("one branch has no weight")

    def log_likelihood(x):
        p = 1.0 / (1.0 + np.exp(-x[2]))
        a, b = np.exp(x[:2])
        return np.log(p * a * np.exp(-a * mixture) + (1.0 - p) * b * np.exp(-b * mixture)).sum()

    x, h = np.array([*np.log(rates), np.log(share / (1.0 - share))]), 1e-3
    steps = h * np.eye(3)
    hessian = np.array(
        [
            [
                log_likelihood(x + a + b)
                - log_likelihood(x + a - b)
                - log_likelihood(x - a + b)
                + log_likelihood(x - a - b)
                for a in steps
            ]
            for b in steps
        ]
    ) / (4.0 * h * h)
    covariance = np.linalg.inv(-hessian)
    slope = np.array([-share / rates[0], -(1.0 - share) / rates[1], 0.0])
    slope[2] = share * (1.0 - share) * (1.0 / rates[0] - 1.0 / rates[1])
    expected = np.sqrt(slope @ covariance @ slope)
    np.testing.assert_allclose(found.estimate(mean).std, expected, rtol=1e-2)
    errors = found.phase_errors()
    np.testing.assert_allclose(errors.exits, rates * np.sqrt(np.diag(covariance)[:2]), rtol=1e-2)
    np.testing.assert_allclose(errors.alpha, share * (1.0 - share) * np.sqrt(covariance[2, 2]), rtol=1e-2)


@pytest.mark.parametrize("discrete", [False, True])
def test_the_error_of_a_function_is_that_of_the_distribution_however_it_is_written(discrete, mixture):
    """A general distribution of two phases has six rates for three numbers, and the same errors."""
    times = np.ceil(mixture * 4.0) if discrete else mixture
    options = {"tolerance": 1e-10, "n_starts": 4, "discrete": discrete}
    one, many = (fit_phase_type(times, 2, name, **options) for name in ("coxian", "general"))
    assert many.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-4)
    np.testing.assert_allclose(many.estimate(several).std, one.estimate(several).std, rtol=2e-2)


def test_what_is_not_unique_has_no_error(mixture):
    found = fit_phase_type(mixture, 3, "general", n_starts=2)
    with pytest.raises(OptionError, match="rates of structure 'general' are not unique"):
        found.phase_errors()
    assert np.isfinite(found.estimate(several).std).all()
    twice = fit_phase_type(mixture, 3, "hyperexponential", n_starts=3)  # one phase more than there is to tell
    assert np.isinf(twice.phase_errors().alpha).any() or (twice.alpha < 1e-3).any()


def test_a_probability_has_an_interval_within_zero_and_one(mixture):
    found = fit_phase_type(mixture[:12], 1)
    error = found.estimate(lambda graph: graph.survival([0.001, 50.0]), scale="logit")
    assert (error.low > 0.0).all()
    assert (error.high < 1.0).all()
    assert (error.low < error.value).all()
    assert (error.value < error.high).all()
    plain = found.estimate(mean, scale="plain")
    np.testing.assert_allclose(plain.high - plain.value, plain.value - plain.low)


def test_refits_have_the_spread_of_a_mean():
    times = np.random.default_rng(5).exponential(2.0, 60)
    found = fit_phase_type(times, 1)
    error = found.bootstrap(mean, n=300)
    np.testing.assert_allclose(error.std, times.std() / np.sqrt(60), rtol=0.15)
    assert error.draws.shape == (300,)
    assert error.low < error.value < error.high
    model = found.bootstrap(mean, n=300, resample="model")
    np.testing.assert_allclose(model.std, times.mean() / np.sqrt(60), rtol=0.15)


def test_refits_are_the_same_on_an_executor(mixture):
    found = fit_phase_type(mixture, 2, n_starts=2, censored=mixture > 4.0)
    one = found.bootstrap(several, n=6)
    with ThreadPoolExecutor(2) as executor:
        many = found.bootstrap(several, n=6, executor=executor)
    np.testing.assert_array_equal(one.draws, many.draws)
    with pytest.raises(GraphError, match="resample='data'"):
        found.bootstrap(mean, resample="model")


def test_data_from_a_truncated_model_are_late_enough():
    random = np.random.default_rng(1)
    times = random.exponential(1.0, 300)
    found = fit_phase_type(times[times > 0.5], 1, truncated=0.5)
    error = found.bootstrap(mean, n=100, resample="model")
    np.testing.assert_allclose(error.std, found.estimate(mean).std, rtol=0.3)


def test_bad_settings_are_refused_by_name():
    found = fit_phase_type([1.0, 2.0], 1)
    with pytest.raises(OptionError, match="level is 95"):
        found.estimate(mean, level=95)
    with pytest.raises(OptionError, match="scale is 'probit'"):
        found.estimate(mean, scale="probit")
    with pytest.raises(OptionError, match="pass scale='plain'"):
        found.estimate(lambda graph: -1.0)
    with pytest.raises(OptionError, match="resample is 'rows'"):
        found.bootstrap(mean, resample="rows")
    with pytest.raises(OptionError, match="n is 1"):
        found.bootstrap(mean, n=1)


@pytest.mark.slow
@pytest.mark.parametrize("discrete", [False, True])
def test_intervals_hold_the_truth_as_often_as_they_say(discrete):
    if discrete:
        truth = Graph.from_matrices([1.0, 0.0], [[0.5, 0.2], [0.0, 0.9]], discrete=True)
        end = 20.0
    else:
        truth = Graph.from_matrices([1.0, 0.0], [[-3.0, 1.2], [0.0, -0.5]])
        end = 4.0

    def asked(graph):
        return np.array([graph.expectation(), graph.survival(2.0), graph.survival(10.0 if discrete else 1.0)])

    expected, inside, n = asked(truth), np.zeros(3), 200
    for seed in range(n):
        times = np.asarray(truth.sample(400, seed=seed))
        seen = np.minimum(times, end)
        found = fit_phase_type(seen, 2, censored=times > end, n_starts=3, discrete=discrete)
        error = found.estimate(asked)
        inside += (error.low <= expected) & (expected <= error.high)
    print(inside / n)  # noqa: T201
    np.testing.assert_allclose(inside / n, 0.95, atol=0.045)  # three standard errors of a share of 200
