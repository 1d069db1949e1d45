from __future__ import annotations

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import AbsorptionError, Graph, GraphArrays, GraphError, accumulated, models


def graph_of(model):
    starts = np.flatnonzero(model.alpha)
    return Graph.from_arrays(
        GraphArrays(
            states=np.arange(model.n)[:, None],
            start_targets=starts,
            start_weights=model.alpha[starts],
            offsets=model.offsets,
            targets=model.targets,
            coefficients=model.weights[:, None],
            discrete=model.discrete,
        )
    )


def exact(model, t, digits=80):
    """Expected time in each vertex by the exponential of a matrix twice as large, or step by step."""
    with mpmath.workdps(digits):
        s, _ = oracle.generator(model)
        k = s.rows
        if model.discrete:
            row, state = mpmath.zeros(1, k), oracle.start(model)
            for _ in range(int(t) + 1):
                row, state = row + state, state * (mpmath.eye(k) + s)
        else:
            double = mpmath.zeros(2 * k)
            double[:k, :k] = s
            for i in range(k):
                double[i, k + i] = 1
            row = oracle.start(model) * oracle.exponential(double * mpmath.mpf(float(t)))[:k, k:]
        out = np.zeros(model.n)
        out[model.states] = [float(x) for x in row]
        return out


MODELS = {
    "coalescent": (oracle.coalescent(5), [1e-6, 0.1, 2.0, 1e5]),
    "islands": (oracle.islands(3), [1e-5, 1.0, 1e4]),
    "random": (oracle.random_model(3), [1e-4, 1.0, 1e3]),
    "stiff": (oracle.random_model(4, spread=3.0), [1e-6, 1.0, 1e3]),
    "near trap": (oracle.near_trap(1e-3, 1e4), [1e-6, 1.0, 1e3]),
    "erlang": (oracle.erlang(10), [1e-3, 5.0, 1e4]),
    "steps": (oracle.random_model(5, discrete=True), [0, 1, 7, 3000]),
}


@pytest.mark.parametrize("name", MODELS)
def test_times_are_those_of_dense_algebra_however_small(name):
    model, times = MODELS[name]
    graph = graph_of(model)
    for t in times:
        assert graph.accumulated_visiting_time(t) == pytest.approx(exact(model, t), rel=1e-12, abs=0.0)


@pytest.mark.parametrize("name", ["coalescent", "islands", "random", "stiff", "steps"])
def test_every_method_gives_the_same(name, monkeypatch):
    model, times = MODELS[name]
    graph = graph_of(model)
    t = times[-1] if model.discrete else times[-2] * 1000.0
    followed = np.array(graph.accumulated_visiting_time(t))
    monkeypatch.setattr(accumulated, "_FEW_JUMPS", 10.0)
    monkeypatch.setattr(accumulated, "_MANY_JUMPS", 10.0)
    doubled = graph.accumulated_visiting_time(t)
    monkeypatch.setattr(accumulated, "_FEW_STATES", 0)
    solved = graph.accumulated_visiting_time(t)
    assert doubled == pytest.approx(followed, rel=1e-12)
    assert solved == pytest.approx(followed, rel=1e-10)


def test_up_to_the_end_of_time_it_is_the_expected_sojourn_time():
    for graph in (Graph(models.coalescent(7)), Graph(models.mm1k_queue_time(5, 1.0, 1.5))):
        sojourn = graph.expected_sojourn_time()
        assert graph.accumulated_visiting_time(np.inf) == sojourn
        assert graph.accumulated_visiting_time(1e4) == pytest.approx(sojourn, rel=1e-12)
        assert graph.accumulated_visiting_time(0.0) == [0.0] * len(graph)


@settings(max_examples=25)
@given(st.floats(0.01, 50.0), st.integers(0, 1000))
def test_times_and_what_is_left_add_up(t, seed):
    # What is spent until t and expected from then on is what is expected from the start.
    graph = graph_of(oracle.random_model(seed))
    spent = np.array(graph.accumulated_visiting_time(t))
    waiting = np.array(graph.expected_waiting_time())
    left = np.array(graph.stop_probability(t)) @ waiting
    assert spent.sum() + left == pytest.approx(graph.expectation(), rel=1e-11)


def test_the_law_of_absorption_by_rates_and_times_spent():
    graph = Graph(models.coalescent(6))
    exits = np.zeros(len(graph))
    sources = np.repeat(np.arange(len(graph)), np.diff(graph.arrays.offsets))
    final = graph.arrays.targets == len(graph) - 1
    np.add.at(exits, sources[final], graph.weights[final])
    for t in (1e-3, 0.5, 3.0):
        assert np.array(graph.accumulated_visiting_time(t)) @ exits == pytest.approx(graph.cdf(t), rel=1e-12)


def test_visits_are_counted_up_to_and_including_a_step():
    graph = Graph.from_matrices([1.0], [[0.7]], discrete=True)
    assert graph.accumulated_visits(0) == [0.0, 1.0, 0.0]
    assert graph.accumulated_visits(3) == pytest.approx([0.0, 1.0 + 0.7 + 0.49 + 0.343, 0.0], rel=1e-14)
    assert graph.accumulated_occupancy(3) == graph.accumulated_visits(3)
    assert graph.accumulated_visits(10**9) == pytest.approx(graph.expected_sojourn_time(), rel=1e-12)


def test_missing_mass_and_absorbing_starts_spend_nothing():
    graph = Graph(lambda state: [([0], 2.0)] if state[0] else [], ipv=[([1], 0.25), ([0], 0.5)])
    assert graph.accumulated_visiting_time(1e3) == pytest.approx([0.0, 0.125, 0.0], rel=1e-14)


def test_a_trap_is_where_time_goes():
    graph = Graph(lambda state: [([1 - state[0]], 1.0)], ipv=[0])
    assert sum(graph.accumulated_visiting_time(250.0)) == pytest.approx(250.0, rel=1e-12)
    assert sum(graph.accumulated_visiting_time(1e9)) == pytest.approx(1e9, rel=1e-12)
    with pytest.raises(AbsorptionError):
        graph.accumulated_visiting_time(np.inf)


@pytest.mark.parametrize("t", [-1.0, np.nan, "soon", [1.0, 2.0], None])
def test_times_that_are_none_are_refused(t):
    with pytest.raises(GraphError, match="pass one number"):
        Graph(models.erlang(2)).accumulated_visiting_time(t)


def test_visits_are_those_of_discrete_graphs():
    for attempt in (Graph.distribution_context_discrete, lambda graph: graph.accumulated_visits(1)):
        with pytest.raises(GraphError, match="discrete"):
            attempt(Graph(models.erlang(2)))


# Step by step


@pytest.mark.parametrize("name", ["coalescent", "islands", "random", "steps"])
def test_steps_arrive_at_the_distribution(name):
    graph = graph_of(MODELS[name][0])
    context = graph.distribution_context(16)
    assert context.time() == 0.0
    assert context.cdf() == graph.cdf(0.0)
    for number in range(1, 41):
        context.step()
        t = float(number) if graph.is_discrete else number / 16
        assert context.time() == t
        if number % 10 == 0:
            assert context.pdf() == pytest.approx(graph.pdf(t), rel=1e-12)
            assert context.cdf() == pytest.approx(graph.cdf(t), rel=1e-12)
            assert context.stop_probability() == pytest.approx(graph.stop_probability(t), rel=1e-12)
            spent = graph.accumulated_visiting_time(t)
            assert context.accumulated_visiting_time() == pytest.approx(spent, rel=1e-12)


def test_a_step_may_have_any_length():
    graph = Graph(models.coalescent(6))
    context = graph.distribution_context()
    for length in (1e-9, 0.3, 0.0, 4.0, 1000.0):
        context.step(length)
    assert context.time() == pytest.approx(1004.3)
    assert context.cdf() == pytest.approx(1.0, rel=1e-13)
    assert context.accumulated_visiting_time() == pytest.approx(graph.expected_sojourn_time(), rel=1e-12)


def test_by_default_there_are_1024_steps_per_unit_of_time():
    context = Graph(models.erlang(2)).distribution_context()
    for _ in range(3):
        context.step()
    assert context.time() == 3 / 1024


def test_steps_follow_weights_that_change():
    # A population of half the size after time 1: rates double.
    graph = Graph(models.lineages(2))
    context = graph.distribution_context(8)
    for number in range(24):
        graph.update_weights([1.0 if number < 8 else 2.0])
        context.step()
    assert context.cdf() == pytest.approx(1.0 - np.exp(-1.0 - 2.0 * 2.0), rel=1e-13)
    assert context.pdf() == pytest.approx(2.0 * np.exp(-5.0), rel=1e-13)
    spent = 1.0 - np.exp(-1.0) + np.exp(-1.0) * (1.0 - np.exp(-4.0)) / 2.0
    assert sum(context.accumulated_visiting_time()) == pytest.approx(spent, rel=1e-13)


def test_ways_that_open_later_are_taken():
    graph = Graph(models.structured_coalescent(1, 1))
    graph.update_weights([1.0, 0.0])
    context = graph.distribution_context()
    context.step(5.0)
    assert context.cdf() == 0.0
    graph.update_weights([1.0, 0.5])
    context.step(5.0)
    assert context.cdf() == pytest.approx(graph.cdf(5.0), rel=1e-12)


def test_steps_of_a_discrete_graph_are_counted():
    graph = Graph.from_matrices([0.5, 0.5], [[0.5, 0.25], [0.0, 0.75]], discrete=True)
    context = graph.distribution_context_discrete()
    assert (context.jumps(), context.pmf(), context.accumulated_visits()[1:3]) == (0, 0.0, [0.5, 0.5])
    context.step()
    assert (context.jumps(), context.pmf()) == (1, graph.pdf(1))
    context.step(3)
    assert context.jumps() == 4
    assert context.pmf() == pytest.approx(graph.pdf(4), rel=1e-14)
    assert context.accumulated_visits() == pytest.approx(graph.accumulated_visits(4), rel=1e-14)


def test_mass_that_starts_absorbed_takes_no_step():
    graph = Graph.from_matrices([1.0], [[0.5]], discrete=True)
    graph.starting_vertex().edges()[0].update_weight(0.5)
    graph.starting_vertex().add_edge(graph.vertex_at(2), 0.25)
    context = graph.distribution_context()
    assert (context.pmf(), context.cdf()) == (graph.pdf(0), graph.cdf(0)) == (0.25, 0.25)
    context.step(100)
    assert context.cdf() == pytest.approx(0.75, rel=1e-14)


def test_a_graph_that_is_built_on_needs_a_new_context():
    graph = Graph(models.lineages(3))
    context = graph.distribution_context()
    context.step()
    graph.find_vertex([2]).add_edge(graph.find_vertex([3]), [1.0])
    with pytest.raises(GraphError, match="new distribution_context"):
        context.step()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda graph: graph.distribution_context(-1),
        lambda graph: graph.distribution_context(0.5),
        lambda graph: graph.distribution_context().step(-1.0),
        lambda graph: graph.distribution_context().step(np.inf),
        lambda graph: graph.distribution_context().step("far"),
        lambda graph: Graph(1).distribution_context(),
        lambda graph: Graph.from_matrices([1.0], [[0.5]], discrete=True).distribution_context().step(0.5),
    ],
)
def test_steps_that_cannot_be_are_refused(attempt):
    with pytest.raises(GraphError):
        attempt(Graph(models.erlang(2)))
