"""Downloads that are cut: what has arrived is not asked for again, and only what was published is used."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registries import Web, islands, send

from phasic import HubWarning, layers
from phasic.compute_repository import _param_compute_cache_dir
from phasic.hub import arriving, http
from phasic.hub.arriving import Arriving
from phasic.hub.entry import INDEX
from phasic.hub.errors import ArtefactError, UnreachableError
from phasic.hub.http import Patience, Server
from phasic.hub.registry import Registry


class Cutting:
    """Answers with a file, and hangs up after some bytes: each time as many as `cuts` says, then never."""

    def __init__(self, data: bytes, cuts: list[int], tag: str = '"one"', has_parts: bool = True) -> None:
        self.data, self.cuts, self.tag, self.has_parts = data, list(cuts), tag, has_parts
        self.asked: list[tuple[str | None, str | None]] = []

    def __call__(self, request) -> None:
        wanted, condition = request.headers["Range"], request.headers["If-Range"]
        self.asked.append((wanted, condition))
        begin = int(wanted[6:-1]) if wanted and self.has_parts and condition in (None, self.tag) else 0
        part = self.data[begin:]
        request.send_response(206 if begin else 200)
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(self.data) - 1}/{len(self.data)}")
        request.send_header("Content-Length", str(len(part)))
        if self.tag:
            request.send_header("ETag", self.tag)
        request.end_headers()
        request.wfile.write(part[: self.cuts.pop(0)] if self.cuts else part)


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch):
    """So that the few hundred bytes of the test's artefact are kept and count as a step ahead."""
    monkeypatch.setattr(arriving, "_WORTH", 1)
    monkeypatch.setattr(http, "_CHUNK", 64)


@pytest.fixture
def data(folder) -> bytes:
    return next((folder / "artifacts").iterdir()).read_bytes()


def artefact(folder) -> str:
    return "/artifacts/" + next((folder / "artifacts").iterdir()).name


def leftovers() -> list[str]:
    return sorted(path.name for path in _param_compute_cache_dir().glob(".*.arriving"))


def test_only_the_rest_is_asked_for_after_a_cut(web, folder, data):
    cutting = web.answers[artefact(folder)] = Cutting(data, [200, 100, 150])
    assert islands().pull_cache() is True
    assert cutting.asked == [
        (None, None),
        ("bytes=200-", '"one"'),
        ("bytes=300-", '"one"'),
        ("bytes=450-", '"one"'),
    ]
    assert leftovers() == []


def test_attempts_without_a_step_ahead_come_to_an_end(web, folder, data):
    cutting = web.answers[artefact(folder)] = Cutting(data, [200, *[0] * 50])
    with pytest.warns(HubWarning, match="ends after 200 of"):
        assert islands().pull_cache() is False
    assert len(cutting.asked) == 3  # one that brought something, and AT_ONCE.attempts


def test_the_next_call_goes_on_where_this_one_gave_up(web, folder, data):
    web.answers[artefact(folder)] = Cutting(data, [200, 0, 0])
    with pytest.warns(HubWarning):
        assert islands().pull_cache() is False
    assert len(leftovers()) == 1
    cutting = web.answers[artefact(folder)] = Cutting(data, [])
    assert islands().pull_cache() is True
    assert cutting.asked == [("bytes=200-", '"one"')]
    assert leftovers() == []


@pytest.mark.parametrize("tag", ['"one"', 'W/"weak"', ""])
def test_a_server_that_has_no_parts_sends_all_again(web, folder, data, tag):
    cutting = web.answers[artefact(folder)] = Cutting(data, [200], tag, has_parts=False)
    assert islands().pull_cache() is True
    assert cutting.asked == [(None, None), ("bytes=200-", tag if tag == '"one"' else None)]


def test_what_has_become_another_file_meanwhile_is_fetched_from_the_beginning(web, folder, data):
    other, new = Cutting(bytes(len(data)), [200], '"old"'), Cutting(data, [], '"new"')
    web.answers[artefact(folder)] = lambda request: (new if other.asked else other)(request)
    assert islands().pull_cache() is True
    assert new.asked == [("bytes=200-", '"old"')]


def test_parts_that_are_not_of_one_whole_are_fetched_again_as_one(web, folder, data):
    other, rest = Cutting(bytes(len(data)), [200], '"same"'), Cutting(data, [], '"same"')
    web.answers[artefact(folder)] = lambda request: (rest if other.asked else other)(request)
    assert islands().pull_cache() is True
    assert rest.asked == [("bytes=200-", '"same"'), (None, None)]


def test_a_wrong_whole_is_refused_and_not_kept(web, folder, data):
    web.answers[artefact(folder)] = Cutting(bytes(len(data)), [200])
    with pytest.warns(HubWarning, match="SHA-256 differs"):
        assert islands().pull_cache() is False
    web.answers.clear()
    assert islands().pull_cache() is True
    assert leftovers() == []


@pytest.mark.parametrize(
    "told", ["bytes 199-660/661", "bytes 0-660/661", "bytes 9999999999999999-1/1", "200-", "", "bytes x-y/z"]
)
def test_another_part_than_was_asked_for_is_not_taken(web, folder, data, told):
    cutting, wrong = Cutting(data, [200]), []

    def answer(request):
        if request.headers["Range"] and not wrong:
            wrong.append(send(request, data[200:], 206, Content_Range=told))
        else:
            cutting(request)

    web.answers[artefact(folder)] = answer
    assert islands().pull_cache() is True
    assert cutting.asked == [(None, None), (None, None)]


def test_a_file_that_has_become_shorter_is_fetched_from_the_beginning(web, folder, data):
    cutting = Cutting(data, [200])

    def answer(request):
        if request.headers["Range"]:
            request.send_error(416)
        else:
            cutting(request)

    web.answers[artefact(folder)] = answer
    assert islands().pull_cache() is True


def test_a_part_that_was_not_asked_for_is_not_taken(web, folder, data):
    web.answers[artefact(folder)] = lambda request: send(
        request, data, 206, Content_Range=f"bytes 0-{len(data) - 1}/{len(data)}"
    )
    with pytest.warns(HubWarning, match="another part"):
        assert islands().pull_cache() is False


def test_an_index_is_never_joined_of_parts(web, folder):
    index = (folder / INDEX).read_bytes()
    cutting = web.answers[f"/{INDEX}"] = Cutting(index, [200])
    assert islands().pull_cache() is True
    assert cutting.asked == [(None, None), (None, None)]


def test_a_server_says_how_long_to_wait_but_not_too_long(web, folder, monkeypatch):
    paused = []
    monkeypatch.setattr(http.time, "sleep", paused.append)
    for told in ("7", "86400", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "9" * 30):
        web.answers["/x"] = lambda request, told=told: send(request, b"", 503, Retry_After=told)
        with pytest.raises(UnreachableError, match="503"):
            Server(web.address, Patience(attempts=2, pause=0.25)).read("x", 10)
    assert paused == [7.0, 30.0, 0.25, 0.25, 0.25]


def test_a_pause_grows_with_every_attempt_that_fails(web, monkeypatch):
    paused = []
    monkeypatch.setattr(http.time, "sleep", paused.append)
    web.answers["/x"] = lambda request: request.send_error(500)
    with pytest.raises(UnreachableError, match="500"):
        Server(web.address, Patience(attempts=5)).read("x", 10)
    assert paused == [0.5, 1.0, 2.0, 4.0]


def test_a_long_download_shows_how_far_it_is(web, folder, data, monkeypatch):
    shown = []

    class Bar:
        n, total = 0, None

        def __init__(self, **options):
            shown.append(options["desc"])

        def update(self, more):
            self.n += more
            shown.append((self.n, self.total))

        def close(self):
            shown.append("closed")

    from tqdm import auto

    monkeypatch.setattr(auto, "tqdm", Bar)
    monkeypatch.setattr("phasic.progress._QUIET", 0.0)
    monkeypatch.setattr("phasic.progress.is_watched", lambda: True)
    Server(web.address).read(artefact(folder)[1:], len(data), Arriving())
    assert (shown[0], shown[-2:]) == ("downloading", [(len(data), len(data)), "closed"])


def test_two_who_fetch_the_same_do_not_write_over_each_other(web, folder, data):
    web.answers[artefact(folder)] = Cutting(data, [200, 0, 0])
    with pytest.warns(HubWarning):
        assert islands().pull_cache() is False
    path = _param_compute_cache_dir() / leftovers()[0]
    before = path.read_bytes()
    cutting = web.answers[artefact(folder)] = Cutting(data, [100])
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert islands().pull_cache() is True
    assert path.read_bytes() == before
    assert cutting.asked == [(None, None), ("bytes=100-", '"one"')]


def test_a_full_disk_costs_nobody_the_download(web, folder, data, monkeypatch):
    class Full:
        name = "full"

        def __getattr__(self, name):
            def fail(*arguments):
                raise OSError(28, "No space left on device")

            return fail

        def __enter__(self):
            return self

        def __exit__(self, *raised):
            pass

    monkeypatch.setattr(arriving, "_opened", lambda path: Full())
    cutting = web.answers[artefact(folder)] = Cutting(data, [200])
    assert islands().pull_cache() is True
    assert cutting.asked == [(None, None), ("bytes=200-", '"one"')]


def test_what_nobody_came_back_for_is_deleted(web, folder, data):
    web.answers[artefact(folder)] = Cutting(data, [200, 0, 0])
    with pytest.warns(HubWarning):
        assert islands().pull_cache() is False
    old = _param_compute_cache_dir() / f".{'0' * 64}.arriving"
    old.write_bytes(b"")
    os.utime(old, (0, 0))
    web.answers[artefact(folder)] = Cutting(data, [])
    assert islands().pull_cache() is True
    assert leftovers() == []


def test_a_link_in_the_place_of_the_file_is_not_followed(web, folder, data, tmp_path):
    _param_compute_cache_dir().mkdir(parents=True)
    (tmp_path / "victim").write_bytes(b"mine")
    link = _param_compute_cache_dir() / f".{hashlib.sha256(data).hexdigest()}.arriving"
    link.symlink_to(tmp_path / "victim")
    assert islands().pull_cache() is True
    assert (tmp_path / "victim").read_bytes() == b"mine"


@settings(max_examples=30)
@given(st.binary(max_size=300), st.integers(0, 700))
def test_whatever_lies_where_the_rest_should_go_the_artefact_is_right(tmp_path_factory, left, size):
    folder = tmp_path_factory.mktemp("left")
    data = os.urandom(600)
    digest = hashlib.sha256(data).hexdigest()
    (folder / f".{digest}.arriving").write_bytes(left + b"\n" + data[:size])
    with arriving.arriving(folder, digest, len(data)) as coming:
        before = coming.content
        assert before == b"" or (left + b"\n" + data[:size]).endswith(before)
        assert coming.is_joined == bool(before)
        coming.restart('"x"')
        coming.append(data)
        assert coming.content == data
    assert list(folder.iterdir()) == []


ANSWERS = st.tuples(
    st.sampled_from(["right", "right", "wrong", "short"]),  # whose bytes
    st.integers(0, 700),  # after how many it hangs up
    st.sampled_from(['"a"', '"b"', ""]),
    st.booleans(),  # whether it has parts
    st.booleans(),  # whether it heeds If-Range
)


@settings(max_examples=60)
@given(st.lists(ANSWERS, min_size=1, max_size=6))
def test_whatever_a_server_does_the_artefact_is_right_or_none(tmp_path_factory, answers):
    folder = tmp_path_factory.mktemp("registry")
    islands().push_cache(id="x", description="x", author="A", registry=folder)
    data = next((folder / "artifacts").iterdir()).read_bytes()
    contents = {"right": data, "wrong": bytes(len(data)), "short": data[:-100]}
    coming = iter(answers)

    def answer(request):
        kind, cut, tag, has_parts, heeds = next(coming, ("right", 9999, '"a"', True, True))
        cutting = Cutting(contents[kind], [cut], tag, has_parts)
        if not heeds and request.headers["If-Range"]:
            request.headers.replace_header("If-Range", tag)
        cutting(request)

    web = Web(folder)
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.001})
    thread.start()
    try:
        web.answers[artefact(folder)] = answer
        registry = Registry(Server(web.address, Patience(attempts=2, pause=0.0)))
        entry = registry.entries["x"]
        kept = tmp_path_factory.mktemp("kept")
        for _ in range(8):
            with suppress(ArtefactError, UnreachableError):
                assert registry.fetch(entry, kept)[1] == data
        assert registry.fetch(entry, kept)[1] == data  # once the server is well
        assert list(kept.iterdir()) == []
    finally:
        web.server.shutdown()
        thread.join()
        web.server.server_close()


def test_who_is_killed_while_it_arrives_goes_on_there_next_time(web, folder, data, location, tmp_path):
    expected, sent = islands().moments(2), threading.Event()

    def stall(request):
        request.wfile.write(
            b'HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: %d\r\n\r\n' % len(data) + data[:300]
        )
        request.wfile.flush()
        sent.set()
        time.sleep(30)

    web.answers[artefact(folder)] = stall
    code = f"""
import phasic
from phasic.hub import arriving, http
arriving._WORTH = 1
phasic.configure(registry={web.address!r})
phasic.Graph(phasic.models.structured_coalescent(3, 2)).pull_cache()
"""
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "HASHCACHE_DIR": str(location), "PYTHONPATH": root}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=tmp_path)
    try:
        assert sent.wait(60)
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(
            (_param_compute_cache_dir() / name).stat().st_size >= 300 for name in leftovers()
        ):
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert [path.name for path in _param_compute_cache_dir().iterdir()] == leftovers() != []
    assert list(layers.TRACES.entries()) == []
    cutting = web.answers[artefact(folder)] = Cutting(data, [])
    graph = islands()
    assert graph.pull_cache() is True
    assert cutting.asked == [("bytes=300-", '"one"')]
    assert graph.moments(2) == expected
    assert leftovers() == []
