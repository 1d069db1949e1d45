"""Graphs at the edge of what a graph can be, with the answers that reasoning gives."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_for_tests import _solved, exact_moments

from phasic import AbsorptionError, Graph, GraphArrays, GraphError, PhasicError


def built(edges, start, discrete=False, n=None):
    """Return the graph with edges ``(source, target, weight)`` between states 1, ..., n."""
    n = n or max([*start, *(max(a, b) for a, b, _ in edges)])
    graph = Graph(1)
    vertices = [graph.starting_vertex(), *(graph.find_or_create_vertex([v]) for v in range(1, n + 1))]
    for v, p in start.items():
        vertices[0].add_edge(vertices[v], p)
    for a, b, weight in edges:
        vertices[a].add_edge(vertices[b], weight)
    if discrete:
        graph.is_discrete = True
    return graph


def in_a_row(rates, **options):
    return built([(i, i + 1, rate) for i, rate in enumerate(rates, 1)], {1: 1.0}, **options)


def long_row(n, onward=1.0, back=0.0):
    """A row of n states, without a vertex object for each."""
    degree = np.full(n, 2 if back else 1)
    degree[0] = 1
    offsets = np.concatenate([[0, 0], np.cumsum(degree), [degree.sum()]]).astype(np.int64)
    last = offsets[2:-1] - 1  # of each state the edge onward; an edge back comes before it
    targets, weights = np.empty(degree.sum(), np.int64), np.full(degree.sum(), back)
    targets[last], weights[last] = np.arange(2, n + 2), onward
    if back:
        targets[last[1:] - 1] = np.arange(1, n)
    return Graph.from_arrays(
        GraphArrays(
            states=np.arange(n + 2)[:, None],
            start_targets=np.array([1]),
            start_weights=np.array([1.0]),
            offsets=offsets,
            targets=targets,
            coefficients=weights[:, None],
        )
    )


def answers(graph, t=1.0):
    """Return everything a graph can be asked."""
    return {
        "expectation": graph.expectation(),
        "moments": graph.moments(3),
        "variance": graph.variance(),
        "covariance": graph.covariance(),
        "waiting": graph.expected_waiting_time(),
        "sojourn": graph.expected_sojourn_time(),
        "pdf": graph.pdf(t),
        "cdf": graph.cdf(t),
        "states": graph.stop_probability(t),
        "defect": graph.defect(),
    }


QUESTIONS = {
    "expectation": lambda g: g.expectation(),
    "moments": lambda g: g.moments(2),
    "variance": lambda g: g.variance(),
    "covariance": lambda g: g.covariance(),
    "waiting": lambda g: g.expected_waiting_time(),
    "sojourn": lambda g: g.expected_sojourn_time(),
    "pdf": lambda g: g.pdf(1.0),
    "cdf": lambda g: g.cdf(1.0),
    "states": lambda g: g.stop_probability(1.0),
    "defect": lambda g: g.defect(),
}
OF_TIME = {name: QUESTIONS[name] for name in list(QUESTIONS)[:6]}
every_question = pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
both_clocks = pytest.mark.parametrize("discrete", [False, True], ids=["continuous", "discrete"])


# Nothing, or next to nothing


@both_clocks
@pytest.mark.parametrize("state", [[0], [5], [0, 0], [-1, 2]])
def test_a_callback_without_transitions_is_absorbed_at_once(state, discrete):
    graph = Graph(lambda state: [], ipv=state)
    graph.is_discrete = discrete
    zeros = [0.0, 0.0]
    assert answers(graph) == {
        "expectation": 0.0,
        "moments": [0.0, 0.0, 0.0],
        "variance": 0.0,
        "covariance": 0.0,
        "waiting": zeros,
        "sojourn": zeros,
        "pdf": 0.0,
        "cdf": 1.0,
        "states": zeros,
        "defect": 1.0,
    }
    np.testing.assert_array_equal(graph.cdf([-1.0, 0.0, 5e-324, 1e300, np.inf]), [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(graph.pdf([0.0, 5e-324, 1e300, np.inf]), [float(discrete), 0, 0, 0])


@every_question
@pytest.mark.parametrize("states", [0, 1, 3])
def test_a_graph_that_starts_nowhere_says_so(ask, states):
    graph = Graph(1)
    for v in range(states):
        graph.find_or_create_vertex([v])
    with pytest.raises(GraphError, match="starts nowhere"):
        ask(graph)


def test_one_state_is_the_exponential_distribution():
    graph = in_a_row([4.0])
    found = answers(graph, t=0.5)
    assert found["moments"] == [0.25, 0.125, 0.09375]
    assert (found["variance"], found["covariance"]) == (0.0625, 0.0625)
    assert (found["waiting"], found["sojourn"]) == ([0.25, 0.25, 0.0], [0.0, 0.25, 0.0])
    assert found["pdf"] == pytest.approx(4.0 * math.exp(-2.0), rel=1e-14)
    assert found["cdf"] == pytest.approx(-math.expm1(-2.0), rel=1e-14)
    assert found["states"] == pytest.approx([0.0, math.exp(-2.0), 0.0], rel=1e-14)
    assert found["defect"] == 0.0


def test_one_certain_step_takes_one_step():
    graph = in_a_row([1.0], discrete=True)
    assert graph.moments(4) == [1.0, 1.0, 1.0, 1.0]
    assert graph.variance() == 0.0
    np.testing.assert_array_equal(graph.pdf([0, 1, 2, 10**6]), [0, 1, 0, 0])
    np.testing.assert_array_equal(graph.cdf([0, 0.99, 1, 2, 1e300]), [0, 0, 1, 1, 1])


@pytest.mark.parametrize("k", [2, 7, 300])
def test_certain_steps_are_counted_exactly(k):
    graph = in_a_row([1.0] * k, discrete=True)
    assert graph.moments(2) == [k, k * k]
    assert graph.variance() == 0.0
    np.testing.assert_array_equal(graph.pdf([0, k - 1, k, k + 1]), [0, 0, 1, 0])
    np.testing.assert_array_equal(graph.cdf([0, k - 1, k, k + 1]), [0, 0, 1, 1])


# Every shape, clock and start together


SHAPES = {
    "one state": [(1, 4, 0.5)],
    "two in a row": [(1, 2, 0.5), (2, 4, 0.25)],
    "a loop": [(1, 2, 0.5), (2, 1, 0.25), (2, 4, 0.125)],
    "two ways out": [(1, 4, 0.25), (1, 5, 0.5)],
    "a state out of reach": [(1, 4, 0.5), (2, 1, 0.25), (2, 4, 0.5)],
    "a trap out of reach": [(1, 4, 0.5), (2, 3, 1.0), (3, 2, 1.0)],
    "an edge of almost no weight": [(1, 4, 0.5), (1, 2, 1e-300), (2, 4, 0.25)],
}
STARTS = {
    "in one state": {1: 1.0},
    "with half missing": {1: 0.5},
    "with half absorbed": {1: 0.5, 4: 0.5},
    "half absorbed, a quarter missing": {1: 0.25, 4: 0.5},
    "all absorbed": {4: 1.0},
    "half of it absorbed, the rest missing": {4: 0.5},
    "with next to nothing": {1: 1e-300},
}


@both_clocks
@pytest.mark.parametrize(
    ("edges", "start"),
    [
        pytest.param(edges, start, id=f"{shape}, {where}")
        for (shape, edges), (where, start) in itertools.product(SHAPES.items(), STARTS.items())
    ],
)
def test_every_shape_with_every_start_is_solved_exactly(edges, start, discrete):
    graph = built(edges, start, discrete, n=5)
    moving, started = start.get(1, 0.0), sum(start.values())
    arrays = graph.arrays
    reachable = [edge for edge in edges if edge[0] in reached(edges, 1)]
    exact = exact_moments(built(reachable, start, discrete, n=5).arrays, 3)
    np.testing.assert_allclose(graph.moments(3), exact, rtol=1e-14)
    assert graph.variance() == pytest.approx(exact[1] - exact[0] ** 2, rel=1e-13)
    assert math.fsum(graph.expected_sojourn_time()) == pytest.approx(exact[0], rel=1e-14)
    assert graph.expected_waiting_time()[0] == pytest.approx(exact[0], rel=1e-14)
    assert graph.defect() == pytest.approx(1.0 - moving, abs=1e-16)
    assert graph.cdf(-1e-300) == 0.0
    assert graph.cdf(0.0) == started - moving
    assert graph.cdf(np.inf) == started
    assert graph.cdf(1e6) == started
    assert graph.pdf(0.0) == pytest.approx(
        started - moving if discrete else moving * sum(w for v, u, w in edges if v == 1 and u > 3), rel=1e-15
    )
    assert graph.pdf(np.inf) == 0.0
    inside = graph.stop_probability(0.0)
    np.testing.assert_array_equal(inside, arrays.alpha * (np.diff(arrays.offsets) > 0))
    later = graph.stop_probability(3.0)
    assert math.fsum(later) + graph.cdf(3.0) == pytest.approx(started, rel=1e-14)


@both_clocks
def test_without_any_mass_nothing_happens(discrete):
    graph = in_a_row([0.5, 0.25], discrete=discrete)
    graph.update_ipv([0.0])
    found = answers(graph)
    assert found["moments"] == [0.0, 0.0, 0.0]
    assert (found["variance"], found["pdf"], found["cdf"], found["defect"]) == (0.0, 0.0, 0.0, 1.0)
    assert found["sojourn"] == found["states"] == [0.0] * 4
    assert found["waiting"] == [0.0, 6.0, 4.0, 0.0]
    assert graph.cdf(np.inf) == 0.0


def test_states_that_start_with_probability_zero_do_not_count():
    with_zero = built([(1, 3, 2.0), (2, 3, 5.0)], {1: 0.5, 2: 0.5})
    with_zero.update_ipv([1.0, 0.0])
    without = built([(1, 3, 2.0), (2, 3, 5.0)], {1: 1.0})
    assert answers(with_zero) == answers(without)


# States that cannot be absorbed


TRAPS = {
    "two states for ever": [(2, 3, 0.5), (3, 2, 0.25)],
    "three in a circle": [(2, 3, 0.5), (3, 5, 0.25), (5, 2, 0.25)],
}


def trapped(name, into=0.25, out=0.25, discrete=False, p=1.0):
    """State 1 leads to absorption in 4 and into a trap."""
    edges = [(1, 2, into), *([(1, 4, out)] if out else []), *TRAPS[name]]
    return built(edges, {1: p}, discrete, n=5)


@both_clocks
@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("out", [0.25, 0.0])
def test_a_trap_in_reach_is_named_by_whatever_has_no_answer(name, discrete, out):
    graph = trapped(name, out=out, discrete=discrete)
    for ask in OF_TIME.values():
        with pytest.raises(AbsorptionError, match=r"state \[\d\] cannot reach absorption") as caught:
            ask(graph)
        assert caught.value.vertex in {1, 2, 3, 5}


@both_clocks
@pytest.mark.parametrize("name", TRAPS)
def test_distributions_of_a_chain_with_a_trap_end_below_one(name, discrete):
    graph = trapped(name, into=0.375, out=0.125, discrete=discrete, p=0.5)
    assert graph.cdf(np.inf) == pytest.approx(0.125, rel=1e-15)
    assert graph.cdf(1e5) == pytest.approx(0.125, rel=1e-12)
    assert graph.cdf(1e12) == pytest.approx(0.125, rel=1e-12)
    assert graph.pdf(1e12) == 0.0
    if discrete:
        np.testing.assert_allclose(graph.pdf([0, 1, 2]), [0, 0.0625, 0.03125], rtol=1e-15)
        np.testing.assert_allclose(graph.cdf([0, 1, 2]), [0, 0.0625, 0.09375], rtol=1e-15)
    else:
        np.testing.assert_allclose(graph.pdf([0, 2.0]), [0.0625, 0.0625 * math.exp(-1.0)], rtol=1e-14)
        np.testing.assert_allclose(graph.cdf([0, 2.0]), [0.0, -0.125 * math.expm1(-1.0)], rtol=1e-14)
    inside = graph.stop_probability(1e6)
    assert math.fsum(inside) == pytest.approx(0.375, rel=1e-12)
    assert inside[1] == 0.0


@both_clocks
@pytest.mark.parametrize("name", TRAPS)
def test_nothing_is_absorbed_where_there_is_no_way_out(name, discrete):
    graph = trapped(name, into=0.5, out=0.0, discrete=discrete)
    np.testing.assert_array_equal(graph.cdf([0.0, 1.0, 1e6, 1e12, np.inf]), 0.0)
    np.testing.assert_array_equal(graph.pdf([0.0, 1.0, 1e6, 1e12, np.inf]), 0.0)


@both_clocks
@pytest.mark.parametrize("name", TRAPS)
def test_from_a_trap_out_of_reach_waiting_is_infinite_and_nothing_else(name, discrete):
    graph = built([(1, 4, 0.5), *TRAPS[name]], {1: 1.0}, discrete, n=5)
    waiting = graph.expected_waiting_time()
    members = {a for a, _, _ in TRAPS[name]}
    assert [v for v, time in enumerate(waiting) if time == np.inf] == sorted(members)
    assert waiting[:2] == [2.0, 2.0]
    assert graph.moments(2) == ([2.0, 6.0] if discrete else [2.0, 8.0])
    assert graph.expected_sojourn_time() == [0.0, 2.0, 0.0, 0.0, 0.0, 0.0]
    assert graph.cdf(np.inf) == 1.0


def test_a_trap_made_by_theta_is_found_and_left_again():
    graph = Graph(lambda s: [([s[0] + 1], [1.0, 0.0]), ([9], [0.0, 1.0])] if s[0] < 3 else [], ipv=[1])
    graph.update_weights([1.0, 1.0])
    before = answers(graph)
    graph.update_weights([0.0, 0.0])
    with pytest.raises(AbsorptionError, match=r"state \[1\]"):
        graph.expectation()
    assert graph.cdf(1e9) == graph.cdf(np.inf) == graph.pdf(1.0) == 0.0
    assert graph.stop_probability(1e9)[1] == 1.0
    graph.update_weights([1.0, 1.0])
    assert answers(graph) == before


# Very fast, very slow, very long


@pytest.mark.parametrize("rate", [1e-300, 1e-150, 1e-12, 1e12, 1e150, 1e300])
def test_one_state_keeps_its_digits_at_any_rate(rate):
    graph = in_a_row([rate])
    mean = 1.0 / rate
    assert graph.expectation() == pytest.approx(mean, rel=1e-15)
    assert graph.expected_sojourn_time()[1] == pytest.approx(mean, rel=1e-15)
    for share in (1e-3, 1.0, 5.0):
        assert graph.pdf(share * mean) == pytest.approx(rate * math.exp(-share), rel=1e-13)
        assert graph.cdf(share * mean) == pytest.approx(-math.expm1(-share), rel=1e-13)
    assert graph.cdf(1e5 * mean) == 1.0
    assert graph.variance() == (np.inf if rate < 1e-154 else pytest.approx(mean**2, rel=1e-14, abs=5e-324))


@pytest.mark.parametrize("rates", list(itertools.permutations([1e300, 1e-300, 1.0, 1e150])))
def test_mixed_rates_in_a_row_are_summed_exactly(rates):
    graph = in_a_row(rates)
    assert graph.expectation() == pytest.approx(1e300, rel=1e-15)
    np.testing.assert_allclose(
        graph.expected_sojourn_time()[1:-1], [1.0 / rate for rate in rates], rtol=1e-15
    )
    assert graph.cdf(1e300) == pytest.approx(-math.expm1(-1.0), rel=1e-12)
    assert graph.pdf(1e300) == pytest.approx(1e-300 * math.exp(-1.0), rel=1e-12)
    assert graph.cdf([0.0, 1e-310, np.inf]).tolist() == [0.0, pytest.approx(0.0, abs=1e-300), 1.0]


@pytest.mark.parametrize("fast", [1e12, 1e100, 1e140])
def test_mixed_rates_in_a_loop_keep_their_digits(fast):
    edges = [(1, 2, 1.0 / fast), (2, 1, fast), (2, 3, 1.0), (3, 1, fast), (3, 4, fast)]
    graph = built(edges, {1: 1.0})
    exact = exact_moments(graph.arrays, 1)
    assert graph.expectation() == pytest.approx(exact[0], rel=1e-14)
    assert graph.cdf(exact[0]) == pytest.approx(-math.expm1(-1.0), rel=1e-9)


@pytest.mark.parametrize("edges", [
    [(1, 2, 1e-300), (2, 1, 1e300), (2, 3, 1e-300)],
    [(1, 2, 5e-324), (2, 3, 1.0)],
    [(1, 2, 1e-200), (2, 1, 1e200), (2, 3, 1e-5)],
])  # fmt: skip
def test_a_time_beyond_float64_is_infinite_or_refused_never_a_number(edges):
    graph = built(edges, {1: 1.0})
    for ask in (Graph.expectation, lambda g: g.moments(2)[1], Graph.variance):
        try:
            found = ask(graph)
        except PhasicError:
            continue
        assert found == np.inf
    for value in graph.cdf([1.0, 1e300]):
        assert 0.0 <= value <= 1e-20


def test_fast_and_slow_exits_share_the_chain_by_their_rates():
    graph = built([(1, 2, 1e300), (1, 3, 1e284), (3, 4, 1e-284)], {1: 1.0})
    assert graph.expectation() == pytest.approx(1e268, rel=1e-12)
    assert graph.cdf(1e-200) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("p", [1e-300, 1e-12, 2.0**-60])
def test_steps_that_hardly_ever_succeed(p):
    graph = in_a_row([p], discrete=True)
    assert graph.expectation() == pytest.approx(1.0 / p, rel=1e-15)
    np.testing.assert_allclose(graph.pdf([0, 1, 2]), [0.0, p, p * (1.0 - p)], rtol=1e-14)
    assert graph.cdf(1.0) == pytest.approx(p, rel=1e-15)
    assert graph.cdf(1.0 / p) == pytest.approx(-math.expm1(-1.0), rel=1e-10)


@pytest.mark.parametrize("size", [1e-300, 1e-100, 1e100, 1e150])
def test_rewards_of_any_size_scale_the_answer(size):
    graph = built([(1, 2, 2.0), (2, 1, 1.0), (2, 3, 3.0)], {1: 1.0})
    rewards = np.full(4, size)
    assert graph.expectation(rewards) == pytest.approx(size * graph.expectation(), rel=1e-14)
    assert graph.variance(rewards) == pytest.approx(size * size * graph.variance(), rel=1e-13, abs=5e-324)


@both_clocks
def test_rewards_of_zero_collect_nothing(discrete):
    graph = in_a_row([0.5, 0.25], discrete=discrete)
    zeros = np.zeros(4)
    assert graph.moments(3, zeros) == [0.0, 0.0, 0.0]
    assert graph.variance(zeros) == graph.covariance(zeros, np.ones(4)) == 0.0
    assert graph.expected_waiting_time(zeros) == graph.expected_sojourn_time(zeros) == [0.0] * 4


def test_moments_beyond_float64_are_infinite_not_nan():
    graph = in_a_row([1e-200, 1.0])
    assert graph.moments(4) == [pytest.approx(1e200), np.inf, np.inf, np.inf]
    assert graph.variance() == np.inf
    graph = in_a_row([1.0])
    assert graph.moments(200)[170:] == [np.inf] * 30  # 171! is beyond float64


@both_clocks
def test_times_at_the_ends_of_float64(discrete):
    graph = built([(1, 2, 0.5), (2, 1, 0.25), (2, 3, 0.5)], {1: 1.0}, discrete)
    late = [1e18, 1e100, 1e300, np.finfo(float).max, np.inf]
    np.testing.assert_array_equal(graph.cdf(late), 1.0)
    np.testing.assert_array_equal(graph.pdf(late), 0.0)
    assert graph.stop_probability(1e300) == [0.0] * 4
    early = [5e-324, 1e-310, 1e-300]
    assert (graph.cdf(early) <= 1e-300).all()
    if not discrete:
        np.testing.assert_allclose(graph.pdf(1e-280), 0.25e-280, rtol=1e-14)
        np.testing.assert_allclose(graph.cdf(1e-100), 0.125 * 1e-200, rtol=1e-14)


def test_a_row_of_a_million_states_is_solved():
    n = 10**6
    graph = long_row(n)
    assert graph.is_acyclic()
    assert graph.expectation() == n
    assert graph.variance() == pytest.approx(n, rel=1e-12)
    assert graph.moments(2)[1] == pytest.approx(n * (n + 1.0), rel=1e-12)
    assert graph.expected_sojourn_time()[1:-1] == [1.0] * n
    assert graph.expected_waiting_time()[1:4] == [n, n - 1.0, n - 2.0]


def test_a_walk_along_a_long_row_is_solved():
    n = 10**5
    graph = long_row(n, back=1.0)
    # Reflected at its start, stepping either way at rate one: the k-th step onward takes k.
    assert graph.expectation() == pytest.approx(n * (n + 1.0) / 2.0, rel=1e-12)
    assert graph.expected_sojourn_time()[1] == pytest.approx(n, rel=1e-12)


def test_a_long_row_can_be_asked_for_its_early_distribution():
    graph = long_row(10**5)
    np.testing.assert_array_equal(graph.cdf([0.0, 1.0, 10.0]), 0.0)
    np.testing.assert_array_equal(graph.pdf([0.0, 1.0, 10.0]), 0.0)
    assert graph.stop_probability(2.0)[1:4] == pytest.approx(
        [math.exp(-2.0), 2.0 * math.exp(-2.0), 2.0 * math.exp(-2.0)], rel=1e-13
    )


# Any graph at all


@st.composite
def any_edges(draw, n=5):
    """Return edges between states 1, ..., n, with and without traps and ways out."""
    pairs = [(a, b) for a in range(1, n + 1) for b in range(1, n + 3) if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=10))
    return [(a, b, draw(st.integers(1, 8)) / 64.0) for a, b in chosen if a <= n]


@settings(max_examples=60, deadline=None)
@given(any_edges(), st.booleans(), st.integers(1, 5))
def test_any_graph_is_solved_or_a_state_is_named(edges, discrete, start):
    graph = built(edges, {start: 0.75}, discrete, n=7)
    sources = {a for a, _, _ in edges}
    final = {v for v in range(1, 8) if v not in sources}
    ahead = {v: reached(edges, v) for v in range(1, 8)}
    free = {v for v in ahead if ahead[v] & final}  # from where absorption is possible
    certain = {v for v in ahead if ahead[v] <= free}
    chance = 0.75 * absorption_chance(edges, final, free, start)
    assert graph.cdf(np.inf) == pytest.approx(chance, rel=1e-13)
    assert graph.cdf(1e9) == pytest.approx(chance, rel=1e-12)
    assert math.fsum(graph.stop_probability(1e9)) == pytest.approx(0.75 - chance, rel=1e-12, abs=1e-15)
    assert graph.cdf(3.0) + math.fsum(graph.stop_probability(3.0)) == pytest.approx(0.75, rel=1e-14)
    if start not in certain:
        for ask in OF_TIME.values():
            with pytest.raises(AbsorptionError, match="cannot reach absorption") as caught:
                ask(graph)
            assert caught.value.vertex in ahead[start] - certain
        return
    waiting = graph.expected_waiting_time()
    assert {v for v in ahead if waiting[v] == np.inf} == set(ahead) - certain
    kept = [edge for edge in edges if edge[0] in certain]
    exact = exact_moments(built(kept, {start: 0.75}, discrete, n=7).arrays, 3)
    np.testing.assert_allclose(graph.moments(3), exact, rtol=1e-13)
    assert waiting[0] == pytest.approx(exact[0], rel=1e-13)
    assert math.fsum(graph.expected_sojourn_time()) == pytest.approx(exact[0], rel=1e-13)


def reached(edges, state):
    """Return the states that can be reached from one, itself included."""
    found = {state}
    while more := {b for a, b, _ in edges if a in found} - found:
        found |= more
    return found


def absorption_chance(edges, final, free, start):
    """Return the probability of absorption some day, in fractions."""
    unknown = sorted(free - final)
    if start in final or start not in free:
        return float(start in final)
    place = {v: i for i, v in enumerate(unknown)}
    system = [[Fraction(0)] * len(unknown) for _ in unknown]
    right = [Fraction(0)] * len(unknown)
    for a, b, weight in edges:
        if a in place:
            system[place[a]][place[a]] += Fraction(weight)
            if b in place:
                system[place[a]][place[b]] -= Fraction(weight)
            elif b in final:
                right[place[a]] += Fraction(weight)
    return float(_solved(system, right)[place[start]])
