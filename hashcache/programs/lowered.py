"""What a jitted function is compiled to, cached: the key sees the function, not the compiling."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from hashcache.decorator import Cached
from hashcache.errors import AuditWarning
from hashcache.fingerprint import Fingerprint, fingerprint
from hashcache.options import Options
from hashcache.programs.compiled import Executable, build, module_of
from hashcache.programs.properties import filled

if TYPE_CHECKING:
    from hashcache.call import Call
    from hashcache.layer import Layer


class Work(NamedTuple):
    """What a program is made from, beside what its key sees."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Lowered(Cached[..., Executable]):
    """The programs of one function: called with the parts of a key, and with what to compile on a miss."""

    __slots__ = ("_given", "_jitted", "title")

    def __init__(self, function: Callable[..., Any], jitted: Any, layer: Layer) -> None:
        self._given, self._jitted = function, jitted
        self.title = name_of(function)

        def program(
            shapes: dict[str, str],
            static: dict[str, Any],
            structure: Any,
            options: dict[str, str],
            work: Work,
        ) -> Executable:
            seen = self.seen(static, structure)
            before = filled(seen)
            executable = build(jitted, *work)
            executable.filled = sorted(filled(seen) - before, key=repr)
            return executable

        super().__init__(program, layer, Options.of({"name": self.title, "ignore": ("work",)}))

    def _renew(self) -> Fingerprint:
        return fingerprint(self._given, settings=False)  # which are in the salt

    def seen(self, static: dict[str, Any], structure: Any) -> dict[str, Any]:
        """Return the objects that the function sees as they are while it is traced, by name."""
        captured = {watched.name: watched.value for watched in self.fingerprint().watched}
        return {**captured, "static": static, "structure": structure}

    def module(self, work: Work) -> str:
        """Return the digest of the module that the function lowers to now."""
        return module_of(self._jitted, *work)

    def asked(self, parts: tuple[Any, ...]) -> Call:
        """Return the question for the program with these parts of a key, as they are now."""
        return self._call((*parts, None), {})

    def drop(self, *calls: Call) -> None:
        """Delete the program that answered these questions, and say why."""
        for call in calls:
            self._layer.forget(call)
        self._layer.cache.warn(
            f"the stored program of {self.title} is not what the function compiles to now: its key misses "
            f"something that tracing depends on. The program was dropped; please report it, and have what "
            f"the function reads passed to it",
            AuditWarning,
        )

    def say(self, message: str) -> None:
        """Say what became of a program, to whoever listens."""
        if self._layer.cache.talks():
            self._layer.cache.log("%s %s", self.title, message)


def name_of(function: Any) -> str:
    """Return what people call a function that may be wrapped in partials."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))
