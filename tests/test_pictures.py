"""The pictures that the page shows are those that its code draws."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
SHOWN = re.findall(r"!\[.+\]\(pictures/(.+\.png)\)", (DOCS / "pictures.md").read_text(encoding="utf-8"))


def size(picture: Path) -> tuple[int, int]:
    """Return width and height of a PNG in pixels."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_the_script_draws_every_picture_of_the_page(python, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "pictures"
    folder.mkdir()
    python(None, str(DOCS / "pictures" / "make.py"), str(folder))
    drawn = {path.name: size(path) for path in folder.iterdir()}
    assert set(drawn) == set(SHOWN)
    for name, pixels in drawn.items():
        assert size(DOCS / "pictures" / name) == pixels


def test_no_picture_is_left_over_or_large() -> None:
    kept = {path.name: path.stat().st_size for path in (DOCS / "pictures").glob("*.png")}
    assert set(kept) == set(SHOWN)
    assert max(kept.values()) < 60_000
