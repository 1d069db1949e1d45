"""Registries to read from, in the order in which they are asked."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from phasic import settings
from phasic.hub import keys, signatures
from phasic.hub.arriving import arriving
from phasic.hub.artefact import Artefact
from phasic.hub.entry import INDEX, LARGEST_INDEX, Entry, read_index
from phasic.hub.errors import ArtefactError, HubError, HubWarning, SignatureError, UnreachableError
from phasic.hub.transport import BUILTIN, Place, place_of

_log = logging.getLogger(__name__)
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_VARIABLE = "PHASIC_REGISTRY"
_said: set[tuple[str, str]] = set()  # what was warned of in this process


class Registry:
    """What is published at a place.

    Parameters
    ----------
    place : Place
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """All entries that can be read, by id; what is wrong with others is logged.

        Raises
        ------
        HubError
            There is no registry, or none of this schema.
        """
        data = self.place.read(INDEX, LARGEST_INDEX)
        if data is None:
            raise UnreachableError(f"there is no {INDEX} at {self.place.address}; it is no registry")
        entries, complaints = read_index(data)
        for complaint in complaints:
            _log.warning("an entry of %s is passed over: %s", self.place.address, complaint)
        return entries

    def may_have(self, n_vertices: int) -> bool:
        """Return whether any graph of this size is published; often that settles it."""
        return any(entry.metadata["vertices"] == n_vertices for entry in self.entries.values())

    def find(self, graph_hash: str) -> Entry | None:
        """Return the entry of a graph."""
        return next((entry for entry in self.entries.values() if entry.graph_hash == graph_hash), None)

    def fetch(
        self, entry: Entry, folder: Path | None = None, kept: bytes | None = None
    ) -> tuple[Artefact, bytes]:
        """Return the artefact of an entry, and its bytes, which were compared with the entry first.

        Parameters
        ----------
        entry : Entry
        folder : Path, optional
            Where what has arrived is kept if the rest does not come.
        kept : bytes, optional
            What was fetched before; if it is still what the entry says, nothing is fetched.

        Raises
        ------
        HubError
            It cannot be read, or is not what the entry says.
        """
        name = f"the artefact of {entry.compute_id} at {self.place.address}"
        if self.place.address != BUILTIN:  # which came with the code that would verify it
            signatures.require(entry)
        data = kept
        if kept is None or not entry.is_of(kept):
            with arriving(folder, entry.sha256, entry.size_bytes) as coming:
                data = self.place.read(entry.path, entry.size_bytes, coming)
                if data is not None and not entry.is_of(data) and coming.is_joined:
                    coming.restart()  # the parts are not of one whole
                    data = self.place.read(entry.path, entry.size_bytes, coming)
        if data is None:
            raise UnreachableError(f"{name} is not there")
        if not entry.is_of(data):
            raise ArtefactError(f"{name} is not the one that was published: its SHA-256 differs")
        artefact = Artefact.from_bytes(data)
        if artefact.graph_hash != entry.graph_hash:
            raise ArtefactError(f"{name} is that of another graph")
        return artefact, data


def addresses() -> tuple[str, ...]:
    """Return the addresses that were configured, else those of ``PHASIC_REGISTRY``, else ``builtin``.

    The variable holds one address or several, with commas between them.
    """
    configured = settings.get_config().registry
    if configured is not None:
        return configured
    named = [address.strip() for address in os.environ.get(_VARIABLE, "").split(",")]
    return tuple(address for address in named if address) or (BUILTIN,)


def readable(chosen: Sequence[str] | None = None) -> Iterator[Registry]:
    """Yield the registries whose index can be read; of each other warn once and pass it over."""
    for address in addresses() if chosen is None else chosen:
        try:
            registry = Registry(place_of(address))
            registry.entries  # noqa: B018  (read here, so that it can be passed over here)
        except HubError as error:
            pass_over(address, error)
        else:
            yield registry


def pass_over(address: str, error: HubError) -> None:
    """Warn at the line that called into this package, once for an address and a kind of error."""
    cause = (address, type(error).__name__)
    if cause in _said:
        return
    _said.add(cause)
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(f"the registry {address} is passed over: {error}", HubWarning, stacklevel=level)


def find_compute(compute_id: str) -> tuple[Registry, Entry]:
    """Return the first entry with an id, and its registry.

    Raises
    ------
    HubError
        There is none.
    """
    for registry in readable():
        if compute_id in registry.entries:
            return registry, registry.entries[compute_id]
    raise HubError(
        f"no registry has {compute_id!r}; asked were {', '.join(addresses())}. list_computes() lists them"
    )


def list_computes(
    domain: str | None = None, model_type: str | None = None, tags: str | Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return what is published, a dict for each artefact, in the order of the registries.

    Parameters
    ----------
    domain, model_type : str, optional
        Only artefacts that say the same.
    tags : str or list of str, optional
        Only artefacts that have all of these tags.

    Returns
    -------
    list of dict
        ``compute_id``, ``graph_hash``, ``format_revision``, ``size_bytes``, ``description``, ``author``,
        ``license``, ``vertices``, ``param_length``; ``domain``, ``model_type`` and ``tags`` where the
        publisher gave them; ``signed_by``, the keys of a signed one, if `cryptography` is installed to tell;
        and ``registry``, the address. Of several with one id the first is listed,
        and a registry that cannot be read is passed over with one warning.

    Examples
    --------
    >>> [found["compute_id"] for found in list_computes(model_type="coalescent")]
    ['coal_n5_theta1', 'coal_n10_theta1', 'coal_n20_theta1']
    """
    wanted = {tags} if isinstance(tags, str) else set(tags or ())
    found: dict[str, dict[str, Any]] = {}
    for registry in readable():
        for entry in registry.entries.values():
            known = {**entry.described(), "registry": registry.place.address}
            if entry.signatures and not _add_signers(known, entry):
                continue
            if (
                domain in (None, known.get("domain"))
                and model_type in (None, known.get("model_type"))
                and wanted <= set(known.get("tags", ()))
            ):
                found.setdefault(entry.compute_id, known)
    return list(found.values())


def _add_signers(known: dict[str, Any], entry: Entry) -> bool:
    """Say by whom an entry is signed; False if by nobody who is named, so that it is of no use."""
    if keys.can_verify():
        try:
            known["signed_by"] = signatures.signers(entry)
        except SignatureError as error:
            _log.warning("an entry of %s is passed over: %s", known["registry"], error)
            return False
    return True
