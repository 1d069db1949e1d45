from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_for_tests import coalescent

from phasic import Graph, GraphError, models
from phasic.initial import undecorated

RATES = st.floats(0.1, 10.0)


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_kingmans_coalescent(n):
    graph = Graph(models.coalescent(n))
    assert graph.expectation() == pytest.approx(2.0 * (1.0 - 1.0 / n), rel=1e-13)
    variance = sum(4.0 / (k * (k - 1)) ** 2 for k in range(2, n + 1))
    assert graph.variance() == pytest.approx(variance, rel=1e-12)
    spectrum = [graph.expectation(row) for row in graph.states().T]
    assert spectrum == pytest.approx([*(2.0 / (i + 1) for i in range(n - 1)), 0.0], rel=1e-12)
    assert graph.is_acyclic()


def test_the_coalescent_is_the_one_of_the_tutorial():
    assert Graph(models.coalescent(4)) == Graph(coalescent)


@given(st.integers(2, 30), RATES)
def test_counting_lineages_gives_the_time_of_the_coalescent(n, theta):
    graph = Graph(models.lineages(n))
    graph.update_weights([theta])
    assert graph.expectation() == pytest.approx(2.0 * (1.0 - 1.0 / n) / theta, rel=1e-12)


@given(RATES, RATES)
def test_two_lineages_on_one_island_do_not_feel_migration(coalescence, migration):
    same, apart = Graph(models.structured_coalescent(2, 0)), Graph(models.structured_coalescent(1, 1))
    for graph in (same, apart):
        graph.update_weights([coalescence, migration])
        assert not graph.is_acyclic()
    assert same.expectation() == pytest.approx(2.0 / coalescence, rel=1e-12)
    assert apart.expectation() == pytest.approx(2.0 / coalescence + 0.5 / migration, rel=1e-12)


def test_fast_migration_makes_two_islands_one_of_twice_the_size():
    graph = Graph(models.structured_coalescent(3, 2))
    graph.update_weights([1.0, 1e9])
    assert graph.expectation() == pytest.approx(2.0 * 2.0 * (1.0 - 1.0 / 5.0), rel=1e-8)


@given(st.integers(1, 40), RATES)
def test_erlang(k, rate):
    graph = Graph(models.erlang(k, rate))
    assert graph.expectation() == pytest.approx(k / rate, rel=1e-12)
    assert graph.variance() == pytest.approx(k / rate**2, rel=1e-12)
    assert graph.moments(3)[2] == pytest.approx(k * (k + 1) * (k + 2) / rate**3, rel=1e-12)


@given(st.lists(st.tuples(RATES, st.floats(0.0, 1.0)), min_size=1, max_size=6))
def test_coxian(phases):
    rates, onward = [rate for rate, _ in phases], [p for _, p in phases][1:]
    mean = sum(math.prod(onward[:i]) / rate for i, rate in enumerate(rates))
    assert Graph(models.coxian(rates, onward)).expectation() == pytest.approx(mean, rel=1e-9)


@given(st.integers(1, 12), RATES, RATES)
def test_birth_and_death(capacity, birth, death):
    graph = Graph(models.birth_death(1, birth, death, capacity))
    mean = sum((birth / death) ** (j - 1) / (j * death) for j in range(1, capacity + 1))
    assert graph.expectation() == pytest.approx(mean, rel=1e-12)
    assert graph.is_acyclic() == (capacity == 1)


@given(st.integers(1, 12), RATES, RATES)
def test_busy_period_of_a_queue(capacity, arrival, service):
    graph = Graph(models.mm1k_queue_time(capacity, arrival, service))
    mean = sum((arrival / service) ** j for j in range(capacity)) / service
    assert graph.expectation() == pytest.approx(mean, rel=1e-12)


def test_a_queue_empties_customer_by_customer():
    means = [Graph(models.mm1k_queue_time(5, 0.5, 1.0, start)).expectation() for start in range(1, 6)]
    assert np.all(np.diff([0.0, *means]) > 0.0)


@given(st.lists(RATES, min_size=1, max_size=6))
def test_times_one_after_the_other(rates):
    graph = Graph(models.hypoexponential(rates))
    assert graph.expectation() == pytest.approx(sum(1.0 / rate for rate in rates), rel=1e-12)
    assert graph.variance() == pytest.approx(sum(1.0 / rate**2 for rate in rates), rel=1e-12)


@given(st.lists(st.tuples(RATES, st.floats(0.01, 1.0)), min_size=1, max_size=6), st.sampled_from([1.0, 0.5]))
def test_a_mixture_of_times(phases, mass):
    total = sum(p for _, p in phases) / mass
    rates, shares = [rate for rate, _ in phases], [p / total for _, p in phases]
    graph = Graph(models.hyperexponential(shares, rates))
    for j, moment in enumerate(graph.moments(3), start=1):
        exact = math.factorial(j) * sum(p / r**j for p, r in zip(shares, rates, strict=True))
        assert moment == pytest.approx(exact, rel=1e-12)
    assert graph.defect() == pytest.approx(1.0 - mass, abs=1e-12)


def test_the_busy_period_of_a_queue_with_room_for_everybody():
    arrival, service = 0.6, 1.0
    graph = Graph(models.mm1k_queue_time(300, arrival, service))
    assert graph.expectation() == pytest.approx(1.0 / (service - arrival), rel=1e-12)
    variance = (service + arrival) / (service - arrival) ** 3
    assert graph.variance() == pytest.approx(variance, rel=1e-12)


@given(st.integers(1, 4), st.integers(1, 12), RATES, RATES)
def test_busy_period_of_a_queue_with_several_servers(servers, capacity, arrival, service):
    mean = sum(
        arrival ** (j - 1) / math.prod(min(i, servers) * service for i in range(1, j + 1))
        for j in range(1, capacity + 1)
    )
    graph = Graph(models.mmck_queue_time(servers, capacity, arrival, service))
    assert graph.expectation() == pytest.approx(mean, rel=1e-12)


def test_a_server_for_everybody():
    arrival, service = 1.7, 0.9
    graph = Graph(models.mmck_queue_time(60, 60, arrival, service))
    assert graph.expectation() == pytest.approx(math.expm1(arrival / service) / arrival, rel=1e-12)


@given(st.integers(2, 25), st.data())
def test_a_gene_is_lost_or_fixed(n, data):
    i = data.draw(st.integers(1, n - 1))
    mean = sum((n - i) / (n - j) for j in range(1, i + 1)) + sum(i / j for j in range(i + 1, n))
    assert Graph(models.moran(n, i)).expectation() == pytest.approx(mean, rel=1e-12)


@given(st.integers(2, 20), st.floats(0.5, 2.0), st.data())
def test_an_advantage_raises_the_chance_of_fixation(n, advantage, data):
    i = data.draw(st.integers(1, n - 1))
    graph = Graph(models.moran(n, i, advantage))
    fixed = np.zeros(len(graph))
    fixed[graph.find_vertex([n - 1]).index() if n > 2 else 1] = advantage * (n - 1) / n
    exact = i / n if advantage == 1.0 else (1.0 - advantage**-i) / (1.0 - advantage**-n)
    # The chance of the last step up is the time spent before it times its rate.
    assert graph.expectation(fixed) == pytest.approx(exact, rel=1e-7)


# Islands


@pytest.mark.parametrize(("first", "second"), [(2, 0), (1, 1), (3, 2), (0, 4)])
def test_blocks_on_islands_have_the_time_of_lineages_on_islands(first, second):
    blocks = Graph(models.island_coalescent(first, second))
    counts = Graph(models.structured_coalescent(first, second))
    for graph in (blocks, counts):
        graph.update_weights([1.3, 0.4])
    assert blocks.moments(3) == pytest.approx(counts.moments(3), rel=1e-12)
    n = first + second
    assert (blocks.states()[1:] @ np.tile(np.arange(1, n + 1), 2) == n).all()


def test_islands_joined_by_fast_migration_have_the_spectrum_of_one_population():
    graph = Graph(models.island_coalescent(4, 1))
    graph.update_weights([2.0, 1e9])  # lineages meet half of the time
    lengths = [graph.expectation(graph.states()[:, i] + graph.states()[:, 5 + i]) for i in range(4)]
    assert lengths == pytest.approx([2.0 / (i + 1) for i in range(4)], rel=1e-8)


# Isolation with migration


def coloured_partitions(first, second, colours):
    """Count the ways to split two sizes into unordered coloured pairs, by their generating function."""
    counts = np.zeros((first + 1, second + 1), dtype=object)
    counts[0, 0] = 1
    for i, j in models.kinds(first, second).tolist():
        for _ in range(colours):
            for x in range(i, first + 1):
                for y in range(j, second + 1):
                    counts[x, y] += counts[x - i, y - j]
    return counts[first, second]


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 1), (2, 3), (3, 3)])
def test_states_of_isolation_with_migration_are_coloured_partitions(first, second):
    graph = Graph(models.isolation_with_migration(first, second))
    assert len(graph) - 1 == coloured_partitions(first, second, 2)
    before = Graph(models.ancestral_coalescent(first, second))
    assert len(before) - 1 == coloured_partitions(first, second, 1)


def test_samples_of_seven_have_as_many_states_as_published():
    # Both counts include the starting vertex.
    assert coloured_partitions(7, 7, 2) + 1 == 123_135
    assert coloured_partitions(7, 7, 1) + 1 == 2_999
    assert len(Graph(models.ancestral_coalescent(7, 7))) == 2_999


@pytest.mark.slow
def test_exploring_samples_of_seven_finds_as_many_states_as_published():
    graph = Graph(models.isolation_with_migration(7, 7))
    assert len(graph) == 123_135
    spectrum = models.joint_spectrum(7, 7, [1.0, 1.0, 0.5, 0.5], 1.0, 0.0, graph)
    by_number = [np.trace(spectrum[::-1], offset=k - 7) for k in range(1, 14)]
    assert by_number == pytest.approx([2.0 / k for k in range(1, 14)], rel=1e-11)


def test_without_isolation_the_joint_spectrum_adds_up_to_that_of_one_sample():
    spectrum = models.joint_spectrum(3, 2, [1.0, 2.0, 0.3, 0.1], 1.0, 0.0)
    by_number = [sum(spectrum[i, k - i] for i in range(4) if 0 <= k - i <= 2) for k in range(1, 5)]
    assert by_number == pytest.approx([2.0 / k for k in range(1, 5)], rel=1e-12)


@pytest.mark.parametrize("split", [0.0, 0.3, 2.0])
def test_the_joint_spectrum_without_migration(split):
    # Two and one lineages: before the split only the two can coalesce, after it all three are alike.
    spectrum = models.joint_spectrum(2, 1, [1.0, 5.0, 0.0, 0.0], 1.0, split)
    apart = math.exp(-split)
    exact = np.zeros((3, 2))
    exact[1, 0] = 2.0 * (1.0 - apart) + apart * 4.0 / 3.0
    exact[2, 0] = split + apart / 3.0
    exact[0, 1] = split + (1.0 - apart) + apart * 2.0 / 3.0
    exact[1, 1] = apart * 2.0 / 3.0
    assert spectrum == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("theta", [[1.0, 1.0, 0.4, 0.4], [1.0, 3.0, 0.2, 0.7]])
def test_blocks_in_two_populations_have_the_time_of_lineages_in_them(theta):
    def lineages(state):
        a, b = state.tolist()
        moves = [
            ([a - 1, b], [a * (a - 1) / 2, 0, 0, 0]),
            ([a, b - 1], [0, b * (b - 1) / 2, 0, 0]),
            ([a - 1, b + 1], [0, 0, a, 0]),
            ([a + 1, b - 1], [0, 0, 0, b]),
        ]
        return [(new, rate) for new, rate in moves if any(rate)] if a + b > 1 else []

    blocks, counts = Graph(models.isolation_with_migration(3, 2)), Graph(lineages, ipv=[3, 2])
    for graph in (blocks, counts):
        graph.update_weights(theta)
    assert blocks.moments(3) == pytest.approx(counts.moments(3), rel=1e-12)


@pytest.mark.parametrize("split", [0.2, 1.5])
def test_the_joint_spectrum_is_that_of_dense_algebra(split):
    from scipy.linalg import expm

    theta, rate = [1.0, 2.5, 0.3, 0.8], 0.6
    first, before = Graph(models.isolation_with_migration(2, 2)), Graph(models.ancestral_coalescent(2, 2))
    first.update_weights(theta)
    before.update_weights([rate])
    ipv, s, states, _ = first.as_matrices()
    _, s_before, states_before, _ = before.as_matrices()
    kinds = models.kinds(2, 2)
    together = states[:, : len(kinds)] + states[:, len(kinds) :]
    join = (together[:, None] == states_before[None]).all(axis=2).astype(float)
    moved = expm(s * split)
    lengths = ipv @ np.linalg.solve(-s, np.eye(len(s)) - moved) @ together
    lengths = lengths + ipv @ moved @ join @ np.linalg.solve(-s_before, states_before)
    exact = np.zeros((3, 3))
    exact[tuple(kinds.T)] = lengths
    assert models.joint_spectrum(2, 2, theta, rate, split) == pytest.approx(exact, rel=1e-11)


def test_a_split_long_ago_leaves_the_first_epoch_alone():
    theta = [1.0, 2.0, 0.3, 0.7]
    graph = Graph(models.isolation_with_migration(2, 2))
    graph.update_weights(theta)
    counts = graph.states()
    lengths = np.array(graph.expected_sojourn_time()) @ (counts[:, :8] + counts[:, 8:])
    exact = np.zeros((3, 3))
    exact[tuple(models.kinds(2, 2).T)] = lengths
    assert models.joint_spectrum(2, 2, theta, 0.001, 400.0) == pytest.approx(exact, rel=1e-11)


def test_migration_between_populations_that_are_alike_is_symmetric():
    spectrum = models.joint_spectrum(2, 2, [1.0, 1.0, 0.4, 0.4], 0.5, 1.2)
    assert spectrum == pytest.approx(spectrum.T, rel=1e-13)
    assert spectrum[0, 0] == spectrum[2, 2] == 0.0


def test_where_the_ancestral_population_starts():
    graph = Graph(models.isolation_with_migration(2, 1))
    graph.update_weights([1.0, 1.0, 0.5, 0.5])
    start = models.ancestral_start(graph.states(), graph.stop_probability(1.5))
    assert sum(p for _, p in start) == pytest.approx(1.0, abs=1e-12)
    before = Graph(models.ancestral_coalescent(2, 1, start))
    assert before.cdf(0.0) == pytest.approx(graph.cdf(1.5), rel=1e-12)


# Two loci


@pytest.mark.parametrize("rho", [0.0, 0.1, 1.0, 10.0, 1e4])
def test_covariance_of_times_at_two_loci(rho):
    graph = Graph(models.two_locus_coalescent(2))
    graph.update_weights([1.0, rho / 2.0])
    first, second = ((graph.states() * labels).any(axis=1) for labels in models.kinds(1, 1).T)
    exact = (rho + 18.0) / (rho**2 + 13.0 * rho + 18.0)
    assert graph.covariance(first, second) == pytest.approx(exact, rel=1e-11)
    assert graph.variance(first) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_each_of_two_loci_is_a_coalescent(n):
    graph = Graph(models.two_locus_coalescent(n))
    graph.update_weights([1.0, 0.7])
    for descendants in models.kinds(n - 1, n - 1).T:
        time = (graph.states() * descendants).any(axis=1)
        assert graph.expectation(time) == pytest.approx(2.0 * (1.0 - 1.0 / n), rel=1e-12)
        variance = sum(4.0 / (k * (k - 1)) ** 2 for k in range(2, n + 1))
        assert graph.variance(time) == pytest.approx(variance, rel=1e-12)
        for i in range(1, n):
            length = graph.states() @ (descendants == i)
            assert graph.expectation(length) == pytest.approx(2.0 / i, rel=1e-12)


def test_loci_without_recombination_share_one_tree():
    graph = Graph(models.two_locus_coalescent(3))
    graph.update_weights([1.0, 0.0])
    assert graph.moments(3) == pytest.approx(Graph(models.lineages(3)).moments(3), rel=1e-12)


# Rabbits


@given(RATES, RATES, RATES, RATES)
def test_one_rabbit(right, left, flood_left, flood_right):
    mean = (left + right + flood_right) / ((right + flood_left) * (left + flood_right) - right * left)
    for each in (True, False):
        graph = Graph(models.rabbits(1, each))
        graph.update_weights([right, left, flood_left, flood_right])
        assert graph.expectation() == pytest.approx(mean, rel=1e-11)


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_every_number_of_rabbits_on_either_island_is_a_state(n):
    graph = Graph(models.rabbits(n))
    assert len(graph) - 1 == (n + 1) * (n + 2) // 2
    graph.update_weights([0.0, 0.0, 2.0, 4.0])  # none jumps: one flood kills all
    assert graph.expectation() == pytest.approx(0.5, rel=1e-13)


def test_rabbits_that_jump_all_the_time_die_of_any_flood_half_at_a_time():
    # Two rabbits, equally likely on either island whenever a flood comes, at rate 2 in all.
    graph = Graph(models.rabbits(2))
    graph.update_weights([1e9, 1e9, 1.0, 1.0])
    last = 1.0  # a single rabbit is where the flood is half of the time
    assert graph.expectation() == pytest.approx((0.5 + 0.5 * last) / (1.0 - 0.25), rel=1e-8)


# Many states at once


@pytest.mark.parametrize(
    "make",
    [
        lambda **how: models.coalescent(8, **how),
        lambda **how: models.island_coalescent(3, 2, **how),
        lambda **how: models.isolation_with_migration(2, 3, **how),
        lambda **how: models.ancestral_coalescent(3, 3, **how),
        lambda **how: models.two_locus_coalescent(4, **how),
        lambda **how: models.rabbits(12, **how),
        lambda **how: models.rabbits(5, each=False, **how),
    ],
)
def test_transitions_of_many_states_are_those_of_each(make):
    one, ipv = undecorated(make(), None)
    many, same_ipv = undecorated(make(vectorized=True), None)
    assert ipv == same_ipv
    states = Graph(make()).states()[1:]
    sources, following, weights = many(states)
    assert following.dtype == np.int64
    each = [(row, list(new), w) for row, state in enumerate(states) for new, w in one(state.copy())]
    assert sources.tolist() == [row for row, _, _ in each]
    assert following.tolist() == [new for _, new, _ in each]
    assert weights.tolist() == [w for _, _, w in each]
    nothing = many(states[:0])
    assert [part.shape[0] for part in nothing] == [0, 0, 0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.coalescent(1),
        lambda: models.coalescent(2.5),
        lambda: models.structured_coalescent(1, 0),
        lambda: models.structured_coalescent(-1, 5),
        lambda: models.erlang(0),
        lambda: models.coxian([], []),
        lambda: models.coxian([1.0], [0.5]),
        lambda: models.coxian([1.0, 1.0], [1.5]),
        lambda: models.birth_death(3, 1.0, 1.0, 2),
        lambda: models.mm1k_queue_time(2, 1.0, 1.0, 0),
        lambda: models.mmck_queue_time(0, 2, 1.0, 1.0),
        lambda: models.moran(1),
        lambda: models.moran(3, 3),
        lambda: models.moran(3, 1, 0.0),
        lambda: models.hypoexponential([]),
        lambda: models.hyperexponential([0.5, 0.5], [1.0]),
        lambda: models.hyperexponential([0.5, 0.6], [1.0, 1.0]),
        lambda: models.hyperexponential([0.5, 0.5], [1.0, -1.0]),
        lambda: models.island_coalescent(1, 0),
        lambda: models.isolation_with_migration(0, 2),
        lambda: models.ancestral_coalescent(1, 0),
        lambda: models.joint_spectrum(1, 1, [1.0, 1.0, 1.0, 1.0], 1.0, -1.0),
        lambda: models.two_locus_coalescent(1),
        lambda: models.rabbits(0),
    ],
)
def test_models_that_cannot_be_are_refused(make):
    with pytest.raises(GraphError):
        make()
