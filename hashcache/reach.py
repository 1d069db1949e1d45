"""Every object that a call can reach and change, numbered so that equal calls agree on the numbers."""

from __future__ import annotations

import datetime
import decimal
import fractions
import gc
import sys
import types
import uuid
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from hashcache.canonical import Walk, type_name
from hashcache.digest import Framed, digest_frame
from hashcache.distributions import origin_of_code
from hashcache.errors import UncanonicalError
from hashcache.fingerprint import ArgumentWalk, fingerprint
from hashcache.kinds import ATTRIBUTES, Kind, find_kind
from hashcache.plain import ATOMS
from hashcache.regions import Region, clusters, region_of
from hashcache.watching import Watched

_PLAIN = frozenset(
    {
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, decimal.Decimal,
        fractions.Fraction, uuid.UUID, range, types.EllipsisType, types.NotImplementedType,
        type(None), bool, int, float, complex, str, bytes,
    }
)  # fmt: skip
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_DEEPEST = 20
_MOST_HELD = 100_000
_OWN = __name__.partition(".")[0]

Where = tuple[int | None, str, object]  # number of the owner, and how paths call a part of it


class Leaf(NamedTuple):
    """Something that is taken as a whole: its digest, what was met inside it, and how to look again."""

    digest: bytes
    mutable: bool
    inside: list[object]
    look: Callable[[], bytes]
    where: Where


class Reach:
    """The objects that the arguments and captured values of a call lead to.

    Two calls whose arguments have equal canonical forms reach objects that correspond to each other by
    number, provided that parts are shared alike. `digest` says how they are shared and is for the key.

    Parameters
    ----------
    arguments : iterable of (str, object)
    watched : iterable of Watched
        The captured values that can change in place.
    relax : iterable of str
        The relaxations under which the arguments were digested.

    Attributes
    ----------
    objects : list
        What can change, in the order in which it was found. Held, so that no id is used again.
    digest : bytes
    """

    def __init__(
        self, arguments: Iterable[tuple[str, object]], watched: Iterable[Watched], relax: Iterable[str] = ()
    ) -> None:
        self.objects: list[object] = []
        self.kinds: list[Kind | None] = []  # None for what is taken as a whole
        # What is taken as a whole and cannot change, as often as it occurs: which of several equal ones
        # occurs where makes no difference, and is not in the key.
        self._constants: list[object] = []
        self.leaves: dict[int, Leaf] = {}
        self.places: dict[int, int] = {}
        self._constant_places: dict[int, int] = {}
        self.regions: list[Region] = []
        self._unordered = "dict_order" in relax
        self._where: list[Where] = []
        self._known_kinds: dict[type, Kind | None] = {}
        self._shared = 0
        self._sink = Framed()
        self._expand(arguments, captured=False)
        self._expand([(one.name, one.value) for one in watched], captured=True)
        self._relate()
        self.digest = self._sink.digest()

    @property
    def text(self) -> str:
        """For people: how many objects there are."""
        shared = f", {self._shared} met again" if self._shared else ""
        return f"{len(self.objects)} objects{shared}"

    def number(self, value: object) -> int | None:
        """Return what stands for an object of this call, and leads to the like of it in another."""
        place = self.places.get(id(value))
        if place is None and id(value) in self._constant_places:
            place = -1 - self._constant_places[id(value)]
        return place

    def numbered(self, number: int) -> object:
        """Return the object that a number stands for."""
        return self.objects[number] if number >= 0 else self._constants[-1 - number]

    def path(self, place: int) -> str:
        """Return how people call the object of this number, as ``atoms.calc.results``."""
        return self.name(self._where[place])

    def name(self, where: Where) -> str:
        """Return how people call what is there."""
        names: list[str] = []
        owner: int | None = -1
        while owner is not None:
            owner, form, key = where
            try:
                names.append(form % (key,))
            except Exception:  # a key whose repr fails
                names.append("[...]")
            where = self._where[owner] if owner is not None else where
        path = "".join(reversed(names))
        return path if len(path) <= 200 else f"{path[:80]}...{path[-80:]}"

    def inside_of_leaves(self) -> Iterator[object]:
        """Yield what was met inside of things that are taken as a whole, and is not code or a number."""
        for leaf in self.leaves.values():
            yield from (value for value in leaf.inside if not isinstance(value, (*_CODE, tuple, frozenset)))

    # -- finding ---------------------------------------------------------------------------------

    def _expand(self, roots: Iterable[tuple[str, object]], *, captured: bool) -> None:
        """Give everything that the roots lead to a number, breadth first: no nest is too deep for that."""
        place = len(self.objects)
        links = array("q", [self._visit(value, None, "%s", name, captured) for name, value in roots])
        self._sink.write("roots", links.tobytes())
        while place < len(self.objects):
            value, kind = self.objects[place], self.kinds[place]
            links = array("q")
            if kind is not None and not _holds_only_plain(value):
                for form, key, part in self._ordered(kind, value):
                    if not _is_plain(part):
                        links.append(self._visit(part, place, form, key, captured))
                if kind.is_user_class and not captured:  # a captured one has guards
                    links.append(self._visit(type(value), place, "%s", "'s class", captured))
            self._sink.write(kind.name if kind is not None else "whole", links.tobytes())
            place += 1

    def _visit(self, value: object, owner: int | None, form: str, key: object, captured: bool) -> int:
        """Return the number of an object; below zero for what has none."""
        place = self.places.get(id(value))
        if place is not None:
            self._shared += 1
            return place
        if _is_constant(value):
            if not _is_plain(value):
                self._add_constant(value)
            return -1
        kind = ATTRIBUTES if form == "%s" and key == "" else self._kind(value)
        if kind is None:
            leaf = self.leaves.get(id(value))
            if leaf is None:
                leaf = self.leaves[id(value)] = _look_at(value, captured, (owner, form, key))
            if not leaf.mutable:
                self._add_constant(value)
                return -1
        place = self.places[id(value)] = len(self.objects)
        self.objects.append(value)
        self.kinds.append(kind)
        self._where.append((owner, form, key))
        return place

    def _add_constant(self, value: object) -> None:
        self._constant_places.setdefault(id(value), len(self._constants))
        self._constants.append(value)

    def _kind(self, value: object) -> Kind | None:
        kind = type(value)
        if kind not in self._known_kinds:
            self._known_kinds[kind] = find_kind(kind)
        found = self._known_kinds[kind]
        return found if found is not None and found.fits(value) else None

    def _ordered(self, kind: Kind, value: object) -> Iterable[tuple[str, object, object]]:
        """Return the parts of an object in an order that does not depend on the process."""
        if kind.ordered and not (self._unordered and isinstance(value, dict)):
            return kind.parts(value)
        if isinstance(value, dict):  # under a relaxation: by pairs, as the canonical form has them
            pairs = sorted(dict.items(value), key=_rank)
            return [("[%r]", key, part) for key, value in pairs for part in (key, value)]
        parts = [part for part in kind.parts(value) if not _is_plain(part[2])]
        return sorted(parts, key=lambda part: _rank(part[2]))

    # -- sharing ---------------------------------------------------------------------------------

    def _relate(self) -> None:
        """Write what wholes have in common with objects, and which memory arrays have in common."""
        # Kept by id: an array that is met twice does not overlap with itself.
        looked_at = {id(value): (place, value) for place, value in enumerate(self.objects)}
        for leaf in self.leaves.values():
            met = {self.places[id(part)] for part in leaf.inside if id(part) in self.places}
            self._sink.write("inside", array("q", sorted(met)).tobytes())
            for part in leaf.inside:
                looked_at.setdefault(id(part), (-1, part))
        found = (region_of(value, place) for place, value in looked_at.values())
        self.regions = [region for region in found if region is not None]
        for cluster in clusters(self.regions):
            if all(region.place < 0 for region in cluster):
                continue
            base = min(region.low for region in cluster)
            lines = sorted(f"{region.place} {region.low - base} {region.layout}" for region in cluster)
            self._sink.write("overlap", "\n".join(lines).encode())


def _holds_only_plain(value: Any) -> bool:
    """Whether a list or dict holds nothing to be numbered, found out at the speed of C."""
    if type(value) is list:
        return _PLAIN.issuperset(map(type, value))
    return (
        type(value) is dict
        and _PLAIN.issuperset(map(type, value.values()))
        and _PLAIN.issuperset(map(type, value))
    )


def _is_plain(value: object) -> bool:
    """Whether a value has no identity that anybody minds: numbers, texts and the like."""
    kind = type(value)
    return kind in _PLAIN or (kind.__module__ == "numpy" and _is_number(value))


def _is_number(value: object) -> bool:
    numpy: Any = sys.modules["numpy"]
    return isinstance(value, numpy.generic) and not isinstance(value, (numpy.void, numpy.object_))


def _is_constant(value: object, depth: int = 0) -> bool:
    """Whether a value is plain, or a tuple or frozenset of such."""
    if type(value) is tuple or type(value) is frozenset:
        if set(map(type, value)) <= _PLAIN:
            return True
        return depth < _DEEPEST and all(_is_constant(part, depth + 1) for part in value)
    return _is_plain(value)


# -- what is taken as a whole --------------------------------------------------------------------------


class _Whole(ArgumentWalk):
    """The walk over an argument that notes what it meets."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[object] = []

    def digest(self, value: object) -> bytes:
        if type(value) not in ATOMS:
            _note(value, self.inside)
        return super().digest(value)

    def _may_be_plain(self, value: Any) -> bool:
        return False  # the fast road meets nothing

    def _digest_code(self, code: Any) -> bytes:
        digest = super()._digest_code(code)
        if origin_of_code(code) is None:
            for watched in fingerprint(code).watched:
                walk = _CapturedWhole(self.inside)
                with suppress(Exception):  # what was met so far is what counts
                    walk.digest(watched.value)
        return digest


class _CapturedWhole(Walk):
    """The same for a captured value, where code counts by identity: see `watch_digest`."""

    def __init__(self, inside: list[object]) -> None:
        super().__init__(lambda code: digest_frame("id", str(id(code)).encode()), opaque=True)
        self.inside = inside

    def digest(self, value: object) -> bytes:
        if type(value) not in ATOMS:
            _note(value, self.inside)
        return super().digest(value)

    def _may_be_plain(self, value: Any) -> bool:
        return False


def _rank(value: object) -> bytes:
    """Return a digest to sort by, the same in every process."""
    walk = ArgumentWalk()
    walk.opaque = True
    return walk.digest(value)


def _note(value: object, inside: list[object]) -> None:
    inside.append(value)
    if type(value) is memoryview:
        inside.append(value.obj)


def _held_by(value: object) -> Iterator[object]:
    """Yield what a whole holds, whether or not its canonical form looks at it: memory above all."""
    seen = {id(value)}
    pending = [value]
    while pending:
        held = pending.pop()
        parts = gc.get_referents(held)
        # A cached function holds its cache, and so all that this keeps; what it stands for is its function.
        if type(held).__module__.partition(".")[0] == _OWN:
            parts = [vars(held)] if hasattr(held, "__wrapped__") else []
        elif _is_array_of_objects(held):
            parts = held.ravel().tolist()  # type: ignore[attr-defined]
        for part in parts:
            if type(part) in ATOMS or id(part) in seen or isinstance(part, (*_CODE, types.FrameType)):
                continue
            seen.add(id(part))
            if len(seen) > _MOST_HELD:
                raise UncanonicalError(
                    f"a {type_name(type(value))} holds too many objects to tell which of them it shares"
                )
            yield part
            pending.append(part)


def _is_array_of_objects(value: Any) -> bool:
    return type(value).__name__ == "ndarray" and value.dtype.hasobject and value.dtype.names is None


def _look_at(value: object, captured: bool, where: Where) -> Leaf:
    def look() -> tuple[bytes, _Whole | _CapturedWhole]:
        walk = _CapturedWhole([]) if captured else _Whole()
        return walk.digest(value), walk

    digest, walk = look()
    if walk.mutable and not isinstance(value, _CODE):
        walk.inside += _held_by(value)
    inside = [part for part in walk.inside if part is not value]
    return Leaf(digest, walk.mutable, inside, lambda: look()[0], where)
