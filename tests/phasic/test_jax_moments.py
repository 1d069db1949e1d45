"""Moments as a program of JAX alone: what the engine says, to the digits that JAX is set to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import phase_types, thetas

from phasic import Graph, jax_moments
from phasic.differentiable import Model
from phasic.errors import GraphError

jax = pytest.importorskip("jax")
jnp = jax.numpy

THETA = np.array([2.0, 0.3])


def erlang(k):
    return Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[k])


def maze():
    """One way out, and one into two states that lead to each other only."""

    def callback(state):
        if state[0] == 1:
            return [([0], [1.0, 0.0]), ([2], [0.0, 1.0])]
        return [([5 - state[0]], [1.0, 0.0])] if state[0] else []

    return Graph(callback, ipv=[1])


@pytest.fixture
def digits():
    with jax.enable_x64(True):
        yield


def both(graph, k=3):
    return [Graph.moments_from_graph(graph, k, where=where) for where in ("host", "device")]


def same(graph, theta):
    """One compilation for values and derivatives, and none for what the engine says."""
    model = Model(Graph.from_arrays(graph))
    theta = np.asarray(theta)
    value, slopes = jax.jit(jax_moments.moments(model.arrays, 3)[1])(theta)
    wanted, by_theta = model.moment_slopes(theta, 3)
    np.testing.assert_allclose(value, wanted, rtol=1e-10)
    np.testing.assert_allclose(slopes, by_theta, rtol=1e-10, atol=1e-10 * np.abs(by_theta).max())


@pytest.mark.parametrize("k", [1, 100])
def test_moments_of_an_erlang_and_their_derivatives_are_closed_forms(k, digits):
    device = Graph.moments_from_graph(erlang(k), 3, where="device")
    rate, orders = 1.3, np.arange(1, 4)
    exact = np.array([math.prod(range(k, k + j)) / rate**j for j in orders])
    np.testing.assert_allclose(device(jnp.array([rate])), exact, rtol=1e-12)
    found = jax.jacfwd(device)(jnp.array([rate]))[:, 0]
    np.testing.assert_allclose(found, -orders * exact / rate, rtol=1e-12)


@given(phase_types(max_states=5, parameters=2), thetas(2))
@settings(max_examples=4)
def test_moments_and_derivatives_are_those_of_the_engine(graph, theta):
    with jax.enable_x64(True):
        same(graph, theta)


@given(phase_types(max_states=5, parameters=2, discrete=True), st.floats(0.2, 1.0))
@settings(max_examples=3)
def test_moments_of_steps_are_those_of_the_engine(graph, factor):
    with jax.enable_x64(True):
        same(graph, factor * np.ones(2))


def test_steps_that_stay_count_and_probabilities_sum_to_one_at_most(digits):
    def callback(state):
        return (
            [([0], [1.0, 0.0]), ([2], [0.0, 1.0])] if state[0] == 1 else [([0], [1.0, 0.0])] * (state[0] // 2)
        )

    graph = Graph(callback, ipv=[1])
    graph.is_discrete = True
    host, device = both(graph)
    for theta in ([0.5, 0.5], [0.5, 0.25], [0.7, 0.5]):
        theta = jnp.array(theta)
        np.testing.assert_allclose(device(theta), host(theta), rtol=1e-13)
    assert np.isnan(device(theta)).all()


def test_uncertain_absorption_is_infinite_only_where_it_can_happen(digits):
    host, device = both(maze())
    slopes = [jax.jit(jax.jacrev(f)) for f in (host, device)]
    for theta in ([1.0, 0.0], [1.0, 0.1], [0.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0]):
        theta = jnp.array(theta)
        np.testing.assert_allclose(device(theta), host(theta), rtol=1e-14)
        wanted, found = (np.isnan(each(theta)) for each in slopes)
        if np.isfinite(host(theta)).all():
            assert not found[:, 0].any()  # the host may refuse the way into the trap, by which it jumps
        else:
            assert found.tolist() == wanted.tolist()


def test_batches_and_compiled_ones_are_the_same(digits):
    many = jnp.array([THETA, 2.0 * THETA, [40.0, 0.0], [1.0, -1.0]])
    wanted, found = (
        jax.jit(jax.vmap(jax.value_and_grad(lambda t, f=f: f(t)[1])))(many) for f in both(ring())
    )
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)


def ring():
    def callback(state):
        if state[0] == 9:
            return []
        return [([(state[0] + 1) % 3], [1.0, 0.0]), ([9], [0.0, 0.2 + state[0]])]

    return Graph(callback, ipv=[0])


def test_in_32_bits_only_digits_are_lost():
    host, device = both(ring())
    theta = jnp.asarray(THETA, jnp.float32)
    assert device(theta).dtype == jnp.float32
    np.testing.assert_allclose(device(theta), host(theta), rtol=1e-5)
    np.testing.assert_allclose(jax.jacrev(device)(theta), jax.jacrev(host)(theta), rtol=1e-4)


def test_where_no_digits_are_left_there_is_no_number():
    device = Graph.moments_from_graph(ring(), where="device")
    assert np.isnan(device(jnp.array([1e9, 1.0]))).all()
    with jax.enable_x64(True):
        assert np.isfinite(device(jnp.array([1e9, 1.0]))).all()
        assert np.isnan(device(jnp.array([1e16, 1.0]))).all()


def test_what_serves_is_what_was_asked_for_and_larger_graphs_go_to_the_host(monkeypatch):
    def asks_host(graph, where=None):
        return "callback" in str(jax.make_jaxpr(Graph.moments_from_graph(graph, where=where))(jnp.ones(1)))

    assert asks_host(erlang(3))
    assert not asks_host(erlang(3), "device")
    pair = Graph.pmf_and_moments_from_graph(erlang(3), where="device")
    assert "callback" not in str(jax.make_jaxpr(pair)(jnp.ones(1), jnp.ones(2)))
    monkeypatch.setattr(jax_moments, "MOST_STATES", 3)
    assert not asks_host(erlang(3), "device")
    assert asks_host(erlang(4), "device")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert asks_host(erlang(2))  # in 32 bits
    with jax.enable_x64(True):
        assert asks_host(erlang(2))  # which subtracts nothing
    with pytest.raises(GraphError, match="epochs"):
        Graph.moments_from_graph(erlang(2).add_epoch(1.0), where="device")
