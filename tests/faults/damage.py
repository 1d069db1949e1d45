"""Damage every part of every kind of entry: whoever asks gets the right answer, and the damage is counted."""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from subjects import SUBJECTS, Report, Subject, answer, files

from hashcache import Cache, entry
from hashcache.errors import TornEntryError, UnknownFormatError

SMALL = 8_192


def regions(data: bytes) -> list[int]:
    """Return where front, head, provenance, each frame and the trailer begin, and where they end."""
    _, _, head, about, _, total, *_ = entry._FRONT.unpack_from(data)
    place = entry._SIZE + head + about
    marks = [0, 8, 12, 16, 20, 24, 32, 48, 56, 64, entry._SIZE, entry._SIZE + head, place]
    for size in entry.peek(data)["frames"]:
        place += -place % 64
        marks += [place, place + size]
        place += size
    return [*marks, total - 16, total]


def places(data: bytes, some: int, random: random.Random) -> list[int]:
    """Return offsets to damage: all of a small entry, of a large one the ends of its regions and others."""
    if len(data) <= some:
        return list(range(len(data)))
    near = {mark + shift for mark in regions(data) for shift in (-1, 0, 1)}
    near |= {random.randrange(len(data)) for _ in range(some)}
    return sorted(place for place in near if 0 <= place < len(data))


def damages(data: bytes, some: int, random: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield damaged versions of an entry, and what was done to each."""
    for place in places(data, some, random):
        flipped = bytearray(data)
        flipped[place] ^= 1 << random.randrange(8)
        yield f"flipped at {place}", bytes(flipped)
        yield f"cut at {place}", data[:place]
    for size in (64, 512, 4096):
        blocks = range(0, len(data), size)
        for start in random.sample(blocks, min(len(blocks), max(8, some // 20))):
            zeroed = data[:start] + bytes(len(data[start : start + size])) + data[start + size :]
            if zeroed != data:
                yield f"{size} zeros at {start}", zeroed
    yield "empty", b""
    yield "one byte more", data + b"\0"
    yield "twice", data + data
    yield "zeros", bytes(len(data))
    yield "notes", b"notes\n" * 100
    yield "a pickle", b"\x80\x05K\x01."
    yield "a long file", b"\x89HCASH\r\n" + bytes(200_000)


def put_back(path: Path, data: bytes) -> None:
    """Put a file with this content in place of whatever is there, as a new one: another may be mapped."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(data)


def odd_things(path: Path, data: bytes) -> Iterator[tuple[str, bool]]:
    """Put what is no file in the place of an entry; yields what, and whether the store can mend it."""

    def placed(what: str, put: Callable[[], Any], mends: bool) -> tuple[str, bool]:
        put_back(path, data)
        path.unlink()
        put()
        return what, mends

    def bind() -> None:
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path.name)
        finally:
            os.chdir(here)

    yield placed("a directory", path.mkdir, False)
    yield placed("a directory that is not empty", lambda: (path / "a").mkdir(parents=True), False)
    yield placed("a pipe", lambda: os.mkfifo(path), True)
    yield placed("a socket", bind, True)
    yield placed("a link to nothing", lambda: path.symlink_to("nothing"), True)
    yield placed("a link to itself", lambda: path.symlink_to(path.name), True)
    yield placed("a link to a directory", lambda: path.symlink_to("."), True)
    yield placed("a link to a device", lambda: path.symlink_to("/dev/zero"), True)


class Sweep:
    """The entries of one function, damaged and asked for."""

    def __init__(self, subject: Subject, place: Path) -> None:
        self.subject, self.place, self.wrong = subject, place, list[str]()
        self.tried = 0
        subject.ask(subject.cached(Cache(place)), 3)
        found = files(place / "v1")
        (self.listing,) = (path for path in found if path.parent.name == "f-")
        (self.path,) = (path for path in found if path.parent.name != "f-")
        self.data, self.listed = self.path.read_bytes(), self.listing.read_bytes()
        self.right = subject.right(3)

    def check(self, what: str, mends: bool = True) -> None:
        self.tried += 1
        cached = self.subject.cached(Cache(self.place))
        got = answer(lambda: self.subject.ask(cached, 3))
        stats = cached.stats()
        counted = stats.get("torn", 0) + stats.get("failed to read", 0) + stats.get("failed to write", 0)
        wrong = []
        if got.error is not None or got.value != self.right:
            wrong.append(f"{got.error!r} or {got.value!r:.60} came in place of the answer")
        if len(got.warned) > 1:
            wrong.append(f"warned {got.warned}")
        if stats["misses"] != 1 or stats["hits"] or bool(counted) != bool(got.warned):
            wrong.append(f"counted {stats}, warned {got.warned}")
        again = self.subject.cached(Cache(self.place))
        got = answer(lambda: self.subject.ask(again, 3))
        if got.value != self.right or (mends and (got.warned or not again.stats()["hits"])):
            wrong.append(f"the next call gave {got.value!r:.60} {got.error!r} {got.warned} {again.stats()}")
        self.wrong += [f"{self.subject.name}, {what}: {text}" for text in wrong]

    def entries(self, some: int, random: random.Random) -> None:
        for what, damaged in damages(self.data, some, random):
            put_back(self.path, damaged)
            self.check(what)

    def kinds(self) -> None:
        for what, mends in odd_things(self.path, self.data):
            self.check(what, mends)
        put_back(self.path, self.data)

    def listings(self, some: int, random: random.Random) -> None:
        """Damage what only explanations read: hits stay hits, and questions are answered."""
        for what, damaged in damages(self.listed, some, random):
            self.tried += 1
            put_back(self.path, self.data)
            put_back(self.listing, damaged)
            cached = self.subject.cached(Cache(self.place))
            got = answer(lambda cached=cached: self.subject.ask(cached, 3))
            if got.value != self.right or got.warned or cached.stats()["hits"] != 1:
                self.wrong.append(f"{self.subject.name}, listing {what}: {got} {cached.stats()}")
            argument = self.subject.argument(4)
            got = answer(lambda cached=cached, argument=argument: str(cached.explain(argument)))
            if got.error is not None or got.warned:
                self.wrong.append(f"{self.subject.name}, listing {what}, explain: {got}")
        put_back(self.listing, self.listed)

    def bits(self) -> None:
        """Flip every bit of a small entry, and look at it as a reader does."""
        if len(self.data) > SMALL:
            return
        key = bytes.fromhex(self.path.parent.name + self.path.name)
        for place in range(len(self.data)):
            for bit in range(8):
                self.tried += 1
                flipped = bytearray(self.data)
                flipped[place] ^= 1 << bit
                try:
                    entry.unpack(bytes(flipped), key)
                except (TornEntryError, UnknownFormatError):
                    continue
                self.wrong.append(f"{self.subject.name}: bit {bit} of {place} is not noticed")


def swap(place: Path, subjects: Sequence[Subject]) -> Report:
    """Put every entry into the place of every other: of another argument, another function, another kind."""
    sweeps = [Sweep(subject, place / subject.name) for subject in subjects]
    for one in sweeps:
        one.subject.ask(one.subject.cached(Cache(place / "four")), 4)
        others = [other.data for other in sweeps if other is not one] + [one.listed]
        others += [path.read_bytes() for path in files(place / "four" / "v1")]
        shutil.rmtree(place / "four")
        for data in others:
            put_back(one.path, data)
            one.check("swapped")
    return Report(sum(one.tried for one in sweeps), [text for one in sweeps for text in one.wrong])


def sweep(place: Path, subjects: Sequence[Subject] = SUBJECTS, some: int = 2_000, seed: int = 0) -> Report:
    """Damage everything that functions have stored."""
    chance = random.Random(seed)
    tried, wrong, sizes = 0, [], []
    for subject in subjects:
        one = Sweep(subject, place / "damaged" / subject.name)
        one.entries(some, chance)
        one.kinds()
        one.listings(some // 16, chance)
        one.bits()
        tried += one.tried
        wrong += one.wrong
        sizes.append(len(one.data))
    swapped = swap(place / "swapped", subjects)
    note = f"{len(sizes)} kinds of {min(sizes)} to {max(sizes)} bytes"
    return Report(tried + swapped.tried, wrong + swapped.wrong, note)
