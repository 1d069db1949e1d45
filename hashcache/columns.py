"""Canonical form of Arrow and polars values: content alone, whatever the chunks, offsets and flags."""

from __future__ import annotations

import sys
from typing import Any

from hashcache.arrays import write_content
from hashcache.canonical import Sink, handles_named
from hashcache.values import write_reduced


@handles_named("pyarrow.lib.Array", "pyarrow.lib.ChunkedArray")
def _array(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True  # the memory may be somebody's array
    sink.type_of(value)
    write_arrow(value, sink)


@handles_named("pyarrow.lib.Table", "pyarrow.lib.RecordBatch")
def _table(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("rows", str(value.num_rows))
    sink.part(".%s", "schema", value.schema)
    for number, name in enumerate(value.schema.names):
        sink.part("[%r]", name, value.column(number))


@handles_named("pyarrow.lib.DataType", "pyarrow.lib.Field", "pyarrow.lib.Schema")
def _schema(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    _write_type(value, sink)


def _write_type(value: Any, sink: Sink) -> None:
    # As Arrow itself writes it between processes: all fields, nullability and metadata.
    pa = sys.modules["pyarrow"]
    if isinstance(value, pa.DataType):
        value = pa.field("", value)
    if isinstance(value, pa.Field):
        value = pa.schema([value])
    sink.write("arrow", value.serialize().to_pybytes())


def write_arrow(value: Any, sink: Sink) -> None:
    """Write type and content of an Arrow array; in how many chunks it lies is not value."""
    pa = sys.modules["pyarrow"]
    _write_type(value.type, sink)
    sink.text("length", str(len(value)))
    if isinstance(value, pa.ChunkedArray):
        value = value.chunk(0) if value.num_chunks == 1 else value.combine_chunks()
    for chunk in value.chunks if isinstance(value, pa.ChunkedArray) else (value,):
        _write_chunk(chunk, sink)


def _write_chunk(array: Any, sink: Sink) -> None:
    import numpy as np

    kind = array.type
    types = sys.modules["pyarrow"].types
    sink.text("chunk", f"{len(array)} {array.null_count}")
    valid = None
    if array.null_count and not types.is_null(kind):
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        write_content(valid, sink)
    if types.is_null(kind):
        return
    if types.is_boolean(kind):
        filled = array if valid is None else array.fill_null(False)
        write_content(filled.to_numpy(zero_copy_only=False), sink)
    elif types.is_dictionary(kind):
        _write_chunk(array.indices, sink)
        _write_chunk(array.dictionary, sink)
    elif _is_text(kind, types):
        # Under a null may lie any text, and a slice keeps the texts around it.
        if valid is not None:
            array = array.fill_null(b"" if types.is_binary(kind) or types.is_large_binary(kind) else "")
        large = types.is_large_string(kind) or types.is_large_binary(kind)
        _, places, text = array.buffers()
        ends = np.zeros(1, "i8")
        if places is not None and len(array):
            ends = np.frombuffer(places, "i8" if large else "i4")[
                array.offset : array.offset + len(array) + 1
            ]
        write_content(ends - ends[0] if ends[0] else ends, sink)
        sink.write("text", b"" if text is None else memoryview(text)[int(ends[0]) : int(ends[-1])])
    elif types.is_struct(kind):
        for part in array.flatten():
            _write_chunk(part, sink)
    elif types.is_list(kind) or types.is_large_list(kind):
        _write_chunk(array.value_lengths(), sink)
        _write_chunk(array.flatten(), sink)
    elif _fixed_width(kind):
        width = kind.bit_width // 8
        bytes_ = np.frombuffer(array.buffers()[1] or b"", "u1")
        rows = bytes_[array.offset * width : (array.offset + len(array)) * width].reshape(len(array), width)
        if valid is not None:
            rows = np.where(valid[:, None], rows, np.uint8(0))
        write_content(rows, sink)
    else:  # maps, unions, views: by their buffers, which tells no two values for equal that are not
        write_reduced(array, sink)


def _is_text(kind: Any, types: Any) -> bool:
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def _fixed_width(kind: Any) -> bool:
    if kind.num_fields or hasattr(kind, "storage_type"):
        return False
    try:
        return bool(kind.bit_width >= 8 and kind.bit_width % 8 == 0)
    except ValueError:
        return False


# -- polars ------------------------------------------------------------------------------------------


@handles_named("polars.dataframe.frame.DataFrame")
def _frame(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("shape", str(value.shape))
    for series in value.get_columns():
        sink.part("[%r]", series.name, series)


@handles_named("polars.series.series.Series")
def _series(value: Any, sink: Sink) -> None:
    """Write name, dtype and content; that it is known to be sorted is a note, not a value."""
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("name", value.name)
    sink.part("<%s>", "dtype", value.dtype)
    _write_series(value, sink)


@handles_named("polars.datatypes.classes.DataType")
def _dtype(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    for name, part in sorted(vars(value).items()):
        # An inner type may be spelled as a class or as its instance.
        inner = isinstance(part, type) and part.__module__.startswith("polars.datatypes")
        sink.text("field", name)
        sink.part(".%s", name, part() if inner else part)


def _write_series(series: Any, sink: Sink) -> None:
    import numpy as np

    pl = sys.modules["polars"]
    dtype = series.dtype
    sink.text("length", f"{len(series)} {series.null_count()}")
    if series.null_count():
        write_content(series.is_not_null().to_numpy(), sink)
    if dtype in (pl.Date, pl.Datetime, pl.Duration, pl.Time, pl.Enum):
        series = series.to_physical()
    elif dtype == pl.Categorical:  # which number stands for a text depends on what came before
        series = series.cast(pl.String)
    dtype = series.dtype
    if dtype == pl.Boolean or (dtype.is_numeric() and not dtype.is_decimal() and dtype not in _wide(pl)):
        filled = series.fill_null(False if dtype == pl.Boolean else 0) if series.null_count() else series
        write_content(filled.to_numpy(), sink)
    elif dtype == pl.String:
        write_content(series.str.len_bytes().fill_null(0).to_numpy(), sink)
        sink.write("text", series.str.join("").cast(pl.Binary).item() or b"" if len(series) else b"")
    elif dtype == pl.List:
        _write_series(series.list.len(), sink)
        _write_series(series.explode(), sink)
    elif dtype == pl.Array:
        _write_series(series.explode(), sink)
    elif dtype == pl.Struct:
        for field in series.struct.fields:
            _write_series(series.struct.field(field), sink)
    elif dtype != pl.Null:
        values = np.empty(len(series), dtype=object)
        values[:] = series.to_list()
        sink.part("<values>%s", "", values.tolist())


def _wide(pl: Any) -> list[Any]:
    return [getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name)]
