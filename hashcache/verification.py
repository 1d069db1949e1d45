"""Computing again what is stored, and comparing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hashcache.codec import Payload
from hashcache.compare import difference
from hashcache.computation import Raised
from hashcache.errors import HashCacheError
from hashcache.recent import MISS
from hashcache.roads import YIELDED, Items, answer_generator

if TYPE_CHECKING:
    from hashcache.call import Call
    from hashcache.decorator import Cached


class Verification:
    """A stored result beside the one that was computed just now; true if they are the same value.

    Attributes
    ----------
    key : str
    is_stored : bool
        Whether there was something to compare. If not, nothing was computed.
    stored, computed : object
        The two results: of a generator the list of its items, with what it returned as the last; of a
        call that raised, the exception.
    difference : str
        Where they differ, and how; empty if they do not.
    """

    def __init__(self, key: str, stored: Any, computed: Any) -> None:
        self.key = key
        self.is_stored = stored is not MISS
        self.stored = stored if self.is_stored else None
        self.computed = computed
        self.difference = _compared(stored, computed, 0.0) if self.is_stored else "nothing is stored"

    def within(self, rtol: float) -> bool:
        """Return whether they are the same but for floats, which may differ by a part of their size."""
        return self.is_stored and not _compared(self.stored, self.computed, rtol)

    def __bool__(self) -> bool:
        return not self.difference

    def __repr__(self) -> str:
        return f"<{self.key}: {self.difference or 'the same'}>"


def _compared(stored: Any, computed: Any, rtol: float) -> str:
    if isinstance(stored, BaseException) and isinstance(computed, BaseException):
        if type(stored) is type(computed):
            return difference(stored.args, computed.args, rtol, "error.args")
        return f"raised {stored!r} -> raised {computed!r}"
    return difference(stored, computed, rtol)


def verify(
    cached: Cached[..., Any], call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Verification:
    """Return what is stored of a call beside what the function returns now; nothing is stored.

    Raises
    ------
    HashCacheError
        The function is one whose stored results cannot be looked at without more ado.
    """
    prepare(cached, call)
    layer = cached._layer
    layer.cache.recent.discard(call.name)  # nor what this process remembers
    stored = layer.look_up(call, Counter())
    if stored is MISS:
        return Verification(str(call.key), MISS, None)
    return compared(cached, call, stored, args, kwargs)


def compared(
    cached: Cached[..., Any], call: Call, stored: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Verification:
    """Return a stored value beside what the function returns now."""
    stored = stored.error if type(stored) is Raised else stored
    try:
        computed = cached.__wrapped__(*args, **kwargs)
        if cached._road is answer_generator:
            computed = _exhausted(computed)
    except cached._options.cache_exceptions as error:
        computed = error
    return Verification(str(call.key), stored, computed)


def prepare(cached: Cached[..., Any], call: Call) -> None:
    """Let a stored result be looked at; raise `HashCacheError` where that takes more than a look."""
    if cached._road not in (None, answer_generator):
        raise HashCacheError(f"{call.function} has to be awaited, which verify cannot")
    if call.reach is not None:
        raise HashCacheError(
            f"{call.function} repeats changes, which would change what it is called with here"
        )
    if cached._road is answer_generator:
        call.decoders = {YIELDED: lambda payload: _items(payload, cached._layer.codecs)}
    call.terms = None  # whether it may be used is not the question


def _items(payload: Payload, codecs: Any) -> list[Any]:
    items = Items(payload, codecs)
    return [*items, items.returned]


def _exhausted(running: Any) -> list[Any]:
    items = []
    while True:
        try:
            items.append(next(running))
        except StopIteration as end:
            return [*items, end.value]
