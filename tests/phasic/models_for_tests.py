"""Callbacks as users write them, and exact answers in rational arithmetic to compare with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from phasic import with_ipv

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


def coalescent_callback(state):
    """Standard Kingman coalescent: rate n(n-1)/2."""
    n = state[0]
    if n <= 1:
        return []
    return [(np.array([n - 1]), [n * (n - 1) / 2])]


def chain(state):
    """k, k - 1, ..., 0 at rate one."""
    return [([state[0] - 1], 1.0)] if state[0] > 0 else []


def trap(state):
    """Two states that lead to each other for ever."""
    return [([1 - state[0]], 1.0)]


def exact_moments(arrays, order, rewards=None, theta=None):
    """Return raw moments as floats, computed in rationals from the weights of the graph.

    Continuous: m_j = j (-S)^-1 (r m_(j-1)). Discrete moments follow from E[(r + Y')**j] over one step.
    """
    weights = [Fraction(float(w)) for w in arrays.weights(theta)]
    n, offsets = arrays.n_vertices, arrays.offsets
    reward = [Fraction(1)] * n if rewards is None else [Fraction(float(r)) for r in rewards]
    transient = [v for v in range(1, n) if offsets[v + 1] > offsets[v]]
    place = {v: i for i, v in enumerate(transient)}
    system = [[Fraction(0)] * len(transient) for _ in transient]
    for v in transient:
        for e in range(offsets[v], offsets[v + 1]):
            system[place[v]][place[v]] += weights[e]
            if arrays.targets[e] in place:
                system[place[v]][place[int(arrays.targets[e])]] -= weights[e]
    moments = [[Fraction(1)] * len(transient)]
    for j in range(1, order + 1):
        if arrays.discrete:
            moments.append(_discrete_moment(system, moments, j, [reward[v] for v in transient]))
        else:
            moments.append(_solved(system, [j * reward[v] * moments[-1][place[v]] for v in transient]))
    alpha = [Fraction(float(arrays.alpha[v])) for v in transient]
    return [float(sum(a * m for a, m in zip(alpha, moment, strict=True))) for moment in moments[1:]]


def _discrete_moment(system, moments, j, reward):
    """Solve (I - P) m_j = sum over i < j of binomial(j, i) r**(j - i) P m_i; P m_0 is one."""
    from math import comb

    size = len(system)

    def stepped(vector):  # P vector, from I - P
        return [
            x - sum(row[c] * vector[c] for c in range(size)) for x, row in zip(vector, system, strict=True)
        ]

    right = [Fraction(0)] * size
    for i in range(j):
        onward = moments[0] if i == 0 else stepped(moments[i])
        for s in range(size):
            right[s] += comb(j, i) * reward[s] ** (j - i) * onward[s]
    return _solved(system, right)


def _solved(system, right):
    size = len(system)
    rows = [[*row, value] for row, value in zip(system, right, strict=True)]
    for c in range(size):
        pivot = next(r for r in range(c, size) if rows[r][c] != 0)
        rows[c], rows[pivot] = rows[pivot], rows[c]
        for r in range(size):
            if r != c and rows[r][c] != 0:
                factor = rows[r][c] / rows[c][c]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[c], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]
