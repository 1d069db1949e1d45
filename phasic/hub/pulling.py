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
from phasic.hub.keys import is_required
from phasic.hub.plan import Plan, completed, plan_of
from phasic.order import ORDER_VERSION

_log = logging.getLogger(__name__)


def pull(arrays: GraphArrays, force: bool = False, recompute: bool = False) -> Plan | None:
    """Return the plan of a graph that somebody published, None if nobody did or none can be had.

    What was pulled before is taken from this machine unless `force`. Whatever is wrong with a registry
    or an artefact is warned of once, and the next registry is asked. With `recompute`, an elimination
    that is another than recording gives is wrong.
    """
    graph_hash = compute_graph_hash(arrays).hash_hex
    plan = None if force or is_required() else _kept_plan(graph_hash, arrays, recompute)
    if plan is not None:
        return plan
    for source in registry.readable():
        entry = source.find(graph_hash)
        if entry is None:
            continue
        try:
            artefact, data = source.fetch(entry, _own_folder(), None if force else _kept(graph_hash))
            plan = _plan(artefact, arrays, recompute)
        except HubError as error:
            registry.pass_over(source.place.address, error)
            continue
        _keep(graph_hash, data)
        return plan
    return None


def install(compute_id: str, recompute: bool = False) -> str:
    """Keep the artefact with an id on this machine, for graphs to come; return in one line what was done.

    Raises
    ------
    HubError
        There is none, it is not what it has to be, or it cannot be kept. Then nothing is.
    """
    from phasic import layers
    from phasic.hub.checking import check_recorded

    source, entry = registry.find_compute(compute_id)
    artefact, data = source.fetch(entry, _own_folder(), _kept(entry.graph_hash))
    if recompute:
        check_recorded(artefact)
    trace = completed(artefact.offsets, artefact.targets, artefact.order, artefact.bounds)
    try:
        _write(entry.graph_hash, data)
    except OSError as error:
        raise HubError(f"{compute_id} cannot be kept: {error}") from error
    if artefact.order_version == ORDER_VERSION:
        layers.keep_trace(trace)
    checked = ", and is what recording it here gives" if recompute else ""
    return f"{compute_id} of {source.place.address}: {len(data)} bytes are kept{checked}"


def _plan(artefact: Artefact, arrays: GraphArrays, recompute: bool) -> Plan:
    plan = plan_of(artefact, arrays)
    if recompute:
        from phasic.hub.checking import check_recorded

        check_recorded(artefact)
    return plan


def _kept_plan(graph_hash: str, arrays: GraphArrays, recompute: bool) -> Plan | None:
    data = _kept(graph_hash)
    try:
        # Whoever wrote it, and whatever became of it since: an artefact cannot make an answer wrong.
        return None if data is None else _plan(Artefact.from_bytes(data), arrays, recompute)
    except HubError as error:
        _log.warning("%s is of no use and is fetched again: %s", kept_path(graph_hash), error)
        return None


def _kept(graph_hash: str) -> bytes | None:
    path = kept_path(graph_hash)
    try:
        return Directory(path.parent).read(path.name, LARGEST)
    except HubError as error:
        _log.warning("what was pulled cannot be read: %s", error)
        return None


def _keep(graph_hash: str, data: bytes) -> None:
    try:
        _write(graph_hash, data)
    except OSError as error:  # the plan is there all the same
        _log.warning("what was pulled cannot be kept: %s", error)


def _write(graph_hash: str, data: bytes) -> None:
    path = kept_path(graph_hash)
    make_private(path.parent)
    sweep(path.parent)
    write_whole(path, data, 0o600, durable=False)  # a lost one is fetched again


def _own_folder() -> Path | None:
    """Return the directory of what is pulled, None if it cannot be made."""
    folder = _param_compute_cache_dir()
    try:
        make_private(folder)
    except OSError:
        return None
    return folder


def make_private(folder: Path) -> None:
    """Make the directory of what is pulled, below that of all results."""
    for made in (folder.parent, folder):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)


def kept_path(graph_hash: str) -> Path:
    """Return where the artefact of a graph is kept on this machine."""
    return _param_compute_cache_dir() / f"{graph_hash}.bin"
