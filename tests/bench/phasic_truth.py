"""Densities of the models that are compared, to many digits and by other means than either package's."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray


def coalescent_density(n: int, theta: list[float], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the density of the time to the common ancestor: a sum of exponential times of rate C(k, 2)."""
    with mpmath.workdps(80):
        rates = [mpmath.mpf(theta[0]) * k * (k - 1) / 2 for k in range(2, n + 1)]
        terms = []
        for rate in rates:
            others = mpmath.fprod(other / (other - rate) for other in rates if other != rate)
            terms.append((rate, rate * others))
        return np.array([float(sum(c * mpmath.exp(-rate * t) for rate, c in terms)) for t in times.tolist()])


def island_density(n: int, theta: list[float], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same for two islands: how many lineages are on either is a chain of its own.

    Its matrix exponential is taken once, for the step between the equally spaced `times`.
    """
    step = float(times[0])
    assert np.allclose(np.diff(times), step)
    states = [(a, total - a) for total in range(n, 1, -1) for a in range(total, -1, -1)]
    place = {state: i for i, state in enumerate(states)}
    with mpmath.workdps(30):
        rate, move = (mpmath.mpf(value) for value in theta)
        matrix: Any = mpmath.zeros(len(states))
        exits = [mpmath.mpf(0)] * len(states)
        for (a, b), i in place.items():
            merges = [((a - 1, b), rate * a * (a - 1) / 2), ((a, b - 1), rate * b * (b - 1) / 2)]
            for following, weight in [*merges, ((a - 1, b + 1), move * a), ((a + 1, b - 1), move * b)]:
                if not weight:
                    continue
                matrix[i, i] -= weight
                if following in place:
                    matrix[i, place[following]] += weight
                else:
                    exits[i] += weight
        jump = mpmath.expm(matrix * step)
        row: Any = mpmath.zeros(1, len(states))
        row[0, place[n, 0]] = 1
        found = []
        for _ in times:
            row = row * jump
            found.append(float(sum(row[0, i] * exits[i] for i in range(len(states)))))
    return np.array(found)
