"""Rates from one end of float64 to the other; infinite only where the truth is too large."""

import ast
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phasic
from phasic import elimination, moments

exponents = st.integers(-1000, 1000)


def factors(model):
    return elimination.eliminate(*model.edges)


def chain(rates):
    """States in a row, each left at its rate."""
    n = len(rates) + 2
    return oracle.from_edges(n, [(v, v + 1, r) for v, r in enumerate(rates, start=1)], oracle.starting_at(n))


def exact(model, k):
    """Raw moments in rationals, by Gauss-Jordan elimination."""
    place = {int(v): i for i, v in enumerate(model.states)}
    t = len(place)
    rows = [[Fraction(0)] * t for _ in range(t)]
    for v, u, w in zip(model.source, model.targets, model.weights, strict=True):
        rows[place[v]][place[v]] += Fraction(float(w))
        if int(u) in place:
            rows[place[v]][place[int(u)]] -= Fraction(float(w))
    found, m = [], [Fraction(1)] * t
    for j in range(1, k + 1):
        m = solved(rows, [j * x for x in m])
        found.append(sum(Fraction(float(model.alpha[v])) * m[i] for v, i in place.items()))
    return found


def solved(rows, right):
    rows = [[*row, value] for row, value in zip(rows, right, strict=True)]
    t = len(rows)
    for c in range(t):
        pivot = next(r for r in range(c, t) if rows[r][c])
        rows[c], rows[pivot] = rows[pivot], rows[c]
        for r in range(t):
            if r != c and rows[r][c]:
                share = rows[r][c] / rows[c][c]
                rows[r] = [x - share * y for x, y in zip(rows[r], rows[c], strict=True)]
    return [rows[i][t] / rows[i][i] for i in range(t)]


def close(found, truth):
    for value, fraction in zip(found, truth, strict=True):
        if fraction > Fraction(np.finfo(float).max):
            assert value == np.inf
        else:
            near_the_end = Fraction(1e-270)  # of float64, where numbers on the way have fewer digits
            assert abs(Fraction(value) - fraction) <= fraction * Fraction(1, 10**13) + near_the_end


@given(st.lists(exponents, min_size=1, max_size=6))
def test_states_in_a_row_of_any_rates(powers):
    model = chain([2.0**power for power in powers])
    close(moments.moments(factors(model), model.alpha, 3), exact(model, 3))


@given(st.lists(exponents, min_size=7, max_size=7))
def test_cycles_of_any_rates(powers):
    ends = [(1, 2), (2, 1), (2, 3), (3, 1), (3, 2), (3, 4), (1, 4)]
    edges = [(v, u, 2.0**power) for (v, u), power in zip(ends, powers, strict=True)]
    model = oracle.from_edges(5, edges, oracle.starting_at(5))
    solution = factors(model)
    truth = exact(model, 2)
    close(moments.moments(solution, model.alpha, 2), truth)
    var = moments.variance(solution, model.alpha)
    close([var], [truth[1] - truth[0] ** 2])
    time = solution.solve_transposed(model.alpha)
    close([time.sum()], truth[:1])


@pytest.mark.parametrize(
    "rates", [(1e300, 1e-300, 1.0, 1e150), (1e-300, 1.0, 1e300), (5e-324, 1.0), (1e308, 1e308)]
)
def test_numbers_on_the_way_do_not_overflow(rates):
    model = chain(rates)
    close(moments.moments(factors(model), model.alpha, 2), exact(model, 2))


def test_a_way_out_that_is_hardly_there_is_there():
    model = oracle.from_edges(4, [(1, 2, 1e300), (2, 1, 1e300), (2, 3, 1e-300)], oracle.starting_at(4))
    solution = factors(model)
    assert not solution.stuck.any()
    close(moments.moments(solution, model.alpha, 2), exact(model, 2))


def test_a_graph_without_edges_has_no_variance():
    solution = elimination.eliminate([0, 0, 0], [], np.empty(0))
    assert moments.variance(solution, np.array([0.0, 1.0])) == 0.0
    assert moments.moments(solution, np.array([0.0, 1.0]), 2) == [0.0, 0.0]


def test_a_million_states_in_a_row():
    n = 10**6
    offsets = np.concatenate([[0], np.arange(n + 1), [n]])
    alpha = np.zeros(n + 2)
    alpha[1] = 1.0
    solution = elimination.eliminate(offsets, np.arange(2, n + 2), np.full(n, 2.0))
    assert moments.moments(solution, alpha, 2) == [n / 2, n * (n + 1) / 4]
    assert moments.variance(solution, alpha) == n / 4


def test_a_million_states_back_and_forth():
    """From state k to k + 1 at rate 2 and back at rate 1: E = sum over k of 1 - 2**-k."""
    n = 10**6
    k = np.arange(1, n + 1)
    targets = np.stack([k + 1, np.maximum(k - 1, 1)], axis=1).ravel()
    alpha = np.zeros(n + 2)
    alpha[1] = 1.0
    offsets = np.concatenate([[0], np.arange(n + 1) * 2, [2 * n]])
    solution = elimination.eliminate(offsets, targets, np.tile([2.0, 1.0], n))
    np.testing.assert_allclose(moments.expectation(solution, alpha), n - 1.0, rtol=1e-12)


def test_no_number_in_the_code_is_so_small_that_some_threads_read_it_as_zero():
    # XLA calls back with subnormal numbers flushed, and what is imported then is compiled so.
    folder = Path(phasic.__file__).parent
    found = [
        (path.name, node.value)
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    assert len(found) > 100
    assert [row for row in found if 0.0 < abs(row[1]) < sys.float_info.min] == []
