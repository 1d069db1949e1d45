"""Names of the C++ package of this name that have no meaning here: each with what to do in its place.

Asking for one says so. Names that mean something are not in these tables, but do what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

_OUTCOMES = "outcomes over epochs are followed by epoch_context() of a joint graph with epochs"
_ORDER = "states are always eliminated in an order of least fill; there is nothing to choose"
_C = "there is no C++ object behind a graph here"

GRAPH = {
    "daisy_chain_joint_probs": _OUTCOMES,
    "dyn_ordering": _ORDER,
    "eliminate_to_dag": "elimination is recorded once and replayed by update_weights; call that",
    "extend_graph_callback_tuples": "call extend",
    "extend_graph_callback_tuples_parameterized": "call extend",
    "get_dyn_ordering": _ORDER,
    "get_was_dph": "look at is_discrete",
    "hierarchical": "look at cache_trace",
    "joint_sojourn_graph": _OUTCOMES,
    "joint_stop_prob_graph": _OUTCOMES,
    "notify_change": "changes of a graph are noticed",
    "pmf_from_cpp": "models are callbacks in Python, which are compiled where that pays",
    "pmf_from_graph_parameterized": "give the graph coefficients of theta, and call pmf_from_graph",
    "pointer": _C,
    "profile": "the ways of computing are chosen by themselves; plot_scc_decomp shows the structure",
    "set_dyn_ordering": _ORDER,
    "set_was_dph": "set is_discrete",
}
"""Attributes of `Graph`."""

_DEVICES = "threads are used by themselves; set devices up by JAX"
_CLUSTER = "set clusters up by jax.distributed; fits run on any executor of concurrent.futures"
_TRACES = "the plan of elimination is Graph.compute_trace(), and update_weights replays it"
_STEPS = "steps of svgd are measured in standard deviations of the posterior already"
_COMPONENTS = "scc_decomposition tells the components; the plan of elimination goes through them by itself"
_PRESETS = "CompilationConfig.balanced().apply() sets up what JAX compiles"
_GUIDED = "likelihoods are computed, not estimated from paths; draw paths by sample_path_conditioned"
_KERNELS = "compiled kernels are used by themselves"

MODULE = {
    "CacheManager": "clear_caches, cache_info and python -m hashcache look after what is stored",
    "ClusterConfig": _CLUSTER,
    "DistributedConfig": _CLUSTER,
    "EliminationTrace": _TRACES,
    "EnvironmentInfo": _DEVICES,
    "FisherPreconditioner": _STEPS,
    "GraphProfile": GRAPH["profile"],
    "HexCell": "hexagonal grids are not part of this package",
    "HexGrid": "hexagonal grids are not part of this package",
    "MomentJacobianPreconditioner": _STEPS,
    "OptaxOptimizer": "svgd takes optimisers of optax as they are",
    "ParallelConfig": _DEVICES,
    "PhaseTypeDistribution": "ask the graph itself",
    "PropertyDict": "index_to_props returns records, or dicts with as_dict=True",
    "SCCSyntheticMetadata": _COMPONENTS,
    "StateSpace": "PropertySet(name, properties) is its newer name; the name comes first there",
    "StateVector": "states are vectors; index_to_props and props_to_index say what their entries stand for",
    "SymbolicDAG": GRAPH["eliminate_to_dag"],
    "analyze_svgd_profile": "svgd says its steps by progress=True; profile it by cProfile",
    "bffg_log_prob": _GUIDED,
    "compute_moments_ffi": _KERNELS,
    "compute_pmf_and_moments_ffi": _KERNELS,
    "compute_pmf_ffi": _KERNELS,
    "configure_jax_devices": _DEVICES,
    "configure_jax_for_environment": _DEVICES,
    "configure_layered_cache": "pass store= of hashcache, such as one directory over another",
    "dMatrix": _C,
    "detect_environment": _DEVICES,
    "detect_slurm_environment": _CLUSTER,
    "get_default_config": _PRESETS,
    "get_coordinator_address": _CLUSTER,
    "iMatrix": _C,
    "importance_log_weight_from_rates": _GUIDED,
    "importance_weighted_log_likelihood": _GUIDED,
    "initialize_jax_distributed": _CLUSTER,
    "jax_graph_method_pmf": _KERNELS,
    "load_config": _CLUSTER,
    "load_cpp_builder": GRAPH["pmf_from_cpp"],
    "model_selection": "compare fits by their log-likelihood and number of parameters",
    "path_exit_rates": _GUIDED,
    "path_exit_rates_by_param": _GUIDED,
    "path_to_rewards": _GUIDED,
    "profile_graph": GRAPH["profile"],
    "profile_svgd": "svgd says its steps by progress=True; profile it by cProfile",
    "set_default_config": _PRESETS,
    "setup_logging": "call set_log_level, or configure logging itself",
    "suggest_config": _CLUSTER,
    "validate_config": _CLUSTER,
}
"""Attributes of the package."""

TRACE_ELIMINATION = {
    name: _TRACES
    for name in (
        "EliminationTrace",
        "evaluate_trace",
        "evaluate_trace_jax",
        "instantiate_from_trace",
        "trace_from_graph",
        "trace_to_c_arrays",
        "trace_to_jax_fn",
        "trace_to_log_likelihood",
        "trace_to_pmf_function",
    )
}
"""Attributes of `phasic.trace_elimination`."""

COMPONENT = {
    name: _COMPONENTS
    for name in (
        "as_graph",
        "as_synthetic_graph",
        "cache_file_path",
        "compose",
        "get_or_compute_prc",
        "hash",
        "scc_hashes",
    )
}
"""Attributes of `Components` and its parts."""


def refused(module: str, name: str, reasons: Mapping[str, str]) -> NoReturn:
    """Raise the error that says why a module has no such name.

    Raises
    ------
    ImportError
        There is a reason. (``from module import name`` would not show an AttributeError.)
    AttributeError
        The name is unknown.
    """
    if name in reasons:
        raise ImportError(f"{module} has no {name} in this package: {reasons[name]}")
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def missing(thing: object, name: str, reasons: Mapping[str, str]) -> NoReturn:
    """Raise AttributeError, which says why an object has no such attribute where there is a reason."""
    kind = type(thing).__name__
    if name in reasons:
        raise AttributeError(f"a {kind} has no {name} in this package: {reasons[name]}")
    raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=thing)
