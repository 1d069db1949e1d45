"""A call as JAX compiles it: static arguments by value, all others by shape and type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from hashcache.errors import UncanonicalError
from hashcache.shardings import placed


class Statics:
    """Which arguments of a jitted function are static: baked into the program by value."""

    def __init__(self, jitted: Any) -> None:
        # JAX has worked out names from numbers and numbers from names; pickle is told of both.
        state = jitted.__getstate__()
        self._numbers = tuple(state["static_argnums"])
        self._names = frozenset(state["static_argnames"])
        self.is_empty = not self._numbers and not self._names

    def numbers(self, count: int) -> frozenset[int]:
        """Return the places of static arguments in a call with so many positional ones."""
        return frozenset(n + count if n < 0 else n for n in self._numbers)

    def is_static(self, name: str) -> bool:
        """Return whether an argument given by this name is static."""
        return name in self._names

    def split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any] | None]:
        """Return the arguments that are passed to a program, and the static ones by place or name."""
        if self.is_empty:
            return args, kwargs, None
        numbers = self.numbers(len(args))
        static: dict[str, Any] = {f"argument {n}": args[n] for n in sorted(numbers) if 0 <= n < len(args)}
        static.update((name, kwargs[name]) for name in sorted(self._names & kwargs.keys()))
        passed = tuple(value for n, value in enumerate(args) if n not in numbers)
        return passed, {name: value for name, value in kwargs.items() if name not in self._names}, static


def described(leaf: Any) -> str:
    """Return type, shape and place of a leaf, as a key has them."""
    import jax

    if isinstance(leaf, jax.ShapeDtypeStruct):
        raise TypeError("a shape is no argument")  # JAX would trace it, and refuses to call with it
    aval = jax.typeof(leaf)
    text = f"{aval.dtype.name if hasattr(aval.dtype, 'name') else aval.dtype}{list(aval.shape)}"
    if getattr(aval, "weak_type", False):
        text += " weak"
    mesh = getattr(getattr(aval, "sharding", None), "mesh", None)
    if mesh is not None and not mesh.empty:
        text += f" {aval.sharding}"
    if isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer) and leaf.committed:
        text += f" on {placed(leaf.sharding)} {_layout(leaf)}"
    return text


def _layout(leaf: Any) -> str:
    try:  # an array that was put somewhere keeps its layout, and is compiled for with it
        return str(leaf.format.layout)
    except Exception:  # versions that say it otherwise, and arrays of keys
        return ""


def structure(tree: Any, count: int) -> Any:
    """Return a nest of that structure with numbers for leaves; its canonical form is that of the structure.

    Raises
    ------
    UncanonicalError
        A registered class cannot be made with a number in place of an array.
    """
    import jax

    try:
        nest = jax.tree_util.tree_unflatten(tree, list(range(count)))
        same = jax.tree_util.tree_structure(nest) == tree
    except Exception as error:
        raise UncanonicalError(f"a class in {tree} cannot be made without its arrays ({error!r})") from None
    if not same:
        raise UncanonicalError(f"a class in {tree} has another structure when it is made without its arrays")
    return nest


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """Return what a function calls its positional arguments, as far as they have names."""
    import inspect  # which JAX has loaded

    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def named_leaves(nest: Any, names: Sequence[str]) -> list[str]:
    """Return what people call the leaves of arguments, as ``weights['w'][1]``.

    `names` are those of the positional arguments in the nest.
    """
    import jax

    found: dict[str, None] = {}
    for path, _ in jax.tree_util.tree_flatten_with_path(nest)[0]:
        (kind, which), rest = path[:2], jax.tree_util.keystr(path[2:])
        name = f"{names[which.idx] if kind.idx == 0 else which.key}{rest}"
        while name in found:  # a keyword may have the name of an argument that is given by its place only
            name += " (another)"
        found[name] = None
    return list(found)


_QUOTE = "'"
_GROUPS = {"shapes": "argument", "static": "static argument", "options": "option"}


def plainly(change: str) -> str:
    """Return what differs between two keys with arguments called by their own names."""
    for group, kind in _GROUPS.items():
        found = re.match(rf"""argument {group}\[(['"])(.*?)\1\](.*)""", change, re.DOTALL)
        if found:
            name, rest = found[2], found[3]
            return f"{kind} {name}{rest if group == 'static' else rest.replace(_QUOTE, '')}"
    return change


def option_text(option: Any) -> str:
    """Return an option of `jax.jit` as text that tells any two apart, in every process."""
    import jax

    leaves, tree = jax.tree_util.tree_flatten(option, is_leaf=lambda part: part is None)
    return f"{tree} {[placed(leaf) for leaf in leaves]}"
