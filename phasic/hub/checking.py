"""Check what others publish: recompute an elimination, and look through a whole registry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from phasic.hub.artefact import Artefact
from phasic.hub.directory import Directory
from phasic.hub.entry import INDEX, LARGEST_INDEX, artefact_path, read_index
from phasic.hub.errors import ArtefactError, HubError
from phasic.hub.registry import Registry, find_compute
from phasic.order import ORDER_VERSION


def verify(compute_id: str) -> str:
    """Record the elimination of an artefact anew and compare; return what was found, in one line.

    The graph is that in the artefact. That it is the graph of somebody's callback, `Graph.pull_cache`
    checks whenever it is used.

    Raises
    ------
    HubError
        There is no such artefact, or it is another than recording gives.
    """
    registry, entry = find_compute(compute_id)
    artefact, _ = registry.fetch(entry)
    check_recorded(artefact)
    n, t = artefact.degrees.size, artefact.order.size
    return (
        f"{compute_id} of {registry.place.address}: the elimination of {t} of {n} vertices is what "
        f"recording it here gives"
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


def check(root: Path, most_vertices: int = 10_000) -> list[str]:
    """Return everything that is wrong with the registry in a directory, a line each.

    Looked at are the schema, the SHA-256 and content of every artefact, graphs that are published twice,
    files that no entry names, and of artefacts with up to `most_vertices` vertices whether recording
    their graph gives the same.

    Raises
    ------
    HubError
        There is no registry that can be read.
    """
    registry = Registry(Directory(root, str(root)))
    entries = registry.entries
    _, found = read_index(Directory(root, str(root)).read(INDEX, LARGEST_INDEX) or b"")
    names: dict[str, str] = {}
    for entry in entries.values():
        before = names.setdefault(entry.graph_hash, entry.compute_id)
        if before != entry.compute_id:
            found.append(f"{entry.compute_id!r}: its graph is published as {before!r} already")
        try:
            artefact, _ = registry.fetch(entry)
            if artefact.degrees.size != entry.metadata["vertices"]:
                raise ArtefactError(f"it has {artefact.degrees.size} vertices, and its entry says otherwise")
            if artefact.degrees.size <= most_vertices:
                check_recorded(artefact)
        except HubError as error:
            found.append(f"{entry.compute_id!r}: {error}")
    wanted = {artefact_path(graph_hash) for graph_hash in names}
    for path in sorted((root / "artifacts").glob("*")):
        if f"artifacts/{path.name}" not in wanted:
            found.append(f"artifacts/{path.name}: no entry names it")
    return found
