"""What an explanation says: the change that was made, by the name that people give it, and nothing else."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import Cache, Layer, entry, hashcache
from hashcache.differences import differences
from hashcache.inside import look_inside
from hashcache.key import FINGERPRINT_MARK
from hashcache.lines import count_changes, line_digests
from hashcache.mutation import digest_argument
from hashcache.preview import preview
from hashcache.rows import read_rows

Python = Callable[..., str]


def same(x: Any) -> Any:
    return 0


# -- arguments ---------------------------------------------------------------------------------------


class Calculator:
    def __init__(self, energy: float) -> None:
        self.results = {"energy": energy, "forces": np.zeros((40, 3))}

    def energy(self) -> Any:
        return self.results["energy"]


class Pair(NamedTuple):
    first: int
    second: list[int]


@dataclass
class Atoms:
    calc: Calculator
    name: str = "Cu"


class Keyed:
    """A key whose text differs at every look."""

    def __repr__(self) -> str:
        raise AssertionError("asked for its text")

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return type(other) is Keyed


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})

ARGUMENTS: list[tuple[Any, Any, str]] = [
    (1.0, 2.0, "argument x: 1.0 -> 2.0"),
    (1, 1.0, "argument x: 1 -> 1.0"),
    (True, 1, "argument x: True -> 1"),
    (0.0, -0.0, "argument x: 0.0 -> -0.0"),
    ("a", b"a", "argument x: 'a' -> b'a'"),
    ([0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 2.0], "argument x[3]: 1.0 -> 2.0"),
    ([1, 2], (1, 2), "argument x: [1, 2] -> (1, 2)"),
    (list(range(20)), tuple(range(20)), "argument x: list of 20 -> tuple of 20"),
    ([1, 2], [1, True], "argument x[1]: 2 -> True"),
    ([1, 2], [1, [2]], "argument x[1]: 2 -> [2]"),
    ([1, 2], [1, 2, 3], "argument x[2]: new (3)"),
    ([1, 2, 3], [0, 1, 2, 3], "argument x[0]: new (0)"),
    ([1, 2, 3], [1, 3], "argument x[1]: gone (2)"),
    ([1, 2, 3], [5, 3], "argument x[0]: 1 -> 5; argument x[1]: gone (2)"),
    ([], [1], "argument x: [] -> [1]"),
    ([[1, 2], [3, 4]], [[1, 2], [3, 5]], "argument x[1][1]: 4 -> 5"),
    (list(range(8)), [5] * 8, "argument x: 7 of 8 parts differ, such as [0]: 0 -> 5"),
    ([0] * 1000, [0] * 999 + [1], "argument x: content differs (list of 1000)"),
    ({"a": 1}, {"a": 1, "b": 2}, "argument x['b']: new (2)"),
    ({"a": 1, "b": 2}, {"a": 1}, "argument x['b']: gone (2)"),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "argument x: in another order"),
    ({0: "a", 1: "a"}, {1: "a"}, "argument x[0]: gone ('a')"),
    ({1: 0}, {1.0: 0}, "argument x[1.0]: new (0); argument x[1]: gone (0)"),
    ({"a": {"b": [1]}}, {"a": {"b": [2]}}, "argument x['a']['b'][0]: 1 -> 2"),
    ({Keyed(): 1}, {Keyed(): 2}, f"argument x[{__name__}.Keyed]: 1 -> 2"),
    ({1, 10, 2}, {1, 2}, "argument x: {1, 2, 10} -> {1, 2}"),
    ({"k": frozenset()}, {"k": frozenset({1})}, "argument x['k']: frozenset() -> frozenset({1})"),
    (np.zeros(3), np.zeros(4), "argument x: float64[3] -> float64[4]"),
    (np.zeros(3), np.zeros(3, int), "argument x: float64[3] -> int64[3]"),
    (np.zeros(3), np.array([0, 0, 0.5]), "argument x[2]: 0.0 -> 0.5"),
    (np.zeros((2, 2)), np.array([[0, 0], [7.0, 0]]), "argument x[1, 0]: 0.0 -> 7.0"),
    (np.array(1.0), np.array(2.0), "argument x[()]: 1.0 -> 2.0"),
    (np.zeros(100), np.ones(100), "argument x: content differs (float64[100])"),
    (np.int64(1), np.int64(2), "argument x: int64(1) -> int64(2)"),
    (FRAME, FRAME.assign(a=[1, 3]), "argument x['a']: content differs (int64[2])"),
    (FRAME, FRAME.assign(c=0), "argument x.columns: content differs (pandas.Index); "
     "argument x['c']: new (int64[2])"),
    (Atoms(Calculator(1.0)), Atoms(Calculator(2.0)), "argument x.calc.results['energy']: 1.0 -> 2.0"),
    (Atoms(Calculator(1.0)), Atoms(Calculator(1.0), "Al"), "argument x.name: 'Cu' -> 'Al'"),
    (SimpleNamespace(a=1), SimpleNamespace(a=1, b=2), "argument x.b: new (2)"),
    (Pair(1, [2]), Pair(1, [3]), "argument x.second[0]: 2 -> 3"),
    (Counter("aab"), Counter("aabb"), "argument x['b']: 1 -> 2"),
    (functools.partial(same, 1), functools.partial(same, 2), "argument x.args[0]: 1 -> 2"),
    (Calculator(1.0).energy, Calculator(2.0).energy, "argument x.__self__.results['energy']: 1.0 -> 2.0"),
    (date(2020, 1, 1), date(2020, 1, 2),
     "argument x: datetime.date(2020, 1, 1) -> datetime.date(2020, 1, 2)"),
    (Decimal("1.0"), Decimal("1.00"), "argument x: Decimal('1.0') -> Decimal('1.00')"),
    ("y" * 100, "y" * 50 + "z" + "y" * 49, f"argument x: content differs ({preview('y' * 100)})"),
    (10**5000, 10**5000 + 1, "argument x: content differs (int of 16610 bits)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), ARGUMENTS, ids=[row[2][:60] for row in ARGUMENTS])
def test_a_changed_argument_is_named_down_to_the_part(
    cache: Cache, before: Any, after: Any, expected: str
) -> None:
    asked = cache(same)
    asked(before)
    explanation = asked.explain(after)
    assert (explanation.hit, explanation.reason) == (False, expected)
    assert asked.explain(before).hit


def test_the_class_of_an_argument_is_named_when_it_is_what_changed(cache: Cache) -> None:
    asked = cache(same)

    def thing(rate: int) -> Any:
        class Thing:
            RATE = rate

        return Thing()

    asked(thing(1))
    assert asked.explain(thing(2)).reason.endswith("Thing: changed")
    assert asked.explain(thing(2)).reason.startswith("argument x: class ")


def test_a_callback_says_what_changed_in_it(cache: Cache) -> None:
    asked = cache(same)

    def callback(rate: int) -> Any:
        return lambda x: rate * x

    asked(callback(1))
    assert asked.explain(callback(2)).changes == ("argument x: closure rate: 1 -> 2",)
    asked(lambda x: x + 1)
    changes = cache(same).explain(lambda x: x + 2).changes
    assert changes == ("argument x: body changed (+1 -1 lines)",)


def test_what_is_listed_is_what_the_call_got(cache: Cache) -> None:
    def grown(x: list[int]) -> int:
        x.append(0)
        return 1

    asked = cache(mutation="ignore")(grown)
    asked([1, 2])
    assert asked.explain([1, 2]).hit
    assert asked.explain([1, 3]).reason == "argument x[1]: 2 -> 3"


def test_no_part_of_a_large_argument_is_listed_and_few_of_many() -> None:
    nests = [
        [0] * 65,
        [[0] * 30] * 30,
        {k: "x" * 90 for k in range(60)},
        [["x" * 50] * 8] * 8,
        *[[1] * 30] * 9,
    ]
    inside = look_inside([digest_argument("x", nest) for nest in nests])

    def flat(rows: Any) -> list[Any]:
        return [part for row in rows for part in (row, *flat(row.inside))]

    rows = [row for rows in inside for row in flat(rows)]
    assert inside[0] == ()
    assert 0 < len(rows) <= 64
    assert sum(len(row.step) + len(row.digest) + len(row.text) for row in rows) <= 4000


def test_nothing_is_listed_inside_a_captured_value_that_changed_since(cache: Cache) -> None:
    table = {"a": [0] * 20, "b": [0] * 20}

    def grown(x: int) -> int:
        table["a"][x] += 1
        return x

    asked = cache(mutation="ignore")(grown)
    asked(0)
    assert asked.explain(0).reason == "closure table: content differs (dict of 2)"
    table["a"][0] = 0
    assert asked.explain(0).hit


def test_looking_inside_asks_no_value_for_its_text_and_never_fails() -> None:
    class Odd:
        def __init__(self) -> None:
            self.looks = 0

        def __repr__(self) -> str:
            raise AssertionError("asked for its text")

        def __reduce_ex__(self, protocol: Any) -> Any:
            self.looks += 1
            if self.looks > 2:
                raise RuntimeError("taken apart once too often")
            return dict, ()

    odd = Odd()
    argument = digest_argument("x", [odd, 1])
    ((first, second),) = look_inside([argument])
    assert (first.inside, second.text) == ((), "1")


# -- code, captured values, versions -----------------------------------------------------------------

MAIN = """
from hashcache import hashcache
import model

RATE = 3


@hashcache
def f(x):
    return model.step(x) * RATE


ARGUMENTS = (2,)
"""
MODEL = """
def step(x):
    y = x + 1
    return y


class Model:
    rate = 1

    def run(self):
        return self.rate
"""
CLASS = MAIN.replace("model.step(x)", "model.Model().run()")
FACTORY = (
    MAIN
    + """

def factory(factor, offset):
    @hashcache(name="f")
    def inner(x):
        # The order of use is not that of the names.
        return x * offset + factor

    return inner


f = factory(1, 2)
"""
)
TWO = MAIN.replace("import model", "import model, other").replace("step(x)", "step(x) + other.step(x)")
LIBRARY = MAIN.replace("import model", "import toolbox\nfrom toolbox import solve").replace(
    "model.step(x) * RATE", "toolbox.solve(x) + solve(x) + toolbox.Grid().n + len(toolbox.NAMES)"
)
TOOLBOX = "NAMES = ['a']\ndef solve(x):\n    return x\nclass Grid:\n    n = 1\n"


def files(main: str = MAIN, model: str = MODEL, **more: str) -> dict[str, str]:
    return {"main.py": main, "model.py": model, **more}


def library(version: str) -> dict[str, str]:
    folder = f"site-packages/toolbox-{version}.dist-info"
    return files(LIBRARY) | {
        "site-packages/toolbox.py": TOOLBOX,
        f"{folder}/RECORD": "toolbox.py,,\n",
    }


def passing(version: str, n: int) -> dict[str, str]:
    main = MAIN.replace("import model", "import toolbox").replace("model.step(x)", "len(x)")
    return {
        **library(version),
        "main.py": main.replace("(2,)", f"([toolbox.Grid()],)\nARGUMENTS[0][0].n = {n}"),
    }


EDITS: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "global": (files(), files(MAIN.replace("RATE = 3", "RATE = 0")), "global RATE: 3 -> 0"),
    "global gone": (files(), files(MAIN.replace("RATE = 3", "")), "global RATE: 3 -> missing"),
    "own body": (
        files(),
        files(MAIN.replace("    return model", "    x = x + 1\n    x = x + 2\n    return 1 + model")),
        "code: changed (+3 -1 lines)",
    ),
    "comments do not count": (
        files(),
        files(MAIN.replace("    return model", "    # why\n\n    x = x + 1\n    return model")),
        "code: changed (+1 -0 lines)",
    ),
    "parameters": (
        files(),
        files(MAIN.replace("def f(x)", "def f(x, y=1)")),
        "argument y: new (1); code: changed (+1 -1 lines); default y: new (1)",
    ),
    "default": (
        files(MAIN.replace("def f(x)", "def f(x, y=1)")),
        files(MAIN.replace("def f(x)", "def f(x, y=2)")),
        "argument y: 1 -> 2; default y: 1 -> 2",
    ),
    "helper": (
        files(),
        files(model=MODEL.replace("    return y", "    y = 2 * y\n    y = y - 1\n    return y + 1")),
        "helper model.step: body changed (+3 -1 lines)",
    ),
    "method": (
        files(CLASS),
        files(CLASS, MODEL.replace("self.rate", "self.rate + 1")),
        "method model.Model.run: body changed (+1 -1 lines)",
    ),
    "class": (
        files(CLASS),
        files(CLASS, MODEL.replace("rate = 1", "rate = 2")),
        "class model.Model: attribute rate: 1 -> 2",
    ),
    "closure": (
        files(FACTORY),
        files(FACTORY.replace("f = factory(1, 2)", "f = factory(7, 2)")),
        "closure factor: 1 -> 7",
    ),
    "a helper in front of another": (
        files(MAIN.replace("step(x)", "step(x) + abs(x)").replace("f = 1", "")),
        files(
            MAIN.replace("step(x)", "step(x) + abs(x)").replace("import model", "import model, other")
            .replace("RATE = 3", "RATE = 3\nabs = other.step"),
            **{"other.py": MODEL},
        ),
        "global abs: builtin_function_or_method abs -> function step",
    ),
    "one of two helpers of one name": (
        files(TWO, **{"other.py": MODEL}),
        files(TWO, **{"other.py": MODEL.replace("x + 1", "x + 9")}),
        "helper other.step: body changed (+1 -1 lines)",
    ),
    "the other of two helpers of one name": (
        files(TWO, **{"other.py": MODEL}),
        files(TWO, MODEL.replace("x + 1", "x + 9"), **{"other.py": MODEL}),
        "helper model.step: body changed (+1 -1 lines)",
    ),
    "a helper that moved and changed": (
        files(),
        files(MAIN.replace("import model", "import other as model"), **{
            "other.py": MODEL.replace("x + 1", "x + 9")}),
        "helper other.step: body changed (+1 -1 lines)",
    ),
    "argument": (files(), files(MAIN.replace("(2,)", "([1.0],)")), "argument x: 2 -> [1.0]"),
    "two things": (
        files(),
        files(MAIN.replace("RATE = 3", "RATE = 0"), MODEL.replace("x + 1", "x + 9")),
        "global RATE: 3 -> 0; helper model.step: body changed (+1 -1 lines)",
    ),
    "a version": (library("2.4.5"), library("2.4.6"), "toolbox 2.4.5 -> 2.4.6"),
    "a version and an argument": (
        library("2.4.5"),
        {**library("2.4.6"), "main.py": LIBRARY.replace("(2,)", "(3,)")},
        "toolbox 2.4.5 -> 2.4.6; argument x: 2 -> 3",
    ),
    "a version of what an argument is of": (
        passing("2.4.5", 1), passing("2.4.6", 1), "toolbox 2.4.5 -> 2.4.6"
    ),
    "and its state": (
        passing("2.4.5", 1), passing("2.4.6", 2), "toolbox 2.4.5 -> 2.4.6; argument x[0].n: 1 -> 2"
    ),
    "inside a captured table": (
        files(MAIN.replace("RATE = 3", "RATE = {'a': [1] * 20}").replace("* RATE", "+ len(RATE)")),
        files(MAIN.replace("RATE = 3", "RATE = {'a': [1] * 19 + [2]}").replace("* RATE", "+ len(RATE)")),
        "global RATE['a'][19]: 1 -> 2",
    ),
    "inside a captured object": (
        files(MAIN.replace("RATE = 3", "RATE = model.Model()").replace("* RATE", "+ RATE.run()")),
        files(
            MAIN.replace("RATE = 3", "RATE = model.Model()\nRATE.rate = 5").replace("* RATE", "+ RATE.run()")
        ),
        "global RATE: content differs (model.Model)",
    ),
    "a base class": (
        files(CLASS, MODEL.replace("class Model:", "class Base:\n    pass\n\n\nclass Model(Base):")),
        files(CLASS, MODEL.replace("class Model:", "class Other:\n    pass\n\n\nclass Model(Other):")),
        "class model.Model: bases: (type, Base) -> (type, Other)",
    ),
    "another helper": (
        files(model=MODEL + MODEL.replace("step", "stride")),
        files(MAIN.replace("model.step", "model.stride"), MODEL + MODEL.replace("step", "stride")),
        "code: changed (+1 -1 lines); global model.stride: new (function stride); "
        "global model.step: gone (function step)",
    ),
    "another helper under the same name": (
        files(MAIN.replace("import model", "import model\nrun = model.step").replace("model.step(", "run(")),
        files(
            MAIN.replace("import model", "import model\nrun = model.stride").replace("model.step(", "run("),
            MODEL.replace("step", "stride"),
        ),
        "global run: function step -> function stride",
    ),
    "nothing": (files(), files(MAIN + "\n# A comment\n", MODEL.replace("y = x + 1", "z = y = x + 1").replace(
        "z = ", "")), "stored"),
}  # fmt: skip

DRIVER = """
import json, os, sys
from hashcache import distributions, hashcache

folder, store, phase = sys.argv[1:]
(packages, library), told = distributions._roots(), {}
for name in sorted(os.listdir(folder)):
    place = os.path.join(folder, name)
    mine = os.path.join(place, "site-packages")
    distributions._roots = lambda: ((mine, *packages), library)
    for cached in (
        distributions.origin_of_file, distributions.version_of, distributions._installed,
        distributions._marks, distributions._root_above,
    ):
        cached.cache_clear()
    for module in ("main", "model", "other", "toolbox"):
        sys.modules.pop(module, None)
    sys.path[:0] = [place, os.path.join(place, "site-packages")]
    hashcache.location = os.path.join(store, name)
    import main
    told[name] = str(main.f.explain(*main.ARGUMENTS))
    if phase == "before":
        try:
            main.f(*main.ARGUMENTS)
        except (TypeError, NameError):
            pass
    del sys.path[:2]
json.dump(told, sys.stdout)
"""


def lay_out(folder: Path, phase: int) -> None:
    for name, edit in EDITS.items():
        for file, text in edit[phase].items():
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What each explanation said: before the edit, after it, and after it with another hash seed."""
    import os
    import subprocess
    import sys

    place = tmp_path_factory.mktemp("edits")
    said = {}
    for phase, (number, seed) in {"before": (0, "0"), "after": (1, "1"), "again": (1, "2")}.items():
        lay_out(place / str(number), number)
        done = subprocess.run(
            [sys.executable, "-B", "-c", DRIVER, str(place / str(number)), str(place / "store"), phase],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said[phase] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_named_in_another_process(told: dict[str, dict[str, str]], name: str) -> None:
    assert told["before"][name].splitlines()[1] == "miss: never computed"
    status = "hit" if name == "nothing" else "miss"
    assert told["after"][name].splitlines()[1] == f"{status}: {EDITS[name][2]}"


def test_explanations_are_the_same_bytes_in_every_process(told: dict[str, dict[str, str]]) -> None:
    assert told["after"] == told["again"]


def test_an_explanation_names_helpers_with_their_modules(told: dict[str, dict[str, str]]) -> None:
    lines = told["after"]["one of two helpers of one name"]
    assert "  helper model.step: code = step" in lines
    assert "  helper other.step: code = step" in lines


def other_python(header: dict[str, Any]) -> None:
    """Make of a header that of another minor version, in which every code and every library is another."""
    for row in header["parts"]:
        more = row[3] if len(row) > 3 else {}
        if row[0] == "python":
            row[1], row[2] = "0" * 32, "'3.7'"
        if row[0].endswith("code") or any(origin.startswith("Python ") for origin in more.get("from", ())):
            row[1] = "0" * 32
            more["from"] = ["Python 3.7" for _ in more.get("from", ())]


def test_another_python_is_one_line(cache: Cache) -> None:
    @cache
    def root(x: float) -> float:
        return math.sqrt(len([x])) + same(x)

    root(1.0)
    rewrite(cache, other_python)
    explanation = root.explain(1.0)
    assert not explanation.hit
    version = explanation.parts[0].text.strip("'")
    assert explanation.changes == (f"python 3.7 -> {version}",)


def rewrite(cache: Cache, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the headers of all that is stored, and put results where no call looks for them."""
    for name in list(cache.store.names()):
        data = cache.store.get(name)
        header = entry.peek(data)
        key, codec = bytes.fromhex(header.pop("digest")), header["codec"]
        _, payload, *_ = entry.unpack(data, key)
        change(header)
        about = {
            field: value for field, value in header.items() if field not in ("codec", "payload", "frames")
        }
        if codec:  # a result, rather than a listing
            cache.store.delete(name)
            key = key[::-1]
            name = f"{name.rpartition('/')[0]}/{key.hex()}"
            about["key"] = about["key"][:-32] + key.hex()
        cache.store.put(name, entry.pack(key, codec, payload, about))
    cache.recent.clear()


# -- which entry is the nearest ----------------------------------------------------------------------


def test_the_nearest_has_the_same_arguments_then_is_the_newest(cache: Cache) -> None:
    def power(n: int) -> Any:
        return cache(name="power")(lambda x, y: x**n)

    one, two, three = power(1), power(2), power(3)
    one(5, 6), two(5, 6)
    assert three.explain(5, 6).reason == "closure n: 2 -> 3"
    three(7, 6)
    assert three.explain(5, 6).reason == "closure n: 2 -> 3", "same arguments"
    assert three.explain(7, 8).reason == "argument y: 6 -> 8", "same code"
    assert three.explain(8, 6).reason == "argument x: 7 -> 8"


def test_of_similar_arguments_the_nearest_differs_in_the_fewest_parts(cache: Cache) -> None:
    asked = cache(same)
    asked([1, 2, 3, 4])
    asked([9, 9, 9, 9])
    assert asked.explain([1, 2, 3, 5]).reason == "argument x[3]: 4 -> 5"


@pytest.mark.parametrize(
    "damage",
    [
        lambda header: header.pop("parts"),
        lambda header: header.pop("created"),
        lambda header: header.update(parts=7),
        lambda header: header.update(parts=[["argument x"], 3, None, ["a", "b", "c", "d"]]),
        lambda header: header.update(fingerprint=None),
    ],
)
def test_entries_that_say_less_disturb_no_explanation(cache: Cache, damage: Callable[[Any], Any]) -> None:
    asked = cache(same)
    asked(1)

    def harm(header: dict[str, Any]) -> None:
        if header["codec"]:
            damage(header)

    rewrite(cache, harm)
    assert not asked.explain(2).hit
    asked([1])
    assert asked.explain([2]).reason == "argument x[0]: 1 -> 2"


def test_entries_without_the_newer_rows_are_compared(cache: Cache) -> None:
    asked = cache(same)
    asked([1, 2])

    def older(header: dict[str, Any]) -> None:
        header["parts"] = [row[:3] for row in header["parts"]]

    rewrite(cache, older)
    assert asked.explain([1, 3]).changes == ("argument x: [1, 2] -> [1, 3]",)
    assert cache(name="same")(lambda x: 1).explain([1, 2]).changes == ("code: changed",)


def test_a_listing_that_is_gone_leaves_a_reason(cache: Cache) -> None:
    cache(same)(1)
    for name in list(cache.store.names()):
        if FINGERPRINT_MARK in name:
            cache.store.delete(name)
    assert cache(same).explain(2).reason == "argument x: 1 -> 2"
    assert cache(name="same")(lambda x: 1).explain(1).reason == "code or captured values: changed"


def test_the_line_that_is_logged_is_the_reason(location: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Cache(location, verbose=True)(same)
    asked({"a": [1]})
    asked({"a": [2]})
    asked({"a": [2]})
    assert capsys.readouterr().err.splitlines() == [
        "hashcache: same computed: never computed",
        "hashcache: same computed: argument x['a'][0]: 1 -> 2",
    ]


def test_an_explanation_that_fails_costs_no_answer(
    location: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("no reason")

    asked = Cache(location, verbose=True)(same)
    asked(1)
    monkeypatch.setattr("hashcache.explain._reason", fail)
    monkeypatch.setattr("hashcache.inside._parts_of", fail)
    assert asked([2]) == 0
    assert asked.is_cached([2])
    assert "no reason" in capsys.readouterr().err


def test_previews_run_no_code_and_are_the_same_whatever_the_hash_seed(python: Python) -> None:
    class Loud(type):
        @property
        def __module__(cls) -> str:  # type: ignore[override]
            raise AssertionError("asked for its module")

        def __getattribute__(cls, name: str) -> Any:
            raise AssertionError(f"asked for its {name}")

    class Quiet(metaclass=Loud):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"asked for its {name}")

    assert preview(Quiet()).endswith(".Quiet")
    assert preview([Quiet()]) == "list of 1"
    code = """
import enum
from hashcache.preview import preview
class Colour(enum.Enum):
    RED = 1
values = {"a", "b", 3, None}, frozenset("abcdef"), {1: {"x", "y"}}, Colour.RED, [int, preview]
print([preview(value) for value in values])
"""
    assert len({python(code, seed=seed) for seed in (0, 1, 2)}) == 1


# -- laws --------------------------------------------------------------------------------------------

ATOMS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.text("ab", max_size=2)
NESTS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text("ab", max_size=1) | st.integers(0, 1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(NESTS, NESTS, st.integers(1, 2), st.integers(1, 2))
def test_keys_differ_exactly_when_an_explanation_names_a_part(x: Any, y: Any, n: int, m: int) -> None:
    def at(n: int) -> Any:
        return lambda x, k=n: (x, n)

    layer = Layer("law", cache=Cache(store=Table()))
    one, other = layer.wrap(at(n), name="f"), layer.wrap(at(m), name="f")
    one(x)
    explanation = other.explain(y)
    assert explanation.hit == (one.key(x) == other.key(y))
    assert explanation.hit == (explanation.changes == ())
    if not explanation.hit:
        before = {part.label: part.digest for part in one.explain(x).parts}
        different = [part.label for part in explanation.parts if before.get(part.label) != part.digest]
        assert different
        for change in explanation.changes:
            assert any(change.startswith(label) for label in different), change


class Table:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, name: str, size: int | None = None) -> bytes | None:
        found = self.kept.get(name)
        return found if found is None or size is None else found[:size]

    def put(self, name: str, pieces: Any) -> None:
        self.kept[name] = b"".join(bytes(piece) for piece in pieces)

    def delete(self, name: str) -> bool:
        return self.kept.pop(name, None) is not None

    def names(self, prefix: str = "") -> Any:
        return sorted(name for name in self.kept if name.startswith(prefix))

    def lock(self, name: str) -> None:
        raise OSError("it has no locks")

    def size(self, name: str) -> int:
        return len(self.kept.get(name, b""))


@given(st.lists(st.integers(0, 5), max_size=12), st.lists(st.integers(0, 5), max_size=12))
def test_counts_of_lines_are_those_of_the_source(then: list[int], now: list[int]) -> None:
    def body(numbers: list[int]) -> Any:
        space: dict[str, Any] = {}
        lines = [f"    g({number})\n    # a comment\n" for number in numbers]
        exec(f"def f():\n    h()\n\n{''.join(lines)}", space)
        return line_digests(space["f"].__code__)

    came, went = count_changes(body(then), body(now))
    assert came - went == len(now) - len(then)
    assert (came == went == 0) == (then == now)


def test_rows_are_read_as_they_were_stored(cache: Cache) -> None:
    asked = cache(same)
    asked([1, {"a": Atoms(Calculator(1.0))}])
    for name in cache.store.names():
        rows = entry.peek(cache.store.get(name))["parts"]
        assert [row.stored() for row in read_rows(rows)] == rows
        assert differences(read_rows(rows), read_rows(rows)) == ()


def test_the_default_cache_explains_too() -> None:
    asked = hashcache(same)
    asked((1, 2))
    assert asked.explain((1, 3)).reason == "argument x[1]: 2 -> 3"
