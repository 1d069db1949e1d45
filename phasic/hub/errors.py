"""What can be wrong with a registry, an entry of it or an artefact."""

from __future__ import annotations

from phasic.errors import PhasicError


class HubError(PhasicError, RuntimeError):
    """Something of the model hub is not what it has to be, or cannot be done."""


class ArtefactError(HubError, ValueError):
    """Bytes are no artefact, or one of another graph."""


class UnreachableError(HubError, OSError):
    """A registry cannot be read, now or at all."""


class SignatureError(HubError):
    """A signature is wrong, nobody's who is trusted, or missing where there has to be one."""


class HubWarning(UserWarning):
    """A registry was passed over, and why; what was asked for is computed here instead."""


def within(data: bytes, largest: int, path: str, address: str) -> bytes:
    """Return the data if there are not too many, else raise UnreachableError."""
    if len(data) > largest:
        raise UnreachableError(f"{path} of {address} has more than {largest} bytes; none of it is used")
    return data
