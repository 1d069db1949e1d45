"""JAX's own cache of what it compiles as a part of a cache: switched on and off, and counted.

JAX's own limit on the size is left alone: with it on, one file that has lost its partner stops all writing.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hashcache.errors import StoreWarning
from hashcache.key import group_name
from hashcache.policy import Size, bytes_of
from hashcache.programs.jax_directory import JaxDirectory

if TYPE_CHECKING:
    from hashcache.cache import Cache

LAYER = "jax"
_EVENTS = {"/jax/compilation_cache/cache_hits": "hits", "/jax/compilation_cache/cache_misses": "misses"}
_OFTEN = 16  # programs that are written between two looks at the size
_DIRECTORY, _ENABLED = "jax_compilation_cache_dir", "jax_enable_compilation_cache"


class JaxCache(JaxDirectory):
    """The directory ``jax`` in a cache, which JAX can be told to keep its programs in.

    Parameters
    ----------
    cache : Cache
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._max_size: int | None = None
        self._told: str | None = None  # the directory, while it is on
        self._before: dict[str, Any] = {}  # settings of JAX, while it is on
        self._counts: Counter[str] = Counter()
        self._is_counted = False
        self._follows = True  # where the cache goes

    @property
    def folder(self) -> str:
        """The directory: while it is on, the one that JAX was told."""
        return self._told or os.path.join(self._cache.location, LAYER)

    @property
    def is_on(self) -> bool:
        """Whether JAX was told to keep its programs here."""
        return self._told is not None

    def in_use(self) -> JaxDirectory:
        """Return the directory that JAX keeps programs in, by settings of its own where there are some."""
        chosen = _chosen()
        return self if not chosen or chosen == self.folder else JaxDirectory(os.path.expanduser(chosen))

    # -- on and off ------------------------------------------------------------------------------

    def switch_on(self, max_size: Size | None = None, folder: str | os.PathLike[str] | None = None) -> str:
        """Have JAX keep its programs here from now on, and return where that is.

        Who has told JAX of another directory means that one: it is left as it is, with a warning.

        Parameters
        ----------
        max_size : int or str, optional
            Bytes that programs may take.
        folder : path, optional
            Another directory, whatever JAX was told before.
        """
        max_size = None if max_size is None else bytes_of(max_size)
        import jax

        chosen = getattr(jax.config, _DIRECTORY)
        if folder is None and chosen and chosen != self._told:
            self._cache.warn(
                f"JAX keeps its programs in {chosen}, as it was told elsewhere; they are left there, and not "
                f"looked after. Unset JAX_COMPILATION_CACHE_DIR, or that setting, to have them in the cache",
                StoreWarning,
            )
            return str(chosen)
        place = os.path.join(self._cache.location, LAYER) if folder is None else os.fspath(folder)
        os.makedirs(place, 0o700, exist_ok=True)
        self._max_size, self._follows = max_size, folder is None
        if not self.is_on:
            self._before = {name: getattr(jax.config, name) for name in (_ENABLED, _DIRECTORY)}
            self._listen()
        self._told = place
        self._tell({_ENABLED: True, _DIRECTORY: place})
        self.mend(max_size)
        return place

    def offer(self, max_size: Size | None = None) -> bool:
        """Switch on, unless JAX was told anything else or the place cannot be; return whether it is on."""
        if self.is_on:
            return True
        import jax

        if getattr(jax.config, _DIRECTORY) or not getattr(jax.config, _ENABLED):
            return False
        with suppress(OSError):  # which whoever stores a result there is told
            self.switch_on(max_size)
        return self.is_on

    def follow(self) -> None:
        """Go to where the cache is now, while it is on."""
        if self.is_on and self._follows:
            self.switch_on(self._max_size)

    def switch_off(self) -> None:
        """Give JAX its settings of before, but for those that were changed since."""
        if self.is_on:
            import jax

            ours = {_ENABLED: True, _DIRECTORY: self._told}
            same = [name for name, value in ours.items() if getattr(jax.config, name) == value]
            self._tell({name: self._before[name] for name in same})
            _listening.remove(self)
            self.mend(self._max_size)
            self._told = None

    def _tell(self, settings: dict[str, Any]) -> None:
        import jax

        for name, value in settings.items():
            jax.config.update(name, value)
        try:
            from jax.experimental.compilation_cache import compilation_cache

            compilation_cache.reset_cache()  # which would go on with the directory of its first use
        except (ImportError, AttributeError):
            self._cache.warn(
                "this version of JAX cannot be told that its cache has changed: where it has compiled "
                "something already, it goes on as before. Say so before that",
                StoreWarning,
            )

    # -- counting --------------------------------------------------------------------------------

    def _listen(self) -> None:
        import jax

        if not getattr(_hear, "registered", False):
            _hear.registered = True  # type: ignore[attr-defined]
            jax.monitoring.register_event_listener(_hear)
        if not self._cache.statistics.is_watched:
            self._cache.statistics.watch()
        if not self._is_counted:  # which lasts, on and off again
            self._is_counted = True
            group = group_name(LAYER, "jax.jit")
            self._cache.statistics.add(self, group, LAYER, "jax.jit", self._counts)
        _listening.append(self)

    def hear(self, what: str) -> None:
        """Count a hit or a miss of JAX's."""
        self._counts[what] += 1
        if what == "misses" and self._max_size is not None and self._counts[what] % _OFTEN == 0:
            self.mend(self._max_size)

    def stats(self) -> dict[str, int]:
        """Return how often JAX found a program here in this process, and how often it wrote one."""
        return {"hits": self._counts["hits"], "misses": self._counts["misses"]}


_listening: list[JaxCache] = []


def _hear(event: str, **_: Any) -> None:
    what = _EVENTS.get(event)
    if what is not None:
        for cache in tuple(_listening):
            cache.hear(what)


def _chosen() -> str | None:
    """Return the directory that JAX has been told of; before it is loaded, what it will be told of."""
    jax = sys.modules.get("jax")
    told = None if jax is None else getattr(jax.config, _DIRECTORY)
    return told or os.environ.get("JAX_COMPILATION_CACHE_DIR")
