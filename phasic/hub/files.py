"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PARTIAL = ".partial"
_ABANDONED = 3600.0  # seconds after which whoever wrote a partial file is taken for dead


def write_whole(
    path: Path, data: bytes, mode: int = 0o644, durable: bool = True, replace: bool = True
) -> None:
    """Write a file so that whoever looks sees what was there before or all of this.

    If `durable`, that holds after a failure of power too, which takes the time that the disk takes. Unless
    `replace`, a file that is there already is an error.

    Raises
    ------
    OSError
        It cannot be written; then nothing has changed.
    """
    handle, partial = tempfile.mkstemp(_PARTIAL, f".{path.name[:40]}.", path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(handle)
        os.chmod(partial, mode)
        if replace:
            os.replace(partial, path)
        else:
            os.link(partial, path)
            os.unlink(partial)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def sweep(folder: Path) -> None:
    """Delete partial files that somebody who was killed has left."""
    with suppress(OSError):
        for path in folder.glob(f".*{_PARTIAL}"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _ABANDONED:
                    path.unlink()
