"""A function of JAX whose compiled programs outlive the process."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, ParamSpec, TypeVar

from hashcache.canonical import Sink, handles
from hashcache.decorator import Cached
from hashcache.errors import AuditWarning, OptionError, UncacheableWarning
from hashcache.explain import Explanation
from hashcache.fingerprint import Fingerprint, fingerprint
from hashcache.options import Options
from hashcache.programs.compiled import Executable, build, listen, module_of
from hashcache.programs.shapes import Statics, described, named_leaves, option_text, structure

if TYPE_CHECKING:
    from hashcache.layer import Layer

P = ParamSpec("P")
R = TypeVar("R")

Verify = Literal["first", "sample", "never"]
_VERIFY = ("first", "sample", "never")
_SAMPLED = 0.02  # part of the programs that a process finds
_MOST = 2000  # programs that one function keeps in a process


class _Found(NamedTuple):
    """What this process knows of one signature."""

    run: Callable[..., Any] | None  # None where JAX alone runs it
    reason: str  # why it is not stored


class _Work(NamedTuple):
    """What a program is made from, beside what its key sees."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: bytes = b""


class Program(Generic[P, R]):
    """A jitted function: called like one, and found compiled by the next process.

    Made by ``hashcache.jit``, which says what the options are.

    Attributes
    ----------
    __wrapped__ : callable
        The function itself.
    """

    def __init__(
        self, function: Callable[P, R], layer: Layer, verify: Verify = "sample", **options: Any
    ) -> None:
        import jax

        if verify not in _VERIFY:
            raise OptionError(f"verify={verify!r}; it can be one of {', '.join(map(repr, _VERIFY))}")
        self._jitted: Any = jax.jit(function, **options)
        functools.update_wrapper(self, self._jitted)
        self.__wrapped__ = function
        self._layer, self._verify = layer, verify
        self._statics = Statics(function, options.get("static_argnums"), options.get("static_argnames"))
        self._options = {name: option_text(option) for name, option in sorted(options.items())}
        self._lowered = _Lowered(self._jitted, layer, _name_of(function))
        self._known: dict[Any, _Found] = {}
        self._context, self._is_tracing = _trace_context(), _is_tracing()
        self._flatten = jax.tree_util.tree_flatten
        self._tracer: type = jax.core.Tracer
        self._array = _array_class()
        listen()

    def __repr__(self) -> str:
        return f"<program {self.__wrapped__!r}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance, which is its first argument, as jitted functions have it."""
        return self if instance is None else BoundProgram(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the jitted function returns, by a stored program where there is one."""
        passed, named, static = args, kwargs, None
        if not self._statics.is_empty:
            passed, named, static = self._statics.split(args, kwargs)
        leaves, tree = self._flatten((passed, named))
        signature = self._signature(leaves, tree, static)
        if signature is None:
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]
        signature = signature, self._lowered.fingerprint().digest
        known = self._known.get(signature)
        if known is None:
            return self._first(signature, args, kwargs)
        if known.run is None:
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]
        return known.run(*passed, **named)  # type: ignore[no-any-return]

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return what ``jax.jit(function).lower`` returns; nothing is looked up."""
        return self._jitted.lower(*args, **kwargs)

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return what ``jax.jit(function).trace`` returns; nothing is looked up."""
        return self._jitted.trace(*args, **kwargs)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of the program for these arguments, without compiling: 32 hexadecimal digits."""
        return self._lowered.key(*self._parts(args, kwargs), _Work(args, kwargs))

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether the program for these arguments is stored."""
        return self._lowered.is_cached(*self._parts(args, kwargs), _Work(args, kwargs))

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Return whether the program for these arguments is stored and, if not, why."""
        passed, named, static = self._statics.split(args, kwargs)
        leaves, tree = self._flatten((passed, named))
        explanation = self._lowered.explain(*self._parts(args, kwargs), _Work(args, kwargs))
        signature = self._signature(leaves, tree, static), self._lowered.fingerprint().digest
        known = self._known.get(signature)
        if explanation.hit or known is None or not known.reason:
            return explanation
        return explanation._replace(reason=known.reason)

    def clear(self) -> int:
        """Delete the stored programs of functions with this name; return how many there were."""
        self._known.clear()
        return self._lowered.clear()

    def stats(self, *, all_processes: bool = False, details: bool = False) -> dict[str, Any]:
        """Return how many programs were found, compiled, and not stored, as `Cached.stats` does."""
        return self._lowered.stats(all_processes=all_processes, details=details)

    def _signature(self, leaves: list[Any], tree: Any, static: dict[str, Any] | None) -> Any:
        """Return what tells calls apart within this process; None where JAX has to trace anyway."""
        if self._is_tracing():
            return None
        avals: list[Any] = []
        for leaf in leaves:
            if type(leaf) is self._array:  # the classes behind `jax.Array` are asked slowly whether it is one
                avals.append((leaf.aval, leaf.sharding) if leaf.committed else leaf.aval)
            elif isinstance(leaf, self._tracer):
                return None
            elif hasattr(leaf, "aval"):
                avals.append((leaf.aval, leaf.sharding))
            else:
                shape = getattr(leaf, "shape", None)
                avals.append(type(leaf) if shape is None else (type(leaf), shape, leaf.dtype))
        values = static and tuple((name, type(value), value) for name, value in static.items())
        return tree, tuple(avals), values, self._context()

    def _parts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return what is in the key besides the function and the salt."""
        passed, named, static = self._statics.split(args, kwargs)
        leaves, tree = self._flatten((passed, named))
        nest = structure(tree, len(leaves))
        shapes = {name: described(leaf) for name, leaf in zip(named_leaves(nest), leaves, strict=True)}
        return shapes, static or {}, nest, self._options

    def _first(self, signature: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Answer the first call of a signature in this process, or after a change."""
        passed, named, _ = self._statics.split(args, kwargs)
        if len(self._known) >= _MOST:
            self._known.clear()
        again = None
        try:
            if _is_off():
                raise _Off
            parts, work = self._parts(args, kwargs), _Work(args, kwargs, signature[1])
            executable: Executable = self._lowered(*parts, work)
            if executable.run is None:
                executable.load(self._flatten((passed, named))[1])
                if self._verify == "first" or (self._verify == "sample" and random.random() < _SAMPLED):
                    again = *self._abstract(args, kwargs), signature[1]  # now: the call may use arguments up
            found = _Found(executable.run, executable.reason)
        except _Off:
            self._known[signature] = _Found(None, "jax_disable_jit is on")
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]
        except Exception as error:
            answer = self._jitted(*args, **kwargs)  # which raises what is wrong with the call itself
            self._say_alone(f"its program cannot be looked up ({type(error).__name__}: {error})")
            self._known[signature] = _Found(None, str(error))
            return answer  # type: ignore[no-any-return]
        if executable.reason and "no more than to load" not in executable.reason:
            self._say_alone(executable.reason)
        self._known[signature] = found
        assert found.run is not None
        answer = found.run(*passed, **named)
        if again is not None and not self._holds(executable, *again):
            self._known.pop(signature, None)
            self._lowered.forget(*parts, work)
        return answer  # type: ignore[no-any-return]

    def _abstract(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments without what is in their arrays."""
        import jax

        numbers = self._statics.numbers(len(args))
        shaped = tuple(
            arg if n in numbers else jax.tree_util.tree_map(_shape_of, arg) for n, arg in enumerate(args)
        )
        named = {
            name: arg if name in self._statics.names else jax.tree_util.tree_map(_shape_of, arg)
            for name, arg in kwargs.items()
        }
        return shaped, named

    def _holds(
        self, executable: Executable, args: tuple[Any, ...], kwargs: dict[str, Any], state: bytes
    ) -> bool:
        """Return whether the function still lowers to what the stored program was compiled from."""
        if module_of(self._jitted, args, kwargs, state) == executable.module:
            return True
        self._layer.cache.warn(
            f"the stored program of {_name_of(self.__wrapped__)} is not what the function compiles to now: its key "
            f"misses something that tracing depends on. The program was dropped; please report it, and "
            f"declare what the function reads with version= or depends_on=",
            AuditWarning,
        )
        return False

    def _say_alone(self, reason: str) -> None:
        name = _name_of(self.__wrapped__)
        self._layer.cache.warn_once(
            ("program", name, reason),
            f"{name} is compiled in every process, since it is not stored: {reason}",
            UncacheableWarning,
        )


class BoundProgram:
    """A program as a method of an instance."""

    def __init__(self, program: Program[..., Any], instance: Any) -> None:
        self.__func__, self.__self__ = program, instance
        self.__wrapped__ = program.__wrapped__.__get__(instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the method returns."""
        return self.__func__(self.__self__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.__func__, name)
        if name in ("lower", "trace", "key", "is_cached", "explain"):
            return functools.partial(method, self.__self__)
        return method


class _Lowered(Cached[..., Executable]):
    """What a jitted function is compiled to, cached: its key sees the jitted function, not the compiling."""

    __slots__ = ("_jitted",)

    def __init__(self, jitted: Any, layer: Layer, name: str) -> None:
        self._jitted = jitted

        def program(
            shapes: dict[str, str],
            static: dict[str, Any],
            structure: Any,
            options: dict[str, str],
            work: _Work,
        ) -> Executable:
            return build(jitted, *work)

        super().__init__(program, layer, Options.of({"name": name, "ignore": ("work",)}))

    def _renew(self) -> Fingerprint:
        return fingerprint(self._jitted, settings=False)  # which are in the salt


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _array_class() -> type:
    """Return the class that arrays have; to make one here would choose the backend before the user can."""
    try:  # of no public name
        from jax._src.array import ArrayImpl
    except ImportError:
        import jax

        return jax.Array  # type: ignore[no-any-return]
    return ArrayImpl  # type: ignore[no-any-return]


def _shape_of(leaf: Any) -> Any:
    import jax

    if isinstance(leaf, jax.Array):
        sharding = leaf.sharding if leaf.committed else None
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding, weak_type=leaf.aval.weak_type)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "shape") else leaf


class _Off(Exception):
    """JAX is told not to compile."""


def _is_off() -> bool:
    import jax

    return bool(jax.config.jax_disable_jit)


def _trace_context() -> Callable[[], Any]:
    """Return what gives the settings that this thread traces under: equal for equal ones."""
    from hashcache.programs.environment import settings

    try:  # of no public name; the public ones take a hundred times as long
        from jax._src import config

        config.trace_context()
    except (ImportError, AttributeError):
        return lambda: tuple(settings().items())
    return config.trace_context


def _is_tracing() -> Callable[[], bool]:
    """Return what says whether this thread is in the middle of tracing another function."""
    try:  # of no public name
        from jax._src.core import trace_state_clean
    except ImportError:
        return lambda: False  # a tracer among the arguments says so too
    return lambda: not trace_state_clean()


@handles(Program)
def _program(value: Program[..., Any], sink: Sink) -> None:
    sink.text("program", repr(value._options))
    sink.part(".%s", "__wrapped__", value.__wrapped__)
