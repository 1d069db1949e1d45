"""A short text for a value, for people; never a part of a key."""

from __future__ import annotations

import enum
import types
from typing import Any

_ATOMS = (bool, int, float, complex, str, bytes, type(None))
_CODE = (types.FunctionType, type)
_PLAIN = (*_ATOMS, *_CODE)
_NESTS = (list, tuple, dict, set, frozenset)
_MOST = 8
_DEEPEST = 3
_LONGEST = 100
_LONGEST_ATOM = 60

# Of the standard library, with a `repr` that says the value, and asks nobody else but a zone.
_SPELLED = frozenset(
    """
    builtins.range builtins.bytearray decimal.Decimal datetime.date datetime.time datetime.datetime
    datetime.timedelta datetime.timezone zoneinfo.ZoneInfo pathlib.PurePosixPath pathlib.PosixPath
    pathlib._local.PurePosixPath pathlib._local.PosixPath pathlib.WindowsPath pathlib.PureWindowsPath
    uuid.UUID fractions.Fraction re.Pattern
    """.split()  # noqa: SIM905
)
_LIBRARY = ("builtins", "datetime", "zoneinfo")

# Read past the metaclass, which may have attributes of these names that run code.
_module_of = type.__dict__["__module__"].__get__
_name_of = type.__dict__["__qualname__"].__get__


def preview(value: Any) -> str:
    """Return a text of at most about a line, the same in every process.

    Runs no code of the value's own class, and never raises.
    """
    try:
        text = _preview(value)
    except Exception:  # what lies about itself, or was taken apart by another thread meanwhile
        text = "something"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def is_shown_whole(value: Any) -> bool:
    """Whether a value is a builtin scalar whose `preview` tells it from every other but a NaN."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value) <= _LONGEST_ATOM // 2
    return kind in (bool, int, float, complex, type(None)) and (kind is not int or value.bit_length() < 150)


def _preview(value: Any) -> str:
    kind = type(value)
    if kind in _ATOMS or (kind in _NESTS and _is_small(value, _DEEPEST)):
        return _whole(value, kind)
    if kind in _NESTS:
        return f"{kind.__name__} of {len(value)}"
    name = f"{_module_of(kind)}.{_name_of(kind)}"
    if name in ("numpy.ndarray", "jaxlib._jax.ArrayImpl"):
        return f"{value.dtype}{list(value.shape)}"
    if name != "numpy.void" and _module_of(kind) == "numpy" and _is_scalar(kind):
        return f"{kind.__name__}({value!s})"
    if name in ("builtins.function", "builtins.type", "builtins.builtin_function_or_method"):
        return f"{kind.__name__} {value.__qualname__}"
    if name == "builtins.module":
        return f"module {vars(value).get('__name__')}"
    if name in _SPELLED and _module_of(type(getattr(value, "tzinfo", None))) in _LIBRARY:
        return _cut(repr(value))
    if issubclass(kind, enum.Enum):
        return f"{_name_of(kind)}.{object.__getattribute__(value, '_name_')}"
    return name


def _whole(value: Any, kind: type) -> str:
    """Return a builtin scalar or small nest as it is written down, with long strings cut in the middle."""
    if kind in (list, tuple, set, frozenset):
        parts = [_whole(part, type(part)) for part in value]
        if kind in (set, frozenset):
            inner = "{" + ", ".join(_settled(value, parts)) + "}" if parts else ""
            return inner if kind is set and parts else f"{kind.__name__}({inner})"
        inner = ", ".join(parts)
        return f"[{inner}]" if kind is list else f"({inner},)" if len(parts) == 1 else f"({inner})"
    if kind is dict:
        pairs = (f"{_whole(key, type(key))}: {_whole(part, type(part))}" for key, part in value.items())
        return "{" + ", ".join(pairs) + "}"
    if kind in _CODE:
        return str(value.__qualname__)
    if kind is int and value.bit_length() > 2_000:  # Python may refuse to write out so many digits
        return f"int of {value.bit_length()} bits"
    if kind is str or kind is bytes:
        value = value if len(value) <= _LONGEST_ATOM else value[:_LONGEST_ATOM] + value[-_LONGEST_ATOM:]
    return _cut(repr(value))


def _cut(text: str) -> str:
    """Return a text with its middle left out if it is long."""
    if len(text) <= _LONGEST_ATOM:
        return text
    half = (_LONGEST_ATOM - 3) // 2
    return f"{text[:half]}...{text[-half:]}"


def _settled(elements: Any, texts: list[str]) -> list[str]:
    """Return the texts of the elements of a set in an order that does not depend on the hash seed."""
    if set(map(type, elements)) <= {int}:
        return [_whole(element, int) for element in sorted(elements)]
    return sorted(texts)


def _is_small(value: Any, depth: int) -> bool:
    """Whether a nest has few enough parts to show, all of them plain."""
    if len(value) > _MOST or depth == 0:
        return False
    parts = [*value, *value.values()] if type(value) is dict else value
    return all(
        type(part) in _PLAIN or (type(part) in _NESTS and _is_small(part, depth - 1)) for part in parts
    )


def _is_scalar(kind: type) -> bool:
    return any(base.__name__ == "generic" and base.__module__ == "numpy" for base in kind.__mro__)
