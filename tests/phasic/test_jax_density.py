"""The density as a program of JAX alone: what the engine says, to the digits that JAX is set to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import phase_types, thetas

from phasic import Graph, jax_density
from phasic.differentiable import Model
from phasic.errors import GraphError, ParameterError, PhasicError

jax = pytest.importorskip("jax")
jnp = jax.numpy

THETA = np.array([2.0, 0.3])


def erlang(k):
    return Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[k])


def geometric():
    graph = Graph(lambda state: [([0], [1.0])] if state[0] else [], ipv=[1])
    graph.is_discrete = True
    return graph


def ring(state):
    if state[0] == 9:
        return []
    return [([(state[0] + 1) % 3], [1.0, 0.0]), ([9], [0.0, 0.2 + state[0]])]


@pytest.fixture
def digits():
    with jax.enable_x64(True):
        yield


def both(graph):
    return [Graph.pmf_from_graph(graph, where=where) for where in ("host", "device")]


def close(found, expected, rtol, floor=0.0):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=floor)


@pytest.mark.parametrize("k", [1, 3, 20, 150])
def test_it_is_the_density_of_an_erlang_in_both_tails(k, digits):
    from scipy.stats import gamma

    times = np.array([0.01, 0.3, 1.0, 7.0, 60.0, 300.0]) * k**0.5
    found = jax_density.density(erlang(k)._startable())[0](jnp.array([1.3]), times)
    close(found, gamma(k, scale=1.0 / 1.3).pdf(times), 1e-11, 1e-300)


@given(phase_types(max_states=5, parameters=2), thetas(2))
@settings(max_examples=4)
def test_values_and_derivatives_are_those_of_the_engine(graph, theta):
    with jax.enable_x64(True):
        model = Model(Graph.from_arrays(graph))  # asked without JAX, so that there is one compilation
        theta, times = np.array(theta), np.array([0.0, 1e-3, 0.2, 1.0, 4.0])
        value, table = jax.jit(jax_density.density(model.arrays)[1])(theta, times)
        wanted, slopes = model.pdf_slopes(theta, times)
        close(value, wanted, 1e-10, 1e-290)
        for found, exact in ((table[:, :-1], slopes[:, :-1]), (table[:, -1], slopes[:, -1])):
            close(found, exact, 1e-8, 1e-10 * float(np.abs(exact).max()))


def test_derivatives_are_those_of_the_host_in_both_modes_and_along_time(digits):
    theta, times = jnp.array(THETA), jnp.array([0.0, 0.2, 4.0])
    host, device = both(Graph(ring, ipv=[0]))
    close(device(theta, times), host(theta, times), 1e-12)
    for mode in (jax.jacfwd, jax.jacrev):
        wanted, found = (mode(f, (0, 1))(theta, times) for f in (host, device))
        for one, other in zip(found, wanted, strict=True):
            close(one, other, 1e-9, 1e-12)


@given(phase_types(max_states=5, parameters=2, discrete=True), st.floats(0.2, 1.0))
@settings(max_examples=3)
def test_probabilities_of_steps_are_those_of_the_engine(graph, factor):
    with jax.enable_x64(True):
        host, device = both(Graph.from_arrays(graph))
        theta, times = factor * jnp.ones(2), jnp.array([0.0, 1.0, 2.0, 2.5, 9.0, 40.0])
        value = np.asarray(host(theta, times))
        close(device(theta, times), value, 1e-10, 1e-290)
        if not np.isnan(value).any():
            wanted, found = (jax.jacrev(f)(theta, times) for f in (host, device))
            close(found, wanted, 1e-8, 1e-10)


def test_batches_and_compiled_ones_are_the_same(digits):
    host, device = both(Graph(ring, ipv=[0]))
    many = jnp.array([THETA, 2.0 * THETA, [40.0, 3.0]])
    times = jnp.array([[0.1, 5.0], [1.0, 2.0]])
    score = [jax.grad(lambda theta, f=f: jnp.log(f(theta, times)).sum()) for f in (host, device)]
    wanted, found = (jax.jit(jax.vmap(each))(many) for each in score)
    assert found.shape == (3, 2)
    close(found, wanted, 1e-9)


def test_in_32_bits_only_digits_are_lost():
    host, device = both(Graph(ring, ipv=[0]))
    theta, times = jnp.asarray(THETA, jnp.float32), jnp.array([0.1, 1.0, 30.0], jnp.float32)
    found = device(theta, times)
    assert found.dtype == jnp.float32
    close(found, host(theta, times), 1e-5)
    close(jax.jacrev(device)(theta, times), jax.jacrev(host)(theta, times), 1e-4, 1e-6)


def test_what_cannot_be_is_not_a_number(digits):
    device = Graph.pmf_from_graph(Graph(ring, ipv=[0]), where="device")
    assert np.isnan(device(jnp.array([-1.0, 1.0]), jnp.ones(2))).all()
    assert np.isnan(device(jnp.array([1.0, np.nan]), jnp.ones(2))).all()
    times = jnp.array([1.0, np.nan, -1.0, np.inf])
    assert np.isnan(device(THETA, times)).tolist() == [False, True, True, True]
    some = jax.grad(lambda theta: jnp.nansum(device(theta, times[:2])))(jnp.array(THETA))
    assert np.isfinite(some).all()
    unlikely = Graph.pmf_from_graph(geometric(), where="device")
    assert np.isnan(unlikely(jnp.array([1.5]), jnp.ones(1))).all()


def test_more_jumps_than_it_makes_are_not_a_number_and_harm_no_other_time(digits):
    device = Graph.pmf_from_graph(erlang(1), where="device")
    found = device(jnp.array([1.0]), jnp.array([1.0, 3e4]))
    close(found[0], np.exp(-1.0), 1e-13)
    assert np.isnan(found[1])
    assert np.isnan(jax.jacrev(device)(jnp.array([1.0]), jnp.array([3e4]))).all()
    steps = Graph.pmf_from_graph(geometric(), where="device")(jnp.array([0.5]), jnp.array([2.0, 3e4]))
    assert steps[0] == 0.25
    assert np.isnan(steps[1])


def test_on_a_cpu_the_host_serves_and_no_program_is_made(monkeypatch):
    monkeypatch.setattr(jax_density, "density", None)
    assert Graph.pmf_from_graph(erlang(1))(jnp.ones(1), jnp.ones(1)).shape == (1,)


def test_elsewhere_a_program_serves_and_rewards_go_to_the_host(monkeypatch, digits):
    graph = erlang(2)
    device, of_reward = Graph.pmf_from_graph(graph), Graph.pmf_from_graph_multivariate(graph)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    text = str(jax.make_jaxpr(device)(jnp.ones(1), jnp.ones(1)))
    assert "pure_callback" not in text
    assert "while" in text
    reward = np.ones(graph.vertices_length())
    found = of_reward(jnp.ones(1), jnp.ones(1), reward)
    close(found, np.exp(-1.0), 1e-12)


def test_refusals():
    graph = Graph(ring, ipv=[0])
    with pytest.raises(ParameterError, match="where is 'gpu'"):
        Graph.pmf_from_graph(graph, where="gpu")
    device = Graph.pmf_from_graph(geometric(), where="device")
    with pytest.raises(PhasicError, match="number of steps"):
        jax.grad(lambda t: device(jnp.array([0.5]), t))(1.0)
    device = Graph.pmf_from_graph(graph, where="device")
    with pytest.raises(PhasicError, match="second derivatives"):
        jax.hessian(lambda theta: device(theta, 1.0))(jnp.array(THETA))
    epochs = Graph(ring, ipv=[0]).add_epoch(1.0)
    with pytest.raises(GraphError, match="epochs"):
        Graph.pmf_from_graph(epochs, where="device")
