"""Two versions of the format in one store: each keeps its own results, and neither touches the other's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from damage import put_back
from subjects import SUBJECTS, Report, answer, files

from hashcache import Cache, entry


@contextmanager
def version(number: int) -> Iterator[None]:
    """Be another version of the package."""
    mine = entry.VERSION
    entry.VERSION = number
    try:
        yield
    finally:
        entry.VERSION = mine


def results(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in files(place / "v1")}


def side_by_side(place: Path) -> Report:
    """Let a lower, this and a higher version use one store, and meet entries of each other by name too."""
    tried, wrong = 0, []
    for subject in SUBJECTS:
        here = place / subject.name
        for number in (entry.VERSION, entry.VERSION + 1, 0, entry.VERSION):
            with version(number):
                before = results(here)
                cached = subject.cached(Cache(here))
                for _ in range(2):
                    got = answer(lambda cached=cached, subject=subject: subject.ask(cached, 3))
                    tried += 1
                    if got.value != subject.right(3) or got.warned:
                        wrong.append(f"{subject.name}, version {number}: {got}")
                if not cached.stats()["hits"]:
                    wrong.append(f"{subject.name}, version {number}: {cached.stats()}")
                after = results(here)
                wrong += [f"{path} was touched" for path in before if after.get(path) != before[path]]
                list(cached.entries()), str(cached.explain(subject.argument(4)))
        wrong += _by_name(place / "by name", subject)
        tried += 2
        shutil.rmtree(here)
    return Report(tried, wrong)


def _by_name(place: Path, subject: object) -> list[str]:
    """Put an entry of another version in the place of one of this: it is a miss, and stays."""
    from subjects import Subject

    assert isinstance(subject, Subject)
    wrong = []
    for number in (0, entry.VERSION + 1):
        shutil.rmtree(place, ignore_errors=True)
        cached = subject.cached(Cache(place))
        subject.ask(cached, 3)
        (path,) = (path for path in files(place / "v1") if path.parent.name != "f-")
        key = bytes.fromhex(path.parent.name + path.name)
        codec, payload, *_ = entry.unpack(path.read_bytes(), key)
        with version(number):
            foreign = b"".join(entry.pack(key, codec, payload, {}))
        put_back(path, foreign)
        again = subject.cached(Cache(place))
        got = [answer(lambda again=again: subject.ask(again, 3)) for _ in range(2)]
        if any(one.value != subject.right(3) or one.warned for one in got) or again.stats()["hits"]:
            wrong.append(f"{subject.name}, an entry of version {number}: {got} {again.stats()}")
        if path.read_bytes() != foreign:
            wrong.append(f"{subject.name}, an entry of version {number} was touched")
    shutil.rmtree(place)
    return wrong
