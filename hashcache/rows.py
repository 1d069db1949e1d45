"""What went into a key as rows: as they are stored, and as people read them.

A row is stored as ``[name, digest, text]``, followed by a mapping where there is more to say. A row
that says less (of an earlier version) is read all the same; one that is something else is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hashcache.lines import line_digests
from hashcache.parts import Inner, Part

_DIGITS = 12


@dataclass(frozen=True)
class Row:
    """One ingredient of a key, of a call or of a stored result.

    Attributes
    ----------
    name : str
        What it is, without what changes nothing: by this, rows of two keys are compared.
    digest : str
        Hexadecimal digits.
    text : str
        A preview for people.
    label : str
        What people call it.
    origins : tuple of str
        Distributions that the digest names, each with its version.
    refers : bool
        Whether the digest names other parts by their places.
    lines : tuple of str
        Of code: a digest for each line of it.
    inside : tuple of Inner
        Of an argument: its parts.
    """

    name: str
    digest: str
    text: str
    label: str
    origins: tuple[str, ...] = ()
    refers: bool = False
    lines: tuple[str, ...] = ()
    inside: tuple[Inner, ...] = ()

    def stored(self) -> list[Any]:
        """Return the row as JSON keeps it."""
        more: dict[str, Any] = {}
        if self.label != self.name:
            more["label"] = self.label
        if self.origins:
            more["from"] = list(self.origins)
        if self.refers:
            more["refers"] = True
        if self.lines:
            more["lines"] = " ".join(self.lines)
        if self.inside:
            more["inside"] = _pack(self.inside)
        return [self.name, self.digest, self.text, more] if more else [self.name, self.digest, self.text]

    def listed(self) -> Iterator[str]:
        """Yield the row as lines of a listing: its own, and one for each part inside."""
        yield _line(self.label, self.text, self.digest)
        yield from _list_inside(self.label, self.inside)


def row_of(part: Part) -> Row:
    """Return the row of a part."""
    lines = () if part.code is None else line_digests(part.code)
    return Row(
        part.name, part.digest.hex(), part.text, part.label, part.origins, part.refers, lines, part.inside
    )


def read_row(stored: Sequence[Any]) -> Row:
    """Return a row from what JSON kept.

    Raises
    ------
    Exception
        Of any kind: it is no row.
    """
    name, digest, text, *rest = stored
    more = rest[0] if rest else {}
    return Row(
        name,
        digest,
        text,
        more.get("label", name),
        tuple(more.get("from", ())),
        bool(more.get("refers")),
        tuple(more.get("lines", "").split()),
        _unpack(more.get("inside", ())),
    )


def read_rows(stored: Iterable[Sequence[Any]]) -> list[Row]:
    """Return all rows of a listing that can be read."""
    rows = []
    for one in stored:
        try:
            rows.append(read_row(one))
        except Exception:  # of another version, which may say more or less
            continue
    return rows


def _line(label: str, text: str, digest: str) -> str:
    shown = f"  [{digest[:_DIGITS]}]" if digest else ""
    return f"{label} = {text}{shown}" if text else f"{label}{shown}"


def _list_inside(path: str, inside: Sequence[Inner]) -> Iterator[str]:
    for part in inside:
        yield _line(path + part.step, part.text, part.digest)
        yield from _list_inside(path + part.step, part.inside)


def _pack(inside: Sequence[Inner]) -> list[Any]:
    return [
        [part.step, part.digest, part.text, *([_pack(part.inside)] if part.inside else [])] for part in inside
    ]


def _unpack(inside: Sequence[Any]) -> tuple[Inner, ...]:
    return tuple(
        Inner(step, digest, text, _unpack(rest[0]) if rest else ()) for step, digest, text, *rest in inside
    )
