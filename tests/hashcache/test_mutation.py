"""Looking back: a call that changed something is said so, and never stored."""

from __future__ import annotations

import random
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from hashcache import Cache, MutationError, MutationWarning, Payload, UncacheableWarning, hashcache

HISTORY: list[Any] = []
TABLE = {"rate": [1.0, 2.0]}
GENERATOR = random.Random(5)


class Crystal:
    def __init__(self) -> None:
        self.calc = Calculator()
        self.positions = np.zeros((2, 3))


class Calculator:
    def __init__(self) -> None:
        self.results: dict[str, float] = {}
        self._label = "x"

    @property
    def label(self) -> str:
        return self._label


def set_result(crystal):
    crystal.calc.results["energy"] = 1.0


def set_private(crystal):
    crystal.calc._label = "y"


def move(crystal):
    crystal.positions[0, 0] = 1.0


def add_attribute(crystal):
    crystal.fresh = 1


def replace(crystal):
    crystal.calc = None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (set_result, "crystal.calc.results['energy']"),
        (set_private, "crystal.calc.label"),
        (move, "crystal.positions"),
        (add_attribute, "crystal.fresh"),
        (replace, "crystal.calc"),
    ],
)
def test_the_warning_names_the_path_inside_an_object(change, path):
    @hashcache
    def f(crystal):
        change(crystal)
        return 1

    with pytest.warns(MutationWarning) as caught:
        assert f(Crystal()) == 1
    assert f"f changed {path}; " in str(caught[0].message)
    assert caught[0].filename == __file__
    assert not list(f.entries())


@pytest.mark.parametrize(
    ("change", "value", "path"),
    [
        (lambda x: x.append(1), [0], "x[1]"),
        (lambda x: x.clear(), [[0], 1], "x[0], x[1]"),
        (lambda x: x[1].append(3), (1, [2]), "x[1][1]"),
        (lambda x: x["a"]["b"].append(3), {"a": {"b": [1]}}, "x['a']['b'][1]"),
        (lambda x: x.update(b=x.pop("a")), {"a": 1}, "x['b'], x['a']"),
        (lambda x: x.add(4), {1}, "x"),
        (lambda x: x.__setitem__(0, 5), bytearray(b"ab"), "x"),
        (lambda x: x.__setitem__((0, 0), 5), np.zeros((2, 2)), "x"),
        (lambda x: x.sort(), list(range(5000, 0, -1)), "x"),
    ],
)
def test_the_warning_names_the_path_inside_containers(change, value, path):
    @hashcache
    def f(x):
        change(x)
        return 1

    with pytest.warns(MutationWarning, match="not stored") as caught:
        f(value)
    named = str(caught[0].message).removeprefix(f.__qualname__ + " changed ").partition("; ")[0]
    assert sorted(named.split(", ")) == sorted(path.split(", "))


def test_a_captured_value_that_changes_is_no_result_to_keep():
    @hashcache
    def remember(x):
        HISTORY.append(x)
        return len(HISTORY)

    with pytest.warns(MutationWarning, match=r"HISTORY\[0\] \(captured\)"):
        assert remember(1) == 1
    with pytest.warns(MutationWarning):
        assert remember(1) == 2  # what the function itself would say now
    HISTORY.clear()

    @hashcache
    def draw():
        return GENERATOR.random()

    with pytest.warns(MutationWarning, match="GENERATOR"):
        first = draw()
    with pytest.warns(MutationWarning, match="GENERATOR"):
        assert draw() != first


def test_a_captured_value_changed_by_others_is_seen():
    @hashcache
    def rate():
        return TABLE["rate"][0]

    assert (rate(), rate()) == (1.0, 1.0)
    TABLE["rate"][0] = 3.0
    assert rate() == 3.0
    TABLE["rate"][0] = 1.0
    assert rate() == 1.0
    assert rate.stats() == {"hits": 2, "misses": 2}


def test_reading_is_not_changing():
    @hashcache
    def f(crystal, table, array):
        return len(crystal.calc.results) + sum(table) + array.sum() + TABLE["rate"][0]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            f(Crystal(), [1, 2], np.ones(3))
    assert f.stats() == {"hits": 2, "misses": 1}


def test_error_raises_and_ignore_stores():
    @hashcache(mutation="error")
    def strict(x):
        x.append(1)

    with pytest.raises(MutationError, match=r"x\[0\]"):
        strict([])

    @hashcache(mutation="ignore")
    def careless(x):
        x.append(1)
        return len(x)

    assert careless([]) == 1
    assert careless([]) == 1
    assert careless.stats()["hits"] == 1


def test_a_function_that_raises_leaves_nothing_behind():
    @hashcache
    def f(x):
        raise KeyError(x)

    for _ in range(2):
        with pytest.raises(KeyError, match="1"):
            f(1)
    assert not list(f.entries())


def test_returned_values_never_alias():
    @hashcache
    def f(x):
        return {"a": np.zeros(3), "b": [1, 2]}

    results = [f(1) for _ in range(3)]
    for result in results:
        assert result["a"].tolist() == [0, 0, 0]
        assert result["b"] == [1, 2]
        result["a"][0] = 7
        result["b"].append(3)


COUNT = 0


class Registry:
    last = 0


def test_a_captured_name_that_the_call_rebinds_is_no_result_to_keep():
    @hashcache
    def count(x):
        global COUNT
        COUNT += 1
        return COUNT

    for expected in (1, 2, 3):
        with pytest.warns(MutationWarning, match=r"global COUNT \(captured\)"):
            assert count(0) == expected

    @hashcache
    def note(x):
        Registry.last = x
        return x

    with pytest.warns(MutationWarning, match=r"Registry: attribute last \(captured\)"):
        assert note(5) == 5
    assert note(5) == 5  # now it changes nothing

    total = 0

    @hashcache
    def add(x):
        nonlocal total
        total += x
        return total

    with pytest.warns(MutationWarning, match=r"closure"):
        assert add(1) == 1


def test_classes_and_functions_of_other_names_are_other_values():
    def make(name):
        return type(name, (), {"__qualname__": name, "rate": 1})

    @hashcache
    def called(thing):
        return thing.__name__

    assert [called(make("Red")), called(make("Blue")), called(make("Red"))] == ["Red", "Blue", "Red"]
    assert called.stats()["hits"] == 1

    def first(x):
        return x

    def second(x):
        return x

    assert [called(first), called(second), called(first)] == ["first", "second", "first"]


def test_refreshing_replaces_what_this_process_remembers_too(tmp_path):
    number = tmp_path / "number"

    @hashcache
    def read():
        return int(number.read_text())  # nothing that a key can see

    number.write_text("1")
    assert [read(), read(), read()] == [1, 1, 1]
    number.write_text("2")
    assert read() == 1
    assert read.refresh() == 2
    assert [read(), read()] == [2, 2]


def test_a_captured_value_that_the_call_removes_is_a_change():
    def helper():
        return 1

    helper.rate = 2

    @hashcache
    def drop(x):
        vars(helper).pop("rate", None)
        return x

    with pytest.warns(MutationWarning, match=r"drop changed"):
        assert drop(1) == 1
    assert not list(drop.entries())


def test_what_is_remembered_stays_within_its_limit():
    cache = Cache(hashcache.location, memory=100_000)

    @cache
    def length(text):
        return len(text)

    for number in range(60):
        for _ in range(2):
            length(f"{number:05000d}")
    assert cache.recent._bytes <= 100_000
    assert sum(sys.getsizeof(key[2][1][0]) for key in cache.recent._items if type(key) is tuple) <= 100_000


def test_a_codec_whose_description_is_no_json_costs_no_answer():
    class Odd:
        name = "odd"

        def accepts(self, value):
            return True

        def encode(self, value):
            return Payload(object(), ())

        def decode(self, payload):
            raise AssertionError

    @hashcache(codec=Odd())
    def f(x):
        return x

    with pytest.warns(UncacheableWarning, match="not stored"):
        assert f(1) == 1


def test_drawing_from_the_global_random_state_by_way_of_a_captured_object_is_a_change():
    stats = pytest.importorskip("scipy.stats")
    normal = stats.norm(1)

    @hashcache
    def draw():
        return float(normal.rvs())

    with pytest.warns(MutationWarning):
        first = draw()
    with pytest.warns(MutationWarning):
        assert draw() != first
