"""Entry: what a registry says of one artefact, and the strict reading of ``registry.json``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from phasic.hub.artefact import LARGEST
from phasic.hub.errors import HubError

INDEX = "registry.json"
LARGEST_INDEX = 1 << 24  # bytes
SCHEMA = 1
REVISION = 3
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_HASH = re.compile("[0-9a-f]{64}")
_KEY = re.compile("ed25519:[0-9a-f]{64}")
_SIGNATURE = re.compile("[0-9a-f]{128}")
MOST_SIGNATURES = 10
# Revision 2 has no list of artefacts of single components, and that of revision 3 is empty so far.
_ARTEFACTS = {2: {"parent"}, 3: {"parent", "scc"}}
_LONGEST = {"description": 2000, "author": 300, "license": 100, "domain": 100, "model_type": 100}
_NEEDED = {"description", "author", "license", "vertices", "param_length"}
_KNOWN = _NEEDED | {"domain", "model_type", "tags"}
_MOST_TAGS = 50


class EntryError(HubError, ValueError):
    """An entry of a registry is not as it has to be."""


class Signature(NamedTuple):
    """That whoever has a key has signed an entry; whether it is true, `phasic.hub.signatures` tells.

    Attributes
    ----------
    key : str
        Public key, ``ed25519:`` and 64 digits.
    signature : str
        128 digits.
    """

    key: str
    signature: str


@dataclass(frozen=True)
class Entry:
    """One artefact as a registry lists it.

    Attributes
    ----------
    compute_id : str
        Its name: letters, digits, ``_``, ``-`` and ``.``.
    graph_hash : str
    sha256 : str
        Of the bytes of the artefact.
    size_bytes : int
    metadata : dict
        ``description``, ``author``, ``license``, ``vertices``, ``param_length``, and if they were given
        ``domain``, ``model_type`` and ``tags``.
    format_revision : int
    signatures : tuple of Signature
        Claims of publishers; most entries have none.
    """

    compute_id: str
    graph_hash: str
    sha256: str
    size_bytes: int
    metadata: Mapping[str, Any]
    format_revision: int = REVISION
    signatures: tuple[Signature, ...] = ()

    @property
    def path(self) -> str:
        """Where the artefact lies below the registry; it follows from the hash, and nothing else can."""
        return artefact_path(self.graph_hash)

    @classmethod
    def of(cls, compute_id: str, content: object) -> Entry:
        """Return the entry that JSON describes: ``Entry.of(e.compute_id, e.content()) == e``.

        Raises
        ------
        EntryError
            Something is missing, unknown, of another type or too long.
        """
        _require(
            bool(_ID.fullmatch(compute_id)), f"an id is up to 100 letters, digits, _ - . not {compute_id!r}"
        )
        needed = {"graph_hash", "format_revision", "artifacts", "metadata"}
        entry = _fields(content, "the entry", needed, needed | {"signatures"})
        revision, graph_hash = entry["format_revision"], entry["graph_hash"]
        _require(
            type(revision) is int and revision in _ARTEFACTS,
            f"format_revision is {revision!r}, and {sorted(_ARTEFACTS)} are read; upgrade to read it",
        )
        _require(_is_hash(graph_hash), "graph_hash is not 64 hexadecimal digits")
        artefacts = _fields(entry["artifacts"], "artifacts", _ARTEFACTS[revision])
        _require(artefacts.get("scc", []) == [], "scc is not an empty list")
        parent = _fields(artefacts["parent"], "parent", {"cid_or_path", "sha256", "size_bytes"})
        _require(parent["cid_or_path"] == artefact_path(graph_hash), "cid_or_path is not artifacts/HASH.bin")
        _require(_is_hash(parent["sha256"]), "sha256 is not 64 hexadecimal digits")
        size = parent["size_bytes"]
        _require(type(size) is int and 0 < size <= LARGEST, f"size_bytes is not from 1 to {LARGEST}")
        metadata = _metadata(entry["metadata"])
        signatures = _signatures(entry["signatures"]) if "signatures" in entry else ()
        return cls(compute_id, graph_hash, parent["sha256"], size, metadata, revision, signatures)

    def is_of(self, data: bytes) -> bool:
        """Return whether these bytes are the artefact, by their number and their SHA-256."""
        return len(data) == self.size_bytes and hashlib.sha256(data).hexdigest() == self.sha256

    def content(self) -> dict[str, Any]:
        """Return the entry as a registry holds it."""
        parent = {"cid_or_path": self.path, "sha256": self.sha256, "size_bytes": self.size_bytes}
        scc: dict[str, Any] = {"scc": []} if "scc" in _ARTEFACTS[self.format_revision] else {}
        return {
            "graph_hash": self.graph_hash,
            "format_revision": self.format_revision,
            "artifacts": {"parent": parent, **scc},
            "metadata": dict(self.metadata),
            **({"signatures": [one._asdict() for one in self.signatures]} if self.signatures else {}),
        }

    def to_json(self) -> str:
        """Return ``{id: entry}`` as indented JSON."""
        return json.dumps({self.compute_id: self.content()}, indent=2, ensure_ascii=False)

    def described(self) -> dict[str, Any]:
        """Return everything that is known of the artefact as one flat dict."""
        known = {
            "compute_id": self.compute_id,
            "graph_hash": self.graph_hash,
            "format_revision": self.format_revision,
            "size_bytes": self.size_bytes,
        }
        return {**known, **self.metadata}


def artefact_path(graph_hash: str) -> str:
    """Return where in a registry the artefact of a graph lies."""
    return f"artifacts/{graph_hash}.bin"


def read_index(data: bytes) -> tuple[dict[str, Entry], list[str]]:
    """Return the entries of a ``registry.json``, by id in its order, and what is wrong with the others.

    Raises
    ------
    EntryError
        It is no JSON, or of another schema: none of its entries can be read.
    """
    try:
        index = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except EntryError:
        raise
    except (ValueError, RecursionError) as error:
        raise EntryError(f"{INDEX} is no JSON: {error}") from None
    fields = _fields(index, INDEX, {"schema", "computes"})
    _require(fields["schema"] == SCHEMA, f"{INDEX} has schema {fields['schema']!r}, and {SCHEMA} is read")
    _require(type(fields["computes"]) is dict, "computes is no object")
    entries: dict[str, Entry] = {}
    complaints = []
    for compute_id, content in fields["computes"].items():
        try:
            entries[compute_id] = Entry.of(compute_id, content)
        except EntryError as error:
            complaints.append(f"{compute_id[:100]!r}: {error}")
    return entries, complaints


def write_index(entries: Iterable[Entry]) -> bytes:
    """Return a ``registry.json`` with these entries: ``read_index`` gives them back."""
    computes = {entry.compute_id: entry.content() for entry in entries}
    text = json.dumps({"schema": SCHEMA, "computes": computes}, indent=2, ensure_ascii=False)
    return text.encode() + b"\n"


def _metadata(content: object) -> dict[str, Any]:
    metadata = _fields(content, "metadata", _NEEDED, _KNOWN)
    for name, longest in _LONGEST.items():
        value = metadata.get(name, "")
        _require(
            isinstance(value, str) and value.isprintable() and len(value) <= longest,
            f"{name} is no line of up to {longest} printable characters",
        )
    _require(metadata["description"].strip() != "", "description is empty")
    for name in ("vertices", "param_length"):
        _require(type(metadata[name]) is int and 0 <= metadata[name] < 2**31, f"{name} is no number")
    tags = metadata.get("tags", [])
    _require(
        type(tags) is list
        and len(tags) <= _MOST_TAGS
        and all(isinstance(tag, str) and tag.isprintable() and 0 < len(tag) <= 100 for tag in tags),
        f"tags is no list of up to {_MOST_TAGS} words",
    )
    return metadata


def _signatures(content: object) -> tuple[Signature, ...]:
    _require(
        isinstance(content, list) and 0 < len(content) <= MOST_SIGNATURES,
        f"signatures is no list of up to {MOST_SIGNATURES}",
    )
    assert isinstance(content, list)
    found = []
    for one in content:
        fields = _fields(one, "a signature", {"key", "signature"})
        key, signature = fields["key"], fields["signature"]
        _require(isinstance(key, str) and bool(_KEY.fullmatch(key)), "a key is not ed25519: and 64 digits")
        _require(
            isinstance(signature, str) and bool(_SIGNATURE.fullmatch(signature)),
            "a signature is not 128 hexadecimal digits",
        )
        found.append(Signature(key, signature))
    _require(len({one.key for one in found}) == len(found), "it is signed by one key twice")
    return tuple(found)


def _fields(content: object, what: str, needed: set[str], known: set[str] | None = None) -> dict[str, Any]:
    _require(type(content) is dict, f"{what} is no object")
    assert isinstance(content, dict)
    names = set(content)
    _require(needed <= names, f"{what} lacks {', '.join(sorted(needed - names))}")
    unknown = sorted(str(name)[:100] for name in names - (known or needed))
    _require(not unknown, f"{what} has unknown fields: {', '.join(unknown)}")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    _require(len(found) == len(pairs), f"{INDEX} has an object with one name twice")
    return found


def _no_constant(name: str) -> Any:
    raise EntryError(f"{INDEX} has {name}, which is no JSON")


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(_HASH.fullmatch(value))


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise EntryError(complaint)
