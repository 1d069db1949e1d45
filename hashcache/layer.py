"""The one mechanism: look up, compute, look back, store. Every cache layer is an instance of it."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack

from hashcache import entry
from hashcache.codec import CODECS, Codec, Payload, encode
from hashcache.digest import DIGEST_SIZE, Framed, frame_head
from hashcache.distributions import origin_of_code
from hashcache.errors import (
    MutationError,
    MutationWarning,
    StoreWarning,
    TornEntryError,
    UncacheableWarning,
    UnencodableError,
    UnknownFormatError,
)
from hashcache.fingerprint import Fingerprint, Part, fingerprint
from hashcache.key import Key, fingerprint_name, group_name
from hashcache.mutation import Argument, LookBack, describe, digest_argument
from hashcache.preview import preview
from hashcache.recent import MISS, is_immutable, size_of

if TYPE_CHECKING:
    from hashcache.cache import Cache
    from hashcache.decorator import Cached, Settings
    from hashcache.reach import Reach

P = ParamSpec("P")
R = TypeVar("R")

_KEY_FORMAT = b"hashcache key 1"
REPLAY = "value with changes"  # what entries of such call their codec
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(slots=True)
class Call:
    """One call of a cached function, with its key and what the key was made from."""

    layer: Layer
    function: str
    digest: bytes
    version: str
    fingerprint: Fingerprint
    arguments: list[Argument]
    renew: Callable[[], Fingerprint]
    relax: tuple[str, ...] = ()
    short: Hashable = None  # under which this process may keep a scalar result
    reach: Reach | None = None  # what the call can change, where changes are repeated

    @property
    def key(self) -> Key:
        """What the call is looked up under, for people."""
        return Key(self.layer.name, self.function, self.digest.hex())

    @property
    def name(self) -> str:
        """Where a store keeps the result."""
        return f"{group_name(self.layer.name, self.function)}/{self.digest.hex()}"

    def own_parts(self) -> list[Part]:
        """Return what went into the key besides the fingerprint: salt and arguments."""
        parts = self.layer.salt_parts(self.version)
        for argument in self.arguments:
            tag = f"argument {argument.name}"
            parts.append(Part("", tag, argument.digest, preview(argument.value)))
            if isinstance(argument.value, FunctionType) and origin_of_code(argument.value) is None:
                # Already in the digest above; listed so that a changed callback can say what changed.
                inner = fingerprint(argument.value).parts
                parts += [Part(tag, part.name, part.digest, part.text) for part in inner]
        if self.reach is not None:
            parts.append(Part("", "sharing", self.reach.digest, self.reach.text))
        return parts

    def parts(self) -> list[Part]:
        """Return everything that went into the key, in a stable order."""
        return [*self.own_parts(), *self.fingerprint.parts]


class Layer:
    """A family of cached functions: the mechanism with a name, a codec and a salt filled in.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and hyphens; names the folder and the rows of listings.
    codec : Codec, optional
        Tried before the general ones.
    salt : tuple or callable
        Whatever else the values depend on: format numbers, or a function that returns them.
    cache : Cache, optional
        Where results are kept. Default: the cache that ``hashcache`` itself is.

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
        salt: tuple[Any, ...] | Callable[[], tuple[Any, ...]] = (),
        cache: Cache | None = None,
    ) -> None:
        if not name or not all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in name):
            raise ValueError(f"a layer's name is lower-case letters, digits and hyphens, not {name!r}")
        self.name = name
        self.codecs: list[Codec] = CODECS if codec is None else [codec, *CODECS]
        self._codec_of = {codec.name: codec for codec in reversed(self.codecs)}
        self._salt = salt
        self._cache = cache
        self._foreign: set[str] = set()

    @property
    def cache(self) -> Cache:
        """The cache that this layer keeps its results in."""
        if self._cache is None:
            from hashcache.cache import hashcache

            return hashcache
        return self._cache

    def wrap(self, function: Callable[P, R], **options: Unpack[Settings]) -> Cached[P, R]:
        """Return the function with its results kept in this layer; options are those of `hashcache`."""
        from hashcache.decorator import Cached, Options

        return Cached(function, self, Options.of(options))

    def prepare(self, function: str, version: str, relax: tuple[str, ...], fingerprint: Fingerprint) -> bytes:
        """Return what stands for everything in a key but the arguments."""
        sink = Framed()
        sink.write("format", _KEY_FORMAT)
        for part in self.salt_parts(version):
            sink.write(part.tag, part.digest)
        sink.write("function", function.encode())
        sink.write("relax", ",".join(sorted(relax)).encode())
        sink.write("fingerprint", fingerprint.digest)
        return frame_head("function", DIGEST_SIZE) + sink.digest()

    @property
    def has_fixed_salt(self) -> bool:
        """Whether the salt is the same throughout a process."""
        return not callable(self._salt)

    def salt_parts(self, version: str) -> list[Part]:
        """Return the parts of a key that do not depend on function or arguments."""
        salt = self._salt() if callable(self._salt) else self._salt
        values = [("python", _PYTHON), ("layer", self.name), ("version", version)]
        values += [(f"salt {place}", value) for place, value in enumerate(salt)]
        return [Part("", tag, digest_argument(tag, value).digest, preview(value)) for tag, value in values]

    # -- the road of one call --------------------------------------------------------------------

    def fetch(self, call: Call, compute: Callable[[], R], policy: Policy) -> R:
        """Return the stored result of a call, or compute, look back and store."""
        cache = self.cache
        value = self.look_up(call, policy.stats)
        if value is not MISS:
            policy.stats["hits"] += 1
            # A scalar that comes with a change of something captured is not all that a hit has to give.
            replays = call.reach is not None and call.reach.objects
            if call.short is not None and not replays and is_immutable(value):
                size = sum(size_of(argument.value) for argument in call.arguments)
                cache.recent.put(call.short, value, size + size_of(value))
            if cache.talks():
                cache.log("hit %s", call.key)
            return value  # type: ignore[no-any-return]
        if cache.talks():
            from hashcache.explain import explain

            try:
                reason = explain(call).reason
            except Exception as error:  # a reason that cannot be given costs nobody the answer
                reason = f"for a reason that cannot be told ({error!r})"
            cache.log("%s computed: %s", call.function, reason)
        return self.compute(call, compute, policy)

    def compute(self, call: Call, compute: Callable[[], R], policy: Policy) -> R:
        """Compute the result of a call, and store it if the call changed nothing that a hit would not."""
        policy.stats["misses"] += 1
        self.cache.recent.discard(call.name)
        if call.reach is not None:
            return self._compute_with_changes(call, call.reach, compute, policy)
        look_back = (
            None
            if policy.mutation == "ignore"
            else LookBack(call.arguments, call.fingerprint, call.renew, call.relax)
        )
        started = time.perf_counter()
        value = compute()
        seconds = time.perf_counter() - started
        changed = look_back.changes() if look_back is not None else []
        if changed:
            self._changed(call, changed, "a hit would not repeat the change", policy)
            return value
        self.keep(call, value, seconds, policy)
        return value

    def _compute_with_changes(self, call: Call, reach: Reach, compute: Callable[[], R], policy: Policy) -> R:
        from hashcache.replay import Before, UnrepeatableError

        before = Before(reach, call.arguments, call.fingerprint, call.renew, call.relax)
        started = time.perf_counter()
        value = compute()
        seconds = time.perf_counter() - started
        try:
            payload = before.encode(value, self.codecs)
        except UnrepeatableError as error:
            self._changed(call, error.paths, str(error), policy)
            return value
        self.keep(call, value, seconds, policy, None if payload is None else (REPLAY, payload))
        return value

    def _changed(self, call: Call, paths: list[str], reason: str, policy: Policy) -> None:
        policy.stats["mutated"] += 1
        message = f"{call.function} changed {describe(paths)}; its result was not stored, because {reason}"
        if policy.mutation == "error":
            raise MutationError(message)
        advice = "pass a copy, or mutation='ignore' if the change does not matter"
        self.cache.warn(f"{message}; {advice}", MutationWarning)

    def look_up(self, call: Call, stats: Counter[str]) -> Any:
        """Return the stored result of a call, or `MISS`."""
        cache, name = self.cache, call.name
        recent = cache.recent
        kept = recent.get(name)
        if kept is MISS:
            kept, size = self.read(name, call, stats)
            if kept is None:
                return MISS
            if size <= recent.largest and not kept[1].is_own:
                recent.put(name, kept, size)
        codec, payload, _ = kept
        try:
            if codec == REPLAY and call.reach is not None:
                from hashcache.replay import replay

                return replay(payload, call.reach, self.codecs)
            if codec not in self._codec_of:
                return MISS
            return self._codec_of[codec].decode(payload)
        except Exception as error:  # a class that moved, a library that changed: compute again
            self.cache.warn_once(
                ("decode", name),
                f"the stored result of {call.function} cannot be read back "
                f"({type(error).__name__}: {error}); it is computed again",
                StoreWarning,
            )
            return MISS

    def read(self, name: str, call: Call, stats: Counter[str]) -> tuple[entry.Content | None, int]:
        """Return what is stored for a call, checked, and its size; None if there is nothing of use."""
        try:
            data = self.cache.store.get(name)
        except OSError as error:
            self._store_failed("read", error, stats)
            return None, 0
        if data is None:
            return None, 0
        state = getattr(data, "state", None)
        checked = state is not None and self.cache.recent.get(("checked", name)) == state
        try:
            found = entry.unpack(data, call.digest, checked)
            if state is not None and not checked:
                self.cache.recent.put(("checked", name), state, 0)
            return found, len(data)
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
        return None, 0

    def keep(
        self,
        call: Call,
        value: Any,
        seconds: float,
        policy: Policy,
        encoded: tuple[str, Payload] | None = None,
    ) -> None:
        """Store a result; whatever goes wrong is said once and costs nobody the answer."""
        if call.name in self._foreign:
            return
        try:
            codec, payload = encode(value, self.codecs) if encoded is None else encoded
            pieces = entry.pack(call.digest, codec, payload, self._about(call, value, seconds))
        except Exception as error:  # also of a codec whose description JSON cannot hold
            policy.stats["unstored"] += 1
            if policy.on_uncacheable == "ignore":
                return
            reason = (
                str(error) if isinstance(error, UnencodableError) else f"packing it failed with {error!r}"
            )
            self.cache.warn_once(
                ("encode", call.function, type(value)),
                f"the result of {call.function} is not stored: {reason}; "
                f"return plain data, or pass a codec for it",
                UncacheableWarning,
            )
            return
        try:
            self._keep_fingerprint(call)
            self.cache.store.put(call.name, pieces)
        except OSError as error:
            self._store_failed("write", error, policy.stats)

    def _about(self, call: Call, value: Any, seconds: float) -> dict[str, Any]:
        return {
            "key": str(call.key),
            "layer": self.name,
            "function": call.function,
            "created": time.time(),
            "seconds": seconds,
            **_computed_by(),
            "result": preview(value),
            "parts": [part.row() for part in call.own_parts()],
            "fingerprint": call.fingerprint.digest.hex(),
        }

    def _keep_fingerprint(self, call: Call) -> None:
        # Beside the results rather than in each: it is the same for all arguments, and can be long.
        name = fingerprint_name(group_name(self.name, call.function), call.fingerprint.digest)
        if self.cache.store.size(name):
            return
        rows = [part.row() for part in call.fingerprint.parts]
        header = {"parts": rows, "assumptions": list(call.fingerprint.assumptions)}
        self.cache.store.put(name, entry.pack(call.fingerprint.digest, "", Payload(None, ()), header))

    def _store_failed(self, what: str, error: OSError, stats: Counter[str]) -> None:
        stats[f"failed to {what}"] += 1
        self.cache.warn_once(
            ("store", type(error), error.errno),
            f"the store at {self.cache.location} cannot be {'written' if what == 'write' else 'read'} "
            f"({error}); results are computed and not stored until that is mended",
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
        return self.read(call.name, call, stats)[0] is not None

    def forget(self, call: Call) -> bool:
        """Delete the result of a call; return whether there was one."""
        self.cache.recent.clear()
        return self._drop(call.name)

    def _drop(self, name: str) -> bool:
        try:
            return self.cache.store.delete(name)
        except OSError as error:
            self._store_failed("write", error, Counter())
            return False


@dataclass(frozen=True)
class Policy:
    """How a cached function wants its calls treated, and where it counts them."""

    mutation: str
    on_uncacheable: str
    stats: Counter[str]


@functools.cache
def _computed_by() -> dict[str, str]:
    """Return the part of the provenance that is the same throughout a process."""
    import getpass  # together with the likes of it a tenth of the time that importing this package takes

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no name for this user id
        user = ""
    host = os.uname().nodename if hasattr(os, "uname") else ""
    return {"python": sys.version.partition(" ")[0], "host": host, "user": user}
