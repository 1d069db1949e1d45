"""The part of a cached function that pushes its results to places and pulls them from there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from hashcache.errors import HashCacheError, OptionError, StoreWarning
from hashcache.exchange.exchanging import MOST

if TYPE_CHECKING:
    from hashcache.decorator import Cached
    from hashcache.exchange.outcome import Exchanged
    from hashcache.policy import Size


class Pushing:
    """Push and pull, for `Cached`."""

    __slots__ = ()

    def push(
        self,
        place: str | os.PathLike[str],
        *,
        keys: Sequence[str] | None = None,
        every: bool = False,
        allow_pickle: bool = False,
        arguments: bool = True,
        author: str = "",
    ) -> Exchanged:
        """Add stored results of this function to those at a place, and return which went.

        Only those of the function as it is now, unless `every`; only these `keys`, if given. What is there
        stays: nothing is ever replaced. A place that cannot be reached costs one warning.

        Parameters
        ----------
        place : path or str
            A directory, or a URL that fsspec opens.
        keys, allow_pickle, arguments, author
            As those of `Cache.export_entries`.
        every : bool
            Also results of other states of the function's code and captured values.
        """
        from hashcache.exchange import shelf

        push = partial(
            shelf.push, keys=keys, every=every, allow_pickle=allow_pickle, arguments=arguments, author=author
        )
        return _exchanged(cast("Cached[..., Any]", self), place, "pushed to", push)

    def pull(
        self,
        place: str | os.PathLike[str],
        *,
        keys: Sequence[str] | None = None,
        every: bool = False,
        allow_pickle: bool = False,
        max_size: Size = MOST,
    ) -> Exchanged:
        """Store the results of this function that are at a place and not here, and return which came.

        Only those of the function as it is now, since no others can be hits; `every` gets the others too, for
        `explain`. A place that cannot be reached costs one warning.

        Parameters
        ----------
        place : path or str
            A directory, an ``http`` or ``https`` address, or another URL that fsspec opens.
        keys, allow_pickle, max_size
            As those of `Cache.import_entries`.
        """
        from hashcache.exchange import shelf
        from hashcache.policy import bytes_of

        most = bytes_of(max_size)
        pull = partial(shelf.pull, keys=keys, every=every, allow_pickle=allow_pickle, max_size=most)
        return _exchanged(cast("Cached[..., Any]", self), place, "pulled from", pull)


def _exchanged(
    cached: Cached[..., Any], place: str | os.PathLike[str], how: str, exchange: Callable[..., Exchanged]
) -> Exchanged:
    """Return what an exchange returns; one that fails is no reason not to go on computing."""
    from hashcache.exchange.outcome import Exchanged

    cache, cause = cached._layer.cache, ("exchange", cached._function, os.fsdecode(place))

    def complain(reason: str) -> None:
        cache.warn_once(cause, reason, StoreWarning)

    try:
        return exchange(cached, place, complain=complain)
    except OptionError:
        raise
    except (OSError, HashCacheError) as error:
        complain(f"results of {cached._function} are not {how} {os.fsdecode(place)}: {error}")
        return Exchanged()
