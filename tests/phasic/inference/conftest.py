"""Fits as arguments and results of cached functions, where phasic is an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

import phasic
from hashcache import distributions


@pytest.fixture
def as_installed(monkeypatch):
    """Have the code of phasic known by its version, as where it was installed, not linked to its source."""
    folder = str(Path(phasic.__file__).parent)
    known = distributions.origin_of_file

    def origin(filename):
        return f"phasic {phasic.__version__}" if filename.startswith(folder) else known(filename)

    monkeypatch.setattr(distributions, "origin_of_file", origin)
