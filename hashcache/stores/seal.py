"""Seals: what shows, before a byte of it is looked into, that an entry is of somebody who has the key.

A sealed entry is the entry, then a mark of 8 bytes, then a keyed BLAKE2b of 32 bytes over its name, its
length and its bytes. The name is in it, so that an entry moved to another name fits no longer. An older
entry that was sealed under the same name does fit: the same key of a call has the same meaning.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hashcache.codec import Buffer
from hashcache.errors import KeyFileError, UntrustedEntryError

MARK = b"\x89HCSEAL\n"
_MAC = 32
SEAL_SIZE = len(MARK) + _MAC
KEY_SIZE = 32
_PURPOSE = b"hashcache entry"  # the same key seals nothing else the same way


class Seal:
    """The power to seal entries, and to tell which ones are sealed.

    Parameters
    ----------
    key_file : path, optional
        A file with a key of 32 bytes. Default: the environment variable ``HASHCACHE_KEY_FILE``, else a
        file of the user's own, which is made when it is first needed. Read once, when first needed.
    """

    def __init__(self, key_file: str | os.PathLike[str] | None = None) -> None:
        self._key_file = None if key_file is None else os.path.expanduser(os.fsdecode(key_file))
        self._key: bytes | None = None

    def made(self, name: str, pieces: Sequence[Buffer]) -> bytes:
        """Return the seal of an entry: what has to follow its pieces."""
        return MARK + self._mac(name, pieces)

    def check(self, name: str, content: Buffer | Any, seal: bytes) -> None:
        """Return if a seal is that of an entry, and raise `UntrustedEntryError` if it is not."""
        import hmac

        if not seal.startswith(MARK) or len(seal) != SEAL_SIZE:
            raise UntrustedEntryError("it is not sealed")
        if not hmac.compare_digest(self._mac(name, [content]), seal[len(MARK) :]):
            raise UntrustedEntryError("it was sealed with another key, or changed since")

    def _mac(self, name: str, pieces: Sequence[Buffer | Any]) -> bytes:
        from hashlib import blake2b  # which only those load who share

        if self._key is None:
            self._key = read_key(self._key_file)
        mac = blake2b(key=self._key, digest_size=_MAC, person=_PURPOSE)
        size = sum(piece.nbytes if isinstance(piece, memoryview) else len(piece) for piece in pieces)
        place = name.encode("utf-8", "surrogatepass")
        mac.update(len(place).to_bytes(8, "little") + place + size.to_bytes(8, "little"))
        for piece in pieces:
            mac.update(piece)
        return mac.digest()


def own_key_file() -> str:
    """Return where the user's own key is: never in a cache directory, which others may write to."""
    import platformdirs

    return os.path.join(platformdirs.user_config_dir("hashcache", appauthor=False), "key")


def chosen_key_file(path: str | None = None) -> str:
    """Return where the key is read from: `path`, what ``HASHCACHE_KEY_FILE`` says, or the user's own file."""
    return path or os.path.expanduser(os.environ.get("HASHCACHE_KEY_FILE") or own_key_file())


def read_key(path: str | None = None) -> bytes:
    """Return the key in a file, and make it if it is the user's own and not there.

    Raises
    ------
    KeyFileError
        It is not there, is not a key, or can be read by others.
    """
    path = chosen_key_file(path)
    own = path == own_key_file()
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        if not own:
            # A key of a team that is not where it should be is a mistake, and not to be met with a new one.
            raise KeyFileError(
                f"there is no key at {path}; make one with `hashcache trust --new-key {path}`, or copy that "
                f"of the others"
            ) from None
        make_key(path)
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise KeyFileError(f"the key at {path} cannot be read: {error.strerror}") from error
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        # A team may share a file by its group; a key that everybody can read is none.
        if status.st_mode & (0o077 if own else 0o007):
            raise KeyFileError(
                f"the key at {path} can be read or written by others (mode {status.st_mode & 0o777:04o}), "
                f"who could seal entries with it; make a new one, or run chmod "
                f"{'600' if own else 'o-rwx'} on it if nobody has read it"
            )
        key = file.read(KEY_SIZE + 1)
    if len(key) != KEY_SIZE:
        raise KeyFileError(f"{path} is not a key, which has {KEY_SIZE} bytes")
    return key


def make_key(path: str) -> None:
    """Make a new key for nobody but the user, unless there is one: of two who make it at once, one does."""
    folder = os.path.dirname(path) or "."
    # Beside the target and then linked: nobody reads half a key, and a link never replaces another's.
    partial = f"{path}.{os.urandom(8).hex()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "wb") as file:
                file.write(os.urandom(KEY_SIZE))
            _link(partial, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(partial)
    except OSError as error:
        raise KeyFileError(f"no key can be made at {path}: {error.strerror}") from error


def _link(partial: str, path: str) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not os.path.lexists(path):
            os.rename(partial, path)
