import numpy as np
import oracle
import pytest

from phasic import batches, elimination, moments, replay
from phasic.errors import GraphError, ParameterError

MODEL = oracle.random_model(5, 30, density=0.1)
TRACE = elimination.record(MODEL.offsets, MODEL.targets)
SETTINGS = MODEL.weights * np.random.default_rng(0).random((7, 1))


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_a_batch_is_its_settings_one_by_one(threads):
    found = batches.moments(TRACE, SETTINGS, MODEL.alpha, 3, threads=threads)
    alone = [moments.moments(replay.factorise(TRACE, row), MODEL.alpha, 3) for row in SETTINGS]
    np.testing.assert_array_equal(found, alone)


def test_an_empty_batch_is_empty():
    assert batches.moments(TRACE, SETTINGS[:0], MODEL.alpha, 2).shape == (0, 2)


def test_errors_come_through_threads():
    with pytest.raises(GraphError, match="a row of"):
        batches.moments(TRACE, SETTINGS[0], MODEL.alpha)
    with pytest.raises(ParameterError, match="has weight -"):
        batches.moments(TRACE, np.vstack([SETTINGS, -SETTINGS[:1]]), MODEL.alpha)
