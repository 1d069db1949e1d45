"""Publish: an artefact and its entry, into a registry that others read."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import Any, NamedTuple

from phasic.arrays import GraphArrays
from phasic.hub import git, registry
from phasic.hub.artefact import LARGEST
from phasic.hub.entry import INDEX, LARGEST_INDEX, Entry, read_index, write_index
from phasic.hub.errors import HubError
from phasic.hub.plan import artefact_of
from phasic.hub.transport import BUILTIN, WritablePlace, place_of


class Prepared(NamedTuple):
    """An entry, and the bytes of its artefact."""

    entry: Entry
    data: bytes


def prepare(
    arrays: GraphArrays, compute_id: str, *, param_length: int, author: str | None = None, **metadata: Any
) -> Prepared:
    """Return what would be published of a graph; nothing is written.

    Raises
    ------
    EntryError
        The id or something of the metadata is not as it has to be.
    """
    content = {
        "description": metadata.pop("description"),
        "author": git_author() if author is None else author,
        "license": metadata.pop("license"),
        "vertices": arrays.n_vertices,
        "param_length": param_length,
        **{name: value for name, value in metadata.items() if value is not None},
    }
    artefact = artefact_of(arrays)
    data = artefact.to_bytes()
    entry = Entry(compute_id, artefact.graph_hash, hashlib.sha256(data).hexdigest(), len(data), content)
    return Prepared(Entry.of(compute_id, entry.content()), data)  # which reads it as strictly as others do


def publish(prepared: Prepared, address: str | os.PathLike[str] | None = None) -> str:
    """Write an artefact and its entry to a registry, by default the first that is configured.

    Returns what somebody has to look at for it to be done: a pull request, or a branch; else nothing.

    Raises
    ------
    HubError
        It cannot be written to, or has something else under this name.
    """
    chosen = os.fspath(registry.addresses()[0] if address is None else address)
    place = None if chosen == BUILTIN else place_of(chosen)
    if isinstance(place, git.Clone):
        return git.publish(chosen, prepared)
    if not isinstance(place, WritablePlace):
        raise HubError(
            f"nothing can be published at {chosen!r}; pass registry= with the path of a directory, the "
            f"address of a git repository or a URL that fsspec writes to, or name one first in "
            f"phasic.configure(registry=...)"
        )
    publish_to(place, prepared)
    return ""


def publish_to(place: WritablePlace, prepared: Prepared) -> None:
    """Add an artefact and its entry to a registry, which is begun if there is none yet.

    The artefact is written first and the index last: killed in between, an artefact lies there that
    nobody is told of, and publishing again finishes it.

    Raises
    ------
    HubError
        It cannot be written, or has something else under this id, of this graph, or in this file.
    """
    entry, data = prepared
    at = f"the registry at {place.address}"
    try:
        with place.locked():
            index = place.read(INDEX, LARGEST_INDEX)
            entries, complaints = ({}, []) if index is None else read_index(index)
            if complaints:  # which writing the index anew would drop
                raise HubError(f"{at} has entries that cannot be read: {complaints[0]}")
            if _is_there(entries, entry, at):
                return
            there = place.read(entry.path, LARGEST)
            if there is None:
                place.write(entry.path, data, replace=False)
            elif there != data:
                raise HubError(f"{at} has another artefact of this graph, {entry.path}; it is not replaced")
            written = write_index([*entries.values(), entry])
            if len(written) > LARGEST_INDEX:
                raise HubError(f"{at} is full: its index has at most {LARGEST_INDEX} bytes")
            place.write(INDEX, written)
    except OSError as error:
        raise HubError(f"{at} cannot be written to: {error}") from error


def _is_there(entries: dict[str, Entry], entry: Entry, at: str) -> bool:
    """Whether exactly this is published; raise where something else is in its place."""
    there = entries.get(entry.compute_id)
    if there is not None and there.content() != entry.content():
        raise HubError(f"{at} has another entry {entry.compute_id!r}; it is not replaced. Choose another id")
    same = next((e for e in entries.values() if e.graph_hash == entry.graph_hash), entry)
    if same.compute_id != entry.compute_id:
        raise HubError(f"{at} has this graph already, as {same.compute_id!r}")
    return there is not None


def git_author() -> str:
    """Return ``name <address>`` as git is configured, or as much of it as is, or ``unknown``."""
    name, address = _git_setting("user.name"), _git_setting("user.email")
    return " ".join(part for part in (name, f"<{address}>" if address else "") if part) or "unknown"


def _git_setting(name: str) -> str:
    try:
        done = subprocess.run(
            ["git", "config", "--get", name], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
