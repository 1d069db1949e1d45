"""Look at what is kept and clear it, layer by layer, under the names that users of phasic know.

Nothing here knows how a result is kept: every function delegates to the layers, so that
``python -m hashcache ls`` shows the same entries.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasic.keywords import without_effect

if TYPE_CHECKING:
    from hashcache.programs.jax_directory import JaxDirectory

_MB = 1024.0 * 1024.0


def clear_caches(verbose: bool = False) -> None:
    """Delete everything that phasic has stored: graphs, traces, moments, and what JAX has compiled."""
    clear_model_cache(verbose=verbose)
    clear_jax_cache(verbose=verbose)


def clear_model_cache(verbose: bool = False) -> None:
    """Delete all stored graphs, elimination traces and moments.

    Examples
    --------
    >>> import phasic
    >>> phasic.clear_model_cache()
    >>> phasic.get_graph_cache_stats()["num_graphs"]
    0
    """
    from phasic import layers

    for layer in layers.ALL:
        removed = layer.clear()
        if verbose:
            _say(f"{layer.name}: removed {removed} of {layer.cache.place}")


def clear_trace_cache() -> int:
    """Delete all stored elimination traces; return how many there were."""
    from phasic import layers

    return layers.TRACES.clear()


def clear_jax_cache(verbose: bool = False) -> None:
    """Delete the programs that JAX has compiled into the directory of `cache_info`."""
    directory = _jax_directory()
    removed = directory.clear()
    if verbose:
        _say(f"jax: removed {removed} of {directory.folder}")


def cache_info(cache_dir: str | Path | None = None) -> dict[str, Any]:
    """Return what lies in the directory of JAX's compiled programs.

    Parameters
    ----------
    cache_dir : path, optional
        Another directory than the one in use.

    Returns
    -------
    dict
        ``exists`` (bool), ``path`` (str), ``num_files`` (int), ``total_size_mb`` (float) and ``files``, a
        list of dicts ``name``, ``size_mb``, ``modified`` (seconds since 1970), newest first.
    """
    directory = _jax_directory(cache_dir)
    found = sorted(directory.files(), key=lambda file: -file[2].st_mtime)
    return {
        "exists": Path(directory.folder).is_dir(),
        "path": directory.folder,
        "num_files": len(found),
        "total_size_mb": sum(status.st_size for _, _, status in found) / _MB,
        "files": [
            {"name": name, "size_mb": status.st_size / _MB, "modified": status.st_mtime}
            for name, _, status in found
        ],
    }


def _jax_directory(folder: str | Path | None = None) -> JaxDirectory:
    """Return a directory of JAX's programs; by default the one that JAX uses."""
    if folder is not None:
        from hashcache.programs.jax_directory import JaxDirectory

        return JaxDirectory(str(folder))
    from phasic import layers

    return layers.GRAPHS.cache.jax_cache.in_use()


def get_graph_cache_stats() -> dict[str, Any]:
    """Return ``num_graphs``, ``total_size_mb`` and ``cache_dir`` of stored graphs."""
    from phasic import layers

    sizes = [entry["size"] for entry in layers.GRAPHS.entries()]
    place = layers.GRAPHS.cache.place
    return {"num_graphs": len(sizes), "total_size_mb": sum(sizes) / _MB, "cache_dir": place}


def get_trace_cache_stats() -> dict[str, Any]:
    """Return ``total_files``, ``total_bytes``, ``total_mb`` and ``cache_dir`` of stored traces."""
    from phasic import layers

    sizes = [entry["size"] for entry in layers.TRACES.entries()]
    place = layers.TRACES.cache.place
    total = sum(sizes)
    return {"total_files": len(sizes), "total_bytes": total, "total_mb": total / _MB, "cache_dir": place}


def get_all_cache_stats() -> dict[str, dict[str, Any]]:
    """Return the dicts of `cache_info`, `get_graph_cache_stats` and `get_trace_cache_stats` by layer."""
    return {"jax": cache_info(), "graph": get_graph_cache_stats(), "trace": get_trace_cache_stats()}


def print_graph_cache_info() -> None:
    """Print how many graphs are stored, where, and how large they are together."""
    found = get_graph_cache_stats()
    _print("Graphs", found["cache_dir"], found["num_graphs"], found["total_size_mb"])


def print_trace_cache_info() -> None:
    """Print how many elimination traces are stored, where, and how large they are together."""
    found = get_trace_cache_stats()
    _print("Elimination traces", found["cache_dir"], found["total_files"], found["total_mb"])


def print_jax_cache_info(cache_dir: str | Path | None = None) -> None:
    """Print how many programs JAX has compiled and kept, where, and how large they are together."""
    found = cache_info(cache_dir)
    _print("Compiled programs", found["path"], found["num_files"], found["total_size_mb"])


@without_effect(
    cache_dir="results are stored in one place, which configure(cache_dir=...) sets",
    max_files="python -m hashcache ls lists entries",
)
def print_model_cache_info() -> None:
    """Print both of what a model leaves: graphs and elimination traces."""
    print_graph_cache_info()
    print_trace_cache_info()


def print_all_cache_info() -> None:
    """Print what every layer has stored."""
    print_model_cache_info()
    print_jax_cache_info()


def stored_traces() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the digest of every stored trace, and the header of its entry."""
    from phasic import layers

    for header in layers.TRACES.entries():
        yield header["digest"], header


def remove_traces(digests: Iterable[str]) -> int:
    """Delete stored traces; return how many there were."""
    from phasic import layers

    going, cache = set(digests), layers.TRACES.cache
    names = [header["name"] for digest, header in stored_traces() if digest in going]
    cache.recent.clear()
    return sum(cache.store.delete(name) for name in names)


def _print(title: str, place: str, count: int, megabytes: float) -> None:
    _say(f"{title}: {count} stored, {megabytes:.2f} MB, in {place}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
