"""Expectation maximisation for numbers of steps: against all paths, closed forms and dense matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phasic import Graph, Observations, fit_phase_type
from phasic.errors import GraphError
from phasic.inference import expectation_maximisation as algorithm
from phasic.inference import structures
from phasic.inference.step_statistics import StepSchedule
from phasic.inference.structures import Phases

INF = np.inf
NAMES = ["general", "coxian", "hypoexponential", "hyperexponential", "erlang"]

# Every kind of observation: exact, repeated, right, interval, left, from zero, truncated, zero itself.
MIXED = Observations(
    [3, 1, 1, 5, 2, 4, -INF, 0, 3, 0, 2.5],
    [3, 1, 1, INF, 4, INF, 3, 2, 9, 0, 4.5],
    [-INF, -INF, 0, 1, -INF, -INF, -INF, -INF, 2, -INF, 1.5],
)


def random_phases(seed: int, p: int) -> Phases:
    table = np.random.default_rng(seed).dirichlet(np.ones(p + 1), p)
    rates = table[:, :p].copy()
    np.fill_diagonal(rates, 0.0)
    return Phases(np.random.default_rng(seed + 1).dirichlet(np.ones(p + 1)), rates, table[:, p].copy())


def dense_log_likelihood(phases: Phases, seen: Observations) -> float:
    alpha, rates, exits = phases
    step = rates + np.diag(1.0 - rates.sum(axis=1) - exits)

    def lasts(t: float) -> float:
        if t < 0.0:
            return 1.0
        return float((alpha[:-1] @ np.linalg.matrix_power(step, int(t))).sum())

    value = 0.0
    for low, high, entry in zip(seen.low, seen.high, seen.entry, strict=True):
        if low == high:
            before = low - 1 if low > 0 else 0
            at = alpha[:-1] @ np.linalg.matrix_power(step, int(before)) @ exits
            value += np.log(at if low > 0 else alpha[-1])
        else:
            value += np.log(lasts(low) - (0.0 if high == INF else lasts(high)))
        value -= np.log(lasts(entry))
    return value


@pytest.mark.parametrize("p", [1, 3])
def test_statistics_are_those_of_dense_matrices(p):
    """By Fisher's identity: what is expected less what is lost is the derivative of the log-likelihood."""
    phases = random_phases(p, p)
    found = StepSchedule(MIXED).statistics(*phases)
    np.testing.assert_allclose(found.log_likelihood, dense_log_likelihood(phases, MIXED), rtol=1e-12)
    table = np.column_stack([phases.rates, phases.exits])
    np.fill_diagonal(table, 1.0 - table.sum(axis=1))
    counts = found.jumps.copy()
    np.fill_diagonal(counts, found.times - found.jumps.sum(axis=1))

    def slope(change) -> float:
        up, down = (dense_log_likelihood(change(np.exp(s)), MIXED) for s in (1e-5, -1e-5))
        return (up - down) / 2e-5

    for i in range(p):
        for j in range(p + 1):

            def share(factor, i=i, j=j):
                new = table.copy()
                new[i, j] *= factor
                new[i] /= new[i].sum()
                rates = new[:, :-1].copy()
                np.fill_diagonal(rates, 0.0)
                return Phases(phases.alpha, rates, new[:, -1])

            expected = counts[i, j] - table[i, j] * found.times[i]
            np.testing.assert_allclose(expected, slope(share), atol=1e-6)
    for i in range(p + 1):

        def start(factor, i=i):
            new = phases.alpha.copy()
            new[i] *= factor
            return Phases(new / new.sum(), phases.rates, phases.exits)

        expected = found.starts[i] - phases.alpha[i] * found.starts.sum()
        np.testing.assert_allclose(expected, slope(start), atol=1e-6)


def test_statistics_are_those_of_all_paths_written_down():
    """Two states, absorbed in step 3: all eight ways there."""
    phases = random_phases(7, 2)
    table = phases.rates + np.diag(1.0 - phases.rates.sum(axis=1) - phases.exits)
    starts, visits, ends, total = np.zeros(3), np.zeros((2, 2)), np.zeros(2), 0.0
    for a, b, c in np.ndindex(2, 2, 2):
        chance = phases.alpha[a] * table[a, b] * table[b, c] * phases.exits[c]
        total += chance
        starts[a] += chance
        visits[a, b] += chance
        visits[b, c] += chance
        ends[c] += chance
    found = StepSchedule(Observations.of([3])).statistics(*phases)
    np.testing.assert_allclose(found.log_likelihood, np.log(total), rtol=1e-13)
    np.testing.assert_allclose(found.starts, starts / total, rtol=1e-12)
    np.testing.assert_allclose(found.jumps[:, 2], ends / total, rtol=1e-12)
    np.testing.assert_allclose(found.jumps[[0, 1], [1, 0]], visits[[0, 1], [1, 0]] / total, rtol=1e-12)
    np.testing.assert_allclose(found.times, (visits.sum(axis=1) + ends) / total, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NAMES), st.integers(1, 4), st.integers(0, 2**30), st.booleans())
def test_a_step_never_lowers_the_likelihood(name, p, seed, leaps):
    random = np.random.default_rng(seed)
    times = p + random.integers(0, 12, 12)
    kind = random.integers(0, 3, 12)
    low = np.where(kind == 2, times // 2, times)
    entry = np.where(kind == 0, -INF, times // 3)
    seen = Observations(low, np.where(kind == 1, INF, times), np.minimum(entry, low))
    seen = Observations(seen.low, seen.high, np.where(seen.high <= seen.entry, -INF, seen.entry))
    shape = replace(next(structures.structure(name, p)), discrete=True)
    if not (kind != 1).any():
        return
    schedule = StepSchedule(seen)
    way = algorithm.start(schedule, shape.random(random, 0.0, 1.5, float(times.mean())))
    if way is None:
        return
    algorithm.climb(schedule, shape, way, 15, 0.0, leaps)
    assert (np.diff(way.history) >= 0.0).all()
    assert schedule.statistics(*way.phases).log_likelihood == way.history[-1]
    assert (way.phases.rates.sum(axis=1) + way.phases.exits <= 1.0 + 1e-12).all()


def test_one_phase_is_events_over_steps():
    steps, censored = np.array([1, 2, 3, 4]), np.array([0, 0, 1, 1], bool)
    found = fit_phase_type(steps, 1, censored=censored, discrete=True)
    np.testing.assert_allclose(found.exits, [0.2], rtol=1e-9)
    np.testing.assert_allclose(found.log_likelihood, 2 * np.log(0.2) + 8 * np.log(0.8), rtol=1e-12)
    late = fit_phase_type(steps, 1, censored=censored, truncated=[0, 1, 1, 2], discrete=True, tolerance=1e-12)
    np.testing.assert_allclose(late.exits, [2.0 / 6.0], rtol=1e-5)  # steps under observation only


def test_a_negative_binomial_of_known_order_is_its_closed_form():
    steps = 3 + stats.nbinom(3, 0.3).rvs(200, random_state=1)
    found = fit_phase_type(steps, 3, "erlang", discrete=True)
    np.testing.assert_allclose(found.exits[-1], 3.0 / steps.mean(), rtol=1e-9)
    expected = stats.nbinom(3, 3.0 / steps.mean()).logpmf(steps - 3).sum()
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-10)
    np.testing.assert_allclose(np.log(found.graph.pdf(steps)).sum(), expected, rtol=1e-10)
    assert found.graph.is_discrete
    assert "discrete erlang, 3 phases" in repr(found)


def test_zeros_have_a_probability_of_their_own():
    found = fit_phase_type([0, 0, 0, 1, 2, 3, 4, 5], 1, discrete=True)
    assert found.zero == pytest.approx(3 / 8, rel=1e-9)
    np.testing.assert_allclose(found.exits, 5.0 / 15.0, rtol=1e-7)
    np.testing.assert_allclose(found.graph.expectation(), 15.0 / 8.0, rtol=1e-7)


def test_steps_that_are_always_the_same_need_no_chance():
    found = fit_phase_type([3, 3, 3], 3, "hypoexponential", discrete=True)
    np.testing.assert_allclose(found.S, np.diag([1.0, 1.0], 1), atol=1e-6)
    assert found.log_likelihood > -1e-5


def test_intervals_of_one_step_are_that_step():
    steps = np.random.default_rng(1).geometric(0.2, 40)
    exact = fit_phase_type(steps, 2, discrete=True, n_starts=2)
    between = fit_phase_type(Observations(steps - 1, steps), 2, discrete=True, n_starts=2)
    np.testing.assert_allclose(between.log_likelihood, exact.log_likelihood, rtol=1e-7)


def test_small_steps_are_as_good_as_time():
    """A grid of a thousandth: densities times its width."""
    times = np.random.default_rng(2).gamma(2.0, 1.0, 60)
    steps = np.maximum(1.0, np.round(times * 1000.0))
    fine = fit_phase_type(steps, 2, "hypoexponential", discrete=True, n_starts=2)
    coarse = fit_phase_type(steps / 1000.0, 2, "hypoexponential", n_starts=2)
    expected = coarse.log_likelihood - 60 * np.log(1000.0)
    np.testing.assert_allclose(fine.log_likelihood, expected, atol=0.2)
    np.testing.assert_allclose(fine.graph.expectation() / 1000.0, coarse.graph.expectation(), rtol=1e-3)


def test_a_coxian_comes_with_the_fastest_phase_first_and_is_the_same():
    steps = np.random.default_rng(1).geometric(0.2, 40)
    schedule = StepSchedule(Observations.of(steps))
    for p in (1, 2, 4):
        shape = replace(next(structures.structure("coxian", p)), discrete=True)
        phases = shape.random(np.random.default_rng(p), 0.0, 1.5, 5.0)
        same = structures.canonical(phases)
        assert (np.diff(same.rates.sum(axis=1) + same.exits) <= 1e-12).all()
        values = [schedule.statistics(*each).log_likelihood for each in (phases, same)]
        np.testing.assert_allclose(*values, rtol=1e-12)


def test_bad_input_is_refused_by_name():
    with pytest.raises(GraphError, match=r"observation 1 is 1.5; pass whole numbers"):
        fit_phase_type([1.0, 1.5], 1, discrete=True)
    with pytest.raises(GraphError, match="no whole number of steps is there"):
        fit_phase_type(Observations([1.2], [1.8]), 1, discrete=True)
    with pytest.raises(GraphError, match="leave out discrete=True"):
        fit_phase_type([1.0, 1e9], 1, discrete=True)
    with pytest.raises(GraphError, match="allow fewer phases"):
        fit_phase_type([1, 2], 3, "erlang", discrete=True)
    with pytest.raises(GraphError, match="every observation is censored"):
        fit_phase_type([1, 2], 1, censored=[True, True], discrete=True)


@pytest.mark.slow
def test_what_is_fitted_to_many_observations_is_what_they_come_from():
    truth = Graph.from_matrices([1.0, 0.0], [[0.5, 0.2], [0.0, 0.95]], discrete=True)
    steps = truth.sample(20_000, seed=1)
    found = fit_phase_type(np.minimum(steps, 40), 2, censored=steps > 40, discrete=True)
    at = np.arange(1, 40)
    np.testing.assert_allclose(found.graph.survival(at), truth.survival(at), atol=0.01)
