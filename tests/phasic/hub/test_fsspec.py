"""Registries at whatever fsspec opens: read, and published to as in a directory."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from registries import islands, publish

import phasic
from phasic import Graph, HubError, HubWarning, list_computes, models
from phasic.compute_repository import _param_compute_cache_dir
from phasic.hub import checking, remote
from phasic.hub.entry import INDEX
from phasic.hub.errors import UnreachableError
from phasic.hub.remote import Remote
from phasic.hub.transport import WritablePlace, place_of

fsspec = pytest.importorskip("fsspec")

ENTRY = {"id": "islands", "description": "Two islands", "author": "A <a@example.org>"}


@pytest.fixture
def memory():
    """The filesystem in memory, empty."""
    system = fsspec.filesystem("memory")
    yield system
    for path in system.ls("/", detail=False):
        system.rm(path, recursive=True)


@pytest.fixture(params=["memory", "local", "file"])
def address(request, memory, tmp_path) -> str:
    """Where nothing is yet: objects that are put whole, files that fsspec moves, and files that we move."""
    return "memory://new/hub" if request.param == "memory" else f"{request.param}://{tmp_path}/new/hub"


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch):
    monkeypatch.setattr(remote, "_PAUSE", 0.001)


def files(address: str) -> dict[str, bytes]:
    """Everything that lies there but the lock of a directory, by its path below."""
    system, root = fsspec.core.url_to_fs(address)
    return {
        path[len(root) + 1 :]: system.cat_file(path)
        for path in system.find(root)
        if not path.endswith(".lock")
    }


def lock_of(address: str, system) -> str:
    return f"{fsspec.core.url_to_fs(address)[1]}/.lock"


def test_what_fsspec_opens_is_a_registry(folder, memory):
    memory.put(str(folder) + "/", "/hub/", recursive=True)
    with phasic.configure(registry="memory://hub"):
        assert [found["compute_id"] for found in list_computes()] == ["islands"]
        assert islands().pull_cache()


def test_a_file_of_fsspec_that_is_not_there_or_too_large_is_said(memory):
    memory.pipe("/hub/file", bytes(10))
    place = place_of("memory://hub/")
    assert place.read("nothing", 10) is None
    assert place.read("file", 10) == bytes(10)
    with pytest.raises(UnreachableError, match="more than 9"):
        place.read("file", 9)


def test_a_protocol_that_nothing_reads_is_passed_over():
    with phasic.configure(registry="nosuch://x"), pytest.warns(HubWarning, match="nosuch"):
        assert list_computes() == []


def test_what_is_published_is_what_a_directory_would_have(address, folder):
    expected = files(f"file://{folder}")
    shown = publish(islands(), address)
    assert files(address) == expected
    assert json.loads(shown) == json.loads(expected[INDEX])["computes"]
    publish(islands(), address)
    assert files(address) == expected
    with phasic.configure(registry=address):
        assert islands().pull_cache()
    publish(Graph(models.lineages(6)), address, "six")
    with phasic.configure(registry=address):
        assert [found["compute_id"] for found in list_computes()] == ["islands", "six"]


@pytest.mark.parametrize(
    ("options", "why"),
    [({"description": "Something else"}, "another entry"), ({"id": "other"}, "already, as 'islands'")],
)
def test_nothing_is_replaced(address, options, why):
    publish(islands(), address)
    before = files(address)
    with pytest.raises(HubError, match=why):
        islands().push_cache(**{**ENTRY, **options}, registry=address)
    assert files(address) == before


def test_another_artefact_of_the_same_graph_is_not_replaced(address):
    publish(islands(), address)
    system, root = fsspec.core.url_to_fs(address)
    system.rm_file(f"{root}/{INDEX}")
    (path,) = system.find(f"{root}/artifacts")
    system.pipe_file(path, b"something else")
    with pytest.raises(HubError, match="not replaced"):
        publish(islands(), address)
    assert [content for name, content in files(address).items() if name != INDEX] == [b"something else"]


def test_nobody_writes_over_what_came_there_after_somebody_looked(address):
    place = place_of(address)
    assert isinstance(place, WritablePlace)
    place.write("artifacts/x", b"first", replace=False)
    with pytest.raises(OSError, match=r"exist|x"):
        place.write("artifacts/x", b"second", replace=False)
    assert place.read("artifacts/x", 10) == b"first"
    place.write("artifacts/x", b"second")
    assert files(address) == {"artifacts/x": b"second"}


def test_an_index_that_cannot_be_read_is_not_written_anew(address):
    place_of(address).write(INDEX, b"{")
    with pytest.raises(HubError):
        publish(islands(), address)
    assert files(address) == {INDEX: b"{"}


def test_many_publish_at_once_and_none_is_lost(address):
    graphs = [Graph(models.lineages(n)) for n in range(2, 8)]
    start = threading.Barrier(3)

    def push(part):
        start.wait()
        for graph in graphs[part::3]:
            publish(graph, address, f"n{graph.vertices_length() - 1}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(push, range(3)))
    with phasic.configure(registry=address):
        assert {found["compute_id"] for found in list_computes()} == {f"n{n}" for n in range(2, 8)}


def test_the_lock_is_given_up(address, memory):
    publish(islands(), address)
    if not address.startswith("file"):
        system, root = fsspec.core.url_to_fs(address)
        assert not system.exists(f"{root}/.lock")


def test_who_finds_somebody_else_at_it_waits_and_then_says_what_to_do(memory, monkeypatch):
    memory.pipe("/hub/.lock", b"0" * 32 + b" 2026-01-01T00:00:00Z")
    monkeypatch.setattr(remote, "_LONGEST_WAIT", 0.02)
    with pytest.raises(
        HubError, match=r"publishes at memory://hub since '2026-01-01T00:00:00Z'.*delete .lock"
    ):
        publish(islands(), "memory://hub")
    assert files("memory://hub") == {}
    monkeypatch.setattr(remote, "_LONGEST_WAIT", 60.0)
    timer = threading.Timer(0.02, memory.rm, ["/hub/.lock"])
    timer.start()
    publish(islands(), "memory://hub")
    timer.join()
    assert INDEX in files("memory://hub")


def test_the_lock_of_who_was_killed_on_this_machine_is_taken_over(memory):
    publish(islands(), "memory://first")
    name = (_param_compute_cache_dir() / ".publishing").read_bytes()
    memory.pipe("/hub/.lock", name + b" 2026-01-01T00:00:00Z")
    publish(islands(), "memory://hub")
    assert files("memory://hub") == files("memory://first")


class Failing:
    """A filesystem of which the n-th call that changes something fails, before or after it is done."""

    CHANGING = ("pipe_file", "mv", "rm_file", "makedirs")

    def __init__(self, system, n: int, is_done: bool) -> None:
        self.system, self.left, self.is_done, self.has_failed = system, n, is_done, False

    def __getattr__(self, name):
        found = getattr(self.system, name)
        if name not in self.CHANGING:
            return found

        def call(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                self.has_failed = True
                if self.is_done:
                    found(*arguments, **options)
                raise ConnectionError("cut")
            return found(*arguments, **options)

        return call


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("scheme", ["memory", "local"])
def test_a_connection_that_ends_at_any_call_leaves_a_sound_registry(
    memory, tmp_path, monkeypatch, scheme, is_done
):
    graph, at = Graph(models.lineages(6)), Remote._at
    for n in range(1, 50):
        address = f"memory://hub{n}" if scheme == "memory" else f"local://{tmp_path}/hub{n}"
        publish(islands(), address)
        failing: list[Failing] = []

        def failing_at(self, path, n=n, failing=failing):
            system, target = at(self, path)
            if not failing:
                failing.append(Failing(system, n, is_done))
            return failing[0], target

        monkeypatch.setattr(remote, "_moves", lambda system: scheme == "local")
        monkeypatch.setattr(Remote, "_at", failing_at)
        with suppress(HubError):
            publish(graph, address, "six")
        monkeypatch.setattr(Remote, "_at", at)
        root = tmp_path / f"copy{n}"
        fsspec.core.url_to_fs(address)[0].get(fsspec.core.url_to_fs(address)[1], str(root), recursive=True)
        assert all("no entry names it" in line for line in checking.check(root))
        publish(graph, address, "six")
        with phasic.configure(registry=address):
            assert [found["compute_id"] for found in list_computes()] == ["islands", "six"]
            assert graph.pull_cache(force=True)
        if not failing[0].has_failed:
            break
    assert 4 <= n < 49


def test_what_was_written_otherwise_than_it_was_sent_is_said(memory, monkeypatch):
    pipe = type(memory).pipe_file
    monkeypatch.setattr(
        type(memory), "pipe_file", lambda self, path, data, **options: pipe(self, path, data[:50], **options)
    )
    with pytest.raises(HubError, match="something else"):
        publish(islands(), "memory://hub")
    assert INDEX not in files("memory://hub")


def test_what_cannot_be_written_to_is_said(memory, monkeypatch):
    def refuse(self, path, data, **options):
        raise PermissionError("read-only bucket")

    monkeypatch.setattr(type(memory), "pipe_file", refuse)
    with pytest.raises(HubError, match=r"cannot be written to.*PermissionError: read-only bucket"):
        publish(islands(), "memory://hub")


def test_a_filesystem_that_forgets_what_it_was_given_is_not_waited_for_without_end(memory, monkeypatch):
    monkeypatch.setattr(type(memory), "pipe_file", lambda self, path, data, **options: None)
    monkeypatch.setattr(remote, "_LONGEST_WAIT", 0.02)
    with pytest.raises(HubError, match="somebody else publishes"):
        publish(islands(), "memory://hub")
