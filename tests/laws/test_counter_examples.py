"""Programs that broke law 1 once, each as small as it gets: define, call, change, call again."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent

import pytest

from hashcache import hashcache

MAIN = "main_of_counter_examples"
LIBRARY = "library_of_counter_examples"


@dataclass(frozen=True)
class Case:
    """A program around ``f``, and a change of it; `library` is a module beside it that is changed instead."""

    name: str
    body: str
    change: str
    above: str = ""
    library: str = ""
    call: str = "f(2)"


RATED = "def helper(x):\n    return x\n\nhelper.rate = 3"

CASES = [
    Case(
        "attribute of a class set twice",
        "return Model.rate * x",
        "Model.rate = float('2.5'); Model.rate = float('3.5')",
        "class Model:\n    rate = float('1.5')",
    ),
    Case(
        "keyword default set twice in place",
        "return helper(x)",
        "helper.__kwdefaults__['d'] = float('2.5'); helper.__kwdefaults__['d'] = float('3.5')",
        "def helper(x, *, d=float('1.5')):\n    return x * d",
    ),
    Case(
        "attribute of a function, aliased",
        "g = helper\nreturn g.rate * x",
        "helper.rate = 4",
        RATED,
    ),
    Case(
        "attribute of a function, by getattr",
        "return getattr(helper, 'rate')",
        "helper.rate = 4",
        RATED,
    ),
    Case(
        "attribute of a function, in a helper",
        "return use(helper)",
        "helper.rate = 4",
        RATED + "\n\ndef use(g):\n    return g.rate",
    ),
    Case(
        "attribute of a function in a list",
        "return TABLE[0].rate",
        "helper.rate = 4",
        RATED + "\n\nTABLE = [helper]",
    ),
    Case(
        "attribute of a function that is an argument",
        "return x.rate",
        "helper.rate = 4",
        RATED,
        call="f(helper)",
    ),
    Case(
        "attribute of a method",
        "return Model.step.rate",
        "Model.step.rate = 4",
        "class Model:\n    def step(self):\n        return 1\n    step.rate = 3",
    ),
    Case(
        "attribute of what lru_cache made",
        "return helper.rate",
        "helper.rate = 4",
        "import functools\n@functools.lru_cache\n" + RATED,
    ),
    Case(
        "attribute of a cached function",
        "return helper.rate",
        "helper.rate = 4",
        "@hashcache\n" + RATED,
    ),
    Case(
        "attribute of a member of an enum",
        "return Color.RED.weight",
        "Color.RED.weight = 4",
        "import enum\n\nclass Color(enum.Enum):\n    RED = 1\n\nColor.RED.weight = 3",
    ),
    Case(
        "a new name in a module that is read as a whole",
        f"import {LIBRARY} as module\nwhole = module\nreturn getattr(whole, 'extra', 0)",
        "extra = 5",
        library="RATE = 1",
    ),
    Case(
        "a module that makes its attributes",
        f"import {LIBRARY} as module\nreturn module.rate",
        "TABLE['rate'] = 5",
        library="TABLE = {'rate': 3}\n\ndef __getattr__(name):\n    return TABLE[name]",
    ),
    Case(
        "one name imported twice",
        f"from {LIBRARY} import a as p, b, a as q\nreturn b",
        "b = 5",
        library="a = 1\nb = 2",
    ),
    Case(
        "what a weak reference leads to",
        "return reference().rate",
        "model.rate = 4",
        "import weakref\n\nclass Model:\n    rate = 3\n\nmodel = Model()\nreference = weakref.ref(model)",
    ),
    Case(
        "a context variable",
        "return variable.get()",
        "variable.set(4)",
        "import contextvars\n\nvariable = contextvars.ContextVar('variable', default=3)",
    ),
]


@pytest.fixture(autouse=True)
def _no_library_stays() -> Iterator[None]:
    yield
    sys.modules.pop(LIBRARY, None)
    sys.modules.pop(MAIN, None)


def module(name: str, source: str) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__file__ = f"{name}.py"
    sys.modules[name] = made
    exec(compile(source, made.__file__, "exec", dont_inherit=True), vars(made))
    return made


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_change_reaches_the_cached_function(case: Case) -> None:
    library = vars(module(LIBRARY, case.library))
    lines = [
        "from hashcache import hashcache",
        case.above,
        "@hashcache",
        "def f(x):",
        indent(case.body, "    "),
    ]
    main = vars(module(MAIN, "\n".join(lines)))
    assert eval(case.call, main) == eval(case.call.replace("f(", "f.uncached(", 1), main)
    exec(case.change, library if case.library else main)
    assert eval(case.call, main) == eval(case.call.replace("f(", "f.uncached(", 1), main)


def test_a_function_that_defines_a_cached_function_is_kept() -> None:
    @hashcache
    def outer(x: int) -> int:
        @hashcache
        def inner(y: int) -> int:
            return y + 1

        return inner(x)

    assert outer(1) == 2
    assert outer.is_cached(1)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="annotations are evaluated later there")
def test_an_annotation_in_the_body_raises_once_its_name_is_gone() -> None:
    body = "    def g(y: library.Kind):\n        return y\n    return g(x)"
    source = f"import {LIBRARY} as library\nfrom hashcache import hashcache\n@hashcache\ndef f(x):\n{body}"
    library = module(LIBRARY, "Kind = int")
    main = vars(module(MAIN, source))
    assert main["f"](2) == 2
    library.Kind = float  # type: ignore[attr-defined]
    assert main["f"].is_cached(2), "which type it is does not matter"
    del library.Kind
    assert not main["f"].is_cached(2)
    with pytest.raises(AttributeError, match="Kind"):
        main["f"](2)
    library.Kind = int  # type: ignore[attr-defined]
    assert main["f"].is_cached(2)
