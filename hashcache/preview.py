"""A short text for a value, for people; never a part of a key."""

from __future__ import annotations

import reprlib
from typing import Any

_short = reprlib.Repr()
_short.maxother = _short.maxstring = _short.maxlong = 60
_short.maxlevel = 3
_ATOMS = (bool, int, float, complex, str, bytes, type(None))
_NESTS = (list, tuple, dict, set, frozenset)
_MOST = 8
_LONGEST = 100


def preview(value: Any) -> str:
    """Return a text of at most about a line. Runs no code of the value's own class, and never raises."""
    kind = type(value)
    if kind in _ATOMS or (kind in _NESTS and _is_small(value, 3)):
        try:
            text = _short.repr(value)
        except ValueError:  # Python writes out no integer of thousands of digits
            return f"int of {value.bit_length()} bits" if kind is int else kind.__name__
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    if kind in _NESTS:
        return f"{kind.__name__} of {len(value)}"
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in ("numpy.ndarray", "jaxlib._jax.ArrayImpl"):
        return f"{value.dtype}{list(value.shape)}"
    if kind.__module__ == "numpy" and _is_scalar(kind):
        return f"{kind.__name__}({value!s})"
    if name in ("builtins.function", "builtins.type", "builtins.builtin_function_or_method"):
        return f"{kind.__name__} {value.__qualname__}"
    if name == "builtins.module":
        return f"module {value.__name__}"
    return name


def _is_small(value: Any, depth: int) -> bool:
    """Whether a nest has few enough parts to show, all of them plain."""
    if len(value) > _MOST or depth == 0:
        return False
    parts = [*value, *value.values()] if type(value) is dict else value
    return all(
        type(part) in _ATOMS or (type(part) in _NESTS and _is_small(part, depth - 1)) for part in parts
    )


def _is_scalar(kind: type) -> bool:
    return any(base.__name__ == "generic" and base.__module__ == "numpy" for base in kind.__mro__)
