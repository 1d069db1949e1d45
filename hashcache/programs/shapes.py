"""A call as JAX compiles it: static arguments by value, all others by shape and type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hashcache.errors import OptionError, UncanonicalError


class Statics:
    """Which arguments are static: baked into the program by value.

    As `jax.jit` does, names follow from numbers and numbers from names where only one is given.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        static_argnums: int | Sequence[int] | None,
        static_argnames: str | Iterable[str] | None,
    ) -> None:
        numbers = _listed(static_argnums, int)
        names = _listed(static_argnames, str)
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._count = len(places) if not any(p.kind is p.VAR_POSITIONAL for p in parameters) else None
        if static_argnames is None:
            names = [
                places[n].name
                for n in numbers
                if -len(places) <= n < len(places) and places[n].kind is not inspect.Parameter.POSITIONAL_ONLY
            ]
        elif static_argnums is None:
            numbers = [place for place, parameter in enumerate(places) if parameter.name in names]
        self._numbers = numbers
        self.names = frozenset(names)
        self.is_empty = not numbers and not names

    def numbers(self, count: int) -> frozenset[int]:
        """Return the places of static arguments in a call with so many positional ones."""
        return frozenset(n + count if n < 0 else n for n in self._numbers)

    def split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any] | None]:
        """Return the arguments that are passed to a program, and the static ones by place or name."""
        if self.is_empty:
            return args, kwargs, None
        numbers = self.numbers(len(args))
        static: dict[str, Any] = {f"argument {n}": args[n] for n in sorted(numbers) if 0 <= n < len(args)}
        static.update((name, kwargs[name]) for name in sorted(self.names & kwargs.keys()))
        passed = tuple(value for n, value in enumerate(args) if n not in numbers)
        return passed, {name: value for name, value in kwargs.items() if name not in self.names}, static


def described(leaf: Any) -> str:
    """Return type, shape and place of a leaf, as a key has them."""
    import jax

    aval = jax.typeof(leaf)
    text = f"{aval.dtype.name if hasattr(aval.dtype, 'name') else aval.dtype}{list(aval.shape)}"
    if getattr(aval, "weak_type", False):
        text += " weak"
    if isinstance(leaf, jax.Array):
        if getattr(aval.sharding, "spec", None) is not None:
            text += f" {aval.sharding}"
        if leaf.committed:
            text += f" on {placed(leaf.sharding)}"
    return text


def placed(sharding: Any) -> str:
    """Return a sharding as text that tells any two apart, in every process."""
    mesh = getattr(sharding, "mesh", None)
    order = "" if mesh is None or getattr(mesh, "empty", False) else f" {mesh.device_ids.tolist()}"
    kind = f"{type(sharding).__module__}.{type(sharding).__qualname__}"
    devices = sorted(device.id for device in sharding.device_set)
    return f"{kind} {sharding!r}{order} {devices}"


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


def named_leaves(nest: Any) -> list[str]:
    """Return what people call the leaves of arguments: ``[0]['weights'][1]``, or ``rate`` of a keyword."""
    import jax

    names = []
    for path, _ in jax.tree_util.tree_flatten_with_path(nest)[0]:
        kind, rest = path[0], path[1:]
        name = jax.tree_util.keystr(rest)
        names.append(name if kind.idx == 0 else name.replace("['", "", 1).replace("']", "", 1))
    return names


def option_text(option: Any) -> str:
    """Return an option of `jax.jit` as text that tells any two apart, in every process."""
    import jax

    leaves, tree = jax.tree_util.tree_flatten(option, is_leaf=lambda part: part is None)
    texts = [placed(leaf) if hasattr(leaf, "device_set") else repr(leaf) for leaf in leaves]
    return f"{tree} {texts}"


def _listed(given: Any, kind: type) -> list[Any]:
    if given is None:
        return []
    found = [given] if isinstance(given, kind) else list(given)
    if not all(isinstance(one, kind) for one in found):
        raise OptionError(f"static arguments are given as {given!r}; pass {kind.__name__}s")
    return found
