"""Priors, schedules and optimisers under the names of the C++ package do what their names say."""

from __future__ import annotations

import math

import numpy as np
import pytest

import phasic
from phasic import Graph, GraphError, OptionError
from phasic.inference.priors import Priors

stats = pytest.importorskip("scipy.stats")
PRIORS = [
    (phasic.GaussPrior(ci=[1.0, 3.0]), lambda: stats.norm(2.0, 1.0 / 1.959963984540054)),
    (phasic.LogGaussPrior(mean=1.0, std=0.3), lambda: stats.lognorm(0.3, scale=math.e)),
    (phasic.LogGaussPrior(1.0, 0.3), lambda: stats.lognorm(0.3, scale=math.e)),
    (phasic.LogGaussPrior(median=2.0, log_std=0.3), lambda: stats.lognorm(0.3, scale=2.0)),
    (phasic.GammaPrior(2.0, 3.0), lambda: stats.gamma(2.0, scale=1 / 3)),
    (phasic.HalfCauchyPrior(2.0), lambda: stats.halfcauchy(scale=2.0)),
    (phasic.BetaPrior(2.0, 3.0), lambda: stats.beta(2.0, 3.0)),
    (phasic.BetaPrior(mean=0.1, concentration=10.0), lambda: stats.beta(1.0, 9.0)),
]


@pytest.mark.parametrize(("prior", "distribution"), PRIORS, ids=[repr(prior) for prior, _ in PRIORS])
def test_priors_have_the_density_of_their_name(prior, distribution):
    exact = distribution()
    for low, high in ((0.2, 0.3), (0.5, 0.9)):
        difference = prior.log_density(high) - prior.log_density(low)
        assert difference == pytest.approx(exact.logpdf(high) - exact.logpdf(low), rel=1e-9)
    step = 1e-6
    slope = (prior.log_density(0.5 + step) - prior.log_density(0.5 - step)) / (2 * step)
    assert prior.slope(0.5) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("ci", [(0.05, 0.5), (0.4, 0.6), (0.9, 0.99), (1e-4, 1e-3)])
def test_a_beta_prior_has_the_interval_asked_for(ci):
    prior = phasic.BetaPrior(ci=ci, prob=0.9)
    np.testing.assert_allclose(stats.beta(prior.alpha, prior.beta).ppf([0.05, 0.95]), ci, rtol=1e-5)


def test_priors_of_too_much_or_too_little_are_refused():
    for wrong in (
        lambda: phasic.BetaPrior(2.0),
        lambda: phasic.BetaPrior(2.0, 3.0, mean=0.5, concentration=2.0),
        lambda: phasic.BetaPrior(ci=(0.5, 0.1)),
        lambda: phasic.BetaPrior(mean=2.0, concentration=2.0),
        lambda: phasic.LogGaussPrior(1.0),
        lambda: phasic.LogGaussPrior(1.0, 0.3, median=2.0),
        lambda: phasic.LogGaussPrior(1.0, 0.3, ci=[1.0, 2.0]),
    ):
        with pytest.raises(OptionError):
            wrong()


def test_priors_draw_themselves():
    pytest.importorskip("matplotlib")
    for prior, _ in PRIORS:
        (line,) = prior.plot().lines
        x, y = line.get_data()
        assert np.isfinite(y).all()
        assert np.sum(np.diff(x) * 0.5 * (y[1:] + y[:-1])) == pytest.approx(1.0)
    several = Priors([prior for prior, _ in PRIORS[:2]])
    assert len(several.plot().axes) == len(several) == 2
    assert list(several) == [several[0], several[1]]
    assert (PRIORS[0][0].mu, PRIORS[1][0].sigma) == (2.0, 0.3)


def test_schedules_follow_their_formulas():
    falling = phasic.ExpStepSize(first_step=0.1, last_step=0.01, tau=50.0)
    assert [falling(0), falling(50)] == pytest.approx([0.1, 0.01 + 0.09 / math.e])
    warm = phasic.WarmupExpStepSize(peak_lr=0.1, warmup_steps=10, last_lr=0.0, tau=5.0)
    assert [float(warm(k)) for k in (0, 9, 10, 15)] == pytest.approx([0.01, 0.1, 0.1, 0.1 / math.e])
    assert phasic.ConstantStepSize(0.3)(17) == phasic.ConstantRegularization(0.3)(17) == 0.3
    rising = phasic.ExponentialCDFRegularization(0.0, 2.0, 10.0)
    assert rising(10) == pytest.approx(2.0 * (1.0 - 1.0 / math.e))
    assert phasic.ExpRegularization(2.0, 0.0, 10.0)(10, particles=None) == pytest.approx(2.0 / math.e)


def test_an_adaptive_step_follows_the_spread_of_particles():
    step = phasic.AdaptiveStepSize(base_step=1.0, kl_target=0.0, adjust_rate=0.5)
    assert step(0) == 1.0
    wide, narrow = np.array([[-9.0], [9.0]]), np.array([[-0.1], [0.1]])
    assert [step(1, wide), step(2, narrow), step(3)] == [0.5, 0.75, 0.75]


def test_schedules_draw_themselves():
    pytest.importorskip("matplotlib")
    schedule = phasic.ExpStepSize(first_step=0.1, last_step=0.01, tau=5.0)
    (line,) = schedule.plot(20).lines
    np.testing.assert_allclose(line.get_ydata(), [schedule(k) for k in range(20)])
    with pytest.raises(OptionError):
        schedule.plot(0)


def test_schedules_may_be_traced():
    jax = pytest.importorskip("jax")
    for schedule in (
        phasic.ExpStepSize(0.1, 0.01, 5.0),
        phasic.WarmupExpStepSize(0.1, 3, 0.01, 5.0),
        phasic.ConstantStepSize(0.2),
    ):
        for step in (0, 2, 7):
            traced = jax.jit(lambda k, schedule=schedule: schedule(k) + 0.0)(step)
            assert float(traced) == pytest.approx(float(schedule(step)), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {"learning_rate": 0.1}),
        ("Adamelia", {"learning_rate": 0.1, "verbose": True}),
        ("SGDMomentum", {"learning_rate": 0.02}),
        ("RMSprop", {"learning_rate": 0.05}),
        ("Adagrad", {"learning_rate": 0.5}),
        ("optax_adam", {"learning_rate": 0.1}),
    ],
)
def test_optimisers_go_downhill(name, options):
    optax = pytest.importorskip("optax")
    jnp = pytest.importorskip("jax.numpy")
    optimiser = getattr(phasic, name)(**options)
    place = jnp.array([2.0, -1.0])
    state = optimiser.init(place)
    for _ in range(300):
        change, state = optimiser.update(2.0 * place, state, place)
        place = optax.apply_updates(place, change)
    assert float(jnp.abs(place).max()) < 0.05


def test_adamelia_takes_smaller_steps_after_going_to_and_fro():
    pytest.importorskip("optax")
    jnp = pytest.importorskip("jax.numpy")
    optimiser = phasic.Adamelia(0.1, patience=2, beta1=0.0, lr_reduction_factor=0.5, min_lr=0.02)
    place = jnp.zeros(3)
    state, sizes = optimiser.init(place), []
    for step in range(12):
        change, state = optimiser.update(jnp.full(3, (-1.0) ** step), state, place)
        sizes.append(float(jnp.abs(change).max()))
    assert sizes[0] == pytest.approx(0.1, rel=1e-3)
    assert sizes[-1] == pytest.approx(0.02, rel=1e-3)
    assert (np.diff(sizes) < 1e-5).all()


def test_sparse_observations_are_a_table_with_gaps():
    table = np.array([[1.0, np.nan, 3.0], [np.nan, 2.0, np.nan], [1.5, 2.5, 3.5]])
    sparse = phasic.dense_to_sparse(table)
    assert sparse.values.tolist() == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    assert sparse.features.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.asarray(sparse).tolist() == [[1.0, 2.0, 3.0], [1.5, 2.5, 3.5]]
    assert phasic.is_sparse_observations(sparse)
    assert not phasic.is_sparse_observations(table)
    assert np.isnan(np.asarray(phasic.SparseObservations([1.0, 2.0, 3.0], [0, 1, 0], 2))).sum() == 1
    for wrong in (lambda: phasic.SparseObservations([1.0], [3], 2), lambda: phasic.dense_to_sparse([1.0])):
        with pytest.raises(GraphError):
            wrong()


def test_a_prior_of_the_data_is_that_of_the_method_of_moments():
    graph = Graph(lambda state: [([0], [1.0])] if state[0] else [], ipv=[1])
    found = phasic.DataPrior(graph, [0.1, 0.2, 0.3], sd=3.0, theta_dim=1)
    [prior] = found
    assert found.method == "method of moments"
    [same] = graph.method_of_moments([0.1, 0.2, 0.3], std_multiplier=3.0).prior
    assert repr(prior) == repr(same)
