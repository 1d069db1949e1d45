"""Laws of phase-type distributions, on random graphs in both kinds of time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MILD, STIFF, phase_types, thetas

from phasic import Graph, GraphArrays
from phasic.state_space import compress

laws = settings(max_examples=20, deadline=None)
clocks = st.booleans()
GENTLE = st.floats(0.5, 2.0)


@st.composite
def graphs(draw, discrete=None, rates=MILD, **options):
    discrete = draw(clocks) if discrete is None else discrete
    rates = MILD if discrete else rates
    return draw(phase_types(discrete=discrete, rates=rates, **options))


@st.composite
def two_graphs(draw, rates=GENTLE, **options):
    """Two graphs in the same kind of time."""
    discrete = draw(clocks)
    return tuple(draw(phase_types(5, discrete=discrete, rates=rates, **options)) for _ in range(2))


def graph(arrays):
    return Graph.from_arrays(arrays)


def close(found, expected, rtol=1e-12, atol=0.0):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def edges_of(arrays):
    """Return edges of a constant graph as ``(source, target, weight)``."""
    source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    return list(zip(source.tolist(), arrays.targets.tolist(), arrays.weights().tolist(), strict=True))


def from_edges(n, edges, alpha, discrete):
    """Return the graph on vertices 0, ..., n - 1 with these edges and initial probabilities."""
    source, target, weight = (np.array(column) for column in zip(*edges, strict=True))
    offsets, targets, rows = compress(n, source, target, weight[:, None])
    starts = np.flatnonzero(alpha)
    states = np.arange(n)[:, None]
    return GraphArrays(states, starts, np.asarray(alpha)[starts], offsets, targets, rows, discrete=discrete)


def rewards_of(arrays, seed, signed=False):
    """Return rewards by vertex that are small multiples of 1/16."""
    low = -32 if signed else 0
    return np.random.default_rng(seed).integers(low, 33, arrays.n_vertices) / 16.0


def times_of(arrays):
    """Return times from early ones to some in the tail, or numbers of steps."""
    mean = max(graph(arrays).expectation(), 1e-3)
    return np.arange(12.0) if arrays.discrete else mean * np.array([0.01, 0.1, 0.5, 1.0, 2.0, 5.0])


def same_distribution(a, b, rtol=1e-11):
    """Claim that two graphs have the same absorption time."""
    close(a.moments(3), b.moments(3), rtol)
    close(a.variance(), b.variance(), rtol)
    times = times_of(a.arrays)
    # A chance to stay that is within the rounding of a row counts as none, so graphs whose rows round
    # otherwise may differ by that much.
    least = 1e-15 if a.is_discrete else 1e-300
    close(a.pdf(times), b.pdf(times), rtol, least)
    close(a.cdf(times), b.cdf(times), rtol, 1e-300)
    close(a.defect(), b.defect(), rtol, 1e-15)


seeds = st.integers(0, 2**32 - 1)


# Clocks


@laws
@given(graphs(discrete=False, rates=st.one_of(MILD, STIFF)), st.integers(-60, 60))
def test_a_clock_that_runs_a_power_of_two_faster_changes_no_digit(arrays, power):
    c = 2.0**power
    slow, fast = graph(arrays), graph(replace(arrays, coefficients=arrays.coefficients * c))
    assert fast.moments(4) == [m / c**j for j, m in enumerate(slow.moments(4), 1)]
    assert fast.variance() == slow.variance() / c**2
    assert fast.expected_sojourn_time() == [time / c for time in slow.expected_sojourn_time()]
    assert fast.expected_waiting_time() == [time / c for time in slow.expected_waiting_time()]
    times = times_of(arrays)
    np.testing.assert_array_equal(fast.pdf(times / c), slow.pdf(times) * c)
    np.testing.assert_array_equal(fast.cdf(times / c), slow.cdf(times))
    assert fast.stop_probability(times[2] / c) == slow.stop_probability(times[2])


@laws
@given(graphs(discrete=False), st.floats(0.01, 100.0))
def test_a_clock_that_runs_faster_divides_times(arrays, c):
    slow, fast = graph(arrays), graph(replace(arrays, coefficients=arrays.coefficients * c))
    close(fast.moments(4), [m / c**j for j, m in enumerate(slow.moments(4), 1)])
    times = times_of(arrays)
    close(fast.cdf(times / c), slow.cdf(times), atol=1e-300)


@laws
@given(phase_types(parameters=2), thetas(2), st.integers(-20, 20))
def test_theta_times_a_power_of_two_is_a_faster_clock(arrays, theta, power):
    slow, fast = graph(arrays), graph(arrays)
    slow.update_weights(theta)
    fast.update_weights(theta * 2.0**power)
    assert fast.moments(2) == [m / 2.0 ** (power * j) for j, m in enumerate(slow.moments(2), 1)]


@laws
@given(graphs(max_states=5, rates=GENTLE), st.integers(1, 5))
def test_where_the_chain_is_is_all_that_the_future_depends_on(arrays, k):
    whole = graph(arrays)
    first = float(k) if arrays.discrete else k / 4.0
    inside = np.array(whole.stop_probability(first))
    later = np.arange(1.0, 8.0) if arrays.discrete else np.array([0.1, 0.5, 1.0, 3.0])
    if not inside.any():
        close(whole.cdf(first + later), np.full(later.shape, whole.cdf(first)))
        return
    states = np.flatnonzero(inside)
    rest = graph(replace(arrays, start_targets=states, start_weights=inside[states]))
    close(whole.pdf(first + later), rest.pdf(later), rtol=1e-11, atol=1e-300)
    close(whole.cdf(first + later), whole.cdf(first) + rest.cdf(later), rtol=1e-11)
    close(whole.stop_probability(first + 2.0), rest.stop_probability(2.0), rtol=1e-11, atol=1e-300)


@laws
@given(graphs(max_states=5, rates=GENTLE))
def test_the_mean_is_what_survives_summed_over_time(arrays):
    whole = graph(replace(arrays, start_weights=arrays.start_weights / arrays.start_weights.sum()))
    if arrays.discrete:
        steps = np.arange(4000.0)
        close(whole.expectation(), np.sum(1.0 - whole.cdf(steps)), rtol=1e-9, atol=1e-12)
        close(whole.cdf(steps[:50]), np.cumsum(whole.pdf(steps[:50])), rtol=1e-12, atol=1e-300)
    else:
        ends = whole.expectation() * np.linspace(0.0, 4.0, 9)
        nodes, weights = np.polynomial.legendre.leggauss(24)
        for a, b in pairwise(ends):
            inner = 0.5 * (a + b) + 0.5 * (b - a) * nodes
            area = 0.5 * (b - a) * weights @ whole.pdf(inner)
            close(whole.cdf(b) - whole.cdf(a), area, rtol=0.0, atol=1e-12)


# Two graphs into one


def joined(a, b, shift):
    """Return the edges of `a`, and of `b` with its vertices numbered from `shift` on."""
    return edges_of(a) + [(v + shift, u + shift, w) for v, u, w in edges_of(b)]


def in_series(a, b):
    """Return the graph of one after the other: what leaves `a` enters `b`, which lacks no mass."""
    n = a.n_vertices
    final = np.diff(a.offsets) == 0
    edges = [edge for edge in joined(a, b, n) if edge[1] >= n or not final[edge[1]]]
    for v, u, w in edges_of(a):
        if final[u]:
            edges += [(v, n + s, w * p) for s, p in enumerate(b.alpha) if p > 0.0]
    alpha = np.concatenate([np.where(final, 0.0, a.alpha), a.alpha[final].sum() * b.alpha])
    return from_edges(n + b.n_vertices, edges, alpha, a.discrete)


def mixed(a, b, share):
    """Return the graph that is `a` with probability `share`, else `b`."""
    alpha = np.concatenate([share * a.alpha, (1.0 - share) * b.alpha])
    return from_edges(a.n_vertices + b.n_vertices, joined(a, b, a.n_vertices), alpha, a.discrete)


@laws
@given(two_graphs(missing=False))
def test_of_one_after_the_other_means_and_variances_add(pair):
    a, b = map(graph, pair)
    both = graph(in_series(*pair))
    close(both.expectation(), a.expectation() + b.expectation())
    close(both.variance(), a.variance() + b.variance(), rtol=1e-11, atol=1e-15)

    def third(m1, m2, m3):
        return m3 - 3.0 * m1 * m2 + 2.0 * m1**3

    scale = both.moments(3)[2]
    close(third(*both.moments(3)), third(*a.moments(3)) + third(*b.moments(3)), rtol=0.0, atol=1e-12 * scale)


@laws
@given(two_graphs(missing=False))
def test_of_one_after_the_other_the_distribution_is_a_convolution(pair):
    a, b = map(graph, pair)
    both = graph(in_series(*pair))
    if pair[0].discrete:
        steps = np.arange(30.0)
        first, second = a.pdf(steps), b.pdf(steps)
        close(both.pdf(steps), np.convolve(first, second)[:30], atol=1e-300)
        close(both.cdf(steps), np.convolve(first, b.cdf(steps))[:30], atol=1e-300)
        return
    nodes, weights = np.polynomial.legendre.leggauss(48)
    for t in (0.5, 2.0, 5.0):
        inner = 0.5 * t * (1.0 + nodes)
        area = 0.5 * t * weights @ (a.pdf(inner) * b.cdf(t - inner))
        close(both.cdf(t), a.cdf(0.0) * b.cdf(t) + area, rtol=1e-10, atol=1e-14)


@laws
@given(two_graphs(rates=MILD), st.integers(1, 15))
def test_a_mixture_mixes_moments_and_distributions(pair, sixteenths):
    p = sixteenths / 16.0
    a, b = map(graph, pair)
    both = graph(mixed(*pair, p))
    close(both.moments(4), p * np.array(a.moments(4)) + (1.0 - p) * np.array(b.moments(4)))
    apart = a.expectation() - b.expectation()
    close(both.variance(), p * a.variance() + (1 - p) * b.variance() + p * (1 - p) * apart**2, atol=1e-300)
    times = times_of(both.arrays)
    close(both.pdf(times), p * a.pdf(times) + (1.0 - p) * b.pdf(times), atol=1e-300)
    close(both.cdf(times), p * a.cdf(times) + (1.0 - p) * b.cdf(times), atol=1e-300)
    close(both.defect(), p * a.defect() + (1.0 - p) * b.defect(), atol=1e-15)


# Rewards


@laws
@given(graphs(rates=st.one_of(MILD, STIFF)), seeds, st.integers(-30, 30), st.booleans())
def test_rewards_times_a_power_of_two_change_no_digit(arrays, seed, power, negative):
    whole, r, c = graph(arrays), rewards_of(arrays, seed, signed=True), 2.0**power * (-1.0) ** negative
    assert whole.moments(3, c * r) == [c**j * m for j, m in enumerate(whole.moments(3, r), 1)]
    assert whole.variance(c * r) == c**2 * whole.variance(r)
    assert whole.covariance(c * r, np.ones_like(r)) == c * whole.covariance(r, np.ones_like(r))
    np.testing.assert_array_equal(
        whole.expected_sojourn_time(c * r), c * np.array(whole.expected_sojourn_time(r))
    )
    np.testing.assert_array_equal(
        whole.expected_waiting_time(c * r), c * np.array(whole.expected_waiting_time(r))
    )


@laws
@given(graphs(), seeds)
def test_the_expectation_of_a_sum_of_rewards_is_the_sum(arrays, seed):
    whole = graph(arrays)
    r, s = rewards_of(arrays, seed), rewards_of(arrays, seed + 1)
    close(whole.expectation(r + s), whole.expectation(r) + whole.expectation(s), atol=1e-300)
    waiting = np.array(whole.expected_waiting_time(r)) + whole.expected_waiting_time(s)
    close(whole.expected_waiting_time(r + s), waiting, atol=1e-300)
    close(whole.expectation(r), r @ np.array(whole.expected_sojourn_time()), atol=1e-300)


@laws
@given(graphs(), seeds)
def test_the_variance_of_a_sum_of_rewards_has_their_covariance_twice(arrays, seed):
    whole = graph(arrays)
    r, s = rewards_of(arrays, seed, signed=True), rewards_of(arrays, seed + 1, signed=True)
    sizes = whole.moments(2, np.abs(r) + np.abs(s))[1]
    parts = whole.variance(r) + whole.variance(s) + 2.0 * whole.covariance(r, s)
    close(whole.variance(r + s), parts, rtol=0.0, atol=1e-13 * sizes)
    assert whole.covariance(r, s) == whole.covariance(s, r)
    close(whole.covariance(r, r), whole.variance(r), rtol=1e-14, atol=1e-300)
    assert abs(whole.covariance(r, s)) <= np.sqrt(whole.variance(r) * whole.variance(s)) * (1 + 1e-12)


# The same chain otherwise written


@laws
@given(graphs(rates=st.one_of(MILD, STIFF)), st.randoms(use_true_random=False))
def test_the_order_of_states_does_not_matter(arrays, random):
    n = arrays.n_vertices
    order = list(range(1, n))
    random.shuffle(order)
    name = np.concatenate([[0], order])  # vertex v is called name[v] in the other graph
    alpha = np.zeros(n)
    alpha[name] = arrays.alpha
    edges = [(name[v], name[u], w) for v, u, w in edges_of(arrays)]
    a, b = graph(arrays), graph(from_edges(n, edges, alpha, arrays.discrete))
    same_distribution(a, b)
    close(np.array(b.expected_sojourn_time())[name], a.expected_sojourn_time())
    close(np.array(b.expected_waiting_time())[name], a.expected_waiting_time())
    t = times_of(arrays)[3]
    close(np.array(b.stop_probability(t))[name], a.stop_probability(t), rtol=1e-11, atol=1e-300)


@laws
@given(graphs(), st.integers(1, 15), st.integers(0, 8), st.integers(0, 8), st.data())
def test_a_state_split_in_two_alike_is_still_one(arrays, sixteenths, forth, back, data):
    """Two copies of a state, whatever they do between them, end as the state does."""
    share, n, alpha = sixteenths / 16.0, arrays.n_vertices, arrays.alpha
    state = data.draw(st.sampled_from(np.flatnonzero(np.diff(arrays.offsets)).tolist()))
    edges = []
    for v, u, w in edges_of(arrays):
        ends = [(state, share), (n, 1.0 - share)] if u == state else [(u, 1.0)]
        sources = [v, n] if v == state else [v]
        edges += [(source, end, w * part) for source in sources for end, part in ends]
    left = sum(w for v, _, w in edges_of(arrays) if v == state)
    unit = max(0.0, 1.0 - left) / 16.0 if arrays.discrete else left / 4.0
    edges += [(a, b, w * unit) for a, b, w in [(state, n, forth), (n, state, back)] if w * unit > 0.0]
    split = np.append(alpha, (1.0 - share) * alpha[state])
    split[state] = share * alpha[state]
    a, b = graph(arrays), graph(from_edges(n + 1, edges, split, arrays.discrete))
    same_distribution(a, b)
    visited = b.expected_sojourn_time()
    close(visited[state] + visited[n], a.expected_sojourn_time()[state], rtol=1e-11, atol=1e-300)
    assert len(visited) == n + 1


@laws
@given(graphs(), st.integers(1, 15))
def test_two_ways_to_be_absorbed_are_as_good_as_one(arrays, sixteenths):
    share, n = sixteenths / 16.0, arrays.n_vertices
    final = np.diff(arrays.offsets) == 0
    edges = []
    for v, u, w in edges_of(arrays):
        edges += [(v, u, w * share), (v, n, w * (1.0 - share))] if final[u] else [(v, u, w)]
    same_distribution(
        graph(arrays), graph(from_edges(n + 1, edges, np.append(arrays.alpha, 0.0), arrays.discrete))
    )


@laws
@given(graphs(), st.integers(1, 15), st.data())
def test_an_edge_in_two_parts_is_still_one(arrays, sixteenths, data):
    share = sixteenths / 16.0
    edges = edges_of(arrays)
    place = data.draw(st.integers(0, len(edges) - 1))
    v, u, w = edges[place]
    parts = [*edges[:place], (v, u, w * share), (v, u, w * (1.0 - share)), *edges[place + 1 :]]
    whole = from_edges(arrays.n_vertices, edges, arrays.alpha, arrays.discrete)
    same_distribution(
        graph(whole), graph(from_edges(arrays.n_vertices, parts, arrays.alpha, arrays.discrete))
    )


@laws
@given(graphs(discrete=False), st.floats(1.0, 8.0))
def test_watched_at_the_times_of_a_poisson_process_steps_count_the_same(arrays, more):
    """Steps of the uniformised chain, a Poisson number of them by time t, make the distribution."""
    source = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    clock = more * np.bincount(source, arrays.weights()).max()
    steps = graph(replace(arrays, coefficients=arrays.coefficients / clock, discrete=True))
    whole = graph(arrays)
    close(steps.expectation(), clock * whole.expectation())
    close(steps.variance(), clock**2 * whole.variance() - clock * whole.expectation(), rtol=1e-9, atol=1e-10)
    close(steps.expected_sojourn_time(), clock * np.array(whole.expected_sojourn_time()))


# Recording once


@laws
@given(phase_types(parameters=2), st.lists(thetas(2), min_size=1, max_size=3), seeds)
def test_replaying_a_recorded_elimination_equals_eliminating(arrays, choices, seed):
    kept, r = graph(arrays), rewards_of(arrays, seed)
    kept.expectation()
    trace = kept.trace
    for theta in choices:
        kept.update_weights(theta)
        fresh = graph(replace(arrays, coefficients=arrays.weights(theta)[:, None], parameterised=False))
        assert kept.trace is trace
        assert kept.moments(3, r) == fresh.moments(3, r)
        assert kept.variance() == fresh.variance()
        assert kept.expected_sojourn_time() == fresh.expected_sojourn_time()
        assert kept.expected_waiting_time(r) == fresh.expected_waiting_time(r)
        times = times_of(fresh.arrays)
        np.testing.assert_array_equal(kept.pdf(times), fresh.pdf(times))
        np.testing.assert_array_equal(kept.cdf(times), fresh.cdf(times))
