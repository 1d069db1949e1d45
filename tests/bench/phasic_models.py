"""Models that both packages named phasic build from the same text; the module knows neither of them.

Each model is a function from its size to `Model`: a callback and a state to begin in. Weights are vectors of
coefficients of theta, of the length that the model says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Model(NamedTuple):
    """What to explore, from where, and a theta at which to ask."""

    callback: Callable[..., Any]
    ipv: list[int]
    theta: list[float]


def coalescent(n: int) -> Model:
    """Kingman's coalescent by how many lineages have 1, ..., n descendants: acyclic, partitions of n."""

    def merge(state):
        following = []
        k = len(state)
        for i in range(k):
            for j in range(i, k):
                pairs = state[i] * (state[i] - 1) / 2 if i == j else float(state[i] * state[j])
                if pairs > 0:
                    new = state.copy()
                    new[i] -= 1
                    new[j] -= 1
                    new[i + j + 1] += 1
                    following.append((new, [pairs]))
        return following

    return Model(merge, [n] + [0] * (n - 1), [1.0])


def island(n: int) -> Model:
    """The same on two islands with migration; entry i of each half counts its lineages of i + 1 descendants.

    Lineages merge on their island at rate ``theta[0]`` a pair and move at rate ``theta[1]`` each; the last
    one stays. States are partitions of n into parts of two colours: cyclic, a component per number of parts.
    """

    def merge_or_move(state):
        following = []
        k = len(state) // 2
        if state.sum() == 1:
            return following
        for d in range(2):
            for i in range(k):
                if state[d * k + i] == 0:
                    continue
                for j in range(i, k):
                    a = state[d * k + i]
                    b = state[d * k + j]
                    pairs = a * (a - 1) / 2 if i == j else float(a * b)
                    if pairs > 0:
                        new = state.copy()
                        new[d * k + i] -= 1
                        new[d * k + j] -= 1
                        new[d * k + i + j + 1] += 1
                        following.append((new, [pairs, 0.0]))
                new = state.copy()
                new[d * k + i] -= 1
                new[(1 - d) * k + i] += 1
                following.append((new, [0.0, float(state[d * k + i])]))
        return following

    return Model(merge_or_move, [n] + [0] * (2 * n - 1), [1.0, 0.5])


def grid(n: int) -> Model:
    """A walk on n x n places, up and right at ``theta[0]``, back at ``theta[1]``, to the far corner."""

    def walk(state):
        following = []
        x = state[0]
        y = state[1]
        if x == n - 1 and y == n - 1:
            return following
        for d in range(2):
            if state[d] < n - 1:
                new = state.copy()
                new[d] += 1
                following.append((new, [1.0, 0.0]))
            if state[d] > 0:
                new = state.copy()
                new[d] -= 1
                following.append((new, [0.0, 1.0]))
        return following

    return Model(walk, [0, 0], [1.0, 0.7])


def random_walk(n: int) -> Model:
    """n states that each lead to three others, drawn once, at rates times ``theta[0]``; a tenth can end.

    Nearly all states form one component without any structure.
    """
    draw = np.random.default_rng(20261125)
    targets = np.stack([draw.permutation(n)[:4] for _ in range(n)])
    rates = draw.uniform(0.5, 2.0, size=(n, 4))
    ends = draw.random(n) < 0.1
    ends[0] = True

    def jump(state):
        following = []
        here = state[0]
        if here == n:
            return following
        done = 0
        for k in range(4):
            if targets[here, k] != here and done < 3:
                done += 1
                new = state.copy()
                new[0] = targets[here, k]
                following.append((new, [rates[here, k], 0.0]))
        if ends[here]:
            new = state.copy()
            new[0] = n
            following.append((new, [0.0, 1.0]))
        return following

    return Model(jump, [1], [1.0, 0.3])


def rabbits(n: int) -> Model:
    """n rabbits on two islands, until all are drowned: a jump at rate ``theta[0]``, floods at [1] and [2]."""

    def jump_or_drown(state):
        following = []
        if state[0] > 0:
            new = state.copy()
            new[0] -= 1
            new[1] += 1
            following.append((new, [1.0, 0.0, 0.0]))
            new = state.copy()
            new[0] = 0
            following.append((new, [0.0, 1.0, 0.0]))
        if state[1] > 0:
            new = state.copy()
            new[0] += 1
            new[1] -= 1
            following.append((new, [1.0, 0.0, 0.0]))
            new = state.copy()
            new[1] = 0
            following.append((new, [0.0, 0.0, 1.0]))
        return following

    return Model(jump_or_drown, [n, 0], [1.0, 2.0, 4.0])


def erlang(n: int) -> Model:
    """n phases in a row."""

    def step(state):
        following = []
        if state[0] > 0:
            new = state.copy()
            new[0] -= 1
            following.append((new, [1.0]))
        return following

    return Model(step, [n], [2.0])


MODELS = {each.__name__: each for each in (coalescent, island, grid, random_walk, rabbits, erlang)}
