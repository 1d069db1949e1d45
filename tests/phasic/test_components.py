from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from models_for_tests import coalescent
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from strategies import phase_types

from phasic import Graph, OutOfRangeError, models


@settings(max_examples=50)
@given(phase_types())
def test_components_are_those_of_scipy_and_edges_lead_forwards(arrays):
    graph = Graph.from_arrays(arrays)
    parts = graph.scc_decomposition()
    n = arrays.n_vertices
    sources = np.repeat(np.arange(n), np.diff(arrays.offsets))
    sources = np.concatenate([np.zeros(arrays.start_targets.size, int), sources])
    targets = np.concatenate([arrays.start_targets, arrays.targets])
    adjacency = coo_array((np.ones(sources.size), (sources, targets)), shape=(n, n))
    count, label = connected_components(adjacency, connection="strong")
    assert parts.n_sccs() == len(parts) == count
    groups = {frozenset(np.flatnonzero(label == i).tolist()) for i in range(count)}
    assert {frozenset(part.internal_vertex_indices()) for part in parts} == groups
    assert (
        parts.scc_sizes() == [part.size() for part in parts.sccs_in_topo_order()] == [len(p) for p in parts]
    )
    place = {v: part.index() for part in parts for v in part.internal_vertex_indices()}
    links = {(place[u], place[v]) for u, v in zip(sources.tolist(), targets.tolist(), strict=True)}
    links = {(a, b) for a, b in links if a != b}
    assert all(a < b for a, b in links)
    assert {(part.index(), b) for part in parts for b in part.outgoing_scc_edges()} == links
    assert parts.scc_at(0).internal_vertex_indices() == [0]
    assert parts.original_graph() is graph


def test_an_acyclic_graph_has_a_component_for_each_vertex():
    parts = Graph(coalescent).scc_decomposition()
    assert parts.scc_sizes() == [1] * 6
    assert sorted(itertools.chain(*(part.internal_vertex_indices() for part in parts))) == list(range(6))


def test_migration_joins_states_with_equally_many_lineages():
    graph = Graph(models.structured_coalescent(3, 0))
    lineages = graph.states().sum(axis=1)
    for part in graph.scc_decomposition():
        assert len({lineages[v] for v in part.internal_vertex_indices()}) == 1
    assert sorted(graph.scc_decomposition().scc_sizes()) == [1, 1, 1, 3, 4]


def test_components_that_are_not_there():
    parts = Graph(coalescent).scc_decomposition()
    for index in (-1, 6):
        with pytest.raises(OutOfRangeError, match=f"no component {index}"):
            parts.scc_at(index)
    assert Graph(2).scc_decomposition().scc_sizes() == [1]
