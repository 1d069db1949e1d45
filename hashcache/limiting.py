"""The part of a cache that keeps what it stores within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

from hashcache.errors import OptionError, StoreWarning
from hashcache.place import Place
from hashcache.statistics import EVICTED

if TYPE_CHECKING:
    from datetime import timedelta

    from hashcache.cache import Cache
    from hashcache.limited import LimitedStore
    from hashcache.policy import Size
    from hashcache.prune import Choice, Pruned
    from hashcache.stores import Store


class Limiting(Place):
    """Limits and pruning of a `Cache`."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self._limits: dict[str, tuple[int | None, float | None]] = {}  # by prefix of names
        self._limited: LimitedStore | None = None

    @property
    def store(self) -> Store:
        """The store at the location, which is kept within the limits if there are some."""
        if self._limits:
            return self._within_limits()
        return self._unlimited() if self._made is None else self._made

    def limit(
        self, prefix: str, max_size: Size | None = None, max_age: timedelta | float | None = None
    ) -> None:
        """Limit what entries may take whose names begin with a path: a layer, or a layer and group.

        Raises
        ------
        OptionError
            A limit is none, or the store is one that cannot be limited.
        """
        from hashcache.policy import bytes_of, seconds_of  # which only those who have limits pay for

        if self._store is not None and not hasattr(self._store, "visit"):
            raise OptionError(f"{self._store!r} cannot be limited; only a directory can")
        if self._shared:
            raise OptionError("a shared directory cannot be limited; prune it")
        size = None if max_size is None else bytes_of(max_size)
        age = None if max_age is None else seconds_of(max_age)
        self._limits[prefix] = size, age
        if size is age is None:
            del self._limits[prefix]
        self._limited = None

    @property
    def max_size(self) -> int | None:
        """Bytes that entries may take on the disk together; None for any number."""
        return self._limits.get("", (None, None))[0]

    @max_size.setter
    def max_size(self, max_size: Size | None) -> None:
        self.limit("", max_size, self.max_age)

    @property
    def max_age(self) -> float | None:
        """Seconds after which entries may go; None for never."""
        return self._limits.get("", (None, None))[1]

    @max_age.setter
    def max_age(self, max_age: timedelta | float | None) -> None:
        self.limit("", self.max_size, max_age)

    def _within_limits(self) -> LimitedStore:
        store: Any = self._unlimited()
        if self._limited is None or self._limited.unlimited is not store:
            from hashcache.limited import LimitedStore
            from hashcache.limits import Limiter

            limiters = [
                Limiter(store, prefix, size, age, self._count_evicted)
                for prefix, (size, age) in self._limits.items()
            ]
            self._limited = LimitedStore(store, limiters, self._say_unlimited)
        return self._limited

    def _count_evicted(self, name: str) -> None:
        self.statistics.count(name.rpartition("/")[0], EVICTED)

    def _say_unlimited(self, error: OSError) -> None:
        if isinstance(error, BlockingIOError):
            return  # others are at it
        self.warn_once(
            ("limits", type(error), error.errno),
            f"the store at {self.location} cannot be kept within its limits ({error}); results are stored "
            f"all the same",
            StoreWarning,
        )

    def prune(self, **options: Unpack[Choice]) -> Pruned:
        """Delete what has to go by the limits given, damaged entries and what was left behind.

        Looks at every entry. Without `max_size` and `max_age`, the cache's own limits count.

        Parameters
        ----------
        max_size, max_age
            As those of the cache.
        unused_for : timedelta or float, optional
            Results that were not used for longer go. When a file was last used is known to the day, or
            not at all, as the file system is mounted; it was at least when it was written.
        layer, function : str, optional
            Only of this layer, and only of functions whose name contains this.
        dry_run : bool
            Say what would go, and delete nothing.

        Returns
        -------
        Pruned
            What went, and why.
        """
        from hashcache.prune import prune

        return prune(cast("Cache", self), **options)
