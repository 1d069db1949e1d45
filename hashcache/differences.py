"""How two keys differ, row by row, said as people would say it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from hashcache.lines import count_changes
from hashcache.parts import Inner
from hashcache.rows import Row

_UNSEEN = "content differs"
_MANY = 5  # parts of one value; more that differ are counted
_PYTHON = "python"  # the name of the row, and how its version is called


def differences(then: Sequence[Row], now: Sequence[Row]) -> tuple[str, ...]:
    """Return what changed between two keys, one line for each change; empty if no row differs.

    What follows from another change is left out: parts of a distribution where its version changed,
    parts of a helper that is new, instructions where Python is another.
    """
    pairs = _pairs(then, now)
    versions: dict[str, None] = {}
    direct: list[str] = []
    following: list[str] = []
    python = any(old and new and old.name == new.name == _PYTHON and _differ(old, new) for old, new in pairs)
    owners = [{_owner(row) for row in rows} for rows in (then, now)]
    for old, new in pairs:
        if old is not None and new is not None:
            if not _differ(old, new):
                continue
            moved = list(_versions(old, new))
            if moved:
                versions.update(dict.fromkeys(moved))
                if new.name != _PYTHON:  # beside the version only what can be seen to differ
                    lines = _changed(_without_versions(old), _without_versions(new))
                    direct += [line for line in lines if _UNSEEN not in line]
                continue
            follows = (python and new.lines) or (new.refers and old.refers and old.text == new.text)
            (following if follows else direct).extend(_changed(old, new))
        elif new is not None:
            if (owner := _owner(new)) in owners[0]:
                direct.append(f"{new.label}: new{_shown(new.text)}")
            else:
                following.append(f"{owner}: new")
        elif old is not None:
            if (owner := _owner(old)) in owners[1]:
                direct.append(f"{old.label}: gone{_shown(old.text)}")
            else:
                following.append(f"{owner}: gone")
    return (*versions, *direct) or tuple(dict.fromkeys(following))


def own_distance(then: Sequence[Row], now: Sequence[Row]) -> tuple[float, float]:
    """Return how far the arguments of two calls are apart, and how many other rows of theirs differ.

    Each argument counts from 0 to 1, by how many of its parts differ.
    """
    arguments = others = 0.0
    for old, new in _pairs(then, now):
        if old is not None and new is not None and not _differ(old, new):
            continue
        name = new.name if new is not None else old.name if old is not None else ""
        if not name.startswith("argument "):
            others += 1
        elif ": " not in name:  # what a callback captures is not counted beside it
            arguments += _share(old, new)
    return arguments, others


def count_different(then: Sequence[Row], now: Sequence[Row]) -> int:
    """Return how many rows differ between two listings."""
    return sum(old is None or new is None or _differ(old, new) for old, new in _pairs(then, now))


# -- pairing -----------------------------------------------------------------------------------------


def _pairs(then: Sequence[Row], now: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Pair the rows of one name: first those that people call the same, then in their order."""
    if [(row.name, row.label) for row in then] == [(row.name, row.label) for row in now]:
        return list(zip(then, now, strict=True))
    waiting: dict[str, list[Row]] = {}
    for row in then:
        waiting.setdefault(row.name, []).append(row)
    found: dict[int, Row] = {}
    for exact in (True, False):
        for place, row in enumerate(now):
            rows = waiting.get(row.name, [])
            if place in found or not rows:
                continue
            same = next((other for other in rows if other.label == row.label), None)
            if same is None and not exact:
                same = rows[0]
            if same is not None:
                found[place] = same
                rows.remove(same)
    pairs: list[tuple[Row | None, Row | None]] = [(found.get(place), row) for place, row in enumerate(now)]
    gone = {id(row) for rows in waiting.values() for row in rows}
    return pairs + [(row, None) for row in then if id(row) in gone]


def _differ(old: Row, new: Row) -> bool:
    # Of code that is named by its place the name may differ alone; of a name its last part counts.
    return old.digest != new.digest or (
        old.refers and new.refers and _OWNERS.sub("", old.text) != _OWNERS.sub("", new.text)
    )


_OWNERS = re.compile(r"[\w<>]+\.")


def _owner(row: Row) -> str:
    """Return whose part a row is; empty for the function itself."""
    return row.label.rpartition(": ")[0]


def _share(old: Row | None, new: Row | None) -> float:
    """Return how much of an argument changed, between 0 and 1."""
    if old is None or new is None or not old.inside or not new.inside:
        return 1.0
    pairs = list(zip_longest(old.inside, new.inside))
    return (
        sum(one is None or other is None or one[:3] != other[:3] for one, other in pairs) / len(pairs) or 1.0
    )


# -- saying ------------------------------------------------------------------------------------------


def _versions(old: Row, new: Row) -> Iterator[str]:
    """Yield the distributions of a row that have another version now."""
    if old.name == new.name == _PYTHON:
        yield f"{_PYTHON} {_bare(old.text)} -> {_bare(new.text)}"
        return
    before, after = (dict(origin.rpartition(" ")[::2] for origin in row.origins) for row in (old, new))
    for name, version in after.items():
        if before.get(name, version) != version:
            called = name.lower() if name == "Python" else name
            yield f"{called} {before[name]} -> {version}"


def _without_versions(row: Row) -> Row:
    text = row.text
    for origin in row.origins:
        text = text.replace(origin, origin.rpartition(" ")[0])
    return replace(row, text=text)


def _bare(text: str) -> str:
    return text.strip("'")


def _shown(text: str) -> str:
    return f" ({text})" if text else ""


def _changed(old: Row, new: Row) -> Iterator[str]:
    """Say how one row changed."""
    label = new.label
    if new.lines or label.rpartition(": ")[2] == "code":
        owner = label.rpartition(": ")[0]
        counts = ""
        if old.lines and new.lines:
            came, went = count_changes(old.lines, new.lines)
            counts = f" (+{came} -{went} lines)" if came or went else ""
        yield f"{owner}: body changed{counts}" if owner else f"code: changed{counts}"
        return
    kind = _kind(new.text)
    inner = list(_changed_inside(label, kind, old.inside, new.inside)) if kind == _kind(old.text) else []
    yield from inner or [_as_a_whole(label, old.text, new.text)]


def _as_a_whole(label: str, old: str, new: str) -> str:
    if old != new:
        return f"{label}: {old} -> {new}"
    return f"{label}: {_UNSEEN}{_shown(new)}" if new else f"{label}: changed"


def _kind(text: str) -> str:
    """Return what kind of value a text is of: of one kind, it is a part that changed."""
    if text[:1] in ("[", "(", "{"):
        # A set has no parts here, so that a brace is that of a dict.
        return {"[": "list", "(": "tuple", "{": "dict"}[text[:1]]
    name, of, _ = text.partition(" of ")
    # A class counts by its own name; in which module it lies makes no difference.
    return name if of else text.rpartition(".")[2]


def _changed_inside(path: str, kind: str, then: Sequence[Inner], now: Sequence[Inner]) -> Iterator[str]:
    """Say which parts of a value changed, came or went: the innermost that can be named."""
    if not then or not now:
        return
    if kind in ("list", "tuple"):
        pairs = _aligned(then, now) if len(then) != len(now) else list(zip(then, now, strict=True))
    else:
        pairs = _by_step(then, now)
        if [part.step for part in then] != [part.step for part in now] and all(
            one is not None and other is not None for one, other in pairs
        ):
            yield f"{path}: in another order"
    different = [pair for pair in pairs if _parts_differ(*pair)]
    if len(different) > _MANY:
        first = next(_changed_part(path, *different[0])).removeprefix(path)
        yield f"{path}: {len(different)} of {max(len(then), len(now))} parts differ, such as {first}"
        return
    for pair in different:
        yield from _changed_part(path, *pair)


def _parts_differ(old: Inner | None, new: Inner | None) -> bool:
    return old is None or new is None or (old.digest, old.text) != (new.digest, new.text)


def _changed_part(path: str, old: Inner | None, new: Inner | None) -> Iterator[str]:
    if new is None:
        if old is not None:
            yield f"{path}{old.step}: gone{_shown(old.text)}"
        return
    path += new.step
    if old is None:
        yield f"{path}: new{_shown(new.text)}"
        return
    kind = _kind(new.text)
    inner = list(_changed_inside(path, kind, old.inside, new.inside)) if kind == _kind(old.text) else []
    yield from inner or [_as_a_whole(path, old.text, new.text)]


_Pair = tuple[Inner | None, Inner | None]


def _by_step(then: Sequence[Inner], now: Sequence[Inner]) -> list[_Pair]:
    before = {part.step: part for part in then}
    after = {part.step for part in now}
    return [(before.get(part.step), part) for part in now] + [
        (part, None) for part in then if part.step not in after
    ]


def _aligned(then: Sequence[Inner], now: Sequence[Inner]) -> list[_Pair]:
    """Pair the elements of two lists of different lengths: what stayed, what was put in or taken out."""
    from difflib import SequenceMatcher

    value: Callable[[Inner], tuple[str, str]] = lambda part: (part.digest, part.text)  # noqa: E731
    matcher = SequenceMatcher(None, list(map(value, then)), list(map(value, now)), autojunk=False)
    pairs: list[_Pair] = []
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        if what != "equal":
            pairs += zip_longest(then[start:end], now[new_start:new_end])
    return pairs


def first_of(changes: Iterable[str], most: int = 5) -> str:
    """Return changes as one line, the first ones by name."""
    lines = list(changes)
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more
