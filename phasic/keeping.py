"""What is stored of one graph: put there ahead of time, or taken out again."""

from __future__ import annotations

from typing import Any

from phasic.distribution import Distribution
from phasic.errors import GraphError, OptionError
from phasic.initial import Callback, Initial
from phasic.keywords import without_effect
from phasic.trace import Trace

_ONE_PLAN = "one plan serves every theta and is recorded at once"


class Keeping(Distribution):
    """The plan of elimination of a graph as an entry of the cache; see `phasic.caches` for all entries."""

    _initial: Initial
    _callback: Callback | None
    _parameters: dict[str, Any]
    _vectorized: bool

    @property
    def trace_valid(self) -> bool:
        """Whether the plan of elimination has been recorded, and the graph not been changed since."""
        return self._trace is not None

    @without_effect(
        param_length=_ONE_PLAN,
        hierarchical=_ONE_PLAN,
        min_size=_ONE_PLAN,
        parallel=_ONE_PLAN,
        verbose=_ONE_PLAN,
    )
    def compute_trace(self, force: bool = False) -> Trace:
        """Return the plan of elimination, recorded now if it is not there yet; the graph stays as it is.

        Parameters
        ----------
        force : bool
            Record it again.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> graph = Graph(models.coalescent(4))
        >>> graph.trace_valid, graph.compute_trace().n_vertices, graph.trace_valid
        (False, 6, True)
        """
        if force:
            self._trace = self._factors = None
        return self.trace

    def prewarm_cache(self) -> None:
        """Record the plan of elimination and store it, for graphs of its structure with `cache_trace`.

        Examples
        --------
        >>> import phasic
        >>> phasic.clear_model_cache()
        >>> phasic.Graph(phasic.models.coalescent(4)).prewarm_cache()
        >>> phasic.get_trace_cache_stats()["total_files"]
        1
        """
        from phasic import layers

        layers.keep_trace(self.trace)

    def clear_from_cache(
        self, graph_cache: bool = True, parameterized_reward_compute: bool = True
    ) -> dict[str, int]:
        """Delete what is stored of this graph, and return how many entries there were.

        Stored moments are found by theta and rewards, and stay: `phasic.clear_model_cache` drops them.

        Parameters
        ----------
        graph_cache : bool
            The graph, found by its callback, initial states and parameters.
        parameterized_reward_compute : bool
            Its plan of elimination, which graphs of the same structure share.

        Returns
        -------
        dict
            ``graph_cache`` and ``parameterized_reward_compute``, each 0 or 1.

        Raises
        ------
        OptionError
            Neither was asked for.
        GraphError
            The graph was not built from a callback, by which it would be found.
        """
        if not (graph_cache or parameterized_reward_compute):
            raise OptionError("nothing was to be cleared; pass graph_cache=True, or leave both out")
        if graph_cache and self._callback is None:
            raise GraphError(
                "the graph was not built from a callback, so it is not stored by one; pass graph_cache=False"
            )
        from phasic import layers

        removed = {"graph_cache": 0, "parameterized_reward_compute": 0}
        if graph_cache:
            built = self._callback, self._initial, self._parameters, self._vectorized
            removed["graph_cache"] = layers.forget_graph(*built)
        if parameterized_reward_compute:
            removed["parameterized_reward_compute"] = layers.forget_trace(self.arrays)
        return removed
