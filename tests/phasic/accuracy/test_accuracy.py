"""Answers against numbers proved by ball arithmetic (see references.py), on every model of models.py."""

from __future__ import annotations

from functools import cache

import pytest
from models import MODELS
from quantities import QUANTITIES, Case

import phasic

LARGE = 60
"""Number of states beyond which distributions are left to the slow run."""


@cache
def case(name):
    return Case.of(MODELS[name])


@cache
def graph(name):
    return MODELS[name].graph(phasic)


def on(names, large=LARGE):
    slow = pytest.mark.slow
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=slow if MODELS[name].n > large else ()) for name in names]
    )


every_model = on(MODELS, large=1000)
small_models = on(MODELS)


def holds(quantity, name):
    error = QUANTITIES[quantity].error(graph(name), case(name))
    assert error <= QUANTITIES[quantity].bound


@every_model
def test_moments_keep_twelve_digits(name):
    holds("moments 1 to 4", name)


@every_model
def test_moments_of_rewards_keep_twelve_digits(name):
    holds("moments of a reward", name)


@every_model
def test_moments_of_signed_rewards_keep_twelve_digits_of_what_cancels(name):
    holds("moments of a signed reward", name)


@every_model
def test_variances_keep_twelve_digits(name):
    holds("variance", name)
    holds("variance of a reward", name)
    holds("variance of a signed reward", name)


@every_model
def test_covariances_keep_twelve_digits_of_what_cancels(name):
    holds("covariance of two rewards", name)


@every_model
def test_sojourn_times_keep_twelve_digits_in_every_state(name):
    holds("expected sojourn times", name)


@every_model
def test_waiting_times_keep_twelve_digits_from_every_state(name):
    holds("expected waiting times", name)


@small_models
def test_densities_keep_ten_digits_from_a_thousandth_of_the_mean(name):
    holds("density", name)


@small_models
def test_densities_far_right_are_exact_beside_the_largest(name):
    holds("density, right tail", name)


@small_models
def test_distributions_keep_ten_digits_from_a_thousandth_of_the_mean(name):
    holds("distribution", name)


@small_models
def test_distributions_far_right_keep_ten_digits(name):
    holds("distribution, right tail", name)


@small_models
def test_probabilities_of_states_are_exact_beside_the_largest(name):
    holds("probabilities of states", name)
