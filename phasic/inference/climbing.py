"""Where a search for a posterior begins: at the most probable parameters."""

from __future__ import annotations

import logging
import warnings

from phasic.arrays import Floats
from phasic.inference.optimum import Optimum, curvature, described, flat_direction, maximise
from phasic.inference.posterior import Posterior

_LOG = logging.getLogger("phasic")


def climbed(posterior: Posterior, start: Floats, stacklevel: int) -> Optimum:
    """Return the maximum that is reached from `start`; warn of a direction that the data say nothing of.

    Raises
    ------
    GraphError
        An observation is impossible at the start.
    """
    posterior.problem.require_possible(posterior.coordinates.free(start))
    found = maximise(posterior, start)
    if not found.converged:
        _LOG.info("search for the most probable parameters: %s", found.message)
    flat = flat_direction(curvature(posterior.likelihood_in_x, found.x))
    if flat is not None:
        warnings.warn(
            f"the data cannot tell parameters apart: {described(flat, posterior.problem.free)} hardly "
            f"changes the likelihood, so there the prior decides; fix or tie a parameter",
            stacklevel=stacklevel + 1,
        )
    return found
