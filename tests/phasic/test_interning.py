"""Tables that number states: equal states, and no others, have equal numbers, in the order they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic.interning import CompiledTable, Table, smallest

ENTRIES = st.one_of(
    st.integers(-2, 2),
    st.sampled_from(
        [127, 128, -128, -129, 2**15 - 1, 2**15, -(2**15) - 1, 2**31 - 1, 2**31, -(2**63), 2**63 - 1]
    ),
)
BLOCKS = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(st.lists(ENTRIES, min_size=width, max_size=width), min_size=1, max_size=9),
        min_size=1,
        max_size=5,
    )
)


def tables(states):
    few = Table(states)
    few._many = 4  # from here on it keeps keys narrow
    # A factor of zero gives all states one hash: only comparing rows tells them apart.
    return [Table(states), few, CompiledTable(states), CompiledTable(states, factor=0)]


@given(BLOCKS)
@settings(max_examples=60)
def test_every_table_numbers_states_as_a_dictionary_does(blocks):
    width = len(blocks[0][0])
    for table in tables(np.zeros((1, width), dtype=np.int64)):
        numbers = {}
        for block in blocks:
            expected = [numbers.setdefault(tuple(state), len(numbers) + 1) for state in block]
            assert list(table.add(np.array(block, dtype=np.int64))) == expected
        assert len(table) == len(numbers) + 1
        assert table.states().tolist() == [[0] * width, *map(list, numbers)]
        assert table.states(1, 3).tolist() == table.states().tolist()[1:3]
        for state, vertex in numbers.items():
            assert table.state(vertex).tolist() == list(state)
            assert table.state(vertex).dtype == np.int64
        last = np.array([len(numbers), 1])
        assert table.rows(last).tolist() == [table.state(int(v)).tolist() for v in last]


def test_of_equal_states_the_first_is_found_and_that_of_the_starting_vertex_is_not():
    states = np.array([[7], [1], [2], [1], [2]], dtype=np.int8)
    for table in tables(states):
        assert list(table.add(np.array([[2], [1], [7], [3], [7]]))) == [2, 1, 5, 6, 5]


def test_a_table_takes_back_what_it_is_told_to_forget():
    table = CompiledTable(np.zeros((1, 1), dtype=np.int64))
    table.add(np.arange(1000)[:, None])
    table.forget(11)
    assert len(table) == 11
    assert list(table.add(np.array([[500], [9], [10]]))) == [11, 10, 12]


@pytest.mark.parametrize("factor", [0, 1])
def test_hashes_that_are_all_equal_or_poor_cost_time_and_nothing_else(factor):
    states = np.random.default_rng(1).integers(-100, 100, (300, 4))
    table = CompiledTable(np.zeros((1, 4), dtype=np.int64), factor=factor)
    numbers = table.add(states)
    assert np.array_equal(table.states()[numbers], states)
    assert np.array_equal(table.add(states), numbers)


def test_rows_are_kept_in_the_narrowest_integers_that_hold_them():
    table = CompiledTable(np.zeros((1, 2), dtype=np.int64))
    for entry, kind in [
        (1, np.int8),
        (-128, np.int8),
        (128, np.int16),
        (2**31 - 1, np.int32),
        (2**31, np.int64),
    ]:
        table.add(np.array([[0, entry]]))
        assert table.states().dtype == kind
        assert table.states()[-1].tolist() == [0, entry]
    assert smallest(np.array([[-129]])).dtype == np.int16
