"""What is stored of one graph can be put there and taken out, under the names of the C++ package."""

from __future__ import annotations

import pytest

import phasic
from phasic import CallbackError, Graph, GraphCache, GraphError, OptionError, cache, models
from phasic.trace_elimination import record_elimination_trace


def chain(state, rate=1.0):
    return [([state[0] - 1], rate)] if state[0] else []


def traces() -> int:
    return phasic.get_trace_cache_stats()["total_files"]


def test_a_prewarmed_plan_is_found_by_every_graph_of_that_structure(location):
    graph = Graph(models.coalescent(6))
    graph.prewarm_cache()
    assert traces() == 1
    other = Graph(models.coalescent(6), cache_trace=True)
    other.update_weights([7.0])
    assert other.expectation() == pytest.approx(graph.expectation() / 7.0)
    assert traces() == 1
    graph.prewarm_cache()
    assert traces() == 1


def test_clearing_one_graph_leaves_the_others(location):
    kept = Graph(chain, ipv=[4], cache_graph=True, cache_trace=True, rate=2.0)
    gone = Graph(chain, ipv=[3], cache_graph=True, cache_trace=True, rate=2.0)
    for graph in (kept, gone):
        graph.expectation()
    assert gone.clear_from_cache(graph_cache=False) == {"graph_cache": 0, "parameterized_reward_compute": 1}
    assert (phasic.get_graph_cache_stats()["num_graphs"], traces()) == (2, 1)
    assert gone.clear_from_cache() == {"graph_cache": 1, "parameterized_reward_compute": 0}
    assert gone.clear_from_cache() == {"graph_cache": 0, "parameterized_reward_compute": 0}
    assert (phasic.get_graph_cache_stats()["num_graphs"], traces()) == (1, 1)
    assert gone.expectation() == 1.5


def test_clearing_nothing_or_a_graph_without_a_callback_is_refused(location):
    with pytest.raises(OptionError, match="nothing was to be cleared"):
        Graph(chain, ipv=[3]).clear_from_cache(graph_cache=False, parameterized_reward_compute=False)
    with pytest.raises(GraphError, match="not built from a callback"):
        Graph(1).clear_from_cache()


def test_a_plan_is_recorded_once_and_again_by_force():
    graph = Graph(chain, ipv=[3])
    assert not graph.trace_valid
    plan = graph.compute_trace(hierarchical=True, min_size=50, verbose=False)
    assert graph.trace_valid
    assert graph.compute_trace() is plan
    assert record_elimination_trace(graph, theta_dim=1) is plan
    assert graph.compute_trace(force=True) is not plan
    graph.find_or_create_vertex([17])
    assert not graph.trace_valid


def test_a_cache_of_graphs_builds_looks_up_and_clears(location):
    store = GraphCache()
    assert store.load_graph(chain, ipv=[3], rate=2.0) is None
    built = store.get_or_build(chain, ipv=[3], rate=2.0)
    assert store.load_graph(chain, ipv=[3], rate=2.0) == built
    assert store.load_graph(chain, ipv=[3], rate=3.0) is None
    assert store.get_cache_stats() == phasic.get_graph_cache_stats()
    assert store.clear() == 1
    assert store.load_graph(chain, ipv=[3], rate=2.0) is None


def test_only_what_a_callback_spans_is_stored_for_it(location):
    store = GraphCache(location)
    plain = Graph(chain, ipv=[3], rate=2.0)
    key = store.save_graph(plain, chain, ipv=[3], rate=2.0)
    assert isinstance(key, str)
    assert store.get_cache_stats()["num_graphs"] == 1
    with pytest.raises(CallbackError, match="is not what the callback spans"):
        store.save_graph(plain, chain, ipv=[3], rate=5.0)
    assert store.get_cache_stats()["num_graphs"] == 1
    with pytest.raises(OptionError, match="configure"):
        GraphCache(location / "elsewhere")


def test_the_cache_module_counts_and_clears_plans(location):
    for n in (3, 4):
        Graph(models.coalescent(n), cache_graph=True).prewarm_cache()
    info = cache.param_compute_cache_info()
    assert (info["n_files"], info["cache_dir"]) == (2, str(location))
    assert info["total_size"] == phasic.get_trace_cache_stats()["total_bytes"]
    assert cache.clear_param_compute_cache() == 2
    assert phasic.clear_trace_cache() == 0
    assert cache.clear_all_caches() == {"graphs": 2, "traces": 0}
    assert phasic.get_graph_cache_stats()["num_graphs"] == 0
    assert set(cache.scc_compose_stats().values()) == {0}
    cache.reset_scc_compose_stats()


SCRIPT = """
import phasic
graph = phasic.Graph(phasic.models.coalescent(4), cache_graph=True)
print(phasic.get_graph_cache_stats()["cache_dir"], phasic.get_graph_cache_stats()["num_graphs"])
"""


def test_the_variable_of_the_c_package_names_the_directory_unless_another_does(python, tmp_path):
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    assert python(SCRIPT, HASHCACHE_DIR="", PHASIC_CACHE_DIR=here).split() == [here, "1"]
    assert python(SCRIPT, HASHCACHE_DIR=there, PHASIC_CACHE_DIR=here).split() == [there, "1"]
    chosen = f"import hashcache; hashcache.hashcache.location = {there!r}\n"
    assert python(chosen + SCRIPT, HASHCACHE_DIR="", PHASIC_CACHE_DIR=here).split() == [there, "1"]
