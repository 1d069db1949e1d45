"""What is stored can be looked at and cleared under the names of the caching tutorial."""

from __future__ import annotations

import logging
import os
import time

import pytest

import phasic
from hashcache import hashcache
from phasic import Graph, OptionError, PhasicError, layers, models, trace_cache


def store(n: int) -> Graph:
    graph = Graph(models.coalescent(n), cache_graph=True, cache_trace=True)
    graph.moments(2)
    return graph


@pytest.fixture
def jax_files(monkeypatch, tmp_path):
    """Files as JAX leaves them, and one of somebody else."""
    folder = tmp_path / "jax programs"
    folder.mkdir()
    for name in ("jit_f-0123-cache", "jit_f-0123-atime", "notes.txt"):
        (folder / name).write_bytes(b"x" * 1024)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))
    return folder


def test_stats_of_a_clean_machine_are_zeros_and_make_nothing(location, capsys):
    assert phasic.get_graph_cache_stats() == {
        "num_graphs": 0,
        "total_size_mb": 0.0,
        "cache_dir": str(location),
    }
    assert phasic.get_trace_cache_stats() == {
        "total_files": 0,
        "total_bytes": 0,
        "total_mb": 0.0,
        "cache_dir": str(location),
    }
    info = phasic.cache_info()
    assert (info["exists"], info["num_files"], info["total_size_mb"], info["files"]) == (False, 0, 0.0, [])
    assert trace_cache.list_cached_traces() == []
    assert trace_cache.cleanup_old_traces() == 0
    phasic.clear_caches()
    assert not location.exists()
    assert capsys.readouterr().out == ""


def test_stats_agree_with_what_the_command_line_lists(location):
    store(4)
    store(5)
    entries = list(hashcache.entries())
    sizes = {layer: [e["size"] for e in entries if e["layer"] == layer] for layer in ("graph", "trace")}
    stats = phasic.get_all_cache_stats()
    assert list(stats) == ["jax", "graph", "trace"]
    assert stats["graph"]["num_graphs"] == len(sizes["graph"]) == 2
    assert stats["graph"]["total_size_mb"] * 2**20 == pytest.approx(sum(sizes["graph"]))
    assert stats["trace"]["total_files"] == len(sizes["trace"]) == 2
    assert stats["trace"]["total_bytes"] == sum(sizes["trace"])


def test_listed_traces_say_what_they_are_of_newest_first():
    small, large = store(4), store(6)
    newest, oldest = trace_cache.list_cached_traces()
    assert (newest["n_vertices"], oldest["n_vertices"]) == (len(large), len(small))
    assert newest["n_operations"] == large.trace.order.size + large.trace.n_fill
    assert newest["size_kb"] * 1024 == newest["size_bytes"]
    assert newest["modified"] >= oldest["modified"]
    assert newest["hash"] != oldest["hash"]


def test_a_removed_trace_is_recorded_again_and_no_other():
    store(4)
    store(5)
    newest, oldest = trace_cache.list_cached_traces()
    assert trace_cache.remove_cached_trace(newest["hash"])
    assert not trace_cache.remove_cached_trace(newest["hash"])
    assert not trace_cache.remove_cached_trace("abc123def456...")
    assert trace_cache.list_cached_traces() == [oldest]
    before = layers.record_trace.stats()["misses"]
    store(4)
    store(5)
    assert layers.record_trace.stats()["misses"] == before + 1


def test_cleaning_up_drops_the_oldest_until_the_others_fit():
    for n in (4, 5, 6):
        store(n)
    newest, middle, oldest = trace_cache.list_cached_traces()
    room = (newest["size_bytes"] + middle["size_bytes"]) / 2**20
    assert trace_cache.cleanup_old_traces(max_size_mb=room) == 1
    assert trace_cache.list_cached_traces() == [newest, middle]
    assert trace_cache.cleanup_old_traces(max_size_mb=None) == 0
    assert trace_cache.cleanup_old_traces(max_size_mb=0) == 2
    assert oldest not in trace_cache.list_cached_traces()


def test_cleaning_up_drops_what_is_older_than_asked(monkeypatch):
    store(4)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86400.0)
    assert trace_cache.cleanup_old_traces(max_age_days=32) == 0
    assert trace_cache.cleanup_old_traces(max_age_days=30) == 1


@pytest.mark.parametrize("limit", [-1.0, "10 MB", float("nan")])
def test_a_limit_that_is_none_is_refused_and_nothing_goes(limit):
    store(4)
    with pytest.raises(OptionError, match="max_size_mb"):
        trace_cache.cleanup_old_traces(max_size_mb=limit)
    assert len(trace_cache.list_cached_traces()) == 1


def test_clearing_models_leaves_programs_and_the_results_of_others(jax_files):
    @hashcache
    def other(x):
        return x

    other(1)
    store(4)
    phasic.clear_model_cache()
    stats = phasic.get_all_cache_stats()
    assert (stats["graph"]["num_graphs"], stats["trace"]["total_files"], stats["jax"]["num_files"]) == (
        0,
        0,
        2,
    )
    assert other.is_cached(1)


def test_clearing_programs_deletes_what_jax_wrote_and_nothing_else(jax_files):
    store(4)
    phasic.clear_jax_cache()
    assert os.listdir(jax_files) == ["notes.txt"]
    assert phasic.get_graph_cache_stats()["num_graphs"] == 1


def test_clearing_all_clears_every_layer_and_says_so_if_asked(jax_files, capsys):
    store(4)
    phasic.clear_caches(verbose=True)
    assert [list(layer.entries()) for layer in layers.ALL] == [[]] * len(layers.ALL)
    assert phasic.cache_info()["num_files"] == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["graph", "trace", "moments", "jax"]


def test_programs_are_described_newest_first(jax_files):
    os.utime(jax_files / "jit_f-0123-cache", (1, 1))
    info = phasic.cache_info()
    assert (info["path"], info["exists"], info["num_files"]) == (str(jax_files), True, 2)
    assert [file["name"] for file in info["files"]] == ["jit_f-0123-atime", "jit_f-0123-cache"]
    assert info["total_size_mb"] == pytest.approx(2 / 1024)
    assert phasic.cache_info(jax_files.parent)["num_files"] == 0


def test_printing_says_how_much_of_each_lies_where(capsys, location, jax_files):
    store(4)
    phasic.print_all_cache_info()
    graphs, traces, programs = capsys.readouterr().out.splitlines()
    titles = [line.partition(",")[0] for line in (graphs, traces, programs)]
    assert titles == ["Graphs: 1 stored", "Elimination traces: 1 stored", "Compiled programs: 2 stored"]
    places = [line.partition("in ")[2] for line in (graphs, traces, programs)]
    assert places == [str(location), str(location), str(jax_files)]
    phasic.print_model_cache_info()
    assert capsys.readouterr().out.splitlines() == [graphs, traces]
    phasic.print_graph_cache_info()
    phasic.print_trace_cache_info()
    phasic.print_jax_cache_info()
    assert capsys.readouterr().out.splitlines() == [graphs, traces, programs]


# -- settings ----------------------------------------------------------------------------------------


def test_caching_is_off_unless_asked():
    graph = Graph(models.coalescent(4))
    graph.moments(2)
    assert list(hashcache.entries()) == []


def test_settings_are_defaults_that_a_graph_overrides():
    with phasic.configure(graph_cache=True, cache_moments=True):
        assert phasic.get_config().cache_graph
        graph = Graph(models.coalescent(4))
        assert (graph.cache_graph, graph.cache_trace, graph.cache_moments) == (True, False, True)
        assert not Graph(models.coalescent(4), cache_graph=False).cache_graph
        with phasic.configure(trace_cache=True):
            assert Graph(models.coalescent(4)).cache_trace
        assert not phasic.get_config().cache_trace
    assert not Graph(models.coalescent(4)).cache_graph


def test_settings_outlast_the_call_that_made_them():
    before = phasic.configure(cache_trace=True)
    assert Graph(models.coalescent(4)).cache_trace
    with before:
        pass
    assert not Graph(models.coalescent(4)).cache_trace


def test_settings_can_be_read_under_their_other_names_and_reset():
    with phasic.configure(graph_cache=True, trace_cache=True):
        assert phasic.get_config().graph_cache
        assert phasic.get_config().trace_cache
        with phasic.reset_config():
            assert phasic.get_config() == type(phasic.get_config())()
        assert phasic.get_config().graph_cache


def test_a_directory_of_results_is_that_of_every_layer_until_the_end(tmp_path, location):
    with phasic.configure(cache_dir=tmp_path / "mine", cache_graph=True):
        Graph(models.coalescent(4))
        assert phasic.get_graph_cache_stats()["cache_dir"] == str(tmp_path / "mine")
        assert phasic.get_graph_cache_stats()["num_graphs"] == 1
    assert phasic.get_graph_cache_stats() == {
        "num_graphs": 0,
        "total_size_mb": 0.0,
        "cache_dir": str(location),
    }


@pytest.mark.parametrize(
    "settings",
    [{"colour": True}, {"cache_graph": 1}, {"cache_dir": 3}, {"cache_graph": True, "graph_cache": True}],
)
def test_an_impossible_setting_is_refused_and_none_is_changed(settings):
    before = phasic.get_config()
    with pytest.raises(OptionError, match=next(iter(settings))):
        phasic.configure(cache_moments=True, **settings)
    assert phasic.get_config() == before


def test_settings_of_the_other_package_are_said_to_have_no_effect(caplog):
    with caplog.at_level("INFO", logger="phasic"), phasic.configure(strict=True, compute="cpu"):
        pass
    assert [record.args[0] for record in caplog.records] == ["compute", "strict"]


# -- logging -----------------------------------------------------------------------------------------


def without_handlers(monkeypatch):
    """Leave logging as it is for a user who set up nothing."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


def test_at_debug_every_look_into_a_layer_is_said(capsys, monkeypatch):
    without_handlers(monkeypatch)
    with phasic.set_log_level("DEBUG"):
        store(4)
        store(4)
    said = capsys.readouterr().err
    for layer in ("graph", "trace"):
        assert said.count(f"hit {layer}:") == 1
    store(4)
    assert capsys.readouterr().err == ""


def test_a_level_holds_until_the_next_without_a_context(capsys, monkeypatch):
    without_handlers(monkeypatch)
    phasic.set_log_level("info")
    try:
        store(4)
        assert "explore computed" in capsys.readouterr().err
    finally:
        phasic.set_log_level("WARNING")
    store(5)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("level", ["LOUD", "", None, 10])
def test_an_unknown_level_is_refused(level):
    with pytest.raises(OptionError, match="log level") as caught:
        phasic.set_log_level(level)
    assert isinstance(caught.value, PhasicError)
