"""What users of the C++ package of this name count on, sentence by sentence."""

from __future__ import annotations

import copy
import logging
import math
import pickle

import numpy as np
import pytest
from models_for_tests import chain

import phasic
from phasic import Graph, Property, StateIndexer, with_ipv


@pytest.fixture
def graph():
    return Graph(chain, ipv=[3])


def two(state):
    return [([state[0] - 1], [1.0, 2.0])] if state[0] else []


def test_forms_of_a_graph(graph):
    assert Graph(state_length=1).vertices_length() == 1
    assert Graph(callback=chain, ipv=[3]) == graph == Graph(graph) == Graph(with_ipv([3])(chain))
    assert phasic.callback is with_ipv
    for wrong, kind in (((0,), ValueError), (("text",), TypeError)):
        with pytest.raises(kind):
            Graph(*wrong)
    with pytest.raises(ValueError, match="ipv"):
        Graph(1, ipv=[1])


@pytest.mark.parametrize(
    "transition",
    [
        lambda state: [[[state[0] - 1], 1.0]],
        lambda state: (([state[0] - 0.5], 1.0),),
        lambda state: iter([(np.array([state[0] - 1]), np.float64(1.0))]),
        lambda state: [(tuple(state - 1), 1)],
    ],
)
def test_forms_of_a_transition(graph, transition):
    assert Graph(lambda state: transition(state) if state[0] else [], ipv=[3]) == graph


@pytest.mark.parametrize("weight", [[1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0])])
@pytest.mark.parametrize("ignored", [(), (0.0,)])
def test_forms_of_coefficients(weight, ignored):
    made = Graph(lambda state: [([state[0] - 1], *ignored, weight)] if state[0] else [], ipv=[3])
    assert made == Graph(two, ipv=[3])


def test_what_reaches_the_callback():
    seen = []

    def callback(state, indexer=None, n=None):
        seen.append((indexer, n))
        return [([0], [n])] if state[0] else []

    made = Graph(callback, ipv=[1], n=3, indexer="mine", theta_dim=1, cache_trace=False, cache_graph=False)
    assert set(seen) == {("mine", 3)}
    assert (made.indexer, made.expectation()) == ("mine", 1 / 3)
    with pytest.raises(TypeError):
        Graph(chain, ipv=[1], unknown=1)


def test_states_and_the_order_of_vertices():
    assert Graph(lambda state: [], ipv=[0, 0]).states().tolist() == [[0, 0], [0, 0]]
    assert Graph(lambda s: [([-5], 1.0)] if s[0] > 0 else [], ipv=[1]).states().ravel().tolist() == [0, 1, -5]
    spread = Graph(chain, ipv=[[[2], 0.5], [[3], 0.25]])
    assert spread.states().ravel().tolist() == [0, 2, 3, 1, 0]
    assert spread.defect() == 0.25
    assert Graph(chain, ipv=[[[3], 0.5], [[0], 0.5]]).cdf(0) == 0.5


def test_vertices_and_edges(graph):
    assert [vertex.index() for vertex in graph] == list(range(len(graph))) == [0, 1, 2, 3, 4]
    assert graph.focv([3]) == graph.vertex_at(1) == graph.find_vertex([3])
    (edge,) = graph.vertex_at(1).edges()
    assert (edge.to().index(), edge.weight(), edge.coefficients_length()) == (2, 1.0, 1)
    edge.update_weight(5.0)
    assert graph.vertex_at(1).rate() == 5.0
    edge.update_to(graph.vertex_at(3))
    assert graph.expectation() == pytest.approx(1.2)
    with pytest.raises(RuntimeError):
        graph.find_vertex([9])
    with pytest.raises(ValueError, match="no vertex 99"):
        graph.vertex_at(99)


def test_graphs_as_values(graph):
    assert (Graph(1).param_length(), graph.param_length()) == (0, 1)
    assert repr(graph) == "<Graph (5 vertices)>"
    assert pickle.loads(pickle.dumps(graph)) == graph == copy.deepcopy(graph)
    assert Graph.from_serialized(graph.serialize()) == graph
    bare = Graph(1)
    bare.starting_vertex().add_edge(bare.find_or_create_vertex([3]), 1)
    bare.extend(chain)
    assert bare == graph


def test_theta():
    made = Graph(two, ipv=[2])
    assert made.expectation() == 2 / 3
    made.update_weights([1, 2])
    assert made.expectation() == 2 / 5
    made.update_weights([1, 2], log=True)
    assert made.expectation() == pytest.approx(2 / 4)
    made.update_weights([1, 2], callback=lambda theta, coefficients: theta[1])
    assert made.expectation() == 1.0
    with pytest.raises(RuntimeError):
        made.update_weights([1])


def test_shapes_of_answers(graph):
    assert graph.moments(2) == [3.0, 12.0]
    assert graph.expected_waiting_time() == [3.0, 3.0, 2.0, 1.0, 0.0]
    assert graph.expected_sojourn_time() == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert isinstance(graph.accumulated_visiting_time(1.0, granularity=3), list)
    assert isinstance(graph.state_probability(1.0), list)
    assert isinstance(graph.pdf(1), float)
    assert graph.pdf([[1.0, 2.0]]).shape == (1, 2)
    assert graph.cdf([]).shape == (0,)
    assert graph.cdf(-1.0) == 0.0
    for wrong in (lambda: graph.pdf(-1), lambda: graph.cdf(math.nan), lambda: graph.stop_probability([1.0])):
        with pytest.raises(ValueError):  # noqa: PT011  # of which kind test_bad_input says
            wrong()
    with pytest.raises(RuntimeError):
        graph.moments(0)


def test_shapes_of_samples(graph):
    assert graph.sample(3).dtype == np.float64
    assert graph.sample_multivariate(4, graph.states()).shape == (1, 4)
    assert set(graph.sample_path()) == {"vertex_indices", "entry_times"}
    assert len(graph.sample_path(3)) == 3
    assert isinstance(graph.random_sample_stop_vertex(0.5), int)


def test_other_graphs(graph):
    events = graph.discretize(0.1)
    assert events.is_discrete
    assert events.rewards.tolist() == [0] * 5 + [1] * 3
    assert Graph(lambda s: [([0], 4.0)] if s[0] else [], ipv=[3]).normalize() == [1.0, 0.25, 1.0]
    matrices = graph.as_matrices()
    assert matrices._fields == ("ipv", "sim", "states", "indices")
    assert Graph.from_matrices(matrices.ipv, matrices.sim).states().ravel().tolist()[:4] == [0, 0, 1, 2]
    context = graph.distribution_context()
    context.step()
    assert context.time() > 0.0 < context.pdf()
    assert len(context.stop_probability()) == 5


def test_indexers():
    indexer = StateIndexer(lineage=[Property("size", max_value=3)], slots=["epoch"])
    assert (indexer.state_length, indexer.props_to_index(size=2)) == (5, 2)
    assert indexer.index_to_props(1).lineage.size == 1
    assert list(indexer.lineage) == indexer.lineage.indices().tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="out of range"):
        indexer.props_to_index(size=9)
    with pytest.raises(IndexError):
        indexer.index_to_props(9)
    with pytest.raises(ValueError, match="no property"):
        indexer.props_to_index(colour=1)


def test_silence():
    logger = logging.getLogger("phasic")
    with phasic.set_log_level("NONE"):
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert logger.isEnabledFor(logging.CRITICAL)
