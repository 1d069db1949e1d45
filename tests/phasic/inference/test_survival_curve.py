"""What data alone say of survival: Turnbull's curve against that of Kaplan and Meier, and of lifelines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import Observations
from phasic.inference.survival_curve import kaplan_meier, turnbull

INF = np.inf


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**30), st.booleans())
def test_turnbull_is_kaplan_meier_where_times_are_exact_or_censored(seed, late):
    random = np.random.default_rng(seed)
    times, ends = random.integers(1, 9, (2, 30)) / 2.0
    entry = np.where(random.random(30) < 0.3, 0.25, -INF) if late else None
    seen = Observations(np.minimum(times, ends), np.where(times <= ends, times, INF), entry)
    weights = random.integers(1, 4, 30).astype(float)
    if not seen.exact.any():
        return
    at, survival, _ = kaplan_meier(seen, weights)
    found = turnbull(seen, weights)
    ended = np.isfinite(found.end)
    np.testing.assert_array_equal(found.end[ended], at)
    np.testing.assert_array_equal(found.begin[ended], at)
    np.testing.assert_allclose(found.survival[ended], survival, atol=1e-6)


def test_who_was_seen_late_counts_from_then_on():
    low, entry = np.array([1.0, 2.0, 2.0, 3.0, 4.0]), np.array([-INF, 0.5, 1.5, 1.0, 2.5])
    seen = Observations(low, low, entry)
    at, survival, _ = kaplan_meier(seen)
    found = turnbull(seen)
    np.testing.assert_array_equal(found.end, at)
    np.testing.assert_allclose(found.survival, survival, atol=1e-6)


def test_intervals_that_do_not_meet_have_their_shares():
    found = turnbull(Observations([0.0, 2.0, 2.5, 0.5], [1.0, 3.0, 4.0, 0.8]), np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(found.begin, [0.5, 2.5])
    np.testing.assert_array_equal(found.end, [0.8, 3.0])
    np.testing.assert_allclose(found.survival, [0.5, 0.0], atol=1e-8)


def test_it_is_as_likely_as_that_of_lifelines():
    npmle = pytest.importorskip("lifelines.fitters.npmle")
    random = np.random.default_rng(1)
    low = random.exponential(1.0, 40)
    high = low + random.uniform(0.2, 1.0, 40)
    high[::7] = INF
    found = turnbull(Observations(low, high))
    shares, places = npmle.npmle(low, high, tol=1e-9)[:2]
    theirs = np.array(
        [shares[[low[i] <= at.left and at.right <= high[i] for at in places]].sum() for i in range(40)]
    )
    mine = -np.diff(np.append(1.0, found.survival))
    ours = np.array([mine[(low[i] <= found.begin) & (found.end <= high[i])].sum() for i in range(40)])
    assert np.log(ours).sum() >= np.log(theirs).sum() - 1e-5
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
