"""Random nests of objects that share parts, programs that change them, and what an onlooker sees of them."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
from hypothesis import strategies as st


class Plain:
    """An object with a ``__dict__``."""


class Slotted:
    __slots__ = ("first", "second")


class Both(Slotted):
    """Slots and a ``__dict__``."""


class Row(list):
    """A list with attributes."""


class Table(dict):
    """A dict with attributes."""


class Pair(tuple):
    """A tuple with attributes."""


ATOMS = st.sampled_from([None, True, 0, 1, -1, 2**70, 0.0, -0.0, 1.5, float("nan"), "", "a", b"b", 1j])
SEQUENCES = (list, deque, Row)
MAPPINGS = (dict, OrderedDict, defaultdict, Table)
OBJECTS = (Plain, Slotted, Both)
OTHERS = ("set", "array", "objects", "view", "bytes", "random", "generator", "tuple", "pair", "counter")
KINDS = [*SEQUENCES, *MAPPINGS, *OBJECTS, *OTHERS]


@st.composite
def recipes(draw, most=7):
    """Return what `build` makes objects of: a kind and the parts of each, by number or by value."""
    count = draw(st.integers(1, most))
    part = st.one_of(st.tuples(st.just("object"), st.integers(0, count - 1)), ATOMS)
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=count, max_size=count))
    parts = [draw(st.lists(part, max_size=4)) for _ in kinds]
    roots = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3))
    return kinds, parts, roots


def build(recipe):
    """Return new objects of a recipe, all of them and those that are to be arguments."""
    kinds, parts, roots = recipe
    made = []
    for kind in kinds:
        made.append(_empty(kind, made))
    for number, (kind, references) in enumerate(zip(kinds, parts, strict=True)):
        values = [made[ref[1]] if type(ref) is tuple else ref for ref in references]
        made[number] = _filled(kind, made[number], values)
    return made, [made[root] for root in roots]


def unshared(recipe):
    """Return the recipe of equal objects that share nothing, as far as cycles allow."""
    kinds, parts, roots = recipe
    kinds, parts = list(kinds), list(parts)
    used = set(roots)
    for number in range(len(parts)):
        line = []
        for part in parts[number]:
            if type(part) is tuple and (part[1] in used or part[1] <= number):
                kinds.append(kinds[part[1]])
                parts.append([other for other in parts[part[1]] if type(other) is not tuple])
                part = ("object", len(kinds) - 1)
            used.add(part[1] if type(part) is tuple else -1)
            line.append(part)
        parts[number] = line
    return kinds, parts, roots


def merged(recipe):
    """Return the recipe where objects that are described alike are one."""
    kinds, parts, roots = recipe
    first = {}
    same = [
        first.setdefault((str(kind), repr(line)), number)
        for number, (kind, line) in enumerate(zip(kinds, parts, strict=True))
    ]

    def join(line):
        return [("object", same[part[1]]) if type(part) is tuple else part for part in line]

    return kinds, [join(line) for line in parts], [same[root] for root in roots]


def _empty(kind, made):
    if kind in ("array", "view"):
        arrays = [value for value in made if type(value) is np.ndarray and value.dtype != object]
        return arrays[-1][::-2] if kind == "view" and arrays else np.arange(6.0)
    makers = {
        "set": set, "bytes": lambda: bytearray(b"xyz"), "random": lambda: random.Random(1),
        "generator": lambda: np.random.default_rng(1), "counter": Counter, "tuple": list, "pair": list,
        "objects": lambda: np.empty(4, dtype=object), defaultdict: lambda: defaultdict(list),
    }  # fmt: skip
    return makers.get(kind, kind)()


def _filled(kind, made, values):
    """Return an object with its parts; tuples are made late, so that what came before has other ones."""
    if kind in ("tuple", "pair"):
        return (tuple if kind == "tuple" else Pair)(values)
    if kind in SEQUENCES:
        made.extend(values)
    elif kind in MAPPINGS:
        made.update((f"k{place}", value) for place, value in enumerate(values))
    elif kind in (Plain, Both):
        vars(made).update((f"a{place}", value) for place, value in enumerate(values))
    elif kind is Slotted:
        for name, value in zip(("first", "second"), values, strict=False):
            setattr(made, name, value)
    elif kind == "set":
        made.update(value for value in values if _is_atom(value))
    elif kind == "objects":
        for place, value in enumerate(values[: len(made)]):
            made[place] = value
    return made


def _is_atom(value):
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def parts_of(value):
    """Return the parts of an object with their names, in an order that its value decides."""
    if isinstance(value, (list, deque, tuple)):
        named = list(enumerate(value))
    elif isinstance(value, dict):
        named = list(value.items())
    elif type(value) is set:
        named = [("", part) for part in sorted(value, key=repr)]
    elif type(value) is np.ndarray and value.dtype == object:
        named = list(enumerate(value.tolist()))
    else:
        named = []
    named += getattr(value, "__dict__", {}).items()
    for name in ("first", "second"):
        if isinstance(value, Slotted) and hasattr(value, name):
            named.append((name, getattr(value, name)))
    return named


def content_of(value):
    """Return what an object says of itself beside its parts."""
    if isinstance(value, random.Random):
        return hash(value.getstate())
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if type(value) is np.ndarray and value.dtype != object:
        return value.dtype.str, value.shape, value.tobytes()
    return bytes(value) if type(value) is bytearray else None


def seen(*roots):
    """Return all that an onlooker with these references sees: values, types, order, and what is shared."""
    numbers, lines, queue = {}, [], []

    def mention(value):
        if _is_atom(value):
            return type(value).__name__, repr(value)
        if id(value) not in numbers:
            numbers[id(value)] = len(numbers)
            queue.append(value)
        return "object", numbers[id(value)]

    first = [mention(root) for root in roots]
    for value in queue:
        named = [(mention(name), mention(part)) for name, part in parts_of(value)]
        lines.append((type(value).__name__, content_of(value), named))
    arrays = [value for value in queue if type(value) is np.ndarray]
    memory = [np.may_share_memory(one, two) for one in arrays for two in arrays]
    return first, lines, memory


# -- programs ------------------------------------------------------------------------------------------

STEPS = ("put", "new", "take", "clear", "draw", "touch", "pair", "rename", "reorder", "detach", "view")
programs = st.lists(st.tuples(st.sampled_from(STEPS), *[st.integers(0, 20)] * 3), max_size=6).map(tuple)


def reachable(roots):
    found, queue = {}, list(roots)
    for value in queue:
        if not _is_atom(value) and id(value) not in found:
            found[id(value)] = value
            queue += [part for _, part in parts_of(value)]
    return list(found.values())


def change(roots, program):
    """Run a program on objects; return the last object that it touched, or made."""
    last = None
    for step, target, operand, number in program:
        objects = reachable(roots)
        value = objects[target % len(objects)]
        other = objects[operand % len(objects)]
        last = _change(step, value, other, number)
    return last


def _change(step, value, other, number):
    new = {
        "new": lambda: [number, {"inner": other}, [other]],
        "pair": lambda: (number, other, [other, other]),
        "rename": lambda: f"text {number}",
    }.get(step, lambda: other)()
    if step == "view" and type(other) is np.ndarray and other.dtype != object and other.flags.c_contiguous:
        new = other[number % 3 :]
    shrink = step in ("take", "clear", "detach")
    if isinstance(value, (list, deque)):
        if step == "clear":
            value.clear()
        elif step == "take" and value:
            return value.pop()
        elif step == "reorder":
            value.reverse()
        elif value and number % 2:
            value[number % len(value)] = new
        elif not shrink:
            value.append(new)
    elif isinstance(value, dict):
        if step == "clear":
            value.clear()
        elif step == "take" and value:
            return value.popitem()
        elif step == "reorder" and value:
            key = next(iter(value))
            value[key] = value.pop(key)
        elif not shrink:
            value[f"k{number % 5}"] = new
    elif type(value) is set:
        if shrink:
            value.discard(1)
        else:
            value.add(number)
    elif type(value) is np.ndarray and len(value):
        value[number % len(value)] = new if value.dtype == object else number
    elif type(value) is bytearray:
        if step in ("put", "new"):
            value.append(number)
        elif value:
            value[0] = number
    elif isinstance(value, (random.Random, np.random.Generator)):
        return float(value.random())
    elif isinstance(value, Slotted):
        if shrink and hasattr(value, "first"):
            del value.first
        else:
            value.second = new
    if hasattr(value, "__dict__") and not isinstance(value, random.Random):
        if step == "detach":
            value.__dict__ = {"fresh": other}
        elif not shrink:
            setattr(value, f"a{number % 3}", new)
    return value
