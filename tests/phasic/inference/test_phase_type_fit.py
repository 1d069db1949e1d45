"""Expectation maximisation: its statistics against dense matrices, its fits against closed forms."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.linalg import expm

from phasic import Observations, choose_phase_type, fit_phase_type
from phasic.errors import GraphError, OptionError
from phasic.inference import expectation_maximisation as algorithm
from phasic.inference import structures
from phasic.inference.path_statistics import Schedule
from phasic.inference.structures import Phases

INF = np.inf
NAMES = ["general", "coxian", "hypoexponential", "hyperexponential", "erlang"]


def dense_log_likelihood(phases: Phases, seen: Observations) -> float:
    alpha, rates, exits = phases
    S = rates - np.diag(rates.sum(axis=1) + exits)

    def lasts(t: float) -> float:
        return 1.0 if t < 0.0 else float((alpha[:-1] @ expm(S * t)).sum())

    value = 0.0
    for low, high, entry in zip(seen.low, seen.high, seen.entry, strict=True):
        if low == high:
            value += np.log(alpha[-1] if low == 0.0 else alpha[:-1] @ expm(S * low) @ exits)
        else:
            value += np.log(lasts(low) - (0.0 if high == INF else lasts(high)))
        value -= np.log(lasts(entry))
    return value


# Every kind of observation: exact, repeated, right, interval, left, from zero, truncated, zero itself.
MIXED = Observations(
    [0.3, 1.2, 1.2, 5.0, 0.5, 2.0, -INF, 0.0, 0.7, 0.0],
    [0.3, 1.2, 1.2, INF, 0.9, INF, 1.5, 2.0, 8.0, 0.0],
    [-INF, -INF, 0.4, 1.0, -INF, -INF, -INF, -INF, 0.2, -INF],
)


def random_phases(seed: int, p: int, scale: float = 1.0) -> Phases:
    random = np.random.default_rng(seed)
    rates = random.exponential(scale, (p, p))
    np.fill_diagonal(rates, 0.0)
    return Phases(random.dirichlet(np.ones(p + 1)), rates, random.exponential(1.0, p))


@pytest.mark.parametrize(("p", "scale"), [(1, 1.0), (3, 1.0), (4, 300.0)])
def test_statistics_are_those_of_dense_matrices(p, scale):
    """By Fisher's identity: what is expected less what is lost is the derivative of the log-likelihood."""
    phases = random_phases(p, p, scale)
    found = Schedule(MIXED).statistics(*phases)
    np.testing.assert_allclose(found.log_likelihood, dense_log_likelihood(phases, MIXED), rtol=1e-11)
    table = np.column_stack([phases.rates, phases.exits])

    def slope(change) -> float:
        step = 1e-5
        up, down = (dense_log_likelihood(change(np.exp(s)), MIXED) for s in (step, -step))
        return (up - down) / (2.0 * step)

    for i in range(p):
        for j in range(p + 1):

            def rate(factor, i=i, j=j):
                new = table.copy()
                new[i, j] *= factor
                return Phases(phases.alpha, new[:, :-1], new[:, -1])

            expected = found.jumps[i, j] - table[i, j] * found.times[i]
            np.testing.assert_allclose(expected, slope(rate), atol=1e-6)
    for i in range(p + 1):

        def start(factor, i=i):
            new = phases.alpha.copy()
            new[i] *= factor
            return Phases(new / new.sum(), phases.rates, phases.exits)

        expected = found.starts[i] - phases.alpha[i] * found.starts.sum()
        np.testing.assert_allclose(expected, slope(start), atol=1e-6)


def test_a_narrow_interval_is_a_density_times_its_width():
    """Where a difference of survival functions has no digits left."""
    phases = random_phases(1, 3)
    width = 1e-13
    exact = Schedule(Observations.of([1.0, 2.5])).statistics(*phases)
    narrow = Schedule(Observations([1.0, 2.5], [1.0 + width, 2.5 + width])).statistics(*phases)
    widths = np.log(np.array([1.0 + width, 2.5 + width]) - [1.0, 2.5]).sum()
    np.testing.assert_allclose(narrow.log_likelihood - widths, exact.log_likelihood, rtol=1e-11)
    np.testing.assert_allclose(narrow.jumps, exact.jumps, rtol=1e-10)
    np.testing.assert_allclose(narrow.times, exact.times, rtol=1e-10)


def test_a_long_gap_that_is_taken_by_halves_is_right():
    phases, seen = random_phases(2, 3, 200.0), Observations.of([0.1, 60.0])
    found = Schedule(seen).statistics(*phases)
    np.testing.assert_allclose(found.log_likelihood, dense_log_likelihood(phases, seen), rtol=1e-9)
    np.testing.assert_allclose(found.times.sum(), 60.1, rtol=1e-9)


def test_the_far_left_tail_of_a_long_row_keeps_its_digits():
    p, t = 20, 1e-3
    rates, exits = np.diag(np.ones(p - 1), 1), np.append(np.zeros(p - 1), 1.0)
    alpha = np.append(1.0, np.zeros(p))
    found = Schedule(Observations.of([t])).statistics(alpha, rates, exits)
    np.testing.assert_allclose(found.log_likelihood, stats.gamma(p).logpdf(t), rtol=1e-13)
    np.testing.assert_allclose(found.times, t / p, rtol=1e-12)
    np.testing.assert_allclose(found.jumps.sum(), p, rtol=1e-12)


def test_rates_too_fast_to_be_told_from_infinite_ones_are_refused():
    """A leap can end there, where the likelihood would be rounding."""
    phases = Phases(np.array([1.0, 0.0, 0.0]), np.array([[0.0, 1e22], [0.0, 0.0]]), np.array([1.0, 1e16]))
    assert Schedule(Observations.of([1.0, 2.0])).statistics(*phases) is None


def test_an_outlier_does_not_underflow():
    found = Schedule(Observations.of([1.0, 5000.0])).statistics(
        np.array([1.0, 0.0]), np.zeros((1, 1)), np.array([1.0])
    )
    np.testing.assert_allclose(found.log_likelihood, -5001.0, rtol=1e-12)
    np.testing.assert_allclose(found.times, [5001.0], rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NAMES), st.integers(1, 4), st.integers(0, 2**30), st.booleans())
def test_a_step_never_lowers_the_likelihood(name, p, seed, leaps):
    random = np.random.default_rng(seed)
    times = random.gamma(2.0, 1.0, 12)
    kind = random.integers(0, 3, 12)
    low = np.where(kind == 2, 0.5 * times, times)
    seen = Observations(low, np.where(kind == 1, INF, times), np.where(kind == 0, -INF, 0.3 * times))
    if not (kind != 1).any():
        return
    schedule, shape = Schedule(seen), next(structures.structure(name, p))
    way = algorithm.start(schedule, shape.random(random, 0.0))
    algorithm.climb(schedule, shape, way, 15, 0.0, leaps)
    assert (np.diff(way.history) >= 0.0).all()
    again = schedule.statistics(*way.phases)
    assert again.log_likelihood == way.history[-1]


def test_one_phase_is_events_over_time():
    times, censored = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1], bool)
    found = fit_phase_type(times, 1, censored=censored)
    np.testing.assert_allclose(found.exits, [0.2], rtol=1e-9)
    np.testing.assert_allclose(found.log_likelihood, 2 * np.log(0.2) - 0.2 * 10.0, rtol=1e-12)
    # Delayed entry: only the time under observation counts.
    late = fit_phase_type(times, 1, censored=censored, truncated=0.5)
    np.testing.assert_allclose(late.exits, [2.0 / 8.0], rtol=1e-4)
    assert (found.n_parameters, found.n_observations) == (1, 4)
    np.testing.assert_allclose(found.aic, 2.0 - 2.0 * found.log_likelihood)
    np.testing.assert_allclose(found.bic, np.log(4.0) - 2.0 * found.log_likelihood)


def test_grouped_data_have_the_geometric_answer():
    """Intervals of one width: the number of whole widths is geometric."""
    low = np.repeat([0.0, 1.0, 2.0, 3.0], [40, 30, 20, 10])
    found = fit_phase_type(Observations(low, low + 1.0), 1)
    np.testing.assert_allclose(np.exp(-found.exits[0]), 100.0 / 200.0, rtol=1e-4)
    left = fit_phase_type(Observations(np.full(10, -INF), np.arange(1.0, 11.0)), 1, max_steps=50)
    assert left.exits[0] > 1.0


def test_an_erlang_rate_is_its_closed_form():
    times = np.random.default_rng(1).gamma(5.0, 1.0, 200)
    found = fit_phase_type(times, 5, "erlang")
    np.testing.assert_allclose(found.exits[-1], 5.0 / times.mean(), rtol=1e-9)
    np.testing.assert_allclose(
        found.log_likelihood, stats.gamma(5.0, scale=times.mean() / 5.0).logpdf(times).sum(), rtol=1e-10
    )
    assert found.success


def test_zeros_have_a_probability_of_their_own():
    times = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    found = fit_phase_type(times, 1)
    assert found.zero == pytest.approx(3 / 8, rel=1e-9)
    np.testing.assert_allclose(found.exits, 5.0 / 15.0, rtol=1e-7)
    np.testing.assert_allclose(found.graph.cdf(0.0), 3 / 8, rtol=1e-9)
    np.testing.assert_allclose(found.graph.expectation(), times.mean(), rtol=1e-7)
    assert found.n_parameters == 2


@pytest.fixture(scope="module")
def mixture():
    random = np.random.default_rng(3)
    return np.concatenate([random.gamma(4.0, 0.25, 120), random.gamma(2.0, 2.0, 80)])


def test_structures_that_hold_each_other_are_as_likely_or_more(mixture):
    """Erlang in hypoexponential in Coxian in general."""
    found = [
        fit_phase_type(mixture, 3, name, n_starts=4)
        for name in ("erlang", "hypoexponential", "coxian", "general")
    ]
    values = [each.log_likelihood for each in found]
    assert all(np.diff(values) > -1e-4)
    for each in found:
        np.testing.assert_allclose(each.graph.log_pdf(mixture).sum(), each.log_likelihood, rtol=1e-9)
        assert each.history[-1] == pytest.approx(each.log_likelihood)
        assert (np.diff(each.history) >= 0.0).all()


def test_no_other_search_does_better(mixture):
    """The same likelihood by a quasi-Newton search over logarithms, from where this one ended and beside."""
    from scipy.optimize import minimize

    found = fit_phase_type(mixture, 2, "coxian")
    schedule = Schedule(Observations.of(mixture))

    def downhill(x):
        first, on, out = np.exp(x)
        rates = np.array([[0.0, on], [0.0, 0.0]])
        at = schedule.statistics(np.array([1.0, 0.0, 0.0]), rates, np.array([out, first]))
        return 1e10 if at is None else -at.log_likelihood

    start = np.log([found.exits[1], found.S[0, 1], found.exits[0]])
    best = minimize(downhill, start + 0.3, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    assert -best.fun <= found.log_likelihood + 1e-4


def test_a_coxian_comes_with_the_fastest_phase_first_and_is_the_same(mixture):
    random = np.random.default_rng(1)
    schedule = Schedule(Observations.of(mixture))
    for p in (1, 2, 5):
        phases = next(structures.structure("coxian", p)).random(random, 0.0)
        same = structures.canonical(phases)
        leave = same.rates.sum(axis=1) + same.exits
        assert (np.diff(leave) <= 1e-12).all()
        values = [schedule.statistics(*each).log_likelihood for each in (phases, same)]
        np.testing.assert_allclose(*values, rtol=1e-12)


def test_branches_are_chosen_and_can_be_told():
    random = np.random.default_rng(2)
    times = np.concatenate([random.gamma(3.0, 0.1, 150), random.gamma(1.0, 5.0, 150)])
    chosen = fit_phase_type(times, 4, "hypererlang")
    for orders in ([3, 1], [2, 2], [2, 1, 1]):
        told = fit_phase_type(times, orders, "hypererlang")
        assert told.log_likelihood <= chosen.log_likelihood + 1e-3
        assert told.n_parameters == 2 * len(orders) - 1
    told = fit_phase_type(times, [3, 1], "hypererlang")
    np.testing.assert_allclose(np.sort(told.alpha), [0.0, 0.0, 0.5, 0.5], atol=0.06)


def test_a_table_of_jumps_is_a_structure():
    jumps = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    times = np.random.default_rng(1).gamma(3.0, 1.0, 60)
    found = fit_phase_type(times, 3, jumps, n_starts=2, max_steps=200)
    assert found.structure == "custom"
    assert found.S[1, 0] == found.S[1, 2] == found.S[2, 0] == found.exits[0] == 0.0
    np.testing.assert_allclose(found.graph.expectation(), times.mean(), rtol=1e-3)


def test_a_fit_is_the_same_each_time_and_in_any_unit(mixture):
    one = fit_phase_type(mixture, 2)
    again = fit_phase_type(mixture, 2)
    days = fit_phase_type(mixture * 1024.0, 2)
    np.testing.assert_array_equal(one.S, again.S)
    np.testing.assert_allclose(days.S * 1024.0, one.S, rtol=1e-9)
    np.testing.assert_allclose(days.log_likelihood, one.log_likelihood - mixture.size * np.log(1024.0))
    copied = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(copied.S, one.S)
    assert "coxian, 2 phases" in repr(one)


def test_bad_input_is_refused_by_name():
    with pytest.raises(GraphError, match="every observation is censored"):
        fit_phase_type([1.0, 2.0], 1, censored=[True, True])
    with pytest.raises(GraphError, match="every observation is zero"):
        fit_phase_type([0.0, 0.0], 1)
    with pytest.raises(GraphError, match="observation 1 is -1"):
        fit_phase_type([1.0, -1.0], 1)
    with pytest.raises(OptionError, match="choose one of general"):
        fit_phase_type([1.0], 2, "gamma")
    with pytest.raises(OptionError, match="phases is 0"):
        fit_phase_type([1.0], 0)
    with pytest.raises(OptionError, match="branches are of the structure"):
        fit_phase_type([1.0], [1, 2], "coxian")
    with pytest.raises(OptionError, match="phase 1 of structure cannot reach absorption"):
        fit_phase_type([1.0], 2, [[0, 1, 1], [0, 0, 0]])
    with pytest.raises(OptionError, match="max_steps"):
        fit_phase_type([1.0], 1, max_steps=0)


def test_ctrl_c_returns_what_there_is(monkeypatch, mixture):
    from phasic.inference import searches

    steps = []

    def stop(*arguments, **options):
        steps.append(1)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return algorithm.climb(*arguments, **options)

    monkeypatch.setattr(searches, "climb", stop)
    found = fit_phase_type(mixture, 2)
    assert found.message == "interrupted"
    assert not found.success
    assert np.isfinite(found.log_likelihood)


def test_a_weight_is_how_often_a_time_was_observed(mixture):
    """Grouped data: an interval and a count."""
    counts, edges = np.histogram(mixture, np.linspace(0.0, 12.0, 25))
    grouped = fit_phase_type(Observations(edges[:-1], edges[1:]), 2, weights=counts, tolerance=1e-9)
    written = fit_phase_type(
        Observations(np.repeat(edges[:-1], counts), np.repeat(edges[1:], counts)), 2, tolerance=1e-9
    )
    np.testing.assert_allclose(grouped.log_likelihood, written.log_likelihood, rtol=1e-8)
    np.testing.assert_allclose(grouped.S, written.S, rtol=1e-2)
    assert grouped.n_observations == written.n_observations == counts.sum()
    assert grouped.bic == pytest.approx(written.bic)
    one = fit_phase_type([1.0, 2.0, 0.0], 1, weights=[3, 1, 4])
    np.testing.assert_allclose([one.exits[0], one.zero], [4.0 / 5.0, 0.5], rtol=1e-9)
    late = Observations([1.0, 2.0], [1.0, INF], [0.5, 0.2])
    two = fit_phase_type(late, 1, weights=[2.0, 1.0])
    np.testing.assert_allclose(two.exits, 2.0 / (2 * 0.5 + 1.8), rtol=1e-3)
    for bad in ([1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan], "ab"):
        with pytest.raises(OptionError, match="weights"):
            fit_phase_type([1.0, 2.0], 1, weights=bad)


def test_searches_are_the_same_on_an_executor(mixture):
    from concurrent.futures import ThreadPoolExecutor

    one = fit_phase_type(mixture, 3, "hypererlang", n_starts=2)
    with ThreadPoolExecutor(2) as executor:
        many = fit_phase_type(mixture, 3, "hypererlang", n_starts=2, executor=executor)
    np.testing.assert_array_equal(one.S, many.S)
    np.testing.assert_array_equal(one.starts, many.starts)
    copied = pickle.loads(pickle.dumps(one._shape))  # what a process would get
    np.testing.assert_array_equal(copied.groups, one._shape.groups)


def test_the_choice_of_phases_is_the_least_criterion(mixture):
    fits = choose_phase_type(mixture, range(1, 4), ("coxian", "erlang"), n_starts=2)
    assert len(fits) == 6
    assert (np.diff([fit.bic for fit in fits]) >= 0.0).all()
    by_aic = choose_phase_type(mixture, [1, 2], "coxian", criterion="aic", n_starts=2)
    assert (np.diff([fit.aic for fit in by_aic]) >= 0.0).all()
    # Three phases in a row cannot be over after two steps, and one can.
    steps = choose_phase_type([1, 2, 2, 4], [1, 3], "erlang", discrete=True)
    assert [fit.n_phases for fit in steps] == [1]
    with pytest.raises(GraphError, match="allow fewer phases"):
        choose_phase_type([1, 2], [3], "erlang", discrete=True)
    with pytest.raises(OptionError, match="criterion is 'dic'"):
        choose_phase_type(mixture, criterion="dic")
    with pytest.raises(OptionError, match="nothing to choose from"):
        choose_phase_type(mixture, [])


def test_a_bar_shows_steps_and_likelihood_where_somebody_watches(mixture, monkeypatch):
    auto = pytest.importorskip("tqdm.auto")
    bars, words = [], []

    class Recorder(auto.tqdm):
        def __init__(self, **options):
            super().__init__(**options, file=io.StringIO())
            bars.append(self)

        def set_postfix_str(self, s="", refresh=True):
            words.append(s)

    monkeypatch.setattr("tqdm.auto.tqdm", Recorder)
    quiet = fit_phase_type(mixture, 2, n_starts=1)
    assert not bars
    monkeypatch.setattr("phasic.inference.progress.is_watched", lambda: True)
    fit_phase_type(mixture, 2, n_starts=1, progress=False)
    assert not bars
    found = fit_phase_type(mixture, 2, n_starts=1)
    assert len(bars) == 1
    assert bars[0].desc == "fit_phase_type"
    assert bars[0].n == len(words) > 3
    assert words[-1] == f"log-likelihood {found.log_likelihood:.6g}"
    np.testing.assert_array_equal(found.S, quiet.S)


def test_pictures_of_steps_and_of_intervals(mixture):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots(1, 3)
    steps = fit_phase_type(np.ceil(mixture), 1, discrete=True)
    steps.plot_density(ax=axes[0])
    assert axes[0].get_ylabel() == "probability"
    heights = sum(bar.get_height() for bar in axes[0].patches)
    assert heights == pytest.approx(1.0)
    steps.plot_survival(ax=axes[1])
    assert axes[1].get_xlabel() == "steps"
    low = np.floor(mixture)
    between = fit_phase_type(Observations(low, np.where(low > 6.0, INF, low + 1.0)), 1)
    between.plot_survival(ax=axes[2])
    assert [text.get_text() for text in axes[2].get_legend().get_texts()] == ["Turnbull", "fitted"]
    pyplot.close(figure)


def test_pictures_show_data_and_fit(mixture, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    found = fit_phase_type(mixture, 2, n_starts=1, max_steps=10)
    found.plot_density(save_path=str(tmp_path / "density.png"))
    figure = found.plot_survival(save_path=str(tmp_path / "survival.png"))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["Kaplan-Meier", "fitted"]
    assert (tmp_path / "density.png").stat().st_size > 0
    censored = fit_phase_type(mixture, 1, censored=mixture > 5.0)
    with pytest.raises(GraphError, match="use plot_survival"):
        censored.plot_density()
    figure, axis = matplotlib.pyplot.subplots()
    assert censored.plot_survival(ax=axis) is figure
    matplotlib.pyplot.close("all")


@pytest.mark.slow
def test_what_is_fitted_to_many_observations_is_what_they_come_from():
    from phasic import Graph

    truth = Graph.from_matrices([1.0, 0.0], [[-3.0, 1.0], [0.0, -0.4]])
    times = truth.sample(20_000, seed=1)
    found = fit_phase_type(times, 2)
    at = np.linspace(0.1, 8.0, 20)
    np.testing.assert_allclose(found.graph.survival(at), truth.survival(at), atol=0.01)
    assert found.log_likelihood >= truth.log_pdf(times).sum()
