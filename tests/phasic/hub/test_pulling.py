"""Pulling: True with a plan that is right, or False with one warning; nothing in between."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
import zlib

import pytest
from registries import islands, publish, send

import phasic
from phasic import Graph, HubError, HubWarning, layers, list_computes, models, steps
from phasic.compute_repository import _param_compute_cache_dir
from phasic.errors import OptionError
from phasic.hash import compute_graph_hash
from phasic.hub import http
from phasic.hub.entry import INDEX, artefact_path, read_index

HASH = compute_graph_hash(islands()).hash_hex
ARTEFACT = artefact_path(HASH)


def exact() -> list[float]:
    return islands().moments(2)


def kept():
    return sorted(path.name for path in _param_compute_cache_dir().glob("*"))


def test_what_was_pulled_is_used_and_stored_and_nothing_is_recorded(web):
    expected = exact()
    graph = islands()
    assert graph.pull_cache() is True
    stats = layers.record_trace.stats()
    assert graph.moments(2) == expected  # without a look at the store, let alone recording
    assert layers.record_trace.stats() == stats
    assert Graph(models.structured_coalescent(3, 2), cache_trace=True).moments(2) == expected
    assert layers.record_trace.stats() == {**stats, "hits": stats["hits"] + 1}
    assert layers.record_trace.verify(graph.arrays.offsets, graph.arrays.targets)


def test_another_process_finds_what_was_pulled(web, python):
    assert islands().pull_cache()
    code = """
from phasic import Graph, layers, models
print(Graph(models.structured_coalescent(3, 2), cache_trace=True).moments(2))
print(layers.record_trace.stats()["hits"], layers.record_trace.stats()["misses"])
"""
    assert python(code).splitlines() == [str(exact()), "1 0"]


def test_what_was_pulled_once_needs_no_registry(web):
    assert islands().pull_cache()
    asked = len(web.asked)
    assert islands().pull_cache()
    assert len(web.asked) == asked
    assert islands().pull_cache(force=True)
    assert web.asked[asked:] == [f"/{INDEX}", f"/{ARTEFACT}"]


def test_a_graph_that_nobody_published_is_none_and_no_matter(web):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Graph(models.lineages(7)).pull_cache() is False


def test_a_graph_numbered_otherwise_gets_its_plan_for_itself_alone(folder):
    listed = models.structured_coalescent(3, 2).__wrapped__

    def backwards(state):
        return listed(state)[::-1]

    graph = Graph(backwards, ipv=[3, 2], cache_trace=True)
    with phasic.configure(registry=folder):
        assert graph.pull_cache()
    assert graph.moments(2) == pytest.approx(Graph(backwards, ipv=[3, 2]).moments(2), rel=1e-13)
    assert list(layers.TRACES.entries()) == []  # where only what recording returns belongs
    with phasic.configure(registry=folder):  # nor would moments from it belong in the store
        assert not Graph(backwards, ipv=[3, 2], cache_moments=True).pull_cache()
        assert Graph(models.structured_coalescent(3, 2), cache_moments=True).pull_cache()


def test_a_warning_points_at_the_line_that_asked():
    with phasic.configure(registry="/nothing here"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        islands().pull_cache()
        list_computes()
    assert [warning.filename for warning in said] == [__file__]


def test_what_is_made_for_pulled_artefacts_is_private(web, location):
    before = os.umask(0)
    try:
        assert islands().pull_cache()
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (location, location / "hub")] == [0o700] * 2
    assert (_param_compute_cache_dir() / f"{HASH}.bin").stat().st_mode & 0o777 == 0o600
    assert len(list(layers.TRACES.entries())) == 1


def test_a_kept_artefact_that_is_damaged_is_fetched_again(web):
    assert islands().pull_cache()
    path = _param_compute_cache_dir() / f"{HASH}.bin"
    data = path.read_bytes()
    for damage in (b"", data[:-1], data[:50] + b"?" + data[51:]):
        path.write_bytes(damage)
        assert islands().pull_cache()
        assert path.read_bytes() == data


def test_a_store_that_cannot_be_written_costs_nobody_the_plan(web, location):
    location.parent.mkdir(exist_ok=True)
    location.write_text("a file where the directory should be")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the store
        graph = islands()
        assert graph.pull_cache() is True
    assert graph.moments(2) == exact()


# -- faults, over a real connection --------------------------------------------------------------------


def changed_index(folder, change):
    """Return the index of a registry after `change` of its one entry."""
    index = json.loads((folder / INDEX).read_bytes())
    change(index["computes"]["islands"])
    return json.dumps(index).encode()


def answering(data, **headers):
    return lambda request: send(request, data, **headers)


def status(code):
    return lambda request: request.send_error(code)


def leading_to(address):
    return lambda request: send(request, b"", 302, Location=address)


def silence(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    time.sleep(1.0)


def drip(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(60):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.02)


def slow_head(request):
    for _ in range(60):
        request.wfile.write(b"H")
        request.wfile.flush()
        time.sleep(0.02)


def endless(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1000):
        request.wfile.write(bytes(1 << 16))


def garbage(request):
    request.wfile.write(b"\x00\xff" * 100)


def truncated(data):
    return lambda request: send(request, data[: len(data) // 2], Content_Length=str(len(data)))


BOMB = zlib.compress(bytes(1 << 24), 9)


def faults(folder):
    """Return what a server may do, as name: answers by path."""
    index, data = (folder / INDEX).read_bytes(), (folder / ARTEFACT).read_bytes()

    def entry(change):
        return {f"/{INDEX}": answering(changed_index(folder, change))}

    def parent(**changes):
        return entry(lambda found: found["artifacts"]["parent"].update(changes))

    both = {
        "404": status(404),
        "500": status(500),
        "403": status(403),
        "silence": silence,
        "drip": drip,
        "slow head": slow_head,
    }
    both |= {
        "garbage": garbage,
        "nothing": lambda request: None,
        "loop": lambda request: send(request, b"", 302, Location=request.path),
        "leads to a file": leading_to("file:///etc/passwd"),
        "leads nowhere": leading_to("http://127.0.0.1:1/"),
        "leads to no address": leading_to("http://[::"),
        "bomb": answering(BOMB, Content_Encoding="deflate"),
        "bad length": answering(b"", Content_Length="many"),
        "huge length": answering(b"", Content_Length=str(1 << 60)),
        "empty": answering(b""),
    }
    found = {f"index: {name}": {f"/{INDEX}": answer} for name, answer in both.items()}
    found |= {f"artefact: {name}": {f"/{ARTEFACT}": answer} for name, answer in both.items()}
    found |= {
        "index: truncated": {f"/{INDEX}": truncated(index)},
        "artefact: truncated": {f"/{ARTEFACT}": truncated(data)},
        "artefact: endless": {f"/{ARTEFACT}": endless},
        "artefact: wrong": {f"/{ARTEFACT}": answering(data[:-1] + b"?")},
        "artefact: longer": {f"/{ARTEFACT}": answering(data + b"?")},
        "index: no JSON": {f"/{INDEX}": answering(b"{")},
        "index: deep": {f"/{INDEX}": answering(b"[" * 100_000)},
        "index: long number": {f"/{INDEX}": answering(b"9" * 10_000)},
        "index: no text": {f"/{INDEX}": answering(b"\xff\xfe")},
        "index: a list": {f"/{INDEX}": answering(b"[]")},
        "index: another schema": {f"/{INDEX}": answering(b'{"schema": 2, "computes": {}}')},
        "path escapes": parent(cid_or_path="../../etc/passwd"),
        "absolute path": parent(cid_or_path="/etc/passwd"),
        "path is an address": parent(cid_or_path="http://example.org/x"),
        "huge size": parent(size_bytes=1 << 62),
        "size is a text": parent(size_bytes="many"),
        "smaller size": parent(size_bytes=5),
        "another digest": parent(sha256="0" * 64),
        "no digest": parent(sha256=None),
        "hash escapes": entry(lambda found: found.update(graph_hash="../" * 21 + "x")),
        "future revision": entry(lambda found: found.update(format_revision=9)),
        "lines in a description": entry(lambda found: found["metadata"].update(description="a\x1b[2Jb")),
        "tags are no list": entry(lambda found: found["metadata"].update(tags="all")),
    }
    return found


NAMES = [
    *(f"{what}: {name}" for what in ("index", "artefact") for name in (
        "404", "500", "403", "silence", "drip", "slow head", "garbage", "nothing", "loop", "leads to a file",
        "leads nowhere", "leads to no address", "bomb", "bad length", "huge length", "empty", "truncated",
    )),
    "artefact: endless", "artefact: wrong", "artefact: longer", "index: no JSON", "index: deep",
    "index: long number", "index: no text", "index: a list", "index: another schema", "path escapes",
    "absolute path", "path is an address", "huge size", "size is a text", "smaller size", "another digest",
    "no digest", "hash escapes", "future revision", "lines in a description", "tags are no list",
]  # fmt: skip


def test_every_fault_has_a_test(folder):
    assert sorted(NAMES) == sorted(faults(folder))


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_a_miss_with_at_most_one_warning_and_installs_nothing(web, folder, name, monkeypatch):
    patient = http.PATIENT
    if name.endswith(("silence", "drip", "slow head")):
        monkeypatch.setattr(http, "PATIENT", http.Patience(silence=0.2, total=0.3, attempts=2, pause=0.0))
    web.answers = faults(folder)[name]
    graph = islands()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert graph.pull_cache() is False
        assert graph.pull_cache() is False
        list_computes()
    assert len(said) <= 1
    assert all(issubclass(warning.category, HubWarning) for warning in said)
    assert kept() == []
    assert list(layers.TRACES.entries()) == []
    assert graph.moments(2) == exact()
    web.answers = {}
    monkeypatch.setattr(http, "PATIENT", patient)
    assert graph.pull_cache() is True


def test_a_server_that_recovers_is_asked_again(web):
    answers = iter([status(503), None, status(500), None])

    def once(request):
        answer = next(answers, None)
        if answer is not None:
            answer(request)
        else:
            web.answers = {} if web.asked[-1].endswith(".bin") else web.answers
            path = os.path.join(web.root, request.path.lstrip("/"))
            with open(path, "rb") as file:
                send(request, file.read())

    web.answers = {"*": once}
    assert islands().pull_cache() is True
    assert web.asked == [f"/{INDEX}"] * 2 + [f"/{ARTEFACT}"] * 2


def test_being_offline_is_one_warning():
    with phasic.configure(registry="http://127.0.0.1:1"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert islands().pull_cache() is False
        assert islands().pull_cache() is False
        assert list_computes() == []
    assert [warning.category for warning in said] == [HubWarning]
    assert "http://127.0.0.1:1 is passed over" in str(said[0].message)


def test_an_artefact_of_another_graph_is_not_used_whatever_the_index_says(folder):
    other = Graph(models.structured_coalescent(4, 2))
    publish(other, folder, "larger")
    index = json.loads((folder / INDEX).read_bytes())
    there = index["computes"]["larger"]
    data = (folder / there["artifacts"]["parent"]["cid_or_path"]).read_bytes()
    (folder / ARTEFACT).write_bytes(data)  # and its digest and size are told right
    index["computes"]["islands"]["artifacts"]["parent"].update(
        sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)
    )
    (folder / INDEX).write_text(json.dumps(index))
    with phasic.configure(registry=folder), pytest.warns(HubWarning, match="another graph"):
        assert islands().pull_cache() is False
    assert kept() == []


# -- several registries --------------------------------------------------------------------------------


def test_registries_are_asked_in_order_and_broken_ones_passed_over(web, folder, tmp_path):
    web.answers = {f"/{ARTEFACT}": status(500)}
    places = [tmp_path / "nothing here", web.address, folder, "builtin"]
    with phasic.configure(registry=places), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert islands().pull_cache() is True
        names = [found["compute_id"] for found in list_computes()]
    assert [warning.category for warning in said] == [HubWarning] * 2
    assert names[:2] == ["islands", "coal_n5_theta1"]


def test_the_environment_names_registries(folder, monkeypatch):
    monkeypatch.setenv("PHASIC_REGISTRY", f" {folder},builtin ")
    assert [found["registry"] for found in list_computes()][:2] == [str(folder), "builtin"]
    with phasic.configure(registry="builtin"):
        assert list_computes()[0]["registry"] == "builtin"
    monkeypatch.setenv("PHASIC_REGISTRY", "")
    assert list_computes()[0]["registry"] == "builtin"
    monkeypatch.setenv("PHASIC_REGISTRY", folder.as_uri())
    assert [found["compute_id"] for found in list_computes()] == ["islands"]


@pytest.mark.parametrize("registry", [None, 3, [], "", ["builtin", ""]])
def test_what_is_no_registry_cannot_be_configured(registry):
    before = phasic.get_config()
    with pytest.raises(OptionError, match="registry"):
        phasic.configure(registry=registry)
    assert phasic.get_config() == before


def test_computes_are_chosen_by_what_they_say():
    every = list_computes()
    assert list_computes(tags="kingman") == [found for found in every if "kingman" in found["tags"]]
    assert list_computes(tags=["kingman", "blocks"], domain="population-genetics") == [
        found for found in every if found["compute_id"].startswith("blocks")
    ]
    assert list_computes(domain="nothing") == []


def test_a_bad_entry_harms_no_other(folder, caplog):
    index = json.loads((folder / INDEX).read_bytes())
    index["computes"] = {"bad": {}, "../x": index["computes"]["islands"], **index["computes"]}
    entries, complaints = read_index(json.dumps(index).encode())
    assert list(entries) == ["islands"]
    assert len(complaints) == 2
    (folder / INDEX).write_text(json.dumps(index))
    with phasic.configure(registry=folder):
        assert islands().pull_cache()
    assert "passed over" in caplog.text


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder):
    (folder / INDEX).unlink()
    os.mkfifo(folder / INDEX)
    with phasic.configure(registry=folder), pytest.warns(HubWarning, match="is no file"):
        assert list_computes() == []


def test_an_address_that_nothing_reads_names_what_would():
    with (
        phasic.configure(registry="nosuch://bucket/x"),
        pytest.warns(HubWarning, match=r"fsspec|nosuch"),
    ):
        assert list_computes() == []


def test_steps_are_untouched_by_the_hub():
    assert steps.select(False, False, False) is steps.BARE


def test_errors_of_the_hub_are_errors_of_phasic():
    assert issubclass(HubError, phasic.PhasicError)
