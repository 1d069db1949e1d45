"""Canonical form of pandas values: labels, dtypes and columns, however they are kept.

How a frame splits its columns into blocks, and what it has computed once and remembers, is no value.
Handlers are bound by the names of types, which pandas 3 shortened; nothing here imports a package
before a value of it is seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hashcache.arrays import is_number, write_content, write_memory
from hashcache.canonical import Sink, handles, handles_named
from hashcache.columns import write_arrow
from hashcache.values import write_reduced

# What pandas keeps in the `__dict__` of its objects; everything else there was put there by a user.
_INTERNAL = frozenset(
    """
    _mgr _item_cache _cacher _attrs _flags _is_copy _name _names _cache _id _data _range _references
    _levels _codes sortorder _freq _typ _metadata _reset_identity _no_setting_name index columns
    """.split()  # noqa: SIM905
)


class _Column:
    """The array of a column: it has no name of its own in paths, where ``frame['a']`` says enough."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


@handles(_Column)
def _column(value: _Column, sink: Sink) -> None:
    _write_values(value.array, sink)


class _Label:
    """The label of a column in a path, looked up when somebody reads the path: few ever do."""

    __slots__ = ("labels", "place")

    def __init__(self, labels: Any, place: int) -> None:
        self.labels, self.place = labels, place

    def __repr__(self) -> str:
        return repr(self.labels[self.place])


@handles_named("pandas.DataFrame", "pandas.core.frame.DataFrame")
def _frame(value: Any, sink: Sink) -> None:
    """Write index, labels and, column by column, dtype and content."""
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "index", value.index)
    sink.part(".%s", "columns", value.columns)
    if sink.walk.outline is None:
        _write_columns(value, sink)
    else:  # which wants a digest for each
        for label, array in zip(value.columns, _arrays(value), strict=True):
            sink.part("[%r]", label, _Column(array))
    _write_extras(value, sink)


_WIDE = 100  # columns, from which on asking for the dtypes of all takes less time than for their arrays


def _write_columns(frame: Any, sink: Sink) -> None:
    """Write all columns of numbers at once, since there may be thousands, then the others."""
    import numpy as np

    labels = frame.columns
    # By identity, since dtypes that differ in their metadata are equal.
    kinds = {id(dtype): dtype for dtype in frame.dtypes} if len(labels) > _WIDE else {}
    if len(kinds) == 1 and isinstance(kind := kinds.popitem()[1], np.dtype) and is_number(kind):
        sink.text("dtypes", " ".join([kind.str] * len(labels)))
        write_memory([frame.to_numpy().T], sink)
        return
    numbers, dtypes, others = [], [], []
    for place, array in enumerate(_arrays(frame)):
        if isinstance(array, np.ndarray) and is_number(array.dtype):
            numbers.append(array)
            dtypes.append(array.dtype.str)
        else:
            others.append((place, array))
            dtypes.append("")
    sink.text("dtypes", " ".join(dtypes))
    write_memory(numbers, sink)
    trail = sink.walk.trail
    for place, array in others:
        trail.append(("[%r]", _Label(labels, place)))
        _write_values(array, sink)
        trail.pop()


def _arrays(frame: Any) -> Iterable[Any]:
    if hasattr(frame, "_iter_column_arrays"):  # without a series for each
        arrays: Iterable[Any] = frame._iter_column_arrays()
        return arrays
    return (_bare(column.array) for _, column in frame.items())


def _bare(array: Any) -> Any:
    """Return the array of NumPy inside what pandas wraps around it, or any other array as it is."""
    import numpy as np

    wrapped = type(array).__name__ in ("NumpyExtensionArray", "PandasArray")
    return np.asarray(array) if wrapped else array


@handles_named("pandas.Series", "pandas.core.series.Series")
def _series(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "name", value.name)
    sink.part(".%s", "index", value.index)
    _write_values(value.array, sink)
    _write_extras(value, sink)


@handles_named("pandas.Index", "pandas.core.indexes.base.Index")
def _index(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True  # its names can be set in place
    sink.type_of(value)
    sink.part(".%s", "names", list(value.names))
    kind = _pandas_class(type(value))
    if kind == "RangeIndex":
        sink.text("range", f"{value.start} {value.stop} {value.step}")
    elif kind == "MultiIndex":
        # Levels that no code refers to are part of the value: anybody can read `.levels`.
        sink.text("levels", f"{value.nlevels} {value.sortorder} {len(value)}")
        for number, (level, codes) in enumerate(zip(value.levels, value.codes, strict=True)):
            sink.part(".levels[%r]", number, level)
            sink.part(".codes[%r]", number, codes)
    else:
        _write_values(value.array, sink)
        sink.part("<%s>", "freq", getattr(value, "freq", None))
    _write_extras(value, sink)


def _pandas_class(kind: type) -> str:
    """Return the name of the first class of a hierarchy that is pandas' own."""
    return next(base.__name__ for base in kind.__mro__ if base.__module__.partition(".")[0] == "pandas")


def _write_extras(value: Any, sink: Sink) -> None:
    """Write what users put on a frame, series or index beside its data."""
    attributes = getattr(value, "attrs", None)
    if attributes:
        sink.part(".%s", "attrs", attributes)
    flags = getattr(value, "flags", None)
    if flags is not None and not flags.allows_duplicate_labels:
        sink.text("flags", "unique labels")
    # Older versions keep accessors such as `.str` on the object once they were asked for.
    passing = _INTERNAL | getattr(type(value), "_accessors", set())
    for name, part in sorted(getattr(value, "__dict__", {}).items()):
        if name not in passing:
            sink.text("attribute", name)
            sink.part(".%s", name, part)


# -- arrays ------------------------------------------------------------------------------------------


def _write_values(array: Any, sink: Sink) -> None:
    """Write the values of a column or index, which have no path of their own."""
    import numpy as np

    array = _bare(array)
    if isinstance(array, np.ndarray):
        write_content(array, sink, "<values>%s")
    else:
        sink.part("<%s>", "values", array)


@handles_named(
    "pandas.arrays.NumpyExtensionArray", "pandas.core.arrays.numpy_.NumpyExtensionArray",
    "pandas.core.arrays.numpy_.PandasArray",
)  # fmt: skip
def _numpy_array(value: Any, sink: Sink) -> None:
    import numpy as np

    _start_array(value, sink)
    write_content(np.asarray(value), sink, "[%s]")


@handles_named(
    "pandas.arrays.StringArray", "pandas.core.arrays.string_.StringArray",
    "pandas.core.arrays.string_.BaseStringArray",
)  # fmt: skip
def _strings(value: Any, sink: Sink) -> None:
    import numpy as np

    _start_array(value, sink)
    texts = np.asarray(value, dtype=object).tolist()
    missing = value.dtype.na_value
    if not isinstance(missing, float):  # None takes the fast road, and the dtype says what it stands for
        texts = [None if text is missing else text for text in texts]
    sink.part("<%s>", "texts", texts)


@handles_named("pandas.arrays.ArrowExtensionArray", "pandas.core.arrays.arrow.array.ArrowExtensionArray")
def _arrow_backed(value: Any, sink: Sink) -> None:
    _start_array(value, sink)
    write_arrow(value.__arrow_array__(), sink)


@handles_named("pandas.Categorical", "pandas.core.arrays.categorical.Categorical")
def _categorical(value: Any, sink: Sink) -> None:
    _start_array(value, sink)
    write_content(value.codes, sink)


@handles_named(
    "pandas.arrays.DatetimeArray", "pandas.arrays.TimedeltaArray", "pandas.arrays.PeriodArray",
    "pandas.core.arrays.datetimelike.DatetimeLikeArrayMixin",
)  # fmt: skip
def _times(value: Any, sink: Sink) -> None:
    _start_array(value, sink)
    sink.part("<%s>", "freq", getattr(value, "freq", None))
    write_content(value.asi8, sink)


@handles_named("pandas.arrays.IntervalArray", "pandas.core.arrays.interval.IntervalArray")
def _intervals(value: Any, sink: Sink) -> None:
    _start_array(value, sink)
    sink.part("<%s>", "left", value.left)
    sink.part("<%s>", "right", value.right)


@handles_named("pandas.arrays.SparseArray", "pandas.core.arrays.sparse.array.SparseArray")
def _sparse(value: Any, sink: Sink) -> None:
    _start_array(value, sink)
    sink.text("kind", f"{value.kind} {len(value)}")
    write_content(value.sp_index.to_int_index().indices, sink)
    write_content(value.sp_values, sink, "<values>%s")


@handles_named("pandas.core.arrays.masked.BaseMaskedArray")
def _masked(value: Any, sink: Sink) -> None:
    import numpy as np

    _start_array(value, sink)
    mask, data = value._mask, value._data
    write_content(mask, sink)
    # What lies under the mask is whatever was there before, and nobody's to read.
    write_content(np.where(mask, np.zeros((), data.dtype), data) if mask.any() else data, sink)


def _start_array(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part("<%s>", "dtype", value.dtype)


# -- dtypes and scalars ------------------------------------------------------------------------------

_DTYPE_FIELDS = {
    "CategoricalDtype": ("categories", "ordered"),
    "DatetimeTZDtype": ("unit", "tz"),
    "PeriodDtype": ("freq",),
    "IntervalDtype": ("subtype", "closed"),
    "SparseDtype": ("subtype", "fill_value"),
    "ArrowDtype": ("pyarrow_dtype",),
    "StringDtype": (),
    "NumpyEADtype": ("numpy_dtype",),
    "PandasDtype": ("numpy_dtype",),
}


@handles_named("pandas.api.extensions.ExtensionDtype", "pandas.core.dtypes.base.ExtensionDtype")
def _dtype(value: Any, sink: Sink) -> None:
    kind = type(value)
    masked = any(base.__name__ == "BaseMaskedDtype" for base in kind.__mro__)
    if kind.__module__.partition(".")[0] != "pandas" or not (masked or kind.__name__ in _DTYPE_FIELDS):
        write_reduced(value, sink)
        return
    sink.type_of(value)
    if kind.__name__ == "StringDtype":  # there is one in every column and index of texts
        sink.text("texts", f"{value.storage} {type(value.na_value).__name__}")
    for name in _DTYPE_FIELDS.get(kind.__name__, ()):
        sink.part(".%s", name, getattr(value, name))


@handles_named("pandas.Timestamp", "pandas._libs.tslibs.timestamps.Timestamp")
def _timestamp(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("time", f"{value.asm8.view('i8')} {getattr(value, 'unit', 'ns')} {value.fold}")
    sink.part(".%s", "tz", value.tz)


@handles_named("pandas.Timedelta", "pandas._libs.tslibs.timedeltas.Timedelta")
def _timedelta(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("time", f"{value.asm8.view('i8')} {getattr(value, 'unit', 'ns')}")


@handles_named(
    "pandas.api.typing.NaTType", "pandas._libs.tslibs.nattype.NaTType",
    "pandas.api.typing.NAType", "pandas._libs.missing.NAType",
)  # fmt: skip
def _missing(value: Any, sink: Sink) -> None:
    sink.text("missing", type(value).__name__)


@handles_named("pandas._libs.tslibs.offsets.BaseOffset")
def _offset(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("offset", f"{value.n} {value.normalize}")
    sink.part("<%s>", "keywords", dict(value.kwds))
