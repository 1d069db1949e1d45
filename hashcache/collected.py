"""What a walk over code collects: parts, guards, and values that may change."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from hashcache.canonical import Walk
from hashcache.digest import digest_frame
from hashcache.distributions import HEAP_TYPE, digest_by_name, origin_of_code, qualified_name
from hashcache.guards import MISSING, Guards
from hashcache.parts import Part
from hashcache.preview import preview
from hashcache.watching import Watched, watch_digest


class Collected(Walk):
    """A walk over captured values; code that it meets is named, and noted to be described later."""

    def __init__(self, strict: bool, settings: bool = True) -> None:
        super().__init__(self._refer, opaque=not strict)
        self._settings = settings
        self.by_role = not strict
        self.parts: list[Part] = []
        self.guards = Guards()
        self.watched: dict[int, Watched] = {}
        self._places: dict[int, int] = {}
        self._found: list[Any] = []
        self._root: Any = None
        self._reaches_jax = False
        self._owner = self._shown_owner = ""
        self._captured: set[str] = set()  # tags of the owner that is being described
        self._origins: tuple[str, ...] = ()  # of the value that is being captured
        self._refers = False
        self._noted: dict[int, tuple[tuple[str, ...], bool]] = {}

    def _refer(self, code: Any) -> bytes:
        """Name a function, class or module by origin, or by its place in the list of parts."""
        origin = origin_of_code(code)
        if origin is None:
            self._refers = True
        else:
            self.note_origin(origin)
            self._reaches_jax |= origin.startswith("jax ")
        if origin is None or (isinstance(code, type) and code.__flags__ & HEAP_TYPE):
            place = self._places.get(id(code))
            if place is None:
                place = self._places[id(code)] = len(self._found)
                self._found.append(code)
            if origin is None:
                return digest_frame("code", str(place).encode())
        return digest_by_name(code, origin)

    def note_origin(self, origin: str) -> None:
        """Note that the digest of what is being captured names a distribution."""
        if origin not in self._origins:
            self._origins += (origin,)

    def settle(self, elements: Iterable[object]) -> Iterable[object]:
        """Order the elements of a set by what they are called: places must not depend on the hash seed."""
        by_name = Walk(lambda code: digest_frame("name", qualified_name(code).encode()), opaque=True)
        return sorted(elements, key=by_name.digest)

    def _add(self, tag: str, kind: str, text: str, origin: str | None = None) -> None:
        origins = () if origin is None else (origin,)
        digest = digest_frame(kind, text.encode())
        self.parts.append(Part(self._owner, tag, digest, text, self._shown_owner, origins=origins))

    def capture(self, tag: str, path: str, value: object, shown_tag: str = "") -> None:
        """Let a value enter as part `tag`; `path` is how it is called in messages."""
        if value is MISSING:
            self._add(tag, "missing", "missing")
            return
        self.mutable, self._lowest = False, sys.maxsize
        self._origins, self._refers = (), False
        self.trail[:] = [("%s", path)]
        # What was digested before is kept, so that its id stays its own, and not walked again.
        known = self._noted.get(id(value)) if id(value) in self._digests else None
        digest = self.digest(value)
        origins, refers = self._noted[id(value)] = known or (self._origins, self._refers)
        if self.mutable and id(value) not in self.watched:
            self.watched[id(value)] = Watched(path, value, watch_digest(value), len(self.parts))
        self.parts.append(
            Part(
                self._owner, tag, digest, preview(value), self._shown_owner, shown_tag,
                origins, refers,
            )
        )  # fmt: skip

    def _look_up(self, names: Mapping[str, Any], name: str) -> Any:
        value = names.get(name, MISSING)
        self.guards.name(names, name, value)
        return value
