"""A call is bound as Python would bind it, and what does not fit is refused in Python's words."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import Cache, OptionError
from hashcache.signature import Signature

POSITIONAL_ONLY, EITHER, STAR, KEYWORD_ONLY, DOUBLE_STAR = inspect._ParameterKind
NAMES = ["a", "b", "c", "d", "e", "bind", "self", "args", "kwargs", "_default_0_", "é", "print"]


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., Any]:
    """Functions of up to six parameters of every kind, with defaults where Python allows them."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True))
    kinds = sorted(draw(st.lists(st.sampled_from(list(inspect._ParameterKind)), min_size=6, max_size=6)))
    parameters: list[inspect.Parameter] = []
    defaulted = False
    for name, kind in zip(names, kinds, strict=False):
        default: Any = inspect.Parameter.empty
        if kind in (STAR, DOUBLE_STAR):
            if any(parameter.kind is kind for parameter in parameters):
                continue
        elif draw(st.booleans()) or (defaulted and kind is not KEYWORD_ONLY):
            default = draw(st.integers(100, 199))
            defaulted = defaulted or kind is not KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, kind, default=default))
    signature = inspect.Signature(parameters)
    namespace: dict[str, Any] = {}
    exec(f"def function{signature}: return dict(locals())", namespace)
    function: Callable[..., Any] = namespace["function"]
    assert inspect.signature(function) == signature
    return function


positional = st.lists(st.integers(0, 99), max_size=6)
keywords = st.dictionaries(st.sampled_from([*NAMES, "other"]), st.integers(0, 99), max_size=4)


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the words in which it is refused."""
    try:
        return call()
    except TypeError as refusal:
        return str(refusal)


def bound(signature: Signature, args: Any, kwargs: Any) -> Any:
    return outcome(lambda: dict(zip(signature.names, signature.bind(*args, **kwargs), strict=True)))


@given(functions(), positional, keywords)
def test_a_call_is_bound_or_refused_as_the_function_would(
    function: Callable[..., Any], args: list[int], kwargs: dict[str, int]
) -> None:
    expected = outcome(lambda: function(*args, **kwargs))
    assert bound(Signature(function), args, kwargs) == expected
    assert isinstance(expected, dict) or "function()" in expected


@given(functions(), positional, keywords)
def test_binding_agrees_with_inspect(
    function: Callable[..., Any], args: list[int], kwargs: dict[str, int]
) -> None:
    def arguments() -> dict[str, Any]:
        expected = inspect.signature(function).bind(*args, **kwargs)
        expected.apply_defaults()
        return dict(expected.arguments)

    expected = outcome(arguments)
    found = bound(Signature(function), args, kwargs)
    # It refuses f(a=0) of `def f(a=1, /, **rest)`, which Python allows.
    assert found == expected or isinstance(expected, str)


@given(functions(), positional, keywords, st.data())
def test_ignored_parameters_are_bound_and_dropped(
    function: Callable[..., Any], args: list[int], kwargs: dict[str, int], data: st.DataObject
) -> None:
    whole = Signature(function)
    ignore = tuple(data.draw(st.lists(st.sampled_from(whole.names), unique=True)) if whole.names else ())
    kept = Signature(function, ignore)
    expected = bound(whole, args, kwargs)
    if isinstance(expected, dict):
        expected = {name: expected[name] for name in kept.names}
    assert bound(kept, args, kwargs) == expected
    assert kept.names == tuple(name for name in whole.names if name not in ignore)


@given(functions(), st.lists(st.sampled_from([*NAMES, "unheard_of"]), min_size=1, unique=True))
def test_ignoring_what_is_no_parameter_is_refused(function: Callable[..., Any], ignore: list[str]) -> None:
    unknown = sorted(set(ignore) - set(inspect.signature(function).parameters))
    if unknown:
        with pytest.raises(OptionError, match=unknown[0]):
            Signature(function, tuple(ignore))


def test_defaults_are_the_objects_themselves() -> None:
    marker: list[int] = []

    def function(x: Any = marker, *, y: Any = math.nan) -> None: ...

    assert Signature(function).bind()[0] is marker
    assert Signature(function).bind()[1] is math.nan


class Thing:
    def __init__(self, size: int = 3) -> None: ...

    def method(self, x: int, y: int = 2) -> None: ...

    @classmethod
    def made(cls, x: int) -> None: ...

    @staticmethod
    def plain(x: int) -> None: ...

    def __call__(self, x: int, *, flag: bool = False) -> None: ...


def power(x: int, n: int = 2, /, *, verbose: bool = False) -> int:
    return x**n


CALLABLES: list[tuple[Callable[..., Any], tuple[int, ...], dict[str, Any]]] = [
    (Thing, (), {"size": 3}),
    (Thing().method, (1,), {"x": 1, "y": 2}),
    (Thing.method, (0, 1), {"self": 0, "x": 1, "y": 2}),
    (Thing.made, (1,), {"x": 1}),
    (Thing.plain, (1,), {"x": 1}),
    (Thing(), (1,), {"x": 1, "flag": False}),
    (functools.partial(power, 2), (5,), {"n": 5, "verbose": False}),
    (functools.partial(power, verbose=True), (5,), {"x": 5, "n": 2, "verbose": True}),
    (functools.partial(Thing.plain, x=4), (), {"x": 4}),
    (functools.lru_cache(lambda x: x), (1,), {"x": 1}),
    (lambda *args, **kwargs: None, (1, 2), {"args": (1, 2), "kwargs": {}}),
]


@pytest.mark.parametrize(("function", "args", "expected"), CALLABLES)
def test_every_kind_of_callable_is_bound_by_what_it_takes(
    function: Callable[..., Any], args: tuple[int, ...], expected: dict[str, Any]
) -> None:
    if isinstance(function, functools._lru_cache_wrapper):
        expected = {"args": args, "kwargs": {}}  # compiled: it says nothing of its own
    assert bound(Signature(function), args, {}) == expected


@pytest.mark.parametrize("function", [max, dict, print, int, math.hypot, [].append, "a".join, range, iter])
def test_compiled_functions_are_bound_with_or_without_signature(function: Any) -> None:
    assert "3" in str(Signature(function).bind(3))


def test_a_builtin_without_signature_takes_anything() -> None:
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)
    assert Signature(max).names == ("args", "kwargs")
    assert Signature(max).bind(1, 2, key=3) == ((1, 2), {"key": 3})


def inner(x: int, n: int = 2) -> int:
    return x * n


@functools.wraps(inner)
def outer(*args: Any, **kwargs: Any) -> int:
    kwargs.setdefault("n", 5)
    return inner(*args, **kwargs)


def test_a_wrapper_is_bound_by_its_own_parameters() -> None:
    assert Signature(outer).bind(1, n=2) == ((1,), {"n": 2})
    assert inspect.signature(outer) == inspect.signature(inner)


def test_a_wrapper_that_claims_a_signature_is_bound_by_its_own_parameters(cache: Cache) -> None:
    def claiming(*args: Any, **kwargs: Any) -> int:
        return outer(*args, **kwargs)

    claiming.__signature__ = inspect.signature(inner)  # type: ignore[attr-defined]
    assert inspect.signature(claiming) == inspect.signature(inner)
    assert Signature(claiming).bind(1, n=2) == ((1,), {"n": 2})
    cached = cache(claiming)
    assert [cached(1), cached(1, n=2)] == [claiming(1), claiming(1, n=2)]


def test_spellings_of_one_call_are_one_key_and_different_calls_are_not(cache: Cache) -> None:
    @cache
    def function(x: int, y: int = 2, *rest: int, z: int = 3, **more: int) -> None: ...

    assert len({function.key(1), function.key(x=1), function.key(1, 2), function.key(z=3, y=2, x=1)}) == 1
    different = [
        function.key(1),
        function.key(2),
        function.key(1, 2, 3),
        function.key(1, 3),
        function.key(1, w=3),
    ]
    assert len(set(different)) == len(different)
    # Only a function that collects keywords can see their order, and it does.
    assert function.key(1, v=1, w=2) != function.key(1, w=2, v=1)


def test_what_is_ignored_may_differ(cache: Cache) -> None:
    cached = cache(ignore=("verbose",))(power)
    assert cached.key(3) == cached.key(3, verbose=True) != cached.key(4)
