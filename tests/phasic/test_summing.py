"""Sums over very many observations against the same sums one by one."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import Graph, elimination, likelihood, models, summing
from phasic.errors import PhasicError
from phasic.likelihood import Likelihood


def chain_of(length):
    return lambda state: [([state[0] + 1], [1.0])] if state[0] < length else []


def mixture(state):
    """With little probability a narrow time, else an exponential one."""
    if state[0] == 0:
        return [([1], [0.001]), ([99], [0.1])]
    return [([state[0] + 1], [1.0])] if state[0] < 80 else []


GRAPHS = {
    "coalescent": lambda: Graph(models.coalescent(8)),
    "narrow": lambda: Graph(chain_of(60), ipv=[0]),
    "a narrow part": lambda: Graph(mixture, ipv=[0]),
}


def prepared(model, times):
    trace = elimination.record(model.offsets, model.targets)
    return Likelihood(trace, model.alpha, times)


def both(graph, times, monkeypatch):
    """Return the likelihood with sums over few nodes, and one by one."""
    few = Likelihood(graph.trace, graph.arrays.alpha, times)
    monkeypatch.setattr(likelihood, "_MANY", 10**9)
    return few, Likelihood(graph.trace, graph.arrays.alpha, times)


def close(found, exact, count):
    np.testing.assert_allclose(found.value, exact.value, rtol=1e-12, atol=2e-11 * count)
    size = np.abs(exact.gradient).max()
    np.testing.assert_allclose(found.gradient, exact.gradient, rtol=1e-10, atol=1e-10 * size)


@pytest.mark.parametrize("name", ["coalescent", "narrow", "a narrow part"])
@pytest.mark.parametrize("factor", [0.5, 1.0, 1.7])
def test_a_sum_over_few_nodes_is_that_over_all_observations(name, factor, monkeypatch):
    graph = GRAPHS[name]()
    times = graph.sample(4000, seed=3)
    few, all_ = both(graph, times, monkeypatch)
    assert few._sums is not None
    weights = graph.weights * factor
    close(few(weights), all_(weights), times.size)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_sums_of_random_chains_are_right(seed):
    model = oracle.random_model(seed, n=5)
    random = np.random.default_rng(seed)
    times = random.gamma(2.0, 1.0, 1500) * float(random.choice([0.1, 1.0, 10.0]))
    few = prepared(model, times)
    found = few(model.weights)
    if few._sums is not None:
        few._sums = None
        close(found, few(model.weights), times.size)


def test_repeated_and_censored_observations_count_as_often_as_they_are_there(monkeypatch):
    graph = GRAPHS["coalescent"]()
    graph.update_weights([1.0])
    times = np.repeat(np.round(graph.sample(3000, seed=1), 3), 2)
    few, all_ = both(graph, times, monkeypatch)
    close(few(graph.weights), all_(graph.weights), times.size)
    seen, late = np.minimum(times, 2.0), times > 2.0
    one_by_one = graph.fit(seen, censored=late).theta
    monkeypatch.setattr(likelihood, "_MANY", 300)
    np.testing.assert_allclose(graph.fit(seen, censored=late).theta, one_by_one, 1e-7)


def test_where_polynomials_do_not_agree_every_time_is_asked_for(monkeypatch):
    graph = GRAPHS["coalescent"]()
    times = graph.sample(3000, seed=1)
    few, all_ = both(graph, times, monkeypatch)
    monkeypatch.setattr(summing, "_TOLERANCE", -1.0)
    found, exact = few(graph.weights), all_(graph.weights)
    assert found.value == exact.value
    np.testing.assert_array_equal(found.gradient, exact.gradient)


def test_a_node_that_cannot_be_followed_is_no_error_of_the_observations(monkeypatch):
    graph = GRAPHS["coalescent"]()
    few, all_ = both(graph, graph.sample(3000, seed=1), monkeypatch)

    def refuse(question, gradient):
        raise PhasicError("too small for a gradient")

    monkeypatch.setattr(few._sums._logarithms, "at", refuse)
    assert few(graph.weights).value == all_(graph.weights).value


def test_what_each_is_worth_is_asked_for_one_by_one():
    graph = GRAPHS["coalescent"]()
    times = graph.sample(3000, seed=1)
    few = Likelihood(graph.trace, graph.arrays.alpha, times)
    terms = few.terms(graph.weights)
    np.testing.assert_allclose(terms, np.log(graph.pdf(times)), 1e-9)
    np.testing.assert_allclose(terms.sum(), few(graph.weights).value, 1e-12)


def test_initial_probabilities_have_their_slopes_too():
    model = oracle.random_model(11, n=6)
    times = np.random.default_rng(1).gamma(2.0, 1.0, 2000)
    few = prepared(model, times)
    assert few._sums is not None
    value, slopes = few.at(model.weights, model.alpha)
    few._sums = None
    exact, expected = few.at(model.weights, model.alpha)
    np.testing.assert_allclose(value, exact, 1e-12)
    np.testing.assert_allclose(slopes.starts, expected.starts, 1e-10, 1e-8)


def test_impossible_observations_stay_impossible():
    graph = GRAPHS["coalescent"]()
    few = Likelihood(graph.trace, graph.arrays.alpha, graph.sample(3000, seed=1))
    assert few(np.zeros(graph.weights.size)).value == -np.inf
