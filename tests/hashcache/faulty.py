"""A function to call while its store is in trouble, and what such a call says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from hashcache import Cache, Cached


def power(x: int, n: int = 2) -> Any:
    return [x**n, np.arange(x)]


def right(value: Any, x: int, n: int = 2) -> bool:
    return bool(value[0] == x**n and value[1].tolist() == list(range(x)))


def said(call: FunctionType) -> tuple[Any, list[type[Warning]]]:
    """Return the value of a call, and the categories of the warnings at its own line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = call()
    assert {warning.filename for warning in caught} <= {call.__code__.co_filename}
    assert len({str(warning.message) for warning in caught}) == len(caught)
    return value, [warning.category for warning in caught]


def stored(cached: Cached[..., Any], *args: Any) -> Path:
    """The file of one call's result."""
    digest = cached.key(*args)
    (path,) = (path for path in cached._layer.cache.location.rglob(digest[2:]))
    return path


def in_a_new_process(
    location: Path, function: Callable[..., Any] = power, **options: Any
) -> Cached[..., Any]:
    return Cache(location)(**options)(function)  # type: ignore[no-any-return]
