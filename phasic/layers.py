"""The steps of phasic as cached functions: the one place where phasic and hashcache meet.

Each layer is the mechanism of hashcache with a name, a codec and a salt filled in. The bare functions
know nothing of it, and `chosen_steps` gives a graph the ones that were asked for.
"""

from __future__ import annotations

from dataclasses import replace

from hashcache import ConvertingCodec, Layer
from phasic import replay
from phasic import steps as bare
from phasic.arrays import GraphArrays
from phasic.order import ORDER_VERSION
from phasic.trace import Trace

GRAPH_FORMAT = 1
TRACE_FORMAT = 1

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

build_graph = GRAPHS.wrap(bare.explore)  # callback and parameters -> arrays of a graph
record_trace = TRACES.wrap(bare.record)  # structure, never theta -> plan of elimination
# `factors` is how the result is come by, not what it depends on; the code behind it is declared.
raw_moments = MOMENTS.wrap(
    bare.moments, ignore=("factors",), depends_on=(bare.record, replay.factorise, replay.Factors)
)


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
