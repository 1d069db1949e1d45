from __future__ import annotations

import inspect
import math
import pickle

import numpy as np
import pytest
from epochs_for_tests import dense_moments, generator, interleaved, two_times, with_epochs
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import chain, coalescent, coalescent_callback, trap
from scipy.linalg import expm
from strategies import MILD, phase_types, thetas

from phasic import AbsorptionError, Graph, GraphError, ParameterError, PhasicError, models
from phasic.epochs import EpochGraph
from phasic.epochs.jumps import EpochJumps

few = settings(max_examples=10)


@few
@given(
    phase_types(parameters=2, max_states=5),
    two_times,
    st.tuples(thetas(2), thetas(2), thetas(2)),
    st.lists(MILD, min_size=7, max_size=7),
)
def test_moments_are_those_of_dense_matrix_exponentials(arrays, times, parts, rewards):
    graph = with_epochs(arrays, times)
    assert graph.param_length() == 9
    graph.update_weights(interleaved(parts, times))
    by_state = np.array(rewards)[graph.states()[:, 0]]
    exact = dense_moments(arrays, parts, times, np.array(rewards)[: arrays.n_vertices], 3)
    assert graph.moments(3, by_state) == pytest.approx(exact, rel=1e-8)
    assert graph.expectation(by_state) == pytest.approx(exact[0], rel=1e-9)
    assert sum(graph.expected_sojourn_time(by_state)) == pytest.approx(exact[0], rel=1e-9)
    variance = exact[1] - exact[0] ** 2
    assert graph.variance(by_state) == pytest.approx(variance, rel=1e-7, abs=1e-8 * exact[1])
    ones = dense_moments(arrays, parts, times, np.ones(arrays.n_vertices), 2)
    both = dense_moments(arrays, parts, times, 1.0 + np.array(rewards)[: arrays.n_vertices], 2)
    product = (both[1] - exact[1] - ones[1]) / 2
    covariance = product - exact[0] * ones[0]
    assert graph.covariance(by_state, []) == pytest.approx(covariance, rel=1e-7, abs=1e-7 * product)


@few
@given(phase_types(parameters=2, max_states=5), two_times, st.tuples(thetas(2), thetas(2), thetas(2)))
def test_distributions_are_those_of_dense_matrix_exponentials(arrays, times, parts):
    graph = with_epochs(arrays, times)
    graph.update_weights(interleaved(parts, times))
    begins = (0.0, *times)
    transient = np.diff(arrays.offsets) > 0
    for t in (0.0, times[0] / 2, times[0], sum(times) / 2, times[1], times[1] + 1.5):
        state = arrays.alpha
        for begin, end, theta in zip(begins, (*times, math.inf), parts, strict=True):
            if t >= begin:
                state = state @ expm(generator(arrays, theta) * (min(t, end) - begin))
                here = theta
        assert graph.cdf(t) == pytest.approx(state[~transient].sum(), abs=1e-9)
        flow = generator(arrays, here)[np.ix_(transient, ~transient)]
        assert graph.pdf(t) == pytest.approx((state[transient] @ flow).sum(), rel=1e-7, abs=1e-8)
        inside = np.zeros(arrays.n_vertices)
        np.add.at(inside, graph.states()[:, 0], graph.stop_probability(t))
        np.testing.assert_allclose(inside, np.where(transient, state, 0.0), atol=1e-9)
    assert graph.state_probability(t) == graph.stop_probability(t)


@few
@given(phase_types(parameters=2, max_states=5), two_times, thetas(2))
def test_an_epoch_with_the_same_parameters_changes_nothing(arrays, times, theta):
    plain = with_epochs(arrays, ())
    plain.update_weights(theta)
    graph = plain.add_epoch(times[0]).add_epoch(times[1])
    assert graph.moments(3) == pytest.approx(plain.moments(3), rel=1e-9)
    t = np.array([0.0, 0.3, 1.0, 5.0])
    np.testing.assert_allclose(graph.cdf(t), plain.cdf(t), atol=1e-9)
    assert graph.defect() == plain.defect()


def test_two_lineages_in_a_bottleneck():
    graph = Graph(models.lineages(2)).add_epoch(1.0).add_epoch(1.5)
    graph.update_weights([1.0, 0.0, 10.0, 1.0, 2.0, 1.5])
    a, b = math.exp(-1.0), math.exp(-1.0 - 5.0)
    assert graph.expectation() == pytest.approx((1 - a) + (a - b) / 10 + b / 2, rel=1e-13)
    assert graph.cdf([1.0, 1.5]) == pytest.approx([1 - a, 1 - b], rel=1e-12)
    assert graph.boundaries == (1.0, 1.5)
    assert graph.states().tolist() == [[0, 0], [2, 0], [1, 0], [2, 1], [1, 1], [2, 2], [1, 2]]


def test_constant_graphs_get_a_parameter_for_each_epoch():
    graph = Graph(coalescent).add_epoch(0.5)
    assert graph.param_length() == 4
    assert graph.expectation() == pytest.approx(1.5)
    graph.update_weights([1.0, 1.0, 3.0, 0.5])
    left = Graph(coalescent).stop_probability(0.5)
    rest = Graph(coalescent).expected_waiting_time()
    after = float(np.dot(left, rest))
    assert graph.expectation() == pytest.approx(1.5 - after + after / 3)


def test_the_next_epoch_may_have_other_transitions():
    """What becomes absorbing at the boundary is absorbed there."""
    graph = Graph(coalescent_callback, ipv=[2])
    stopping = graph.add_epoch(0.5, lambda state: [])
    assert stopping.expectation() == pytest.approx(1 - math.exp(-0.5))
    assert stopping.cdf([0.4999999, 0.5]) == pytest.approx([1 - math.exp(-0.4999999), 1.0])
    split = graph.add_epoch(0.5, lambda state, speed: [([9], [speed])] if state[0] == 2 else [], speed=4.0)
    assert split.states()[-1].tolist() == [9, 1]
    assert split.expectation() == pytest.approx(1 - math.exp(-0.5) + math.exp(-0.5) / 4)
    endless = Graph(trap, ipv=[1])
    assert endless.add_epoch(2.0, lambda s: [([7], 1.0)] if s[0] < 2 else []).expectation() == pytest.approx(
        3.0
    )
    with pytest.raises(AbsorptionError):
        endless.add_epoch(2.0).moments(2)


def test_mass_that_starts_absorbed_or_nowhere_stays_so():
    graph = Graph(chain, ipv=[[[1], 0.5], [[0], 0.25]]).add_epoch(1.0)
    graph.update_weights([1.0, 0.0, 2.0, 1.0])
    assert graph.cdf([0.0, math.inf]) == pytest.approx([0.25, 0.75])
    assert graph.defect() == 0.5
    after = 0.5 * math.exp(-1.0)
    assert graph.expectation() == pytest.approx(0.5 - after / 2)
    graph.update_ipv([1.0, 0.0])
    assert graph.expectation() == pytest.approx(1.0 - math.exp(-1.0) / 2)


def test_boundaries_cannot_be_moved_by_theta():
    graph = Graph(models.lineages(3)).add_epoch(0.5)
    for fine in ([1.0, 7.0, 2.0, 1.0], [1.0, 0.0, 2.0, 0.5]):
        graph.update_weights(fine)
    before = graph.expectation()
    with pytest.raises(ParameterError, match=r"entry 3 of theta is 0.75, but epoch 1 begins at 0.5"):
        graph.update_weights([1.0, 0.0, 2.0, 0.75])
    assert graph.expectation() == before


def test_epochs_that_cannot_be_are_refused():
    graph = Graph(models.lineages(3))
    later = graph.add_epoch(0.5)
    for wrong in (0.5, 0.25, -1.0, math.nan, math.inf, [1.0]):
        with pytest.raises(GraphError, match="an epoch was to begin at"):
            later.add_epoch(wrong)
    with pytest.raises(GraphError, match="2 coefficients, those before 1"):
        graph.add_epoch(0.5, lambda state: [([1], [1.0, 2.0])] if state[0] > 1 else [])
    with pytest.raises(GraphError, match="pass one to add_epoch"):
        Graph(1).add_epoch(1.0)
    with pytest.raises(GraphError, match="continuous graph"):
        graph.discretize(0.1).add_epoch(1.0, coalescent_callback)
    with pytest.raises(GraphError, match="by its clone"):
        Graph(later)
    with pytest.raises(PhasicError, match="jumps of the fastest state"):
        Graph(chain, ipv=[2]).add_epoch(1e12).expectation()


def test_moments_are_counted_from_one():
    graph = Graph(models.lineages(3)).add_epoch(0.5)
    for wrong in (0, -1, 1.5, "two"):
        for ask in (graph.moments, graph.moments_gradient):
            with pytest.raises(ParameterError, match="an integer of at least 1"):
                ask(wrong)


def test_graphs_with_epochs_are_values():
    graph = Graph(models.lineages(3)).add_epoch(0.5)
    graph.update_weights([1.0, 1.0, 4.0, 1.0])
    for twin in (graph.clone(), graph.copy(), pickle.loads(pickle.dumps(graph))):
        assert isinstance(twin, EpochGraph)
        assert twin == graph
        assert twin.variance() == graph.variance()
    assert graph.clone().add_epoch(2.0).variance() == pytest.approx(graph.variance())


LIKE_ANY_GRAPH = {
    *("vertices", "vertices_length", "vertex_at", "starting_vertex", "find_vertex", "vertex_exists"),
    *("index_of", "states", "state_length", "edges_length", "param_length", "is_parameterized"),
    *("parameterized", "is_acyclic", "clone", "copy", "from_arrays", "from_matrices", "weight_of"),
    *("update_weights", "update_ipv", "add_epoch", "changing", "scc_decomposition", "validate"),
    *("from_serialized", "plot", "plot_scc_decomp", "pull_cache"),
    *("pmf_from_graph", "moments_from_graph", "pmf_and_moments_from_graph"),  # of the graph they are given
    *("pmf_from_graph_multivariate", "moments_from_graph_multivariate"),
    *("pmf_and_moments_from_graph_multivariate", "pmf_from_graph_joint_index"),
    *("update_parameterized_weights", "compute_trace", "prewarm_cache", "clear_from_cache"),
    *("expectation", "expected_sojourn_time", "defect"),  # right because sojourn times are
    *("joint_prob_table", "epoch_context"),  # of sojourn times, and of times spent
    *("svgd", "fit", "mcmc", "method_of_moments"),  # by the engine of the graph
}
OF_THEIR_OWN = {
    *("moments", "variance", "covariance", "pdf", "cdf", "stop_probability", "state_probability"),
    *("survival", "log_pdf", "log_survival", "quantile", "log_likelihood"),
    *("expectation_gradient", "moments_gradient"),
    *("accumulated_visiting_time", "accumulated_occupancy", "distribution_context"),
    *("sample", "sample_multivariate", "sample_path", "sample_path_conditioned"),
    *("sample_stop_vertices", "random_sample_stop_vertex"),
    *("laplace_transform", "absorbing_state_rewards", "joint_prob_graph"),
    "reward_transform",  # where that makes a graph with epochs
}
REFUSED = {
    "expected_waiting_time": ((),),
    "reward_transform_discrete": (([1.0],),),
    "discretize": ((0.1,),),
    "extend": ((),),
    "find_or_create_vertex": (([9, 9],),),
    "focv": (([9, 9],),),
    "create_vertex": (([9, 9],),),
    "normalize": ((),),
    "set_param_length": ((4,),),
    "backward_probabilities": (([1],),),
    "reward_visit_probability": (([1.0],),),
    "as_matrices": ((),),
    "serialize": ((),),
    "accumulated_visits": ((2,),),
    "probability_matching": (([(0,), (1,)],),),
    "push_cache": ((),),
    "random_sample_discrete_stop_vertex": ((1,),),
}


def test_whatever_takes_rates_for_constant_is_refused():
    """A new method of Graph has to be sorted here, or it may give wrong answers for graphs with epochs."""
    methods = {name for name, _ in inspect.getmembers(Graph, callable) if not name.startswith("_")}
    discrete = {name for name in methods if name.endswith("_discrete")}
    known = LIKE_ANY_GRAPH | OF_THEIR_OWN | set(REFUSED) | discrete
    assert methods <= known
    graph = Graph(models.lineages(3)).add_epoch(0.5)
    for name, (arguments,) in REFUSED.items():
        with pytest.raises(GraphError):
            getattr(graph, name)(*arguments)
    with pytest.raises(GraphError, match="change that one"):
        graph.is_discrete = True
    for name in discrete:
        with pytest.raises((GraphError, TypeError)):
            getattr(graph, name)()


def test_what_has_an_answer_of_its_own_is_refused_for_numbers_of_jumps():
    """Which are not independent of time; but for `moments`, of which the first one is known."""
    for name in OF_THEIR_OWN - {"moments"}:
        assert getattr(EpochJumps, name) is EpochJumps._refuse, name


def test_tails_quantiles_and_likelihoods_follow_the_rates_of_each_epoch():
    """A hazard of 1 until time 1, then 10 until 1.5, then 2."""
    graph = Graph(models.lineages(2)).add_epoch(1.0).add_epoch(1.5)
    graph.update_weights([1.0, 0.0, 10.0, 1.0, 2.0, 1.5])
    t = np.array([0.3, 1.0, 1.2, 1.5, 40.0, 300.0])
    hazard = np.array([1.0, 10.0, 10.0, 2.0, 2.0, 2.0])
    gone = np.minimum(t, 1.0) + 10.0 * np.clip(t - 1.0, 0.0, 0.5) + 2.0 * np.maximum(t - 1.5, 0.0)
    np.testing.assert_allclose(graph.log_survival(t), -gone, rtol=1e-12)
    np.testing.assert_allclose(graph.survival(t), np.exp(-gone), rtol=1e-11)
    np.testing.assert_allclose(graph.log_pdf(t), np.log(hazard) - gone, rtol=1e-12)
    np.testing.assert_allclose(graph.quantile(-np.expm1(-gone[:4])), t[:4], rtol=1e-12)
    assert graph.quantile([0.0, 1.0]).tolist() == [0.0, math.inf]
    assert graph.log_likelihood(t) == pytest.approx(float((np.log(hazard) - gone).sum()), rel=1e-12)
    values, errors = graph.pdf(t, error=True)
    assert (np.abs(values - hazard * np.exp(-gone)) <= errors + 1e-15).all()
    _, gradient = graph.log_likelihood(t, gradient=True)
    assert gradient.tolist() == pytest.approx(
        [1.0 - t[:1].sum() - 5.0, 0.0, 2 / 10 - 0.2 - 3 * 0.5, 0.0, 3 / 2 - (t[3:] - 1.5).sum(), 0.0],
        rel=1e-11,
    )
