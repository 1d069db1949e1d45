"""Canonical form of NumPy and JAX arrays; nothing here imports either before a value of theirs is seen."""

from __future__ import annotations

import sys
from typing import Any

from hashcache.canonical import Sink, handles_named


@handles_named("numpy.ndarray")
def _ndarray(value: Any, sink: Sink) -> None:
    """Write dtype, shape and content in C order: strides and memory order are not value."""
    import numpy as np

    sink.walk.mutable = True
    sink.type_of(value)
    if type(value) not in (np.ndarray, np.memmap):
        # A subclass may keep state beside the buffer, which only its own reduction knows.
        _subclass(value, sink)
        return
    _content(np.asarray(value), sink)


def _content(array: Any, sink: Sink) -> None:
    import numpy as np

    dtype = array.dtype
    sink.text("shape", str(array.shape))
    if dtype.names is not None:
        # Field by field, since bytes between the fields have no value.
        sink.text("fields", repr((dtype.str, dtype.names, dtype.itemsize, dtype.metadata)))
        for name in dtype.names:
            sink.part("[%r]", name, array[name])
    elif dtype.hasobject:
        sink.text("objects", dtype.str)
        for index, element in enumerate(array.ravel().tolist()):
            sink.part(".flat[%r]", index, element)
    else:
        # Types that other packages add share their `str` with plain bytes, so the name is written too.
        sink.text("dtype", f"{dtype.str} {dtype.name} {dtype.metadata!r}")
        flat = np.ascontiguousarray(array).reshape(-1)
        sink.write("content", flat.view(np.uint8).data if flat.size and dtype.itemsize else b"")


def _subclass(value: Any, sink: Sink) -> None:
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        # What lies under the mask is no part of the value.
        sink.text("masked", str(value.hardmask))
        sink.part(".%s", "mask", np.ma.getmaskarray(value))
        sink.part(".%s", "data", np.where(value.mask, np.zeros((), value.dtype), value.data))
        sink.part(".%s", "fill_value", value.fill_value)
        return
    _content(np.asarray(value), sink)
    sink.part("<%s>", "state", dict(getattr(value, "__dict__", {})))


@handles_named("numpy.generic")
def _scalar(value: Any, sink: Sink) -> None:
    import numpy as np

    sink.type_of(value)
    _content(np.asarray(value), sink)


@handles_named("numpy.dtype")
def _dtype(value: Any, sink: Sink) -> None:
    sink.text("dtype", f"{value!r} {value.str} {value.metadata!r}")


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
    import numpy as np

    sink.type_of(value)
    sink.text("weak", f"{value.weak_type} {value.dtype}")
    _content(np.asarray(value), sink)
