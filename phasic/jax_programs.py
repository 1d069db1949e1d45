"""JAX as phasic uses it: what it compiles is kept for the next process, unless told otherwise.

Nothing here happens before JAX is used for the first time: neither `import phasic` nor a setting loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

_SIZE = "1 GB"  # of what JAX keeps because phasic told it to


class _SwitchedOn(list[Any]):
    """Caches of JAX that phasic switched on: they change how long something takes, and never a number."""

    def __hashcache__(self) -> str:
        return "caches of JAX"  # whoever reads this module is the same before and after JAX was used


_switched_on = _SwitchedOn()


def keep() -> None:
    """Have JAX keep what it compiles in the cache of results from now on.

    That is left alone where ``phasic.configure(jax_cache=False)`` says so, where JAX was told of a directory
    of its own, by ``JAX_COMPILATION_CACHE_DIR`` or in its configuration, and where its cache was disabled.
    """
    from phasic import settings

    if settings.get_config().jax_cache:
        cache = _jax_cache()
        if not cache.is_on and cache.offer(_SIZE):
            _switched_on.append(cache)


def keep_in(folder: str | None) -> str:
    """Have JAX keep programs in a directory that was asked for, and return where; None for that of `keep`."""
    cache = _jax_cache()
    if folder is None and (cache.is_on or cache.in_use() is not cache):
        return str(cache.in_use().folder)  # by settings of JAX's own, or of whoever switched it on
    place = str(cache.switch_on(_SIZE if folder is None else None, folder))
    if cache not in _switched_on:
        _switched_on.append(cache)
    return place


def keep_no_more() -> None:
    """Give JAX the settings that it had before phasic told it anything."""
    while _switched_on:
        _switched_on.pop().switch_off()


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of JAX compiled, and stored for the next process, which finds it whole."""
    import jax

    from phasic import settings

    keep()
    if not settings.get_config().jax_cache:
        return cast("Callable[..., Any]", jax.jit(function))
    from phasic import layers

    return cast("Callable[..., Any]", layers.GRAPHS.cache.jit(function))


def _jax_cache() -> Any:
    from phasic import layers

    return layers.GRAPHS.cache.jax_cache
