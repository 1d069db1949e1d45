"""What an archive costs beside what it cannot cost less than: reading, hashing and writing its bytes once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from hashcache import Cache

pytestmark = pytest.mark.bench


def large(number: int) -> Any:
    return np.arange(6_250_000) / (number + 1)


def small(number: int) -> Any:
    return 2 * number


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def test_archives_beside_one_pass_over_their_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{'':<22}{'MB':>8}{'floor':>9}{'export':>9}{'import':>9}{'again':>9}{'each':>10}"]
    for name, function, count in (("4 arrays of 50 MB", large, 4), ("2000 numbers", small, 2000)):
        here = Cache(tmp_path / name / "here")
        for number in range(count):
            here(function)(number)
        archive = tmp_path / name / "results.tar"

        def floor(archive: Path = archive) -> None:
            data = archive.read_bytes()
            hashlib.sha256(data)
            archive.with_suffix(".copy").write_bytes(data)

        rounds = []
        for number in range(3):
            there = Cache(tmp_path / name / f"there {number}")
            export = seconds(lambda here=here, archive=archive: here.export_entries(archive))
            took = [
                seconds(lambda there=there, archive=archive: there.import_entries(archive)) for _ in range(2)
            ]
            rounds.append((seconds(floor), export, *took))
        least, *others = (median(row) for row in zip(*rounds, strict=True))
        size = archive.stat().st_size / 1e6
        ratios = "".join(f"{each / least:>8.1f}x" for each in others)
        each = f"{others[1] / count * 1e6:>7.0f} us"
        lines.append(f"{name:<22}{size:>8.1f}{least:>8.3f}s{ratios}{each:>10}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201
