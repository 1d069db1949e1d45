from __future__ import annotations

import copy
import doctest
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phasic.indexer
from phasic import Graph, GraphError, OutOfRangeError, PhasicError, Property, PropertySet, StateIndexer
from phasic.indexer import counters

ranges = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=3)


def indexer_of(bounds):
    return [Property(f"p{i}", low + more, low) for i, (low, more) in enumerate(bounds)]


@given(st.lists(ranges, min_size=1, max_size=3), st.integers(0, 2))
def test_indices_and_properties_are_two_names_of_one_entry(sets, n_slots):
    named = {f"s{i}": indexer_of(bounds) for i, bounds in enumerate(sets)}
    slots = [f"slot{i}" for i in range(n_slots)]
    indexer = StateIndexer(*slots, **named)
    assert indexer.state_length == sum(pset.state_length for pset in indexer.values()) + n_slots
    seen = []
    for index in indexer:
        record = indexer.index_to_props(index)
        (name,) = [name for name in record._fields if getattr(record, name) is not None]
        if name in slots:
            assert getattr(record, name) is True
            seen.append(getattr(indexer, name))
        else:
            values = getattr(record, name)._asdict()
            assert values == indexer.index_to_props(index, as_dict=True, flatten=True)
            assert indexer.props_to_index(name, **values) == indexer.props_to_index(name, values) == index
            seen.append(index)
    assert seen == indexer.indices().tolist()
    for twin in (
        copy.deepcopy(indexer),
        pickle.loads(pickle.dumps(indexer)),
        StateIndexer.from_dict(indexer.to_dict()),
    ):
        assert twin == indexer
        assert hash(twin) == hash(indexer)


def test_values_of_a_property_have_places():
    deme = Property("deme", 3, min_value=1)
    assert [deme.decode_value(deme.encode_value(value)) for value in deme] == [1, 2, 3]
    assert len(deme) == deme.base == 3
    for wrong in (lambda: deme.encode_value(0), lambda: deme.decode_value(3)):
        with pytest.raises(GraphError, match="out of range"):
            wrong()


def test_the_first_property_runs_fastest():
    pset = PropertySet("lineage", [Property("a", 2), Property("b", 1)])
    assert [tuple(pset.index_to_props(i)) for i in pset] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert pset.index_to_props(4).a == pset.index_to_props(4).b == 1
    assert pset.i2p([1, 2], as_dict=True) == [{"a": 1, "b": 0}, {"a": 2, "b": 0}]
    assert pset.i2p(5, as_values=True).tolist() == [2, 1]
    assert pset.p2i([2, 1]) == pset.p2i(np.array([2, 1])) == pset.p2i({"a": 2}, b=1) == 5
    assert pset.indices().tolist() == list(range(6))
    assert repr(pset) == "PropertySet('lineage', [a:0-2, b:0-1])"


@given(ranges, st.data())
def test_properties_left_out_may_have_any_value(bounds, data):
    properties = indexer_of(bounds)
    indexer = StateIndexer("slot", first=[Property("other", 2)], here=properties)
    asked = data.draw(st.sets(st.sampled_from([p.name for p in properties]), min_size=1))
    values = {p.name: data.draw(st.sampled_from(list(p))) for p in properties if p.name in asked}
    with_them = [
        i for i in indexer.here if values.items() <= indexer.here.index_to_props(i, as_dict=True).items()
    ]
    found = indexer.here.props_to_index(values)
    assert np.atleast_1d(found).tolist() == with_them
    assert np.ndim(found) == (len(asked) < len(properties))
    assert np.atleast_1d(indexer.props_to_index(**values)).tolist() == [3 + i for i in with_them]


def test_records_and_arrays_of_values_are_found_again():
    indexer = StateIndexer(lineage=[Property("a", 1), Property("b", 4)], meta=[Property("bin", 3)])
    every = indexer.lineage.indices()
    values = indexer.lineage.index_to_props(every, as_values=True)
    assert values.shape == (10, 2)
    assert indexer.lineage.props_to_index(values).tolist() == every.tolist()
    for i in indexer:
        assert indexer.props_to_index(indexer.index_to_props(i, flatten=True)) == i
    assert indexer.lineage.index_to_props([], as_values=True).shape == (0, 2)


def test_sets_come_before_slots_and_appended_indexers_after_them():
    first = StateIndexer("epoch", lineage=[Property("n", 3, min_value=1)], other=[Property("x", 1)])
    assert (first.state_length, first.epoch) == (6, 5)
    assert first.index_ranges == {"lineage": (0, 3), "other": (3, 5), "epoch": (5, 6)}
    assert (
        first.props_to_index(x=1) == first.props_to_index("other", x=1) == first.other.props_to_index(x=1) + 3
    )
    assert list(first.other) == [0, 1]
    assert first.index_to_props(4).other.x == 1
    assert first.index_to_props(5, flatten=True) is True
    second = StateIndexer(slots=["flag"], z=[Property("q", 2)])
    joined = first.append(second)
    assert joined.index_ranges == {**first.index_ranges, "z": (6, 9), "flag": (9, 10)}
    assert joined.epoch == 5
    with pytest.raises(GraphError, match="'lineage' is given twice"):
        first.append(first)
    assert first.append(first, prefix_other="old_").old_epoch == 11
    assert StateIndexer(property_sets=[Property("n", 1)]).default.state_length == 2
    assert StateIndexer(property_sets=[PropertySet("s", [Property("n", 1)])]).keys() == ["s"]


def test_what_is_not_there_is_refused():
    indexer = StateIndexer("epoch", lineage=[Property("a", 2), Property("b", 1)], other=[Property("a", 1)])
    for wrong in (7 + 2, -1):
        with pytest.raises(OutOfRangeError, match=f"no index {wrong}"):
            indexer.index_to_props(wrong)
    assert issubclass(OutOfRangeError, IndexError)
    assert issubclass(OutOfRangeError, PhasicError)
    refusals = [
        (lambda: indexer.props_to_index(a=9, b=0), "'a' is 9, out of range"),
        (lambda: indexer.props_to_index(c=1), "no property set is, or has,"),
        (lambda: indexer.props_to_index("foo", a=1), "'foo'"),
        (lambda: indexer.lineage.props_to_index(), r"needs a value of \['a', 'b'\]"),
        (lambda: indexer.lineage.props_to_index([1, 1, 1]), "3 values were given"),
        (lambda: indexer.lineage.props_to_index(a=1, b=1, c=1), r"has no property \['c'\]"),
        (lambda: StateIndexer(), "indexer of nothing"),
        (lambda: StateIndexer("a", "a"), "given twice"),
        (lambda: StateIndexer("1a"), "cannot be an attribute"),
        (lambda: StateIndexer(3), "cannot be an attribute"),
        (lambda: StateIndexer("slots"), "name of a method"),
        (lambda: StateIndexer(lineage=["a"]), "list of Property"),
        (lambda: StateIndexer(lineage=[]), "list of Property"),
        (lambda: StateIndexer(property_sets=["a"]), "PropertySet or Property"),
        (lambda: Property("a", -1), "below min_value"),
        (lambda: Property("a", 1.5), "pass an integer"),
        (lambda: Property("a", 1).validate_value(0.5), "out of range"),
        (lambda: counters(indexer, ["c"]), "no property 'c'"),
        (lambda: counters(StateIndexer("epoch")), "no property to count"),
    ]
    for attempt, message in refusals:
        with pytest.raises(ValueError, match=message):
            attempt()
    with pytest.raises(AttributeError, match="no property set or slot 'foo'"):
        indexer.foo  # noqa: B018


def test_counters_are_the_values_of_each_property():
    indexer = StateIndexer("epoch", lineage=[Property("n", 2, 1), Property("deme", 1)])
    names, counted = counters(indexer)
    assert names == ["n_1", "n_2", "deme_0", "deme_1"]
    assert counted.tolist() == [[1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0]]
    assert counters(indexer, ["deme"])[0] == ["deme_0", "deme_1"]
    twice = StateIndexer(a=[Property("n", 1, 1)], b=[Property("n", 1, 1)])
    assert counters(twice)[0] == ["a_n_1", "b_n_1"]


def test_callbacks_get_the_indexer_and_the_graph_remembers_it():
    indexer = StateIndexer(lineage=[Property("n", 3)])

    def step(state, indexer):
        n = indexer.lineage.index_to_props(int(np.flatnonzero(state)[0])).n
        following = [0] * indexer.state_length
        following[max(n - 1, 0)] = 1
        return [(following, 1.0)] if n else []

    graph = Graph(step, ipv=[0, 0, 0, 1], indexer=indexer)
    assert graph.indexer is indexer
    assert graph.expectation() == 3.0


def test_examples_in_docstrings_run():
    result = doctest.testmod(phasic.indexer)
    assert result.attempted > 0
    assert result.failed == 0
