"""Stored plans of elimination under the names of the C++ package, whose cache of them this stands for."""

from __future__ import annotations

from typing import Any

from phasic import caches

__all__ = [
    "clear_all_caches",
    "clear_param_compute_cache",
    "clear_trace_cache",
    "param_compute_cache_info",
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


def clear_all_caches() -> dict[str, int]:
    """Delete all stored graphs, plans and moments; return how many graphs and plans there were."""
    count = {
        "graphs": caches.get_graph_cache_stats()["num_graphs"],
        "traces": caches.get_trace_cache_stats()["total_files"],
    }
    caches.clear_model_cache()
    return count
