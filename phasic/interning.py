"""Tables that number states in the order in which they come: one in Python, one for compiled loops."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Integers

_MANY = 1 << 16  # states, from which on keys are kept narrow
_FACTOR = 0x9E3779B97F4A7C15  # odd and without pattern: 2**64 over the golden ratio


def smallest(states: Integers) -> NDArray[np.signedinteger]:
    """Return `states` in the smallest signed integer type that holds every entry."""
    return states.astype(_kind(states), copy=False)


def _kind(states: NDArray[Any]) -> type[np.signedinteger]:
    low, high = (int(states.min()), int(states.max())) if states.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return kind
    return np.int64


class Table:
    """States by number, and numbers by state: a dictionary keyed by the bytes of a state.

    Number 0 is the starting vertex: its row is zero, and no state finds it.

    Parameters
    ----------
    states : int[n, d]
        States that are there from the beginning, row 0 that of the starting vertex. Where two are
        equal, the first is found.
    """

    def __init__(self, states: NDArray[np.signedinteger]) -> None:
        self.width = int(states.shape[1])
        self._many = _MANY
        self._keys: list[bytes] = []
        self._index: dict[bytes, int] = {}
        self._take(states.astype(np.int64))

    def _take(self, states: NDArray[np.signedinteger]) -> None:
        """Start anew with these states, and their type for keys."""
        self._kind: np.dtype[np.signedinteger] = states.dtype
        step = self.width * states.dtype.itemsize
        data = states.tobytes()
        self._keys = [data[place : place + step] for place in range(0, len(data), step)]
        self._index = {}
        for vertex in range(1, len(self._keys)):
            self._index.setdefault(self._keys[vertex], vertex)

    def __len__(self) -> int:
        return len(self._keys)

    def state(self, vertex: int) -> Integers:
        """Return a state as a vector of its own, int64[d]."""
        return np.frombuffer(self._keys[vertex], dtype=self._kind).astype(np.int64)

    def states(self, first: int = 0, last: int | None = None) -> NDArray[np.signedinteger]:
        """Return the states numbered `first` to `last` (not included) as rows."""
        return np.frombuffer(b"".join(self._keys[first:last]), dtype=self._kind).reshape(-1, self.width)

    def rows(self, vertices: Integers) -> NDArray[np.signedinteger]:
        """Return the states of these vertices as rows."""
        data = b"".join([self._keys[vertex] for vertex in vertices])
        return np.frombuffer(data, dtype=self._kind).reshape(-1, self.width)

    def add(self, block: Integers) -> list[int]:
        """Return the numbers of the states in `block`, int64[k, d], new ones where there are none."""
        if self._kind != np.int64:
            narrow = block.astype(self._kind)
            if not np.array_equal(narrow, block):
                self._take(self.states().astype(np.promote_types(self._kind, _kind(block))))
                return self.add(block)
            block = narrow
        step = self.width * block.itemsize
        data = block.tobytes()
        index, keys = self._index, self._keys
        vertices = []
        for place in range(0, len(data), step):
            key = data[place : place + step]
            vertex = index.get(key)
            if vertex is None:
                vertex = index[key] = len(keys)
                keys.append(key)
            vertices.append(vertex)
        if len(keys) > self._many:  # once: from here on, memory counts
            self._many = 1 << 63
            self._take(smallest(self.states()))
        return vertices


class CompiledTable:
    """The same for compiled loops: rows in one array, and slots that hold row numbers.

    Attributes
    ----------
    views : tuple of int8[c, d], int16[c, d], int32[c, d], int64[c, d]
        The rows; of ``c`` rows, those of the type with `size` bytes are meant.
    slots : int32[2**k]
        The hash table, see `phasic.kernels.interning`.
    count : int64[1]
        The number of rows.
    """

    def __init__(self, states: NDArray[np.signedinteger], factor: int = _FACTOR) -> None:
        self.factor = np.uint64(factor)
        self.width = int(states.shape[1])
        self.count = np.array([states.shape[0]])
        self._hold(smallest(states), states.shape[0])

    def __len__(self) -> int:
        return int(self.count[0])

    def state(self, vertex: int) -> Integers:
        """Return a state as a vector of its own, int64[d]."""
        state: Integers = self._rows[vertex].astype(np.int64)
        return state

    def states(self, first: int = 0, last: int | None = None) -> NDArray[np.signedinteger]:
        """Return the states numbered `first` to `last` (not included) as rows."""
        return self._rows[: len(self)][first:last]

    def rows(self, vertices: Integers) -> NDArray[np.signedinteger]:
        """Return the states of these vertices as rows."""
        return self._rows[vertices]

    def add(self, block: Integers) -> Integers:
        """Return the numbers of the states in `block`, int64[k, d], new ones where there are none."""
        from phasic.kernels import interning

        out = np.empty(len(block), dtype=np.int64)
        done = 0
        while True:
            done = interning.add(block, done, self.views, self.size, self.slots, self.factor, self.count, out)
            if done == len(block):
                return out
            self.make_room(int(out[done]))

    def make_room(self, reason: int) -> None:
        """Widen the rows, or double them, as `phasic.kernels.interning.vertex_of` has asked for."""
        from phasic.kernels import interning

        rows, n = self.states(), len(self)
        if reason == interning.TOO_NARROW:
            self._hold(rows.astype(f"i{2 * self.size}"), n)
        else:
            self._hold(rows, 2 * n)

    def forget(self, count: int) -> None:
        """Take back all rows from number `count` on."""
        if count < len(self):
            self.count[0] = count
            self._hold(self.states(), count)

    def _hold(self, states: NDArray[np.signedinteger], most: int) -> None:
        """Keep these rows, with room for `most`."""
        from phasic.kernels import interning

        self.size = states.dtype.itemsize
        n, capacity = len(self), max(256, most)
        memory = np.zeros(-(-capacity * self.width * self.size // 8) * 8, dtype=np.int8)
        self.views = tuple(self._view(memory, kind) for kind in (np.int8, np.int16, np.int32, np.int64))
        self._rows = self._view(memory, states.dtype.type)
        self._rows[:n] = states
        slots = 1 << (2 * capacity - 1).bit_length()
        self.slots = np.zeros(slots, dtype=np.int32)
        interning.index(self.views, self.size, self.slots, self.factor, n)

    def _view(self, memory: NDArray[np.int8], kind: type[np.signedinteger]) -> NDArray[np.signedinteger]:
        entries = memory.view(kind)
        rows = entries.size // self.width
        return entries[: rows * self.width].reshape(rows, self.width)
