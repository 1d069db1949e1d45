"""The directory in which JAX itself keeps what it compiles, as a part of a cache: sized, checked, counted.

JAX's own limit on the size is left alone: with it on, one file that has lost its partner stops all writing.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from hashcache.errors import StoreWarning
from hashcache.key import group_name
from hashcache.policy import Size, bytes_of

if TYPE_CHECKING:
    from hashcache.cache import Cache

LAYER = "jax"
_ENTRY, _USED = "-cache", "-atime"  # a program, and where JAX notes when that was last used
_EVENTS = {"/jax/compilation_cache/cache_hits": "hits", "/jax/compilation_cache/cache_misses": "misses"}
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_OFTEN = 64  # programs that are written between two looks at the size
_SETTINGS = ("jax_enable_compilation_cache", "jax_compilation_cache_dir")


class JaxEntry(NamedTuple):
    """One program that JAX keeps."""

    name: str
    path: str
    size: int
    used: float  # when, as far as is known


class JaxPruned(NamedTuple):
    """What went, and what stays."""

    gone: tuple[tuple[JaxEntry, str], ...]  # each with the reason
    size: int


class JaxCache:
    """The directory ``jax`` in a cache, which JAX can be told to keep its programs in.

    Parameters
    ----------
    cache : Cache
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._max_size: int | None = None
        self._before: dict[str, Any] | None = None  # settings of JAX, while it is on
        self._counts: Counter[str] = Counter()

    @property
    def folder(self) -> str:
        """The directory."""
        return os.path.join(self._cache.location, LAYER)

    # -- on and off ------------------------------------------------------------------------------

    def switch_on(self, max_size: Size | None = None) -> str:
        """Have JAX keep its programs here from now on, and return where that is.

        Who has told JAX of another directory means that one: it is left as it is, with a warning.
        """
        import jax

        self._max_size = None if max_size is None else bytes_of(max_size)
        chosen = jax.config.jax_compilation_cache_dir
        if chosen and chosen != self.folder:
            self._cache.warn(
                f"JAX keeps its programs in {chosen}, as it was told elsewhere; they are left there, and not "
                f"looked after. Unset JAX_COMPILATION_CACHE_DIR, or that setting, to have them in the cache",
                StoreWarning,
            )
            return str(chosen)
        if self._before is None:
            self._before = {name: getattr(jax.config, name) for name in _SETTINGS}
            _listen(self)
            group = group_name(LAYER, "jax.jit")
            self._cache.statistics.add(self, group, LAYER, "jax.jit", self._counts)
            self._cache.statistics.watch()
        os.makedirs(self.folder, 0o700, exist_ok=True)
        self._tell(dict(zip(_SETTINGS, (True, self.folder), strict=True)))
        self.prune(self._max_size)
        return self.folder

    def switch_off(self) -> None:
        """Give JAX its settings of before."""
        if self._before is not None:
            self._tell(self._before)
            self._before = None
            _listening.remove(self)
            self.prune(self._max_size)

    def _tell(self, settings: dict[str, Any]) -> None:
        import jax
        from jax.experimental.compilation_cache import compilation_cache

        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()  # which would go on with the directory of its first use

    def hear(self, what: str) -> None:
        """Count a hit or a miss of JAX's."""
        self._counts[what] += 1
        if what == "misses" and self._max_size is not None and self._counts[what] % _OFTEN == 0:
            self.prune(self._max_size)

    def stats(self) -> dict[str, int]:
        """Return how often JAX found a program here in this process, and how often it did not."""
        return {"hits": self._counts["hits"], "misses": self._counts["misses"]}

    # -- what is there ---------------------------------------------------------------------------

    def entries(self) -> Iterator[JaxEntry]:
        """Yield the programs."""
        for name, path, found in self._files():
            if name.endswith(_ENTRY):
                used = max(found.st_atime, found.st_mtime)
                with suppress(OSError):
                    used = max(used, os.stat(path.removesuffix(_ENTRY) + _USED).st_mtime)
                yield JaxEntry(name.removesuffix(_ENTRY), path, found.st_size, used)

    def damage(self, entry: JaxEntry) -> str:
        """Return what is wrong with a program, which JAX would never mend; empty if it is whole."""
        try:
            with open(entry.path, "rb") as file:
                data = file.read()
            return _damage(data)
        except OSError as error:
            return str(error)

    def prune(self, max_size: int | None = None, dry_run: bool = False) -> JaxPruned:
        """Delete what is damaged or has lost its partner, and what was not used for longest beyond a size."""
        gone: list[tuple[JaxEntry, str]] = []
        whole = []
        for entry in self.entries():
            reason = self.damage(entry)
            if reason:
                gone.append((entry, reason))
            else:
                whole.append(entry)
        size = sum(entry.size for entry in whole)
        for entry in sorted(whole, key=lambda entry: entry.used):
            if max_size is None or size <= max_size:
                break
            gone.append((entry, "over the size"))
            size -= entry.size
        if not dry_run:
            for entry, _ in gone:
                self._delete(entry)
            for name, path, _ in list(self._files()):
                if name.endswith(_USED) and not os.path.exists(path.removesuffix(_USED) + _ENTRY):
                    with suppress(OSError):
                        os.unlink(path)
        return JaxPruned(tuple(gone), size)

    def clear(self) -> int:
        """Delete all programs; return how many there were."""
        return sum(self._delete(entry) for entry in list(self.entries()))

    def _delete(self, entry: JaxEntry) -> bool:
        with suppress(OSError):
            os.unlink(entry.path.removesuffix(_ENTRY) + _USED)
        try:
            os.unlink(entry.path)
        except OSError:
            return False
        return True

    def _files(self) -> Iterator[tuple[str, str, os.stat_result]]:
        """Yield what JAX has written, and nothing else that lies there."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as found:
            for one in found:
                if one.name.endswith((_ENTRY, _USED)) and one.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield one.name, one.path, one.stat(follow_symlinks=False)


def _damage(data: bytes) -> str:
    if not data:
        return "empty"
    if data[:4] == _ZSTANDARD:
        return _damage_of_zstandard(data)
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(data)
    except zlib.error as error:
        return str(error)
    return "" if unpacker.eof else "cut short"


def _damage_of_zstandard(data: bytes) -> str:
    try:
        import zstandard
    except ImportError:  # who cannot unpack it cannot tell
        return ""
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    try:
        unpacker.decompress(data)
    except zstandard.ZstdError as error:
        return str(error)
    return "" if unpacker.eof else "cut short"


_listening: list[JaxCache] = []


def _listen(cache: JaxCache) -> None:
    import jax

    if not getattr(_listen, "done", False):
        _listen.done = True  # type: ignore[attr-defined]
        jax.monitoring.register_event_listener(_hear)
    _listening.append(cache)


def _hear(event: str, **_: Any) -> None:
    what = _EVENTS.get(event)
    if what is not None:
        for cache in tuple(_listening):
            cache.hear(what)
