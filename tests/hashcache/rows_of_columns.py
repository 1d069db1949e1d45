"""Rows of the table of arguments: Arrow, polars and xarray."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pytest
from rows_of_values import row


@row
def columns_of_arrow():
    pa = pytest.importorskip("pyarrow")

    def table(lists: Any, **more: Any) -> Any:
        return pa.table(
            {"n": [1, None], "t": ["x", None], "l": lists, "s": [{"a": 1}, None], "b": [True, None]}, **more
        )

    long = pa.concat_tables([table([[9], [9, 9]]), table([[1], None]), table([[7], [8]])])
    kinds = [pa.int8(), pa.float32(), pa.uint64(), pa.decimal128(9, 2), pa.float16()]
    texts = [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
    return (
        table([[1], None]),
        [long.slice(2, 2), pa.concat_tables([table([[1], None]).slice(0, 1), table([[1], None]).slice(1)])],
        [
            table([[1], []]), table([[1, 2], None]), table([[1], [None]]), table([[1], None]).slice(0, 1),
            table([[1], None]).replace_schema_metadata({"a": "b"}), table([[1], None]).drop_columns(["b"]),
            *(pa.array([1, None], kind) for kind in kinds), *(pa.array(["1", None], kind) for kind in texts),
            pa.array([None, None]), pa.array([1, 2]), pa.chunked_array([[1, 2]]),
            pa.array(["1", None]).dictionary_encode(),
            pa.array([1, 2], pa.timestamp("s")), pa.array([1, 2], pa.timestamp("s", "UTC")),
            pa.array([1, 2], pa.date32()),
            pa.int64(), pa.schema({"a": pa.int64()}), pa.schema({"a": pa.int32()}),
            pa.array([b"12"], pa.binary(2)),
            pa.array([True, False]), pa.array([True, False, None]),
            pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
        ],
    )  # fmt: skip


@row
def frames_of_polars():
    pl = pytest.importorskip("polars")

    def frame(**more: Any) -> Any:
        return pl.DataFrame({"a": [1, None, 3], "b": [1.0, math.nan, None], "c": ["x", None, "yy"], **more})

    return (
        frame(),
        [
            pl.concat([frame()[:1], frame()[1:]], rechunk=False),
            frame().with_columns(pl.col("a").set_sorted()),
            pl.concat([frame(), frame()])[3:], frame().clone(),
        ],
        [
            frame().select("b", "a", "c"), frame().with_columns(pl.col("a").cast(pl.Int32)),
            frame().rename({"a": "A"}),
            frame().with_columns(pl.col("c").cast(pl.Categorical)), frame().fill_nan(None),
            frame().fill_null(0), frame()[:2],
            frame().with_columns(c=pl.Series(["x", None, "y"])),
            frame().with_columns(c=pl.Series(["xy", None, "y"])),
            frame().with_columns(c=pl.Series(["x", "", "yy"])), frame()["a"], frame()["a"].alias("z"),
            frame().lazy(),
            pl.col("a"), pl.col("a") + 1, pl.DataFrame(), pl.DataFrame(schema={"a": pl.Int8}), pl.Int8,
            pl.Int8(),
        ],
    )  # fmt: skip


@row
def series_of_polars():
    pl = pytest.importorskip("polars")
    pl.Series(["z", "y"], dtype=pl.Categorical)  # so that the numbers of categories start elsewhere
    lists = [[1], [], None, [None], [1, 2]]
    value = pl.Series("s", lists)
    day = datetime.datetime(2026, 1, 1)
    kinds: list[Any] = [pl.Categorical, pl.Enum(["a", "b"]), pl.Enum(["b", "a"]), pl.String, pl.Binary]
    times: list[Any] = [pl.Datetime("us"), pl.Datetime("ms"), pl.Datetime("us", "UTC"), pl.Date]
    pairs = [{"a": 1, "b": "x"}, None]
    return (
        value,
        [pl.Series("s", [[9], *lists])[1:], pl.Series("s", lists, dtype=pl.List(pl.Int64()))],
        [
            pl.Series("s", [[1], None, None, [None], [1, 2]]), pl.Series("s", [[1], [], None, [], [1, 2]]),
            pl.Series("s", [[1], [], None, [None, 1], [2]]), pl.Series("s", lists, dtype=pl.List(pl.Int8)),
            *(pl.Series("s", ["a", None], dtype=pl.String).cast(kind) for kind in kinds),
            *(pl.Series("s", [day, None], dtype=pl.Datetime("us")).cast(kind) for kind in times[:2]),
            pl.Series("s", [day, None]).dt.replace_time_zone("UTC"), pl.Series("s", [day.date(), None]),
            pl.Series("s", pairs), pl.Series("s", [{"a": 1, "b": "x"}, {"a": None, "b": None}]),
            pl.Series("s", []),
            pl.Series("s", [[1, 2], None], dtype=pl.Array(pl.Int64, 2)), pl.Series("s", [True, None]),
            pl.Series("s", [1, 2], dtype=pl.Decimal(10, 2)), pl.Series("s", [1, 2], dtype=pl.Decimal(10, 1)),
            pl.Series("s", [{1}], dtype=pl.Object),
            pl.Series("s", [None]),
            pl.Series("s", [0.0]), pl.Series("s", [-0.0]), pl.Series("s", [day - day]),
            pl.Series("s", [day.time()]),
        ],
    )  # fmt: skip


@row
def long_series_of_polars():
    pl = pytest.importorskip("polars")
    texts = ["x", None, "", "yy"] * 300
    numbers = [1, None, 0] * 400
    value = pl.DataFrame({"t": texts, "n": numbers})
    return (
        value,
        [pl.concat([value[:7], value[7:]], rechunk=False), pl.concat([value[:5], value])[5:]],
        [
            value.fill_null(0), value.with_columns(pl.col("t").fill_null("")), value[:-1], value[:8],
            value.with_columns(t=pl.Series(["xy", None, "", "y"] * 300)),
            value.with_columns(t=pl.Series(["x", "", None, "yy"] * 300)), value.reverse(),
            value.with_columns(n=pl.Series([1, 0, None] * 400)), value.cast({"n": pl.Float64}),
            value.with_columns(t=pl.lit(None, pl.String)), value.cast({"t": pl.Categorical}),
        ],
    )  # fmt: skip


@row
def arrays_with_names():
    xr = pytest.importorskip("xarray")

    def array(dims: Any = ("x", "y"), name: str = "n", **more: Any) -> Any:
        return xr.DataArray(np.zeros((2, 3)), dims=dims, name=name, coords={"x": ["a", "b"]}, **more)

    asked = array()
    assert [float(asked.sel(x="a").sum()), asked.attrs] == [0.0, {}]
    coded, changed = array(), array()
    coded.encoding["dtype"] = "i2"
    changed[0, 0] = 1
    both = xr.Dataset({"n": array(), "m": ("y", [1, 2, 3])})
    tree = xr.DataTree(both, children={"c": xr.DataTree(both)})
    return (
        array(),
        [asked, asked.copy(), array().transpose("y", "x").transpose("x", "y")],
        [
            array(("x", "z")), array(name="m"), array(attrs={"u": "m"}), coded, changed,
            array().drop_vars("x"), array().T,
            array().astype("f4"), array().assign_coords(x=["a", "c"]), array().assign_coords(z=1),
            array().variable,
            array().drop_indexes("x"), array().to_dataset(), both, both[["m", "n"]], both.assign_attrs(a=1),
            tree,
            both.set_coords("m"), both.rename(m="k"), tree["c"], array().x, array().values,
        ],
    )  # fmt: skip
