"""Censored, truncated and interval data of graphs with epochs, beside dense matrix exponentials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from epochs_for_tests import generator, interleaved, two_times, with_epochs
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, expm_frechet
from strategies import phase_types, thetas

from phasic import Graph, Observations, models

three = st.tuples(thetas(2), thetas(2), thetas(2))


def dense_survival(arrays, parts, times, t):
    """Return the probability of no absorption by `t`, and derivatives by the parameters of all epochs."""
    transient = np.diff(arrays.offsets) > 0
    state, bent = arrays.alpha.copy(), np.zeros((2 * len(parts), arrays.alpha.size))
    for k, (begin, end) in enumerate(zip((0.0, *times), (*times, np.inf), strict=True)):
        length = min(t, end) - begin
        if length <= 0.0:
            break
        rates = generator(arrays, parts[k])
        bent = bent @ expm(rates * length)
        for i in range(2):
            unit = generator(arrays, np.eye(2)[i])
            bent[2 * k + i] = state @ expm_frechet(rates * length, unit * length, compute_expm=False)
        state = state @ expm(rates * length)
    missing = 1.0 - arrays.alpha.sum()
    return state[transient].sum() + missing, bent[:, transient].sum(axis=1), state, bent


def dense_worth(arrays, parts, times, low, high, entry):
    """Return the logarithm of what one observation is worth, and its derivatives."""
    transient = np.diff(arrays.offsets) > 0
    begun = max(low, 0.0)
    alive, by_alive, state, bent = dense_survival(arrays, parts, times, begun)
    if low == high:
        k = sum(time <= low for time in times)
        exits = np.where(transient, generator(arrays, parts[k])[:, ~transient].sum(axis=1), 0.0)
        value, slopes = state @ exits, bent @ exits
        for i in range(2):
            more = generator(arrays, np.eye(2)[i])[:, ~transient].sum(axis=1)
            slopes[2 * k + i] += state @ np.where(transient, more, 0.0)
    elif high == np.inf:
        value, slopes = alive, by_alive
    else:
        later, by_later, _, _ = dense_survival(arrays, parts, times, high)
        value, slopes = (1.0 if low < 0.0 else alive) - later, (0.0 if low < 0.0 else by_alive) - by_later
    log, slopes = math.log(value), slopes / value
    if entry > -np.inf:
        seen, by_seen, _, _ = dense_survival(arrays, parts, times, entry)
        log, slopes = log - math.log(seen), slopes - by_seen / seen
    return log, slopes


def kinds(times):
    """Return ends and entries of observations within epochs, over boundaries, and on them."""
    a, b = times
    inf = np.inf
    return [
        (a / 2, a / 2, -inf), (b, b, -inf), (b + 0.5, b + 0.5, a / 3), ((a + b) / 2, (a + b) / 2, a),
        (a / 2, inf, -inf), (a, inf, -inf), ((a + b) / 2, inf, a / 2), (b + 1.0, inf, b), (0.0, inf, -inf),
        (-inf, a / 2, -inf), (-inf, b, -inf), (-inf, b + 1.0, -inf),
        (a / 3, a / 2, -inf), (a / 2, (a + b) / 2, -inf), (a / 2, b + 1.0, a / 4), (0.0, b, -inf),
    ]  # fmt: skip


@settings(max_examples=6)
@given(phase_types(parameters=2, max_states=4), two_times, three)
def test_every_kind_of_observation_is_worth_what_dense_exponentials_say(arrays, times, parts):
    graph = with_epochs(arrays, times)
    graph.update_weights(interleaved(parts, times))
    places = [0, 1, 3, 4, 6, 7]
    exact, rows = [], []
    for row in kinds(times):
        try:
            found = dense_worth(arrays, parts, times, *row)
        except ValueError:  # the logarithm of nothing
            continue
        if found[0] > -7.0:  # or differences of dense numbers have too few digits
            exact.append(found)
            rows.append(row)
    assume(rows)
    low, high, entry = np.array(rows).T
    seen = Observations(low, high, entry)
    engine = graph._engine().likelihood(seen)
    weights = graph.arrays.coefficients @ graph.theta
    np.testing.assert_allclose(engine.terms(weights), [log for log, _ in exact], rtol=1e-10, atol=1e-10)
    value, by_weight = engine(weights)
    gradient, by_theta = by_weight @ graph.arrays.coefficients, sum(slopes for _, slopes in exact)
    assert value == pytest.approx(sum(log for log, _ in exact), rel=1e-10, abs=1e-10)
    assert value == engine(weights, False).value
    scale = sum(np.abs(slopes) for _, slopes in exact).max()  # one may take off what another adds
    np.testing.assert_allclose(gradient[places], by_theta, rtol=1e-8, atol=1e-8 * scale + 1e-14)
    assert not gradient[[2, 5, 8]].any()


def test_censored_fits_of_piecewise_hazards_are_deaths_over_time_at_risk():
    pair = Graph(models.coalescent(2)).add_epoch(0.5)
    pair.update_weights([1.5, 1.0, 0.5, 1.0])
    times = pair.sample(300, seed=1)
    censored = times > 1.5
    entry = np.where(np.arange(times.size) % 3 == 0, 0.2, 0.0)
    kept = times > entry
    times, censored, entry = np.minimum(times, 1.5)[kept], censored[kept], entry[kept]
    deaths = np.array([(times < 0.5).sum(), (~censored & (times >= 0.5)).sum()])
    risk = np.array([(np.minimum(times, 0.5) - entry).sum(), np.maximum(times - 0.5, 0.0).sum()])
    found = pair.fit(times, censored=censored, truncated=entry)
    assert found.theta[[0, 2]] == pytest.approx(deaths / risk, rel=1e-6)
    assert found.std[[0, 2]] == pytest.approx(np.sqrt(deaths) / risk, rel=1e-3)
    particles = pair.svgd(
        times, censored=censored, truncated=entry, n_iterations=60, seed=3, progress=False, parallel=1
    )
    assert particles.theta_mean[[0, 2]] == pytest.approx(deaths / risk, rel=0.05)


def test_being_where_the_chain_cannot_be_yet_has_a_derivative():
    """With a closed way in the first epoch, its derivative is that of opening it."""

    edges = {0: [([1], [1.0, 0.0]), ([2], [0.0, 1.0])], 1: [([3], [0.3, 0.0])], 2: [([3], [3.0, 0.0])]}

    def graph_at(rate):
        graph = Graph(lambda s: edges.get(int(s[0]), []), ipv=[0]).add_epoch(1.0)
        graph.update_weights([1.0, rate, 1.0, 2.0, 0.5, 1.0])
        return graph

    times = np.array([1.0, 1.3, 2.0])
    _, slopes = graph_at(0.0).log_likelihood(times, gradient=True)
    h = 1e-4
    at = [graph_at(k * h).log_likelihood(times) for k in range(5)]
    forward = (-25 * at[0] + 48 * at[1] - 36 * at[2] + 16 * at[3] - 3 * at[4]) / (12 * h)
    assert slopes[1] == pytest.approx(forward, rel=1e-8)


def test_what_cannot_be_is_minus_infinity():
    graph = Graph(models.erlang(2)).add_epoch(1.0)
    weights = graph.arrays.coefficients @ np.ones(graph.param_length())
    likelihood = graph._engine().likelihood(Observations.of([0.0, 2.0]))
    value, slopes = likelihood(weights)
    assert value == -math.inf
    assert np.isnan(slopes).all()
    late = Observations.of([800.0, 900.0], censored=[True, False], truncated=0.5)
    assert np.isfinite(graph._engine().likelihood(late)(weights, False).value)
