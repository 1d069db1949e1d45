"""Whatever lies where an entry should be: the answer is right, and the entry is whole again after it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from faulty import in_a_new_process, right, said, stored
from xxhash import xxh3_128_digest

from hashcache import StoreWarning, entry


def check_damaged(location: Path, whole: bytes, damaged: bytes) -> None:
    first = in_a_new_process(location)
    stored_at = stored(first, 3)
    stored_at.write_bytes(damaged)
    value, categories = said(lambda: first(3))
    assert right(value, 3)
    assert categories == [StoreWarning]
    assert first.stats() == {"hits": 0, "misses": 1, "torn": 1}
    value, categories = said(lambda: first(3))
    assert right(value, 3)
    assert (categories, first.stats()["hits"]) == ([], 1), "stored again"
    assert len(stored_at.read_bytes()) == pytest.approx(len(whole), abs=100)


@pytest.fixture
def whole(location: Path) -> bytes:
    """The bytes of the only entry."""
    first = in_a_new_process(location)
    assert right(first(3), 3)
    return stored(first, 3).read_bytes()


def test_a_truncated_entry_is_computed_again(location: Path, whole: bytes) -> None:
    for end in {*range(0, 60, 3), 1, *range(60, len(whole), 37), len(whole) - 1}:
        check_damaged(location, whole, whole[:end])


def test_a_flipped_bit_is_computed_again(location: Path, whole: bytes) -> None:
    for place in {*range(60), *range(60, len(whole), 11), len(whole) - 1}:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        check_damaged(location, whole, bytes(damaged))


@pytest.mark.parametrize("foreign", [b"\n", b"notes\n", pickle.dumps([9, None]), b"\x89PNG\r\n\x1a\n", b"{}"])
def test_foreign_bytes_are_computed_again(location: Path, whole: bytes, foreign: bytes) -> None:
    check_damaged(location, whole, foreign)
    check_damaged(location, whole, foreign * 1000)


def test_zeros_and_extensions_are_computed_again(location: Path, whole: bytes) -> None:
    for damaged in (bytes(len(whole)), whole[:200] + bytes(len(whole) - 200), whole + b"\0", whole + whole):
        check_damaged(location, whole, damaged)


def test_swapped_entries_are_computed_again(location: Path) -> None:
    first = in_a_new_process(location)
    first(3), first(4)
    one, other = stored(first, 3), stored(first, 4)
    three, four = one.read_bytes(), other.read_bytes()
    one.write_bytes(four), other.write_bytes(three)
    for x in (3, 4):
        value, categories = said(lambda x=x: first(x))
        assert right(value, x)
        assert categories == [StoreWarning]
    assert all(first.is_cached(x) for x in (3, 4))


def test_an_entry_of_another_function_is_not_believed(location: Path, whole: bytes) -> None:
    other = in_a_new_process(location, lambda x: -x)
    other(3)
    stored(other, 3).write_bytes(whole)
    assert said(lambda: other(3)) == (-3, [StoreWarning])


@pytest.mark.parametrize("question", ["is_cached", "explain", "forget", "key", "entries", "clear"])
def test_asking_about_a_torn_entry_never_fails(location: Path, whole: bytes, question: str) -> None:
    for damaged in (b"", whole[:100], whole[:-1], bytes([whole[0], *whole[2:]]), bytes(300)):
        asked = in_a_new_process(location)
        stored(asked, 3).write_bytes(damaged)
        arguments = () if question in ("entries", "clear") else (3,)
        answer, categories = said(lambda a=asked, b=arguments: getattr(a, question)(*b))
        assert question != "is_cached" or (answer, categories) == (False, [StoreWarning])
        assert question != "entries" or all(header["key"].endswith(asked.key(3)) for header in answer)
        value, _ = said(lambda a=asked: a(3))
        assert right(value, 3)


def test_damaged_headers_of_other_entries_disturb_no_explanation(location: Path, whole: bytes) -> None:
    asked = in_a_new_process(location)
    (header,) = asked.entries()
    explanation = asked.explain(4)
    assert not explanation.hit
    for place in range(entry.header_size(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        stored(asked, 3).write_bytes(damaged)
        seen = list(asked.entries())
        assert seen in ([], [header])
        assert asked.explain(4).changes == (explanation.changes if seen else ())


def test_an_entry_of_another_format_version_is_a_miss_and_left_alone(location: Path, whole: bytes) -> None:
    first = in_a_new_process(location)
    stored_at = stored(first, 3)
    data = bytearray(whole)
    data[8:12] = (7).to_bytes(4, "little")
    length = int.from_bytes(data[12:16], "little") + int.from_bytes(data[16:20], "little")
    data[64:80] = xxh3_128_digest(bytes(data[:64] + data[80 : 80 + length]))
    data[-16:] = xxh3_128_digest(bytes(data[:-16]))
    stored_at.write_bytes(data)
    for _ in range(2):
        value, categories = said(lambda: first(3))
        assert right(value, 3)
        assert categories == []
    assert first.stats()["hits"] == 0
    assert stored_at.read_bytes() == data


def test_a_file_that_begins_right_and_goes_on_with_zeros_is_torn(location: Path, whole: bytes) -> None:
    for size in (8, 12, 32, 64, 80, 200, len(whole) - 1):
        check_damaged(location, whole, whole[:size] + bytes(len(whole) - size))


def test_two_versions_of_the_format_keep_their_results_side_by_side(
    location: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = stored(in_a_new_process(location), 3)
    with monkeypatch.context() as later:
        later.setattr(entry, "VERSION", entry.VERSION + 1)
        other = in_a_new_process(location)
        assert said(lambda: [right(other(3), 3), right(other.refresh(3), 3), right(other(3), 3)])[1] == []
        assert other.stats()["hits"] == 1, "an upgrade does not switch the cache off"
    assert mine.read_bytes() == whole
    assert in_a_new_process(location).is_cached(3)
