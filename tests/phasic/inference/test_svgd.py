"""SVGD against posteriors that are known: gamma, Gaussian, and one that a grid gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phasic import Graph
from phasic.errors import GraphError, OptionError, ParameterError, PhasicError
from phasic.inference import svgd as algorithm
from phasic.inference.priors import (
    BetaPrior,
    GammaPrior,
    GaussPrior,
    HalfCauchyPrior,
    LogGaussPrior,
)
from phasic.inference.transforms import TRANSFORMS

pytest.importorskip("optax")
np.seterr(under="ignore")


def decay(state):
    return [([0], [1.0])] if state[0] else []


def two_steps(state):
    return [([state[0] - 1], [[1.0, 0.0], [0.0, 1.0]][state[0] - 1])] if state[0] else []


def exponential(rate, n, seed=3):
    graph = Graph(decay, ipv=[1])
    graph.update_weights([rate])
    return graph, graph.sample(n, seed=seed)


@pytest.mark.parametrize(("rate", "n"), [(0.3, 400), (7.0, 1000), (120.0, 250)])
@pytest.mark.parametrize("particles", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_the_posterior_of_a_rate_is_the_gamma_that_it_has_to_be(rate, n, particles):
    graph, times = exponential(rate, n)
    prior = GammaPrior(2.0, 2.0 / rate)
    found = graph.svgd(
        times, prior=prior, n_particles=particles, n_iterations=50 if particles > 40 else 25, seed=1
    )
    shape, scale = 2.0 + n, 1.0 / (2.0 / rate + times.sum())
    np.testing.assert_allclose(found.theta_mean, shape * scale, rtol=0.002)
    np.testing.assert_allclose(
        found.theta_std, np.sqrt(shape) * scale, rtol=0.025 if particles < 200 else 0.01
    )


def test_few_observations_leave_a_skewed_posterior_and_its_quantiles():
    graph, times = exponential(2.0, 4)
    found = graph.svgd(times, prior=GammaPrior(1.5, 1.0), n_particles=40, n_iterations=60, seed=1)
    exact = stats.gamma(5.5, scale=1.0 / (1.0 + times.sum()))
    np.testing.assert_allclose(found.theta_mean, exact.mean(), rtol=0.01)
    np.testing.assert_allclose(found.theta_std, exact.std(), rtol=0.03)
    assert np.abs(exact.cdf(np.sort(found.particles[:, 0])) - (np.arange(40) + 0.5) / 40).max() < 0.08


@pytest.mark.parametrize("transform", ["log", "softplus"])
def test_the_transform_changes_the_way_and_not_the_posterior(transform):
    graph, times = exponential(2.0, 30)
    found = graph.svgd(
        times, prior=GammaPrior(2.0, 1.0), n_particles=40, n_iterations=25, seed=1, param_transform=transform
    )
    exact = stats.gamma(32.0, scale=1.0 / (1.0 + times.sum()))
    np.testing.assert_allclose(found.theta_mean, exact.mean(), rtol=0.005)
    np.testing.assert_allclose(found.theta_std, exact.std(), rtol=0.025)


@pytest.mark.parametrize("bandwidth", ["median", "median_per_dim"])
@pytest.mark.parametrize("n", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_a_gaussian_keeps_its_spread(bandwidth, n):
    """In coordinates where it is round, as fits have it; the start is not what it ends with."""
    from phasic.inference.optimisers import Optimiser

    u = 0.5 + 0.6 * np.random.default_rng(1).standard_normal((n, 2))
    optimiser = Optimiser("adam", None, 200)
    for _ in range(200):
        u = optimiser.step(u, algorithm.stein_direction(u, -u, bandwidth))
    np.testing.assert_allclose(u.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(u.std(axis=0), 1.0, rtol=0.05 if n == 40 else 0.02)
    assert abs(np.corrcoef(u.T)[0, 1]) < 0.05


@pytest.mark.slow
def test_intervals_of_many_fits_cover_the_truth_as_often_as_they_say():
    """Rates drawn from the prior, data from the rates: nine of ten 90 % intervals hold the rate."""
    random, inside = np.random.default_rng(5), 0
    for _ in range(60):
        rate = random.gamma(4.0, 0.5)
        graph, times = exponential(rate, 12, seed=int(random.integers(1 << 30)))
        found = graph.svgd(
            times, prior=GammaPrior(4.0, 2.0), n_particles=20, n_iterations=20, seed=1, parallel=1
        )
        low, high = found.intervals(0.9, "quantile")
        inside += bool(low[0] < rate < high[0])
    assert 46 <= inside <= 60  # outside with probability 1e-3 at a coverage of 0.9


def test_two_rates_have_the_posterior_that_a_grid_gives():
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 4.0])
    times = graph.sample(300, seed=2)
    prior = [LogGaussPrior(median=1.0, log_std=0.3), LogGaussPrior(median=4.0, log_std=0.3)]
    found = graph.svgd(times, prior=prior, n_particles=40, n_iterations=40, seed=1)
    a, b = np.meshgrid(np.linspace(0.6, 2.0, 141), np.linspace(1.5, 9.0, 151), indexing="ij")
    with np.errstate(all="ignore"):
        log = sum(np.log(a * b / (b - a) * (np.exp(-a * t) - np.exp(-b * t))) for t in times)
    log += sum(-0.5 * (np.log(x / m) / 0.3) ** 2 - np.log(x) for x, m in ((a, 1.0), (b, 4.0)))
    weight = np.exp(log - np.nanmax(log))
    weight = np.where(np.isfinite(weight), weight, 0.0) / np.nansum(weight)
    for column, grid in ((0, a), (1, b)):
        mean = (weight * grid).sum()
        np.testing.assert_allclose(found.theta_mean[column], mean, rtol=0.02)
        spread = np.sqrt((weight * (grid - mean) ** 2).sum())
        np.testing.assert_allclose(found.theta_std[column], spread, rtol=0.05)


def test_the_unit_of_time_changes_nothing():
    graph, times = exponential(1.0, 50)
    options = {"n_particles": 10, "n_iterations": 10, "seed": 4}
    one = graph.svgd(times, prior=GammaPrior(2.0, 2.0), **options)
    other = graph.svgd(times * 1000.0, prior=GammaPrior(2.0, 2000.0), **options)
    np.testing.assert_allclose(other.particles * 1000.0, one.particles, rtol=1e-4)


def test_a_seed_gives_the_same_particles_however_many_threads():
    graph, times = exponential(2.0, 40)
    one, same, other = (
        graph.svgd(times, n_particles=10, n_iterations=5, seed=seed, parallel=workers).particles
        for seed, workers in ((1, 1), (1, 3), (2, 1))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_it_can_go_on_and_start_where_it_is_told():
    graph, times = exponential(2.0, 40)
    found = graph.svgd(times, n_particles=12, n_iterations=10, seed=1)
    assert found.is_fitted
    assert len(found.history) == len(found.history_unconstrained) == 11
    np.testing.assert_array_equal(found.history[-1], found.particles)
    before = found.particles
    found.optimize(5)
    assert (found.particles != before).all()
    assert (len(found.history), found.log_density.size) == (16, 15)
    start = np.linspace(1.0, 3.0, 12)[:, None]
    again = graph.svgd(times, n_particles=12, n_iterations=0, theta_init=start)
    np.testing.assert_allclose(again.particles, start, rtol=1e-14)
    short = graph.svgd(times, n_particles=12, n_iterations=3, seed=1, return_history=False)
    assert len(short.history) == 1


def test_particles_that_no_longer_move_are_left_alone():
    graph, times = exponential(2.0, 40)
    found = graph.svgd(times, n_particles=10, n_iterations=400, tolerance=0.02, seed=1)
    assert found.is_converged
    assert 40 <= found.log_density.size < 400
    whole = graph.svgd(times, n_particles=10, n_iterations=400, seed=1)
    assert not whole.is_converged
    assert abs(found.theta_mean[0] - whole.theta_mean[0]) < 0.05 * whole.theta_std[0]


def test_an_earlier_result_is_where_another_one_starts():
    graph, times = exponential(2.0, 40)
    first = graph.svgd(times, n_particles=12, n_iterations=10, seed=1)
    later = graph.svgd(np.append(times, 0.4), theta_init=first, n_iterations=0)
    np.testing.assert_allclose(later.particles, first.particles, rtol=1e-13)
    assert later.n_particles == 12
    assert first.resume(5) is first
    assert first.log_density.size == 15


def test_a_transform_can_be_a_function_of_jax():
    import jax.numpy as jnp

    graph, times = exponential(2.0, 30)
    options = {"prior": GammaPrior(2.0, 1.0), "n_particles": 20, "n_iterations": 20, "seed": 1}
    by_name = graph.svgd(times, **options)
    given = graph.svgd(times, param_transform=jnp.exp, **options)
    np.testing.assert_allclose(given.particles, by_name.particles, rtol=1e-6)
    two = Graph(two_steps, ipv=[2])
    mixed = two.svgd(
        [0.5, 1.0, 2.0],
        param_transform=lambda x: jnp.stack([jnp.exp(x[0]), 3.0 + jnp.exp(x[1] - x[0])]),
        prior=GammaPrior(2.0, 1.0),
        n_iterations=3,
        seed=1,
    )
    assert (mixed.particles[:, 1] > 3.0).all()
    with pytest.raises(OptionError, match=r"shape \(1,\)"):
        two.svgd([0.5, 1.0], param_transform=lambda x: x[:1])


def test_a_transform_of_all_parameters_together_leaves_the_density_of_the_posterior():
    """Slopes of the log-density are slopes, the determinant of the transform included."""
    import jax.numpy as jnp

    from phasic.inference.posterior import Posterior
    from phasic.inference.problem import Problem

    problem = Problem(Graph(two_steps, ipv=[2]), [0.5, 1.0, 2.0])
    posterior = Posterior(
        problem, GammaPrior(2.0, 1.0), param_transform=lambda x: jnp.exp(jnp.stack([x[0], x[1] + x[0] ** 2]))
    )
    x = np.array([0.3, -0.2])
    np.testing.assert_allclose(posterior.coordinates.x(posterior.coordinates.free(x)), x, atol=1e-9)
    for place in range(2):
        step = 1e-5 * np.eye(2)[place]
        change = (posterior(x + step).value - posterior(x - step).value) / 2e-5
        np.testing.assert_allclose(posterior(x).slopes[place], change, rtol=1e-6)


def test_moments_pull_where_they_are_asked_to():
    """With few data and a strong pull, the mean of the model is that of the data, whatever the prior."""
    graph, times = exponential(2.0, 20)
    options = {"prior": GammaPrior(200.0, 20.0), "n_particles": 10, "n_iterations": 15, "seed": 1}
    free = graph.svgd(times, **options)
    pulled = graph.svgd(times, regularization=1e5, nr_moments=1, **options)
    assert free.theta_mean[0] > 1.5 / times.mean()
    np.testing.assert_allclose(pulled.theta_mean[0], 1.0 / times.mean(), rtol=0.01)
    import optax

    schedule = optax.linear_schedule(1e5, 0.0, 5)
    relaxed = graph.svgd(times, regularization=schedule, nr_moments=1, **{**options, "n_iterations": 60})
    assert relaxed.posterior.penalty.strength == 0.0
    with pytest.raises(GraphError, match="absorption times"):
        graph.svgd(times, censored=times > 0.5, regularization=1.0)
    with pytest.raises(OptionError, match="regularization is -1"):
        graph.svgd(times, regularization=-1.0)


def test_slopes_of_the_penalty_are_slopes():
    from phasic.inference.penalty import Penalty
    from phasic.inference.problem import Problem

    problem = Problem(Graph(two_steps, ipv=[2]), [0.5, 1.0, 2.0])
    penalty, free = Penalty(problem, 3), np.array([0.8, 2.0])
    penalty.strength = 2.5
    for place in range(2):
        step = 1e-6 * np.eye(2)[place]
        change = (penalty(free + step)[0] - penalty(free - step)[0]) / 2e-6
        np.testing.assert_allclose(penalty(free)[1][place], change, rtol=1e-6)


def test_a_mask_fixes_parameters_at_one():
    graph = Graph(two_steps, ipv=[2])
    found = graph.svgd([0.5, 1.0, 2.0], fixed=[0, 1], n_iterations=2, seed=1)
    assert (found.particles[:, 1] == 1.0).all()
    with pytest.raises(ParameterError, match="zeros and ones"):
        graph.svgd([0.5], fixed=[0, 2])


def test_what_is_fixed_stays_and_what_is_tied_stays_together():
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 3.0])
    times = graph.sample(200, seed=1)
    found = graph.svgd(times, fixed=[(1, 3.0)], n_iterations=20, seed=1)
    assert found.n_particles == 20
    assert (found.particles[:, 1] == 3.0).all()
    assert found.theta_std[1] == 0.0
    assert abs(found.theta_mean[0] - 1.0) < 4 * found.theta_std[0]
    tied = graph.svgd(times, tied=[(0, 1)], n_iterations=20, seed=1)
    assert (tied.particles[:, 0] == tied.particles[:, 1]).all()
    # Erlang(2, rate) with a vague prior on the logarithm of the rate.
    np.testing.assert_allclose(tied.theta_mean[0], 400.0 / times.sum(), rtol=0.01)
    np.testing.assert_allclose(tied.theta_std[0], np.sqrt(400.0) / times.sum(), rtol=0.05)


def test_steps_are_fitted_by_their_probability():
    graph = Graph(lambda state: [([0], [1.0])] if state[0] else [], ipv=[1])
    graph.is_discrete = True
    graph.update_weights([0.3])
    times = graph.sample(60, seed=1)
    found = graph.svgd(times, prior=BetaPrior(2.0, 2.0), n_particles=40, n_iterations=30, seed=1)
    exact = stats.beta(2.0 + 60, 2.0 + times.sum() - 60)
    np.testing.assert_allclose(found.theta_mean, exact.mean(), rtol=0.005)
    np.testing.assert_allclose(found.theta_std, exact.std(), rtol=0.03)


def test_a_prior_can_be_a_function_of_jax():
    import jax.numpy as jnp

    graph, times = exponential(2.0, 20)
    options = {"n_particles": 10, "n_iterations": 10, "seed": 1}
    by_name = graph.svgd(times, prior=GammaPrior(3.0, 2.0), **options)
    given = graph.svgd(times, prior=lambda theta: (2.0 * jnp.log(theta) - 2.0 * theta).sum(), **options)
    np.testing.assert_allclose(given.particles, by_name.particles, rtol=1e-6)


def test_ctrl_c_returns_what_there_is(monkeypatch):
    graph, times = exponential(2.0, 20)
    found = graph.svgd(times, n_iterations=0, seed=1)

    def stop(step, log_density):
        if step == 3:
            raise KeyboardInterrupt

    found.optimize(50, show=stop)
    assert found.is_interrupted
    assert found.is_fitted
    assert found.log_density.size == 3
    assert np.isfinite(found.theta_mean).all()


def test_results_say_the_same_in_every_form(capsys):
    graph, times = exponential(2.0, 50)
    found = graph.svgd(times, n_iterations=15, seed=1)
    results = found.get_results()
    np.testing.assert_array_equal(results["theta_mean"], results["particles"].mean(axis=0))
    np.testing.assert_allclose(np.exp(results["particles_unconstrained"]), results["particles"])
    inside = (results["particles"] >= results["hpd_lower"]) & (results["particles"] <= results["hpd_upper"])
    assert inside.sum() == 19
    best, value = found.map_estimate_with_optimization()
    near, below = found.map_estimate_from_particles()
    assert below <= value
    assert abs(near[0] - best[0]) < 0.2 * found.theta_std[0]
    found.summary()
    assert "theta[0]" in capsys.readouterr().out


def test_arviz_takes_the_particles():
    arviz = pytest.importorskip("arviz", exc_type=ImportError)
    graph, times = exponential(2.0, 20)
    found = graph.svgd(times, n_iterations=2, seed=1)
    inside = found.to_arviz().posterior["theta"]
    np.testing.assert_array_equal(inside.to_numpy(), found.particles[None])
    assert arviz.summary(found.to_arviz(), kind="stats").loc["theta[0]", "mean"] == pytest.approx(
        found.theta_mean[0], abs=2e-3
    )


def test_pictures_show_every_parameter(tmp_path):
    import matplotlib

    matplotlib.use("agg")
    graph = Graph(two_steps, ipv=[2])
    found = graph.svgd([0.5, 1.0, 2.0, 1.5], n_iterations=3, seed=1)
    for name, panels in (("trace", 2), ("convergence", 3), ("posterior", 2), ("pairwise", 4)):
        figure = getattr(found, f"plot_{name}")(save_path=str(tmp_path / f"{name}.png"))
        assert len(figure.axes) == panels
        assert (tmp_path / f"{name}.png").stat().st_size > 0
        matplotlib.pyplot.close(figure)


def test_what_the_data_cannot_tell_apart_is_named():
    def both(state):
        return [([0], [1.0, 1.0])] if state[0] else []

    with pytest.warns(UserWarning, match=r"theta\[0\].*theta\[1\]"):
        Graph(both, ipv=[1]).svgd([0.5, 1.0, 2.0] * 20, n_iterations=2, seed=1)


def test_bad_data_are_refused_by_name():
    graph, _ = exponential(2.0, 1)
    for observed, words in (
        ([1.0, np.nan], "observation 1 is nan"),
        ([-1.0], "observation 0 is -1"),
        ([], "not empty"),
        ([[1.0]], r"shape \(1, 1\)"),
        ("many", "pass a vector"),
    ):
        with pytest.raises(GraphError, match=words):
            graph.svgd(observed)
    with pytest.raises(GraphError, match="observation 2 is 0, which has density 0"):
        Graph(two_steps, ipv=[2]).svgd([1.0, 2.0, 0.0])
    with pytest.raises(GraphError, match="nothing to fit"):
        Graph(lambda state: [([0], 1.0)] if state[0] else [], ipv=[1]).svgd([1.0])
    with pytest.raises(GraphError, match="discrete"):
        graph.svgd([1.0], discrete=True)
    with pytest.raises(ParameterError, match="theta_dim"):
        graph.svgd([1.0], theta_dim=2)


def test_bad_settings_are_refused_by_name():
    graph, times = exponential(2.0, 5)
    for options, words in (
        ({"n_particles": 1}, "n_particles"),
        ({"n_iterations": -1}, "n_iterations"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"parallel": "devices"}, "parallel"),
        ({"bandwidth": "wide"}, "bandwidth"),
        ({"bandwidth": -1.0}, "bandwidth"),
        ({"optimizer": "uphill"}, "no optimiser 'uphill'"),
        ({"param_transform": "square"}, "param_transform"),
        ({"prior": [GaussPrior(1.0, 1.0)] * 2}, "2 priors"),
        ({"prior": "wide"}, "prior"),
    ):
        with pytest.raises(OptionError, match=words):
            graph.svgd(times, **options)
    for fixed in ([(0, 1.0)], [(3, 1.0)]):
        with pytest.raises(ParameterError):
            graph.svgd(times, fixed=fixed)
    with pytest.raises(PhasicError, match="theta_init"):
        graph.svgd(times, theta_init=np.ones((3, 1)))


PRIORS = [
    GaussPrior(1.0, 2.0),
    GaussPrior(ci=[0.5, 3.0]),
    LogGaussPrior(median=2.0, log_std=0.5),
    LogGaussPrior(ci=[0.1, 10.0]),
    GammaPrior(2.0, 3.0),
    HalfCauchyPrior(2.0),
    HalfCauchyPrior(ci=5.0),
    BetaPrior(2.0, 3.0),
]


@given(st.floats(0.05, 0.95), st.sampled_from(PRIORS))
def test_slopes_of_priors_are_slopes(theta, prior):
    step = 1e-6
    change = (prior.log_density(theta + step) - prior.log_density(theta - step)) / (2 * step)
    np.testing.assert_allclose(prior.slope(theta), change, rtol=1e-5, atol=1e-6)


def test_intervals_of_priors_hold_what_they_say():
    gauss, log, cauchy = PRIORS[1], PRIORS[3], PRIORS[6]
    assert np.diff(stats.norm(gauss.mean, gauss.std).cdf([0.5, 3.0]))[0] == pytest.approx(0.95)
    assert np.diff(stats.lognorm(log.log_std, scale=log.median).cdf([0.1, 10.0]))[0] == pytest.approx(0.95)
    assert stats.halfcauchy(scale=cauchy.scale).cdf(5.0) == pytest.approx(0.95)
    with pytest.raises(OptionError, match="ci"):
        GaussPrior(1.0)


@given(st.floats(-6, 6), st.sampled_from(list(TRANSFORMS.values())))
@settings(max_examples=50)
def test_transforms_come_back_and_have_the_slopes_that_they_say(x, transform):
    x = np.array([x])
    step = 1e-5
    np.testing.assert_allclose(transform.inverse(transform.theta(x)), x, rtol=1e-12, atol=1e-12)
    by_steps = (transform.theta(x + step) - transform.theta(x - step)) / (2 * step)
    np.testing.assert_allclose(transform.slope(x), by_steps, rtol=1e-5)
    np.testing.assert_allclose(transform.log_slope(x), np.log(transform.slope(x)), rtol=1e-9, atol=1e-12)
    by_steps = (transform.log_slope(x + step) - transform.log_slope(x - step)) / (2 * step)
    np.testing.assert_allclose(transform.log_slope_slope(x), by_steps, rtol=1e-5, atol=1e-7)
