from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import AbsorptionError, Graph, GraphArrays, GraphError, models
from phasic.alias import alias_tables

MANY = 20_000


def graph_of(model):
    """Return the graph of an oracle's model."""
    starts = np.flatnonzero(model.alpha)
    return Graph.from_arrays(
        GraphArrays(
            states=np.arange(model.n)[:, None],
            start_targets=starts,
            start_weights=model.alpha[starts],
            offsets=model.offsets,
            targets=model.targets,
            coefficients=model.weights[:, None],
            discrete=model.discrete,
        )
    )


def islands():
    graph = Graph(models.island_coalescent(3, 2))
    graph.update_weights([1.0, 0.4])
    return graph


def geometric(p=0.3, mass=1.0):
    graph = Graph.from_matrices([mass], [[1.0 - p]], discrete=True)
    assert graph.is_discrete
    return graph


GRAPHS = {
    "coalescent": lambda: Graph(models.coalescent(8)),
    "islands": islands,
    "random": lambda: graph_of(oracle.random_model(3)),
    "stiff": lambda: graph_of(oracle.random_model(4, spread=2.0)),
    "queue": lambda: Graph(models.mm1k_queue_time(6, 1.0, 1.5)),
    "mixture": lambda: Graph(models.hyperexponential([0.2, 0.3, 0.5], [0.1, 1.0, 10.0])),
    "steps": lambda: graph_of(oracle.random_model(5, discrete=True)),
    "geometric": geometric,
}


@pytest.fixture(params=GRAPHS)
def graph(request):
    return GRAPHS[request.param]()


def close(samples, mean, variance):
    """Whether the mean of samples is within five of its standard deviations of what it has to be."""
    return abs(samples.mean() - mean) <= 5.0 * np.sqrt(variance / samples.size)


def finite(samples):
    """Return samples as moments see them: missing mass, which is never absorbed, collects nothing."""
    return np.where(np.isinf(samples), 0.0, samples)


def total(paths):
    return np.array([path["entry_times"][-1] for path in paths])


# Alias tables


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=40))
def test_a_table_has_the_probabilities_of_its_weights(weights):
    values = np.array(weights)
    tables = alias_tables(np.array([0, values.size]), np.arange(values.size), values)
    shares = [Fraction(weight) for weight in weights]
    exact = np.array([float(share / sum(shares)) for share in shares])
    assert tables.probabilities(0, values.size) == pytest.approx(exact, rel=1e-12, abs=1e-15)
    assert (tables.thresholds >= 0.0).all()
    assert (tables.thresholds <= 1.0).all()


@given(st.floats(1e-300, 1e-20), st.integers(1, 20))
def test_a_weight_too_small_to_add_up_keeps_its_probability(tiny, others):
    values = np.append(np.ones(others), tiny)
    tables = alias_tables(np.array([0, values.size]), np.arange(values.size), values)
    assert tables.probabilities(0, values.size)[-1] == pytest.approx(tiny / others, rel=1e-12)


def test_rows_are_apart_and_may_be_empty():
    offsets, targets = np.array([0, 2, 2, 5]), np.array([3, 1, 0, 1, 2])
    tables = alias_tables(offsets, targets, np.array([1.0, 3.0, 1e308, 1e308, 0.5e308]))
    assert tables.probabilities(0, 4).tolist() == [0.0, 0.75, 0.0, 0.25]
    assert tables.probabilities(2, 4) == pytest.approx([0.4, 0.4, 0.2, 0.0], rel=1e-12)


# What is drawn follows the distribution


def test_mean_and_variance_are_those_of_the_distribution(graph):
    samples = finite(graph.sample(MANY, seed=11))
    mean, square, _, fourth = graph.moments(4)
    assert samples.shape == (MANY,)
    assert samples.dtype == np.float64
    assert close(samples, mean, square - mean**2)
    assert close(samples**2, square, fourth - square**2)


def test_the_share_of_samples_up_to_a_time_is_the_distribution_function(graph):
    samples = np.sort(graph.sample(MANY, seed=12))
    times = np.unique(samples[np.isfinite(samples)])
    share = np.searchsorted(samples, times, side="right") / MANY
    exact = np.asarray(graph.cdf(times))
    distance = np.abs(share - exact).max()
    if not graph.is_discrete:
        distance = max(distance, np.abs(share - 1.0 / MANY - exact).max())
    assert distance * np.sqrt(MANY) < 1.95  # exceeded by one seed in a thousand


def test_rewards_have_their_mean_and_variance(graph):
    rewards = np.linspace(-1.0, 2.0, graph.vertices_length())
    samples = graph.sample(MANY, rewards, seed=13)
    assert close(samples, graph.expectation(rewards), graph.variance(rewards))
    assert samples.var() == pytest.approx(graph.variance(rewards), rel=0.15)


def test_rewards_collected_together_have_their_covariances():
    graph = islands()
    lengths = graph.states()
    samples = graph.sample_multivariate(MANY, lengths, seed=14)
    assert samples.shape == (lengths.shape[1], MANY)
    columns = list(lengths.T)
    exact = np.array([[graph.covariance(a, b) for b in columns] for a in columns])
    away = samples - samples.mean(axis=1)[:, None]
    spread = (away[:, None] * away[None]).std(axis=2) / np.sqrt(MANY)
    assert (np.abs(np.cov(samples) - exact) <= 5.0 * spread).all()


def test_each_reward_of_several_is_the_one_of_the_same_walk(graph):
    rewards = np.random.default_rng(1).normal(size=(graph.vertices_length(), 3))
    together = graph.sample_multivariate(50, rewards, seed=15)
    for row, column in zip(together, rewards.T, strict=True):
        np.testing.assert_array_equal(row, graph.sample(50, column, seed=15))
    ones = np.ones((graph.vertices_length(), 1))
    np.testing.assert_array_equal(
        graph.sample_multivariate(50, ones, seed=15)[0], finite(graph.sample(50, seed=15))
    )


def test_rewards_of_start_and_end_have_no_effect():
    graph = Graph(models.erlang(3))
    rewards = np.ones(graph.vertices_length())
    rewards[[0, -1]] = 1e9
    np.testing.assert_array_equal(graph.sample(20, rewards, seed=1), graph.sample(20, seed=1))


def test_geometric_steps_have_their_probabilities():
    p = 0.3
    counts = np.bincount(geometric(p).sample_discrete(MANY, seed=16).astype(int), minlength=60)
    exact = np.append(0.0, p * (1.0 - p) ** np.arange(counts.size - 1)) * MANY
    assert counts[0] == 0
    seen = exact > 5.0
    assert ((counts - exact)[seen] ** 2 / exact[seen]).sum() < 2.5 * seen.sum()


def test_a_step_that_is_certain_takes_one_step():
    graph = Graph.from_matrices([1.0, 0.0], [[0.0, 1.0], [0.0, 0.0]], discrete=True)
    assert (graph.sample(50, seed=1) == 2.0).all()


def test_places_at_a_time_have_the_probabilities_of_states(graph):
    t = np.floor(graph.expectation()) if graph.is_discrete else 0.7 * graph.expectation()
    places = graph.sample_stop_vertices(t, MANY, seed=17)
    share = np.bincount(places, minlength=graph.vertices_length()) / MANY
    exact = np.array(graph.stop_probability(t))
    transient = np.diff(graph.arrays.offsets) > 0
    assert share[0] == pytest.approx(1.0 - graph.cdf(np.inf), abs=5.0 / np.sqrt(MANY))
    assert (np.abs(share - exact)[transient] <= 5.0 * np.sqrt(exact[transient] / MANY) + 1e-3).all()
    assert share[1:][~transient[1:]].sum() == pytest.approx(graph.cdf(t), abs=5.0 / np.sqrt(MANY))


def test_a_walk_stopped_at_time_zero_has_not_left_its_start():
    graph = Graph(models.coalescent(5))
    assert graph.random_sample_stop_vertex(0.0, seed=1) == 1
    assert isinstance(graph.random_sample_stop_vertex(1.0), int)


# Paths


def test_paths_follow_edges_and_take_the_time_of_the_distribution(graph):
    paths = graph.sample_path(2000, seed=18)
    arrays = graph.arrays
    edges = {(0, int(v)) for v in arrays.start_targets}
    for v in range(arrays.n_vertices):
        edges |= {(v, int(u)) for u in arrays.targets[arrays.offsets[v] : arrays.offsets[v + 1]]}
    for path in paths[:200]:
        vertices, times = path["vertex_indices"], path["entry_times"]
        assert vertices.dtype == np.int64
        assert vertices[0] == 0
        assert (times[:2] == 0.0).all()
        assert (np.diff(times) >= 0.0).all()
        assert set(zip(vertices[:-1].tolist(), vertices[1:].tolist(), strict=True)) <= edges
        assert arrays.offsets[vertices[-1]] == arrays.offsets[vertices[-1] + 1]
        assert vertices.size > 1 or graph.cdf(np.inf) < 1.0
    assert close(total(paths), graph.expectation(), graph.variance())


def test_each_way_through_the_coalescent_has_its_probability():
    graph = Graph(models.coalescent(4))
    ways = [tuple(path["vertex_indices"].tolist()) for path in graph.sample_path(MANY, seed=19)]
    by_state = {tuple(state): v for v, state in enumerate(graph.states().tolist()) if v}
    pairs, uneven = by_state[(0, 2, 0, 0)], by_state[(1, 0, 1, 0)]
    share = sum(pairs in way for way in ways) / MANY
    assert share == pytest.approx(1.0 / 3.0, abs=5.0 * np.sqrt(2.0 / 9.0 / MANY))
    assert all((pairs in way) != (uneven in way) for way in ways)


def test_one_path_is_a_dictionary_and_several_are_a_list():
    graph = Graph(models.erlang(2))
    assert set(graph.sample_path()) == {"vertex_indices", "entry_times"}
    assert len(graph.sample_path(3)) == 3
    assert graph.sample_path(0) == []


def test_paths_of_steps_are_entered_at_whole_times():
    times = geometric().sample_path(seed=3)["entry_times"]
    assert times[-1] >= 1.0
    np.testing.assert_array_equal(times, np.floor(times))


def forked():
    """Return a cyclic graph with two ends, and a generator and exits for dense algebra."""
    inner = np.array([[0.0, 1.0, 0.5], [2.0, 0.0, 0.1], [0.3, 0.0, 0.0]])
    exits = np.array([[0.2, 0.0], [0.0, 0.4], [3.0, 0.01]])
    graph = Graph(1)
    states = [graph.create_vertex([i]) for i in range(5)]
    graph.starting_vertex().add_edge(states[0], 0.5)
    graph.starting_vertex().add_edge(states[1], 0.4)
    for i in range(3):
        for j, rate in enumerate(np.concatenate([inner[i], exits[i]])):
            if rate:
                states[i].add_edge(states[j], rate)
    s = inner - np.diag(inner.sum(axis=1) + exits.sum(axis=1))
    return graph, s, exits, np.array([0.5, 0.4, 0.0])


@pytest.mark.parametrize("end", [0, 1])
def test_conditioned_paths_are_those_that_end_there(end):
    graph, s, exits, alpha = forked()
    paths = graph.sample_path_conditioned([4 + end], MANY // 4, seed=20)
    assert {int(path["vertex_indices"][-1]) for path in paths} == {4 + end}
    chance = np.linalg.solve(-s, exits[:, end])
    mean = alpha @ np.linalg.solve(-s, chance) / (alpha @ chance)  # E[T; end] over P(end)
    square = 2.0 * alpha @ np.linalg.solve(-s, np.linalg.solve(-s, chance)) / (alpha @ chance)
    assert close(total(paths), mean, square - mean**2)
    first = np.mean([path["vertex_indices"][1] == 1 for path in paths])
    assert first == pytest.approx(alpha[0] * chance[0] / (alpha @ chance), abs=5.0 / np.sqrt(MANY / 4))


def test_conditioned_on_every_end_paths_are_free():
    graph, s, _, alpha = forked()
    alpha = alpha / alpha.sum()
    mean = alpha @ np.linalg.solve(-s, np.ones(3))
    square = 2.0 * alpha @ np.linalg.solve(-s, np.linalg.solve(-s, np.ones(3)))
    assert close(total(graph.sample_path_conditioned([4, 5], 4000, seed=21)), mean, square - mean**2)


def test_an_unlikely_end_is_reached_all_the_same():
    graph = Graph(lambda state: [([0], 1.0), ([state[0] + 1], 1e-9)] if 0 < state[0] < 20 else [], ipv=[1])
    last = graph.find_vertex([20]).index()
    path = graph.sample_path_conditioned([last], seed=1)
    assert graph.states()[path["vertex_indices"][1:]].ravel().tolist() == list(range(1, 21))


def test_the_chance_of_fixation_is_the_share_of_copies():
    from phasic.sampling import chance_of_ending

    graph = Graph(models.moran(10, 3))
    fixed = graph.find_vertex([10]).index()
    chance = chance_of_ending(graph.arrays, graph.weights, np.array([fixed]))
    assert chance[1:] == pytest.approx(graph.states()[1:, 0] / 10.0, rel=1e-13)


# Mass that does not move


def test_mass_that_starts_absorbed_takes_no_time():
    graph = Graph(lambda state: [([0], 1.0)] if state[0] else [], ipv=[([1], 0.25), ([0], 0.75)])
    samples = graph.sample(4000, seed=22)
    assert (samples == 0.0).mean() == pytest.approx(graph.cdf(0.0), abs=0.035)
    assert close(samples, graph.expectation(), graph.variance())
    everything = Graph(lambda state: [], ipv=[1])
    assert (everything.sample(20) == 0.0).all()
    assert everything.sample_path()["vertex_indices"].tolist() == [0, 1]


def test_missing_mass_is_never_absorbed_and_collects_nothing():
    graph = Graph(lambda state: [([0], 1.0)] if state[0] else [], ipv=[([1], 0.5)])
    samples = graph.sample(MANY, seed=23)
    assert np.isinf(samples).mean() == pytest.approx(1.0 - graph.cdf(np.inf), abs=5.0 / np.sqrt(MANY))
    rewarded = graph.sample(MANY, np.ones(3), seed=23)
    np.testing.assert_array_equal(rewarded, np.where(np.isinf(samples), 0.0, samples))
    assert close(rewarded, graph.expectation(), graph.variance())
    paths = graph.sample_path(200, seed=23)
    nowhere = [path for path in paths if len(path["vertex_indices"]) == 1]
    assert 60 < len(nowhere) < 140
    assert nowhere[0]["vertex_indices"].tolist() == [0]
    assert nowhere[0]["entry_times"].tolist() == [0.0]
    assert (graph.sample_stop_vertices(0.1, 200, seed=23) == 0).mean() == pytest.approx(0.5, abs=0.2)


def test_a_start_without_any_mass_gives_times_without_end():
    assert np.isinf(Graph.from_matrices([0.0], [[-1.0]]).sample(10, seed=1)).all()


def trapped():
    return Graph(
        lambda state: {0: [([1], 1.0), ([3], 3.0)], 1: [([2], 1.0)], 2: [([1], 1.0)], 3: []}[int(state[0])],
        ipv=[0],
    )


def test_walks_into_a_trap_take_for_ever():
    graph = trapped()
    samples = graph.sample(4000, seed=24)
    assert np.isinf(samples).mean() == pytest.approx(1.0 - graph.cdf(np.inf), abs=0.035)
    places = graph.sample_stop_vertices(5.0, 4000, seed=24)
    exact = np.array(graph.stop_probability(5.0))
    exact[graph.find_vertex([3]).index()] = graph.cdf(5.0)
    assert np.bincount(places, minlength=5) / 4000 == pytest.approx(exact, abs=0.04)


def test_what_a_trap_would_make_infinite_is_refused_naming_it():
    graph = trapped()
    for attempt in (
        lambda: graph.sample(1, np.ones(5)),
        lambda: graph.sample_multivariate(1, np.ones((5, 2))),
        lambda: graph.sample_path(),
    ):
        with pytest.raises(AbsorptionError, match=r"state \[1\]"):
            attempt()
    end = graph.find_vertex([3]).index()
    assert graph.sample_path_conditioned([end], seed=1)["vertex_indices"].tolist() == [0, 1, end]


def test_a_trap_that_is_not_reached_is_none():
    graph = Graph(1)
    a, b, c, end = (graph.create_vertex([i]) for i in range(1, 5))
    graph.starting_vertex().add_edge(a, 1.0)
    a.add_edge(end, 1.0)
    b.add_edge(c, 1.0)
    c.add_edge(b, 1.0)
    assert len(graph.sample_path(seed=1)["vertex_indices"]) == 3


def test_edges_that_theta_closes_are_not_taken():
    graph = Graph(models.structured_coalescent(1, 1))
    graph.update_weights([1.0, 0.0])
    assert np.isinf(graph.sample(5, seed=1)).all()
    assert graph.random_sample_stop_vertex(3.0, seed=1) == 1
    graph.update_weights([1.0, 0.5])
    assert np.isfinite(graph.sample(5, seed=1)).all()


def test_rates_of_any_size():
    rates = [1e-300, 1e300, 1e-5]
    graph = Graph(models.hypoexponential(rates))
    assert close(graph.sample(1000, seed=1) * 1e-300, 1.0, 1.0)
    rewards = np.append(0.0, [0.0, 1.0, 1.0, 1.0])
    assert close(graph.sample(1000, rewards, seed=1), 1e5, 1e10)


# Where numbers come from


def test_the_same_seed_gives_the_same_numbers(graph):
    for draw in (
        lambda **how: graph.sample(30, **how),
        lambda **how: graph.sample_multivariate(30, graph.states(), **how),
        lambda **how: graph.sample_stop_vertices(1.0, 30, **how),
        lambda **how: total(graph.sample_path(30, **how)),
    ):
        first = draw(seed=5)
        np.testing.assert_array_equal(first, draw(seed=5))
        np.testing.assert_array_equal(first, draw(rng=np.random.default_rng(5)))
    assert not np.array_equal(graph.sample(30, seed=5), graph.sample(30, seed=6))
    assert not np.array_equal(graph.sample(30), graph.sample(30))


@settings(max_examples=20)
@given(st.integers(0, 60), st.integers(0, 3000), st.integers(0, 2**63))
def test_fewer_draws_are_the_first_of_more(few, more, seed):
    graph = Graph(models.mm1k_queue_time(4, 1.0, 1.2))
    np.testing.assert_array_equal(graph.sample(few, seed=seed), graph.sample(few + more, seed=seed)[:few])


def test_a_generator_is_moved_on():
    graph, rng = Graph(models.erlang(2)), np.random.default_rng(1)
    assert not np.array_equal(graph.sample(5, rng=rng), graph.sample(5, rng=rng))


def test_threads_do_not_disturb_each_other():
    graph = Graph(models.coalescent(8))
    alone = [graph.sample(20_000, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: graph.sample(20_000, seed=seed), range(4)))
    np.testing.assert_array_equal(alone, together)


DRAW = """
import numpy as np
from phasic import Graph, models
graph = Graph(models.island_coalescent(2, 2))
steps = Graph.from_matrices([1.0, 0.0], [[0.5, 0.25], [0.125, 0.5]], discrete=True)
print([x.hex() for x in graph.sample(40, seed=7)])
print([x.hex() for x in graph.sample_multivariate(9, graph.states(), seed=7).ravel()])
print(steps.sample(20, seed=7).tolist(), graph.sample_stop_vertices(1.0, 20, seed=7).tolist())
print([[t.hex() for t in path["entry_times"]] for path in graph.sample_path(4, seed=7)])
end = graph.sample_path(seed=1)["vertex_indices"][-1]
print(graph.sample_path_conditioned([end], 2, seed=7)[1]["vertex_indices"].tolist())
"""


def test_every_process_draws_the_same_compiled_or_not(python):
    compiled = python(DRAW)
    assert compiled == python(DRAW, seed=3)
    assert compiled == python(DRAW, NUMBA_DISABLE_JIT="1")


def test_changes_of_the_graph_reach_the_samples():
    graph = Graph(models.lineages(5))
    slow = graph.sample(40, seed=1)
    graph.update_weights([4.0])
    np.testing.assert_array_equal(graph.sample(40, seed=1), slow / 4.0)
    graph.update_ipv([0.5])
    assert np.isinf(graph.sample(40, seed=1)).any()
    graph.find_vertex([2]).add_edge(graph.find_vertex([4]), [1.0])
    assert max(len(path["vertex_indices"]) for path in graph.sample_path(200, seed=1)) > 6


def test_copies_draw_the_same():
    graph = Graph(models.coalescent(5))
    samples = graph.sample(10, seed=1)
    for other in (graph.clone(), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        np.testing.assert_array_equal(other.sample(10, seed=1), samples)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda g: g.sample(-1),
        lambda g: g.sample(2.5),
        lambda g: g.sample(True),
        lambda g: g.sample(3, [1.0]),
        lambda g: g.sample(3, seed=-1),
        lambda g: g.sample(3, seed="a"),
        lambda g: g.sample(3, rng=1),
        lambda g: g.sample(3, seed=1, rng=np.random.default_rng(1)),
        lambda g: g.sample_discrete(3),
        lambda g: g.sample_multivariate_discrete(3, np.ones((4, 1))),
        lambda g: g.random_sample_discrete_stop_vertex(3),
        lambda g: g.sample_multivariate(3, np.ones(4)),
        lambda g: g.sample_multivariate(3, np.ones((2, 4))),
        lambda g: g.sample_multivariate(3, np.full((4, 1), np.nan)),
        lambda g: g.sample_multivariate(3, "ab"),
        lambda g: g.random_sample_stop_vertex(-1.0),
        lambda g: g.random_sample_stop_vertex(np.inf),
        lambda g: g.random_sample_stop_vertex([1.0, 2.0]),
        lambda g: g.sample_path_conditioned([1]),
        lambda g: g.sample_path_conditioned([]),
        lambda g: g.sample_path_conditioned([0]),
        lambda g: g.sample_path_conditioned([99]),
        lambda g: Graph(1).sample(1),
    ],
)
def test_questions_that_make_no_sense_are_refused(attempt):
    with pytest.raises(GraphError):
        attempt(Graph(models.erlang(2)))


def test_an_end_that_no_path_reaches_is_refused():
    graph = Graph(1)
    a, end, apart = (graph.create_vertex([i]) for i in range(1, 4))
    graph.starting_vertex().add_edge(a, 1.0)
    a.add_edge(end, 1.0)
    with pytest.raises(GraphError, match="no path"):
        graph.sample_path_conditioned([apart.index()])
