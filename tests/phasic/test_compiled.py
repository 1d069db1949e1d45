"""Machine code of a callback gives the graph that Python gives, or Python gives it."""

from __future__ import annotations

import functools
import json
import logging
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent

from phasic import CallbackError, Graph, layers, models, state_space, switching
from phasic.program import NotCompiledError, as_call, compile_callback

RATE = 2.0
TABLE = [1.0, 2.0, 4.0]
MATRIX = np.array([[0.0, 1.0], [2.0, 0.0]])


@pytest.fixture(autouse=True)
def no_programs():
    layers._programs.clear()


def both(callback, ipv=None, **parameters):
    """Return the graph by Python and by machine code."""
    return (
        Graph(callback, ipv=ipv, compiled=False, **parameters),
        Graph(callback, ipv=ipv, compiled=True, **parameters),
    )


# Ways to write a callback


def helper(n):
    return RATE * n * (n - 1) / 2


def with_helper(state):
    n = state[0]
    if n <= 1:
        return []
    return [([n - 1], [helper(n)])]


def unpacking(state):
    a, b = state
    if a + b <= 1:
        return []
    events = [
        ([a - 1, b], [a * (a - 1) / 2.0, 0.0]),
        ([a, b - 1], [b * (b - 1) / 2.0, 0.0]),
        ([a - 1, b + 1], [0.0, float(a)]),
        ([a + 1, b - 1], [0.0, float(b)]),
    ]
    return [(following, rate) for following, rate in events if any(rate)]


def by_lists(state):
    counts = state.tolist()
    ways = []
    for i, first in enumerate(counts):
        for j in range(i, len(counts)):
            pairs = math.comb(first, 2) if i == j else first * counts[j]
            if pairs:
                following = list(counts)
                following[i] -= 1
                following[j] -= 1
                following[i + j + 1] += 1
                ways.append((following, float(pairs)))
    return ways


def by_tuples(state):
    if state[0] == 0:
        return []
    return [((state[0] - 1, state[1]), (1.0, 2.0)), ((state[0] - 1, state[1] + 1), (0.5, 0.0))]


def by_steps(state):
    ways = []
    for i in range(len(state)):
        if state[i]:
            step = np.zeros(len(state), dtype=int)
            step[i] = 1
            ways.append((state - step, state[i] * 1.0))
    return ways


def by_floats(state):
    if state[0] <= 0:
        return []
    return [(state * 1.0 - 0.5, 3)]


def by_triples(state):
    return [([state[0] - 1], 99.0, [1.0])] if state[0] else []


def with_captured(state):
    if state[0] == 0:
        return []
    return [([state[0] - 1], TABLE[state[0] % 3] + MATRIX[1, 0])]


def with_parameters(state, n, rates, scale=1.5, table=None):
    ways = []
    if state[0] < n:
        ways.append(([state[0] + 1], rates[0] * scale))
        ways.append(([n + 1 + state[0]], rates[1] + table[state[0] % 2]))
    return ways


def with_dictionary(state):
    rate = {0: 1.0, 1: 2.0}
    return [([state[0] - 1], rate[state[0] % 2])] if state[0] else []


def changing_its_state(state):
    if state[0] == 0:
        return []
    state[0] -= 1
    return [(state, 1.0)]


def closed_over(rate, table):
    def step(state):
        if state[0] == 0:
            return []
        return [(np.array([state[0] - 1]), rate * table[0])]

    return step


WAYS = {
    "arrays": (coalescent, None, {}),
    "helper": (with_helper, [9], {}),
    "unpacking": (unpacking, [4, 5], {}),
    "lists": (by_lists, [9] + [0] * 8, {}),
    "tuples": (by_tuples, [9, 0], {}),
    "steps": (by_steps, [4, 5], {}),
    "floats": (by_floats, [200], {}),
    "triples": (by_triples, [9], {}),
    "captured": (with_captured, [9], {}),
    "parameters": (with_parameters, [0], {"n": 9, "rates": [1.0, 2.0], "table": np.array([0.5, 0.25])}),
    "dictionary": (with_dictionary, [9], {}),
    "state": (changing_its_state, [[[9], 0.5], [[4], 0.25]], {}),
    "closure": (closed_over(2.0, [3.0]), [9], {}),
    "partial": (functools.partial(with_parameters, n=5), [0], {"rates": (1.0, 2.0), "table": np.ones(2)}),
    "model": (models.coalescent(8), None, {}),
    "two islands": (models.structured_coalescent(3, 4), None, {}),
    "coxian": (models.coxian([1.0, 2.0, 3.0], [0.5, 0.25]), None, {}),
}


OFTEN = ("arrays", "unpacking", "parameters")  # each takes a second to compile


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=() if way in OFTEN else pytest.mark.slow) for way in WAYS]
)
def test_callbacks_as_users_write_them_compile_and_give_the_same_graph(way):
    callback, ipv, parameters = WAYS[way]
    python, compiled = both(callback, ipv, **parameters)
    assert compiled == python
    assert compiled.arrays.states.dtype == python.arrays.states.dtype


TERMS = st.recursive(
    st.one_of(
        st.sampled_from(["a", "b", "(a > b)", "c"]),
        st.integers(-9, 9).map(lambda k: f"({k})"),
        st.sampled_from(["2.5", "2**40", "2**62"]).map(lambda text: f"({text})"),
    ),
    lambda terms: st.one_of(
        st.builds("({} {} {})".format, terms, st.sampled_from(["+", "-", "*", "//", "%", "/"]), terms),
        st.builds(
            "({} {} {})".format, terms, st.sampled_from(["**", "<<"]), st.sampled_from(["c", "3", "40"])
        ),
    ),
    max_leaves=4,
)
GENERATED = """
def callback(state):
    a, b = {values}
    c = a - b
    if a + b <= 0:
        return []
    weight = {weight}
    ways = [([a - 1, b], abs(weight) + 1.0)]
    if {condition} > 0:
        ways.append(([a, b - 1], 2.0))
    return ways
"""


def outcome(build):
    try:
        with np.errstate(all="ignore"):
            return build().arrays.content_hash
    except Exception as error:
        return type(error), str(error)


@pytest.mark.slow
@given(
    TERMS, TERMS, st.sampled_from(["state", "state.tolist()", "(int(x) for x in state)"]), st.integers(1, 4)
)
@settings(max_examples=50)
def test_generated_arithmetic_gives_the_same_graph_or_the_same_error(weight, condition, values, size):
    namespace = {}
    exec(GENERATED.format(weight=weight, condition=condition, values=values), namespace)
    callback = namespace["callback"]

    def python():
        return Graph(callback, ipv=[size, 2], compiled=False)

    def compiled():
        try:
            return Graph(callback, ipv=[size, 2], compiled=True)
        except CallbackError as error:
            if "cannot be compiled" in str(error):
                return python()
            raise

    assert outcome(compiled) == outcome(python)


# What Python has to be asked


@pytest.mark.parametrize("start", [70])
def test_integers_that_would_wrap_are_left_to_python(start, caplog):
    def steep(state):
        n = int(state[0])
        if n == 0:
            return []
        return [([n - 1], 1.0 + n**20 % 7 + (2**n) % 5 + (n << 60) % 3)]

    caplog.set_level(logging.INFO, "phasic")
    python, compiled = both(steep, [start])
    assert compiled == python
    assert "OverflowError" in caplog.text


@pytest.mark.slow
def test_states_that_are_large_are_left_to_python():
    def far(state):
        return [(state - 2**30, float(state[0] + state[0]))] if state[0] > 0 else []

    python, compiled = both(far, [2**34])
    assert compiled == python
    assert compiled.states().max() == 2**34


def test_an_error_of_the_callback_is_the_users_own_with_its_state():
    def failing(state):
        if state[0] == 3:
            raise KeyError("mine")
        return [([state[0] - 1], 1.0)]

    def outside(state):
        return [([state[0] - 1], TABLE[state[0] - 3])]

    def divided(state):
        n = int(state[0])
        return [([n - 1], 1.0 / (n - 2))]

    for callback, error in [(failing, KeyError), (outside, IndexError), (divided, ZeroDivisionError)]:
        with pytest.raises(error) as caught:
            Graph(callback, ipv=[5], compiled=True)
        assert caught.value.__notes__[0].startswith("raised by the callback in state [")
        assert caught.traceback[-1].name == callback.__name__


@pytest.mark.parametrize(
    ("weight", "following", "message"),
    [
        ("-1.5", "[n - 1]", r"from state \[3\] to \[2\] has weight -1.5"),
        pytest.param("float('nan')", "[n - 1]", "weight nan", marks=pytest.mark.slow),
        pytest.param("0.0", "[n - 1]", r"out of state \[3\] have weight zero", marks=pytest.mark.slow),
        pytest.param("1.0", "[n]", "to itself", marks=pytest.mark.slow),
        ("1.0", "[n - 1, 0]", r"\[.*2.*, 0\] as a state that follows \[3\]"),
    ],
)
def test_what_cannot_be_an_edge_is_refused_in_the_same_words(weight, following, message):
    namespace = {}
    exec(
        "def callback(state):\n"
        "    n = state[0]\n"
        "    if n > 3:\n"
        "        return [([n - 1], 1.0)]\n"
        f"    return [({following}, {weight})]\n",
        namespace,
    )
    for compiled in (True, False):
        with pytest.raises(ValueError, match=message) as caught:
            Graph(namespace["callback"], ipv=[5], compiled=compiled)
        assert "cannot be compiled" not in str(caught.value)


@pytest.mark.slow
def test_vectors_of_another_length_are_refused_in_the_same_words():
    def longer(state):
        if state[0] == 0:
            return []
        return [([state[0] - 1], [1.0] * (1 + state[0] // 3))]

    for compiled in (True, False):
        with pytest.raises(ValueError, match=r"1 coefficients \(\[1.0\]\) .* state \[2\], but 2 before"):
            Graph(longer, ipv=[5], compiled=compiled)


# What must not be compiled


def printing(state):
    print(state)  # noqa: T201
    return chain(state)


def at_random(state):
    return [([state[0] - 1], 1.0 + random.random())] if state[0] else []


def at_random_by_numpy(state):
    return [([state[0] - 1], 1.0 + np.random.random())] if state[0] else []


def of_narrow_integers(state):
    small = state.astype(np.int8)
    return [([state[0] - 1], 1.0 + small[0] * small[0])] if state[0] else []


def of_booleans(state):
    return [([state[0] - 1], 1.0 + ((state[0] > 1) + (state[0] > 2)))] if state[0] else []


def generating(state):
    if state[0]:
        yield state - 1, 1.0


class Model:
    def step(self, state):
        return chain(state)


@pytest.mark.parametrize(
    ("callback", "why"),
    [
        (printing, "print does something else"),
        (at_random, "random does something else"),
        (at_random_by_numpy, "random does something else"),
        (of_narrow_integers, "int8"),
        (of_booleans, "booleans"),
        (generating, "generator"),
        (Model().step, "no plain function"),
        (functools.partial(Model.step, Model()), "no plain function"),
    ],
)
def test_what_would_mean_something_else_is_refused_and_says_why(callback, why):
    with pytest.raises(CallbackError, match=rf"cannot be compiled: .*{why}.*; leave out compiled=True"):
        Graph(callback, ipv=[3], compiled=True)


def test_a_large_captured_array_is_no_constant_of_machine_code():
    table = np.ones(10**6)

    def step(state):
        if state[0] == 0:
            return []
        return [([state[0] - 1], table[state[0]])]

    with pytest.raises(CallbackError, match="captures an array of more than a megabyte"):
        Graph(step, ipv=[3], compiled=True)


@pytest.mark.parametrize("value", [object(), "text", {1: 2}, np.float32(1), np.ones(2, dtype=np.int8), 2**63])
def test_parameters_that_compiled_code_does_not_take_are_named(value):
    with pytest.raises(NotCompiledError, match="its parameter rates is a"):
        as_call(with_parameters, {"n": 3, "rates": value})


def test_a_callback_that_disagrees_is_explored_in_python(monkeypatch, caplog):
    other = compile_callback(closed_over(7.0, [1.0]), ())
    monkeypatch.setattr(layers, "make_program", lambda function, kinds: other)
    monkeypatch.setattr(layers, "find_program", lambda function, kinds: None)
    monkeypatch.setattr(switching, "_COMPILE", 0.0)
    callback = closed_over(2.0, [1.0])
    monkeypatch.setattr(state_space, "_BATCH", 2)
    assert Graph(callback, ipv=[9]) == Graph(callback, ipv=[9], compiled=False)
    assert "gives other transitions out of state" in caplog.text
    with pytest.raises(CallbackError, match=r"cannot be compiled: .* other transitions out of state"):
        Graph(callback, ipv=[9], compiled=True)


# When, and from where


def test_by_default_a_long_exploration_is_compiled_on_the_way_and_a_short_one_never(monkeypatch):
    made = []
    monkeypatch.setattr(layers, "make_program", lambda *given: made.append(given) or compile_callback(*given))
    Graph(coalescent)
    assert not made
    monkeypatch.setattr(switching, "_COMPILE", 0.0)
    monkeypatch.setattr(state_space, "_BATCH", 5)
    bare = Graph(models.coalescent(9), compiled=False)
    assert not made
    assert Graph(models.coalescent(9)) == bare
    assert len(made) == 1


def test_a_callback_that_does_not_compile_is_explained_in_the_log(monkeypatch, caplog):
    monkeypatch.setattr(switching, "_COMPILE", 0.0)
    caplog.set_level(logging.INFO, "phasic")
    for _ in range(2):  # the second time from memory
        assert Graph(at_random, ipv=[5]).vertices_length() == 7
    told = [record.message for record in caplog.records if record.name == "phasic"]
    assert len(told) == 2
    assert "at_random is explored in Python, since it cannot be compiled: random does something" in told[0]


def test_a_changed_global_is_another_program(monkeypatch):
    assert Graph(with_helper, ipv=[3], compiled=True).expectation() == 2 / 3
    monkeypatch.setitem(globals(), "RATE", 4.0)
    assert Graph(with_helper, ipv=[3], compiled=True).expectation() == 1 / 3
    monkeypatch.setitem(globals(), "helper", lambda n: 1.0)
    assert Graph(with_helper, ipv=[3], compiled=True).expectation() == 2.0
    monkeypatch.undo()
    assert Graph(with_helper, ipv=[3], compiled=True).expectation() == 2 / 3


@pytest.mark.slow
def test_an_array_changed_in_place_is_another_program(monkeypatch):
    before = Graph(with_captured, ipv=[3], compiled=True)
    monkeypatch.setitem(globals(), "MATRIX", MATRIX.copy())
    MATRIX[1, 0] = 7.0
    after = Graph(with_captured, ipv=[3], compiled=True)
    assert after == Graph(with_captured, ipv=[3], compiled=False)
    assert after != before


@pytest.mark.slow
def test_closures_of_other_values_are_other_programs():
    for rate in (1.0, 2.0, 1.0):
        assert Graph(closed_over(rate, [1.0]), ipv=[2], compiled=True).expectation() == 2 / rate


FRESH = """
import json, logging
import phasic
from phasic import Graph, layers
compiled = []
original = layers.compile_callback
layers.compile_callback = lambda *given: compiled.append(given) or original(*given)
{definition}
try:
    answer = Graph(step, ipv=[6], compiled=True, n=2).arrays.content_hash
    assert answer == Graph(step, ipv=[6], compiled=False, n=2).arrays.content_hash
except ZeroDivisionError as error:
    answer = error.__notes__[0]
print(json.dumps([answer, len(compiled)]))
"""
STEP = """
RATE = {rate}
def helper(k):
    return RATE * k
def step(state, n):
    k = int(state[0])
    if k == 0:
        return []
    return [([k - 1], helper(k) / (k - {hole}) + n)]
"""


def test_machine_code_is_kept_for_other_processes_and_follows_every_edit(python):
    def run(rate=1.0, hole=99, seed=0):
        return json.loads(python(FRESH.format(definition=STEP.format(rate=rate, hole=hole)), seed=seed))

    first, compiled = run()
    assert compiled == 1
    assert run(seed=1) == [first, 0]
    other, compiled = run(rate=-3.0)
    assert compiled == 1
    assert other != first
    message, compiled = run(hole=2)
    assert (message, compiled) == ("raised by the callback in state [2]", 1)
    assert run(hole=2) == [message, 0]
    assert run() == [first, 0]


def test_nothing_is_kept_of_an_interrupted_exploration(location):
    def interrupted(state):
        if state[0] == 2:
            raise KeyboardInterrupt
        return chain(state)

    for keywords in ({}, {"cache_graph": True}):
        with pytest.raises(KeyboardInterrupt):
            Graph(interrupted, ipv=[5], **keywords)
    assert not list(layers.GRAPHS.entries())


def test_an_interruption_between_two_batches_of_machine_code_passes(monkeypatch):
    calls = []

    def interrupt(self, explored, known):
        calls.append(explored)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("phasic.progress.Progress.show", interrupt)
    monkeypatch.setattr("phasic.compiled._BATCH", 4)
    with pytest.raises(KeyboardInterrupt):
        Graph(closed_over(1.0, [1.0]), ipv=[99], compiled=True, cache_graph=True)
    assert not list(layers.GRAPHS.entries())


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_a_chain_of_a_million_states_is_explored(compiled):
    graph = Graph(chain, ipv=[10**6], compiled=compiled)
    assert len(graph) == 10**6 + 2
    assert graph.arrays.states.ravel().tolist() == [0, *range(10**6, -1, -1)]
    assert graph.is_acyclic()


def test_the_rows_of_a_compiled_exploration_grow_and_widen_on_the_way(monkeypatch):
    monkeypatch.setattr("phasic.compiled._BATCH", 100)

    def widening(state):
        if state[0] >= 70000:
            return []
        return [([3 * state[0] + 1, state[1]], 1.0), ([3 * state[0] + 2, -state[0]], 2.0)]

    python, compiled = both(widening, [0, 0])
    assert compiled == python
    assert compiled.arrays.states.dtype == np.int32
