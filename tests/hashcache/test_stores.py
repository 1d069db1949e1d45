"""The contract of stores, whatever they keep things in: a dict of bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hashcache import DirectoryStore, Store
from hashcache.stores.authenticated import AuthenticatedStore

STORES: dict[str, Callable[[Path], Store]] = {  # every store joins here
    "directory": DirectoryStore,
    "shared directory": lambda place: DirectoryStore(place, shared=True),
    "authenticated": lambda place: AuthenticatedStore(DirectoryStore(place)),
}

A, B = "function/0123456789abcdef/" + "a" * 32, "function/0123456789abcdef/" + "ab" * 16
C, D = "function/fedcba9876543210/" + "c" * 32, "function-2/0123456789abcdef/" + "d" * 32


@pytest.fixture(params=sorted(STORES))
def make(request: pytest.FixtureRequest) -> Callable[[Path], Store]:
    return STORES[request.param]


@pytest.fixture
def store(make: Callable[[Path], Store], tmp_path: Path) -> Store:
    return make(tmp_path / "store")


def test_what_was_put_is_there_until_it_is_deleted(store: Store) -> None:
    assert (store.get(A), store.size(A), store.delete(A)) == (None, 0, False)
    store.put(A, [b"one", bytearray(b"two"), memoryview(b"three"), b""])
    assert (store.get(A), store.size(A)) == (b"onetwothree", 11)
    assert (store.delete(A), store.get(A), store.size(A), store.delete(A)) == (True, None, 0, False)


def test_the_first_bytes_can_be_read_alone(store: Store) -> None:
    store.put(A, [b"abc"])
    assert [store.get(A, size) for size in (0, 2, 3, 4, 10**6)] == [b"", b"ab", b"abc", b"abc", b"abc"]


def test_the_last_put_counts(store: Store) -> None:
    for value in (b"long enough", b"short", b""):
        store.put(A, [value])
        assert store.get(A) == value
    assert list(store.names()) == [A]


def test_names_come_sorted_and_a_prefix_is_whole_parts(store: Store) -> None:
    assert list(store.names()) == list(store.names("function")) == []
    for name in (D, C, B, A):
        store.put(name, [b""])
    assert list(store.names()) == sorted([A, B, C, D], key=lambda name: name.split("/"))
    assert list(store.names("function")) == [A, B, C]
    assert list(store.names("function/0123456789abcdef")) == [A, B]
    assert list(store.names("function-2")) == [D]
    assert list(store.names("func")) == list(store.names("function/0123")) == list(store.names("graph")) == []


def test_entries_may_be_deleted_while_names_are_listed(store: Store) -> None:
    for name in (A, B, C, D):
        store.put(name, [b""])
    assert sum(store.delete(name) for name in store.names()) == 4
    assert list(store.names()) == []


def test_two_stores_at_one_place_see_the_same(make: Callable[[Path], Store], tmp_path: Path) -> None:
    one, other = make(tmp_path / "store"), make(tmp_path / "store")
    assert other.get(A) is None
    one.put(A, [b"x"])
    assert other.get(A) == b"x"
    assert other.delete(A)
    assert one.get(A) is None


class AgainstADict(RuleBasedStateMachine):
    make: Callable[[Path], Store]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.store = type(self).make(Path(self.folder) / "store")
        self.model: dict[str, bytes] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    names = st.sampled_from([A, B, C, D])

    @rule(name=names, pieces=st.lists(st.binary(max_size=30), max_size=4))
    def put(self, name: str, pieces: list[bytes]) -> None:
        self.store.put(name, pieces)
        self.model[name] = b"".join(pieces)

    @rule(name=names)
    def delete(self, name: str) -> None:
        assert self.store.delete(name) == (self.model.pop(name, None) is not None)

    @rule(name=names, size=st.none() | st.integers(0, 40))
    def get(self, name: str, size: int | None) -> None:
        value = self.model.get(name)
        assert self.store.get(name, size) == (None if value is None else value[:size])

    @rule()
    def reopen(self) -> None:
        self.store = type(self).make(Path(self.folder) / "store")

    @rule()
    def lose_everything(self) -> None:
        shutil.rmtree(Path(self.folder) / "store", ignore_errors=True)
        self.model.clear()

    @invariant()
    def agrees(self) -> None:
        for prefix in ("", "function", "function/fedcba9876543210"):
            expected = [name for name in (A, B, C, D) if name.startswith(f"{prefix}/" if prefix else "")]
            assert list(self.store.names(prefix)) == [name for name in expected if name in self.model]
        assert [self.store.size(name) for name in self.model] == list(map(len, self.model.values()))


def test_it_agrees_with_a_dict(make: Callable[[Path], Store]) -> None:
    machine = type("Machine", (AgainstADict,), {"make": staticmethod(make)})
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=25))
