"""In what form results are kept: by which codecs, compressed or not, and how they come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hashcache.codec import CODECS, Codec, Payload
from hashcache.errors import OptionError, RefusedCodecError, UnencodableError
from hashcache.recent import MISS

COMPRESSED = "zstd frames"  # what entries with compressed frames call their codec; its own name is inside

_CHOICES: dict[str, tuple[str | None, ...]] = {"pickle": ("allow", "never"), "mmap": ("c", "r", None)}

Pickle = Literal["allow", "never"]
Mmap = Literal["c", "r"] | None


class Traits(NamedTuple):
    """What is promised of the codecs that have one name: the worst of what each of them says.

    Attributes
    ----------
    executes_code : bool
        Whether reading can run what the bytes say.
    machine_bound : bool
        Whether what it writes is of use on the machine that wrote it alone.
    """

    executes_code: bool
    machine_bound: bool


_traits: dict[str, Traits] = {}


def traits_of(codec: str) -> Traits | None:
    """Return what is promised of a codec by all that have its name in this process; None if none has."""
    return _traits.get(codec)


class Form:
    """How a layer turns results into bytes and back.

    Parameters
    ----------
    codec : Codec, optional
        Tried before the general ones.
    pickle : {"allow", "never"}
        Whether codecs that can run code when they read are used.
    compress : str or int, optional
        ``"zstd"`` or a level.
    mmap : {"c", "r", None}
        Whether large results are maps of their entry: private ones, read-only ones, none.
    """

    def __init__(
        self,
        codec: Codec | None = None,
        pickle: str = "allow",
        compress: str | int | None = None,
        mmap: str | None = "c",
    ) -> None:
        for option, value in (("pickle", pickle), ("mmap", mmap)):
            if value not in _CHOICES[option]:
                choices = ", ".join(map(repr, _CHOICES[option]))
                raise OptionError(f"{option}={value!r}; it can be one of {choices}")
        self._use(CODECS if codec is None else [codec, *CODECS], pickle == "never")
        self.mmap = mmap
        self.level: int | None = None
        if compress is not None:
            from hashcache.compression import level_of

            self.level = level_of(compress)

    def _use(self, codecs: Sequence[Codec], runs_nothing: bool) -> None:
        for one in codecs:
            _note_traits(one)
        if runs_nothing:
            codecs = [_Refused(one) if _may_run_code(one) else one for one in codecs]
        self.codecs: Sequence[Codec] = codecs
        self.runs_nothing = runs_nothing
        self._codec_of = {one.name: one for one in reversed(codecs)}

    def without_pickle(self) -> Form:
        """Return the same form without the codecs that can run code."""
        form = Form(mmap=self.mmap)
        form.level = self.level
        form._use(self.codecs, True)
        return form

    def compressed(self, codec: str, payload: Payload) -> tuple[str, Payload]:
        """Return an encoded value as it is to be written; raise `CompressionError` if that cannot be."""
        if self.level is None:
            return codec, payload
        from hashcache.compression import compressed

        return compressed(codec, payload, self.level)

    def expanded(self, codec: str, payload: Payload) -> tuple[str, Payload]:
        """Return what was read as its codec wrote it; raise `CompressionError` if that cannot be."""
        if codec != COMPRESSED:
            return codec, payload
        from hashcache.compression import expanded

        return expanded(payload)

    def refuses(self, codec: str) -> bool:
        """Whether results of a codec are not read."""
        return isinstance(self._codec_of.get(codec), _Refused)

    def decode(
        self, codec: str, payload: Payload, more: Mapping[str, Callable[[Payload], Any]] | None = None
    ) -> Any:
        """Return the value, or `MISS` where no codec has that name; `more` are decoders of the call's own.

        Raises
        ------
        RefusedCodecError
            The codec can run code, and is not to.
        """
        if self.mmap == "r":
            frames = [memoryview(frame).toreadonly() for frame in payload.frames]
            payload = Payload(payload.description, frames, read_only=True)
        if codec in self._codec_of:
            return self._codec_of[codec].decode(payload)
        if more is not None and codec in more:
            return more[codec](payload)
        return MISS


def _may_run_code(codec: Codec) -> bool:
    # Whoever does not say may not have thought of it.
    return bool(getattr(codec, "executes_code", True))


def _note_traits(codec: Codec) -> None:
    if isinstance(codec, _Refused):  # which was noted before it was
        return
    known = _traits.get(codec.name, Traits(False, False))
    runs, stays = _may_run_code(codec), bool(getattr(codec, "machine_bound", False))
    _traits[codec.name] = Traits(known.executes_code or runs, known.machine_bound or stays)


class _Refused:
    """Stands for a codec that is not to be used."""

    executes_code = False

    def __init__(self, codec: Codec) -> None:
        self.name = codec.name
        self._reason = f"codec {codec.name!r} can run code when it reads, and pickle='never' refuses that"
        self._accepts = codec.accepts

    def accepts(self, value: Any) -> bool:
        return self._accepts(value)

    def encode(self, value: Any) -> Payload:
        raise UnencodableError(self._reason)

    def decode(self, payload: Payload) -> Any:
        raise RefusedCodecError(self._reason)
