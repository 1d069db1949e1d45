"""Checking: recomputing what others published, and looking through a registry."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from registries import islands, publish

from phasic import Graph, HubError, models
from phasic.__main__ import main
from phasic.hub import checking
from phasic.hub.artefact import Artefact
from phasic.hub.entry import INDEX, read_index, write_index


def replaced(folder, change):
    """Put another artefact in the place of the published one, and have the index tell of it."""
    entries, _ = read_index((folder / INDEX).read_bytes())
    entry = entries["islands"]
    data = change(Artefact.from_bytes((folder / entry.path).read_bytes())).to_bytes()
    (folder / entry.path).write_bytes(data)
    told = replace(entry, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    (folder / INDEX).write_bytes(write_index([told]))


def swapped(artefact):
    """Return the artefact with two vertices of the largest component eliminated in another order."""
    order = artefact.order.copy()
    sizes = artefact.bounds[1:] - artefact.bounds[:-1]
    first = artefact.bounds[sizes.argmax()]
    order[[first, first + 1]] = order[[first + 1, first]]
    return replace(artefact, order=order)


def test_an_honest_artefact_is_verified(folder, capsys):
    assert main(["hub", "verify", "islands", "--registry", str(folder)]) == 0
    assert "is what recording it here gives" in capsys.readouterr().out
    assert main(["hub", "check", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder} is sound\n"


def test_another_order_is_found_and_harms_nobody(folder, capsys):
    import phasic

    expected = islands().moments(2)
    replaced(folder, swapped)
    assert main(["hub", "verify", "islands", "--registry", str(folder)]) == 1
    assert "another than recording gives" in capsys.readouterr().out
    assert main(["hub", "check", str(folder)]) == 1
    assert checking.check(folder, most_vertices=3) == []
    graph = islands()
    with phasic.configure(registry=folder):
        assert graph.pull_cache()
    assert graph.moments(2) == pytest.approx(expected, rel=1e-13)


def test_an_order_of_other_rules_is_not_compared(folder):
    replaced(folder, lambda artefact: replace(artefact, order_version=99))
    assert "but not compared" in checking.check(folder)[0]


def test_what_nobody_has_published_cannot_be_verified(capsys):
    assert main(["hub", "verify", "nothing"]) == 2
    assert "no registry has 'nothing'" in capsys.readouterr().err


def test_a_check_finds_everything(folder):
    publish(Graph(models.lineages(6)), folder, "six")
    index = json.loads((folder / INDEX).read_bytes())
    computes = index["computes"]
    (folder / computes["six"]["artifacts"]["parent"]["cid_or_path"]).write_bytes(b"?")
    computes["again"] = {
        **computes["islands"],
        "metadata": {**computes["islands"]["metadata"], "vertices": 3},
    }
    computes["bad"] = {}
    (folder / "artifacts" / "notes.txt").write_text("")
    (folder / INDEX).write_text(json.dumps(index))
    found = "\n".join(checking.check(folder))
    for said in ("SHA-256 differs", "published as 'islands'", "says otherwise", "'bad': the entry lacks",
                 "notes.txt: no entry"):  # fmt: skip
        assert said in found
    with pytest.raises(HubError, match="no registry"):
        checking.check(folder / "artifacts")


def test_the_list_is_for_people_and_programs(folder, capsys):
    assert main(["hub", "ls", "--registry", str(folder), "--registry", "builtin"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["islands", "21", "vertices", "Two", "islands"]
    assert main(["hub", "ls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["compute_id"] == "coal_n5_theta1"
