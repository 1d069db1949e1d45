"""Stored graphs as an object: build, look up and clear; see `phasic.caches` for all that is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasic.caches import get_graph_cache_stats, print_graph_cache_info
from phasic.errors import CallbackError, OptionError
from phasic.initial import Callback

if TYPE_CHECKING:
    from phasic.graph import Graph

__all__ = ["GraphCache", "get_graph_cache_stats", "print_graph_cache_info"]


class GraphCache:
    """The graphs that ``Graph(..., cache_graph=True)`` stores.

    Parameters
    ----------
    cache_dir : path, optional
        Where they are; has to be where results are stored anyway, which ``phasic.configure`` sets.

    Examples
    --------
    >>> from phasic import GraphCache, clear_model_cache
    >>> clear_model_cache()
    >>> def chain(state, rate):
    ...     return [([state[0] - 1], rate)] if state[0] else []
    >>> cache = GraphCache()
    >>> cache.load_graph(chain, ipv=[3], rate=2.0) is None
    True
    >>> cache.get_or_build(chain, ipv=[3], rate=2.0).expectation()
    1.5
    >>> cache.get_cache_stats()["num_graphs"]
    1
    """

    def __init__(self, cache_dir: str | Path | None = None) -> None:
        from phasic import layers

        self.cache_dir = Path(layers.GRAPHS.cache.place)
        if cache_dir is not None and Path(cache_dir).absolute() != self.cache_dir.absolute():
            raise OptionError(
                f"cache_dir is {str(cache_dir)!r}, but results are stored in {str(self.cache_dir)!r}; "
                f"set that by phasic.configure(cache_dir=...) first"
            )

    def get_or_build(self, callback: Callback, **parameters: Any) -> Graph:
        """Return the graph of a callback: the stored one, else it is built and stored."""
        from phasic.graph import Graph

        return Graph(callback, cache_graph=True, **parameters)

    def load_graph(self, callback: Callback, **parameters: Any) -> Graph | None:
        """Return the stored graph of a callback, or None."""
        from phasic import layers
        from phasic.initial import undecorated

        given = dict(parameters)
        bare, initial = undecorated(callback, given.pop("ipv", None))
        vectorized = bool(given.pop("vectorized", False))
        if not layers.build_graph.is_cached(bare, initial, given, vectorized, None, None):
            return None
        return self.get_or_build(callback, **parameters)

    def save_graph(self, graph: Graph, callback: Callback, **parameters: Any) -> str:
        """Store the graph of a callback, and return its key.

        What is stored is what the callback spans, so `graph` has to be that.

        Raises
        ------
        CallbackError
            `graph` is not what the callback spans.
        """
        from phasic import layers

        made = self.get_or_build(callback, **parameters)
        if made.arrays != graph.arrays:
            made.clear_from_cache(parameterized_reward_compute=False)
            raise CallbackError(
                f"{graph!r} is not what the callback spans with these parameters; only that can be stored, "
                f"so that what is found later is what would be built"
            )
        assert made._callback is not None
        built = made._callback, made._initial, made._parameters, made._vectorized
        return layers.build_graph.key(*built, None, None)

    def get_cache_stats(self) -> dict[str, Any]:
        """Return what `phasic.get_graph_cache_stats` does."""
        return get_graph_cache_stats()

    def clear(self) -> int:
        """Delete all stored graphs; return how many there were."""
        from phasic import layers

        return layers.GRAPHS.clear()

    clear_graph_cache = clear
