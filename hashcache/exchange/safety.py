"""Whether an entry may travel: by the codecs that read it, which say so, and never by what it says itself.

What an entry holds is decoded by the codec of that name that the receiver has. So it is the receiver's
codecs that count, and one that nobody here knows is not taken on trust.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hashcache.codec import Buffer
from hashcache.errors import ArchiveError
from hashcache.exchange.declared import make_known
from hashcache.form import COMPRESSED, Traits, traits_of
from hashcache.replay import REPLAY
from hashcache.roads import YIELDED

_SENSELESS = (ValueError, TypeError, LookupError, RecursionError)


class Contents(NamedTuple):
    """What reading an entry leads to.

    Attributes
    ----------
    of_result, of_arguments : frozenset of str
        All codecs that take part in reading the result, and the arguments if they are kept.
    expanded : int
        Bytes that result and arguments take once their frames are expanded.
    """

    of_result: frozenset[str]
    of_arguments: frozenset[str]
    expanded: int


def contents_of(header: dict[str, Any], arguments: Sequence[Buffer]) -> Contents:
    """Return what reading an entry leads to, by its header and the frames of arguments that were kept.

    Raises
    ------
    ArchiveError
        That cannot be told.
    """
    try:
        result = list(_parts(header["codec"], header["payload"], header["frames"]))
        others = list(_argument_parts(arguments)) if arguments else []
    except _SENSELESS as error:
        raise ArchiveError(f"what it says of its codecs makes no sense: {error}") from error
    of_result, of_arguments = (frozenset(codec for codec, _ in part) for part in (result, others))
    return Contents(of_result, of_arguments, sum(size for _, size in [*result, *others]))


def _parts(codec: str, description: Any, sizes: list[int], outer: bool = True) -> Iterator[tuple[str, int]]:
    """Yield each codec that takes part, with the bytes that it gets."""
    if codec == COMPRESSED and outer:
        inner, described, expanded = description
        larger = [size if now is None else _natural(now) for size, now in zip(sizes, expanded, strict=True)]
        yield from _parts(inner, described, larger, outer=False)
    elif codec == YIELDED:
        for inner, _, _ in description:
            if type(inner) is not str or inner in (YIELDED, COMPRESSED):
                raise ValueError(f"{inner!r:.50} is no codec of an item")
            yield inner, 0
        yield YIELDED, sum(map(_natural, sizes))
    elif type(codec) is str and codec != COMPRESSED:
        yield codec, sum(map(_natural, sizes))
    else:
        raise ValueError(f"{codec!r:.50} is no codec")


def _argument_parts(frames: Sequence[Buffer]) -> Iterator[tuple[str, int]]:
    _, _, described = json.loads(bytes(frames[0]))
    place = 1
    for codec, description, length in described:
        sizes = [len(frame) for frame in frames[place : place + _natural(length)]]
        yield from _parts(codec, description, sizes)
        place += length


def _natural(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r:.50} is no number of bytes")
    return number


# Of codecs that are no objects: what reads them is part of the mechanism.
_BUILT_IN = {REPLAY: Traits(True, False), YIELDED: Traits(False, False)}


def why_not(codecs: frozenset[str], allow_pickle: bool) -> str:
    """Return why a result that these codecs read does not travel; an empty text if it does."""
    for codec in sorted(codecs):
        failure = "" if _known(codec) else make_known(codec)
        known = _known(codec)
        if not known:
            remedy = failure or "import the module that it is of first (on the command line, --import MODULE)"
            return f"nothing here knows the codec {codec!r}; {remedy}"
        if any(traits.machine_bound for traits in known):
            return f"what codec {codec!r} wrote is for one machine, and stays there"
        if any(traits.executes_code for traits in known) and not allow_pickle:
            return f"codec {codec!r} can run code when it reads, and allow_pickle=True was not given"
    return ""


def _known(codec: str) -> list[Traits]:
    return [traits for traits in (_BUILT_IN.get(codec), traits_of(codec)) if traits is not None]
