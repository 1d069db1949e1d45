"""The hash of a graph: equal exactly for the same graph, whoever numbered it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import phase_types

from phasic import Graph, GraphArrays, models
from phasic import hash as hashing
from phasic.hash import canonical_order, compute_graph_hash


def hashed(arrays: GraphArrays) -> str:
    return compute_graph_hash(arrays).hash_hex


def renumbered(arrays: GraphArrays, order: np.ndarray, shuffle: np.random.Generator | None = None):
    """Return the same graph with vertex ``order[i]`` called i, and edges in another order if asked."""
    name = np.argsort(order)
    sources = name[np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))]
    edges = np.arange(sources.size) if shuffle is None else shuffle.permutation(sources.size)
    edges = edges[np.argsort(sources[edges], kind="stable")]
    starts = np.arange(arrays.start_targets.size)
    starts = starts if shuffle is None else shuffle.permutation(starts)
    return replace(
        arrays,
        states=arrays.states[order],
        start_targets=name[arrays.start_targets][starts],
        start_weights=arrays.start_weights[starts],
        offsets=np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=order.size))]),
        targets=name[arrays.targets][edges],
        coefficients=arrays.coefficients[edges],
    )


@settings(max_examples=50)
@given(phase_types(parameters=2), st.randoms(use_true_random=False))
def test_numbering_of_vertices_and_order_of_edges_make_no_difference(arrays, random):
    others = list(range(1, arrays.n_vertices))
    random.shuffle(others)
    same = renumbered(arrays, np.array([0, *others]), np.random.default_rng(random.randrange(2**32)))
    assert hashed(same) == hashed(arrays)


@given(st.integers(2, 6), st.randoms(use_true_random=False))
def test_the_order_in_which_a_callback_lists_transitions_makes_no_difference(n, random):
    listed = models.structured_coalescent(n, 1)

    def shuffled(state):
        transitions = list(listed.__wrapped__(state))
        random.shuffle(transitions)
        return transitions

    assert compute_graph_hash(Graph(shuffled, ipv=[n, 1])) == compute_graph_hash(Graph(listed))


def changes(arrays):
    """Yield graphs that differ from this one in one thing."""
    m, n = arrays.targets.size, arrays.n_vertices
    yield replace(arrays, discrete=not arrays.discrete)
    yield replace(arrays, states=arrays.states + np.array([[0]] * (n - 1) + [[7]]))
    yield replace(arrays, states=np.hstack([arrays.states, arrays.states * 0]))
    yield replace(arrays, coefficients=np.hstack([arrays.coefficients, np.zeros((m, 1))]))
    yield replace(arrays, start_weights=arrays.start_weights * 0.5)
    for edge in range(m):
        coefficients = arrays.coefficients.copy()
        coefficients[edge, 0] = np.nextafter(coefficients[edge, 0], np.inf)
        yield replace(arrays, coefficients=coefficients)
        targets = arrays.targets.copy()
        targets[edge] = 1 + targets[edge] % (n - 1)
        yield replace(arrays, targets=targets)
        offsets = arrays.offsets - (arrays.offsets > edge)
        yield replace(
            arrays,
            offsets=offsets,
            targets=np.delete(arrays.targets, edge),
            coefficients=np.delete(arrays.coefficients, edge, axis=0),
        )


@settings(max_examples=50)
@given(phase_types(parameters=1))
def test_whatever_differs_in_a_graph_makes_another_hash(arrays):
    arrays = replace(arrays, states=np.arange(arrays.n_vertices)[:, None])
    found = [hashed(arrays), *map(hashed, changes(arrays))]
    assert len(set(found)) == len(found)


@settings(max_examples=50)
@given(phase_types(parameters=2, missing=False))
def test_theta_makes_no_difference(arrays):
    graph = Graph.from_arrays(arrays)
    before = compute_graph_hash(graph)
    graph.update_weights([3.0, 0.25])
    assert compute_graph_hash(graph) == before


def test_a_weight_is_the_coefficient_vector_of_that_one_number():
    constant = Graph(lambda state: [([state[0] - 1], 2.0)] if state[0] else [], ipv=[3])
    vector = Graph(lambda state: [([state[0] - 1], [2.0])] if state[0] else [], ipv=[3])
    assert compute_graph_hash(constant) == compute_graph_hash(vector)


def test_a_zero_is_a_zero_and_integers_are_integers_of_any_width():
    arrays = Graph(models.structured_coalescent(2, 1)).arrays
    assert hashed(replace(arrays, coefficients=np.where(arrays.coefficients, arrays.coefficients, -0.0))) == (
        hashed(arrays)
    )
    assert hashed(replace(arrays, states=arrays.states.astype(np.int64))) == hashed(arrays)


def twins(first: float, second: float) -> Graph:
    graph = Graph(1)
    ends = [graph.create_vertex([1]), graph.create_vertex([1])]
    last = graph.find_or_create_vertex([0])
    for vertex, rate in zip(ends, (first, second), strict=True):
        graph.starting_vertex().add_edge(vertex, 0.5)
        vertex.add_edge(last, [rate])
    return graph


def test_vertices_of_equal_state_are_told_by_their_order():
    assert compute_graph_hash(twins(1.0, 2.0)) == compute_graph_hash(twins(1.0, 2.0))
    assert compute_graph_hash(twins(1.0, 2.0)) != compute_graph_hash(twins(2.0, 1.0))
    assert canonical_order(twins(1.0, 2.0).arrays).tolist() == [0, 3, 1, 2]


def test_a_hash_is_64_digits_and_begins_with_its_64_bits():
    found = compute_graph_hash(Graph(1))
    assert len(found.hash_hex) == 64
    assert f"{found.hash64:016x}" == found.hash_hex[:16] == str(found)[:16]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_hash_is_the_same_in_every_process_and_for_ever(python, seed):
    code = "from phasic import Graph, models, hash; print(hash.compute_graph_hash(Graph(models.lineages(5))))"
    assert python(code, seed=seed).strip() == (
        "59b1de3040cb3160b418afdce57f327d3fa80d595f0825bc30ebd3093a8f0855"
    )


EXTREME = st.one_of(
    st.integers(-3, 3), st.sampled_from([-(2**63), 2**63 - 1, 10**15, 10**15 + 1, 2**31, -128])
)


@given(st.integers(1, 4).flatmap(lambda d: st.lists(st.lists(EXTREME, min_size=d, max_size=d), min_size=1)))
def test_the_canonical_order_is_that_of_the_states_however_large_they_are(rows):
    n = len(rows) + 1
    empty = np.empty(0, np.int64)
    arrays = GraphArrays(
        np.array([[0] * len(rows[0]), *rows]), empty, np.empty(0), np.zeros(n + 1, np.int64), empty,
        np.empty((0, 1)),
    )  # fmt: skip
    expected = sorted(range(1, n), key=lambda vertex: (rows[vertex - 1], vertex))
    assert canonical_order(arrays).tolist() == [0, *expected]


def test_parallel_edges_are_told_by_their_coefficients():
    arrays = GraphArrays(
        np.array([[0], [1], [2]]), np.array([1]), np.ones(1), np.array([0, 0, 2, 2]), np.array([2, 2]),
        np.array([[1.0, 2.0], [1.0, 1.0]]),
    )  # fmt: skip
    assert hashed(arrays) == hashed(replace(arrays, coefficients=arrays.coefficients[::-1]))
    assert hashed(arrays) != hashed(replace(arrays, coefficients=arrays.coefficients[:, ::-1]))


@settings(max_examples=50)
@given(phase_types(parameters=2))
def test_graphs_too_large_for_the_short_road_have_the_same_hash(arrays):
    short = hashed(arrays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "_LARGEST", 0)
        assert hashed(arrays) == short
