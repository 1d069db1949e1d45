"""Entries and archives as somebody can make them who wants them to be believed."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

from hashcache import Payload, entry
from hashcache.exchange import archive as archives
from hashcache.exchange.members import described, member_of
from hashcache.key import Key

FINGERPRINT = "f" * 32


class Trap:
    """What, pickled, makes a file when it is read."""

    def __init__(self, sign: Path) -> None:
        self.sign = str(sign)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.sign, "w")


def made(
    codec: str = "arrays",
    description: Any = 9,
    frames: Any = (),
    key: Key | None = None,
    arguments: Any = (),
    **about: Any,
) -> tuple[str, bytes]:
    """Return name and bytes of an entry as somebody can make it who wants it to be believed."""
    key = key or Key("function", "square", "a" * 32)
    told = {
        "key": str(key), "layer": key.layer, "function": key.function, "defined": "m:square", "created": 1.0,
        "seconds": 1.0, "python": "3.11.7", "result": "9", "parts": [], "fingerprint": FINGERPRINT, **about,
    }  # fmt: skip
    pieces = entry.pack(bytes.fromhex(key.digest), codec, Payload(description, frames), told, arguments)
    return key.name, b"".join(bytes(piece) for piece in pieces)


def archive(*members: tuple[str, bytes], author: str = "", rows: Any = None) -> bytes:
    """Return an archive of entries, whatever they are."""
    file = io.BytesIO()
    rows = rows or [row_of(*member) for member in members]
    manifest = archives.manifest_of(rows, author)
    archives.write(file, manifest, [(name, len(data), [data]) for name, data in members])
    return file.getvalue()


def row_of(name: str, data: bytes) -> Any:
    """Return what a manifest says of an entry, or would if it were one."""
    try:
        return described(member_of(name, data), [data])
    except ValueError:  # of which `ArchiveError` is one
        return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]
