"""Of an archive, everything is as this package writes it, or nothing of it is used."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crafted import archive, files, made, row_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hashcache import ArchiveError, Cache, entry, hashcache
from hashcache.exchange import archive as archives
from hashcache.exchange import tape
from hashcache.form import COMPRESSED, Form
from hashcache.key import Key
from hashcache.roads import YIELDED

MOST = 2**24


@pytest.fixture
def good(cache: Cache, tmp_path: Path) -> bytes:
    """A small archive of two results."""
    source = Cache(tmp_path / "source")
    for x in (3, 4):
        source(lambda x: np.arange(x) * 1.5)(x)
    file = io.BytesIO()
    source.export_entries(file, author="Ada")
    return file.getvalue()


def refusal(cache: Cache, data: bytes, **options: Any) -> str:
    """Return why an archive is refused, after a look that nothing of it is there."""
    with pytest.raises(ArchiveError) as raised:
        cache.import_entries(io.BytesIO(data), **options)
    assert files(Path(cache.location)) == []
    return str(raised.value)


def _framed(manifest: bytes) -> bytes:
    size = len(manifest)
    return tape.header(archives.MANIFEST, size) + manifest + bytes(tape.padding(size))


# -- the frame ---------------------------------------------------------------------------------------


def test_what_is_made_here_is_what_is_accepted(cache: Cache) -> None:
    assert cache.import_entries(io.BytesIO(archive(made()))).keys == (f"function:square:{'a' * 32}",)


@given(name=st.text("abc/-0", min_size=1, max_size=240), size=st.integers(0, tape.MOST))
def test_headers_are_those_that_tarfile_writes(name: str, size: int) -> None:
    import tarfile

    info = tarfile.TarInfo(name)
    info.size = size
    try:
        ours = tape.header(name, size)
    except ValueError:
        return
    read = tarfile.TarInfo.frombuf(ours, "ascii", "strict")
    assert (read.size, read.mode, read.mtime, read.uid, read.uname) == (size, 0o644, 0, 0, "")
    assert read.name == name.rstrip("/") or "/" in name
    assert tape.first_size(ours, name) == size


def test_every_byte_of_an_archive_counts(cache: Cache, good: bytes) -> None:
    for place in (*range(0, 700, 23), *range(700, len(good), 197), len(good) - 1):
        changed = bytearray(good)
        changed[place] ^= 1
        refusal(cache, bytes(changed))


def test_an_archive_that_is_cut_or_goes_on_is_refused(cache: Cache, good: bytes) -> None:
    for end in (0, 1, 511, 512, 600, len(good) // 2, len(good) - 1):
        refusal(cache, good[:end])
    refusal(cache, good + b"\0")
    refusal(cache, good + good)


def test_no_more_is_read_than_there_is_whatever_is_said(cache: Cache) -> None:
    import tracemalloc

    huge = tape.header(archives.MANIFEST, tape.MOST) + bytes(1024)
    rows = [row_of(*made())]
    rows[0]["size"] = tape.MOST
    lying = archive(made(), rows=rows)
    tracemalloc.start()
    try:
        assert "too many" in refusal(cache, huge)
        assert "allowed" in refusal(cache, lying)
        assert "are listed" in refusal(cache, lying, max_size="100 TB")
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "function/0/a",
        "function//x",
        "f/" + "0" * 16 + "/" + "0" * 31 + "/",
    ],
)
def test_names_lead_nowhere_else(cache: Cache, name: str) -> None:
    assert "no name of an entry" in refusal(cache, archive((name, b"")))


def test_names_come_in_order_and_once(cache: Cache) -> None:
    one, other = made(), made(key=Key("function", "square", "b" * 32))
    assert "in the order" in refusal(cache, archive(other, one))
    assert "in the order" in refusal(cache, archive(one, one))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"version":1', b'"version":2', "format version"),
        (b'"format":"hashcache archive"', b'"format":"hashcache orchive"', "something else"),
        (b'"author":"Ada"', b'"author":"\\u0041da"', "spelled"),
        (b'"entries":[', b'"entries":[ ', "spelled"),
        (b'"result":"float64[3]"', b'"result":"float64[9]"', "what its entries say"),
        (b'"defined":"', b'"defined":"x', "what its entries say"),
    ],
)
def test_a_manifest_says_what_the_entries_say(
    cache: Cache, good: bytes, old: bytes, new: bytes, reason: str
) -> None:
    size = tape.first_size(good[:512], archives.MANIFEST)
    assert size is not None
    manifest = good[512 : 512 + size]
    assert old in manifest
    manifest = manifest.replace(old, new, 1)
    rest = good[512 + size + tape.padding(size) :]
    data = _framed(manifest) + rest
    assert reason in refusal(cache, data)


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b"null", b"[" * 10_000, b"\xff", b'{"format":1}', b"1e999"]
)
def test_a_manifest_that_is_none_is_refused(cache: Cache, manifest: bytes) -> None:
    refusal(cache, _framed(manifest) + tape.END)


# -- the entries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "member",
    [
        (made()[0], made()[1][:-1] + b"?"),
        (made()[0], b""),
        (made()[0].replace("a" * 32, "b" * 32), made()[1]),
        (made()[0].replace("function/", "graph/"), made()[1]),
        made(function="cube"),
        made(layer="graph"),
        made(host="somewhere"),
        made(received={"archive": "0", "author": "me"}),
        made(created=float("nan")),
        made(created=float("inf")),
        made(created=-1.0),
        made(seconds=1e300),
        made(seconds=float("nan")),
        made(parts=None),
        made(parts=[["x", 1, "y"]]),
        made(parts=[["x", "1", "y", []]]),
        made(parts=[["x", "1", "y", {"from": ["numpy", 1]}]]),
        made(fingerprint="f" * 31 + "/"),
        made(fingerprint=None),
        made(result=5),
        made(python=None),
        made(COMPRESSED, ["arrays", 9]),
        made(COMPRESSED, [COMPRESSED, ["arrays", 9, []], []]),
        made(COMPRESSED, ["arrays", 9, [-1]], [b"x"]),
        made(YIELDED, [[COMPRESSED, 9, 0]]),
        made(YIELDED, 9),
        made(arguments=[b"nonsense"]),
        made(arguments=[b"[1,[],[[5,0,0]]]"]),
        ("function/" + "0" * 16 + "/f-" + "a" * 32, made()[1]),
    ],
)
def test_an_entry_that_is_not_what_it_says_is_refused(cache: Cache, member: tuple[str, bytes]) -> None:
    refusal(cache, archive(member))
    good = made(key=Key("function", "other", "0" * 32))  # which is not stored either
    refusal(cache, archive(*sorted([good, member])))


def test_compressed_results_take_no_more_than_is_allowed(cache: Cache) -> None:
    zstandard = pytest.importorskip("zstandard")
    bomb = zstandard.compress(bytes(2**24), 3)
    payload = ["arrays", ["array", "|u1", [2**24], "C", 0], [2**24]]
    data = archive(made(COMPRESSED, payload, [bomb]))
    assert len(data) < 10_000
    assert "once expanded" in refusal(cache, data, max_size=2**20)
    assert cache.import_entries(io.BytesIO(data), max_size=2**25)


# -- interruption ------------------------------------------------------------------------------------

IMPORT = """
import os, signal, sys
from hashcache import hashcache
last, count = int(sys.argv[2]), 0
import random, tempfile, hashcache.exchange.importing, hashcache.policy
import hashcache.exchange.selection, hashcache.replay
def watch(event, arguments):
    global count
    if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.chmod"):
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
hashcache.import_entries(sys.argv[1])
"""


def killed_at(step: int, archive: Path, location: Path) -> bool:
    """Import in a process that kills itself at its n-th step; return whether it came so far."""
    environment = {**os.environ, "HASHCACHE_DIR": str(location), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(archive), str(step)], env=environment, check=False
    )
    return done.returncode != 0


@pytest.mark.parametrize("steps", [[3, 9, 14], pytest.param(range(1, 24), marks=pytest.mark.slow)])
def test_a_kill_leaves_whole_results_and_the_next_import_the_rest(
    good: bytes, tmp_path: Path, steps: Any
) -> None:
    path = tmp_path / "good.tar"
    path.write_bytes(good)
    whole = Cache(tmp_path / "whole")
    whole.import_entries(path)
    expected = {file.relative_to(whole.location): file.read_bytes() for file in files(Path(whole.location))}
    ends = 0
    for step in steps:
        location = tmp_path / f"killed at {step}"
        if not killed_at(step, path, location):
            ends += 1
            continue
        left = {
            file.relative_to(location): file.read_bytes()
            for file in files(location)
            if "locks" not in file.parts and not file.name.endswith(".partial")
        }
        assert left.items() <= expected.items()
        Cache(location).import_entries(path)
        found = {file.relative_to(location): file.read_bytes() for file in files(location)}
        assert expected.items() <= found.items()
        assert all(
            "locks" in name.parts or name.suffix == ".partial" for name in found.keys() - expected.keys()
        )
    assert ends < len(list(steps)) / 2


# -- nonsense ----------------------------------------------------------------------------------------


def _mutated(data: bytes, chance: random.Random) -> bytes:
    """Return an archive with a few changes, and sums made right again where that takes it further."""
    kind = chance.randrange(4)
    if kind == 0:  # anything anywhere
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 1:  # pieces moved, dropped or doubled
        one, other = sorted(chance.randrange(len(data)) for _ in range(2))
        return data[:one] + data[other:] if chance.random() < 0.5 else data[:other] + data[one:]
    name, content = made()
    header, rest = bytearray(content[80:-16]), content[:80]
    if kind == 2:  # an entry whose checksums are right, in an archive whose sums are right
        for _ in range(chance.randrange(1, 4)):
            header[chance.randrange(len(header))] = chance.choice(b'{}[]",:0123456789abcdefnulltrue\\ \xff')
    else:  # and one whose JSON is right too
        text = bytes(header).decode()
        values = [
            "null",
            "[]",
            "{}",
            "-1",
            "1e400",
            "true",
            '"\\ud800"',
            '"/"',
            "[[[]]]",
            "99999999999999999999",
        ]
        for _ in range(chance.randrange(1, 3)):
            places = [place for place, c in enumerate(text) if c in ":,["]
            place = chance.choice(places) + 1
            end = min((text.find(c, place) for c in ",]}" if text.find(c, place) > 0), default=place)
            text = text[:place] + chance.choice(values) + text[end:]
        header = bytearray(text.encode())
    return archive((name, _resealed(rest, bytes(header), content)))


def _resealed(front: bytes, texts: bytes, content: bytes) -> bytes:
    import struct

    from xxhash import xxh3_128_digest

    head = struct.unpack_from("<I", content, 12)[0]
    about = max(len(texts) - head, 0)
    total = 80 + len(texts) + 16
    front = front[:12] + struct.pack("<III", head, about, 0) + struct.pack("<Q", total) + front[32:64]
    start = front + xxh3_128_digest(front + texts) + texts
    return start + xxh3_128_digest(start)


def fuzz(cache: Cache, data: bytes, seed: int) -> str:
    """Import one mutant; return what became of it. Anything but a refusal or a whole import is raised."""
    mutant = _mutated(data, random.Random(seed))
    try:
        done = cache.import_entries(io.BytesIO(mutant), max_size=MOST, dry_run=True)
    except ArchiveError:
        return "refused"
    return "accepted" if done.keys else "left out"


def used(data: bytes, seed: int, location: Path) -> None:
    """Look at what a mutant brought by every command, and read it as a call would."""
    from hashcache.__main__ import main

    cache = Cache(location)
    cache.import_entries(io.BytesIO(_mutated(data, random.Random(seed))), max_size=MOST)
    for command in ("ls", "info", "verify", "prune"):
        assert main([command, "--location", str(location)]) == 0
    for header in cache.entries():
        for command in ("show", "explain"):
            assert main([command, header["digest"], "--location", str(location)]) == 0
        content = entry.unpack(cache.store.get(header["name"]), bytes.fromhex(header["digest"]))
        with suppress(Exception):  # a miss, with a warning
            plain = Form().without_pickle()
            plain.decode(*plain.expanded(*content[:2]))
    cache.clear()


def test_nonsense_is_refused_and_nothing_else_happens(cache: Cache, good: bytes) -> None:
    outcomes = [fuzz(cache, good, seed) for seed in range(500)]
    assert outcomes.count("refused") > 300
    assert files(Path(cache.location)) == []


def test_what_somebody_made_up_can_be_looked_at(cache: Cache, good: bytes, tmp_path: Path) -> None:
    accepted = [seed for seed in range(500) if fuzz(cache, good, seed) == "accepted"]
    assert accepted
    for seed in accepted:
        used(good, seed, tmp_path / "used")


@pytest.mark.slow
def test_much_nonsense_is_refused_and_nothing_else_happens(cache: Cache, good: bytes, tmp_path: Path) -> None:
    for seed in range(100_000):
        if fuzz(cache, good, 10_000 + seed) == "accepted":
            used(good, 10_000 + seed, tmp_path / "used")
    assert files(Path(cache.location)) == []


@settings(max_examples=100)
@given(data=st.binary(max_size=3000), begins=st.booleans())
def test_bytes_that_are_no_archive_are_refused(data: bytes, begins: bool) -> None:
    if begins:
        data = _framed(data) + tape.END
    with pytest.raises(ArchiveError):
        hashcache.import_entries(io.BytesIO(data))
