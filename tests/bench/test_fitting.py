"""Phase-type fits by expectation maximisation beside phasedist, which fits the same structures."""

from __future__ import annotations

import time

import numpy as np
import pytest

from phasic import fit_phase_type

pytestmark = pytest.mark.bench


@pytest.mark.parametrize(("phases", "structure"), [(2, "coxian"), (3, "coxian"), (3, "general")])
def test_a_fit_is_as_likely_and_quicker(phases, structure):
    """Ten searches of ours beside one of theirs, in seconds of the processor."""
    peer = pytest.importorskip("phasedist")
    random = np.random.default_rng(1)
    times = np.concatenate([random.lognormal(0.0, 0.5, 120), random.gamma(9.0, 0.5, 80)])
    fit_phase_type(times, phases, structure, n_starts=1, max_steps=3)  # kernels

    def timed(function):
        began = time.process_time()
        return function(), time.process_time() - began

    ours, mine = timed(lambda: fit_phase_type(times, phases, structure))
    theirs, long = timed(lambda: peer.fit(obs=times, nphases=phases, dtype=structure, seed=1).getdist())
    value = sum(np.log(theirs.getdensity(float(t))) for t in times)
    print(  # noqa: T201
        f"\n{structure} {phases}: log-likelihood {ours.log_likelihood:.4f} and {value:.4f}, "
        f"{mine:.2f} s and {long:.2f} s, {long / mine:.0f} times"
    )
    assert ours.log_likelihood >= value - 1e-3
    assert mine < long


def test_steps_cost_what_times_do():
    """The same data as whole numbers, in seconds of the processor; nobody else fits these."""
    random = np.random.default_rng(1)
    steps = np.ceil(20.0 * np.concatenate([random.lognormal(0.0, 0.5, 120), random.gamma(9.0, 0.5, 80)]))
    for discrete in (False, True):
        fit_phase_type(steps, 3, n_starts=1, max_steps=3, discrete=discrete)  # kernels
    for discrete in (False, True):
        began = time.process_time()
        found = fit_phase_type(steps, 3, discrete=discrete)
        took = time.process_time() - began
        began = time.process_time()
        error = found.estimate(lambda graph: graph.expectation())
        print(  # noqa: T201
            f"\n{'steps' if discrete else 'times'}: log-likelihood {found.log_likelihood:.3f}, {took:.2f} s; "
            f"mean {error.value:.2f} +- {error.std:.2f}, {time.process_time() - began:.3f} s"
        )
        assert found.success
