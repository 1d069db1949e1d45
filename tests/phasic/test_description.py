from __future__ import annotations

import doctest
import importlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent, coalescent_callback, trap
from strategies import phase_types, thetas

from phasic import AbsorptionError, Graph, GraphError, ParameterError, models

few = settings(max_examples=30)


def as_json(data):
    """Return what a dict of arrays is after a journey as JSON."""
    return json.loads(
        json.dumps({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in data.items()})
    )


@few
@given(
    st.one_of(
        *(phase_types(parameters=p) for p in (0, 1, 2, 3)),
        phase_types(discrete=True),
        phase_types(max_states=1),
    )
)
def test_graphs_come_back_equal_through_arrays_and_json(arrays):
    graph = Graph.from_arrays(arrays)
    for data in (graph.serialize(), as_json(graph.serialize())):
        back = Graph.from_serialized(data)
        assert back == graph
        assert back.arrays == arrays
        assert back.is_discrete == arrays.discrete
        assert back.is_parameterized() == arrays.parameterised
        assert back.param_length() == graph.param_length()


@few
@given(phase_types(parameters=2), thetas(2))
def test_theta_comes_back_too(arrays, theta):
    graph = Graph.from_arrays(arrays)
    graph.update_weights(theta)
    back = Graph.from_serialized(graph.serialize(theta_dim=2))
    assert back == graph
    assert back.expectation() == graph.expectation()
    graph.update_weights(theta, log=True)
    assert Graph.from_serialized(graph.serialize()) == graph


def test_discretized_graphs_and_auxiliary_vertices_come_back():
    graph = Graph(coalescent_callback, ipv=[4]).discretize(0.1)
    back = Graph.from_serialized(graph.serialize())
    for one in (graph, back):
        one.update_weights([2.0, 3.0])
    assert back == graph
    assert back.auxiliary == graph.auxiliary
    assert back.is_discrete


def test_the_names_and_shapes_that_readers_of_the_dict_expect():
    data = Graph(models.structured_coalescent(2, 0)).serialize()
    assert data["states"].dtype == np.int32
    assert data["states"].shape == (6, 2)
    assert data["vertex_indices"].tolist() == list(range(6))
    assert data["start_edges"].tolist() == [[1.0, 1.0]]
    assert data["param_edges"].shape[1] == 4
    assert data["param_edges"][0].tolist() == [1.0, 2.0, 1.0, 0.0]
    assert [data[name].shape for name in ("edges", "constant_edges")] == [(0, 3)] * 2
    assert data["start_param_edges"].shape == (0, 3)
    assert (data["param_length"], data["state_length"], data["n_vertices"]) == (2, 2, 6)
    assert data["weight_mode"] == "linear"
    wide = Graph(1)
    wide.starting_vertex().add_edge(wide.find_or_create_vertex([2**40]), 1.0)
    assert Graph.from_serialized(wide.serialize()) == wide


def test_constant_edges_of_other_writers_are_read():
    data = Graph(coalescent_callback, ipv=[4]).serialize()
    for name in ("parameterized", "is_discrete", "theta", "auxiliary", "weighting", "shares"):
        del data[name]
    assert Graph.from_serialized(data) == Graph(coalescent_callback, ipv=[4])
    data = {**data, "edges": data["param_edges"], "param_edges": []}
    assert not Graph.from_serialized(data).is_parameterized()
    assert Graph.from_serialized(data).expectation() == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": None}, "not the arrays of a graph"),
        ({"param_edges": [[1.0, 2.0]]}, "not the arrays of a graph"),
        ({"n_vertices": 9}, "4 states, but n_vertices is 9"),
        ({"param_edges": [[1.0, 7.0, 1.0]]}, "not there"),
        ({"param_edges": [[1.0, 1.5, 1.0]]}, "not there"),
        ({"param_edges": [[0.0, 1.0, 1.0]]}, "starting vertex"),
        ({"start_edges": [[0.0, 1.0]]}, "starting vertex"),
        ({"param_edges": [[1.0, 1.0, 1.0]]}, "leads to itself"),
        ({"param_edges": [[1.0, 2.0, 1.0]] * 2}, "two edges"),
        ({"param_edges": [[1.0, 2.0, np.nan]]}, "not finite"),
        ({"param_edges": [[1.0, 2.0, -1.0]]}, "weight -1"),
        ({"start_edges": [[1.0, 1.5]]}, "more than one"),
        ({"edges": [[1.0, 2.0, 1.0]]}, "one kind"),
        ({"weight_mode": "odd"}, "weight_mode is 'odd'"),
        ({"theta": [1.0, 2.0]}, "theta"),
    ],
)
def test_dicts_that_are_no_graph_are_refused(change, message):
    with pytest.raises(GraphError, match=message):
        Graph.from_serialized({**Graph(chain, ipv=[2]).serialize(), **change})
    with pytest.raises(GraphError, match="not the arrays of a graph"):
        Graph.from_serialized({})


def test_what_arrays_cannot_hold_is_refused():
    graph = Graph(coalescent_callback, ipv=[4])
    with pytest.raises(GraphError, match="pickle it"):
        graph.laplace_transform(1.0).serialize()
    graph.update_weights([1.0], callback=lambda theta, c: 1.0)
    with pytest.raises(GraphError, match="pickle it"):
        graph.serialize()
    with pytest.raises(GraphError, match="theta_dim is 3"):
        Graph(chain, ipv=[2]).serialize(theta_dim=3)


def test_validate_says_what_is_wrong():
    Graph(coalescent).validate()
    assert Graph(coalescent).validate() is None
    with pytest.raises(GraphError, match="starts nowhere"):
        Graph(2).validate()
    with pytest.raises(AbsorptionError, match="cannot reach absorption"):
        Graph(trap, ipv=[1]).validate()
    graph = Graph(chain, ipv=[2])
    graph.vertex_at(1).edges()[0].update_weight(3.0)
    graph.is_discrete = True
    with pytest.raises(ParameterError, match="more than one"):
        graph.validate()


def test_weight_modes_are_kept_for_inference_and_change_no_weights():
    graph = Graph(models.structured_coalescent(2, 0))
    assert (graph.weight_mode, graph.weight_callback) == ("linear", None)
    graph.weight_mode = "log"
    graph.update_weights([2.0, 3.0])
    assert graph.vertex_at(1).rate() == 8.0
    assert graph.clone().weight_mode == "log"
    assert Graph.from_serialized(graph.serialize()).weight_mode == "log"
    graph.weight_callback = lambda theta, c: float(theta @ c)
    assert graph.weight_mode == "callback"
    graph.weight_callback = None
    assert graph.weight_mode == "linear"
    with pytest.raises(GraphError, match="'odd'"):
        graph.weight_mode = "odd"
    with pytest.raises(GraphError, match="set weight_callback"):
        graph.weight_mode = "callback"
    with pytest.raises(GraphError, match="pass a function"):
        graph.weight_callback = 3


def test_notebooks_show_a_table():
    html = Graph(models.structured_coalescent(2, 0))._repr_html_()
    assert html.startswith("<table>")
    assert "6 (of which absorbing: 2)" in html
    assert "theta of length 2" in html
    assert "no parameters" in Graph(coalescent)._repr_html_()


@pytest.mark.parametrize("name", ["description", "properties"])
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(f"phasic.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
