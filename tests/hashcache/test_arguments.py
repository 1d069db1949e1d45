"""The table of arguments: a value, other spellings of it, and near misses that must differ."""

from __future__ import annotations

import copy
import functools
import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rows_of_columns  # noqa: F401  (adds rows)
import rows_of_frames  # noqa: F401
import rows_of_libraries  # noqa: F401
import rows_of_values
import test_canonical
from rows_of_values import Row

from hashcache import MutationWarning, UncanonicalError, digest, hashcache

HERE = Path(__file__).parent
BUILTIN: dict[str, Row] = {
    f"{number}_{type(entry[0]).__name__}": functools.partial(tuple, entry)
    for number, entry in enumerate(test_canonical.TABLE)
}
ROWS = {**BUILTIN, **{maker.__name__: maker for maker in rows_of_values.ROWS}}


@pytest.mark.parametrize("name", ROWS)
def test_spellings_agree_and_near_misses_differ(name: str):
    value, same, different = ROWS[name]()
    for number, other in enumerate([value, *same]):
        assert digest(other) == digest(value), number
    digests = [digest(other) for other in [value, *different]]
    repeated = {number for number, found in enumerate(digests) if digests.count(found) > 1}
    assert not repeated


@pytest.mark.parametrize("name", ROWS)
def test_round_trips_keep_the_digest(name: str):
    value = ROWS[name]()[0]
    before = digest(value)
    try:
        copied = copy.deepcopy(value)
    except TypeError:  # modules and memoryviews have no copy
        copied = value
    assert digest(copied) == before
    try:
        pickled = pickle.dumps(value)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    assert digest(pickle.loads(pickled)) == before


def digests_of_all_rows() -> dict[str, list[str]]:
    found = {}
    for name, maker in ROWS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # those of the libraries
                value, _, different = maker()
        except pytest.skip.Exception:
            continue
        found[name] = [digest(other) for other in (value, *different)]
    return found


def test_digests_are_the_same_in_another_process_under_another_hash_seed(python):
    code = "import json, test_arguments; print(json.dumps(test_arguments.digests_of_all_rows()))"
    paths = ":".join(map(str, (HERE.parent.parent, HERE)))
    theirs = json.loads(python(code, seed=4711, PYTHONPATH=paths, PYTHONWARNINGS="ignore").splitlines()[-1])
    ours = digests_of_all_rows()
    assert theirs.keys() == ours.keys()
    assert not [name for name in ours if theirs[name] != ours[name]]


def test_no_library_is_imported_to_recognise_its_values(python):
    loaded = python("import sys, hashcache; hashcache.digest([1, {2: 'x'}]); print(' '.join(sys.modules))")
    libraries = {
        "attrs", "ase", "dateutil", "jax", "networkx", "numpy", "pandas", "polars", "pyarrow", "pydantic",
        "pytz", "scipy", "sklearn", "torch", "xarray", "zoneinfo",
    }  # fmt: skip
    assert not libraries & set(loaded.split())


# -- what is refused ---------------------------------------------------------------------------------


def test_tensors_with_a_history_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(UncanonicalError, match="detach"):
        digest(torch.ones(2, requires_grad=True) * 2)


def test_jax_values_without_content_are_refused():
    jax = pytest.importorskip("jax")
    deleted = jax.numpy.ones(3)
    deleted.delete()
    with pytest.raises(UncanonicalError, match="cannot be read"):
        digest(deleted)
    with pytest.raises(UncanonicalError, match="traced"):
        jax.jit(lambda x: len(digest(x)))(1.0)


# -- looking back ------------------------------------------------------------------------------------


def change_column(frame):
    frame["a"] = frame["a"] + 1


def change_cell(frame):
    frame.loc[1, "c"] = "changed"


def add_column(frame):
    frame["new"] = 1


def change_index(frame):
    frame.index = [5, 6, 7]


def change_attributes(frame):
    frame.attrs["unit"] = "m"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (change_column, "frame['a']"),
        (change_cell, "frame['c']"),
        (add_column, "frame.columns, frame['new']"),
        (change_index, "frame.index"),
        (change_attributes, "frame.attrs"),
    ],
)
@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_a_changed_part_of_a_frame_is_named(change: Any, path: str, kind: str):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0], "c": ["x", "y", "changed"]}).astype(
        {"c": kind}
    )
    with pytest.warns(MutationWarning) as caught:
        hashcache(change)(frame)
    assert f"{change.__name__} changed {path}; " in str(caught[0].message)


def test_a_frame_that_is_only_read_is_not_taken_for_changed():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, 3], "c": ["x", "y", "z"]}, index=pd.Index([1, 2, 3]))

    @hashcache
    def read(frame):
        texts = frame["c"].str.upper()
        return [frame.loc[2, "a"], frame.groupby("c").a.sum().tolist(), texts.tolist(), frame.index.is_unique]

    assert read(frame) == read(frame.copy()) == read.uncached(frame)
    assert read.stats()["hits"] == 1


def test_a_graph_that_is_only_read_is_not_taken_for_changed():
    networkx = pytest.importorskip("networkx")

    @hashcache
    def size(graph):
        return len(graph.nodes), len(graph.edges), networkx.number_connected_components(graph)

    assert size(networkx.path_graph(3)) == size(networkx.path_graph(3)) == (3, 2, 1)
    assert size.stats()["hits"] == 1


def test_a_generator_that_was_drawn_from_is_named():
    def draw(rng):
        return rng.random()

    with pytest.warns(MutationWarning, match=r"rng\.bit_generator\.state\['state'\]\['state'\]"):
        hashcache(draw)(np.random.default_rng(1))
