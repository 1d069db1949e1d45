"""Looking back: whether a call changed an argument, or a value that its function captured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FunctionType

from hashcache.canonical import ATOM, Walk
from hashcache.derived import may_assign
from hashcache.fingerprint import ArgumentWalk, Fingerprint
from hashcache.plain import ATOMS, NESTS, atom_digest, nest_digest
from hashcache.watching import Watched, WatchWalk

_SHOWN = 5


class Argument:
    """One argument of a call: its name, its value, and the digest that went into the key."""

    __slots__ = ("digest", "mutable", "name", "value", "walk")

    def __init__(
        self, name: str, value: object, digest: bytes, mutable: bool, walk: ArgumentWalk | None = None
    ) -> None:
        self.name = name
        self.value = value
        self.digest = digest
        self.mutable = mutable
        self.walk = walk  # which still knows the digests of its parts


def digest_argument(name: str, value: object, relax: Iterable[str] = ()) -> Argument:
    """Return an argument with its digest.

    Raises
    ------
    UncanonicalError
        It has no canonical form, or one that differs between two looks.
    """
    if type(value) in ATOMS:
        return Argument(name, value, atom_digest(value), False)
    if type(value) in NESTS and not relax:  # without a walk, which takes as long as a small nest
        plain = nest_digest(value, type(value))
        if plain is not None:
            return Argument(name, value, *plain)
    walk = ArgumentWalk(relax=relax)
    walk.trail.append(("%s", name))
    digest = walk.digest(value)
    if walk.unsure and _argument_digest(name, value, relax) != digest:
        raise walk.refuse(value, "it says something else each time it is taken apart")
    return Argument(name, value, digest, walk.mutable, walk)


class LookBack:
    """What the arguments and captured values were before a call, for comparison after it.

    Parameters
    ----------
    arguments : iterable of Argument
    fingerprint : Fingerprint
        Of the function before the call.
    renew : callable
        Returns the fingerprint of the function now.
    relax : iterable of str
    """

    def __init__(
        self,
        arguments: Iterable[Argument],
        fingerprint: Fingerprint,
        renew: Callable[[], Fingerprint],
        relax: Iterable[str] = (),
    ) -> None:
        self.filled = False  # whether cached properties were filled, which is no change
        self._relax = tuple(relax)
        self._fingerprint = fingerprint
        self._renew = renew
        self._arguments = [
            (argument, _argument_outline(argument, self._relax)) for argument in arguments if argument.mutable
        ]
        self._captured = [(watched, _captured_outline(watched)) for watched in fingerprint.watched]

    def changes(self) -> list[str]:
        """Return the paths that changed since, as ``atoms.calc.results['energy']``; empty if none did."""
        changed: list[str] = []
        for argument, before in self._arguments:
            if _argument_digest(argument.name, argument.value, self._relax) != argument.digest:
                if self._only_filled_argument(argument, before):
                    continue
                changed += _differences(before, _argument_outline(argument, self._relax)) or [argument.name]
        for watched, before in self._captured:
            if watched.changed():
                if self._only_filled_captured(watched, before):
                    continue
                paths = _differences(before, _captured_outline(watched)) or [watched.name]
                changed += [f"{path} (captured)" for path in paths]
        return changed or rebound(self._fingerprint, self._renew)

    def _only_filled_argument(self, argument: Argument, before: dict[str, bytes]) -> bool:
        walk = ArgumentWalk(relax=self._relax, outline={})
        _outline(walk, argument.name, argument.value)
        again = ArgumentWalk(relax=self._relax, unfilled=walk.filled.keys() - before.keys())
        again.trail.append(("%s", argument.name))
        return self._only_filled(walk, again, argument.value, argument.digest, walk.functions)

    def _only_filled_captured(self, watched: Watched, before: dict[str, bytes]) -> bool:
        walk = WatchWalk(outline={})
        _outline(walk, watched.name, watched.value)
        again = WatchWalk(unfilled=walk.filled.keys() - before.keys())
        again.trail.append(("%s", watched.name))
        return self._only_filled(walk, again, watched.value, watched.digest, [])

    def _only_filled(
        self, walk: Walk, again: Walk, value: object, before: bytes, functions: list[FunctionType]
    ) -> bool:
        """Return whether a value is what it was but for cached properties that were asked for."""
        if not again.unfilled:
            return False
        try:
            if again.digest(value) != before:
                return False
        except Exception:  # it had a form before
            return False
        names = {path.rpartition(".")[2] for path in walk.filled}
        if may_assign([*functions, *self._fingerprint.guards.functions()], names):
            return False
        self.filled = True
        return True


def rebound(fingerprint: Fingerprint, renew: Callable[[], Fingerprint]) -> list[str]:
    """Return the captured names that lead to another value than before, as after ``global n; n += 1``."""
    if fingerprint.guards.hold():
        return []
    try:
        now = renew()
    except Exception as error:  # it could be captured before
        return [f"what it captures ({error})"]
    if now.digest == fingerprint.digest:
        return []
    before = {part.name: part.digest for part in fingerprint.parts}
    names = [part.label for part in now.parts if before.get(part.name) != part.digest]
    # Something that is gone, or one of two parts of one name, leaves no name to give.
    return [f"{name} (captured)" for name in names or ["what it captures"]]


def changed_values(
    arguments: Iterable[Argument], fingerprint: Fingerprint, relax: Iterable[str] = ()
) -> list[str]:
    """Return the names of arguments and captured values that are no longer what they were."""
    names = [
        argument.name
        for argument in arguments
        if argument.mutable and _argument_digest(argument.name, argument.value, relax) != argument.digest
    ]
    return names + [f"{watched.name} (captured)" for watched in fingerprint.watched if watched.changed()]


def describe(paths: list[str]) -> str:
    """Return changed paths as a short list for a message."""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _argument_digest(name: str, value: object, relax: Iterable[str]) -> bytes | None:
    walk = ArgumentWalk(relax=relax)
    walk.trail.append(("%s", name))
    try:
        return walk.digest(value)
    except Exception:  # it had a form before, so it changed
        return None


def _argument_outline(argument: Argument, relax: Iterable[str]) -> dict[str, bytes]:
    return _outline(ArgumentWalk(relax=relax, outline={}), argument.name, argument.value)


def _captured_outline(watched: Watched) -> dict[str, bytes]:
    return _outline(WatchWalk(outline={}), watched.name, watched.value)


def _outline(walk: Walk, name: str, value: object) -> dict[str, bytes]:
    walk.trail.append(("%s", name))
    with suppress(Exception):  # the outline then reaches as far as the walk did
        walk.digest(value)
    return walk.outline or {}


def _differences(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Return the innermost paths that differ between two outlines, in a form that people would write."""
    different = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    paths = [path for path in different if "<" not in path]  # keys and elements of sets have no such form
    # What came, went or took the place of a plain value is named as a whole, not by all that is inside.
    whole = {
        path
        for path in paths
        if path not in before or path not in after or ATOM in (before[path][:4], after[path][:4])
    }
    paths = [path for path in paths if not any(_inside(path, other) for other in whole)]
    return [path for path in paths if path in whole or not any(_inside(other, path) for other in paths)]


def _inside(inner: str, outer: str) -> bool:
    return len(inner) > len(outer) and inner.startswith(outer) and inner[len(outer)] in ".[<"


def digest(value: object) -> str:
    """Return the digest of a value as keys use it: 32 hexadecimal digits.

    Equal for two values exactly when type and value agree, in every process.

    Raises
    ------
    UncanonicalError
        The value has no canonical form.

    Examples
    --------
    >>> import hashcache
    >>> hashcache.digest([1, 2]) == hashcache.digest([1, 2])
    True
    >>> hashcache.digest(1) == hashcache.digest(True)
    False
    """
    return digest_argument("value", value).digest.hex()
