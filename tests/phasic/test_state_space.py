from __future__ import annotations

import functools
import itertools
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_for_tests import chain, coalescent, coalescent_callback
from strategies import phase_types

import phasic
from phasic import CallbackError, Graph, GraphError, ParameterError, with_ipv
from phasic.initial import parse_ipv
from phasic.state_space import explore


def one_way(weight, following=(0,)):
    return lambda state: [(list(following), weight)] if state[0] else []


# Order and content


def test_vertices_come_in_breadth_first_order_after_the_starting_vertex():
    assert Graph(coalescent).states().tolist() == [
        [0, 0, 0, 0],
        [4, 0, 0, 0],
        [2, 1, 0, 0],
        [0, 2, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_initial_states_come_first_in_the_order_of_ipv():
    graph = Graph(chain, ipv=[[[1], 0.25], [[3], 0.5]])
    assert graph.states().ravel().tolist() == [0, 1, 3, 0, 2]
    assert [edge.weight() for edge in graph.starting_vertex().edges()] == [0.25, 0.5]


def test_a_model_state_of_zeros_is_not_the_starting_vertex():
    graph = Graph(chain, ipv=[1])
    assert graph.states().tolist() == [[0], [1], [0]]
    assert graph.find_vertex([0]).index() == 2


@given(st.integers(1, 4), st.integers(1, 900))
def test_a_grid_is_explored_whole_and_once(width, most):
    side = max(1, int(most ** (1 / width)))

    def up(state):
        for i in range(width):
            if state[i] < side:
                state[i] += 1
                yield state, 1.0  # the same vector again and again, as a generator may
                state[i] -= 1

    arrays = explore(up, [0] * width)
    assert arrays.n_vertices - 1 == (side + 1) ** width
    assert sorted(map(tuple, arrays.states[1:].tolist())) == sorted(
        itertools.product(range(side + 1), repeat=width)
    )


@pytest.mark.parametrize(
    ("entry", "kind"),
    [(3, "int8"), (200, "int16"), (-40000, "int32"), (2**40, "int64"), (-(2**63), "int64")],
)
def test_states_are_kept_in_the_smallest_type_that_holds_them(entry, kind):
    arrays = explore(lambda s: [([0], 1.0)] if s[0] else [], [entry])
    assert arrays.states.dtype == kind
    assert arrays.states.ravel().tolist() == [0, entry, 0]


def test_users_see_int64_states_whatever_is_kept():
    seen = []

    def callback(state):
        seen.append((state.dtype, state.flags.writeable))
        return chain(state)

    assert (Graph(callback, ipv=[2]).states() * 10**6).max() == 2 * 10**6
    assert seen == [(np.int64, True)] * 3


@given(phase_types(parameters=2), st.integers(0, 1023))
def test_exploring_what_a_graph_says_gives_back_what_can_be_reached_of_it(arrays, starts):
    def callback(state):
        span = slice(arrays.offsets[state[0]], arrays.offsets[state[0] + 1])
        return list(zip(arrays.states[arrays.targets[span]], arrays.coefficients[span], strict=True))

    ipv = [([t], w) for t, w in zip(arrays.start_targets.tolist(), arrays.start_weights, strict=True)]
    explored = Graph(callback, ipv=ipv)
    whole = Graph.from_arrays(arrays)
    assert explored.expectation() == pytest.approx(whole.expectation(), rel=1e-13)
    reached = set(explored.states()[1:].ravel().tolist())
    for vertex in explored.vertices()[1:]:
        original = whole.vertex_at(int(vertex.state()[0]))
        assert [e.to().state().tolist() for e in vertex.edges()] == [
            e.to().state().tolist() for e in original.edges()
        ]
        assert {int(e.to().state()[0]) for e in original.edges()} <= reached
    # Some of it by hand, the rest by extend: the same edges, in another order of vertices.
    by_hand = Graph(1)
    for state, weight in ipv:
        by_hand.starting_vertex().add_edge(by_hand.find_or_create_vertex(state), weight)
    for state in sorted(reached):
        if starts >> state & 1:
            vertex = by_hand.find_or_create_vertex([state])
            for following, row in callback([state]):
                vertex.add_edge(by_hand.find_or_create_vertex(following), row)
    by_hand.extend(callback)
    assert set(by_hand.states()[1:].ravel().tolist()) == reached
    assert by_hand.moments(2) == pytest.approx(explored.moments(2), rel=1e-13)


# Callback conventions


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, lambda s: [float(x) for x in s], lambda s: np.array(s) + 0.7]
)
@pytest.mark.parametrize("pair", [list, tuple])
@pytest.mark.parametrize("group", [list, tuple, iter, lambda ts: (t for t in ts)])
def test_states_pairs_and_groups_may_be_of_any_sequence_type(make, pair, group):
    graph = Graph(lambda s: group([pair([make([s[0] - 1]), 1.0])]) if s[0] else group([]), ipv=[3])
    assert graph == Graph(chain, ipv=[3])


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_coefficients_may_be_of_any_sequence_type(make):
    graph = Graph(one_way(make([2.0, 3.0])), ipv=[1])
    assert graph.is_parameterized()
    assert graph.param_length() == 2
    assert graph.expectation() == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    "weight", [2, 2.0, np.int8(2), np.float32(2), np.array(2.0), Fraction(2), Decimal(2)]
)
def test_a_weight_may_be_any_number(weight):
    graph = Graph(one_way(weight), ipv=[1])
    assert not graph.is_parameterized()
    assert graph.expectation() == 0.5


def test_legacy_triples_ignore_their_middle():
    graph = Graph(lambda s: [([0], 99.0, [2.0])] if s[0] else [], ipv=[1])
    assert graph == Graph(one_way([2.0]), ipv=[1])


def test_a_callback_may_change_the_state_it_gets():
    def callback(state):
        if state[0] == 0:
            return []
        state[0] -= 1
        return [(state, 1.0)]

    assert Graph(callback, ipv=[3]) == Graph(chain, ipv=[3])


def test_parameters_reach_the_callback_unchanged():
    seen = {}
    table = [1.0, 2.0]

    def callback(state, **parameters):
        seen.update(parameters)
        return []

    Graph(callback, ipv=[1], n=3, x=2.0, table=table, theta_dim=None)
    assert seen == {"n": 3, "x": 2.0, "table": table}
    assert type(seen["n"]) is int
    assert seen["table"] is table


def test_an_unknown_parameter_is_an_error_of_the_callback_that_names_the_state():
    with pytest.raises(TypeError, match="unexpected keyword argument 'n'") as caught:
        Graph(chain, ipv=[1], n=3)
    assert "in state [1]" in caught.value.__notes__[0]


def test_an_indexer_is_passed_on_and_remembered():
    indexer = object()
    graph = Graph(lambda state, indexer: chain(state), ipv=[2], indexer=indexer)
    assert graph.indexer is indexer
    assert graph.clone().indexer is indexer


def test_theta_dim_is_checked_and_not_passed_on():
    assert Graph(coalescent_callback, ipv=[3], theta_dim=1).param_length() == 1
    with pytest.raises(ParameterError, match="theta_dim is 2"):
        Graph(coalescent_callback, ipv=[3], theta_dim=2)


def test_partials_bound_methods_and_lambdas_are_callbacks():
    class Model:
        def step(self, state, rate=1.0):
            return [([state[0] - 1], rate)] if state[0] else []

        __call__ = step

    graphs = [
        Graph(callback, ipv=[3])
        for callback in (functools.partial(Model.step, Model()), Model().step, Model(), lambda s: chain(s))
    ]
    assert all(graph == Graph(chain, ipv=[3]) for graph in graphs)


def test_a_zero_weight_next_to_a_positive_one_stays_an_edge():
    graph = Graph(lambda s: [([1], 0.0), ([2], 4.0)] if s[0] == 0 else [], ipv=[0])
    assert graph.edges_length() == 3
    assert graph.expectation() == 0.25


# Refusals


@pytest.mark.parametrize(
    ("callback", "error", "message"),
    [
        (lambda s: None, CallbackError, r"returned None for state \[1, 0\]"),
        (lambda s: 3, CallbackError, "returned 3 for state"),
        (lambda s: [3], CallbackError, "transition 3 for state"),
        (lambda s: [([0, 0],)], CallbackError, "a pair"),
        (lambda s: [([0, 0], 1.0, 2.0, 3.0)], CallbackError, "a pair"),
        (lambda s: [([1, 0], 1.0)], GraphError, r"from state \[1, 0\] to itself"),
        (
            lambda s: [([0, 0], 1.0), ([0, 0], 2.0)],
            GraphError,
            r"two transitions from state \[1, 0\] to \[0, 0\]",
        ),
        (lambda s: [([0], 1.0)], GraphError, r"\[0\] as a state that follows \[1, 0\].*length 2"),
        (lambda s: [([0, 0, 0], 1.0)], GraphError, "length 2"),
        (lambda s: [([0, 0], 1.0), ([0], 1.0)], GraphError, "length 2"),
        (lambda s: [(0, 1.0)], GraphError, "vector of length 2"),
        (lambda s: [("ab", 1.0)], GraphError, "vector of length 2"),
        (lambda s: [(["a", "b"], 1.0)], GraphError, "64-bit integers"),
        (lambda s: [([None, 0], 1.0)], GraphError, "64-bit integers"),
        (lambda s: [([float("nan"), 0], 1.0)], GraphError, "64-bit integers"),
        (lambda s: [([2**63, 0], 1.0)], GraphError, "64-bit integers"),
        (lambda s: [([2**70, 0], 1.0)], GraphError, "64-bit integers"),
        (lambda s: [([1e30, 0], 1.0)], GraphError, "64-bit integers"),
        (lambda s: [([0, 0], -1.5)], GraphError, r"from state \[1, 0\] to \[0, 0\] has weight -1.5"),
        (lambda s: [([0, 0], float("nan"))], GraphError, "weight nan"),
        (lambda s: [([0, 0], float("inf"))], GraphError, "weight inf"),
        (lambda s: [([0, 0], [1.0, float("nan")])], GraphError, r"weight \[1.0, nan\]"),
        (lambda s: [([0, 0], [-1.0, 0.0])], GraphError, r"weight \[-1.0, 0.0\]"),
        (lambda s: [([0, 0], 0.0)], GraphError, r"all transitions out of state \[1, 0\] have weight zero"),
        (lambda s: [([0, 0], [0.0, 0.0])], GraphError, "weight zero"),
        (lambda s: [([0, 0], None)], CallbackError, "the weight None"),
        (lambda s: [([0, 0], "1.0")], CallbackError, "the weight '1.0'"),
        (lambda s: [([0, 0], 1j)], CallbackError, "the weight 1j"),
        (
            lambda s: [([0, 0], 1.0), ([2, 0], [1.0])],
            GraphError,
            r"\[1.0\] .* out of state \[1, 0\], but a number",
        ),
        (lambda s: [([0, 0], [1.0]), ([2, 0], 1.0)], GraphError, "but a vector"),
        (
            lambda s: [([0, 0], [1.0]), ([2, 0], [1.0, 2.0])],
            GraphError,
            r"2 coefficients .* state \[1, 0\], but 1",
        ),
        (lambda s: [([0, 0], [1.0, 2.0]), ([2, 0], [1.0])], GraphError, r"1 coefficients"),
    ],
)
def test_a_callback_that_errs_is_told_where(callback, error, message):
    with pytest.raises(error, match=message):
        Graph(callback, ipv=[1, 0])


def test_none_for_transitions_is_a_type_error_and_a_value_error():
    for builtin in (TypeError, ValueError):
        with pytest.raises(builtin):
            Graph(lambda s: None, ipv=[1])


def test_modes_and_lengths_may_not_change_between_states():
    def later(first, second):
        return lambda s: [([s[0] - 1], first if s[0] == 2 else second)] if s[0] else []

    for first, second in [(1.0, [1.0]), ([1.0], 1.0), ([1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0])]:
        with pytest.raises(GraphError, match=r"state \[1\]"):
            Graph(later(first, second), ipv=[2])


def test_a_state_space_without_end_is_stopped_by_the_first_negative_weight():
    with pytest.raises(GraphError, match=r"from state \[-1\] to \[-2\] has weight -1"):
        Graph(lambda s: [([s[0] - 1], float(s[0])), ([s[0] - 2], 1.0)], ipv=[5])


def test_errors_of_a_callback_pass_through():
    class Mine(Exception):
        pass

    def callback(state):
        if state[0] == 1:
            raise Mine("here")
        return chain(state)

    with pytest.raises(Mine, match="here") as caught:
        Graph(callback, ipv=[3])
    assert caught.value.__notes__ == ["raised by the callback in state [1]"]


def test_errors_of_a_generator_pass_through_too():
    def callback(state):
        yield [state[0] - 1], 1.0
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        Graph(callback, ipv=[3])
    assert not isinstance(caught.value, GraphError)
    assert caught.value.__notes__ == ["raised by the callback in state [3]"]


def test_a_generator_may_reuse_its_vectors():
    def callback(state):
        coefficients = np.zeros(2)
        if state[0] == 0:
            for following in (1, 2):
                state[0] = following
                coefficients[:] = following
                yield state, coefficients

    graph = Graph(callback, ipv=[0])
    assert graph.states().ravel().tolist() == [0, 0, 1, 2]
    assert graph.arrays.coefficients.tolist() == [[1.0, 1.0], [2.0, 2.0]]


# Initial probability vectors


@pytest.mark.parametrize(
    "ipv", [[2, 0], (2, 0), [np.int64(2), 0], [[[2, 0], 1.0]], [((2, 0), 1)], ([np.array([2, 0]), 1.0],)]
)
def test_ipv_forms_agree(ipv):
    assert parse_ipv(ipv) == (((2, 0), 1.0),)


@pytest.mark.parametrize(
    ("ipv", "message"),
    [
        ([], "empty"),
        (np.array([2, 0]), "pass a list"),
        (5, "pass a list"),
        ("5", "pass a list"),
        ([2.0, 0.0], "integers"),
        ([[[2.0], 1.0]], "integers"),
        ([[[2]]], "pair"),
        ([[[2], 0.5], [3, 0.5]], "in place of a state"),
        ([[[2], 0.5], 3], "pair"),
        ([[[], 1.0]], "in place of a state"),
        ([[[2], 0.5], [[2], 0.5]], r"state \[2\] twice"),
        ([[[2], 0.5], [[2, 0], 0.5]], "different length"),
        ([[[2], -0.5]], r"state \[2\] is -0.5"),
        ([[[2], float("nan")]], "is nan"),
        ([[[2], float("inf")]], "is inf"),
        ([[[2], "half"]], "no number"),
        ([[[2], 0.7], [[3], 0.7]], "sum to 1.4, more than one"),
    ],
)
def test_ipv_that_cannot_be_is_refused(ipv, message):
    with pytest.raises(ValueError, match=message):
        Graph(chain, ipv=ipv)
    with pytest.raises(GraphError, match=message):
        with_ipv(ipv)


def test_ipv_is_given_exactly_once():
    with pytest.raises(ValueError, match="no initial probability vector"):
        Graph(chain)
    with pytest.raises(ValueError, match="leave out ipv="):
        Graph(coalescent, ipv=[4, 0, 0, 0])
    with pytest.raises(ValueError, match="decorate it once"):
        with_ipv([1])(with_ipv([1])(chain))
    with pytest.raises(TypeError):
        with_ipv([1])(3)


def test_with_ipv_equals_ipv_and_leaves_the_callback_as_it_was():
    decorate = with_ipv([3])
    assert Graph(decorate(chain)) == Graph(chain, ipv=[3])
    assert Graph(phasic.callback([5])(chain)) == Graph(chain, ipv=[5])
    assert decorate(chain)([1]) == [([0], 1.0)]
    assert decorate(chain).__name__ == "chain"
    assert not hasattr(chain, "__phasic_ipv__")


def test_a_wrapper_around_a_decorated_callback_is_called():
    decorated = with_ipv([3])(chain)

    @functools.wraps(decorated)
    def doubled(state):
        return [(following, 2.0 * weight) for following, weight in decorated(state)]

    assert Graph(doubled).expectation() == 1.5


def test_a_callback_without_transitions_is_absorbed_at_once():
    graph = Graph(lambda s: [], ipv=[1])
    assert graph.vertices_length() == 2
    assert graph.moments(2) == [0.0, 0.0]
    assert graph.defect() == 1.0
