"""`phasic` beside the C++ package of the same name, stage by stage, answers compared first."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from compare import DOCS, Page, save, table
from phasic_models import MODELS
from phasic_peer import HERE, PATIENCE, PEER, Measured, Pair, both, duration, printed, processor_seconds
from phasic_truth import coalescent_density, island_density

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not PEER.exists(), reason="PHASIC_PEER names no Python; see make bench-phasic"),
]

HEAD = f"""\
# Benchmarks of phasic

`make bench-phasic` makes this page, beside the C++ package that is installed by the same name. That one lives
in an environment of its own; two long-lived processes take turns at the same stage of the same model, whose
callback is one text that both import (`tests/bench/phasic_models.py`). Answers are compared before times
are. Times are processor time, medians over rounds, and of a shared machine; **a ratio is their time over
ours, above one is faster**, and the median over rounds. A stage of theirs is cut after {PATIENCE:.0f}
seconds.

`coalescent n` is the block-counting coalescent of n samples, `island n` the same in two demes with
migration, `grid n` a walk on n x n places, `random n` n states that lead to three others each, `rabbits n`
the model of the paper by Roikjer, Hobolth and Munch (Stat. Comput. 32, 2022). All but the first are cyclic.
"""
PAGE = Page(
    DOCS / "phasic-benchmarks.md",
    HEAD,
    (
        *("Building", "First expectation", "New theta", "Moments and covariances", "Densities", "Samples"),
        *("Memory of elimination", "From the cache", "Cold processes", "Headlines"),
    ),
)
PACKAGES = ("numpy", "numba", "scipy")
COLUMNS = ["ours", "theirs", "ratio", "answers differ by", "reach; stretch"]
NAMES = {"random_walk": "random"}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with both() as pair:
        yield pair


def show(
    capsys: pytest.CaptureFixture[str], pair: Pair, section: str, head: list[str], lines: list[list[str]]
) -> None:
    version = pair.sides["theirs"].version
    with capsys.disabled():
        save(section, __file__, [f"Theirs is version {version}.", "", *table(head, lines)], PACKAGES, PAGE)
    assert lines


def label(model: str, size: int) -> str:
    return f"{NAMES.get(model, model)} {size}"


def apart(measured: Measured) -> str:
    return "-" if not measured.theirs or math.isnan(measured.difference) else f"{measured.difference:.0e}"


def row(name: str, measured: Measured, aim: str = "") -> list[str]:
    return [name, *measured.cells(), apart(measured), aim]


# -- building and the first expectation --------------------------------------------------------------------

FIRST = {
    ("coalescent", 20): "",
    ("coalescent", 30): "",
    ("coalescent", 36): "4; 8",
    ("island", 10): "",
    ("island", 13): "80; 400",
    ("island", 16): "200; 800",
    ("grid", 20): "",
    ("grid", 40): "150; 400",
    ("random_walk", 300): "",
    ("random_walk", 1000): "300; 800",
    ("rabbits", 100): "",
}
LARGE = {("island", 16), ("random_walk", 1000)}
COLD_BUILDER, BUILDER, MANY = "compiled, the first of its process", "compiled", "many states at a time"
WAYS = [
    ("coalescent", 30, COLD_BUILDER, "10; 30"),
    ("coalescent", 36, COLD_BUILDER, "10; 30"),
    ("coalescent", 30, BUILDER, "10; 30"),
    ("coalescent", 36, BUILDER, "10; 30, 1e6 edges/s"),
    ("island", 13, BUILDER, ""),
    ("grid", 40, BUILDER, ""),
    ("coalescent", 36, MANY, ""),
]
BUILD = {("coalescent", 30): "1.5", ("coalescent", 36): "1.5"}


def built(name: str, found: dict[str, Measured], aim: str) -> list[str]:
    measured = found["build"]
    reply = measured.replies["ours"]
    speed = f"{reply['edges'] / statistics.median(measured.ours):.2g}"
    return [name, str(reply["answers"]["vertices"]), str(reply["edges"]), *measured.cells(), speed, aim]


def test_building_and_first_expectation(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    builds, firsts = [], []
    for (model, size), aim in FIRST.items():
        # Theirs keeps much memory once it has eliminated: the largest begin in a process of their own.
        plain = {} if pair.lacks("compiled") else {"compiled": False}
        found = pair.measure(
            "build", 5, only_ours=plain, model=model, size=size, afresh=(model, size) in LARGE
        )
        name, states = label(model, size), found["build"].replies["ours"]["answers"]["vertices"]
        builds.append(built(name, found, BUILD.get((model, size), "")))
        firsts.append(row(f"{name}, {states} vertices", found["first"], aim))
    for model, size, way, aim in () if pair.lacks("compiled") else WAYS:
        own = {"many": True} if way == MANY else {"compiled": True}
        if way == COLD_BUILDER:
            pair.sides["ours"].ask("build", model=model, size=size, **own)  # the builder is stored
        asked = {"model": model, "size": size, "only_ours": own, "afresh": way == COLD_BUILDER}
        found = pair.measure("build", 3, once=way == COLD_BUILDER, **asked)
        builds.append(built(f"{label(model, size)}, {way}", found, aim))
    head = [
        "build by callback",
        "vertices",
        "edges",
        "ours",
        "theirs",
        "ratio",
        "our edges/s",
        "reach; stretch",
    ]
    show(capsys, pair, "Building", head, builds)
    show(capsys, pair, "First expectation", ["of a graph just built", *COLUMNS], firsts)


# -- asking again ------------------------------------------------------------------------------------------

NEXT = {
    ("coalescent", 36): "4; 10",
    ("island", 10): "100; 500",
    ("island", 13): "100; 500",
    ("grid", 40): "100; 500",
    ("random_walk", 300): "100; 500",
    ("rabbits", 100): "100; 500",
}


def test_new_theta(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for (model, size), aim in NEXT.items():
        found = pair.measure("next_theta", model=model, size=size)
        lines.append(row(label(model, size), found["next"], aim))
    show(capsys, pair, "New theta", ["theta set, then the expectation", *COLUMNS], lines)


def test_moments(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for model, size in (
        ("coalescent", 30),
        ("island", 10),
        ("island", 13),
        ("grid", 40),
        ("random_walk", 300),
    ):
        found = pair.measure("moments", model=model, size=size, order=8, tolerance=1e-8)
        aim = "" if model == "coalescent" else "150; 500"
        lines.append(row(f"8 moments, {label(model, size)}", found["moments"], aim))
        if size != 10 and model != "coalescent":
            continue
        found = pair.measure("covariances", model=model, size=size, count=8, rounds=3, tolerance=1e-7)
        aim = "200; 2000" if model == "island" else ""
        lines.append(row(f"covariance matrix of 8 rewards, {label(model, size)}", found["covariances"], aim))
    show(capsys, pair, "Moments and covariances", ["theta set, then", *COLUMNS], lines)


# -- densities and samples ---------------------------------------------------------------------------------


def test_densities(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for model, size in (("coalescent", 20), ("coalescent", 25), ("coalescent", 30), ("island", 10)):
        times = np.linspace(0.0, 8.0, 101)[1:]
        truth = (coalescent_density if model == "coalescent" else island_density)(
            size, MODELS[model](size).theta, times
        )
        measured = pair.measure("density", model=model, size=size, times=times.tolist())["pdf"]
        errors = {
            name: float(np.max(np.abs(np.array(reply["values"]) - truth)) / truth.max())
            for name, reply in measured.replies.items()
        }
        assert errors["ours"] < 1e-10
        assert errors.get("theirs", 0.0) < 0.05
        ours, theirs = (f"{errors[name]:.1e}" if name in errors else "-" for name in ("ours", "theirs"))
        smaller = f"{errors['theirs'] / errors['ours']:.0e}" if len(errors) == 2 else "-"
        aim = "70, error 1e8 times smaller; 300"
        lines.append([label(model, size), *measured.cells(), ours, theirs, smaller, aim])
    head = ["pdf at 100 times", "ours", "theirs", "ratio", "our error", "their error", "times smaller"]
    show(capsys, pair, "Densities", [*head, "reach; stretch"], lines)


def test_samples(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for model, size in (("coalescent", 20), ("coalescent", 30), ("island", 10), ("grid", 20)):
        measured = next(iter(pair.measure("samples", model=model, size=size, count=100_000).values()))
        means = [reply["mean"] for reply in measured.replies.values()]
        error = max((reply["sd"] / 1e5**0.5 for reply in measured.replies.values()), default=0.0)
        assert not means or max(means) - min(means) < 8 * error
        lines.append([label(model, size), *measured.cells(), "3; 10"])
    show(capsys, pair, "Samples", ["1e5 samples", "ours", "theirs", "ratio", "reach; stretch"], lines)


# -- memory, cache, cold processes -------------------------------------------------------------------------


def test_memory(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for model, size in (
        ("coalescent", 36),
        ("island", 13),
        ("island", 16),
        ("grid", 40),
        ("random_walk", 1000),
    ):
        found = pair.measure("memory", rounds=1, model=model, size=size, afresh=True)["first"]
        entries = found.replies["ours"]["entries"]
        line = [label(model, size), str(entries)]
        for name in ("ours", "theirs"):
            used = found.replies[name]["bytes"] if name in found.replies else math.nan
            line += [f"{used / 2**20:.1f}", f"{used / entries:.0f}"] if used == used else [found.cut, "-"]
        lines.append([*line, "64; 32"])
    head = ["first expectation", "edges and fill", "ours (MiB)", "bytes each", "theirs (MiB)", "bytes each"]
    show(capsys, pair, "Memory of elimination", [*head, "reach; stretch"], lines)


FIRST_HIT = """
import time
import phasic, phasic_models
made = phasic_models.MODELS[{model!r}]({size})
started = time.process_time()
phasic.Graph(made.callback, ipv=made.ipv, graph_cache=True)
print(time.process_time() - started)
"""


def test_cache(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for model, size in (("coalescent", 20), ("coalescent", 30), ("island", 13)):
        found = pair.measure("cached", rounds=4, model=model, size=size)["again"]  # the first is no hit
        hits = Measured(found.ours[1:], found.theirs[1:], difference=found.difference)
        first = Measured()
        for place in range(6):
            for side, seconds in (("ours", first.ours), ("theirs", first.theirs)):
                taken = printed(pair.sides[side], FIRST_HIT.format(model=model, size=size))
                if place:  # before, modules may have been compiled
                    seconds.append(taken)
        lines.append(row(f"first hit of a process, {label(model, size)}", first, "50; 200"))
        lines.append(row(f"later hits, {label(model, size)}", hits, "50; 200"))
    show(capsys, pair, "From the cache", ["a graph", *COLUMNS], lines)


COLD = """
import phasic, phasic_models
made = phasic_models.MODELS[{model!r}]({size})
graph = phasic.Graph(made.callback, ipv=made.ipv, graph_cache=False)
graph.update_weights(made.theta)
graph.expectation()
"""


def test_cold_processes(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    codes: dict[str, tuple[str, str]] = {
        "`import numpy`": ("import numpy", ""),
        "`import phasic`": ("import phasic", "0.3; 0.15"),
    }
    for model, size, aim in (
        ("erlang", 5, "0.3; 0.15"),
        ("island", 3, "0.3; 0.15"),
        ("coalescent", 20, "1; 0.5"),
        ("island", 10, "1; 0.5"),
    ):
        code = COLD.format(model=model, size=size)
        codes[f"to the first expectation, {label(model, size)}"] = (code, aim)
    lines = []
    for name, (code, aim) in codes.items():
        measured = Measured()
        for place in range(5):
            for side, seconds in (("ours", measured.ours), ("theirs", measured.theirs)):
                taken = processor_seconds(pair.sides[side], code)
                if place:  # before, modules and kernels may have been compiled
                    seconds.append(taken)
        lines.append([name, *measured.cells(), aim])
    head = ["a fresh process, kernels cached", "ours", "theirs", "ratio", "reach; stretch (CPU s)"]
    show(capsys, pair, "Cold processes", head, lines)


# -- headlines ---------------------------------------------------------------------------------------------

HEADLINES = {
    "rabbits": ((250, 500, 1000, 2000), {1000: "120 s"}),
    "isolation": ((4, 5, 6, 7), {7: "35 s"}),
    "coalescent": ((40, 45, 50, 55, 60), {}),
    "island": ((16, 18, 20, 22), {}),
}


def test_headlines(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    script = str(HERE / "headlines.py")
    one_by_one = ["--one-by-one"] if pair.lacks("vectorized") else []
    lines = []
    for name, (sizes, papers) in HEADLINES.items():
        last: dict[str, float] = {}
        for size in sizes:
            command = [sys.executable, script, name, str(size), "--gigabytes", "8", *one_by_one]
            done = subprocess.run(
                command, env=pair.sides["ours"].environment, capture_output=True, text=True, timeout=900
            )
            if done.returncode:
                lines.append([f"{name} {size}", "-", "-", done.stderr.strip().splitlines()[-1], *["-"] * 5])
                break
            report = json.loads(done.stdout)
            growth = "-"
            if last:
                more = math.log(report["vertices"] / last["vertices"])
                by = [math.log(report[key] / last[key]) / more for key in ("total", "peak")]
                growth = f"{by[0]:.2f}, {by[1]:.2f}"
            build, numbers = report["seconds"].values()
            sizes_of = [f"{report['vertices']:,}", f"{report['edges']:,}"]
            times = [duration(build), duration(numbers), duration(report["total"])]
            memory = f"{report['peak'] / 2**20:,.0f}"
            lines.append([f"{name} {size}", *sizes_of, *times, memory, growth, papers.get(size, "")])
            last = report
    head = ["a fresh process", "vertices", "edges", "build", "numbers", "all of it", "peak (MiB)"]
    show(capsys, pair, "Headlines", [*head, "time, peak grow as vertices to the", "paper"], lines)
