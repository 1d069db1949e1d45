"""Whatever name and parameter the C++ package of this name has, ours accepts or is on a list of reasons.

``tests/fixtures/peer/signatures.json`` has them, as `record.py` beside it found them by introspection.
"""

from __future__ import annotations

import inspect
import json
import logging
from pathlib import Path

import pytest

import phasic
from phasic import Graph, OptionError, models
from phasic.elsewhere import COMPONENT, GRAPH, MODULE, TRACE_ELIMINATION
from phasic.keywords import also, without_effect

PEER = json.loads((Path(__file__).parents[1] / "fixtures" / "peer" / "signatures.json").read_text())
REFUSED = {"Graph": GRAPH, "SCCGraph": COMPONENT, "SCCVertex": COMPONENT}
IS_AN_ATTRIBUTE_OF_EACH_GRAPH = {"Graph.cache_trace"}
PARAMETERS_REFUSED = {
    "Graph.__init__": {"arg": "it is the first argument, which nobody names"},
    "Graph.plot": {"graph": "it is the graph itself"},
    "Graph.method_of_moments": {"rewards": "fit rewards by svgd"},
    "PhasicConfig": {name: "configure changes settings" for name in PEER["functions"]["PhasicConfig"]},
    "SVGD": {name: "Graph.svgd makes it" for name in PEER["functions"]["SVGD"]},
    "MCMC": {name: "Graph.mcmc makes it" for name in PEER["functions"]["MCMC"]},
    "EpochContext": {name: "Graph.epoch_context makes it" for name in PEER["functions"]["EpochContext"]},
}
HANDLES = {"Vertex", "Edge", "ParameterizedEdge", "SCCGraph", "SCCVertex"}  # which graphs make
HANDLES |= {"ProbabilityDistributionContext", "DPHProbabilityDistributionContext"}

members = [
    (kind, name, parameters)
    for kind, found in PEER["classes"].items()
    for name, parameters in found.items()
    if not (name == "__init__" and kind in HANDLES)
]


def accepted(function):
    """Return the names of what a function can be given, and whether it takes any name."""
    found = inspect.signature(function).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in found.values())
    return {*found, *getattr(function, "__also__", ())}, anything


def unknown(name, function, parameters):
    known, anything = accepted(function)
    if anything:
        return set()
    return set(parameters or ()) - known - set(PARAMETERS_REFUSED.get(name, ()))


@pytest.mark.parametrize(("kind", "name", "parameters"), members, ids=[f"{k}.{n}" for k, n, _ in members])
def test_a_member_is_there_and_takes_what_it_took(kind, name, parameters):
    ours, whole = getattr(phasic, kind), f"{kind}.{name}"
    if whole in IS_AN_ATTRIBUTE_OF_EACH_GRAPH:
        assert getattr(Graph(models.lineages(3)), name) is False
        return
    if not hasattr(ours, name):
        assert name in REFUSED.get(kind, ())
        return
    if callable(getattr(ours, name)):
        assert unknown(whole, getattr(ours, name), parameters) == set()


@pytest.mark.parametrize(("name", "parameters"), PEER["functions"].items())
def test_a_function_is_there_and_takes_what_it_took(name, parameters):
    if name in MODULE:
        return
    if name in ("SVGD",) or name.startswith("optax_"):
        pytest.importorskip("optax")
    found = phasic
    for part in name.split("."):
        found = getattr(found, part)
    if parameters is not None and not name.startswith("optax_"):
        assert unknown(name, found, parameters) == set()


def test_refusals_are_few_and_each_says_what_to_do():
    known = {name for found in PEER["classes"].values() for name in found}
    assert set(GRAPH) | set(COMPONENT) <= known
    assert set(MODULE) <= set(PEER["functions"]) | {
        *("analyze_svgd_profile", "compute_moments_ffi", "compute_pmf_and_moments_ffi", "compute_pmf_ffi"),
        *("profile_svgd", "model_selection"),
    }
    assert len(GRAPH) <= 20
    graph = Graph(models.lineages(3))
    for name, reason in GRAPH.items():
        with pytest.raises(AttributeError, match=name) as caught:
            getattr(graph, name)
        assert reason in str(caught.value)
    for name, reason in MODULE.items():
        with pytest.raises(ImportError, match=name) as caught:
            getattr(phasic, name)
        assert reason in str(caught.value)
    for name in TRACE_ELIMINATION:
        with pytest.raises(ImportError, match="compute_trace"):
            getattr(phasic.trace_elimination, name)
    parts = graph.scc_decomposition()
    for name in COMPONENT:
        with pytest.raises(AttributeError, match="the plan of elimination"):
            getattr(parts, name)
        with pytest.raises(AttributeError, match="the plan of elimination"):
            getattr(parts.scc_at(0), name)


def test_unknown_names_are_plain_attribute_errors():
    graph = Graph(models.lineages(3))
    for thing in (phasic, graph, graph.scc_decomposition(), phasic.svgd, phasic.trace_elimination):
        with pytest.raises(AttributeError, match="no_such_name"):
            _ = thing.no_such_name
        assert not hasattr(thing, "no_such_name")


def test_names_of_parameters_are_translated_and_not_given_twice():
    @also(time="t")
    def half(t, n=2):
        return t / n

    assert [half(4.0), half(t=4.0), half(time=4.0), half(time=4.0, n=4)] == [2.0, 2.0, 2.0, 1.0]
    with pytest.raises(OptionError, match="t was given by two names"):
        half(time=1.0, t=1.0)
    with pytest.raises(TypeError):
        half(4.0, time=4.0)
    with pytest.raises(TypeError):
        half(4.0, clock=1.0)


def test_parameters_without_effect_are_said(caplog):
    @without_effect(fast="there is one road")
    def half(t):
        return t / 2

    with caplog.at_level(logging.INFO, logger="phasic"):
        assert half(4.0, fast=True) == 2.0
    assert "fast of" in caplog.text
    assert "there is one road" in caplog.text


def test_a_parameter_cannot_be_both_known_and_translated():
    with pytest.raises(AssertionError, match="t is a parameter"):
        also(t="n")(lambda t, n: t)
    with pytest.raises(AssertionError, match="clock is no parameter"):
        also(time="clock")(lambda t: t)
    with pytest.raises(AssertionError, match="t is a parameter"):
        without_effect(t="never")(lambda t: t)
