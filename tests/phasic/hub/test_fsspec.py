"""Registries at whatever fsspec opens."""

from __future__ import annotations

import pytest
from registries import islands

import phasic
from phasic import HubWarning, list_computes
from phasic.hub.errors import UnreachableError
from phasic.hub.transport import place_of

fsspec = pytest.importorskip("fsspec")


def test_what_fsspec_opens_is_a_registry(folder):
    memory = fsspec.filesystem("memory")
    memory.put(str(folder) + "/", "/hub/", recursive=True)
    try:
        with phasic.configure(registry="memory://hub"):
            assert [found["compute_id"] for found in list_computes()] == ["islands"]
            assert islands().pull_cache()
    finally:
        memory.rm("/hub", recursive=True)


def test_a_file_of_fsspec_that_is_not_there_or_too_large_is_said():
    memory = fsspec.filesystem("memory")
    memory.pipe("/hub/file", bytes(10))
    try:
        place = place_of("memory://hub/")
        assert place.read("nothing", 10) is None
        assert place.read("file", 10) == bytes(10)
        with pytest.raises(UnreachableError, match="more than 9"):
            place.read("file", 9)
    finally:
        memory.rm("/hub", recursive=True)


def test_a_protocol_that_nothing_reads_is_passed_over():
    with phasic.configure(registry="nosuch://x"), pytest.warns(HubWarning, match="nosuch"):
        assert list_computes() == []
