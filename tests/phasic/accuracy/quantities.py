"""What is compared with the references, how its error is measured, and what is claimed of it.

An error is relative to the number itself, unless it is said what it is measured by: where terms of
both signs cancel, by the same sum of their sizes. Numbers below 1e-290 are at the end of float64, and
count as if they were that large.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from models import Model

FOLDER = Path(__file__).parents[2] / "fixtures" / "accuracy"
FLOOR = 1e-290
LATE = 3.5
"""Shares of the mean beyond which a time belongs to the right tail."""


def file_of(model: Model) -> Path:
    """Return where the references of a model are kept."""
    kept = "".join(c if c.isalnum() else "-" for c in model.name)
    return FOLDER / f"{kept}.json"


@dataclass(frozen=True)
class Case:
    """A model and its references: `exact` as the nearest float64s, `text` with all digits."""

    model: Model
    exact: dict[str, Any]
    text: dict[str, Any]

    @classmethod
    def of(cls, model: Model) -> Case:
        """Read the references of a model."""
        content = json.loads(file_of(model).read_text())
        if content["digest"] != model.digest:
            raise ValueError(f"the references are not those of this {model.name}; run references.py anew")
        exact = {name: _floats(part) for name, part in content.items() if name not in ("name", "digest")}
        return cls(model, exact, content)

    @property
    def bulk(self) -> list[int]:
        """Places of times from a thousandth of the mean on that are not in the right tail."""
        mean = self.exact["moments"][0] / sum(self.model.start.get(i, 0.0) for i in range(self.model.n))
        return [i for i, time in enumerate(self.times) if time <= LATE * mean]

    @property
    def tail(self) -> list[int]:
        """Places of times in the right tail; of small models, where a millionth is left at most."""
        return [i for i in range(len(self.times)) if i not in self.bulk]

    @property
    def times(self) -> list[float]:
        """Times at which distributions are compared."""
        return self.exact["times"]

    @property
    def missing(self) -> float:
        """Initial probability that is nowhere."""
        return float(1 - sum(map(Fraction, self.model.start.values())))

    @property
    def positive(self) -> list[int]:
        """Places of times at which the density is known to be positive, however small."""
        return [i for i, text in enumerate(self.text["pdf"]) if text != "0"]

    @property
    def rising(self) -> list[int]:
        """Places of times at which the distribution rises enough to be told from others."""
        cdf, pdf = self.exact["cdf"], self.exact["pdf"]
        least = 1e-9 if self.model.discrete else 0.0
        return [i for i in self.bulk if 1e-200 < cdf[i] < 0.999 and pdf[i] > least * cdf[i]]

    def rewards(self, signed: bool = False) -> list[float]:
        """Return rewards by vertex, the starting one included."""
        return [0.0, *self.model.rewards(signed)]


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_floats(part) for part in value]
    return float(value)


@dataclass(frozen=True)
class Quantity:
    """A number, or some of them, that a graph is asked for.

    Attributes
    ----------
    bound : float
        The error that is claimed not to be exceeded.
    ask : callable
        ``(graph, case) -> numbers``.
    exact : callable
        ``case -> numbers``.
    scale : callable, optional
        ``case -> numbers`` by which errors are measured, in place of the exact ones.
    concerns : callable
        ``case -> bool``: whether the model has this quantity.
    method : str
        Method of the graph without which it cannot be asked.
    """

    bound: float
    ask: Callable[[Any, Case], Sequence[float]]
    exact: Callable[[Case], Sequence[float]]
    scale: Callable[[Case], Sequence[float]] | None = None
    concerns: Callable[[Case], bool] = lambda case: True
    method: str = "expectation"

    def error(self, graph: Any, case: Case) -> float:
        """Return the largest error of the answers of `graph`."""
        found, exact = list(self.ask(graph, case)), list(self.exact(case))
        if len(found) != len(exact):
            return math.inf
        scale = exact if self.scale is None else list(self.scale(case))
        errors = [
            0.0 if f == e else abs(f - e) / max(abs(s), FLOOR)
            for f, e, s in zip(found, exact, scale, strict=True)
        ]
        return max((math.inf if math.isnan(error) else error for error in errors), default=0.0)


def stored(name: str) -> Callable[[Case], Sequence[float]]:
    """Return how to read a reference, one number or several."""

    def read(case: Case) -> Sequence[float]:
        value = case.exact[name]
        return value if isinstance(value, list) else [value]

    return read


def at(name: str, places: str) -> Callable[[Case], Sequence[float]]:
    """Return how to read a function of time at times in the bulk or in the tail."""
    return lambda case: [case.exact[name][i] for i in getattr(case, places)]


def over(name: str, places: str) -> Callable[[Any, Case], Sequence[float]]:
    """Return how to ask a graph for a function of time."""
    return lambda graph, case: list(getattr(graph, name)([case.times[i] for i in getattr(case, places)]))


def largest(name: str, places: str) -> Callable[[Case], Sequence[float]]:
    """Return the largest value of a function of time, as often as there are times."""
    return lambda case: [max(case.exact[name])] * len(getattr(case, places))


def transient(values: Sequence[float], case: Case) -> Sequence[float]:
    """Return the entries of transient states."""
    return list(values)[1 : case.model.n + 1]


def _states(graph: Any, case: Case) -> list[float]:
    times = case.exact["state times"]
    clock = int if case.model.discrete else float
    return [p for time in times for p in transient(graph.stop_probability(clock(time)), case)]


def _mass(case: Case) -> list[float]:
    return [sum(case.model.start.values()) for row in case.exact["states"] for _ in row]


def _survival(places: str) -> Quantity:
    return Quantity(
        1e-10,
        over("survival", places),
        lambda case: [case.exact["surviving"][i] + case.missing for i in getattr(case, places)],
        # Where initial probabilities sum to one but for rounding, that is all that survives in the end.
        concerns=lambda case: case.missing == 0.0 or case.missing > 1e-6,
        method="survival",
    )


def _logarithms(case: Case) -> list[float]:
    return [float(Decimal(case.text["pdf"][i]).ln()) for i in case.positive]


def _slopes(graph: Any, case: Case) -> list[float]:
    return [slope for i in case.rising for slope in graph.log_likelihood([case.times[i]], gradient=True)[1]]


def _exact_slopes(case: Case) -> list[float]:
    pdf, slopes = case.exact["pdf"], case.exact["pdf gradient"]
    return [slope / pdf[i] for i in case.rising for slope in slopes[i]]


def _second_moment_gradient(case: Case) -> list[float]:
    mean = case.exact["moments"][0]
    pairs = zip(case.exact["variance gradient"], case.exact["expectation gradient"], strict=True)
    return [variance + 2.0 * mean * expectation for variance, expectation in pairs]


def by_theta(
    exact: Callable[[Case], Sequence[float]], value: Callable[[Case], float]
) -> Callable[[Case], Sequence[float]]:
    """Return what derivatives are measured by: their size, and the value itself by each parameter."""

    def scale(case: Case) -> Sequence[float]:
        slopes = exact(case)
        theta = list(case.model.theta or ()) * len(slopes)
        return [abs(slope) + value(case) / theta[i] for i, slope in enumerate(slopes)]

    return scale


def _parameterised(case: Case) -> bool:
    return case.model.theta is not None


QUANTITIES: dict[str, Quantity] = {
    "moments 1 to 4": Quantity(1e-12, lambda graph, case: graph.moments(4), stored("moments")),
    "moments of a reward": Quantity(
        1e-12, lambda graph, case: graph.moments(4, case.rewards()), stored("moments rewarded")
    ),
    "moments of a signed reward": Quantity(
        1e-12,
        lambda graph, case: graph.moments(4, case.rewards(True)),
        stored("moments signed"),
        scale=stored("moments unsigned"),
    ),
    "variance": Quantity(1e-12, lambda graph, case: [graph.variance()], stored("variance")),
    "variance of a reward": Quantity(
        1e-12, lambda graph, case: [graph.variance(case.rewards())], stored("variance rewarded")
    ),
    "variance of a signed reward": Quantity(
        1e-12,
        lambda graph, case: [graph.variance(case.rewards(True))],
        stored("variance signed"),
        scale=lambda case: [case.exact["moments unsigned"][1]],
    ),
    "covariance of two rewards": Quantity(
        1e-12,
        lambda graph, case: [graph.covariance(case.rewards(), case.rewards(True))],
        stored("covariance"),
        scale=lambda case: [
            math.sqrt(case.exact["moments rewarded"][1]) * math.sqrt(case.exact["moments unsigned"][1])
        ],
    ),
    "expected sojourn times": Quantity(
        1e-12, lambda graph, case: transient(graph.expected_sojourn_time(), case), stored("sojourn")
    ),
    "expected waiting times": Quantity(
        1e-12, lambda graph, case: transient(graph.expected_waiting_time(), case), stored("waiting")
    ),
    "density": Quantity(1e-10, over("pdf", "bulk"), at("pdf", "bulk")),
    "density, right tail": Quantity(
        1e-10, over("pdf", "tail"), at("pdf", "tail"), scale=largest("pdf", "tail")
    ),
    "distribution": Quantity(1e-10, over("cdf", "bulk"), at("cdf", "bulk")),
    "distribution, right tail": Quantity(1e-10, over("cdf", "tail"), at("cdf", "tail")),
    "probabilities of states": Quantity(
        1e-10, _states, lambda case: [p for row in case.exact["states"] for p in row], scale=_mass
    ),
    "survival": _survival("bulk"),
    "survival, right tail": _survival("tail"),
    "logarithm of the density": Quantity(
        1e-10,
        lambda graph, case: list(graph.log_pdf([case.times[i] for i in case.positive])),
        _logarithms,
        scale=lambda case: [max(1.0, abs(value)) for value in _logarithms(case)],
        method="log_pdf",
    ),
    "quantiles": Quantity(
        1e-10,
        lambda graph, case: list(graph.quantile([case.exact["cdf"][i] for i in case.rising])),
        lambda case: [case.times[i] for i in case.rising],
        scale=lambda case: [
            max(case.times[i], case.exact["cdf"][i] / case.exact["pdf"][i]) for i in case.rising
        ],
        method="quantile",
    ),
    "gradient of the expectation": Quantity(
        1e-8,
        lambda graph, case: list(graph.expectation_gradient()[1]),
        stored("expectation gradient"),
        scale=by_theta(stored("expectation gradient"), lambda case: case.exact["moments"][0]),
        concerns=_parameterised,
        method="expectation_gradient",
    ),
    "gradient of an expected reward": Quantity(
        1e-8,
        lambda graph, case: list(graph.expectation_gradient(case.rewards())[1]),
        stored("expectation rewarded gradient"),
        scale=by_theta(
            stored("expectation rewarded gradient"), lambda case: case.exact["moments rewarded"][0]
        ),
        concerns=_parameterised,
        method="expectation_gradient",
    ),
    "gradient of the second moment": Quantity(
        1e-8,
        lambda graph, case: list(graph.moments_gradient(2)[1][1]),
        _second_moment_gradient,
        scale=by_theta(_second_moment_gradient, lambda case: case.exact["moments"][1]),
        concerns=_parameterised,
        method="moments_gradient",
    ),
    "gradient of the log density": Quantity(
        1e-8,
        _slopes,
        _exact_slopes,
        scale=by_theta(_exact_slopes, lambda case: 1.0),
        concerns=lambda case: "pdf gradient" in case.exact,
        method="log_likelihood",
    ),
}
