"""A cached method of an instance."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from hashcache.canonical import Sink, handles
from hashcache.explain import Explanation

if TYPE_CHECKING:
    from hashcache.decorator import Cached
    from hashcache.exchange.outcome import Exchanged
    from hashcache.verification import Verification

P = ParamSpec("P")
R = TypeVar("R")


class BoundCached(Generic[P, R]):
    """A cached method bound to its instance; every question takes the arguments without ``self``."""

    def __init__(self, cached: Cached[..., R], instance: object) -> None:
        self.__func__ = cached
        self.__self__ = instance
        self.__wrapped__ = functools.partial(cached.__wrapped__, instance)
        self.__name__ = getattr(cached, "__name__", "")
        self.__qualname__ = getattr(cached, "__qualname__", "")
        self.__doc__ = cached.__doc__

    def __repr__(self) -> str:
        return f"<bound {self.__func__!r} of {self.__self__!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self.__name__)  # as methods are

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundCached):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the method returns, from the store where it is there."""
        return self.__func__(self.__self__, *args, **kwargs)

    def uncached(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the method itself; nothing is looked up or stored."""
        return self.__func__.uncached(self.__self__, *args, **kwargs)

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute whatever is stored, and store the result."""
        return self.__func__.refresh(self.__self__, *args, **kwargs)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key that this call would use, without calling."""
        return self.__func__.key(self.__self__, *args, **kwargs)

    cache_key = key

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether this call would be a hit."""
        return self.__func__.is_cached(self.__self__, *args, **kwargs)

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Return whether this call would be a hit and, if not, why."""
        return self.__func__.explain(self.__self__, *args, **kwargs)

    def verify(self, *args: P.args, **kwargs: P.kwargs) -> Verification:
        """Compute again what is stored of this call, and return both, and how they differ."""
        return self.__func__.verify(self.__self__, *args, **kwargs)

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the stored result of this call; return whether there was one."""
        return self.__func__.forget(self.__self__, *args, **kwargs)

    def clear(self) -> int:
        """Delete all stored results of the method, for every instance."""
        return self.__func__.clear()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the headers of all stored results of the method."""
        return self.__func__.entries()

    def push(self, place: str | os.PathLike[str], **options: Any) -> Exchanged:
        """Add stored results of the method, for every instance, to those at a place."""
        return self.__func__.push(place, **options)

    def pull(self, place: str | os.PathLike[str], **options: Any) -> Exchanged:
        """Store the results of the method, for every instance, that are at a place and not here."""
        return self.__func__.pull(place, **options)

    def stats(self, *, all_processes: bool = False, details: bool = False) -> dict[str, Any]:
        """Return the counts of the method, for every instance."""
        return self.__func__.stats(all_processes=all_processes, details=details)


@handles(BoundCached)
def _bound_cached(value: BoundCached[..., Any], sink: Sink) -> None:
    sink.part(".%s", "__func__", value.__func__)
    sink.part(".%s", "__self__", value.__self__)
