"""The classes of generated programs: name, definition, uses, changes; placeholders as in `kinds`."""

from __future__ import annotations

Row = tuple[str, tuple[str, ...], tuple[str, ...]]

CLASSES: dict[str, Row] = {
    "plain": (
        """
        class $n:
            rate = $k
            def __init__(self, v=$j):
                self.v = v
            def step(self, a):
                return a * self.rate + self.v
        ${n}_one = $n()
        """,
        ("$n($a).step(2)", "$n.rate", "${n}_one.step($a)", "${n}_one.v", "$n().step($a)"),
        (
            "$n.rate = $j",
            "for v in ($k, $j): $n.rate = v / 7",
            "$n.step = lambda self, a: a - $j",
            "$n.__init__ = lambda self, v=$j: setattr(self, 'v', v + 1)",
            "del $n.rate",
            "${n}_one.v = $j",
            "${n}_one.rate = $j",
            "$n.step.__defaults__ = ($j,)",
            "for v in ($k, $j): ${n}_one.v = v / 7",
        ),
    ),
    "derived": (
        """
        class ${n}_a:
            rate = $k
            def step(self, a):
                return a + self.rate
        class ${n}_b:
            rate = $j
            def step(self, a):
                return a - self.rate
        class $n(${n}_a):
            def step(self, a):
                return super().step(a) * 2 + $e
        """,
        ("$n().step($a)", "$n.rate", "issubclass($n, ${n}_a)", "isinstance($n(), ${n}_b)"),
        (
            "${n}_a.rate = $j",
            "${n}_a.step = lambda self, a: $j",
            "$n.__bases__ = (${n}_b,)",
            "$n.rate = $j",
            "${n}_a.step = ${n}_b.step",
        ),
    ),
    "members": (
        """
        class $n:
            limit = [$k]
            def __init__(self, v):
                self._v = v
            @property
            def size(self):
                return self._v + $k
            @classmethod
            def build(cls, a):
                return cls(a + $j).size + cls.limit[0]
            @staticmethod
            def fixed(a):
                return $e
        """,
        ("$n($a).size", "$n.build($a)", "$n.fixed($a)", "$n.limit[0]"),
        (
            "$n.limit.append(2)",
            "$n.limit[0] = $j",
            "$n.size = property(lambda self: $j)",
            "$n.build = classmethod(lambda cls, a: $j)",
            "$n.fixed = staticmethod(lambda a: $j)",
            "$n.size = $j",
        ),
    ),
    "operators": (
        """
        class $n:
            __slots__ = ("v",)
            def __init__(self, v):
                self.v = v
            def __add__(self, other):
                return self.v + other + $k
            def __len__(self):
                return $j
            def __getitem__(self, place):
                return place * $k
            def __getattr__(self, name):
                return len(name) + $j
        ${n}_one = $n($k)
        """,
        ("$n($a) + 1", "len(${n}_one)", "${n}_one[$a]", "${n}_one.missing", "${n}_one + $a"),
        (
            "$n.__add__ = lambda self, other: $j",
            "$n.__len__ = lambda self: $k",
            "$n.__getattr__ = lambda self, name: $k",
            "${n}_one.v = $j",
            "${n}_one = $n($j)",
        ),
    ),
    "dataclass": (
        """
        @dataclasses.dataclass
        class $n:
            v: int = $k
            w: list = dataclasses.field(default_factory=lambda: [$j])
            def step(self, a):
                return a + self.v + self.w[0]
        ${n}_one = $n($j)
        """,
        ("$n().step($a)", "$n($a).v", "${n}_one.step($a)", "repr(${n}_one)", "${n}_one == $n()"),
        (
            "${n}_one.v = $j + 1",
            "${n}_one.w.append(1)",
            "${n}_one.w[0] = $k",
            "$n.step = lambda self, a: $j",
            "$n.__init__.__defaults__ = ($j, [$k])",
            "$n.__eq__ = lambda self, other: True",
        ),
    ),
    "named": (
        """
        class $n(typing.NamedTuple):
            v: int = $k
            w: int = $j
            def total(self):
                return self.v + self.w
        ${n}_one = $n($j)
        """,
        ("$n($a).total()", "${n}_one.total()", "${n}_one", "$n._fields"),
        ("${n}_one = $n($j, $k)", "$n.total = lambda self: $j", "$n.__new__.__defaults__ = ($j, $k)"),
    ),
    "enum": (
        """
        class $n(enum.Enum):
            RED = $k
            BLUE = $k + $j + 1
            def next(self):
                return self.value + $j
        $n.RED.weight = $k
        """,
        ("$n.RED.value", "$n.RED.next()", "len($n)", "$n.RED.weight", "[m.name for m in $n]"),
        ("$n.next = lambda self: $j", "$n.RED.weight = $j"),
    ),
    "flag": (
        """
        class $n(enum.IntEnum):
            A = $k + 1
            B = $k + 30
            @property
            def twice(self):
                return self * 2 + $j
        ${n}_one = $n.A
        """,
        ("$n.A + $a", "$n.B.twice", "${n}_one + 0", "int(max($n))"),
        ("${n}_one = $n.B", "$n.twice = property(lambda self: $j)"),
    ),
    "meta": (
        """
        class Meta_$n(type):
            base = $k
            def __getitem__(cls, a):
                return a + cls.base
            def __call__(cls, *args):
                return super().__call__(*args)
        class $n(metaclass=Meta_$n):
            def step(self, a):
                return a + $e
        """,
        ("$n[$a]", "$n().step($a)", "$n.base"),
        ("Meta_$n.base = $j", "Meta_$n.__getitem__ = lambda cls, a: $j", "$n.base = $j"),
    ),
    "descriptor": (
        """
        class Scaled_$n:
            def __init__(self, k):
                self.k = k
            def __get__(self, instance, owner):
                return self.k + $j
        class $n:
            rate = Scaled_$n($k)
            @functools.cached_property
            def once(self):
                return self.rate + $e
            step = functools.partialmethod(lambda self, d, a: d + a, $k)
            @functools.singledispatchmethod
            def show(self, a):
                return $k
            @show.register(int)
            def _(self, a):
                return a + $j
            def __init_subclass__(cls):
                cls.made = $k
            class Inner:
                size = $j
        class ${n}_sub($n):
            pass
        """.replace("$e", "$k"),
        (
            "$n.rate",
            "$n().once",
            "$n().step($a)",
            "$n().show($a)",
            "$n().show('s')",
            "${n}_sub.made",
            "$n.Inner.size",
        ),
        (
            "vars($n)['rate'].k = $j",
            "Scaled_$n.__get__ = lambda self, i, o: $j",
            "$n.once = $j",
            "$n.step = functools.partialmethod(lambda self, d, a: d - a, $j)",
            "$n.show.register(str, lambda self, a: $j)",
            "vars($n)['show'].register(str, lambda self, a: $j)",
            "${n}_sub.made = $j",
            "$n.Inner.size = $k + 1",
        ),
    ),
    "abstract": (
        """
        class ${n}_base(abc.ABC):
            @abc.abstractmethod
            def step(self, a): ...
            def twice(self, a):
                return self.step(a) * 2 + $k
        class $n(${n}_base):
            def step(self, a):
                return a + $j
        class ${n}_other:
            pass
        """,
        ("$n().twice($a)", "isinstance($n(), ${n}_base)", "isinstance(${n}_other(), ${n}_base)"),
        (
            "${n}_base.register(${n}_other)",
            "${n}_base.twice = lambda self, a: $j",
            "$n.step = lambda self, a: $j",
        ),
    ),
}
