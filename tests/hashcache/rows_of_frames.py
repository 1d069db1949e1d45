"""Rows of the table of arguments: frames, series and scalars of pandas."""

from __future__ import annotations

import copy
import datetime
import math
from typing import Any

import numpy as np
import pytest
from rows_of_values import row


@row
def frames():
    pd = pytest.importorskip("pandas")

    def frame(**more: Any) -> Any:
        return pd.DataFrame({"a": [1, 2, 3], "b": [1.0, math.nan, 3.0], "c": ["x", "y", None]}, **more)

    grown = pd.DataFrame({"b": [1.0, math.nan, 3.0]})
    grown.insert(0, "a", [1, 2, 3])
    grown["c"] = ["x", "y", None]
    looked_at = frame()
    assert [looked_at["c"].str.upper()[0], looked_at.loc[1, "a"], looked_at.attrs] == ["X", 2, {}]
    noted, strict, named, changed = (
        frame(),
        frame().set_flags(allows_duplicate_labels=False),
        frame(),
        frame(),
    )
    noted.attrs["unit"] = "m"
    named.index.name = "i"
    named.columns.name = "j"
    changed.loc[0, "a"] = 5
    return (
        frame(),
        [grown, looked_at, frame().iloc[::1], pd.concat([frame()[["a"]], frame()[["b", "c"]]], axis=1),
         pd.concat([frame(), frame()]).iloc[3:].set_axis(pd.RangeIndex(3))],
        [
            frame()[["b", "a", "c"]], frame(index=[0, 1, 2]), frame(index=["p", "q", "r"]),
            frame().astype({"a": "i4"}),
            frame().astype({"a": "f8"}), frame().astype({"a": object}), frame().astype({"a": "Int64"}),
            noted, strict,
            frame().astype({"c": object}), frame().astype({"c": "category"}),
            frame().rename(columns={"a": "A"}),
            frame().fillna({"b": 0.0}), frame().iloc[::-1], frame().iloc[:2], frame()[["a", "b"]], named,
            changed,
            frame()["a"], frame()["a"].to_numpy(), frame().to_dict(),
            frame().set_axis(["a", "b", "b"], axis=1),
        ],
    )  # fmt: skip


@row
def frames_of_one_dtype():
    pd = pytest.importorskip("pandas")
    numbers = np.arange(12.0).reshape(4, 3)
    pieces = pd.concat(
        [pd.Series(column, name=name) for name, column in zip("abc", numbers.T, strict=True)], axis=1
    )
    return (
        pd.DataFrame(numbers, columns=list("abc")),
        [pd.DataFrame(np.asfortranarray(numbers), columns=list("abc")), pieces,
         pd.DataFrame(dict(pieces.items()))],
        [
            pd.DataFrame(numbers), pd.DataFrame(numbers.T),
            pd.DataFrame(numbers[:, ::-1], columns=list("abc")),
            pd.DataFrame(numbers.astype("f4"), columns=list("abc")), numbers, pd.DataFrame(),
            pd.DataFrame(index=[0]),
            pd.DataFrame(columns=["a"]), pd.DataFrame(columns=["a"], dtype="f8"),
        ],
    )  # fmt: skip


@row
def wide_frames():
    pd = pytest.importorskip("pandas")
    numbers = np.arange(600.0).reshape(3, 200)
    labels = [f"c{i}" for i in range(200)]
    pieces = pd.concat([pd.Series(numbers[:, i], name=labels[i]) for i in range(200)], axis=1)
    mixed = pd.DataFrame(numbers, columns=labels).astype({"c3": "i8", "c7": object, "c9": "Int64"})
    grown = pd.DataFrame(numbers[:, :3], columns=labels[:3])
    for label in labels[3:]:
        grown = pd.concat([grown, mixed[[label]]], axis=1)
    return (
        mixed,
        [grown, mixed.copy(), mixed.iloc[::-1].iloc[::-1]],
        [
            pieces, pieces.astype({"c3": "i8"}), mixed.astype({"c4": "i8"}), mixed.astype({"c7": "f8"}),
            mixed[[*labels[1:], "c0"]].set_axis(labels, axis=1), mixed.astype({"c9": "i8"}),
            pieces.astype("f4"), pieces.iloc[:, :100], pieces.astype("Float64"),
        ],
    )  # fmt: skip


@row
def wide_frames_of_one_dtype():
    pd = pytest.importorskip("pandas")
    numbers = np.arange(600.0).reshape(3, 200)
    pieces = pd.concat([pd.Series(numbers[:, i], name=i) for i in range(200)], axis=1)
    return (
        pd.DataFrame(numbers),
        [pd.DataFrame(np.asfortranarray(numbers)), pieces.set_axis(pd.RangeIndex(200), axis=1)],
        [pd.DataFrame(numbers.reshape(200, 3)), pd.DataFrame(numbers[::-1]), pieces.astype({7: "i8"})],
    )


@row
def texts_of_arrow_over_missing_values():
    pa = pytest.importorskip("pyarrow")
    ends, text = pa.array([0, 1, 3, 4], pa.int32()).buffers()[1], pa.py_buffer(b"axxb")
    hidden = pa.Array.from_buffers(pa.string(), 3, [pa.py_buffer(bytes([0b101])), ends, text], 1)
    return (
        pa.array(["a", None, "b"]),
        [hidden, pa.array(["z", "a", None, "b"])[1:], pa.array([*["y"] * 9, "a", None, "b", None])[9:12]],
        [pa.array(["a", "", "b"]), pa.array(["a", "xx", "b"]), pa.array(["a", "b", None])],
    )


@row
def series_of_missing_values():
    pd = pytest.importorskip("pandas")

    def series(values: Any, dtype: Any = None, name: Any = None, **more: Any) -> Any:
        return pd.Series(values, dtype=dtype, name=name, **more)

    under = pd.arrays.IntegerArray(np.array([1, 77]), np.array([False, True]))
    return (
        series([1, None], "Int64"),
        [series(under), series([1, pd.NA], "Int64"), series([1, None, 2], "Int64").iloc[:2]],
        [
            series([1, None]), series([1, None], object), series([1, pd.NA], object),
            series([1, math.nan], object),
            series([1, pd.NaT], object), series([1, None], "Float64"), series([True, None], "boolean"),
            series([1, None], "Int32"), series([1, None], "Int64", "n"),
            series([1, None], "Int64", index=[1, 2]),
            series([1, 1], "Int64"), under, series([True, None], object),
        ],
    )  # fmt: skip


@row
def series_of_strings():
    pd = pytest.importorskip("pandas")

    def series(kind: Any, values: Any = ("x", "yy", None, "")) -> Any:
        return pd.Series(values, dtype=kind)

    value = pd.StringDtype("python")
    return (
        series(value),
        [series(value, ["x", "yy", pd.NA, ""]), series(value, ["x", "yy", None, "", "z"]).iloc[:4],
         series(value, [None, "x", "yy", None, ""]).iloc[1:].reset_index(drop=True)],
        [
            series(object), series("category"), series(value, ["x", "y", None, "y"]),
            series(value, ["xy", "y", None, ""]),
            series(value, ["x", "yy", "", ""]), series(value, ["x", "yy", "nan", ""]), series(value).array,
            series(object, ["x", "yy", math.nan, ""]), series(object, ["x", "yy", pd.NA, ""]),
            series(value).dtype,
        ],
    )  # fmt: skip


@row
def series_of_strings_by_backend():
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    if int(pd.__version__.partition(".")[0]) < 3:
        pytest.skip("pandas before 3.0")
    texts = ["x", "yy", None, ""]
    kinds = [
        pd.StringDtype(storage, na_value=na) for storage in ("python", "pyarrow") for na in (pd.NA, math.nan)
    ]
    value = pd.Series(texts, dtype=kinds[3])
    return (
        value,
        [pd.concat([value[:1], value[1:]]),
         pd.Series(["q", *texts, "q"], dtype=kinds[3]).iloc[1:5].reset_index(drop=True)],
        [
            *(pd.Series(texts, dtype=kind) for kind in kinds[:3]),
            pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
            pd.Series(texts, dtype=pd.ArrowDtype(pa.large_string())), pd.Series(texts, dtype=object),
            value[:3],
        ],
    )  # fmt: skip


@row
def categories():
    pd = pytest.importorskip("pandas")
    value = pd.Categorical(["a", "b", None], ["a", "b"])
    return (
        value,
        [pd.Series(["a", "b", None], dtype="category").array,
         pd.Categorical.from_codes([0, 1, -1], ["a", "b"])],
        [
            pd.Categorical(["a", "b", None], ["b", "a"]), pd.Categorical(["a", "b", None], ["a", "b", "c"]),
            pd.Categorical(["a", "b", None], ["a", "b"], ordered=True),
            pd.Categorical(["a", "a", None], ["a", "b"]),
            pd.CategoricalIndex(value), pd.CategoricalIndex(value, name="n"), pd.Series(value), value.dtype,
            pd.CategoricalDtype(["b", "a"]), pd.CategoricalDtype(["a", "b"], ordered=True),
            pd.CategoricalDtype(),
        ],
    )  # fmt: skip


@row
def indexes():
    pd = pytest.importorskip("pandas")
    pairs = pd.MultiIndex.from_product([[0, 1], ["a", "b"]], names=["p", "q"])
    asked = pairs.copy()
    assert asked.get_loc((1, "a")) == 2
    assert asked.is_unique
    return (
        pairs,
        [asked, pd.MultiIndex.from_tuples([(0, "a"), (0, "b"), (1, "a"), (1, "b")], names=["p", "q"])],
        [
            pairs.set_names(["p", "r"]), pairs[::-1], pairs[:2], pairs.set_levels(["a", "c"], level=1),
            pairs.to_frame(),
            pd.RangeIndex(3), pd.RangeIndex(0, 3, 2), pd.Index([0, 1, 2]), pd.Index([0, 1, 2], dtype="i4"),
            pd.Index([0, 1, 2], name="n"), pd.RangeIndex(3, name="n"), pd.Index(["a"]),
            pd.Index(["a"], dtype=object),
            pd.interval_range(0, 3), pd.interval_range(0, 3, closed="left"), pd.interval_range(0, 3).array,
            pd.Index([]), pd.Index([], dtype="i8"), pd.RangeIndex(0),
        ],
    )  # fmt: skip


@row
def times():
    pd = pytest.importorskip("pandas")
    day = pd.date_range("2026-01-01", periods=3, unit="ns")
    loose = pd.DatetimeIndex(day, freq=None)
    paris = day.tz_localize("Europe/Paris")
    return (
        day,
        [pd.DatetimeIndex(list(day), freq="D").as_unit("ns"), day.copy(deep=True)],
        [
            loose, day.as_unit("s"), paris, day.tz_localize("UTC"), day.to_period("D"), day - day[0],
            pd.Series(day), paris.dtype,
            day.to_numpy(), day.shift(1), pd.date_range("2026-01-01", periods=3, freq="2D", unit="ns"),
            pd.Series(paris),
            day.to_period("D").to_timestamp().to_period("h"), loose.insert(1, pd.NaT), list(day),
            day.rename("n"),
        ],
    )  # fmt: skip


@row
def scalars_of_pandas():
    pd = pytest.importorskip("pandas")
    stamp = pd.Timestamp("2026-01-01").as_unit("ns")
    return (
        stamp,
        [pd.Timestamp(2026, 1, 1).as_unit("ns")],
        [
            stamp.as_unit("s"), stamp.tz_localize("UTC"), stamp.tz_localize("Europe/Paris"),
            stamp.to_pydatetime(),
            stamp.to_datetime64(), pd.Timestamp(2026, 1, 1, nanosecond=1), pd.NaT, pd.NA, None, math.nan,
            np.datetime64("NaT", "s"), pd.Timedelta(1, "s"), pd.Timedelta(1, "s").as_unit("ns"),
            pd.Period("2026-01"),
            pd.Period("2026-01-01"), pd.Interval(0, 1), pd.Interval(0, 1, "left"), pd.Interval(0.0, 1.0),
            pd.offsets.MonthEnd(), pd.offsets.MonthEnd(2), pd.offsets.MonthEnd(normalize=True),
            pd.offsets.Day(),
            pd.offsets.CustomBusinessDay(holidays=["2026-01-01"]), pd.offsets.CustomBusinessDay(),
            pd.DateOffset(months=1), pd.DateOffset(month=1), pd.Int64Dtype(), pd.SparseDtype("i8"),
        ],
    )  # fmt: skip


@row
def other_columns_of_pandas():
    pd = pytest.importorskip("pandas")
    zeros = pd.arrays.SparseArray([0, 0, 1])
    return (
        pd.Series(zeros),
        [pd.Series([0, 0, 1], dtype="Sparse[int64]")],
        [
            pd.Series([0, 0, 1]), pd.Series(pd.arrays.SparseArray([0, 0, 1], fill_value=1)), zeros,
            pd.Series(pd.arrays.SparseArray([0, 0, 1], kind="block")),
            pd.Series(pd.arrays.SparseArray([0, 1, 0])),
            pd.Series([datetime.date(2026, 1, 1)]), pd.Series([{"a": 1}]), pd.Series([{"a": 2}]),
            pd.Series([[1]]),
            pd.Series(pd.period_range("2026-01", periods=2, freq="M")), pd.Series(np.zeros(3, complex)),
        ],
    )  # fmt: skip


@row
def frames_inside_values():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1]})
    return (
        {"f": [frame, frame]},
        [{"f": [frame, copy.deepcopy(frame)]}],
        [{"f": [frame]}, {"f": (frame, frame)}],
    )
