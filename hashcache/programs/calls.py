"""What tells calls apart within this process: cheap, and different wherever the program could be."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hashcache.mutation import digest_argument
from hashcache.recent import exact_token


def teller() -> Callable[[list[Any], list[Any]], bool]:
    """Return what adds to a list what a program sees of the leaves of a call.

    It returns False where one is a tracer.
    """
    import jax

    array: Any = _array_class()
    tracer, context = jax.core.Tracer, _trace_context()

    def tell(leaves: list[Any], told: list[Any]) -> bool:
        told.append(context())
        for leaf in leaves:
            if type(leaf) is array:  # the classes behind `jax.Array` are asked slowly whether it is one
                told.append(leaf.aval)
                if leaf.committed:
                    told.append(leaf.sharding)
            elif isinstance(leaf, tracer):
                return False
            elif hasattr(leaf, "aval"):
                told += (leaf.aval, leaf.sharding)
            else:
                shape = getattr(leaf, "shape", None)
                told.append(type(leaf) if shape is None else (type(leaf), shape, leaf.dtype))
        return True

    return tell


def static_token(static: dict[str, Any]) -> Hashable:
    """Return what stands for static arguments: equal where type and value are, unlike what JAX compares.

    Raises
    ------
    TypeError
        One cannot be hashed, which JAX says better.
    UncanonicalError
        One has no canonical form.
    """
    for value in static.values():
        hash(value)
    token = exact_token(tuple(static.values()))
    if token is not None:
        return *static, token
    return tuple((name, digest_argument(name, value).digest) for name, value in static.items())


class Remembering:
    """Contexts in which JAX knows only the traces that were made in the same state.

    JAX remembers what it has traced by the functions alone, and would give what one of them was with
    captured values of before.
    """

    def __init__(self) -> None:
        import jax

        make = getattr(jax, "make_user_context", None)
        self._context = None if make is None else make(None)

    def __call__(self, state: Hashable) -> AbstractContextManager[Any]:
        """Return the context of a state."""
        if self._context is not None:
            return self._context(state)  # type: ignore[no-any-return]
        import jax

        jax.clear_caches()  # older versions can only forget everything
        return nullcontext()


_remembering: list[Remembering] = []


def remembering() -> Remembering:
    """Return the contexts of this process; made early, since JAX forgets its traces when they are."""
    if not _remembering:
        _remembering.append(Remembering())
    return _remembering[0]


def _array_class() -> type:
    """Return the class that arrays have; to make one here would choose the backend before the user can."""
    try:  # of no public name
        from jax._src.array import ArrayImpl
    except ImportError:
        import jax

        return jax.Array  # type: ignore[no-any-return]
    return ArrayImpl  # type: ignore[no-any-return]


def _trace_context() -> Callable[[], Any]:
    """Return what gives the settings that this thread traces under: equal for equal ones."""
    from hashcache.programs.environment import settings

    try:  # of no public name; the public ones take a hundred times as long
        from jax._src import config

        config.trace_context()
    except (ImportError, AttributeError):
        return lambda: tuple(settings().items())
    return config.trace_context  # type: ignore[no-any-return]


def in_the_way() -> Callable[[], str]:
    """Return what says why JAX has to run a function itself here and now; empty where it need not."""
    try:  # of no public names
        from jax._src import config
        from jax._src.core import trace_state_clean

        checks = config.debug_nans, config.debug_infs
    except (ImportError, AttributeError):
        import jax

        # A tracer among the arguments says that a function is traced.
        return lambda: _CHECKED if jax.config.jax_debug_nans or jax.config.jax_debug_infs else ""
    nans, infs = checks

    def reason() -> str:
        if not trace_state_clean():
            return TRACED
        return _CHECKED if nans.value or infs.value else ""

    return reason


TRACED = "called while another function is traced, where it is the plain jitted function"
_CHECKED = "jax_debug_nans or jax_debug_infs is on, and JAX looks for the operation itself"
