"""Canonical form of Arrow and polars values: content alone, whatever the chunks, offsets and flags."""

from __future__ import annotations

import sys
from functools import lru_cache
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
    pa = sys.modules["pyarrow"]
    simple = isinstance(value, pa.DataType) and (pa.types.is_primitive(value) or _is_text(value, pa.types))
    sink.write("arrow", _simple_type(value) if simple else _serialized(value))


def _serialized(value: Any) -> bytes:
    # As Arrow itself writes it between processes: all fields, nullability and metadata.
    pa = sys.modules["pyarrow"]
    if isinstance(value, pa.DataType):
        value = pa.field("", value)
    if isinstance(value, pa.Field):
        value = pa.schema([value])
    serialized: bytes = value.serialize().to_pybytes()
    return serialized


# Only of types without fields, which may differ in metadata and be equal all the same.
_simple_type = lru_cache(maxsize=256)(_serialized)


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
        bits = array.buffers()[0]
        if bits is None:
            valid = array.is_valid().to_numpy(zero_copy_only=False)
        else:  # the same, in a tenth of the time
            end = array.offset + len(array)
            valid = np.unpackbits(np.frombuffer(bits, "u1"), count=end, bitorder="little")
            valid = valid[array.offset :].view(bool)
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
        # Under a null may lie any text, though seldom any does, and a slice keeps the texts around it.
        ends = _ends(array, types)
        if valid is not None and np.diff(ends)[~valid].any():
            array = array.fill_null(b"" if types.is_binary(kind) or types.is_large_binary(kind) else "")
            ends = _ends(array, types)
        text = array.buffers()[2]
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


def _ends(array: Any, types: Any) -> Any:
    """Return where the texts of an array begin and end in its buffer: one more than there are texts."""
    import numpy as np

    large = types.is_large_string(array.type) or types.is_large_binary(array.type)
    places = array.buffers()[1]
    if places is None or not len(array):
        return np.zeros(1, "i8")
    return np.frombuffer(places, "i8" if large else "i4")[array.offset : array.offset + len(array) + 1]


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
        if sink.walk.outline is None:
            sink.walk.trail.append(("[%r]", series.name))
            _series(series, sink)
            sink.walk.trail.pop()
        else:  # which wants a digest for each
            sink.part("[%r]", series.name, series)


@handles_named("polars.series.series.Series")
def _series(value: Any, sink: Sink) -> None:
    """Write name, dtype and content; that it is known to be sorted is a note, not a value."""
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("name", value.name)
    dtype = value.dtype
    if vars(dtype):
        sink.part("<%s>", "dtype", dtype)
    else:
        sink.type_of(dtype)
    _write_series(value, sink)


@handles_named("polars.datatypes.classes.DataType")
def _dtype(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    for name, part in sorted(vars(value).items()):
        # An inner type may be spelled as a class or as its instance.
        inner = isinstance(part, type) and part.__module__.startswith("polars.datatypes")
        sink.text("field", name)
        sink.part(".%s", name, part() if inner else part)


_FEW = 500  # values in a short series


def _write_series(series: Any, sink: Sink) -> None:
    import numpy as np

    pl = sys.modules["polars"]
    dtype = series.dtype
    missing = series.null_count()
    sink.text("length", f"{len(series)} {missing}")
    if dtype in (pl.Date, pl.Datetime, pl.Duration, pl.Time, pl.Enum):
        series = series.to_physical()
    elif dtype == pl.Categorical:  # which number stands for a text depends on what came before
        series = series.cast(pl.String)
    dtype = series.dtype
    number = dtype == pl.Boolean or (dtype.is_numeric() and not dtype.is_decimal() and dtype not in _wide(pl))
    if len(series) <= _FEW and (dtype == pl.String or (number and missing)):
        # Each of the expressions below takes longer than this.
        sink.part("<values>%s", "", series.to_list())
        return
    if missing:
        write_content(series.is_not_null().to_numpy(), sink)
    if number:
        filled = series.fill_null(False if dtype == pl.Boolean else 0) if missing else series
        write_content(filled.to_numpy(), sink)
    elif dtype == pl.String:
        lengths = series.str.len_bytes()
        write_content((lengths.fill_null(0) if missing else lengths).to_numpy(), sink)
        sink.write("text", (series.str.join("").item() or "").encode())
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
