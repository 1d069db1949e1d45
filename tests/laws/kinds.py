"""What a generated program is made of: a table of small definitions, their uses and their changes.

In every text ``$n`` is the name of the definition, ``$k`` and ``$j`` are small numbers, ``$e`` is an
expression in the variable ``a`` that uses earlier definitions, ``$h`` is an earlier function of one argument
and ``$i`` a place for imports in a body. A use is an expression in ``$a``; a change is a statement that is
run in the module of the definition; a quiet one cannot matter to any caller. Nothing here changes what it
uses when it is called: only changes do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Kind:
    """One way to define something, what can be asked of it, and what can be done to it later."""

    name: str
    source: str
    uses: tuple[str, ...]
    changes: tuple[str, ...]
    quiet: tuple[str, ...] = ()
    callable: bool = False


FUNCTION_CHANGES = (
    "$n = lambda a, *rest, **more: a + $j",
    "$n.__code__ = (lambda a, *rest, **more: a - $j).__code__",
    "del $n",
)
FUNCTION_QUIET = ("$n.__doc__ = 'about $j'", "$n.__annotations__ = {'a': int, 'return': 'n$j'}")

# One line each: name | definition | uses | changes, those after a tilde being quiet.
DATA = """
int | $k | $n; $a + $n; -$n | $n = $j; $n = '$j'; $n = $k.0; $n = $k == $k; del $n; $n = None
float | $k / 4 | int($n * 8); repr($n) | $n = $j / 4; $n = -$n; $n = float('nan')
text | "s$k" | len($n); ord($n[-1]); $n + "t"; f"{$n!r:>8}" | $n = 't$j'; $n = b't$j'
tuple | ($k, ($j, "x")) | $n[0]; $n[1][0]; $n | $n = ($j, ($k, 'x')); $n = [$k, ($j, 'x')]
list | [$k, $j, 3] | sum($n); $n[$a % len($n)]; [i * 2 for i in $n][-1]; [*$n, $a]; $a in $n | $n.append($j); $n[0] = $j; $n.reverse(); $n.clear(); $n[:] = [$j]; $n = tuple($n)
dict | {"a": $k, "b": $j} | $n["a"]; $n.get("z", 5); list($n); {**$n} | $n["a"] = $j; $n["z"] = $j; $n["a"] = $n.pop("a", 0); $n.update(b=$j + 1); $n = dict($n, a=$j)
set | {$k, $j, 40} | sum($n); $a in $n; sorted($n) | $n.add($j + 1); $n.discard($k); $n = frozenset($n)
bytes | bytearray([$k, $j]) | $n[0]; bytes($n) | $n[0] = $j; $n.append(3); $n = bytes($n)
deque | collections.deque([$k, $j], maxlen=3) | $n[0]; list($n); $n.maxlen | $n.append(7); $n.rotate(1); $n = collections.deque($n, maxlen=2)
ordered | collections.OrderedDict(a=$k, b=$j) | list($n.items()); $n["b"] | $n.move_to_end("a"); $n["a"] += 1
default | collections.defaultdict(int, a=$k) | $n["a"]; $n.default_factory() | $n["a"] = $j; $n.default_factory = lambda: $j
counter | collections.Counter("aab") | $n["a"]; $n["z"] | $n.update("a"); $n["z"] = $j
spaces | types.SimpleNamespace(v=$k, w=[$j]) | $n.v; $n.w[0]; vars($n) | $n.v = $j; $n.w.append(1); $n.w[0] = $k; $n.u = 1
nested | {"p": [$k, {"q": ($j, [2])}]} | $n["p"][0]; $n["p"][1]["q"][1][0]; len($n["p"]) | $n["p"][0] = $j; $n["p"][1]["q"][1][0] = $k; $n["p"].append(1)
number | fractions.Fraction($k + 1, 7) | $n * 7; $n.numerator; str($n) | $n = fractions.Fraction($j, 5); $n = decimal.Decimal("1.$j")
date | datetime.date(2000, 1, $k + 1) | $n.day; $n.isoformat() | $n = datetime.date(2001, 1, 1 + $j)
array | array.array("i", [$k, $j]) | $n[0]; sum($n); $n.typecode | $n[0] = $j + 1; $n.append(2); $n = array.array("l", $n)
range | range($k, 40, 3) | len($n); $n[0]; sum($n) | $n = range($j, 40, 2); $n = slice($j, 9, 1)
view | types.MappingProxyType({"a": $k}) | $n["a"]; len($n) | $n = types.MappingProxyType({"a": $j})
chain | collections.ChainMap({"a": $k}, {"b": $j}) | $n["a"]; $n["b"] | $n.maps[1]["b"] = $k; $n["b"] = 3
pattern | re.compile("[a-$kz]+") | $n.pattern; bool($n.match("$k")) | $n = re.compile("[a-$jz]"); $n = re.compile($n.pattern, re.I)
table | {"a": $h, "b": lambda a: a + $k} | $n["a"]($a); $n["b"]($a) | $n["b"] = lambda a: a - $j; $n["a"] = $n["b"]; $n["a"], $n["b"] = $n["b"], $n["a"]
steps | [$h, lambda a: a * $k] | [s($a) for s in $n]; $n[1]($a); $n[0]($a) | $n.reverse(); $n[1] = lambda a: a + $j; $n.append($n[0])
pair | (lambda a: a + $k, lambda a: a - $j) | $n[0]($a); $n[1]($a) | $n = $n[::-1]; $n[0].__defaults__ = ($j,)
partial | functools.partial($h, $k) | $n(); $n.args | $n = functools.partial($n.func, $j); $n = functools.partial(max, $j, $k)
keywords | functools.partial(lambda a, d=1: a + d, d=$k) | $n($a); $n.keywords["d"] | $n.keywords["d"] = $j; $n.func.__defaults__ = ($j,); $n.note = 1
""".strip()  # noqa: E501

# Functions of one argument: name | body, where a semicolon ends a line | parameters after a.
BODIES = """
plain | return $e |
local | t = $e; u = t * $k; return u - $j |
branch | if a > $k:; +return $e; return $j |
either | return $e if a % 2 else $k |
loop | t = $k; for i in range(3):; +t = t + i * $j; return t + $e |
attempt | try:; +t = 6 // (a - $k); +u = $e; except ZeroDivisionError:; +return $j; return t + u |
cases | match a % 3:; +case 0:; ++return $k; +case _:; ++return $e |
nested | def inner(b):; +return b + $k; return inner($e) |
deep | def inner(b):; +def inmost():; ++return b * $k + t; +return inmost(); t = $e; return inner(a) |
yields | def each(m):; +for i in range(m):; ++yield i * $k; return sum(each(3)) + $e |
listed | return sum([i * $k for i in range(a) if i != $j]) + sum(j + $e for j in (1, 2)) |
keyed | t = {i: $e for i in range(2)}; return len(t) + t.get(1, $k) |
string | t = f"{a}-{$k}"; return len(t) + $e |
walrus | return (t := $e) + t * $k |
inline | return (lambda b, c=$k: b * c)($e) |
looked | t = abs(-$k); return t + $e |
floored | return math.floor($k / 2) + $e |
made | class Box:; +size = $k; +def get(self):; ++return self.size + $e; return Box().get() |
chosen | t = $h; return t($k) |
spread | return max(*(t for t in (a, $k)), $e) |
named | t = $h.__name__; return t |
failing | with contextlib.suppress(KeyError):; +return {$k: $e}[a]; return $j |
default | return $e + d | d=$k
bare_star | return $e + d | *, d=$k
shared | return sum(d) + $e | d=[$k, $j]
caller | return d(a) | d=$h
rest | return $e + len(rest) + more.get("z", $k) | *rest, **more
""".strip()

LONGER = {
    "recursive": "def $n(a):\n    return 1 if a <= 0 or a > 9 else $k + $n(a - 1)",
    "mutual": """
        def $n(a):
            return $k if a <= 0 or a > 9 else 1 + ${n}_odd(a - 1)
        def ${n}_odd(a):
            return $j if a <= 0 or a > 9 else 2 * $n(a - 1)""",
    "factory": """
        def make_$n(k, g):
            def inner(a):
                return g(a) + k
            return inner
        $n = make_$n($k, $h)""",
    "late": """
        def make_$n():
            def inner(a):
                return later(a) + t[0]
            t = [$k]
            def later(b):
                return b * $j
            return inner
        $n = make_$n()""",
    "wrapped": """
        def deco_$n(g):
            @functools.wraps(g)
            def wrapper(*args, **more):
                return g(*args, **more) + $k
            return wrapper
        @deco_$n
        def $n(a):
            $i
            return $e""",
    "unwrapped": """
        def deco_$n(k):
            def outer(g):
                return lambda a: g(a) * k
            return outer
        @deco_$n($k)
        @deco_$n($j)
        def $n(a):
            $i
            return $e""",
    "remembered": "@functools.lru_cache\ndef $n(a):\n    $i\n    return $e + $k",
    "cached": "@hashcache\ndef $n(a):\n    $i\n    return $e + $k",
    "dispatch": """
        @functools.singledispatch
        def $n(a):
            return $k
        @$n.register(int)
        def ${n}_int(a):
            return $e""",
    "rated": "def $n(a):\n    return a * $n.rate\n$n.rate = $k",
    "lambda": "$n = lambda a, d=$k: $e + d",
    "object": """
        class Caller_$n:
            def __init__(self, v):
                self.v = v
            def __call__(self, a):
                return a * self.v + $e
        $n = Caller_$n($k)""",
    "method": """
        class Owner_$n:
            rate = $j
            def step(self, a):
                return a * self.rate + $e
        $n = Owner_$n().step""",
}
LONGER_CHANGES = {
    "factory": (
        "$n.__closure__[1].cell_contents = $j",
        "$n.__closure__[0].cell_contents = lambda a: a - $k",
        "$n = make_$n($j, abs)",
    ),
    "late": (
        "$n.__closure__[1].cell_contents.append(3)",
        "$n.__closure__[1].cell_contents[0] = $j",
        "$n.__closure__[0].cell_contents = lambda b: b + $k",
    ),
    "wrapped": ("$n.__wrapped__.__defaults__ = ($j,)", "$n = deco_$n(lambda a: a - $j)"),
    "dispatch": ("$n.register(int, lambda a: a - $j)", "$n.register(bool, lambda a: $j)"),
    "rated": ("$n.rate = $j", "$n.rate = '$j'", "$n.other = 1", "del $n.rate"),
    "object": ("$n.v = $j", "type($n).__call__ = lambda self, a: a + $j", "$n = Caller_$n($j)"),
    "method": ("Owner_$n.rate = $j", "Owner_$n.step = lambda self, a: $j", "$n.__self__.rate = $j"),
}
LONGER_USES = {
    "rated": ("$n($a)", "$n.rate", "getattr($n, 'rate')", "(lambda g: g.rate)($n)"),
    "object": ("$n($a)", "$n.v"),
    "dispatch": ("$n($a)", "$n('s')", "$n(True)"),
    "method": ("$n($a)", "$n.__self__.rate"),
}
BUILTIN_CHANGES = {
    "looked": ("abs = lambda v: v + $j", "builtins.abs = lambda v: $j", "del abs"),
    "floored": (
        "math.floor = math.ceil",
        "math.floor = lambda v: $j",
        "math = types.SimpleNamespace(floor=int)",
    ),
}


def _split(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark) if part.strip())


def _data() -> Iterator[Kind]:
    for row in DATA.splitlines():
        name, value, uses, changes = (part.strip() for part in row.split(" | "))
        yield Kind(name, f"$n = {value}", _split(uses, ";"), _split(changes, ";"))


def _functions() -> Iterator[Kind]:
    for row in BODIES.splitlines():
        name, body, more = (part.strip() for part in row.split("|"))
        lines = ["$i", *_split(body, ";")]
        depths = [len(line) - len(line.lstrip("+")) for line in lines]
        text = "\n".join(
            "    " * (1 + depth) + line[depth:] for depth, line in zip(depths, lines, strict=True)
        )
        changes, uses = FUNCTION_CHANGES, ["$n($a)", "(lambda g: g($a))($n)"]
        if more:
            changes = (
                "$n.__defaults__ = ($j,)",
                "$n.__kwdefaults__ = {'d': $j}",
                "($n.__kwdefaults__ or {})['d'] = $j",
                "$n.__defaults__[0].append($j)",
                "$n.__defaults__[0][0] = $j",
                *changes,
            )
            uses += ["$n($a, d=$a)"] if "d=" in more else []
        signature = f"a, {more}" if more else "a"
        source = f"def $n({signature}):\n{text}"
        changes += BUILTIN_CHANGES.get(name, ())
        yield Kind(f"def {name}", source, tuple(uses), changes, FUNCTION_QUIET, callable=True)


def _longer() -> Iterator[Kind]:
    for name, source in LONGER.items():
        changes = (*LONGER_CHANGES.get(name, ()), "$n = lambda a: a + $j")
        yield Kind(name, dedent(source).strip(), LONGER_USES.get(name, ("$n($a)",)), changes, callable=True)


def kinds() -> tuple[Kind, ...]:
    """Return the whole table, the simplest first, since that is where shrinking ends."""
    from class_kinds import CLASSES

    made = {
        f"class {name}": Kind(f"class {name}", dedent(source).strip(), uses, changes)
        for name, (source, uses, changes) in CLASSES.items()
    }
    return (*_functions(), *_data(), *_longer(), *made.values())
