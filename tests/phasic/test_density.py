from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import contour, density, elimination, many_jumps, moments, prepared
from phasic.doubling import doubled
from phasic.errors import GraphError, PhasicError
from phasic.question import Question
from phasic.uniformisation import Chain

seeds = st.integers(0, 2**32 - 1)


def companions(model, fast):
    """Let every state rest in a companion and return, at a fast clock: many jumps, the same shape."""
    n, states = model.n, model.states
    edges = list(zip(model.source, model.targets, model.weights, strict=True))
    edges += [(v, n + i, fast) for i, v in enumerate(states)]
    edges += [(n + i, v, fast / 3) for i, v in enumerate(states)]
    return oracle.from_edges(n + states.size, edges, np.append(model.alpha, np.zeros(states.size)))


def ring(k, leak):
    """A circle of k states with a small leak: nearly periodic."""
    edges = [(v, v % k + 1, 1.0) for v in range(1, k + 1)]
    return oracle.from_edges(k + 2, [*edges, (k, k + 1, leak)], oracle.starting_at(k + 2))


MODELS = {
    "coalescent": oracle.coalescent(5),
    "two islands": oracle.islands(3),
    "erlang": oracle.erlang(12, 2.0),
    "coxian": oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1]),
    "defective": oracle.random_model(1),
    "stiff": oracle.random_model(2, n=6, spread=6),
    "fast clock": companions(oracle.erlang(5), 1e6),
    "near-trap": oracle.near_trap(),
    "ring": ring(7, 0.01),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def plan(model):
    return elimination.record(model.offsets, model.targets)


def pdf(model, times):
    return density.pdf(plan(model), *model.edges, model.alpha, times, discrete=model.discrete)


def cdf(model, times):
    return density.cdf(plan(model), *model.edges, model.alpha, times, discrete=model.discrete)


def states(model, times):
    return density.stop_probability(plan(model), *model.edges, model.alpha, times, discrete=model.discrete)


def mean(model):
    return moments.expectation(elimination.eliminate(*model.edges), model.alpha)


def chain(model):
    trace = plan(model)
    return Chain.reached(trace.offsets, trace.targets, model.weights, model.alpha, model.discrete)


def only(method, monkeypatch):
    """Let long times be answered by one method alone."""
    monkeypatch.setattr(prepared, "_FEW_STATES", 0 if method != "doubling" else 10**6)
    monkeypatch.setattr(many_jumps, "_MANY_STATES", 0 if method != "doubling" else 10**6)
    monkeypatch.setattr(many_jumps, "_LAST_RESORT", np.inf if method == "walking" else 0.0)
    if method == "walking":
        monkeypatch.setattr(
            contour,
            "invert",
            lambda transform, times, scale, known: (np.zeros((times.size, known.values.shape[1])), np.inf),
        )


@models
def test_density_and_distribution_are_those_of_dense_algebra(model):
    times = mean(model) * np.array([1e-3, 0.1, 1.0, 4.0])
    exact = np.array([oracle.pdf_cdf(model, t, digits=110) for t in times])
    np.testing.assert_allclose(pdf(model, times), exact[:, 0], rtol=1e-11, atol=0)
    np.testing.assert_allclose(cdf(model, times), exact[:, 1], rtol=1e-11, atol=0)


@models
def test_the_error_that_is_told_is_not_exceeded(model):
    question = Question.of(plan(model), *model.edges, model.alpha, model.discrete)
    times = mean(model) * np.array([0.02, 2.0])
    exact = np.array([oracle.pdf_cdf(model, t, digits=110) for t in times])
    left = model.alpha.sum() - exact[:, 1]
    for kind, truth in (("pdf", exact[:, 0]), ("cdf", exact[:, 1]), ("survival", left)):
        value, error = question.ask(kind, times)
        assert (np.abs(value - truth) <= error + 4e-16).all()
        assert (error <= 1e-10 * truth).all()


@given(seeds, st.floats(0, 2), st.floats(1e-3, 5))
@settings(max_examples=10, deadline=None)
def test_random_cyclic_chains_have_exact_densities(seed, spread, time):
    model = oracle.random_model(seed, n=5, spread=spread)
    exact = oracle.pdf_cdf(model, time * mean(model))
    np.testing.assert_allclose(pdf(model, time * mean(model)), exact[0], rtol=1e-11)
    np.testing.assert_allclose(cdf(model, time * mean(model)), exact[1], rtol=1e-11)


@given(st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_steps_are_counted_exactly(step):
    model = oracle.random_model(3, n=5, discrete=True)
    exact = oracle.pdf_cdf(model, step)
    np.testing.assert_allclose(pdf(model, step), exact[0], rtol=1e-13)
    np.testing.assert_allclose(cdf(model, step), exact[1], rtol=1e-13)


@pytest.mark.parametrize("method", ["contour", "doubling", "walking"])
@pytest.mark.parametrize("model", [companions(oracle.coalescent(6), 1e3), companions(oracle.erlang(20), 1e3)])
def test_every_method_gives_the_same_answer(method, model, monkeypatch):
    times = mean(model) * np.geomspace(1e-2, 4, 40)
    usual = pdf(model, times), cdf(model, times), states(model, times)
    monkeypatch.setattr(prepared, "_MANY_JUMPS", 300.0)
    monkeypatch.setattr(prepared, "_FEW_JUMPS", 300.0)
    only(method, monkeypatch)
    for value, expected in zip(
        (pdf(model, times), cdf(model, times), states(model, times)), usual, strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-11 * expected.max())


def test_a_contour_that_misses_an_oscillation_is_not_believed(monkeypatch):
    model = ring(40, 0.01)
    times = mean(model) * np.array([0.25, 0.3, 1.0])
    exact = pdf(model, times)
    monkeypatch.setattr(prepared, "_FEW_STATES", 0)
    monkeypatch.setattr(prepared, "_FEW_JUMPS", 100.0)
    monkeypatch.setattr(prepared, "_MANY_JUMPS", 100.0)
    np.testing.assert_allclose(pdf(model, times), exact, rtol=1e-11)
    only("contour", monkeypatch)
    with pytest.raises(PhasicError, match="no method"):
        pdf(model, times)


def test_a_contour_is_checked_over_many_decades(monkeypatch):
    model = oracle.from_edges(
        4, [(1, 2, 1e6), (2, 1, 1e6), (2, 3, 2e-6)], oracle.starting_at(4)
    )  # within 1e-12, exponential with rate 1e-6
    only("contour", monkeypatch)
    times = np.geomspace(1e-3, 1e7, 60)
    np.testing.assert_allclose(pdf(model, times), 1e-6 * np.exp(-1e-6 * times), rtol=0, atol=1e-17)


def test_the_left_tail_keeps_its_relative_accuracy():
    model = MODELS["erlang"]
    times = 6.0 * np.array([1e-9, 1e-6, 1e-3])
    np.testing.assert_allclose(
        pdf(model, times), 2 * (2 * times) ** 11 / 39916800 * np.exp(-2 * times), rtol=1e-13
    )


def test_the_left_tail_of_a_long_chain_is_small_and_not_zero():
    k, t = 50, 0.05
    log = (k - 1) * np.log(t) - t - sum(np.log(range(1, k)))
    np.testing.assert_allclose(np.log(pdf(oracle.erlang(k), t)), log, rtol=1e-13)


@models
def test_all_probability_is_somewhere(model):
    times = mean(model) * np.array([0.0, 1e-3, 1.0, 5.0])
    at = states(model, times)
    np.testing.assert_allclose(at.sum(axis=1), model.alpha.sum(), rtol=1e-12)
    absorbing = np.diff(model.offsets) == 0
    np.testing.assert_allclose(at[:, absorbing].sum(axis=1), cdf(model, times), rtol=1e-9, atol=1e-14)
    assert (at >= 0).all()


@models
def test_the_far_ends_are_exact(model):
    exits = np.bincount(
        model.source, model.weights * np.isin(model.targets, model.states, invert=True), model.n
    )
    assert cdf(model, np.inf) == model.alpha.sum()
    assert cdf(model, 1e3 * mean(model)) == model.alpha.sum()
    assert cdf(model, -1.0) == 0.0
    assert pdf(model, np.inf) == 0.0
    np.testing.assert_allclose(cdf(model, 0.0), model.alpha[~np.isin(range(model.n), model.states)].sum())
    np.testing.assert_allclose(pdf(model, 0.0), model.alpha @ exits, rtol=1e-14)


@models
def test_distribution_rises_to_its_limit(model):
    values = cdf(model, mean(model) * np.geomspace(1e-4, 1e3, 200))
    assert (np.diff(values) >= -1e-15).all()
    assert values[-1] == model.alpha.sum()


@given(seeds, st.integers(-10, 10))
@settings(max_examples=15, deadline=None)
def test_a_clock_c_times_faster_only_changes_the_unit(seed, power):
    model, c = oracle.random_model(seed), 2.0**power
    times = mean(model) * np.array([0.5, 2.0])
    np.testing.assert_array_equal(pdf(model.sped_up(c), times / c), c * pdf(model, times))
    np.testing.assert_array_equal(cdf(model.sped_up(c), times / c), cdf(model, times))


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_names_of_vertices_do_not_matter(seed):
    model = oracle.random_model(seed)
    order = np.append(0, 1 + np.random.default_rng(seed).permutation(model.n - 1))
    times = mean(model) * np.array([0.01, 1.0])
    np.testing.assert_allclose(pdf(model.permuted(order), times), pdf(model, times), rtol=1e-12)


def test_missing_probability_is_missing_everywhere():
    model = oracle.coalescent(4)
    half = replace(model, alpha=model.alpha / 2)
    times = np.linspace(0, 5, 7)
    np.testing.assert_array_equal(pdf(half, times), pdf(model, times) / 2)
    np.testing.assert_allclose(cdf(half, times), cdf(model, times) / 2, rtol=1e-14)
    assert cdf(half, np.inf) == 0.5


def test_a_trap_keeps_its_share():
    edges = [(1, 4, 1.0), (1, 2, 1.0), (2, 3, 1.0), (3, 2, 1.0)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5))
    assert cdf(model, np.inf) == 0.5
    np.testing.assert_allclose(cdf(model, [0.7, 1e6]), [0.5 * -np.expm1(-1.4), 0.5], rtol=1e-13)
    np.testing.assert_allclose(pdf(model, 0.7), np.exp(-1.4), rtol=1e-14)


def test_a_state_that_can_only_be_left_at_rate_zero_is_no_absorption():
    model = oracle.from_edges(4, [(1, 2, 1.0), (1, 3, 1.0), (2, 3, 0.0)], oracle.starting_at(4))
    np.testing.assert_allclose(cdf(model, [1.0, 1e9, np.inf]), [0.5 * -np.expm1(-2.0), 0.5, 0.5], rtol=1e-13)
    np.testing.assert_allclose(pdf(model, 1.0), np.exp(-2.0), rtol=1e-14)
    np.testing.assert_allclose(states(model, 1e9), [0, 0, 0.5, 0.5], atol=1e-15)


def test_a_start_in_absorption_has_no_density():
    model = replace(oracle.erlang(2), alpha=oracle.starting_at(4, 3, 0.25))
    np.testing.assert_array_equal(pdf(model, [0.0, 1.0, 1e9, np.inf]), 0.0)
    np.testing.assert_array_equal(cdf(model, [-1.0, 0.0, 1.0, 1e9, np.inf]), [0.0, 0.25, 0.25, 0.25, 0.25])
    steps = replace(model, weights=model.weights / 2, discrete=True)
    np.testing.assert_array_equal(pdf(steps, [0.0, 1.0, 1e9]), [0.25, 0.0, 0.0])
    nowhere = replace(model, alpha=np.zeros(4))
    np.testing.assert_array_equal(pdf(nowhere, [0.0, 1.0]), 0.0)
    np.testing.assert_array_equal(cdf(nowhere, [0.0, 1.0, np.inf]), 0.0)


@models
def test_the_end_of_float64_is_long_after_absorption(model):
    assert cdf(model, 1e308) == model.alpha.sum()
    assert pdf(model, 1e308) == 0.0


@pytest.mark.parametrize("ratio", [1.0, 2.0, 50.0, 2048.0, 1e4])
def test_a_hyperbola_inverts_what_lies_in_its_sector(ratio):
    times = np.geomspace(1 / ratio, 1, 9)
    for sector in contour.SECTORS:
        pole = 3.0 * np.exp(1j * (np.pi - 0.9 * sector))  # 1 / (s^2 - 2 Re(p) s + |p|^2) and its conjugate
        nodes, weights = contour.hyperbola(ratio, sector)
        values = np.imag(
            np.exp(np.outer(times, nodes)) @ (weights / ((nodes - pole) * (nodes - pole.conj())))
        )
        exact = np.exp(pole.real * times) * np.sin(pole.imag * times) / pole.imag
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1e6, 1e9, 1e12])
def test_long_waits_in_steps_are_counted_too(steps):
    p = 1.0 / steps
    model = oracle.from_edges(
        4, [(1, 2, 0.5), (2, 1, 1 - p), (2, 3, p)], oracle.starting_at(4), discrete=True
    )
    exact = np.exp(-1.0 / 3)
    np.testing.assert_allclose(1 - cdf(model, steps), exact, rtol=1e-5)
    np.testing.assert_allclose(pdf(model, steps), p / 3 * exact, rtol=1e-5)
    assert cdf(model, 1e3 * steps) == 1.0


def test_no_step_is_counted_halfway():
    model = oracle.from_edges(3, [(1, 2, 0.25)], oracle.starting_at(3), discrete=True)
    np.testing.assert_allclose(pdf(model, [0, 0.5, 1, 1.5, 2]), [0, 0, 0.25, 0, 0.1875], rtol=1e-15)
    np.testing.assert_allclose(cdf(model, [0, 0.5, 1, 1.5, 2]), [0, 0, 0.25, 0.25, 0.4375], rtol=1e-15)


def test_doubling_holds_over_1e20_jumps():
    state, absorbed = doubled(chain(oracle.near_trap()), 1e24 * np.array([1e-3, 1.0]), split=False)
    np.testing.assert_allclose(state.sum(axis=1), np.exp([-1e-3, -1.0]), rtol=1e-12)
    np.testing.assert_allclose(absorbed[:, 0], -np.expm1([-1e-3, -1.0]), rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0)])
def test_answers_have_the_shape_of_times(shape):
    model = oracle.coalescent(4)
    times = np.full(shape, 0.5)
    assert pdf(model, times).shape == shape
    assert cdf(model, times).shape == shape
    assert states(model, times).shape == (*shape, model.n)


def test_times_that_make_no_sense_are_refused():
    model = oracle.erlang(2)
    for ask in (pdf, cdf, states):
        with pytest.raises(GraphError, match="not a number"):
            ask(model, [0.0, np.nan])
    for time in (-1.0, np.inf):
        with pytest.raises(GraphError):
            states(model, time)
    with pytest.raises(GraphError, match="negative"):
        pdf(model, [1.0, -1e-9])


def test_a_trace_of_another_graph_is_refused():
    model = oracle.erlang(2)
    with pytest.raises(GraphError, match="another graph"):
        density.pdf(plan(oracle.erlang(3)), *model.edges, model.alpha, 1.0)


def test_chances_to_stay_keep_their_digits_however_small():
    edges = [(1, 2, 0.7), (1, 3, 0.299999999), (2, 3, 0.999999999)]
    model = oracle.from_edges(4, edges, oracle.starting_at(4), discrete=True)
    stays = [1 - Fraction(0.7) - Fraction(0.299999999), 1 - Fraction(0.999999999)]
    expected = stays[0] ** 2 * Fraction(0.299999999) + Fraction(0.7) * Fraction(0.999999999) * sum(stays)
    np.testing.assert_allclose(pdf(model, 3.0), float(expected), rtol=1e-13)


def test_what_rounding_leaves_of_certain_steps_is_no_chance_to_stay():
    edges = [(1, 2, 0.7), (1, 3, 0.2), (1, 4, 0.1), (2, 4, 1.0), (3, 4, 1.0)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5), discrete=True)
    assert pdf(model, [3.0, 4.0]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("size", [500, 2000, 5000])
def test_narrow_distributions_lose_nothing_beyond_the_last_node(size):
    model = oracle.erlang(size)
    with mpmath.workdps(30):
        log = (size - 1) * mpmath.log(size) - size - mpmath.loggamma(size)
        expected = float(mpmath.exp(log)), float(mpmath.gammainc(size, 0, size, regularized=True))
    np.testing.assert_allclose(pdf(model, float(size)), expected[0], rtol=1e-11)
    np.testing.assert_allclose(cdf(model, float(size)), expected[1], rtol=1e-11)


def asked_of(model):
    return Question.of(plan(model), *model.edges, model.alpha, model.discrete)


@pytest.mark.parametrize("discrete", [False, True])
def test_right_tails_have_logarithms_where_nothing_is_left_for_float64(discrete):
    ring = oracle.from_edges(5, [(1, 2, 0.5), (2, 3, 0.5), (3, 1, 0.25), (3, 4, 0.25)], oracle.starting_at(5))
    asked = asked_of(replace(ring, discrete=discrete))
    times = np.floor(asked.mean * np.array([50.0, 2e3, 4e3, 1e6]))
    for kind in ("pdf", "survival"):
        logs = asked.logarithm(kind, times)
        slopes = np.diff(logs) / np.diff(times)
        np.testing.assert_allclose(slopes, slopes[0], rtol=1e-10)
        np.testing.assert_allclose(logs[0], np.log(asked.values(kind, times[0])), rtol=1e-12)


def test_survival_of_many_states_is_exact_however_little_is_left():
    n = 400
    around = [(i, i % n + 1, 1.0) for i in range(1, n + 1)]
    out = [(i, n + 1, 1e-3) for i in range(1, n + 1)]
    asked = asked_of(oracle.from_edges(n + 2, around + out, oracle.starting_at(n + 2)))
    times = np.array([1e4, 3e4, 6e5, 1e6])
    np.testing.assert_allclose(asked.values("survival", times), np.exp(-1e-3 * times), rtol=1e-10)
    np.testing.assert_allclose(asked.logarithm("survival", times), -1e-3 * times, rtol=1e-10)
    np.testing.assert_allclose(asked.logarithm("pdf", times), -1e-3 * times + np.log(1e-3), rtol=1e-10)
