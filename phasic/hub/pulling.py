"""Pull: the plan of a graph from this machine or a registry, checked before anything is kept of it."""

from __future__ import annotations

import logging
from pathlib import Path

from phasic.arrays import GraphArrays
from phasic.compute_repository import _param_compute_cache_dir
from phasic.hash import compute_graph_hash
from phasic.hub import registry
from phasic.hub.artefact import LARGEST, Artefact
from phasic.hub.directory import Directory
from phasic.hub.errors import HubError
from phasic.hub.files import sweep, write_whole
from phasic.hub.plan import Plan, plan_of

_log = logging.getLogger(__name__)


def pull(arrays: GraphArrays, force: bool = False) -> Plan | None:
    """Return the plan of a graph that somebody published, None if nobody did or none can be had.

    What was pulled before is taken from this machine unless `force`. Whatever is wrong with a registry
    or an artefact is warned of once, and the next registry is asked.
    """
    graph_hash = compute_graph_hash(arrays).hash_hex
    plan = None if force else _kept_plan(graph_hash, arrays)
    if plan is not None:
        return plan
    for source in registry.readable():
        entry = source.find(graph_hash)
        if entry is None:
            continue
        try:
            artefact, data = source.fetch(entry)
            plan = plan_of(artefact, arrays)
        except HubError as error:
            registry.pass_over(source.place.address, error)
            continue
        _keep(graph_hash, data)
        return plan
    return None


def _kept_plan(graph_hash: str, arrays: GraphArrays) -> Plan | None:
    path = kept_path(graph_hash)
    try:
        data = Directory(path.parent, str(path.parent)).read(path.name, LARGEST)
        # Whoever wrote it, and whatever became of it since: an artefact cannot make an answer wrong.
        return None if data is None else plan_of(Artefact.from_bytes(data), arrays)
    except HubError as error:
        _log.warning("%s is of no use and is fetched again: %s", path, error)
        return None


def _keep(graph_hash: str, data: bytes) -> None:
    path = kept_path(graph_hash)
    try:
        for folder in (path.parent.parent, path.parent):  # the first is that of all results, and private
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(path.parent)
        write_whole(path, data, 0o600, durable=False)  # a lost one is fetched again
    except OSError as error:  # the plan is there all the same
        _log.warning("what was pulled cannot be kept: %s", error)


def kept_path(graph_hash: str) -> Path:
    """Return where the artefact of a graph is kept on this machine."""
    return _param_compute_cache_dir() / f"{graph_hash}.bin"
