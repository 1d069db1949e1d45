"""Where the C++ package of this name gives wrong numbers, crashes or says nothing, this one does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from models_for_tests import chain, coalescent, coalescent_callback, exact_moments, trap

from phasic import AbsorptionError, CallbackError, Graph, GraphError, ParameterError, PhasicError, with_ipv


def geometric(p=0.3):
    graph = Graph(lambda state: [([0], p)] if state[0] else [], ipv=[1])
    graph.is_discrete = True
    return graph


def two_steps():
    """Two states that are left with probabilities 0.3 and 0.6, and go back from the second to the first."""
    graph = Graph(lambda s: {1: [([2], 0.3)], 2: [([1], 0.2), ([0], 0.4)]}.get(int(s[0]), []), ipv=[1])
    graph.is_discrete = True
    return graph


def by_hand(edges):
    graph = Graph(1)
    for source, target, weight in edges:
        vertices = [
            graph.starting_vertex() if v == 0 else graph.find_or_create_vertex([v]) for v in (source, target)
        ]
        vertices[0].add_edge(vertices[1], weight)
    return graph


# Wrong numbers


def test_variances_and_moments_of_steps():
    assert geometric().variance() == pytest.approx(0.7 / 0.09)  # 7.778, not 15.556
    assert geometric().moments(2) == pytest.approx([1 / 0.3, 1.7 / 0.09])  # 18.89, not 22.22
    graph = two_steps()
    first, second = exact_moments(graph.arrays, 2)
    assert graph.variance() == pytest.approx(second - first**2)
    assert graph.variance() == pytest.approx(graph.variance(np.ones(4)))
    r, s = np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 0.0])
    of_sum, of_r, of_s = (exact_moments(graph.arrays, 2, x) for x in (r + s, r, s))
    product = (of_sum[1] - of_r[1] - of_s[1]) / 2
    assert graph.covariance(r, s) == pytest.approx(product - of_r[0] * of_s[0])


def test_rewards_of_steps_count_in_whole_numbers():
    doubled = geometric().reward_transform([0, 2, 0])
    assert doubled.is_discrete
    assert doubled.pdf([1, 2, 3, 4]).tolist() == pytest.approx([0.0, 0.3, 0.0, 0.21])
    assert doubled.variance() == pytest.approx(4 * 0.7 / 0.09)


def test_the_laplace_transform_of_a_slow_exponential():
    graph = Graph(lambda s: [([0], 0.4)] if s[0] else [], ipv=[1])
    value = graph.laplace_transform(0.5).expectation(graph.absorbing_state_rewards())
    assert value == pytest.approx(0.4 / 0.9)  # 0.4444, not 1.1111


@pytest.mark.parametrize(("slow", "fast", "out"), [(1e-8, 1e8, 1e-8), (1e-3, 1e4, 1e-4)])
def test_near_traps_keep_their_digits(slow, fast, out):
    graph = by_hand([(0, 1, 1), (1, 2, slow), (2, 1, fast), (2, 3, out)])
    exact = exact_moments(graph.arrays, 4)
    assert graph.moments(4) == pytest.approx(exact, rel=1e-13)
    assert graph.variance() == pytest.approx(exact[1] - exact[0] ** 2, rel=1e-9)
    assert graph.reward_transform([0, 1, 0, 0]).expectation() == pytest.approx(
        exact_moments(graph.arrays, 1, [0, 1, 0, 0])[0], rel=1e-13
    )
    back = Graph.from_matrices(*graph.as_matrices()[:3], exits=[0.0, out])
    assert back.expectation() == pytest.approx(exact[0], rel=1e-13)


def test_densities_and_distributions_far_into_both_tails():
    graph = Graph(coalescent)
    t = np.array([1e-4, 1e-3, 0.1, 1.0])
    # Hypoexponential with rates 6, 3, 1: a sum of exponentials, or its series where that cancels.
    exact = sum(c * np.exp(-r * t) for r, c in ((6.0, 1.2), (3.0, -3.0), (1.0, 1.8)))
    series = 18 * t**2 / 2 * (1 - 10 * t / 3 + 67 * t**2 / 12)
    np.testing.assert_allclose(graph.pdf(t[:2]), series[:2], rtol=1e-6)
    np.testing.assert_allclose(graph.pdf(t[2:]), exact[2:], rtol=1e-9)
    assert graph.cdf(200.0) == pytest.approx(1.0, rel=1e-15)
    assert graph.pdf(math.inf) == 0.0
    k = 50
    erlang = Graph(lambda s: [([s[0] - 1], 1.0)] if s[0] else [], ipv=[k])
    half = k / 2
    exact_half = math.exp((k - 1) * math.log(half) - half - math.lgamma(k))
    assert erlang.pdf(half) == pytest.approx(exact_half, rel=1e-9)


def test_missing_mass_is_missing_everywhere():
    graph = Graph(chain, ipv=[[[7], 0.5]])
    assert graph.defect() == 0.5
    assert graph.expectation() == 3.5
    assert graph.moments(2) == [3.5, 0.5 * 56.0]
    assert sum(graph.expected_sojourn_time()) == 3.5
    assert graph.cdf(1e3) == pytest.approx(0.5)
    graph.update_ipv([0.25])
    assert (graph.defect(), graph.expectation()) == (0.75, 1.75)
    assert Graph(chain, ipv=[[[2], 0.5], [[0], 0.5]]).defect() == 0.5
    tripletons = Graph(coalescent)
    assert tripletons.reward_transform(tripletons.states().T[2]).defect() == pytest.approx(1 / 3)


def test_normalizing_a_discrete_graph_changes_no_answer():
    graph = geometric()
    graph.normalize_discrete()
    assert graph.expectation() == pytest.approx(1 / 0.3)  # 3.33, not 5.67


# Crashes and silence


def test_what_crashed_is_answered_or_refused():
    graph = Graph(coalescent)
    assert graph.covariance() == graph.variance()
    refusals = [
        (lambda: graph.covariance([1.0], [1.0, 2.0]), "rewards have shape"),
        (lambda: graph.vertex_at(-1), "no vertex -1"),
        (lambda: graph.vertex_at(1).add_edge(graph.vertex_at(1), 1.0), "to itself"),
        (lambda: graph.update_weights([-1.0]), "the weight -6"),
    ]
    for attempt, message in refusals:
        with pytest.raises(GraphError, match=message):
            attempt()
    graph.update_weights([0.0])
    with pytest.raises(AbsorptionError, match=r"\[4, 0, 0, 0\] cannot reach absorption"):
        graph.expectation()


def test_a_transform_that_fails_leaves_nothing_behind():
    graph = Graph(lambda s: [([s[0] - 1], [1.0, 2.0, 3.0])] if s[0] else [], ipv=[2])
    value = graph.laplace_transform(2.0).expectation(graph.absorbing_state_rewards())
    assert value == pytest.approx((6 / 8) ** 2)
    assert Graph(coalescent_callback, ipv=[4]).expectation() == pytest.approx(1.5)


def test_constant_and_discrete_graphs_come_back_as_they_were():
    for graph in (Graph(coalescent), two_steps(), Graph(coalescent_callback, ipv=[3])):
        back = Graph.from_serialized(graph.serialize())
        assert back == graph
        assert (back.is_discrete, back.is_parameterized()) == (graph.is_discrete, graph.is_parameterized())


# Messages on bad input


def turns_to(value):
    return lambda state: [([0], value)] if state[0] else []


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, [-1.0, -2.0], [math.nan], (math.inf, 1.0)])
def test_weights_that_cannot_be_name_both_states(value):
    with pytest.raises(GraphError, match=r"from state \[1\] to \[0\] has weight"):
        Graph(turns_to(value), ipv=[1])


@pytest.mark.parametrize("value", [0.0, [0.0, 0.0]])
def test_states_with_no_weight_but_zero_are_named(value):
    with pytest.raises(GraphError, match=r"all transitions out of state \[1\] have weight zero"):
        Graph(turns_to(value), ipv=[1])
    both = Graph(lambda s: [([0], 0.0), ([5], 2.0)] if s[0] == 1 else [], ipv=[1])
    assert both.expectation() == 0.5


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (lambda s: None, r"returned None for state \[1\]"),
        (lambda s: 3, r"returned 3 for state \[1\]"),
        (lambda s: [([0], 1.0, 2.0, 3.0)], "a transition is a pair"),
        (lambda s: [([0, 0], 1.0)], "vector of length 1"),
        (lambda s: [([2**70], 1.0)], "fit 64-bit"),
        (lambda s: [(["a"], 1.0)], "fit 64-bit"),
        (lambda s: [([0], "fast")], "a number or a vector"),
        (lambda s: [([s[0]], 1.0)], "to itself"),
        (lambda s: [([0], 1.0), ([0], 1.0)], r"two transitions from state \[1\] to \[0\]"),
        (lambda s: [([0], 1.0), ([5], [1.0])], "parameterised or constant"),
        (lambda s: [([0], [1.0]), ([5], [1.0, 2.0])], "as long as theta"),
        (lambda s: [([0], [1.0, 2.0]), ([5], [1.0])], "as long as theta"),
    ],
)
def test_what_callbacks_must_not_return_is_named(callback, message):
    with pytest.raises(GraphError, match=message):
        Graph(callback, ipv=[1])


def test_what_callbacks_may_return():
    assert Graph(lambda s: [], ipv=[1]).moments(2) == [0.0, 0.0]
    assert Graph(lambda s: [], ipv=[1]).variance() == 0.0
    assert Graph(lambda s: [], ipv=[1]).cdf(1.0) == 1.0
    far = Graph(turns_to(1.0), ipv=[2**40])
    assert far.states()[1, 0] == 2**40
    as_tuple = Graph(turns_to((2.0, 1.0)), ipv=[1])
    assert as_tuple == Graph(turns_to([2.0, 1.0]), ipv=[1])
    triple = Graph(lambda s: [([0], 0.0, [2.0, 1.0])] if s[0] else [], ipv=[1])
    assert triple == as_tuple

    def broken(state):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        Graph(broken, ipv=[1])
    assert caught.value.__notes__ == ["raised by the callback in state [1]"]


@pytest.mark.parametrize(
    ("ipv", "message"),
    [
        (None, "no initial probability vector"),
        ([], "ipv is empty"),
        (np.array([1]), "pass a list"),
        ([1.0], "list of integers"),
        ([[[1], 0.7], [[2], 0.7]], "sum to 1.4, more than one"),
        ([[[1], -0.5]], "must lie between 0 and 1"),
        ([[[1], math.nan]], "must lie between 0 and 1"),
        ([[[1], 0.5], [[1], 0.5]], "twice"),
        ([[[1], 0.5], [[1, 2], 0.5]], "different length"),
        ([[[1], "half"]], "no number"),
        ([1, 2], "vector of length 2"),
    ],
)
def test_initial_vectors_that_cannot_be_are_refused(ipv, message):
    with pytest.raises(GraphError, match=message):
        Graph(chain, ipv=ipv)
    with pytest.raises(GraphError, match="leave out ipv="):
        Graph(with_ipv([1])(chain), ipv=[1])
    with pytest.raises(GraphError, match="decorate it once"):
        with_ipv([1])(with_ipv([1])(chain))


@pytest.mark.parametrize("theta", [[], [1.0, 2.0], 1.0, [math.nan], [math.inf], None])
def test_thetas_that_cannot_be_are_refused(theta):
    with pytest.raises(ParameterError, match="theta"):
        Graph(coalescent_callback, ipv=[4]).update_weights(theta)


def test_a_chain_that_is_never_absorbed_says_so_and_has_a_distribution():
    graph = Graph(trap, ipv=[1])
    for question in (graph.expectation, graph.variance, graph.validate, lambda: graph.moments(2)):
        with pytest.raises(AbsorptionError, match="cannot reach absorption"):
            question()
    assert graph.cdf(5.0) == 0.0


def test_every_refusal_is_a_phasic_error_and_the_builtin_one_would_catch():
    for error, builtin in (
        (GraphError, ValueError),
        (CallbackError, TypeError),
        (ParameterError, RuntimeError),
        (AbsorptionError, ArithmeticError),
        (AbsorptionError, ValueError),
    ):
        assert issubclass(error, PhasicError)
        assert issubclass(error, builtin)
