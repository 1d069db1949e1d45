"""Canonical form of NumPy and JAX values; nothing here imports either before a value of theirs is seen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from hashcache.canonical import Sink, handles_named
from hashcache.digest import frame_head


@handles_named("numpy.ndarray")
def _ndarray(value: Any, sink: Sink) -> None:
    """Write dtype, shape and content in C order: strides and memory order are not value."""
    sink.walk.mutable = True
    sink.type_of(value)
    np = sys.modules["numpy"]
    if type(value) in (np.ndarray, np.memmap):
        write_content(value, sink)
    else:
        # A subclass may keep state beside the buffer, which only its own reduction knows.
        _subclass(value, sink)


def write_content(array: Any, sink: Sink, flat: str = ".flat%s") -> None:
    """Write shape, dtype and elements of an array; `flat` is how paths call the list of its objects."""
    dtype = array.dtype
    if is_number(dtype):
        sink.write_framed(_head(dtype.str, array.shape))
        write_memory((array,), sink)
        return
    if _is_plain(dtype):
        sink.write_framed(_head(dtype.str, array.shape))
    else:
        sink.text("shape", str(array.shape))
        _write_dtype(dtype, sink)
    if dtype.names is not None:
        # Field by field, since bytes between the fields have no value.
        for name in dtype.names:
            sink.part("[%r]", name, array[name])
    elif dtype.hasobject:
        # As a list, which takes the fast road where the objects are strings and numbers.
        sink.part(flat, "", array.ravel().tolist())
    else:
        _write_other_memory(array, sink)


_OWN_DTYPES = 24  # NumPy's own are numbered below; `isbuiltin` is lost when a dtype is pickled


def is_number(dtype: Any) -> bool:
    """Whether it is one of NumPy's dtypes of numbers, all of whose memory is value."""
    return dtype.kind in "biufc" and dtype.char not in "gG" and dtype.num < _OWN_DTYPES and not dtype.metadata


def _is_plain(dtype: Any) -> bool:
    """Whether its `str` says all about a dtype."""
    own = dtype.num < _OWN_DTYPES and dtype.names is None and dtype.subdtype is None
    return own and not dtype.metadata


@lru_cache(maxsize=4096)
def _head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the frames of shape and dtype; half of what a small array costs if they are made anew."""
    frames = ("shape", str(shape).encode()), ("dtype", dtype.encode())
    return b"".join(frame_head(tag, len(data)) + data for tag, data in frames)


_BLOCK = 1 << 18  # bytes to copy at a time, so that copies are read from the processor's cache
_SMALL = 1 << 12


def write_memory(arrays: Sequence[Any], sink: Sink) -> None:
    """Write the elements of arrays of numbers, one after the other, in C order; no array is copied whole."""
    size = sum([array.nbytes for array in arrays])
    sink.write_framed(frame_head("content", size))
    if len(arrays) > 1 and size < _SMALL * len(arrays):
        sink.write_framed(b"".join([array.tobytes() for array in arrays]))
        return
    for array in arrays:
        if array.flags.c_contiguous:
            sink.write_framed(array)
        else:
            _write_blocks(array, sink)


def _write_blocks(array: Any, sink: Sink) -> None:
    import numpy as np

    step = max(1, _BLOCK * len(array) // array.nbytes)
    for start in range(0, len(array), step):
        sink.write_framed(np.ascontiguousarray(array[start : start + step]))


def _write_other_memory(array: Any, sink: Sink) -> None:
    """Write the elements of strings, times and everything else that has no objects inside."""
    import numpy as np

    dtype = array.dtype
    content = np.ascontiguousarray(array).reshape(-1)
    if not content.size or not dtype.itemsize:
        sink.write("content")
    elif dtype.char in "gG" and np.finfo(dtype).nmant == 63:
        # The 80 bits of an x87 number lie in 12 or 16 bytes; the rest is whatever was there.
        unit = np.dtype(np.longdouble).itemsize
        numbers = content.view(np.uint8).reshape(-1, unit)[:, :10]
        sink.write("content", np.ascontiguousarray(numbers).reshape(-1).data)
    else:
        sink.write("content", content.view(np.uint8).data)


def _write_dtype(dtype: Any, sink: Sink) -> None:
    """Write what tells a dtype from every other: never its `repr`, which may show addresses."""
    if _is_plain(dtype):
        sink.text("dtype", dtype.str)
        return
    # Types that other packages add share their `str` with plain bytes, so the name is written too.
    sink.text("dtype", f"{dtype.str} {dtype.name} {dtype.type.__qualname__}")
    if dtype.metadata:
        sink.part("<%s>", "metadata", dict(dtype.metadata))
    if dtype.names is not None:
        sink.text("fields", f"{len(dtype.names)} {dtype.itemsize} {dtype.isalignedstruct}")
        for name in dtype.names:
            inner, offset, *title = dtype.fields[name]
            sink.text("field", f"{offset} {name}")
            sink.part("<%s>", "title", title)
            _write_dtype(inner, sink)
    elif dtype.subdtype is not None:
        sink.text("repeated", str(dtype.shape))
        _write_dtype(dtype.base, sink)
    elif dtype.char == "T":
        sink.text("strings", str(dtype.coerce))
        sink.part("<%s>", "missing", getattr(dtype, "na_object", ...))


def _subclass(value: Any, sink: Sink) -> None:
    import numpy as np

    state = dict(getattr(value, "__dict__", {}))
    if isinstance(value, np.ma.MaskedArray):
        # What lies under the mask is no part of the value, nor how the mask is kept.
        sink.text("masked", str(value.hardmask))
        sink.part(".%s", "mask", np.ma.getmaskarray(value))
        zero: Any = np.zeros((), value.dtype)
        sink.part(".%s", "data", value.filled(zero))
        fill = None if value is np.ma.masked else value.fill_value  # the constant cannot say its own
        sink.part(".%s", "fill_value", fill)
        sink.part(".%s", "baseclass", value.baseclass)
        state = {name: part for name, part in state.items() if name not in _MASKED}
    else:
        write_content(np.asarray(value), sink)
    sink.part("<%s>", "state", state)


_MASKED = ("_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_basedict")


@handles_named("numpy.generic")
def _scalar(value: Any, sink: Sink) -> None:
    import numpy as np

    sink.type_of(value)
    write_content(np.asarray(value), sink)


@handles_named("numpy.dtype")
def _dtype(value: Any, sink: Sink) -> None:
    _write_dtype(value, sink)


@handles_named("numpy.busdaycalendar")
def _calendar(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.part(".%s", "weekmask", value.weekmask)
    sink.part(".%s", "holidays", value.holidays)


@handles_named("numpy.random._generator.Generator")
def _generator(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "bit_generator", value.bit_generator)


@handles_named("numpy.random.bit_generator.BitGenerator")
def _bit_generator(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "state", value.state)
    # What `spawn` gives depends on the seed and on how often it was called.
    sink.part(".%s", "seed_seq", getattr(value, "seed_seq", None))


@handles_named("numpy.random.bit_generator.SeedSequence")
def _seed_sequence(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    for name in ("entropy", "spawn_key", "pool_size", "n_children_spawned"):
        sink.part(".%s", name, getattr(value, name))


@handles_named("numpy.random.mtrand.RandomState")
def _random_state(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "get_state()", value.get_state(legacy=False))


@handles_named("numpy.vectorize")
def _vectorize(value: Any, sink: Sink) -> None:
    # The instance also keeps what it compiled at its first call, which is no part of its value.
    sink.type_of(value)
    for name in ("pyfunc", "otypes", "excluded", "signature", "cache"):
        sink.part(".%s", name, getattr(value, name))


@handles_named("numpy.ufunc")
def _ufunc(value: Any, sink: Sink) -> None:
    import numpy as np

    name = value.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is value:
            sink.type_of(value)
            sink.text("ufunc", f"{module}.{name} {np.__version__}")
            return
    raise sink.walk.refuse(value, "what this ufunc computes cannot be read from it")


@handles_named("jaxlib._jax.ArrayImpl", "jaxlib.xla_extension.ArrayImpl")
def _jax_array(value: Any, sink: Sink) -> None:
    """Write dtype, weak type, shape and content; on which devices it lies is not value."""
    import numpy as np

    sink.type_of(value)
    sink.text("weak", f"{value.weak_type} {value.dtype}")
    try:
        content = np.asarray(value)
    except RuntimeError as error:  # deleted, donated, or partly on other hosts
        raise sink.walk.refuse(value, f"its content cannot be read ({error})") from None
    write_content(content, sink)


@handles_named("jax._src.random.prng.PRNGKeyArray", "jax._src.prng.PRNGKeyArray")
def _jax_key(value: Any, sink: Sink) -> None:
    # The dtype names the implementation, as in key<fry>; the kind of number is in the bits.
    sink.type_of(value)
    jax = sys.modules["jax"]
    sink.text("key", f"{value.dtype} {jax.random.key_impl(value)}")
    sink.part("<%s>", "bits", jax.random.key_data(value))


@handles_named("jax._src.core.Tracer")
def _jax_tracer(value: Any, sink: Sink) -> None:
    raise sink.walk.refuse(value, "it stands for all the values that a traced function may get")
