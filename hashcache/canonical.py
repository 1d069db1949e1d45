"""Values as digests that agree exactly when type and value agree.

The digest of a value does not depend on identity, sharing, interning, hash seed or process. A nest of
exact builtin types is digested as a whole, at the speed of C; everything else is written by the
handler of its type, a digest per part.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterable
from typing import Any

from hashcache.digest import DIGEST_SIZE, Framed, digest_frame, frame_head
from hashcache.errors import UncanonicalError
from hashcache.plain import ATOMS, NESTS, atom_digest, nest_digest

Handler = Callable[[Any, "Sink"], None]

ATOM = b"atom"  # marks values without parts in an outline
RELAXATIONS = frozenset({"dict_order"})
_PART = frame_head("part", DIGEST_SIZE)
_TYPE = frame_head("type", DIGEST_SIZE)


class Sink(Framed):
    """Where a handler writes one value: frames of its own, and its parts one by one."""

    __slots__ = ("walk",)

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk = walk

    def text(self, tag: str, text: str) -> None:
        """Append a frame of text."""
        self.write(tag, text.encode("utf-8", "surrogatepass"))

    def part(self, form: str, key: object, value: object) -> None:
        """Append the digest of a part, called ``form % key`` in paths: ``"[%r]", 3`` or ``".%s", "x"``."""
        walk = self.walk
        walk.trail.append((form, key))
        self.write_framed(_PART + walk.digest(value))
        walk.trail.pop()

    def type_of(self, value: object) -> None:
        """Append the class of `value`: its code for a user's class, else its name and version."""
        self.write_framed(_TYPE + self.walk.code(type(value)))


class Walk:
    """One canonicalisation: what was seen so far, and how code among the values is named.

    Parameters
    ----------
    code : callable
        Digest of a function, class or module that occurs among the values.
    opaque : bool
        Whether things that carry no value (locks, loggers, open files) may enter by type alone.
    relax : set of str
        Names of relaxations; ``"dict_order"`` makes mappings that differ in order equal.
    outline : dict, optional
        Gets the digest of every part, by path.
    unfilled : container of str
        Paths of cached properties that are passed over, as though nobody had asked for them yet.
    """

    def __init__(
        self,
        code: Callable[[Any], bytes],
        *,
        opaque: bool = False,
        relax: Iterable[str] = (),
        outline: dict[str, bytes] | None = None,
        unfilled: Container[str] = (),
    ) -> None:
        self.code = code
        self.opaque = opaque
        self.relax = frozenset(relax)
        self.outline = outline
        self.unfilled = unfilled
        # Cached properties that were asked for, by path, each with the steps to it; kept with an outline.
        self.filled: dict[str, tuple[tuple[str, object], ...]] = {}
        self.trail: list[tuple[str, object]] = []
        self.assumptions: list[str] = []
        self.mutable = False  # whether anything seen can change in place
        self.by_role = False  # whether what a whole process shares counts by what it is, not by its state
        self.unsure = False  # whether a reduction of the object's own making was relied on
        self._stack: dict[int, int] = {}
        self._lowest = sys.maxsize
        self._digests: dict[int, tuple[object, bytes, bool]] = {}

    def path(self) -> str:
        """Return where the walk stands, as ``atoms.calc.results['energy']``."""
        return "".join(form % (key,) for form, key in self.trail)

    def digest(self, value: object) -> bytes:
        """Return the 16-byte digest of `value`.

        Raises
        ------
        UncanonicalError
            The value, or a part of it, has no canonical form. Names the path.
        """
        kind = type(value)
        if kind in ATOMS:
            digest = atom_digest(value)
            self._record(digest, ATOM)
            return digest
        known = self._digests.get(id(value))
        if known is not None:
            self.mutable = self.mutable or known[2]
            return known[1]
        if kind in NESTS and self._may_be_plain(value):
            plain = nest_digest(value, kind)
            if plain is not None:
                digest, mutable = plain
                self.mutable = self.mutable or mutable
                self._record(digest)
                return digest
        return self._node(value, kind)

    def _node(self, value: object, kind: type) -> bytes:
        key, depth = id(value), len(self._stack)
        if key in self._stack:  # a cycle, named by how far up it closes
            self._lowest = min(self._lowest, self._stack[key])
            return digest_frame("cycle", str(depth - self._stack[key]).encode())
        outer, self._lowest = self._lowest, sys.maxsize
        mutable, self.mutable = self.mutable, kind is list or kind is dict
        self._stack[key] = depth
        try:
            sink = Sink(self)
            handler_for(kind)(value, sink)
        except RecursionError:
            raise self.refuse(value, "it is nested too deeply") from None
        finally:
            del self._stack[key]
        digest = sink.digest()
        if self._lowest >= depth:
            # Nothing inside refers above this value, so its digest holds wherever it occurs again.
            # The value is kept with it: some parts are made for the walk, and ids are used again.
            self._digests[key] = (value, digest, self.mutable)
            self._lowest = outer
        else:
            self._lowest = min(outer, self._lowest)
        self.mutable = self.mutable or mutable
        self._record(digest)
        return digest

    def refuse(self, value: object, reason: str) -> UncanonicalError:
        """Return the error for a value that cannot enter a key."""
        path = self.path()
        shown = path if len(path) <= 200 else f"{path[:80]}...{path[-80:]}"
        return UncanonicalError(
            f"{shown or 'the value'} is a {type_name(type(value))} and has no canonical form: {reason}; "
            f"give its class a __hashcache__() method, register a handler with hashcache.register, "
            f"or leave the argument out with ignore=",
            path,
        )

    def _record(self, digest: bytes, kind: bytes = b"") -> None:
        if self.outline is not None:
            self.outline[self.path()] = kind + digest

    def _may_be_plain(self, value: Any) -> bool:
        if self.relax:
            return False
        # An outline wants to name the element that changed, but not among thousands.
        return self.outline is None or len(value) > 1000

    def note_origin(self, origin: str) -> None:
        """Take note that a digest names a distribution with its version; for explanations alone."""

    def settle(self, elements: Iterable[object]) -> Iterable[object]:
        """Return the elements of a set in an order in which to digest them; any will do here."""
        return elements


# -- handlers ----------------------------------------------------------------------------------------

_exact: dict[type, Handler] = {}  # for this type and no subclass
_named: dict[str, Handler] = {}  # by qualified name, so that nothing is imported to register
_registered: dict[type, Handler] = {}  # by users, for a type and its subclasses
_resolved: dict[type, Handler] = {}
_generic: list[Handler] = []  # for everything that has none of these


def handles(*kinds: type) -> Callable[[Handler], Handler]:
    """Make a function the handler of exactly these types."""

    def register_handler(handler: Handler) -> Handler:
        _exact.update(dict.fromkeys(kinds, handler))
        return handler

    return register_handler


def handles_named(*names: str) -> Callable[[Handler], Handler]:
    """Make a function the handler of types with these qualified names, and of their subclasses."""

    def register_handler(handler: Handler) -> Handler:
        _named.update(dict.fromkeys(names, handler))
        return handler

    return register_handler


def register(kind: type, handler: Callable[[Any], object]) -> None:
    """Say what the value of a type is.

    Parameters
    ----------
    kind : type
        The type; its subclasses follow unless they have a handler of their own.
    handler : callable
        Takes an instance and returns what stands for its value: any nest of builtins, arrays and
        other values with a canonical form. Two instances of the same class have equal keys exactly
        when their handlers' results do.

    Raises
    ------
    TypeError
        `kind` is not a class, or is a builtin whose canonical form is fixed.

    Examples
    --------
    >>> import hashcache
    >>> class Grid:
    ...     def __init__(self, n): self.n, self.scratch = n, object()
    >>> hashcache.register(Grid, lambda grid: grid.n)
    >>> hashcache.digest(Grid(3)) == hashcache.digest(Grid(3))
    True
    """
    if not isinstance(kind, type):
        raise TypeError(f"register takes a class, not {kind!r}")
    if kind in _exact or kind in ATOMS or kind in NESTS:
        raise TypeError(f"the canonical form of {type_name(kind)} is fixed; register a subclass of it")
    _registered[kind] = _substitute(handler)
    _resolved.clear()


def handles_the_rest(handler: Handler) -> Handler:
    """Make a function the handler of every type that has no other."""
    _generic[:] = [handler]
    return handler


def handler_for(kind: type) -> Handler:
    """Return the handler of a type: its own, its base classes', or the generic one."""
    found = _resolved.get(kind)
    if found is None:
        found = _resolved[kind] = _find_handler(kind)
    return found


def _find_handler(kind: type) -> Handler:
    if kind in _exact:
        return _exact[kind]
    for base in kind.__mro__:
        if base in _registered:
            return _registered[base]
        if "__hashcache__" in vars(base):
            return _substitute(lambda value: value.__hashcache__())
        named = _named.get(type_name(base))
        if named is not None:
            return named
    return _generic[0]


def _substitute(stand_in: Callable[[Any], object]) -> Handler:
    def write(value: Any, sink: Sink) -> None:
        sink.walk.mutable = True
        sink.type_of(value)
        sink.part("%s", "", stand_in(value))

    return write


def type_name(kind: type) -> str:
    """Return the qualified name of a type with its module, as in ``numpy.ndarray``."""
    return f"{kind.__module__}.{kind.__qualname__}"
