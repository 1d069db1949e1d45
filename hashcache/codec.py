"""Results as bytes and back: a codec per kind of value, most specific first."""

from __future__ import annotations

import binascii
import contextlib
import io
import math
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from hashcache.errors import NotWorthStoringError, UnencodableError

if TYPE_CHECKING:
    import pickle

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview


class Payload:
    """An encoded value: a description that JSON can hold, and raw buffers beside it."""

    __slots__ = ("description", "frames", "read_only")

    def __init__(self, description: Any, frames: Sequence[Buffer], read_only: bool = False) -> None:
        self.description = description
        self.frames = frames
        self.read_only = read_only  # whether values may share the frames, as nobody can write to either

    @property
    def is_own(self) -> bool:
        """Whether decoders may make the value of the frames themselves, which then cannot be used again."""
        return any(isinstance(frame, memoryview) and not frame.readonly for frame in self.frames)


class Codec(Protocol):
    """What a codec has to be.

    One that has an attribute ``executes_code = False`` promises that `decode` runs nothing that the bytes
    say, whoever wrote them. One that does not say so counts as one that may, and ``pickle="never"`` leaves
    it out. One that has an attribute ``machine_bound = True`` writes what is of use on one machine alone:
    it is never exported.
    """

    @property
    def name(self) -> str:
        """Written into entries, so it must never be given another meaning."""

    def accepts(self, value: Any) -> bool:
        """Return whether `encode` can be tried on the value."""

    def encode(self, value: Any) -> Payload:
        """Return the value as bytes; raise `UnencodableError` where that cannot be."""

    def decode(self, payload: Payload) -> Any:
        """Return a new value that shares nothing with the payload or with an earlier one."""


class ArrayCodec:
    """Arrays, and nests of lists, tuples and dicts that hold arrays and scalars, without pickle."""

    name = "arrays"
    executes_code = False

    def accepts(self, value: Any) -> bool:
        """Return whether the value is an array, a scalar, or a nest of builtins."""
        kind = type(value)
        return kind in _PLAIN or kind in (list, tuple, dict) or kind.__module__ == "numpy"

    def encode(self, value: Any) -> Payload:
        """Return the nest as JSON, with arrays as raw buffers beside it."""
        nest = _Description()
        return Payload(nest.of(value, 0), nest.frames)

    def decode(self, payload: Payload) -> Any:
        """Return the nest with new, writable arrays."""
        return _build(payload.description, payload.frames, _as_it_is if payload.read_only else own)


class _Description:
    """A nest taken apart: not by nested functions, whose cycles would keep arrays alive for a while."""

    most_nodes = 10_000  # beyond, a nest is mostly Python objects and pickle is faster
    deepest = 50  # beyond, JSON could meet the recursion limit of whoever reads it

    def __init__(self) -> None:
        self.frames: list[Buffer] = []
        self._seen: set[int] = set()
        self._nodes = 0

    def of(self, value: Any, depth: int) -> Any:
        """Return what JSON can hold of a value; its arrays go to `frames`."""
        self._nodes += 1
        if self._nodes > self.most_nodes or depth > self.deepest:
            raise UnencodableError("a nest larger or deeper than this codec takes")
        kind = type(value)
        if kind in _PLAIN:
            return _PLAIN[kind][0](value)
        if kind in (list, dict) or kind.__name__ == "ndarray":
            if id(value) in self._seen:
                raise UnencodableError("a part that occurs twice has to stay one object")
            self._seen.add(id(value))
        if kind in (list, tuple):
            return [kind.__name__, *(self.of(element, depth + 1) for element in value)]
        if kind is dict:
            pairs = ([self.of(key, depth + 1), self.of(part, depth + 1)] for key, part in value.items())
            return ["dict", *pairs]
        return _describe_array(value, self.frames)


def _build(described: Any, frames: Sequence[Buffer], take: Callable[[Buffer], Buffer]) -> Any:
    if type(described) is not list:
        return described
    kind, *parts = described
    if kind == "list":
        return [_build(part, frames, take) for part in parts]
    if kind == "tuple":
        return tuple(_build(part, frames, take) for part in parts)
    if kind == "dict":
        return {_build(key, frames, take): _build(element, frames, take) for key, element in parts}
    if kind in ("array", "scalar"):
        return _build_array(kind, parts, frames, take)
    return _BUILDERS[kind](parts[0])


_EXACT = 2**53  # whole numbers up to here every reader of JSON keeps as they are
# JSON keeps bool, None, text and most numbers as they are; what it would bend is spelled out.
_PLAIN: dict[type, tuple[Callable[[Any], Any]]] = {
    type(None): (lambda value: None,),
    bool: (lambda value: value,),
    str: (
        lambda value: (
            value if _is_unicode(value) else ["text", _encode64(value.encode("utf-8", "surrogatepass"))]
        ),
    ),
    int: (lambda value: value if abs(value) <= _EXACT else ["int", f"{value:x}"],),
    float: (lambda value: value if math.isfinite(value) else ["float", struct.pack(">d", value).hex()],),
    complex: (lambda value: ["complex", struct.pack(">dd", value.real, value.imag).hex()],),
    bytes: (lambda value: ["bytes", _encode64(value)],),
}
_BUILDERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "float": lambda text: struct.unpack(">d", bytes.fromhex(text))[0],  # a NaN carries a payload
    "complex": lambda text: complex(*struct.unpack(">dd", bytes.fromhex(text))),
    "bytes": binascii.a2b_base64,
    "text": lambda text: binascii.a2b_base64(text).decode("utf-8", "surrogatepass"),
}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _describe_array(value: Any, frames: list[Buffer]) -> Any:
    kind = type(value)
    if kind.__module__ != "numpy":  # NumPy may not be installed
        raise UnencodableError(f"{kind.__qualname__} is neither an array nor a builtin")
    import numpy as np

    scalar = isinstance(value, np.generic)
    if not scalar and kind is not np.ndarray:
        raise UnencodableError(f"{kind.__qualname__} is neither an array nor a builtin")
    dtype = value.dtype
    if dtype.hasobject or dtype.names is not None or dtype.metadata is not None or dtype.subdtype is not None:
        raise UnencodableError(f"arrays of {dtype} need pickle")
    array = np.asarray(value)
    order: Literal["F", "C"] = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = array.ravel(order=order)
    frames.append(flat.view(np.uint8).data if flat.size and dtype.itemsize else b"")
    return ["scalar" if scalar else "array", _spell(dtype), list(array.shape), order, len(frames) - 1]


def _spell(dtype: Any) -> str:
    import numpy as np

    # By size alone, bfloat16 would come back as "V2", and C's long long as its equal, long.
    for text in (dtype.str, dtype.byteorder + dtype.char):
        with contextlib.suppress(TypeError):
            found = np.dtype(text)
            if found == dtype and found.type is dtype.type:
                return str(text)
    raise UnencodableError(f"no text stands for the dtype {dtype}")


def own(frame: Buffer) -> Buffer:
    """Return a buffer that nobody else has: a hit can be written to and harms nobody.

    A frame that can be written to was read for this one value; others may be kept and are copied.
    """
    return frame if isinstance(frame, memoryview) and not frame.readonly else bytearray(frame)


def _as_it_is(frame: Buffer) -> Buffer:
    return frame


def _build_array(
    kind: str, parts: Sequence[Any], frames: Sequence[Buffer], take: Callable[[Buffer], Buffer]
) -> Any:
    import numpy as np

    text, shape, order, frame = parts
    dtype = np.dtype(text)
    if dtype.hasobject:  # whose elements would be addresses, made up by whoever wrote the bytes
        raise ValueError(f"no array of {dtype} is stored this way")
    array = np.ndarray(tuple(shape), dtype, take(frames[frame]), order=order)
    return array[()] if kind == "scalar" else array


class PickleCodec:
    """Everything else: pickle protocol 5 with large buffers apart, cloudpickle for what pickle refuses.

    Reading a pickle executes what it says; the store that it comes from has to be trusted.
    """

    name = "pickle"
    executes_code = True

    def accepts(self, value: Any) -> bool:
        """Return True: whether pickle can is only known by trying."""
        return True

    def encode(self, value: Any) -> Payload:
        """Return the pickle as the first frame and its buffers as further ones."""
        import pickle

        buffers: list[pickle.PickleBuffer] = []
        try:
            text = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        except Exception as error:  # pickle raises whatever __reduce__ does
            text, buffers = _cloudpickled(value, error)
        try:
            return Payload(None, [text, *(buffer.raw() for buffer in buffers)])
        except BufferError as error:
            raise UnencodableError(f"a buffer of it has gaps: {error}") from error

    def decode(self, payload: Payload) -> Any:
        """Return the unpickled value, its buffers copied."""
        import pickle

        text, *buffers = payload.frames
        return pickle.loads(text, buffers=buffers if payload.read_only else map(own, buffers))


def _cloudpickled(value: Any, refusal: Exception) -> tuple[bytes, list[pickle.PickleBuffer]]:
    import cloudpickle

    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    try:
        cloudpickle.CloudPickler(file, protocol=5, buffer_callback=buffers.append).dump(value)
    except Exception as error:
        raise UnencodableError(
            f"a {type(value).__module__}.{type(value).__qualname__} cannot be stored: {refusal}"
        ) from error
    return file.getvalue(), buffers


class ConvertingCodec(NamedTuple, Generic[T]):
    """A type by way of a nest of arrays: how a layer stores a class of its own without pickle.

    Attributes
    ----------
    name : str
        Written into entries; give it a new number whenever the nest changes its meaning.
    kind : type
    take_apart : callable
        Instance to a nest of builtins and arrays.
    put_together : callable
        The same nest to an instance; raises where it makes no sense.
    """

    name: str
    kind: type[T]
    take_apart: Callable[[T], Any]
    put_together: Callable[[Any], T]

    @property
    def executes_code(self) -> bool:
        """False: what `put_together` gets are arrays and builtins."""
        return False

    def accepts(self, value: Any) -> bool:
        """Return whether the value is of exactly this type."""
        return type(value) is self.kind

    def encode(self, value: T) -> Payload:
        """Return the nest that the instance is taken apart into, as bytes."""
        return _ARRAYS.encode(self.take_apart(value))

    def decode(self, payload: Payload) -> T:
        """Return an instance put together from the nest."""
        return self.put_together(_ARRAYS.decode(payload))


_ARRAYS = ArrayCodec()
CODECS: list[Codec] = [_ARRAYS, PickleCodec()]


def encode(value: Any, codecs: Sequence[Codec]) -> tuple[str, Payload]:
    """Encode with the first codec that can; returns its name with the payload.

    Raises
    ------
    UnencodableError
        None of them can.
    NotWorthStoringError
        A codec says that it is better computed again.
    """
    refusal: UnencodableError | None = None
    for codec in codecs:
        if codec.accepts(value):
            try:
                return codec.name, codec.encode(value)
            except NotWorthStoringError:
                raise
            except UnencodableError as error:
                refusal = error
            except Exception as error:  # a codec of the user's own
                raise UnencodableError(
                    f"codec {codec.name!r} failed with {type(error).__name__}: {error}"
                ) from error
    raise refusal or UnencodableError(f"no codec takes a {type(value).__module__}.{type(value).__qualname__}")
