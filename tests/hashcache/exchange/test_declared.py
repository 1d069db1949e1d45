"""Codecs of installed packages are known as soon as a result needs them, and nothing is imported before."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hashcache.exchange import declared

ROOT = Path(__file__).resolve().parents[3]
BOXES = """
from hashcache import ConvertingCodec, Layer

print("boxes are imported")

class Box:
    def __init__(self, content):
        self.content = content

CODEC = ConvertingCodec("boxes-1", Box, lambda box: [box.content], lambda found: Box(*found))
LAYER = Layer("box", codec=CODEC)
packed = LAYER.wrap(Box)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a package that declares a codec, and one that cannot be imported."""
    folder = tmp_path / "site"
    (folder / "boxes-1.0.dist-info").mkdir(parents=True)
    about = folder / "boxes-1.0.dist-info"
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: boxes\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hashcache.codecs]\nboxes-1 = boxes\n")
    (folder / "boxes.py").write_text(BOXES)
    return folder


@pytest.fixture
def run(python: Any, site: Path) -> Any:
    return lambda *words: python(*words, PYTHONPATH=os.pathsep.join([str(ROOT), str(site)]))


def test_archives_travel_without_a_word_of_their_codecs(run: Any, tmp_path: Path) -> None:
    run("import boxes; boxes.packed(3)")
    archive = str(tmp_path / "boxes.tar")
    assert "exported 1 result" in run(None, "-m", "hashcache", "export", "-o", archive)
    where = ("--location", str(tmp_path / "other"))
    assert "imported 1 result" in run(None, "-m", "hashcache", "import", *where, archive)
    found = "import boxes, sys, hashcache; hashcache.hashcache.location = sys.argv[1]\n"
    assert run(found + "print(boxes.packed(3).content, boxes.packed.stats())", where[1]).endswith(
        "3 {'hits': 1, 'misses': 0}\n"
    )


def test_what_an_import_prints_is_no_part_of_an_archive(run: Any, tmp_path: Path) -> None:
    run("import boxes; boxes.packed(3)")
    whole = "import io, hashcache; data = io.BytesIO(); hashcache.hashcache.export_entries(data)\n"
    assert run(whole + "print(len(data.getvalue()) > 0)") == "True\n"


def test_what_cannot_be_imported_stays_and_says_why(run: Any, site: Path, tmp_path: Path) -> None:
    run("import boxes; boxes.packed(3)")
    (site / "boxes.py").write_text("import nothing_of_this_name\n")
    code = (
        "import io, hashcache\n"
        "for left in hashcache.hashcache.export_entries(io.BytesIO()).refused: print(left.reason)"
    )
    assert run(code).startswith(
        "nothing here knows the codec 'boxes-1'; boxes, which knows it, cannot be imported: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'"
    )


def test_nothing_is_looked_for_where_all_codecs_are_known(run: Any) -> None:
    code = """
import io, sys, hashcache
double = hashcache.hashcache(lambda x: 2 * x)
double(4)
assert hashcache.hashcache.export_entries(io.BytesIO()).keys
print("boxes" in sys.modules)
"""
    assert run(code) == "False\n"


def test_phasic_declares_the_codecs_that_it_has() -> None:
    from phasic import layers

    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][declared.GROUP]
    found = {layer.form.codecs[0].name for layer in (layers.GRAPHS, layers.TRACES, layers.CALLBACKS)}
    assert set(told) == found
    assert set(told.values()) == {"phasic.layers"}
