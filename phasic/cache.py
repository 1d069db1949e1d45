"""Stored plans of elimination under the names of the C++ package, whose cache of them this stands for."""

from __future__ import annotations

from typing import Any

from phasic import caches

__all__ = [
    "clear_all_caches",
    "clear_param_compute_cache",
    "clear_trace_cache",
    "param_compute_cache_info",
    "reset_scc_compose_stats",
    "scc_compose_stats",
    "trace_cache_info",
]


def param_compute_cache_info() -> dict[str, Any]:
    """Return ``cache_dir``, ``n_files`` and ``total_size`` (bytes) of stored plans of elimination."""
    found = caches.get_trace_cache_stats()
    return {
        "cache_dir": found["cache_dir"],
        "n_files": found["total_files"],
        "total_size": found["total_bytes"],
    }


trace_cache_info = param_compute_cache_info


def clear_param_compute_cache() -> int:
    """Delete all stored plans of elimination; return how many there were."""
    return caches.clear_trace_cache()


clear_trace_cache = clear_param_compute_cache


def scc_compose_stats() -> dict[str, int]:
    """Return zeros: plans go through strongly connected components as they come, and none is put together."""
    return dict.fromkeys(
        ("cache_hits", "cache_misses", "compose_calls", "total_compose_ns", "cache_bypassed"), 0
    )


def reset_scc_compose_stats() -> None:
    """Do nothing; see `scc_compose_stats`."""


def clear_all_caches() -> dict[str, int]:
    """Delete all stored graphs, plans and moments; return how many graphs and plans there were."""
    count = {
        "graphs": caches.get_graph_cache_stats()["num_graphs"],
        "traces": caches.get_trace_cache_stats()["total_files"],
    }
    caches.clear_model_cache()
    return count
