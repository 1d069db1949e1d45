"""Entries that this version wrote once are read by every later one, or are a miss."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashcache import entry
from hashcache.errors import UnknownFormatError

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "entries"
STORED = sorted(FIXTURES.glob("v*/*"))


def making() -> Any:
    loaded = importlib.util.spec_from_file_location("making_entries", FIXTURES / "make.py")
    assert loaded is not None
    assert loaded.loader is not None
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    return module


MAKING = making()
BY_NAME = {kind.__name__: kind for kind in MAKING.KINDS}


def seen(value: Any) -> Any:
    """What two values have in common that are equal in type and content."""
    if isinstance(value, np.ma.MaskedArray):
        return "masked", value.dtype, value.tolist()
    if isinstance(value, np.ndarray):
        return "array", value.dtype, value.shape, value.flags.c_contiguous, value.tobytes()
    if isinstance(value, (list, tuple)):
        return type(value), [seen(part) for part in value]
    if isinstance(value, dict):
        return dict, [(seen(key), seen(part)) for key, part in value.items()]
    return (type(value), value.args) if isinstance(value, Exception) else (type(value), value)


def test_there_is_an_entry_of_each_kind() -> None:
    folder = FIXTURES / f"v{entry.VERSION}"
    assert {path.name for path in folder.iterdir()} == set(BY_NAME)


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_stored_entry_is_read_or_is_of_another_version(path: Path) -> None:
    try:
        value = MAKING.read(path.read_bytes(), path.name)
    except UnknownFormatError:
        assert path.parent.name != f"v{entry.VERSION}"
    else:
        assert seen(value) == seen(MAKING.run(BY_NAME[path.name]))
        assert entry.peek(path.read_bytes())["function"] == path.name
