"""A registry at any address that fsspec opens: in a bucket, on another machine, in a test's memory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from phasic.hub.arriving import Arriving
from phasic.hub.directory import LOCK
from phasic.hub.errors import HubError, UnreachableError, within

_OWN_LOCK = ".publishing"
_LONGEST_WAIT = 60.0  # seconds for another publisher, who takes one or two
_PAUSE = 1.0


class Remote:
    """A registry at any address that fsspec opens, such as ``s3://bucket/registry``."""

    def __init__(self, address: str) -> None:
        try:
            import fsspec
        except ImportError:
            raise UnreachableError(
                f"reading {address} needs the package `fsspec`; pip install 'hashcache[remote]'"
            ) from None
        self.address = address
        self._fsspec: Any = fsspec

    def read(self, path: str, largest: int, arriving: Arriving | None = None) -> bytes | None:
        """Return the content of a file; see `phasic.hub.transport.Place`."""
        try:
            # No compression: what is read is what is stored.
            with self._fsspec.open(f"{self.address.rstrip('/')}/{path}", "rb", compression=None) as file:
                data = file.read(largest + 1)
        except FileNotFoundError:
            return None
        except Exception as error:  # of whatever library reads such addresses
            raise UnreachableError(
                f"{path} of {self.address} cannot be read: {type(error).__name__}: {error}"
            ) from error
        return within(bytes(data), largest, path, self.address)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from writing meanwhile; see `phasic.hub.transport.WritablePlace`.

        The lock is a file that only one can create, where the filesystem knows how to; where it does not,
        two who begin at the same moment may not see each other. It has the name of this user on this
        machine, of whom only one publishes at a time: so one that was left by somebody killed is taken over.
        """
        with _own_lock() as name:
            system, path = self._at(LOCK)
            with self._said("locked"):
                self._take(system, path, name)
            try:
                yield
            finally:
                with suppress(Exception):  # it is ours next time as well
                    system.rm_file(path)

    def _take(self, system: Any, path: str, name: bytes) -> None:
        end = time.monotonic() + _LONGEST_WAIT
        _make_folder(system, path)
        mine = name + time.strftime(" %Y-%m-%dT%H:%M:%SZ", time.gmtime()).encode()
        while True:
            with suppress(FileExistsError):
                system.invalidate_cache()
                system.pipe_file(path, mine, mode="create")
            try:
                there = bytes(system.cat_file(path))
            except FileNotFoundError:  # somebody has just given it up
                there = b""
            holder, _, since = there.partition(b" ")
            if holder == name:
                return
            if time.monotonic() > end:
                raise HubError(
                    f"somebody else publishes at {self.address} since {since.decode('latin-1')!a}; if "
                    f"that is long ago and nobody does, delete {LOCK} there"
                )
            time.sleep(_PAUSE)

    def write(self, path: str, data: bytes, replace: bool = True) -> None:
        """Write a file whole; see `phasic.hub.transport.WritablePlace`.

        Where files are objects, one is there whole or not at all; where they can be moved, it is written
        under another name first.
        """
        system, target = self._at(path)
        with self._said("written"):
            _make_folder(system, target)
            mode = "overwrite" if replace else "create"
            if not _moves(system):
                system.pipe_file(target, data, mode=mode)
            else:
                if not replace and system.exists(target):
                    raise FileExistsError(target)
                partial = f"{target}.{secrets.token_hex(8)}.partial"
                try:
                    system.pipe_file(partial, data)
                    system.mv(partial, target)
                except BaseException:
                    with suppress(Exception):
                        system.rm_file(partial)
                    raise
            system.invalidate_cache()
            if bytes(system.cat_file(target)) != data:
                raise OSError("what is there now is something else")

    def _at(self, path: str) -> tuple[Any, str]:
        """Return the filesystem, and the path in it of a file of this registry."""
        with self._said("opened"):
            system, root = self._fsspec.core.url_to_fs(self.address)
        return system, f"{root.rstrip('/')}/{path}"

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Turn any error of whatever library reaches such addresses into one of ours."""
        try:
            yield
        except HubError:
            raise
        except Exception as error:
            raise UnreachableError(
                f"{self.address} cannot be {what}: {type(error).__name__}: {error}"
            ) from error


@contextmanager
def _own_lock() -> Iterator[bytes]:
    """Let one publisher of this user on this machine go on at a time, and give the name that they share."""
    import fcntl

    from phasic.compute_repository import _param_compute_cache_dir

    folder: Path = _param_compute_cache_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / _OWN_LOCK, "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        name = file.read()
        if len(name) != 32:
            name = secrets.token_hex(16).encode()
            file.truncate(0)
            file.write(name)
            file.flush()
        yield name


def _moves(system: Any) -> bool:
    """Return whether a filesystem renames files itself; otherwise fsspec copies and deletes."""
    from fsspec import AbstractFileSystem

    return type(system).mv is not AbstractFileSystem.mv


def _make_folder(system: Any, path: str) -> None:
    if _moves(system):
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
