"""Phase-type distributions on graphs.

Importing this package loads NumPy and nothing heavier: compiled kernels come with the first number
that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phasic import hash, models, trace_cache
from phasic.arrays import GraphArrays
from phasic.caches import (
    cache_info,
    clear_caches,
    clear_jax_cache,
    clear_model_cache,
    clear_trace_cache,
    get_all_cache_stats,
    get_graph_cache_stats,
    get_trace_cache_stats,
    print_all_cache_info,
    print_graph_cache_info,
    print_jax_cache_info,
    print_model_cache_info,
    print_trace_cache_info,
)
from phasic.compilation import CompilationConfig
from phasic.config import get_available_options, init_parallel
from phasic.errors import (
    AbsorptionError,
    CallbackError,
    GraphError,
    OptionError,
    OutOfRangeError,
    ParameterError,
    PhasicError,
    VertexNotFoundError,
)
from phasic.graph import Graph
from phasic.hub import HubError, HubWarning, list_computes
from phasic.indexer import Slot, StateIndexer
from phasic.initial import with_ipv
from phasic.logs import get_logger, set_log_level
from phasic.observations import Observations
from phasic.properties import Property, PropertySet
from phasic.settings import configure, get_config, reset_config
from phasic.vertex import Edge, Vertex

__version__ = "0.1.0"

callback = with_ipv


if TYPE_CHECKING:
    from phasic.inference.fitted_phase_type import PhaseTypeFit
    from phasic.inference.phase_type_fit import choose_phase_type, fit_phase_type


def __getattr__(name: str) -> Any:
    from phasic.lazily import PACKAGE, find

    return find(__name__, name, PACKAGE)


__all__ = [
    "AbsorptionError",
    "CallbackError",
    "CompilationConfig",
    "Edge",
    "Graph",
    "GraphArrays",
    "GraphError",
    "HubError",
    "HubWarning",
    "Observations",
    "OptionError",
    "OutOfRangeError",
    "ParameterError",
    "PhaseTypeFit",
    "PhasicError",
    "Property",
    "PropertySet",
    "Slot",
    "StateIndexer",
    "Vertex",
    "VertexNotFoundError",
    "cache_info",
    "callback",
    "choose_phase_type",
    "clear_caches",
    "clear_jax_cache",
    "clear_model_cache",
    "clear_trace_cache",
    "configure",
    "fit_phase_type",
    "get_all_cache_stats",
    "get_available_options",
    "get_config",
    "get_graph_cache_stats",
    "get_logger",
    "get_trace_cache_stats",
    "hash",
    "init_parallel",
    "list_computes",
    "models",
    "print_all_cache_info",
    "print_graph_cache_info",
    "print_jax_cache_info",
    "print_model_cache_info",
    "print_trace_cache_info",
    "reset_config",
    "set_log_level",
    "trace_cache",
    "with_ipv",
]
