"""Why a call would be a hit or a miss, part by part, against the nearest stored result."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hashcache.call import Call
from hashcache.key import Key
from hashcache.parts import Part

if TYPE_CHECKING:
    from hashcache.cache import Cache
    from hashcache.rows import Row

_COMPARED = 1000  # stored results that are looked at for the nearest


class Explanation(NamedTuple):
    """Whether a call is a hit, why, and everything that its key was made from.

    Attributes
    ----------
    hit : bool
    reason : str
        One line: ``"stored"``, ``"never computed"``, or what changed, as ``"global RATE: 3 -> 0"``.
    changes : tuple of str
        Every difference from the nearest stored result.
    key : Key
    parts : tuple of Part
        What went into the key, in a stable order.
    assumptions : tuple of str
        What was taken on trust.
    """

    hit: bool
    reason: str
    changes: tuple[str, ...]
    key: Key
    parts: tuple[Part, ...]
    assumptions: tuple[str, ...]

    def __str__(self) -> str:
        from hashcache.rows import row_of

        lines = [f"{self.key}", f"{'hit' if self.hit else 'miss'}: {self.reason}"]
        lines += listing(map(row_of, self.parts), self.assumptions)
        return "\n".join(lines)


def explain(call: Call) -> Explanation:
    """Return whether a call would be a hit and, if not, how it differs from the nearest stored one."""
    parts = call.parts()
    found: Counter[str] = Counter()
    hit = call.layer.holds(call, found)
    reason, changes = ("stored", ()) if hit else _reason(call, parts)
    if found["torn"]:
        reason, changes = "the stored result is damaged", ()
    return Explanation(hit, reason, changes, call.key, tuple(parts), call.fingerprint.assumptions)


def listing(rows: Iterable[Row], assumptions: Iterable[str]) -> list[str]:
    """Return what went into a key as lines: the same for equal keys, whatever the process."""
    lines = [f"  {line}" for row in rows for line in row.listed()]
    return lines + [f"  assuming {assumption}" for assumption in assumptions]


def _reason(call: Call, parts: list[Part]) -> tuple[str, tuple[str, ...]]:
    from hashcache.rows import row_of

    if call.refused is not None:
        return call.refused[1], (call.refused[1],)
    rows = list(map(row_of, parts))
    count = len(parts) - len(call.fingerprint.parts)
    try:
        entries = itertools.islice(call.layer.entries(call.function), _COMPARED)
        fingerprint = call.fingerprint.digest.hex()
        nearest = _nearest(call.layer.cache, entries, rows[:count], fingerprint, rows[count:])
    except OSError:
        nearest = None  # a store that cannot be read has nothing to compare with
    if nearest is None:
        return "never computed", ()
    header, then = nearest
    if header["key"] == str(call.key):
        return "the stored result is gone", ()
    return _told(then, rows)


def why_computed(cache: Cache, header: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return why a stored result was computed: how its key differs from the nearest that was there before."""
    group = header["name"].rpartition("/")[0]
    before = (other for other in cache.entries(group) if other["created"] < header["created"])
    own, captured = rows_of(cache, header)
    entries = itertools.islice(before, _COMPARED)
    nearest = _nearest(cache, entries, own, header["fingerprint"], captured)
    return ("never computed before", ()) if nearest is None else _told(nearest[1], [*own, *captured])


def changed_since(cache: Cache, header: dict[str, Any], call: Call) -> tuple[str, ...]:
    """Return how the key of a call differs from that of a stored result."""
    from hashcache.rows import row_of

    own, captured = rows_of(cache, header)
    return _told([*own, *captured] if captured else [], list(map(row_of, call.parts())))[1]


def rows_of(cache: Cache, header: dict[str, Any]) -> tuple[list[Row], list[Row]]:
    """Return the rows of a stored result: its own, and those of its fingerprint."""
    from hashcache.rows import read_rows

    return read_rows(header["parts"]), read_rows(cache.fingerprint_of(header)["parts"])


def _nearest(
    cache: Cache,
    entries: Iterable[dict[str, Any]],
    own: Sequence[Row],
    fingerprint: str,
    captured: list[Row],
) -> tuple[dict[str, Any], list[Row]] | None:
    """Return header and rows of the stored result whose key is most like this one; no rows if not known."""
    from hashcache.differences import count_different, own_distance
    from hashcache.rows import read_rows

    # A fingerprint is that of many results.
    listed: dict[str, tuple[list[Row], float]] = {fingerprint: (captured, 0.0)}
    best: tuple[tuple[Any, ...], dict[str, Any], list[Row]] | None = None
    for header in entries:
        try:
            digest, rows = header["fingerprint"], read_rows(header["parts"])
            if digest not in listed:
                known = read_rows(cache.fingerprint_of(header)["parts"])
                listed[digest] = known, count_different(known, captured)
            known, code = listed[digest]
            arguments, others = own_distance(rows, own)
            # One edit shows in few rows or in many, so that two are as far as twenty. Of equals the one
            # of the same arguments, and then the newest, since that is what people remember.
            distance = arguments + min(code + others, 2.0)
            rank = (bool(known), -distance, -arguments, float(header["created"]))
        except (KeyError, TypeError, ValueError):  # an entry that says less than ours
            continue
        if best is None or rank > best[0]:
            best = rank, header, [*rows, *known] if known else []
    return None if best is None else best[1:]


def _told(then: Sequence[Row], now: Sequence[Row]) -> tuple[str, tuple[str, ...]]:
    from hashcache.differences import differences, first_of

    if not then:  # its listing is gone
        changes: tuple[str, ...] = ("code or captured values: changed",)
    else:
        changes = differences(then, now) or ("something that is not listed: changed",)
    return first_of(changes), changes
