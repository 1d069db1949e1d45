"""Whatever users can get wrong is a `PhasicError` that names the state, the value, and what to do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from models_for_tests import chain, trap

from phasic import Graph, PhasicError, with_ipv

nan, inf = math.nan, math.inf


def with_weight(weight):
    """3, 2, 1, 0, where the transition out of 2 has this weight and the others are as they should be."""
    fine = [1.0] if isinstance(weight, list) else 1.0

    def callback(state):
        return [([state[0] - 1], weight if state[0] == 2 else fine)] if state[0] else []

    return lambda: Graph(callback, ipv=[3])


def with_transitions(transitions):
    """3, 2, 1, 0, where this is what the callback returns of 2."""

    def callback(state):
        if state[0] == 2:
            return transitions
        return [([state[0] - 1], 1.0)] if state[0] else []

    return lambda: Graph(callback, ipv=[3])


def built():
    """A graph of 7 and 3 without edges, and its two vertices."""
    graph = Graph(1)
    return graph, graph.find_or_create_vertex([7]), graph.find_or_create_vertex([3])


def edge(weight, *before):
    """Add an edge from 7 to 3, after others."""

    def add():
        graph, seven, three = built()
        for source, target, earlier in before:
            graph.find_vertex(source).add_edge(graph.find_vertex(target), earlier)
        seven.add_edge(three, weight)

    return add


def asked(question, *arguments, graph=chain, ipv=(3,), theta=None, **keywords):
    def ask():
        made = Graph(graph, ipv=list(ipv))
        if theta is not None:
            made.update_weights(theta)
        return getattr(made, question)(*arguments, **keywords)

    return ask


def difference(state):
    """3, 2, 1, 0 at rate 2 theta_0 - theta_1."""
    return [([state[0] - 1], [2.0, -1.0])] if state[0] else []


def discrete(weight):
    def ask():
        graph = with_weight(weight)()
        graph.is_discrete = True
        graph.expectation()

    return ask


# What is done; what the message has to name: where, the value, and what to do about it.
TABLE = {
    "negative rate": (with_weight(-1.5), "[2]", "-1.5", "must be finite and not negative"),
    "zero rate alone": (with_weight(0.0), "[2]", "zero", "return no transition"),
    "rate that is no number": (with_weight(nan), "[2]", "nan", "must be finite"),
    "infinite rate": (with_weight(inf), "[2]", "inf", "must be finite"),
    "rate as text": (with_weight("fast"), "[2]", "'fast'", "a weight is a number"),
    "no rate": (with_weight(None), "[2]", "None", "a weight is a number"),
    "complex rate": (with_weight(1j), "[2]", "1j", "a weight is a number"),
    "coefficient that is no number": (with_weight([nan]), "[2]", "nan", "must be finite"),
    "negative coefficient alone": (with_weight([-1.0]), "[2]", "-1.0", "not negative"),
    "zero coefficients alone": (with_weight([0.0]), "[2]", "zero", "return no transition"),
    "no coefficients": (with_weight([]), "[2]", "0 coefficients", "as long as theta"),
    "more coefficients": (with_weight([1.0, 2.0]), "[2]", "[1.0, 2.0]", "as long as theta"),
    "numbers and vectors": (with_transitions([([1], [4.0])]), "[2]", "[4.0]", "return the same for every"),
    "matrix of coefficients": (with_weight([[1.0]]), "[2]", "[[1.0]]", "a weight is a number or a vector"),
    "longer state": (with_transitions([([1, 0], 1.0)]), "[2]", "[1, 0]", "must be a vector of length 1"),
    "state as text": (with_transitions([("ab", 1.0)]), "[2]", "'ab'", "must be a vector of length 1"),
    "no state": (with_transitions([(None, 1.0)]), "[2]", "None", "must be a vector of length 1"),
    "state that is no number": (with_transitions([([nan], 1.0)]), "[2]", "nan", "must be numbers"),
    "state beyond 64 bits": (
        with_transitions([([2**70], 1.0)]),
        "[2]",
        str(2**70),
        "must be numbers that fit",
    ),
    "transition to itself": (with_transitions([([2], 1.0)]), "[2]", "to itself", "leave it out"),
    "two to one state": (with_transitions([([1], 1.0)] * 2), "[2] to [1]", "two", "add up their weights"),
    "no transitions": (with_transitions(None), "[2]", "None", "return a list"),
    "a number of transitions": (with_transitions(3), "[2]", "3", "return a list"),
    "empty transition": (with_transitions([()]), "[2]", "()", "is a pair"),
    "transition without weight": (with_transitions([([1],)]), "[2]", "[1]", "is a pair"),
    "transition with four parts": (with_transitions([([1], 1.0, 2.0, 3.0)]), "[2]", "3.0", "is a pair"),
    "edge to itself": (edge(1.0, ([7], [7], 1.0)), "[7]", "to itself", "leave it out"),
    "edge twice": (edge(1.0, ([7], [3], 2.0)), "[7] to [3]", "already", "change its weight"),
    "negative edge": (edge(-1.5), "[7] to [3]", "-1.5", "must be finite and positive"),
    "zero edge": (edge(0.0), "[7] to [3]", "0.0", "must be finite and positive"),
    "edge that is no number": (edge(nan), "[7] to [3]", "nan", "must be finite and positive"),
    "infinite edge": (edge(inf), "[7] to [3]", "inf", "must be finite and positive"),
    "edge as text": (edge("fast"), "[7] to [3]", "'fast'", "pass a number or a vector"),
    "edges of two kinds": (edge([4.0], ([3], [7], 1.0)), "[7] to [3]", "[4.0]", "give every edge the same"),
    "edges of two lengths": (
        edge([4.0, 1.0], ([3], [7], [1.0])),
        "[7] to [3]",
        "[4.0, 1.0]",
        "as long as theta",
    ),
    "edge to the start": (
        lambda: built()[1].add_edge(built()[0].starting_vertex(), 1.0),
        *("", "vertex", "no vertex of this graph"),
    ),
    "state too short": (lambda: Graph(2).find_or_create_vertex([5]), "[5]", "length 1", "pass as many"),
    "no such state": (asked("find_vertex", [99]), "[99]", "no vertex", "find_or_create_vertex adds one"),
    "no such vertex": (asked("vertex_at", -1), "", "-1", "indices run from 0 to 4"),
    "theta too short": (
        asked("update_weights", [1.0], graph=difference),
        "",
        "(1,)",
        "pass a vector of length 2",
    ),
    "theta that is no number": (asked("update_weights", [nan]), "", "nan", "pass a vector of finite numbers"),
    "infinite theta": (asked("update_weights", [inf]), "", "inf", "pass a vector of finite numbers"),
    "theta without vector": (asked("update_weights", 3.0), "", "3.0", "pass a vector"),
    "empty theta": (asked("update_weights", []), "", "[]", "pass a vector"),
    "theta as text": (asked("update_weights", "ab"), "", "'ab'", "pass a vector"),
    "theta of a negative rate": (
        asked("update_weights", [1.0, 5.0], graph=difference),
        *("[3] to [2]", "-3", "choose another theta"),
    ),
    "negative theta": (asked("update_weights", [-1.0]), "[3] to [2]", "-1", "choose another theta"),
    "theta zero": (asked("expectation", theta=[0.0]), "[3]", "theta = [0.0]", "give it a way"),
    "negative factor": (
        asked("update_weights", [1.0, -1.5], graph=lambda s: [([0], [1.0, 2.0])] if s[0] else [], log=True),
        *("[3] to [0]", "-3", "must not be negative"),
    ),
    "callback that is no number": (
        asked("update_weights", [1.0], callback=lambda theta, coefficients: nan),
        *("[3] to [2]", "nan", "must be finite"),
    ),
    "too few rewards": (asked("expectation", [1.0, 2.0]), "", "(2,)", "pass a vector of length 5"),
    "too few rewards of covariance": (
        asked("covariance", [1.0], [1.0]),
        "",
        "(1,)",
        "pass a vector of length 5",
    ),
    "reward that is no number": (asked("variance", [0, 0, nan, 0, 0]), "[2]", "nan", "pass finite numbers"),
    "matrix of rewards": (asked("expectation", np.ones((1, 5))), "", "(1, 5)", "pass a vector of length 5"),
    "rewards as text": (asked("expectation", "abcde"), "", "'abcde'", "pass a vector of numbers"),
    "negative reward": (
        asked("reward_transform", [0, 1, -2, 1, 0]),
        "[2]",
        "-2",
        "needs rewards that are not negative",
    ),
    "endless mean": (asked("expectation", graph=trap, ipv=[1]), "[1]", "infinite", "give it a way"),
    "endless moments": (asked("moments", 2, graph=trap, ipv=[1]), "[1]", "infinite", "give it a way"),
    "endless time": (asked("expected_waiting_time", graph=trap, ipv=[1]), "[1]", "infinite", "give it a way"),
    "endless sojourn": (
        asked("expected_sojourn_time", graph=trap, ipv=[1]),
        "[1]",
        "infinite",
        "give it a way",
    ),
    "endless path": (
        asked("sample_path", graph=trap, ipv=[1]),
        "[1]",
        "no end",
        "absorption times can be sampled",
    ),
    "no start": (lambda: built()[0].expectation(), "", "nowhere", "add an edge from starting_vertex()"),
    "no order of moments": (asked("moments", 0), "", "0", "pass an integer of at least 1"),
    "negative time": (asked("pdf", -1.5), "", "-1.5", "pass times of 0 or more"),
    "time that is no number": (asked("cdf", [1.0, nan]), "", "time 1", "leave it out"),
    "time as text": (asked("cdf", "late"), "", "'late'", "pass a number"),
    "several times": (asked("stop_probability", [1.0, 2.0]), "", "[1.0, 2.0]", "pass one number"),
    "negative number of draws": (asked("sample", -1), "", "-1", "pass an integer of at least 0"),
    "too much probability": (asked("moments", 1, ipv=[[[3], 0.7], [[2], 0.7]]), "", "1.4", "divide them"),
    "negative probability": (asked("moments", 1, ipv=[[[3], -0.7]]), "[3]", "-0.7", "must lie between"),
    "probability that is no number": (
        asked("moments", 1, ipv=[[[3], nan]]),
        "[3]",
        "nan",
        "must lie between",
    ),
    "state twice": (asked("moments", 1, ipv=[[[3], 0.5], [[3], 0.5]]), "[3]", "twice", "add up"),
    "states of two lengths": (
        asked("moments", 1, ipv=[[[3], 0.5], [[3, 1], 0.5]]),
        "[3]",
        "[3, 1]",
        "as many entries",
    ),
    "no initial state": (asked("moments", 1, ipv=[]), "", "empty", "pass one state"),
    "array of a state": (lambda: Graph(chain, ipv=np.array([3])), "", "array([3])", "pass a list"),
    "state of floats": (asked("moments", 1, ipv=[3.0]), "[3.0]", "3.0", "is a list of integers"),
    "no initial vector": (lambda: Graph(chain), "", "no initial probability vector", "pass ipv="),
    "two initial vectors": (lambda: Graph(with_ipv([3])(chain), ipv=[3]), "", "already", "leave out ipv="),
    "too many probabilities": (asked("update_ipv", [0.5, 0.5]), "", "(2,)", "pass one for each"),
    "probability of two": (
        lambda: (lambda graph, seven, _: graph.starting_vertex().add_edge(seven, 2.0))(*built()),
        *("", "2", "divide them"),
    ),
    "no state length": (lambda: Graph(0), "", "0", "must be at least 1"),
    "text for a callback": (lambda: Graph("abc"), "", "'abc'", "is no callback, state length or graph"),
    "negative rate of events": (asked("discretize", -1.5), "[3]", "-1.5", "pass a number of 0 or more"),
    "probabilities beyond one": (discrete(1.5), "[2]", "1.5", "make them smaller"),
    "negative Laplace argument": (asked("laplace_transform", -1.5), "", "-1.5", "pass a finite number"),
}


@pytest.mark.parametrize(("attempt", "state", "value", "remedy"), TABLE.values(), ids=TABLE)
def test_errors_name_state_value_and_remedy(attempt, state, value, remedy):
    with pytest.raises(PhasicError) as caught:
        attempt()
    assert isinstance(caught.value, ValueError)
    for part in (state, value, remedy):
        assert part in str(caught.value)


def test_the_table_has_the_rows_that_can_be_hit_of_each_kind():
    """Negative, zero, NaN and infinite; lengths; traps; theta; empty and duplicate; loops."""
    assert {"negative rate", "zero rate alone", "rate that is no number", "infinite rate"} <= set(TABLE)
    assert {"longer state", "more coefficients", "theta too short", "too few rewards"} <= set(TABLE)
    assert {"endless mean", "negative theta", "theta zero", "transition to itself"} <= set(TABLE)
    assert {"empty transition", "two to one state", "edge twice", "edge to itself"} <= set(TABLE)


def test_an_error_leaves_a_graph_as_it_was():
    graph = Graph(chain, ipv=[3])
    before = graph.clone()
    for refused in (
        lambda: graph.update_weights([-1.0]),
        lambda: graph.update_ipv([2.0]),
        lambda: graph.vertex_at(1).add_edge(graph.vertex_at(2), 1.0),
        lambda: graph.vertex_at(1).add_edge(graph.vertex_at(3), -1.0),
        lambda: graph.set_param_length(2),
        lambda: graph.set_param_length(0),
    ):
        with pytest.raises(PhasicError):
            refused()
    assert graph == before
    assert graph.moments(2) == before.moments(2)


def test_an_epoch_takes_a_callback_and_no_theta():
    with pytest.raises(PhasicError, match="callback of an epoch is"):
        Graph(chain, ipv=[3]).add_epoch(1.0, np.array([1.0, 2.0]))
