"""Artefact: the plan of an elimination as bytes that anybody may send, since reading them runs nothing.

Layout, all integers little-endian::

    magic           8 bytes
    length          uint32, of the header
    header          JSON in ASCII, keys sorted, no spaces: see `Artefact`; the sizes of the arrays follow
    degrees         int32[vertices], edges out of each vertex
    targets         int32[edges]
    ranks           int32[vertices]
    order           int32[transient]
    bounds          int32[components + 1]
    SHA-256         32 bytes, over everything before

Equal artefacts are equal bytes, and no two byte strings are one artefact.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.hub.errors import ArtefactError

MAGIC = b"\x89PHASIC\n"
FORMAT = 1
LARGEST = 1 << 28  # bytes
_FRONT = struct.Struct("<8sI")
_SUM = 32
_LONGEST_HEADER = 1024
_HASH = re.compile("[0-9a-f]{64}")
_COUNTS = ("vertices", "edges", "transient", "components")
_NAMES = frozenset({"format", "graph_hash", "order_version", *_COUNTS})
_ARRAYS = ("degrees", "targets", "ranks", "order", "bounds")

Numbers = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Artefact:
    """The order of an elimination, and the graph that it was recorded from.

    What follows from these, the fill pattern, is left out: whoever uses the artefact derives it, so that
    no artefact can make an answer wrong. Weights and states are left out as well; the order does not
    depend on them.

    Attributes
    ----------
    graph_hash : str
        What `phasic.hash.compute_graph_hash` says of the graph.
    order_version : int
        Version of the rules that the order was made by.
    degrees, targets : int32[n], int32[m]
        Edges by source, vertices numbered as the publisher numbers them.
    ranks : int32[n]
        Place of each of these vertices in the order of states, `phasic.hash.canonical_order`: by this
        everybody else knows it.
    order : int32[t]
        Vertices that have edges, in the order of elimination.
    bounds : int32[c + 1]
        Positions at which strongly connected components begin, and t.

    Raises
    ------
    ArtefactError
        The arrays do not fit together.
    """

    graph_hash: str
    order_version: int
    degrees: Numbers
    targets: Numbers
    ranks: Numbers
    order: Numbers
    bounds: Numbers

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name), "<i4")
            object.__setattr__(self, name, array)
        n = self.degrees.size
        _require(self.ranks.size == n and _is_permutation(self.ranks), "its ranks are not those of vertices")
        _require(n > 0 and bool((self.degrees >= 0).all()), "its degrees are no numbers of edges")
        _require(int(self.degrees.sum(dtype=np.int64)) == self.targets.size, "its degrees are not its edges'")
        _require(_within(self.targets, n), "its edges lead to no vertices")
        having = np.flatnonzero(self.degrees)
        _require(np.array_equal(np.sort(self.order), having), "its order is not that of vertices with edges")
        bounds = self.bounds
        _require(
            bounds.size > 0 and bounds[0] == 0 and bounds[-1] == having.size, "its bounds cover no order"
        )
        _require(bool((np.diff(bounds.astype(np.int64)) > 0).all()), "its components are empty")

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where the edges of each vertex begin, int64[n + 1]."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.degrees, dtype=np.int64)])

    def to_bytes(self) -> bytes:
        """Return the one byte string of this artefact.

        Raises
        ------
        ArtefactError
            It would be larger than any that is read.
        """
        counts = (self.degrees.size, self.targets.size, self.order.size, self.bounds.size - 1)
        named = {"format": FORMAT, "graph_hash": self.graph_hash, "order_version": self.order_version}
        header = _header({**named, **dict(zip(_COUNTS, counts, strict=True))})
        parts = [_FRONT.pack(MAGIC, len(header)), header]
        content = b"".join([*parts, *(getattr(self, name).tobytes() for name in _ARRAYS)])
        if len(content) + _SUM > LARGEST:
            raise ArtefactError(
                f"an artefact of {len(content)} bytes is too large; at most {LARGEST} are read"
            )
        return content + hashlib.sha256(content).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Artefact:
        """Return the artefact that these bytes are: ``from_bytes(a.to_bytes()) == a``.

        Every length is compared with that of `data` before anything is made of it.

        Raises
        ------
        ArtefactError
            They are not exactly one artefact.
        """
        _require(_FRONT.size + _SUM <= len(data) <= LARGEST, "it is too short or too long for one")
        magic, length = _FRONT.unpack_from(data)
        _require(magic == MAGIC, "it does not begin as one")
        _require(hashlib.sha256(data[:-_SUM]).digest() == data[-_SUM:], "its own checksum does not match")
        place = _FRONT.size + length
        _require(length <= _LONGEST_HEADER and place + _SUM <= len(data), "its header is too long")
        header = _parsed(data[_FRONT.size : place])
        n, m, t, c = (header[name] for name in _COUNTS)
        sizes = (n, m, n, t, c + 1)
        _require(place + 4 * sum(sizes) + _SUM == len(data), "its length is not that of its arrays")
        arrays = []
        for size in sizes:
            arrays.append(np.frombuffer(data, "<i4", size, place))
            place += 4 * size
        return cls(header["graph_hash"], header["order_version"], *arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artefact):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((self.graph_hash, self.order.tobytes()))


def _header(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        raise ArtefactError("not an artefact: its header is no JSON") from None
    _require(type(header) is dict and set(header) == _NAMES, "its header has other fields")
    _require(header["format"] == FORMAT, f"its format is {header['format']!r}, and {FORMAT} is what is read")
    hashed = header["graph_hash"]
    _require(isinstance(hashed, str) and bool(_HASH.fullmatch(hashed)), "its graph hash is none")
    for name in ("order_version", *_COUNTS):
        count = header[name]
        _require(type(count) is int and 0 <= count < 2**31, f"its {name} cannot be {count!r}")
    _require(_header(header) == text, "its header is spelled in another way")
    return header


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise ArtefactError(f"not an artefact: {complaint}")


def _within(values: Numbers, end: int) -> bool:
    return values.size == 0 or (int(values.min()) >= 0 and int(values.max()) < end)


def _is_permutation(values: Numbers) -> bool:
    return _within(values, values.size) and bool((np.bincount(values, minlength=values.size) == 1).all())
