"""The tutorials that users know run here as printed, cell by cell, and print what has to be true."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phasic import layers, with_ipv

SEEDS = Path(__file__).resolve().parents[1] / "fixtures" / "seeds"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs one cell after another and returns what the cell printed."""
    monkeypatch.setitem(sys.modules, "vscodenb", SimpleNamespace(set_vscode_theme=lambda: None))
    session: dict[str, Any] = {"__name__": "__main__"}

    def step(cell: str) -> str:
        exec(compile(cell, "a cell", "exec"), session)
        return capsys.readouterr().out

    step.session = session  # type: ignore[attr-defined]
    return step


def cells(name: str) -> list[str]:
    return (SEEDS / name).read_text(encoding="utf-8").split("# %%\n")[1:]


def test_the_caching_tutorial_runs_as_printed(run, caplog):
    names = {
        "imports": 0,
        "model": 1,
        "clear": 2,
        "graph": 3,
        "other": 4,
        "trace": 5,
        "all": 6,
        "graphs": 7,
        "traces": 8,
        "jax": 9,
        "stats": 10,
        "list": 11,
        "clear models": 12,
        "clean up": 13,
        "remove": 14,
        "log": 15,
        "fit": 16,
    }
    tutorial = cells("caching.txt")
    assert len(tutorial) == len(names)
    said = {}
    for name, place in names.items():
        if name == "other":  # the page names a callback that it does not print
            run.session["coalescent_5_samples"] = with_ipv([5, 0, 0, 0, 0])(
                run.session["coalescent"].__wrapped__
            )
        if name == "fit" and find_spec("optax") is None:
            continue
        if name == "log":
            with caplog.at_level(logging.DEBUG):
                run(tutorial[place])
            continue
        said[name] = run(tutorial[place])

    assert [line.partition(":")[0] for line in said["clear"].splitlines()] == [
        "graph",
        "trace",
        "moments",
        "jax",
    ]
    assert "(6 vertices)" in said["graph"]
    assert run.session["graph_5"].vertices_length() == 8
    assert [round(m, 12) for m in run.session["m1"]] == [1.5, 3.388888888889]
    assert run.session["m1"] == run.session["m2"]
    assert "Graphs: 2 stored" in said["all"]
    assert "Elimination traces: 1 stored" in said["all"]
    assert said["all"].startswith(said["graphs"] + said["traces"])
    assert said["jax"] == "JAX cache: 0 files, 0.0 MB\n"
    assert [line.partition(":")[0] for line in said["stats"].splitlines()] == ["jax", "graph", "trace"]
    assert said["list"].endswith("Vertices: 6\n")
    assert "Graph cache: 0 graphs\nTrace cache: 0 files\n" in said["clear models"]
    assert said["clean up"] == "Removed 0 old trace entries\n"
    assert run.session["removed"] is False
    assert {"explore computed: never computed", "record computed: never computed"} <= set(caplog.messages)
    assert len(list(layers.TRACES.entries())) == 1
    if "fit" not in said:
        return
    assert [line.partition(":")[0] for line in said["fit"].splitlines()] == [
        "First SVGD run",
        "Second SVGD run",
    ]
    for found in (run.session["svgd1"], run.session["svgd2"]):
        assert abs(found.theta_mean[0] - 7.0) < 5 * found.theta_std[0] < 2.0
