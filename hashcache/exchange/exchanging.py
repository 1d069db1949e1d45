"""The part of a cache that exchanges entries with other caches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Unpack, cast

if TYPE_CHECKING:
    from hashcache.cache import Cache
    from hashcache.exchange.outcome import Exchanged
    from hashcache.exchange.selection import Choice
    from hashcache.policy import Size

MOST = "8 GB"  # that one archive may bring, unless told otherwise


class Exchanging:
    """Export and import, for `Cache`."""

    def export_entries(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        allow_pickle: bool = False,
        arguments: bool = True,
        author: str = "",
        **choice: Unpack[Choice],
    ) -> Exchanged:
        """Write stored results to an archive, and return which went and which stay.

        Equal choices of equal results give equal archives, byte for byte. What an archive says of a result is
        what the entry says, without the names of user and machine.

        Parameters
        ----------
        target : path or binary file
            A path is there whole or not at all. If nothing is chosen, nothing is written.
        layer, function : str, optional
            Only of this layer, and only of functions whose name contains this.
        keys : sequence of str, optional
            Only these keys, or those that begin so: ``f.key(x)`` is one.
        since : datetime, timedelta or float, optional
            Only what was computed after this time, in this span until now, or after so many seconds since
            1970.
        allow_pickle : bool
            Also results that only pickle, or another codec that can run code, can read. What is compiled for
            one machine stays in any case.
        arguments : bool
            Whether arguments that were kept beside a result go with it.
        author : str
            Who exports, in a line, for those who receive it.

        Returns
        -------
        Exchanged

        Raises
        ------
        OptionError
            The choice makes no sense.
        ArchiveError
            A result was deleted or replaced meanwhile, or there are more than one archive holds.
        OSError
            The store cannot be read, or the archive not written.

        Examples
        --------
        >>> import io, tempfile
        >>> from hashcache import Cache
        >>> cache, other = Cache(tempfile.mkdtemp()), Cache(tempfile.mkdtemp())
        >>> square = cache(lambda x: x * x)
        >>> square(3)
        9
        >>> archive = io.BytesIO()
        >>> len(cache.export_entries(archive).keys), len(other.import_entries(archive).keys)
        (1, 1)
        """
        from hashcache.exchange.exporting import export_entries
        from hashcache.exchange.selection import selection

        return export_entries(
            cast("Cache", self),
            target,
            selection(**choice),
            allow_pickle=allow_pickle,
            arguments=arguments,
            author=author,
        )

    def import_entries(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        allow_pickle: bool = False,
        max_size: Size = MOST,
        dry_run: bool = False,
        **choice: Unpack[Choice],
    ) -> Exchanged:
        """Store results of an archive, and return which were stored and which were not.

        The whole archive is looked at before anything is stored. A result that is there already stays, and is
        compared. Entries are stored one after the other, each whole or not at all; whoever is interrupted
        imports once more.

        An archive runs nothing, but who made it could say anything: import from those whose numbers you would
        believe, or compute them again (``hashcache verify --recompute``).

        Parameters
        ----------
        source : path or binary file
        layer, function, keys, since
            As those of `export_entries`.
        allow_pickle : bool
            Also results that only a codec that can run code can read. Only for archives of people whose
            programs you would run. Never in a cache with ``pickle="never"``.
        max_size : int or str
            Bytes that the results may take, as they are and expanded.
        dry_run : bool
            Say what would be stored, and store nothing.

        Returns
        -------
        Exchanged

        Raises
        ------
        ArchiveError
            It is not an archive, damaged, or too large. Nothing was stored.
        OSError
            The archive cannot be read, or the store not written.
        """
        from hashcache.exchange.importing import import_entries
        from hashcache.exchange.selection import selection
        from hashcache.policy import bytes_of

        return import_entries(
            cast("Cache", self),
            source,
            selection(**choice),
            allow_pickle=allow_pickle,
            max_size=bytes_of(max_size),
            dry_run=dry_run,
        )
