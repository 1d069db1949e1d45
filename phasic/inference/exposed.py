"""Observations made under rates that are known multiples of a parameter, each with its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasic.arrays import Floats
from phasic.errors import GraphError, ParameterError
from phasic.inference.parts import Evaluate, Outcomes, Part, Times


class Exposure:
    """By how much some entries of theta count in each observation.

    Observation i is one of the model at theta with these entries ``exposure[i]`` times as large: the known
    length, time or area that a rate is to be multiplied by.

    Parameters
    ----------
    exposure : float or float64[n]
        Positive and finite; one entry for each observation, or for each row of a matrix of them.
    places : int or sequence of int, optional
        Which entries of theta; may be left out where there is only one.
    n_parameters, n_observations : int

    Attributes
    ----------
    factors : float64[g, p]
        Different factors of theta.
    which : int64[n]
        The row of each observation.

    Raises
    ------
    GraphError, ParameterError
        They do not fit together.
    """

    def __init__(
        self, exposure: ArrayLike, places: int | Sequence[int] | None, n_parameters: int, n_observations: int
    ) -> None:
        try:
            sizes = np.array(exposure, np.float64)
        except (TypeError, ValueError):
            raise GraphError(
                f"exposure is {exposure!r}; pass a number, or one for each observation"
            ) from None
        if sizes.shape not in ((), (n_observations,)):
            raise GraphError(
                f"exposure has shape {sizes.shape}, but there are {n_observations} observations; pass one "
                f"number, or {n_observations} of them"
            )
        sizes = np.broadcast_to(sizes, (n_observations,))
        bad = ~((sizes > 0.0) & (sizes < np.inf))
        if bad.any():
            place = int(bad.argmax())
            raise GraphError(
                f"the exposure of observation {place} is {sizes[place]:g}; pass positive numbers"
            )
        if places is None and n_parameters == 1:
            places = 0
        if places is None:
            raise ParameterError(
                f"exposure makes an entry of theta larger, and theta has {n_parameters}; say which by "
                f"exposure_param_index"
            )
        chosen = np.atleast_1d(np.asarray(places))
        whole = chosen.dtype.kind in "iu" and chosen.ndim == 1
        if not whole or not chosen.size or not ((chosen >= 0) & (chosen < n_parameters)).all():
            raise ParameterError(
                f"exposure_param_index is {places!r}; pass a place in theta, 0 to {n_parameters - 1}"
            )
        distinct, which = np.unique(sizes, return_inverse=True)
        self.which = which.reshape(-1)
        self.factors = np.ones((distinct.size, n_parameters))
        self.factors[:, chosen] = distinct[:, None]

    def divided(self, part: Times | Outcomes) -> Exposed:
        """Return the same observations by their exposure."""
        return Exposed(part, self.which[part.places], self.factors.shape[0])


class Exposed:
    """Observations of a `Part`, each at weights of its own; used as that, with a list of weights.

    Parameters
    ----------
    part : Times or Outcomes
    which : int64[n]
        Which of the weights each observation takes.
    count : int
        How many there are.
    """

    def __init__(self, part: Times | Outcomes, which: Any, count: int) -> None:
        self._whole, self._which = part, which
        self._groups: list[tuple[int, Any, Part]] = []
        for g in range(count):
            members = np.flatnonzero(which == g)
            if members.size:
                self._groups.append((g, members, part.some(members)))

    def __len__(self) -> int:
        return len(self._whole)

    def evaluator(self) -> Evaluate:
        """See `Part`; derivatives come as a row for each of the weights."""
        evaluators = [(g, part.evaluator()) for g, _, part in self._groups]

        def evaluate(weights: Any, gradient: bool) -> tuple[float, Any]:
            value, slopes = 0.0, np.zeros(np.shape(weights)) if gradient else None
            for g, one in evaluators:
                more, by_weight = one(weights[g], gradient)
                value += more
                if slopes is not None and by_weight is not None:
                    slopes[g] = by_weight
            return value, slopes

        return evaluate

    def terms(self, weights: Any) -> Floats:
        """See `Part`."""
        out = np.empty(len(self))
        for g, members, part in self._groups:
            out[members] = part.terms(weights[g])
        return out

    def described(self, place: int) -> str:
        """See `Part`."""
        return self._whole.described(place)

    def scale(self, weights: Any) -> float:
        """See `Part`."""
        logs = [(len(part), np.log(part.scale(weights[g]))) for g, _, part in self._groups]
        return float(np.exp(sum(n * log for n, log in logs) / len(self)))

    def reason(self, weights: Any, place: int) -> str:
        """See `Part`."""
        return self._whole.reason(weights[self._which[place]], place)
