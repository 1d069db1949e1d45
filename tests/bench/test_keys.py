"""What the digest of an argument costs, against `joblib.hash` of the same value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compare import interleaved, microseconds, ratio, save, table

from hashcache import digest

pytestmark = pytest.mark.bench

LONG = 100_000
CASES: dict[str, Callable[[], Any]] = {}


def case(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def add(make: Callable[[], Any]) -> Callable[[], Any]:
        CASES[name] = make
        return make

    return add


# -- builtins ----------------------------------------------------------------------------------------


@case("1 kB dict of 40 lists")
def _small_dict() -> Any:
    return {f"key{i}": [i, float(i)] for i in range(40)}


@case("tuple of 3 numbers")
def _tuple() -> Any:
    return (1, 2.0, "x")


@case("options: a nested dict of 12 entries")
def _options() -> Any:
    return {
        "name": "run", "steps": 100, "rates": [0.1, 0.2], "limits": {"low": 0.0, "high": 1.0},
        "axes": ("x", "y"), "seed": None, "deep": {"a": {"b": [1, 2, {"c": 3}]}},
    }  # fmt: skip


@case("1e5 floats in a list")
def _floats() -> Any:
    return [float(i) for i in range(LONG)]


@case("1e5 strings in a list")
def _strings() -> Any:
    return [f"name {i}" for i in range(LONG)]


@case("dict of 1e5 items")
def _long_dict() -> Any:
    return {i: float(i) for i in range(LONG)}


@case("1e4 lists of 10 floats")
def _nested_lists() -> Any:
    return [[float(i + j) for j in range(10)] for i in range(10_000)]


@case("1e4 small dicts")
def _records() -> Any:
    return [{"id": i, "name": f"name {i}", "value": i / 7} for i in range(10_000)]


# -- arrays ------------------------------------------------------------------------------------------


@case("array of 10 floats")
def _small_array() -> Any:
    return np.arange(10.0)


@case("1 MB array")
def _array() -> Any:
    return np.arange(131_072.0)


@case("100 MB array")
def _large_array() -> Any:
    return np.arange(13_107_200.0)


@case("10 MB array, F order")
def _fortran() -> Any:
    return np.asfortranarray(np.arange(1_310_000.0).reshape(1000, 1310))


@case("10 MB array, every other column")
def _strided() -> Any:
    return np.arange(2_621_440.0).reshape(1024, 2560)[:, ::2]


@case("list of 1000 arrays of 10 floats")
def _list_of_arrays() -> Any:
    return [np.arange(10.0) + i for i in range(1000)]


@case("dict of 100 arrays")
def _dict_of_arrays() -> Any:
    return {f"layer {i}": np.arange(100.0) + i for i in range(100)}


@case("structured array of 1e5 rows")
def _structured() -> Any:
    return np.zeros(LONG, [("a", "i4"), ("b", "f8"), ("c", "U4")])


@case("object array of 1e5 strings")
def _object_array() -> Any:
    return np.array([f"name {i}" for i in range(LONG)], dtype=object)


# -- pandas ------------------------------------------------------------------------------------------


def _columns(rows: int) -> dict[str, Any]:
    return {"i": np.arange(rows), "f": np.arange(rows) / 7, "b": np.arange(rows) % 2 == 0}


@case("frame of 1e5 rows, three dtypes")
def _frame() -> Any:
    import pandas as pd

    return pd.DataFrame(_columns(LONG))


@case("frame of 1e5 rows, numbers and strings")
def _frame_of_both() -> Any:
    import pandas as pd

    return pd.DataFrame({**_columns(LONG), "s": [f"name {i}" for i in range(LONG)]})


@case("frame of 1e5 rows, nullable")
def _nullable() -> Any:
    import pandas as pd

    return pd.DataFrame(_columns(LONG)).astype({"i": "Int64", "f": "Float64", "b": "boolean"})


@case("frame of 1e5 rows, nullable with missing values")
def _missing() -> Any:
    frame = _nullable()
    frame.loc[::10] = None
    return frame


@case("frame of 1e5 rows, extension dtypes")
def _extension() -> Any:
    import pandas as pd

    texts = [f"name {i % 100}" for i in range(LONG)]
    return pd.DataFrame(
        {
            "i": pd.array(np.arange(LONG), dtype="Int64"),
            "s": pd.array(texts, dtype="string[pyarrow]"),
            "c": pd.Categorical(texts),
            "t": pd.date_range("2026-01-01", periods=LONG, freq="s", tz="Europe/Paris"),
        }
    )


@case("frame of 20 rows and 2000 columns, mixed dtypes")
def _wide() -> Any:
    import pandas as pd

    kinds = (
        lambda i: np.arange(20) + i,
        lambda i: np.arange(20) / (i + 1),
        lambda i: np.arange(20) % 2 == 0,
        lambda i: [f"{i} {j}" for j in range(20)],
    )
    return pd.DataFrame({f"c{i}": kinds[i % 4](i) for i in range(2000)})


@case("frame of 20 rows and 2000 columns, mixed dtypes, consolidated")
def _wide_consolidated() -> Any:
    return _wide().astype({f"c{i}": object for i in range(3, 2000, 4)}).copy()


@case("frame of 20 rows and 2000 columns, nullable")
def _wide_nullable() -> Any:
    import pandas as pd

    return pd.DataFrame({f"c{i}": pd.array(np.arange(20) + i, dtype="Int64") for i in range(2000)})


@case("frame of 10 rows and 5 columns")
def _small_frame() -> Any:
    import pandas as pd

    return pd.DataFrame({**_columns(10), "s": list("abcdefghij"), "g": np.arange(10.0)})


@case("series of 1e5 floats")
def _series() -> Any:
    import pandas as pd

    return pd.Series(np.arange(LONG) / 7)


@case("series of 10 floats")
def _small_series() -> Any:
    import pandas as pd

    return pd.Series(np.arange(10) / 7)


@case("series with an index of dates and cities")
def _multi_index() -> Any:
    import pandas as pd

    days = pd.date_range("2026-01-01", periods=1000)
    index = pd.MultiIndex.from_product([days, [f"city {i}" for i in range(100)]])
    return pd.Series(np.arange(float(LONG)), index=index)


def _texts(missing: bool) -> list[str | None]:
    return [None if missing and i % 10 == 0 else f"name {i}" for i in range(LONG)]


for _missing_too in (False, True):
    for _kind in ("object", "str"):
        _name = f"frame of 1e5 strings as {_kind}" + (", some missing" if _missing_too else "")

        @case(_name)
        def _string_frame(missing: bool = _missing_too, kind: str = _kind) -> Any:
            import pandas as pd

            return pd.DataFrame({"s": pd.Series(_texts(missing), dtype=kind)})


# -- polars ------------------------------------------------------------------------------------------


@case("polars frame of 1e5 rows, with strings")
def _polars() -> Any:
    import polars as pl

    return pl.DataFrame({**_columns(LONG), "s": _texts(False)})


@case("polars frame of 1e5 rows, some missing")
def _polars_missing() -> Any:
    import polars as pl

    numbers = [None if i % 10 == 0 else i for i in range(LONG)]
    return pl.DataFrame({"i": numbers, "s": _texts(True)})


@case("polars frame of 10 rows and 5 columns")
def _small_polars() -> Any:
    import polars as pl

    return pl.DataFrame({**_columns(10), "s": list("abcdefghij"), "g": np.arange(10.0)})


REACHES = {
    "1e5 floats in a list": "0.05; 0.02",
    "1e5 strings in a list": "0.05; 0.02",
    "dict of 1e5 items": "0.05; 0.02",
    "frame of 1e5 rows, three dtypes": "0.1; 0.03",
    "100 MB array": "0.7 of the speed of `np.sum`; its speed",
}
PACKAGES = ("joblib", "numpy", "pandas", "polars", "pyarrow")


def row(name: str, value: Any, rounds: int) -> list[str]:
    import joblib

    contenders = {
        "ours": functools.partial(digest, value),
        "joblib": functools.partial(joblib.hash, value),
        "sum": functools.partial(np.sum, value) if name == "100 MB array" else int,
    }
    rows = interleaved(contenders, rounds)
    speed = f"{ratio(rows, 'sum', 'ours'):.2f}" if name == "100 MB array" else "-"
    ours, share = microseconds(rows, "ours"), ratio(rows, "ours", "joblib")
    return [name, f"{ours:.3g}", f"{share:.3f}", speed, REACHES.get(name, "")]


@pytest.mark.filterwarnings("ignore")  # of the alternative
def test_keys(capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for name, make in CASES.items():
        try:
            value = make()
        except ImportError:
            continue
        lines.append(row(name, value, rounds=7))
    head = ["a key", "hashcache (us)", "of `joblib.hash`", "speed over that of `np.sum`", "reach; stretch"]
    with capsys.disabled():
        save("Keys", __file__, table(head, lines), PACKAGES)
    assert len(lines) > 2
