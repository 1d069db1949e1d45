import itertools
import subprocess
import sys

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import elimination, replay
from phasic.errors import AbsorptionError, GraphError, ParameterError, PhasicError
from phasic.trace import Trace

seeds = st.integers(0, 2**32 - 1)
acyclic = [oracle.coalescent(4), oracle.erlang(5), oracle.coxian([1, 5, 0.3], [0.1, 0.5, 1])]
cyclic = [
    oracle.islands(4),
    oracle.near_trap(),
    oracle.random_model(1),
    oracle.random_model(7, 40, density=0.1),
]


def record(model):
    return elimination.record(model.offsets, model.targets)


def factors(model):
    return elimination.eliminate(*model.edges)


def mean(model):
    return model.alpha @ factors(model).solve(np.ones(model.n))


@pytest.mark.parametrize("model", acyclic + cyclic)
def test_replaying_a_recorded_trace_is_eliminating(model):
    replayed, direct = replay.factorise(record(model), model.weights), factors(model)
    assert replayed.trace == direct.trace
    for name in ("lower", "upper", "leave"):
        np.testing.assert_array_equal(getattr(replayed, name), getattr(direct, name))


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_one_trace_serves_all_weights(seed):
    model = oracle.random_model(3, n=12)
    weights = np.random.default_rng(seed).random(model.weights.size)
    rates = np.zeros((model.n, model.n))
    np.add.at(rates, (model.source, model.targets), weights)
    inner = np.ix_(model.states, model.states)
    system = (np.diag(rates.sum(axis=1)) - rates)[inner]
    solved = replay.factorise(record(model), weights).solve(np.ones(model.n))
    np.testing.assert_allclose(
        solved[model.states], np.linalg.solve(system, np.ones(model.states.size)), 1e-10
    )


@pytest.mark.parametrize("model", acyclic)
def test_acyclic_graphs_fill_in_nothing(model):
    assert record(model).n_fill == 0
    assert record(model).n_components == model.states.size


@pytest.mark.parametrize("model", cyclic)
def test_edges_lead_to_the_same_or_an_earlier_component(model):
    trace = record(model)
    component = np.full(model.n, -1)
    component[trace.order] = np.repeat(np.arange(trace.n_components), np.diff(trace.bounds))
    assert (component[model.targets] <= component[model.source]).all()


def test_a_ring_fills_in_as_little_as_a_ring_can():
    n = 100
    ring = [(v, v % n + 1, 1.0) for v in range(1, n + 1)]
    model = oracle.from_edges(n + 2, [*ring, (n, n + 1, 1.0)], oracle.starting_at(n + 2))
    assert record(model).n_fill <= 3 * n


def test_a_grid_fills_in_far_less_than_a_band_would():
    k = 40
    trace = record(grid(k))
    assert trace.n_fill < 0.5 * 2 * k**3
    assert trace.nbytes < 20 * (trace.n_fill + trace.targets.size)


def grid(k):
    edges = []
    for x in range(k):
        for y in range(k):
            v = 1 + x * k + y
            edges += [(v, v + k, 1.0)] * (x + 1 < k) + [(v, v - k, 2.0)] * (x > 0)
            edges += [(v, v + 1, 3.0)] * (y + 1 < k) + [(v, v - 1, 4.0)] * (y > 0)
    n = k * k + 2
    return oracle.from_edges(n, [*edges, (1, n - 1, 1.0)], oracle.starting_at(n, n - 2))


@given(seeds, st.floats(0.02, 0.5))
@settings(max_examples=40, deadline=None)
def test_the_pattern_holds_every_entry_that_elimination_makes(seed, density):
    trace = record(oracle.random_model(seed, n=25, density=density))
    edges = np.zeros((trace.order.size,) * 2, bool)
    source = np.repeat(np.arange(trace.n_vertices), np.diff(trace.offsets))
    i, j = trace.position[source], trace.position[trace.targets]
    component = np.repeat(np.arange(trace.n_components), np.diff(trace.bounds))
    inside = (j >= 0) & (i != j)
    i, j = i[inside], j[inside]
    inside = component[i] == component[j]
    edges[i[inside], j[inside]] = True
    for k in range(trace.order.size):
        edges[k + 1 :, k + 1 :] |= np.outer(edges[k + 1 :, k], edges[k, k + 1 :])
    np.fill_diagonal(edges, False)
    found = np.zeros_like(edges)
    rows = np.arange(trace.order.size)
    found[np.repeat(rows, np.diff(trace.lower_offsets)), trace.lower_columns] = True
    found[np.repeat(rows, np.diff(trace.upper_offsets)), trace.upper_columns] = True
    np.testing.assert_array_equal(found, edges)


@given(seeds, st.integers(-20, 20))
@settings(max_examples=30, deadline=None)
def test_a_clock_c_times_faster_divides_every_mean_by_c(seed, power):
    model, c = oracle.random_model(seed), 2.0**power
    np.testing.assert_array_equal(mean(model.sped_up(c)), mean(model) / c)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_names_of_vertices_do_not_matter(seed):
    model = oracle.random_model(seed, spread=3)
    order = np.append(0, 1 + np.random.default_rng(seed).permutation(model.n - 1))
    np.testing.assert_allclose(mean(model.permuted(order)), mean(model), rtol=1e-13)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_where_time_is_spent_is_what_rewards_collect(seed):
    model = oracle.random_model(seed)
    rewards = np.random.default_rng(seed).standard_normal(model.n)
    solved = factors(model)
    np.testing.assert_allclose(
        model.alpha @ solved.solve(rewards), solved.solve_transposed(model.alpha) @ rewards, rtol=1e-11
    )


@pytest.mark.parametrize("model", acyclic + cyclic)
def test_time_spent_in_each_vertex_is_exact(model):
    np.testing.assert_allclose(
        factors(model).solve_transposed(model.alpha), oracle.sojourn(model), rtol=1e-13
    )


@pytest.mark.parametrize("model", acyclic + cyclic)
def test_a_trace_survives_its_arrays(model):
    trace = record(model)
    again = Trace.from_arrays({name: array.copy() for name, array in trace.arrays().items()})
    assert again == trace
    assert hash(again) == hash(trace)
    assert trace != record(oracle.erlang(17))
    assert not any(array.flags.writeable for array in trace.arrays().values())


def test_a_trace_is_the_same_in_every_process():
    model = oracle.islands(6)
    code = f"""
import hashlib, numpy as np
from phasic.elimination import record
trace = record(np.array({model.offsets.tolist()}), np.array({model.targets.tolist()}))
print(hashlib.sha256(b"".join(a.tobytes() for a in trace.arrays().values())).hexdigest())
"""
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_importing_the_engine_loads_no_compiler():
    code = """
import sys
import phasic.elimination, phasic.moments, phasic.density
assert not {"numba", "scipy", "jax"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", Trace.__dataclass_fields__)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a[:-1],
        lambda a: a + np.int32(1000),
        lambda a: -a - 1,
        lambda a: a.astype(float),
        lambda a: a.reshape(1, -1),
    ],
)
def test_arrays_that_are_no_trace_are_refused(name, spoil):
    arrays = record(oracle.islands(4)).arrays()
    with pytest.raises(PhasicError):
        Trace.from_arrays({**arrays, name: spoil(arrays[name])})


def test_missing_and_unknown_arrays_are_refused():
    arrays = record(oracle.islands(4)).arrays()
    with pytest.raises(PhasicError, match="consists of"):
        Trace.from_arrays({name: arrays[name] for name in list(arrays)[:-1]})
    with pytest.raises(PhasicError, match="consists of"):
        Trace.from_arrays({**arrays, "theta": np.zeros(3)})


def test_factors_that_exceed_memory_are_refused_with_a_figure(monkeypatch):
    monkeypatch.setattr(elimination.os, "sysconf", lambda name: 100)
    with pytest.raises(PhasicError, match="GiB"):
        record(oracle.random_model(0, n=60))


@pytest.mark.parametrize(
    ("offsets", "targets"),
    [([], []), ([1, 1], []), ([0, 2, 1], [0]), ([0, 0, 1], []), ([0, 0, 1], [2]), ([0, 0, 1], [-1])],
)
def test_arrays_that_are_no_graph_are_refused(offsets, targets):
    with pytest.raises(GraphError):
        elimination.record(np.array(offsets, np.int64), np.array(targets, np.int64))


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_weights_that_cannot_be_are_refused(weight):
    trace = record(oracle.erlang(2))
    with pytest.raises(ParameterError, match="edge 1"):
        replay.factorise(trace, [1.0, weight])
    with pytest.raises(GraphError, match="2 edges"):
        replay.factorise(trace, [1.0])


def test_a_graph_of_nothing_but_absorption_is_solved():
    solved = elimination.eliminate([0, 0, 0], [], np.empty(0))
    np.testing.assert_array_equal(solved.solve([1.0, 1.0]), [0.0, 0.0])
    np.testing.assert_array_equal(solved.solve_transposed([0.0, 1.0]), [0.0, 0.0])


def test_edges_add_up_and_those_to_the_vertex_itself_do_not_matter():
    once = oracle.from_edges(4, [(1, 2, 3.0), (2, 1, 1.0), (2, 3, 1.0)], oracle.starting_at(4))
    parts = [(1, 2, 1.0), (1, 2, 2.0), (1, 1, 5.0), (2, 1, 1.0), (2, 3, 0.5), (2, 3, 0.5)]
    np.testing.assert_allclose(mean(oracle.from_edges(4, parts, once.alpha)), mean(once), rtol=1e-15)


def trap():
    """1 is absorbed at 5 or leads to the cycle 2, 3; 4 leads there too, but is not reached."""
    edges = [(1, 5, 1.0), (1, 2, 1.0), (2, 3, 1.0), (3, 2, 1.0), (3, 5, 0.0), (4, 3, 1.0)]
    return oracle.from_edges(6, edges, oracle.starting_at(6))


def test_a_trap_within_reach_is_named():
    solved = factors(trap())
    np.testing.assert_array_equal(solved.stuck, [False, True, True, True, True, False])
    assert np.isinf(solved.solve(np.ones(6))[1:5]).all()
    for vertex in (1, 2):
        with pytest.raises(AbsorptionError, match=f"vertex {vertex}") as caught:
            solved.require_absorption(oracle.starting_at(6, vertex))
        assert caught.value.vertex == vertex
    with pytest.raises(AbsorptionError):
        solved.solve_transposed(oracle.starting_at(6, 4))


def test_a_trap_out_of_reach_does_not_matter():
    edges = [(1, 5, 2.0), (2, 3, 1.0), (3, 2, 1.0)]
    solved = factors(oracle.from_edges(6, edges, oracle.starting_at(6)))
    solved.require_absorption(oracle.starting_at(6))
    np.testing.assert_array_equal(solved.solve_transposed(oracle.starting_at(6)), [0, 0.5, 0, 0, 0, 0])


def test_the_probability_of_absorption_some_day():
    solved = factors(trap())
    assert solved.absorption_probability(oracle.starting_at(6)) == 0.5
    assert solved.absorption_probability(oracle.starting_at(6, 2)) == 0.0
    assert solved.absorption_probability(oracle.starting_at(6, 5, 0.25)) == 0.25


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_edges_by_position_are_those_of_the_graph_in_their_order(seed):
    model = oracle.random_model(seed, n=12)
    trace = elimination.record(model.offsets, model.targets)
    order, edges, inner, to, edge, bounds, *_ = trace.plan
    vertex = np.append(order, -1)
    for first, last in itertools.pairwise(bounds):
        for i in range(first, last):
            own = range(model.offsets[order[i]], model.offsets[order[i] + 1])
            inside, outside = edge[edges[i] : inner[i]], edge[inner[i] : edges[i + 1]][::-1]
            assert sorted([*inside, *outside]) == list(own)
            assert list(inside) == sorted(inside)
            assert list(outside) == sorted(outside)
            leads = model.targets[edge[edges[i] : edges[i + 1]]]
            np.testing.assert_array_equal(
                vertex[to[edges[i] : edges[i + 1]]], np.where(trace.absorbing[leads], -1, leads)
            )
            assert all(first <= j < last for j in to[edges[i] : inner[i]])
            assert not any(first <= j < last for j in to[inner[i] : edges[i + 1]])
