"""Registries in directories and on servers that can be told what to do wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from registries import Web, islands, publish

import phasic
from phasic.hub import http, registry

AT_ONCE = http.Patience(silence=10.0, total=60.0, attempts=2, pause=0.0)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test hears its warnings, tries again at once and sees no registry of the user's."""
    monkeypatch.setattr(registry, "_said", set())
    monkeypatch.setattr(http, "PATIENT", AT_ONCE)
    monkeypatch.delenv("PHASIC_REGISTRY", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry in a directory, with one cyclic graph."""
    root = tmp_path / "registry"
    publish(islands(), root)
    return root


@pytest.fixture
def web(folder: Path) -> Iterator[Web]:
    """The registry `folder` on a server, configured."""
    served = Web(folder)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with phasic.configure(registry=served.address):
        yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()
