"""The part of a cache that keeps what JAX compiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast

from hashcache.layer import Layer
from hashcache.place import Place

if TYPE_CHECKING:
    from hashcache.cache import Cache
    from hashcache.policy import Size
    from hashcache.programs.jax_cache import JaxCache

P = ParamSpec("P")
R = TypeVar("R")


class Jitting(Place):
    """Programs of JAX, and JAX's own cache, of a `Cache`."""

    def jit(
        self,
        function: Callable[P, R] | None = None,
        /,
        *,
        verify: Literal["first", "sample", "never"] = "sample",
        **options: Any,
    ) -> Any:
        """Return a function of JAX jitted, so that the next process neither traces nor compiles it.

        It does what ``jax.jit(function, **options)`` does. The program for each structure, shape and type of
        arguments is stored, under a key of all that tracing can see: the function with everything that it
        captures, since JAX bakes captured values in; static arguments by value; settings, versions and
        devices. Within another transformation (`jax.grad`, `jax.vmap`, `jax.jit`, ...) it is the plain jitted
        function.

        Parameters
        ----------
        function : callable
            What `jax.jit` takes. Without it, the decorator is returned.
        verify : {"first", "sample", "never"}
            Whether the function is lowered again and compared with a program that was found: each time,
            before it is run for the first time; for one program in fifty, when the process ends; or never. A
            difference drops the program and warns.
        **options
            Those of `jax.jit`.

        Returns
        -------
        Program

        Examples
        --------
        >>> import hashcache
        >>> step = hashcache.jit(lambda x: 2 * x)  # doctest: +SKIP
        """
        if function is None:
            return lambda decorated: self.jit(decorated, verify=verify, **options)
        from hashcache.programs import Program

        return Program(function, self.programs, verify, **options)

    @functools.cached_property
    def programs(self) -> Layer:
        """The layer of compiled programs."""
        from hashcache.programs.compiled import ProgramCodec
        from hashcache.programs.environment import environment

        return Layer("program", codec=ProgramCodec(), salt=environment, cache=cast("Cache", self))

    @functools.cached_property
    def jax_cache(self) -> JaxCache:
        """The directory in which JAX itself can keep what it compiles."""
        from hashcache.programs.jax_cache import JaxCache

        return JaxCache(cast("Cache", self))

    def configure(self, *, jax_cache: bool, jax_cache_size: Size | None = None) -> None:
        """Have JAX keep what it compiles in this cache too, or no more.

        It works before and after ``import jax``, and for functions of `jax.jit`; those of `jit` need it not.
        The directory is served by ``prune``, ``verify``, ``info`` and ``clear`` of the command line.

        Parameters
        ----------
        jax_cache : bool
            On, or off again with the settings of before.
        jax_cache_size : int or str, optional
            Bytes that it may take, or a text such as ``"1 GB"``; what was not used for longest goes.
        """
        if jax_cache:
            self.jax_cache.switch_on(jax_cache_size)
        else:
            self.jax_cache.switch_off()

    def _moved(self) -> None:
        if "jax_cache" in self.__dict__:
            self.jax_cache.follow()
