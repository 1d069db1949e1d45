from dataclasses import replace

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import elimination
from phasic.errors import GraphError
from phasic.quantiles import quantile
from phasic.question import Question

MODELS = {
    "coalescent": oracle.coalescent(6),
    "islands": oracle.islands(3),
    "erlang": oracle.erlang(30),
    "defective": oracle.random_model(1),
    "stiff": oracle.random_model(2, n=6, spread=4),
    "near-trap": oracle.near_trap(1e-4, 1e4),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def question(model):
    trace = elimination.record(model.offsets, model.targets)
    return Question.of(trace, *model.edges, model.alpha, model.discrete)


def geometric(p):
    return oracle.from_edges(3, [(1, 2, p)], oracle.starting_at(3), discrete=True)


@models
def test_quantile_inverts_the_distribution(model):
    asked = question(model)
    at_zero = asked.values("cdf", 0.0)
    shares = at_zero + (asked.limit - at_zero) * np.array([1e-9, 1e-3, 0.2, 0.5, 0.9, 1 - 1e-6])
    times = quantile(asked, shares)
    np.testing.assert_allclose(asked.values("cdf", times), shares, rtol=1e-12)
    assert (np.diff(times) > 0).all()


def test_quantiles_near_one_are_as_accurate_as_those_near_zero():
    asked = question(oracle.erlang(1, 2.0))
    shares = np.array([1e-300, 1e-20, 0.5, 1 - 2.0**-30, 1 - 2.0**-53])
    np.testing.assert_allclose(quantile(asked, shares), -np.log1p(-shares) / 2.0, rtol=1e-13)


def test_what_is_never_absorbed_takes_forever():
    half = replace(oracle.coalescent(4), alpha=oracle.coalescent(4).alpha / 2)
    assert quantile(question(half), [0.5, 0.75, 1.0]).tolist() == [np.inf] * 3
    assert np.isfinite(quantile(question(half), 0.499))
    trap = oracle.from_edges(5, [(1, 4, 1.0), (1, 2, 1.0), (2, 3, 1.0), (3, 2, 1.0)], oracle.starting_at(5))
    found = quantile(question(trap), [0.25, 0.5, 0.6])
    np.testing.assert_allclose(found, [np.log(2) / 2, np.inf, np.inf], rtol=1e-12)


def test_what_starts_absorbed_takes_no_time():
    model = replace(oracle.erlang(1), alpha=np.array([0.0, 0.75, 0.25]))
    found = quantile(question(model), [0.0, 0.1, 0.25, 0.5, 1.0])
    np.testing.assert_allclose(found, [0, 0, 0, np.log(1.5), np.inf], rtol=1e-13)
    nowhere = replace(model, alpha=np.array([0.0, 0.0, 1.0]))
    assert quantile(question(nowhere), [0.0, 1.0]).tolist() == [0.0, 0.0]


@given(st.floats(0.01, 0.9), st.lists(st.floats(0, 0.999999), min_size=1, max_size=5))
@settings(max_examples=30)
def test_a_number_of_steps_is_the_first_that_suffices(p, shares):
    asked = question(geometric(p))
    steps = quantile(asked, shares)
    enough = asked.values("cdf", steps)
    assert (enough >= np.array(shares) * (1 - 1e-13)).all()
    before = asked.values("cdf", steps - 1)
    assert ((before < shares) | (steps == 0)).all()


def test_steps_are_counted_where_there_are_many():
    p = 1e-7
    shares = np.array([0.1, 0.5, 0.99])
    np.testing.assert_allclose(
        quantile(question(geometric(p)), shares), np.ceil(np.log1p(-shares) / np.log1p(-p)), atol=1
    )


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_answers_have_the_shape_of_shares(shape):
    assert quantile(question(oracle.coalescent(4)), np.full(shape, 0.3)).shape == shape


@pytest.mark.parametrize("share", [-0.1, 1.1, np.nan])
def test_shares_that_are_no_probabilities_are_refused(share):
    with pytest.raises(GraphError, match="probabilities"):
        quantile(question(oracle.coalescent(4)), [0.5, share])


def test_a_quantile_that_is_the_mean_is_found_there():
    asked = question(oracle.near_trap(1e-4, 1e4))
    shares = asked.values("cdf", asked.mean * np.array([1.0 - 1e-13, 1.0, 1.0 + 1e-13]))
    np.testing.assert_allclose(quantile(asked, shares), asked.mean, rtol=1e-12)


def test_rounding_of_shares_does_not_cost_a_step():
    steps = np.array([1.0, 200.0, 2000.0, 9000.0])
    shares = -np.expm1(steps * np.log1p(-1e-6))
    np.testing.assert_array_equal(quantile(question(geometric(1e-6)), shares), steps)
