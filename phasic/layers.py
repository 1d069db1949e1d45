"""The steps of phasic as cached functions: the one place where phasic and hashcache meet.

Each layer is the mechanism of hashcache with a name, a codec and a salt filled in. The bare functions
know nothing of it, and `chosen_steps` gives a graph the ones that were asked for.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hashcache import ConvertingCodec, HashCacheError, Layer
from phasic import replay
from phasic import steps as bare
from phasic.arrays import GraphArrays
from phasic.order import ORDER_VERSION
from phasic.program import Kind, NotCompiledError, Program, compile_callback
from phasic.trace import Trace

_log = logging.getLogger(__name__)

GRAPH_FORMAT = 1
TRACE_FORMAT = 1
PROGRAM_FORMAT = 1

GRAPHS = Layer(
    "graph",
    codec=ConvertingCodec("phasic-graph-1", GraphArrays, GraphArrays.as_dict, GraphArrays.from_dict),
    salt=(GRAPH_FORMAT,),
)
TRACES = Layer(
    "trace",
    codec=ConvertingCodec("phasic-trace-1", Trace, Trace.arrays, Trace.from_arrays),
    salt=(TRACE_FORMAT, ORDER_VERSION),
)
MOMENTS = Layer("moments", salt=(ORDER_VERSION,))
ALL = (GRAPHS, TRACES, MOMENTS)


class _MachineCode(ConvertingCodec[Program]):
    """The codec of compiled callbacks, which a cache that must not execute what it reads leaves out."""

    executes_code = True
    machine_bound = True


def _compile(
    function: Callable[..., Any],
    kinds: tuple[Kind, ...],
    compiler: Callable[[Callable[..., Any], tuple[Kind, ...]], Program],
) -> Program:
    """Return a callback as machine code; see `phasic.program.compile_callback`."""
    return compiler(function, kinds)


def _environment() -> tuple[Any, ...]:
    """Return what machine code depends on besides the callback: compilers, their rules, the processor."""
    import llvmlite  # type: ignore[import-untyped]
    import numba
    from numba.core.registry import cpu_target

    folder = Path(__file__).parent
    files = [*sorted((folder / "compiler").glob("*.py")), folder / "kernels" / "interning.py"]
    sources = tuple(file.read_bytes() for file in files)
    processor = cpu_target.target_context.codegen().magic_tuple()
    return PROGRAM_FORMAT, sources, numba.__version__, llvmlite.__version__, processor


CALLBACKS = Layer(
    "callback",
    codec=_MachineCode("phasic-callback-1", Program, Program.as_dict, Program.from_dict),
    salt=functools.cache(_environment),
)

if os.environ.get("PHASIC_CACHE_DIR"):
    GRAPHS.cache.prefer(os.environ["PHASIC_CACHE_DIR"])

# `compiled` and `programs` are how the graph is come by, not what it depends on.
build_graph = GRAPHS.wrap(bare.explore, ignore=("compiled", "programs"))  # callback -> arrays of a graph
# The compiler is named by the salt: its own state, as that of numba, is no part of what it makes.
compile_program = CALLBACKS.wrap(_compile, ignore=("compiler",))  # callback -> machine code
record_trace = TRACES.wrap(bare.record)  # structure, never theta -> plan of elimination
# `factors` is how the result is come by, not what it depends on; the code behind it is declared.
raw_moments = MOMENTS.wrap(
    bare.moments, ignore=("factors",), depends_on=(bare.record, replay.factorise, replay.Factors)
)


def keep_trace(trace: Trace, again: bool = False) -> None:
    """Store what `record_trace` would return for the graph of this trace; once, unless `again`."""
    edges = trace.offsets, trace.targets.astype(np.int64)
    try:
        if again or not record_trace.is_cached(*edges):
            record_trace.keep(trace, *edges)
    except HashCacheError as error:  # the trace is there all the same
        _log.warning("an elimination cannot be stored: %s", error)


def forget_graph(callback: Any, initial: Any, parameters: Any, vectorized: bool) -> int:
    """Drop what `build_graph` stored of a callback; return how many entries that were."""
    return int(build_graph.forget(callback, initial, parameters, vectorized, None, None))


def forget_trace(arrays: GraphArrays) -> int:
    """Drop what `record_trace` stored of a graph; return how many entries that were."""
    return int(record_trace.forget(arrays.offsets, arrays.targets))


def pulled_directory() -> Path:
    """Return where artefacts that were pulled are kept: beside the stored results."""
    return TRACES.cache.location / "hub"


def chosen_steps(cache_graph: bool, cache_trace: bool, cache_moments: bool) -> bare.Steps:
    """Return the steps of a graph, each looked up in its layer if asked for and bare if not."""
    chosen = bare.BARE
    if cache_graph:
        chosen = replace(chosen, explore=build_graph)
    if cache_trace:
        chosen = replace(chosen, record=record_trace)
    if cache_moments:
        chosen = replace(chosen, moments=raw_moments)
    return chosen


_programs: dict[str, Program | NotCompiledError] = {}  # of this process, by key
_MOST = 64


def find_program(function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program | None:
    """Return the machine code of a callback if it is stored, None if it would have to be compiled.

    Raises
    ------
    NotCompiledError
        It was tried before in this process and cannot be.
    """
    key = _key(function, kinds)
    if key is None or (
        key not in _programs and not compile_program.is_cached(function, kinds, compile_callback)
    ):
        return None
    return make_program(function, kinds)


def make_program(function: Callable[..., Any], kinds: tuple[Kind, ...]) -> Program:
    """Return the machine code of a callback, stored, or compiled and stored.

    It is found by the callback with everything that it captures: numba makes constants of that.
    """
    key = _key(function, kinds)
    if key is None:  # who knows what it captures?
        return compile_callback(function, kinds)
    if key not in _programs:
        while len(_programs) >= _MOST:
            _programs.pop(next(iter(_programs)))
        try:
            _programs[key] = compile_program(function, kinds, compile_callback)
        except NotCompiledError as error:
            _programs[key] = error
    found = _programs[key]
    if isinstance(found, NotCompiledError):
        raise found
    return found


def _key(function: Callable[..., Any], kinds: tuple[Kind, ...]) -> str | None:
    try:
        return compile_program.key(function, kinds, compile_callback)
    except HashCacheError:
        return None
