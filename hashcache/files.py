"""Files as values: their content, whatever their name, place or time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class File:
    """A file that a result depends on, by content.

    Parameters
    ----------
    path : path
        Read anew for every key; a file that is not there is a value too.

    Examples
    --------
    >>> from hashcache import File, hashcache
    >>> @hashcache(depends_on=(File("rates.csv"),))
    ... def total(): ...
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fsdecode(path)

    @property
    def path(self) -> Path:
        """Where the file is."""
        from pathlib import Path

        return Path(self._path)

    def __repr__(self) -> str:
        return f"File({self._path!r})"

    def __hashcache__(self) -> str:
        """Return the SHA-256 of the content."""
        import hashlib

        try:
            with open(self._path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return "missing"
