from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phasic import elimination, uniformisation
from phasic.inversion import FAIR, TOLERANCE, Inversion
from phasic.likelihood import Likelihood
from phasic.observed import Observed
from phasic.question import Question

seeds = st.integers(0, 2**32 - 1)
KINDS = ("pdf", "cdf", "survival")


def birth_death(n, birth=0.8, death=1.0):
    edges = [(v, v + 1, birth * v) for v in range(1, n)] + [(v, v - 1, death * v) for v in range(2, n + 1)]
    return oracle.from_edges(n + 2, [*edges, (1, n + 1, death)], oracle.starting_at(n + 2, 2))


def queue(n, arrival=0.9, service=1.0):
    edges = [(v, v + 1, arrival) for v in range(1, n)] + [(v, v - 1, service) for v in range(2, n + 1)]
    return oracle.from_edges(n + 2, [*edges, (1, n + 1, service)], oracle.starting_at(n + 2))


def hyperexponential(rates):
    n = len(rates)
    alpha = np.concatenate([[0.0], np.full(n, 1 / n), [0.0]])
    return oracle.from_edges(n + 2, [(v, n + 1, rate) for v, rate in enumerate(rates, 1)], alpha)


def weak_circle(seed):
    """A birth-death chain with some rates of turning in a circle on top."""
    model = birth_death(6)
    edges = list(zip(model.source, model.targets, model.weights, strict=True))
    rng = np.random.default_rng(seed)
    return oracle.from_edges(model.n, [*edges, (1, 4, 0.02 * rng.random())], model.alpha)


MODELS = {
    **{f"coalescent {n}": oracle.coalescent(n) for n in (2, 3, 6, 9, 12)},
    **{f"islands {n}": oracle.islands(n) for n in (2, 4, 8)},
    "islands apart": oracle.islands(4, migration=1e-3),
    "islands together": oracle.islands(4, migration=30.0),
    "exponential": oracle.erlang(1, 3.0),
    "erlang 3": oracle.erlang(3),
    "erlang 20": oracle.erlang(20, 20.0),
    "erlang 50": oracle.erlang(50, 0.1),
    "coxian": oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1]),
    "long coxian": oracle.coxian([3.0] * 15, [0.05] * 14 + [1.0]),
    "birth and death": birth_death(12),
    "queue": queue(15),
    "two rates": hyperexponential([0.01, 1.0]),
    "five rates": hyperexponential([1e-2, 0.1, 1.0, 10.0, 100.0]),
    "weak circle": weak_circle(1),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def question(model):
    trace = elimination.record(model.offsets, model.targets)
    return Question.of(trace, *model.edges, model.alpha, model.discrete)


def inverted(model, kind, times, tolerance=TOLERANCE):
    asked = question(model)
    inversion = Inversion(asked.tilted, asked.halfwidth, Observed(np.asarray(times)), kind, tolerance)
    return inversion.answer()


def linear(answer):
    return answer.value * np.exp(answer.log), answer.error * np.exp(answer.log)


@models
@pytest.mark.parametrize("kind", KINDS)
def test_inversion_and_walking_agree_within_the_error_that_is_told(model, kind):
    asked = question(model)
    times = asked.mean * np.concatenate([np.geomspace(1e-3, 0.1, 8), np.linspace(0.2, 6, 25)])
    value, error = linear(answer := inverted(model, kind, times))
    exact = getattr(uniformisation, kind)(asked.chain, times)
    walked = exact * 1e-14 * (1 + 1e-3 * asked.chain.clock * times)
    assert (np.abs(value - exact) <= error + walked).all()
    assert ((error <= FAIR * value) | (error <= 1e-13 * exact.max())).all()
    np.testing.assert_allclose(value[answer.good], exact[answer.good], rtol=2e-11, atol=0)


def hypoexponential(rates, time):
    """Logarithms of density and survival of a sum of exponential times with distinct rates."""
    with mpmath.workdps(400):
        rates, time = [mpmath.mpf(r) for r in rates], mpmath.mpf(float(time))
        density = survival = mpmath.mpf(0)
        for i, rate in enumerate(rates):
            term = mpmath.exp(-rate * time)
            for j, other in enumerate(rates):
                if i != j:
                    term *= other / (other - rate)
            density, survival = density + rate * term, survival + term
        return float(mpmath.log(density)), float(mpmath.log(survival))


@pytest.mark.parametrize("n", [3, 8, 12])
def test_both_tails_of_the_coalescent_keep_their_digits(n):
    times = np.geomspace(1e-4, 1e4, 33)
    exact = np.array([hypoexponential([k * (k - 1) // 2 for k in range(2, n + 1)], t) for t in times])
    asked = question(oracle.coalescent(n))
    rtol = 1e-10 * np.ones(33) + 1e-14 * times
    for kind, logs in (("pdf", exact[:, 0]), ("survival", exact[:, 1])):
        assert (np.abs(asked.logarithm(kind, times) - logs) <= rtol).all()


@pytest.mark.parametrize("k", [50, 500])
def test_the_density_of_a_long_chain_is_known_where_float64_is_not_enough(k):
    times = k * np.geomspace(1e-3, 30, 20)
    with mpmath.workdps(60):
        exact = [
            float((k - 1) * mpmath.log(t) - t - mpmath.loggamma(k))
            for t in map(mpmath.mpf, map(float, times))
        ]
    found = question(oracle.erlang(k)).logarithm("pdf", times)
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-10)
    assert found.min() < -2000 or k == 50


@models
def test_a_tilted_chain_has_the_same_density_but_for_a_known_factor(model):
    asked = question(model)
    time = 0.2 * asked.mean
    tilted = asked.tilted.earlier(time)
    assert tilted.rate > 0
    rows = tilted.rows
    leave = np.bincount(rows.source, tilted.base, rows.order.size)
    kept = np.bincount(rows.source, tilted.weights, rows.order.size)
    there = kept > 0
    np.testing.assert_allclose(kept[there], leave[there] + tilted.rate, rtol=1e-13)
    assert tilted.alpha.sum() == pytest.approx(1.0, rel=1e-14)
    # The tilted mean is near, before the time that it was chosen for.
    z = np.array([0.0, 1e-6 / time], np.complex128)
    mass = tilted.transform(tilted.exits, z).real
    assert 0.0 < -np.log(mass[1]) / z[1].real < 2.0 * time


def test_reversible_and_acyclic_chains_have_no_oscillation_and_circles_do():
    for name in ("coalescent 6", "coxian", "five rates"):
        assert question(MODELS[name]).halfwidth == 0.0
    for name in ("islands 4", "queue", "birth and death"):
        assert question(MODELS[name]).halfwidth < 1e-13
    circle = oracle.from_edges(5, [(1, 2, 1.0), (2, 3, 1.0), (3, 1, 1.0), (3, 4, 0.1)], oracle.starting_at(5))
    assert question(circle).halfwidth == np.inf


@given(seeds)
@settings(max_examples=30)
def test_no_eigenvalue_lies_beyond_the_bound(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    edges = [
        (v, u, 10.0 ** rng.uniform(-2, 2))
        for v in range(1, n + 1)
        for u in range(1, n + 2)
        if u != v and (rng.random() < 0.7 or abs(u - v) == 1)
    ]
    model = oracle.from_edges(n + 2, edges, oracle.starting_at(n + 2))
    generator = np.array(oracle.generator(model)[0].tolist(), np.float64)
    bound = question(model).halfwidth
    eigenvalues = np.linalg.eigvals(generator)
    assert np.abs(eigenvalues.imag).max() <= bound * (1 + 1e-9) + 1e-9 * np.abs(eigenvalues).max()


def test_a_circle_is_left_to_others():
    edges = [(v, v % 12 + 1, 1.0) for v in range(1, 13)]
    model = oracle.from_edges(14, [*edges, (12, 13, 0.05)], oracle.starting_at(14))
    assert not inverted(model, "pdf", np.linspace(1, 100, 5)).good.any()


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=12))
@settings(max_examples=15)
def test_an_answer_does_not_depend_on_what_else_is_asked(kind, times):
    asked = question(MODELS["islands 4"])
    alone = np.array([asked.logarithm(kind, t) for t in times])
    np.testing.assert_allclose(asked.logarithm(kind, times), alone, rtol=1e-12, atol=3e-10)


@models
def test_the_distribution_from_inversion_rises(model):
    asked = question(model)
    times = asked.mean * np.geomspace(1e-3, 50, 300)
    asked.worth_inverting = lambda times: True
    found = asked.ask("cdf", times)
    assert (np.diff(found.value) >= -2 * found.error[1:]).all()
    assert (found.value <= asked.limit).all()
    left = asked.values("survival", times[-1])
    assert abs(asked.limit - found.value[-1] - left) <= found.error[-1]


@models
def test_likelihoods_are_sums_of_logarithms(model):
    asked = question(model)
    times = asked.mean * np.random.default_rng(1).gamma(2.0, 0.5, 60)
    value, _ = Likelihood(asked.trace, model.alpha, times)(model.weights)
    np.testing.assert_allclose(value, np.log(asked.values("pdf", times)).sum(), rtol=1e-9)


@pytest.mark.parametrize("clock", [1e-250, 1e-90, 1e90, 1e250])
def test_units_of_time_may_be_extreme(clock):
    model = MODELS["coalescent 3"]
    asked, fast = question(model), question(model.sped_up(clock))
    times = np.array([1e-3, 0.5, 2.0, 30.0])
    for kind in KINDS:
        unit = np.log(clock) if kind == "pdf" else 0.0
        np.testing.assert_allclose(
            fast.logarithm(kind, times / clock) - unit, asked.logarithm(kind, times), rtol=1e-12, atol=1e-9
        )


def test_what_is_too_early_for_an_inversion_is_not_taken_for_zero():
    asked = question(oracle.erlang(1, 2.0))
    times = 10.0 ** -np.arange(10.0, 305.0, 10.0)
    np.testing.assert_allclose(asked.logarithm("cdf", times), np.log(-np.expm1(-2.0 * times)), rtol=1e-13)


def test_threads_may_share_the_tables_of_one_set_of_observations(monkeypatch):
    monkeypatch.setattr("phasic.observed._KEPT", 2000)  # a few of them, so that each has to make room
    observed = Observed(np.linspace(1.0, 2.0, 20))
    ratios = [2.0**power for power in range(1, 9)]
    alone = {ratio: observed.table(0, 20, 2.0, ratio, 0.2) for ratio in ratios}

    def ask(seed):
        for ratio in np.random.default_rng(seed).choice(ratios, 60):
            for found, expected in zip(observed.table(0, 20, 2.0, ratio, 0.2), alone[ratio], strict=True):
                np.testing.assert_array_equal(found, expected)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    last, _ = observed.table(0, 20, 2.0, 1024.0, 0.2)
    assert sum(re.size for re, _ in observed._tables.values()) <= max(2000, last.size)


def mixed(k, share, mean):
    """An Erlang time of k unit rates with probability `share`, else an exponential one."""
    edges = [(v, v + 1, 1.0) for v in range(2, k + 1)] + [(k + 1, k + 2, 1.0), (1, k + 2, 1.0 / mean)]
    alpha = np.zeros(k + 3)
    alpha[[1, 2]] = 1.0 - share, share
    return oracle.from_edges(k + 3, edges, alpha)


@pytest.mark.parametrize("kind", ["pdf", "survival", "cdf"])
@pytest.mark.parametrize(
    ("k", "share"), [(50, 1e-3), (80, 1e-5), (80, 1e-3), (80, 0.1), (80, 1.0), (200, 1e-4)]
)
def test_a_narrow_part_of_a_mixture_does_not_hide_between_nodes(k, share, kind):
    asked, wide, narrow = question(mixed(k, share, 30.0)), stats.expon(scale=30.0), stats.gamma(k)
    name = "sf" if kind == "survival" else kind
    for top in (0.125 * k, 0.25 * k, 10.0, 30.0, 90.0):
        times = np.linspace(top / 60.0, top, 300)
        exact = (1.0 - share) * getattr(wide, name)(times) + share * getattr(narrow, name)(times)
        inversion = Inversion(asked.tilted, asked.halfwidth, Observed(times), kind)
        found = inversion.answer()
        good = found.good & (exact > 1e-280)
        off = np.abs((found.value * np.exp(found.log))[good] / exact[good] - 1.0)
        assert off.max(initial=0.0) <= 2e-11
