"""Why a call would be a hit or a miss, part by part, against the nearest stored result."""

from __future__ import annotations

from collections import Counter
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
    now = {part.name: (part.digest.hex(), part.text) for part in parts}
    nearest: dict[str, tuple[str, str]] | None = None
    best: tuple[int, float] = (-1, 0.0)
    try:
        for count, header in enumerate(call.layer.entries(call.function)):
            then = _stored_parts(header)
            same = sum(then.get(name, ("",))[0] == digest for name, (digest, _) in now.items())
            score = (same, float(header.get("created", 0.0)))
            if score > best:
                nearest, best = then, score
            if count >= _COMPARED:
                break
    except OSError:
        return None  # a store that cannot be read has nothing to compare with
    if nearest is None:
        return None
    changes = []
    for name in [*now, *(name for name in nearest if name not in now)]:
        old, new = nearest.get(name), now.get(name)
        if old is None and new is not None:
            changes.append(f"{name}: new ({new[1]})")
        elif new is None and old is not None:
            changes.append(f"{name}: gone ({old[1]})")
        elif old is not None and new is not None and old[0] != new[0]:
            changes.append(f"{name}: {old[1]} -> {new[1]}" if old[1] != new[1] else f"{name}: changed")
    return tuple(changes)


def _stored_parts(header: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {name: (digest, text) for name, digest, text in header.get("parts", ())}
