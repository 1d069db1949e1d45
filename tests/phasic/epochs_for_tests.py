"""Random graphs with epochs, and what dense matrix exponentials make of them."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from scipy.linalg import expm

from phasic import Graph

two_times = st.tuples(st.floats(0.05, 2.0), st.floats(0.05, 2.0)).map(lambda t: (t[0], t[0] + t[1]))


def callback_of(arrays):
    """Return a callback that explores to the chain of `arrays`, whose states are the vertices."""

    def step(state):
        v = int(state[0])
        edges = range(arrays.offsets[v], arrays.offsets[v + 1])
        return [([int(arrays.targets[e])], arrays.coefficients[e]) for e in edges]

    return step


def with_epochs(arrays, times):
    assume((arrays.alpha[np.diff(arrays.offsets) > 0] > 0).any())  # or there is nothing with a parameter
    ipv = [[[int(v)], float(p)] for v, p in zip(arrays.start_targets, arrays.start_weights, strict=True)]
    graph = Graph(callback_of(arrays), ipv=ipv)
    for time in times:
        graph = graph.add_epoch(time)
    return graph


def generator(arrays, theta):
    """Return the full intensity matrix over all vertices."""
    matrix = np.zeros((arrays.n_vertices,) * 2)
    sources = np.repeat(np.arange(arrays.n_vertices), np.diff(arrays.offsets))
    np.add.at(matrix, (sources, arrays.targets), arrays.weights(theta))
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


def dense_moments(arrays, parts, times, rewards, order):
    """Return raw moments: epoch by epoch backwards, ``m_j' = Q m_j + j r m_(j-1)`` as one exponential."""
    n = arrays.n_vertices
    transient = np.diff(arrays.offsets) > 0
    reward = np.where(transient, rewards, 0.0)
    last = generator(arrays, parts[-1])[np.ix_(transient, transient)]
    moments = [np.ones(n)]
    for j in range(1, order + 1):
        moment = np.zeros(n)
        moment[transient] = np.linalg.solve(-last, (j * reward * moments[-1])[transient])
        moments.append(moment)
    lengths = np.diff([0.0, *times])
    for theta, length in zip(parts[-2::-1], lengths[::-1], strict=True):
        block = np.kron(np.eye(order + 1), generator(arrays, theta))
        for j in range(1, order + 1):
            block[j * n : (j + 1) * n, (j - 1) * n : j * n] = j * np.diag(reward)
        moments = list((expm(block * length) @ np.concatenate(moments)).reshape(order + 1, n))
    return [arrays.alpha @ moment for moment in moments[1:]]


def interleaved(parts, times):
    return np.concatenate([[*part, time] for part, time in zip(parts, (1.0, *times), strict=True)])
