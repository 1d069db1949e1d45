from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_for_tests import coalescent

from phasic import Graph, GraphError, models

RATES = st.floats(0.1, 10.0)


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_kingmans_coalescent(n):
    graph = Graph(models.coalescent(n))
    assert graph.expectation() == pytest.approx(2.0 * (1.0 - 1.0 / n), rel=1e-13)
    variance = sum(4.0 / (k * (k - 1)) ** 2 for k in range(2, n + 1))
    assert graph.variance() == pytest.approx(variance, rel=1e-12)
    spectrum = [graph.expectation(row) for row in graph.states().T]
    assert spectrum == pytest.approx([*(2.0 / (i + 1) for i in range(n - 1)), 0.0], rel=1e-12)
    assert graph.is_acyclic()


def test_the_coalescent_is_the_one_of_the_tutorial():
    assert Graph(models.coalescent(4)) == Graph(coalescent)


@given(st.integers(2, 30), RATES)
def test_counting_lineages_gives_the_time_of_the_coalescent(n, theta):
    graph = Graph(models.lineages(n))
    graph.update_weights([theta])
    assert graph.expectation() == pytest.approx(2.0 * (1.0 - 1.0 / n) / theta, rel=1e-12)


@given(RATES, RATES)
def test_two_lineages_on_one_island_do_not_feel_migration(coalescence, migration):
    same, apart = Graph(models.structured_coalescent(2, 0)), Graph(models.structured_coalescent(1, 1))
    for graph in (same, apart):
        graph.update_weights([coalescence, migration])
        assert not graph.is_acyclic()
    assert same.expectation() == pytest.approx(2.0 / coalescence, rel=1e-12)
    assert apart.expectation() == pytest.approx(2.0 / coalescence + 0.5 / migration, rel=1e-12)


def test_fast_migration_makes_two_islands_one_of_twice_the_size():
    graph = Graph(models.structured_coalescent(3, 2))
    graph.update_weights([1.0, 1e9])
    assert graph.expectation() == pytest.approx(2.0 * 2.0 * (1.0 - 1.0 / 5.0), rel=1e-8)


@given(st.integers(1, 40), RATES)
def test_erlang(k, rate):
    graph = Graph(models.erlang(k, rate))
    assert graph.expectation() == pytest.approx(k / rate, rel=1e-12)
    assert graph.variance() == pytest.approx(k / rate**2, rel=1e-12)
    assert graph.moments(3)[2] == pytest.approx(k * (k + 1) * (k + 2) / rate**3, rel=1e-12)


@given(st.lists(st.tuples(RATES, st.floats(0.0, 1.0)), min_size=1, max_size=6))
def test_coxian(phases):
    rates, onward = [rate for rate, _ in phases], [p for _, p in phases][1:]
    mean = sum(math.prod(onward[:i]) / rate for i, rate in enumerate(rates))
    assert Graph(models.coxian(rates, onward)).expectation() == pytest.approx(mean, rel=1e-9)


@given(st.integers(1, 12), RATES, RATES)
def test_birth_and_death(capacity, birth, death):
    graph = Graph(models.birth_death(1, birth, death, capacity))
    mean = sum((birth / death) ** (j - 1) / (j * death) for j in range(1, capacity + 1))
    assert graph.expectation() == pytest.approx(mean, rel=1e-12)
    assert graph.is_acyclic() == (capacity == 1)


@given(st.integers(1, 12), RATES, RATES)
def test_busy_period_of_a_queue(capacity, arrival, service):
    graph = Graph(models.mm1k_queue_time(capacity, arrival, service))
    mean = sum((arrival / service) ** j for j in range(capacity)) / service
    assert graph.expectation() == pytest.approx(mean, rel=1e-12)


def test_a_queue_empties_customer_by_customer():
    means = [Graph(models.mm1k_queue_time(5, 0.5, 1.0, start)).expectation() for start in range(1, 6)]
    assert np.all(np.diff([0.0, *means]) > 0.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.coalescent(1),
        lambda: models.coalescent(2.5),
        lambda: models.structured_coalescent(1, 0),
        lambda: models.structured_coalescent(-1, 5),
        lambda: models.erlang(0),
        lambda: models.coxian([], []),
        lambda: models.coxian([1.0], [0.5]),
        lambda: models.coxian([1.0, 1.0], [1.5]),
        lambda: models.birth_death(3, 1.0, 1.0, 2),
        lambda: models.mm1k_queue_time(2, 1.0, 1.0, 0),
    ],
)
def test_models_that_cannot_be_are_refused(make):
    with pytest.raises(GraphError):
        make()
