"""Why a call would be a hit or a miss, part by part, against the nearest stored result."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hashcache.fingerprint import Part
from hashcache.key import Key
from hashcache.layer import Call

_COMPARED = 1000  # stored results that are looked at for the nearest


@dataclass(frozen=True)
class Explanation:
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
        lines = [f"{self.key}", f"{'hit' if self.hit else 'miss'}: {self.reason}"]
        lines += [f"  {part.line()}" for part in self.parts]
        lines += [f"  assuming {assumption}" for assumption in self.assumptions]
        return "\n".join(lines)


def explain(call: Call) -> Explanation:
    """Return whether a call would be a hit and, if not, how it differs from the nearest stored one."""
    parts = call.parts()
    hit = call.layer.read(call.key, Counter()) is not None
    changes = None if hit else _changes(call, parts)
    if hit:
        reason = "stored"
    elif changes is None:
        reason = "never computed"
    else:
        reason = "; ".join(changes) or "the stored result is gone"
    return Explanation(hit, reason, changes or (), call.key, tuple(parts), call.fingerprint.assumptions)


def _changes(call: Call, parts: list[Part]) -> tuple[str, ...] | None:
    """Return the differences from the nearest stored result of the function; None if there is none."""
    try:
        nearest = _nearest(call)
    except OSError:
        return None  # a store that cannot be read has nothing to compare with
    if nearest is None:
        return None
    now = _rows(part.row() for part in parts)
    if nearest["fingerprint"] == call.fingerprint.digest.hex():
        captured = [part.row() for part in call.fingerprint.parts]
    else:
        captured = call.layer.cache.fingerprint_of(nearest)["parts"]
        if not captured:
            return ("code or captured values: changed",)
    return tuple(_differences(_rows([*nearest["parts"], *captured]), now))


def _nearest(call: Call) -> dict[str, Any] | None:
    """Return the header of the stored result that shares most with a call; of equals the newest."""
    own = {part.name: part.digest.hex() for part in call.own_parts()}
    fingerprint = call.fingerprint.digest.hex()

    def likeness(header: dict[str, Any]) -> tuple[int, float]:
        # Parts inside an argument are details of that argument.
        same = sum(": " not in name and own.get(name) == digest for name, digest, _ in header["parts"])
        return same + (header["fingerprint"] == fingerprint), float(header["created"])

    entries = itertools.islice(call.layer.entries(call.function), _COMPARED)
    return max(entries, key=likeness, default=None)


def _rows(rows: Iterable[Sequence[str]]) -> dict[str, tuple[str, str]]:
    named: dict[str, tuple[str, str]] = {}
    for name, digest, text in rows:
        unique, count = name, 1
        while unique in named:  # two helpers of one name, in different modules
            count += 1
            unique = f"{name} ({count})"
        named[unique] = (digest, text)
    return named


def _differences(then: dict[str, tuple[str, str]], now: dict[str, tuple[str, str]]) -> Iterator[str]:
    for name in [*now, *(name for name in then if name not in now)]:
        old, new = then.get(name), now.get(name)
        if old is None and new is not None:
            yield f"{name}: new ({new[1]})"
        elif new is None and old is not None:
            yield f"{name}: gone ({old[1]})"
        elif old is not None and new is not None and old[0] != new[0]:
            yield f"{name}: {old[1]} -> {new[1]}" if old[1] != new[1] else f"{name}: changed"
