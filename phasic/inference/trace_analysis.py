"""Whether particles have come to rest, and what to do where they have not."""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.arrays import Floats

_SHIFT, _CHANGE = 0.1, 0.1  # of mean and spread, relative to the spread, that count as rest
_ALIKE = 1e-6  # distance of particles, relative to their spread, that are one
_NARROW = 0.5  # of the spread that the curvature at the optimum implies


def analysed(steps: Floats, implied: Floats, burnin: int | None = None) -> dict[str, Any]:
    """Return what the steps of particles say.

    Parameters
    ----------
    steps : float64[t, n, f]
        Free parameters before the transforms.
    implied : float64[f]
        Standard deviations that the curvature of the posterior at its optimum implies.
    burnin : int, optional
        From which step on particles have to rest; by default the last quarter.

    Returns
    -------
    dict
        ``converged``; ``convergence_point``, the first step from which on mean and spread stay within a tenth
        of what they are in the end, or None; ``diversity``; ``variance_collapse``; ``issues`` in words;
        ``suggestions``, arguments for the next fit.
    """
    last, n = len(steps) - 1, steps.shape[1]
    means, spreads = steps.mean(axis=1), steps.std(axis=1)
    scale = np.maximum(spreads[-1], 1e-300)
    moved = (np.abs(means - means[-1]) / scale > _SHIFT) | (np.abs(spreads / scale - 1.0) > _CHANGE)
    restless = np.flatnonzero(moved.any(axis=1))
    point = int(restless[-1]) + 1 if restless.size else 0
    rest = burnin if burnin is not None else last - last // 4
    converged = point <= rest
    apart = np.abs(steps[-1][:, None] - steps[-1][None])[np.triu_indices(n, 1)] / scale
    distances = np.sqrt((apart**2).sum(axis=1)) if n > 1 else np.zeros(1)
    share = spreads[-1] / implied
    issues, suggestions = [], {}
    if not converged:
        issues.append(f"particles still moved at step {point} of {last}")
        suggestions["n_iterations"] = 2 * max(1, last)
    if (distances < _ALIKE).any():
        issues.append("some particles are in one place")
        suggestions["n_particles"] = 2 * n
    if (share < _NARROW).any():
        issues.append(
            f"particles spread {share.min():.2g} times as much as the curvature at the optimum implies: too "
            f"few of them, or a posterior far from Gaussian"
        )
        suggestions["n_particles"] = 2 * n
    return {
        "converged": bool(converged),
        "convergence_point": point if converged else None,
        "diversity": {"mean_distance": float(distances.mean()), "least_distance": float(distances.min())},
        "variance_collapse": {"share": share.tolist(), "collapsed": bool((share < _NARROW).any())},
        "suggestions": suggestions,
        "issues": issues,
    }


def described(found: dict[str, Any]) -> str:
    """Return the same in words."""
    lines = [
        f"at rest from step {found['convergence_point']} on" if found["converged"] else "not at rest",
        *found["issues"],
        *(f"try {name}={value}" for name, value in found["suggestions"].items()),
    ]
    return "\n".join(lines) + "\n"
