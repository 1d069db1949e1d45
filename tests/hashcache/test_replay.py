"""Replay: after a hit everything is as the function would have left it, for everybody who looks."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import types
import warnings
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nests
import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hashcache import Cache, ConvertingCodec, MutationWarning, StoreWarning, UncacheableWarning, hashcache
from hashcache import reach as reach_module
from hashcache.recent import MISS


def repeatable(call: Callable[[], Any]) -> Any:
    """Return the result of a call; give up examples whose change is refused, as views of views may be."""
    try:
        return call()
    except MutationWarning:
        reject()


@given(nests.recipes(), nests.programs)
def test_a_cached_call_leaves_what_the_bare_one_does(tmp_path_factory, recipe, program):
    cache = Cache(tmp_path_factory.mktemp("cache"))

    @cache(mutation="replay")
    def run(arguments, program):
        return nests.change(arguments, program)

    objects, arguments = nests.build(recipe)
    result = nests.change(arguments, program)
    expected = nests.seen(arguments, result, *objects)
    for number in range(3):
        objects, arguments = nests.build(recipe)
        result = repeatable(lambda: run(arguments, program))  # noqa: B023
        assert nests.seen(arguments, result, *objects) == expected, number
    assert run.stats() == {"hits": 2, "misses": 1}


@given(nests.recipes(), nests.recipes(), nests.programs)
def test_how_parts_are_shared_is_in_the_key(tmp_path_factory, recipe, other, program):
    """Whatever else was stored before, for arguments that are equal but share otherwise among it."""
    cache = Cache(tmp_path_factory.mktemp("cache"))

    @cache(mutation="replay")
    def run(arguments, program):
        return nests.change(arguments, program)

    for known in (recipe, nests.unshared(recipe), nests.merged(recipe), other):
        for _ in range(2):
            objects, arguments = nests.build(known)
            expected = nests.seen(arguments, nests.change(arguments, program), *objects)
            objects, arguments = nests.build(known)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MutationWarning)  # what cannot be repeated is not stored
                result = run(arguments, program)
            assert nests.seen(arguments, result, *objects) == expected


STAGE: list[Any] = []


@given(nests.recipes(), nests.programs)
def test_captured_values_take_part_as_arguments_do(tmp_path_factory, recipe, program):
    cache = Cache(tmp_path_factory.mktemp("cache"))

    @cache(mutation="replay")
    def run(argument, program):
        return nests.change([STAGE, argument], program), STAGE

    for number in range(3):
        sights = []
        for function in (run.uncached, run):
            objects, arguments = nests.build(recipe)
            STAGE[:] = arguments
            result = repeatable(lambda: function(objects[-1], program))  # noqa: B023
            sights.append(nests.seen(result, STAGE, *objects))
        assert sights[0] == sights[1], number
    assert run.stats() == {"hits": 2, "misses": 1}
    STAGE.clear()


LOG: list[Any] = []
TABLE: dict[str, Any] = {"rows": []}
COUNT = 0
TOO_LATE = False
SENTINEL = object()


class Counter:
    instances: list[Any] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.calls = 0
        self.history: list[Any] = []

    @hashcache(mutation="replay")
    def step(self, amount: int) -> Any:
        self.calls += amount
        self.history.append(self)
        return self


def test_a_method_changes_its_instance_and_returns_it():
    for number in range(3):
        counter = Counter()
        assert counter.step(2) is counter
        assert (counter.calls, len(counter.history)) == (2, 1)
        assert counter.history[0] is counter
        assert counter.step(3).calls == 5
        assert Counter.step.stats()["hits"] == 2 * number


def test_a_captured_value_is_changed_in_place():
    @hashcache(mutation="replay")
    def note(x):
        LOG.append([x])
        TABLE["rows"].append(LOG[-1])
        return len(LOG)

    log, rows = LOG, TABLE["rows"]
    for _ in range(2):
        log.clear()
        rows.clear()
        assert [note(5), note(5)] == [1, 2]
        assert LOG is log
        assert log == rows == [[5], [5]]
        assert all(a is b for a, b in zip(log, rows, strict=True))
    assert note.stats() == {"hits": 2, "misses": 2}
    log.clear()
    rows.clear()


def test_scalars_that_this_process_remembers_come_with_their_changes():
    @hashcache(mutation="replay")
    def note(x):
        LOG.append(x)
        return x

    for _ in range(4):
        LOG.clear()
        assert note(1) == 1
        assert LOG == [1]
    LOG.clear()


def test_another_process_finds_and_repeats_the_change(python):
    code = """
import numpy as np
from hashcache import hashcache
class Box:
    def __init__(self):
        self.items, self.labels, self.data = [], {"b", "a"}, np.zeros(2)
@hashcache(mutation="replay")
def fill(box, labels):
    print("computed")
    box.items += [box, {"new": box.items}]
    labels.add("c")
    box.data += 1
    return box.data
box = Box()
data = box.data
result = fill(box, box.labels)
print(result is data, data, box.items[1]["new"] is box.items, box.items[0] is box, sorted(box.labels))
"""
    first, again = python(code), python(code, seed=1)
    assert first == "computed\n" + again
    assert again == "True [1. 1.] True True ['a', 'b', 'c']\n"


def test_what_comes_back_aliases_nothing_that_is_stored():
    @hashcache(mutation="replay")
    def f(x, array):
        x.append([1])
        array[0] = 1.0
        return {"row": x[-1], "new": np.zeros(2)}

    for _ in range(4):
        x, array = [], np.zeros(2)
        result = f(x, array)
        assert x == [[1]]
        assert array.tolist() == [1.0, 0.0]
        assert result["new"].tolist() == [0.0, 0.0]
        assert result["row"] is x[0]
        x[0].append(2)
        array[:] = 5.0
        result["new"][:] = 5.0


def test_nested_calls_repeat_what_the_inner_ones_repeat():
    @hashcache(mutation="replay")
    def inner(x):
        x.append(len(x))

    @hashcache(mutation="replay")
    def outer(x, times):
        for _ in range(times):
            inner(x)
        return x

    for times in (1, 3, 3, 2):
        x = []
        assert outer(x, times) is x
        assert x == list(range(times))
    assert inner.stats() == {"hits": 3, "misses": 3}
    assert outer.stats() == {"hits": 1, "misses": 3}


def test_a_captured_cached_function_is_not_what_its_cache_holds(monkeypatch):
    @hashcache(mutation="replay")
    def inner(x):
        x.append(len(x))

    @hashcache(mutation="replay")
    def outer(x):
        inner(x)

    @hashcache
    def other(n):
        return n

    outer([])
    monkeypatch.setattr(reach_module, "_MOST_HELD", 1000)
    for n in range(500):  # each leaves several objects in the memory of the cache
        other(n)
    x = [1, 2]
    outer(x)
    assert x == [1, 2, 2]
    assert outer.stats()["misses"] == 2
    assert "uncacheable" not in outer.stats()


def test_an_exception_half_way_stores_and_repeats_nothing():
    @hashcache(mutation="replay")
    def f(x):
        x.append(1)
        raise KeyError(x)

    for _ in range(2):
        x = []
        with pytest.raises(KeyError):
            f(x)
        assert x == [1]
    assert not list(f.entries())


def test_questions_change_nothing_and_refreshing_computes():
    calls = []

    @hashcache(mutation="replay", depends_on=())
    def f(x):
        x.append(1)
        return 2

    x = []
    assert not f.is_cached(x)
    assert f(x) == 2
    for ask in (f.key, f.is_cached, f.explain):
        x = []
        assert ask(x)
        assert x == []
    assert f.explain([]).hit
    assert f.explain([]).reason == "stored"
    x = []
    assert f.refresh(x) == 2
    assert x == [1]
    assert f.stats() == {"hits": 0, "misses": 2}
    assert f([]) == 2
    assert f.forget([])
    assert not f.is_cached([])
    assert calls == []


def test_sharing_is_a_part_of_the_key_with_a_name():
    @hashcache(mutation="replay")
    def f(pair):
        pair[0].append(1)

    row = [0]
    f([row, row])
    assert f.explain([[0], [0]]).reason.startswith("sharing: ")
    assert f.is_cached([*[[0]] * 2])


def test_a_call_that_changes_nothing_is_stored_like_any_other():
    @hashcache(mutation="replay")
    def f(x):
        return sum(x), {"rows": [1.5]}

    assert f([1, 2]) == f([1, 2]) == (3, {"rows": [1.5]})
    (header,) = f.entries()
    assert header["codec"] == "arrays"


@pytest.mark.parametrize(
    ("make", "draw"),
    [
        (lambda: random.Random(3), lambda source: source.gauss(0, 1)),
        (lambda: np.random.default_rng(3), lambda source: source.random()),
        (lambda: np.random.RandomState(3), lambda source: source.normal()),
        (lambda: np.random.Generator(np.random.MT19937(3)), lambda source: source.normal()),
    ],
)
def test_random_generators_go_on_where_the_function_left_them(make, draw):
    @hashcache(mutation="replay")
    def sample(source):
        return draw(source)

    expected = [draw(source := make()), draw(source), draw(source)]
    for _ in range(2):
        source = make()
        assert [sample(source), sample(source), draw(source)] == expected
    assert sample.stats() == {"hits": 2, "misses": 2}


# -- what cannot be repeated ---------------------------------------------------------------------------


class Opinionated:
    """A class that says itself what of it is pickled."""

    def __init__(self) -> None:
        self.value = [1]

    def __getstate__(self) -> Any:
        return {"value": self.value}


class Late:
    """A class whose instances can be read back only at times, for a reason that no key can see."""

    def __init__(self) -> None:
        self.value = 1

    def __setstate__(self, state: Any) -> None:
        if eval("TOO_LATE"):
            raise ValueError


def quietly(function, argument):
    """Call without the deprecations of NumPy, of which setting a shape is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function(argument)


def rebind(x):
    global COUNT
    COUNT += 1


@pytest.mark.parametrize(
    ("change", "make", "path", "reason"),
    [
        (lambda x: setattr(x["a"], "shape", (4,)), lambda: {"a": np.zeros((2, 2))}, r"x\['a'\]", "shape"),
        (lambda x: setattr(x, "__class__", Counter), nests.Plain, "x", "class"),
        (lambda x: x[0].value.append(2), lambda: [Opinionated()], r"x\[0\]", "inside"),
        (rebind, list, "global COUNT", "captured name"),
        (lambda x: Counter.instances.append(1), Counter, "Counter|x's class", "inside"),
        (lambda x: x.append(i for i in ()), list, "x", "cannot be stored"),
        (lambda x: x.__setitem__("view", x["a"][1:]), lambda: {"a": np.zeros(6)[::2]}, "x", "shares memory"),
        (lambda x: x.extend([y := np.zeros(3), y[1:]]), list, "x", "shares memory"),
        (lambda x: x.append(SENTINEL), list, "x", "identity"),
        (lambda x: x.append(x[0].value), lambda: [Opinionated()], "x", "taken as a whole"),
    ],
)  # fmt: skip
def test_what_cannot_be_repeated_is_said_and_not_stored(change, make, path, reason):
    @hashcache(mutation="replay", depends_on=(change,))
    def f(x):
        change(x)
        return 1

    for _ in range(2):
        with pytest.warns(MutationWarning, match=f"f changed .*({path}).*; its result was not.*{reason}"):
            assert quietly(f, make()) == 1
    assert not list(f.entries())
    Counter.instances.clear()


def test_iterators_and_generators_as_arguments_are_refused_as_ever():
    @hashcache(mutation="replay")
    def total(numbers):
        return sum(numbers)

    with pytest.warns(MutationWarning, match="numbers"):
        assert total(iter([1, 2])) == 3
    with pytest.warns(UncacheableWarning, match="numbers"):
        assert total(i for i in (1, 2)) == 3


def test_a_change_that_does_not_fit_any_more_is_computed():
    @hashcache(mutation="replay")
    def f(x, array):
        x.append(1)
        array[0] = 1.0

    f([], np.zeros(2))
    x, frozen = [], np.zeros(2)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(x, frozen)
    assert x == [1]  # as the function itself leaves it
    f([], np.zeros(2))
    assert f.stats() == {"hits": 1, "misses": 2}


def test_a_change_that_cannot_be_read_back_is_not_made_by_half(monkeypatch):
    @hashcache(mutation="replay")
    def f(x, y):
        x.append(1)
        y.append(Late())

    f([], [])
    x, y = [], []
    monkeypatch.setitem(globals(), "TOO_LATE", True)
    with pytest.warns(StoreWarning, match="cannot be read back"):
        f(x, y)
    assert (x, len(y)) == ([1], 1)


def test_arrays_that_overlap_stay_consistent():
    @hashcache(mutation="replay")
    def f(whole, part):
        whole[0] = 1.0
        part *= 3.0
        return whole.sum()

    def arguments(offset):
        whole = np.ones(4)
        return whole, whole[offset : offset + 2]

    for make in (lambda: arguments(0), lambda: arguments(1), lambda: (np.ones(4), np.ones(2))):
        for _ in range(2):
            expected = make()
            total = f.uncached(*expected)
            got = make()
            assert f(*got) == total
            assert all(map(np.array_equal, got, expected))
    assert f.stats() == {"hits": 3, "misses": 3}


def test_a_whole_that_holds_an_argument_is_told_from_one_that_holds_its_equal():
    @hashcache(mutation="replay")
    def f(items, call):
        items.append(1)
        return call()

    def case(shared):
        items = []
        held = items if shared else []
        return items, lambda: len(held)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MutationWarning)
        assert [f(*case(False)), f(*case(True)), f(*case(False)), f(*case(True))] == [0, 1, 0, 1]


def test_bytes_that_somebody_looks_at_are_not_resized():
    @hashcache(mutation="replay")
    def f(data):
        data += b"z"

    f(bytearray(b"x"))
    data = bytearray(b"x")
    with memoryview(data), pytest.raises(BufferError):
        f(data)
    f(data)
    assert data == b"xz"


def test_the_order_of_mappings_is_repeated():
    @hashcache(mutation="replay")
    def f(table):
        table.move_to_end("a")
        return list(table)

    for _ in range(2):
        table = OrderedDict(a=1, b=2)
        assert f(table) == list(table) == list(reversed(table))[::-1] == ["b", "a"]


def test_dicts_whose_order_does_not_count_get_the_change_under_the_right_key():
    @hashcache(mutation="replay", relax=("dict_order",))
    def f(table):
        table["a"].append(1)

    f({"a": [], "b": []})
    table = {"b": [], "a": []}
    f(table)
    assert table == {"a": [1], "b": []}
    assert f.stats() == {"hits": 1, "misses": 1}


def test_a_codec_of_ones_own_stores_the_result_beside_the_change():
    codec = ConvertingCodec("plain 1", nests.Plain, lambda value: dict(vars(value)), _plain)

    @hashcache(mutation="replay", codec=codec)
    def f(x):
        made = _plain({"n": 1})
        x.append(made)
        return made

    for _ in range(2):
        x = []
        result = f(x)
        assert x[0] is result
        assert vars(result) == {"n": 1}
    assert f.stats() == {"hits": 1, "misses": 1}


def _plain(nest):
    value = nests.Plain()
    vars(value).update(nest)
    return value


def test_the_factory_of_a_defaultdict_and_deep_nests():
    @hashcache(mutation="replay")
    def f(table, deep):
        table["x"].append(1)
        table.default_factory = None
        while deep[0]:
            deep = deep[0]
        deep[0] = (1,)

    for _ in range(2):
        deep: list[Any] = [None]
        for _ in range(60):
            deep = [deep]
        table = defaultdict(list)
        f(table, deep)
        assert (table.default_factory, dict(table)) == (None, {"x": [1]})
        for _ in range(60):
            deep = deep[0]
        assert deep == [(1,)]
    assert f.stats() == {"hits": 1, "misses": 1}


def test_nothing_of_a_call_is_kept():
    @hashcache(mutation="replay")
    def f(x):
        x.first = [x]

    seen = []
    for _ in range(2):
        value = nests.Plain()
        f(value)
        assert value.first == [value]
        seen.append(weakref.ref(value))
        del value
    gc.collect()
    assert [reference() for reference in seen] == [None, None]


@given(st.lists(st.integers(0, 3), max_size=3), st.booleans())
def test_other_choices_are_as_they_were(numbers, changes):
    @hashcache
    def f(x):
        if changes:
            x.append(1)
        return x

    assert "sharing" not in {part.name for part in f.explain(numbers).parts}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f(list(numbers))
    assert [warning.category for warning in caught] == [MutationWarning] * changes


def test_where_a_class_is_defined_makes_no_difference(python, tmp_path):
    body = """
from hashcache import hashcache
class Box:
    def __init__(self):
        self.items = []
@hashcache(mutation="replay")
def fill(box):
    box.items.append(1)
box = Box()
fill(box)
print(box.items, fill.stats()["hits"])
"""
    (tmp_path / "boxes.py").write_text(body)
    assert python(body) == "[1] 0\n"
    assert python("import boxes") == "[1] 1\n"


def test_namespaces_weak_references_and_bound_methods_are_looked_into():
    @hashcache(mutation="replay")
    def f(space, call):
        space.inner().items.append(space)
        call(2)

    for _ in range(2):
        inner = Holder([])
        space = types.SimpleNamespace(inner=weakref.ref(inner), call=inner.put, other=inner)
        numbers = [1]
        f(space, Holder(numbers).put)
        assert inner.items == [space]
        assert numbers == [1, 2]
    assert f.stats() == {"hits": 1, "misses": 1}


class Holder:
    def __init__(self, items):
        self.items = items

    def put(self, value):
        self.items.append(value)


def test_classes_of_attrs_are_objects_like_others():
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Point:
        x: int
        tags: list[Any]

    @hashcache(mutation="replay")
    def f(point):
        point.x += 1
        point.tags.append(point)

    for _ in range(2):
        point = Point(1, [])
        f(point)
        assert point.x == 2
        assert point.tags[0] is point
    assert f.stats() == {"hits": 1, "misses": 1}


def test_something_new_that_cannot_be_pickled_costs_no_answer():
    class Bomb:
        def __reduce_ex__(self, protocol):
            raise RuntimeError("not me")

    @hashcache(mutation="replay")
    def f(holder):
        holder.items.append(Bomb())
        return 1

    for _ in range(2):
        with pytest.warns(MutationWarning, match=r"holder\.items.*not me"):
            assert f(Holder([])) == 1


def test_the_right_element_of_a_set_is_changed():
    """Whatever the order in which the elements come, which depends on where they lie."""

    @hashcache(mutation="replay")
    def f(holders):
        for holder in holders:
            if "b" in holder.items:
                holder.items.append("c")
        return next(holder for holder in holders if "b" in holder.items)

    kept = []
    for _ in range(20):
        holders = [Holder([name]) for name in "dbae"]
        kept.append(holders)
        assert f(set(holders)) is holders[1]
        assert [holder.items for holder in holders] == [["d"], ["b", "c"], ["a"], ["e"]]
        kept.append([Holder([]) for _ in range(len(kept) % 7)])
    assert f.stats() == {"hits": 19, "misses": 1}


@pytest.mark.parametrize(
    "look",
    [
        lambda array: array[1:],
        lambda array: array.T,
        lambda array: array[::-1, 1],
        lambda array: array.view(np.uint8)[1],
        lambda array: array.reshape(-1)[5:],
        lambda array: np.broadcast_to(array[1], (4, 3)),
    ],
)
@pytest.mark.parametrize("dtype", ["f8", "M8[s]", "i2,f4"])
def test_a_view_of_an_argument_is_one_on_a_hit(look, dtype):
    @hashcache(mutation="replay", depends_on=(look,))
    def f(array, table):
        table["view"] = look(array)
        return look(array)

    for number in range(3):
        array = np.arange(9).astype("i8" if "," in dtype else dtype)
        array = np.ones((3, 3), dtype) if "," in dtype else array.reshape(3, 3)
        table: dict[str, Any] = {}
        result = f(array, table)
        for view in (result, table["view"]):
            expected = look(array)
            assert np.array_equal(view, expected)
            assert (view.shape, view.strides, view.dtype) == (
                expected.shape,
                expected.strides,
                expected.dtype,
            )
            assert view.flags.writeable == expected.flags.writeable
            assert view.__array_interface__["data"] == expected.__array_interface__["data"]
        assert f.stats()["hits"] == number


def test_a_view_is_made_only_where_the_array_lies_as_it_did():
    @hashcache(mutation="replay")
    def f(array):
        array[0, 1] = 7.0
        return array[0]

    for order in ("C", "F", "C"):
        array = np.zeros((2, 3), order=order)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            row = f(array)
        assert [warning.category for warning in caught] == [MutationWarning] * (order == "F")
        row[2] = 8.0
        assert array[0].tolist() == [0.0, 7.0, 8.0]
    assert f.stats()["hits"] == 1


def test_an_exception_that_is_a_result_comes_with_its_change():
    @hashcache(mutation="replay", cache_exceptions=(KeyError,))
    def f(x):
        x.append(1)
        raise KeyError("late")

    for _ in range(3):
        x = []
        with pytest.raises(KeyError, match="late"):
            f(x)
        assert x == [1]
    assert f.stats() == {"hits": 2, "misses": 1}


def test_a_coroutine_repeats_its_change_when_it_is_awaited():
    @hashcache(mutation="replay")
    async def f(x):
        x.append(1)
        return x

    for _ in range(3):
        x = []
        awaitable = f(x)
        assert x == []
        assert asyncio.run(awaitable) is x
        assert x == [1]
    assert f.stats() == {"hits": 2, "misses": 1}


def test_a_generator_that_changes_something_is_not_stored():
    @hashcache(mutation="replay")
    def f(x):
        yield len(x)
        x.append(1)

    for _ in range(2):
        x = []
        with pytest.warns(MutationWarning, match="a generator changes it"):
            assert list(f(x)) == [0]
        assert x == [1]


def test_threads_that_wait_for_each_other_each_change_what_they_were_given():
    started = threading.Barrier(4, timeout=30)

    @hashcache(mutation="replay", ignore=("ready",))
    def f(x, ready):
        ready()
        x.append(len(x))
        return x

    def one(x):
        started.wait()
        return f(x, lambda: None) is x

    own = [[] for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, own))
    assert own == [[0]] * 4


def test_who_waited_repeats_nothing_on_what_has_changed_meanwhile():
    @hashcache(mutation="replay")
    def f(x):
        x.append(len(x))

    x = []
    waiting = f._call((x,), {})
    f(x)
    assert f._layer._look_again(waiting) is MISS
    assert x == [0]
    with pytest.warns(MutationWarning, match="something else changed it"):
        f._layer.compute(waiting, lambda: f.uncached(x), f._policy)
    assert x == [0, 1]
    assert len(list(f.entries())) == 1


@pytest.mark.parametrize("hold", ["frame", "series", "matrix", "memoryview", "masked"])
def test_memory_that_a_whole_has_in_common_with_an_array_is_told_apart(hold):
    holders = {
        "frame": lambda array: pytest.importorskip("pandas").DataFrame(array.reshape(2, 2), copy=False),
        "series": lambda array: {"inner": pytest.importorskip("pandas").Series(array, copy=False)},
        "matrix": lambda array: _matrix(pytest.importorskip("scipy.sparse"), array),
        "memoryview": lambda array: [memoryview(array)],
        "masked": lambda array: np.ma.array(array, copy=False),
    }

    @hashcache(mutation="replay", name=hold)
    def f(array, whole):
        array[0] = 9.0
        whole = whole["inner"] if type(whole) is dict else whole
        return (
            float(np.sum(getattr(whole, "data", whole))) if hold != "frame" else float(whole.to_numpy().sum())
        )

    def arguments(shares):
        array = np.ones(4)
        return array, holders[hold](array if shares else array.copy())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MutationWarning)
        for shares in (False, True, False, True):
            assert f(*arguments(shares)) == (12.0 if shares else 4.0)
    assert f.stats()["hits"] == 1


def _matrix(sparse, array):
    matrix = sparse.csr_matrix(np.ones((2, 2)))
    matrix.data = array
    return matrix
