"""What a function depends on: its code, and every value that the code can reach by name, as one digest.

It is kept together with guards, which say whether it would come out the same now.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from collections.abc import Container, Iterable
from typing import Any

from hashcache.canonical import Walk
from hashcache.capture import CaptureWalk
from hashcache.digest import digest_frame
from hashcache.distributions import digest_by_name, origin_of_code, own_name
from hashcache.guards import Guards
from hashcache.parts import Part
from hashcache.watching import Watched


class Fingerprint:
    """The digest of a function with everything that it can reach, and how it came about."""

    # Every warm call reads it, and slots are read faster than the fields of a named tuple.
    __slots__ = ("assumptions", "digest", "guards", "parts", "watched")

    def __init__(
        self,
        digest: bytes,
        parts: tuple[Part, ...],
        assumptions: tuple[str, ...],
        guards: Guards,
        watched: tuple[Watched, ...],
    ) -> None:
        self.digest = digest
        self.parts = parts
        self.assumptions = assumptions
        self.guards = guards
        self.watched = watched

    def holds(self) -> bool:
        """Return whether the fingerprint would come out the same now."""
        if not self.guards.hold():
            return False
        return not self.watched or not any(watched.changed() for watched in self.watched)


_recent: OrderedDict[int, tuple[object, bool, Fingerprint]] = OrderedDict()
_RECENT = 1024


def fingerprint(
    function: Any, *, strict: bool = False, depends_on: tuple[Any, ...] = (), settings: bool = True
) -> Fingerprint:
    """Return the fingerprint of a function, class or other callable.

    Parameters
    ----------
    function : callable
        Followed into helpers, closures, globals, classes and user modules; installed distributions,
        the standard library and builtins enter by name and version.
    strict : bool
        Refuse captured things that carry no value (locks, loggers) instead of taking their type.
    depends_on : tuple
        Further values, functions or files that the result depends on and the code does not show.
    settings : bool
        Let settings of JAX take part, where the function reaches JAX.

    Raises
    ------
    UncanonicalError
        A captured value has no canonical form. Names it.
    """
    key = id(function)
    is_plain = not depends_on and settings
    if is_plain:
        known = _recent.get(key)
        if known is not None and known[0] is function and known[1] == strict and known[2].holds():
            return known[2]
    walk = CaptureWalk(strict, settings)
    walk.start(function, depends_on)
    digest = walk.finish()
    assumptions = tuple(dict.fromkeys(walk.assumptions))
    watched = tuple(walk.watched.values())
    result = Fingerprint(digest, tuple(walk.parts), assumptions, walk.guards, watched)
    if is_plain:
        _recent[key] = (function, strict, result)
        if len(_recent) > _RECENT:  # each holds its function and all that it captures
            _recent.popitem(last=False)
    return result


class ArgumentWalk(Walk):
    """The walk over an argument of a call; code met there enters by a fingerprint of its own."""

    def __init__(
        self,
        *,
        relax: Iterable[str] = (),
        outline: dict[str, bytes] | None = None,
        unfilled: Container[str] = (),
    ) -> None:
        super().__init__(self._digest_code, relax=relax, outline=outline, unfilled=unfilled)
        self.functions: list[types.FunctionType] = []  # of the user, among the values; kept with an outline
        self._installed: dict[int, tuple[Any, bytes]] = {}  # of a thousand arrays the class is one
        self.origins: tuple[str, ...] = ()

    def _digest_code(self, code: Any) -> bytes:
        known = self._installed.get(id(code))
        if known is not None:
            return known[1]
        origin = origin_of_code(code)
        if origin is not None:
            self.note_origin(origin)
            digest = digest_by_name(code, origin)
            self._installed[id(code)] = (code, digest)
            return digest
        found = fingerprint(code)
        if self.outline is not None:
            self.functions += found.guards.functions()
        self.mutable = self.mutable or bool(found.watched)
        return digest_frame(own_name(code), found.digest)

    def note_origin(self, origin: str) -> None:
        """Note that the digest names a distribution."""
        if origin not in self.origins:
            self.origins += (origin,)
