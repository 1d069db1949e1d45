"""A cached function: called like the function it wraps, with what is known of its results as attributes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    overload,
)

from hashcache.bound import BoundCached
from hashcache.call import Call, Policy
from hashcache.canonical import Sink, handles
from hashcache.digest import DIGEST_SIZE, digest_frames, frame_head
from hashcache.errors import OptionError, UnbindableError, UncacheableWarning, UncanonicalError
from hashcache.exchange.pushing import Pushing
from hashcache.explain import Explanation, explain
from hashcache.fingerprint import Fingerprint, fingerprint
from hashcache.key import group_name
from hashcache.layer import Layer
from hashcache.mutation import digest_argument
from hashcache.options import Options
from hashcache.recent import MISS, exact_token
from hashcache.roads import MARKS, Road, answer_coroutine, mark, road_of
from hashcache.signature import Signature
from hashcache.statistics import long_form, short_form, summed

if TYPE_CHECKING:
    from hashcache.verification import Verification

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")

_SHARING = frame_head("sharing", DIGEST_SIZE)


class Cached(Pushing, Generic[P, R]):
    """A function whose results outlive the process: same signature, value and exceptions.

    Attributes
    ----------
    __wrapped__ : callable
        The function itself, without the cache.
    """

    # Beside `__dict__`, which wrappers copy from what they wrap and which callers can see.
    __slots__ = (
        "__dict__", "__weakref__", "_bind", "_fingerprint", "_function", "_has_fixed_salt", "_has_short_road",
        "_heads", "_layer", "_names", "_options", "_policy", "_prepared", "_qualname", "_recent", "_road",
        "_signature", "_stats", "_terms",
    )  # fmt: skip

    def __init__(self, function: Callable[P, R], layer: Layer, options: Options) -> None:
        if options.mutation == "replay" and layer.form.runs_nothing:
            raise OptionError("mutation='replay' stores changes as a pickle, and pickle='never' refuses that")
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._layer = layer
        self._options = options
        self._qualname = str(getattr(function, "__qualname__", type(function).__qualname__))
        self._function = options.name or self._qualname
        self._stats: Counter[str] = Counter()
        self._policy = Policy(
            options.mutation,
            options.on_uncacheable,
            self._stats,
            options.cache_exceptions,
            options.lock_timeout,
            options.audit,
            f"{getattr(function, '__module__', None) or ''}:{self._qualname}",
        )
        self._fingerprint: Fingerprint | None = None
        self._prepared: tuple[Fingerprint, bytes] | None = None
        self._road = road_of(function)
        if options.audit and self._road not in (None, answer_coroutine):
            raise OptionError(f"audit={options.audit!r} does not go with {function!r}, which is a generator")
        self._terms = options.terms()
        self._has_fixed_salt = layer.salt.is_fixed
        # Which looks at no stored result.
        self._has_short_road = (
            self._has_fixed_salt and self._road is None and self._terms is None and not options.audit
        )
        self._recent = layer.cache.recent
        self._prepare()
        group = group_name(layer.name, self._function)
        layer.cache.statistics.add(self, group, layer.name, self._function, self._stats)
        if options.max_size is not None or options.max_age is not None:
            layer.cache.limit(group, options.max_size, options.max_age)
        if self._road is answer_coroutine:
            mark(self)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "__wrapped__":  # as somebody does who puts another function in its place
            self._fingerprint = self._prepared = None

    def __repr__(self) -> str:
        return f"<cached {self.__wrapped__!r}>"

    def __reduce__(self) -> str:
        return self._qualname  # by reference, as functions are

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns, from the store where it is there."""
        found = self._fingerprint
        short = None
        if found is not None:
            if not found.holds():
                found = None
            elif self._has_short_road and self._recent.largest:
                # Scalars in and scalars out that this process has seen before need no digest.
                try:
                    token = exact_token(self._bind(*args, **kwargs))
                except TypeError:
                    token = None  # the long road says what does not fit
                if token is not None:
                    short = (self, found.digest, token)
                    value = self._recent.get(short)
                    if value is not MISS:
                        self._stats["hits"] += 1
                        return value  # type: ignore[no-any-return]
        if self._road is not None:
            return self._travel(self._road, args, kwargs)  # type: ignore[no-any-return]
        call = self._keyed(args, kwargs, found)
        if call is None:
            return self.__wrapped__(*args, **kwargs)
        call.short = short
        return self._layer.fetch(call, lambda: self.__wrapped__(*args, **kwargs), self._policy)

    def _travel(self, road: Road, args: tuple[Any, ...], kwargs: dict[str, Any], fresh: bool = False) -> Any:
        """Answer a call of a function that does not simply return."""
        try:
            self._bind(*args, **kwargs)
        except TypeError:
            return self.__wrapped__(*args, **kwargs)  # which says at once what does not fit
        return road(self, args, kwargs, fresh)

    def _keyed(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], found: Fingerprint | None = None
    ) -> Call | None:
        """Return the call with its key; None where it is to be computed without the cache."""
        try:
            return self._call(args, kwargs, found)
        except UnbindableError:
            return None  # the function says itself what is wrong with the call
        except Exception as error:  # a value may raise anything when it is looked at
            self._uncacheable(error)
            return None

    def uncached(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself; nothing is looked up or stored."""
        return self.__wrapped__(*args, **kwargs)

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute whatever is stored, and store the result."""
        if self._road is not None:
            return self._travel(self._road, args, kwargs, fresh=True)  # type: ignore[no-any-return]
        call = self._keyed(args, kwargs)
        if call is None:
            return self.__wrapped__(*args, **kwargs)
        value = self._layer.compute(call, lambda: self.__wrapped__(*args, **kwargs), self._policy)
        self._recent.clear()  # which may hold the result of before
        return value

    def keep(self, value: R, /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Store a value as the result of this call, which somebody else has computed."""
        self._layer.compute(self._call(args, kwargs), lambda: value, self._policy)
        self._recent.clear()  # which may hold the result of before

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key that this call would use, without calling: 32 hexadecimal digits."""
        return self._call(args, kwargs).digest.hex()

    cache_key = key

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether this call would be a hit."""
        return self._layer.holds(self._call(args, kwargs), self._stats)

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Return whether this call would be a hit and, if not, what differs from the nearest stored one."""
        return explain(self._call(args, kwargs))

    def verify(self, *args: P.args, **kwargs: P.kwargs) -> Verification:
        """Compute again what is stored of this call, and return both, and how they differ.

        Nothing is stored; `refresh` stores. Coroutine functions, asynchronous generators and functions
        with ``mutation="replay"`` cannot be verified.
        """
        from hashcache.verification import verify

        return verify(self, self._call(args, kwargs), args, kwargs)

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the stored result of this call; return whether there was one."""
        return self._layer.forget(self._call(args, kwargs))

    def clear(self) -> int:
        """Delete all stored results of functions with this name; return how many there were."""
        return self._layer.clear(self._function)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the headers of all stored results of functions with this name."""
        return self._layer.entries(self._function)

    def stats(self, *, all_processes: bool = False, details: bool = False) -> dict[str, Any]:
        """Return the counts of hits, misses and everything unusual.

        Parameters
        ----------
        all_processes : bool
            Of all processes that used the store, as far as they have written them down, and of all
            functions with this name; else of this function in this process.
        details : bool
            With seconds that hits saved and that computing took, bytes read and written, calls that
            waited for somebody else's result, results that went for a limit, and misses of a function whose
            code or captured values changed since it had results. Those of all processes have them in any
            case.
        """
        if not all_processes:
            return long_form(self._stats) if details else dict(short_form(self._stats))
        group = group_name(self._layer.name, self._function)
        return long_form(summed(self._layer.cache.statistics.written(group).values()))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Cached[P, R]: ...
    @overload
    def __get__(
        self: Cached[Concatenate[S, Q], R], instance: S, owner: type | None = None
    ) -> BoundCached[Q, R]: ...

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the cached method of an instance."""
        return self if instance is None else BoundCached(self, instance)

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the function as it is now: the same object until something changes."""
        found = self._fingerprint
        if found is None or not found.holds():
            found = self._renew()
            # The defaults may have changed with the function, and calls are bound with them: before
            # another thread can find the new fingerprint.
            if not self._signature.holds(self.__wrapped__):
                self._prepare()
            self._fingerprint = found
        return found

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any], found: Fingerprint | None = None) -> Call:
        """Return the call with its key; `found` is the fingerprint where it is known to hold."""
        if found is None:
            found = self.fingerprint()
        try:
            values = self._bind(*args, **kwargs)
        except TypeError as error:
            raise UnbindableError(str(error)) from None
        layer, options = self._layer, self._options
        prepared = self._prepared
        if prepared is None or prepared[0] is not found or not self._has_fixed_salt:
            prepared = found, layer.salt.prepare(self._function, options.version, options.relax, found)
            self._prepared = prepared
        # Not what another thread may have put there since.
        frames, arguments = prepared[1], []
        for name, head, value in zip(self._names, self._heads, values):  # noqa: B905  (costs half as much)
            argument = digest_argument(name, value, options.relax)
            frames += head + argument.digest
            arguments.append(argument)
        reach = None
        if options.mutation == "replay":
            from hashcache.reach import Reach  # only those who ask for it pay for its import

            named = [(argument.name, argument.value) for argument in arguments]
            reach = Reach(named, found.watched, options.relax)
            frames += _SHARING + reach.digest
        digest = digest_frames(frames)
        call = Call(
            layer, self._function, digest, options.version, found, arguments, self._renew, options.relax
        )
        call.terms = self._terms
        if options.keep_arguments:
            call.given = args, kwargs
        if reach is not None:
            call.replays(reach)
        return call

    def _prepare(self) -> None:
        self._signature = signature = Signature(self.__wrapped__, self._options.ignore)
        self._bind, self._names = signature.bind, signature.names
        self._heads = [frame_head(f"argument {name}", DIGEST_SIZE) for name in signature.names]

    def _renew(self) -> Fingerprint:
        options = self._options
        return fingerprint(self.__wrapped__, strict=options.strict, depends_on=options.depends_on)

    def _uncacheable(self, error: Exception) -> None:
        self._stats["uncacheable"] += 1
        if self._options.on_uncacheable == "raise":
            raise error
        if self._options.on_uncacheable == "warn":
            cause = error.path if isinstance(error, UncanonicalError) else type(error)
            reason = str(error) if isinstance(error, UncanonicalError) else f"its key failed with {error!r}"
            self._layer.cache.warn_once(
                ("uncacheable", self._function, cause),
                f"{self._function} is computed without the cache: {reason}",
                UncacheableWarning,
            )


@handles(Cached)
def _cached(value: Cached[..., Any], sink: Sink) -> None:
    # An edit in a cached callee has to reach every caller: it is the function, not the wrapper, that counts.
    sink.text("cached", value._options.version)
    sink.part(".%s", "__wrapped__", value.__wrapped__)
    sink.part(".%s", "depends_on", value._options.depends_on)
    # What somebody put on the wrapper, now or later, can be seen by whoever uses it.
    own = {name: part for name, part in vars(value).items() if name[:2] != "__" and name not in MARKS}
    sink.walk.mutable = True
    sink.part("%s", ".__dict__", own)
