"""Scripts in the style of those that were written for the C++ package of this name run unchanged.

Each does what its users do, with their idioms, and compares the numbers with closed forms. The scripts use
no name that the C++ package lacks.
"""

from __future__ import annotations

import math
import shutil
from functools import partial
from itertools import combinations_with_replacement

import numpy as np
import pytest

import phasic
from phasic import Graph, Property, StateIndexer, clear_caches, configure, set_log_level, with_ipv

all_pairs = partial(combinations_with_replacement, r=2)
nr_samples = 4


@with_ipv([nr_samples] + [0] * (nr_samples - 1))
def coalescent(state):
    transitions = []
    for i in range(state.size):
        for j in range(i, state.size):
            same = int(i == j)
            if same and state[i] < 2:
                continue
            if not same and (state[i] < 1 or state[j] < 1):
                continue
            new = state.copy()
            new[i] -= 1
            new[j] -= 1
            new[i + j + 1] += 1
            transitions.append((new, state[i] * (state[j] - same) / (1 + same)))
    return transitions


def lineages(state):
    n = state[0]
    if n < 2:
        return []
    child = state.copy()
    child[0] -= 1
    return [[child, [n * (n - 1) / 2]]]


def erlang(state, rate=None):
    return [(np.array([state[0] - 1]), rate)] if state[0] > 0 else []


def test_moments_and_spectrum_of_the_coalescent():
    np.random.seed(42)
    graph = Graph(coalescent)
    assert (graph.vertices_length(), graph.state_length(), graph.edges_length()) == (6, 4, 6)
    assert graph.states().tolist()[1:] == [
        [4, 0, 0, 0],
        [2, 1, 0, 0],
        [0, 2, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    assert graph.expectation() == pytest.approx(1.5)
    assert graph.variance() == pytest.approx(1 / 36 + 1 / 9 + 1)
    assert graph.moments(2) == pytest.approx([1.5, 1.5**2 + 41 / 36])
    rewards = graph.states().T
    sfs = np.apply_along_axis(graph.expectation, 1, rewards)
    np.testing.assert_allclose(sfs[:3], [2 / i for i in (1, 2, 3)])
    assert [graph.expectation(rewards=r) for r in rewards[:3]] == pytest.approx([2, 1, 2 / 3])
    covariances = np.array([[graph.covariance(a, b) for a in rewards[:3]] for b in rewards[:3]])
    np.testing.assert_allclose(covariances, covariances.T)
    assert covariances.sum() == pytest.approx(4 * (1 + 1 / 4 + 1 / 9))
    assert covariances[1, 1] == pytest.approx(graph.variance(rewards[1]))


def test_a_distribution_over_an_array_of_times():
    graph = Graph(coalescent)
    times = np.arange(0.1, 4, 0.1)
    tail = 1.8 * np.exp(-times) - np.exp(-3 * times) + 0.2 * np.exp(-6 * times)
    density = 1.8 * np.exp(-times) - 3 * np.exp(-3 * times) + 1.2 * np.exp(-6 * times)
    np.testing.assert_allclose(graph.cdf(times), 1 - tail, rtol=1e-8)
    np.testing.assert_allclose(graph.pdf(times), density, rtol=1e-8)
    np.testing.assert_allclose(graph.pdf(times, granularity=10000), density, rtol=1e-8)
    assert isinstance(graph.cdf(1.0), float)
    assert graph.cdf(times[:6].reshape(2, 3)).shape == (2, 3)
    assert graph.cdf([]).shape == (0,)


def test_a_graph_built_vertex_by_vertex():
    graph = Graph(1)
    vertex = graph.find_or_create_vertex([5])
    graph.starting_vertex().add_edge(vertex, 1)
    for n in range(5, 1, -1):
        child = graph.find_or_create_vertex([n - 1])
        graph.find_or_create_vertex([n]).add_edge(child, [n * (n - 1) / 2])
    graph.update_weights([2.0])
    assert graph.expectation() == pytest.approx(2 * (1 - 1 / 5) / 2)
    assert graph.param_length() == 1
    found = []
    for i in range(1, graph.vertices_length()):
        vertex = graph.vertex_at(i)
        assert vertex.index() == i
        for edge in vertex.edges():
            found.append((vertex.state()[0], edge.to().state()[0], edge.weight()))
    assert found == [(n, n - 1, n * (n - 1.0)) for n in range(5, 1, -1)]
    four = graph.find_vertex([4])
    assert four.edges_length() == 1
    assert four.rate() == 12.0
    assert four.parameterized_edges()[0].edge_state(1) == [6.0]
    assert graph.vertex_exists([1])
    assert not graph.vertex_exists([6])
    assert len(graph.vertices()) == 6
    assert [vertex.index() for vertex in graph.vertices()] == list(range(6))


def test_parameters_of_the_callback_and_several_initial_states():
    def ruin(state, n=None, fair=None):
        n = int(n)  # parameters may come as floats
        if state[0] == 0 or state[0] == n:
            return []
        return [([state[0] + 1], fair), ([state[0] - 1], 1 - fair)]

    graph = Graph(ruin, ipv=[[[1], 0.5], [[3], 0.5]], n=6, fair=0.5)
    assert graph.expectation() == pytest.approx((1 * 5 + 3 * 3) / 2)
    waiting = graph.expected_waiting_time()
    for vertex in graph.vertices():
        if vertex.index() > 0:
            i = vertex.state()[0]
            assert waiting[vertex.index()] == pytest.approx(i * (6 - i))
    sojourn = np.array(graph.expected_sojourn_time())
    assert sojourn.sum() == pytest.approx(7)
    inside = sojourn > 0
    np.testing.assert_allclose(
        sojourn[inside] @ graph.states()[inside], graph.expectation(graph.states().T[0])
    )


def test_rabbits_with_parameters_and_rewards():
    @with_ipv([1, 0])
    def rabbits(state):
        transitions = []
        left, right = state
        if left > 0:
            transitions.append([[left - 1, right + 1], [1, 0, 0]])
            transitions.append([[0, right], [0, 1, 0]])
        if right > 0:
            transitions.append([[left + 1, right - 1], [1, 0, 0]])
            transitions.append([[left, 0], [0, 0, 1]])
        return transitions

    graph = Graph(rabbits)
    jump, flood_left, flood_right = 1, 2, 4
    graph.update_weights([jump, flood_left, flood_right])
    assert graph.param_length() == 3
    whole = (jump + flood_left) * (jump + flood_right) - jump**2
    assert graph.expectation() == pytest.approx((2 * jump + flood_right) / whole)
    rewards = graph.states()[:, 1]
    assert graph.expectation(rewards) == pytest.approx(jump / whole)
    right_graph = graph.reward_transform(rewards)
    assert right_graph.expectation() == pytest.approx(jump / whole)
    # From the right, the rabbit comes back there with chance jump / (jump + flood_left) of each jump.
    never = flood_left / (jump + flood_left)
    assert right_graph.defect() == pytest.approx(never)
    assert right_graph.cdf(0) == pytest.approx(never)
    rate = flood_right + jump * never
    assert right_graph.pdf(0.3) == pytest.approx((1 - never) * rate * math.exp(-0.3 * rate), rel=1e-8)


def test_mutations_by_discretizing():
    def mutation(state, mutation_rate):
        return sum(state) * mutation_rate

    graph = Graph(coalescent).discretize(mutation, mutation_rate=0.1)
    assert graph.vertices_length() == 10
    assert graph.rewards.tolist() == [0] * 6 + [1] * 4
    theta, harmonic, squares = 0.2, 1 + 1 / 2 + 1 / 3, 1 + 1 / 4 + 1 / 9
    assert graph.expectation(graph.rewards) == pytest.approx(theta * harmonic)
    assert graph.variance(graph.rewards) == pytest.approx(theta * harmonic + theta**2 * squares)
    mutations = graph.reward_transform(graph.rewards)
    x = np.arange(8)
    tavare = [
        3
        / theta
        * sum((-1) ** (i - 1) * math.comb(2, i - 1) * (theta / (i + theta)) ** (k + 1) for i in (1, 2, 3))
        for k in x
    ]
    np.testing.assert_allclose(mutations.pdf(x), tavare, rtol=1e-9)
    np.testing.assert_allclose(mutations.cdf(x), np.cumsum(tavare), rtol=1e-9)


def coalescent_of_properties(state, indexer=None):
    transitions = []
    for i, j in all_pairs(indexer.lineage):
        p1 = indexer.lineage.index_to_props(i)
        p2 = indexer.lineage.index_to_props(j)
        same = int(i == j)
        if same and state[i] < 2:
            continue
        if not same and (state[i] < 1 or state[j] < 1):
            continue
        new = state.copy()
        new[i] -= 1
        new[j] -= 1
        k = indexer.lineage.props_to_index(descendants=p1.descendants + p2.descendants)
        new[k] += 1
        transitions.append([new, state[i] * (state[j] - same) / (1 + same)])
    return transitions


def test_a_table_of_joint_probabilities():
    pytest.importorskip("pandas")
    indexer = StateIndexer(lineage=[Property("descendants", min_value=1, max_value=nr_samples)])
    initial = [nr_samples] + [0] * (nr_samples - 1)
    graph = Graph(coalescent_of_properties, ipv=initial, indexer=indexer)
    joint = graph.joint_prob_graph(indexer, tot_reward_limit=2, mutation_rate=0.1)
    assert joint.vertices_length() == 39
    table = joint.joint_prob_table()
    assert table.columns.tolist() == [f"descendants_{i}" for i in range(1, 5)] + ["prob"]
    none = table[(table.iloc[:, :-1] == 0).all(axis=1)]
    assert none["prob"].item() == pytest.approx((1 / 1.2) * (2 / 2.2) * (3 / 3.2))
    per_pair = table.groupby(["descendants_2", "descendants_3"])["prob"].sum().reset_index()
    assert per_pair["prob"].sum() == pytest.approx(table["prob"].sum())
    joint.update_weights([2.0, 1.0])  # coalescence twice as fast is mutation half as fast
    none = joint.joint_prob_table().loc[none.index]
    assert none["prob"].item() == pytest.approx((1 / 1.1) * (2 / 2.1) * (3 / 3.1))


def test_two_islands_by_properties():
    indexer = StateIndexer(
        descendants=[Property("pop1", max_value=2), Property("pop2", max_value=2), Property("in_pop", 2, 1)]
    )
    initial = [0] * indexer.state_length
    initial[indexer.descendants.props_to_index(pop1=1, pop2=0, in_pop=1)] = 2

    @with_ipv(initial)
    def two_island(state, indexer=None):
        transitions = []
        if state[indexer.descendants.indices()].sum() <= 1:
            return transitions
        for i in range(indexer.descendants.state_length):
            if state[i] == 0:
                continue
            props_i = indexer.descendants.index_to_props(i)
            for j in range(i, indexer.descendants.state_length):
                if state[j] == 0:
                    continue
                props_j = indexer.descendants.index_to_props(j)
                same = int(i == j)
                if props_j.in_pop != props_i.in_pop or (same and state[i] < 2):
                    continue
                child = state.copy()
                child[i] -= 1
                child[j] -= 1
                k = indexer.props_to_index(
                    pop1=props_i.pop1 + props_j.pop1, pop2=props_i.pop2 + props_j.pop2, in_pop=props_i.in_pop
                )
                child[k] += 1
                transitions.append([child, [state[i] * (state[j] - same) / (1 + same), 0]])
            child = state.copy()
            child[i] -= 1
            other = 2 if props_i.in_pop == 1 else 1
            child[indexer.props_to_index(pop1=props_i.pop1, pop2=props_i.pop2, in_pop=other)] += 1
            transitions.append([child, [0, state[i]]])
        return transitions

    graph = Graph(two_island, indexer=indexer)
    for migration in (0.1, 1.0, 10.0):
        graph.update_weights([1, migration])
        assert graph.expectation() == pytest.approx(2)  # whatever the migration
    in_second = graph.states().T[indexer.descendants.props_to_index(in_pop=2)].sum(axis=0)
    everywhere = graph.states().T.sum(axis=0)
    assert graph.expectation(everywhere) == pytest.approx(4)
    graph.update_weights([1, 1.0])
    # States by lineages on the second island: 0, 1, 2; the expected times there solve three equations.
    times = np.linalg.solve(np.array([[3.0, -1, 0], [-2, 2, -2], [0, -1, 3]]), [1.0, 0, 0])
    assert graph.expectation(in_second) == pytest.approx(times[1] + 2 * times[2])


def test_a_bottleneck_followed_step_by_step():
    graph = Graph(lineages, ipv=[2])
    graph.update_weights([1.0])
    ctx = graph.distribution_context()
    times, cdf = [], []
    for change_time, new_params in [(1, [5.0]), (1.25, [1.0])]:
        while ctx.time() < change_time:
            ctx.step()
            times.append(ctx.time())
            cdf.append(ctx.cdf())
        graph.update_weights(new_params)
    while ctx.cdf() < 0.95:
        ctx.step()
        times.append(ctx.time())
        cdf.append(ctx.cdf())
    t = np.array(times)
    spent = np.minimum(t, 1) + 5 * np.clip(t - 1, 0, 0.25) + np.maximum(t - 1.25, 0)
    np.testing.assert_allclose(cdf, 1 - np.exp(-spent), rtol=1e-9)


def test_epochs():
    graph = Graph(lineages, ipv=[2])
    rates, times = [1.0, 10.0, 2.0], [1, 1, 1]
    graph.update_weights([rates[0]])
    graph = graph.add_epoch(0.5)
    graph.update_weights([v for pair in zip(rates[:2], times[:2], strict=True) for v in pair])
    graph = graph.add_epoch(0.75)
    assert graph.param_length() == 6
    graph.update_weights([v for pair in zip(rates, times, strict=True) for v in pair])
    until, later = math.exp(-0.5), math.exp(-0.5 - 2.5)
    mean = (1 - until) + until * (1 - math.exp(-2.5)) / 10 + later / 2
    assert graph.expectation() == pytest.approx(mean, rel=1e-9)
    assert graph.states().shape[1] == 2


def test_matrices_there_and_back():
    graph = Graph(coalescent)
    mats = graph.as_matrices()
    sojourn = -np.linalg.solve(mats.sim.T, mats.ipv)
    np.testing.assert_allclose(sojourn, np.array(graph.expected_sojourn_time())[np.array(mats.indices) - 1])
    assert graph.states()[np.array(mats.indices) - 1].tolist() == np.array(mats.states).tolist()
    for back in (
        Graph.from_matrices(mats.ipv, mats.sim, mats.states),
        Graph.from_matrices(mats.ipv, mats.sim),
    ):
        assert back.expectation() == pytest.approx(1.5)
        assert back.variance() == pytest.approx(41 / 36)


def test_samples_have_the_moments():
    np.random.seed(1)  # has no effect
    graph = Graph(coalescent)
    n = 20000
    samples = graph.sample(n)
    assert samples.shape == (n,)
    assert samples.mean() == pytest.approx(1.5, abs=5 * math.sqrt(41 / 36 / n))
    rewards = graph.states().T[0]
    assert graph.sample(n, rewards=rewards).mean() == pytest.approx(
        2, abs=5 * math.sqrt(graph.variance(rewards) / n)
    )
    draws = graph.sample_multivariate(n, graph.states())
    assert draws.shape == (4, n)
    np.testing.assert_allclose(draws.mean(axis=1)[:3], [2, 1, 2 / 3], atol=0.05)
    path = graph.sample_path()
    assert path["vertex_indices"][0] == 0
    assert graph.vertex_at(path["vertex_indices"][-1]).edges_length() == 0
    assert len(path["entry_times"]) == len(path["vertex_indices"])
    assert graph.random_sample_stop_vertex(0.0) == 1


def test_time_spent_and_places_until_a_time():
    graph = Graph(erlang, ipv=[3], rate=1.0)
    for t in (0.5, 2.0):
        poisson = [math.exp(-t) * t**k / math.factorial(k) for k in range(3)]
        np.testing.assert_allclose(graph.stop_probability(t), [0, *poisson, 0], rtol=1e-8)
        spent = [1 - math.exp(-t) * sum(t**j / math.factorial(j) for j in range(k + 1)) for k in range(3)]
        np.testing.assert_allclose(graph.accumulated_occupancy(t), [0, *spent, 0], rtol=1e-8)
        np.testing.assert_allclose(graph.accumulated_visiting_time(t), [0, *spent, 0], rtol=1e-8)
    left = graph.states().T[0]
    total = np.sum(graph.accumulated_occupancy(1000) * left).item()
    assert total == pytest.approx(graph.expectation(left))


def test_a_laplace_transform():
    graph = Graph(erlang, ipv=[3], rate=1.0)
    for s in (0.1, 1.0, 3.0):
        value = graph.laplace_transform(s).expectation(graph.absorbing_state_rewards())
        assert value == pytest.approx((1 / (1 + s)) ** 3)


def test_copies_and_what_is_serialized():
    graph = Graph(lineages, ipv=[6])
    graph.update_weights([3.0])
    for copy in (graph.clone(), graph.copy(), Graph(graph)):
        copy.update_weights([1.0])
        assert (graph.expectation(), copy.expectation()) == pytest.approx((5 / 9, 5 / 3))
    back = Graph.from_serialized(graph.serialize())
    back.update_weights([1.0])
    assert back.expectation() == pytest.approx(5 / 3)
    assert back.vertices_length() == graph.vertices_length()


def test_steps_of_a_discrete_graph():
    graph = Graph(1)
    first, second, end = (graph.find_or_create_vertex([i]) for i in (1, 2, 3))
    graph.starting_vertex().add_edge(first, 1)
    first.add_edge(second, 0.3)  # and stays with 0.7
    second.add_edge(end, 0.5)
    assert graph.expectation_discrete() == pytest.approx(1 / 0.3 + 1 / 0.5)
    assert graph.variance_discrete() == pytest.approx(0.7 / 0.3**2 + 0.5 / 0.5**2)
    x = np.arange(1, 12)
    pmf = [0.3 * 0.5 * sum(0.7**i * 0.5 ** (k - 2 - i) for i in range(k - 1)) for k in x]
    np.testing.assert_allclose(graph.pdf_discrete(x), pmf, rtol=1e-12)
    np.testing.assert_allclose(graph.cdf_discrete(x), np.cumsum(pmf), rtol=1e-12)


def test_vertices_added_by_hand_are_explored():
    graph = Graph(lineages, ipv=[[[3], 0.5]])
    vertex = graph.find_or_create_vertex([5])
    graph.starting_vertex().add_edge(vertex, 0.5)
    graph.extend()
    assert sorted(state for (state,) in graph.states()[1:].tolist()) == [1, 2, 3, 4, 5]
    assert graph.expectation() == pytest.approx(0.5 * (4 / 3) + 0.5 * (8 / 5))


def test_forms_of_transitions_and_weights():
    constant = [
        lambda s: [([0], 2.0)] if s[0] else [],
        lambda s: [[[0], 2]] if s[0] else [],
        lambda s: [(np.array([0]), np.float64(2.0))] if s[0] else [],
    ]
    for callback in constant:
        assert Graph(callback, ipv=[1]).expectation() == 0.5
    vectors = [
        lambda s: [([0], [2.0, 1.0])] if s[0] else [],
        lambda s: [([0], np.array([2.0, 1.0]))] if s[0] else [],
        lambda s: [([0], 0.0, [2.0, 1.0])] if s[0] else [],
    ]
    for callback in vectors:
        graph = Graph(callback, ipv=[1])
        assert graph.expectation() == pytest.approx(1 / 3)
        graph.update_weights([1.0, 2.0])
        assert graph.expectation() == pytest.approx(1 / 4)
        graph.update_weights(
            np.array([1.0, 2.0]), callback=lambda theta, coefs: theta[0] * coefs[0] ** theta[1]
        )
        assert graph.expectation() == pytest.approx(1 / 4)
        graph.update_weights([4.0, 2.0], callback=lambda theta, coefs: theta[0] * coefs[0] ** theta[1])
        assert graph.expectation() == pytest.approx(1 / 16)


def test_factors_of_a_normalized_graph_are_rewards():
    graph = Graph(erlang, ipv=[4], rate=0.5)
    factors = graph.normalize()
    assert graph.expectation() == pytest.approx(4)
    assert graph.expectation(factors) == pytest.approx(8)


def test_settings_and_caches():
    with set_log_level("WARNING"), configure(graph_cache=True, parallel_elimination=True):
        assert Graph(coalescent).expectation() == pytest.approx(1.5)
    for _ in range(2):
        assert Graph(coalescent, graph_cache=True).expectation() == pytest.approx(1.5)
    assert phasic.get_graph_cache_stats()["num_graphs"] == 1
    phasic.print_graph_cache_info()
    clear_caches()
    assert phasic.get_graph_cache_stats()["num_graphs"] == 0


def test_strongly_connected_components():
    graph = Graph(
        lambda s: [([1], 1.0), ([2], 0.5)] if s[0] == 0 else [([0], 2.0)] if s[0] == 1 else [], ipv=[0]
    )
    components = graph.scc_decomposition()
    assert components.n_sccs() == 3
    assert sorted(components.scc_sizes()) == [1, 1, 2]
    assert not graph.is_acyclic()
    assert Graph(coalescent).is_acyclic()


def test_pictures(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    graph = Graph(coalescent)
    assert graph.plot() is not None
    assert (
        graph.plot(nodesep=0.3, ranksep=0.5, rankdir="TB", size=(7, 5), fontsize=20, wrap=False) is not None
    )
    assert graph.plot(by_state=lambda state: f"{state.sum()} lineages") is not None
    assert graph.plot(by_index=lambda index: "even" if index % 2 else "odd", rainbow=False) is not None
    assert (
        graph.plot(label_fmt=lambda vertex: str(vertex.index()), color_by=graph.expected_sojourn_time())
        is not None
    )
    assert graph.plot(label_fmt=False, rate_fmt=lambda rate: f"{rate:.1f}", taillabel=True) is not None
    assert graph.plot(edge_attr=dict(penwidth=3), node_attr=dict(shape="circle", fixedsize=True)) is not None
    assert graph.plot(max_nodes=5) is None
    assert graph.plot_scc_decomp(figsize=(10, 5)) is not None
