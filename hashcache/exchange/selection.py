"""Which entries are meant: by layer, function, key and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from hashcache.errors import OptionError
from hashcache.exchange.archive import Row
from hashcache.key import group_name

if TYPE_CHECKING:
    from hashcache.decorator import Cached


class Choice(TypedDict, total=False):
    """The options that choose entries."""

    layer: str | None
    function: str | None
    keys: Sequence[str]
    since: datetime | timedelta | float | None


class Selection(NamedTuple):
    """What chooses entries; without anything, it is all of them.

    Attributes
    ----------
    layer : str, optional
    function : str, optional
        A part of the names of functions.
    keys : tuple of str, optional
        First digits of keys.
    since : float, optional
        Seconds since 1970.
    group : str, optional
        The layer and group of one function.
    fingerprint : str, optional
        Of that function.
    """

    layer: str | None = None
    function: str | None = None
    keys: tuple[str, ...] | None = None
    since: float | None = None
    group: str | None = None
    fingerprint: str | None = None

    @property
    def prefix(self) -> str:
        """With what the names of all that is chosen begin, as stores take it."""
        return self.group or self.layer or ""

    def takes(self, row: Row) -> bool:
        """Whether a result is chosen, by its header or by what a manifest says of it."""
        layer, rest = str(row["key"]).split(":", 1)
        function, _, digest = rest.rpartition(":")
        return (
            (self.layer is None or layer == self.layer)
            and (self.function is None or self.function in function)
            and (self.keys is None or digest.startswith(self.keys))
            and (self.since is None or row["created"] >= self.since)
            and (self.group is None or str(row["name"]).rpartition("/")[0] == self.group)
            and (self.fingerprint is None or row["fingerprint"] == self.fingerprint)
        )


def selection(
    layer: str | None = None,
    function: str | None = None,
    keys: Sequence[str] | None = None,
    since: datetime | timedelta | float | None = None,
) -> Selection:
    """Return the selection of these options.

    Raises
    ------
    OptionError
        A key is none, or the time is none.
    """
    if isinstance(keys, str):
        raise OptionError(f"keys={keys!r} is a string; pass a tuple of keys")
    chosen = None if keys is None else tuple(key.rpartition(":")[2].lower() for key in keys)
    for key in chosen or ():
        if not key or set(key) - set("0123456789abcdef"):
            raise OptionError(f"{key!r} is no key, which is hexadecimal digits, or the first of them")
    return Selection(layer, function, chosen, _seconds(since))


def _seconds(since: datetime | timedelta | float | None) -> float | None:
    if isinstance(since, timedelta):
        since = datetime.now().astimezone() - since
    if isinstance(since, datetime):
        return since.timestamp()
    if since is None or (isinstance(since, (int, float)) and not isinstance(since, bool)):
        return since
    raise OptionError(f"since={since!r}; pass a datetime, a timedelta back from now, or seconds since 1970")


def of_function(cached: Cached[..., Any], keys: Sequence[str] | None, every: bool) -> Selection:
    """Return the selection of the results of one function: as it is now, or under its name at any time."""
    group = group_name(cached._layer.name, cached._function)
    fingerprint = None if every else cached.fingerprint().digest.hex()
    return selection(keys=keys)._replace(group=group, fingerprint=fingerprint)
