"""The one mechanism: look up, compute, look back, store. Every cache layer is an instance of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack

from hashcache import entry
from hashcache.call import Call, Policy
from hashcache.codec import Codec
from hashcache.computation import Computation, Raised
from hashcache.errors import (
    CompressionError,
    RefusedCodecError,
    StoreWarning,
    TornEntryError,
    UnknownFormatError,
    UntrustedEntryError,
)
from hashcache.form import COMPRESSED, Form, Mmap, Pickle
from hashcache.key import group_name
from hashcache.lock import StoreLock, Ticket
from hashcache.mutation import changed_values
from hashcache.recent import MISS, is_immutable, size_of
from hashcache.salt import Salt, Values
from hashcache.statistics import BYTES_READ, FOUND, SECONDS_SAVED, count_wait

if TYPE_CHECKING:
    from datetime import timedelta

    from hashcache.cache import Cache
    from hashcache.decorator import Cached
    from hashcache.options import Settings
    from hashcache.policy import Size

P = ParamSpec("P")
R = TypeVar("R")

_WORTH_A_LOCK = 0.01  # seconds; a lock between processes takes some 0.0002
_LONGEST_NAME = 100


class Layer:
    """A family of cached functions: the mechanism with a name, a codec and a salt filled in.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and hyphens; names the folder and the rows of listings.
    codec : Codec, optional
        Tried before the general ones.
    salt : tuple, dict or callable
        Whatever else the values depend on: format numbers, the same by name, or a function that returns them.
    cache : Cache, optional
        Where results are kept. Default: the cache that ``hashcache`` itself is.
    max_size, max_age
        What the results of this layer may take, as those of `Cache`.
    pickle, compress, mmap
        As `Cache` and its decorator have them.

    Examples
    --------
    >>> squares = Layer("square", salt=(1,))
    >>> square = squares.wrap(lambda x: x * x)
    """

    def __init__(
        self,
        name: str,
        *,
        codec: Codec | None = None,
        salt: Values | Callable[[], Values] = (),
        cache: Cache | None = None,
        max_size: Size | None = None,
        max_age: timedelta | float | None = None,
        pickle: Pickle | None = None,
        compress: str | int | None = None,
        mmap: Mmap = "c",
    ) -> None:
        if not name or not all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in name):
            raise ValueError(f"a layer's name is lower-case letters, digits and hyphens, not {name!r}")
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"a layer's name has at most {_LONGEST_NAME} characters, not {len(name)}")
        self.name = name
        if cache is not None:  # which no layer of it can be more trusting than
            self.cache = cache
            pickle = cache.pickle if pickle is None or cache.pickle == "never" else pickle
            compress = cache.compress if compress is None else compress
        self.form = Form(codec, pickle or "allow", compress, mmap)
        self.salt = Salt(name, salt)
        self._foreign: set[str] = set()
        self.listed: set[str] = set()  # fingerprints whose listing was found whole and trusted, or written
        self.succeeding: set[str] = set()  # those of them that came after others of the same function
        if max_size is not None or max_age is not None:
            self.cache.limit(name, max_size, max_age)

    @property
    def codecs(self) -> Sequence[Codec]:
        """The codecs of its results, the first to be tried first."""
        return self.form.codecs

    @cached_property  # which is asked for several times at every hit
    def cache(self) -> Cache:
        """The cache that this layer keeps its results in."""
        from hashcache.cache import hashcache

        return hashcache

    def wrap(self, function: Callable[P, R], **options: Unpack[Settings]) -> Cached[P, R]:
        """Return the function with its results kept in this layer; options are those of `hashcache`."""
        from hashcache.decorator import Cached
        from hashcache.options import Options

        return Cached(function, self, Options.of(options))

    # -- the road of one call --------------------------------------------------------------------

    def fetch(self, call: Call, compute: Callable[[], R], policy: Policy) -> R:
        """Return the stored result of a call, or compute, look back and store."""
        if policy.audit:
            from hashcache import audit

            if (stored := audit.stored_of(call, policy)) is not MISS:
                return audit.compared(call, policy, stored, self.compute(call, compute, policy))
        seen = self.cache.flights.landed
        value = self.look_up(call, policy.stats)
        if value is not MISS:
            return self._hit(call, value, policy)  # type: ignore[no-any-return]
        lock, again = self._lock_of(call, policy), Counter[str]()
        boarded = self.cache.flights.board(
            call.name, lock, policy.lock_timeout, lambda: self._look_again(call, again), seen
        )
        if isinstance(boarded, Ticket):
            return self.compute(call, compute, policy, boarded)
        count_wait(policy.stats, again)
        return self._hit(call, boarded, policy)  # type: ignore[no-any-return]

    async def fetch_task(
        self, call: Call, compute: Callable[[], Awaitable[R]], policy: Policy, fresh: bool
    ) -> R:
        """Do the same for a coroutine, while the event loop runs on; compute in any case if `fresh`."""
        ticket = None
        stored = MISS
        if policy.audit and not fresh:
            from hashcache import audit

            stored = audit.stored_of(call, policy)
        if not fresh and stored is MISS:
            seen = self.cache.flights.landed
            value = self.find(call, policy)
            if value is not MISS:
                return value  # type: ignore[no-any-return]
            lock, again = self._lock_of(call, policy), Counter[str]()
            boarded = await self.cache.flights.board_task(
                call.name, lock, policy.lock_timeout, lambda: self._look_again(call, again), seen
            )
            if not isinstance(boarded, Ticket):
                count_wait(policy.stats, again)
                return self._hit(call, boarded, policy)  # type: ignore[no-any-return]
            ticket = boarded
        with self.computation(call, policy, ticket) as computation:
            awaited = await compute()
            computation.finish(awaited)
        return awaited if stored is MISS else audit.compared(call, policy, stored, awaited)

    def compute(
        self, call: Call, compute: Callable[[], R], policy: Policy, ticket: Ticket | None = None
    ) -> R:
        """Compute the result of a call, and store it if the call changed nothing."""
        with self.computation(call, policy, ticket) as computation:
            value = compute()
            computation.finish(value)
            return value

    def computation(self, call: Call, policy: Policy, ticket: Ticket | None = None) -> Computation:
        """Return the context in which to compute the result of a call."""
        return Computation(self, call, policy, ticket)

    def find(self, call: Call, policy: Policy) -> Any:
        """Return the stored result of a call as a hit, or `MISS`."""
        value = self.look_up(call, policy.stats)
        return value if value is MISS else self._hit(call, value, policy)

    def _hit(self, call: Call, value: Any, policy: Policy) -> Any:
        cache = self.cache
        policy.stats["hits"] += 1
        if cache.talks():
            cache.log("hit %s", call.key)
        # A scalar that comes with a change of something captured is not all that a hit has to give.
        replays = call.reach is not None and call.reach.objects
        if call.short is not None and not replays and is_immutable(value):
            size = sum(size_of(argument.value) for argument in call.arguments)
            cache.recent.put(call.short, value, size + size_of(value))
        elif type(value) is Raised:
            raise value.error
        return value

    def _lock_of(self, call: Call, policy: Policy) -> Callable[[], StoreLock | None] | None:
        """Return what takes the lock between processes, where the work saved is worth more than the lock."""
        if policy.seconds is not None and policy.seconds < _WORTH_A_LOCK:
            return None
        return lambda: self.cache.store.lock(call.name)

    def _look_again(self, call: Call, stats: Counter[str] | None = None) -> Any:
        """Return what is stored for a call that waited, or `MISS`."""
        if call.reach is not None and changed_values(call.arguments, call.fingerprint, call.relax):
            return MISS  # whoever was waited for changed what both were given, and the key is that of before
        return self.look_up(call, Counter() if stats is None else stats)

    def look_up(self, call: Call, stats: Counter[str]) -> Any:
        """Return the stored result of a call, or `MISS`."""
        name, recent = call.name, self.cache.recent
        kept = recent.get(name)
        if kept is not MISS:
            value = self._decode(call, kept, stats)
            # Another process may have put another one in the place of what is of no use any more.
            if value is not MISS or call.refused is None:
                return value
        kept, size = self.read(name, call, stats)
        if kept is None:
            return MISS
        value = self._decode(call, kept, stats)
        if call.refused is not None:
            stats[call.refused[0]] += 1
        elif size <= recent.largest and not kept[1].is_own:
            recent.put(name, kept, size)
        return value

    def _decode(self, call: Call, kept: entry.Content, stats: Counter[str]) -> Any:
        """Return the value of a stored result; `MISS` if it cannot be read back or the terms refuse it."""
        codec, payload, created, seconds, _ = kept
        terms = call.terms
        if terms is not None:
            call.refused = terms.refuse_age(created)
            if call.refused is not None:
                return MISS
        try:
            value = self.form.decode(codec, payload, call.decoders)
            if value is MISS:
                return MISS
        except RefusedCodecError as error:
            self.cache.warn_once(
                ("refused", call.function, codec),
                f"a stored result of {call.function} is not read ({error}); it is computed again",
                StoreWarning,
            )
            return MISS
        except Exception as error:  # a class that moved, a library that changed: compute again
            stats["unreadable"] += 1
            self.cache.warn_once(
                ("decode", call.name),
                f"the stored result of {call.function} cannot be read back "
                f"({type(error).__name__}: {error}); it is computed again",
                StoreWarning,
            )
            return MISS
        if terms is not None and terms.validate is not None:
            # What no codec of the layer reads are the items of a generator.
            seen = list(value) if call.decoders is not None and codec in call.decoders else value
            seen = seen.error if type(seen) is Raised else seen
            call.refused = terms.refuse_value(seen, lambda: call.known(created, seconds))
            if call.refused is not None:
                self._say_refused(call.function, call.refused[2])
                return MISS
        stats[FOUND] += 1
        stats[SECONDS_SAVED] += seconds  # type: ignore[assignment]
        return value

    def _say_refused(self, function: str, error: Exception | None) -> None:
        if error is not None:
            self.cache.warn_once(
                ("validate", function),
                f"validate of {function} raised {type(error).__name__}: {error}; "
                f"what is stored is computed again",
                StoreWarning,
            )

    def read(self, name: str, call: Call, stats: Counter[str]) -> tuple[entry.Content | None, int]:
        """Return what is stored for a call, checked, and its size; None if there is nothing of use."""
        store, recent = self.cache.store, self.cache.recent
        try:
            data = store.get(name) if self.form.mmap == "c" else store.get(name, mode=self.form.mmap)
            if not self.cache.statistics.is_watched:
                self.cache.statistics.watch()
            if data is None:
                return None, 0
            stats[BYTES_READ] += len(data)
            state = getattr(data, "state", None)
            checked = state is not None and recent.get(("checked", name)) == state
            found = entry.unpack(data, call.digest, checked)
            if state is not None and not checked:
                recent.put(("checked", name), state, 0)
            if found[0] != COMPRESSED:
                return found, len(data)
            found = (*self.form.expanded(found[0], found[1]), *found[2:])
            return found, sum(map(len, found[1].frames)) + len(data)
        except UntrustedEntryError as error:
            stats["untrusted"] += 1
            self.cache.warn_once(
                ("untrusted", str(error)),
                f"a stored entry of {call.key} is not trusted ({error}), and so are others like it; they "
                f"are computed again and replaced. Who is to share them needs the same key: set "
                f"HASHCACHE_KEY_FILE or key_file=",
                StoreWarning,
            )
        except CompressionError as error:
            self.cache.warn_once(
                ("compression", str(error)),
                f"the stored result of {call.function} cannot be read ({error}); it is computed again",
                StoreWarning,
            )
        except UnknownFormatError:
            self._foreign.add(name)  # another version's, and that version may want it
        except TornEntryError as error:
            stats["torn"] += 1
            self.cache.warn_once(
                ("torn", name),
                f"the stored entry of {call.key} is damaged ({error}); it is dropped and computed again",
                StoreWarning,
            )
            self._drop(name)
        except Exception as error:  # out of memory, or whatever a store of the user's own raises
            self.store_failed("read", error, stats)
        return None, 0

    def is_foreign(self, name: str) -> bool:
        """Whether an entry of another format version lies there, which that version may want."""
        return name in self._foreign

    def store_failed(self, what: str, error: Exception, stats: Counter[str]) -> None:
        """Count and say once that the store cannot be used."""
        stats[f"failed to {what}"] += 1
        reason = str(error) if isinstance(error, OSError) else repr(error)
        self.cache.warn_once(
            ("store", type(error), getattr(error, "errno", None)),
            f"the store at {self.cache.place} cannot be {'written' if what == 'write' else 'read'} "
            f"({reason}); results are computed and not stored until that is mended",
            StoreWarning,
        )

    # -- what is stored --------------------------------------------------------------------------

    def entries(self, function: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the headers of stored results, of one function or of the whole layer."""
        return self.cache.entries(group_name(self.name, function) if function is not None else self.name)

    def clear(self, function: str | None = None) -> int:
        """Delete the results of one function or of the whole layer; return how many there were."""
        return self.cache.clear(group_name(self.name, function) if function is not None else self.name)

    def holds(self, call: Call, stats: Counter[str]) -> bool:
        """Return whether the result of a call is stored."""
        kept, _ = self.read(call.name, call, stats)
        if kept is None or self.form.refuses(kept[0]):
            return False
        if call.terms is None:
            return True
        if call.terms.validate is not None:  # which says something of values only
            return self._decode(call, kept, Counter()) is not MISS
        call.refused = call.terms.refuse_age(kept[2])
        return call.refused is None

    def forget(self, call: Call) -> bool:
        """Delete the result of a call; return whether there was one."""
        self.cache.recent.clear()
        return self._drop(call.name)

    def _drop(self, name: str) -> bool:
        try:
            return self.cache.store.delete(name)
        except Exception as error:
            self.store_failed("write", error, Counter())
            return False
