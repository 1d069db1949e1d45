import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import Graph, elimination, iterative, models, moments
from phasic.errors import AbsorptionError, GraphError, PhasicError

seeds = st.integers(0, 2**32 - 1)


def direct(model, rewards=None):
    return moments.expectation(elimination.eliminate(*model.edges), model.alpha, rewards)


@given(seeds, st.sampled_from([1e-3, 1e-6, 1e-9]))
@settings(max_examples=25)
def test_the_truth_is_within_the_bound_and_the_bound_within_the_tolerance(seed, tolerance):
    model = oracle.random_model(seed, n=30, density=0.1, spread=1)
    truth = direct(model)
    try:
        value, error = iterative.expectation(*model.edges, model.alpha, tolerance=tolerance)
    except PhasicError:  # rounding alone is more than that
        leave = np.bincount(model.source, model.weights, model.n)
        longest = elimination.eliminate(*model.edges).solve(np.ones(model.n)).max()
        assert leave.max() * longest > 1e-3 * tolerance / 2e-16
        return
    assert abs(value - truth) <= error + 1e-14 * truth
    assert error <= tolerance * value


@given(seeds, st.booleans())
@settings(max_examples=25)
def test_rewards_of_either_sign_are_bounded(seed, signed):
    model = oracle.random_model(seed, n=20, density=0.2)
    r = np.random.default_rng(seed).random(model.n) - (0.5 if signed else 0.0)
    truth = direct(model, r)
    value, error = iterative.expectation(*model.edges, model.alpha, r)
    assert abs(value - truth) <= error + 1e-13 * np.abs(r).max() * direct(model)
    assert error <= 1e-7 * (abs(value) if not signed else direct(model))


@pytest.mark.parametrize("model", [oracle.erlang(50), oracle.coalescent(8), oracle.islands(8)])
def test_structured_chains_converge(model):
    value, error = iterative.expectation(*model.edges, model.alpha)
    assert abs(value - direct(model)) <= error + 1e-13 * value


def test_a_graph_takes_the_other_road_on_request():
    graph = Graph(models.coalescent(6))
    assert graph.expectation(method="iterative") == pytest.approx(graph.expectation(), rel=1e-12)
    with pytest.raises(GraphError, match="method"):
        graph.expectation(method="guess")


def test_what_is_not_within_reach_is_refused():
    with pytest.raises(PhasicError, match="larger tolerance"):
        iterative.expectation(*oracle.near_trap().edges, oracle.near_trap().alpha)
    stuck = oracle.from_edges(4, [(1, 2, 0.5), (2, 1, 0.5)], oracle.starting_at(4))
    with pytest.raises(AbsorptionError, match="vertex 1"):
        iterative.expectation(*stuck.edges, stuck.alpha)
    with pytest.raises(GraphError, match="finite numbers"):
        iterative.expectation(*oracle.erlang(2).edges, oracle.erlang(2).alpha, [np.nan] * 4)


def test_no_reward_no_error():
    model = oracle.erlang(2)
    assert iterative.expectation(*model.edges, model.alpha, [9.0, 0.0, 0.0, 9.0]) == (0.0, 0.0)


def test_a_trap_out_of_reach_does_not_matter():
    edges = [(1, 5, 2.0), (2, 3, 1.0), (3, 2, 1.0)]
    model = oracle.from_edges(6, edges, oracle.starting_at(6))
    assert iterative.expectation(*model.edges, model.alpha).value == 0.5
