"""Answers against numbers proved by ball arithmetic (see references.py), on every model of models.py."""

from __future__ import annotations

from functools import cache

import pytest
from models import MODELS
from quantities import QUANTITIES, Case

import phasic


@cache
def case(name):
    return Case.of(MODELS[name])


@cache
def graph(name):
    return MODELS[name].graph(phasic)


every_model = pytest.mark.parametrize("name", MODELS)
every_model_in_time = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (MODELS[name].n > 300)) for name in MODELS]
)


def holds(quantity, name):
    asked = QUANTITIES[quantity]
    if asked.concerns(case(name)):
        assert asked.error(graph(name), case(name)) <= asked.bound


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


@every_model
def test_densities_keep_ten_digits_from_a_thousandth_of_the_mean(name):
    holds("density", name)


@every_model_in_time
def test_densities_far_right_are_exact_beside_the_largest(name):
    holds("density, right tail", name)


@every_model
def test_distributions_keep_ten_digits_from_a_thousandth_of_the_mean(name):
    holds("distribution", name)


@every_model_in_time
def test_distributions_far_right_keep_ten_digits(name):
    holds("distribution, right tail", name)


@every_model_in_time
def test_probabilities_of_states_are_exact_beside_the_whole(name):
    holds("probabilities of states", name)


@every_model_in_time
def test_survival_keeps_ten_digits_however_little_survives(name):
    holds("survival", name)
    holds("survival, right tail", name)


@every_model_in_time
def test_logarithms_of_densities_keep_ten_digits_however_small_these_are(name):
    holds("logarithm of the density", name)


@every_model_in_time
def test_quantiles_undo_distributions(name):
    holds("quantiles", name)


families = pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.theta])


@families
def test_gradients_of_moments_keep_eight_digits(name):
    holds("gradient of the expectation", name)
    holds("gradient of an expected reward", name)
    holds("gradient of the second moment", name)


@families
def test_gradients_of_log_densities_keep_eight_digits(name):
    holds("gradient of the log density", name)
