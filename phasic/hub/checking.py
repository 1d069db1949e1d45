"""Check what others publish: recompute an elimination, and look through a whole registry."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phasic.hash import compute_graph_hash
from phasic.hub import signatures
from phasic.hub.artefact import Artefact
from phasic.hub.directory import Directory
from phasic.hub.entry import INDEX, LARGEST_INDEX, Entry, artefact_path, read_index
from phasic.hub.errors import ArtefactError, HubError
from phasic.hub.plan import plan_of
from phasic.hub.registry import Registry, find_compute
from phasic.order import ORDER_VERSION

if TYPE_CHECKING:
    from phasic.graph import Graph


def verify(compute_id: str, graph: Graph | None = None) -> str:
    """Record the elimination of an artefact anew and compare; return what was found, in one line.

    The graph is that in the artefact. Whether it is that of somebody's model, `graph` tells; without it,
    `Graph.pull_cache` checks that whenever the artefact is used.

    Raises
    ------
    HubError
        There is no such artefact, or it is another than recording gives, or of another graph.
    """
    registry, entry = find_compute(compute_id)
    artefact, _ = registry.fetch(entry)
    check_recorded(artefact)
    of_model = ""
    if graph is not None:
        if compute_graph_hash(graph).hash_hex != entry.graph_hash:
            raise ArtefactError("it is the elimination of another graph than that of the model")
        plan_of(artefact, graph.arrays)
        of_model = " of the model's graph"
    n, t = artefact.degrees.size, artefact.order.size
    return (
        f"{compute_id} of {registry.place.address}: the elimination of {t} of {n} vertices{of_model} is what "
        f"recording it here gives; {signatures.described(entry)}"
    )


def check_recorded(artefact: Artefact) -> None:
    """Raise ArtefactError unless recording the graph of an artefact gives its order."""
    from phasic.elimination import record

    if artefact.order_version != ORDER_VERSION:
        raise ArtefactError(
            f"it was recorded by version {artefact.order_version} of the order, and this is version "
            f"{ORDER_VERSION}: it can be used, but not compared"
        )
    trace = record(artefact.offsets, artefact.targets)
    if not (np.array_equal(trace.order, artefact.order) and np.array_equal(trace.bounds, artefact.bounds)):
        raise ArtefactError("its order of elimination is another than recording gives")


def check(root: Path, most_vertices: int = 10_000, sample: int | None = None) -> list[str]:
    """Return everything that is wrong with the registry in a directory, a line each.

    Looked at are the schema, the SHA-256 and content of every artefact, every signature, graphs that are
    published twice, files that no entry names, and of artefacts with up to `most_vertices` vertices, all or
    as many as `sample` says, whether recording their graph gives the same.

    Raises
    ------
    HubError
        There is no registry that can be read.
    """
    place = Directory(root)
    registry = Registry(place)
    entries = registry.entries
    _, found = read_index(place.read(INDEX, LARGEST_INDEX) or b"")
    small = [e.compute_id for e in entries.values() if e.metadata["vertices"] <= most_vertices]
    again = set(small if sample is None else random.sample(small, min(max(sample, 0), len(small))))
    names: dict[str, str] = {}
    for entry in entries.values():
        before = names.setdefault(entry.graph_hash, entry.compute_id)
        if before != entry.compute_id:
            found.append(f"{entry.compute_id!r}: its graph is published as {before!r} already")
        try:
            _check_entry(registry, entry, entry.compute_id in again)
        except HubError as error:
            found.append(f"{entry.compute_id!r}: {error}")
    wanted = {artefact_path(graph_hash) for graph_hash in names}
    for path in sorted((root / "artifacts").glob("*")):
        if f"artifacts/{path.name}" not in wanted:
            found.append(f"artifacts/{path.name}: no entry names it")
    return found


def _check_entry(registry: Registry, entry: Entry, is_recorded: bool) -> None:
    signatures.require(entry)
    signatures.signers(entry)  # which tells that it cannot tell, where `cryptography` is missing
    artefact, _ = registry.fetch(entry)
    if artefact.degrees.size != entry.metadata["vertices"]:
        raise ArtefactError(f"it has {artefact.degrees.size} vertices, and its entry says otherwise")
    if is_recorded:
        check_recorded(artefact)
