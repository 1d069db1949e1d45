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
    hit = call.layer.holds(call, Counter())
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
    now = _rows(part.row() for part in parts)
    try:
        candidates = list(itertools.islice(call.layer.entries(call.function), _COMPARED))
        listed = {header["fingerprint"]: header for header in candidates}
        captured = {digest: _captured(call, header) for digest, header in listed.items()}
    except OSError:
        return None  # a store that cannot be read has nothing to compare with
    if not candidates:
        return None

    def then(header: dict[str, Any]) -> dict[str, tuple[str, str]]:
        return _rows([*header["parts"], *captured[header["fingerprint"]]])

    def likeness(header: dict[str, Any]) -> tuple[int, float]:
        # Of equals the newest, since it is the one that people remember.
        same = sum(now.get(name, ("",))[0] == digest for name, (digest, _) in then(header).items())
        return same, float(header["created"])

    nearest = max(candidates, key=likeness)
    if not captured[nearest["fingerprint"]]:
        return ("code or captured values: changed",)
    return tuple(_differences(then(nearest), now))


def _captured(call: Call, header: dict[str, Any]) -> Sequence[Sequence[str]]:
    """Return the rows of the fingerprint that a result was stored with."""
    if header["fingerprint"] == call.fingerprint.digest.hex():
        return [part.row() for part in call.fingerprint.parts]
    rows: Sequence[Sequence[str]] = call.layer.cache.fingerprint_of(header)["parts"]
    return rows


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
