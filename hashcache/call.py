"""One call of a cached function: its key, what the key was made from, and how it wants to be treated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

from hashcache.codec import Payload
from hashcache.digest import DIGEST_SIZE, digest_frame, digest_frames, frame_head
from hashcache.distributions import origin_of_code
from hashcache.fingerprint import Fingerprint, fingerprint
from hashcache.key import Key, group_name
from hashcache.mutation import Argument, digest_argument
from hashcache.parts import Part
from hashcache.preview import preview

if TYPE_CHECKING:
    from hashcache.layer import Layer
    from hashcache.reach import Reach
    from hashcache.terms import Refusal, Terms


Given = tuple[tuple[Any, ...], dict[str, Any]]


class Call:
    """One call of a cached function, with its key and what the key was made from."""

    # Not a dataclass, here and elsewhere: `dataclasses` loads `inspect`, a third of what a first hit took.
    __slots__ = (
        "_name", "arguments", "decoders", "digest", "fingerprint", "function", "given", "layer", "listed",
        "reach", "refused", "relax", "renew", "short", "terms", "version",
    )  # fmt: skip

    def __init__(
        self,
        layer: Layer,
        function: str,
        digest: bytes,
        version: str,
        fingerprint: Fingerprint,
        arguments: list[Argument],
        renew: Callable[[], Fingerprint],
        relax: tuple[str, ...] = (),
        short: Hashable = None,
    ) -> None:
        self._name: str | None = None
        self.layer = layer
        self.function = function
        self.digest = digest
        self.version = version
        self.fingerprint = fingerprint
        self.arguments = arguments
        self.renew = renew
        self.relax = relax
        self.short = short  # under which this process may keep a scalar result
        self.decoders: Mapping[str, Callable[[Payload], Any]] | None = None  # beside the layer's codecs
        self.given: Given | None = None  # with what it was called, where that is to be kept
        self.listed: list[Part] | None = None  # own parts, once they were asked for
        self.reach: Reach | None = None  # what the call can change, where changes are repeated
        self.terms: Terms | None = None  # on which a stored result may be used
        self.refused: Refusal | None = None  # why what is stored may not, once it was found

    def replays(self, reach: Reach) -> None:
        """Let a hit repeat what the call changes in reach."""
        from hashcache.replay import REPLAY, replay

        self.reach = reach
        self.decoders = {REPLAY: lambda payload: replay(payload, reach, self.layer.codecs)}

    @property
    def key(self) -> Key:
        """What the call is looked up under, for people."""
        return Key(self.layer.name, self.function, self.digest.hex())

    @property
    def name(self) -> str:
        """Where a store keeps the result."""
        if self._name is None:
            self._name = f"{group_name(self.layer.name, self.function)}/{self.digest.hex()}"
        return self._name

    def anew(self) -> Call:
        """Return the same call with the key that it has now."""
        found = self.renew()
        frames = self.layer.salt.prepare(self.function, self.version, self.relax, found)
        arguments = [digest_argument(known.name, known.value, self.relax) for known in self.arguments]
        for argument in arguments:
            frames += frame_head(f"argument {argument.name}", DIGEST_SIZE) + argument.digest
        digest = digest_frames(frames)
        again = Call(
            self.layer, self.function, digest, self.version, found, arguments, self.renew, self.relax
        )
        again.given = self.given
        return again

    def known(self, created: float, seconds: float) -> dict[str, Any]:
        """Return what those who validate a stored result of this call may want to know of it."""
        return {
            "function": self.function,
            "key": str(self.key),
            "arguments": {argument.name: argument.value for argument in self.arguments},
            "created": created,
            "seconds": seconds,
        }

    def own_parts(self) -> list[Part]:
        """Return what went into the key besides the fingerprint: salt and arguments.

        As they are at the first time of asking; after the call they may be something else.
        """
        if self.listed is None:
            self.listed = self._list_own_parts()
        return self.listed

    def _list_own_parts(self) -> list[Part]:
        from hashcache.inside import look_inside  # which a call that finds its result does not need

        parts = [*self.layer.salt.parts(self.version)]
        if self.relax:
            text = ",".join(sorted(self.relax))
            parts.append(Part("", "relax", digest_frame("relax", text.encode()), text))
        for argument, inside in zip(self.arguments, look_inside(self.arguments), strict=True):
            tag, value = f"argument {argument.name}", argument.value
            origins = () if argument.walk is None else argument.walk.origins
            # Already in the digest above; listed so that a changed callback can say what changed.
            is_callback = isinstance(value, FunctionType) and origin_of_code(value) is None
            listed = fingerprint(value).parts if is_callback else ()
            text = preview(value)
            parts.append(
                Part("", tag, argument.digest, text, origins=origins, refers=is_callback, inside=inside)
            )
            parts += [
                part._replace(owner=tag, tag=part.name, shown_owner=tag, shown_tag=part.label)
                for part in listed
            ]
        # What the walks made for themselves, such as lists of the strings in a frame, is not to outlive this.
        for argument in self.arguments:
            argument.walk = None
        if self.reach is not None:
            parts.append(Part("", "sharing", self.reach.digest, self.reach.text))
        return parts

    def parts(self) -> list[Part]:
        """Return everything that went into the key, in a stable order."""
        from hashcache.inside import captured_parts

        return [*self.own_parts(), *captured_parts(self.fingerprint)]


class Policy:
    """How a cached function wants its calls treated, and where it counts them."""

    def __init__(
        self,
        mutation: str,
        on_uncacheable: str,
        stats: Counter[str],
        cache_exceptions: tuple[type[Exception], ...] = (),
        lock_timeout: float = 600.0,
        audit: float = 0.0,
        defined: str = "",
    ) -> None:
        self.mutation = mutation
        self.on_uncacheable = on_uncacheable
        self.stats = stats
        self.cache_exceptions = cache_exceptions
        self.lock_timeout = lock_timeout
        self.audit = audit
        self.defined = defined  # where the function is to be found: its module, a colon, its name there
        self.seconds: float | None = None  # how long the last computation took
