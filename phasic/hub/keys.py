"""Keys of publishers: making one, and the list of those that are trusted here."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasic import settings
from phasic.hub.errors import SignatureError

_KEY = re.compile("ed25519:[0-9a-f]{64}")
_VARIABLE = "PHASIC_SIGNING_KEY"
_LONGEST_LIST = 1 << 20  # bytes


class SigningKey:
    """A secret key, to sign with.

    Parameters
    ----------
    secret : Ed25519PrivateKey
        Of the package `cryptography`.
    """

    def __init__(self, secret: Any) -> None:
        self._secret = secret

    @property
    def public(self) -> str:
        """The public key, ``ed25519:`` and 64 digits: what others trust."""
        return f"ed25519:{self._secret.public_key().public_bytes_raw().hex()}"

    def sign(self, text: bytes) -> str:
        """Return the signature of a text, 128 digits: always the same."""
        return str(self._secret.sign(text).hex())

    @classmethod
    def make(cls, path: Path) -> SigningKey:
        """Return a new key, written into a file that nobody else may read.

        Raises
        ------
        SignatureError
            There is a file already, or it cannot be written.
        """
        ed25519, serialization = _cryptography()
        secret = ed25519.Ed25519PrivateKey.generate()
        data = secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        from phasic.hub.files import write_whole

        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, data, 0o600, replace=False)
        except FileExistsError:
            raise SignatureError(f"there is a key at {path} already; it is not replaced") from None
        except OSError as error:
            raise SignatureError(f"a key cannot be written: {error}") from error
        return cls(secret)

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """Return the key in a file, as PEM.

        Raises
        ------
        SignatureError
            There is none, it is of another kind, or others may read it.
        """
        ed25519, serialization = _cryptography()
        try:
            mode, data = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise SignatureError(
                f"the signing key cannot be read: {error}. `python -m hashcache hub key new` makes one"
            ) from error
        if mode & 0o077:
            raise SignatureError(f"others may read the signing key {path}; chmod 600 it, or make a new one")
        try:
            secret = serialization.load_pem_private_key(data, None)
        except (ValueError, TypeError) as error:
            raise SignatureError(f"{path} has no key that can be read without a password: {error}") from None
        if not isinstance(secret, ed25519.Ed25519PrivateKey):
            raise SignatureError(f"the key in {path} is of another kind than Ed25519")
        return cls(secret)


@dataclass(frozen=True)
class TrustedKeys:
    """Whose signatures count here.

    Attributes
    ----------
    names : dict
        Whose each key is, as the list says.
    revoked : set
        Keys that somebody else may have.
    """

    names: dict[str, str] = field(default_factory=dict)
    revoked: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.names or self.revoked)

    def is_trusted(self, key: str) -> bool:
        """Return whether a key is listed, and not revoked."""
        return key in self.names and key not in self.revoked

    def is_revoked(self, key: str) -> bool:
        """Return whether a key is listed as revoked."""
        return key in self.revoked

    def what(self, key: str) -> str:
        """Return in a word or two what is known of a key."""
        if key in self.revoked:
            return "revoked"
        return (self.names[key] or "trusted") if key in self.names else "not known here"

    @classmethod
    def of(cls, lines: Iterable[str], where: str) -> TrustedKeys:
        """Return what a list says.

        A line is a key and whose it is, or ``revoked`` and a key; ``#`` begins a remark.

        Raises
        ------
        SignatureError
            A line is neither: which keys are meant cannot be guessed.
        """
        names, revoked = {}, set()
        for line in lines:
            words = line.partition("#")[0].split()
            if not words:
                continue
            is_revoked = words[0] == "revoked"
            key, *owner = (words[1:] if is_revoked else words) or [""]
            if not (_KEY.fullmatch(key) and line.strip().isprintable()):
                raise SignatureError(
                    f"{where} has {line.strip()[:200]!r}, which is no line with a key ed25519:..."
                )
            if is_revoked:
                revoked.add(key)
            else:
                names[key] = " ".join(owner)
        return cls(names, frozenset(revoked))


def trusted_keys() -> TrustedKeys:
    """Return the keys that are trusted: those that are configured, else those in the user's list.

    Raises
    ------
    SignatureError
        A list cannot be read.
    """
    chosen = settings.get_config().trusted_keys
    if chosen is None:
        file = trusted_file()
        return TrustedKeys.of(_lines(file), str(file)) if file.exists() else TrustedKeys()
    names: dict[str, str] = {}
    revoked: frozenset[str] = frozenset()
    for one in chosen:
        is_line = one.startswith(("ed25519:", "revoked "))
        lines = [one] if is_line else _lines(Path(one).expanduser())
        found = TrustedKeys.of(lines, "trusted_keys" if is_line else one)
        names |= found.names
        revoked |= found.revoked
    return TrustedKeys(names, revoked)


def trust(key: str, owner: str = "", revoked: bool = False) -> Path:
    """Add a line to the user's list of trusted keys; return the file.

    Raises
    ------
    SignatureError
        It is no key, or the list cannot be written.
    """
    line = f"revoked {key}" if revoked else f"{key} {owner}".strip()
    TrustedKeys.of([line], "what is to be trusted")
    file = trusted_file()
    from phasic.hub.files import write_whole

    try:
        before = "\n".join(_lines(file)) + "\n" if file.exists() else ""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(file, (before + line + "\n").encode(), 0o600)
    except OSError as error:
        raise SignatureError(f"the list of trusted keys cannot be written: {error}") from error
    return file


def is_required() -> bool:
    """Return whether only what somebody who is trusted has signed is used."""
    return settings.get_config().require_signatures


def is_signed(key: str, signature: str, text: bytes) -> bool:
    """Return whether a signature of a text is by this key.

    Raises
    ------
    SignatureError
        The package that tells is not installed.
    """
    ed25519, _ = _cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.removeprefix("ed25519:")))
        public.verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def can_verify() -> bool:
    """Return whether the package that verifies signatures is installed."""
    return importlib.util.find_spec("cryptography") is not None


def signing_key(chosen: bool | str | os.PathLike[str] = True) -> SigningKey | None:
    """Return the user's signing key, or that in a file; None if False is chosen.

    Raises
    ------
    SignatureError
        There is none.
    """
    if chosen is False:
        return None
    return SigningKey.read(signing_file() if chosen is True else Path(chosen).expanduser())


def signing_file() -> Path:
    """Return where the user's signing key is: where ``PHASIC_SIGNING_KEY`` says, or in the configuration."""
    named = os.environ.get(_VARIABLE)
    return Path(named).expanduser() if named else _configuration() / "signing-key.pem"


def trusted_file() -> Path:
    """Return where the user's list of trusted keys is."""
    return _configuration() / "trusted-keys"


def _configuration() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir("phasic", appauthor=False))


def _lines(file: Path) -> list[str]:
    from phasic.hub.directory import Directory

    data = Directory(file.parent).read(file.name, _LONGEST_LIST)
    if data is None:
        raise SignatureError(f"there is no list of trusted keys at {file}")
    try:
        return data.decode("utf-8").splitlines()
    except UnicodeError:
        raise SignatureError(f"{file} is no text") from None


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise SignatureError(
            "signatures need the package `cryptography`; pip install 'hashcache[signing]'"
        ) from None
    return ed25519, serialization
