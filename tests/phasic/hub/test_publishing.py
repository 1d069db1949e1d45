"""Publishing: a preview touches nothing, a registry gets all of it or nothing, and nothing is replaced."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from registries import islands, publish
from test_hash import renumbered

import phasic
from phasic import Graph, HubError, elimination, list_computes, models
from phasic.hub import checking, files, shipped
from phasic.hub.entry import INDEX, Entry, EntryError, read_index, write_index
from phasic.hub.publishing import git_author
from phasic.hub.transport import SHIPPED


def tree(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_preview_is_the_entry_and_touches_nothing(tmp_path, location):
    root = tmp_path / "registry"
    options = {"id": "x", "description": "Two islands", "tags": ("a", "b"), "domain": "examples"}
    shown = islands().push_cache(**options, author="A", registry=root, dry_run=True)
    assert not root.exists()
    assert not location.exists()
    assert islands().push_cache(**options, author="A", registry_repo=root) == shown
    assert json.loads((root / INDEX).read_bytes()) == {"schema": 1, "computes": json.loads(shown)}
    entry = json.loads(shown)["x"]
    data = (root / entry["artifacts"]["parent"]["cid_or_path"]).read_bytes()
    assert entry["artifacts"]["parent"]["size_bytes"] == len(data)
    assert entry["artifacts"]["parent"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert entry["metadata"] == {
        "description": "Two islands",
        "author": "A",
        "license": "MIT",
        "vertices": 21,
        "param_length": 2,
        "domain": "examples",
        "tags": ["a", "b"],
    }


def test_what_is_published_comes_back_to_somebody_else(tmp_path, python):
    root = tmp_path / "shared"
    code = f"""
import phasic
from phasic import Graph, models
phasic.configure(registry={str(root)!r})
graph = Graph(models.structured_coalescent(3, 2))
"""
    push = 'graph.push_cache(id="islands", description="Two islands")'
    python(code + push, HOME=str(tmp_path / "her"), HASHCACHE_DIR=str(tmp_path / "her" / "cache"))
    pull = "print(graph.pull_cache(), graph.expectation())"
    said = python(code + pull, HOME=str(tmp_path / "his"), HASHCACHE_DIR=str(tmp_path / "his" / "cache"))
    assert said.split() == ["True", str(islands().expectation())]


def test_publishing_twice_is_publishing_once(folder):
    before = tree(folder)
    publish(islands(), folder)
    islands_at_other_rates = islands()
    islands_at_other_rates.update_weights([2.0, 0.5])
    publish(islands_at_other_rates, folder)
    assert tree(folder) == before


def test_what_was_pulled_does_not_change_what_is_published(folder, tmp_path):
    listed = models.structured_coalescent(3, 2).__wrapped__

    def backwards() -> Graph:
        return Graph(lambda state: listed(state)[::-1], ipv=[3, 2])

    publish(backwards(), tmp_path / "first")
    pulled = backwards()
    with phasic.configure(registry=folder):
        assert pulled.pull_cache()
    publish(pulled, tmp_path / "second")
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"description": "Something else"}, "another entry"),
        ({"id": "other"}, "already, as 'islands'"),
    ],
)
def test_nothing_is_replaced(folder, options, why):
    before = tree(folder)
    options = {"id": "islands", "description": "Two islands", "author": "A <a@example.org>", **options}
    with pytest.raises(HubError, match=why):
        islands().push_cache(**options, registry=folder)
    assert tree(folder) == before


def test_an_id_of_another_graph_is_not_taken(folder):
    before = tree(folder)
    with pytest.raises(HubError, match="another entry"):
        publish(Graph(models.lineages(6)), folder, "islands")
    assert tree(folder) == before


def test_another_artefact_of_the_same_graph_is_not_replaced(folder):
    (folder / INDEX).write_bytes(write_index([]))
    path = next((folder / "artifacts").iterdir())
    path.write_bytes(b"something else")
    with pytest.raises(HubError, match="not replaced"):
        publish(islands(), folder)
    assert path.read_bytes() == b"something else"


def test_an_index_that_cannot_be_read_is_not_written_anew(folder):
    index = json.loads((folder / INDEX).read_bytes())
    for broken in (b"{", json.dumps({**index, "computes": {"bad": {}}}).encode()):
        (folder / INDEX).write_bytes(broken)
        with pytest.raises(HubError):
            publish(Graph(models.lineages(6)), folder, "six")
        assert (folder / INDEX).read_bytes() == broken


@pytest.mark.parametrize(
    "options",
    [
        {"id": ""},
        {"id": "../x"},
        {"id": "a/b"},
        {"id": "x\n"},
        {"id": "x" * 101},
        {"description": ""},
        {"description": "two\nlines"},
        {"tags": [1]},
        {"tags": ["a"] * 51},
        {"domain": "\x1b[31m"},
        {"author": "x" * 301},
        {"license": 3},
    ],
)
def test_an_entry_that_others_would_refuse_is_refused_at_home(tmp_path, options):
    with pytest.raises(EntryError):
        islands().push_cache(**{"id": "x", "description": "Two islands", **options}, registry=tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("registry", ["builtin", "http://127.0.0.1:1", None])
def test_where_nothing_can_be_published_is_said(registry):
    with pytest.raises(HubError, match="nothing can be published"):
        publish(islands(), registry)


def test_a_directory_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HubError, match="cannot be written"):
        publish(islands(), tmp_path / "file")


def test_many_publish_at_once_and_none_is_lost(tmp_path):
    graphs = [Graph(models.lineages(n)) for n in range(2, 14)]
    start = threading.Barrier(4)

    def push(part):
        start.wait()
        for graph in graphs[part::4]:
            publish(graph, tmp_path, f"n{graph.vertices_length() - 1}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(push, range(4)))
    with phasic.configure(registry=tmp_path):
        assert {found["compute_id"] for found in list_computes()} == {f"n{n}" for n in range(2, 14)}
        assert all(graph.pull_cache(force=True) for graph in graphs)
    assert checking.check(tmp_path) == []


TOUCHING = {"open", "os.mkdir", "os.rename", "os.remove", "os.chmod", "fcntl.flock"}


def killed_at(event: int, work) -> bool:
    """Run `work` in a child that is killed before it touches the disk for the n-th time."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        count = 0

        def hook(name, arguments):
            nonlocal count
            if name in TOUCHING:
                count += 1
                if count == event:
                    os._exit(9)

        try:
            sys.addaudithook(hook)
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_who_is_killed_while_publishing_leaves_a_sound_registry(folder):
    before = tree(folder)
    graph = Graph(models.lineages(6))
    publish(graph, folder.with_name("warm"))  # so that modules are loaded
    moments = 0
    for event in range(1, 200):
        if not killed_at(event, lambda: publish(graph, folder, "six")):
            break
        moments += 1
        entries, complaints = read_index((folder / INDEX).read_bytes())
        assert set(entries) <= {"islands", "six"}
        assert complaints == []
        assert all("no entry names it" in line for line in checking.check(folder))
    assert moments > 5
    assert set(read_index((folder / INDEX).read_bytes())[0]) == {"islands", "six"}
    for path in [path for path in folder.rglob("*") if path.name.endswith(".partial")]:
        os.utime(path, (0, 0))
    files.sweep(folder)
    files.sweep(folder / "artifacts")
    assert set(tree(folder)) == set(before) | set(tree(folder.with_name("warm")))
    assert checking.check(folder) == []


def test_who_is_killed_while_pulling_has_installed_all_or_nothing(folder, location):
    expected = islands().moments(2)
    islands().push_cache(id="x", description="x", dry_run=True)
    with phasic.configure(registry=folder):
        for event in range(1, 400):
            if not killed_at(event, lambda: islands().pull_cache(force=True)):
                break
            graph = Graph(models.structured_coalescent(3, 2), cache_trace=True)
            assert graph.trace == elimination.record(graph.arrays.offsets, graph.arrays.targets)
            assert graph.moments(2) == expected
            for path in (location / "hub").glob("*.bin"):
                assert islands().pull_cache()
                path.unlink()
        assert event > 5


def test_the_author_is_who_git_says(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    assert git_author() == "unknown"
    (tmp_path / "config").write_text("[user]\n  name = Ada L\n")
    assert git_author() == "Ada L"
    (tmp_path / "config").write_text("[user]\n  name = Ada L\n  email = ada@example.org\n")
    assert git_author() == "Ada L <ada@example.org>"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_author() == "unknown"


def test_an_entry_comes_back_as_it_was(folder):
    entries, complaints = read_index((folder / INDEX).read_bytes())
    assert complaints == []
    assert write_index(entries.values()) == (folder / INDEX).read_bytes()
    for name, entry in entries.items():
        assert Entry.of(name, entry.content()) == entry


def test_the_registry_that_ships_is_what_is_made_anew_to_the_byte(tmp_path):
    shipped.write(tmp_path)
    assert tree(tmp_path) == tree(SHIPPED)
    assert checking.check(SHIPPED) == []


def test_every_shipped_elimination_is_pulled_as_it_would_be_recorded():
    for compute_id, callback in (("islands_n10_n10", models.structured_coalescent(10, 10)),):
        graph = Graph(callback)
        assert compute_id in {found["compute_id"] for found in list_computes()}
        assert graph.pull_cache()
        assert graph.trace == elimination.record(graph.arrays.offsets, graph.arrays.targets)


def test_equal_graphs_are_published_as_equal_bytes_whoever_numbered_them_alike(tmp_path):
    arrays = islands().arrays
    same = renumbered(arrays, np.arange(arrays.n_vertices))
    publish(islands(), tmp_path / "one")
    publish(Graph.from_arrays(same), tmp_path / "other")
    assert tree(tmp_path / "one") == tree(tmp_path / "other")
