"""A function of JAX whose compiled programs outlive the process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

from hashcache.canonical import Sink, handles
from hashcache.errors import OptionError, StoreWarning, UncacheableWarning
from hashcache.explain import Explanation
from hashcache.programs.calls import TRACED, in_the_way, remembering, static_token, teller
from hashcache.programs.compiled import Executable
from hashcache.programs.lowered import Lowered, Work
from hashcache.programs.properties import fill
from hashcache.programs.shapes import (
    Statics,
    described,
    named_leaves,
    option_text,
    parameters_of,
    plainly,
    structure,
)
from hashcache.programs.verifying import CHOICES, FAILED, Verification, Verify, abstract, is_sampled

if TYPE_CHECKING:
    from hashcache.layer import Layer

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 2000  # programs that one function keeps in a process


class _Found(NamedTuple):
    """What this process knows of one signature."""

    run: Callable[..., Any] | None  # None where JAX alone runs it
    reason: str  # why it is not stored


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

        if verify not in CHOICES:
            raise OptionError(f"verify={verify!r}; it can be one of {', '.join(map(repr, CHOICES))}")
        self._jitted: Any = jax.jit(function, **options)
        functools.update_wrapper(self, self._jitted)
        self.__wrapped__ = function
        self._layer, self._verify = layer, verify
        self._statics = Statics(self._jitted)
        self._options = {name: option_text(option) for name, option in sorted(options.items())}
        self._lowered = Lowered(function, self._jitted, layer)
        self._known: dict[Any, _Found] = {}
        self._blind = ""  # why the function has no fingerprint
        self._remembering, self._tell = remembering(), teller()
        self._in_the_way = in_the_way()
        self._flatten = jax.tree_util.tree_flatten

    def __repr__(self) -> str:
        return f"<program {self.__wrapped__!r}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance, which is its first argument, as jitted functions have it."""
        return self if instance is None else BoundProgram(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the jitted function returns, by a stored program where there is one."""
        if self._in_the_way():
            return self._traced(args, kwargs)
        passed: tuple[Any, ...] = args
        named: dict[str, Any] = kwargs
        token = None
        if not self._statics.is_empty:
            passed, named, static = self._statics.split(args, kwargs)
            try:
                token = static_token(static) if static else None
            except Exception as error:  # one cannot be hashed, which JAX says; or its value cannot be seen
                return self._unseen(error, args, kwargs)
        state = self._state()
        if state is None:
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]
        leaves, tree = self._flatten((passed, named))
        told = [tree, state, token]
        if not self._tell(leaves, told):
            return self._traced(args, kwargs)
        signature = tuple(told)
        known = self._known.get(signature)
        if known is None:
            return self._first(signature, args, kwargs)
        if known.run is None:
            return self._plain((state, token), args, kwargs)
        try:
            return known.run(*passed, **named)  # type: ignore[no-any-return]
        except ValueError as error:
            if "layout" not in str(error):
                raise
            return self._plain((state, token), args, kwargs)  # arrays that lie otherwise, as a few do

    def _state(self) -> bytes | None:
        """Return the digest of the function with all that it captures; None where there is none."""
        if self._blind:
            return None
        try:
            return self._lowered.fingerprint().digest
        except Exception as error:
            self._blind = f"what it captures cannot be looked into ({error})"
            self._say_alone(self._blind)
            return None

    def _plain(self, state: Hashable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Answer as the jitted function does, and not by what JAX traced in another state."""
        with self._remembering(state):
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]

    def _traced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Answer where JAX has to run the function itself, within another transformation, say."""
        try:
            state = self._lowered.fingerprint().digest
        except Exception:  # a tracer of the function around it, say
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]
        return self._plain(state, args, kwargs)

    def _unseen(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Answer a call with static arguments that have no key."""
        answer = self._jitted(*args, **kwargs)
        self._say_alone(f"a static argument cannot be looked into ({error})")
        return answer  # type: ignore[no-any-return]

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return what ``jax.jit(function).lower`` returns; nothing is looked up."""
        with self._remembering(self._state()):
            return self._jitted.lower(*args, **kwargs)

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return what ``jax.jit(function).trace`` returns; nothing is looked up."""
        with self._remembering(self._state()):
            return self._jitted.trace(*args, **kwargs)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of the program for these arguments, without compiling: 32 hexadecimal digits."""
        return self._lowered.key(*self._parts(args, kwargs), Work(args, kwargs))

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether the program for these arguments is stored."""
        return self._lowered.is_cached(*self._parts(args, kwargs), Work(args, kwargs))

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Return whether the program for these arguments is stored and, if not, why."""
        explanation = self._lowered.explain(*self._parts(args, kwargs), Work(args, kwargs))
        from hashcache.differences import first_of  # which a call does not need

        changes = tuple(map(plainly, explanation.changes))
        first = first_of(changes) if changes else explanation.reason
        explanation = explanation._replace(changes=changes, reason=first)
        reason = "" if explanation.hit else self._reason(args, kwargs)
        return explanation._replace(reason=reason) if reason else explanation

    def _reason(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Return why this process has stored no program for a call; empty if it has not come to that."""
        passed, named, static = self._statics.split(args, kwargs)
        leaves, tree = self._flatten((passed, named))
        told = [tree, self._state(), static_token(static) if static else None]
        reason = self._in_the_way()
        if reason or not self._tell(leaves, told):
            return reason or TRACED
        known = self._known.get(tuple(told))
        if known is None:
            return ""
        if not known.reason and self._lowered.stats().get("failed to write"):
            return "compiled in this process, and the store cannot be written"
        return known.reason

    def clear(self) -> int:
        """Delete the stored programs of functions with this name; return how many there were."""
        self._known.clear()
        return self._lowered.clear()

    def stats(self, *, all_processes: bool = False, details: bool = False) -> dict[str, Any]:
        """Return how many programs were found, compiled, and not stored, as `Cached.stats` does."""
        return self._lowered.stats(all_processes=all_processes, details=details)

    def _parts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return what is in the key besides the function and the salt."""
        passed, named, static = self._statics.split(args, kwargs)
        leaves, tree = self._flatten((passed, named))
        nest = structure(tree, len(leaves))
        numbers = self._statics.numbers(len(args))
        names = [name for n, name in enumerate(self._names(len(args))) if n not in numbers]
        shapes = {name: described(leaf) for name, leaf in zip(named_leaves(nest, names), leaves, strict=True)}
        return shapes, static or {}, nest, self._options

    def _names(self, count: int) -> list[str]:
        named = parameters_of(self.__wrapped__)[:count]
        return named + [f"argument {n}" for n in range(len(named), count)]

    def _first(self, signature: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Answer the first call of a signature in this process, or after a change."""
        passed, named, _ = self._statics.split(args, kwargs)
        if len(self._known) >= _MOST:
            self._known.clear()
        verification = None
        try:
            if _is_off():
                raise _Off
            parts, work = self._parts(args, kwargs), Work(args, kwargs)
            executable: Executable = self._lowered(*parts, work)
            if executable.run is None and self._load(executable, self._flatten((passed, named))[1]):
                if self._verify == "first" or (self._verify == "sample" and is_sampled()):
                    # Now: the call may use arguments up.
                    shaped = abstract(self._statics, args, kwargs)
                    verification = Verification(self._lowered, parts, shaped, executable.module)
            elif executable.run is None:
                executable = self._lowered.refresh(*parts, work)
        except _Off:
            self._known[signature] = _Found(None, "jax_disable_jit is on")
            return self._jitted(*args, **kwargs)  # type: ignore[no-any-return]
        except Exception as error:
            answer = self._plain(signature[1:3], args, kwargs)  # which raises what is wrong with the call
            reason = f"its program cannot be looked up ({type(error).__name__}: {error})"
            self._say_alone(reason)
            self._known[signature] = _Found(None, reason)
            return answer
        if executable.reason and "no more than to load" not in executable.reason:
            self._say_alone(executable.reason)
        if verification is not None and self._verify == "first" and not verification.passes():
            self._known[signature] = _Found(None, FAILED)
            return self._plain(signature[1:3], args, kwargs)
        self._known[signature] = found = _Found(executable.run, executable.reason)
        assert found.run is not None
        answer = found.run(*passed, **named)
        # What its method of calling keeps after the first call, of no public name, is a tenth faster.
        self._known[signature] = found = found._replace(run=getattr(found.run, "_call", None) or found.run)
        if executable.filled:
            fill(self._lowered.seen(*parts[1:3]), executable.filled)
            # The next call sees these objects as they are now, and is to find the same program.
            static = self._statics.split(args, kwargs)[2]
            token = static_token(static) if static else None
            self._known[(signature[0], self._state(), token, *signature[3:])] = found
        if verification is not None and self._verify == "sample":
            verification.put_off()
        return answer

    def _load(self, executable: Executable, tree: Any) -> bool:
        """Load a program that was found; return whether that could be done."""
        try:
            executable.load(tree)
        except Exception as error:  # another machine's, say, in spite of the key
            name = self._lowered.title
            self._layer.cache.warn(
                f"the stored program of {name} cannot be loaded ({type(error).__name__}: {error}); it is "
                f"compiled again",
                StoreWarning,
            )
            return False
        return True

    def _say_alone(self, reason: str) -> None:
        name = self._lowered.title
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


class _Off(Exception):
    """JAX is told not to compile."""


def _is_off() -> bool:
    import jax

    return bool(jax.config.jax_disable_jit)


@handles(Program)
def _program(value: Program[..., Any], sink: Sink) -> None:
    sink.text("program", repr(value._options))
    sink.part(".%s", "__wrapped__", value.__wrapped__)
