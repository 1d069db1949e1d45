"""The tutorials that users know run here as printed, cell by cell, and print what has to be true."""

from __future__ import annotations

import json
import logging
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from registries import Web

import phasic
from phasic import layers, with_ipv
from phasic.hub.transport import SHIPPED

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


PRINTED = """\
coal_n5_theta1            vertices=   6  params=1  hash=
coal_n10_theta1           vertices=  11  params=1  hash=
coal_n20_theta1           vertices=  21  params=1  hash=
"""
PULLED = """\
before pull: file present = False
pull_cache():           True
after pull: file present = True
size: 306 bytes
"""
VERIFIED = """\
local computation:  1.6
hub artifact:       1.6
agreement: True
"""


def test_the_hub_tutorial_runs_as_printed(run):
    tutorial = cells("hub.txt")
    imports, computes, coalescents, model, pull, mean, unpublished, verify, preview = map(run, tutorial)
    assert imports == ""
    listed = computes.splitlines(keepends=True)
    assert "".join(f"{line.partition('hash=')[0]}hash=\n" for line in listed[:3]) == PRINTED
    hashes = [line.partition("hash=")[2][:16] for line in listed]
    assert coalescents == "".join(
        f"coal_n{n}_theta1\n"
        f"  description:    Kingman coalescent for n={n} haploid samples (1 parameter)\n"
        "  tags:           ['coalescent', 'kingman', 'population-genetics']\n"
        "  format_revision: 2\n\n"
        for n in (5, 10, 20)
    )
    digest = run.session["hash_hex"]
    assert digest[:16] == hashes[0]
    assert model == f"vertices:      6\nparam_length:  1\ngraph hash:    {digest[:32]}...\n"
    assert pull == PULLED
    assert mean == "expectation: 1.6\n"
    assert unpublished == "pull_cache for n=4: False\n"
    assert verify == VERIFIED
    entry = json.loads(preview)["demo_two_step_chain"]
    assert list(entry) == ["graph_hash", "format_revision", "artifacts", "metadata"]
    assert entry["graph_hash"] == phasic.hash.compute_graph_hash(run.session["g_demo"]).hash_hex
    assert entry["format_revision"] == 3
    assert entry["artifacts"]["parent"]["cid_or_path"] == f"artifacts/{entry['graph_hash']}.bin"
    assert entry["artifacts"]["scc"] == []
    assert {name: value for name, value in entry["metadata"].items() if name != "author"} == {
        "description": "Two-step parameterised chain (demo, not for publishing)",
        "license": "MIT",
        "vertices": 3,
        "param_length": 1,
        "domain": "examples",
        "model_type": "chain",
        "tags": ["demo"],
    }


def test_the_hub_tutorial_runs_over_http(run):
    web = Web(SHIPPED)
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with phasic.configure(registry=web.address):
            said = list(map(run, cells("hub.txt")))
    finally:
        web.server.shutdown()
        thread.join()
        web.server.server_close()
    assert said[4:8] == [PULLED, "expectation: 1.6\n", "pull_cache for n=4: False\n", VERIFIED]
    assert sum(path.endswith(".bin") for path in web.asked) == 2
    if "fit" not in said:
        return
    assert [line.partition(":")[0] for line in said["fit"].splitlines()] == [
        "First SVGD run",
        "Second SVGD run",
    ]
    for found in (run.session["svgd1"], run.session["svgd2"]):
        assert abs(found.theta_mean[0] - 7.0) < 5 * found.theta_std[0] < 2.0
