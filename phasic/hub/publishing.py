"""Publish: an artefact and its entry, into a registry that others read."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from typing import Any, NamedTuple

from phasic.arrays import GraphArrays
from phasic.hub import git, registry
from phasic.hub.artefact import LARGEST
from phasic.hub.entry import INDEX, LARGEST_INDEX, MOST_SIGNATURES, Entry, read_index, write_index
from phasic.hub.errors import HubError
from phasic.hub.keys import SigningKey
from phasic.hub.plan import artefact_of
from phasic.hub.signatures import sign, statement
from phasic.hub.transport import BUILTIN, WritablePlace, place_of


class Prepared(NamedTuple):
    """An entry, and the bytes of its artefact."""

    entry: Entry
    data: bytes


def prepare(
    arrays: GraphArrays,
    compute_id: str,
    *,
    param_length: int,
    author: str | None = None,
    key: SigningKey | None = None,
    **metadata: Any,
) -> Prepared:
    """Return what would be published of a graph, signed if there is a key; nothing is written.

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
    entry = Entry.of(compute_id, entry.content())  # which reads it as strictly as others do
    return Prepared(entry if key is None else sign(entry, key), data)


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
            joined = _joined(entries, entry, at)
            if joined == entries.get(entry.compute_id):
                return
            there = place.read(entry.path, LARGEST)
            if there is None:
                place.write(entry.path, data, replace=False)
            elif there != data:
                raise HubError(f"{at} has another artefact of this graph, {entry.path}; it is not replaced")
            _write_index(place, {**entries, entry.compute_id: joined}, at)
    except OSError as error:
        raise HubError(f"{at} cannot be written to: {error}") from error


def countersign(place: WritablePlace, compute_id: str, key: SigningKey) -> Entry:
    """Record an elimination anew, and add a signature to its entry if it is the same; return the entry.

    Raises
    ------
    HubError
        There is no such entry, it is another elimination than recording gives, or it cannot be written.
    """
    from phasic.hub.checking import check_recorded

    at = f"the registry at {place.address}"
    try:
        with place.locked():
            entries, complaints = read_index(place.read(INDEX, LARGEST_INDEX) or b"")
            if complaints:
                raise HubError(f"{at} has entries that cannot be read: {complaints[0]}")
            if compute_id not in entries:
                raise HubError(f"{at} has no entry {compute_id!r}")
            artefact, _ = registry.Registry(place).fetch(entries[compute_id])
            check_recorded(artefact)
            signed = sign(entries[compute_id], key)
            if signed != entries[compute_id]:
                _write_index(place, {**entries, compute_id: signed}, at)
            return signed
    except OSError as error:
        raise HubError(f"{at} cannot be written to: {error}") from error


def _write_index(place: WritablePlace, entries: dict[str, Entry], at: str) -> None:
    written = write_index(entries.values())
    if len(written) > LARGEST_INDEX:
        raise HubError(f"{at} is full: its index has at most {LARGEST_INDEX} bytes")
    place.write(INDEX, written)


def _joined(entries: dict[str, Entry], entry: Entry, at: str) -> Entry:
    """Return an entry with the signatures that it has in a registry; raise where something else is there."""
    there = entries.get(entry.compute_id)
    if there is not None and statement(there) != statement(entry):
        raise HubError(f"{at} has another entry {entry.compute_id!r}; it is not replaced. Choose another id")
    same = next((e for e in entries.values() if e.graph_hash == entry.graph_hash), entry)
    if same.compute_id != entry.compute_id:
        raise HubError(f"{at} has this graph already, as {same.compute_id!r}")
    if there is None:
        return entry
    if set(there.signatures) >= set(entry.signatures):
        return there
    new = {one.key for one in entry.signatures}
    joined = (*(one for one in there.signatures if one.key not in new), *entry.signatures)
    if len(joined) > MOST_SIGNATURES:
        raise HubError(f"{at} has {entry.compute_id!r} with as many signatures as are read")
    return replace(there, signatures=joined)


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
