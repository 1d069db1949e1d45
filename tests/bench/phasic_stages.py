"""One side of the comparison: a process that imports one of the packages named phasic and times its stages.

Run as ``python phasic_stages.py ours`` or ``... theirs``. Each line of input is a stage with its arguments in
JSON, each line of output its processor seconds and its answers: what was computed is compared by who asked.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import inspect
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from phasic_models import MODELS

import phasic

THEIRS = sys.argv[1:] == ["theirs"]
UNCACHED = {"graph_cache": False}  # theirs looks there unless told not to
BUDGET = 0.05  # seconds for which a short call is repeated
ENOUGH = 0.5  # seconds after which a build is not repeated
STAGES: dict[str, Callable[..., dict[str, Any]]] = {}
graphs: dict[tuple[str, int], Any] = {}


class Missing(Exception):
    """The package has no such thing."""


def stage(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    STAGES[function.__name__] = function
    return function


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds of one call, and what it returned."""
    started = time.process_time()
    answer = call()
    return time.process_time() - started, answer


def timed_often(call: Callable[[int], Any]) -> tuple[float, Any]:
    """Return the seconds of a call, repeated as `BUDGET` allows, and what the first returned."""
    taken, answer = timed(lambda: call(0))
    repeats = min(1000, int(BUDGET / max(taken, 1e-7)))
    if repeats > 1:
        taken = timed(lambda: [call(place) for place in range(1, repeats + 1)])[0] / repeats
    return taken, answer


def thetas(model: str, size: int) -> list[list[float]]:
    """Return seven thetas, the first of them that of the model."""
    return [[value * (1.0 + 0.1 * place) for value in MODELS[model](size).theta] for place in range(7)]


def graph(model: str, size: int) -> Any:
    if (model, size) not in graphs:
        build(model, size)
    return graphs[model, size]


@stage
def build(model: str, size: int, once: bool = False, many: bool = False, **options: Any) -> dict[str, Any]:
    """Explore a callback, then ask the new graph for its expectation.

    `once` keeps to the first graph of the process; `many` takes our own callback for many states at a time.
    """
    made = MODELS[model](size)
    callback, given = made.callback, {"ipv": made.ipv, **UNCACHED, **options}
    if many:
        callback, given = getattr(phasic.models, model)(size, vectorized=True), {"vectorized": True}
    rows = []
    while not rows or (not once and sum(map(sum, rows)) < ENOUGH and len(rows) < 5):
        found = None  # neither side keeps an old graph while it makes a new one
        graphs.clear()
        building, found = timed(lambda: phasic.Graph(callback, **given))
        found.update_weights(made.theta)
        first, expectation = timed(found.expectation)
        rows.append((building, first))
    graphs[model, size] = found
    building, first = (statistics.median(column) for column in zip(*rows, strict=True))
    states = np.asarray(found.states(), dtype=np.int64).reshape(found.vertices_length(), -1)
    return {
        "seconds": {"build": building, "first": first},
        "answers": {"vertices": len(states), "sum of states": state_sum(states), "expectation": expectation},
        "edges": edges(found),
    }


def state_sum(states: Any) -> int:
    """Return a number that tells whether states and their order are the same on both sides."""
    return int((states.sum(axis=1) * np.arange(len(states)) + states @ np.arange(states.shape[1])).sum())


def edges(found: Any) -> int:
    return int(found.edges_length()) if hasattr(found, "edges_length") else 0


@stage
def next_theta(model: str, size: int) -> dict[str, Any]:
    """Set theta and ask for the expectation."""
    found, settings = graph(model, size), thetas(model, size)

    def call(place: int) -> float:
        found.update_weights(settings[place % 7])
        return float(found.expectation())

    taken, answer = timed_often(call)
    return {"seconds": {"next": taken}, "answers": {"expectation": answer}}


@stage
def moments(model: str, size: int, order: int) -> dict[str, Any]:
    """Set theta and ask for moments."""
    found, settings = graph(model, size), thetas(model, size)

    def call(place: int) -> list[float]:
        found.update_weights(settings[place % 7])
        return [float(moment) for moment in found.moments(order)]

    taken, answer = timed_often(call)
    return {"seconds": {"moments": taken}, "answers": {"moments": answer}}


@stage
def covariances(model: str, size: int, count: int) -> dict[str, Any]:
    """Set theta and ask for the covariance matrix of the first entries of the states."""
    found = graph(model, size)
    settings = thetas(model, size)
    rewards = np.array(found.states(), dtype=np.float64).T[:count]

    def call(place: int) -> Any:
        found.update_weights(settings[place % 7])
        if hasattr(found, "covariance_matrix"):
            return found.covariance_matrix(rewards)
        if THEIRS:
            return [[found.covariance(a, b) for b in rewards[: i + 1]] for i, a in enumerate(rewards)]
        from phasic.moments import covariances as matrix

        return matrix(found.factors, found.arrays.alpha, rewards)

    taken, answer = timed_often(call)
    lower = [float(answer[i][j]) for i in range(count) for j in range(i + 1)]
    return {"seconds": {"covariances": taken}, "answers": {"covariances": lower}}


@stage
def density(model: str, size: int, times: list[float]) -> dict[str, Any]:
    """Set theta, which is not timed, and ask for the density."""
    found = graph(model, size)
    asked = np.array(times)
    found.update_weights(thetas(model, size)[1])
    found.expectation()
    found.update_weights(thetas(model, size)[0])
    taken, answer = timed(lambda: found.pdf(asked))
    return {"seconds": {"pdf": taken}, "values": [float(value) for value in answer]}


@stage
def samples(model: str, size: int, count: int) -> dict[str, Any]:
    """Draw absorption times."""
    found = graph(model, size)
    found.update_weights(thetas(model, size)[0])
    if not hasattr(found, "sample"):
        raise Missing("sample")
    found.sample(10)
    taken, answer = timed(lambda: found.sample(count))
    return {"seconds": {"samples": taken}, "mean": float(np.mean(answer)), "sd": float(np.std(answer))}


@stage
def cached(model: str, size: int) -> dict[str, Any]:
    """Build a graph that the cache holds after the first time, and use it."""
    made = MODELS[model](size)
    taken, found = timed_often(lambda _: phasic.Graph(made.callback, ipv=made.ipv, graph_cache=True))
    found.update_weights(made.theta)
    answers = {"vertices": found.vertices_length(), "expectation": found.expectation()}
    return {"seconds": {"again": taken}, "answers": answers}


@stage
def memory(model: str, size: int) -> dict[str, Any]:
    """Tell by how many bytes the peak of this process rises over what it holds, for a first expectation."""
    made = MODELS[model](size)
    found = phasic.Graph(made.callback, ipv=made.ipv, **UNCACHED)
    found.update_weights(made.theta)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what building has freed would hide what eliminating takes
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    before = status("VmRSS")
    taken, answer = timed(found.expectation)
    rise = status("VmHWM") - before
    reply = {"seconds": {"first": taken}, "answers": {"expectation": answer}, "bytes": rise}
    if not THEIRS:
        trace = found.trace
        reply["entries"] = int(trace.targets.size + trace.lower_columns.size + trace.upper_columns.size)
    return reply


def status(name: str) -> int:
    """Return an entry of this process's status, in bytes."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))


def warm_up() -> None:
    """Compile and load what the stages use, on models that take no time; not part of any comparison."""
    for model, size in (("coalescent", 4), ("island", 3), ("grid", 4)):
        build(model, size)
        for each in (lambda: moments(model, size, 2), lambda: covariances(model, size, 2)):  # noqa: B023
            each()
        density(model, size, [0.5, 50.0])
        if hasattr(graphs[model, size], "sample"):
            samples(model, size, 10)


def serve() -> None:
    replies = sys.stdout
    sys.stdout = sys.stderr  # whatever a package prints is no reply
    warm_up()
    version = importlib.metadata.version("phasic") if THEIRS else phasic.__version__
    options = list(inspect.signature(phasic.Graph.__init__).parameters)
    replies.write(json.dumps({"phasic": version, "file": phasic.__file__, "options": options}) + "\n")
    replies.flush()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = STAGES[request.pop("stage")](**request)
        except Missing as error:
            reply = {"missing": str(error)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    serve()
