"""Chains against posteriors that are known, and what is said and drawn of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from phasic import Graph
from phasic.errors import GraphError, OptionError
from phasic.inference.priors import BetaPrior, GammaPrior, LogGaussPrior

pytest.importorskip("nutpie", exc_type=ImportError)
arviz = pytest.importorskip("arviz", exc_type=ImportError)
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:arviz.*")


def decay(state):
    return [([0], [1.0])] if state[0] else []


def two_steps(state):
    return [([state[0] - 1], [[1.0, 0.0], [0.0, 1.0]][state[0] - 1])] if state[0] else []


def exponential(rate, n, seed=3):
    graph = Graph(decay, ipv=[1])
    graph.update_weights([rate])
    return graph, graph.sample(n, seed=seed)


@pytest.fixture(scope="module")
def gamma():
    """Draws of a rate, and the gamma distribution that they are of."""
    graph, times = exponential(7.0, 60)
    found = graph.mcmc(times, prior=GammaPrior(2.0, 0.3), n_samples=500, burn_in=300, seed=7)
    return found, stats.gamma(62.0, scale=1.0 / (0.3 + times.sum())), graph, times


@pytest.fixture(scope="module")
def pair():
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 5.0])
    prior = [LogGaussPrior(median=1.0, log_std=0.3), LogGaussPrior(median=5.0, log_std=0.3)]
    return graph.mcmc(graph.sample(500, seed=1), prior=prior, n_samples=60, burn_in=60, n_chains=2, seed=1)


def test_the_posterior_of_a_rate_is_the_gamma_that_it_has_to_be(gamma):
    found, exact, _, _ = gamma
    worth = found.ess[0]
    assert worth > 400
    assert abs(found.theta_mean[0] - exact.mean()) < 4.0 * exact.std() / np.sqrt(worth)
    np.testing.assert_allclose(found.theta_std, exact.std(), rtol=4.0 / np.sqrt(worth))
    independent = found.particles[:: int(np.ceil(len(found.particles) / worth)), 0]
    assert stats.kstest(independent, exact.cdf).pvalue > 1e-3
    assert found.r_hat[0] < 1.01
    assert found.n_divergent == 0


def test_a_gaussian_target_is_met():
    """Without data to speak of, the posterior is the prior: here a function of JAX."""
    pytest.importorskip("jax")
    graph, _ = exponential(1.0, 1)
    found = graph.mcmc(
        [1e-9] * 40,
        prior=lambda theta: -0.5 * ((theta[0] - 2.0) / 0.5) ** 2 - 40.0 * np_log(theta[0]),
        positive_params=False,
        theta_init=[2.0],
        n_samples=300,
        burn_in=100,
        seed=2,
    )
    error = 4.0 / np.sqrt(found.ess[0])
    assert abs(found.theta_mean[0] - 2.0) < 0.5 * error
    np.testing.assert_allclose(found.theta_std[0], 0.5, rtol=error)


def np_log(x):
    import jax.numpy as jnp

    return jnp.log(x)


def test_steps_are_fitted_by_their_probability():
    graph = Graph(decay, ipv=[1])
    graph.is_discrete = True
    graph.update_weights([0.3])
    times = graph.sample(60, seed=1)
    found = graph.mcmc(times, prior=BetaPrior(2.0, 2.0), n_samples=200, burn_in=100, seed=1)
    exact = stats.beta(2.0 + 60, 2.0 + times.sum() - 60)
    assert abs(found.theta_mean[0] - exact.mean()) < 4.0 * exact.std() / np.sqrt(found.ess[0])


def test_a_seed_gives_the_same_draws_however_many_threads():
    graph, times = exponential(2.0, 40)
    options = {"n_samples": 20, "burn_in": 20, "n_chains": 3}
    one, same, other = (
        graph.mcmc(times, seed=seed, parallel=workers, **options).samples
        for seed, workers in ((1, 1), (1, 3), (2, 1))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one.shape == (3, 20, 1)
    assert graph.theta.tolist() == [2.0]


def test_chains_start_where_they_are_told():
    graph, times = exponential(2.0, 40)
    start = np.array([[1.0], [4.0]])
    options = {"n_samples": 5, "burn_in": 5, "n_chains": 2, "seed": 1, "theta_init": start}
    found, again = graph.mcmc(times, **options), graph.mcmc(times, parallel=1, **options)
    np.testing.assert_array_equal(found.samples, again.samples)
    with pytest.raises(GraphError, match="theta_init has shape"):
        graph.mcmc(times, n_chains=3, theta_init=start)


def test_thinning_keeps_every_so_manieth_draw():
    graph, times = exponential(2.0, 40)
    all_of_them = graph.mcmc(times, n_samples=30, burn_in=20, n_chains=1, seed=1).samples
    some = graph.mcmc(times, n_samples=10, thin=3, burn_in=20, n_chains=1, seed=1)
    np.testing.assert_array_equal(some.samples, all_of_them[:, ::3])
    assert len(some.history) == 30


def test_what_is_fixed_stays_and_what_is_tied_stays_together(capsys):
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 3.0])
    times = graph.sample(60, seed=1)
    options = {"n_samples": 30, "burn_in": 30, "n_chains": 2, "seed": 1}
    fixed = graph.mcmc(times, fixed=[(1, 3.0)], verbose=True, **options)
    assert (fixed.samples[..., 1] == 3.0).all()
    assert np.isnan(fixed.r_hat[1])
    assert "fixed" in capsys.readouterr().out
    tied = graph.mcmc(times, tied=[(0, 1)], **options)
    assert (tied.samples[..., 0] == tied.samples[..., 1]).all()


def test_arviz_gets_every_group(gamma):
    found, _, _, times = gamma
    data = found.to_inference_data(predictive=20)
    groups = {"posterior", "sample_stats", "log_likelihood", "posterior_predictive", "observed_data"}
    assert groups | {"warmup_posterior", "warmup_sample_stats"} <= {*data.groups()}
    np.testing.assert_array_equal(data.posterior["theta"].to_numpy(), found.samples)
    assert data.warmup_posterior["theta"].shape == (4, 300, 1)
    rate = found.samples[..., 0, None]
    terms = data.log_likelihood["time"].to_numpy()
    np.testing.assert_allclose(terms, np.log(rate) - rate * times, rtol=1e-9, atol=1e-9)
    # The log-density of each draw, as the sampler saw it: of the logarithm of the rate.
    value = terms.sum(axis=-1) + 2.0 * np.log(rate[..., 0]) - 0.3 * rate[..., 0]
    np.testing.assert_allclose(data.sample_stats["lp"].to_numpy(), value, rtol=1e-8)
    assert data.posterior_predictive["time"].shape == (4, 20, 60)
    simulated = data.posterior_predictive["time"].to_numpy()
    assert abs(simulated.mean() / times.mean() - 1.0) < 0.3
    assert {"diverging", "energy", "n_steps", "step_size"} <= {*data.sample_stats.data_vars}
    assert np.isfinite(arviz.loo(data).elpd_loo)
    assert arviz.summary(data, kind="diagnostics").loc["theta[0]", "r_hat"] < 1.02


def test_particles_get_groups_too():
    graph, times = exponential(2.0, 30)
    found = graph.svgd(times, n_iterations=2, n_particles=8, seed=1)
    data = found.to_inference_data(predictive=3)
    assert data.log_likelihood["time"].shape == (1, 8, 30)
    assert data.posterior_predictive["time"].shape == (1, 3, 30)


def test_results_say_the_same_in_every_form(gamma, capsys):
    found, exact, _, _ = gamma
    results = found.get_results()
    np.testing.assert_array_equal(results["particles"], found.samples.reshape(-1, 1))
    np.testing.assert_allclose(np.exp(results["particles_unconstrained"]), results["particles"])
    assert results["r_hat"][0] == found.r_hat[0]
    best, _ = found.map_estimate_with_optimization()
    np.testing.assert_allclose(best[0], 61.0 * exact.kwds["scale"], rtol=1e-6)
    found.summary()
    assert "R-hat 1.0" in capsys.readouterr().out
    assert found.analyze_trace(return_dict=True)["converged"]
    assert "chains agree" in capsys.readouterr().out


def test_too_few_draws_are_said_to_be_too_few(pair, capsys):
    analysis = pair.analyze_trace(return_dict=True)
    assert not analysis["converged"]
    assert analysis["suggestions"]["n_samples"] == 120
    assert "independent ones only" in capsys.readouterr().out


def test_ctrl_c_returns_what_there_is():
    graph, times = exponential(2.0, 40)
    import nutpie

    found = graph.mcmc(times, n_samples=20, burn_in=10, n_chains=2, seed=1)
    assert not found.is_interrupted
    sample = nutpie.sample

    def stopped(*arguments, **options):
        trace = sample(*arguments, **options)
        return trace.isel(draw=slice(0, 7))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nutpie, "sample", stopped)
        found.run()
    assert found.is_interrupted
    assert found.samples.shape == (2, 7, 1)


def test_censored_times_count_as_what_they_are(pyplot):
    """Events and time at risk are all that matters; the posterior is a gamma distribution."""
    graph, times = exponential(2.0, 60)
    censored = times > 0.6
    seen = np.minimum(times, 0.6)
    found = graph.mcmc(
        seen, prior=GammaPrior(2.0, 1.0), censored=censored, n_samples=250, burn_in=200, n_chains=2, seed=1
    )
    exact = stats.gamma(2.0 + (~censored).sum(), scale=1.0 / (1.0 + seen.sum()))
    assert abs(found.theta_mean[0] - exact.mean()) < 4.0 * exact.std() / np.sqrt(found.ess[0])
    data = found.to_inference_data()
    assert data.log_likelihood["time"].shape == (2, 250, 60)
    assert "posterior_predictive" not in data.groups()
    figure = found.plot_fit()
    assert "censored" in [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    pyplot.close(figure)


def test_graphs_with_epochs_are_drawn_for_too():
    from phasic import models

    graph = Graph(models.lineages(3)).add_epoch(0.5)
    graph.update_weights([1.0, 0.0, 2.0, 0.5])
    times = graph.sample(40, seed=1)
    found = graph.mcmc(
        times, n_samples=10, burn_in=20, n_chains=1, seed=1, prior=LogGaussPrior(median=1.0, log_std=0.5)
    )
    assert found.theta_std[0] > 0.0 < found.theta_std[2]
    assert found.theta_std[3] == 0.0
    assert "posterior_predictive" not in found.to_inference_data().groups()


def test_bad_settings_are_refused_by_name():
    graph, times = exponential(2.0, 40)
    for name in ("n_samples", "n_chains", "burn_in", "thin"):
        with pytest.raises(OptionError, match=name):
            graph.mcmc(times, **{name: 0})
    with pytest.raises(OptionError, match="target_accept"):
        graph.mcmc(times, target_accept=1.0)
    with pytest.raises(GraphError, match="observation 1 is nan"):
        graph.mcmc([1.0, np.nan])


@pytest.mark.slow
def test_intervals_of_many_fits_cover_the_truth_as_often_as_they_say():
    random, inside = np.random.default_rng(5), 0
    for _ in range(40):
        rate = random.gamma(4.0, 0.5)
        graph, times = exponential(rate, 40, seed=int(random.integers(1 << 30)))
        found = graph.mcmc(times, prior=GammaPrior(4.0, 2.0), n_samples=100, burn_in=100, seed=1)
        low, high = found.intervals(0.9, "quantile")
        inside += bool(low[0] < rate < high[0])
    assert 29 <= inside <= 40  # outside with probability 1e-3 at a coverage of 0.9


# Pictures.


@pytest.fixture(scope="module")
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def particles():
    graph = Graph(two_steps, ipv=[2])
    graph.update_weights([1.0, 5.0])
    prior = [LogGaussPrior(median=1.0, log_std=0.3), LogGaussPrior(median=5.0, log_std=0.3)]
    return graph.svgd(graph.sample(500, seed=1), prior=prior, n_iterations=4, n_particles=6, seed=1)


@pytest.mark.parametrize(
    ("name", "panels"),
    [("trace", 2), ("ci", 2), ("convergence", 3), ("posterior", 2), ("pairwise", 4), ("fit", 2)],
)
@pytest.mark.parametrize("kind", ["chains", "particles"])
def test_every_picture_shows_every_parameter(kind, name, panels, pair, particles, pyplot):
    found = pair if kind == "chains" else particles
    figure, axes = getattr(found, f"plot_{name}")(return_fig=True)
    assert len(figure.axes) == panels == np.size(axes)
    assert all(axis.has_data() for axis in figure.axes)
    pyplot.close(figure)


def test_pictures_are_of_what_was_asked_for(pair, pyplot, tmp_path):
    figure = pair.plot_posterior([1.0, 5.0], ["a", "b"], unconstrained=True)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    line = figure.axes[1].get_lines()[-1].get_xdata()[0]
    assert line == pytest.approx(np.log(5.0))
    figure = pair.plot_hdr(true_theta=[1.0, 5.0], n=4, show_hpd=True, save_path=str(tmp_path / "hdr.png"))
    assert (tmp_path / "hdr.png").stat().st_size > 0
    assert figure.axes[1].get_ylabel() == "log-likelihood"
    with pytest.raises(OptionError, match="true_theta has shape"):
        pair.plot_pairwise([1.0])
    with pytest.raises(OptionError, match="3 names were given"):
        pair.plot_trace(["a", "b", "c"])
    pyplot.close("all")


def test_films_have_a_frame_for_each_step(particles, pyplot, tmp_path):
    pytest.importorskip("PIL")
    from PIL import Image

    for name, film in (("one", particles.animate), ("pairs", particles.animate_pairwise)):
        path = tmp_path / f"{name}.gif"
        film(true_theta=[1.0, 1.0], thin=2, figsize=(3, 3), duration=1.0, save_as_gif=str(path))
        with Image.open(path) as shown:
            assert shown.n_frames == 3
    pyplot.close("all")


def test_particles_that_do_not_rest_are_told(capsys):
    from phasic.inference.trace_analysis import analysed, described

    still = np.random.default_rng(1).standard_normal((1, 30, 1)).repeat(9, axis=0)
    assert analysed(still, np.ones(1))["converged"]
    found = analysed(still + np.linspace(0.0, 9.0, 9)[:, None, None], np.array([4.0]))
    assert not found["converged"]
    assert found["suggestions"] == {"n_iterations": 16, "n_particles": 60}
    assert "not at rest" in described(found)
    graph, times = exponential(2.0, 40)
    fit = graph.svgd(times, n_iterations=30, n_particles=20, seed=1)
    assert fit.analyze_trace(return_dict=True)["converged"]
    assert "at rest from step" in capsys.readouterr().out
