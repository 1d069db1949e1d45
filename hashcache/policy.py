"""Which stored results go first: a pure function of what is known of them, without a look at any store.

What a result is worth is the time that it saves per byte, less the longer nobody used it. It is the
priority of hyperbolic caching [1]_ with the last use in place of a count of uses, and like that it needs
no order to be kept: a few results looked at by chance say well enough which ones can go.

References
----------
.. [1] A. Blankstein, S. Sen, M. J. Freedman, Hyperbolic Caching: Flexible Caching for Web Applications,
   USENIX ATC 2017.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from hashcache.errors import OptionError

if TYPE_CHECKING:
    from datetime import timedelta

Size = int | float | str

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_LEAST = 1e-4  # seconds; what took less costs as much to find as to compute
_SETTLED = 3600.0  # seconds; shorter ones say little of when a result is used next
_SPANS = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))


class Known(NamedTuple):
    """What a policy looks at.

    Attributes
    ----------
    name : str
        Under which a store keeps the result.
    size : int
        Bytes.
    seconds : float
        How long it took to compute.
    created, used : float
        When it was computed and last used, in seconds since 1970.
    """

    name: str
    size: int
    seconds: float
    created: float
    used: float


def worth(known: Known, now: float) -> float:
    """Return what it is worth to keep a result: seconds saved per byte, by the time since its last use."""
    seconds = known.seconds if known.seconds > _LEAST else _LEAST
    idle = now - known.used
    return seconds / max(known.size, 1) / ((idle if idle > 0 else 0.0) + _SETTLED)


def choose(
    results: Iterable[Known],
    now: float,
    max_size: int | None = None,
    max_age: float | None = None,
    unused_for: float | None = None,
) -> list[tuple[Known, str]]:
    """Return the results that have to go, each with the reason, in the order in which they go.

    Parameters
    ----------
    results : iterable of Known
        In any order, which makes no difference.
    now : float
        Seconds since 1970.
    max_size : int, optional
        Bytes that those which stay may take together.
    max_age, unused_for : float, optional
        Seconds since a result was computed, and since it was last used.

    Notes
    -----
    What stays is worth at least as much as what went for its size, and what stays under a limit stays
    under every higher one.
    """
    going: list[tuple[Known, str]] = []
    staying: list[Known] = []
    for known in sorted(results):
        if max_age is not None and now - known.created > max_age:
            going.append((known, f"computed {ago(now - known.created)}, over the limit of {span(max_age)}"))
        elif unused_for is not None and now - known.used > unused_for:
            going.append((known, f"last used {ago(now - known.used)}"))
        else:
            staying.append(known)
    if max_size is not None:
        total = sum(known.size for known in staying)
        staying.sort(key=lambda known: (worth(known, now), known.name))
        for known in staying:
            if total <= max_size:
                break
            total -= known.size
            going.append(
                (known, f"over {max_size} bytes in all: saves {known.seconds:.3g} s with {known.size} bytes, "
                 f"last used {ago(now - known.used)}")
            )  # fmt: skip
    return going


# -- how people write limits -------------------------------------------------------------------------


def bytes_of(size: Size) -> int:
    """Return a size in bytes, from a number or from a text such as ``"10 GB"``.

    Raises
    ------
    OptionError
        It is no such thing, or negative.

    Examples
    --------
    >>> bytes_of("10 GB"), bytes_of("1.5 KiB"), bytes_of(3)
    (10000000000, 1536, 3)
    """
    text = str(size).strip().lower()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(number) :].strip()
    try:
        count = float(number) * _UNITS[unit] if not isinstance(size, bool) else -1.0
    except (KeyError, ValueError):
        count = -1.0
    if not 0 <= count < float("inf"):
        raise OptionError(f"{size!r} is no size; pass a number of bytes, or a text such as '10 GB'")
    return int(count)


def seconds_of(length: timedelta | float) -> float:
    """Return a length of time in seconds, from a timedelta or a number of seconds.

    Raises
    ------
    OptionError
        It is no such thing, or not positive.
    """
    seconds = length.total_seconds() if hasattr(length, "total_seconds") else length
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not seconds > 0:
        raise OptionError(f"{length!r} is no length of time; pass a timedelta or a number of seconds")
    return float(seconds)


def span(seconds: float) -> str:
    """Return a length of time as people say it.

    Examples
    --------
    >>> span(3 * 86400 + 5), span(3600.0), span(0.5)
    ('3 days', '1 hour', '0.5 seconds')
    """
    for unit, length in _SPANS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:.2g} seconds"


def ago(seconds: float) -> str:
    """Return how long ago something was, or that it lies in the future."""
    return f"{span(seconds)} ago" if seconds >= 0 else f"{span(-seconds)} in the future"
