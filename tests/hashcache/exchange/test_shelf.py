"""What is pushed to a place can be pulled by anybody, whatever else goes on there."""

from __future__ import annotations

import http.server
import io
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashcache import ArchiveError, Cache, Layer, StoreWarning
from hashcache.__main__ import main
from hashcache.errors import UnreachableError
from hashcache.exchange import places, shelf, web
from hashcache.exchange.connections import Redirections
from hashcache.exchange.exporting import Bundle

RATE = 1.5


def grid(n: int) -> Any:
    return np.arange(n) * RATE


def as_set(n: int) -> Any:
    return {n}


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def at(self, x: float) -> float:
        return self.factor * x


@pytest.fixture
def one(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "other")


ADDRESSES = ["directory", "file", "memory"]


@pytest.fixture(params=ADDRESSES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place that can be written to, of each kind."""
    if request.param == "memory":
        fsspec = pytest.importorskip("fsspec")
        yield f"memory://{tmp_path.name}/place"
        fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)
    else:
        yield f"file://{tmp_path}/place" if request.param == "file" else str(tmp_path / "place")


def archives(place: Path) -> list[Path]:
    return sorted(place.rglob("*.tar"))


# -- what goes and what comes ------------------------------------------------------------------------


def test_what_one_pushes_the_other_pulls(one: Cache, other: Cache, place: str) -> None:
    for n in (10, 20_000):
        one(grid)(n)
    sent = one(grid).push(place)
    assert len(sent.keys) == 2
    received = other(grid).pull(place)
    assert sorted(received.keys) == sorted(sent.keys)
    answer = other(grid)
    np.testing.assert_array_equal(answer(20_000), grid(20_000))
    assert answer.stats() == {"hits": 1, "misses": 0}
    assert other(grid).pull(place).present == received.keys
    assert not other(grid).push(place)


def test_only_what_is_new_goes_and_only_what_is_not_here_comes(
    one: Cache, other: Cache, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    one(grid)(1)
    one(grid).push(place)
    one(grid)(2)
    assert len(one(grid).push(place).keys) == 1
    assert len(archives(place)) == 2
    other(grid)(1)
    assert other(grid).pull(place).keys == (f"function:grid:{one(grid).key(2)}",)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert not one(grid).push(place)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_a_pull_takes_what_can_be_a_hit_unless_all_is_asked_for(
    one: Cache, other: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    one(grid)(3)
    one(grid).push(place)
    monkeypatch.setitem(globals(), "RATE", 2.5)
    one(grid)(4)
    assert len(one(grid).push(place).keys) == 1
    assert other(grid).pull(place).keys == (f"function:grid:{one(grid).key(4)}",)
    assert len(other(grid).pull(place, every=True).keys) == 1
    monkeypatch.setitem(globals(), "RATE", 9.0)
    assert not other(grid).pull(place)
    assert other(grid).explain(4).reason == "global RATE: 2.5 -> 9.0"


def test_keys_choose(one: Cache, other: Cache, tmp_path: Path) -> None:
    for n in range(3):
        one(grid)(n)
    key = one(grid).key(1)
    assert one(grid).push(tmp_path / "place", keys=[key]).keys == (f"function:grid:{key}",)
    one(grid).push(tmp_path / "place")
    assert other(grid).pull(tmp_path / "place", keys=[key[:16]]).keys == (f"function:grid:{key}",)


def test_pickles_go_only_if_both_say_so(one: Cache, other: Cache, tmp_path: Path) -> None:
    place = tmp_path / "place"
    one(as_set)(1)
    assert one(as_set).push(place).refused
    assert not place.exists()
    assert one(as_set).push(place, allow_pickle=True)
    assert other(as_set).pull(place).refused
    assert not other(as_set).is_cached(1)
    assert other(as_set).pull(place, allow_pickle=True)
    assert other(as_set)(1) == {1}


def test_of_two_results_the_first_stays_and_the_second_is_told(
    one: Cache, other: Cache, tmp_path: Path
) -> None:
    place, level = tmp_path / "place", tmp_path / "level"

    def read() -> float:
        with open(level) as file:  # which no key sees
            return float(file.read())

    for cache, text in ((one, "1"), (other, "2")):
        level.write_text(text)
        cache(read)()
    one(read).push(place)
    done = other(read).push(place)
    assert [left.reason for left in done.different] == ["their bytes differ"]
    assert len(archives(place)) == 1
    other(read).pull(place)
    assert other(read)() == 2.0


def test_methods_push_and_pull(one: Cache, other: Cache, tmp_path: Path) -> None:
    class Line(Scale):
        at = one(Scale.at)

    class Same(Scale):
        at = other(Scale.at)

    Same.__name__, Same.__qualname__ = Line.__name__, Line.__qualname__
    Line(2.0).at(3.0)
    assert Line(2.0).at.push(tmp_path / "place", every=True)
    assert Same(2.0).at.pull(tmp_path / "place", every=True)


def test_layers_push_and_pull(one: Cache, other: Cache, tmp_path: Path) -> None:
    there, here = Layer("grid", cache=one).wrap(grid), Layer("grid", cache=other).wrap(grid)
    there(5)
    there.push(tmp_path / "place")
    assert (tmp_path / "place" / "grid").is_dir()
    assert here.pull(tmp_path / "place")
    assert not other(grid).pull(tmp_path / "place")


# -- what else goes on at a place --------------------------------------------------------------------


def test_several_who_push_at_once_take_nothing_from_each_other(tmp_path: Path) -> None:
    place = tmp_path / "place"
    caches = [Cache(tmp_path / f"{number}") for number in range(6)]
    for number, cache in enumerate(caches):
        cache(grid)(number)
    threads = [threading.Thread(target=cache(grid).push, args=(place,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (index,) = place.rglob("index.json")
    assert len(json.loads(index.read_text())["archives"]) == 6
    assert sorted(path.stem for path in archives(place)) == [
        row[0] for row in json.loads(index.read_text())["archives"]
    ]
    assert len(Cache(tmp_path / "all")(grid).pull(place).keys) == 6


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{", '{"format":"hashcache index","version":1,"archives":[[1]]}']
)
def test_an_index_that_is_missing_or_makes_no_sense_is_made_anew(
    one: Cache, other: Cache, tmp_path: Path, text: str | None
) -> None:
    place = tmp_path / "place"
    one(grid)(1)
    one(grid).push(place)
    (index,) = place.rglob("index.json")
    whole = index.read_text()
    index.unlink()
    if text is not None:
        index.write_text(text)
    if text is None:
        assert other(grid).pull(place)
        one(grid).push(place)
    else:
        with pytest.warns(StoreWarning, match="makes no sense"):
            assert other(grid).pull(place)
        with pytest.warns(StoreWarning, match="makes no sense"):
            one(grid).push(place)
    assert index.read_text() == whole


def test_a_damaged_archive_is_not_used_and_others_are(one: Cache, other: Cache, tmp_path: Path) -> None:
    place = tmp_path / "place"
    for n in (1, 2):
        one(grid)(n)
        one(grid).push(place)
    first, _ = archives(place)
    damaged = bytearray(first.read_bytes())
    damaged[-2000] ^= 1
    first.write_bytes(damaged)
    with pytest.warns(StoreWarning, match="SHA-256 is not the one"):
        assert len(other(grid).pull(place).keys) == 1
    first.unlink()
    third = Cache(tmp_path / "third")(grid)
    assert len(third.pull(place).keys) == 1


def test_an_archive_of_somebody_else_under_a_right_name_brings_nothing_of_other_functions(
    one: Cache, other: Cache, tmp_path: Path
) -> None:
    import hashlib

    place = tmp_path / "place"
    one(as_set)(1), one(grid)(1)
    one(grid).push(place)
    (real,) = archives(place)
    planted = io.BytesIO()
    one.export_entries(planted, allow_pickle=True)  # what grid never computed
    data = planted.getvalue()
    name = hashlib.sha256(data).hexdigest()
    (real.parent / f"{name}.tar").write_bytes(data)
    real.unlink()
    (real.parent / "index.json").unlink()
    assert other(grid).pull(place, allow_pickle=True).keys == (f"function:grid:{one(grid).key(1)}",)
    assert {header["function"] for header in other.entries()} == {"grid"}


def test_one_who_is_killed_between_archive_and_index_leaves_what_is_found(
    one: Cache, other: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    one(grid)(1)

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "_write_index", killed)
        with pytest.raises(KeyboardInterrupt):
            one(grid).push(place)
    assert len(archives(place)) == 1
    assert other(grid).pull(place)
    one(grid).push(place)
    assert list(place.rglob("index.json"))


# -- places that fail --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:9/results", "cannot be read"),
        ("nosuch://place", "cannot be opened"),
        ("https://a b", "is no URL"),
    ],
)
def test_a_place_out_of_reach_costs_one_warning(one: Cache, address: str, reason: str) -> None:
    cached = one(grid)
    cached(1)
    with pytest.warns(StoreWarning, match=reason):
        assert not cached.pull(address)
    assert not cached.pull(address)
    assert not cached.push(address)
    assert cached(1).tolist() == [0.0]


def test_a_place_that_cannot_be_written_costs_one_warning(one: Cache, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one(grid)(1)
    with pytest.warns(StoreWarning, match="cannot be written"):
        assert not one(grid).push(tmp_path / "file")


def test_a_cache_that_cannot_be_written_costs_one_warning(one: Cache, tmp_path: Path) -> None:
    one(grid)(1)
    one(grid).push(tmp_path / "place")
    (tmp_path / "file").write_text("")
    with pytest.warns(StoreWarning, match="are not pulled"):
        assert not Cache(tmp_path / "file")(grid).pull(tmp_path / "place")


def test_without_fsspec_the_message_says_what_to_install(one: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.warns(StoreWarning, match=r"pip install 'hashcache\[remote\]'"):
        one(grid).pull("s3://bucket/results")


def test_more_than_is_allowed_is_not_fetched(one: Cache, other: Cache, tmp_path: Path) -> None:
    one(grid)(10_000)
    one(grid).push(tmp_path / "place")
    with pytest.warns(StoreWarning, match="raise max_size"):
        assert not other(grid).pull(tmp_path / "place", max_size="10 kB")


# -- HTTP --------------------------------------------------------------------------------------------


class Web:
    """A server on the loopback that serves a directory, and does wrong what it is told to."""

    def __init__(self, root: Path) -> None:
        self.root, self.fault = root, ""
        self.paths: list[str] = []
        told = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(root))

            def log_message(self, *args: Any) -> None:
                told.paths.append(self.path)

            def do_GET(self) -> None:
                if told.fault and self.path.endswith(told.fault.partition(" of ")[2]):
                    getattr(told, told.fault.partition(" of ")[0].replace(" ", "_"))(self)
                else:
                    super().do_GET()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, to: Any, code: int, body: bytes = b"", **headers: Any) -> None:
        to.send_response(code)
        for name, value in {"Content_Length": len(body), **headers}.items():
            to.send_header(name.replace("_", "-"), str(value))
        to.end_headers()
        to.wfile.write(body)

    def missing(self, to: Any) -> None:
        self.answer(to, 404)

    def error(self, to: Any) -> None:
        self.answer(to, 500)

    def cut(self, to: Any) -> None:
        self.answer(to, 200, b"half", Content_Length=100_000)

    def endless(self, to: Any) -> None:
        to.send_response(200)
        to.end_headers()
        try:
            while True:
                to.wfile.write(bytes(2**16))
        except OSError:
            return

    def compressed(self, to: Any) -> None:
        import gzip

        self.answer(to, 200, gzip.compress(bytes(10**7)), Content_Encoding="gzip")

    def huge(self, to: Any) -> None:
        self.answer(to, 200, b"", Content_Length=10**15)

    def another(self, to: Any) -> None:
        self.answer(to, 200, bytes(2000))

    def circle(self, to: Any) -> None:
        self.answer(to, 302, Location=f"{self.address}{to.path}")

    def elsewhere(self, to: Any) -> None:
        self.answer(to, 302, Location="file:///etc/passwd")


FAULTS = ["missing", "error", "cut", "endless", "compressed", "huge", "another", "circle", "elsewhere"]


@pytest.fixture
def server(one: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Two results of `grid`, each in an archive of its own, on a server."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for n in (5, 6000):
        one(grid)(n)
        one(grid).push(tmp_path / "place")
    served = Web(tmp_path / "place")
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_results_are_pulled_from_a_server_by_its_index_alone(server: Web, other: Cache) -> None:
    assert len(other(grid).pull(server.address).keys) == 2
    assert len(server.paths) == 3
    assert other(grid).is_cached(6000)
    assert other(grid).pull(f"{server.address}/").present
    other(grid)(7)
    with pytest.warns(StoreWarning, match="can be read and not written"):
        other(grid).push(server.address)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_costs_one_warning_and_the_rest_comes(
    server: Web, other: Cache, tmp_path: Path, fault: str
) -> None:
    first, _ = archives(tmp_path / "place")
    server.fault = f"{fault} of {first.name}"
    with pytest.warns(StoreWarning) as said:
        assert len(other(grid).pull(server.address).keys) == 1
    assert len(said) == 1
    server.fault = f"{fault} of index.json"
    third = Cache(tmp_path / "third")(grid)
    if fault == "missing":
        assert not third.pull(server.address)
        return
    with pytest.warns(StoreWarning) as said:
        assert not third.pull(server.address)
    assert len(said) == 1
    assert third(5).tolist() == grid(5).tolist()


def test_a_server_that_goes_on_and_on_is_given_up(
    server: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()

    def slow(to: Any) -> None:
        to.send_response(200)
        to.end_headers()
        while not gone.wait(0.02):
            to.wfile.write(b" ")

    server.slow = slow  # type: ignore[attr-defined]
    server.fault = "slow of index.json"
    monkeypatch.setattr(web, "TOTAL", 0.2)
    try:
        with pytest.raises(UnreachableError, match=r"takes longer than 0\.2 seconds"):
            web.Server(server.address).read("index.json", io.BytesIO(), 2**20)
    finally:
        gone.set()


def test_a_server_full_of_useless_archives_is_given_up(other: Cache, server: Web, tmp_path: Path) -> None:
    (index,) = (tmp_path / "place").rglob("index.json")
    content = json.loads(index.read_text())
    _, size, results = content["archives"][0]
    content["archives"] = [[f"{number:064x}", size, results] for number in range(100)]
    index.write_text(json.dumps(content))
    with pytest.warns(StoreWarning, match="it is not there"):
        assert not other(grid).pull(server.address)
    assert len(set(server.paths)) == 6


def test_an_address_is_not_led_from_https_to_http() -> None:
    import urllib.request

    request = urllib.request.Request("https://example.org/x")
    with pytest.raises(UnreachableError, match="less safe"):
        Redirections(UnreachableError).redirect_request(request, None, 302, "", {}, "http://example.org/x")


def test_places_are_told_by_their_address(tmp_path: Path) -> None:
    assert isinstance(places.place_of(tmp_path), places.Directory)
    assert isinstance(places.place_of(f"file://{tmp_path}/a%20b"), places.Directory)
    assert isinstance(places.place_of("https://example.org"), web.Server)
    pytest.importorskip("fsspec")
    assert isinstance(places.place_of("memory://x"), places.Remote)


def test_pipes_and_folders_in_the_place_of_files_keep_nobody_waiting(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(UnreachableError):
            places.Directory(str(tmp_path), "").read(name, io.BytesIO(), 100)


# -- the command line --------------------------------------------------------------------------------


def test_the_command_line_pushes_and_pulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pushed_model.py").write_text(
        "from hashcache import hashcache\n@hashcache\ndef double(x): return 2 * x\n"
    )
    monkeypatch.chdir(tmp_path)
    import importlib
    import sys

    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("pushed_model").double(4)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(arguments)
        return status, *capsys.readouterr()

    place = str(tmp_path / "place")
    assert run("push", place, "pushed_model:double") == (
        0, f"pushed 1 result to {place}, 0 results were there\n", "",
    )  # fmt: skip
    shutil.rmtree(tmp_path / "cache")
    status, said, _ = run("pull", place, "pushed_model:double", "--json")
    assert (status, len(json.loads(said)["keys"])) == (0, 1)
    assert run("pull", place, "pushed_model:double")[:2] == (
        0, f"pulled 0 results from {place}, 1 result were here\n",
    )  # fmt: skip
    status, _, told = run("pull", "http://127.0.0.1:9", "pushed_model:double")
    assert status == 2
    assert "cannot be read" in told
    assert run("pull", place, "pushed_model:missing")[0] == 2
    sys.modules.pop("pushed_model")


def test_a_bundle_says_what_stays(one: Cache) -> None:
    from hashcache.exchange.selection import selection

    one(as_set)(1), one(grid)(1)
    bundle = Bundle(one, selection())
    assert len(bundle.results) == len(bundle.refused) == 1
    one.clear()
    with pytest.raises(ArchiveError):
        bundle.write(io.BytesIO())
