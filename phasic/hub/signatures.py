"""Signatures of entries: who publishes an artefact, said so that nobody else can say it.

A signature is Ed25519 over one canonical text of the entry, which has the SHA-256 of the artefact in it:
so it covers every byte that is published, and lies beside them in the index.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

from phasic.hub import keys
from phasic.hub.entry import MOST_SIGNATURES, Entry, Signature
from phasic.hub.errors import HubError, SignatureError
from phasic.hub.keys import SigningKey

_log = logging.getLogger(__name__)
_FORMAT = b"phasic hub entry 1\n"  # no signature of anything else is one of an entry


def statement(entry: Entry) -> bytes:
    """Return what is signed of an entry.

    ``statement(a) == statement(b)`` iff a and b differ in nothing but signatures.
    """
    told: dict[str, Any] = {"compute_id": entry.compute_id, "entry": replace(entry, signatures=()).content()}
    return _FORMAT + json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii")


def sign(entry: Entry, key: SigningKey) -> Entry:
    """Return the entry with a signature by this key, behind those that it has.

    Raises
    ------
    SignatureError
        It has as many as an entry may have.
    """
    made = Signature(key.public, key.sign(statement(entry)))
    others = [one for one in entry.signatures if one.key != made.key]
    if len(others) >= MOST_SIGNATURES:
        raise SignatureError(f"{entry.compute_id!r} has {len(others)} signatures already; no more are read")
    return replace(entry, signatures=(*others, made))


def signers(entry: Entry) -> list[str]:
    """Return the public keys by which an entry is signed, each signature verified.

    Raises
    ------
    SignatureError
        One of them is wrong, or the package that verifies them is not installed.
    """
    told = statement(entry)
    for one in entry.signatures:
        if not keys.is_signed(one.key, one.signature, told):
            raise SignatureError(f"the signature of {entry.compute_id!r} by {one.key} is wrong")
    return [one.key for one in entry.signatures]


def require(entry: Entry) -> None:
    """Raise unless the signatures of an entry are as they have to be here.

    A wrong one is never accepted. Without any, or with one by a key that is nobody's here, an entry is
    accepted unless ``require_signatures`` is set; by a key that was revoked, only if one that is trusted
    has signed as well.

    Raises
    ------
    SignatureError
        They are not, or it cannot be told.
    """
    is_required = keys.is_required()
    if not entry.signatures:
        if is_required:
            raise SignatureError(
                f"{entry.compute_id!r} is not signed, and require_signatures is set; ask whoever published it"
            )
        return
    trusted = keys.trusted_keys()
    if not (keys.can_verify() or trusted or is_required):
        _log.info("the signatures of %r are not looked at: `cryptography` is not installed", entry.compute_id)
        return
    found = signers(entry)
    if any(trusted.is_trusted(key) for key in found):
        return
    revoked = [key for key in found if trusted.is_revoked(key)]
    if revoked:
        raise SignatureError(f"{entry.compute_id!r} is signed by {revoked[0]}, which was revoked")
    if is_required:
        raise SignatureError(
            f"{entry.compute_id!r} is signed by {', '.join(found)}, and none of these is trusted; if you "
            f"know whose it is, add it to {keys.trusted_file()} or phasic.configure(trusted_keys=[...])"
        )


def described(entry: Entry) -> str:
    """Return in a few words by whom an entry is signed."""
    if not entry.signatures:
        return "not signed"
    try:
        found = signers(entry)
    except HubError as error:
        return str(error)
    trusted = keys.trusted_keys()
    return "signed by " + ", ".join(f"{key} ({trusted.what(key)})" for key in found)
