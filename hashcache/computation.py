"""One computation: what was before the call, what the call changed, and how its result is stored."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hashcache import entry
from hashcache.codec import Buffer, Payload, encode
from hashcache.errors import (
    CompressionError,
    HashCacheError,
    MutationError,
    MutationWarning,
    NotWorthStoringError,
    StoreWarning,
    TooLargeError,
    TornEntryError,
    UncacheableWarning,
    UnencodableError,
    UnknownFormatError,
    UntrustedEntryError,
)
from hashcache.key import FINGERPRINT_MARK, fingerprint_name, group_name
from hashcache.lock import ABANDONED, FAILED, STORED, Ticket
from hashcache.mutation import LookBack, describe
from hashcache.preview import preview
from hashcache.statistics import BYTES_WRITTEN, CHANGED, SECONDS_SPENT

if TYPE_CHECKING:
    from hashcache.call import Call, Policy
    from hashcache.layer import Layer
    from hashcache.replay import Before

Encoded = tuple[str, Payload]


class Raised:
    """What is stored of a call that raised, where such exceptions are results."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Computation:
    """A computation from before the call to after it, as a context in which to call the function.

    Parameters
    ----------
    layer : Layer
    call : Call
    policy : Policy
    ticket : Ticket, optional
        Whoever waits for the result is let go at the end.
    """

    def __init__(self, layer: Layer, call: Call, policy: Policy, ticket: Ticket | None = None) -> None:
        self._layer, self._call, self._policy, self._ticket = layer, call, policy, ticket
        self._is_stored = False

    def __enter__(self) -> Computation:
        try:
            self._begin()
        except BaseException:  # an interruption, say: `__exit__` is then not called
            self._end(ABANDONED)
            raise
        self._started = time.perf_counter()
        return self

    def _begin(self) -> None:
        self._say_why()
        call, policy = self._call, self._policy
        policy.stats["misses"] += 1
        self._layer.cache.recent.discard(call.name)
        with suppress(Exception):  # whatever cannot be listed now is looked at when it is stored
            call.own_parts()
        self._look_back: LookBack | None = None
        self._before: Before | None = None
        if call.reach is not None:
            from hashcache.replay import Before

            self._before = Before(call.reach, call.arguments, call.fingerprint, call.renew, call.relax)
        elif policy.mutation != "ignore":
            self._look_back = LookBack(call.arguments, call.fingerprint, call.renew, call.relax)

    def _say_why(self) -> None:
        cache, call = self._layer.cache, self._call
        if not cache.talks():
            return
        try:
            from hashcache.explain import explain

            reason = call.refused[1] if call.refused is not None else explain(call).reason
        except Exception as error:  # a reason that cannot be given costs nobody the answer
            reason = f"for a reason that cannot be told ({error!r})"
        cache.log("%s computed: %s", call.function, reason)

    def _end(self, outcome: str) -> None:
        if self._ticket is not None:
            self._ticket.end(outcome)

    def finish(self, value: Any, encoding: Callable[[], Encoded] | None = None) -> None:
        """Store a result, if the call changed nothing that a hit would not change; `encoding` encodes it."""
        seconds = self._policy.seconds = time.perf_counter() - self._started
        self._policy.stats[SECONDS_SPENT] += seconds  # type: ignore[assignment]
        changed = self._look_back.changes() if self._look_back is not None else []
        if changed:
            self._say_changed(changed, "a hit would not repeat the change")
            return
        if self._before is not None:
            from hashcache.replay import REPLAY, UnrepeatableError

            try:
                if encoding is not None:
                    self._before.check_unchanged()
                elif (payload := self._before.encode(value, self._layer.codecs)) is not None:
                    self._keep(value, seconds, lambda: (REPLAY, payload))
                    return
            except UnrepeatableError as error:
                self._say_changed(error.paths, str(error))
                return
        encoding = encoding or (lambda: encode(value, self._layer.codecs))
        self._keep(value, seconds, encoding)
        if self._look_back is not None and self._look_back.filled:
            with suppress(Exception):  # it then is computed again
                self._call = self._call.anew()
                self._keep(value, seconds, encoding)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = STORED if self._is_stored else FAILED
        try:
            if error is not None and not isinstance(error, Exception):
                outcome = ABANDONED  # interrupted or closed, which says nothing of the next one to try
            elif isinstance(error, self._policy.cache_exceptions) and not isinstance(error, HashCacheError):
                self.finish(Raised(error))
                outcome = STORED if self._is_stored else FAILED
        finally:
            self._end(outcome)

    def _say_changed(self, paths: list[str], reason: str) -> None:
        self._policy.stats["mutated"] += 1
        message = (
            f"{self._call.function} changed {describe(paths)}; its result was not stored, because {reason}"
        )
        if self._policy.mutation == "error":
            raise MutationError(message)
        advice = "pass a copy, or mutation='ignore' if the change does not matter"
        self._layer.cache.warn(f"{message}; {advice}", MutationWarning)

    # -- storing ---------------------------------------------------------------------------------

    def _keep(self, value: Any, seconds: float, encoding: Callable[[], Encoded]) -> None:
        """Store a result; whatever goes wrong is said once and costs nobody the answer."""
        layer, call, policy = self._layer, self._call, self._policy
        if layer.is_foreign(call.name):
            return
        try:
            codec, payload = self._compressed(*encoding())
            pieces = entry.pack(call.digest, codec, payload, self._about(value, seconds), self._arguments())
        except NotWorthStoringError:
            policy.stats["not worth storing"] += 1
            return
        except (MemoryError, OSError) as error:  # no module can be loaded, say: not for want of a codec
            layer.store_failed("write", error, policy.stats)
            return
        except Exception as error:  # also of a codec whose description JSON cannot hold
            reason = (
                str(error) if isinstance(error, UnencodableError) else f"packing it failed with {error!r}"
            )
            self._say_unstored(
                ("encode", type(value)), f"{reason}; return plain data, or pass a codec for it"
            )
            return
        try:
            self._keep_fingerprint()
            layer.cache.store.put(call.name, pieces)
        except TooLargeError as error:
            self._say_unstored(("size",), f"{error}; raise max_size")
        except Exception as error:  # out of memory, or whatever a store of the user's own raises
            layer.store_failed("write", error, policy.stats)
        else:
            self._is_stored = True
            policy.stats[BYTES_WRITTEN] += entry.size_of(pieces)
            layer.cache.statistics.flush_if_due()

    def _say_unstored(self, cause: tuple[Any, ...], reason: str) -> None:
        policy, function = self._policy, self._call.function
        policy.stats["unstored"] += 1
        if policy.on_uncacheable != "ignore":
            message = f"the result of {function} is not stored: {reason}"
            self._layer.cache.warn_once((*cause, function), message, UncacheableWarning)

    def _arguments(self) -> Sequence[Buffer]:
        """Return the arguments as frames, where they are to be kept."""
        if self._call.given is None:
            return ()
        from hashcache.arguments import encode_arguments

        try:
            return encode_arguments(*self._call.given, self._layer.codecs, self._compressed)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # a value, or a codec of the user's own, may raise anything
            function = self._call.function
            self._layer.cache.warn_once(
                ("arguments", function, str(error)),
                f"the result of {function} is stored without its arguments ({error}); "
                f"it cannot be computed again to verify it",
                UncacheableWarning,
            )
            return ()

    def _compressed(self, codec: str, payload: Payload) -> Encoded:
        try:
            return self._layer.form.compressed(codec, payload)
        except CompressionError as error:
            self._layer.cache.warn_once(
                ("compression", str(error)), f"results are stored without compression: {error}", StoreWarning
            )
            return codec, payload

    def _about(self, value: Any, seconds: float) -> dict[str, Any]:
        from hashcache.rows import row_of  # which a call that finds its result does not need

        call = self._call
        salt = self._layer.salt.rows(call.version)  # the first of the call's own parts, where they are known
        return {
            "key": str(call.key),
            "layer": self._layer.name,
            "function": call.function,
            "defined": self._policy.defined,
            "created": time.time(),
            "seconds": seconds,
            **_computed_by(),
            "result": preview(value),
            "parts": [*salt, *(row_of(part).stored() for part in call.own_parts()[len(salt) :])],
            "fingerprint": call.fingerprint.digest.hex(),
        }

    def _keep_fingerprint(self) -> None:
        # Beside the results rather than in each: it is the same for all arguments, and can be long.
        found, store = self._call.fingerprint, self._layer.cache.store
        group = group_name(self._layer.name, self._call.function)
        name = fingerprint_name(group, found.digest)
        listed, succeeding = self._layer.listed, self._layer.succeeding
        if not store.size(name) or (name not in listed and self._is_lost(name)):
            if name not in listed and _has_listings(store, group):
                succeeding.add(name)
            from hashcache.inside import captured_parts
            from hashcache.rows import row_of

            rows = [row_of(part).stored() for part in captured_parts(found)]
            about = {"parts": rows, "assumptions": list(found.assumptions)}
            store.put(name, entry.pack(found.digest, "", Payload(None, ()), about))
        listed.add(name)
        if name in succeeding:
            self._policy.stats[CHANGED] += 1

    def _is_lost(self, name: str) -> bool:
        """Whether what lies there is of no use to anybody, unlike what another version wrote."""
        try:
            return self._layer.cache.peek(name) is None
        except UnknownFormatError:
            return False
        except (TornEntryError, UntrustedEntryError):
            return True


def _has_listings(store: Any, group: str) -> bool:
    """Whether a store is known to list other fingerprints of a function, with which it had results."""
    try:
        return hasattr(store, "visit") and any(name for name, *_ in store.visit(group, FINGERPRINT_MARK))
    except OSError:
        return False


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
