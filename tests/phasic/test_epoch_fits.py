from __future__ import annotations

import pickle

import numpy as np
import pytest

from phasic import Graph, ParameterError, models


@pytest.fixture(scope="module")
def pair():
    """Return two lineages in populations of two sizes: a hazard of 1.5 until time 0.5, then 0.5."""
    graph = Graph(models.coalescent(2)).add_epoch(0.5)
    graph.update_weights([1.5, 1.0, 0.5, 1.0])
    return graph


def closed_form(times, boundary):
    """Return rates per epoch: deaths over time at risk, and their standard errors."""
    early = times < boundary
    deaths = np.array([early.sum(), (~early).sum()])
    risk = np.array([np.minimum(times, boundary).sum(), np.maximum(times - boundary, 0.0).sum()])
    return deaths / risk, np.sqrt(deaths) / risk


def test_fits_of_piecewise_constant_hazards_are_deaths_over_time_at_risk(pair):
    times = pair.sample(500, seed=1)
    rates, errors = closed_form(times, 0.5)
    found = pair.fit(times)
    assert found.theta[[0, 2]] == pytest.approx(rates, rel=1e-6)
    assert found.std[[0, 2]] == pytest.approx(errors, rel=1e-3)
    assert found.theta[[1, 3]].tolist() == [1.0, 1.0]
    assert found.std[[1, 3]].tolist() == [0.0, 0.0]
    assert pair.theta.tolist() == [1.5, 1.0, 0.5, 1.0]


def test_parameters_of_epochs_can_be_tied_and_fixed(pair):
    times = pair.sample(500, seed=1)
    assert pair.fit(times, tied=[[0, 2]]).theta[0] == pytest.approx(1.0 / times.mean(), rel=1e-6)
    rates, _ = closed_form(times, 0.5)
    known = pair.fit(times, fixed=[(0, 1.5), (3, 0.5)])
    assert known.theta.tolist() == pytest.approx([1.5, 1.0, rates[1], 0.5], rel=1e-6)
    with pytest.raises(ParameterError, match=r"epoch 1 begins at 0\.5"):
        pair.fit(times, fixed=[(3, 0.75)])


def test_particles_look_like_the_posterior_of_each_epoch(pair):
    times = pair.sample(400, seed=2)
    rates, errors = closed_form(times, 0.5)
    found = pair.svgd(times, n_iterations=60, n_particles=30, seed=3, progress=False)
    assert found.theta_mean[[0, 2]] == pytest.approx(rates, rel=0.05)
    assert found.theta_std[[0, 2]] == pytest.approx(errors, rel=0.3)
    assert (found.particles[:, [1, 3]] == 1.0).all()


def test_moments_of_the_data_give_the_parameters_of_epochs(pair):
    times = pair.sample(300, seed=4)
    found = pair.method_of_moments(times)
    graph = pair.clone()
    graph.update_weights(found.theta)
    np.testing.assert_allclose(graph.moments(2), [times.mean(), (times**2).mean()], rtol=1e-6)


def test_densities_and_moments_are_functions_of_jax(pair):
    import jax

    graph = Graph(models.coalescent(3)).add_epoch(0.5)
    theta = np.array([1.5, 1.0, 0.5, 1.0])
    graph.update_weights(theta)
    times = np.array([0.1, 0.5, 1.2])
    with jax.enable_x64(True):
        density, moments = Graph.pmf_from_graph(graph), Graph.moments_from_graph(graph, 2)
        np.testing.assert_allclose(density(theta, times), graph.pdf(times), rtol=1e-12)
        np.testing.assert_allclose(moments(theta), graph.moments(2), rtol=1e-12)
        by_theta, by_time = jax.jacobian(density, (0, 1))(theta, times)
        _, slopes = graph.moments_gradient(2)
        np.testing.assert_allclose(jax.jit(jax.jacobian(moments))(theta), slopes, rtol=1e-10)
        gradient = jax.grad(lambda theta: jax.numpy.log(density(theta, times)).sum())(theta)
        np.testing.assert_allclose(
            gradient, graph.log_likelihood(times, gradient=True)[1], rtol=1e-9, atol=1e-9
        )
        later = (graph.pdf(times + 1e-6) - graph.pdf(times)) / 1e-6
        np.testing.assert_allclose(np.diag(by_time), later, rtol=1e-4)
        assert np.isfinite(by_theta).all()
        assert np.isnan(density(np.array([1.5, 1.0, 0.5, 0.7]), times)).all()
        assert np.isnan(density(np.array([-1.5, 1.0, 0.5, 1.0]), times)).all()


def test_engines_of_graphs_with_epochs_can_be_pickled(pair):
    engine = pickle.loads(pickle.dumps(pair._engine()))
    weights = pair.arrays.coefficients @ pair.theta
    assert engine.likelihood([0.1, 2.0])(weights, False).value == pair.log_likelihood([0.1, 2.0])
