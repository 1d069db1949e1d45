"""A short text for a value, for people; never a part of a key."""

from __future__ import annotations

import reprlib
from typing import Any

_short = reprlib.Repr()
_short.maxother = _short.maxstring = _short.maxlong = 60
_short.maxlevel = 3
_SHOWN = (bool, int, float, complex, str, bytes, type(None), list, tuple, dict, set, frozenset)


def preview(value: Any) -> str:
    """Return a text of at most about a line. Runs no code of the value's own class."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset, dict):
        parts = [*value, *(value.values() if kind is dict else ())] if len(value) <= 8 else [None]
        if len(value) > 8 or not all(type(part) in _SHOWN for part in parts):
            return f"{kind.__name__} of {len(value)}"
    if kind in _SHOWN:
        text = _short.repr(value)
        return text if len(text) <= 100 else f"{text[:97]}..."
    if hasattr(kind, "dtype") and hasattr(kind, "shape") and kind.__module__.startswith(("numpy", "jax")):
        return f"{value.dtype}{list(value.shape)}" if value.shape else f"{kind.__name__}({value!s})"
    if kind.__name__ in ("function", "type", "builtin_function_or_method", "module"):
        return f"{kind.__name__} {getattr(value, '__qualname__', value.__name__)}"
    return f"{kind.__module__}.{kind.__qualname__}"
