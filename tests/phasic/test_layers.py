"""Every layer: cached equals bare, nothing is stale, and nothing that cannot matter recomputes."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasic
from hashcache import Key, MutationWarning, Payload, entry, hashcache
from phasic import Graph, GraphError, PhasicError, layers, models, steps, with_ipv
from phasic.arrays import GraphArrays
from phasic.elimination import record
from phasic.trace import Trace
from tests.strategies import phase_types

ON = {"cache_graph": True, "cache_trace": True, "cache_moments": True}
STEPS = {"graph": layers.build_graph, "trace": layers.record_trace, "moments": layers.raw_moments}

RATE = 1.0
SETTINGS = {"rate": 1.0}


def scale() -> float:
    return 1.0


@pytest.fixture(autouse=True)
def counts_from_zero():
    for step in STEPS.values():
        step._stats.clear()


def hits() -> dict[str, int]:
    return {name: step.stats()["hits"] for name, step in STEPS.items()}


def chain(state: Any) -> list[Any]:
    n = state[0]
    return [([n - 1], RATE * n * (n - 1) / 2)] if n > 1 else []


@given(phase_types())
@settings(max_examples=25)
def test_a_graph_from_arrays_has_the_same_trace_and_moments_cached_and_bare(arrays):
    bare, cached = steps.BARE, layers.chosen_steps(True, True, True)
    weights = arrays.weights()
    trace = bare.record(arrays.offsets, arrays.targets)
    for _ in range(2):
        assert cached.record(arrays.offsets, arrays.targets) == trace
    graph = Graph.from_arrays(arrays)
    try:
        expected = graph.moments(3)
    except PhasicError as error:
        with pytest.raises(type(error)):
            Graph(graph, **{**ON}).moments(3)
        return
    for _ in range(2):
        assert cached.moments(arrays, weights, 3, None, lambda: graph.factors) == expected


@pytest.mark.parametrize("n", [2, 4, 7])
def test_a_cached_graph_equals_a_bare_one(n):
    bare = Graph(models.coalescent(n))
    fresh, found = Graph(models.coalescent(n), **ON), Graph(models.coalescent(n), **ON)
    assert bare == fresh == found
    assert bare.arrays.content_hash == found.arrays.content_hash
    for graph in (fresh, found):
        assert graph.moments(3) == bare.moments(3)
        assert graph.pdf([0.5, 1.0]).tolist() == bare.pdf([0.5, 1.0]).tolist()
    assert hits() == {"graph": 1, "trace": 1, "moments": 1}


def test_a_cached_graph_can_be_changed_and_harms_nobody():
    first = Graph(chain, ipv=[4], **ON)
    first.update_weights([7.0])
    extra = first.find_or_create_vertex([99])
    first.vertex_at(1).add_edge(extra, 5.0)
    second = Graph(chain, ipv=[4], **ON)
    assert second == Graph(chain, ipv=[4])
    assert not second.vertex_exists([99])
    assert hits()["graph"] == 1


def test_theta_takes_no_part_in_the_trace_and_rewards_and_theta_do_in_moments():
    graph = Graph(chain, ipv=[5], **ON)
    plain = graph.moments(2)
    graph.update_weights([2.0])
    faster = graph.moments(2)
    assert faster == [plain[0] / 2, plain[1] / 4]
    assert graph.moments(2, rewards=np.full(len(graph), 3.0)) == pytest.approx(
        [3 * faster[0], 9 * faster[1]], rel=1e-14
    )
    again = Graph(chain, ipv=[5], **ON)
    assert again.moments(2) == plain
    again.update_weights([2.0])
    assert again.moments(2) == faster
    assert layers.record_trace.stats()["misses"] == 1
    assert layers.raw_moments.stats() == {"hits": 2, "misses": 3}


def changes() -> list[tuple[str, Any, Any, Any]]:
    """Callback before, callback after, and how to call them: each makes the chain ten times faster."""

    def closure(rate):
        return lambda state: [([0], rate)] if state[0] else []

    def default(state, rate=1.0):
        return [([0], rate)] if state[0] else []

    def faster_default(state, rate=10.0):
        return [([0], rate)] if state[0] else []

    def table(state, rates):
        return [([0], rates[1000])] if state[0] else []

    class Model:
        def __init__(self, rate):
            self.rate = rate

        def step(self, state):
            return [([0], self.rate)] if state[0] else []

    def slow(state):
        return [([0], 1.0)] if state[0] else []

    before, after = np.ones(2000), np.ones(2000)
    after[1000] = 10.0
    one, other = (
        (lambda state: [([0], 1.0)] if state[0] else []),
        (lambda state: [([0], 10.0)] if state[0] else []),
    )
    return [
        ("closure", closure(1.0), closure(10.0), {}),
        ("default", default, faster_default, {}),
        ("keyword", default, default, {"rate": (1.0, 10.0)}),
        ("middle of an array", table, table, {"rates": (before, after)}),
        ("bound method", Model(1.0).step, Model(10.0).step, {}),
        ("partial", functools.partial(default, rate=1.0), functools.partial(default, rate=10.0), {}),
        ("lambdas on one line", one, other, {}),
        ("wrapped by with_ipv", with_ipv([1])(closure(1.0)), with_ipv([1])(closure(10.0)), {}),
        ("other code", slow, closure(10.0), {}),
    ]


@pytest.mark.parametrize(
    ("name", "before", "after", "keywords"), changes(), ids=lambda x: x if isinstance(x, str) else ""
)
def test_a_changed_callback_is_never_answered_by_the_old_graph(name, before, after, keywords):
    def build(callback, place):
        chosen = {key: values[place] for key, values in keywords.items()}
        ipv = {} if name == "wrapped by with_ipv" else {"ipv": [1]}
        return Graph(callback, **ipv, cache_graph=True, **chosen)

    assert build(before, 0).expectation() == build(before, 0).expectation() == 1.0
    assert hits()["graph"] == 1
    assert build(after, 1).expectation() == 0.1
    assert hits()["graph"] == 1
    assert build(before, 0).expectation() == 1.0
    assert hits()["graph"] == 2


def with_global(state):
    return [([0], RATE)] if state[0] else []


def with_table(state):
    return [([0], SETTINGS["rate"])] if state[0] else []


def with_helper(state):
    return [([0], scale())] if state[0] else []


@pytest.mark.parametrize(
    ("callback", "name", "value"),
    [
        (with_global, "RATE", 10.0),
        (with_table, "SETTINGS", {"rate": 10.0}),
        (with_helper, "scale", lambda: 10.0),
    ],
)
def test_a_changed_global_or_helper_of_a_callback_is_seen(monkeypatch, callback, name, value):
    def mean():
        return Graph(callback, ipv=[1], cache_graph=True).expectation()

    assert (mean(), mean()) == (1.0, 1.0)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), name, value)
        assert mean() == 0.1
    assert mean() == 1.0
    assert hits()["graph"] == 2


def test_a_table_changed_in_place_is_seen(monkeypatch):
    assert Graph(with_table, ipv=[1], cache_graph=True).expectation() == 1.0
    monkeypatch.setitem(SETTINGS, "rate", 10.0)
    assert Graph(with_table, ipv=[1], cache_graph=True).expectation() == 0.1


def test_a_callback_that_keeps_count_is_warned_of_and_not_stored():
    calls = []

    def counting(state):
        calls.append(1)
        return [([0], 1.0)] if state[0] else []

    with pytest.warns(MutationWarning, match="callback"):
        assert Graph(counting, ipv=[1], cache_graph=True).expectation() == 1.0


MODEL = '''
"""{comment}"""
RATE = {rate}
def speed(n):
    return RATE * n
def coalescent(state{default}):
    # {comment}
    n = state[0]
    if n <= 1:
        return []
    return [([n - 1], [speed(n) * (n - 1) / 2 * {factor}])]
'''
RUN = """
import json
from model import coalescent
from phasic import Graph, layers
graph = Graph(coalescent, ipv=[6], cache_graph=True, cache_trace=True, cache_moments=True{keyword})
moments = graph.moments(2)
bare = Graph(coalescent, ipv=[6]{keyword}).moments(2)
steps = (layers.build_graph, layers.record_trace, layers.raw_moments)
print(json.dumps([moments, bare, [step.stats()["hits"] for step in steps]]))
"""


def test_layers_hit_in_a_fresh_process_and_see_every_edit(python, tmp_path):
    import json

    def run(seed, rate=1.0, factor="1", default="", keyword="", comment="as it was"):
        text = MODEL.format(rate=rate, factor=factor, default=default, comment=comment)
        (tmp_path / "model.py").write_text(text)
        environment = {"PYTHONDONTWRITEBYTECODE": "1"}
        moments, bare, found = json.loads(python(RUN.format(keyword=keyword), seed=seed, **environment))
        assert moments == bare
        return moments[0], found

    mean, found = run(1)
    assert found == [0, 0, 0]
    # Where moments are found, nobody asks for the trace.
    assert run(2) == (mean, [1, 0, 1])
    assert run(3, comment="another comment") == (mean, [1, 0, 1])
    # The structure, and so the trace, is the same at another rate.
    assert run(4, rate=2.0) == (mean / 2, [0, 1, 0])
    assert run(5, factor="4") == (mean / 4, [0, 1, 0])
    # The same graph by other code: only its exploration is new.
    assert run(6, default=", unused=1") == (mean, [0, 0, 1])
    assert run(7, default=", unused=1", keyword=", unused=2") == (mean, [0, 0, 1])
    assert run(8, default=", unused=1", keyword=", unused=2") == (mean, [1, 0, 1])
    assert run(9) == (mean, [1, 0, 1])


@pytest.mark.parametrize(
    "callback",
    [
        lambda state: None,
        lambda state: [([0, 0], 1.0)],
        lambda state: [([0], -1.0)] if state[0] else [],
        lambda state: [([0], float("nan"))] if state[0] else [],
        lambda state: 1 / 0,
    ],
    ids=["None", "wrong length", "negative", "NaN", "raises"],
)
def test_bad_callbacks_leave_nothing_behind(callback):
    for _ in range(2):
        with pytest.raises((GraphError, ZeroDivisionError)):
            Graph(callback, ipv=[1], **ON)
    assert not list(hashcache.entries())


def test_a_graph_that_cannot_be_absorbed_is_an_error_with_and_without_cache():
    def forever(state):
        return [([1 - state[0]], 1.0)]

    for _ in range(2):
        for keywords in ({}, ON):
            with pytest.raises(PhasicError, match=r"state \[[01]\] cannot reach absorption"):
                Graph(forever, ipv=[0], **keywords).moments(1)
    assert not list(layers.MOMENTS.entries())


def test_off_means_bare():
    Graph(models.coalescent(4)).moments(2)
    assert not list(hashcache.entries())
    assert hits() == {"graph": 0, "trace": 0, "moments": 0}


def test_layers_have_nothing_of_their_own():
    Graph(models.coalescent(4), **ON).moments(2)
    assert {header["layer"] for header in hashcache.entries()} == {"graph", "trace", "moments"}
    assert {header["codec"] for header in hashcache.entries()} == {
        "phasic-graph-1",
        "phasic-trace-1",
        "arrays",
    }
    assert layers.GRAPHS.clear() == layers.TRACES.clear() == layers.MOMENTS.clear() == 1


@given(st.integers(2, 9))
@settings(max_examples=8)
def test_a_trace_comes_back_as_it_was(n):
    arrays = Graph(models.coalescent(n)).arrays
    trace = record(arrays.offsets, arrays.targets)
    assert Trace.from_arrays(trace.arrays()) == trace


# -- exchange ----------------------------------------------------------------------------------------


def answers() -> list[float]:
    graph = Graph(models.structured_coalescent(3, 3), **ON)
    return [graph.expectation(), graph.variance()]


def test_every_layer_travels_and_what_came_is_what_was_computed(tmp_path: Path) -> None:
    before = answers()
    archive = io.BytesIO()
    sent = hashcache.export_entries(archive)
    assert {key.partition(":")[0] for key in sent.keys} == {"graph", "trace", "moments"}
    assert not sent.refused
    phasic.clear_caches()
    assert hashcache.import_entries(archive).keys == sent.keys
    for step in STEPS.values():
        step._stats.clear()
    assert answers() == before
    assert all(count > 0 for count in hits().values())


def test_a_layer_is_pushed_and_pulled_by_its_step(tmp_path: Path) -> None:
    before = answers()
    for step in STEPS.values():
        assert step.push(tmp_path / "place")
    phasic.clear_caches()
    for step in STEPS.values():
        assert step.pull(tmp_path / "place")
        step._stats.clear()
    assert answers() == before
    assert all(count > 0 for count in hits().values())


def test_machine_code_of_callbacks_never_leaves() -> None:
    key = Key("callback", "_compile", "a" * 32)
    about = {
        "key": str(key), "layer": key.layer, "function": key.function, "defined": "", "python": "",
        "result": "", "fingerprint": "f" * 32, "parts": [],
    }  # fmt: skip
    pieces = entry.pack(bytes.fromhex(key.digest), "phasic-callback-1", Payload(["dict"], ()), about)
    hashcache.store.put(key.name, pieces)
    for allow_pickle in (False, True):
        done = hashcache.export_entries(io.BytesIO(), layer="callback", allow_pickle=allow_pickle)
        assert not done.keys
        assert "one machine" in done.refused[0].reason


def changed_arrays() -> list[dict[str, Any]]:
    """What somebody can put into an entry in place of the arrays of a graph."""
    arrays = Graph(models.lineages(4), cache_graph=False)._arrays.as_dict()
    m = arrays["targets"].size
    return [
        {**arrays, **change}
        for change in (
            {"targets": arrays["targets"] + 100},
            {"targets": arrays["targets"] - 100},
            {"targets": arrays["targets"].astype(float)},
            {"targets": arrays["targets"][:-1]},
            {"start_targets": arrays["start_targets"] + 100},
            {"start_weights": np.ones(7)},
            {"offsets": arrays["offsets"][:1]},
            {"offsets": arrays["offsets"][:0]},
            {"offsets": arrays["offsets"][::-1].copy()},
            {"offsets": np.where(np.arange(arrays["offsets"].size) == 2, 2**40, arrays["offsets"])},
            {"coefficients": np.ones(m)},
            {"coefficients": np.ones((m + 1, 1))},
            {"states": arrays["states"][1:]},
            {"states": arrays["states"].astype(float)},
            {"parameterised": 1},
            {"discrete": None},
        )
    ]


@pytest.mark.parametrize("number", range(16))
def test_arrays_that_are_no_graph_never_reach_a_kernel(number: int) -> None:
    with pytest.raises(PhasicError, match="no graph"):
        GraphArrays.from_dict(changed_arrays()[number])
