"""Callbacks that take many states at once give the graph of the plain callback."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasic import CallbackError, Graph, GraphError, with_ipv


def plain(state, speed=1.0):
    a, b = state.tolist()
    ways = []
    if a:
        ways.append(([a - 1, b], [speed * a, 0.0]))
    if b:
        ways.append(([a, b - 1], [0.0, float(b)]))
    if a > 1:
        ways.append(([a - 2, b + 1], [0.0, 0.5]))
    return ways


def vectorised(states, speed=1.0):
    a, b = states.T.astype(float)
    every = np.arange(len(states))
    parts = [
        (a > 0, [-1, 0], np.stack([speed * a, 0 * a], axis=1)),
        (b > 0, [0, -1], np.stack([0 * b, b], axis=1)),
        (a > 1, [-2, 1], np.stack([0 * a, 0.5 + 0 * a], axis=1)),
    ]
    return tuple(
        np.concatenate(part)
        for part in zip(
            *[(every[ok], states[ok] + step, rates[ok]) for ok, step, rates in parts], strict=True
        )
    )


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_the_graph_is_that_of_the_plain_callback_whatever_the_order_of_sources(first, second, seed):
    def shuffled(states, speed):
        sources, next_states, weights = vectorised(states, speed)
        order = np.random.default_rng(seed).permutation(len(states))[sources].argsort(kind="stable")
        return sources[order], next_states[order], weights[order]

    ipv = [[[first, second], 0.5], [[first + 1, second], 0.25]]
    expected = Graph(plain, ipv=ipv, speed=3.0)
    assert Graph(shuffled, ipv=ipv, vectorized=True, speed=3.0) == expected


def test_a_long_exploration_goes_on_in_a_compiled_table(monkeypatch):
    monkeypatch.setattr("phasic.state_space._LARGE", 50)
    assert Graph(vectorised, ipv=[20, 20], vectorized=True) == Graph(plain, ipv=[20, 20])


def test_a_decorated_callback_and_extend_stay_vectorised():
    graph = Graph(with_ipv([4, 2])(vectorised), vectorized=True)
    assert graph == Graph(plain, ipv=[4, 2])
    graph.find_or_create_vertex([6, 2])
    graph.extend()
    assert graph.find_vertex([6, 2]).edges_length() == 3


def test_a_callback_that_changes_its_states_harms_nobody():
    def spoiling(states):
        answer = vectorised(states.copy())
        states[:] = -7
        return answer

    assert Graph(spoiling, ipv=[4, 2], vectorized=True) == Graph(plain, ipv=[4, 2])


@pytest.mark.parametrize("cache", [False, True])
def test_numbers_make_a_constant_graph_and_none_an_absorbing_state(cache):
    def falling(states):
        rows = np.flatnonzero(states[:, 0])
        return rows, states[rows] - 1, np.full(rows.size, 2)

    for _ in range(2):
        graph = Graph(falling, ipv=[3], vectorized=True, cache_graph=cache)
        assert graph == Graph(lambda s: [(s - 1, 2.0)] if s[0] else [], ipv=[3])
        assert not graph.is_parameterized()
    assert len(Graph(falling, ipv=[0], vectorized=True, cache_graph=cache)) == 2


def answer(sources=(0,), next_states=((0, 0),), weights=(1.0,)):
    return lambda states: (sources, next_states, weights)


@pytest.mark.parametrize(
    ("callback", "error", "message"),
    [
        (lambda states: None, CallbackError, "returned None; return three arrays"),
        (lambda states: [1, 2], CallbackError, "three arrays"),
        (answer(sources=[0.0]), CallbackError, "sources of type float64"),
        (answer(sources=[[0]]), CallbackError, r"shape \(1, 1\)"),
        (answer(sources=[1]), CallbackError, "source 1 for 1 states"),
        (answer(sources=[-1]), CallbackError, "source -1"),
        (answer(next_states=[0, 0]), GraphError, r"next_states .* shape \(2,\) for 1 sources"),
        (answer(next_states=[[0]]), GraphError, r"int\[1, 2\]"),
        (answer(next_states=[["a", "b"]]), GraphError, "return numbers"),
        (answer(next_states=[[0, np.nan]]), GraphError, "64-bit integers"),
        (answer(weights=[1.0, 2.0]), GraphError, r"shape \(2,\) for 1 sources"),
        (answer(weights=["x"]), GraphError, "return numbers"),
        (answer(weights=[-1.0]), GraphError, r"from state \[1, 0\] to \[0, 0\] has weight -1"),
        (answer(weights=[0.0]), GraphError, "have weight zero"),
        (answer(next_states=[[1, 0]]), GraphError, "to itself"),
        (answer([0, 0], [[0, 0]] * 2, [1.0, 2.0]), GraphError, "two transitions"),
        (answer(weights=[[1.0], [1.0, 2.0]]), CallbackError, "no array"),
    ],
)
def test_a_vectorised_callback_that_errs_is_told_where(callback, error, message):
    with pytest.raises(error, match=message):
        Graph(callback, ipv=[1, 0], vectorized=True)


def test_weights_may_not_change_their_form_between_batches():
    def changing(states):
        rows = np.flatnonzero(states[:, 0])
        return rows, states[rows] - 1, np.ones((rows.size, 2 if states[0, 0] == 3 else 1))

    with pytest.raises(GraphError, match=r"float\[1, 2\] as before"):
        Graph(changing, ipv=[3], vectorized=True)


def test_an_error_of_the_callback_passes_through():
    with pytest.raises(ZeroDivisionError) as caught:
        Graph(lambda states: 1 / 0, ipv=[3], vectorized=True)
    assert caught.value.__notes__ == ["raised by the vectorised callback for 1 states, from [3]"]


def test_a_vectorised_callback_is_not_compiled_as_well():
    with pytest.raises(GraphError, match="leave out vectorized=True or compiled=True"):
        Graph(vectorised, ipv=[4, 2], vectorized=True, compiled=True)
