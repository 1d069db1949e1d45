"""Hypothesis strategies for small programs of three modules around one cached function.

A program is a list of items, each a row of the table in `kinds` with numbers filled in, in one of three
rooms: the main module, ``lib_a`` and ``lib_b``, which may use what lies deeper. How an item is spelled where
it is used (``import lib_b``, an alias, ``from lib_b import d1``, in a body, the whole module) is drawn too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import strategies as st
from kinds import Kind, kinds

KINDS = kinds()
ROOMS = ("main", "lib_a", "lib_b")
TOOLS = """
import zlib


def num(value):
    if type(value) is int:
        return value % 997
    text = repr(value)
    if " at 0x" in text or "<module" in text:
        raise TypeError("no plain value")
    return zlib.crc32(text.encode()) % 997
"""
HEADER = """
import abc, array, builtins, collections, contextlib, dataclasses, datetime, decimal, enum
import fractions, functools, math, re, types, typing
from tools import num
""".lstrip()
CACHED = "from hashcache import hashcache"

Step = tuple[int, int, int, int]  # what to do, where, which way, a number


@dataclass(frozen=True)
class Item:
    """One definition: which kind, in which room, with which numbers and which uses of earlier ones."""

    kind: int
    room: int
    k: int
    j: int
    picks: tuple[int, ...]

    @property
    def row(self) -> Kind:
        """What it is."""
        return KINDS[self.kind % len(KINDS)]


@dataclass(frozen=True)
class Program:
    """Items, and what the cached function makes of them."""

    items: tuple[Item, ...]
    roots: tuple[int, ...]
    passed: int
    sources: dict[str, str] = field(init=False, compare=False, repr=False)
    calls: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        writer = _Writer(self)
        object.__setattr__(self, "sources", writer.sources())
        object.__setattr__(self, "calls", writer.calls)

    def __repr__(self) -> str:
        parts = [f"# {name}.py\n{text.replace(HEADER, '')}" for name, text in self.sources.items()]
        return "\n".join(part for part in parts[1:] if part.count("\n") > 2) + f"\n# {self.calls}"

    def change(self, step: Step) -> tuple[str, str, bool]:
        """Return a statement that changes an item, the module to run it in, and whether it can matter."""
        _, where, which, number = step
        # What the cached function reads itself comes up more often.
        places = [*(pick % len(self.items) for pick in self.roots), *range(len(self.items))]
        place = places[where % len(places)]
        item = self.items[place]
        options = [(text, True) for text in item.row.changes] + [(text, False) for text in item.row.quiet]
        text, matters = options[which % len(options)]
        return ROOMS[item.room], _fill(text, n=f"d{place}", k=number % 7, j=number % 11 + 1), matters


class _Writer:
    """Writes the sources of a program."""

    def __init__(self, program: Program) -> None:
        self.items = program.items
        self.tops: dict[int, dict[str, None]] = {room: {} for room in range(len(ROOMS))}
        self.texts: dict[int, list[str]] = {room: [] for room in range(len(ROOMS))}
        for place, item in enumerate(self.items):
            self.texts[item.room].append(self.definition(place, item))
        self.texts[0].append(self.main(program))
        self.calls: tuple[str, ...] = ("f(2)", "f(a=3)")
        if program.passed and self.items:
            place = program.passed % len(self.items)
            self.calls += (f"f(1, {self.spelled(place, 0, program.passed, None)})",)

    def sources(self) -> dict[str, str]:
        """Return the text of each module, those that are imported first."""
        found = {"tools": TOOLS}
        for room in reversed(range(len(ROOMS))):
            if any("@hashcache" in text for text in self.texts[room]):
                self.tops[room][CACHED] = None  # not elsewhere: who takes a module whole takes this too
            tops = "".join(f"{line}\n" for line in self.tops[room])
            found[ROOMS[room]] = HEADER + tops + "\n\n" + "\n\n\n".join(self.texts[room]) + "\n"
        return found

    def definition(self, place: int, item: Item) -> str:
        imports: dict[str, None] = {}
        source = item.row.source
        inside = imports if "$i" in source else None
        expression = self.expression(place, item.room, item.picks, item.k, inside)
        helper = self.helper(place, item, inside if "def " in source.split("$h")[0] else None)
        return _fill(
            source, n=f"d{place}", k=item.k, j=item.j, e=expression, h=helper, i="; ".join(imports) or "pass"
        )

    def main(self, program: Program) -> str:
        imports: dict[str, None] = {}
        uses = [
            self.use(pick % len(self.items), 0, pick, "a", imports)
            for pick in program.roots
            if self.items  # without any, the function uses itself alone
        ]
        lines = ["@hashcache", "def f(a, b=None):", f"    {'; '.join(imports) or 'pass'}"]
        if program.passed and self.items:
            row = self.items[program.passed % len(self.items)].row
            plain = [use for use in row.uses if "${n}" not in use]
            if plain:
                told = _fill(plain[program.passed % len(plain)], n="b", a="a", k=1, j=1)
                lines += ["    if b is not None:", f"        return num({told})"]
        return "\n".join([*lines, f"    return [a, {', '.join(uses)}]"])

    def expression(
        self, place: int, room: int, picks: tuple[int, ...], k: int, imports: dict[str, None] | None
    ) -> str:
        earlier = self.reachable(place, room)
        if not earlier or not picks:
            return f"(a + {k})"
        uses = [self.use(earlier[-1 - pick % len(earlier)], room, pick, "a", imports) for pick in picks]
        return f"({' + '.join(uses)})"

    def helper(self, place: int, item: Item, imports: dict[str, None] | None) -> str:
        earlier = [p for p in self.reachable(place, item.room) if self.items[p].row.callable]
        if not earlier:
            return "abs"
        pick = sum(item.picks)
        return self.spelled(earlier[-1 - pick % len(earlier)], item.room, pick, imports)

    def reachable(self, place: int, room: int) -> list[int]:
        return [p for p in range(place) if self.items[p].room >= room]

    def use(self, place: int, room: int, pick: int, argument: str, imports: dict[str, None] | None) -> str:
        """Return a number made from an item."""
        row = self.items[place].row
        text = row.uses[pick // 3 % len(row.uses)]
        name = self.spelled(place, room, pick // 5, imports, "${n}_" in text)
        return f"num({_fill(text, n=name, a=argument, k=1, j=2)})"

    def spelled(
        self, place: int, room: int, pick: int, imports: dict[str, None] | None, several: bool = False
    ) -> str:
        """Return how an item is called in a room, after noting the import that this takes."""
        name, home = f"d{place}", self.items[place].room
        if home == room:
            return name
        module = ROOMS[home]
        ways = [
            (f"import {module}", f"{module}.{name}", False),
            (f"import {module} as {module}_", f"{module}_.{name}", False),
            (f"from {module} import {name}", name, False),
            (f"from {module} import {name} as {name}_", f"{name}_", False),
            (f"import {module} as {module}__", f"{module}__.{name}", True),
            (f"from {module} import {name} as {name}__", f"{name}__", True),
            (f"import {module}; whole = {module}", f"whole.{name}", True),
            (f"import {module}", f"{module}.{name}", True),
        ]
        if several:  # names beside it are read too, so that only the module will do
            ways = [way for way in ways if way[1].endswith(f".{name}")]
        if imports is None:
            ways = [way for way in ways if not way[2]]
        statement, called, inside = ways[pick % len(ways)]
        (imports if inside and imports is not None else self.tops[room])[statement] = None
        return called


def _fill(text: str, **values: object) -> str:
    return re.sub(r"\$(?:\{([a-z])\}|([a-z]))", lambda found: str(values[found[1] or found[2]]), text)


numbers = st.integers(0, 9)
picks = st.integers(0, 400)
items = st.builds(
    Item,
    kind=st.integers(0, len(KINDS) - 1),
    room=st.sampled_from((0, 0, 1, 2)),
    k=numbers,
    j=st.integers(1, 9),
    picks=st.lists(picks, max_size=2).map(tuple),
)
programs = st.builds(
    Program,
    items=st.lists(items, min_size=1, max_size=6).map(tuple),
    roots=st.lists(picks, min_size=1, max_size=4).map(tuple),
    passed=st.integers(0, 20),
)
steps = st.tuples(st.integers(0, 11), st.integers(0, 60), st.integers(0, 60), st.integers(0, 99))
