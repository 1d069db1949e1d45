"""The part of a cache that knows where results are kept: on the disk, and in front of it in this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hashcache.lock import Flights
from hashcache.recent import Recent
from hashcache.speaker import Speaker
from hashcache.statistics import Statistics
from hashcache.stores import DirectoryStore, Store

if TYPE_CHECKING:
    from pathlib import Path


class Place(Speaker):
    """Location and store of a `Cache`, which says what the parameters are."""

    def __init__(
        self,
        location: str | os.PathLike[str] | None,
        store: Store | None,
        verbose: bool,
        memory: int,
        shared: bool,
        key_file: str | os.PathLike[str] | None,
    ) -> None:
        if location is not None and store is not None:
            raise ValueError("a cache has a location or a store, not both")
        if key_file is not None and not shared:
            raise ValueError("a key seals entries where they are shared: pass shared=True with it")
        if store is not None and shared:
            from hashcache.stores.authenticated import AuthenticatedStore

            store = AuthenticatedStore(store, key_file)
        super().__init__(verbose)
        self._location = None if location is None else os.fsdecode(location)
        self._shared, self._key_file = shared, key_file
        self._store = store
        self._made: Store | None = None  # at the location, once something was looked for
        self.recent = Recent(memory)
        self.flights = Flights()
        self.statistics = Statistics(self._beside)

    @property
    def location(self) -> Path:
        """The directory that results are kept in."""
        from pathlib import Path

        return Path(self._directory())

    @location.setter
    def location(self, location: str | os.PathLike[str]) -> None:
        self.statistics.flush()  # what was counted there
        self._location = os.fsdecode(location)
        self._store = self._made = None
        self.recent.clear()
        self._moved()

    def prefer(self, location: str | os.PathLike[str]) -> None:
        """Keep results at `location` unless another is in use or was set, by hand or by ``HASHCACHE_DIR``."""
        if self._location is None and self._store is None and not os.environ.get("HASHCACHE_DIR"):
            self.location = location

    @property
    def place(self) -> str:
        """Where results are kept, for people."""
        return self._directory() if self._store is None else repr(self._store)

    def _unlimited(self) -> Store:
        if self._store is not None:
            return self._store
        if self._made is None:
            self._location = self._directory()  # from here on, whatever becomes of the environment
            self._made = DirectoryStore(self._location, shared=self._shared, key_file=self._key_file)
        return self._made

    def _beside(self) -> str | None:
        """Return the directory for statistics; None while there is no place for one."""
        store = self._unlimited()
        return store.beside("statistics") if hasattr(store, "beside") else None

    def _directory(self) -> str:
        """Return the location as text: `pathlib` takes longer to load than a hit takes."""
        if self._location is not None:
            return self._location
        from_environment = os.environ.get("HASHCACHE_DIR")
        if from_environment:
            return from_environment
        import platformdirs

        return platformdirs.user_cache_dir("hashcache", appauthor=False)

    def _moved(self) -> None:
        """Do what else has to be done when results are kept elsewhere from now on."""
