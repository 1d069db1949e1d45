"""Names that scripts for the C++ package import, at the addresses from which they import them."""

from __future__ import annotations

import numpy as np
import pytest

import phasic
from phasic import Graph, GraphError, OptionError, PhasicError, Property, StateIndexer, models


def test_indexers_are_at_their_older_address():
    from phasic import indexer, properties, state_indexing

    assert state_indexing.StateIndexer is indexer.StateIndexer
    assert state_indexing.Property is properties.Property
    assert state_indexing.PropertySet is properties.PropertySet


def test_errors_have_the_names_that_scripts_catch():
    from phasic.exceptions import PTDAlgorithmsError, PTDBackendError, PTDConfigError, SvgdConfigError

    assert issubclass(PTDBackendError, PTDAlgorithmsError)
    for kind in (PTDConfigError, SvgdConfigError):
        assert issubclass(kind, ValueError)
        assert issubclass(kind, PTDAlgorithmsError)
    with pytest.raises(PTDConfigError):
        phasic.configure(no_such_setting=True)
    with pytest.raises(PTDAlgorithmsError):
        Graph(0)
    assert phasic.PTDBackendError is PTDBackendError


def test_settings_are_at_their_older_address_and_those_without_effect_are_none():
    from phasic.config import configure, get_available_options, get_config

    assert configure is phasic.configure
    assert set(get_available_options()) == {"jax", "cpp", "mpfr", "platforms"}
    with phasic.configure(parallel_elimination=True, cpu_threads=4) as settings:
        assert settings.parallel_elimination is None
        assert settings.cache_graph is False
    assert get_config().high_precision_mode is None
    with pytest.raises(AttributeError, match="there is no setting 'precision'"):
        _ = get_config().precision
    assert phasic.init_parallel(cpus=2) is None


def test_levels_of_components_are_at_their_older_address():
    from phasic.distributed_scc import compute_scc_levels

    parts = Graph(models.structured_coalescent(2, 1)).scc_decomposition()
    levels = compute_scc_levels(parts)
    assert sorted(index for level in levels for index in level) == list(range(len(parts)))
    place = {index: i for i, level in enumerate(levels) for index in level}
    for part in parts:
        assert all(place[other] < place[part.index()] for other in part.outgoing_scc_edges())
        below = [place[other] for other in part.outgoing_scc_edges()]
        assert place[part.index()] == max(below, default=-1) + 1


def test_parts_of_fitting_are_found_in_the_package_and_at_their_older_address():
    from phasic import svgd
    from phasic.inference import priors

    assert phasic.GaussPrior is priors.GaussPrior
    assert svgd.GaussPrior is priors.GaussPrior
    assert phasic.StepSizeSchedule.__name__ == "Schedule"


def test_slots_have_their_name_as_a_name_and_indexers_add_up():
    one = StateIndexer("epoch", lineage=[Property("d", 3)], slots=["branch"])
    assert [slot.name for slot in one.slots()] == one.slots() == ["epoch", "branch"]
    assert one.index_ranges == {"lineage": (0, 4), "epoch": (4, 5), "branch": (5, 6)}
    assert (one["lineage"], one["branch"]) == (one.lineage, 5)
    with pytest.raises(IndexError, match="no property set or slot 'd'"):
        _ = one["d"]
    both = one + StateIndexer(other=[Property("q", 1)])
    assert both.index_ranges == {**one.index_ranges, "other": (6, 8)}


def test_an_older_form_of_indexers_and_of_bounds():
    properties = [Property("d", 3), Property("q", 2, offset=1)]
    old = StateIndexer(properties)
    assert old == StateIndexer(property_sets=properties)
    assert list(properties[1]) == [1, 2, 3]
    assert properties[1] == Property("q", 3, 1)
    assert Property("q", 3, min_value=2, offset=1) == Property("q", 3, 2)
    assert StateIndexer.from_dict(old.to_dict()) == old


def test_the_length_of_theta_can_be_said_first():
    graph = Graph(1)
    graph.set_param_length(2)
    one, zero = graph.find_or_create_vertex([1]), graph.find_or_create_vertex([0])
    graph.starting_vertex().add_edge(one, 1)
    assert graph.param_length() == 2
    for wrong in ([1.0], 1.0, [1.0, 2.0, 3.0]):
        with pytest.raises(GraphError, match="edges of this graph have"):
            one.add_edge(zero, wrong)
    one.add_edge_parameterized(zero, 0.0, [3.0, 1.0])
    graph.update_parameterized_weights([1.0, 2.0])
    assert graph.expectation() == 0.2
    graph.set_param_length(2)
    with pytest.raises(PhasicError, match="before the first edge"):
        graph.set_param_length(3)


def test_moments_may_be_asked_for_as_discrete():
    graph = Graph(lambda state: [([0], 0.3)] if state[0] else [], ipv=[1])
    as_steps = graph.moments(2, discrete=True)
    assert as_steps == pytest.approx([1 / 0.3, (2 - 0.3) / 0.09])
    assert graph.moments(2) == pytest.approx([1 / 0.3, 2 / 0.09])
    graph.is_discrete = True
    assert graph.moments(2, [], True) == graph.moments(2) == pytest.approx(as_steps)


def test_parameters_go_by_the_names_of_the_c_package():
    graph = Graph(models.lineages(3))
    assert graph.pdf(time=1.0, granularity=7) == graph.pdf(1.0)
    assert graph.cdf(time=[1.0, 2.0]).tolist() == graph.cdf([1.0, 2.0]).tolist()
    assert graph.stop_probability(time=1.0) == graph.state_probability(time=1.0)
    assert graph.moments(power=2) == graph.moments(2)
    assert graph.vertex_at(idx=1) == graph.vertex_at(1)
    assert graph.accumulated_occupancy(time=1.0) == graph.accumulated_visiting_time(1.0)
    sojourn = graph.expected_sojourn_time()
    assert graph.expected_sojourn_time(indices=[2, 1]) == [sojourn[2], sojourn[1]]
    with pytest.raises(GraphError, match="indices"):
        graph.expected_sojourn_time(indices=[9])
    graph.update_ipv(ipv=[0.5])
    assert graph.defect() == 0.5
    assert graph.sample(2, seed=1, validate_rewards=False).shape == (2,)
    assert graph.laplace_transform(theta=0.5) == graph.laplace_transform(0.5)


def test_rates_of_events_may_be_given_by_a_callback():
    pytest.importorskip("pandas")
    indexer = StateIndexer(lineage=[Property("size", 2, 1)])
    graph = Graph(models.coalescent(2))
    usual = graph.joint_prob_graph(base_graph_indexer=indexer, tot_reward_limit=2, mutation_rate=0.3)
    same = graph.joint_prob_graph(
        indexer, tot_reward_limit=2, mutation_rate=0.3, reward_rates_callback=lambda state: state[:2]
    )
    assert same == usual
    twice = graph.joint_prob_graph(
        indexer, tot_reward_limit=2, mutation_rate=0.15, reward_rates_callback=lambda state: 2.0 * state[:2]
    )
    np.testing.assert_allclose(twice.joint_prob_table()["prob"], usual.joint_prob_table()["prob"])
    for wrong in (lambda state: [1.0], lambda state: None, lambda state: [1.0, np.nan]):
        with pytest.raises(PhasicError, match=r"for state \[2, 0\]; return 2 finite rates"):
            graph.joint_prob_graph(indexer, tot_reward_limit=2, reward_rates_callback=wrong)
    with pytest.raises(GraphError, match="reward_rates_callback"):
        graph.joint_prob_graph(indexer, tot_reward_limit=2, reward_rates_callback=lambda state: -state[:2])


def test_a_tree_has_a_leaf_for_each_letter():
    pytest.importorskip("matplotlib")
    from phasic.utils import tree_illustration

    figure, axes = tree_illustration("TTTTGGA")
    letters = sorted(text.get_text() for text in axes.texts if len(text.get_text()) == 1)
    assert letters == sorted("TTTTGGA")
    arrow = "\N{RIGHTWARDS ARROW}"
    changes = sorted(text.get_text() for text in axes.texts if arrow in text.get_text())
    assert changes == [f"T{arrow}A", f"T{arrow}G"]
    again, other = tree_illustration("TTTT", ton=1, ton_label=False, balanced=False, seed=2, ax=axes)
    assert (again, other) == (figure, axes)
    with pytest.raises(OptionError, match="a letter for each leaf"):
        tree_illustration("")
