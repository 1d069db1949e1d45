"""Pull: the plan of a graph from this machine or a registry, checked before anything is kept of it."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path

from phasic.arrays import GraphArrays, Integers
from phasic.compute_repository import _param_compute_cache_dir
from phasic.hash import canonical_order, hash_in_order
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
    sought = _Sought(arrays, recompute)
    plan = None if force or is_required() else sought.kept_plan()
    if plan is not None:
        return plan
    for source in registry.readable():
        if not source.may_have(arrays.n_vertices):
            continue
        entry = source.find(sought.graph_hash)
        if entry is None:
            continue
        try:
            artefact, data = source.fetch(entry, _own_folder(), None if force else _kept(entry.graph_hash))
            plan = sought.plan(artefact)
        except HubError as error:
            registry.pass_over(source.place.address, error)
            continue
        _keep(entry.graph_hash, data)
        return plan
    return None


class _Sought:
    """A graph whose plan is sought: what takes as long as recording it is done only once, and if at all."""

    def __init__(self, arrays: GraphArrays, is_recomputed: bool) -> None:
        self.arrays = arrays
        self.is_recomputed = is_recomputed

    @cached_property
    def canonical(self) -> Integers:
        return canonical_order(self.arrays)

    @cached_property
    def graph_hash(self) -> str:
        return hash_in_order(self.arrays, self.canonical).hash_hex

    def plan(self, artefact: Artefact) -> Plan:
        """Return the plan of this graph out of an artefact; ArtefactError if it is not of it."""
        plan = plan_of(artefact, self.arrays, self.canonical)
        if self.is_recomputed:
            from phasic.hub.checking import check_recorded

            check_recorded(artefact)
        return plan

    def kept_plan(self) -> Plan | None:
        """Return the plan out of what was pulled before."""
        if next(_param_compute_cache_dir().glob("*.bin"), None) is None:
            return None
        data = _kept(self.graph_hash)
        try:
            # Whoever wrote it, and whatever became of it since: an artefact cannot make an answer wrong.
            return None if data is None else self.plan(Artefact.from_bytes(data))
        except HubError as error:
            _log.warning("%s is of no use and is fetched again: %s", kept_path(self.graph_hash), error)
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
